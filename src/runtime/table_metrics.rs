//! Metrics of how full the tables of bounded size are.

use super::engine::Engine;
use super::tick_collector::WorkerReport;
use crate::meter::{CONTROLS, Meter, REQUESTS, SENDERS, TallySizes, TickReport};
use crate::metrics::{Metrics, Table};

/// The tables of the workers, summed over all of them, as of the tick with these reports.
pub(super) fn workers(metrics: &Metrics, meter: &Meter, reports: &[WorkerReport], sizes: TallySizes, workers: usize) {
    let (evicted, ..) = meter.evictions();
    let sum = |entries: fn(&TickReport) -> usize| reports.iter().map(|(_, report)| entries(report)).sum::<usize>();
    let show = |table, entries, size, evictions| metrics.table(table, entries, size * workers, evictions);
    show(Table::WorkerHosts, sum(|r| r.host_entries), sizes.hosts, evicted.hosts);
    show(Table::WorkerDetails, sum(|r| r.details.len()), sizes.detailed_hosts, evicted.details);
    show(Table::WorkerRequests, sum(|r| r.requests.len()), REQUESTS, evicted.requests);
    show(Table::WorkerControls, sum(|r| r.link.controls.len()), CONTROLS, evicted.controls);
    show(Table::WorkerStations, sum(|r| r.station_entries), sizes.stations, evicted.stations);
    show(Table::WorkerConversations, sum(|r| r.conversation_entries), sizes.conversations, evicted.conversations);
    show(Table::WorkerAttempts, sum(|r| r.attempt_entries), SENDERS, evicted.attempts);
}

/// The tables that all workers share.
pub(super) fn shared(metrics: &Metrics, engine: &Engine) {
    let meter = engine.meter();
    let (hosts, stations) = meter.tables();
    let (_, windows, prefixes) = meter.evictions();
    metrics.table(Table::Hosts, hosts.len(), hosts.capacity(), hosts.evictions());
    metrics.table(Table::BusyHosts, meter.busy_hosts(), meter.sizes().busy_hosts, windows);
    metrics.table(Table::Prefixes, meter.busy_prefixes(), meter.sizes().prefixes, prefixes);
    let (hosts_refused, prefixes_refused) = meter.refusals();
    metrics.table_refusals(Table::BusyHosts, hosts_refused);
    metrics.table_refusals(Table::Prefixes, prefixes_refused);
    let incidents = engine.incidents().usage();
    metrics.table(Table::Incidents, incidents.entries, incidents.capacity, incidents.evictions);
    metrics.table_refusals(Table::Incidents, incidents.refusals);
    metrics.table(Table::Stations, stations.len(), stations.capacity(), stations.evictions());
    metrics.stations(stations.len(), meter.new_stations());
    if let Some(baseline) = engine.baseline() {
        metrics.table(Table::Baseline, baseline.len(), baseline.capacity(), baseline.evictions());
    }
    let (samples, capacity, evictions) = engine.incidents().background_usage();
    metrics.table(Table::BackgroundTraffic, samples, capacity, evictions);
}
