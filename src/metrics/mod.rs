//! Metrics: what Prometheus scrapes. Every metric is a const of the [`catalogue`]; every series that can be known in
//! advance is there from the start with 0; no label has more values than a cap allows.
//!
//! [`Metrics`] is fed once a tick, from totals, and rendered when somebody asks. Feeding never waits for a scrape.

pub mod catalogue;
mod guests;
mod hosts;
mod incidents;
mod posture;
mod series;

pub use catalogue::{
    DropReason, HttpRefusal, InventorySource, Kind, METRICS, MetricSpec, Stage, StateOperation, Table,
};
pub use guests::{CardTotals, MAX_GUESTS};
pub use hosts::MAX_HOSTS;
pub use incidents::MAX_TARGETS;

use crate::base::{Addr, PostureResult};
use crate::incident::{Event, Incident};
use crate::meter::{Count, Totals};
use crate::packet::{Anomaly, Class};
use catalogue as spec;
use prometheus::{
    Error, Gauge, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};
use series::{Follower, InterfaceFamilies, InterfaceSeries, Maker, lock, whole};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

/// Of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds in seconds: a tick lasts 0.1 s, so anything from there on is late.
const TICK_BUCKETS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Packets and bytes of one thing.
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
}

/// All metrics of one process.
pub struct Metrics {
    registry: Registry,
    interface_families: InterfaceFamilies,
    interfaces: Mutex<BTreeMap<String, InterfaceSeries>>,
    coverage: Gauge,
    /// By index of the class.
    received: Vec<CountSeries>,
    transmitted: Vec<CountSeries>,
    transit: CountSeries,
    /// By index of the anomaly.
    anomalies: Vec<IntCounter>,
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
    allowed: IntCounterVec,
    /// By index of [`StateOperation`].
    state_failures: Vec<IntCounter>,
    output_events: IntCounterVec,
    output_failures: IntCounterVec,
    output_dropped: IntCounterVec,
    output_failing: IntGaugeVec,
    output_delay: GaugeVec,
    reload_time: Gauge,
    reload_successful: IntGauge,
}

impl Metrics {
    /// All series of the interfaces and outputs that are known at the start begin with 0.
    pub fn new(interfaces: &[String], outputs: &[String]) -> Result<Metrics, Error> {
        let registry = Registry::new();
        let make = Maker(&registry);
        let by_class = |packets, bytes| -> Result<Vec<CountSeries>, Error> {
            let names = || Class::ALL.iter().map(|class| class.name());
            let pairs = make.counters_of(packets, names())?.into_iter().zip(make.counters_of(bytes, names())?);
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
        };
        let mut by_interface = BTreeMap::new();
        for interface in interfaces {
            by_interface.insert(interface.clone(), interface_families.of(interface)?);
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
            anomalies: make.counters_of(spec::PACKET_ANOMALIES, Anomaly::ALL.iter().map(|anomaly| anomaly.name()))?,
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
            http_refused: make.counters_of(spec::HTTP_REFUSED, HttpRefusal::ALL.iter().map(|r| r.name()))?,
            allowed: make.counters(spec::ALLOWED_FINDINGS)?,
            state_failures: make.counters_of(spec::STATE_FAILURES, StateOperation::ALL.iter().map(|o| o.name()))?,
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

    /// Adds what one tick counted.
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
    }

    fn interface(&self, name: &str, tell: impl FnOnce(&InterfaceSeries)) {
        let mut interfaces = lock(&self.interfaces);
        if let Some(series) = interfaces.get(name) {
            return tell(series);
        }
        // A new interface after a reload.
        if let Ok(series) = self.interface_families.of(name) {
            tell(&series);
            interfaces.insert(name.to_owned(), series);
        }
    }

    /// Adds packets taken from an interface.
    pub fn capture(&self, interface: &str, packets: u64, bytes: u64) {
        self.interface(interface, |series| {
            series.packets.inc_by(packets);
            series.bytes.inc_by(bytes);
        });
    }

    /// Follows the losses that a source tells since it was opened; lower totals than before mean that it was reopened.
    pub fn capture_losses(&self, interface: &str, dropped_kernel_total: u64, dropped_interface_total: u64) {
        self.interface(interface, |series| {
            series.dropped_kernel.follow(dropped_kernel_total);
            series.dropped_interface.follow(dropped_interface_total);
        });
    }

    /// Adds packets that found a queue of ours full.
    pub fn capture_queue_dropped(&self, interface: &str, packets: u64) {
        self.interface(interface, |series| series.dropped_queue.inc_by(packets));
    }

    pub fn capture_up(&self, interface: &str, up: bool) {
        self.interface(interface, |series| series.up.set(up.into()));
    }

    /// One packet in so many is looked at.
    pub fn capture_sampling(&self, interface: &str, one_in: u16) {
        self.interface(interface, |series| series.sampling.set(1.0 / f64::from(one_in.max(1))));
    }

    /// Share of packets of the last minute that were looked at, 0 to 1.
    pub fn coverage(&self, ratio: f64) {
        self.coverage.set(ratio);
    }

    /// Gives a host series of its own, from 0; false where [`MAX_HOSTS`] have them. A host that is named again with
    /// another group moves there.
    pub fn watch_host(&self, address: Addr, group: &str) -> bool {
        self.hosts.watch(address, group)
    }

    /// Follows the lifetime totals of a watched host; others are ignored. The first totals count in full, so a host is
    /// to be watched when it is configured or first seen; totals that went down are those of a new entry.
    pub fn host_totals(&self, address: Addr, received: Count, sent: Count) {
        self.hosts.totals(address, received, sent);
    }

    /// Hosts that have series, in order of address.
    pub fn watched_hosts(&self) -> Vec<Addr> {
        self.hosts.addresses()
    }

    /// Shows these guests and no others, by label, and follows the lifetime totals of their cards. A label that is new has
    /// series from 0, unless [`MAX_GUESTS`] have them already; those that have, keep them.
    pub fn guests(&self, guests: &BTreeMap<String, Vec<CardTotals>>) {
        self.guests.show(guests);
    }

    /// What is wrong with the inventory now, by source: one name for each problem.
    pub fn inventory_problems<'s>(&self, sources: impl Iterator<Item = &'s str> + Clone) {
        self.guests.problems(sources);
    }

    /// Stations remembered now, and new ones since the start.
    pub fn stations(&self, entries: usize, new_total: u64) {
        self.stations.set(whole(entries as u64));
        self.stations_new.follow(new_total);
    }

    /// Counts an incident when it opens; other changes are not counted.
    pub fn incident_event(&self, event: &Event) {
        self.incidents.event(event);
    }

    /// Shows what is open now, and nothing else.
    pub fn incidents_active(&self, open: &[Incident]) {
        self.incidents.active(open);
    }

    /// Findings dropped since the start: too many incidents open, and echoes of others.
    pub fn findings_dropped(&self, open_incidents_full_total: u64, echoes_total: u64) {
        self.incidents.findings_dropped(open_incidents_full_total, echoes_total);
    }

    /// Findings that a rule of the allow-list suppressed since the start. Rules are as many as the configuration has.
    pub fn allowed_findings(&self, rule: &str, total: u64) {
        if let Ok(counter) = self.allowed.get_metric_with_label_values(&[rule]) {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }

    /// Shows what was found of the checks of this host's posture, and no other checks.
    pub fn posture(&self, results: &[PostureResult]) {
        self.posture.show(results);
    }

    pub fn state_failure(&self, operation: StateOperation) {
        if let Some(counter) = self.state_failures.get(operation as usize) {
            counter.inc();
        }
    }

    pub fn table(&self, table: Table, entries: usize, capacity: usize, evictions_total: u64) {
        if let Some(series) = self.tables.get(table as usize) {
            series.entries.set(whole(entries as u64));
            series.capacity.set(whole(capacity as u64));
            series.evictions.follow(evictions_total);
        }
    }

    pub fn tick_duration(&self, seconds: f64) {
        self.tick_duration.observe(seconds);
    }

    /// A tick was judged that ended at `seconds` since 1970, in packet time.
    pub fn tick_time(&self, seconds: f64) {
        self.tick_time.set(seconds);
    }

    pub fn http_refused(&self, reason: HttpRefusal) {
        if let Some(counter) = self.http_refused.get(reason as usize) {
            counter.inc();
        }
    }

    pub fn tick_late(&self) {
        self.ticks_late.inc();
    }

    /// Events that an output took, failed to deliver, and lost to a full queue, since the start.
    pub fn output_totals(&self, output: &str, delivered: u64, failed: u64, dropped: u64) {
        let families =
            [(&self.output_events, delivered), (&self.output_failures, failed), (&self.output_dropped, dropped)];
        for (family, total) in families {
            if let Ok(counter) = family.get_metric_with_label_values(&[output]) {
                counter.inc_by(total.saturating_sub(counter.get()));
            }
        }
    }

    /// Whether the last attempt of an output failed, and how long after it was found it handed over the last.
    pub fn output_state(&self, output: &str, is_failing: bool, delay_seconds: f64) {
        if let Ok(gauge) = self.output_failing.get_metric_with_label_values(&[output]) {
            gauge.set(is_failing.into());
        }
        if let Ok(gauge) = self.output_delay.get_metric_with_label_values(&[output]) {
            gauge.set(delay_seconds);
        }
    }

    /// The configuration was loaded or refused. `at` is in seconds since 1970.
    pub fn config_reload(&self, successful: bool, at: f64) {
        self.reload_successful.set(successful.into());
        if successful {
            self.reload_time.set(at);
        }
    }

    /// The whole page, families by name, series by label values. Families without series still say what they are.
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
    let of = |table: &Table| {
        Ok(TableSeries {
            entries: entries.get_metric_with_label_values(&[table.name()])?,
            capacity: capacity.get_metric_with_label_values(&[table.name()])?,
            evictions: Follower::new(evictions.get_metric_with_label_values(&[table.name()])?),
        })
    };
    Table::ALL.iter().map(of).collect()
}
