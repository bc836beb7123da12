//! Live: one or more capturing threads per interface, one thread that judges (this one), one per output, one for HTTP,
//! one that looks at the host's posture where that is asked for.
//!
//! Workers never wait for the judge: their reports travel in a fixed number of boxes that come back empty; where none
//! is back in time, the tick goes on in the tally and is counted as late. Clocks are read here and in the capturing
//! threads only to say how late it is; what is decided depends on packet time alone.

use super::capture_thread::{Message, WorkerCommand};
use super::drill::Drills;
use super::engine::Engine;
use super::host_checks::HostCheckPoller;
use super::inventory_poller::InventoryPoller;
use super::inventory_view;
use super::persistence::Persistence;
use super::setup::{LiveError, choose_interfaces, inside, needs_restart, start_http, start_outputs};
use super::systemd_notifier::{Progress, SystemdNotifier};
use super::workers::Workers;
use crate::base::{Addr, Networks, Timestamp};
use crate::config::Config;
use crate::http;
use crate::incident::{Change, Event, Incident, LossCounts};
use crate::inventory::Inventory;
use crate::meter::{CONTROLS, Hasher, REQUESTS, SENDERS, TickReport};
use crate::metrics::{Metrics, Table};
use crate::output::Outputs;
use ipnet::IpNet;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a worker may be silent before the others no longer wait for it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the loop looks around where no worker reports.
const LOOK_AROUND: Duration = Duration::from_millis(50);
/// Workers that tell within so long that the clock was set back tell of one change.
const SAME_CHANGE: Duration = Duration::from_secs(2);
/// How long the capturing threads may take to hand over their last ticks.
const LAST_REPORTS: Duration = Duration::from_millis(800);
/// How often outputs that ask for it are told how open incidents go on.
const PROGRESS_SECONDS: u64 = 10;
/// Seconds over which the coverage metric looks back.
const COVERAGE_SECONDS: usize = 60;

/// What `pegel run` was asked for.
pub struct LiveRequest {
    pub config: Config,
    /// The configuration as its file has it, without the command line's word: what a reload is compared with.
    pub file_config: Config,
    /// Where the configuration came from, for reloading.
    pub config_path: Option<PathBuf>,
    /// Networks of the command line: they stay over a reload.
    pub networks: Vec<IpNet>,
}

/// Flags that signal handlers raise.
#[derive(Clone, Default)]
pub struct Signals {
    pub stop: Arc<AtomicBool>,
    pub reload: Arc<AtomicBool>,
}

/// Milliseconds are told from here on.
#[expect(clippy::disallowed_methods, reason = "liveness and durations are measured, nothing is decided by them")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

/// The kernel's packet clock, read where no packet tells the time.
#[expect(clippy::disallowed_methods, reason = "where no packets come, the wall clock moves packet time on")]
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs(), since.subsec_nanos().into())
}

/// Captures and judges until `signals.stop` is raised. Everything is flushed when it returns.
pub fn run(request: LiveRequest, signals: &Signals) -> Result<(), LiveError> {
    let interfaces = choose_interfaces(&request.config)?;
    let mut live = Live::start(request, interfaces, signals)?;
    live.go(signals);
    let ordered = signals.stop.load(Ordering::Relaxed);
    live.stop();
    if ordered { Ok(()) } else { Err(LiveError::Other("every capturing thread has ended".to_owned())) }
}

struct Live {
    request: LiveRequest,
    interfaces: Vec<String>,
    networks: Arc<Networks>,
    census: InventoryPoller,
    engine: Engine,
    outputs: Outputs,
    drills: Drills,
    memory: Persistence,
    lookout: HostCheckPoller,
    metrics: Arc<Metrics>,
    shared: Arc<http::Shared>,
    server: Option<http::Server>,
    workers: Workers,
    supervisor: SystemdNotifier,
    messages: Receiver<Message>,
    /// Reports that wait for other workers, by tick.
    pending: BTreeMap<u64, Vec<(usize, Box<TickReport>)>>,
    judged: Option<u64>,
    /// When a worker last told that the clock was set back.
    clock_changed: Option<Instant>,
    origin: Instant,
    /// (received, lost) at the end of each of the last seconds.
    coverage: VecDeque<(u64, u64)>,
    last_second: u64,
    /// Frames since the start, for the first status line.
    frames: u64,
    told_status: bool,
}

impl Live {
    fn start(request: LiveRequest, interfaces: Vec<String>, signals: &Signals) -> Result<Live, LiveError> {
        let config = &request.config;
        let networks = Arc::new(inside(&request, &interfaces));
        let census = InventoryPoller::start(&config.inventory);
        let site = super::site(config, Arc::clone(&networks), Arc::clone(census.known()));
        // Nobody outside may know which addresses share a set of the tables.
        let hasher = Hasher::keyed(RandomState::new().hash_one(std::process::id()));
        let mut engine = Engine::new(config, site, hasher);
        engine.interfaces.clone_from(&interfaces);
        let outputs = start_outputs(config)?;
        let metrics =
            Metrics::new(&interfaces, &outputs.names()).map_err(|error| LiveError::Other(error.to_string()))?;
        let metrics = Arc::new(metrics);
        for &host in &config.metrics_hosts {
            metrics.watch_host(Addr::from(host), "configured");
        }
        let memory = Persistence::start(config, &mut engine, &metrics, wall_clock());
        // In the state directory, which memory has made.
        let drills = Drills::start(config, networks.iter().copied().collect(), &outputs);
        let lookout = HostCheckPoller::start(&config.posture);
        metrics.posture(lookout.known());
        let origin = instant();
        let (hosts, stations) = engine.meter().tables();
        let shared = Arc::new(http::Shared::new(Arc::clone(&metrics), hosts, stations, interfaces.clone(), origin));
        let server = start_http(config, &shared)?;

        let (workers, messages) = Workers::start(config, &interfaces, &networks, hasher, &signals.stop)?;
        for name in &interfaces {
            metrics.capture_up(name, true);
            metrics.capture_sampling(name, workers.sampling(name));
            shared.set_capture(name, true);
        }
        tracing::debug!("capturing after {:.1} ms", origin.elapsed().as_secs_f64() * 1000.0);
        metrics.config_reload(true, wall_clock().seconds_since(Timestamp::ZERO));
        shared.set_ready(true);
        let mut live = Live {
            request,
            interfaces,
            networks,
            engine,
            outputs,
            drills,
            memory,
            lookout,
            census,
            metrics,
            shared,
            server,
            workers,
            supervisor: SystemdNotifier::new(origin),
            messages,
            pending: BTreeMap::new(),
            judged: None,
            clock_changed: None,
            origin,
            coverage: VecDeque::new(),
            last_second: 0,
            frames: 0,
            told_status: false,
        };
        live.tell_place();
        live.greet();
        live.publish();
        inventory_view::tell(&live.engine, &live.metrics, &live.shared);
        live.supervisor.ready();
        Ok(live)
    }

    /// The first lines: what is watched, and where to look.
    fn greet(&self) {
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        let networks = if networks.is_empty() { "unknown".to_owned() } else { networks.join(" ") };
        let config = &self.request.config.capture;
        tracing::info!(
            interfaces = self.interfaces.join(" "),
            networks,
            promiscuous = config.promiscuous,
            filter = config.bpf,
            "capturing"
        );
        if let Some(server) = &self.server {
            tracing::info!("metrics, health and incidents on {}", server.url());
        }
    }

    fn go(&mut self, signals: &Signals) {
        while !signals.stop.load(Ordering::Relaxed) {
            match self.messages.recv_timeout(LOOK_AROUND) {
                Ok(message) => {
                    self.take(message);
                    while let Ok(message) = self.messages.try_recv() {
                        self.take(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Every worker ended: nothing more will come.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Some(found) = self.lookout.take() {
                self.metrics.posture(found);
                self.engine.set_posture(found.to_vec());
            }
            self.judge_complete_ticks();
            let drilled = self.drills.take();
            self.tell(drilled);
            let (judged, frames, open) = (self.judged, self.frames, self.engine.incidents().open_count());
            self.supervisor.look(Progress { judged, frames, open }, &self.interfaces, &self.workers);
            if signals.reload.swap(false, Ordering::Relaxed) {
                self.supervisor.reloading();
                self.reload();
                self.supervisor.ready();
            }
        }
    }

    fn take(&mut self, message: Message) {
        let now = instant();
        match message {
            Message::Tick { worker, report, stats, sampling, late } => {
                let Some(state) = self.workers.get_mut(worker) else { return };
                state.last_heard = now;
                state.done = Some(report.tick);
                state.stats = stats;
                state.sampling = sampling;
                for _ in 0..late {
                    self.metrics.tick_late();
                }
                let name = state.interface.clone();
                let mut frames = report.totals.frames;
                frames.merge(report.elsewhere);
                self.metrics.capture(&name, frames.packets, frames.bytes);
                let losses = self.workers.stats(&name);
                self.metrics.capture_losses(&name, losses.dropped_kernel, losses.dropped_interface);
                self.metrics.capture_sampling(&name, self.workers.sampling(&name));
                self.frames += frames.packets;
                // What was judged stays judged: a report that comes too late counts where we are.
                let tick = report.tick.max(self.judged.map_or(0, |judged| judged + 1));
                self.pending.entry(tick).or_default().push((worker, report));
            }
            Message::Down { worker, stats, why } => {
                let Some(name) = self.workers.interface(worker) else { return };
                let were_up = self.workers.are_up(&name);
                if let Some(state) = self.workers.get_mut(worker) {
                    state.last_heard = now;
                    state.goes_down(stats);
                }
                // Several workers of an interface see the same end.
                if were_up {
                    self.metrics.capture_up(&name, false);
                    self.shared.set_capture(&name, false);
                    tracing::error!(interface = name, "capture stopped, trying again: {why}");
                }
            }
            Message::Up { worker } => {
                let Some(state) = self.workers.get_mut(worker) else { return };
                state.up = true;
                state.last_heard = now;
                let name = state.interface.clone();
                if self.workers.are_up(&name) {
                    self.metrics.capture_up(&name, true);
                    self.shared.set_capture(&name, true);
                    tracing::warn!(interface = name, "capture works again");
                }
            }
            Message::ClockChanged { worker } => {
                // What waited belongs to the time before; its boxes are needed after it.
                for (owner, report) in std::mem::take(&mut self.pending).into_values().flatten() {
                    self.give_back(owner, report);
                }
                if let Some(state) = self.workers.get_mut(worker) {
                    state.done = None;
                    state.last_heard = now;
                }
                // Each worker tells it, and for each it is the same change.
                let known = self.clock_changed.is_some_and(|at| now.saturating_duration_since(at) < SAME_CHANGE);
                self.clock_changed = Some(now);
                if !known {
                    tracing::warn!("the clock was set back: windows start anew, open incidents are closed");
                    self.judged = None;
                    self.engine.clock_changed();
                    self.tell_news();
                }
            }
        }
    }

    /// Judges every tick that all workers have left behind; who is silent for too long is not waited for.
    fn judge_complete_ticks(&mut self) {
        let now = instant();
        let complete = self
            .workers
            .iter()
            .filter(|worker| now.saturating_duration_since(worker.last_heard) < PATIENCE)
            .map(|worker| worker.done.unwrap_or(0))
            .min();
        let newest = self.pending.keys().next_back().copied();
        // With all workers silent, what they left is judged as it is.
        let Some(until) = complete.or(newest) else { return };
        while let Some(entry) = self.pending.first_entry() {
            if *entry.key() > until {
                break;
            }
            let (tick, reports) = entry.remove_entry();
            self.judge(tick, reports);
        }
    }

    fn judge(&mut self, tick: u64, mut reports: Vec<(usize, Box<TickReport>)>) {
        let began = instant();
        let losses = self.losses();
        self.engine.set_losses(losses);
        // A guest that was just made is no stranger.
        if self.engine.has_strangers(reports.iter().map(|(_, report)| &**report))
            && let Some(inventory) = self.census.look_again(began)
        {
            self.adopt(inventory);
        }
        for (_, report) in &reports {
            self.metrics.observe_tick(&report.totals);
        }
        self.engine.process(tick, reports.iter_mut().map(|(_, report)| &mut **report), Timestamp::from_tick(tick + 1));
        self.judged = Some(tick);
        self.metrics.tick_time(Timestamp::from_tick(tick + 1).seconds_since(Timestamp::ZERO));
        self.worker_tables(&reports);
        for (worker, report) in reports {
            self.give_back(worker, report);
        }
        self.tell_news();
        let spent = instant().saturating_duration_since(began);
        self.metrics.tick_duration(spent.as_secs_f64());
        self.shared.beat(began.saturating_duration_since(self.origin).as_millis() as u64);
        if tick / 10 != self.last_second {
            self.last_second = tick / 10;
            self.every_second(losses);
            self.memory.look(&self.request.config, &mut self.engine, Timestamp::from_tick(tick + 1));
        }
    }

    fn give_back(&self, worker: usize, report: Box<TickReport>) {
        if let Some(state) = self.workers.get(worker) {
            // There is room for all boxes that there are; the worker may have ended.
            let _ = state.report_pool.try_send(report);
        }
    }

    fn losses(&self) -> LossCounts {
        self.workers.iter().fold(LossCounts::default(), |sum, worker| {
            let stats = worker.all_stats();
            LossCounts {
                received: sum.received + stats.received,
                dropped: sum.dropped + stats.dropped_kernel,
                sampled: sum.sampled.max(worker.sampling.into()),
            }
        })
    }

    /// Tells what the engine has to tell since the last call.
    fn tell_news(&mut self) {
        let events = self.engine.take_events();
        self.tell(events);
        for line in self.engine.take_news() {
            tracing::info!("{line}");
        }
    }

    /// Brings news of incidents to the outputs, the metrics and the API.
    fn tell(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        for event in &events {
            self.metrics.incident_event(event);
            self.outputs.offer(event);
            if event.change == Change::Opened
                && !event.incident.drill
                && let Some(address) = event.incident.target.address
            {
                self.metrics.watch_host(address, "target");
            }
        }
        self.publish();
    }

    fn publish(&self) {
        let open: Vec<Incident> = self.engine.incidents().open().chain(self.drills.open()).collect();
        self.metrics.incidents_active(&open);
        let recent = self.engine.incidents().recent().cloned().collect();
        let allowed = self.engine.allowed().iter().map(Into::into).collect();
        self.shared.publish(http::Snapshot { open, recent, allowed });
    }

    fn worker_tables(&self, reports: &[(usize, Box<TickReport>)]) {
        let sizes = self.request.config.tally;
        let (evicted, ..) = self.engine.meter().evictions();
        let sum = |of: fn(&TickReport) -> usize| reports.iter().map(|(_, report)| of(report)).sum::<usize>();
        let count = self.workers.len();
        self.metrics.table(Table::WorkerHosts, sum(|r| r.host_entries), sizes.hosts * count, evicted.hosts);
        self.metrics.table(
            Table::WorkerDetails,
            sum(|r| r.details.len()),
            sizes.detailed_hosts * count,
            evicted.details,
        );
        self.metrics.table(Table::WorkerRequests, sum(|r| r.requests.len()), REQUESTS * count, evicted.requests);
        let controls = sum(|r| r.link.controls.len());
        self.metrics.table(Table::WorkerControls, controls, CONTROLS * count, evicted.controls);
        self.metrics.table(Table::WorkerStations, sum(|r| r.station_entries), sizes.stations * count, evicted.stations);
        self.metrics.table(Table::WorkerAttempts, sum(|r| r.attempt_entries), SENDERS * count, evicted.attempts);
    }

    fn every_second(&mut self, losses: LossCounts) {
        inventory_view::tell(&self.engine, &self.metrics, &self.shared);
        let meter = self.engine.meter();
        let (hosts, stations) = meter.tables();
        let (_, windows, prefixes) = meter.evictions();
        self.metrics.table(Table::Hosts, hosts.len(), hosts.capacity(), hosts.evictions());
        self.metrics.table(Table::BusyHosts, meter.busy_hosts(), meter.sizes().busy_hosts, windows);
        self.metrics.table(Table::Prefixes, meter.busy_prefixes(), meter.sizes().prefixes, prefixes);
        self.metrics.table(Table::Stations, stations.len(), stations.capacity(), stations.evictions());
        if let Some(baseline) = self.engine.baseline() {
            self.metrics.table(Table::Baseline, baseline.len(), baseline.capacity(), baseline.evictions());
        }
        let (usual, capacity, evictions) = self.engine.incidents().background_usage();
        self.metrics.table(Table::BackgroundTraffic, usual, capacity, evictions);
        self.metrics.stations(stations.len(), meter.new_stations());
        let (refused, echoes) = self.engine.incidents().dropped_findings();
        self.metrics.findings_dropped(refused, echoes);
        for allowed in self.engine.allowed().iter() {
            self.metrics.allowed_findings(&allowed.rule.name, allowed.findings);
        }
        if self.last_second.is_multiple_of(PROGRESS_SECONDS) && self.outputs.want_progress() {
            for incident in self.engine.incidents().open().chain(self.drills.open()) {
                self.outputs.offer(&Event { change: Change::Progress, incident: Arc::new(incident) });
            }
        }
        for address in self.metrics.watched_hosts() {
            if let Some(entry) = hosts.get(&address) {
                self.metrics.host_totals(address, entry.received, entry.sent);
            }
        }
        for (name, counts) in self.outputs.counts() {
            let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            self.metrics.output_totals(name, of(&counts.delivered), of(&counts.failed), of(&counts.dropped));
            let (failing, delay) = (counts.failing.load(Ordering::Relaxed), of(&counts.delay_millis) as f64 / 1000.0);
            self.metrics.output_state(name, failing, delay);
        }
        if let Some(inventory) = self.census.take() {
            self.adopt(inventory);
        }
        self.coverage.push_back((losses.received, losses.dropped));
        if self.coverage.len() > COVERAGE_SECONDS {
            self.coverage.pop_front();
        }
        if let (Some(first), Some(last)) = (self.coverage.front(), self.coverage.back()) {
            let (received, lost) = (last.0.saturating_sub(first.0), last.1.saturating_sub(first.1));
            // What was dropped is among the received.
            self.metrics.coverage(if received == 0 { 1.0 } else { 1.0 - (lost as f64 / received as f64).min(1.0) });
        }
        // The allow-list's counts go on without any incident.
        if self.engine.incidents().open_count() > 0
            || self.drills.open().next().is_some()
            || self.engine.allowed().iter().next().is_some()
        {
            self.publish();
        }
        if !self.told_status && self.origin.elapsed() > Duration::from_secs(2) {
            self.told_status = true;
            let seconds = self.origin.elapsed().as_secs_f64();
            let (hosts, stations) = (hosts.len(), stations.len());
            let rate = (self.frames as f64 / seconds).round();
            tracing::info!("{} packets so far, {rate}/s; {hosts} hosts, {stations} stations", self.frames);
        }
    }

    /// Judges by another inventory from now on.
    fn adopt(&mut self, inventory: Arc<Inventory>) {
        let site = super::site(&self.request.config, Arc::clone(&self.networks), inventory);
        self.engine.set_site(&self.request.config, site);
        self.tell_place();
    }

    /// Tells the workers how interfaces belong together and what guests were given, where that changed.
    fn tell_place(&mut self) {
        if let Some(place) = self.engine.new_place().cloned() {
            for worker in self.workers.iter() {
                // Room for four orders: a worker takes them at least each tick.
                let _ = worker.orders.try_send(WorkerCommand::LanConfig(place.clone()));
            }
        }
    }

    /// Puts the configuration file into force again; a bad one changes nothing.
    fn reload(&mut self) {
        let now = wall_clock().seconds_since(Timestamp::ZERO);
        match Config::load(self.request.config_path.as_deref()) {
            Ok(config) => {
                for part in needs_restart(&self.request.file_config, &config) {
                    tracing::warn!("changes of {part} need a restart; they are not in force");
                }
                self.request.file_config = config.clone();
                let kept = std::mem::replace(&mut self.request.config, config);
                // What cannot change while running stays as it is.
                self.request.config.capture = kept.capture;
                self.request.config.meter = kept.meter;
                self.request.config.tally = kept.tally;
                self.request.config.http = kept.http;
                self.request.config.output = kept.output;
                self.request.config.tunnels = kept.tunnels;
                self.request.config.state_dir = kept.state_dir;
                self.request.config.baseline = kept.baseline;
                self.networks = Arc::new(inside(&self.request, &self.interfaces));
                self.census.replace(&self.request.config.inventory);
                let site =
                    super::site(&self.request.config, Arc::clone(&self.networks), Arc::clone(self.census.known()));
                self.engine.reconfigure(&self.request.config, site);
                self.lookout.replace(&self.request.config.posture);
                self.drills.replace(&self.request.config, self.networks.iter().copied().collect());
                for &host in &self.request.config.metrics_hosts {
                    self.metrics.watch_host(Addr::from(host), "configured");
                }
                for worker in self.workers.iter() {
                    // Room for four orders: a worker takes them at least each tick.
                    let _ = worker.orders.try_send(WorkerCommand::Networks(Arc::clone(&self.networks)));
                }
                self.tell_place();
                self.metrics.config_reload(true, now);
                tracing::info!("configuration reloaded");
            }
            Err(errors) => {
                self.metrics.config_reload(false, now);
                tracing::error!("configuration not reloaded, the old one stays:\n{errors}");
            }
        }
    }

    /// Ends everything in order: capture, judgement, outputs, HTTP.
    fn stop(mut self) {
        self.shared.set_ready(false);
        self.supervisor.stopping();
        // The threads saw the same order to stop: take what they still hold, until the last has gone.
        let began = instant();
        while let Some(left) = LAST_REPORTS.checked_sub(began.elapsed()) {
            match self.messages.recv_timeout(left) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => tracing::error!("a capturing thread does not stop; left behind"),
            }
        }
        self.workers.join();
        for (tick, reports) in std::mem::take(&mut self.pending) {
            self.judge(tick, reports);
        }
        let now = self.judged.map_or_else(wall_clock, |tick| Timestamp::from_tick(tick + 1));
        self.engine.shut_down(now);
        self.tell_news();
        let drilled = self.drills.stop();
        self.tell(drilled);
        self.memory.stop(&self.engine, now);
        let losses = self.losses();
        self.outputs.finish();
        if let Some(server) = self.server {
            server.stop();
        }
        tracing::info!("stopped after {} packets, {} lost by the kernel", self.frames, losses.dropped);
    }
}
