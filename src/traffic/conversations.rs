//! Honest conversations between many hosts, for benchmarks: what a gateway sees on a busy day, with as many hosts active at a time
//! as wanted.

use super::bench::{Path, Pattern};
use super::checksum::{fold, pseudo_sum, put, sum};
use super::frames::{ACK, FIN, FrameBuffer, PSH, SYN, Way};
use super::message::{Message, QueryName};
use super::rng::Rng;
use super::schedule::{Pace, Traffic};
use super::setting::{Hosts, Setting};
use crate::base::{Addr, Mac};
use ipnet::IpNet;

/// Clients on either side, of ten conversations.
const CLIENTS_OF_TEN: u64 = 4;
/// Conversations for each server on either side.
const CONVERSATIONS_PER_SERVER: u64 = 40;
/// Packets after which one more conversation begins, until all have: they do not begin in the same instant.
const RAMP: u64 = 10;
/// The router of our networks: thousands of hosts are no single segment.
const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 2]);
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Tcp,
    Quic,
    Dns,
    Ping,
}

#[derive(Clone)]
struct Conversation {
    kind: Kind,
    /// From the client to the server, and back.
    paths: [Path; 2],
    /// Packets so far, and the data segments or exchanges until its end.
    step: u32,
    length: u32,
    /// The next sequence numbers of client and server.
    next: [u32; 2],
}

/// As many conversations at a time as the setting has sources: four in five TCP, with handshake, request, data, advancing
/// acknowledgments and FINs; the others QUIC, DNS and pings; a tenth IPv6. Half of the clients are inside, half outside, as are the servers.
pub(crate) fn bench(setting: &Setting, pace: Pace, mut rng: Rng) -> Box<dyn Traffic> {
    let count = setting.sources.size().max(1);
    let (clients, servers) = ((count * CLIENTS_OF_TEN / 10).max(1), (count / CONVERSATIONS_PER_SERVER).max(1));
    let mut hosts = |network: &str| Hosts::new(network.parse().unwrap_or_else(|_| IpNet::default()), 0, &mut rng);
    // Inside and outside, by address family.
    let networks =
        [hosts("172.16.0.0/12"), hosts("2001:db8:10::/48"), hosts("10.0.0.0/8"), hosts("2001:db8:8000::/33")];
    let address = |outside: bool, v6: bool, number: u64| {
        networks.get(usize::from(outside) << 1 | usize::from(v6)).map_or(Addr::UNSPECIFIED, |hosts| hosts.nth(number))
    };
    let (gateway, router) = (setting.macs.outside, setting.macs.inside.unwrap_or(ROUTER));
    let conversations = (0..count).map(|index| {
        let (outside, v6) = (index % 2 == 0, index / 2 % 10 == 9);
        // Server numbers begin where those of clients end.
        let client = address(outside, v6, index / 2 % clients);
        let server = address(!outside, v6, clients + rng.below(servers));
        let kind = match rng.below(20) {
            0..16 => Kind::Tcp,
            16 | 17 => Kind::Quic,
            18 => Kind::Dns,
            _ => Kind::Ping,
        };
        let port = match kind {
            Kind::Tcp => *[443, 443, 80].get(rng.below(3) as usize).unwrap_or(&443),
            Kind::Quic => 443,
            Kind::Dns => 53,
            Kind::Ping => 0,
        };
        let way = if outside { Way::Inward } else { Way::Outward };
        let macs = if outside { (gateway, router) } else { (router, gateway) };
        let forth = Path { macs, ..Path::new(way, gateway, (client, 0), (server, port)) };
        let back = Path { macs: (macs.1, macs.0), ..Path::new(way.reverse(), gateway, (server, port), (client, 0)) };
        let mut conversation = Conversation { kind, paths: [forth, back], step: 0, length: 0, next: [0; 2] };
        conversation.begin(&mut rng);
        conversation
    });
    let conversations = conversations.collect();
    let mut octets = vec![0x17, 3, 3, 5, 0xaf];
    rng.fill(&mut octets, 1455);
    // QUIC: a short header has the fixed bit (RFC 9000 §17.3).
    let mut quic = vec![0x40];
    rng.fill(&mut quic, 1251);
    let query = Message::Query { id: 7, name: QueryName::Fixed }.octets();
    let answer = Message::Nxdomain { id: 7, name: QueryName::Fixed }.octets();
    let hello = Message::ClientHello { site: 1 }.octets();
    let get = Message::Get { path: 1, query: 0, site: 1 }.octets();
    let [data, quic, query, answer, hello, get] = [octets, quic, query, answer, hello, get].map(Pattern::new);
    Box::new(Conversations { conversations, pace, rng, count: 0, data, quic, query, answer, hello, get })
}

struct Conversations {
    conversations: Vec<Conversation>,
    pace: Pace,
    rng: Rng,
    count: u64,
    data: Pattern,
    quic: Pattern,
    query: Pattern,
    answer: Pattern,
    hello: Pattern,
    get: Pattern,
}

impl Conversation {
    /// Begins anew, with another port of the client.
    fn begin(&mut self, rng: &mut Rng) {
        let [forth, back] = &mut self.paths;
        if self.kind != Kind::Ping {
            let port = rng.port();
            (forth.source_port, back.target_port) = (port, port);
        }
        self.step = 0;
        self.length = match self.kind {
            Kind::Tcp => rng.between(2, 60) as u32,
            Kind::Quic => rng.between(10, 80) as u32,
            Kind::Dns => 1,
            Kind::Ping => 5,
        };
        self.next = [rng.next_u32(), rng.next_u32()];
    }
}

impl Conversations {
    /// Writes the next packet of a conversation; returns whether that was its last.
    fn write(&self, conversation: &mut Conversation, draw: u64, time: u64, frame: &mut FrameBuffer) -> bool {
        let step = conversation.step;
        conversation.step += 1;
        match conversation.kind {
            Kind::Tcp => return self.tcp(conversation, step, draw, time, frame),
            Kind::Quic => {
                // Two packets of the server for each of the client.
                let back = !step.is_multiple_of(3);
                let length = if back { 1252 } else { 40 };
                conversation.paths[usize::from(back)].udp(frame, time, draw as u16, &self.quic, length);
            }
            Kind::Dns => {
                let message = if step == 0 { &self.query } else { &self.answer };
                conversation.paths[step as usize % 2].udp(frame, time, draw as u16, message, message.octets.len());
            }
            Kind::Ping => self.ping(&conversation.paths[step as usize % 2], step, time, frame),
        }
        conversation.step > conversation.length
    }

    fn tcp(&self, conversation: &mut Conversation, step: u32, draw: u64, time: u64, frame: &mut FrameBuffer) -> bool {
        const HANDSHAKE: u32 = 4;
        // Two data segments of the server, then an acknowledgment of the client.
        let end = HANDSHAKE + conversation.length * 3 / 2;
        let request = if conversation.paths[0].target_port == 80 { &self.get } else { &self.hello };
        let size = if draw & 1 == 0 { 1460 } else { 400 + (draw >> 8) % 900 } as usize;
        let (back, flags, pattern, length) = match step {
            0 => (false, SYN, request, 0),
            1 => (true, SYN | ACK, request, 0),
            2 => (false, ACK, request, 0),
            3 => (false, PSH | ACK, request, request.octets.len()),
            _ if step < end && (step - HANDSHAKE) % 3 == 2 => (false, ACK, request, 0),
            _ if step < end => (true, ACK, &self.data, size),
            _ if step == end => (true, FIN | ACK, request, 0),
            _ if step == end + 1 => (false, FIN | ACK, request, 0),
            _ => (true, ACK, request, 0),
        };
        let (own, other) = (usize::from(back), usize::from(!back));
        let numbers = (conversation.next[own], conversation.next[other]);
        conversation.paths[own].segment(frame, time, draw as u16, numbers, flags, pattern, length);
        let advance = length as u32 + u32::from(flags & (SYN | FIN) != 0);
        conversation.next[own] = conversation.next[own].wrapping_add(advance);
        step > end + 1
    }

    /// An echo request, or its reply (RFC 792, RFC 4443).
    fn ping(&self, path: &Path, step: u32, time: u64, frame: &mut FrameBuffer) {
        const LENGTH: usize = 56;
        let v4 = path.source.is_v4();
        let kind = match (v4, step.is_multiple_of(2)) {
            (true, true) => 8,
            (true, false) => 0,
            (false, true) => 128,
            (false, false) => 129,
        };
        let protocol = if v4 { ICMP } else { ICMPV6 };
        path.write(frame, time, protocol, step as u16, 8 + LENGTH);
        let mut header = [kind, 0, 0, 0, 0, 7, 0, (step / 2) as u8];
        let pseudo = if v4 { 0 } else { pseudo_sum(path.source, path.target, ICMPV6, 8 + LENGTH) };
        let checksum = !fold(pseudo + sum(&header) + self.data.sum(LENGTH));
        put(&mut header, 2, checksum);
        frame.data.extend_from_slice(&header);
        frame.data.extend_from_slice(self.data.octets.get(..LENGTH).unwrap_or_default());
        frame.finish();
    }
}

impl Traffic for Conversations {
    fn next(&mut self, frame: &mut FrameBuffer) -> bool {
        let Some(time) = self.pace.next(&mut self.rng) else { return false };
        let begun = (1 + self.count / RAMP).min(self.conversations.len() as u64);
        self.count += 1;
        let index = self.rng.below(begun) as usize;
        let draw = self.rng.next_u64();
        let Some(mut conversation) = self.conversations.get(index).cloned() else { return false };
        if self.write(&mut conversation, draw, time, frame) {
            conversation.begin(&mut self.rng);
        }
        if let Some(place) = self.conversations.get_mut(index) {
            *place = conversation;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Scenario, TrafficModel};
    use std::collections::HashSet;

    #[test]
    fn ten_thousand_conversations_have_six_thousand_hosts_in_each_tick() {
        let mut part = Part::new(TrafficModel::BenchConversations, 0.0, 3.0);
        part.params.rate = Some(100_000.0);
        let mut source = Scenario::new(1, vec![part]).source();
        let (mut count, mut octets, mut v6, mut hosts) = (0u64, 0u64, 0u64, HashSet::new());
        while let Some(frame) = source.next_frame() {
            count += 1;
            octets += u64::from(frame.wire_len);
            let is_v6 = frame.data[12..14] == [0x86, 0xdd];
            v6 += u64::from(is_v6);
            // The last tick.
            if count > 290_000 {
                let (from, length) = if is_v6 { (22, 16) } else { (26, 4) };
                hosts.insert(frame.data[from..from + length].to_vec());
                hosts.insert(frame.data[from + length..from + 2 * length].to_vec());
            }
        }
        assert_eq!(count, 300_000);
        assert!((640..720).contains(&(octets / count)), "{} octets", octets / count);
        assert!((5_500..6_800).contains(&hosts.len()), "{} hosts", hosts.len());
        assert!((8..=12).contains(&(v6 * 100 / count)), "{v6} of IPv6");
    }
}
