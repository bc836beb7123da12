//! Floods and scans as the tools send them: hping3, nping, Mirai's descendants, nmap, ZMap. Rates are attack packets
//! per second; responses of the victim are additional.

use super::frames::{
    ACK, Body, CWR, ECE, FIN, PSH, Plan, RST, SYN, Tcp, TcpOptions, URG, Way, address_hash, round_trip,
};
use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use crate::base::Addr;

type Built = (Box<dyn Model>, Pacing);

/// The packets of a flood.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// hping3 -S: 40-octet packets, TTL 64, window 512, counting source ports.
    Syn,
    /// Mirai: 60-octet SYN with the options of Linux, random TTL and window.
    SynOptions,
    /// As `Syn`; the victim answers.
    SynAnswered,
    /// As `Syn`, with ECE and CWR.
    SynEcn,
    SynAck,
    Ack,
    Rst,
    Fin,
    Null,
    Xmas,
    /// Random combinations of the six flags.
    Mixed,
    /// land.c: SYN from the victim's own address and port.
    Land,
    Udp,
    /// Initials of 1200 octets that do not lead to a connection.
    Quic,
    /// The same; the victim answers each.
    QuicAnswered,
    Echo,
    EchoAnswered,
    /// thc-ipv6 denial6: echo requests behind extension headers.
    HiddenEcho,
    /// Echo replies of the hosts of a broadcast domain to the victim of a smurf attack.
    Replies,
    /// The echo requests that trigger them: to all nodes, with the victim as spoofed source.
    ToAllNodes,
    Fragments,
    /// Mirai's GREIP and GREETH in turn.
    Gre,
    /// T50: its protocols in turn.
    Protocols,
    /// nmap -sS: one source over all ports in random order.
    Ports,
    /// ZMap: one port over all hosts of a network.
    Hosts,
}

struct Flood {
    setting: Setting,
    kind: Kind,
    count: u64,
    /// Drawn once: source port, identifier, order of ports.
    base: u16,
}

fn flood(setting: &Setting, kind: Kind) -> Built {
    (Box::new(Flood { setting: setting.clone(), kind, count: 0, base: 0 }), Pacing::Rate(setting.rate))
}

pub(crate) fn syn(setting: &Setting) -> Built {
    flood(setting, Kind::Syn)
}

pub(crate) fn syn_options(setting: &Setting) -> Built {
    flood(setting, Kind::SynOptions)
}

pub(crate) fn syn_answered(setting: &Setting) -> Built {
    flood(setting, Kind::SynAnswered)
}

pub(crate) fn ack(setting: &Setting) -> Built {
    flood(setting, Kind::Ack)
}

pub(crate) fn syn_ecn(setting: &Setting) -> Built {
    flood(setting, Kind::SynEcn)
}

pub(crate) fn syn_ack(setting: &Setting) -> Built {
    flood(setting, Kind::SynAck)
}

pub(crate) fn fin(setting: &Setting) -> Built {
    flood(setting, Kind::Fin)
}

pub(crate) fn null(setting: &Setting) -> Built {
    flood(setting, Kind::Null)
}

pub(crate) fn xmas(setting: &Setting) -> Built {
    flood(setting, Kind::Xmas)
}

pub(crate) fn mixed(setting: &Setting) -> Built {
    flood(setting, Kind::Mixed)
}

pub(crate) fn land(setting: &Setting) -> Built {
    flood(setting, Kind::Land)
}

pub(crate) fn quic(setting: &Setting) -> Built {
    flood(setting, Kind::Quic)
}

pub(crate) fn quic_answered(setting: &Setting) -> Built {
    flood(setting, Kind::QuicAnswered)
}

pub(crate) fn hidden_echo(setting: &Setting) -> Built {
    flood(setting, Kind::HiddenEcho)
}

pub(crate) fn replies(setting: &Setting) -> Built {
    flood(setting, Kind::Replies)
}

pub(crate) fn to_all_nodes(setting: &Setting) -> Built {
    flood(setting, Kind::ToAllNodes)
}

pub(crate) fn gre(setting: &Setting) -> Built {
    flood(setting, Kind::Gre)
}

pub(crate) fn protocols(setting: &Setting) -> Built {
    flood(setting, Kind::Protocols)
}

pub(crate) fn rst(setting: &Setting) -> Built {
    flood(setting, Kind::Rst)
}

pub(crate) fn udp(setting: &Setting) -> Built {
    flood(setting, Kind::Udp)
}

pub(crate) fn echo(setting: &Setting) -> Built {
    flood(setting, Kind::Echo)
}

pub(crate) fn echo_answered(setting: &Setting) -> Built {
    flood(setting, Kind::EchoAnswered)
}

pub(crate) fn fragments(setting: &Setting) -> Built {
    flood(setting, Kind::Fragments)
}

pub(crate) fn port_scan(setting: &Setting) -> Built {
    flood(setting, Kind::Ports)
}

pub(crate) fn host_sweep(setting: &Setting) -> Built {
    flood(setting, Kind::Hosts)
}

/// Response time of an inside host, in nanoseconds.
const TURNAROUND: u64 = 60_000;
/// The first three retransmissions of a SYN-ACK by Linux (tcp_synack_retries), in seconds after the first.
const RETRANSMISSIONS: [u64; 3] = [1, 3, 7];

impl Flood {
    /// The host whose distance the TTL reflects: sources that change with every packet all belong to one attacker.
    fn distance(&self, source: Addr) -> Addr {
        if self.setting.sources.count == 0 { self.setting.target() } else { source }
    }

    fn tcp(&self, source: Addr, target: Addr, schedule: &mut Schedule) -> Plan {
        let Setting { way, port, .. } = self.setting;
        let rng = &mut schedule.rng;
        let mut tcp = Tcp {
            source_port: 1024 + self.base.wrapping_add(self.count as u16) % 64_512,
            target_port: if port == 0 { rng.between(1, 65_535) as u16 } else { port },
            sequence: rng.next_u32(),
            acknowledged: 0,
            flags: SYN,
            window: 512,
            options: TcpOptions::None,
        };
        let mut initial = 64;
        let mut id = None;
        match self.kind {
            Kind::SynOptions => {
                tcp.source_port = rng.next_u16().max(1024);
                tcp.window = rng.next_u16();
                let mss = 1400 + rng.below(16) as u16;
                tcp.options = TcpOptions::Linux { mss, value: rng.next_u32(), echo: 0 };
                initial = rng.between(64, 255) as u8;
            }
            Kind::SynEcn => tcp.flags = SYN | ECE | CWR,
            Kind::SynAck => {
                tcp.flags = SYN | ACK;
                tcp.source_port = rng.between(1024, 65_535) as u16;
                tcp.acknowledged = rng.next_u32();
            }
            Kind::Fin => tcp.flags = FIN,
            Kind::Null => tcp.flags = 0,
            Kind::Xmas => tcp.flags = FIN | PSH | URG,
            Kind::Mixed => {
                tcp.flags = rng.next_u16() as u8 & (FIN | SYN | RST | PSH | ACK | URG);
                tcp.acknowledged = rng.next_u32();
            }
            Kind::Land => {
                tcp.source_port = tcp.target_port;
                initial = 255;
            }
            Kind::Ack => {
                tcp.flags = ACK;
                tcp.acknowledged = rng.next_u32();
            }
            Kind::Rst => {
                tcp.flags = RST;
                tcp.window = 0;
            }
            Kind::Ports => {
                // An odd step visits all ports; the tool keeps its source port.
                tcp.target_port = (self.count as u16).wrapping_mul(40_503).wrapping_add(self.base);
                tcp.source_port = 33_000 | self.base;
                tcp.window = 1024;
                tcp.options = TcpOptions::Mss(1460);
                initial = rng.between(50, 70) as u8;
            }
            Kind::Hosts => {
                tcp.source_port = rng.port();
                tcp.window = 65_535;
                initial = 255;
                id = Some(54_321);
            }
            _ => {}
        }
        let plan = Plan::new(way, source, target, Body::Tcp(tcp)).raw(initial, self.distance(source));
        Plan { id, ..plan.with_payload(Payload::Letters, self.setting.payload) }
    }

    /// The victim's SYN-ACKs to a SYN, and the reaction: most spoofed addresses are silent and the victim retransmits;
    /// one host in ten exists and sends a reset.
    fn answer_syn(now: u64, plan: &Plan, schedule: &mut Schedule) {
        let Body::Tcp(syn) = plan.body else { return };
        let source = plan.source;
        let answer = Tcp {
            source_port: syn.target_port,
            target_port: syn.source_port,
            sequence: schedule.rng.next_u32(),
            acknowledged: syn.sequence.wrapping_add(1),
            flags: SYN | ACK,
            window: 64_240,
            options: TcpOptions::Mss(1460),
        };
        let reset = Tcp { sequence: answer.acknowledged, flags: RST, window: 0, ..syn };
        let reset = Plan::new(plan.way, source, plan.target, Body::Tcp(reset));
        let answer = Plan::new(plan.way.reverse(), plan.target, source, Body::Tcp(answer));
        schedule.send(now + TURNAROUND, answer);
        if address_hash(source) >> 16 & 0xff < 26 {
            schedule.send(now + TURNAROUND + round_trip(source), reset);
        } else {
            for seconds in RETRANSMISSIONS {
                schedule.send(now + TURNAROUND + seconds * 1_000_000_000, answer);
            }
        }
    }

    /// Datagrams of three fragments with 1480, 1480 and 1032 octets; only the first fragment has ports.
    fn fragment(&self, source: Addr, target: Addr, rng: &mut super::rng::Rng) -> Plan {
        let number = self.count / 3;
        let (offset, length, more) = match self.count % 3 {
            0 => (0, 1472, true),
            1 => (1480, 1480, true),
            _ => (2960, 1040, false),
        };
        let target_port = if self.setting.port == 0 { rng.next_u16() } else { self.setting.port };
        let body = Body::LoneFragment { source_port: rng.next_u16(), target_port, offset, more };
        let plan = Plan::new(self.setting.way, source, target, body).raw(64, self.distance(source));
        Plan { id: Some(number as u16), ..plan.with_payload(Payload::Random, length) }
    }
}

impl Model for Flood {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        if self.count == 0 {
            self.base = schedule.rng.next_u16();
        }
        let Setting { sources, targets, way, port, payload, .. } = &self.setting;
        let rng = &mut schedule.rng;
        let source = match self.kind {
            // The fragments of a datagram share their source.
            Kind::Fragments => {
                sources.nth(if sources.count == 0 { self.count / 3 } else { self.count / 3 % sources.count })
            }
            _ => sources.pick(rng),
        };
        let victim = self.setting.target();
        let source = if matches!(self.kind, Kind::Land | Kind::ToAllNodes) { victim } else { source };
        let target = if self.kind == Kind::Hosts { targets.nth(self.count) } else { targets.pick(rng) };
        let plan = match self.kind {
            Kind::Udp => {
                let target_port = if *port == 0 { rng.between(1, 65_535) as u16 } else { *port };
                let body = Body::Udp { source_port: rng.between(1024, 65_535) as u16, target_port };
                Plan::new(*way, source, target, body)
                    .raw(64, self.distance(source))
                    .with_payload(Payload::Random, *payload)
            }
            Kind::Echo | Kind::EchoAnswered => {
                let body = Body::Echo { reply: false, identifier: self.base, sequence: self.count as u16 };
                Plan::new(*way, source, target, body)
                    .raw(64, self.distance(source))
                    .with_payload(Payload::Ping, *payload)
            }
            Kind::Quic | Kind::QuicAnswered => {
                let body = Body::Udp { source_port: rng.between(1024, 65_535) as u16, target_port: *port };
                let plan = Plan::new(*way, source, target, body).raw(64, self.distance(source));
                plan.with_payload(Payload::QuicInitial, *payload)
            }
            Kind::HiddenEcho => {
                // Case 5 of the tool is one authentication header; the other cases are many headers of one kind.
                let (header, headers) = [(51, 1), (44, 12), (0, 1), (60, 9)][self.count as usize % 4];
                let body = Body::HiddenEcho { header, headers, sequence: self.count as u16 };
                Plan::new(*way, source, target, body)
                    .raw(255, self.distance(source))
                    .with_payload(Payload::Ping, *payload)
            }
            Kind::Replies => {
                let body = Body::Echo { reply: true, identifier: self.base, sequence: (self.count / 200) as u16 };
                Plan::new(*way, source, target, body).with_payload(Payload::Letters, *payload)
            }
            Kind::ToAllNodes => {
                // ff02::1 (RFC 4291 §2.7.1), or the limited broadcast (RFC 919).
                let all =
                    if victim.is_v4() { Addr::from_v4_bits(u32::MAX) } else { Addr::from_v6_bits(0xff02 << 112 | 1) };
                let body = Body::Echo { reply: false, identifier: 0xface, sequence: self.count as u16 };
                let plan = Plan::new(*way, source, all, body);
                Plan { ttl: 255, ..plan.with_payload(Payload::Letters, *payload) }
            }
            Kind::Gre => {
                let kind = if self.count.is_multiple_of(2) { Payload::GreIp } else { Payload::GreEthernet };
                // GRE, Ethernet, IPv4 and UDP header around the tool's 512 octets.
                let headers = if kind == Payload::GreIp { 32 } else { 46 };
                let plan = Plan::new(*way, source, target, Body::Raw(47)).raw(64, self.distance(source));
                plan.with_payload(kind, headers + payload)
            }
            Kind::Protocols => {
                // IGMP, EGP, DCCP, RSVP, EIGRP, OSPF
                let protocol = [2, 8, 33, 46, 88, 89][self.count as usize % 6];
                let plan = Plan::new(*way, source, target, Body::Raw(protocol)).raw(255, self.distance(source));
                let igmp = protocol == 2;
                plan.with_payload(if igmp { Payload::Igmp } else { Payload::Random }, if igmp { 8 } else { *payload })
            }
            Kind::Fragments => self.fragment(source, target, rng),
            _ => self.tcp(source, target, schedule),
        };
        schedule.send(now, plan);
        match (self.kind, plan.body) {
            (Kind::SynAnswered, _) => Flood::answer_syn(now, &plan, schedule),
            (Kind::QuicAnswered, Body::Udp { source_port, target_port }) => {
                // Initial and Handshake in full datagrams (RFC 9000 §8.1: at most three times the received octets).
                for number in 0..2 {
                    let (near, far) = ((target, target_port), (source, source_port));
                    let answer = Plan::udp(plan.way.reverse(), near, far, Payload::QuicInitial, 1_200);
                    schedule.send(now + TURNAROUND + number * 2_000, answer);
                }
            }
            (Kind::EchoAnswered, Body::Echo { identifier, sequence, .. }) => {
                let body = Body::Echo { reply: true, identifier, sequence };
                let reply = Plan::new(plan.way.reverse(), target, source, body).with_payload(Payload::Ping, *payload);
                let delay = if *way == Way::Inward { TURNAROUND } else { round_trip(target) };
                schedule.send(now + delay, reply);
            }
            _ => {}
        }
        self.count += 1;
    }
}
