//! `brute_force`: one sender that opens connection after connection to a login service and is answered each time.
//!
//! Only the rate of connections shows on the wire; passwords do not. Services that honest clients connect to many times a
//! minute (web, mail between servers, databases) are no login ports here.

use super::attempts;
use super::shape::measured;
use super::{Detector, DetectorSpec, Finding, Setting, settings::Limits};
use crate::base::Vector;
use crate::inventory::Site;
use crate::meter::{AttemptKind, ConnectionAttempts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "brute_force",
    vectors: &[Vector::BruteForce],
    summary: "connection after connection of one sender to a login service (SSH, RDP, FTP, mail boxes, …)",
    settings: &[Setting {
        key: "connections",
        default: 40.0,
        min: 5.0,
        max: 10000.0,
        unit: "connections",
        doc: "Answered connections of one sender to one login port of one host within about half a minute.",
        learns: None,
    }],
    build: |settings, site| Box::new(BruteForce { connections: settings.limit("connections"), site: Arc::clone(site) }),
};

/// FTP, SSH, telnet, POP3, IMAP, SMB, mail submission, their TLS variants, VMware, RDP, VNC, WinRM (IANA port registry).
const LOGIN: [u16; 17] = [21, 22, 23, 110, 143, 445, 465, 587, 902, 990, 992, 993, 995, 3389, 5900, 5985, 5986];

struct BruteForce {
    connections: Limits,
    site: Arc<Site>,
}

impl Detector for BruteForce {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(window.attempts.iter().filter_map(|contact| self.find(contact)));
    }
}

impl BruteForce {
    fn find(&self, contact: &ConnectionAttempts) -> Option<Finding> {
        let limit = self.connections.base();
        let connections = f64::from(contact.opened.min(contact.answered));
        if contact.kind != AttemptKind::Tcp
            || connections < limit.value
            || contact.answered * 2 < contact.opened
            || contact.low != contact.high
            || contact.ports.estimate() > 3.0
            || !LOGIN.contains(&contact.port)
        {
            return None;
        }
        let direction = attempts::direction(contact, &self.site)?;
        let mut finding = attempts::finding(contact, direction, Vector::BruteForce, Class::TcpSyn);
        let seconds = attempts::seconds(contact);
        let host = contact.low;
        finding.evidence = vec![
            measured(
                "login_connections",
                connections,
                limit,
                seconds,
                format!(
                    "{} opened {} connections to {host} port {} in {seconds:.1} s, {} answered, limit {} ({})",
                    contact.source,
                    contact.opened,
                    contact.port,
                    contact.answered,
                    limit.value,
                    limit.from.name()
                ),
            ),
            attempts::station(contact),
        ];
        Some(finding)
    }
}
