//! `fragment_flood`: IP fragments that make no datagrams.
//!
//! Protocols that fragment (NFS over UDP, large DNS responses, tunnels) send a first fragment for every few later ones, and
//! are answered. A flood leaves first fragments out, or gets no answer. Fragments that belong to the replies of an
//! amplifier are part of that attack.

use super::exceeded::LEAST_BURST;
use super::quantities;
use super::settings::Limits;
use super::{
    Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Quantity, Setting, Threshold,
};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "fragment_flood",
    vectors: &[Vector::FragmentFlood],
    summary: "IP fragments without first fragments, or that get no answer",
    settings: &[ORPHANS, UNANSWERED],
    needs: &[Need::exceeded(Gauge::Fragments, &[ORPHANS, UNANSWERED], LEAST_BURST)],
    thresholds: &[FIRSTS_SHARE],
    claims: &[],
    yields_to: &[Claim::AmplifierFragments, Claim::ReflectedFragments],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| {
        Box::new(FragmentFlood { orphans: settings.limit(&ORPHANS), unanswered: settings.limit(&UNANSWERED) })
    },
};

const ORPHANS: Setting = Setting {
    key: "orphans_per_second",
    default: 500.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Later fragments per second where next to no first fragments come with them.",
    learns: None,
};
const UNANSWERED: Setting = Setting {
    key: "packets_per_second",
    default: 5000.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Later fragments per second that get no answer.",
    learns: Some(Quantity::LaterFragments),
};

const FIRSTS_SHARE: Threshold = Threshold {
    name: "first fragments",
    value: 0.02,
    unit: "first fragments per later one",
    reason: "the largest datagram, 65,535 octets, makes 45 fragments at the usual MTU of 1,500",
    guarded_by: "nfs_fragments",
};
const CLASSES: &[Class] = &[Class::Fragment];

struct FragmentFlood {
    orphans: Limits,
    unanswered: Limits,
}

impl Detector for FragmentFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl FragmentFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let fragments = quantities::later_fragments(host, Span::Second);
        if fragments == 0 {
            return None;
        }
        let firsts = host.first_fragments();
        let orphaned = !FIRSTS_SHARE.is_reached_by(firsts, fragments);
        let limit = if orphaned { &self.orphans } else { &self.unanswered };
        let exceeded = host.exceeds(host.limit(limit), |span| quantities::later_fragments(host, span))?;
        let profile = host.profile(CLASSES);
        let mut finding = Finding::new(host, Vector::FragmentFlood, CLASSES).graded_by(&exceeded);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        finding.evidence = vec![
            exceeded.evidence(
                "fragments_per_second",
                &format!("later IP fragments/s {}", host.to_or_from()),
                &format!("; {firsts} first fragments came with them in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
