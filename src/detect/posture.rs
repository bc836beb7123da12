//! `posture_failed`: something that must hold on this host does not, by the word of the kernel or of systemd.
//!
//! No packet tells of it: a guard that did not start is silent. What is checked and found is in the window; here it only
//! becomes an incident, one for each check, open for as long as it fails.

use super::{Detector, DetectorSpec, Evidence, Finding, Limit, Merging, Mitigation, Setting, Target, Traffic};
use crate::base::{Direction, PostureResult, PostureState, Severity, Vector};
use crate::meter::Window;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "posture",
    vectors: &[Vector::PostureFailed],
    summary: "something that must hold on this host does not ([[posture.check]])",
    settings: &[FAILURES],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Nothing("this concerns Pegel's own host: there is no traffic to filter"),
    build: |settings, _| Box::new(Posture { failures: settings.limit(&FAILURES).base() }),
};

const FAILURES: Setting = Setting {
    key: "failures",
    default: 1.0,
    min: 1.0,
    max: 1000.0,
    unit: "checks",
    doc: "Times in a row that a check must fail before it counts.",
    learns: None,
};

struct Posture {
    failures: Limit,
}

impl Detector for Posture {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let fails = |result: &&PostureResult| f64::from(result.failures) >= self.failures.value.max(1.0);
        findings.extend(window.posture.iter().filter(fails).map(|result| self.finding(result)));
    }
}

impl Posture {
    fn finding(&self, result: &PostureResult) -> Finding {
        let PostureResult { name, message, why, since, failures, .. } = result;
        let why = if why.is_empty() { String::new() } else { format!("; why: {why}") };
        let evidence = Evidence {
            measure: "failed_checks",
            // It grows as long as it fails, so that the evidence is always the latest.
            value: f64::from(*failures),
            limit: Some(self.failures.value),
            limit_from: Some(self.failures.from),
            window_seconds: 0.0,
            message: format!("{message}, since {since}{why}"),
        };
        Finding {
            target: Target::Sensor { what: name.clone() },
            interface: None,
            vlan: None,
            direction: Direction::Internal,
            vector: Vector::PostureFailed,
            severity: Severity::Warning,
            // What cannot be told any more may have been mended meanwhile.
            confidence: if result.state == PostureState::Failed { 0.99 } else { 0.7 },
            since: *since,
            now: Traffic::default(),
            recent: Traffic::default(),
            spoofing_likely: false,
            pattern: None,
            names: Vec::new(),
            guest: None,
            evidence: vec![evidence],
        }
    }
}
