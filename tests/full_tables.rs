//! Attacks that try to fill tables, so that another attack goes unseen.

use pegel::base::Severity;
use pegel::config::Config;
use pegel::incident::Incident;
use pegel::runtime::replay::Replay;
use pegel::traffic::{Part, Scenario, TrafficModel};

fn part(model: TrafficModel, target: &str, rate: f64, from: f64, to: f64) -> Part {
    let mut part = Part::new(model, from, to);
    part.params.target = Some(target.parse().expect("a network"));
    part.params.rate = Some(rate);
    // Behind a router: no switch learns these hosts.
    part.params.target_mac = Some("02:00:00:00:00:02".parse().expect("a MAC address"));
    part
}

/// Every incident above an information, and how many windows prefixes were refused.
fn play(config: &str, parts: Vec<Part>) -> (Vec<Incident>, u64) {
    let networks = "networks = [\"10.30.0.0/16\", \"203.0.113.0/24\"]\n";
    let config = Config::parse(&format!("{networks}{config}"), "test").expect("valid");
    let mut replay = Replay::new(&config);
    let mut incidents: Vec<Incident> = Vec::new();
    let mut source = Scenario::new(1, parts).source();
    let keep = |incidents: &mut Vec<Incident>, events: Vec<pegel::incident::Event>| {
        incidents
            .extend(events.iter().filter(|event| event.is_last_word()).map(|event| Incident::clone(&event.incident)));
    };
    replay.run(&mut source, |_, events, _| keep(&mut incidents, events)).expect("synthetic traffic has no errors");
    let last = replay.finish();
    keep(&mut incidents, last);
    incidents.extend(replay.open());
    incidents.retain(|incident| incident.severity > Severity::Info);
    (incidents, replay.engine().meter().refusals().1)
}

/// Each of so many /24 networks receives a little of everything on many hosts: 200 pings a second.
fn busy_networks(count: u8, rate: f64) -> Vec<Part> {
    let busy = |number| {
        let mut part = part(TrafficModel::IcmpFloodAnswered, &format!("10.30.{number}.0/24"), rate, 0.0, 6.0);
        part.params.sources = Some(50);
        part
    };
    (0..count).map(busy).collect()
}

#[test]
fn a_carpet_is_seen_where_more_networks_are_busy_than_have_windows() {
    let mut parts = busy_networks(80, 200.0);
    let (quiet, refused) = play("", parts.clone());
    assert_eq!(quiet, []);
    assert!(refused > 0, "80 busy networks, 64 windows: refusals are counted");
    // Ten times the limit of a prefix.
    let mut carpet = part(TrafficModel::CarpetBombing, "203.0.113.0/24", 20_000.0, 3.0, 6.0);
    carpet.params.sources = Some(0);
    parts.push(carpet);
    let (found, _) = play("", parts);
    let named: Vec<(String, f64)> =
        found.iter().map(|incident| (incident.target.label(), incident.detected_after_seconds)).collect();
    assert_eq!(named.len(), 1, "{named:?}");
    assert_eq!(named[0].0, "203.0.113.0/24");
    assert!(named[0].1 <= 0.4, "{named:?}");
}

#[test]
fn scans_do_not_keep_an_attack_from_having_an_incident() {
    // Forty hosts are scanned; ten incidents may be open.
    let scan = |number: u8| {
        let mut part = part(TrafficModel::PortScan, &format!("10.30.{number}.1/32"), 100.0, 0.0, 6.0);
        part.params.source_network = Some(format!("198.51.100.{number}/32").parse().expect("a network"));
        part
    };
    let mut parts: Vec<Part> = (1..41).map(scan).collect();
    parts.push(part(TrafficModel::SynFlood, "203.0.113.7/32", 5_000.0, 4.0, 6.0));
    let (found, _) = play("[incident]\nmax_open = 10\n", parts);
    let targets: Vec<String> = found.iter().map(|incident| incident.target.label()).collect();
    assert_eq!(targets, ["203.0.113.7"]);
}
