//! The work of each tick, independent of the packet rate: windows, detectors, incidents.

mod common;

use common::{Frames, KINDS};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pegel::base::{Networks, Timestamp};
use pegel::config::Config;
use pegel::meter::{BATCH, Hasher, Tally, TickReport};
use pegel::packet::Packet;
use pegel::runtime::engine::Engine;
use std::sync::Arc;

fn report(packets: &[Packet], networks: &Arc<Networks>) -> TickReport {
    let mut tally = Tally::new(Config::default().tally, Arc::clone(networks), Hasher::fixed());
    let mut report = TickReport::default();
    packets.chunks(BATCH).for_each(|batch| tally.record(batch));
    tally.finish_tick(packets.first().map_or(0, |packet| packet.time.tick()), &mut report);
    report
}

fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick");
    let networks = Arc::new(Networks::new(["203.0.113.0/24".parse().expect("a network")]));
    for &(name, model, rate) in KINDS {
        // A tenth of a second: one tick.
        let packets = Frames::of(model, rate, (rate / 10.0) as u64).packets();
        let report = report(&packets, &networks);
        let config = Config::for_networks(networks.iter().copied().collect());
        let site = pegel::runtime::site(&config, Arc::clone(&networks), Arc::default());
        let mut engine = Engine::new(&config, site, Hasher::fixed());
        let mut tick = packets.first().map_or(0, |packet| packet.time.tick());
        group.bench_function(name, |bencher| {
            // The merger takes the contents of a report, so each tick needs a new one.
            let process = |report: &mut TickReport| {
                tick += 1;
                engine.process(tick, std::iter::once(report), Timestamp::from_tick(tick + 1));
                engine.take_events()
            };
            bencher.iter_batched_ref(|| report.clone(), process, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, tick);
criterion_main!(benches);
