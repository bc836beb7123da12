//! Floods of requests as the tools send them (HULK, LOIC, slowloris.py, R-U-Dead-Yet, thc-ssl-dos, random-label DNS
//! queries), and the benign traffic that looks most like each.

use super::agenda::{Agenda, Model, Pacing};
use super::frames::{Body, Plan, Way, round_trip};
use super::payload::Payload;
use super::rng::mix;
use super::setting::Setting;
use super::tcp::{Connection, End, TURNAROUND};

type Built = (Box<dyn Model>, Pacing);

const SECOND: u64 = 1_000_000_000;

/// A message of an application; its octets follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Path and query number (0: none), to site number `site`.
    Get {
        path: u32,
        query: u32,
        site: u8,
    },
    /// As LOIC sends it: no headers at all.
    BareGet {
        path: u32,
    },
    /// The first half of a head, and what ends it.
    HalfGet {
        query: u32,
    },
    Rest,
    /// slowloris.py keeps a connection with one of these every 15 s.
    Line(u16),
    /// Head of a form of a million octets, of which one comes at a time.
    Form,
    Letter,
    /// A small request to an interface for programs.
    Call {
        number: u32,
    },
    /// ClientHello for site number `site`, 220 octets.
    Hello {
        site: u8,
    },
    /// Change of cipher and encrypted end of the handshake.
    Finished,
    /// An encrypted handshake record, as in a renegotiation.
    Again,
    /// A query with this identifier for a name below `shop.example`: made up, or an address on a block list.
    Query {
        id: u32,
        kind: Asked,
    },
    /// The answer that the name does not exist.
    Nxdomain {
        id: u32,
        kind: Asked,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The same name always.
    Same,
    /// 8 to 16 letters that nobody asked for before.
    MadeUp,
    /// Four numbers.
    Address,
}

impl Message {
    pub fn octets(self) -> Vec<u8> {
        match self {
            Message::Get { path, query, site } => {
                let path = if path == 0 { "/".to_owned() } else { format!("/item/{path}.html") };
                let query = if query == 0 { String::new() } else { format!("?{:x}={:x}", query, mix(query.into())) };
                format!("GET {path}{query} HTTP/1.1\r\nHost: site{site}.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n").into_bytes()
            }
            Message::BareGet { path } => format!("GET /{:x} HTTP/1.0\r\n\r\n", mix(path.into())).into_bytes(),
            Message::HalfGet { query } => {
                format!("GET /?{} HTTP/1.1\r\nHost: site1.example\r\nUser-Agent: Mozilla/5.0 (X11)\r\n", query % 2000).into_bytes()
            }
            Message::Rest => b"Accept: */*\r\nCookie: session=0123456789abcdef\r\n\r\n".to_vec(),
            Message::Line(number) => format!("X-a: {}\r\n", 1 + number % 5000).into_bytes(),
            Message::Form => b"POST /login HTTP/1.1\r\nHost: site1.example\r\nContent-Length: 1000000\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n".to_vec(),
            Message::Letter => b"A".to_vec(),
            Message::Call { number } => {
                let body = format!("{{\"order\":{number}}}");
                format!("POST /v1/orders HTTP/1.1\r\nHost: site2.example\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
            }
            Message::Hello { site } => hello(format!("site{site}.example").as_bytes()),
            Message::Finished => [&[20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 53][..], &[0x5a; 53]].concat(),
            Message::Again => [&[22, 3, 3, 0, 200, 0xe7][..], &[0x5a; 199]].concat(),
            Message::Query { id, kind } => dns([1, 0], id, kind),
            Message::Nxdomain { id, kind } => dns([0x81, 0x83], id, kind),
        }
    }

    fn payload(self) -> (Payload, u64) {
        (Payload::Application(self), self.octets().len() as u64)
    }
}

/// As long as a small hello is; the name comes last.
fn hello(name: &[u8]) -> Vec<u8> {
    let length = name.len() as u16;
    let mut body = vec![3, 3];
    body.extend([0x5a; 32]);
    body.extend([0, 0, 6, 0x13, 1, 0x13, 2, 0x13, 3, 1, 0]);
    body.extend((length + 9).to_be_bytes());
    for part in [0, length + 5, length + 3] {
        body.extend(part.to_be_bytes());
    }
    body.push(0);
    body.extend(length.to_be_bytes());
    body.extend(name);
    let mut record = vec![22, 3, 1];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend((body.len() as u16).to_be_bytes());
    [record, body].concat()
}

fn dns(flags: [u8; 2], id: u32, kind: Asked) -> Vec<u8> {
    let random = mix(id.into());
    let name = match kind {
        Asked::Same => "www.shop.example".to_owned(),
        Asked::MadeUp => {
            let letters = (0..8 + random % 9).map(|n| char::from(b'a' + (mix(random + n) % 26) as u8));
            format!("{}.shop.example", letters.collect::<String>())
        }
        Asked::Address => {
            let [a, b, c, d, ..] = random.to_be_bytes();
            format!("{a}.{b}.{c}.{d}.zen.shop.example")
        }
    };
    let mut out = (id as u16).to_be_bytes().to_vec();
    out.extend(flags);
    out.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}

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

    fn datagrams(&self, now: u64, kind: Asked, answered: bool, agenda: &mut Agenda) {
        let Setting { way, port, ref sources, .. } = self.setting;
        let server = (self.setting.target(), port);
        let client = (sources.pick(&mut agenda.rng), agenda.rng.port());
        let id = self.count;
        let send = |time, way: Way, from: (_, u16), to: (_, u16), message: Message, agenda: &mut Agenda| {
            let (payload, octets) = message.payload();
            let body = Body::Udp { source_port: from.1, target_port: to.1 };
            agenda.send(time, Plan::new(way, from.0, to.0, body).carrying(payload, octets as usize));
        };
        send(now, way, client, server, Message::Query { id, kind }, agenda);
        if answered {
            let delay = if way == Way::Outward { round_trip(server.0) } else { TURNAROUND };
            send(now + delay, way.back(), server, client, Message::Nxdomain { id, kind }, agenda);
        }
    }
}

impl Model for Clients {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        self.count += 1;
        let count = self.count;
        let any = agenda.rng.below(self.setting.sources.size().max(1));
        match self.kind {
            Kind::Queries => return self.datagrams(now, Asked::Same, false, agenda),
            Kind::WaterTorture => return self.datagrams(now, Asked::MadeUp, true, agenda),
            Kind::BlockList => return self.datagrams(now, Asked::Address, true, agenda),
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
                let sent = Self::say(&mut connection, opened, Message::Form, agenda);
                self.last(connection, sent + SECOND / 1000, agenda);
            }
            Kind::SlowRead => {
                // The answer fills what little room there was.
                let request = Message::Get { path: 0, query: 0, site: 1 };
                let answered = Self::ask(&mut connection, opened, request, 1_000, agenda);
                self.last(connection, answered + SECOND / 5, agenda);
            }
            Kind::Hellos | Kind::Renegotiations => {
                let said = Self::say(&mut connection, opened, Message::Hello { site: 3 }, agenda);
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
                let answered = Self::ask(&mut connection, half, Message::Rest, 6_000, agenda);
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
                Self::say(connection, now, Message::Line(mix(number.into()) as u16), agenda);
                15 * SECOND
            }
            Kind::SlowPost => {
                Self::say(connection, now, Message::Letter, agenda);
                10 * SECOND
            }
            Kind::SlowRead => {
                // Each probe comes twice as late as the one before, up to a minute (RFC 9293 §3.8.6.1).
                connection.stall(now, agenda);
                ((SECOND / 5) << number.min(8)).min(60 * SECOND)
            }
            Kind::Renegotiations => {
                Self::say(connection, now, Message::Again, agenda);
                connection.message(now + TURNAROUND, End::Server, Payload::TlsData, 3_000, 24_000, agenda);
                SECOND / 50
            }
            Kind::Proxy => {
                let path = agenda.rng.below(500) as u32;
                Self::ask(connection, now, Message::Get { path, query: 0, site: (path % 9) as u8 }, 5_000, agenda);
                each
            }
            Kind::Program => {
                Self::ask(connection, now, Message::Call { number }, 300, agenda);
                each
            }
            _ => return,
        };
        agenda.resume(now + after, token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{App, name};

    #[test]
    fn messages_are_what_they_are_called() {
        let app = |message: Message| App::of(&message.octets());
        assert_eq!(app(Message::Get { path: 0, query: 5, site: 1 }), App::HttpRequest);
        assert_eq!(app(Message::HalfGet { query: 5 }), App::HttpUnfinished);
        assert_eq!((app(Message::Rest), app(Message::Line(5))), (App::HttpEnd, App::TinySegment));
        assert_eq!(app(Message::Form), App::HttpBodyAwaited);
        assert_eq!((app(Message::Finished), app(Message::Again)), (App::TlsHandshake, App::TlsHandshake));
        let hello = Message::Hello { site: 3 }.octets();
        assert_eq!(
            (App::of(&hello), name::read(App::TlsHello, &hello).name.to_string()),
            (App::TlsHello, "site3.example".into())
        );
        let query = Message::Query { id: 9, kind: Asked::MadeUp }.octets();
        let asked = name::read(App::DnsQuery, &query);
        assert_eq!((asked.name.to_string().as_str(), asked.plain), ("shop.example", true));
    }
}
