//! `ack_flood`: ACK segments that belong to no connection.
//!
//! A host that has the connections sends data or ACKs of its own. A flood gets no answer, or a RST for every segment (RFC
//! 9293 §3.5.2), and often uses each flow once.

use super::exceeded;
use super::quantities::{self, ACKS};
use super::settings::Limits;
use super::{Claim, Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Quantity, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "ack_flood",
    vectors: &[Vector::AckFlood],
    summary: "TCP ACKs without connections: unanswered or answered by RST, from constantly changing flows",
    settings: &[PACKETS],
    inspects_hosts: true,
    thresholds: &[HANDSHAKE_SHARE],
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

const HANDSHAKE_SHARE: Threshold = Threshold {
    name: "handshake share",
    value: 0.02,
    unit: "handshakes per segment",
    reason: "where only one direction is captured, handshakes show that the segments belong to connections",
    guarded_by: "one_way_web_server",
};

struct AckFlood {
    limit: Limits,
}

impl Detector for AckFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl AckFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let exceeded = exceeded::exceeded(limit, |span| quantities::unmatched_acks(host, span))?;
        let profile = host.profile(ACKS);
        let (forward, refused) = (host.forward(Span::Second), quantities::refuses_acks(host));
        // SYN-ACKs to a client of which only the incoming direction is captured.
        let syn_acks = match quantities::is_conversing(host) {
            true => 0,
            false => forward.of(Class::TcpSynAck).packets,
        };
        let handshakes = host.completed(Span::Second) + forward.of(Class::TcpSyn).packets + syn_acks;
        let connected = HANDSHAKE_SHARE.is_reached_by(handshakes, forward.of_all(ACKS).packets);
        if !(refused || profile.many_flows()) || connected || profile.is_port_scan() {
            return None;
        }
        let mut finding = Finding::new(host, Vector::AckFlood, ACKS).graded(exceeded.rate, exceeded.limit.value);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let resets = host.reverse(Span::Second).of(Class::TcpRst).packets;
        let answer = match refused {
            true => format!("; {resets} were refused with RST in the last second"),
            false => "; no connection answers them".to_owned(),
        };
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
