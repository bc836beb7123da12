//! `ack_flood`: ACK segments that belong to no connection.
//!
//! A host that really talks TCP answers: it sends data or ACKs of its own. A flood gets no answer, or a RST for every
//! segment (RFC 9293 §3.5.2), and often uses each 4-tuple once.

use super::baseline::Quantity;
use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limits, tcp_flags, tcp_reflection};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "ack_flood",
    vectors: &[Vector::AckFlood],
    summary: "TCP ACKs without connections: unanswered or answered by RST, from ever new 4-tuples",
    settings: &[Setting {
        key: "packets_per_second",
        default: 2000.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "ACK segments a second that belong to no connection.",
        learns: Some(Quantity::Ack),
    }],
    build: |settings, _| Box::new(AckFlood { limit: settings.limit("packets_per_second") }),
};

const CLASSES: &[Class] = &[Class::TcpAck, Class::TcpData];
/// What a host sends that has the connections.
const CONVERSATION: &[Class] = &[Class::TcpAck, Class::TcpData, Class::TcpSynAck, Class::TcpSyn, Class::TcpFin];

/// Octets of a full frame, somewhat less.
const SEGMENT: u64 = 1400;

/// Data segments that one answer may acknowledge. Of small ones each tenth is, at least. Full ones travel in frames of
/// 64 KiB where there is segmentation offload, and a receiver that is slow to read answers once for a whole window.
const STRETCH: u64 = 10;
const LONGEST_STRETCH: u64 = 1000;
/// Octets of a frame, on average, from which on data comes in bulk.
const FULL: u64 = 1000;

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
        let resets = host.reverse(Span::Second).of(Class::TcpRst).packets;
        let forward = host.forward(Span::Second).of_all(CLASSES);
        let refused = resets * 2 >= forward.packets;
        let unanswered = |span: Span| {
            let (forward, answers) = (host.forward(span), host.reverse(span).of_all(CONVERSATION));
            // A segment is acknowledged once at most (RFC 5681 §4.2); what leaves through segmentation offload is many.
            let segments = answers.packets.max(answers.bytes / SEGMENT);
            let acks = forward.of(Class::TcpAck).packets.saturating_sub(segments + segments / 2);
            let data = forward.of(Class::TcpData);
            let full = data.bytes / data.packets.max(1) >= FULL;
            let stretch = if full && !refused { LONGEST_STRETCH } else { STRETCH };
            acks + data.packets.saturating_sub(answers.packets.saturating_mul(stretch))
        };
        let over = shape::exceeded(host.limit(&self.limit), unanswered)?;
        if tcp_reflection::takes(host) {
            return None;
        }
        let profile = SampleProfile::of_flow(host, CLASSES);
        let strangers = profile.many_flows();
        // Where only one direction is captured, handshakes still show that connections are real.
        let unseen = host.reverse(Span::Second).of_all(CONVERSATION).is_zero();
        let answered = if unseen { host.forward(Span::Second).of(Class::TcpSynAck).packets } else { 0 };
        let openings = host.completed(Span::Second) + host.forward(Span::Second).of(Class::TcpSyn).packets + answered;
        if !(refused || strangers) || openings * 50 >= forward.packets || profile.is_port_scan() {
            return None;
        }
        if tcp_flags::is_mixture(host) {
            return None;
        }
        let mut finding = host.finding(Vector::AckFlood, CLASSES).graded(over.rate, over.limit.value);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let answer = match refused {
            true => format!("; {resets} were refused with RST in the last second"),
            false => "; no connection answers them".to_owned(),
        };
        finding.evidence = vec![
            over.evidence("stray_ack_per_second", &format!("ACK/s without a connection {}", host.whom()), &answer),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
