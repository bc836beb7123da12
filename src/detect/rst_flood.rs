//! `rst_flood`: RST segments that neither refuse nor abort a connection of the host.
//!
//! A RST answers a segment that the host sent, or ends a connection with a peer that it has talked with lately, however
//! long it was idle.

use super::exceeded::LEAST_BURST;
use super::quantities;
use super::settings::Limits;
use super::{Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Quantity, Setting};
use crate::base::Vector;
use crate::meter::Window;
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "rst_flood",
    vectors: &[Vector::RstFlood],
    summary: "TCP RSTs of connections, and from peers, that the host has not heard lately",
    settings: &[PACKETS],
    needs: &[Need::exceeded(Gauge::Rsts, &[PACKETS], LEAST_BURST)],
    thresholds: &[],
    claims: &[],
    yields_to: &[Claim::FlagMixture, Claim::MiddleboxReplies],
    merging: Merging::IntoPrefixOrSideEffect,
    mitigation: Mitigation::Packets,
    build: |settings, _| Box::new(RstFlood { limit: settings.limit(&PACKETS) }),
};

const PACKETS: Setting = Setting {
    key: "packets_per_second",
    default: 500.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unprovoked RSTs per second.",
    learns: Some(Quantity::UnprovokedRsts),
};

const CLASSES: &[Class] = &[Class::TcpRst];

struct RstFlood {
    limit: Limits,
}

impl Detector for RstFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

impl RstFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let exceeded = host.exceeds_despite(
            limit,
            |span| quantities::unsolicited(host, span, CLASSES),
            |span| quantities::excused(host, window, span, CLASSES),
        )?;
        let profile = host.profile(CLASSES);
        // A service that stops aborts the connections of all its clients, which may have been silent for long.
        let scattered = host.is_outbound() && !profile.is_concentrated();
        if host.is_excused(&exceeded, "they go to many hosts: a service that ends its connections", scattered) {
            return None;
        }
        let mut finding = Finding::new(host, Vector::RstFlood, CLASSES).graded_by(&exceeded);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        finding.evidence = vec![
            exceeded.evidence("unprovoked_rst_per_second", &format!("unprovoked RST/s {}", host.to_or_from()), ""),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
