//! A day without incidents raises no alarm, whether the inside networks are configured or not.
//!
//! An hour is a minute of packet time here; `cargo run --release --example day -- --full` plays all 24 hours.

use pegel::base::Severity;
use pegel::capture::PacketSource;
use pegel::config::Config;
use pegel::incident::Incident;
use pegel::runtime::replay;
use pegel::traffic::day;

/// Seconds of an hour.
const SHORT_HOUR: f64 = 60.0;

/// Number of packets, and incidents in order of opening.
fn play(networks: &[&str]) -> (u64, Vec<Incident>) {
    let config = Config::for_networks(networks.iter().map(|network| network.parse().expect("a network")).collect());
    let mut source = day(SHORT_HOUR).source();
    let incidents = replay::incidents(&config, &mut source).expect("synthetic traffic has no errors");
    (source.stats().received, incidents)
}

fn line(incident: &Incident) -> String {
    let start = day(SHORT_HOUR).start;
    let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
    format!(
        "{} {} {} {}, from hour {:.3}, {} packets; {}",
        incident.severity,
        incident.direction,
        incident.target.label(),
        vectors.join("+"),
        incident.opened_at.seconds_since(start) / SHORT_HOUR,
        incident.totals.packets,
        incident.evidence.first().map_or("", |evidence| &evidence.message),
    )
}

fn assert_no_alarm(networks: &[&str]) {
    let (packets, incidents) = play(networks);
    let (notes, alarms): (Vec<&Incident>, Vec<&Incident>) =
        incidents.iter().partition(|incident| incident.severity == Severity::Info);
    println!("{packets} packets, {} notes, {} alarms", notes.len(), alarms.len());
    notes.iter().for_each(|note| println!("    {}", line(note)));
    let alarms: Vec<String> = alarms.into_iter().map(line).collect();
    assert!(alarms.is_empty(), "{alarms:#?}");
    let wanted = 2_000.0 * 24.0 * SHORT_HOUR;
    assert!((packets as f64 / wanted - 1.0).abs() < 0.02, "{packets} packets, not about {wanted}");
    // Scans are noted, which shows that the detectors ran.
    assert!((1..60).contains(&notes.len()), "{} notes", notes.len());
}

#[test]
fn a_day_raises_no_alarm_with_known_networks() {
    assert_no_alarm(&["203.0.113.0/24", "2001:db8:10::/48"]);
}

#[test]
fn a_day_raises_no_alarm_with_unknown_networks() {
    assert_no_alarm(&[]);
}
