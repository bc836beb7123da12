//! `fragment_flood`: IP fragments that make no datagrams.
//!
//! Protocols that fragment (NFS over UDP, large DNS answers, tunnels) send a first fragment for each few others, and
//! are answered. A flood leaves first fragments out, or gets no answer. Fragments that come along with replies of an
//! amplifier are part of that.

use super::baseline::Quantity;
use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, other_amplification, settings::Limits};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "fragment_flood",
    vectors: &[Vector::FragmentFlood],
    summary: "IP fragments without first fragments, or that get no answer",
    settings: &[
        Setting {
            key: "orphans_per_second",
            default: 500.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Later fragments a second where next to no first fragments come with them.",
            learns: None,
        },
        Setting {
            key: "packets_per_second",
            default: 5000.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Later fragments a second that get no answer.",
            learns: Some(Quantity::Fragment),
        },
    ],
    build: |settings, _| {
        Box::new(FragmentFlood {
            orphans: settings.limit("orphans_per_second"),
            unanswered: settings.limit("packets_per_second"),
        })
    },
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
        let fragments = host.forward(Span::Second).of(Class::Fragment).packets;
        if fragments == 0 {
            return None;
        }
        let amplified: u64 = host.services(Span::Second).iter().map(|s| s.replies.packets).sum();
        if amplified * 10 >= fragments || other_amplification::brings(host, fragments) {
            return None;
        }
        let firsts = host.first_fragments();
        // The largest datagram, 65,535 octets, makes 45 fragments at the usual MTU of 1,500.
        let orphaned = firsts * 50 < fragments;
        let answered = host.reverse(Span::Second).packets() * 10 >= fragments;
        let limit = match (orphaned, answered) {
            (true, _) => &self.orphans,
            (false, false) => &self.unanswered,
            (false, true) => return None,
        };
        let over = shape::exceeded(host.limit(limit), |span| host.forward(span).of(Class::Fragment).packets)?;
        let profile = SampleProfile::of_flow(host, CLASSES);
        let mut finding = host.finding(Vector::FragmentFlood, CLASSES).graded(over.rate, over.limit.value);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        finding.evidence = vec![
            over.evidence(
                "fragments_per_second",
                &format!("later IP fragments/s {}", host.whom()),
                &format!("; {firsts} first fragments came with them in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
