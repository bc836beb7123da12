//! `gre_flood` and `ip_proto_flood`: IP that is neither TCP, UDP nor ICMP.
//!
//! A host uses such protocols with few others, and mostly in both directions: tunnels, routing, SCTP. Where very many
//! sources send and get no answer it is a flood. Few one-way senders are what traffic scrubbing centres and mirror ports
//! (ERSPAN) look like, so they have a limit that only a very strong flood reaches. Routing protocols use multicast groups,
//! which are no targets.

use super::exceeded::LEAST_BURST;
use super::quantities;
use super::settings::{Limits, Settings};
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const GRE: DetectorSpec = DetectorSpec {
    name: "gre_flood",
    vectors: &[Vector::GreFlood],
    summary: "GRE that gets no answer: from very many sources, or very much from few",
    settings: &[SCATTERED, STEADY],
    needs: &[Need::exceeded(Gauge::Gre, &[SCATTERED, STEADY], LEAST_BURST)],
    thresholds: &[TUNNEL_SHARE, TUNNEL_FACTOR],
    claims: &[],
    yields_to: &[],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| build(settings, Vector::GreFlood, &[Class::Gre]),
};

pub(super) const OTHER: DetectorSpec = DetectorSpec {
    name: "ip_proto_flood",
    vectors: &[Vector::IpProtoFlood],
    summary: "other IP protocols that get no answer: from very many sources, or very much from few",
    needs: &[Need::exceeded(Gauge::OtherProtocols, &[SCATTERED, STEADY], LEAST_BURST)],
    build: |settings, _| build(settings, Vector::IpProtoFlood, &[Class::IpOther, Class::IpTunnel]),
    ..GRE
};

const SCATTERED: Setting = Setting {
    key: "packets_per_second",
    default: 500.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unanswered packets per second from very many sources.",
    learns: None,
};
const STEADY: Setting = Setting {
    key: "steady_packets_per_second",
    default: 10000.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unanswered packets per second from few sources; ten times as many of a tunnel.",
    learns: None,
};

const TUNNEL_SHARE: Threshold = Threshold {
    name: "tunnel share",
    value: 0.5,
    unit: "share of packets",
    reason: "most of the packets are of a tunnel protocol (GRE, IP in IP, ESP)",
    guarded_by: "gre_one_way",
};
const TUNNEL_FACTOR: Threshold = Threshold {
    name: "tunnel factor",
    value: 10.0,
    unit: "times the limit",
    reason: "a scrubbing centre delivers a whole network's traffic through one-way tunnels",
    guarded_by: "gre_one_way",
};

const TUNNELS: &[Class] = &[Class::Gre, Class::IpTunnel];

fn build(settings: &Settings, vector: Vector, classes: &'static [Class]) -> Box<dyn Detector> {
    let (scattered, steady) = (settings.limit(&SCATTERED), settings.limit(&STEADY));
    Box::new(ProtocolFlood { scattered, steady, vector, classes })
}

struct ProtocolFlood {
    scattered: Limits,
    steady: Limits,
    vector: Vector,
    classes: &'static [Class],
}

impl Detector for ProtocolFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl ProtocolFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let classes = self.classes;
        let packets = host.forward(Span::Second).of_all(classes).packets;
        let (scattered, steady) = (host.limit(&self.scattered), host.limit(&self.steady));
        if (packets as f64) < scattered.value.min(steady.value).min(LEAST_BURST) {
            return None;
        }
        let profile = host.profile(classes);
        let limit = if profile.is_scattered() {
            scattered
        } else if TUNNEL_SHARE.is_reached_by(host.forward(Span::Second).of_all(TUNNELS).packets, packets) {
            steady.times(TUNNEL_FACTOR.value)
        } else {
            steady
        };
        let unanswered = |span: Span| quantities::one_way(host, span, classes);
        let exceeded = host.exceeds(limit, unanswered)?;
        let mut finding = Finding::new(host, self.vector, classes).graded_by(&exceeded);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let answers = host.reverse(Span::Second).of_all(classes).packets;
        let name = if self.vector == Vector::GreFlood { "GRE packets" } else { "packets of other IP protocols" };
        finding.evidence = vec![
            exceeded.evidence(
                "unanswered_packets_per_second",
                &format!("unanswered {name}/s {}", host.to_or_from()),
                &format!("; {answers} answers in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
