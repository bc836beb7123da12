//! Publishes what the judge knows: metrics, the state that the HTTP server reads, and events to the outputs.

use super::clock::{instant, wall_clock};
use super::drill::Drills;
use super::engine::Engine;
use super::inventory_publisher;
use super::live_config::Watcher;
use super::overview_publisher::OverviewPublisher;
use super::table_metrics;
use super::tick_collector::WorkerReport;
use super::worker_handles::WorkerHandles;
use crate::base::{Addr, PostureResult, TICKS_PER_SECOND, Timestamp};
use crate::http;
use crate::incident::{Change, Event, Incident, LossCounts};
use crate::meter::{Count, TallySizes};
use crate::metrics::{Metrics, Table};
use crate::output::Outputs;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often outputs that want progress receive the state of every open incident.
const PROGRESS_SECONDS: u64 = 10;
/// Open incidents that the API shows in the tick of each change; more are shown once a second.
const SHOWN_AT_ONCE: usize = 100;
/// Seconds that the coverage metric is computed over.
const COVERAGE_SECONDS: usize = 60;
/// When the first status line is logged, after the start.
const STATUS_AFTER: Duration = Duration::from_secs(2);

pub(super) struct Publisher {
    metrics: Arc<Metrics>,
    shared: Arc<http::Shared>,
    outputs: Outputs,
    tally_sizes: TallySizes,
    /// When the run started.
    origin: Instant,
    /// Frames captured since the start.
    frames: u64,
    /// The second of packet time that was last published.
    second: u64,
    /// The end of the last tick.
    now: Timestamp,
    /// (received, lost) at the end of each of the last seconds.
    coverage: VecDeque<(u64, u64)>,
    overview: OverviewPublisher,
    status_logged: bool,
}

impl Publisher {
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        shared: Arc<http::Shared>,
        outputs: Outputs,
        tally_sizes: TallySizes,
        origin: Instant,
    ) -> Publisher {
        Publisher {
            metrics,
            shared,
            outputs,
            tally_sizes,
            origin,
            frames: 0,
            second: 0,
            now: Timestamp::ZERO,
            coverage: VecDeque::new(),
            overview: OverviewPublisher::new(),
            status_logged: false,
        }
    }

    /// Frames captured since the start.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// The first state, when every worker captures.
    pub(crate) fn start(&self, interfaces: &[String], workers: &WorkerHandles, engine: &Engine, drills: &Drills) {
        for name in interfaces {
            self.capture_state(name, true);
            self.metrics.capture_sampling(name, workers.sampling(name));
        }
        self.config_reload(true, wall_clock());
        self.incidents(engine, drills);
        inventory_publisher::publish(engine, &self.metrics, &self.shared);
        self.set_ready(true);
    }

    /// Whether start-up is over and shutdown has not begun.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.shared.set_ready(ready);
    }

    /// The configuration was loaded, or could not be.
    pub(crate) fn config_reload(&self, successful: bool, now: Timestamp) {
        self.metrics.config_reload(successful, now.seconds_since(Timestamp::ZERO));
    }

    /// Keeps series for these hosts from now on.
    pub(crate) fn watch_hosts(&self, hosts: &[IpAddr]) {
        for &host in hosts {
            self.metrics.watch_host(Addr::from(host), "configured");
        }
    }

    pub(crate) fn host_checks(&mut self, results: &[PostureResult]) {
        self.overview.checks(results);
        self.metrics.posture(results);
    }

    /// Whether an interface is captured.
    pub(crate) fn capture_state(&self, interface: &str, up: bool) {
        self.metrics.capture_up(interface, up);
        self.shared.set_capture(interface, up);
    }

    /// A worker of this interface finished a tick with these frames; `late` earlier ticks are included.
    pub(crate) fn worker_report(&mut self, workers: &WorkerHandles, interface: &str, frames: Count, late: u32) {
        for _ in 0..late {
            self.metrics.tick_late();
        }
        self.metrics.capture(interface, frames.packets, frames.bytes);
        let losses = workers.stats(interface);
        self.metrics.capture_losses(interface, losses.dropped_kernel, losses.dropped_interface);
        self.metrics.capture_sampling(interface, workers.sampling(interface));
        self.metrics.capture_directions(interface, workers.directions(interface));
        self.frames += frames.packets;
    }

    /// All reports of a tick are there.
    pub(crate) fn tick_collected(&self, reports: &[WorkerReport]) {
        for (_, report) in reports {
            self.metrics.observe_tick(&report.totals);
        }
    }

    /// The engine has processed the reports of the tick that ends at `end`.
    pub(crate) fn tick_processed(&mut self, end: Timestamp, reports: &[WorkerReport], engine: &Engine, workers: usize) {
        self.now = end;
        self.overview.tick(engine, end);
        self.metrics.tick_time(end.seconds_since(Timestamp::ZERO));
        table_metrics::workers(&self.metrics, engine.meter(), reports, self.tally_sizes, workers);
    }

    /// Answers the questions of the API about hosts.
    pub(crate) fn answer(&self, engine: &Engine) {
        self.shared.answer(|address| engine.explain_now(address));
    }

    /// A tick was judged; that began at `start`.
    pub(crate) fn tick_judged(&self, start: Instant) {
        let spent = instant().saturating_duration_since(start);
        self.metrics.tick_duration(spent.as_secs_f64());
        self.shared.beat(start.saturating_duration_since(self.origin).as_millis() as u64);
    }

    /// Changes of incidents, for the outputs, the metrics and the API.
    pub(crate) fn events(&mut self, events: &[Event], engine: &Engine, drills: &Drills) {
        if events.is_empty() {
            return;
        }
        for event in events {
            self.metrics.incident_event(event);
            self.outputs.offer(event);
            if event.change == Change::Opened
                && !event.incident.drill
                && let Some(address) = event.incident.target.address
            {
                self.metrics.watch_host(address, "target");
            }
        }
        // Each is built anew. Outputs have the change already; where many are open, what is read waits for the end of the second.
        if engine.incidents().open_count() <= SHOWN_AT_ONCE {
            self.incidents(engine, drills);
        }
    }

    /// The state of all incidents, for the metrics and the API.
    fn incidents(&self, engine: &Engine, drills: &Drills) {
        let open: Vec<Incident> = engine.incidents().open().chain(drills.open()).collect();
        self.metrics.incidents_active(&open, self.now);
        let recent = engine.incidents().recent().cloned().collect();
        let allowed = engine.allowed().iter().map(Into::into).collect();
        self.shared.publish(http::Snapshot { open, recent, allowed });
    }

    /// Whether a tick is the first one of its second that was judged.
    pub(crate) fn starts_second(&mut self, tick: u64) -> bool {
        let second = tick / TICKS_PER_SECOND as u64;
        std::mem::replace(&mut self.second, second) != second
    }

    /// Everything that is published about once per second.
    pub(crate) fn every_second(&mut self, engine: &Engine, drills: &Drills, losses: LossCounts) {
        inventory_publisher::publish(engine, &self.metrics, &self.shared);
        table_metrics::shared(&self.metrics, engine);
        let (incident_limit, side_effects) = engine.incidents().dropped_findings();
        self.metrics.findings_dropped(incident_limit, side_effects);
        self.metrics.detectors_panicked(engine.panicked_detectors());
        for allowed in engine.allowed().iter() {
            self.metrics.allowed_findings(&allowed.rule.name, allowed.findings);
        }
        if self.second.is_multiple_of(PROGRESS_SECONDS) && self.outputs.want_progress() {
            for incident in engine.incidents().open().chain(drills.open()) {
                self.outputs.offer(&Event { change: Change::Progress, incident: Arc::new(incident) });
            }
        }
        let (hosts, stations) = engine.meter().tables();
        for address in self.metrics.watched_hosts() {
            if let Some(entry) = hosts.get(&address) {
                self.metrics.host_totals(address, entry.received, entry.sent);
            }
        }
        self.output_counters();
        let coverage = self.add_coverage(losses);
        self.metrics.coverage(coverage);
        self.overview.coverage(coverage);
        // The counters of the allow list change without any incident.
        if engine.incidents().open_count() > 0
            || drills.open().next().is_some()
            || engine.allowed().iter().next().is_some()
        {
            self.incidents(engine, drills);
        }
        if !self.status_logged && self.origin.elapsed() > STATUS_AFTER {
            self.status_logged = true;
            let rate = (self.frames as f64 / self.origin.elapsed().as_secs_f64()).round();
            let (hosts, stations) = (hosts.len(), stations.len());
            tracing::info!("{} packets so far, {rate}/s; {hosts} hosts, {stations} stations", self.frames);
        }
    }

    /// The state of the store; `tables`: the kept packets and the hosts of the minute, with capacity and evictions or refusals.
    pub(crate) fn store(&mut self, bytes: u64, dropped: u64, is_failing: bool, tables: [(usize, usize, u64); 2]) {
        self.metrics.store(bytes, dropped, is_failing);
        self.overview.store(bytes, dropped, is_failing);
        let [(packets, room, evictions), (hosts, most, refusals)] = tables;
        self.metrics.table(Table::KeptPackets, packets, room, evictions);
        self.metrics.table(Table::MinuteHosts, hosts, most, 0);
        self.metrics.table_refusals(Table::MinuteHosts, refusals);
    }

    /// Calls this once per second with what there is to see.
    pub(crate) fn set_watcher(&mut self, watcher: Option<Watcher>) {
        self.overview.set_watcher(watcher);
    }

    /// What people look at, once per second.
    pub(crate) fn overview(&mut self, engine: &Engine, workers: &WorkerHandles, end: Timestamp) {
        self.overview.publish(engine, workers, &self.metrics, &self.outputs, &self.shared, end);
    }

    fn output_counters(&self) {
        for (name, counts) in self.outputs.counts() {
            let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            self.metrics.output_totals(name, load(&counts.delivered), load(&counts.failed), load(&counts.dropped));
            let is_failing = counts.failing.load(Ordering::Relaxed);
            self.metrics.output_state(name, is_failing, load(&counts.delay_millis) as f64 / 1000.0);
        }
    }

    /// The share of packets that was not lost in the last [`COVERAGE_SECONDS`].
    fn add_coverage(&mut self, losses: LossCounts) -> f64 {
        self.coverage.push_back((losses.received, losses.dropped));
        if self.coverage.len() > COVERAGE_SECONDS {
            self.coverage.pop_front();
        }
        let (Some(first), Some(last)) = (self.coverage.front(), self.coverage.back()) else { return 1.0 };
        let (received, lost) = (last.0.saturating_sub(first.0), last.1.saturating_sub(first.1));
        // Dropped packets are among the received ones.
        if received == 0 { 1.0 } else { 1.0 - (lost as f64 / received as f64).min(1.0) }
    }

    /// Ends the outputs after they have delivered what is queued.
    pub(crate) fn finish_outputs(self) {
        self.outputs.finish();
    }
}
