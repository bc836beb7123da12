//! Runs the enabled detectors on a window: on every busy host and direction, on every busy prefix, and on the tick as a
//! whole.

use super::baseline::Baseline;
use super::claim::Claim;
use super::claim_rules;
use super::detector::{Detector, DetectorSpec};
use super::evidence::{Evidence, context};
use super::explain::Explanation;
use super::finding::Finding;
use super::gate::{Admitted, Gate};
use super::host_context::HostContext;
use super::inside::Spread;
use super::layer2;
use super::prefix;
use super::quantities;
use super::registry::DETECTORS;
use super::settings::Settings;
use super::target::Target;
use crate::base::{Addr, Direction, LinkReading, PostureResult, Severity};
use crate::inventory::Site;
use crate::meter::{PointWeights, Span, Window};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A detector that the configuration leaves on.
struct EnabledDetector {
    detector: Box<dyn Detector>,
    spec: &'static DetectorSpec,
    /// Severity of all its findings, where the operator sets one.
    severity: Option<Severity>,
    /// It has panicked, and is not run again.
    has_panicked: Cell<bool>,
}

impl EnabledDetector {
    /// Runs one inspection and applies the configured severity to what it found: the only place that overrides one. A panic ends
    /// this detector and no other.
    fn run(&self, findings: &mut Vec<Finding>, inspect: impl FnOnce(&dyn Detector, &mut Vec<Finding>)) {
        if self.has_panicked.get() {
            return;
        }
        let before = findings.len();
        // A detector keeps no state between inspections; what it has added so far is removed.
        let outcome = catch_unwind(AssertUnwindSafe(|| inspect(&*self.detector, findings)));
        if outcome.is_err() {
            self.has_panicked.set(true);
            findings.truncate(before);
        }
        for finding in findings.iter_mut().skip(before) {
            finding.severity = self.severity.unwrap_or(finding.severity);
        }
    }
}

/// Every detector that the configuration leaves on, and the gate before them.
pub struct Detectors {
    enabled: Vec<EnabledDetector>,
    gate: Gate,
    /// While the gate is audited: findings of detectors that it did not admit.
    audit: Option<Cell<u64>>,
}

impl Detectors {
    /// The points that the meter shall give to hosts, so that it knows which of them these detectors have to inspect.
    pub fn weights(&self) -> PointWeights {
        self.gate.weights()
    }

    /// Leaves detectors off that have panicked before.
    pub fn switch_off(&self, names: &[&str]) {
        let named = self.enabled.iter().filter(|enabled| names.contains(&enabled.spec.name));
        named.for_each(|enabled| enabled.has_panicked.set(true));
    }

    /// Names of the detectors that have panicked and are off until they are built anew.
    pub fn panicked(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.enabled.iter().filter(|enabled| enabled.has_panicked.get()).map(|enabled| enabled.spec.name)
    }

    /// Audits the gate from now on: every detector inspects every host. For tests.
    pub fn audit_gate(&mut self) {
        self.audit = Some(Cell::default());
    }

    /// Findings since the audit began that the gate would have prevented; an exact gate prevents none.
    pub fn prevented(&self) -> u64 {
        self.audit.as_ref().map_or(0, Cell::get)
    }
}

/// Builds every detector that is enabled. `settings` are in the order of [`DETECTORS`].
pub fn build(settings: &[Settings], site: &Arc<Site>) -> Detectors {
    let enabled = || DETECTORS.iter().zip(settings).filter(|(_, settings)| settings.enabled);
    Detectors {
        gate: Gate::new(enabled(), site.group_count()),
        audit: None,
        enabled: enabled()
            .map(|(spec, settings)| EnabledDetector {
                detector: (spec.build)(settings, site),
                spec,
                severity: settings.severity,
                has_panicked: Cell::new(false),
            })
            .collect(),
    }
}

/// Runs all detectors on a window. A finding is made anew every tick for as long as it lasts.
pub fn run(
    detectors: &Detectors,
    site: &Site,
    baseline: Option<&Baseline>,
    window: &Window<'_>,
    findings: &mut Vec<Finding>,
) {
    for host in window.hosts() {
        let is_near = host.has_full_points();
        if !is_near && detectors.audit.is_none() {
            continue;
        }
        for &direction in site.directions() {
            let traffic = host.in_direction(direction);
            if traffic.forward_packets() == 0 {
                continue;
            }
            let group = site.group_of_host(host.address());
            let admitted = if is_near { detectors.gate.admit(&traffic, group) } else { Admitted::NONE };
            if admitted.is_empty() && detectors.audit.is_none() {
                continue;
            }
            let learned = baseline.and_then(|baseline| baseline.levels(host.address(), direction));
            let context = HostContext::of_host(traffic, direction, group, learned);
            inspect_host(detectors, admitted, &context, site, window, findings);
        }
    }
    inspect_prefixes(detectors, site, window, findings);
    inspect_inside(detectors, site, window, findings);
    for enabled in &detectors.enabled {
        enabled.run(findings, |detector, findings| detector.inspect_tick(window, findings));
    }
    for finding in findings {
        finding.guest = guest(finding, site, window);
    }
}

/// Explains, for one host, what each detector made of it in this tick.
pub fn explain(
    detectors: &Detectors,
    site: &Site,
    baseline: Option<&Baseline>,
    window: &Window<'_>,
    address: Addr,
) -> Vec<Explanation> {
    let Some(host) = window.host(address) else { return Vec::new() };
    let detectors = &detectors.enabled;
    let mut explanations = Vec::new();
    for &direction in site.directions() {
        let learned = baseline.and_then(|baseline| baseline.levels(address, direction));
        let group = site.group_of_host(address);
        let context = HostContext::of_host(host.in_direction(direction), direction, group, learned);
        context.notes().listen();
        let mut found: Vec<(&EnabledDetector, Vec<Finding>)> = Vec::new();
        for enabled in detectors.iter().filter(|enabled| !enabled.spec.needs.is_empty()) {
            let mut findings = Vec::new();
            enabled.run(&mut findings, |detector, findings| detector.inspect_host(&context, window, findings));
            let (comparisons, silent_because) = context.notes().take();
            explanations.push(Explanation {
                detector: enabled.spec.name,
                direction,
                at: window.end,
                comparisons,
                silent_because,
                reported: !findings.is_empty(),
            });
            if !findings.is_empty() {
                found.push((enabled, findings));
            }
        }
        let reporting: Vec<&str> = found.iter().map(|(enabled, _)| enabled.spec.name).collect();
        for (enabled, findings) in &found {
            let is_dropped = |finding: &Finding| is_handed_over(detectors, &reporting, enabled, finding, &context);
            if !findings.iter().all(is_dropped) {
                continue;
            }
            let same = |known: &&mut Explanation| (known.detector, known.direction) == (enabled.spec.name, direction);
            if let Some(explanation) = explanations.iter_mut().find(same) {
                explanation.reported = false;
                explanation.silent_because.push("another detector reports these packets");
            }
        }
    }
    explanations
}

/// Whether a detector leaves what it found on this host to another. A claim counts only where the detector that makes it is
/// on; and beyond the ceiling only where that detector reports something: otherwise none would report these packets.
/// `reporting` are the detectors that found something here.
fn is_handed_over(
    detectors: &[EnabledDetector],
    reporting: &[&str],
    enabled: &EnabledDetector,
    finding: &Finding,
    host: &HostContext<'_>,
) -> bool {
    let is_claimed = |claim: &Claim| {
        let takes = |other: &EnabledDetector| {
            other.spec.claims.contains(claim) && (!finding.beyond_ceiling || reporting.contains(&other.spec.name))
        };
        detectors.iter().any(takes) && claim_rules::applies(*claim, host)
    };
    enabled.spec.yields_to.iter().any(is_claimed)
}

/// Runs all detectors on the counters of the captured interfaces, with the same severities as [`run`].
pub fn run_links(detectors: &Detectors, readings: &[LinkReading], window: &Window<'_>, findings: &mut Vec<Finding>) {
    for enabled in detectors.enabled.iter().filter(|_| !readings.is_empty()) {
        enabled.run(findings, |detector, findings| detector.inspect_links(readings, window, findings));
    }
}

/// Runs all detectors on the latest results of the checks of this host, with the same severities as [`run`].
pub fn run_host_checks(detectors: &Detectors, checks: &[PostureResult], findings: &mut Vec<Finding>) {
    for enabled in &detectors.enabled {
        enabled.run(findings, |detector, findings| detector.inspect_host_checks(checks, findings));
    }
}

/// Runs the admitted detectors on one host or prefix, then drops what yields to others.
fn inspect_host(
    detectors: &Detectors,
    admitted: Admitted,
    host: &HostContext<'_>,
    site: &Site,
    window: &Window<'_>,
    findings: &mut Vec<Finding>,
) {
    // The detector of each finding, in their order. Of most hosts there is none, and nothing is allocated.
    let before = findings.len();
    let mut found_by: Vec<&EnabledDetector> = Vec::new();
    for (at, enabled) in detectors.enabled.iter().enumerate() {
        if admitted.contains(at) {
            enabled.run(findings, |detector, findings| detector.inspect_host(host, window, findings));
        } else if let Some(prevented) = &detectors.audit {
            let known = findings.len();
            enabled.run(findings, |detector, findings| detector.inspect_host(host, window, findings));
            prevented.set(prevented.get() + (findings.len() - known) as u64);
        }
        found_by.resize(findings.len() - before, enabled);
    }
    if found_by.is_empty() {
        return;
    }
    let reporting: Vec<&str> = found_by.iter().map(|enabled| enabled.spec.name).collect();
    let mut by = found_by.into_iter();
    let found = findings.split_off(before).into_iter().filter(|finding| {
        by.next().is_none_or(|enabled| !is_handed_over(&detectors.enabled, &reporting, enabled, finding, host))
    });
    findings.extend(found);
    let group = host.group().map(|id| site.group_name(id));
    let is_of_one_direction = !window.shows_both_ends() && quantities::is_silent(host);
    for finding in findings.iter_mut().skip(before) {
        // What rests on silence of the other end is said to.
        if is_of_one_direction {
            finding.evidence.push(one_direction());
        }
        if let Some(group) = group {
            finding.name_group(group);
        }
    }
}

/// Runs every detector on the busy prefixes, and keeps the floods among what it finds.
fn inspect_prefixes(detectors: &Detectors, site: &Site, window: &Window<'_>, findings: &mut Vec<Finding>) {
    for (measured, hosts) in window.prefixes() {
        let traffic = measured.in_direction(Direction::Inbound);
        if traffic.forward_packets() == 0 {
            continue;
        }
        let length = window.prefix_length(measured.address());
        // The count is an estimate, and there are no more hosts than addresses.
        let width = if measured.address().is_v4() { 32 } else { 128 } - i32::from(length);
        let hosts = hosts.min(2f64.powi(width));
        let context = HostContext::of_prefix(traffic, Direction::Inbound, length, hosts, site);
        let Some(context) = context else { continue };
        let admitted = detectors.gate.admit(&context, context.group());
        let before = findings.len();
        inspect_host(detectors, admitted, &context, site, window, findings);
        let floods = findings.drain(before..).filter(|finding| prefix::is_flood(finding, &context));
        let floods: Vec<Finding> = floods.map(|finding| prefix::with_pattern(finding, hosts)).collect();
        findings.extend(floods);
    }
}

/// Runs every detector on our networks as a whole: first to learn whether there is a flood and which network it hits, then with
/// the limits of that network.
fn inspect_inside(detectors: &Detectors, site: &Site, window: &Window<'_>, findings: &mut Vec<Finding>) {
    let traffic = window.inside().in_direction(Direction::Inbound);
    let admitted = detectors.gate.admit(&traffic, None);
    let before = findings.len();
    inspect_host(detectors, admitted, &HostContext::of_inside(traffic, None), site, window, findings);
    for suspected in findings.split_off(before) {
        let Some(spread) = Spread::of(&suspected, window, &site.networks) else { continue };
        let network = (spread.network, spread.share, spread.receiving);
        let context = HostContext::of_inside(traffic, Some(network));
        let mut found = Vec::new();
        inspect_host(detectors, admitted, &context, site, window, &mut found);
        let is_same = |finding: &Finding| finding.vector == suspected.vector && prefix::is_flood(finding, &context);
        let same = found.into_iter().filter(is_same);
        findings.extend(same.map(|finding| spread.mark(finding)));
    }
}

/// Evidence for context: the capture showed no conversation with both of its ends.
fn one_direction() -> Evidence {
    context(
        "capture_directions",
        1.0,
        Span::Second.seconds(),
        "no conversation with both ends was captured: perhaps only one direction is".to_owned(),
    )
}

/// The guest that a finding is about: the station's, or that of the port where an unknown MAC enters, or the one that has
/// the address.
fn guest(finding: &Finding, site: &Site, window: &Window<'_>) -> Option<String> {
    let guest = match &finding.target {
        Target::Station { mac, .. } => {
            let known = site.guest_of_mac(*mac).map(|(guest, _)| guest);
            known.or_else(|| site.guest_of_port(&layer2::port_of(window, site, finding.interface.as_deref(), *mac)?))
        }
        Target::Host(address) => site.guest_of_address(*address),
        _ => None,
    };
    guest.map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Vector;

    struct Faulty;

    impl Detector for Faulty {
        fn inspect_host_checks(&self, checks: &[PostureResult], findings: &mut Vec<Finding>) {
            let target = Target::Sensor { what: "half".to_owned() };
            findings.push(Finding::about(
                target,
                Direction::Internal,
                Vector::PostureFailed,
                crate::base::Timestamp::ZERO,
            ));
            assert!(checks.is_empty(), "as intended");
        }
    }

    #[test]
    fn a_detector_that_panics_is_off_and_the_others_go_on() {
        let settings = crate::config::Config::default().detect.clone();
        let mut detectors = build(&settings, &Arc::new(Site::default()));
        if let Some(first) = detectors.enabled.first_mut() {
            first.detector = Box::new(Faulty);
        }
        let failing = PostureResult {
            name: "firewall".to_owned(),
            what: String::new(),
            state: crate::base::PostureState::Failed,
            message: "down".to_owned(),
            why: String::new(),
            failures: 100,
            since: crate::base::Timestamp::ZERO,
        };
        for _ in 0..2 {
            let mut findings = Vec::new();
            run_host_checks(&detectors, std::slice::from_ref(&failing), &mut findings);
            let targets: Vec<String> = findings.iter().map(|finding| finding.target.to_string()).collect();
            assert_eq!(targets, ["host check firewall"], "of the posture detector, and nothing half done");
            assert_eq!(detectors.panicked().collect::<Vec<_>>(), [DETECTORS[0].name]);
        }
    }
}
