//! `rst_flood`: RST segments to a host that sent nothing which could have provoked them.
//!
//! A refused or aborted connection costs one RST for a segment that the host sent itself, or ends a connection that its
//! peer opened; whatever goes beyond both is unprovoked.

use super::baseline::Quantity;
use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limits, tcp_flags, tcp_reflection};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "rst_flood",
    vectors: &[Vector::RstFlood],
    summary: "TCP RSTs beyond anything that the host sent",
    settings: &[Setting {
        key: "packets_per_second",
        default: 500.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "Unprovoked RSTs a second.",
        learns: Some(Quantity::Rst),
    }],
    build: |settings, _| Box::new(RstFlood { limit: settings.limit("packets_per_second") }),
};

const CLASSES: &[Class] = &[Class::TcpRst];
/// What may be answered by a RST.
pub(super) const PROVOKING: &[Class] = &[
    Class::TcpSyn,
    Class::TcpSynAck,
    Class::TcpAck,
    Class::TcpData,
    Class::TcpFin,
    Class::TcpNull,
    Class::TcpXmas,
    Class::TcpOther,
];

struct RstFlood {
    limit: Limits,
}

impl Detector for RstFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl RstFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let unprovoked = |span: Span| {
            let forward = host.forward(span);
            let provoking = host.reverse(span).of_all(PROVOKING).packets;
            // Peers may also abort what they opened themselves.
            let opened = forward.of(Class::TcpSyn).packets;
            forward.of(Class::TcpRst).packets.saturating_sub(provoking).saturating_sub(opened)
        };
        let over = shape::exceeded(host.limit(&self.limit), unprovoked)?;
        if tcp_flags::is_mixture(host) || tcp_reflection::takes(host) {
            return None;
        }
        let profile = SampleProfile::of_flow(host, CLASSES);
        // A service that stops aborts the connections of all its clients, who may have been silent for long.
        if host.is_outbound() && !profile.is_concentrated() {
            return None;
        }
        let mut finding = host.finding(Vector::RstFlood, CLASSES).graded(over.rate, over.limit.value);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        finding.evidence = vec![
            over.evidence("unprovoked_rst_per_second", &format!("RST/s {} that nothing provoked", host.whom()), ""),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
