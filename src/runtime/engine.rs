//! The engine turns the workers' reports of one tick into changes of incidents: meter, detectors, incidents. Pure: no
//! clock, no input or output.

use super::guest_rates::GuestRates;
use crate::base::{Addr, CapturedInterface, LinkReading, Networks, PostureResult, PostureState, Timestamp};
use crate::config::Config;
use crate::detect::{self, AllowList, Baseline, Detectors, Explanation, Finding};
use crate::incident::{CloseReason, Event, Incident, Incidents, LossCounts, MaintenanceWindow};
use crate::inventory::{Site, UplinkRule};
use crate::meter::lan::BroadcastDomain;
use crate::meter::{AssignedAddrs, Hasher, IDLE_TICKS, Meter, Tally, TickReport, Totals};
use crate::store::KnownPairings;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A tick of at least this many packets that all have the same timestamp has no usable clock: no link carries that many
/// packets within a microsecond, the coarsest usual resolution.
const FROZEN_PACKETS: u64 = 256;

/// What workers need to know about the LAN to count each frame once.
#[derive(Clone, Debug, Default)]
pub struct LanConfig {
    /// By interface index.
    interfaces: Arc<[CapturedInterface]>,
    /// Addresses that were assigned to guests.
    assigned: Arc<AssignedAddrs>,
}

impl LanConfig {
    /// Puts it into force for one worker.
    pub fn apply(self, tally: &mut Tally) {
        tally.set_interfaces(&self.interfaces);
        tally.set_assigned(self.assigned);
    }
}

/// A host whose ticks are explained: for each detector and direction, the tick in which it came nearest to a report.
struct Explained {
    address: Addr,
    nearest: Vec<Explanation>,
}

impl Explained {
    fn add(&mut self, explanations: Vec<Explanation>) {
        for new in explanations {
            let same = |known: &&mut Explanation| (known.detector, known.direction) == (new.detector, new.direction);
            match self.nearest.iter_mut().find(same) {
                Some(known) if new.nearness() > known.nearness() => *known = new,
                Some(_) => {}
                None => self.nearest.push(new),
            }
        }
    }
}

/// Meter, detectors, allow list, baseline and incidents of one run.
pub struct Engine {
    meter: Meter,
    detectors: Detectors,
    allow: AllowList,
    /// `None` where nothing is learned.
    baseline: Option<Baseline>,
    incidents: Incidents,
    guests: GuestRates,
    site: Arc<Site>,
    /// Names by interface index.
    pub interfaces: Vec<String>,
    /// The interface names for which `lan` was computed; `None` after the site changed.
    lan_interfaces: Option<Vec<String>>,
    lan: LanConfig,
    tick: Option<u64>,
    findings: Vec<Finding>,
    events: Vec<Event>,
    losses: LossCounts,
    /// The latest results of the checks of this host.
    host_checks: Vec<PostureResult>,
    /// Detectors that have panicked, as failed checks.
    panics: Vec<PostureResult>,
    /// What the kernel counted on the captured interfaces in the last seconds.
    links: Vec<LinkReading>,
    totals: Totals,
    /// Ticks whose packets all carried the same timestamp, so that rates have no meaning.
    frozen_ticks: u64,
    /// The host to be explained, in a replay.
    explained: Option<Explained>,
}

impl Engine {
    /// An engine without a baseline and interface names; the tallies of the workers must use the same `hasher`.
    pub fn new(config: &Config, site: Arc<Site>, hasher: Hasher) -> Self {
        let mut incidents = Incidents::new(config.incident);
        incidents.set_maintenance(config.maintenance.iter());
        let detectors = detect::build(&config.detect, &site);
        let mut meter = Meter::new(config.meter, hasher);
        meter.set_weights(detectors.weights());
        Engine {
            meter,
            detectors,
            allow: AllowList::new(&config.allow),
            baseline: None,
            incidents,
            guests: GuestRates::default(),
            site,
            interfaces: Vec::new(),
            lan_interfaces: None,
            lan: LanConfig::default(),
            tick: None,
            findings: Vec::new(),
            events: Vec::new(),
            losses: LossCounts::default(),
            host_checks: Vec::new(),
            panics: Vec::new(),
            links: Vec::new(),
            totals: Totals::default(),
            frozen_ticks: 0,
            explained: None,
        }
    }

    /// Allocates everything now that a flood may need: for live runs.
    pub fn prepare(&mut self) {
        self.meter.prepare();
    }

    /// Puts another configuration into force: limits, networks, rules. Open incidents and measurement windows stay.
    pub fn reconfigure(&mut self, config: &Config, site: Arc<Site>) {
        self.allow.replace(&config.allow);
        self.incidents.set_settings(config.incident);
        // Another configuration may avoid what made a detector panic.
        self.panics.clear();
        self.build(config, site);
    }

    /// Puts another site into force: guests, interfaces. The configuration is unchanged.
    pub fn set_site(&mut self, config: &Config, site: Arc<Site>) {
        let off: Vec<&str> = self.detectors.panicked().collect();
        self.build(config, site);
        self.detectors.switch_off(&off);
    }

    fn build(&mut self, config: &Config, site: Arc<Site>) {
        self.detectors = detect::build(&config.detect, &site);
        self.meter.set_weights(self.detectors.weights());
        self.site = site;
        self.lan_interfaces = None;
    }

    /// Whether an unknown station sent frames out by an uplink whose allowed stations come from the inventory.
    pub fn has_unknown_stations<'r>(&self, mut reports: impl Iterator<Item = &'r TickReport>) -> bool {
        reports.any(|report| {
            // All stations in a worker's report are on one interface.
            let left = || report.stations.iter().filter(|station| !station.left.is_zero());
            let Some(first) = left().next() else { return false };
            let name = self.interfaces.get(usize::from(first.interface)).map(String::as_str);
            let uplink = self.site.uplink(name).filter(|uplink| uplink.rule != UplinkRule::Configured);
            uplink.is_some_and(|uplink| left().any(|station| !uplink.allows(station.mac)))
        })
    }

    /// The configuration of the LAN for the workers, if it changed since the last call.
    pub fn lan_change(&mut self) -> Option<&LanConfig> {
        if self.lan_interfaces.as_ref() == Some(&self.interfaces) {
            return None;
        }
        self.lan_interfaces = Some(self.interfaces.clone());
        let interfaces = self.site.captured_interfaces(&self.interfaces);
        let assigned = Arc::new(AssignedAddrs(self.site.assigned_addrs().collect()));
        self.meter.set_topology(Arc::clone(&interfaces), Arc::clone(&assigned), self.site.gateways());
        self.lan = LanConfig { interfaces, assigned };
        Some(&self.lan)
    }

    /// The site in force: networks, guests, groups, uplinks.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The meter, with the measurement windows as of the last judged tick.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Rates of guests.
    pub fn guests(&self) -> &GuestRates {
        &self.guests
    }

    /// The incident state machine, with the open incidents.
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// Goes on with incidents of the last run; `recent` were closed.
    pub fn resume(&mut self, open: Vec<Incident>, recent: Vec<Incident>, now: Timestamp) {
        self.incidents.resume(open, recent, now, &mut self.events);
    }

    /// Incidents name this place of their evidence: a URL or path with `{id}`.
    pub fn set_evidence_url(&mut self, template: Option<String>) {
        self.incidents.set_evidence_url(template);
    }

    /// The allow list, with counts of the findings that it suppressed.
    pub fn allowed(&self) -> &AllowList {
        &self.allow
    }

    /// Replaces the maintenance windows.
    pub fn set_maintenance<'w>(&mut self, windows: impl Iterator<Item = &'w MaintenanceWindow> + Clone) {
        self.incidents.set_maintenance(windows);
    }

    /// Learns from now on, starting with this baseline; `None` ends learning.
    pub fn set_baseline(&mut self, baseline: Option<Baseline>) {
        self.baseline = baseline;
    }

    /// The baseline that is learning; `None` where nothing is learned.
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// Adds pairings that were known before this run; false where their interface is not captured.
    pub fn add_pairings(&mut self, known: &KnownPairings, now: Timestamp) -> bool {
        let index = self.interfaces.iter().position(|name| *name == known.interface);
        let Some(interface) = index.and_then(|index| u16::try_from(index).ok()) else { return false };
        let nanos = |seconds: u64| seconds.saturating_mul(1_000_000_000);
        let since = known.observed_seconds.map(|seconds| now.nanos().saturating_sub(nanos(seconds)));
        let since = since.map_or(Timestamp::ZERO, Timestamp::from_nanos);
        self.meter.pairings_observed_since(interface, known.vlan, since);
        for pairing in &known.pairings {
            self.meter.add_pairing(interface, known.vlan, pairing);
        }
        true
    }

    /// Every known pairing of the captured interfaces, as of `now`.
    pub fn pairings(&self, now: Timestamp) -> Vec<KnownPairings> {
        let mut known: BTreeMap<BroadcastDomain, KnownPairings> = BTreeMap::new();
        for (domain, since) in self.meter.lan().observed_domains() {
            let Some(interface) = self.interfaces.get(usize::from(domain.segment)).cloned() else { continue };
            // Whole seconds of a span, which fit.
            let seconds = now.seconds_since(since) as u64;
            let observed_seconds = (since != Timestamp::ZERO).then_some(seconds);
            let pairings = Vec::new();
            known.insert(domain, KnownPairings { interface, vlan: domain.vlan, observed_seconds, pairings });
        }
        for (domain, pairing) in self.meter.lan().pairings() {
            if let Some(known) = known.get_mut(&domain) {
                known.pairings.push(pairing);
            }
        }
        known.into_values().collect()
    }

    /// Lines for the log since the last call.
    pub fn take_news(&mut self) -> Vec<String> {
        let mut lines = self.allow.take_log();
        lines.extend(self.incidents.take_news());
        lines
    }

    /// The inside networks of the site in force.
    pub fn networks(&self) -> &Networks {
        &self.site.networks
    }

    /// Totals since the start.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Ticks discarded so far because all of their packets, at least 256, had the same timestamp.
    pub fn frozen_ticks(&self) -> u64 {
        self.frozen_ticks
    }

    /// Packets received and lost since the start, by the counters of the sources.
    pub fn set_losses(&mut self, losses: LossCounts) {
        self.losses = losses;
    }

    /// Replaces the results of the checks of this host; every tick from now on is judged with them.
    pub fn set_posture(&mut self, checks: Vec<PostureResult>) {
        self.host_checks = checks;
    }

    /// Replaces what the kernel counted on the captured interfaces in the last seconds, oldest first.
    pub fn set_links(&mut self, readings: Vec<LinkReading>) {
        self.links = readings;
    }

    /// Explains from now on what the detectors make of a host: for each of them, the tick in which it came nearest to a report.
    pub fn explain(&mut self, address: Addr) {
        self.explained = Some(Explained { address, nearest: Vec::new() });
    }

    /// The explanations so far, in the order of the detectors.
    pub fn explanations(&self) -> &[Explanation] {
        self.explained.as_ref().map_or(&[], |explained| &explained.nearest)
    }

    /// Audits the gate before the detectors from now on, while the configuration stays: for tests.
    pub fn audit_gate(&mut self) {
        self.detectors.audit_gate();
    }

    /// Findings since then that the gate would have prevented.
    pub fn prevented(&self) -> u64 {
        self.detectors.prevented()
    }

    /// What the detectors make of a host in the last tick.
    pub fn explain_now(&self, address: Addr) -> Vec<Explanation> {
        let end = self.tick.map_or(Timestamp::ZERO, |tick| Timestamp::from_tick(tick + 1));
        let window = self.meter.window(end, &self.interfaces);
        detect::explain(&self.detectors, &self.site, self.baseline.as_ref(), &window, address)
    }

    /// Changes of incidents since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Judges tick `tick` with the reports of all workers. `end` is the time up to which they have counted.
    pub fn process<'r>(&mut self, tick: u64, reports: impl Iterator<Item = &'r mut TickReport>, end: Timestamp) {
        self.pass_time_until(tick);
        self.tick = Some(tick);
        self.meter.open(tick);
        let mut frames = 0;
        let (mut first, mut last) = (Timestamp::from_nanos(u64::MAX), Timestamp::ZERO);
        for report in reports {
            frames += report.totals.frames.packets;
            first = first.min(report.first.unwrap_or(first));
            last = last.max(report.last);
            self.totals.merge(&report.totals);
            self.meter.absorb(report);
        }
        self.meter.close(end);
        self.guests.observe(tick, &self.meter, &self.site, &self.interfaces);
        if frames >= FROZEN_PACKETS && first == last {
            // Without timestamps there are no rates; the counts must not remain in the measurement windows either.
            self.frozen_ticks += 1;
            self.meter.reset();
        }
        self.judge(end);
    }

    fn judge(&mut self, end: Timestamp) {
        self.note_panics(end);
        let window = self.meter.window(end, &self.interfaces);
        self.findings.clear();
        detect::run(&self.detectors, &self.site, self.baseline.as_ref(), &window, &mut self.findings);
        for checks in [&self.host_checks, &self.panics] {
            detect::run_host_checks(&self.detectors, checks, &mut self.findings);
        }
        detect::run_links(&self.detectors, &self.links, &window, &mut self.findings);
        if let Some(explained) = &mut self.explained {
            explained.add(detect::explain(
                &self.detectors,
                &self.site,
                self.baseline.as_ref(),
                &window,
                explained.address,
            ));
        }
        self.allow.remove_allowed(&mut self.findings, end);
        self.incidents.observe_background(&window, !self.site.networks.is_unknown());
        self.incidents.observe(&self.findings, end, self.losses, &mut self.events);
        if let Some(baseline) = &mut self.baseline {
            baseline.observe(&window, &self.site, || self.incidents.under_attack());
        }
    }

    /// A detector that has panicked is a failed check of this host, until detectors are built anew.
    fn note_panics(&mut self, end: Timestamp) {
        for name in self.detectors.panicked() {
            let check = format!("detector {name}");
            if self.panics.iter().any(|known| known.name == check) {
                continue;
            }
            tracing::error!(detector = name, "the detector panicked and is off until a reload or restart");
            self.panics.push(PostureResult {
                name: check,
                what: format!("the detector {name} works"),
                state: PostureState::Failed,
                message: format!("the detector {name} panicked and is off until a reload or restart; please report it"),
                why: String::new(),
                // Nothing has to be repeated to be sure of it.
                failures: u32::MAX,
                since: end,
            });
        }
    }

    /// Detectors that have panicked and are off.
    pub fn panicked_detectors(&self) -> usize {
        self.panics.len()
    }

    /// Passes the ticks before `tick` that had no packets: measurement windows drain, incidents close.
    fn pass_time_until(&mut self, tick: u64) {
        let Some(last) = self.tick else { return };
        let mut next = last + 1;
        while next < tick && next - last <= IDLE_TICKS && !self.meter.is_idle() {
            self.meter.open(next);
            self.tick = Some(next);
            self.judge(Timestamp::from_tick(next + 1));
            next += 1;
        }
        if next < tick {
            // All windows are empty, so detectors would find nothing until the next packet; incidents may have to
            // close.
            self.meter.reset();
            if self.host_checks.iter().chain(&self.panics).any(PostureResult::is_failing) {
                // Host checks fail without packets, too: one inspection covers the whole gap.
                self.meter.open(tick - 1);
                self.tick = Some(tick - 1);
                self.judge(Timestamp::from_tick(tick));
            } else {
                self.incidents.observe(&[], Timestamp::from_tick(tick), self.losses, &mut self.events);
            }
        }
    }

    /// The clock was set back: measurement windows and open incidents cannot continue.
    pub fn clock_changed(&mut self) {
        let now = self.tick.map_or(Timestamp::ZERO, |tick| Timestamp::from_tick(tick + 1));
        self.meter.reset();
        if let Some(baseline) = &mut self.baseline {
            baseline.forget_minute();
        }
        self.incidents.close_all(now, CloseReason::ClockChange, &mut self.events);
        self.tick = None;
    }

    /// Closes every open incident as of `now`.
    pub fn shut_down(&mut self, now: Timestamp) {
        self.incidents.close_all(now, CloseReason::Shutdown, &mut self.events);
    }
}
