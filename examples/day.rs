//! Plays a day without incidents at 2,000 packets per second, and prints what Pegel reports: notes of scans, and no
//! alarm.
//!
//! ```text
//! cargo run --release --example day              # an hour is a minute of packet time: 2.9 million packets
//! cargo run --release --example day -- --full    # 24 hours: 172.8 million packets
//! ```
//!
//! The inside networks are configured, except with `--unknown`.

use pegel::base::Severity;
use pegel::capture::PacketSource;
use pegel::config::Config;
use pegel::runtime::replay;
use pegel::traffic::{HOUR, day};
use std::error::Error;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut hour, mut config) = (60.0, Config::default());
    config.networks = ["203.0.113.0/24", "2001:db8:10::/48"].map(str::parse).into_iter().collect::<Result<_, _>>()?;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--full" => hour = HOUR,
            "--unknown" => config.networks.clear(),
            _ => return Err("usage: day [--full] [--unknown]".into()),
        }
    }
    let scenario = day(hour);
    let mut source = scenario.source();
    let incidents = replay::incidents(&config, &mut source)?;
    for incident in &incidents {
        let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
        println!(
            "{} hour {:.3} {} {} {}: {}",
            incident.severity,
            incident.opened_at.seconds_since(scenario.start) / hour,
            incident.direction,
            incident.target.label(),
            vectors.join("+"),
            incident.evidence.first().map_or("", |evidence| &evidence.message),
        );
    }
    let alarms = incidents.iter().filter(|incident| incident.severity > Severity::Info).count();
    println!("{} packets, {} notes, {alarms} alarms", source.stats().received, incidents.len() - alarms);
    Ok(if alarms == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
