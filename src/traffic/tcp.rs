//! TCP connections as real stacks make them: handshake with options, TCP segments paced by a growing window, delayed
//! acknowledgements (RFC 9293 §3.8.6.3: one for two full segments), orderly close.

use super::frames::{ACK, Body, FIN, PSH, Plan, RST, SYN, Tcp, TcpOptions, Way, address_hash, round_trip};
use super::payload::Payload;
use super::schedule::Schedule;
use crate::base::Addr;

/// Response time of an inside host, in nanoseconds.
pub(crate) const TURNAROUND: u64 = 60_000;
/// TCP segments sent before the first acknowledgement (RFC 6928).
const INITIAL_WINDOW: u64 = 10;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
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
pub(crate) struct Connection {
    client: (Addr, u16),
    server: (Addr, u16),
    /// From client to server.
    way: Way,
    /// Next sequence numbers.
    client_next: u32,
    server_next: u32,
    /// Whether both ends use timestamps (all but Windows).
    stamps: bool,
    pub(crate) round_trip: u64,
}

impl Connection {
    pub(crate) fn new(way: Way, client: (Addr, u16), server: (Addr, u16), schedule: &mut Schedule) -> Connection {
        let outside = match way {
            Way::Inward => Some(client.0),
            Way::Outward => Some(server.0),
            Way::Internal => None,
        };
        Connection {
            client,
            server,
            way,
            client_next: schedule.rng.next_u32(),
            server_next: schedule.rng.next_u32(),
            // The hosts with an initial TTL of 128.
            stamps: !matches!(address_hash(client.0) % 10, 5..9),
            round_trip: outside.map_or(200_000, round_trip),
        }
    }

    /// Octets of data in a full TCP segment.
    pub(crate) const fn full_segment(&self) -> u64 {
        if self.stamps { 1448 } else { 1460 }
    }

    /// Time from a packet of the other end until the response of `end` passes the edge.
    const fn response_delay(&self, end: End) -> u64 {
        match (self.way, end) {
            (Way::Inward, End::Server) | (Way::Outward, End::Client) => TURNAROUND,
            _ => self.round_trip,
        }
    }

    fn packet(&self, from: End, time: u64, flags: u8) -> Plan {
        let (way, source, target, sequence, acknowledged) = match from {
            End::Client => (self.way, self.client, self.server, self.client_next, self.server_next),
            End::Server => (self.way.reverse(), self.server, self.client, self.server_next, self.client_next),
        };
        let millis = |time: u64| (time / 1_000_000) as u32;
        let options = if self.stamps {
            TcpOptions::Timestamps { value: millis(time), echo: millis(time.saturating_sub(self.response_delay(from))) }
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

    /// SYN, SYN-ACK, ACK; returns the time of the last.
    pub(crate) fn open(&mut self, now: u64, schedule: &mut Schedule) -> u64 {
        let v6 = !self.client.0.is_v4();
        let mss = if v6 { 1440 } else { 1460 };
        let value = (now / 1_000_000) as u32;
        let first = match (self.stamps, address_hash(self.client.0) >> 8 & 1) {
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
        schedule.send(now, with(self.packet(End::Client, now, SYN), first, 64_240, Some(0)));
        self.advance(End::Client, 1);
        let answered = now + self.response_delay(End::Server);
        schedule.send(answered, with(self.packet(End::Server, answered, SYN | ACK), answer, 65_160, None));
        self.advance(End::Server, 1);
        let done = answered + self.response_delay(End::Client);
        schedule.send(done, self.packet(End::Client, done, ACK));
        done
    }

    /// An unanswered SYN; every call sends the same one.
    pub(crate) fn send_syn(&self, now: u64, schedule: &mut Schedule) {
        schedule.send(now, self.packet(End::Client, now, SYN));
    }

    /// One TCP segment of `octets`, without acknowledgement.
    pub(crate) fn segment(
        &mut self,
        now: u64,
        from: End,
        payload: Payload,
        octets: u64,
        push: bool,
        schedule: &mut Schedule,
    ) {
        let flags = if push { PSH | ACK } else { ACK };
        schedule.send(now, self.packet(from, now, flags).with_payload(payload, octets as usize));
        self.advance(from, octets as u32);
    }

    /// Acknowledgement by `from` of everything that the other end has sent so far.
    pub(crate) fn acknowledge(&self, now: u64, from: End, schedule: &mut Schedule) {
        let time = now + self.response_delay(from);
        schedule.send(time, self.packet(from, time, ACK));
    }

    /// Reset by `from` in response to a packet that the other end sent at `now`.
    pub(crate) fn reset(&self, now: u64, from: End, schedule: &mut Schedule) {
        let time = now + self.response_delay(from);
        schedule.send(time, self.packet(from, time, RST));
    }

    /// Acknowledgement of the client with window 0.
    pub(crate) fn advertise_zero_window(&self, now: u64, schedule: &mut Schedule) {
        let plan = self.packet(End::Client, now, ACK);
        if let Body::Tcp(tcp) = plan.body {
            schedule.send(now, Plan { body: Body::Tcp(Tcp { window: 0, ..tcp }), ..plan });
        }
    }

    /// A message of `octets` that begins with `payload`, in TCP segments `gap` nanoseconds apart and windows that
    /// double with every round trip. The other end acknowledges every second segment and the last. Returns the time of
    /// the last acknowledgement.
    pub(crate) fn message(
        &mut self,
        now: u64,
        from: End,
        payload: Payload,
        octets: u64,
        gap: u64,
        schedule: &mut Schedule,
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
            self.segment(time, from, kind, length, left == 0, schedule);
            kind = Payload::Random;
            unacknowledged += 1;
            if unacknowledged == 2 || left == 0 {
                self.acknowledge(time, from.other(), schedule);
                unacknowledged = 0;
            }
            time += gap;
            sent += 1;
        }
        time + self.response_delay(from.other())
    }

    /// FIN of `first`, FIN of the other end, ACK.
    pub(crate) fn close(&mut self, now: u64, first: End, schedule: &mut Schedule) {
        schedule.send(now, self.packet(first, now, FIN | ACK));
        self.advance(first, 1);
        let answered = now + self.response_delay(first.other());
        schedule.send(answered, self.packet(first.other(), answered, FIN | ACK));
        self.advance(first.other(), 1);
        self.acknowledge(answered, first, schedule);
    }
}
