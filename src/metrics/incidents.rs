//! Series of incidents: totals by vector, and gauges by target while an incident is open.

use super::catalogue as spec;
use super::catalogue::DropReason;
use super::series::{Follower, Maker, lock, whole};
use crate::base::{Direction, Severity, Timestamp, Vector, VectorClass};
use crate::incident::{Change, Event, Incident};
use prometheus::{Error, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// Maximum number of targets of open incidents with series.
pub const MAX_TARGETS: usize = 100;

/// Seconds without a finding after which the rate of an open incident is zero: rates are of the last second.
const QUIET_SECONDS: f64 = 1.0;

/// The label values; the last two are whether it opened during maintenance and whether it is a drill.
type ActiveKey = (String, Vector, Direction, Severity, bool, bool);

/// Series that exist now.
#[derive(Default)]
struct Shown {
    targets: BTreeSet<String>,
    active: BTreeSet<ActiveKey>,
    rates: BTreeSet<(String, Direction)>,
    /// Targets without series. Each is counted once for as long as it has none.
    refused: BTreeSet<String>,
}

pub(super) struct IncidentSeries {
    opened: IntCounterVec,
    open: IntGauge,
    active: IntGaugeVec,
    rate: IntGaugeVec,
    refused: IntCounter,
    dropped_by_limit: Follower,
    dropped_as_side_effect: Follower,
    shown: Mutex<Shown>,
}

impl IncidentSeries {
    pub(super) fn new(make: &Maker<'_>) -> Result<Self, Error> {
        let opened = make.counters(spec::INCIDENTS)?;
        for vector in Vector::ALL {
            for &direction in directions(*vector) {
                for severity in Severity::ALL {
                    opened.get_metric_with_label_values(&[vector.name(), direction.name(), severity.name()])?;
                }
            }
        }
        let dropped = make.counters(spec::FINDINGS_DROPPED)?;
        let dropped = |reason: DropReason| dropped.get_metric_with_label_values(&[reason.name()]);
        Ok(IncidentSeries {
            opened,
            open: make.gauge(spec::INCIDENTS_OPEN)?,
            active: make.gauges(spec::INCIDENT_ACTIVE)?,
            rate: make.gauges(spec::INCIDENT_PACKETS_PER_SECOND)?,
            refused: make.counter(spec::INCIDENT_SERIES_REFUSED)?,
            dropped_by_limit: Follower::new(dropped(DropReason::IncidentLimit)?),
            dropped_as_side_effect: Follower::new(dropped(DropReason::SideEffect)?),
            shown: Mutex::new(Shown::default()),
        })
    }

    pub(super) fn event(&self, event: &Event) {
        // A drill is not an incident of the past.
        if event.change != Change::Opened || event.incident.drill {
            return;
        }
        let Incident { vector, direction, severity, .. } = *event.incident;
        if let Ok(counter) =
            self.opened.get_metric_with_label_values(&[vector.name(), direction.name(), severity.name()])
        {
            counter.inc();
        }
    }

    pub(super) fn findings_dropped(&self, by_limit: u64, as_side_effect: u64) {
        self.dropped_by_limit.follow(by_limit);
        self.dropped_as_side_effect.follow(as_side_effect);
    }

    /// Sets the series of open incidents before it removes those of closed ones, so that a scrape in between misses
    /// none.
    pub(super) fn active(&self, open: &[Incident], now: Timestamp) {
        self.open.set(whole(open.len() as u64));
        let mut shown = lock(&self.shown);
        let labels: Vec<String> = open.iter().map(|incident| incident.target.label()).collect();
        let (targets, refused) = choose(open, &labels, &shown.targets);
        self.refused.inc_by(refused.difference(&shown.refused).count() as u64);

        let mut active: BTreeSet<ActiveKey> = BTreeSet::new();
        let mut rates: BTreeMap<(String, Direction), u64> = BTreeMap::new();
        for (incident, label) in open.iter().zip(labels) {
            if !targets.contains(&label) {
                continue;
            }
            let Incident { vector, direction, severity, .. } = *incident;
            active.insert((label.clone(), vector, direction, severity, incident.maintenance.is_some(), incident.drill));
            if incident.drill {
                // Its packets were never on the wire.
                continue;
            }
            // The last point is as old as the last finding: in the quiet period before it closes, the attack is over.
            let is_quiet = now.seconds_since(incident.updated_at) > QUIET_SECONDS;
            let rate = incident.timeline.last().filter(|_| !is_quiet).map_or(0, |point| point.packets_per_second);
            // The same MAC address can be a target on two interfaces at the same time, and has one label.
            let sum = rates.entry((label, direction)).or_default();
            *sum = sum.saturating_add(rate);
        }
        for key in &active {
            let values = values(key);
            if let Ok(gauge) = self.active.get_metric_with_label_values(&values) {
                gauge.set(1);
            }
        }
        for ((target, direction), &rate) in &rates {
            if let Ok(gauge) = self.rate.get_metric_with_label_values(&[target.as_str(), direction.name()]) {
                gauge.set(whole(rate));
            }
        }
        // A removal fails only if there is no such series.
        for key in shown.active.difference(&active) {
            let _ = self.active.remove_label_values(&values(key));
        }
        for (target, direction) in shown.rates.iter().filter(|key| !rates.contains_key(key)) {
            let _ = self.rate.remove_label_values(&[target.as_str(), direction.name()]);
        }
        *shown = Shown { targets, active, rates: rates.into_keys().collect(), refused };
    }
}

/// The directions for which a vector has series from the start: posture failures have no traffic direction.
const fn directions(vector: Vector) -> &'static [Direction] {
    match vector.class() {
        VectorClass::Sensor if !matches!(vector, Vector::LinkSaturated) => &[Direction::Internal],
        _ => &[Direction::Inbound, Direction::Outbound],
    }
}

/// Label values of [`spec::INCIDENT_ACTIVE`].
fn values((target, vector, direction, severity, maintenance, drill): &ActiveKey) -> [&str; 6] {
    let text = |flag: bool| if flag { "true" } else { "false" };
    [target.as_str(), vector.name(), direction.name(), severity.name(), text(*maintenance), text(*drill)]
}

/// The targets that get series, and those that do not. Targets that have series keep them; then the most severe come
/// first.
fn choose(open: &[Incident], labels: &[String], before: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut order: Vec<(bool, Severity, &String)> =
        open.iter().zip(labels).map(|(incident, label)| (before.contains(label), incident.severity, label)).collect();
    order.sort_by_key(|&(shown, severity, _)| std::cmp::Reverse((shown, severity)));
    let (mut targets, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for (_, _, label) in order {
        if targets.len() < MAX_TARGETS || targets.contains(label) {
            targets.insert(label.clone());
        } else {
            refused.insert(label.clone());
        }
    }
    (targets, refused)
}
