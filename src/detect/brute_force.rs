//! `brute_force`: one sender that opens connection after connection to a login service and is answered each time.
//!
//! Only the rate of connections is visible on the wire; passwords are not. Services that honest clients connect to many
//! times a minute (web, mail between servers, databases) are no login ports here.

use super::attempts::{self, ANSWERED_SHARE};
use super::evidence::measured;
use super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, Threshold, settings::Limits};
use crate::base::Vector;
use crate::inventory::Site;
use crate::meter::{AttemptKind, ConnectionAttempts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "brute_force",
    vectors: &[Vector::BruteForce],
    summary: "connection after connection of one sender to a login service (SSH, RDP, FTP, mailboxes, …)",
    settings: &[CONNECTIONS],
    needs: &[],
    thresholds: &[PORTS],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, site| Box::new(BruteForce { connections: settings.limit(&CONNECTIONS), site: Arc::clone(site) }),
};

const CONNECTIONS: Setting = Setting {
    key: "connections",
    default: 40.0,
    min: 5.0,
    max: 10000.0,
    unit: "connections",
    doc: "Answered connections of one sender to one login port of one host within about half a minute.",
    learns: None,
};

const PORTS: Threshold = Threshold {
    name: "login ports",
    value: 3.0,
    unit: "distinct ports",
    reason: "a login service and its neighbours; more is a port scan",
    guarded_by: "brute_force",
};

/// FTP, SSH, telnet, POP3, IMAP, SMB, mail submission, their TLS variants, VMware, RDP, VNC, WinRM (IANA port registry).
const LOGIN: [u16; 17] = [21, 22, 23, 110, 143, 445, 465, 587, 902, 990, 992, 993, 995, 3389, 5900, 5985, 5986];

struct BruteForce {
    connections: Limits,
    site: Arc<Site>,
}

impl Detector for BruteForce {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(window.attempts.iter().filter_map(|attempts| self.find(attempts)));
    }
}

impl BruteForce {
    fn find(&self, attempts: &ConnectionAttempts) -> Option<Finding> {
        let limit = self.connections.base();
        let connections = f64::from(attempts.opened.min(attempts.answered));
        if attempts.kind != AttemptKind::Tcp
            || connections < limit.value
            || !ANSWERED_SHARE.is_reached_by(attempts.answered.into(), attempts.opened.into())
            || attempts.low != attempts.high
            || attempts.ports.estimate() > PORTS.value
            || !LOGIN.contains(&attempts.port)
        {
            return None;
        }
        let direction = attempts::direction(attempts, &self.site)?;
        let mut finding = attempts::finding(attempts, direction, Vector::BruteForce, Class::TcpSyn);
        let seconds = attempts::seconds(attempts);
        let host = attempts.low;
        finding.evidence = vec![
            measured(
                "login_connections",
                connections,
                limit,
                seconds,
                format!(
                    "{} opened {} connections to {host} port {} in {seconds:.1} s, {} answered, limit {} ({})",
                    attempts.source,
                    attempts.opened,
                    attempts.port,
                    attempts.answered,
                    limit.value,
                    limit.from.name()
                ),
            ),
            attempts::station(attempts),
        ];
        Some(finding)
    }
}
