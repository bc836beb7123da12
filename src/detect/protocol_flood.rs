//! `gre_flood` and `ip_proto_flood`: IP that is neither TCP, UDP nor ICMP.
//!
//! A host talks such protocols with few others, and mostly both ways: tunnels, routing, SCTP. Where very many send and get
//! no answer it is a flood. Few one-way senders are what traffic cleaning centres and mirror ports (ERSPAN) look like, so
//! these are judged by a rate that only a torrent reaches. Routing protocols talk to groups, which are no targets.

use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, Settings, settings::Limits};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

const SETTINGS: &[Setting] = &[
    Setting {
        key: "packets_per_second",
        default: 500.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "Unanswered packets a second from very many sources.",
        learns: None,
    },
    Setting {
        key: "steady_packets_per_second",
        default: 10000.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "Unanswered packets a second from few sources; ten times as many where they are of a tunnel.",
        learns: None,
    },
];

pub(super) const GRE: DetectorSpec = DetectorSpec {
    name: "gre_flood",
    vectors: &[Vector::GreFlood],
    summary: "GRE that gets no answer: from very many sources, or a torrent of few",
    settings: SETTINGS,
    build: |settings, _| build(settings, Vector::GreFlood, &[Class::Gre]),
};

pub(super) const OTHER: DetectorSpec = DetectorSpec {
    name: "ip_proto_flood",
    vectors: &[Vector::IpProtoFlood],
    summary: "other IP protocols that get no answer: from very many sources, or a torrent of few",
    settings: SETTINGS,
    build: |settings, _| build(settings, Vector::IpProtoFlood, &[Class::IpOther, Class::IpTunnel]),
};

const TUNNELS: &[Class] = &[Class::Gre, Class::IpTunnel];

fn build(settings: &Settings, vector: Vector, classes: &'static [Class]) -> Box<dyn Detector> {
    Box::new(ProtocolFlood {
        scattered: settings.limit("packets_per_second"),
        steady: settings.limit("steady_packets_per_second"),
        vector,
        classes,
    })
}

/// Packets that one answer may stand for: who receives a stream through a tunnel sends little.
const PER_ANSWER: u64 = 10;

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
        if (packets as f64) < scattered.value.min(steady.value).min(shape::LEAST_BURST) {
            return None;
        }
        let profile = SampleProfile::of_flow(host, classes);
        let limit = if profile.scattered() {
            scattered
        } else if host.forward(Span::Second).of_all(TUNNELS).packets * 2 >= packets {
            steady.times(10.0)
        } else {
            steady
        };
        let unanswered = |span: Span| {
            let reverse = host.reverse(span).of_all(classes).packets;
            host.forward(span).of_all(classes).packets.saturating_sub(reverse.saturating_mul(PER_ANSWER))
        };
        let over = shape::exceeded(limit, unanswered)?;
        let mut finding = host.finding(self.vector, classes).graded(over.rate, over.limit.value);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let answers = host.reverse(Span::Second).of_all(classes).packets;
        let name = if self.vector == Vector::GreFlood { "GRE" } else { "packets of other IP protocols" };
        finding.evidence = vec![
            over.evidence(
                "unanswered_packets_per_second",
                &format!("{name}/s {}", host.whom()),
                &format!("; {answers} answers in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
