//! `posture_failed`: a configured check of this host fails, as the kernel or systemd reports it.
//!
//! No packet shows that a firewall did not start, so this detector reads the results of the host checks and ignores the
//! traffic. Each failing check is an incident of its own, open for as long as the check fails.

use super::{Detector, DetectorSpec, Evidence, Finding, Limit, Merging, Mitigation, Setting, Target};
use crate::base::{Direction, PostureResult, PostureState, Vector};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "posture",
    vectors: &[Vector::PostureFailed],
    summary: "a required condition on this host is not met ([[posture.check]])",
    settings: &[FAILURES],
    needs: &[],
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
    doc: "Consecutive failures of a check before it is reported.",
    learns: None,
};

struct Posture {
    failures: Limit,
}

impl Detector for Posture {
    fn inspect_host_checks(&self, checks: &[PostureResult], findings: &mut Vec<Finding>) {
        let fails = |result: &&PostureResult| f64::from(result.failures) >= self.failures.value.max(1.0);
        findings.extend(checks.iter().filter(fails).map(|result| self.finding(result)));
    }
}

impl Posture {
    fn finding(&self, result: &PostureResult) -> Finding {
        let PostureResult { name, message, why, since, failures, .. } = result;
        let why = if why.is_empty() { String::new() } else { format!("; why: {why}") };
        let evidence = Evidence {
            measure: "failed_checks",
            // The count grows while the check fails, so the latest evidence replaces the earlier one.
            value: f64::from(*failures),
            limit: Some(self.failures.value),
            limit_from: Some(self.failures.from),
            window_seconds: 0.0,
            message: format!("{message}, since {since}{why}"),
        };
        let target = Target::Sensor { what: name.clone() };
        Finding {
            // A check whose state has become unknown may have been repaired in the meantime.
            confidence: if result.state == PostureState::Failed { 0.99 } else { 0.7 },
            evidence: vec![evidence],
            ..Finding::about(target, Direction::Internal, Vector::PostureFailed, *since)
        }
    }
}
