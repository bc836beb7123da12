//! Writes a capture of one synthetic profile, for benches and for looking at.
//!
//! ```text
//! cargo run --release --example generate -- bench_syn 5000000 out.pcap
//! ```

use pegel::capture::synthetic::{Part, Profile, Scenario, write_pcap};
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [profile, packets, path] = arguments.as_slice() else {
        return Err("usage: generate PROFILE PACKETS FILE; profiles are listed in src/capture/synthetic".into());
    };
    let profile = Profile::from_name(profile).ok_or("there is no such profile")?;
    let packets: f64 = packets.parse()?;
    // Twice the rate of the mixed traffic is what the pure profiles run at by default.
    let rate = if profile == Profile::BenchSyn { 1e6 } else { 5e5 };
    let mut part = Part::new(profile, 0.0, packets / rate);
    part.params.rate = Some(rate);
    let written = write_pcap(&mut Scenario::new(1, vec![part]).source(), BufWriter::new(File::create(path)?))?;
    println!("{written} packets in {path}");
    Ok(())
}
