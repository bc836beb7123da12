//! Floods of requests as the tools send them (HULK, LOIC, slowloris.py, R-U-Dead-Yet, thc-ssl-dos, random-label DNS
//! queries), and the benign traffic that looks most like each.

use super::agenda::{Agenda, Model, Pacing};
use super::frames::{Body, Plan, Way, round_trip};
use super::message::{Message, QueryName};
use super::payload::Payload;
use super::rng::mix;
use super::setting::Setting;
use super::tcp::{Connection, End, TURNAROUND};

type Built = (Box<dyn Model>, Pacing);

const SECOND: u64 = 1_000_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Hulk,
    Loic,
    Slowloris,
    SlowPost,
    SlowRead,
    Hellos,
    Renegotiations,
    Silent,
    Queries,
    WaterTorture,
    Pages,
    Proxy,
    Program,
    SplitHeads,
    BlockList,
}

struct Clients {
    setting: Setting,
    kind: Kind,
    count: u32,
    /// Connections that go on: with what, every so often, how often still.
    lasting: Vec<(Connection, u32)>,
}

fn clients(setting: &Setting, kind: Kind, pacing: Pacing) -> Built {
    (Box::new(Clients { setting: setting.clone(), kind, count: 0, lasting: Vec::new() }), pacing)
}

macro_rules! builders {
    ($($name:ident $kind:ident;)*) => {
        $(pub fn $name(setting: &Setting) -> Built {
            clients(setting, Kind::$kind, Pacing::Rate(setting.rate))
        })*
    };
}

builders! {
    hulk Hulk;
    loic Loic;
    slowloris Slowloris;
    slow_post SlowPost;
    slow_read SlowRead;
    hellos Hellos;
    renegotiations Renegotiations;
    silent Silent;
    queries Queries;
    water_torture WaterTorture;
    pages Pages;
    split_heads SplitHeads;
    block_list BlockList;
}

/// `sources` programs, each with one connection that it keeps; `rate` requests a second in sum.
pub fn proxy(setting: &Setting) -> Built {
    clients(setting, Kind::Proxy, Pacing::Once)
}

pub fn program(setting: &Setting) -> Built {
    clients(setting, Kind::Program, Pacing::Once)
}

impl Clients {
    fn open(&self, source: u64, now: u64, agenda: &mut Agenda) -> (Connection, u64) {
        let client = (self.setting.sources.nth(source % self.setting.sources.size().max(1)), agenda.rng.port());
        let server = (self.setting.targets.pick(&mut agenda.rng), self.setting.port);
        let mut connection = Connection::new(self.setting.way, client, server, agenda);
        let opened = connection.open(now, agenda);
        (connection, opened)
    }

    fn say(connection: &mut Connection, now: u64, message: Message, agenda: &mut Agenda) -> u64 {
        let (payload, octets) = message.payload();
        connection.message(now, End::Client, payload, octets, 0, agenda)
    }

    /// A request with its answer of `octets`.
    fn ask(connection: &mut Connection, now: u64, message: Message, octets: u64, agenda: &mut Agenda) -> u64 {
        let asked = Self::say(connection, now, message, agenda) + agenda.rng.between(200_000, 5_000_000);
        connection.message(asked, End::Server, Payload::HttpOk, octets, 24_000, agenda)
    }

    /// Goes on with a connection every `every` nanoseconds, from `now` on.
    fn last(&mut self, connection: Connection, now: u64, agenda: &mut Agenda) {
        self.lasting.push((connection, 0));
        agenda.resume(now, (self.lasting.len() - 1) as u32);
    }

    fn datagrams(&self, now: u64, name: QueryName, answered: bool, agenda: &mut Agenda) {
        let Setting { way, port, ref sources, .. } = self.setting;
        let server = (self.setting.target(), port);
        let client = (sources.pick(&mut agenda.rng), agenda.rng.port());
        let id = self.count;
        let send = |time, way: Way, from: (_, u16), to: (_, u16), message: Message, agenda: &mut Agenda| {
            let (payload, octets) = message.payload();
            let body = Body::Udp { source_port: from.1, target_port: to.1 };
            agenda.send(time, Plan::new(way, from.0, to.0, body).carrying(payload, octets as usize));
        };
        send(now, way, client, server, Message::Query { id, name }, agenda);
        if answered {
            let delay = if way == Way::Outward { round_trip(server.0) } else { TURNAROUND };
            send(now + delay, way.back(), server, client, Message::Nxdomain { id, name }, agenda);
        }
    }
}

impl Model for Clients {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        self.count += 1;
        let count = self.count;
        let any = agenda.rng.below(self.setting.sources.size().max(1));
        match self.kind {
            Kind::Queries => return self.datagrams(now, QueryName::Fixed, false, agenda),
            Kind::WaterTorture => return self.datagrams(now, QueryName::Random, true, agenda),
            Kind::BlockList => return self.datagrams(now, QueryName::BlockListEntry, true, agenda),
            Kind::Proxy | Kind::Program => {
                for source in 0..self.setting.sources.size() {
                    let (connection, opened) = self.open(source, now, agenda);
                    let offset = agenda.rng.below(SECOND / 10);
                    self.last(connection, opened + offset, agenda);
                }
                return;
            }
            _ => {}
        }
        let (mut connection, opened) = self.open(any, now, agenda);
        match self.kind {
            Kind::Hulk | Kind::Loic => {
                let request = match self.kind {
                    Kind::Hulk => Message::Get { path: 0, query: count, site: 1 },
                    _ => Message::BareGet { path: count },
                };
                let answered = Self::ask(&mut connection, opened, request, 1_200, agenda);
                connection.close(answered, End::Client, agenda);
            }
            Kind::Slowloris => {
                let sent = Self::say(&mut connection, opened, Message::HalfGet { query: count }, agenda);
                self.last(connection, sent + 15 * SECOND, agenda);
            }
            Kind::SlowPost => {
                let sent = Self::say(&mut connection, opened, Message::FormHead, agenda);
                self.last(connection, sent + SECOND / 1000, agenda);
            }
            Kind::SlowRead => {
                // The answer fills what little room there was.
                let request = Message::Get { path: 0, query: 0, site: 1 };
                let answered = Self::ask(&mut connection, opened, request, 1_000, agenda);
                self.last(connection, answered + SECOND / 5, agenda);
            }
            Kind::Hellos | Kind::Renegotiations => {
                let said = Self::say(&mut connection, opened, Message::ClientHello { site: 3 }, agenda);
                let answered = connection.message(said, End::Server, Payload::TlsData, 3_800, 24_000, agenda);
                if self.kind == Kind::Hellos {
                    connection.close(answered, End::Client, agenda);
                } else {
                    let finished = Self::say(&mut connection, answered, Message::Finished, agenda);
                    self.last(connection, finished, agenda);
                }
            }
            Kind::Pages => {
                // A page, and what belongs to it over the same connection; others like the same few pages.
                let page = if agenda.rng.percent(50) { 1 } else { 1 + agenda.rng.below(200) as u32 };
                let mut time =
                    Self::ask(&mut connection, opened, Message::Get { path: page, query: 0, site: 1 }, 9_000, agenda);
                for asset in 0..8 {
                    let asset = Message::Get { path: 1_000 + page % 7 * 10 + asset, query: 0, site: 1 };
                    time = Self::ask(&mut connection, time, asset, 4_000, agenda);
                }
                connection.close(time + 2 * SECOND, End::Client, agenda);
            }
            Kind::SplitHeads => {
                let half = Self::say(&mut connection, opened, Message::HalfGet { query: count }, agenda);
                let answered = Self::ask(&mut connection, half, Message::HeadEnd, 6_000, agenda);
                connection.close(answered, End::Client, agenda);
            }
            // Opened and kept.
            _ => {}
        }
    }

    fn resume(&mut self, now: u64, token: u32, agenda: &mut Agenda) {
        let Setting { rate, ref sources, .. } = self.setting;
        let each = (SECOND as f64 * sources.size() as f64 / rate) as u64;
        let Some((connection, times)) = self.lasting.get_mut(token as usize) else { return };
        *times += 1;
        let number = *times;
        let after = match self.kind {
            Kind::Slowloris => {
                Self::say(connection, now, Message::HeaderLine(mix(number.into()) as u16), agenda);
                15 * SECOND
            }
            Kind::SlowPost => {
                Self::say(connection, now, Message::FormByte, agenda);
                10 * SECOND
            }
            Kind::SlowRead => {
                // Each probe comes twice as late as the one before, up to a minute (RFC 9293 §3.8.6.1).
                connection.stall(now, agenda);
                ((SECOND / 5) << number.min(8)).min(60 * SECOND)
            }
            Kind::Renegotiations => {
                Self::say(connection, now, Message::Renegotiation, agenda);
                connection.message(now + TURNAROUND, End::Server, Payload::TlsData, 3_000, 24_000, agenda);
                SECOND / 50
            }
            Kind::Proxy => {
                let path = agenda.rng.below(500) as u32;
                Self::ask(connection, now, Message::Get { path, query: 0, site: (path % 9) as u8 }, 5_000, agenda);
                each
            }
            Kind::Program => {
                Self::ask(connection, now, Message::ApiCall { number }, 300, agenda);
                each
            }
            _ => return,
        };
        agenda.resume(now + after, token);
    }
}
