//! Engine: from the workers' reports of one tick to incidents. Pure: no clock, no input or output.

use super::guests::GuestRates;
use crate::base::{CapturedInterface, Networks, PostureResult, Timestamp};
use crate::config::Config;
use crate::detect::{self, AllowList, Baseline, EnabledDetector, Finding};
use crate::incident::{CloseReason, Event, Incidents, LossCounts, MaintenanceWindow};
use crate::inventory::Site;
use crate::meter::{AssignedAddrs, Hasher, IDLE_TICKS, Meter, TickReport, Totals};
use std::sync::Arc;

/// Packets with one and the same timestamp from which on a tick has no usable clock: at a resolution of a microsecond
/// no line carries so many at once.
const FROZEN: u64 = 256;

/// What workers know of the place.
#[derive(Clone, Debug, Default)]
pub struct LanConfig {
    pub views: Arc<[CapturedInterface]>,
    pub granted: Arc<AssignedAddrs>,
}

pub struct Engine {
    meter: Meter,
    detectors: Vec<EnabledDetector>,
    allow: AllowList,
    /// What is usual here, where that is learned.
    baseline: Option<Baseline>,
    incidents: Incidents,
    guests: GuestRates,
    site: Arc<Site>,
    /// Names by interface index.
    pub interfaces: Vec<String>,
    /// The names that the place was last worked out for.
    placed: Option<Vec<String>>,
    place: LanConfig,
    tick: Option<u64>,
    findings: Vec<Finding>,
    events: Vec<Event>,
    losses: LossCounts,
    /// The latest results of the checks of this host.
    host_checks: Vec<PostureResult>,
    totals: Totals,
    /// Ticks whose packets all carried the same time, so that rates have no meaning.
    frozen_ticks: u64,
}

impl Engine {
    pub fn new(config: &Config, site: Arc<Site>, hasher: Hasher) -> Self {
        let mut incidents = Incidents::new(config.incident);
        incidents.set_maintenance(config.maintenance.iter());
        Engine {
            meter: Meter::new(config.meter, hasher),
            detectors: detect::build(&config.detect, &site),
            allow: AllowList::new(&config.allow),
            baseline: None,
            incidents,
            guests: GuestRates::default(),
            site,
            interfaces: Vec::new(),
            placed: None,
            place: LanConfig::default(),
            tick: None,
            findings: Vec::new(),
            events: Vec::new(),
            losses: LossCounts::default(),
            host_checks: Vec::new(),
            totals: Totals::default(),
            frozen_ticks: 0,
        }
    }

    /// Puts another configuration into force: limits, networks, rules. Open incidents and windows stay.
    pub fn reconfigure(&mut self, config: &Config, site: Arc<Site>) {
        self.allow.replace(&config.allow);
        self.incidents.set_settings(config.incident);
        self.set_site(config, site);
    }

    /// The same where only the place has changed: guests, interfaces.
    pub fn set_site(&mut self, config: &Config, site: Arc<Site>) {
        self.detectors = detect::build(&config.detect, &site);
        self.site = site;
        self.placed = None;
    }

    /// Whether a station let frames out in a tick that is not known to be allowed to, where that depends on the inventory.
    pub fn has_strangers<'r>(&self, mut reports: impl Iterator<Item = &'r TickReport>) -> bool {
        reports.any(|report| {
            // All stations of a worker are on one interface.
            let left = || report.stations.iter().filter(|station| !station.left.is_zero());
            let Some(first) = left().next() else { return false };
            let name = self.interfaces.get(usize::from(first.interface)).map(String::as_str);
            let uplink = self.site.uplink(name).filter(|uplink| !uplink.is_configured);
            uplink.is_some_and(|uplink| left().any(|station| !uplink.allows(station.mac)))
        })
    }

    /// What the interfaces are to each other and what guests were given, where that changed since the last call: workers
    /// need to know.
    pub fn new_place(&mut self) -> Option<&LanConfig> {
        if self.placed.as_ref() == Some(&self.interfaces) {
            return None;
        }
        self.placed = Some(self.interfaces.clone());
        let views = self.site.views(&self.interfaces);
        let granted = Arc::new(AssignedAddrs(self.site.granted().collect()));
        self.meter.set_place(Arc::clone(&views), Arc::clone(&granted), self.site.gateways());
        self.place = LanConfig { views, granted };
        Some(&self.place)
    }

    pub fn site(&self) -> &Site {
        &self.site
    }

    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What guests send and receive.
    pub fn guests(&self) -> &GuestRates {
        &self.guests
    }

    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// What the operator allows, and what that suppressed.
    pub fn allowed(&self) -> &AllowList {
        &self.allow
    }

    /// What is planned, from now on.
    pub fn set_maintenance<'w>(&mut self, windows: impl Iterator<Item = &'w MaintenanceWindow> + Clone) {
        self.incidents.set_maintenance(windows);
    }

    /// Has it learn, beginning with what is known already.
    pub fn set_baseline(&mut self, baseline: Option<Baseline>) {
        self.baseline = baseline;
    }

    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// Lines for the log since the last call.
    pub fn take_news(&mut self) -> Vec<String> {
        self.allow.take_news()
    }

    pub fn networks(&self) -> &Networks {
        &self.site.networks
    }

    /// Everything counted so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    pub fn frozen_ticks(&self) -> u64 {
        self.frozen_ticks
    }

    /// Packets received and lost so far, as the sources tell.
    pub fn set_losses(&mut self, losses: LossCounts) {
        self.losses = losses;
    }

    /// Replaces the results of the checks of this host; every tick from now on is judged with them.
    pub fn set_posture(&mut self, checks: Vec<PostureResult>) {
        self.host_checks = checks;
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Judges tick `tick`, of which all workers have reported; `end` is the moment up to which they have.
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
        if frames >= FROZEN && first == last {
            // Without a clock there are no rates; what was counted must not enter the windows either.
            self.frozen_ticks += 1;
            self.meter.forget();
        }
        self.judge(end);
    }

    fn judge(&mut self, end: Timestamp) {
        let window = self.meter.window(end, &self.interfaces);
        self.findings.clear();
        detect::run(&self.detectors, &self.site, self.baseline.as_ref(), &window, &mut self.findings);
        detect::run_host_checks(&self.detectors, &self.host_checks, &mut self.findings);
        self.allow.sift(&mut self.findings, end);
        self.incidents.look(&window, !self.site.networks.is_unknown());
        self.incidents.observe(&self.findings, end, self.losses, &mut self.events);
        if let Some(baseline) = &mut self.baseline {
            baseline.observe(&window, &self.site, || self.incidents.troubled());
        }
    }

    /// Lets the ticks before `tick` that had no packets pass: windows drain, incidents close.
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
            // All windows are empty: nothing can be found in them until the next packet, but incidents may have to close.
            self.meter.forget();
            if self.host_checks.iter().any(PostureResult::is_failing) {
                // What fails on this host does so without packets, too: one look stands for the whole gap.
                self.meter.open(tick - 1);
                self.tick = Some(tick - 1);
                self.judge(Timestamp::from_tick(tick));
            } else {
                self.incidents.observe(&[], Timestamp::from_tick(tick), self.losses, &mut self.events);
            }
        }
    }

    /// The clock was set back: windows and open incidents cannot go on.
    pub fn clock_changed(&mut self) {
        let now = self.tick.map_or(Timestamp::ZERO, |tick| Timestamp::from_tick(tick + 1));
        self.meter.forget();
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
