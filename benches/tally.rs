//! Counts packets in a worker's tables, including the report of each tick.

mod common;

use common::{Frames, KINDS};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pegel::base::Networks;
use pegel::config::Config;
use pegel::meter::{BATCH, Hasher, Tally, TickReport};
use pegel::packet::Packet;
use std::sync::Arc;

/// Three ticks of the traffic with the lowest rate.
const PACKETS: u64 = 150_000;

/// Whole ticks, in batches like those of the worker.
fn ticks(packets: &[Packet]) -> Vec<(u64, Vec<&[Packet]>)> {
    packets
        .chunk_by(|a, b| a.time.tick() == b.time.tick())
        .map(|tick| (tick.first().map_or(0, |packet| packet.time.tick()), tick.chunks(BATCH).collect()))
        .collect()
}

fn tally(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tally");
    let known = || Networks::new(["203.0.113.0/24".parse().expect("a network")]);
    for &(name, model, rate) in KINDS {
        let packets = Frames::of(model, rate, PACKETS).packets();
        let ticks = ticks(&packets);
        group.throughput(Throughput::Elements(packets.len() as u64));
        for (networks, mode) in [(known(), "known"), (Networks::default(), "unknown")] {
            let mut tally = Tally::new(Config::default().tally, Arc::new(networks), Hasher::fixed());
            let mut report = TickReport::default();
            group.bench_function(format!("{name}_{mode}"), |bencher| {
                bencher.iter(|| {
                    for (tick, batches) in &ticks {
                        batches.iter().for_each(|batch| tally.record(batch));
                        tally.finish_tick(*tick, &mut report);
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, tally);
criterion_main!(benches);
