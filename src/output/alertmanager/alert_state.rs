//! The alerts of one Alertmanager: which ones it should have, and which it got. Time is an argument.

use super::alert::{Alert, Labels, Links, annotations, generator, labels};
use crate::base::{Severity, Timestamp};
use crate::incident::{Change, CloseReason, Event, Incident};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a resolved alert is repeated, for an Alertmanager that was restarted in the meantime.
const RESOLVED_FOR: Duration = Duration::from_secs(300);
/// An incident without an event for this time is over: while it is open and packets are processed, progress is sent
/// every ten seconds. The event that closed it was lost because the queue was full. Its alert is not refreshed, and
/// expires.
const SILENT_FOR: Duration = Duration::from_secs(600);
/// Most alerts: more than can be open at the same time by default, and recently resolved ones.
const MAX_ALERTS: usize = 4096;

/// One alert, by its labels.
struct Entry {
    incident: Arc<Incident>,
    /// When it ended: by packet time, and when the event arrived.
    ended: Option<(Timestamp, Instant)>,
    /// When the last event about it arrived.
    last_event: Instant,
    /// When it changed, if it was not sent since.
    changed: Option<Instant>,
    sent: Option<Instant>,
    /// The Alertmanager refuses the alert in its current form.
    is_refused: bool,
}

/// The alerts of one Alertmanager.
pub(super) struct AlertState {
    min_severity: Severity,
    refresh: Duration,
    external: Labels,
    links: Links,
    alerts: BTreeMap<Labels, Entry>,
    /// The current labels of each open incident, by its ID.
    open: BTreeMap<String, Labels>,
}

impl AlertState {
    /// Without alerts. Incidents below `min_severity` are ignored; open alerts are sent again every `refresh`.
    pub(super) fn new(min_severity: Severity, refresh: Duration, external: Labels, links: Links) -> AlertState {
        AlertState { min_severity, refresh, external, links, alerts: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// Applies an event; returns whether an alert must be sent immediately.
    pub(super) fn apply(&mut self, event: &Event, now: Instant) -> bool {
        let incident = &event.incident;
        let known = self.open.get(&incident.id);
        match event.change {
            Change::Closed => {
                // The attack continues when Pegel stops: the alert expires, or is sent again after a restart.
                let continues = incident.close_reason == Some(CloseReason::Shutdown) && !incident.drill;
                let Some(labels) = self.open.remove(&incident.id) else { return false };
                if !continues {
                    self.end(&labels, incident, now);
                }
                !continues
            }
            Change::Progress
            | Change::Opened
            | Change::Extended
            | Change::Escalated
            | Change::Updated
            | Change::Resumed => {
                if incident.severity < self.min_severity {
                    return false;
                }
                let labels = labels(incident, &self.external);
                if event.change == Change::Progress && known == Some(&labels) {
                    // The next refresh sends the figures. (Unknown labels mean that an earlier change was lost because
                    // the queue was full.)
                    if let Some(entry) = self.alerts.get_mut(&labels) {
                        (entry.incident, entry.last_event) = (Arc::clone(incident), now);
                    }
                    return false;
                }
                if let Some(before) = known.filter(|&before| *before != labels).cloned() {
                    // Its severity or class changed, so it is a different alert.
                    self.end(&before, incident, now);
                }
                self.open.insert(incident.id.clone(), labels.clone());
                let incident = Arc::clone(incident);
                let entry =
                    Entry { incident, ended: None, last_event: now, changed: Some(now), sent: None, is_refused: false };
                self.alerts.insert(labels, entry);
                self.evict();
                true
            }
        }
    }

    /// Resolves the alert with these labels, unless another open incident has the same.
    fn end(&mut self, labels: &Labels, incident: &Arc<Incident>, now: Instant) {
        if self.open.iter().any(|(id, other)| *id != incident.id && other == labels) {
            return;
        }
        let Some(entry) = self.alerts.get_mut(labels) else { return };
        entry.incident = Arc::clone(incident);
        entry.ended = Some((incident.closed_at.unwrap_or(incident.updated_at), now));
        entry.changed = Some(now);
        entry.is_refused = false;
    }

    /// Removes alerts above the limit: resolved ones first, the oldest of them first.
    fn evict(&mut self) {
        while self.alerts.len() > MAX_ALERTS {
            let age = |entry: &Entry| entry.ended.map(|(_, at)| at);
            let oldest = self.alerts.iter().min_by_key(|(_, entry)| (age(entry).is_none(), age(entry)));
            let Some(labels) = oldest.map(|(labels, _)| labels.clone()) else { return };
            // If the incident has other labels now, this is its former alert, and it stays open.
            if let Some(entry) = self.alerts.remove(&labels)
                && self.open.get(&entry.incident.id) == Some(&labels)
            {
                self.open.remove(&entry.incident.id);
            }
        }
    }

    /// The alerts to send now. Removes resolved ones that were repeated for long enough.
    pub(super) fn due(&mut self, now: Instant, wall: Timestamp) -> Vec<Alert> {
        self.alerts.retain(|_, entry| match entry.ended {
            Some((_, at)) => entry.changed.is_some() || now.saturating_duration_since(at) < RESOLVED_FOR,
            None => entry.changed.is_some() || now.saturating_duration_since(entry.last_event) < SILENT_FOR,
        });
        let alerts = &self.alerts;
        self.open.retain(|_, labels| alerts.contains_key(labels));
        let expires = wall.plus_seconds(self.refresh.as_secs_f64() * 5.0);
        let (refresh, links) = (self.refresh, &self.links);
        let due = self.alerts.iter().filter(|(_, entry)| entry.next(refresh).is_some_and(|at| at <= now));
        due.map(|(labels, entry)| Alert {
            labels: labels.clone(),
            annotations: annotations(&entry.incident, entry.is_replaced(), links),
            starts_at: entry.incident.opened_at,
            // Alertmanager refuses an alert that ends before it starts.
            ends_at: entry.ended.map_or(expires, |(at, _)| at.max(entry.incident.opened_at)),
            generator_url: generator(&entry.incident, links),
        })
        .collect()
    }

    /// When an alert is to be sent next; in the past if it is overdue.
    pub(super) fn next(&self) -> Option<Instant> {
        self.alerts.values().filter_map(|entry| entry.next(self.refresh)).min()
    }

    /// These alerts were accepted.
    pub(super) fn accepted(&mut self, alerts: &[Alert], now: Instant) {
        self.mark(alerts, now, false);
    }

    /// These alerts were refused; they are not sent again until they change.
    pub(super) fn refused(&mut self, alerts: &[Alert], now: Instant) {
        self.mark(alerts, now, true);
    }

    fn mark(&mut self, alerts: &[Alert], now: Instant, is_refused: bool) {
        for alert in alerts {
            if let Some(entry) = self.alerts.get_mut(&alert.labels) {
                (entry.changed, entry.sent, entry.is_refused) = (None, Some(now), is_refused);
            }
        }
    }
}

impl Entry {
    /// Whether the incident goes on as an alert with other labels.
    fn is_replaced(&self) -> bool {
        self.ended.is_some() && self.incident.closed_at.is_none()
    }

    /// When it is to be sent next.
    fn next(&self, refresh: Duration) -> Option<Instant> {
        match (self.changed, self.sent) {
            (Some(changed), _) => Some(changed),
            (None, Some(sent)) if !self.is_refused => Some(sent + refresh),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::incident;

    const REFRESH: Duration = Duration::from_secs(60);

    fn state() -> AlertState {
        AlertState::new(Severity::Warning, REFRESH, Labels::new(), Links::default())
    }

    fn event(change: Change, incident: &Incident) -> Event {
        Event { change, incident: Arc::new(incident.clone()) }
    }

    /// Sends everything that is due to an Alertmanager that accepts it.
    fn send(state: &mut AlertState, now: Instant, wall: Timestamp) -> Vec<Alert> {
        let due = state.due(now, wall);
        state.accepted(&due, now);
        due
    }

    fn start() -> (Instant, Timestamp) {
        (crate::output::clock::instant(), Timestamp::from_parts(1_800_000_000, 0))
    }

    #[test]
    fn an_alert_is_sent_refreshed_resolved_and_repeated_for_five_minutes() {
        let (mut now, mut wall) = start();
        let (mut state, mut incident) = (state(), incident());
        assert!(state.apply(&event(Change::Opened, &incident), now));
        let sent = send(&mut state, now, wall);
        assert_eq!((sent.len(), sent[0].ends_at), (1, wall.plus_seconds(300.0)));
        assert_eq!(state.next(), Some(now + REFRESH));
        assert!(send(&mut state, now, wall).is_empty());
        incident.peak.packets_per_second = 7777;
        (now, wall) = (now + REFRESH - Duration::from_secs(5), wall.plus_seconds(60.0));
        assert!(!state.apply(&event(Change::Progress, &incident), now));
        now += Duration::from_secs(5);
        let sent = send(&mut state, now, wall);
        assert_eq!(sent[0].annotations["packets_per_second"], "7777");
        incident.closed_at = Some(wall);
        incident.close_reason = Some(CloseReason::Quiet);
        incident.totals.packets = 15_550;
        incident.peak.packets_per_second = 8_888;
        assert!(state.apply(&event(Change::Closed, &incident), now));
        let mut times = 0;
        while let Some(next) = state.next() {
            now = next;
            let sent = send(&mut state, now, wall.plus_seconds(1000.0));
            assert!(sent.iter().all(|alert| alert.ends_at == wall));
            // Alertmanager notifies with the annotations of the last post.
            for alert in &sent {
                let summary = &alert.annotations["summary"];
                assert!(
                    summary.contains(": over after ") && summary.contains(": 15,550 packets, peak 8,888 "),
                    "{summary}"
                );
                assert!(alert.annotations["description"].starts_with(summary.as_str()));
                assert_eq!(alert.annotations["packets_per_second"], "8888");
            }
            times += sent.len();
        }
        // Immediately, and after one to four minutes.
        assert_eq!((times, state.alerts.len(), state.open.len()), (5, 0, 0));
    }

    #[test]
    fn another_severity_is_another_alert_and_the_former_is_resolved() {
        let (now, wall) = start();
        let (mut state, mut incident) = (state(), incident());
        incident.severity = Severity::Warning;
        state.apply(&event(Change::Opened, &incident), now);
        send(&mut state, now, wall);
        incident.severity = Severity::Critical;
        state.apply(&event(Change::Escalated, &incident), now);
        let sent = send(&mut state, now, wall);
        let with = |severity: &str| sent.iter().find(|alert| alert.labels["severity"] == severity).unwrap();
        assert_eq!(sent.len(), 2);
        assert!(with("warning").ends_at <= wall && with("critical").ends_at > wall);
        let summary = |severity| with(severity).annotations["summary"].as_str();
        assert!(summary("warning").starts_with("continues as another alert: critical "), "{}", summary("warning"));
        assert!(summary("critical").starts_with("critical "), "{}", summary("critical"));
    }

    #[test]
    fn figures_are_not_labels() {
        let (now, wall) = start();
        let (mut state, mut incident) = (state(), incident());
        state.apply(&event(Change::Opened, &incident), now);
        let before = send(&mut state, now, wall);
        incident.totals.packets += 1_000_000;
        incident.peak.packets_per_second *= 10;
        incident.vectors.push(crate::base::Vector::RstFlood);
        state.apply(&event(Change::Extended, &incident), now);
        let after = send(&mut state, now, wall);
        assert_eq!((after.len(), &after[0].labels), (1, &before[0].labels));
        assert_ne!(after[0].annotations, before[0].annotations);
    }

    #[test]
    fn an_alertmanager_that_was_down_gets_the_current_state() {
        let (mut now, wall) = start();
        let (mut state, incident) = (state(), incident());
        let numbered = |number: u8| {
            let mut another = incident.clone();
            another.id = format!("i{number}");
            another.target.address =
                Some([203, 0, 113, number].map(|octet| octet.to_string()).join(".").parse().unwrap());
            another
        };
        for number in 0..10 {
            state.apply(&event(Change::Opened, &numbered(number)), now);
        }
        // Nothing can be sent for ten minutes; half of the incidents end in that time.
        for number in 0..5 {
            let mut over = numbered(number);
            over.closed_at = Some(wall);
            state.apply(&event(Change::Closed, &over), now);
        }
        now += Duration::from_secs(600);
        let sent = send(&mut state, now, wall.plus_seconds(600.0));
        let open = sent.iter().filter(|alert| alert.ends_at > wall).count();
        assert_eq!((sent.len(), open), (10, 5));
        assert_eq!(state.due(now, wall).len(), 0);
    }

    #[test]
    fn a_refused_alert_is_not_sent_again_until_it_changes() {
        let (now, wall) = start();
        let (mut state, mut incident) = (state(), incident());
        state.apply(&event(Change::Opened, &incident), now);
        let due = state.due(now, wall);
        state.refused(&due, now);
        assert_eq!((state.next(), state.due(now + REFRESH * 3, wall).len()), (None, 0));
        incident.vectors.push(crate::base::Vector::RstFlood);
        state.apply(&event(Change::Extended, &incident), now);
        assert_eq!(state.due(now, wall).len(), 1);
    }

    #[test]
    fn a_stop_of_pegel_does_not_resolve_alerts() {
        let (now, wall) = start();
        let (mut state, mut incident) = (state(), incident());
        state.apply(&event(Change::Opened, &incident), now);
        send(&mut state, now, wall);
        incident.close_reason = Some(CloseReason::Shutdown);
        incident.closed_at = Some(wall);
        assert!(!state.apply(&event(Change::Closed, &incident), now));
        assert!(send(&mut state, now, wall).is_empty());
    }

    #[test]
    fn incidents_below_the_severity_are_sent_once_they_reach_it() {
        let (now, wall) = start();
        let (mut state, mut incident) = (state(), incident());
        incident.severity = Severity::Info;
        assert!(!state.apply(&event(Change::Opened, &incident), now));
        incident.severity = Severity::Warning;
        assert!(state.apply(&event(Change::Escalated, &incident), now));
        assert_eq!(send(&mut state, now, wall).len(), 1);
    }

    #[test]
    fn alerts_are_bounded_and_resolved_ones_are_evicted_first() {
        let (mut now, wall) = start();
        let (mut state, incident) = (state(), incident());
        for number in 0..MAX_ALERTS + 100 {
            let mut another = incident.clone();
            another.id = format!("i{number}");
            another.target.address = Some(format!("2001:db8::{number:x}").parse().unwrap());
            now += Duration::from_millis(1);
            state.apply(&event(Change::Opened, &another), now);
            if number < 200 {
                another.closed_at = Some(wall);
                state.apply(&event(Change::Closed, &another), now);
            }
        }
        assert_eq!(state.alerts.len(), MAX_ALERTS);
        assert_eq!(state.alerts.values().filter(|entry| entry.ended.is_some()).count(), 100);
    }

    #[test]
    fn progress_makes_up_for_changes_lost_in_a_full_queue() {
        let (mut now, wall) = start();
        let (mut state, incident) = (state(), incident());
        // The opening was lost.
        assert!(state.apply(&event(Change::Progress, &incident), now));
        assert_eq!(send(&mut state, now, wall).len(), 1);
        // The event that closes it is lost: the alert is not refreshed for ever.
        let mut times = 0;
        while let Some(next) = state.next() {
            now = next;
            times += send(&mut state, now, wall).len();
        }
        assert_eq!((times, state.alerts.len(), state.open.len()), (9, 0, 0));
    }

    #[test]
    fn one_of_two_incidents_with_the_same_labels_does_not_resolve_the_other() {
        let (now, wall) = start();
        let (mut state, incident) = (state(), incident());
        let mut another = incident.clone();
        another.id = "another".to_owned();
        state.apply(&event(Change::Opened, &incident), now);
        state.apply(&event(Change::Opened, &another), now);
        assert_eq!(send(&mut state, now, wall).len(), 1);
        for (closed, open) in [(&another, true), (&incident, false)] {
            let mut closed = closed.clone();
            closed.closed_at = Some(wall);
            state.apply(&event(Change::Closed, &closed), now);
            let sent = state.due(now + REFRESH - Duration::from_secs(1), wall);
            state.accepted(&sent, now);
            assert!(sent.iter().all(|alert| (alert.ends_at > wall) == open), "{sent:?}");
        }
        assert!(state.open.is_empty());
    }

    #[test]
    fn evicting_a_former_alert_leaves_its_incident_open() {
        let (mut now, wall) = start();
        let (mut state, mut incident) = (state(), incident());
        incident.severity = Severity::Warning;
        state.apply(&event(Change::Opened, &incident), now);
        incident.severity = Severity::Critical;
        state.apply(&event(Change::Escalated, &incident), now);
        for number in 0..MAX_ALERTS {
            let mut another = incident.clone();
            another.id = format!("i{number}");
            another.target.address = Some(format!("2001:db8::{number:x}").parse().unwrap());
            now += Duration::from_millis(1);
            state.apply(&event(Change::Opened, &another), now);
        }
        incident.closed_at = Some(wall);
        assert!(state.open.contains_key(&incident.id) && state.apply(&event(Change::Closed, &incident), now));
    }
}
