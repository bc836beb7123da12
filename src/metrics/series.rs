//! Creates series from the catalogue; counters that follow totals kept elsewhere.

use super::catalogue::{MetricSpec, Stage};
use crate::base::CaptureDirections;
use prometheus::core::Collector;
use prometheus::{Error, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use prometheus::{Opts, Registry};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Creates and registers the metrics of the catalogue.
pub(super) struct Maker<'a>(pub(super) &'a Registry);

fn options(spec: &MetricSpec) -> Opts {
    Opts::new(spec.name, spec.help)
}

impl Maker<'_> {
    fn register<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(&self, spec: &MetricSpec) -> Result<IntCounter, Error> {
        self.register(IntCounter::with_opts(options(spec))?)
    }

    pub(super) fn counters(&self, spec: &MetricSpec) -> Result<IntCounterVec, Error> {
        self.register(IntCounterVec::new(options(spec), spec.labels)?)
    }

    /// Counters with one label: one for each of `values`, in the same order.
    pub(super) fn counters_for<'v>(
        &self,
        spec: &MetricSpec,
        values: impl Iterator<Item = &'v str>,
    ) -> Result<Vec<IntCounter>, Error> {
        let all = self.counters(spec)?;
        values.map(|value| all.get_metric_with_label_values(&[value])).collect()
    }

    pub(super) fn gauge(&self, spec: &MetricSpec) -> Result<IntGauge, Error> {
        self.register(IntGauge::with_opts(options(spec))?)
    }

    pub(super) fn float_gauge(&self, spec: &MetricSpec) -> Result<Gauge, Error> {
        self.register(Gauge::with_opts(options(spec))?)
    }

    pub(super) fn float_gauges(&self, spec: &MetricSpec) -> Result<GaugeVec, Error> {
        self.register(GaugeVec::new(options(spec), spec.labels)?)
    }

    pub(super) fn gauges(&self, spec: &MetricSpec) -> Result<IntGaugeVec, Error> {
        self.register(IntGaugeVec::new(options(spec), spec.labels)?)
    }

    pub(super) fn histogram(&self, spec: &MetricSpec, buckets: &[f64]) -> Result<Histogram, Error> {
        self.register(Histogram::with_opts(HistogramOpts::new(spec.name, spec.help).buckets(buckets.to_vec()))?)
    }
}

/// Growth from `last` to `now`, where `now` is a total that may have been reset to a lower value.
pub(super) const fn growth(last: u64, now: u64) -> u64 {
    if now >= last { now - last } else { now }
}

/// A counter that follows a total kept elsewhere. It never goes down: a lower total is treated as a reset.
pub(super) struct Follower {
    counter: IntCounter,
    last: AtomicU64,
}

impl Follower {
    pub(super) fn new(counter: IntCounter) -> Self {
        Follower { counter, last: AtomicU64::new(0) }
    }

    /// The total as last followed.
    pub(super) fn total(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    pub(super) fn follow(&self, total: u64) {
        self.counter.inc_by(growth(self.last.swap(total, Ordering::Relaxed), total));
    }
}

/// The families with one series per interface.
pub(super) struct InterfaceFamilies {
    pub(super) packets: IntCounterVec,
    pub(super) bytes: IntCounterVec,
    pub(super) dropped: IntCounterVec,
    pub(super) up: IntGaugeVec,
    pub(super) sampling: GaugeVec,
    pub(super) directions: IntGaugeVec,
}

/// The series of one interface.
pub(super) struct InterfaceSeries {
    pub(super) packets: IntCounter,
    pub(super) bytes: IntCounter,
    pub(super) dropped_kernel: Follower,
    pub(super) dropped_interface: Follower,
    pub(super) up: IntGauge,
    pub(super) sampling: Gauge,
    /// In the order of [`CaptureDirections::ALL`].
    pub(super) directions: [IntGauge; CaptureDirections::ALL.len()],
}

impl InterfaceFamilies {
    pub(super) fn series(&self, interface: &str) -> Result<InterfaceSeries, Error> {
        let dropped = |stage: Stage| self.dropped.get_metric_with_label_values(&[interface, stage.name()]);
        let sampling = self.sampling.get_metric_with_label_values(&[interface])?;
        sampling.set(1.0);
        let directions = |directions: CaptureDirections| {
            self.directions.get_metric_with_label_values(&[interface, directions.name()])
        };
        let [both, inward, outward, unknown] = CaptureDirections::ALL.map(directions);
        let directions = [both?, inward?, outward?, unknown?];
        if let Some(unknown) = directions.last() {
            unknown.set(1);
        }
        Ok(InterfaceSeries {
            sampling,
            directions,
            packets: self.packets.get_metric_with_label_values(&[interface])?,
            bytes: self.bytes.get_metric_with_label_values(&[interface])?,
            dropped_kernel: Follower::new(dropped(Stage::Kernel)?),
            dropped_interface: Follower::new(dropped(Stage::Interface)?),
            up: self.up.get_metric_with_label_values(&[interface])?,
        })
    }
}

/// Locks a mutex even if a thread panicked while holding it: the data under these locks stays usable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of an integer gauge, capped at `i64::MAX`.
pub(super) fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
