//! `syn_ack_flood`: SYN-ACKs to a host that opened no connections.
//!
//! Each SYN of the host's own brings a SYN-ACK, which is repeated until it is acknowledged (RFC 9293 §3.8.1); whatever goes
//! beyond is unsolicited. Those of real servers that answer forged SYNs are `tcp_reflection`.

use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limits, tcp_flags, tcp_reflection};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "syn_ack_flood",
    vectors: &[Vector::SynAckFlood],
    summary: "TCP SYN-ACKs that answer no SYN, from ports that no service has",
    settings: &[Setting {
        key: "packets_per_second",
        default: 300.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "Unsolicited SYN-ACKs a second.",
        learns: None,
    }],
    build: |settings, _| Box::new(SynAckFlood { limit: settings.limit("packets_per_second") }),
};

const CLASSES: &[Class] = &[Class::TcpSynAck];
/// What follows a SYN-ACK on a connection.
const FOLLOWING: &[Class] = &[Class::TcpAck, Class::TcpData, Class::TcpFin];

struct SynAckFlood {
    limit: Limits,
}

impl Detector for SynAckFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

/// SYN-ACKs beyond those that the host's own SYNs account for.
pub(super) fn unsolicited(host: &HostDirection<'_>, span: Span) -> u64 {
    let (forward, reverse) = (host.forward(span), host.reverse(span));
    let syn_acks = forward.of(Class::TcpSynAck).packets;
    if syn_acks == 0 {
        return 0;
    }
    if host.reverse(Span::Second).packets() == 0 {
        // Only this direction is captured; real connections bring more than their SYN-ACK.
        return syn_acks.saturating_sub(forward.of_all(FOLLOWING).packets);
    }
    let asked = reverse.of(Class::TcpSyn).packets.saturating_mul(2);
    // What a SYN flood left half open is repeated for a minute, once the SYNs themselves are long over.
    let own = host.opposite();
    let half_open = |span: Span| own.forward(span).of(Class::TcpSyn).packets.saturating_sub(own.completed(span));
    let waiting = half_open(Span::Second) + half_open(Span::TenSeconds) + half_open(Span::Minute);
    syn_acks.saturating_sub(asked).saturating_sub(waiting)
}

impl SynAckFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let over = shape::exceeded(host.limit(&self.limit), |span| unsolicited(host, span))?;
        let profile = SampleProfile::of_flow(host, CLASSES);
        if tcp_reflection::from_services(host) || profile.is_port_scan() || tcp_flags::is_mixture(host) {
            return None;
        }
        let mut finding = host.finding(Vector::SynAckFlood, CLASSES).graded(over.rate, over.limit.value);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let syns = host.reverse(Span::Second).of(Class::TcpSyn).packets;
        finding.evidence = vec![
            over.evidence(
                "unsolicited_syn_ack_per_second",
                &format!("SYN-ACK/s {} that answer nothing", host.whom()),
                &format!("; {syns} SYNs went the other way in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
