//! `icmp_flood` and `icmpv6_flood`: echo requests, and replies or errors that the host did not provoke.
//!
//! A host provokes echo replies by its own requests and errors by its own packets; what exceeds that is unsolicited.
//! Neighbour discovery belongs to layer 2 and is not counted here; replies of whole networks are `smurf`'s.

use super::exceeded::LEAST_BURST;
use super::quantities::{self, IcmpFamily};
use super::settings::{Limits, Settings};
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Quantity, Setting};
use crate::base::Vector;
use crate::meter::{Span, Window};

pub(super) const ICMP: DetectorSpec = DetectorSpec {
    name: "icmp_flood",
    vectors: &[Vector::IcmpFlood],
    summary: "ICMP echo requests, and unprovoked replies or errors",
    settings: &[PACKETS],
    needs: &[Need::exceeded(Gauge::Icmp, &[PACKETS], LEAST_BURST)],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::IntoPrefixOrSideEffect,
    mitigation: Mitigation::Packets,
    build: |settings, _| build(settings, Vector::IcmpFlood, "ICMP", &quantities::ICMP),
};

pub(super) const ICMPV6: DetectorSpec = DetectorSpec {
    name: "icmpv6_flood",
    vectors: &[Vector::Icmpv6Flood],
    summary: "ICMPv6 echo requests, and unprovoked replies or errors",
    needs: &[Need::exceeded(Gauge::Icmpv6, &[PACKETS], LEAST_BURST)],
    build: |settings, _| build(settings, Vector::Icmpv6Flood, "ICMPv6", &quantities::ICMPV6),
    ..ICMP
};

const PACKETS: Setting = Setting {
    key: "packets_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Echo requests and unsolicited other messages per second.",
    learns: Some(Quantity::UnsolicitedIcmp),
};

fn build(settings: &Settings, vector: Vector, name: &'static str, family: &'static IcmpFamily) -> Box<dyn Detector> {
    Box::new(IcmpFlood { limit: settings.limit(&PACKETS), vector, name, family })
}

struct IcmpFlood {
    limit: Limits,
    vector: Vector,
    name: &'static str,
    family: &'static IcmpFamily,
}

impl Detector for IcmpFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl IcmpFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let family = self.family;
        let limit = host.limit(&self.limit);
        // No rate can exceed its limit with fewer packets in a second than make a burst.
        if (host.forward(Span::Second).of_all(family.all).packets as f64) < limit.value.min(LEAST_BURST) {
            return None;
        }
        let exceeded = host.exceeds_despite(
            limit,
            |span| quantities::unsolicited_icmp(host, span, family),
            |span| quantities::excused_errors(host, span, family),
        )?;
        let profile = host.profile(family.all);
        let mut finding = Finding::new(host, self.vector, family.all).graded_by(&exceeded);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let forward = host.forward(Span::Second);
        let counts = [family.echo, family.reply, family.error, family.other].map(|class| forward.of(class).packets);
        let [echo, reply, error, other] = counts;
        finding.evidence = vec![
            exceeded.evidence(
                "unsolicited_icmp_per_second",
                &format!("unsolicited {} packets/s {}", self.name, host.to_or_from()),
                &format!("; in the last second {echo} echo requests, {reply} replies, {error} errors, {other} others"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
