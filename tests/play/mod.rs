//! Plays synthetic traffic through the whole analysis, for the scenarios and the delays.
#![allow(dead_code, reason = "each test uses a part of it")]

use pegel::base::Timestamp;
use pegel::capture::PacketSource;
use pegel::config::Config;
use pegel::incident::{Event, Incident};
use pegel::runtime::replay::Replay;

/// Inside networks where a scenario names none of its own.
pub const NETWORKS: &[&str] = &["203.0.113.0/24", "2001:db8:10::/48"];

/// Every incident, in order of opening.
pub fn play(config: &Config, interfaces: &[String], mut source: impl PacketSource) -> Vec<Incident> {
    let mut replay = Replay::new(config);
    replay.audit_gate();
    let mut incidents: Vec<Incident> = Vec::new();
    let mut keep = |events: Vec<Event>| {
        let closed = events.into_iter().filter(Event::is_last_word);
        incidents.extend(closed.map(|event| Incident::clone(&event.incident)));
    };
    let look = |_: &mut _, events, names: &mut Vec<String>| {
        if names.is_empty() {
            names.extend_from_slice(interfaces);
        }
        keep(events);
    };
    replay.run(&mut source, look).expect("synthetic traffic has no errors");
    keep(replay.finish());
    incidents.extend(replay.open());
    assert_eq!(replay.prevented(), 0, "findings that the gate before the detectors would have prevented");
    incidents.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
    incidents
}

/// One line about an incident.
pub fn line(incident: &Incident, start: Timestamp) -> String {
    let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    format!(
        "{} {} {} {}, opened {:.3} s, detected {:.3} s after its onset, until {:.3} s, {} packets, {} peers{}; {}",
        incident.severity,
        incident.direction,
        incident.target.label(),
        vectors.join("+"),
        incident.opened_at.seconds_since(start),
        incident.detected_after_seconds,
        incident.updated_at.seconds_since(start),
        incident.totals.packets,
        peers.distinct,
        if peers.spoofing_likely { " (spoofed)" } else { "" },
        incident.evidence.first().map_or("", |evidence| &evidence.message),
    )
}
