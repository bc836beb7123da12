//! `backscatter`: answers to packets with our addresses as spoofed sources (Moore et al. 2001).
//!
//! The sender is itself under attack; what it sends back to the spoofed sources arrives here. For information only.

use super::attempts;
use super::evidence::measured;
use super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, settings::Limits};
use crate::base::{Direction, Vector};
use crate::inventory::Site;
use crate::meter::{AttemptKind, ConnectionAttempts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "backscatter",
    vectors: &[Vector::Backscatter],
    summary: "unprovoked SYN-ACKs and RSTs of one sender, to many addresses or ports",
    settings: &[ANSWERS],
    needs: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, site| Box::new(Backscatter { answers: settings.limit(&ANSWERS), site: Arc::clone(site) }),
};

const ANSWERS: Setting = Setting {
    key: "answers",
    default: 50.0,
    min: 5.0,
    max: 500.0,
    unit: "addresses or ports",
    doc: "Distinct inside addresses or ports to which one sender sends unprovoked answers within about half a minute.",
    learns: None,
};

struct Backscatter {
    answers: Limits,
    site: Arc<Site>,
}

impl Detector for Backscatter {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(window.attempts.iter().filter_map(|attempts| self.find(attempts)));
    }
}

impl Backscatter {
    fn find(&self, attempts: &ConnectionAttempts) -> Option<Finding> {
        let limit = self.answers.base();
        let (ports, hosts) = (attempts.ports.estimate(), attempts.targets.estimate());
        if attempts.kind != AttemptKind::Answer || ports.max(hosts) < limit.value {
            return None;
        }
        let direction = attempts::direction(attempts, &self.site).filter(|&way| way == Direction::Inbound)?;
        let mut finding = attempts::finding(attempts, direction, Vector::Backscatter, Class::TcpRst);
        let seconds = attempts::seconds(attempts);
        finding.evidence = vec![measured(
            "unprovoked_answers",
            ports.max(hosts).round(),
            limit,
            seconds,
            format!(
                "{} port {} sent {} unprovoked SYN-ACKs or RSTs to {} in {seconds:.1} s: about {hosts:.0} addresses, {ports:.0} \
                 ports, limit {} ({}); it may be under attack from spoofed sources",
                attempts.source,
                attempts.source_port,
                attempts.opened,
                finding.target,
                limit.value,
                limit.from.name()
            ),
        )];
        Some(finding)
    }
}
