//! The state machine: opens, extends and closes incidents. Time is an argument; the same findings give the same
//! incidents.

#[cfg(test)]
mod tests;

use super::event::{Change, Event};
use super::key::Key;
use super::losses::LossCounts;
use super::maintenance::MaintenanceWindow;
use super::model::{CloseReason, Incident};
use super::open::OpenIncident;
use super::record::Record;
use super::relations::{explains, is_flood, is_response, is_small_part, is_within};
use super::resumed::Resumed;
use super::room::{self, Refusals, Room, Usage};
use crate::base::{Addr, Direction, Networks, Severity, Timestamp, Vector};
use crate::detect::{Finding, Target};
use crate::meter::Window;
use crate::mitigation::BackgroundTraffic;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Limits of the state machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidentSettings {
    /// Seconds without any finding after which an incident closes.
    pub quiet_seconds: f64,
    /// Most incidents open at the same time.
    pub max_open: usize,
    /// Most closed incidents that are kept.
    pub max_recent: usize,
}

/// All incidents: the open ones, and the most recent closed ones.
pub struct Incidents {
    settings: IncidentSettings,
    maintenance: Vec<MaintenanceWindow>,
    open: BTreeMap<Key, Record>,
    background: BackgroundTraffic,
    recent: VecDeque<Arc<Incident>>,
    /// Incidents that were closed for a more severe one.
    evictions: u64,
    refusals: Refusals,
    resumed: Resumed,
    /// Where evidence is, with `{id}`.
    evidence_url: Option<Arc<str>>,
    /// Findings that were a side effect of another incident, or part of one about the whole prefix.
    side_effects: u64,
}

/// Seconds after the last finding about a larger incident during which it covers the findings that it explains.
const MERGE_SECONDS: f64 = 2.0;
/// Sampled packets kept by all open incidents together, and by each of them at least and at most.
const MAX_SAMPLES: usize = 4096;
const MIN_SAMPLES_EACH: usize = 16;
const MAX_SAMPLES_EACH: usize = 256;
/// Ticks before the estimated onset of an attack that may already contain packets of it.
const ONSET_MARGIN: u64 = 2;

impl Incidents {
    /// Without any incidents.
    pub fn new(settings: IncidentSettings) -> Self {
        Incidents {
            settings,
            maintenance: Vec::new(),
            open: BTreeMap::new(),
            background: BackgroundTraffic::default(),
            recent: VecDeque::new(),
            evictions: 0,
            refusals: Refusals::default(),
            resumed: Resumed::default(),
            evidence_url: None,
            side_effects: 0,
        }
    }

    /// Applies new limits from the next tick on.
    pub fn set_settings(&mut self, settings: IncidentSettings) {
        self.settings = settings;
    }

    /// New incidents name this place of their evidence, with `{id}` for their ID.
    pub fn set_evidence_url(&mut self, template: Option<String>) {
        self.evidence_url = template.map(Arc::from);
    }

    /// Replaces the maintenance windows.
    pub fn set_maintenance<'w>(&mut self, windows: impl Iterator<Item = &'w MaintenanceWindow> + Clone) {
        if !self.maintenance.iter().eq(windows.clone()) {
            self.maintenance = windows.cloned().collect();
        }
    }

    /// Findings dropped because too many incidents were open, and because they were side effects.
    pub fn dropped_findings(&self) -> (u64, u64) {
        (self.refusals.findings, self.side_effects)
    }

    /// How full the table of open incidents is.
    pub fn usage(&self) -> Usage {
        Usage {
            entries: self.open.len(),
            capacity: self.settings.max_open,
            evictions: self.evictions,
            refusals: self.refusals.findings,
        }
    }

    /// How many incidents are open.
    pub fn open_count(&self) -> usize {
        self.open.len() + self.resumed.len()
    }

    /// Adds incidents that were open, and others that were closed, when Pegel stopped. One that has been quiet for long enough
    /// closes at once, as of its last finding. Appends the resulting events.
    pub fn resume(&mut self, open: Vec<Incident>, recent: Vec<Incident>, now: Timestamp, events: &mut Vec<Event>) {
        self.recent.extend(recent.into_iter().map(Arc::new));
        for mut incident in open {
            (incident.closed_at, incident.close_reason) = (None, None);
            let is_quiet = now.seconds_since(incident.updated_at) >= self.settings.quiet_seconds;
            // A clock that was set back says nothing of the time in between.
            let is_later = incident.updated_at > now;
            let incident = Arc::new(incident);
            if is_quiet
                || is_later
                || self.open_count() >= self.settings.max_open
                || !self.resumed.add(Arc::clone(&incident))
            {
                let at = incident.updated_at;
                self.finish(Incident::clone(&incident), at, CloseReason::Interrupted, events);
            } else {
                events.push(Event { change: Change::Resumed, incident });
            }
        }
    }

    /// Every open incident with what it counted in the tick that ended at `now`.
    pub fn counted(&self, now: Timestamp) -> impl Iterator<Item = OpenIncident<'_>> {
        let open = self.open.iter().map(move |(key, record)| record.counted(&key.target, now));
        open.chain(self.resumed.iter().map(|(key, incident)| OpenIncident::quiet(&key.target, incident)))
    }

    /// The current state of every open incident, by target.
    pub fn open(&self) -> impl Iterator<Item = Incident> + '_ {
        let resumed = self.resumed.iter().map(|(_, incident)| Incident::clone(incident));
        self.open.values().filter_map(|record| record.incident(None)).chain(resumed)
    }

    /// A function that returns whether a host, or a network that contains it, has an open incident above severity
    /// `info`.
    pub fn under_attack(&self) -> impl Fn(Addr) -> bool + use<> {
        let (mut hosts, mut networks) = (BTreeSet::new(), Vec::new());
        for (Key { target, .. }, record) in &self.open {
            match target {
                Target::Host(address) if record.severity() > Severity::Info => {
                    hosts.insert(*address);
                }
                Target::Prefix(network) if record.severity() > Severity::Info => networks.push(*network),
                _ => {}
            }
        }
        let networks = Networks::new(networks);
        move |address| hosts.contains(&address) || networks.contains(address)
    }

    /// Closed incidents, oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &Arc<Incident>> {
        self.recent.iter()
    }

    /// Of the table of background traffic: its entries (a host in one direction each), its capacity, and evictions so
    /// far.
    pub fn background_usage(&self) -> (usize, usize, u64) {
        self.background.usage()
    }

    /// Samples the tick's traffic of hosts without an open incident: what a suggested filter must not match. Call it
    /// before [`Incidents::observe`]. `inside_known`: whether the configured networks identify our own senders.
    pub fn observe_background(&mut self, window: &Window<'_>, inside_known: bool) {
        let (mut hosts, mut networks) = (BTreeSet::new(), Vec::new());
        for Key { target, direction, .. } in self.open.keys() {
            let outbound = *direction == Direction::Outbound;
            match target {
                Target::Host(address) => drop(hosts.insert((*address, outbound))),
                Target::Prefix(network) => networks.push((*network, outbound)),
                _ => {}
            }
        }
        self.background.observe(window, inside_known, |address, sent| {
            let within = |(network, outbound): &(IpNet, bool)| *outbound == sent && network.contains(&address.ip());
            hosts.contains(&(address, sent)) || networks.iter().any(within)
        });
    }

    /// Processes the findings of the tick that ends at `now`; appends the resulting events.
    pub fn observe(&mut self, findings: &[Finding], now: Timestamp, losses: LossCounts, events: &mut Vec<Event>) {
        self.close_quiet(now, events);
        let mut by_key: BTreeMap<Key, Vec<&Finding>> = BTreeMap::new();
        for finding in findings {
            by_key.entry(Key::new(finding)).or_default().push(finding);
        }
        // Prefixes first, so that incidents of their hosts can be merged into them. (For one target, informational
        // vectors come last, by the order of keys.)
        let (mut prefixes, others): (Vec<_>, Vec<_>) =
            by_key.into_iter().partition(|(key, _)| matches!(key.target, Target::Prefix(_)));
        // The widest first, for the same reason.
        prefixes.sort_by_key(|(key, _)| match &key.target {
            Target::Prefix(network) => network.prefix_len(),
            _ => 0,
        });
        for (key, findings) in prefixes.into_iter().chain(others) {
            if self.is_explained(&key, &findings, now) {
                self.side_effects += findings.len() as u64;
                continue;
            }
            let findings = self.without_responses(&key, findings);
            let Some(first) = findings.first() else { continue };
            let (mut opened, mut is_new) = (false, false);
            if !self.open.contains_key(&key) {
                if !self.make_room(&key, &findings, now, events) {
                    self.refusals.count(&findings, self.open.len(), now);
                    continue;
                }
                let maintenance = self.maintenance.iter().find_map(|window| window.mark(&key.target, now));
                let Some(mut record) = Record::open(first, maintenance, now, losses, self.open.len()) else { continue };
                is_new = match self.resumed.take(&key) {
                    Some(earlier) => {
                        record.go_on(earlier);
                        false
                    }
                    None => true,
                };
                record.set_evidence_url(self.evidence_url.clone());
                let until = record.since().tick().saturating_sub(ONSET_MARGIN);
                let (outbound, most) = (key.direction == Direction::Outbound, samples_each(self.open.len()));
                record.set_background(self.background.before(&key.target, outbound, until, most));
                self.open.insert(key.clone(), record);
                self.merge_note(&key, now, events);
                self.merge_narrower_sweeps(&key, first, now, events);
                opened = true;
            }
            let most = samples_each(self.open.len());
            let Some(record) = self.open.get_mut(&key) else { continue };
            let was_carpet = record.is_carpet();
            let changed = record.extend(&findings, now, losses, most);
            let becomes_carpet = record.is_carpet() && !was_carpet;
            if opened || changed.vector {
                findings.iter().for_each(|finding| self.merge_stations(&key, finding.vector, now, events));
            }
            let Some(record) = self.open.get_mut(&key) else { continue };
            let change = match (is_new, changed.vector, changed.severity) {
                (true, ..) => Change::Opened,
                (_, true, _) => Change::Extended,
                (_, _, true) => Change::Escalated,
                _ => continue,
            };
            record.tell(now);
            events.extend(record.incident(None).map(|incident| Event { change, incident: Arc::new(incident) }));
            if becomes_carpet {
                self.merge_hosts(&key, now, events);
            }
        }
        self.tell_news(now, events);
    }

    /// Reports the figures of attacks again that were estimates, or that have doubled.
    fn tell_news(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        for (key, record) in &mut self.open {
            if record.has_news(now) && !key.is_note {
                record.tell(now);
                let incident = record.incident(None);
                events.extend(incident.map(|incident| Event { change: Change::Updated, incident: Arc::new(incident) }));
            }
        }
    }

    /// Whether there is room for another incident, where need be instead of a less severe one.
    fn make_room(&mut self, key: &Key, findings: &[&Finding], now: Timestamp, events: &mut Vec<Event>) -> bool {
        let mark = self.maintenance.iter().find_map(|window| window.mark(&key.target, now));
        let severity = |finding: &&Finding| mark.as_ref().map_or(finding.severity, |mark| mark.severity(finding, now));
        let packets = findings.iter().map(|finding| finding.recent.count.packets).sum();
        let Some(severity) = findings.iter().map(severity).max() else { return false };
        match room::for_another(&self.open, self.settings.max_open, key, (severity, packets), now) {
            Room::Free => true,
            Room::InsteadOf(least) => {
                self.evictions += 1;
                self.close(&least, now, CloseReason::Evicted, events);
                true
            }
            Room::None => false,
        }
    }

    /// Lines for the log since the last call.
    pub fn take_news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refusals.news)
    }

    /// Whether an open incident explains these findings: floods of a host whose whole prefix is attacked, an anomaly of
    /// a station whose whole LAN is affected, or a scan of a target that is attacked.
    fn is_explained(&self, key: &Key, findings: &[&Finding], now: Timestamp) -> bool {
        let is_current = |record: &Record| now.seconds_since(record.updated_at) <= MERGE_SECONDS;
        if key.is_note {
            // A flood also hits many ports or hosts.
            let attack = Key { is_note: false, ..key.clone() };
            return self.open.get(&attack).is_some_and(is_current);
        }
        if matches!(key.target, Target::Station { .. }) {
            let explained = |finding: &&Finding| {
                self.open.iter().any(|(other, record)| {
                    // What is counted over a minute may exceed its limit after the end of what caused it.
                    matches!(other.target, Target::Segment { .. })
                        && finding.since.seconds_since(record.updated_at) <= MERGE_SECONDS
                        && record.vectors().any(|vector| explains(vector, finding.vector))
                })
            };
            return findings.iter().all(explained);
        }
        if !matches!(key.target, Target::Host(_) | Target::Prefix(_)) {
            return false;
        }
        let packets: u64 = findings.iter().map(|finding| finding.recent.count.packets).sum();
        findings.iter().all(|finding| is_flood(finding.vector))
            && self.open.iter().any(|(other, record)| {
                is_within(&key.target, &other.target)
                    && other.direction == key.direction
                    && record.is_carpet()
                    && is_current(record)
                    && is_small_part(packets as f64, record.peak_packets())
            })
    }

    /// Merges an informational incident that turns out to be the first tenths of a second of an attack.
    fn merge_note(&mut self, attack: &Key, now: Timestamp, events: &mut Vec<Event>) {
        let note = Key { is_note: true, ..attack.clone() };
        let is_new = |record: &Record| now.seconds_since(record.first_opened_at()) <= MERGE_SECONDS;
        if !attack.is_note && self.open.get(&note).is_some_and(is_new) {
            self.merge_into(attack, vec![note], now, events);
        }
    }

    /// Merges informational incidents about parts of a network of which the same source has now swept a larger part.
    fn merge_narrower_sweeps(&mut self, wider: &Key, finding: &Finding, now: Timestamp, events: &mut Vec<Event>) {
        let (Target::Prefix(network), true) = (&wider.target, wider.is_note) else { return };
        let Some(source) = finding.recent.samples.first().map(|sample| sample.peer) else { return };
        let is_part = |key: &Key, record: &Record| {
            let within = match &key.target {
                Target::Host(address) => network.contains(&address.ip()),
                Target::Prefix(part) => part != network && network.contains(part),
                _ => false,
            };
            within
                && key.is_note
                && key.direction == wider.direction
                && record.vectors().all(|vector| vector == finding.vector)
                && record.only_peer() == Some(source)
        };
        self.merge(wider, is_part, now, events);
    }

    /// Merges new incidents of single stations that an incident of their whole LAN explains.
    fn merge_stations(&mut self, lan: &Key, vector: Vector, now: Timestamp, events: &mut Vec<Event>) {
        if !matches!(lan.target, Target::Segment { .. }) {
            return;
        }
        let is_part = |key: &Key, record: &Record| {
            matches!(key.target, Target::Station { .. })
                && now.seconds_since(record.first_opened_at()) <= MERGE_SECONDS
                && record.vectors().all(|part| explains(vector, part))
        };
        self.merge(lan, is_part, now, events);
    }

    /// Merges floods of single hosts, and of narrower prefixes, into the one of their prefix.
    fn merge_hosts(&mut self, prefix: &Key, now: Timestamp, events: &mut Vec<Event>) {
        let Some(whole) = self.open.get(prefix).map(Record::peak_packets) else { return };
        let is_part = |key: &Key, record: &Record| {
            is_within(&key.target, &prefix.target)
                && key.direction == prefix.direction
                && record.vectors().all(is_flood)
                && is_small_part(record.peak_packets(), whole)
        };
        self.merge(prefix, is_part, now, events);
    }

    /// Closes incidents that are now part of `whole`.
    fn merge(&mut self, whole: &Key, is_part: impl Fn(&Key, &Record) -> bool, now: Timestamp, events: &mut Vec<Event>) {
        let open = self.open.iter().filter(|(key, record)| *key != whole && is_part(key, record));
        let parts = open.map(|(key, _)| key.clone()).collect();
        self.merge_into(whole, parts, now, events);
    }

    fn merge_into(&mut self, whole: &Key, parts: Vec<Key>, now: Timestamp, events: &mut Vec<Event>) {
        for key in parts {
            let Some(incident) = self.take(&key, now, CloseReason::Merged) else { continue };
            let incident = Arc::new(Incident { part_of: Some(whole.target.to_string()), ..incident });
            events.push(Event { change: Change::Closed, incident });
        }
    }

    /// Removes responses of a flooded host, and responses to one of our own hosts that attacks: these are no other
    /// attack.
    fn without_responses<'a>(&mut self, key: &Key, findings: Vec<&'a Finding>) -> Vec<&'a Finding> {
        let opposite = match key.direction {
            Direction::Inbound => Direction::Outbound,
            Direction::Outbound => Direction::Inbound,
            Direction::Internal => return findings,
        };
        if !self.open.contains_key(&Key { direction: opposite, ..key.clone() }) {
            return findings;
        }
        let before = findings.len();
        let kept: Vec<&Finding> = findings.into_iter().filter(|finding| !is_response(finding.vector)).collect();
        self.side_effects += (before - kept.len()) as u64;
        kept
    }

    fn close_quiet(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        let quiet = self.settings.quiet_seconds;
        let quiet_keys: Vec<Key> = self
            .open
            .iter()
            .filter(|(_, record)| now.seconds_since(record.updated_at) >= quiet)
            .map(|(key, _)| key.clone())
            .collect();
        for key in quiet_keys {
            // It closes at the end of the quiet period, even if no packet arrived at that time.
            let at = self.open.get(&key).map_or(now, |record| record.updated_at.plus_seconds(quiet));
            self.close(&key, at, CloseReason::Quiet, events);
        }
        for incident in self.resumed.take_quiet(now, quiet) {
            let at = incident.updated_at.plus_seconds(quiet);
            self.finish(Incident::clone(&incident), at, CloseReason::Quiet, events);
        }
    }

    /// Closes all open incidents, e.g. at shutdown.
    pub fn close_all(&mut self, now: Timestamp, reason: CloseReason, events: &mut Vec<Event>) {
        let keys: Vec<Key> = self.open.keys().cloned().collect();
        for key in keys {
            self.close(&key, now, reason, events);
        }
        for incident in self.resumed.take_all() {
            self.finish(Incident::clone(&incident), now, reason, events);
        }
    }

    /// Removes an open incident; returns its final form.
    fn take(&mut self, key: &Key, at: Timestamp, reason: CloseReason) -> Option<Incident> {
        self.open.remove(key)?.incident(Some((at, reason)))
    }

    fn close(&mut self, key: &Key, at: Timestamp, reason: CloseReason, events: &mut Vec<Event>) {
        if let Some(incident) = self.take(key, at, reason) {
            self.finish(incident, at, reason, events);
        }
    }

    /// Keeps a closed incident, and reports it.
    fn finish(&mut self, incident: Incident, at: Timestamp, reason: CloseReason, events: &mut Vec<Event>) {
        let incident = Arc::new(Incident { closed_at: Some(at), close_reason: Some(reason), ..incident });
        events.push(Event { change: Change::Closed, incident: Arc::clone(&incident) });
        self.recent.push_back(incident);
        while self.recent.len() > self.settings.max_recent {
            self.recent.pop_front();
        }
    }
}

/// Sampled packets that each of `open` incidents may keep.
fn samples_each(open: usize) -> usize {
    (MAX_SAMPLES / open.max(1)).clamp(MIN_SAMPLES_EACH, MAX_SAMPLES_EACH)
}
