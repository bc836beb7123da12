//! TCP connections as real stacks make them: handshake with options, segments paced by a growing window, delayed
//! acknowledgements (RFC 9293 §3.8.6.3: one for two full segments), orderly end.

use super::agenda::Agenda;
use super::frames::{ACK, Body, FIN, PSH, Plan, RST, SYN, Tcp, TcpOptions, Way, round_trip, trait_of};
use super::payload::Payload;
use crate::base::Addr;

/// Time that an inside host takes to answer, in nanoseconds.
pub const TURNAROUND: u64 = 60_000;
/// Segments sent before the first acknowledgement (RFC 6928).
const INITIAL_WINDOW: u64 = 10;

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Client,
    Server,
}

impl End {
    const fn other(self) -> End {
        match self {
            End::Client => End::Server,
            End::Server => End::Client,
        }
    }
}

/// One connection, seen at the edge of the inside networks. All times are nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    client: (Addr, u16),
    server: (Addr, u16),
    /// From client to server.
    way: Way,
    /// Next sequence numbers.
    client_next: u32,
    server_next: u32,
    /// Whether both ends use timestamps (all but Windows).
    stamps: bool,
    pub round_trip: u64,
}

impl Connection {
    pub fn new(way: Way, client: (Addr, u16), server: (Addr, u16), agenda: &mut Agenda) -> Connection {
        let outside = match way {
            Way::Inward => Some(client.0),
            Way::Outward => Some(server.0),
            Way::Internal => None,
        };
        Connection {
            client,
            server,
            way,
            client_next: agenda.rng.next_u32(),
            server_next: agenda.rng.next_u32(),
            // The hosts whose packets start with TTL 128.
            stamps: !matches!(trait_of(client.0) % 10, 5..9),
            round_trip: outside.map_or(200_000, round_trip),
        }
    }

    /// Octets of data in a full segment.
    pub const fn full_segment(&self) -> u64 {
        if self.stamps { 1448 } else { 1460 }
    }

    /// From a packet of the other end until the answer of `end` is seen here.
    const fn lag(&self, end: End) -> u64 {
        match (self.way, end) {
            (Way::Inward, End::Server) | (Way::Outward, End::Client) => TURNAROUND,
            _ => self.round_trip,
        }
    }

    fn packet(&self, from: End, time: u64, flags: u8) -> Plan {
        let (way, source, target, sequence, acknowledged) = match from {
            End::Client => (self.way, self.client, self.server, self.client_next, self.server_next),
            End::Server => (self.way.back(), self.server, self.client, self.server_next, self.client_next),
        };
        let millis = |time: u64| (time / 1_000_000) as u32;
        let options = if self.stamps {
            TcpOptions::Stamps { value: millis(time), echo: millis(time.saturating_sub(self.lag(from))) }
        } else {
            TcpOptions::None
        };
        let tcp = Tcp {
            source_port: source.1,
            target_port: target.1,
            sequence,
            acknowledged,
            flags,
            window: if self.stamps { 501 } else { 1026 },
            options,
        };
        Plan::new(way, source.0, target.0, Body::Tcp(tcp))
    }

    fn advance(&mut self, from: End, octets: u32) {
        let next = match from {
            End::Client => &mut self.client_next,
            End::Server => &mut self.server_next,
        };
        *next = next.wrapping_add(octets);
    }

    /// SYN, SYN-ACK, ACK; returns when the last passes.
    pub fn open(&mut self, now: u64, agenda: &mut Agenda) -> u64 {
        let v6 = !self.client.0.is_v4();
        let mss = if v6 { 1440 } else { 1460 };
        let value = (now / 1_000_000) as u32;
        let first = match (self.stamps, trait_of(self.client.0) >> 8 & 1) {
            (false, _) => TcpOptions::Windows { mss },
            (true, 0) => TcpOptions::Linux { mss, value, echo: 0 },
            (true, _) => TcpOptions::Mac { mss, value },
        };
        let answer =
            if self.stamps { TcpOptions::Linux { mss, value, echo: value } } else { TcpOptions::Windows { mss } };
        let with = |plan: Plan, options, window, acknowledged: Option<u32>| match plan.body {
            Body::Tcp(tcp) => {
                let acknowledged = acknowledged.unwrap_or(tcp.acknowledged);
                Plan { body: Body::Tcp(Tcp { options, window, acknowledged, ..tcp }), ..plan }
            }
            _ => plan,
        };
        agenda.send(now, with(self.packet(End::Client, now, SYN), first, 64_240, Some(0)));
        self.advance(End::Client, 1);
        let answered = now + self.lag(End::Server);
        agenda.send(answered, with(self.packet(End::Server, answered, SYN | ACK), answer, 65_160, None));
        self.advance(End::Server, 1);
        let done = answered + self.lag(End::Client);
        agenda.send(done, self.packet(End::Client, done, ACK));
        done
    }

    /// A SYN that gets no answer: the same one each time.
    pub fn knock(&self, now: u64, agenda: &mut Agenda) {
        agenda.send(now, self.packet(End::Client, now, SYN));
    }

    /// One segment of `octets`, without acknowledgement.
    pub fn segment(&mut self, now: u64, from: End, payload: Payload, octets: u64, push: bool, agenda: &mut Agenda) {
        let flags = if push { PSH | ACK } else { ACK };
        agenda.send(now, self.packet(from, now, flags).carrying(payload, octets as usize));
        self.advance(from, octets as u32);
    }

    /// The acknowledgement by `from` of all that the other end has sent until now.
    pub fn acknowledge(&self, now: u64, from: End, agenda: &mut Agenda) {
        let time = now + self.lag(from);
        agenda.send(time, self.packet(from, time, ACK));
    }

    /// The reset by `from` of what the other end sent at `now`.
    pub fn reset(&self, now: u64, from: End, agenda: &mut Agenda) {
        let time = now + self.lag(from);
        agenda.send(time, self.packet(from, time, RST));
    }

    /// The same of a client that has no room for more.
    pub fn stall(&self, now: u64, agenda: &mut Agenda) {
        let plan = self.packet(End::Client, now, ACK);
        if let Body::Tcp(tcp) = plan.body {
            agenda.send(now, Plan { body: Body::Tcp(Tcp { window: 0, ..tcp }), ..plan });
        }
    }

    /// A message of `octets` that begins with `payload`, segment by segment `gap` apart, in windows that double with
    /// every round trip; the other end acknowledges every second segment and the last. Returns when the last
    /// acknowledgement passes.
    pub fn message(
        &mut self,
        now: u64,
        from: End,
        payload: Payload,
        octets: u64,
        gap: u64,
        agenda: &mut Agenda,
    ) -> u64 {
        let full = self.full_segment();
        let (mut left, mut time, mut window, mut sent) = (octets, now, INITIAL_WINDOW, 0);
        let mut kind = payload;
        let mut unacknowledged = 0;
        while left > 0 {
            if sent == window {
                time += self.round_trip;
                window *= 2;
                sent = 0;
            }
            let length = left.min(full);
            left -= length;
            self.segment(time, from, kind, length, left == 0, agenda);
            kind = Payload::Random;
            unacknowledged += 1;
            if unacknowledged == 2 || left == 0 {
                self.acknowledge(time, from.other(), agenda);
                unacknowledged = 0;
            }
            time += gap;
            sent += 1;
        }
        time + self.lag(from.other())
    }

    /// FIN of `first`, FIN of the other, ACK.
    pub fn close(&mut self, now: u64, first: End, agenda: &mut Agenda) {
        agenda.send(now, self.packet(first, now, FIN | ACK));
        self.advance(first, 1);
        let answered = now + self.lag(first.other());
        agenda.send(answered, self.packet(first.other(), answered, FIN | ACK));
        self.advance(first.other(), 1);
        self.acknowledge(answered, first, agenda);
    }
}
