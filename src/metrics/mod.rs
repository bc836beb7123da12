//! Metrics for Prometheus. Every metric is a const of the catalogue. Every series that is known in advance exists
//! from the start with the value 0. The number of values of each label is capped.
//!
//! [`Metrics`] is updated from totals once per tick and rendered on request. An update never waits for a scrape.

mod catalogue;
mod guests;
mod hosts;
mod incidents;
mod posture;
mod series;

pub use catalogue::{HttpRefusal, Kind, METRICS, MetricSpec, StateOperation, Table};
pub use guests::{MAX_GUESTS, NicTotals};
pub use hosts::MAX_HOSTS;
pub use incidents::MAX_TARGETS;

use crate::base::{Addr, CaptureDirections, PostureResult, Timestamp};
use crate::incident::{Event, Incident};
use crate::meter::{Count, Totals};
use crate::packet::{Anomaly, Class, Encapsulation};
use catalogue as spec;
use prometheus::{
    Error, Gauge, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};
use series::{Follower, InterfaceFamilies, InterfaceSeries, Maker, lock, whole};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

/// Media type of the text that [`Metrics::render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds in seconds. A tick lasts 0.1 s, so anything above that is late.
const TICK_BUCKETS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// The packet counter and the byte counter of one subject.
struct CountSeries {
    packets: IntCounter,
    bytes: IntCounter,
}

impl CountSeries {
    fn add(&self, count: Count) {
        if count.packets > 0 {
            self.packets.inc_by(count.packets);
            self.bytes.inc_by(count.bytes);
        }
    }
}

struct TableSeries {
    entries: IntGauge,
    capacity: IntGauge,
    evictions: Follower,
    refusals: Follower,
}

/// All metrics of one process.
pub struct Metrics {
    registry: Registry,
    interface_families: InterfaceFamilies,
    interfaces: Mutex<BTreeMap<String, InterfaceSeries>>,
    coverage: Gauge,
    /// By class index.
    received: Vec<CountSeries>,
    transmitted: Vec<CountSeries>,
    transit: CountSeries,
    /// By anomaly index.
    anomalies: Vec<IntCounter>,
    /// By index of [`Encapsulation`].
    unopened: Vec<IntCounter>,
    hosts: hosts::HostSeries,
    guests: guests::GuestSeries,
    stations: IntGauge,
    stations_new: Follower,
    incidents: incidents::IncidentSeries,
    posture: posture::PostureSeries,
    /// By index of [`Table`].
    tables: Vec<TableSeries>,
    tick_duration: Histogram,
    ticks_late: IntCounter,
    tick_time: Gauge,
    /// By index of [`HttpRefusal`].
    http_refused: Vec<IntCounter>,
    suppressed: IntCounterVec,
    /// By index of [`StateOperation`].
    state_failures: Vec<IntCounter>,
    store_bytes: IntGauge,
    detectors_panicked: IntGauge,
    store_failing: IntGauge,
    store_dropped: Follower,
    output_events: IntCounterVec,
    output_failures: IntCounterVec,
    output_dropped: IntCounterVec,
    output_failing: IntGaugeVec,
    output_delay: GaugeVec,
    reload_time: Gauge,
    reload_successful: IntGauge,
}

impl Metrics {
    /// Creates the series of the interfaces and outputs that are known at the start, with the value 0. Fails only if
    /// the catalogue is inconsistent, such as a name used twice.
    pub fn new(interfaces: &[String], outputs: &[String]) -> Result<Metrics, Error> {
        let registry = Registry::new();
        let make = Maker(&registry);
        let by_class = |packets, bytes| -> Result<Vec<CountSeries>, Error> {
            let names = || Class::ALL.iter().map(|class| class.name());
            let pairs = make.counters_for(packets, names())?.into_iter().zip(make.counters_for(bytes, names())?);
            Ok(pairs.map(|(packets, bytes)| CountSeries { packets, bytes }).collect())
        };
        let by_output = |spec| -> Result<IntCounterVec, Error> {
            let family = make.counters(spec)?;
            for output in outputs {
                family.get_metric_with_label_values(&[output.as_str()])?;
            }
            Ok(family)
        };
        let (output_failing, output_delay) =
            (make.gauges(spec::OUTPUT_FAILING)?, make.float_gauges(spec::OUTPUT_DELAY)?);
        for output in outputs {
            output_failing.get_metric_with_label_values(&[output.as_str()])?;
            output_delay.get_metric_with_label_values(&[output.as_str()])?;
        }
        let interface_families = InterfaceFamilies {
            packets: make.counters(spec::CAPTURE_PACKETS)?,
            bytes: make.counters(spec::CAPTURE_BYTES)?,
            dropped: make.counters(spec::CAPTURE_DROPPED)?,
            up: make.gauges(spec::CAPTURE_UP)?,
            sampling: make.float_gauges(spec::CAPTURE_SAMPLING)?,
            directions: make.gauges(spec::CAPTURE_DIRECTIONS)?,
        };
        let mut by_interface = BTreeMap::new();
        for interface in interfaces {
            by_interface.insert(interface.clone(), interface_families.series(interface)?);
        }
        let coverage = make.float_gauge(spec::CAPTURE_COVERAGE)?;
        coverage.set(1.0);
        make.gauges(spec::BUILD_INFO)?.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")])?.set(1);
        Ok(Metrics {
            interfaces: Mutex::new(by_interface),
            interface_families,
            coverage,
            received: by_class(spec::RECEIVE_PACKETS, spec::RECEIVE_BYTES)?,
            transmitted: by_class(spec::TRANSMIT_PACKETS, spec::TRANSMIT_BYTES)?,
            transit: CountSeries {
                packets: make.counter(spec::TRANSIT_PACKETS)?,
                bytes: make.counter(spec::TRANSIT_BYTES)?,
            },
            anomalies: make.counters_for(spec::PACKET_ANOMALIES, Anomaly::ALL.iter().map(|anomaly| anomaly.name()))?,
            unopened: make
                .counters_for(spec::ENCAPSULATED_PACKETS, Encapsulation::ALL.iter().map(|kind| kind.name()))?,
            hosts: hosts::HostSeries::new(&make)?,
            guests: guests::GuestSeries::new(&make)?,
            stations: make.gauge(spec::STATIONS)?,
            stations_new: Follower::new(make.counter(spec::STATION_NEW)?),
            incidents: incidents::IncidentSeries::new(&make)?,
            posture: posture::PostureSeries::new(&make)?,
            tables: tables(&make)?,
            tick_duration: make.histogram(spec::TICK_DURATION, TICK_BUCKETS)?,
            ticks_late: make.counter(spec::TICKS_LATE)?,
            tick_time: make.float_gauge(spec::TICK_TIME)?,
            http_refused: make.counters_for(spec::HTTP_REFUSED, HttpRefusal::ALL.iter().map(|r| r.name()))?,
            suppressed: make.counters(spec::FINDINGS_SUPPRESSED)?,
            state_failures: make.counters_for(spec::STATE_FAILURES, StateOperation::ALL.iter().map(|o| o.name()))?,
            store_bytes: make.gauge(spec::STORE_BYTES)?,
            store_failing: make.gauge(spec::STORE_FAILING)?,
            detectors_panicked: make.gauge(spec::DETECTORS_PANICKED)?,
            store_dropped: Follower::new(make.counter(spec::STORE_DROPPED)?),
            output_events: by_output(spec::OUTPUT_EVENTS)?,
            output_failures: by_output(spec::OUTPUT_FAILURES)?,
            output_dropped: by_output(spec::OUTPUT_DROPPED)?,
            output_failing,
            output_delay,
            reload_time: make.float_gauge(spec::CONFIG_RELOAD_TIME)?,
            reload_successful: make.gauge(spec::CONFIG_RELOAD_SUCCESSFUL)?,
            registry,
        })
    }

    /// Adds the counts of one tick.
    pub fn observe_tick(&self, totals: &Totals) {
        for (series, &count) in self.received.iter().zip(&totals.received) {
            series.add(count);
        }
        for (series, &count) in self.transmitted.iter().zip(&totals.transmitted) {
            series.add(count);
        }
        self.transit.add(totals.transit);
        for (series, &packets) in self.anomalies.iter().zip(&totals.anomalies) {
            series.inc_by(packets);
        }
        for (series, &packets) in self.unopened.iter().zip(&totals.unopened) {
            series.inc_by(packets);
        }
    }

    fn interface(&self, name: &str, update: impl FnOnce(&InterfaceSeries)) {
        let mut interfaces = lock(&self.interfaces);
        if let Some(series) = interfaces.get(name) {
            return update(series);
        }
        // An interface that was added by a reload.
        if let Ok(series) = self.interface_families.series(name) {
            update(&series);
            interfaces.insert(name.to_owned(), series);
        }
    }

    /// Adds packets captured on an interface.
    pub fn capture(&self, interface: &str, packets: u64, bytes: u64) {
        self.interface(interface, |series| {
            series.packets.inc_by(packets);
            series.bytes.inc_by(bytes);
        });
    }

    /// Follows the losses that a source has reported since it was opened. Totals lower than before mean that it was
    /// reopened.
    pub fn capture_losses(&self, interface: &str, dropped_kernel_total: u64, dropped_interface_total: u64) {
        self.interface(interface, |series| {
            series.dropped_kernel.follow(dropped_kernel_total);
            series.dropped_interface.follow(dropped_interface_total);
        });
    }

    /// Whether packets are being captured on an interface.
    pub fn capture_up(&self, interface: &str, up: bool) {
        self.interface(interface, |series| series.up.set(up.into()));
    }

    /// Sampling of an interface: one packet in `one_in` is inspected.
    pub fn capture_sampling(&self, interface: &str, one_in: u16) {
        self.interface(interface, |series| series.sampling.set(1.0 / f64::from(one_in.max(1))));
    }

    /// Which directions of conversations an interface shows.
    pub fn capture_directions(&self, interface: &str, shown: CaptureDirections) {
        self.interface(interface, |series| {
            for (directions, gauge) in CaptureDirections::ALL.iter().zip(&series.directions) {
                gauge.set((*directions == shown).into());
            }
        });
    }

    /// Share of the packets of the last minute that were inspected, 0 to 1.
    pub fn coverage(&self, ratio: f64) {
        self.coverage.set(ratio);
    }

    /// Adds series for a host, starting at 0. Returns false if [`MAX_HOSTS`] hosts have series already. A host that is
    /// added again with another group moves to that group.
    pub fn watch_host(&self, address: Addr, group: &str) -> bool {
        self.hosts.watch(address, group)
    }

    /// Follows the lifetime totals of a watched host; other hosts are ignored. The first totals count in full, so a
    /// host must be watched when it is configured or first seen. Totals that went down belong to a new table entry.
    pub fn host_totals(&self, address: Addr, received: Count, sent: Count) {
        self.hosts.totals(address, received, sent);
    }

    /// Hosts that have series, ordered by address.
    pub fn watched_hosts(&self) -> Vec<Addr> {
        self.hosts.addresses()
    }

    /// Shows exactly these guests, by label, and follows the lifetime totals of their NICs. A new label gets series
    /// that start at 0 unless [`MAX_GUESTS`] guests have series already; existing series are kept.
    pub fn guests(&self, guests: &BTreeMap<String, Vec<NicTotals>>) {
        self.guests.show(guests);
    }

    /// Current problems of the inventory: the source name of each.
    pub fn inventory_problems<'s>(&self, sources: impl Iterator<Item = &'s str> + Clone) {
        self.guests.problems(sources);
    }

    /// Stations in the table, and stations added to it since the start.
    pub fn stations(&self, entries: usize, new_total: u64) {
        self.stations.set(whole(entries as u64));
        self.stations_new.follow(new_total);
    }

    /// Counts an incident when it opens. Other changes, and drills, are not counted.
    pub fn incident_event(&self, event: &Event) {
        self.incidents.event(event);
    }

    /// Shows exactly these open incidents; `now` is the packet time. The rate of an incident is zero while nothing is found.
    pub fn incidents_active(&self, open: &[Incident], now: Timestamp) {
        self.incidents.active(open, now);
    }

    /// Findings dropped since the start: because too many incidents were open, and as side effects of other incidents.
    pub fn findings_dropped(&self, incident_limit_total: u64, side_effects_total: u64) {
        self.incidents.findings_dropped(incident_limit_total, side_effects_total);
    }

    /// Findings that an allow rule has suppressed since the start. The configuration bounds the number of rules.
    pub fn allowed_findings(&self, rule: &str, total: u64) {
        if let Ok(counter) = self.suppressed.get_metric_with_label_values(&[rule]) {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }

    /// Shows the results of exactly these posture checks.
    pub fn posture(&self, results: &[PostureResult]) {
        self.posture.show(results);
    }

    /// Counts a failed operation on the state directory.
    pub fn state_failure(&self, operation: StateOperation) {
        if let Some(counter) = self.state_failures.get(operation as usize) {
            counter.inc();
        }
    }

    /// Shows how many detectors are off because they panicked.
    pub fn detectors_panicked(&self, number: usize) {
        self.detectors_panicked.set(whole(number as u64));
    }

    /// Shows the size of the store, how many entries were dropped since the start, and whether it fails.
    pub fn store(&self, bytes: u64, dropped_total: u64, is_failing: bool) {
        self.store_bytes.set(whole(bytes));
        self.store_failing.set(is_failing.into());
        self.store_dropped.follow(dropped_total);
    }

    /// Shows the entries in use and the capacity of a table, and follows its evictions since the start.
    pub fn table(&self, table: Table, entries: usize, capacity: usize, evictions_total: u64) {
        if let Some(series) = self.tables.get(table as usize) {
            series.entries.set(whole(entries as u64));
            series.capacity.set(whole(capacity as u64));
            series.evictions.follow(evictions_total);
        }
    }

    /// Name, entries, capacity and evictions of every table, as the page shows them.
    pub fn tables(&self) -> impl Iterator<Item = (&'static str, [u64; 3])> {
        let number = |gauge: &IntGauge| u64::try_from(gauge.get()).unwrap_or(0);
        Table::ALL.iter().zip(&self.tables).map(move |(table, series)| {
            (table.name(), [number(&series.entries), number(&series.capacity), series.evictions.total()])
        })
    }

    /// Follows the entries that a table did not admit since the start.
    pub fn table_refusals(&self, table: Table, total: u64) {
        if let Some(series) = self.tables.get(table as usize) {
            series.refusals.follow(total);
        }
    }

    /// Records the time spent at the end of a tick.
    pub fn tick_duration(&self, seconds: f64) {
        self.tick_duration.observe(seconds);
    }

    /// Packet time at the end of the last evaluated tick, in seconds since the Unix epoch.
    pub fn tick_time(&self, seconds: f64) {
        self.tick_time.set(seconds);
    }

    /// Counts a refused HTTP connection or request.
    pub fn http_refused(&self, reason: HttpRefusal) {
        if let Some(counter) = self.http_refused.get(reason as usize) {
            counter.inc();
        }
    }

    /// Counts a tick that ended late.
    pub fn tick_late(&self) {
        self.ticks_late.inc();
    }

    /// Events that an output delivered, failed delivery attempts, and events that it dropped, since the start.
    pub fn output_totals(&self, output: &str, delivered: u64, failed: u64, dropped: u64) {
        let families =
            [(&self.output_events, delivered), (&self.output_failures, failed), (&self.output_dropped, dropped)];
        for (family, total) in families {
            if let Ok(counter) = family.get_metric_with_label_values(&[output]) {
                counter.inc_by(total.saturating_sub(counter.get()));
            }
        }
    }

    /// Whether the last delivery attempt of an output failed, and the delay of its latest delivery.
    pub fn output_state(&self, output: &str, is_failing: bool, delay_seconds: f64) {
        if let Ok(gauge) = self.output_failing.get_metric_with_label_values(&[output]) {
            gauge.set(is_failing.into());
        }
        if let Ok(gauge) = self.output_delay.get_metric_with_label_values(&[output]) {
            gauge.set(delay_seconds);
        }
    }

    /// Records that the configuration was loaded or refused. `at` is in seconds since the Unix epoch.
    pub fn config_reload(&self, successful: bool, at: f64) {
        self.reload_successful.set(successful.into());
        if successful {
            self.reload_time.set(at);
        }
    }

    /// Renders all metrics in the text exposition format, ordered by name and label values. A family without series
    /// still has its HELP and TYPE lines.
    pub fn render(&self) -> Result<String, Error> {
        let families = self.registry.gather();
        let mut specs: Vec<&MetricSpec> = METRICS.to_vec();
        specs.sort_unstable_by_key(|spec| spec.name);
        let mut page = String::with_capacity(64 * 1024);
        let mut rest = families.as_slice();
        for spec in specs {
            match rest.split_first() {
                Some((family, after)) if family.name() == spec.name => {
                    TextEncoder::new().encode_utf8(std::slice::from_ref(family), &mut page)?;
                    rest = after;
                }
                _ => {
                    let MetricSpec { name, help, kind, .. } = spec;
                    // Writing to a string cannot fail.
                    let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.name());
                }
            }
        }
        Ok(page)
    }
}

fn tables(make: &Maker<'_>) -> Result<Vec<TableSeries>, Error> {
    let entries = make.gauges(spec::TABLE_ENTRIES)?;
    let capacity = make.gauges(spec::TABLE_CAPACITY)?;
    let evictions = make.counters(spec::TABLE_EVICTIONS)?;
    let refusals = make.counters(spec::TABLE_REFUSALS)?;
    let series = |table: &Table| {
        Ok(TableSeries {
            entries: entries.get_metric_with_label_values(&[table.name()])?,
            capacity: capacity.get_metric_with_label_values(&[table.name()])?,
            evictions: Follower::new(evictions.get_metric_with_label_values(&[table.name()])?),
            refusals: Follower::new(refusals.get_metric_with_label_values(&[table.name()])?),
        })
    };
    Table::ALL.iter().map(series).collect()
}
