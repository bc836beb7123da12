//! `udp_flood` and, for UDP port 443, `quic_flood`: one-way UDP.
//!
//! UDP has no handshake, so the shape decides which limit counts. Ever new sources or ports that get no answer are a
//! flood already at a modest rate; a few steady one-way flows (a video stream, a log shipper) only at a rate that no
//! such service reaches. Replies of amplifiers are counted by `amplification`, valid DNS queries by
//! `dns_query_flood`.
//!
//! A QUIC server answers Initials (RFC 9000 §8.1), forged ones, too. Its clients send more than one packet, so a source for
//! each packet is a flood whether it is answered or not.

use super::baseline::Quantity;
use super::dns;
use super::shape::{self, Exceeded, SampleProfile};
use super::{
    Detector, DetectorSpec, Finding, HostContext, Setting, Settings, amplification, other_amplification,
    settings::Limit, settings::Limits,
};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::Class;

/// Both limits, and what may raise them.
const fn settings(spread: Option<Quantity>, steady: Option<Quantity>) -> [Setting; 2] {
    [
        Setting {
            key: "packets_per_second",
            default: 1000.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Unanswered UDP packets a second where nearly each has its own source or ports. A tenth of it is enough over ten seconds from ever new sources.",
            learns: spread,
        },
        Setting {
            key: "steady_packets_per_second",
            default: 30000.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Unanswered UDP packets a second in few flows.",
            learns: steady,
        },
    ]
}

pub(super) const UDP: DetectorSpec = DetectorSpec {
    name: "udp_flood",
    vectors: &[Vector::UdpFlood],
    summary: "UDP that gets no answer: ever new sources or ports, or a torrent of few flows",
    settings: &settings(Some(Quantity::UdpSpread), Some(Quantity::UdpSteady)),
    build: |settings, _| build(settings, Vector::UdpFlood, &[Class::Udp]),
};

pub(super) const QUIC: DetectorSpec = DetectorSpec {
    name: "quic_flood",
    vectors: &[Vector::QuicFlood],
    summary: "UDP port 443 that gets no answer, or from a source of its own in each packet",
    settings: &settings(None, None),
    build: |settings, _| build(settings, Vector::QuicFlood, &[Class::Quic]),
};

fn build(settings: &Settings, vector: Vector, classes: &'static [Class]) -> Box<dyn Detector> {
    Box::new(UdpFlood {
        diverse: settings.limit("packets_per_second"),
        steady: settings.limit("steady_packets_per_second"),
        vector,
        classes,
    })
}

/// Share of the limit that is enough where ten seconds make it unmistakable.
const SUSTAINED_FRACTION: f64 = 0.1;

struct UdpFlood {
    diverse: Limits,
    steady: Limits,
    vector: Vector,
    classes: &'static [Class],
}

impl Detector for UdpFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Octets of a frame on average from which on UDP is bulk data.
const BULK: u64 = 600;

/// UDP beyond what answers account for, DNS queries aside: receivers of bulk data (QUIC, tunnels) send a packet for about
/// every fourth, everyone else at least one for every second.
pub(super) fn beyond_answers(host: &HostDirection<'_>, span: Span, classes: &[Class]) -> u64 {
    let forward = host.forward(span).of_all(classes);
    let (queries, replies) = match classes.contains(&Class::Udp) {
        true => (dns::queries(host, span), dns::replies(host, span)),
        false => (0, 0),
    };
    let reverse = host.reverse(span).of_all(classes).packets.saturating_sub(replies);
    let per_answer = if forward.bytes >= BULK * forward.packets { 5 } else { 2 };
    forward.packets.saturating_sub(queries).saturating_sub(reverse.saturating_mul(per_answer))
}

fn amplified(host: &HostDirection<'_>, span: Span) -> u64 {
    host.services(span).iter().map(|service| service.replies.packets).sum()
}

/// Most of what the host receives at all is from a source of its own: nobody's clients send just one packet each.
fn all_strangers(host: &HostDirection<'_>, classes: &[Class]) -> bool {
    let (packets, all) = (host.forward(Span::Second).of_all(classes).packets, host.forward_packets());
    packets * 2 >= all && host.distinct_peers() >= 0.6 * all as f64
}

impl UdpFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let classes = self.classes;
        let (diverse_limit, steady_limit) = (host.limit(&self.diverse), host.limit(&self.steady));
        // The slow rule asks for half of a tenth of the limit in the last second; everything else for more. Most hosts
        // talk both ways and end here.
        let lowest = diverse_limit.value.min(steady_limit.value) * SUSTAINED_FRACTION / 2.0;
        let quic = self.vector == Vector::QuicFlood;
        if (host.forward(Span::Second).of_all(classes).packets as f64) < lowest {
            return None;
        }
        let strangers = quic && all_strangers(host, classes);
        let unanswered = |span: Span| match strangers {
            true => host.forward(span).of_all(classes).packets,
            false => beyond_answers(host, span, classes),
        };
        if (unanswered(Span::Second).max(unanswered(Span::Burst)) as f64) < lowest {
            return None;
        }
        // The port of QUIC may be hit by replies of amplifiers, too.
        let amplified = |span: Span| match quic {
            true => amplification::replies_among(host, classes, span),
            false => amplified(host, span),
        };
        let count = |span: Span| unanswered(span).saturating_sub(amplified(span));
        let profile = SampleProfile::of_flow(host, classes);
        // Where only one direction is captured, the clients of a QUIC server are many, too, but each sends more.
        let one_way = quic && !host.is_outbound() && host.reverse(Span::Second).packets() == 0;
        let crowd = one_way && !strangers && profile.peer_diversity >= 0.25;
        let service = is_tunnel(&profile) || (!quic && is_collector(host, &profile, classes));
        let diverse = profile.many_flows() && !crowd && !service;
        // Where only what a server sends is captured, its answers go to many. A flood that leaves has few victims.
        if host.is_outbound() && host.reverse(Span::TenSeconds).packets() == 0 && !profile.is_concentrated() {
            return None;
        }
        let (over, since) = match shape::exceeded(if diverse { diverse_limit } else { steady_limit }, count) {
            // Those are told by `other_amplification`.
            Some(_) if other_amplification::reflected(host).is_some() => return None,
            Some(over) => (over, host.onset(shape::packets_in(host, classes))),
            None => {
                let ten = unanswered(Span::TenSeconds);
                let lasting = unanswered(Span::Second);
                let slow = sustained(host, diverse_limit, &profile, (ten, lasting));
                let over = slow.filter(|_| amplified(Span::Second) == 0)?;
                (over, shape::ten_seconds_before(window.end))
            }
        };
        // One source trying ports one by one: a scan, until its rate alone does harm.
        if profile.is_port_scan() && over.rate < diverse_limit.value * 10.0 {
            return None;
        }
        let mut finding = host.finding(self.vector, classes).graded(over.rate, over.limit.value);
        finding.since = since;
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let answers = host.reverse(Span::Second).of_all(classes).packets;
        let shape = match (diverse, over.span) {
            (_, Span::TenSeconds) => "nearly each from a source of its own for ten seconds",
            _ if strangers => "nearly each from a source of its own",
            (true, _) => "nearly each with its own source or ports",
            (false, _) => "in few flows",
        };
        let (measure, name) = match quic {
            true => ("quic_per_second", "UDP packets/s of port 443"),
            false => ("unanswered_udp_per_second", "UDP packets/s"),
        };
        finding.evidence = vec![
            over.evidence(
                measure,
                &format!("{name} {}", host.whom()),
                &format!("; {shape}, {answers} answers in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}

/// Senders that each go on at a modest rate in a flow of their own: logs, telemetry and flow records, which nobody answers.
/// The samples of a second are too few to show it, so it is told by how many senders there are.
fn is_collector(host: &HostContext<'_>, profile: &SampleProfile, classes: &[Class]) -> bool {
    /// Packets of each sender in a second at least, and a second at most. Who floods sends more, or less under each name.
    const LEAST: f64 = 5.0;
    const MOST: f64 = 100.0;
    /// At the onset a burst has but one tick.
    const TICK: f64 = 0.1;
    // Of prefixes the senders are only sampled.
    if host.is_outbound() || host.hosts().is_some() || !profile.one_flow_each() {
        return false;
    }
    let each = |span: Span| host.forward(span).of_all(classes).packets as f64 / host.distinct_peers().max(1.0);
    each(Span::Second) >= LEAST && each(Span::Burst) / TICK <= MOST
}

/// Tunnels draw the source port from what they carry (RFC 7348 §5, RFC 8926 §3.3, RFC 8086 §3.2), so that each has very
/// many flows.
fn is_tunnel(profile: &SampleProfile) -> bool {
    const PORTS: [u16; 6] = [2152, 4754, 4789, 6080, 6081, 8472];
    !profile.many_sources() && profile.top_port.is_some_and(|(port, share)| PORTS.contains(&port) && share >= 0.9)
}

/// Ten seconds in which nearly every packet had a source of its own. Services with many senders (log collectors,
/// telemetry) hear the same ones again within that time.
fn sustained(
    host: &HostDirection<'_>,
    diverse: Limit,
    profile: &SampleProfile,
    (ten, second): (u64, u64),
) -> Option<Exceeded> {
    let limit = diverse.times(SUSTAINED_FRACTION);
    let enough = ten as f64 >= limit.value * Span::TenSeconds.seconds();
    let lasting = second as f64 >= limit.value / 2.0;
    (enough && lasting && profile.many_sources() && shape::steadily_spread(host, ten, 0.0)).then_some(Exceeded {
        rate: ten as f64 / 10.0,
        limit,
        span: Span::TenSeconds,
    })
}
