//! `udp_flood` and, for UDP port 443, `quic_flood`: one-way UDP.
//!
//! UDP has no handshake, so the shape decides which limit applies. Constantly changing sources or ports that get no answer
//! are a flood already at a modest rate; a few steady one-way flows (a video stream, a log shipper) only at a rate that no
//! such service reaches. Replies of amplifiers are counted by `amplification`, valid DNS queries by `dns_query_flood`.
//!
//! A QUIC server answers Initials (RFC 9000 §8.1), spoofed ones too. Its clients send more than one packet, so a new source
//! for each packet is a flood whether it is answered or not.

use super::exceeded::{self, Exceeded};
use super::limit::Limit;
use super::quantities::{self, UDP as UDP_CLASSES};
use super::settings::{Limits, Settings};
use super::shape::{self, SampleProfile};
use super::{Claim, Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Quantity, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{HostDirection, Sample, Span, Window};
use crate::packet::{Class, Service};

pub(super) const UDP: DetectorSpec = DetectorSpec {
    name: "udp_flood",
    vectors: &[Vector::UdpFlood],
    summary: "UDP that gets no answer: constantly changing sources or ports, or very many packets in few flows",
    settings: &[LEARNED_SPREAD, LEARNED_STEADY],
    inspects_hosts: true,
    thresholds: THRESHOLDS,
    claims: &[],
    yields_to: &[Claim::ReflectedUdp, Claim::SipRequests],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| build(settings, (LEARNED_SPREAD, LEARNED_STEADY), false),
};

pub(super) const QUIC: DetectorSpec = DetectorSpec {
    name: "quic_flood",
    vectors: &[Vector::QuicFlood],
    summary: "UDP port 443 that gets no answer, or with a new source in each packet",
    settings: &[SPREAD, STEADY],
    inspects_hosts: true,
    thresholds: THRESHOLDS,
    claims: &[],
    yields_to: &[Claim::ReflectedUdp],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| build(settings, (SPREAD, STEADY), true),
};

const SPREAD: Setting = Setting {
    key: "packets_per_second",
    default: 1000.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unanswered UDP packets per second of which nearly each has its own source or ports. A tenth of it suffices over ten seconds of constantly changing sources.",
    learns: None,
};
const STEADY: Setting = Setting {
    key: "steady_packets_per_second",
    default: 30000.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unanswered UDP packets per second in few flows.",
    learns: None,
};
const LEARNED_SPREAD: Setting = Setting { learns: Some(Quantity::UnansweredUdpSpread), ..SPREAD };
const LEARNED_STEADY: Setting = Setting { learns: Some(Quantity::UnansweredUdpSteady), ..STEADY };

const THRESHOLDS: &[Threshold] = &[SUSTAINED_FRACTION, UNKNOWN_SHARE, UNKNOWN_SOURCES, CROWD_SOURCES, HARMFUL_SCAN];

const SUSTAINED_FRACTION: Threshold = Threshold {
    name: "sustained fraction",
    value: 0.1,
    unit: "times the limit",
    reason: "ten seconds of constantly changing sources without an answer are unmistakable",
    guarded_by: "udp_flood_slow",
};
const UNKNOWN_SHARE: Threshold = Threshold {
    name: "share of single packets",
    value: 0.5,
    unit: "share of all packets to the host",
    reason: "an answered QUIC flood is most of what the host receives",
    guarded_by: "quic_flood_answered",
};
const UNKNOWN_SOURCES: Threshold = Threshold {
    name: "sources of single packets",
    value: 0.6,
    unit: "distinct sources per packet",
    reason: "no client of QUIC sends just one packet",
    guarded_by: "http3_site",
};
const CROWD_SOURCES: Threshold = Threshold {
    name: "crowd of one direction",
    value: 0.25,
    unit: "distinct sources per sample",
    reason: "where only one direction is captured, the clients of a QUIC server are many, but each sends more than a packet",
    guarded_by: "http3_site_one_way",
};
const HARMFUL_SCAN: Threshold = Threshold {
    name: "harmful scan",
    value: 10.0,
    unit: "times the limit",
    reason: "a scan that fast harms by its rate alone",
    guarded_by: "udp_flood_single_source",
};

fn build(settings: &Settings, (spread, steady): (Setting, Setting), quic: bool) -> Box<dyn Detector> {
    let (spread, steady) = (settings.limit(&spread), settings.limit(&steady));
    let (vector, classes): (_, &'static [Class]) = match quic {
        true => (Vector::QuicFlood, &[Class::Quic]),
        false => (Vector::UdpFlood, UDP_CLASSES),
    };
    Box::new(UdpFlood { spread, steady, quic, vector, classes })
}

struct UdpFlood {
    spread: Limits,
    steady: Limits,
    quic: bool,
    vector: Vector,
    classes: &'static [Class],
}

impl Detector for UdpFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Most of what the host receives at all comes from a new source each: no client sends just one packet.
fn are_single_packets(host: &HostDirection<'_>, classes: &[Class]) -> bool {
    let (packets, all) = (host.forward(Span::Second).of_all(classes).packets, host.forward_packets());
    UNKNOWN_SHARE.is_reached_by(packets, all) && host.distinct_peers() >= UNKNOWN_SOURCES.value * all as f64
}

/// How many of the host's packets of a class are replies of services that amplify, by its samples.
fn amplifier_replies_among(host: &HostDirection<'_>, classes: &[Class], span: Span) -> u64 {
    let services = host.services(Span::Second);
    let is_reply = |sample: &&Sample| {
        let service = Service::of_port(sample.source_port);
        services.iter().any(|counted| Some(counted.service) == service && counted.replies.packets > 0)
    };
    let weight = |samples: &mut dyn Iterator<Item = &Sample>| samples.map(|s| u64::from(s.weight)).sum::<u64>();
    let replies = weight(&mut host.samples(classes).filter(is_reply));
    let all = weight(&mut host.samples(classes)).max(1);
    let counted = quantities::amplifier_replies(host, span);
    (host.forward(span).of_all(classes).packets.saturating_mul(replies) / all).min(counted)
}

impl UdpFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let (classes, quic) = (self.classes, self.quic);
        let (spread_limit, steady_limit) = (host.limit(&self.spread), host.limit(&self.steady));
        // The sustained rule needs half of its limit in the last second; everything else needs more. Most hosts converse
        // and end here.
        let lowest = spread_limit.value.min(steady_limit.value) * SUSTAINED_FRACTION.value / 2.0;
        if (host.forward(Span::Second).of_all(classes).packets as f64) < lowest {
            return None;
        }
        let single = quic && are_single_packets(host, classes);
        let unanswered = |span: Span| match single {
            true => host.forward(span).of_all(classes).packets,
            false => quantities::unanswered_udp(host, span, classes),
        };
        if (unanswered(Span::Second).max(unanswered(Span::Burst)) as f64) < lowest {
            return None;
        }
        // Replies of amplifiers may arrive at the port of QUIC, too.
        let amplified = |span: Span| match quic {
            true => amplifier_replies_among(host, classes, span),
            false => quantities::amplifier_replies(host, span),
        };
        let count = |span: Span| unanswered(span).saturating_sub(amplified(span));
        let profile = host.profile(classes);
        // Where only what a server sends is captured, its responses go to many. An outbound flood has few victims.
        if host.is_outbound() && host.reverse(Span::TenSeconds).packets() == 0 && !profile.is_concentrated() {
            return None;
        }
        let spread = self.is_spread(host, &profile, single);
        let (exceeded, since) = match exceeded::exceeded(if spread { spread_limit } else { steady_limit }, count) {
            Some(exceeded) => (exceeded, host.onset(shape::packets_in(host, classes))),
            None => {
                let counts = (unanswered(Span::TenSeconds), unanswered(Span::Second));
                let sustained = sustained(host, spread_limit, &profile, counts);
                let exceeded = sustained.filter(|_| amplified(Span::Second) == 0)?;
                (exceeded, shape::ten_seconds_before(window.end))
            }
        };
        if profile.is_port_scan() && exceeded.rate < spread_limit.value * HARMFUL_SCAN.value {
            return None;
        }
        let mut finding = Finding::new(host, self.vector, classes).graded(exceeded.rate, exceeded.limit.value);
        finding.since = since;
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let answers = host.reverse(Span::Second).of_all(classes).packets;
        let shape = match (spread, exceeded.span) {
            (_, Span::TenSeconds) => "nearly every packet from a new source for ten seconds",
            _ if single => "nearly every packet from a new source",
            (true, _) => "nearly every packet with its own source or ports",
            (false, _) => "in few flows",
        };
        let (measure, name) = match quic {
            true => ("quic_per_second", "packets/s of UDP port 443"),
            false => ("unanswered_udp_per_second", "unanswered UDP packets/s"),
        };
        finding.evidence = vec![
            exceeded.evidence(
                measure,
                &format!("{name} {}", host.to_or_from()),
                &format!("; {shape}, {answers} answers in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }

    /// Whether the traffic is spread over many flows, and is not of a service that does that by nature.
    fn is_spread(&self, host: &HostContext<'_>, profile: &SampleProfile, single: bool) -> bool {
        // Of prefixes the senders are only sampled.
        if !self.quic && host.hosts().is_none() {
            return shape::is_spread_udp(host, profile, self.classes);
        }
        let one_way = self.quic && !host.is_outbound() && host.reverse(Span::Second).packets() == 0;
        let crowd = one_way && !single && profile.peer_diversity >= CROWD_SOURCES.value;
        profile.many_flows() && !crowd && !shape::is_tunnel(profile)
    }
}

/// Ten seconds in which nearly every packet had a new source. Services with many senders (log collectors, telemetry) hear
/// the same ones again within that time.
fn sustained(
    host: &HostDirection<'_>,
    spread: Limit,
    profile: &SampleProfile,
    (ten, second): (u64, u64),
) -> Option<Exceeded> {
    let span = Span::TenSeconds;
    let limit = spread.times(SUSTAINED_FRACTION.value);
    let enough = ten as f64 >= limit.value * span.seconds();
    let lasting = second as f64 >= limit.value / 2.0;
    (enough && lasting && profile.many_sources() && shape::is_steadily_spread(host, ten)).then_some(Exceeded {
        rate: ten as f64 / span.seconds(),
        limit,
        span,
    })
}
