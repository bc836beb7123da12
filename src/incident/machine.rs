//! The state machine: opens, extends and closes incidents. Time is an argument; the same findings give the same
//! incidents.

use super::event::{Change, Event};
use super::key::Key;
use super::losses::LossCounts;
use super::maintenance::MaintenanceWindow;
use super::model::{CloseReason, Incident};
use super::record::Record;
use super::relations::{explains, is_flood, is_response, is_small_part, is_within};
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
            side_effects: 0,
        }
    }

    /// Applies new limits from the next tick on.
    pub fn set_settings(&mut self, settings: IncidentSettings) {
        self.settings = settings;
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
        self.open.len()
    }

    /// The current state of every open incident, by target.
    pub fn open(&self) -> impl Iterator<Item = Incident> + '_ {
        self.open.values().filter_map(|record| record.incident(None))
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
            let mut opened = false;
            if !self.open.contains_key(&key) {
                if !self.make_room(&key, &findings, now, events) {
                    self.refusals.count(&findings, self.open.len(), now);
                    continue;
                }
                let maintenance = self.maintenance.iter().find_map(|window| window.mark(&key.target, now));
                let Some(mut record) = Record::open(first, maintenance, now, losses, self.open.len()) else { continue };
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
            let change = match (opened, changed.vector, changed.severity) {
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
        let is_new = |record: &Record| now.seconds_since(record.opened_at) <= MERGE_SECONDS;
        if !attack.is_note {
            self.merge(attack, |key, record| *key == note && is_new(record), now, events);
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
                && now.seconds_since(record.opened_at) <= MERGE_SECONDS
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
        let parts: Vec<Key> = open.map(|(key, _)| key.clone()).collect();
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
    }

    /// Closes all open incidents, e.g. at shutdown.
    pub fn close_all(&mut self, now: Timestamp, reason: CloseReason, events: &mut Vec<Event>) {
        let keys: Vec<Key> = self.open.keys().cloned().collect();
        for key in keys {
            self.close(&key, now, reason, events);
        }
    }

    /// Removes an open incident; returns its final form.
    fn take(&mut self, key: &Key, at: Timestamp, reason: CloseReason) -> Option<Incident> {
        self.open.remove(key)?.incident(Some((at, reason)))
    }

    fn close(&mut self, key: &Key, at: Timestamp, reason: CloseReason, events: &mut Vec<Event>) {
        let Some(incident) = self.take(key, at, reason).map(Arc::new) else { return };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Traffic;
    use crate::incident::{Schedule, Scope};
    use crate::meter::Count;

    fn finding(address: u32, direction: Direction, vector: Vector, severity: Severity, at: f64) -> Finding {
        let count = Count { packets: 100, bytes: 6000 };
        let traffic = Traffic { count, ..Traffic::default() };
        Finding {
            severity,
            now: traffic.clone(),
            recent: traffic,
            ..Finding::about(Target::Host(Addr::from_v4_bits(address)), direction, vector, time(at - 0.2))
        }
    }

    fn time(seconds: f64) -> Timestamp {
        Timestamp::from_parts(1_767_225_600, 0).plus_seconds(seconds)
    }

    fn machine() -> Incidents {
        Incidents::new(IncidentSettings { quiet_seconds: 60.0, max_open: 3, max_recent: 2 })
    }

    fn observe(machine: &mut Incidents, findings: &[Finding], at: f64) -> Vec<(Change, Vector)> {
        let mut events = Vec::new();
        machine.observe(findings, time(at), LossCounts::default(), &mut events);
        events.iter().map(|event| (event.change, event.incident.vector)).collect()
    }

    use Direction::{Inbound, Outbound};
    use Severity::{Critical, Warning};
    use Vector::{RstFlood, SynFlood, UdpFlood};

    #[test]
    fn opens_extends_escalates_and_closes_once() {
        let mut machine = machine();
        let syn = |severity, at| finding(7, Inbound, SynFlood, severity, at);
        assert_eq!(observe(&mut machine, &[syn(Warning, 1.0)], 1.0), [(Change::Opened, SynFlood)]);
        assert_eq!(observe(&mut machine, &[syn(Warning, 1.1)], 1.1), []);
        assert_eq!(observe(&mut machine, &[syn(Critical, 1.2)], 1.2), [(Change::Escalated, SynFlood)]);
        let udp = finding(7, Inbound, UdpFlood, Warning, 30.0);
        assert_eq!(observe(&mut machine, &[udp], 30.0), [(Change::Extended, SynFlood)]);
        assert_eq!(observe(&mut machine, &[], 89.9), []);
        assert_eq!(observe(&mut machine, &[], 95.0), [(Change::Closed, SynFlood)]);
        let closed: Vec<_> = machine.recent().collect();
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].closed_at, Some(time(90.0)));
        assert_eq!(closed[0].vectors, [SynFlood, UdpFlood]);
        assert_eq!(closed[0].patterns, [crate::base::Pattern::MultiVector]);
        assert_eq!(closed[0].severity, Critical);
        assert_eq!(closed[0].totals.packets, 400);
        assert!((closed[0].detected_after_seconds - 0.2).abs() < 1e-6);
    }

    #[test]
    fn a_sweep_that_continues_is_one_incident() {
        let mut machine = full(8);
        let swept = |network: &str, sender: u32, at| {
            let mut finding = finding(7, Inbound, Vector::HostSweep, Severity::Info, at);
            finding.target = Target::Prefix(network.parse().unwrap());
            let sample = crate::meter::Sample { peer: Addr::from_v4_bits(sender), weight: 1, ..Default::default() };
            (finding.now.samples, finding.recent.samples) = (vec![sample], vec![sample]);
            finding.only_peer = Some(sample.peer);
            finding
        };
        let open = |machine: &mut Incidents, finding, at| {
            machine.observe(&[finding], time(at), LossCounts::default(), &mut Vec::new());
            machine.open_count()
        };
        assert_eq!(open(&mut machine, swept("203.0.113.0/27", 1, 1.0), 1.0), 1);
        assert_eq!(open(&mut machine, swept("203.0.113.0/25", 1, 1.2), 1.2), 1, "the same, a little later");
        assert_eq!(open(&mut machine, swept("203.0.113.0/24", 2, 1.3), 1.3), 2, "another source");
        assert_eq!(machine.recent().count(), 0);
    }

    #[test]
    fn responses_of_a_victim_are_no_second_attack() {
        let mut machine = machine();
        observe(&mut machine, &[finding(7, Inbound, SynFlood, Warning, 1.0)], 1.0);
        assert_eq!(observe(&mut machine, &[finding(7, Outbound, RstFlood, Warning, 1.1)], 1.1), []);
        assert_eq!(machine.dropped_findings(), (0, 1));
        let attack = finding(7, Outbound, UdpFlood, Warning, 1.2);
        assert_eq!(observe(&mut machine, &[attack], 1.2), [(Change::Opened, UdpFlood)]);
    }

    #[test]
    fn incidents_within_a_maintenance_window_are_marked_and_less_severe_unless_far_above_the_limit() {
        let open = |value: f64, at: f64, later: f64| {
            let mut machine = machine();
            let schedule = Schedule::Once { from: time(0.0), until: time(30.0) };
            let (id, why) = ("w1".to_owned(), "update".to_owned());
            machine.set_maintenance([MaintenanceWindow { id, why, scope: Scope::All, schedule }].iter());
            let found = |at| {
                let mut finding = finding(7, Inbound, SynFlood, Critical, at);
                finding.evidence.push(crate::detect::Evidence {
                    measure: "x",
                    value,
                    limit: Some(100.0),
                    limit_from: None,
                    window_seconds: 1.0,
                    message: String::new(),
                });
                finding
            };
            observe(&mut machine, &[found(at)], at);
            observe(&mut machine, &[found(later)], later);
            let incident = machine.open().next().expect("an incident");
            (incident.maintenance.map(|maintenance| (maintenance.why, maintenance.until)), incident.severity)
        };
        let maintenance = Some(("update".to_owned(), time(30.0)));
        assert_eq!(open(200.0, 1.0, 2.0), (maintenance.clone(), Warning));
        assert_eq!(open(301.0, 1.0, 2.0), (maintenance.clone(), Critical), "more than three times the limit");
        assert_eq!(open(200.0, 1.0, 31.0), (maintenance, Critical), "it outlasts the window");
        assert_eq!(open(200.0, 31.0, 32.0), (None, Critical));
    }

    #[test]
    fn limits_are_enforced_and_counted() {
        let mut machine = machine();
        for address in 0..5 {
            observe(&mut machine, &[finding(address, Inbound, SynFlood, Warning, 1.0)], 1.0);
        }
        assert_eq!((machine.open_count(), machine.dropped_findings()), (3, (2, 0)));
        let mut events = Vec::new();
        machine.close_all(time(2.0), CloseReason::Shutdown, &mut events);
        assert_eq!(events.len(), 3);
        assert_eq!(machine.recent().count(), 2, "at most max_recent are kept");
        assert!(machine.recent().all(|incident| incident.close_reason == Some(CloseReason::Shutdown)));
    }

    fn full(max_open: usize) -> Incidents {
        Incidents::new(IncidentSettings { quiet_seconds: 60.0, max_open, max_recent: 9 })
    }

    #[test]
    fn scans_never_use_the_slots_of_attacks() {
        let mut machine = full(8);
        for address in 0..20 {
            observe(&mut machine, &[finding(address, Inbound, Vector::PortScan, Severity::Info, 1.0)], 1.0);
        }
        assert_eq!((machine.open_count(), machine.usage().refusals), (2, 18));
        for address in 20..28 {
            observe(&mut machine, &[finding(address, Inbound, SynFlood, Warning, 1.1)], 1.1);
        }
        assert_eq!((machine.open_count(), machine.usage().evictions), (8, 2), "the scans were evicted");
        assert!(machine.open().all(|incident| incident.vector == SynFlood));
    }

    #[test]
    fn the_more_severe_evicts_and_refusals_are_told() {
        let mut machine = full(2);
        observe(&mut machine, &[finding(1, Inbound, SynFlood, Warning, 1.0)], 1.0);
        observe(&mut machine, &[finding(2, Inbound, SynFlood, Critical, 1.0)], 1.0);
        let closed_for = observe(&mut machine, &[finding(3, Inbound, UdpFlood, Critical, 1.2)], 1.2);
        assert_eq!(closed_for, [(Change::Closed, SynFlood), (Change::Opened, UdpFlood)]);
        assert_eq!(
            observe(&mut machine, &[finding(4, Inbound, UdpFlood, Critical, 1.3)], 1.3),
            [],
            "no stronger than they"
        );
        let mut strong = finding(5, Inbound, UdpFlood, Critical, 1.4);
        strong.recent.count.packets *= 100;
        assert_eq!(observe(&mut machine, &[strong], 1.4).len(), 2, "far stronger");
        let usage = machine.usage();
        assert_eq!((usage.entries, usage.capacity, usage.evictions, usage.refusals), (2, 2, 2, 1));
        let news = machine.take_news();
        assert_eq!(
            news,
            ["no room for an incident about 0.0.0.4 (udp_flood, critical): 2 are open; see incident.max_open"]
        );
    }

    #[test]
    fn identifiers_are_stable_and_differ() {
        let open = |address| {
            let mut machine = machine();
            observe(&mut machine, &[finding(address, Inbound, SynFlood, Warning, 1.0)], 1.0);
            machine.open().map(|incident| incident.id).collect::<Vec<_>>()
        };
        assert_eq!(open(7), open(7));
        assert_ne!(open(7), open(8));
        assert!(open(7)[0].starts_with("20260101T000001Z-"), "{:?}", open(7));
    }
}
