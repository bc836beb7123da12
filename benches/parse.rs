//! Decodes frames into packets: the fast path, and the lax path for frames that the fast path rejects.

mod common;

use common::{Frames, KINDS};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pegel::packet::Decoder;
use std::hint::black_box;

/// Few enough to stay in the cache: this measures the parser, not memory.
const FRAMES: u64 = 1_000;

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    let decoder = Decoder::default();
    for &(name, model, rate) in KINDS {
        let frames = Frames::of(model, rate, FRAMES);
        group.throughput(Throughput::Elements(frames.iter().count() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for frame in frames.iter() {
                    black_box(decoder.decode(&frame));
                }
            });
        });
        group.bench_function(format!("{name}_lax"), |bencher| {
            bencher.iter(|| {
                for frame in frames.iter() {
                    black_box(decoder.decode_lax(&frame));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
