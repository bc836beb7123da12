//! `ack_flood`: ACK segments that belong to no connection.
//!
//! On a connection both ends send, and where only one direction is captured the numbers of its segments advance. The
//! segments of a flood get no answer, or a RST (RFC 9293 §3.5.2), and often use each flow once.

use super::exceeded::LEAST_BURST;
use super::quantities::{self, ACKS};
use super::settings::Limits;
use super::shape;
use super::{Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Quantity, Setting};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "ack_flood",
    vectors: &[Vector::AckFlood],
    summary: "TCP ACKs, with or without data, of connections on which the host is silent",
    settings: &[PACKETS],
    needs: &[Need::exceeded(Gauge::Acks, &[PACKETS], LEAST_BURST)],
    thresholds: &[],
    claims: &[],
    yields_to: &[Claim::FlagMixture, Claim::MiddleboxReplies],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| Box::new(AckFlood { limit: settings.limit(&PACKETS) }),
};

const PACKETS: Setting = Setting {
    key: "packets_per_second",
    default: 2000.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "ACK segments per second that belong to no connection.",
    learns: Some(Quantity::UnmatchedAcks),
};

struct AckFlood {
    limit: Limits,
}

impl Detector for AckFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

impl AckFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let exceeded = host.exceeds_despite(
            limit,
            |span| quantities::unsolicited(host, span, ACKS),
            |span| quantities::excused(host, window, span, ACKS),
        )?;
        let profile = host.profile(ACKS);
        if host.is_excused(&exceeded, shape::SCAN, profile.is_port_scan()) {
            return None;
        }
        let mut finding = Finding::new(host, Vector::AckFlood, ACKS).graded_by(&exceeded);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let resets = host.reverse(Span::Second).of(Class::TcpRst).packets;
        let answer = format!("; {resets} RSTs in the reverse direction in the last second");
        finding.evidence = vec![
            exceeded.evidence(
                "unmatched_ack_per_second",
                &format!("ACK/s without a connection {}", host.to_or_from()),
                &answer,
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
