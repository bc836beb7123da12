//! Replays a whole file of two million packets, from its bytes to incidents.

mod common;

use common::{KINDS, scenario};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use pegel::capture::pcap_file::PcapFile;
use pegel::config::Config;
use pegel::runtime::replay::incidents;
use pegel::traffic::write_pcap;
use std::io::BufWriter;
use std::path::Path;

const PACKETS: u64 = 2_000_000;

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let config = Config::for_networks(vec!["203.0.113.0/24".parse().expect("a network")]);
    for &(name, model, rate) in KINDS {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}.pcap", std::process::id()));
        let file = BufWriter::with_capacity(1 << 20, std::fs::File::create(&path).expect("a file"));
        let packets = write_pcap(&mut scenario(model, rate, PACKETS).source(), file).expect("written");
        group.throughput(Throughput::Elements(packets));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut source = PcapFile::open(&path).expect("a capture");
                incidents(&config, &mut source).expect("read to its end")
            });
        });
        std::fs::remove_file(&path).expect("removed");
    }
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
