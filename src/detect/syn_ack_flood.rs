//! `syn_ack_flood`: SYN-ACKs to a host that opened no connections.
//!
//! A SYN-ACK answers a SYN with the same addresses and ports (RFC 9293 §3.5); any other is unsolicited. SYN-ACKs of real
//! servers that answer spoofed SYNs are `tcp_reflection`.

use super::exceeded;
use super::quantities;
use super::settings::Limits;
use super::shape;
use super::{
    Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold,
};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "syn_ack_flood",
    vectors: &[Vector::SynAckFlood],
    summary: "TCP SYN-ACKs that answer no SYN, from ports of no service",
    settings: &[PACKETS],
    needs: &[Need::lasting(Gauge::SynAcks, &[PACKETS], SUSTAINED_FRACTION.value)],
    thresholds: &[SUSTAINED_FRACTION],
    claims: &[],
    yields_to: &[Claim::ReflectedSynAcks, Claim::FlagMixture],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| Box::new(SynAckFlood { limit: settings.limit(&PACKETS) }),
};

const PACKETS: Setting = Setting {
    key: "packets_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unsolicited SYN-ACKs per second. A fifth of it suffices over ten seconds.",
    learns: None,
};

/// Holds for [`tcp_reflection`](super::tcp_reflection) as well: both measure the same packets.
pub(super) const SUSTAINED_FRACTION: Threshold = Threshold {
    name: "sustained fraction",
    value: 0.2,
    unit: "times the limit",
    reason: "no host gets SYN-ACKs that it did not ask for, for ten seconds",
    guarded_by: "syn_ack_flood_slow",
};

const CLASSES: &[Class] = &[Class::TcpSynAck];

struct SynAckFlood {
    limit: Limits,
}

impl Detector for SynAckFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl SynAckFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let count = |span: Span| quantities::unsolicited_syn_acks(host, span);
        let exceeded =
            host.exceeds(limit, count).or_else(|| exceeded::sustained(limit, SUSTAINED_FRACTION.value, count))?;
        let profile = host.profile(CLASSES);
        if host.is_excused(&exceeded, shape::SCAN, profile.is_port_scan()) {
            return None;
        }
        let mut finding = Finding::new(host, Vector::SynAckFlood, CLASSES).graded_by(&exceeded);
        if exceeded.span == Span::TenSeconds {
            finding.since = host.onset_in_ten_seconds(|counts| counts.verdicts(CLASSES).unsolicited_at_first());
        }
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let syns = host.reverse(Span::Second).of(Class::TcpSyn).packets;
        finding.evidence = vec![
            exceeded.evidence(
                "unsolicited_syn_ack_per_second",
                &format!("unsolicited SYN-ACK/s {}", host.to_or_from()),
                &format!("; {syns} SYNs in the reverse direction in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
