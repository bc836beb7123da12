//! A full line is an incident that names the hosts that fill it, whatever their traffic looks like.

use pegel::base::{Direction, LinkCounts, LinkReading, Networks, Severity, Timestamp, Vector};
use pegel::config::Config;
use pegel::incident::Change;
use pegel::runtime::engine::Engine;
use pegel::runtime::replay::Replay;
use pegel::traffic::{DEFAULT_START, Part, Scenario, TrafficModel};
use std::sync::Arc;

const SPEED: u64 = 100_000_000;

/// A second in which the link carried so much of its speed towards us, and lost frames.
fn reading(second: u32, share: f64, dropped: u64) -> LinkReading {
    let packets = 8_000;
    // With 24 octets of preamble, FCS and gap for each frame.
    let bytes = (SPEED as f64 * share / 8.0) as u64 - packets * 24;
    LinkReading {
        interface: "eno1".to_owned(),
        at: DEFAULT_START.plus_seconds(f64::from(second)),
        seconds: 1.0,
        speed: SPEED,
        received: LinkCounts { packets, bytes, dropped },
        sent: LinkCounts { packets: 10, bytes: 1_000, dropped: 0 },
    }
}

/// The incidents of a minute in which a host receives a download; `readings` are what is known of the link at each second.
fn incidents(readings: impl Fn(u32) -> Vec<LinkReading>) -> Vec<(Change, Severity, f64, Vec<String>)> {
    let config =
        Config::parse("networks = [\"203.0.113.0/24\"]\n[incident]\nquiet_seconds = 5\n", "test").expect("valid");
    let networks = Arc::new(Networks::new(config.networks.iter().copied()));
    let site = pegel::runtime::site(&config, networks, Arc::default());
    let mut engine = Engine::new(&config, site, pegel::meter::Hasher::fixed());
    let mut part = Part::new(TrafficModel::Download, 0.0, 20.0);
    part.params.mbit = Some(90.0);
    let mut source = Scenario::new(1, vec![part]).source();
    let mut tally = pegel::meter::Tally::new(
        config.tally,
        Arc::new(Networks::new(config.networks.iter().copied())),
        pegel::meter::Hasher::fixed(),
    );
    let decoder = pegel::packet::Decoder { tunnels: config.tunnels };
    let mut found = Vec::new();
    let mut frame = source.next_frame().map(|frame| decoder.decode(&frame));
    for tick in DEFAULT_START.tick()..DEFAULT_START.tick() + 300 {
        while let Some(packet) = frame.take_if(|packet| packet.time.tick() <= tick) {
            tally.record(&[packet]);
            frame = source.next_frame().map(|frame| decoder.decode(&frame));
        }
        let mut report = pegel::meter::TickReport::default();
        tally.finish_tick(tick, &mut report);
        let second = (tick - DEFAULT_START.tick()) / 10;
        engine.set_links(readings(second as u32));
        engine.process(tick, std::iter::once(&mut report), Timestamp::from_tick(tick + 1));
        for event in engine.take_events().iter().filter(|event| event.incident.vector == Vector::LinkSaturated) {
            let incident = &event.incident;
            assert_eq!((incident.target.kind, incident.target.label().as_str()), ("interface", "eno1"));
            assert_eq!(incident.direction, Direction::Inbound);
            let messages = incident.evidence.iter().map(|evidence| evidence.message.clone()).collect();
            let at = incident.updated_at.seconds_since(DEFAULT_START);
            found.push((event.change, incident.severity, at, messages));
        }
    }
    found
}

/// The last ten readings before a second, of a link that is full from second 5 to 12.
fn full_for_a_while(second: u32, dropped: u64) -> Vec<LinkReading> {
    let share = |second| if (5..=12).contains(&second) { 0.97 } else { 0.30 };
    (second.saturating_sub(9)..=second).map(|second| reading(second, share(second), dropped)).collect()
}

#[test]
fn a_full_line_names_the_host_that_fills_it_and_closes() {
    let found = incidents(|second| full_for_a_while(second, 0));
    let changes: Vec<Change> = found.iter().map(|(change, ..)| *change).collect();
    assert_eq!(changes, [Change::Opened, Change::Closed], "{found:#?}");
    let (_, severity, at, messages) = &found[0];
    assert_eq!((*severity, *at), (Severity::Warning, 7.1), "after three full seconds");
    assert!(
        messages[0].starts_with("eno1 receives 97.0 Mbit/s, 97 % of its 100 Mbit/s, limit 90 % (default)"),
        "{messages:?}"
    );
    assert!(messages[1].contains("203.0.113.20 receives 9") && messages[1].contains("about 9"), "{messages:?}");
}

#[test]
fn dropped_frames_make_it_critical() {
    let found = incidents(|second| full_for_a_while(second, 500));
    assert_eq!(found[0].1, Severity::Critical, "{found:#?}");
}

#[test]
fn a_busy_line_a_single_full_second_and_old_readings_raise_nothing() {
    let busy = |second: u32| (second.saturating_sub(9)..=second).map(|second| reading(second, 0.85, 0)).collect();
    assert_eq!(incidents(busy), []);
    let peak = |second: u32| {
        let share = |second: u32| if second.is_multiple_of(3) { 0.99 } else { 0.5 };
        (second.saturating_sub(9)..=second).map(|second| reading(second, share(second), 0)).collect()
    };
    assert_eq!(incidents(peak), []);
    // The counters have not been read for long.
    let old =
        |second: u32| if second < 20 { Vec::new() } else { (1..5).map(|second| reading(second, 0.99, 0)).collect() };
    assert_eq!(incidents(old), []);
}

#[test]
fn a_replay_has_no_counters() {
    let config = Config::for_networks(vec!["203.0.113.0/24".parse().expect("a network")]);
    let mut part = Part::new(TrafficModel::Download, 0.0, 5.0);
    part.params.mbit = Some(90.0);
    let mut replay = Replay::new(&config);
    replay.run(&mut Scenario::new(1, vec![part]).source(), |_, _, _| {}).expect("no errors");
    replay.finish();
    assert_eq!(replay.open().len(), 0);
}
