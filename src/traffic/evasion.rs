//! Floods of senders who know how Pegel decides: each takes the shape of traffic that some rule excuses. Rates are attack
//! packets per second; responses of the victim are additional.

use super::frames::{ACK, Body, PSH, Plan, RST, SYN, Tcp, TcpOptions};
use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use crate::base::Addr;

type Built = (Box<dyn Model>, Pacing);

#[derive(Clone, Copy)]
enum Kind {
    /// Every hundredth packet is the SYN of the flow of the 99 segments after it. The victim answers both.
    ForgedOpenings,
    /// Segments whose numbers advance as those of a transfer. The victim refuses each tenth.
    Advancing,
    /// Datagrams of which every two share a flow.
    Pairs,
    /// ICMP errors that quote datagrams which the victim never sent.
    Errors,
}

/// Packets of a flow with a forged opening.
const PER_OPENING: u64 = 100;
/// Response time of the victim, in nanoseconds.
const TURNAROUND: u64 = 60_000;
/// Octets of an ICMP error: its header, and the IP header and eight octets of what it quotes (RFC 792).
const ERROR_LENGTH: usize = 36;

struct Evasion {
    setting: Setting,
    kind: Kind,
    count: u64,
    /// The flow of the present packets: a source and its port.
    flow: (Addr, u16),
}

fn evasion(setting: &Setting, kind: Kind) -> Built {
    let flow = (setting.sources.nth(0), 1024);
    (Box::new(Evasion { setting: setting.clone(), kind, count: 0, flow }), Pacing::Rate(setting.rate))
}

pub(crate) fn forged_openings(setting: &Setting) -> Built {
    evasion(setting, Kind::ForgedOpenings)
}

pub(crate) fn advancing(setting: &Setting) -> Built {
    evasion(setting, Kind::Advancing)
}

pub(crate) fn pairs(setting: &Setting) -> Built {
    evasion(setting, Kind::Pairs)
}

pub(crate) fn errors(setting: &Setting) -> Built {
    evasion(setting, Kind::Errors)
}

impl Evasion {
    /// A new flow for every `packets` packets.
    fn next_flow(&mut self, packets: u64, schedule: &mut Schedule) {
        if self.count.is_multiple_of(packets) {
            self.flow = (self.setting.sources.pick(&mut schedule.rng), schedule.rng.port());
        }
    }

    fn segment(&self, flags: u8, sequence: u32, schedule: &mut Schedule) -> Plan {
        let tcp = Tcp {
            source_port: self.flow.1,
            target_port: self.setting.port,
            sequence,
            acknowledged: if flags & ACK == 0 { 0 } else { schedule.rng.next_u32() },
            flags,
            window: 512,
            options: TcpOptions::None,
        };
        let payload = if flags & SYN == 0 { self.setting.payload } else { 0 };
        let plan = Plan::new(self.setting.way, self.flow.0, self.setting.target(), Body::Tcp(tcp));
        plan.raw(64, self.flow.0).with_payload(Payload::Letters, payload)
    }

    /// What the victim answers to a segment of no connection, or to a SYN (RFC 9293 §3.10.7).
    fn answer(now: u64, plan: &Plan, schedule: &mut Schedule) {
        let Body::Tcp(segment) = plan.body else { return };
        let is_syn = segment.flags == SYN;
        let answer = Tcp {
            source_port: segment.target_port,
            target_port: segment.source_port,
            sequence: if is_syn { schedule.rng.next_u32() } else { segment.acknowledged },
            acknowledged: if is_syn { segment.sequence.wrapping_add(1) } else { 0 },
            flags: if is_syn { SYN | ACK } else { RST },
            window: if is_syn { 64_240 } else { 0 },
            options: if is_syn { TcpOptions::Mss(1460) } else { TcpOptions::None },
        };
        let answer = Plan::new(plan.way.reverse(), plan.target, plan.source, Body::Tcp(answer));
        schedule.send(now + TURNAROUND, answer);
    }
}

impl Model for Evasion {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let plan = match self.kind {
            Kind::ForgedOpenings => {
                self.next_flow(PER_OPENING, schedule);
                let flags = if self.count.is_multiple_of(PER_OPENING) { SYN } else { ACK | PSH };
                let plan = self.segment(flags, schedule.rng.next_u32(), schedule);
                Evasion::answer(now, &plan, schedule);
                plan
            }
            Kind::Advancing => {
                let sources = self.setting.sources.size().max(1);
                let (source, turn) = (self.count % sources, self.count / sources);
                self.flow = (self.setting.sources.nth(source), 40_000);
                let mut plan =
                    self.segment(ACK | PSH, (turn as u32).wrapping_mul(self.setting.payload as u32), schedule);
                if let Body::Tcp(tcp) = &mut plan.body {
                    tcp.acknowledged = 1;
                }
                if self.count.is_multiple_of(10) {
                    Evasion::answer(now, &plan, schedule);
                }
                plan
            }
            Kind::Pairs => {
                self.next_flow(2, schedule);
                let near = (self.setting.target(), self.setting.port);
                Plan::udp(self.setting.way, self.flow, near, Payload::Random, self.setting.payload)
            }
            Kind::Errors => {
                self.next_flow(1, schedule);
                let victim = self.setting.target();
                let plan = Plan::new(self.setting.way, self.flow.0, victim, Body::Raw(1));
                plan.with_payload(Payload::PortUnreachable(victim), ERROR_LENGTH)
            }
        };
        schedule.send(now, plan);
        self.count += 1;
    }
}
