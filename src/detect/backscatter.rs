//! `backscatter`: answers to packets that somebody sent elsewhere in the name of our addresses (Moore et al. 2001).
//!
//! The sender is itself under attack; we see what it sends back to invented sources. For information only.

use super::attempts;
use super::shape::measured;
use super::{Detector, DetectorSpec, Finding, Setting, settings::Limits};
use crate::base::{Direction, Vector};
use crate::inventory::Site;
use crate::meter::{AttemptKind, ConnectionAttempts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "backscatter",
    vectors: &[Vector::Backscatter],
    summary: "SYN-ACKs and RSTs of one sender that nothing of ours provoked, to many addresses or ports",
    settings: &[Setting {
        key: "answers",
        default: 50.0,
        min: 5.0,
        max: 500.0,
        unit: "addresses or ports",
        doc: "Distinct addresses or ports of ours that one sender answers unasked within about half a minute.",
        learns: None,
    }],
    build: |settings, site| Box::new(Backscatter { answers: settings.limit("answers"), site: Arc::clone(site) }),
};

struct Backscatter {
    answers: Limits,
    site: Arc<Site>,
}

impl Detector for Backscatter {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(window.attempts.iter().filter_map(|contact| self.find(contact)));
    }
}

impl Backscatter {
    fn find(&self, contact: &ConnectionAttempts) -> Option<Finding> {
        let limit = self.answers.base();
        let (ports, hosts) = (contact.ports.estimate(), contact.targets.estimate());
        if contact.kind != AttemptKind::Answer || ports.max(hosts) < limit.value {
            return None;
        }
        let direction = attempts::direction(contact, &self.site).filter(|&way| way == Direction::Inbound)?;
        let mut finding = attempts::finding(contact, direction, Vector::Backscatter, Class::TcpRst);
        let seconds = attempts::seconds(contact);
        finding.evidence = vec![measured(
            "unasked_answers",
            ports.max(hosts).round(),
            limit,
            seconds,
            format!(
                "{} port {} answered (SYN-ACK or RST) {} times in {seconds:.1} s what {} never asked: about {hosts:.0} \
                 addresses, {ports:.0} ports, limit {} ({}); it may be under attack from forged sources",
                contact.source,
                contact.source_port,
                contact.opened,
                finding.target,
                limit.value,
                limit.from.name()
            ),
        )];
        Some(finding)
    }
}
