//! `udp_flood` and, for UDP port 443, `quic_flood`: unsolicited UDP.
//!
//! UDP has no handshake, so the shape decides which limit applies. Packets that each begin a flow which gets no answer are a
//! flood already at a modest rate; a few steady one-way streams (video, logs) only at a rate that no such service reaches.
//! Replies of amplifiers are counted by `amplification` where they are one, valid DNS queries by `dns_query_flood`.
//!
//! Servers also answer spoofed senders (QUIC its Initials, RFC 9000 §8.1; a game server the questions about it). Clients
//! send more than one packet, so a new sender for each packet is a flood whether it is answered or not.

use super::exceeded::Exceeded;
use super::limit::Limit;
use super::quantities::{self, UDP as UDP_CLASSES};
use super::reply_shape::{self, ReplyShape};
use super::settings::{Limits, Settings};
use super::shape::{self, SampleProfile};
use super::{
    Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Quantity, Setting, Threshold,
};
use crate::base::{Networks, Vector};
use crate::inventory::Site;
use crate::meter::{HostDirection, ServiceTraffic, Span, Window};
use crate::packet::Class;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) const UDP: DetectorSpec = DetectorSpec {
    name: "udp_flood",
    vectors: &[Vector::UdpFlood],
    summary: "UDP that gets no answer: constantly changing sources or ports, or very many packets in few flows",
    settings: &[LEARNED_SPREAD, LEARNED_STEADY],
    needs: &[Need::lasting(Gauge::Udp, &[LEARNED_SPREAD, LEARNED_STEADY], SUSTAINED_FRACTION.value)],
    thresholds: THRESHOLDS,
    claims: &[],
    yields_to: &[Claim::ReflectedUdp, Claim::SipRequests],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, site| build(settings, site, (LEARNED_SPREAD, LEARNED_STEADY), false),
};

pub(super) const QUIC: DetectorSpec = DetectorSpec {
    name: "quic_flood",
    vectors: &[Vector::QuicFlood],
    summary: "UDP port 443 that gets no answer, or with a new source in each packet",
    settings: &[SPREAD, STEADY],
    needs: &[Need::lasting(Gauge::Quic, &[SPREAD, STEADY], SUSTAINED_FRACTION.value)],
    thresholds: THRESHOLDS,
    claims: &[],
    yields_to: &[Claim::ReflectedUdp],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, site| build(settings, site, (SPREAD, STEADY), true),
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

const THRESHOLDS: &[Threshold] =
    &[SUSTAINED_FRACTION, SINGLE_SHARE, SINGLE_SOURCES, SINGLE_FACTOR, SERVER_PORTS, SCAN_PROBE];

const SUSTAINED_FRACTION: Threshold = Threshold {
    name: "sustained fraction",
    value: 0.1,
    unit: "times the limit",
    reason: "ten seconds of constantly changing sources without an answer are unmistakable",
    guarded_by: "udp_flood_slow",
};
const SINGLE_SHARE: Threshold = Threshold {
    name: "flows of one packet",
    value: 0.7,
    unit: "share of flows that are answered",
    reason: "of honest clients that arrive at once, most have sent again within the second",
    guarded_by: "http3_site",
};
const SINGLE_SOURCES: Threshold = Threshold {
    name: "sources of single packets",
    value: 0.5,
    unit: "distinct sources per flow of one packet",
    reason: "resolvers, pollers and gateways ask again from the same address",
    guarded_by: "server_browser",
};
const SINGLE_FACTOR: Threshold = Threshold {
    name: "answered questions' factor",
    value: 2.0,
    unit: "times the limit",
    reason: "other services than QUIC have clients that ask once",
    guarded_by: "game_queries",
};
const SERVER_PORTS: Threshold = Threshold {
    name: "source ports of an outbound flood",
    value: 0.5,
    unit: "source ports per sample",
    reason: "what a server sends leaves from one port, to many; a flood of many victims draws its ports",
    guarded_by: "udp_answers_one_way",
};
const SCAN_PROBE: Threshold = Threshold {
    name: "scan probe",
    value: 150.0,
    unit: "octets per frame on average",
    reason: "scanners send empty datagrams or short questions; a flood of random ports has payload",
    guarded_by: "udp_flood_single_source",
};

fn build(settings: &Settings, site: &Site, (spread, steady): (Setting, Setting), quic: bool) -> Box<dyn Detector> {
    let (spread, steady) = (settings.limit(&spread), settings.limit(&steady));
    let (vector, classes): (_, &'static [Class]) = match quic {
        true => (Vector::QuicFlood, &[Class::Quic]),
        false => (Vector::UdpFlood, UDP_CLASSES),
    };
    Box::new(UdpFlood { spread, steady, quic, vector, classes, networks: Arc::clone(&site.networks) })
}

struct UdpFlood {
    spread: Limits,
    steady: Limits,
    quic: bool,
    vector: Vector,
    classes: &'static [Class],
    networks: Arc<Networks>,
}

impl Detector for UdpFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

impl UdpFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let (classes, quic) = (self.classes, self.quic);
        let (spread_limit, steady_limit) = (host.limit(&self.spread), host.limit(&self.steady));
        // The sustained rule needs half of its limit in the last second; everything else needs more. Most hosts end here.
        let lowest = spread_limit.unlearned.min(steady_limit.unlearned) * SUSTAINED_FRACTION.value / 2.0;
        if (host.forward(Span::Second).of_all(classes).packets as f64) < lowest {
            return None;
        }
        let profile = host.profile(classes);
        let (exceeded, shape) = self.exceeded(host, window, spread_limit, steady_limit)?;
        let of_a_server = host.is_outbound() && is_of_a_server(host, &profile, classes);
        if host.is_excused(&exceeded, "they leave from few ports to many hosts: what a server sends", of_a_server) {
            return None;
        }
        if host.is_excused(&exceeded, shape::SCAN, profile.is_port_scan() && is_of_probes(host, classes)) {
            return None;
        }
        let mut finding = Finding::new(host, self.vector, classes).graded_by(&exceeded);
        if exceeded.span == Span::TenSeconds {
            finding.since = host.onset_in_ten_seconds(|counts| counts.verdicts(classes).unsolicited_at_first());
        }
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let answers = host.reverse(Span::Second).of_all(classes).packets;
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

    /// The rule that is exceeded, and the shape that it asks for in words.
    fn exceeded(
        &self,
        host: &HostContext<'_>,
        window: &Window<'_>,
        spread: Limit,
        steady: Limit,
    ) -> Option<(Exceeded, &'static str)> {
        let classes = self.classes;
        let unanswered = |span: Span| quantities::unsolicited(host, span, classes);
        let replies = |shape: ReplyShape| move |span: Span| self.replies(host, window, shape, span);
        let is_tunnel = shape::is_tunnel(&host.profile(classes));
        // Where only one direction is captured, no flow is answered.
        let shows_answers = window.shows_both_ends() || !quantities::is_silent(host);
        let flows = quantities::unanswered_flows(host, Span::Second, classes) as f64;
        if quantities::is_of_new_flows(host, Span::Second, classes) || shows_answers && flows >= spread.value {
            // Tunnels carry many flows of their own; no tunnel begins one with each packet.
            let limit = if is_tunnel { spread.at_ceiling() } else { spread };
            let by_volume = |span: Span| quantities::excused_by_volume(host, span, classes);
            if let Some(exceeded) = host.exceeds_despite(limit, unanswered, by_volume) {
                return Some((exceeded, "in very many new flows"));
            }
            if !is_tunnel && let Some(exceeded) = sustained(host, spread, unanswered) {
                return Some((exceeded, "nearly every packet from a new source for ten seconds"));
            }
        }
        if let Some(exceeded) = host.exceeds(spread, replies(ReplyShape::Few)) {
            return Some((exceeded, "small replies of services to no request"));
        }
        let one_way = |span: Span| quantities::one_way(host, span, classes) + replies(ReplyShape::Unseen)(span);
        if let Some(exceeded) = host.exceeds(steady, one_way) {
            return Some((exceeded, "in few flows"));
        }
        // No baseline learns these packets.
        let limit = spread.without_learning().times(if self.quic { 1.0 } else { SINGLE_FACTOR.value });
        let exceeded = self.single_packets(host, limit)?;
        Some((exceeded, "nearly every packet from a new source"))
    }

    /// Replies of services that amplify whose shape is not that of a reflection: `amplification` does not report them.
    fn replies(&self, host: &HostContext<'_>, window: &Window<'_>, shape: ReplyShape, span: Span) -> u64 {
        if self.quic || host.is_outbound() {
            return 0;
        }
        let second = host.services(Span::Second);
        let has_shape = |service: &ServiceTraffic| {
            let whole = second.iter().find(|known| known.service == service.service);
            whole.is_some_and(|service| reply_shape::of(host, window, service, &self.networks) == shape)
        };
        host.services(span).iter().filter(|service| has_shape(service)).map(quantities::unrequested_replies).sum()
    }

    /// Questions of constantly changing senders, whether answered or not.
    fn single_packets(&self, host: &HostContext<'_>, limit: Limit) -> Option<Exceeded> {
        if host.is_outbound() {
            return None;
        }
        let single = |span: Span| quantities::single_questions(host, span, self.classes);
        let second = single(Span::Second);
        let answered = host.forward(Span::Second).verdicts(self.classes).answered;
        // Clients of other services than QUIC may need the whole second to continue.
        let count = |span: Span| if span == Span::Second || self.quic { single(span) } else { 0 };
        let exceeded = host.exceeds(limit, count)?;
        let ever_new = SINGLE_SHARE.is_reached_by(second, answered)
            && host.distinct_peers() >= SINGLE_SOURCES.value * second as f64;
        (!host.is_silent_because("most senders continue after the answer, or ask again", !ever_new)).then_some(exceeded)
    }
}

/// Whether what the host sends to many may be the answers of a server, of which only this direction is captured.
fn is_of_a_server(host: &HostDirection<'_>, profile: &SampleProfile, classes: &[Class]) -> bool {
    let ports: BTreeSet<u16> = host.samples(classes).map(|sample| sample.source_port).collect();
    !profile.is_concentrated() && !SERVER_PORTS.is_reached_by(ports.len() as u64, profile.samples as u64)
}

/// Whether the datagrams are as short as those of scanners.
fn is_of_probes(host: &HostDirection<'_>, classes: &[Class]) -> bool {
    let count = host.forward(Span::Second).of_all(classes);
    (count.bytes as f64) < SCAN_PROBE.value * count.packets as f64
}

/// Ten seconds in which nearly every packet had a new source. Services with many senders (log collectors, telemetry) hear
/// the same ones again within that time.
fn sustained(host: &HostDirection<'_>, spread: Limit, unanswered: impl Fn(Span) -> u64) -> Option<Exceeded> {
    let span = Span::TenSeconds;
    let limit = spread.lasting(SUSTAINED_FRACTION.value);
    let (ten, second) = (unanswered(span), unanswered(Span::Second));
    let enough = ten as f64 >= limit.value * span.seconds();
    let lasting = second as f64 >= limit.value / 2.0;
    (enough && lasting && shape::is_steadily_spread(host, ten)).then_some(Exceeded {
        rate: ten as f64 / span.seconds(),
        limit,
        span,
    })
}
