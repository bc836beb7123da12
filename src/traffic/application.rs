//! Request floods as the tools send them (HULK, LOIC, slowloris.py, R-U-Dead-Yet, thc-ssl-dos, random-label DNS
//! queries), and the benign traffic that resembles each most.

use super::frames::{Body, Plan, Way, round_trip};
use super::message::{Message, QueryName};
use super::payload::Payload;
use super::rng::mix;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use super::tcp::{Connection, End, TURNAROUND};
use super::templates;

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
    SipTcp,
    TwoPaths,
    Forwarded,
    NumberTorture,
}

struct Clients {
    setting: Setting,
    kind: Kind,
    count: u32,
    /// Connections that stay open, with the number of messages sent on each since.
    open_connections: Vec<(Connection, u32)>,
}

fn clients(setting: &Setting, kind: Kind, pacing: Pacing) -> Built {
    (Box::new(Clients { setting: setting.clone(), kind, count: 0, open_connections: Vec::new() }), pacing)
}

macro_rules! builders {
    ($($name:ident $kind:ident;)*) => {
        $(pub(crate) fn $name(setting: &Setting) -> Built {
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
    sip_tcp SipTcp;
    two_paths TwoPaths;
    forwarded Forwarded;
    number_torture NumberTorture;
}

/// `sources` clients with one persistent connection each; `rate` requests per second in total.
pub(crate) fn proxy(setting: &Setting) -> Built {
    clients(setting, Kind::Proxy, Pacing::Once)
}

pub(crate) fn program(setting: &Setting) -> Built {
    clients(setting, Kind::Program, Pacing::Once)
}

impl Clients {
    fn open(&self, source: u64, now: u64, schedule: &mut Schedule) -> (Connection, u64) {
        let client = (self.setting.sources.nth(source % self.setting.sources.size().max(1)), schedule.rng.port());
        let server = (self.setting.targets.pick(&mut schedule.rng), self.setting.port);
        let mut connection = Connection::new(self.setting.way, client, server, schedule);
        let opened = connection.open(now, schedule);
        (connection, opened)
    }

    fn send(connection: &mut Connection, now: u64, message: Message, schedule: &mut Schedule) -> u64 {
        let (payload, octets) = Payload::message(message);
        connection.message(now, End::Client, payload, octets, 0, schedule)
    }

    /// A request with its response of `octets`.
    fn request(connection: &mut Connection, now: u64, message: Message, octets: u64, schedule: &mut Schedule) -> u64 {
        let requested = Self::send(connection, now, message, schedule) + schedule.rng.between(200_000, 5_000_000);
        connection.message(requested, End::Server, Payload::HttpOk, octets, 24_000, schedule)
    }

    /// Keeps a connection open and resumes it at `now`.
    fn keep_open(&mut self, connection: Connection, now: u64, schedule: &mut Schedule) {
        self.open_connections.push((connection, 0));
        schedule.resume(now, (self.open_connections.len() - 1) as u32);
    }

    fn datagrams(&self, now: u64, name: QueryName, answered: bool, schedule: &mut Schedule) {
        let Setting { way, port, ref sources, .. } = self.setting;
        let server = (self.setting.target(), port);
        let client = (sources.pick(&mut schedule.rng), schedule.rng.port());
        let id = self.count;
        let send = |time, way: Way, from: (_, u16), to: (_, u16), message: Message, schedule: &mut Schedule| {
            let (payload, octets) = Payload::message(message);
            let body = Body::Udp { source_port: from.1, target_port: to.1 };
            schedule.send(time, Plan::new(way, from.0, to.0, body).with_payload(payload, octets as usize));
        };
        send(now, way, client, server, Message::Query { id, name }, schedule);
        if answered {
            let delay = if way == Way::Outward { round_trip(server.0) } else { TURNAROUND };
            send(now + delay, way.reverse(), server, client, Message::Nxdomain { id, name }, schedule);
        }
    }
}

impl Model for Clients {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        self.count += 1;
        let count = self.count;
        let any = schedule.rng.below(self.setting.sources.size().max(1));
        match self.kind {
            Kind::Queries => return self.datagrams(now, QueryName::Fixed, false, schedule),
            Kind::WaterTorture => return self.datagrams(now, QueryName::Random, true, schedule),
            Kind::NumberTorture => return self.datagrams(now, QueryName::Number, true, schedule),
            Kind::BlockList => return self.datagrams(now, QueryName::BlockListEntry, true, schedule),
            Kind::Proxy | Kind::Program => {
                for source in 0..self.setting.sources.size() {
                    let (connection, opened) = self.open(source, now, schedule);
                    let offset = schedule.rng.below(SECOND / 10);
                    self.keep_open(connection, opened + offset, schedule);
                }
                return;
            }
            _ => {}
        }
        let (mut connection, opened) = self.open(any, now, schedule);
        match self.kind {
            Kind::Hulk | Kind::Loic | Kind::TwoPaths | Kind::Forwarded => {
                let request = match self.kind {
                    Kind::TwoPaths => Message::Get { path: 1 + count % 2, query: 0, site: 1 },
                    Kind::Forwarded => Message::ForwardedGet { path: 1, client: count },
                    Kind::Hulk => Message::Get { path: 0, query: count, site: 1 },
                    _ => Message::BareGet { path: count },
                };
                let answered = Self::request(&mut connection, opened, request, 1_200, schedule);
                connection.close(answered, End::Client, schedule);
            }
            Kind::Slowloris => {
                let sent = Self::send(&mut connection, opened, Message::HalfGet { query: count }, schedule);
                self.keep_open(connection, sent + 15 * SECOND, schedule);
            }
            Kind::SlowPost => {
                let sent = Self::send(&mut connection, opened, Message::FormHead, schedule);
                self.keep_open(connection, sent + SECOND / 1000, schedule);
            }
            Kind::SlowRead => {
                // The response fills the small receive window.
                let request = Message::Get { path: 0, query: 0, site: 1 };
                let answered = Self::request(&mut connection, opened, request, 1_000, schedule);
                self.keep_open(connection, answered + SECOND / 5, schedule);
            }
            Kind::Hellos | Kind::Renegotiations => {
                let said = Self::send(&mut connection, opened, Message::ClientHello { site: 3 }, schedule);
                let answered = connection.message(said, End::Server, Payload::TlsData, 3_800, 24_000, schedule);
                if self.kind == Kind::Hellos {
                    connection.close(answered, End::Client, schedule);
                } else {
                    let finished = Self::send(&mut connection, answered, Message::Finished, schedule);
                    self.keep_open(connection, finished, schedule);
                }
            }
            Kind::Pages => {
                // A page and its assets over one connection; half of the visitors request the same page.
                let page = if schedule.rng.percent(50) { 1 } else { 1 + schedule.rng.below(200) as u32 };
                let mut time = Self::request(
                    &mut connection,
                    opened,
                    Message::Get { path: page, query: 0, site: 1 },
                    9_000,
                    schedule,
                );
                for asset in 0..8 {
                    let asset = Message::Get { path: 1_000 + page % 7 * 10 + asset, query: 0, site: 1 };
                    time = Self::request(&mut connection, time, asset, 4_000, schedule);
                }
                connection.close(time + 2 * SECOND, End::Client, schedule);
            }
            Kind::SipTcp => {
                let register = Payload::Template(&templates::SIP_REGISTER);
                let sent = connection.message(opened, End::Client, register, 420, 0, schedule);
                let challenge = Payload::Template(&templates::SIP_CHALLENGE);
                let answered = connection.message(sent + TURNAROUND, End::Server, challenge, 480, 24_000, schedule);
                connection.close(answered, End::Client, schedule);
            }
            Kind::SplitHeads => {
                let half = Self::send(&mut connection, opened, Message::HalfGet { query: count }, schedule);
                let answered = Self::request(&mut connection, half, Message::HeadEnd, 6_000, schedule);
                connection.close(answered, End::Client, schedule);
            }
            // Opened and kept open without data.
            _ => {}
        }
    }

    fn resume(&mut self, now: u64, token: u32, schedule: &mut Schedule) {
        let Setting { rate, ref sources, .. } = self.setting;
        let each = (SECOND as f64 * sources.size() as f64 / rate) as u64;
        let Some((connection, times)) = self.open_connections.get_mut(token as usize) else { return };
        *times += 1;
        let number = *times;
        let after = match self.kind {
            Kind::Slowloris => {
                Self::send(connection, now, Message::HeaderLine(mix(number.into()) as u16), schedule);
                15 * SECOND
            }
            Kind::SlowPost => {
                Self::send(connection, now, Message::FormByte, schedule);
                10 * SECOND
            }
            Kind::SlowRead => {
                // The interval between window probes doubles, up to a minute (RFC 9293 §3.8.6.1).
                connection.advertise_zero_window(now, schedule);
                ((SECOND / 5) << number.min(8)).min(60 * SECOND)
            }
            Kind::Renegotiations => {
                Self::send(connection, now, Message::Renegotiation, schedule);
                connection.message(now + TURNAROUND, End::Server, Payload::TlsData, 3_000, 24_000, schedule);
                SECOND / 50
            }
            Kind::Proxy => {
                let path = schedule.rng.below(500) as u32;
                Self::request(
                    connection,
                    now,
                    Message::Get { path, query: 0, site: (path % 9) as u8 },
                    5_000,
                    schedule,
                );
                each
            }
            Kind::Program => {
                Self::request(connection, now, Message::ApiCall { number }, 300, schedule);
                each
            }
            _ => return,
        };
        schedule.resume(now + after, token);
    }
}
