//! The state machine: open, extend, close. Time is an argument; the same findings give the same incidents.

use super::maintenance::MaintenanceWindow;
use super::model::{CloseReason, Incident};
use super::record::Record;
use crate::base::{Addr, Direction, Networks, Severity, Timestamp, Vector, VectorClass};
use crate::detect::{Finding, Target};
use crate::meter::Window;
use crate::mitigation::BackgroundTraffic;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidentSettings {
    /// Seconds without any finding after which an incident closes.
    pub quiet_seconds: f64,
    /// Open incidents at once.
    pub max_open: usize,
    /// Closed incidents that are remembered.
    pub max_recent: usize,
}

/// Packets received (with those that were lost after that) and lost so far, and how many are looked at now: for the
/// coverage of an incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossCounts {
    pub received: u64,
    pub dropped: u64,
    /// One packet in so many is looked at, where that is least; 0 and 1 are every packet.
    pub sampled: u32,
}

/// Why the world is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Opened,
    /// Another vector joined.
    Extended,
    /// It became more severe.
    Escalated,
    /// Nothing new: how an open incident goes on. Told to those who ask for it, not by the state machine.
    Progress,
    Closed,
}

impl Change {
    pub const fn name(self) -> &'static str {
        match self {
            Change::Opened => "opened",
            Change::Extended => "extended",
            Change::Escalated => "escalated",
            Change::Progress => "progress",
            Change::Closed => "closed",
        }
    }
}

/// Something that sinks should know.
#[derive(Clone, Debug)]
pub struct Event {
    pub change: Change,
    pub incident: Arc<Incident>,
}

impl Event {
    /// The last word about an incident that stands for itself.
    pub fn is_last_word(&self) -> bool {
        self.change == Change::Closed && !self.incident.is_part_of_another()
    }
}

/// What makes two findings parts of one incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    target: Target,
    direction: Direction,
    /// Only worth a note: scans do not join the attack that they may precede.
    is_note: bool,
}

impl Key {
    fn of(finding: &Finding) -> Key {
        // A station is a culprit whichever way its frames go.
        let direction = match finding.target {
            Target::Station { .. } | Target::Segment { .. } => Direction::Internal,
            _ => finding.direction,
        };
        Key { target: finding.target.clone(), direction, is_note: finding.vector.is_note() }
    }
}

pub struct Incidents {
    settings: IncidentSettings,
    maintenance: Vec<MaintenanceWindow>,
    open: BTreeMap<Key, Record>,
    usual: BackgroundTraffic,
    recent: VecDeque<Arc<Incident>>,
    /// Findings dropped since too many incidents were open.
    refused: u64,
    /// Findings that were only the echo of another incident, or part of one about the whole prefix.
    echoes: u64,
}

/// Seconds after the last finding about a prefix during which floods of its hosts still belong to it.
const SWALLOWS: f64 = 2.0;
/// Packets that all open incidents keep together, and each of them at least and at most.
const KEPT: usize = 4096;
const LEAST_KEPT: usize = 16;
const MOST_KEPT: usize = 256;
/// Ticks before the estimated beginning of an attack that may be part of it already.
const MARGIN: u64 = 2;

impl Incidents {
    pub fn new(settings: IncidentSettings) -> Self {
        Incidents {
            settings,
            maintenance: Vec::new(),
            open: BTreeMap::new(),
            usual: BackgroundTraffic::default(),
            recent: VecDeque::new(),
            refused: 0,
            echoes: 0,
        }
    }

    pub fn set_settings(&mut self, settings: IncidentSettings) {
        self.settings = settings;
    }

    /// What is planned, from now on.
    pub fn set_maintenance<'w>(&mut self, windows: impl Iterator<Item = &'w MaintenanceWindow> + Clone) {
        if !self.maintenance.iter().eq(windows.clone()) {
            self.maintenance = windows.cloned().collect();
        }
    }

    /// Findings that found no place, and findings that were only echoes.
    pub fn dropped_findings(&self) -> (u64, u64) {
        (self.refused, self.echoes)
    }

    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Every open incident as it stands, by target.
    pub fn open(&self) -> impl Iterator<Item = Incident> + '_ {
        self.open.values().filter_map(|record| record.view(None))
    }

    /// Tells of a host whether it is in trouble now: itself or its network, beyond mere information.
    pub fn troubled(&self) -> impl Fn(Addr) -> bool + use<> {
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

    /// Of the table of usual traffic: hosts by direction in it, how many fit, and those that gave way to others.
    pub fn usual_traffic(&self) -> (usize, usize, u64) {
        self.usual.filling()
    }

    /// Keeps some of what the tick brought to hosts that are in no trouble: what a suggested filter must spare. Call it
    /// before [`Incidents::observe`]; `inside_known` where senders of ours can be told.
    pub fn look(&mut self, window: &Window<'_>, inside_known: bool) {
        let (mut hosts, mut networks) = (BTreeSet::new(), Vec::new());
        for Key { target, direction, .. } in self.open.keys() {
            let outbound = *direction == Direction::Outbound;
            match target {
                Target::Host(address) => drop(hosts.insert((*address, outbound))),
                Target::Prefix(network) => networks.push((*network, outbound)),
                _ => {}
            }
        }
        self.usual.observe(window, inside_known, |address, sent| {
            let within = |(network, outbound): &(IpNet, bool)| *outbound == sent && network.contains(&address.ip());
            hosts.contains(&(address, sent)) || networks.iter().any(within)
        });
    }

    /// Takes the findings of the tick that ends at `now`.
    pub fn observe(&mut self, findings: &[Finding], now: Timestamp, losses: LossCounts, events: &mut Vec<Event>) {
        self.close_quiet(now, events);
        let mut by_key: BTreeMap<Key, Vec<&Finding>> = BTreeMap::new();
        for finding in findings {
            by_key.entry(Key::of(finding)).or_default().push(finding);
        }
        // Prefixes first: what happens to their hosts belongs to them. (Of one target, notes come last: by the order of keys.)
        let (prefixes, others): (Vec<_>, Vec<_>) =
            by_key.into_iter().partition(|(key, _)| matches!(key.target, Target::Prefix(_)));
        for (key, findings) in prefixes.into_iter().chain(others) {
            if self.is_swallowed(&key, &findings, now) {
                self.echoes += findings.len() as u64;
                continue;
            }
            let findings = self.without_echoes(&key, findings);
            let Some(first) = findings.first() else { continue };
            let mut opened = false;
            if !self.open.contains_key(&key) {
                if self.open.len() >= self.settings.max_open {
                    self.refused += findings.len() as u64;
                    continue;
                }
                let maintenance = self.maintenance.iter().find_map(|window| window.covers(&key.target, now));
                let Some(mut record) = Record::open(first, maintenance, now, losses) else { continue };
                let until = record.since().tick().saturating_sub(MARGIN);
                let most = room(self.open.len());
                record.set_background(self.usual.of(&key.target, key.direction == Direction::Outbound, until, most));
                self.open.insert(key.clone(), record);
                self.merge_note(&key, now, events);
                self.merge_narrower(&key, first, now, events);
                self.merge_stations(&key, first.vector, now, events);
                opened = true;
            }
            let room = room(self.open.len());
            let Some(record) = self.open.get_mut(&key) else { continue };
            let was_carpet = record.is_carpet();
            let changed = record.extend(&findings, now, losses, room);
            let becomes_carpet = record.is_carpet() && !was_carpet;
            let change = match (opened, changed.vector, changed.severity) {
                (true, ..) => Change::Opened,
                (_, true, _) => Change::Extended,
                (_, _, true) => Change::Escalated,
                _ => continue,
            };
            events.extend(record.view(None).map(|incident| Event { change, incident: Arc::new(incident) }));
            if becomes_carpet {
                self.merge_hosts(&key, now, events);
            }
        }
    }

    /// Whether these findings are about floods of a host whose whole prefix is under attack, or a note about a target that is
    /// under attack itself.
    fn is_swallowed(&self, key: &Key, findings: &[&Finding], now: Timestamp) -> bool {
        let lasts = |record: &Record| now.seconds_since(record.updated_at) <= SWALLOWS;
        if key.is_note {
            // Whoever floods also tries ports or hosts.
            let attack = Key { is_note: false, ..key.clone() };
            return self.open.get(&attack).is_some_and(lasts);
        }
        if matches!(key.target, Target::Station { .. }) {
            let covered = |finding: &&Finding| {
                self.open.iter().any(|(other, record)| {
                    matches!(other.target, Target::Segment { .. })
                        && lasts(record)
                        && record.vectors().any(|vector| covers(vector, finding.vector))
                })
            };
            return findings.iter().all(covered);
        }
        let Target::Host(address) = key.target else { return false };
        findings.iter().all(|finding| is_flood(finding.vector))
            && self.open.iter().any(|(other, record)| {
                matches!(other.target, Target::Prefix(network) if network.contains(&address.ip()))
                    && other.direction == key.direction
                    && record.is_carpet()
                    && lasts(record)
            })
    }

    /// Drops the note about what turns out to be the first tenths of a second of an attack.
    fn merge_note(&mut self, attack: &Key, now: Timestamp, events: &mut Vec<Event>) {
        let note = Key { is_note: true, ..attack.clone() };
        let begins = |record: &Record| now.seconds_since(record.opened_at) <= SWALLOWS;
        if !attack.is_note {
            self.merge(|key, record| *key == note && begins(record), now, events);
        }
    }

    /// Closes the notes about parts of a network that the same sender has swept further meanwhile.
    fn merge_narrower(&mut self, wider: &Key, finding: &Finding, now: Timestamp, events: &mut Vec<Event>) {
        let (Target::Prefix(network), true) = (&wider.target, wider.is_note) else { return };
        let Some(sender) = finding.recent.samples.first().map(|sample| sample.peer) else { return };
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
                && record.only_sender() == Some(sender)
        };
        self.merge(is_part, now, events);
    }

    /// Closes what single stations seemed to do while it was the beginning of what goes on in their whole segment.
    fn merge_stations(&mut self, segment: &Key, vector: Vector, now: Timestamp, events: &mut Vec<Event>) {
        if !matches!(segment.target, Target::Segment { .. }) {
            return;
        }
        let is_part = |key: &Key, record: &Record| {
            matches!(key.target, Target::Station { .. })
                && now.seconds_since(record.opened_at) <= SWALLOWS
                && record.vectors().all(|part| covers(vector, part))
        };
        self.merge(is_part, now, events);
    }

    /// Closes the floods of single hosts that were the beginning of one of their prefix.
    fn merge_hosts(&mut self, prefix: &Key, now: Timestamp, events: &mut Vec<Event>) {
        let Target::Prefix(network) = prefix.target else { return };
        let is_part = |key: &Key, record: &Record| {
            matches!(key.target, Target::Host(address) if network.contains(&address.ip()))
                && key.direction == prefix.direction
                && record.vectors().all(is_flood)
        };
        self.merge(is_part, now, events);
    }

    /// Closes what another incident tells of from now on.
    fn merge(&mut self, is_part: impl Fn(&Key, &Record) -> bool, now: Timestamp, events: &mut Vec<Event>) {
        let open = self.open.iter().filter(|(key, record)| is_part(key, record));
        let parts: Vec<Key> = open.map(|(key, _)| key.clone()).collect();
        for key in parts {
            self.close(&key, now, CloseReason::Merged, events);
        }
    }

    /// A flooded host's own answers, and the answers that an attacker of ours gets, are not another attack.
    fn without_echoes<'a>(&mut self, key: &Key, findings: Vec<&'a Finding>) -> Vec<&'a Finding> {
        let opposite = match key.direction {
            Direction::Inbound => Direction::Outbound,
            Direction::Outbound => Direction::Inbound,
            Direction::Internal => return findings,
        };
        if !self.open.contains_key(&Key { direction: opposite, ..key.clone() }) {
            return findings;
        }
        let before = findings.len();
        let kept: Vec<&Finding> = findings.into_iter().filter(|finding| !is_answer(finding.vector)).collect();
        self.echoes += (before - kept.len()) as u64;
        kept
    }

    fn close_quiet(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        let quiet = self.settings.quiet_seconds;
        let over: Vec<Key> = self
            .open
            .iter()
            .filter(|(_, record)| now.seconds_since(record.updated_at) >= quiet)
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            // The close belongs to the moment at which the quiet period was full, even if no packet came to tell it.
            let at = self.open.get(&key).map_or(now, |record| record.updated_at.plus_seconds(quiet));
            self.close(&key, at, CloseReason::Quiet, events);
        }
    }

    /// Closes everything, e.g. at shutdown.
    pub fn close_all(&mut self, now: Timestamp, reason: CloseReason, events: &mut Vec<Event>) {
        let keys: Vec<Key> = self.open.keys().cloned().collect();
        for key in keys {
            self.close(&key, now, reason, events);
        }
    }

    fn close(&mut self, key: &Key, at: Timestamp, reason: CloseReason, events: &mut Vec<Event>) {
        let Some(record) = self.open.remove(key) else { return };
        let Some(incident) = record.view(Some((at, reason))) else { return };
        let incident = Arc::new(incident);
        events.push(Event { change: Change::Closed, incident: Arc::clone(&incident) });
        if incident.is_part_of_another() {
            return;
        }
        self.recent.push_back(incident);
        while self.recent.len() > self.settings.max_recent {
            self.recent.pop_front();
        }
    }
}

/// Packets that each of so many open incidents may keep.
fn room(open: usize) -> usize {
    (KEPT / open.max(1)).clamp(LEAST_KEPT, MOST_KEPT)
}

fn is_flood(vector: Vector) -> bool {
    matches!(vector.class(), VectorClass::Flood | VectorClass::Amplification)
}

/// Whether what happens to a whole segment explains what one of its stations seems to do.
fn covers(segment: Vector, station: Vector) -> bool {
    match segment {
        Vector::MacFlood => matches!(station, Vector::MacNotAllowed | Vector::SpoofedSource | Vector::MacFlap),
        Vector::L2Loop => matches!(
            station,
            Vector::MacFlap
                | Vector::BroadcastStorm
                | Vector::MulticastStorm
                | Vector::ArpFlood
                | Vector::GratuitousArpStorm
                | Vector::DhcpFlood
                | Vector::RogueRa
        ),
        _ => false,
    }
}

/// Vectors made of what hosts send in answer to something.
fn is_answer(vector: Vector) -> bool {
    matches!(vector, Vector::RstFlood | Vector::IcmpFlood | Vector::Icmpv6Flood)
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
            target: Target::Host(Addr::from_v4_bits(address)),
            interface: None,
            vlan: None,
            direction,
            vector,
            severity,
            confidence: 0.9,
            since: time(at - 0.2),
            now: traffic.clone(),
            recent: traffic,
            spoofing_likely: false,
            pattern: None,
            names: Vec::new(),
            guest: None,
            evidence: Vec::new(),
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
    fn a_sweep_that_goes_on_is_one_note() {
        let mut machine = machine();
        let swept = |network: &str, sender: u32, at| {
            let mut finding = finding(7, Inbound, Vector::HostSweep, Severity::Info, at);
            finding.target = Target::Prefix(network.parse().unwrap());
            let sample = crate::meter::Sample { peer: Addr::from_v4_bits(sender), weight: 1, ..Default::default() };
            (finding.now.samples, finding.recent.samples) = (vec![sample], vec![sample]);
            finding
        };
        let open = |machine: &mut Incidents, finding, at| {
            machine.observe(&[finding], time(at), LossCounts::default(), &mut Vec::new());
            machine.open_count()
        };
        assert_eq!(open(&mut machine, swept("203.0.113.0/27", 1, 1.0), 1.0), 1);
        assert_eq!(open(&mut machine, swept("203.0.113.0/25", 1, 1.2), 1.2), 1, "the same, a little later");
        assert_eq!(open(&mut machine, swept("203.0.113.0/24", 2, 1.3), 1.3), 2, "another sender");
        assert_eq!(machine.recent().count(), 0);
    }

    #[test]
    fn answers_of_a_victim_are_no_second_attack() {
        let mut machine = machine();
        observe(&mut machine, &[finding(7, Inbound, SynFlood, Warning, 1.0)], 1.0);
        assert_eq!(observe(&mut machine, &[finding(7, Outbound, RstFlood, Warning, 1.1)], 1.1), []);
        assert_eq!(machine.dropped_findings(), (0, 1));
        let attack = finding(7, Outbound, UdpFlood, Warning, 1.2);
        assert_eq!(observe(&mut machine, &[attack], 1.2), [(Change::Opened, UdpFlood)]);
    }

    #[test]
    fn what_opens_in_a_planned_window_is_marked_and_lower_unless_far_over() {
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
    fn caps_hold_and_are_counted() {
        let mut machine = machine();
        for address in 0..5 {
            observe(&mut machine, &[finding(address, Inbound, SynFlood, Warning, 1.0)], 1.0);
        }
        assert_eq!((machine.open_count(), machine.dropped_findings()), (3, (2, 0)));
        let mut events = Vec::new();
        machine.close_all(time(2.0), CloseReason::Shutdown, &mut events);
        assert_eq!(events.len(), 3);
        assert_eq!(machine.recent().count(), 2, "only so many are remembered");
        assert!(machine.recent().all(|incident| incident.close_reason == Some(CloseReason::Shutdown)));
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
