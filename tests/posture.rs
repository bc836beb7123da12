//! A failed host check becomes one incident, with or without packets, which closes when the check passes again. Also
//! tests `pegel posture`.

use pegel::base::{Direction, Networks, PostureResult, PostureState, Severity, Timestamp, Vector};
use pegel::config::Config;
use pegel::incident::{Change, CloseReason, Event};
use pegel::meter::{Hasher, TickReport};
use pegel::runtime::engine::Engine;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

/// `seconds` after 2026-01-01T00:00:00Z.
fn at(seconds: f64) -> Timestamp {
    Timestamp::from_parts(1_767_225_600, 0).plus_seconds(seconds)
}

fn engine(text: &str) -> Engine {
    let config = Config::parse(text, "test").expect("valid");
    let site = pegel::runtime::site(&config, Arc::new(Networks::default()), Arc::default());
    Engine::new(&config, site, Hasher::fixed())
}

fn result(name: &str, failures: u32) -> PostureResult {
    let (state, message) = match failures {
        0 => (PostureState::Ok, "unit pve-firewall.service is active (running)"),
        _ => (PostureState::Failed, "unit pve-firewall.service is inactive (dead), expected active"),
    };
    PostureResult {
        name: name.to_owned(),
        what: "unit pve-firewall.service is active".to_owned(),
        state,
        message: message.to_owned(),
        why: "the guests are bridged".to_owned(),
        failures,
        since: at(0.0),
    }
}

/// Processes ticks without packets from one second to another; returns the events.
fn idle(engine: &mut Engine, from: f64, to: f64) -> Vec<Event> {
    for tick in at(from).tick()..at(to).tick() {
        let mut report = TickReport::default();
        report.tick = tick;
        engine.process(tick, std::iter::once(&mut report), Timestamp::from_tick(tick + 1));
    }
    engine.take_events()
}

fn changes(events: &[Event]) -> Vec<(Change, Vector, String)> {
    events.iter().map(|event| (event.change, event.incident.vector, event.incident.target.label())).collect()
}

#[test]
fn a_failing_check_is_one_incident_on_an_idle_network_and_closes_when_it_passes() {
    let mut engine = engine("");
    assert_eq!(changes(&idle(&mut engine, 0.0, 5.0)), []);
    engine.set_posture(vec![result("firewall", 1), result("route", 0)]);
    let opened = idle(&mut engine, 5.0, 200.0);
    assert_eq!(changes(&opened), [(Change::Opened, Vector::PostureFailed, "firewall".to_owned())]);
    let incident = &opened[0].incident;
    assert_eq!((incident.direction, incident.severity), (Direction::Internal, Severity::Warning));
    assert_eq!((incident.target.kind, incident.target.sensor.as_deref()), ("sensor", Some("firewall")));
    assert_eq!(incident.detected_after_seconds, 5.1);
    let message = "unit pve-firewall.service is inactive (dead), expected active, since 2026-01-01T00:00:00.000Z; \
                why: the guests are bridged";
    assert_eq!(incident.evidence.iter().map(|evidence| evidence.message.as_str()).collect::<Vec<_>>(), [message]);
    // The next evaluation fails again; the evidence is updated.
    engine.set_posture(vec![result("firewall", 2), result("route", 0)]);
    assert_eq!(changes(&idle(&mut engine, 200.0, 210.0)), []);
    let open: Vec<_> = engine.incidents().open().collect();
    assert_eq!((open.len(), open[0].evidence[0].value, open[0].patterns.len()), (1, 2.0, 0));
    engine.set_posture(vec![result("firewall", 0), result("route", 0)]);
    let closed = idle(&mut engine, 210.0, 300.0);
    assert_eq!(changes(&closed), [(Change::Closed, Vector::PostureFailed, "firewall".to_owned())]);
    assert_eq!(closed[0].incident.close_reason, Some(CloseReason::Quiet));
    assert_eq!(closed[0].incident.updated_at, at(210.0));
    assert_eq!(engine.incidents().recent().count(), 1);
}

#[test]
fn each_check_has_a_separate_incident() {
    let mut engine = engine("");
    engine.set_posture(vec![result("a", 1), result("b", 3)]);
    let opened = idle(&mut engine, 0.0, 1.0);
    let named = |name: &str| (Change::Opened, Vector::PostureFailed, name.to_owned());
    assert_eq!(changes(&opened), [named("a"), named("b")]);
    assert_ne!(opened[0].incident.id, opened[1].incident.id);
}

#[test]
fn missing_ticks_do_not_close_an_incident() {
    let mut engine = engine("");
    engine.set_posture(vec![result("firewall", 1)]);
    assert_eq!(idle(&mut engine, 0.0, 0.1).len(), 1);
    // Fifty seconds are missing, less than the quiet period: the incident continues.
    assert_eq!(changes(&idle(&mut engine, 50.0, 50.1)), []);
    assert_eq!(changes(&idle(&mut engine, 100.0, 100.1)), []);
    assert_eq!(engine.incidents().open_count(), 1);
}

#[test]
fn failures_and_severity_are_configurable() {
    let mut engine = engine("[detect.posture]\nfailures = 3\nseverity = \"critical\"\n");
    engine.set_posture(vec![result("firewall", 2)]);
    assert_eq!(changes(&idle(&mut engine, 0.0, 60.0)), []);
    engine.set_posture(vec![result("firewall", 3)]);
    let opened = idle(&mut engine, 60.0, 61.0);
    assert_eq!((opened.len(), opened[0].incident.severity), (1, Severity::Critical));
    // The result becomes unknown, which is no improvement.
    engine.set_posture(vec![PostureResult { state: PostureState::Unknown, ..result("firewall", 3) }]);
    assert_eq!(changes(&idle(&mut engine, 61.0, 200.0)), []);
    assert_eq!(engine.incidents().open_count(), 1);
}

fn posture(test: &str, config: &str, arguments: &[&str]) -> Output {
    let path: PathBuf = std::env::temp_dir().join(format!("pegel-posture-cli-{}-{test}.toml", std::process::id()));
    std::fs::write(&path, config).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_pegel"))
        .args(["posture", "--config"])
        .arg(&path)
        .args(arguments)
        .output()
        .expect("pegel runs");
    let _ = std::fs::remove_file(path);
    output
}

#[test]
fn the_command_checks_once_and_sets_its_exit_code() {
    let good = "[[posture.check]]\nname = \"lo\"\nsysctl = \"net.ipv4.conf.lo.forwarding\"\nvalue = \"X\"\n";
    let value = std::fs::read_to_string("/proc/sys/net/ipv4/conf/lo/forwarding").expect("IPv4 is there");
    let good = good.replace('X', value.trim());
    let bad = format!("{good}[[posture.check]]\nname = \"gone\"\ninterface_up = \"no-such-if\"\n");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();

    let output = posture("good", &good, &[]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.starts_with("CHECK  STATE  EXPECTED") && stdout.lines().count() == 2, "{stdout}");

    let output = posture("bad", &bad, &["--quiet"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("there is no interface no-such-if, expected it to be up"), "{stdout}");
    assert!(!stdout.contains("net.ipv4"), "{stdout}");

    assert_eq!(posture("none", "", &[]).status.code(), Some(0));
    assert_eq!(posture("wrong", "[[posture.check]]\n", &[]).status.code(), Some(3));
}
