//! The book of alerts: what one Alertmanager should know now, and what it was told. Time is an argument.

use super::alert::{Alert, Labels, Links, annotations, generator, labels};
use crate::base::{Severity, Timestamp};
use crate::incident::{Change, CloseReason, Event, Incident};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an alert that ended is told as such: an Alertmanager that was away in the meantime hears of it, too.
const RESOLVED_FOR: Duration = Duration::from_secs(300);
/// After so long without a word about it, which comes every ten seconds while it is open and packets are judged, an
/// incident is over: the word of its end was lost in a full queue. Its alert is not refreshed any more and lapses by itself.
const SILENT_FOR: Duration = Duration::from_secs(600);
/// Alerts in the book: more than can be open at once by default, and those that ended lately.
const MOST: usize = 4096;

/// One alert, by its labels.
struct Entry {
    incident: Arc<Incident>,
    /// When it ended.
    ended: Option<(Timestamp, Instant)>,
    /// When there was word of it last.
    heard: Instant,
    /// When it changed, where it was not told since.
    changed: Option<Instant>,
    told: Option<Instant>,
    /// The Alertmanager refuses this alert as it is.
    is_refused: bool,
}

pub struct AlertState {
    least: Severity,
    refresh: Duration,
    external: Labels,
    links: Links,
    alerts: BTreeMap<Labels, Entry>,
    /// The labels that each open incident has now.
    open: BTreeMap<String, Labels>,
}

impl AlertState {
    pub fn new(least: Severity, refresh: Duration, external: Labels, links: Links) -> AlertState {
        AlertState { least, refresh, external, links, alerts: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// Notes a change; true where there is something to tell of it at once.
    pub fn take(&mut self, event: &Event, now: Instant) -> bool {
        let incident = &event.incident;
        let known = self.open.get(&incident.id);
        match event.change {
            Change::Closed => {
                // Pegel's end is not the attack's: what is open then lapses by itself, or is told of again after a restart.
                let goes_on = incident.close_reason == Some(CloseReason::Shutdown) && !incident.drill;
                let Some(labels) = self.open.remove(&incident.id) else { return false };
                if !goes_on {
                    self.end(&labels, incident, now);
                }
                !goes_on
            }
            Change::Progress | Change::Opened | Change::Extended | Change::Escalated => {
                if incident.severity < self.least {
                    return false;
                }
                let labels = labels(incident, &self.external);
                if event.change == Change::Progress && known == Some(&labels) {
                    // Nothing that is worth a message of its own; the next refresh tells it. (Anything else means that a
                    // change before was lost in a full queue.)
                    if let Some(entry) = self.alerts.get_mut(&labels) {
                        (entry.incident, entry.heard) = (Arc::clone(incident), now);
                    }
                    return false;
                }
                if let Some(before) = known.filter(|&before| *before != labels).cloned() {
                    // Its severity or class is another now, and so is the alert.
                    self.end(&before, incident, now);
                }
                self.open.insert(incident.id.clone(), labels.clone());
                let incident = Arc::clone(incident);
                let entry =
                    Entry { incident, ended: None, heard: now, changed: Some(now), told: None, is_refused: false };
                self.alerts.insert(labels, entry);
                self.make_room();
                true
            }
        }
    }

    /// The alert with these labels ends, if it is (still) about this incident, and about no other that is open.
    fn end(&mut self, labels: &Labels, incident: &Arc<Incident>, now: Instant) {
        if self.open.iter().any(|(id, of)| *id != incident.id && of == labels) {
            return;
        }
        let Some(entry) = self.alerts.get_mut(labels) else { return };
        entry.incident = Arc::clone(incident);
        entry.ended = Some((incident.closed_at.unwrap_or(incident.updated_at), now));
        entry.changed = Some(now);
        entry.is_refused = false;
    }

    /// What ended first goes first; what is open only if nothing else is left.
    fn make_room(&mut self) {
        while self.alerts.len() > MOST {
            let age = |entry: &Entry| entry.ended.map(|(_, at)| at);
            let oldest = self.alerts.iter().min_by_key(|(_, entry)| (age(entry).is_none(), age(entry)));
            let Some(labels) = oldest.map(|(labels, _)| labels.clone()) else { return };
            // Of an incident that has other labels by now, only the former alert goes.
            if let Some(entry) = self.alerts.remove(&labels)
                && self.open.get(&entry.incident.id) == Some(&labels)
            {
                self.open.remove(&entry.incident.id);
            }
        }
    }

    /// Everything that has to be told now; what has been told for long enough that it is over is forgotten.
    pub fn due(&mut self, now: Instant, wall: Timestamp) -> Vec<Alert> {
        self.alerts.retain(|_, entry| match entry.ended {
            Some((_, at)) => entry.changed.is_some() || now.saturating_duration_since(at) < RESOLVED_FOR,
            None => entry.changed.is_some() || now.saturating_duration_since(entry.heard) < SILENT_FOR,
        });
        let alerts = &self.alerts;
        self.open.retain(|_, labels| alerts.contains_key(labels));
        let lapses = wall.plus_seconds(self.refresh.as_secs_f64() * 5.0);
        let (refresh, links) = (self.refresh, &self.links);
        let due = self.alerts.iter().filter(|(_, entry)| entry.next(refresh).is_some_and(|at| at <= now));
        due.map(|(labels, entry)| Alert {
            labels: labels.clone(),
            annotations: annotations(&entry.incident, links),
            starts_at: entry.incident.opened_at,
            // Alertmanager takes nothing that ends before it begins.
            ends_at: entry.ended.map_or(lapses, |(at, _)| at.max(entry.incident.opened_at)),
            generator_url: generator(&entry.incident, links),
        })
        .collect()
    }

    /// When there is something to tell next; the past where it is overdue.
    pub fn next(&self) -> Option<Instant> {
        self.alerts.values().filter_map(|entry| entry.next(self.refresh)).min()
    }

    /// These were taken.
    pub fn told(&mut self, alerts: &[Alert], now: Instant) {
        self.mark(alerts, now, false);
    }

    /// These will not be taken as they are: not told again until they change.
    pub fn refused(&mut self, alerts: &[Alert], now: Instant) {
        self.mark(alerts, now, true);
    }

    fn mark(&mut self, alerts: &[Alert], now: Instant, is_refused: bool) {
        for alert in alerts {
            if let Some(entry) = self.alerts.get_mut(&alert.labels) {
                (entry.changed, entry.told, entry.is_refused) = (None, Some(now), is_refused);
            }
        }
    }
}

impl Entry {
    /// When it is to be told next.
    fn next(&self, refresh: Duration) -> Option<Instant> {
        match (self.changed, self.told) {
            (Some(changed), _) => Some(changed),
            (None, Some(told)) if !self.is_refused => Some(told + refresh),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::incident;

    const REFRESH: Duration = Duration::from_secs(60);

    fn book() -> AlertState {
        AlertState::new(Severity::Warning, REFRESH, Labels::new(), Links::default())
    }

    fn event(change: Change, incident: &Incident) -> Event {
        Event { change, incident: Arc::new(incident.clone()) }
    }

    /// Takes everything that is due as an Alertmanager that works does.
    fn tell(book: &mut AlertState, now: Instant, wall: Timestamp) -> Vec<Alert> {
        let due = book.due(now, wall);
        book.told(&due, now);
        due
    }

    fn start() -> (Instant, Timestamp) {
        (super::super::super::instant(), Timestamp::from_parts(1_800_000_000, 0))
    }

    #[test]
    fn an_alert_is_told_refreshed_ended_and_then_for_five_minutes() {
        let (mut now, mut wall) = start();
        let (mut book, mut incident) = (book(), incident());
        assert!(book.take(&event(Change::Opened, &incident), now));
        let told = tell(&mut book, now, wall);
        assert_eq!((told.len(), told[0].ends_at), (1, wall.plus_seconds(300.0)));
        assert_eq!(book.next(), Some(now + REFRESH));
        assert!(tell(&mut book, now, wall).is_empty());
        incident.peak.packets_per_second = 7777;
        (now, wall) = (now + REFRESH - Duration::from_secs(5), wall.plus_seconds(60.0));
        assert!(!book.take(&event(Change::Progress, &incident), now));
        now += Duration::from_secs(5);
        let told = tell(&mut book, now, wall);
        assert_eq!(told[0].annotations["packets_per_second"], "7777");
        incident.closed_at = Some(wall);
        incident.close_reason = Some(CloseReason::Quiet);
        assert!(book.take(&event(Change::Closed, &incident), now));
        let mut times = 0;
        while let Some(next) = book.next() {
            now = next;
            let told = tell(&mut book, now, wall.plus_seconds(1000.0));
            assert!(told.iter().all(|alert| alert.ends_at == wall));
            times += told.len();
        }
        // At once, and after one to four minutes.
        assert_eq!((times, book.alerts.len(), book.open.len()), (5, 0, 0));
    }

    #[test]
    fn another_severity_is_another_alert_and_the_one_before_ends() {
        let (now, wall) = start();
        let (mut book, mut incident) = (book(), incident());
        incident.severity = Severity::Warning;
        book.take(&event(Change::Opened, &incident), now);
        tell(&mut book, now, wall);
        incident.severity = Severity::Critical;
        book.take(&event(Change::Escalated, &incident), now);
        let told = tell(&mut book, now, wall);
        let of = |severity: &str| told.iter().find(|alert| alert.labels["severity"] == severity).unwrap();
        assert_eq!(told.len(), 2);
        assert!(of("warning").ends_at <= wall && of("critical").ends_at > wall);
    }

    #[test]
    fn figures_are_no_labels() {
        let (now, wall) = start();
        let (mut book, mut incident) = (book(), incident());
        book.take(&event(Change::Opened, &incident), now);
        let before = tell(&mut book, now, wall);
        incident.totals.packets += 1_000_000;
        incident.peak.packets_per_second *= 10;
        incident.vectors.push(crate::base::Vector::RstFlood);
        book.take(&event(Change::Extended, &incident), now);
        let after = tell(&mut book, now, wall);
        assert_eq!((after.len(), &after[0].labels), (1, &before[0].labels));
        assert_ne!(after[0].annotations, before[0].annotations);
    }

    #[test]
    fn who_was_away_is_told_what_holds_then() {
        let (mut now, wall) = start();
        let (mut book, incident) = (book(), incident());
        let with = |number: u8| {
            let mut another = incident.clone();
            another.id = format!("i{number}");
            another.target.address =
                Some([203, 0, 113, number].map(|octet| octet.to_string()).join(".").parse().unwrap());
            another
        };
        for number in 0..10 {
            book.take(&event(Change::Opened, &with(number)), now);
        }
        // Nothing of it arrives for ten minutes; half of it ends meanwhile.
        for number in 0..5 {
            let mut over = with(number);
            over.closed_at = Some(wall);
            book.take(&event(Change::Closed, &over), now);
        }
        now += Duration::from_secs(600);
        let told = tell(&mut book, now, wall.plus_seconds(600.0));
        let open = told.iter().filter(|alert| alert.ends_at > wall).count();
        assert_eq!((told.len(), open), (10, 5));
        assert_eq!(book.due(now, wall).len(), 0);
    }

    #[test]
    fn what_is_refused_is_not_told_again_until_it_changes() {
        let (now, wall) = start();
        let (mut book, mut incident) = (book(), incident());
        book.take(&event(Change::Opened, &incident), now);
        let due = book.due(now, wall);
        book.refused(&due, now);
        assert_eq!((book.next(), book.due(now + REFRESH * 3, wall).len()), (None, 0));
        incident.vectors.push(crate::base::Vector::RstFlood);
        book.take(&event(Change::Extended, &incident), now);
        assert_eq!(book.due(now, wall).len(), 1);
    }

    #[test]
    fn the_end_of_pegel_is_not_the_end_of_an_attack() {
        let (now, wall) = start();
        let (mut book, mut incident) = (book(), incident());
        book.take(&event(Change::Opened, &incident), now);
        tell(&mut book, now, wall);
        incident.close_reason = Some(CloseReason::Shutdown);
        incident.closed_at = Some(wall);
        assert!(!book.take(&event(Change::Closed, &incident), now));
        assert!(tell(&mut book, now, wall).is_empty());
    }

    #[test]
    fn notes_below_the_bound_are_told_only_once_they_reach_it() {
        let (now, wall) = start();
        let (mut book, mut incident) = (book(), incident());
        incident.severity = Severity::Info;
        assert!(!book.take(&event(Change::Opened, &incident), now));
        incident.severity = Severity::Warning;
        assert!(book.take(&event(Change::Escalated, &incident), now));
        assert_eq!(tell(&mut book, now, wall).len(), 1);
    }

    #[test]
    fn the_book_is_bounded_and_what_ended_goes_first() {
        let (mut now, wall) = start();
        let (mut book, incident) = (book(), incident());
        for number in 0..MOST + 100 {
            let mut another = incident.clone();
            another.id = format!("i{number}");
            another.target.address = Some(format!("2001:db8::{number:x}").parse().unwrap());
            now += Duration::from_millis(1);
            book.take(&event(Change::Opened, &another), now);
            if number < 200 {
                another.closed_at = Some(wall);
                book.take(&event(Change::Closed, &another), now);
            }
        }
        assert_eq!(book.alerts.len(), MOST);
        assert_eq!(book.alerts.values().filter(|entry| entry.ended.is_some()).count(), 100);
    }

    #[test]
    fn changes_that_were_lost_in_a_full_queue_are_made_up_for() {
        let (mut now, wall) = start();
        let (mut book, incident) = (book(), incident());
        // The opening was lost.
        assert!(book.take(&event(Change::Progress, &incident), now));
        assert_eq!(tell(&mut book, now, wall).len(), 1);
        // The end is lost: it is not refreshed for ever.
        let mut times = 0;
        while let Some(next) = book.next() {
            now = next;
            times += tell(&mut book, now, wall).len();
        }
        assert_eq!((times, book.alerts.len(), book.open.len()), (9, 0, 0));
    }

    #[test]
    fn one_of_two_incidents_of_the_same_labels_does_not_end_the_other() {
        let (now, wall) = start();
        let (mut book, incident) = (book(), incident());
        let mut another = incident.clone();
        another.id = "another".to_owned();
        book.take(&event(Change::Opened, &incident), now);
        book.take(&event(Change::Opened, &another), now);
        assert_eq!(tell(&mut book, now, wall).len(), 1);
        for (closed, open) in [(&another, true), (&incident, false)] {
            let mut closed = closed.clone();
            closed.closed_at = Some(wall);
            book.take(&event(Change::Closed, &closed), now);
            let told = book.due(now + REFRESH - Duration::from_secs(1), wall);
            book.told(&told, now);
            assert!(told.iter().all(|alert| (alert.ends_at > wall) == open), "{told:?}");
        }
        assert!(book.open.is_empty());
    }

    #[test]
    fn a_former_alert_that_has_to_go_leaves_its_incident_open() {
        let (mut now, wall) = start();
        let (mut book, mut incident) = (book(), incident());
        incident.severity = Severity::Warning;
        book.take(&event(Change::Opened, &incident), now);
        incident.severity = Severity::Critical;
        book.take(&event(Change::Escalated, &incident), now);
        for number in 0..MOST {
            let mut another = incident.clone();
            another.id = format!("i{number}");
            another.target.address = Some(format!("2001:db8::{number:x}").parse().unwrap());
            now += Duration::from_millis(1);
            book.take(&event(Change::Opened, &another), now);
        }
        incident.closed_at = Some(wall);
        assert!(book.open.contains_key(&incident.id) && book.take(&event(Change::Closed, &incident), now));
    }
}
