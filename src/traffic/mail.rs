//! Mail: messages that servers take and send (SMTP with STARTTLS, RFC 5321 and RFC 3207), with the lookups that belong to
//! them, and mailboxes that clients read (IMAP over TLS, RFC 9051).

use super::agenda::{Agenda, Model, Pacing};
use super::frames::{Plan, Way, round_trip};
use super::message::{Message, QueryName};
use super::payload::Payload;
use super::setting::Setting;
use super::tcp::{Connection, End, TURNAROUND};
use super::templates::Template;
use crate::base::Addr;

type Built = (Box<dyn Model>, Pacing);

#[derive(Clone, Copy)]
enum Kind {
    Received,
    Sent,
    Read,
}

struct Mail {
    setting: Setting,
    kind: Kind,
    count: u32,
}

fn mail(setting: &Setting, kind: Kind) -> Built {
    (Box::new(Mail { setting: setting.clone(), kind, count: 0 }), Pacing::Rate(setting.rate))
}

pub fn received(setting: &Setting) -> Built {
    mail(setting, Kind::Received)
}

pub fn sent(setting: &Setting) -> Built {
    mail(setting, Kind::Sent)
}

pub fn read(setting: &Setting) -> Built {
    mail(setting, Kind::Read)
}

const fn line(head: &'static [u8]) -> Template {
    Template { port: 25, head, fill: b" " }
}

static GREETING: Template = line(b"220 mx.example ESMTP\r\n");
static HELLO: Template = line(b"EHLO mail.example\r\n");
static ABILITIES: Template =
    line(b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-STARTTLS\r\n250 8BITMIME\r\n");
static START_TLS: Template = line(b"STARTTLS\r\n");
static READY: Template = line(b"220 2.0.0 Ready to start TLS\r\n");

/// What both say in the clear before one message.
static CLEAR: [(End, &Template); 5] = [
    (End::Server, &GREETING),
    (End::Client, &HELLO),
    (End::Server, &ABILITIES),
    (End::Client, &START_TLS),
    (End::Server, &READY),
];

/// Block lists that are asked about the sender of each message.
const BLOCK_LISTS: u64 = 3;
/// Time between full segments, in nanoseconds: 100 Mbit/s.
const GAP: u64 = 120_000;
const SECOND: u64 = 1_000_000_000;

/// The host with `last` as the last octet beside another.
const fn beside(host: Addr, last: u8) -> Addr {
    let bits = host.bits() & !0xff | last as u128;
    if host.is_v4() { Addr::from_v4_bits(bits as u32) } else { Addr::from_v6_bits(bits) }
}

/// Hello, certificate and end of the handshake; returns when it is done.
fn handshake(connection: &mut Connection, now: u64, agenda: &mut Agenda) -> u64 {
    let said = connection.message(now, End::Client, Payload::TlsHello, 517, 0, agenda);
    let answered = connection.message(said, End::Server, Payload::TlsData, 3_600, GAP, agenda);
    connection.message(answered, End::Client, Payload::TlsData, 74, 0, agenda)
}

impl Mail {
    /// Asks the block lists about a sender; returns when the last answer is there.
    fn look_up(&mut self, now: u64, agenda: &mut Agenda) -> u64 {
        let Setting { way, ref sources, .. } = self.setting;
        let mut done = now;
        for list in 0..BLOCK_LISTS {
            self.count += 1;
            let (id, name) = (self.count, QueryName::BlockListEntry);
            let (host, server) = ((self.setting.target(), agenda.rng.port()), (sources.nth(list), 53));
            let delay = if way == Way::Inward { round_trip(server.0) } else { TURNAROUND };
            let plan = |way, from, to, message: Message| {
                Plan::udp(way, from, to, Payload::Application(message), message.octets().len())
            };
            agenda.send(now, plan(way.back(), host, server, Message::Query { id, name }));
            agenda.send(now + delay, plan(way, server, host, Message::Nxdomain { id, name }));
            done = done.max(now + delay);
        }
        done
    }

    /// Asks the resolver for the mail server of a domain and its address.
    fn resolve(&self, now: u64, agenda: &mut Agenda) -> u64 {
        let (host, resolver) = ((self.setting.target(), agenda.rng.port()), (beside(self.setting.target(), 53), 53));
        for later in [0, 20_000_000] {
            let id = agenda.rng.next_u16();
            let answer = agenda.rng.between(90, 300) as usize;
            agenda.send(now + later, Plan::udp(Way::Internal, host, resolver, Payload::DnsQuery(id), 50));
            let reply = Plan::udp(Way::Internal, resolver, host, Payload::DnsAnswer(id), answer);
            agenda.send(now + later + 15_000_000, reply);
        }
        now + 40_000_000
    }

    /// A message from the client of `connection`, from the first word to the last.
    fn deliver(&mut self, connection: &mut Connection, now: u64, agenda: &mut Agenda) {
        let opened = connection.open(now, agenda);
        let mut time = if matches!(self.kind, Kind::Received) { self.look_up(opened, agenda) } else { opened };
        for (from, text) in CLEAR {
            time = connection.message(time, from, Payload::Template(text), text.head.len() as u64, 0, agenda);
        }
        time = handshake(connection, time, agenda);
        // EHLO, MAIL, RCPT, DATA.
        for octets in [45, 60, 55, 30] {
            time = connection.message(time, End::Client, Payload::TlsData, octets, 0, agenda);
            time = connection.message(time, End::Server, Payload::TlsData, 80, 0, agenda);
        }
        // One in twenty has something attached.
        let octets = match agenda.rng.below(20) {
            0 => agenda.rng.between(100_000, 800_000),
            _ => agenda.rng.between(2_000, 30_000),
        };
        time = connection.message(time, End::Client, Payload::TlsData, octets, GAP, agenda);
        // Filters think for a while.
        time += agenda.rng.between(50_000_000, 2 * SECOND);
        time = connection.message(time, End::Server, Payload::TlsData, 90, 0, agenda);
        connection.close(time, End::Client, agenda);
    }

    /// Login, list of messages, and some of them.
    fn browse(connection: &mut Connection, now: u64, agenda: &mut Agenda) {
        let opened = connection.open(now, agenda);
        let mut time = handshake(connection, opened, agenda);
        for _ in 0..agenda.rng.between(4, 12) {
            time = connection.message(time, End::Client, Payload::TlsData, 70, 0, agenda);
            let octets = agenda.rng.between(100, 12_000);
            time = connection.message(time + 2_000_000, End::Server, Payload::TlsData, octets, GAP, agenda);
            time += agenda.rng.below(SECOND);
        }
        connection.close(time + 10 * SECOND, End::Client, agenda);
    }
}

impl Model for Mail {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let Setting { way, port, ref sources, .. } = self.setting;
        let host = self.setting.target();
        let peer = sources.pick(&mut agenda.rng);
        match self.kind {
            Kind::Received => {
                let client = (peer, agenda.rng.port());
                self.deliver(&mut Connection::new(way, client, (host, port), agenda), now, agenda);
            }
            Kind::Sent => {
                let resolved = self.resolve(now, agenda);
                let client = (host, agenda.rng.port());
                self.deliver(&mut Connection::new(way.back(), client, (peer, port), agenda), resolved, agenda);
            }
            Kind::Read => {
                let client = (peer, agenda.rng.port());
                Self::browse(&mut Connection::new(way, client, (host, port), agenda), now, agenda);
            }
        }
    }
}
