use super::*;
use crate::base::{Addr, Direction, Severity, Timestamp, Vector};
use crate::detect::{Evidence, Finding, Target, Traffic};
use crate::incident::{Change, CloseReason, Event, Incident, IncidentSettings, Incidents, LossCounts};
use crate::meter::Count;
use std::path::PathBuf;
use std::sync::Arc;

/// A path for the state directory of a test.
pub(super) fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("pegel-state-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

const START: Timestamp = Timestamp::from_parts(1_767_225_600, 0);

fn at(seconds: f64) -> Timestamp {
    START.plus_seconds(seconds)
}

/// An incident about a host of 203.0.113.0/24 that opens at `opened`.
fn incident(host: u32, vector: Vector, severity: Severity, opened: f64) -> Incident {
    let mut machine = Incidents::new(IncidentSettings { quiet_seconds: 60.0, max_open: 10, max_recent: 10 });
    let traffic = Traffic { count: Count { packets: 100, bytes: 6000 }, ..Traffic::default() };
    let target = Target::Host(Addr::from_v4_bits(0xcb00_7100 + host));
    let finding = Finding {
        severity,
        now: traffic.clone(),
        recent: traffic,
        guest: Some(format!("{} (shop)", 100 + host)),
        interface: Some("vmbr0".to_owned()),
        evidence: vec![Evidence {
            measure: "syn_per_second",
            value: 1.0,
            limit: None,
            limit_from: None,
            window_seconds: 1.0,
            message: "from 198.51.100.9, not from 198.51.100.99".to_owned(),
        }],
        ..Finding::about(target, Direction::Inbound, vector, at(opened - 0.2))
    };
    machine.observe(&[finding], at(opened), LossCounts::default(), &mut Vec::new());
    machine.open().next().unwrap()
}

fn event(change: Change, incident: &Incident) -> Event {
    Event { change, incident: Arc::new(incident.clone()) }
}

fn closed(incident: &Incident, after: f64, reason: CloseReason) -> Incident {
    let at = incident.opened_at.plus_seconds(after);
    Incident { closed_at: Some(at), close_reason: Some(reason), ..incident.clone() }
}

fn batch(events: Vec<Event>) -> Batch {
    Batch { events, ..Batch::default() }
}

/// One an hour, the fourth of them open.
fn filled() -> (Database, Vec<Incident>) {
    let mut database = Database::in_memory().unwrap();
    let mut all = Vec::new();
    for (number, vector, severity) in [
        (1, Vector::SynFlood, Severity::Critical),
        (2, Vector::UdpFlood, Severity::Warning),
        (3, Vector::PortScan, Severity::Info),
        (4, Vector::SynFlood, Severity::Critical),
    ] {
        let open = incident(number, vector, severity, 3600.0 * f64::from(number));
        let mut events = vec![event(Change::Opened, &open)];
        if number < 4 {
            events.push(event(Change::Closed, &closed(&open, 100.0, CloseReason::Quiet)));
        }
        database.write(&batch(events)).unwrap();
        all.push(open);
    }
    (database, all)
}

#[test]
fn what_is_written_is_read_back() {
    let (database, all) = filled();
    let found = database.reader().incident(&all[0].id).unwrap().unwrap();
    let expected = closed(&all[0], 100.0, CloseReason::Quiet);
    // Suggestions are stored as such.
    assert_eq!(serde_json::to_string(&found.incident).unwrap(), serde_json::to_string(&expected).unwrap());
    let changes: Vec<_> = found.changes.iter().map(|change| (change.at, change.change.as_str())).collect();
    assert_eq!(changes, [(at(3600.0), "opened"), (at(3700.0), "closed")]);
    assert_eq!(database.reader().incident("20260101T000001Z-00000000").unwrap(), None);
}

#[test]
fn filters_choose_what_they_say() {
    let (database, all) = filled();
    let chosen = |set: &[(&str, &str)], open: Option<bool>| -> Vec<usize> {
        let mut filter = Filter { open, ..Filter::default() };
        set.iter().for_each(|(name, value)| filter.set(name, value).unwrap());
        let page = database.reader().incidents(&filter).unwrap();
        let number = |found: &Incident| all.iter().position(|known| known.id == found.id).unwrap() + 1;
        page.incidents.iter().map(number).collect()
    };
    assert_eq!(chosen(&[], None), [4, 3, 2, 1], "the latest first");
    assert_eq!(chosen(&[], Some(true)), [4]);
    assert_eq!(chosen(&[], Some(false)), [3, 2, 1]);
    let (second, third) = (at(7250.0).to_string(), at(10_800.0).to_string());
    assert_eq!(chosen(&[("from", &second)], None), [4, 3, 2], "open within the period");
    assert_eq!(chosen(&[("from", &second), ("to", &third)], None), [2], "what opens at its end is not in it");
    assert_eq!(chosen(&[("target", "203.0.113.2")], None), [2]);
    assert_eq!(chosen(&[("target", "::ffff:203.0.113.2")], None), [2], "the same address");
    assert_eq!(chosen(&[("guest", "103")], None), [3]);
    assert_eq!(chosen(&[("guest", "103 (shop)")], None), [3]);
    assert_eq!(chosen(&[("guest", "10_")], None), [0; 0], "no pattern");
    assert_eq!(chosen(&[("vector", "syn_flood")], None), [4, 1]);
    assert_eq!(chosen(&[("severity", "warning")], None), [4, 2, 1]);
    assert_eq!(chosen(&[("interface", "vmbr0"), ("limit", "2")], None), [4, 3]);
    assert_eq!(chosen(&[("interface", "eno1")], None), [0; 0]);
    for (name, value, message) in [
        (
            "from",
            "yesterday",
            "from=\"yesterday\" must be an RFC 3339 time from 1970 to 2554, as in 2026-01-01T02:00:00Z",
        ),
        ("vector", "flood", "vector=\"flood\" is no vector; see pegel list vectors"),
        ("severity", "high", "severity=\"high\" must be info, warning or critical"),
        ("limit", "0", "limit=\"0\" must be a number from 1 to 1000"),
        ("before", "x", "before=\"x\" must be the value of next of a previous page"),
        ("colour", "red", "colour is no parameter"),
    ] {
        assert_eq!(Filter::default().set(name, value), Err(message.to_owned()));
    }
}

#[test]
fn pages_follow_one_another() {
    let (database, _) = filled();
    let (mut filter, mut ids) = (Filter { limit: 3, ..Filter::default() }, Vec::new());
    loop {
        let page = database.reader().incidents(&filter).unwrap();
        ids.extend(page.incidents.into_iter().map(|incident| incident.id));
        let Some(next) = page.next else { break };
        filter.before = Some(next.to_string().parse().unwrap());
    }
    let all: Vec<String> =
        database.reader().all_incidents(&Filter::default()).unwrap().into_iter().map(|incident| incident.id).collect();
    assert_eq!((ids.len(), ids), (4, all));
}

#[test]
fn interrupted_incidents_are_those_that_were_open() {
    let (mut database, all) = filled();
    let ids = |found: Vec<Incident>| found.into_iter().map(|incident| incident.id).collect::<Vec<_>>();
    assert_eq!(ids(database.interrupted().unwrap()), [all[3].id.clone()]);
    assert_eq!(database.unsealed().unwrap().len(), 3);
    // Stopped in order: it is closed, and goes on all the same.
    database.write(&batch(vec![event(Change::Closed, &closed(&all[3], 5.0, CloseReason::Shutdown))])).unwrap();
    assert_eq!(ids(database.interrupted().unwrap()), [all[3].id.clone()]);
    assert_eq!(database.unsealed().unwrap().len(), 3, "no evidence before it is over");
    database.write(&batch(vec![event(Change::Closed, &closed(&all[3], 5.0, CloseReason::Interrupted))])).unwrap();
    assert!(database.interrupted().unwrap().is_empty());
    assert_eq!(database.unsealed().unwrap().len(), 4);
    assert_eq!(ids(database.last_closed(2).unwrap()), [all[2].id.clone(), all[3].id.clone()], "oldest first");
}

fn minute(minute: u64, seconds: u64, packets: u64, dropped: u64) -> InterfaceMinute {
    InterfaceMinute { minute, interface: "eth0".to_owned(), packets, bytes: packets, dropped, sampled: 1, seconds }
}

#[test]
fn coverage_is_exact_to_the_second() {
    let whole = (1 << 60) - 1;
    let mut database = Database::in_memory().unwrap();
    let first = START.nanos() / 60_000_000_000;
    let interfaces = vec![
        minute(first, whole, 1000, 0),
        // Seconds 10 to 14 are missing.
        minute(first + 1, whole & !(0b11111 << 10), 1000, 10),
        minute(first + 3, whole, 1000, 0),
    ];
    database.write(&Batch { interfaces, ..Batch::default() }).unwrap();
    let coverage = |from: f64, to: f64| database.reader().coverage(at(from), at(to), None).unwrap();
    let all = coverage(0.0, 60.0);
    assert_eq!((all.captured_seconds, all.longest_gap, all.ratio(), all.allows_no()), (60.0, None, 1.0, true));
    let all = coverage(0.0, 240.0);
    assert_eq!((all.captured_seconds, all.longest_gap), (175.0, Some((at(120.0), 60.0))));
    assert!((all.ratio() - 175.0 / 240.0 * (1.0 - 10.0 / 3000.0)).abs() < 1e-9 && !all.allows_no());
    let all = coverage(65.5, 80.25);
    assert_eq!((all.captured_seconds, all.longest_gap), (9.75, Some((at(70.0), 5.0))));
    let all = coverage(71.5, 73.0);
    assert_eq!((all.captured_seconds, all.longest_gap), (0.0, Some((at(71.5), 1.5))));
    let none = coverage(-86_400.0 * 365.0, -86_400.0);
    assert_eq!((none.captured_seconds, none.ratio(), none.allows_no()), (0.0, 0.0, false));
    assert_eq!(database.reader().last_written().unwrap(), Some(at(240.0)));
    // Another interface that was down for a while.
    let other = InterfaceMinute { interface: "eth1".to_owned(), ..minute(first, whole >> 20, 5, 0) };
    database.write(&Batch { interfaces: vec![other], ..Batch::default() }).unwrap();
    assert_eq!(database.reader().coverage(at(0.0), at(60.0), None).unwrap().captured_seconds, 40.0);
    assert_eq!(database.reader().coverage(at(0.0), at(60.0), Some("eth0")).unwrap().captured_seconds, 60.0);
}

fn subject(name: &str, minute: f64, packets: u64) -> SubjectMinute {
    let count = Count { packets, bytes: packets * 100 };
    let received = DirectionMinute {
        count,
        classes: vec![("udp".to_owned(), count)],
        peak_packets_per_second: packets / 2,
        peak_bits_per_second: packets * 400,
        peaks: vec![("unanswered_syns".to_owned(), 3.0)],
        peers: 7,
    };
    let sent = DirectionMinute::default();
    SubjectMinute { minute: at(minute), kind: SubjectKind::Host, subject: name.to_owned(), received, sent }
}

#[test]
fn parts_of_a_minute_add_up() {
    let mut database = Database::in_memory().unwrap();
    for packets in [100, 40] {
        database.write(&Batch { subjects: vec![subject("203.0.113.7", 60.0, packets)], ..Batch::default() }).unwrap();
    }
    let found = database.reader().minutes(SubjectKind::Host, Some("203.0.113.7"), at(0.0), at(120.0)).unwrap();
    assert_eq!(found.len(), 1);
    let received = &found[0].received;
    assert_eq!((received.count.packets, received.peak_packets_per_second, received.peers), (140, 50, 7));
    assert_eq!(received.classes, [("udp".to_owned(), Count { packets: 140, bytes: 14_000 })]);
}

#[test]
fn age_and_size_are_limited() {
    let (mut database, all) = filled();
    let subjects = (0..1000).map(|number| subject(&format!("203.0.113.{}", number % 250), 60.0 * f64::from(number), 9));
    database.write(&Batch { subjects: subjects.collect(), ..Batch::default() }).unwrap();
    let limits = Retention { incident_days: 400, minute_days: 35, max_bytes: 1 << 30 };
    let day = 86_400.0;
    assert_eq!(database.retain(&limits, 0, at(day)).unwrap(), Deleted::default());
    let deleted = database.retain(&limits, 0, at(35.5 * day)).unwrap();
    assert_eq!((deleted.minutes, deleted.incidents.len()), (720, 0), "twelve hours of minutes are too old");
    // Too large: a day of minutes goes first, and incidents last. The open one stays.
    let small = Retention { max_bytes: 1000, ..limits };
    let deleted = database.retain(&small, 0, at(20.0 * day)).unwrap();
    assert_eq!((deleted.minutes, deleted.incidents.len()), (280, 0));
    let mut ids = Vec::new();
    loop {
        let deleted = database.retain(&small, 0, at(20.0 * day)).unwrap();
        ids.extend(deleted.incidents.clone());
        if deleted == Deleted::default() {
            break;
        }
    }
    assert_eq!(ids, all[..3].iter().map(|incident| incident.id.clone()).collect::<Vec<_>>(), "the oldest first");
    assert_eq!(database.reader().counts().unwrap().incidents, 1);
    let (mut database, _) = filled();
    let deleted = database.retain(&limits, 0, at(401.0 * day)).unwrap();
    assert_eq!(deleted.incidents.len(), 3, "too old");
}

#[test]
fn what_is_forgotten_is_gone() {
    let (mut database, all) = filled();
    let subjects = vec![subject("203.0.113.1", 60.0, 5), subject("203.0.113.2", 60.0, 5)];
    database.write(&Batch { subjects, ..Batch::default() }).unwrap();
    let forgotten = database.forget("203.0.113.1".parse().unwrap()).unwrap();
    assert_eq!((forgotten.minutes, forgotten.incidents, forgotten.mentions.len()), (1, vec![all[0].id.clone()], 0));
    let forgotten = database.forget("198.51.100.9".parse().unwrap()).unwrap();
    assert_eq!(forgotten.mentions.len(), 3);
    let left = database.reader().all_incidents(&Filter::default()).unwrap();
    for incident in &left {
        assert_eq!(incident.evidence[0].message, "from (an address that was deleted), not from 198.51.100.99");
    }
}

#[test]
fn damage_is_found_and_a_newer_database_is_left_alone() {
    let path = directory("damage");
    std::fs::create_dir_all(&path).unwrap();
    assert!(matches!(Reader::open(&path), Err(StoreError::Missing)));
    {
        let mut database = Database::open(&path, 1).unwrap();
        let subjects =
            (0..2000).map(|number| subject(&format!("203.0.113.{}", number % 250), f64::from(number) * 60.0, 9));
        database.write(&Batch { subjects: subjects.collect(), ..Batch::default() }).unwrap();
        database.vacuum().unwrap();
        assert!(database.check(true).is_ok());
    }
    let file = path.join(DATABASE);
    let good = std::fs::read(&file).unwrap();
    let mut found = 0;
    for page in 1..good.len() / 4096 {
        let mut bad = good.clone();
        bad[page * 4096..page * 4096 + 64].fill(0xa5);
        std::fs::write(&file, &bad).unwrap();
        found += usize::from(Database::open(&path, 1).and_then(|database| database.check(true)).is_err());
    }
    assert!(found >= good.len() / 4096 - 3, "{found} of {}", good.len() / 4096 - 1);
    std::fs::write(&file, b"no database at all, but long enough to be taken for one".repeat(100)).unwrap();
    assert!(Database::open(&path, 1).is_err_and(|error| error.is_damage()));
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_batch_that_waits_is_bounded() {
    let mut waiting = Batch::default();
    let mut dropped = 0;
    for number in 0..1000 {
        let later = Batch {
            subjects: (0..256).map(|host| subject(&host.to_string(), 60.0 * f64::from(number), 1)).collect(),
            interfaces: vec![minute(number as u64 / 60, 1 << (number % 60), number as u64, 0)],
            ..Batch::default()
        };
        dropped += waiting.append(later);
    }
    assert_eq!((waiting.subjects.len(), waiting.interfaces.len()), (16_384, 17));
    assert_eq!(dropped, 256_000 - 16_384);
}
