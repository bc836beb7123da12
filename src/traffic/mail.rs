//! Mail: messages that servers receive and send (SMTP with STARTTLS, RFC 5321 and RFC 3207) with their DNS lookups, and
//! mailboxes that clients read (IMAP over TLS, RFC 9051).

use super::frames::{Plan, Way, round_trip};
use super::message::{Message, QueryName};
use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
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

pub(crate) fn received(setting: &Setting) -> Built {
    mail(setting, Kind::Received)
}

pub(crate) fn sent(setting: &Setting) -> Built {
    mail(setting, Kind::Sent)
}

pub(crate) fn read(setting: &Setting) -> Built {
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

/// The unencrypted part of a session.
static CLEAR: [(End, &Template); 5] = [
    (End::Server, &GREETING),
    (End::Client, &HELLO),
    (End::Server, &ABILITIES),
    (End::Client, &START_TLS),
    (End::Server, &READY),
];

/// Block lists that are queried for the sender of each message.
const BLOCK_LISTS: u64 = 3;
/// Time between full TCP segments, in nanoseconds: 100 Mbit/s.
const GAP: u64 = 120_000;
const SECOND: u64 = 1_000_000_000;

/// The neighbour of `host` with `last` as the last octet.
const fn beside(host: Addr, last: u8) -> Addr {
    let bits = host.bits() & !0xff | last as u128;
    if host.is_v4() { Addr::from_v4_bits(bits as u32) } else { Addr::from_v6_bits(bits) }
}

/// TLS handshake: hello, certificate, finished; returns its end.
fn handshake(connection: &mut Connection, now: u64, schedule: &mut Schedule) -> u64 {
    let said = connection.message(now, End::Client, Payload::TlsHello, 517, 0, schedule);
    let answered = connection.message(said, End::Server, Payload::TlsData, 3_600, GAP, schedule);
    connection.message(answered, End::Client, Payload::TlsData, 74, 0, schedule)
}

impl Mail {
    /// Queries the block lists for a sender; returns the time of the last response.
    fn look_up(&mut self, now: u64, schedule: &mut Schedule) -> u64 {
        let Setting { way, ref sources, .. } = self.setting;
        let mut done = now;
        for list in 0..BLOCK_LISTS {
            self.count += 1;
            let (id, name) = (self.count, QueryName::BlockListEntry);
            let (host, server) = ((self.setting.target(), schedule.rng.port()), (sources.nth(list), 53));
            let delay = if way == Way::Inward { round_trip(server.0) } else { TURNAROUND };
            let plan = |way, from, to, message: Message| {
                Plan::udp(way, from, to, Payload::Application(message), message.octets().len())
            };
            schedule.send(now, plan(way.reverse(), host, server, Message::Query { id, name }));
            schedule.send(now + delay, plan(way, server, host, Message::Nxdomain { id, name }));
            done = done.max(now + delay);
        }
        done
    }

    /// Queries the resolver for the mail server of a domain and its address.
    fn resolve(&self, now: u64, schedule: &mut Schedule) -> u64 {
        let (host, resolver) = ((self.setting.target(), schedule.rng.port()), (beside(self.setting.target(), 53), 53));
        for later in [0, 20_000_000] {
            let id = schedule.rng.next_u16();
            let answer = schedule.rng.between(90, 300) as usize;
            schedule.send(now + later, Plan::udp(Way::Internal, host, resolver, Payload::DnsQuery(id), 50));
            let reply = Plan::udp(Way::Internal, resolver, host, Payload::DnsResponse(id), answer);
            schedule.send(now + later + 15_000_000, reply);
        }
        now + 40_000_000
    }

    /// A complete session in which the client of `connection` delivers one message.
    fn deliver(&mut self, connection: &mut Connection, now: u64, schedule: &mut Schedule) {
        let opened = connection.open(now, schedule);
        let mut time = if matches!(self.kind, Kind::Received) { self.look_up(opened, schedule) } else { opened };
        for (from, text) in CLEAR {
            time = connection.message(time, from, Payload::Template(text), text.head.len() as u64, 0, schedule);
        }
        time = handshake(connection, time, schedule);
        // EHLO, MAIL, RCPT, DATA.
        for octets in [45, 60, 55, 30] {
            time = connection.message(time, End::Client, Payload::TlsData, octets, 0, schedule);
            time = connection.message(time, End::Server, Payload::TlsData, 80, 0, schedule);
        }
        // One message in twenty has an attachment.
        let octets = match schedule.rng.below(20) {
            0 => schedule.rng.between(100_000, 800_000),
            _ => schedule.rng.between(2_000, 30_000),
        };
        time = connection.message(time, End::Client, Payload::TlsData, octets, GAP, schedule);
        // Spam filters take a while.
        time += schedule.rng.between(50_000_000, 2 * SECOND);
        time = connection.message(time, End::Server, Payload::TlsData, 90, 0, schedule);
        connection.close(time, End::Client, schedule);
    }

    /// Login, list of messages, and some of them.
    fn browse(connection: &mut Connection, now: u64, schedule: &mut Schedule) {
        let opened = connection.open(now, schedule);
        let mut time = handshake(connection, opened, schedule);
        for _ in 0..schedule.rng.between(4, 12) {
            time = connection.message(time, End::Client, Payload::TlsData, 70, 0, schedule);
            let octets = schedule.rng.between(100, 12_000);
            time = connection.message(time + 2_000_000, End::Server, Payload::TlsData, octets, GAP, schedule);
            time += schedule.rng.below(SECOND);
        }
        connection.close(time + 10 * SECOND, End::Client, schedule);
    }
}

impl Model for Mail {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let Setting { way, port, ref sources, .. } = self.setting;
        let host = self.setting.target();
        let peer = sources.pick(&mut schedule.rng);
        match self.kind {
            Kind::Received => {
                let client = (peer, schedule.rng.port());
                self.deliver(&mut Connection::new(way, client, (host, port), schedule), now, schedule);
            }
            Kind::Sent => {
                let resolved = self.resolve(now, schedule);
                let client = (host, schedule.rng.port());
                self.deliver(&mut Connection::new(way.reverse(), client, (peer, port), schedule), resolved, schedule);
            }
            Kind::Read => {
                let client = (peer, schedule.rng.port());
                Self::browse(&mut Connection::new(way, client, (host, port), schedule), now, schedule);
            }
        }
    }
}
