//! Writes a capture of one synthetic profile or of a scenario, for benches and for looking at.
//!
//! ```text
//! cargo run --release --example generate -- bench_syn 5000000 out.pcap
//! cargo run --release --example generate -- examples/attack.toml attack.pcap
//! ```

use pegel::capture::synthetic::{Part, Profile, Scenario, write_pcap};
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (scenario, path) = match arguments.as_slice() {
        [scenario, path] => (Scenario::parse(&std::fs::read_to_string(scenario)?)?, path),
        [profile, packets, path] => (of_profile(profile, packets.parse()?)?, path),
        _ => return Err("usage: generate PROFILE PACKETS FILE, or generate SCENARIO.toml FILE".into()),
    };
    let written = write_pcap(&mut scenario.source(), BufWriter::new(File::create(path)?))?;
    println!("{written} packets in {path}");
    Ok(())
}

fn of_profile(name: &str, packets: f64) -> Result<Scenario, Box<dyn Error>> {
    let profile = Profile::from_name(name).ok_or("there is no such profile; see src/capture/synthetic/profiles.rs")?;
    // Twice the rate of the mixed traffic is what the SYN flood runs at.
    let rate = if profile == Profile::BenchSyn { 1e6 } else { 5e5 };
    let mut part = Part::new(profile, 0.0, packets / rate);
    part.params.rate = Some(rate);
    Ok(Scenario::new(1, vec![part]))
}
