use super::*;
use crate::detect::Traffic;
use crate::incident::{Schedule, Scope};
use crate::meter::Count;

fn finding(address: u32, direction: Direction, vector: Vector, severity: Severity, at: f64) -> Finding {
    let count = Count { packets: 100, bytes: 6000 };
    let traffic = Traffic { count, ..Traffic::default() };
    Finding {
        severity,
        now: traffic.clone(),
        recent: traffic,
        ..Finding::about(Target::Host(Addr::from_v4_bits(address)), direction, vector, time(at - 0.2))
    }
}

fn time(seconds: f64) -> Timestamp {
    Timestamp::from_parts(1_767_225_600, 0).plus_seconds(seconds)
}

fn machine() -> Incidents {
    Incidents::new(IncidentSettings { quiet_seconds: 60.0, max_open: 3, max_recent: 2 })
}

fn observe(machine: &mut Incidents, findings: &[Finding], at: f64) -> Vec<(Change, Vector)> {
    let mut events = Vec::new();
    machine.observe(findings, time(at), LossCounts::default(), &mut events);
    events.iter().map(|event| (event.change, event.incident.vector)).collect()
}

use Direction::{Inbound, Outbound};
use Severity::{Critical, Warning};
use Vector::{RstFlood, SynFlood, UdpFlood};

#[test]
fn opens_extends_escalates_and_closes_once() {
    let mut machine = machine();
    let syn = |severity, at| finding(7, Inbound, SynFlood, severity, at);
    assert_eq!(observe(&mut machine, &[syn(Warning, 1.0)], 1.0), [(Change::Opened, SynFlood)]);
    assert_eq!(observe(&mut machine, &[syn(Warning, 1.1)], 1.1), []);
    assert_eq!(observe(&mut machine, &[syn(Critical, 1.2)], 1.2), [(Change::Escalated, SynFlood)]);
    let udp = finding(7, Inbound, UdpFlood, Warning, 30.0);
    assert_eq!(observe(&mut machine, &[udp], 30.0), [(Change::Extended, SynFlood)]);
    assert_eq!(observe(&mut machine, &[], 89.9), []);
    assert_eq!(observe(&mut machine, &[], 95.0), [(Change::Closed, SynFlood)]);
    let closed: Vec<_> = machine.recent().collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].closed_at, Some(time(90.0)));
    assert_eq!(closed[0].vectors, [SynFlood, UdpFlood]);
    assert_eq!(closed[0].patterns, [crate::base::Pattern::MultiVector]);
    assert_eq!(closed[0].severity, Critical);
    assert_eq!(closed[0].totals.packets, 400);
    assert!((closed[0].detected_after_seconds - 0.2).abs() < 1e-6);
}

#[test]
fn a_sweep_that_continues_is_one_incident() {
    let mut machine = full(8);
    let swept = |network: &str, sender: u32, at| {
        let mut finding = finding(7, Inbound, Vector::HostSweep, Severity::Info, at);
        finding.target = Target::Prefix(network.parse().unwrap());
        let sample = crate::meter::Sample { peer: Addr::from_v4_bits(sender), weight: 1, ..Default::default() };
        (finding.now.samples, finding.recent.samples) = (vec![sample], vec![sample]);
        finding.only_peer = Some(sample.peer);
        finding
    };
    let open = |machine: &mut Incidents, finding, at| {
        machine.observe(&[finding], time(at), LossCounts::default(), &mut Vec::new());
        machine.open_count()
    };
    assert_eq!(open(&mut machine, swept("203.0.113.0/27", 1, 1.0), 1.0), 1);
    assert_eq!(open(&mut machine, swept("203.0.113.0/25", 1, 1.2), 1.2), 1, "the same, a little later");
    assert_eq!(open(&mut machine, swept("203.0.113.0/24", 2, 1.3), 1.3), 2, "another source");
    assert_eq!(machine.recent().count(), 0);
}

#[test]
fn responses_of_a_victim_are_no_second_attack() {
    let mut machine = machine();
    observe(&mut machine, &[finding(7, Inbound, SynFlood, Warning, 1.0)], 1.0);
    assert_eq!(observe(&mut machine, &[finding(7, Outbound, RstFlood, Warning, 1.1)], 1.1), []);
    assert_eq!(machine.dropped_findings(), (0, 1));
    let attack = finding(7, Outbound, UdpFlood, Warning, 1.2);
    assert_eq!(observe(&mut machine, &[attack], 1.2), [(Change::Opened, UdpFlood)]);
}

#[test]
fn incidents_within_a_maintenance_window_are_marked_and_less_severe_unless_far_above_the_limit() {
    let open = |value: f64, at: f64, later: f64| {
        let mut machine = machine();
        let schedule = Schedule::Once { from: time(0.0), until: time(30.0) };
        let (id, why) = ("w1".to_owned(), "update".to_owned());
        machine.set_maintenance([MaintenanceWindow { id, why, scope: Scope::All, schedule }].iter());
        let found = |at| {
            let mut finding = finding(7, Inbound, SynFlood, Critical, at);
            finding.evidence.push(crate::detect::Evidence {
                measure: "x",
                value,
                limit: Some(100.0),
                limit_from: None,
                window_seconds: 1.0,
                message: String::new(),
            });
            finding
        };
        observe(&mut machine, &[found(at)], at);
        observe(&mut machine, &[found(later)], later);
        let incident = machine.open().next().expect("an incident");
        (incident.maintenance.map(|maintenance| (maintenance.why, maintenance.until)), incident.severity)
    };
    let maintenance = Some(("update".to_owned(), time(30.0)));
    assert_eq!(open(200.0, 1.0, 2.0), (maintenance.clone(), Warning));
    assert_eq!(open(301.0, 1.0, 2.0), (maintenance.clone(), Critical), "more than three times the limit");
    assert_eq!(open(200.0, 1.0, 31.0), (maintenance, Critical), "it outlasts the window");
    assert_eq!(open(200.0, 31.0, 32.0), (None, Critical));
}

#[test]
fn limits_are_enforced_and_counted() {
    let mut machine = machine();
    for address in 0..5 {
        observe(&mut machine, &[finding(address, Inbound, SynFlood, Warning, 1.0)], 1.0);
    }
    assert_eq!((machine.open_count(), machine.dropped_findings()), (3, (2, 0)));
    let mut events = Vec::new();
    machine.close_all(time(2.0), CloseReason::Shutdown, &mut events);
    assert_eq!(events.len(), 3);
    assert_eq!(machine.recent().count(), 2, "at most max_recent are kept");
    assert!(machine.recent().all(|incident| incident.close_reason == Some(CloseReason::Shutdown)));
}

fn full(max_open: usize) -> Incidents {
    Incidents::new(IncidentSettings { quiet_seconds: 60.0, max_open, max_recent: 9 })
}

#[test]
fn scans_never_use_the_slots_of_attacks() {
    let mut machine = full(8);
    for address in 0..20 {
        observe(&mut machine, &[finding(address, Inbound, Vector::PortScan, Severity::Info, 1.0)], 1.0);
    }
    assert_eq!((machine.open_count(), machine.usage().refusals), (2, 18));
    for address in 20..28 {
        observe(&mut machine, &[finding(address, Inbound, SynFlood, Warning, 1.1)], 1.1);
    }
    assert_eq!((machine.open_count(), machine.usage().evictions), (8, 2), "the scans were evicted");
    assert!(machine.open().all(|incident| incident.vector == SynFlood));
}

#[test]
fn the_more_severe_evicts_and_refusals_are_told() {
    let mut machine = full(2);
    observe(&mut machine, &[finding(1, Inbound, SynFlood, Warning, 1.0)], 1.0);
    observe(&mut machine, &[finding(2, Inbound, SynFlood, Critical, 1.0)], 1.0);
    let closed_for = observe(&mut machine, &[finding(3, Inbound, UdpFlood, Critical, 1.2)], 1.2);
    assert_eq!(closed_for, [(Change::Closed, SynFlood), (Change::Opened, UdpFlood)]);
    assert_eq!(
        observe(&mut machine, &[finding(4, Inbound, UdpFlood, Critical, 1.3)], 1.3),
        [],
        "no stronger than they"
    );
    let mut strong = finding(5, Inbound, UdpFlood, Critical, 1.4);
    strong.recent.count.packets *= 100;
    assert_eq!(observe(&mut machine, &[strong], 1.4).len(), 2, "far stronger");
    let usage = machine.usage();
    assert_eq!((usage.entries, usage.capacity, usage.evictions, usage.refusals), (2, 2, 2, 1));
    let news = machine.take_news();
    assert_eq!(
        news,
        ["no room for an incident about 0.0.0.4 (udp_flood, critical): 2 are open; see incident.max_open"]
    );
}

#[test]
fn identifiers_are_stable_and_differ() {
    let open = |address| {
        let mut machine = machine();
        observe(&mut machine, &[finding(address, Inbound, SynFlood, Warning, 1.0)], 1.0);
        machine.open().map(|incident| incident.id).collect::<Vec<_>>()
    };
    assert_eq!(open(7), open(7));
    assert_ne!(open(7), open(8));
    assert!(open(7)[0].starts_with("20260101T000001Z-"), "{:?}", open(7));
}

/// The same machine after a restart: what was open goes on.
fn resumed(open: Vec<Incident>, at: f64) -> (Incidents, Vec<(Change, Option<CloseReason>)>) {
    let (mut machine, mut events) = (full(8), Vec::new());
    // As it is stored.
    let read = |incident: &Incident| serde_json::from_str(&serde_json::to_string(incident).unwrap()).unwrap();
    machine.resume(open.iter().map(read).collect(), Vec::new(), time(at), &mut events);
    let told = events.iter().map(|event| (event.change, event.incident.close_reason)).collect();
    (machine, told)
}

#[test]
fn an_incident_goes_on_after_a_restart() {
    let mut machine = full(8);
    for tick in 0..20 {
        observe(&mut machine, &[finding(7, Inbound, SynFlood, Critical, 1.0)], 1.0 + f64::from(tick) / 10.0);
    }
    let before = machine.open().next().unwrap();
    let (mut machine, told) = resumed(vec![before.clone()], 5.0);
    assert_eq!(told, [(Change::Resumed, None)]);
    assert_eq!((machine.open_count(), machine.open().next().unwrap().id), (1, before.id.clone()), "before any packet");
    // The same vector is no news, another one is.
    assert_eq!(observe(&mut machine, &[finding(7, Inbound, SynFlood, Warning, 6.0)], 6.0), []);
    assert_eq!(
        observe(&mut machine, &[finding(7, Inbound, UdpFlood, Warning, 6.1)], 6.1),
        [(Change::Extended, SynFlood)]
    );
    let whole = machine.open().next().unwrap();
    assert_eq!((whole.id, whole.opened_at, whole.severity), (before.id.clone(), before.opened_at, Critical));
    assert_eq!(whole.vectors, [SynFlood, UdpFlood]);
    assert_eq!(whole.totals.packets, before.totals.packets + 200);
    assert_eq!(whole.detected_after_seconds, before.detected_after_seconds);
    // Nothing was captured from 2.9 s to 6 s; it lasts from 0.8 s to 6.1 s.
    assert!((whole.coverage.captured - (1.0 - 3.1 / 5.3)).abs() < 0.01, "{:?}", whole.coverage);
    let closed = observe(&mut machine, &[], 70.0);
    assert_eq!(closed, [(Change::Closed, SynFlood)]);
    assert_eq!(machine.recent().next().unwrap().id, before.id);
}

#[test]
fn incidents_that_ended_meanwhile_are_closed() {
    let mut machine = full(8);
    observe(&mut machine, &[finding(7, Inbound, SynFlood, Critical, 1.0)], 1.0);
    let before = machine.open().next().unwrap();
    let (machine, told) = resumed(vec![before.clone()], 100.0);
    assert_eq!(told, [(Change::Closed, Some(CloseReason::Interrupted))]);
    assert_eq!((machine.open_count(), machine.recent().next().unwrap().closed_at), (0, Some(before.updated_at)));
    // One that is quiet from the restart on ends as any other.
    let (mut machine, _) = resumed(vec![before.clone()], 30.0);
    assert_eq!(observe(&mut machine, &[], 60.9), []);
    assert_eq!(observe(&mut machine, &[], 62.0), [(Change::Closed, SynFlood)]);
    // A clock that was set back says nothing of how long it was quiet.
    let (_, told) = resumed(vec![before], 0.5);
    assert_eq!(told, [(Change::Closed, Some(CloseReason::Interrupted))]);
}

#[test]
fn a_station_that_was_known_before_a_restart_is_not_merged_as_new() {
    let station = |vector, at| Finding {
        target: Target::Station { mac: crate::base::Mac([2, 0, 0, 0, 0, 1]), interface: "vmbr0".to_owned() },
        ..finding(7, Inbound, vector, Critical, at)
    };
    let mut machine = full(8);
    observe(&mut machine, &[station(Vector::MacNotAllowed, 1.0)], 1.0);
    let before = machine.open().next().unwrap();
    let (mut machine, _) = resumed(vec![before.clone()], 20.0);
    observe(&mut machine, &[station(Vector::MacNotAllowed, 20.5)], 20.5);
    let segment = Finding {
        target: Target::Segment { interface: "vmbr0".to_owned(), vlan: None },
        ..finding(7, Inbound, Vector::MacFlood, Critical, 20.6)
    };
    observe(&mut machine, &[segment], 20.6);
    assert!(machine.open().any(|incident| incident.id == before.id), "it has lasted for longer than the flood");
    assert_eq!(machine.open_count(), 2);
}
