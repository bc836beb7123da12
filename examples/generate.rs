//! Writes a capture of one synthetic model or of a scenario, for benchmarks and inspection.
//!
//! ```text
//! cargo run --release --example generate -- bench_syn 5000000 out.pcap
//! cargo run --release --example generate -- bench_sources=10000000 20000000 - | pegel replay -
//! cargo run --release --example generate -- examples/attack.toml attack.pcap
//! ```
//!
//! `-` is standard output. The parameter after `=` is the quantity that the model is named after: number of sources,
//! targets, MAC addresses or conversations, or octets of a frame. A rate in packets/s may follow after `@`.

use pegel::traffic::{Part, Scenario, TrafficModel, write_pcap};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

/// Octets of the Ethernet, IPv4 and UDP headers.
const UDP_HEADERS: u64 = 42;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (scenario, path) = match arguments.as_slice() {
        [scenario, path] => (Scenario::parse(&std::fs::read_to_string(scenario)?)?, path),
        [model, packets, path] => (model_scenario(model, packets.parse()?)?, path),
        _ => return Err("usage: generate MODEL[=NUMBER] PACKETS FILE, or generate SCENARIO.toml FILE".into()),
    };
    let out: Box<dyn Write> = if path == "-" { Box::new(std::io::stdout()) } else { Box::new(File::create(path)?) };
    let written = write_pcap(&mut scenario.source(), BufWriter::with_capacity(1 << 18, out))?;
    // Standard output may be the capture.
    if path == "-" {
        eprintln!("{written} packets")
    } else {
        println!("{written} packets in {path}")
    }
    Ok(())
}

fn model_scenario(written: &str, packets: f64) -> Result<Scenario, Box<dyn Error>> {
    let (written, rate) = match written.split_once('@') {
        Some((written, rate)) => (written, Some(rate.parse::<f64>()?)),
        None => (written, None),
    };
    let (name, number) = match written.split_once('=') {
        Some((name, number)) => (name, Some(number.parse::<u64>()?)),
        None => (written, None),
    };
    let model = TrafficModel::from_name(name).ok_or("unknown model; see src/traffic/models.rs")?;
    // Floods of small packets run at twice the rate of mixed traffic.
    let rate = rate.unwrap_or(match model {
        TrafficModel::BenchConversations => 1e5,
        TrafficModel::BenchMixed | TrafficModel::BenchDnsAmp => 5e5,
        _ if name.starts_with("bench_") => 1e6,
        _ => 5e5,
    });
    let mut part = Part::new(model, 0.0, packets / rate);
    part.params.rate = Some(rate);
    match (model, number) {
        (_, None) => {}
        (TrafficModel::BenchSources | TrafficModel::BenchMacs | TrafficModel::BenchConversations, number) => {
            part.params.sources = number
        }
        (TrafficModel::BenchTargets, number) => part.params.targets = number,
        (TrafficModel::BenchSize, Some(octets)) => {
            part.params.payload = Some(usize::try_from(octets.saturating_sub(UDP_HEADERS))?);
        }
        _ => return Err("this model does not take a number".into()),
    }
    Ok(Scenario::new(1, vec![part]))
}
