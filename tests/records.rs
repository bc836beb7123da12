//! What is recorded of a replay, against a recount of the same frames: minutes of hosts, seconds of incidents, and the packets that
//! are kept of them.

mod tools;

use pegel::base::{Addr, Timestamp};
use pegel::config::Config;
use pegel::packet::{Class, Decoder, Packet};
use pegel::runtime::replay::Replay;
use pegel::runtime::write_evidence;
use pegel::store::evidence::{Chain, check};
use pegel::store::{Database, Filter, SubjectKind};
use pegel::traffic::{DEFAULT_START, Part, Scenario, TrafficModel};
use std::collections::BTreeMap;
use tools::Scratch;

const SERVER: &str = "203.0.113.7";
const OTHER: &str = "203.0.113.9";

fn part(model: TrafficModel, from: f64, to: f64, rate: f64, target: &str) -> Part {
    let mut part = Part::new(model, from, to);
    (part.params.rate, part.params.target) = (Some(rate), Some(format!("{target}/32").parse().unwrap()));
    part
}

/// Two web servers; a flood of one of them, then of the other.
fn scenario() -> Scenario {
    Scenario::new(
        5,
        vec![
            part(TrafficModel::WebServer, 0.0, 150.0, 60.0, SERVER),
            part(TrafficModel::WebServer, 0.0, 150.0, 60.0, OTHER),
            part(TrafficModel::SynFlood, 20.0, 32.0, 3000.0, SERVER),
            part(TrafficModel::DnsAmplification, 25.0, 30.0, 2000.0, OTHER),
        ],
    )
}

fn config() -> Config {
    let mut config = Config::for_networks(vec!["203.0.113.0/24".parse().unwrap()]);
    config.incident.quiet_seconds = 10.0;
    config
}

fn recorded(scenario: &Scenario, config: &Config) -> Database {
    let mut replay = Replay::new(config);
    replay.record(config).unwrap();
    replay.run(&mut scenario.source(), |_, _, interfaces| *interfaces = vec!["eth0".to_owned()]).unwrap();
    replay.finish();
    replay.take_record().unwrap().expect("a record")
}

/// Every packet of a scenario, decoded one by one.
fn packets(scenario: &Scenario) -> Vec<Packet> {
    let (decoder, mut source, mut all) = (Decoder::default(), scenario.source(), Vec::new());
    while let Some(frame) = source.next_frame() {
        all.push(decoder.decode(&frame));
    }
    all
}

fn second(time: Timestamp) -> u64 {
    time.nanos() / 1_000_000_000
}

#[test]
fn minutes_are_those_of_a_recount() {
    let scenario = scenario();
    let database = recorded(&scenario, &config());
    // Packets and bytes by host, direction and minute, and by second.
    let mut minutes: BTreeMap<(Addr, bool, u64), (u64, u64)> = BTreeMap::new();
    let mut seconds: BTreeMap<(Addr, bool, u64), u64> = BTreeMap::new();
    for packet in packets(&scenario) {
        for (address, sent) in [(packet.destination, false), (packet.source, true)] {
            let minute = minutes.entry((address, sent, second(packet.time) / 60)).or_default();
            (minute.0, minute.1) = (minute.0 + 1, minute.1 + u64::from(packet.wire_len));
            *seconds.entry((address, sent, second(packet.time))).or_default() += 1;
        }
    }
    let (from, to) = (Timestamp::ZERO, Timestamp::from_nanos(u64::MAX));
    for host in [SERVER, OTHER] {
        let address: Addr = host.parse().unwrap();
        let stored = database.reader().minutes(SubjectKind::Host, Some(host), from, to).unwrap();
        assert_eq!(stored.len(), 3, "two minutes and a half");
        for minute in stored {
            let at = second(minute.minute) / 60;
            for (sent, direction) in [(false, &minute.received), (true, &minute.sent)] {
                let (packets, bytes) = minutes[&(address, sent, at)];
                let what = format!("{host}, minute {at}, sent {sent}");
                // A host is counted from its first second with ten packets on: that may be its second one.
                let first =
                    (at * 60..).find(|second| seconds.get(&(address, sent, *second)).is_some_and(|n| *n > 0)).unwrap();
                let missing = seconds[&(address, sent, first)];
                let counted = direction.count.packets;
                assert!((packets - missing..=packets).contains(&counted), "{what}: {counted} of {packets}");
                assert!(
                    direction.count.bytes <= bytes && direction.count.bytes as f64 >= bytes as f64 * 0.97,
                    "{what}"
                );
                let peak = (at * 60..at * 60 + 60).filter_map(|s| seconds.get(&(address, sent, s))).max().unwrap();
                assert_eq!(direction.peak_packets_per_second, *peak, "{what}");
                let by_class: u64 = direction.classes.iter().map(|(_, count)| count.packets).sum();
                assert_eq!(by_class, counted, "{what}: the classes add up");
            }
        }
    }
}

#[test]
fn seconds_add_up_to_the_incident_and_to_the_target() {
    let scenario = scenario();
    let database = recorded(&scenario, &config());
    let all = packets(&scenario);
    let incidents = database.reader().all_incidents(&Filter::default()).unwrap();
    assert_eq!(incidents.len(), 2, "{incidents:#?}");
    for incident in incidents {
        let found = database.reader().incident(&incident.id).unwrap().unwrap();
        let target = incident.target.address.unwrap();
        let counted: u64 = found.seconds.iter().flat_map(|row| &row.vectors).map(|(_, count)| count.packets).sum();
        let bytes: u64 = found.seconds.iter().flat_map(|row| &row.vectors).map(|(_, count)| count.bytes).sum();
        assert_eq!((counted, bytes), (incident.totals.packets, incident.totals.bytes));
        let mut truth: BTreeMap<u64, u64> = BTreeMap::new();
        for packet in all.iter().filter(|packet| packet.destination == target) {
            *truth.entry(second(packet.time)).or_default() += 1;
        }
        for row in &found.seconds {
            let received = row.target.expect("a host has a counter").packets;
            let at = second(row.at);
            // The second in which the incident closes is over before it ends.
            if row.at.plus_seconds(1.0) <= incident.closed_at.unwrap() {
                assert_eq!(received, truth[&at], "second {at} of {}", incident.id);
            }
        }
        let opened = second(incident.opened_at);
        assert!(found.seconds.iter().any(|row| second(row.at) > opened + 12), "after its end too");
        let changes: Vec<&str> = found.changes.iter().map(|change| change.change.as_str()).collect();
        assert_eq!((changes.first(), changes.last()), (Some(&"opened"), Some(&"closed")));
    }
}

#[test]
fn packets_are_from_before_the_start_to_after_the_end_in_the_stated_shares() {
    let scenario = scenario();
    let mut database = recorded(&scenario, &config());
    let incidents = database.reader().all_incidents(&Filter::default()).unwrap();
    for incident in &incidents {
        let (kept, interfaces) = database.reader().packets(&incident.id).unwrap();
        assert_eq!(interfaces, ["eth0"]);
        let target = incident.target.address.unwrap();
        let class = if target.to_string() == SERVER { Class::TcpSyn } else { Class::Udp };
        let decoder = Decoder::default();
        let onset = incident.onset();
        let (mut before, mut during, mut after, mut attack) = (0, 0, 0, 0);
        for packet in &kept {
            match packet.time {
                time if time < onset => before += 1,
                time if time <= incident.updated_at => during += 1,
                _ => after += 1,
            }
            let decoded = decoder.decode(&pegel::capture::Frame {
                time: packet.time,
                data: &packet.data,
                wire_len: packet.wire_len,
                link: packet.link,
                direction: packet.direction,
                interface: packet.interface,
                vlan: None,
                segments: 1,
                sampled: 1,
            });
            assert!([decoded.source, decoded.destination].contains(&target), "only packets of the target");
            // What the file says of the packet is true of its octets.
            let is_attack = decoded.destination == target && decoded.class == class && packet.time >= onset;
            assert_eq!(packet.is_attack, is_attack, "{decoded:?}");
            attack += u32::from(is_attack);
        }
        println!("{target}: {before} before, {during} during, {after} after; {attack} of {} of the attack", kept.len());
        assert!(before >= 20 && after >= 20 && during >= 200, "{before} {during} {after}");
        assert!(attack >= 100 && (attack as usize) < kept.len(), "both kinds are in it: {attack}");
        // A flood does not wash out its own beginning.
        let first = kept.iter().filter(|packet| packet.is_attack).map(|packet| packet.time).min().unwrap();
        assert!(first.seconds_since(onset) <= 0.1, "{first}");
    }
    let scratch = Scratch::new("records-evidence");
    let folder = scratch.path("evidence");
    let mut chain = Chain::open(&folder, None).unwrap();
    assert_eq!(write_evidence(&mut database, &mut chain, 128).unwrap(), 2);
    assert!(check(&folder, None).unwrap().is_intact());
    for incident in &incidents {
        let manifest = std::fs::read_to_string(folder.join(&incident.id).join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let (kept, _) = database.reader().packets(&incident.id).unwrap();
        // Most have left the database by now.
        assert!(kept.len() <= 400 && manifest["packets"].to_string().len() > 2, "{manifest:#}");
    }
}

#[test]
fn a_replay_records_the_same_each_time() {
    let scenario = scenario();
    let texts: Vec<String> = (0..2)
        .map(|_| {
            let database = recorded(&scenario, &config());
            let all = database.reader().all_incidents(&Filter::default()).unwrap();
            let found: Vec<_> = all.iter().map(|one| database.reader().incident(&one.id).unwrap().unwrap()).collect();
            let packets: Vec<_> = all.iter().map(|one| database.reader().packets(&one.id).unwrap()).collect();
            format!("{found:?} {packets:?}")
        })
        .collect();
    assert!(texts[0] == texts[1]);
    assert!(DEFAULT_START > Timestamp::ZERO);
}
