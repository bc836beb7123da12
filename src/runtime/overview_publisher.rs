//! Publishes once per second what people look at.

use super::clock::wall_clock;
use super::engine::Engine;
use super::live_config::Watcher;
use super::overview::{SecondsOfTraffic, overview};
use super::worker_handles::WorkerHandles;
use crate::base::{PostureResult, Timestamp};
use crate::http;
use crate::metrics::Metrics;
use crate::output::Outputs;
use crate::view::{CaptureView, CheckView, OutputView, SensorView, StoreView, TableView};
use std::sync::atomic::Ordering;

/// What is remembered from one second to the next.
pub(super) struct OverviewPublisher {
    seconds: SecondsOfTraffic,
    name: String,
    started_at: Timestamp,
    coverage: f64,
    store: Option<StoreView>,
    checks: Vec<CheckView>,
    watcher: Option<Watcher>,
}

impl OverviewPublisher {
    pub(crate) fn new() -> OverviewPublisher {
        OverviewPublisher {
            seconds: SecondsOfTraffic::default(),
            name: machine_name(),
            started_at: wall_clock(),
            coverage: 1.0,
            store: None,
            checks: Vec::new(),
            watcher: None,
        }
    }

    /// A tick was judged.
    pub(crate) fn tick(&mut self, engine: &Engine, end: Timestamp) {
        self.seconds.tick(end.tick().saturating_sub(1), engine.meter().window(end, &engine.interfaces).totals);
    }

    pub(crate) fn coverage(&mut self, coverage: f64) {
        self.coverage = coverage;
    }

    pub(crate) fn store(&mut self, bytes: u64, dropped: u64, is_failing: bool) {
        self.store = Some(StoreView { bytes, dropped, is_failing });
    }

    pub(crate) fn checks(&mut self, results: &[PostureResult]) {
        self.checks = results.iter().map(CheckView::from).collect();
    }

    pub(crate) fn set_watcher(&mut self, watcher: Option<Watcher>) {
        self.watcher = watcher;
    }

    pub(crate) fn publish(
        &mut self,
        engine: &Engine,
        workers: &WorkerHandles,
        metrics: &Metrics,
        outputs: &Outputs,
        shared: &http::Shared,
        end: Timestamp,
    ) {
        let sensor = self.sensor(engine, workers, metrics, outputs);
        let mut shown = overview(engine, &self.seconds, sensor, end);
        if let Some(watcher) = &mut self.watcher {
            shown.open = engine.incidents().open().collect();
            watcher(&shown);
            shown.open = Vec::new();
        }
        shared.publish_overview(shown);
    }

    fn sensor(&self, engine: &Engine, workers: &WorkerHandles, metrics: &Metrics, outputs: &Outputs) -> SensorView {
        let interfaces = engine.interfaces.iter().map(|name| {
            let stats = workers.stats(name);
            CaptureView {
                name: name.clone(),
                is_up: workers.are_up(name),
                packets: workers.frames(name).packets,
                kernel_dropped: stats.dropped_kernel,
                interface_dropped: stats.dropped_interface,
                sampled: workers.sampling(name).into(),
            }
        });
        let tables = metrics.tables().map(|(name, [entries, capacity, evictions])| TableView {
            name,
            entries,
            capacity,
            evictions,
        });
        let outputs = outputs.counts().map(|(name, counts)| OutputView {
            name: name.to_owned(),
            delivered: counts.delivered.load(Ordering::Relaxed),
            failed: counts.failed.load(Ordering::Relaxed),
            dropped: counts.dropped.load(Ordering::Relaxed),
            is_failing: counts.failing.load(Ordering::Relaxed),
        });
        SensorView {
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Some(self.started_at),
            coverage: self.coverage,
            interfaces: interfaces.collect(),
            tables: tables.collect(),
            outputs: outputs.collect(),
            store: self.store.clone(),
            checks: self.checks.clone(),
            networks: engine.networks().iter().map(|network| network.to_string()).collect(),
        }
    }
}

pub(super) fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
