//! Incidents of generated floods, as the store would give them back, and periods.

use pegel::base::{Addr, Direction, Severity, Timestamp, Vector};
use pegel::capture::{FrameDirection, LinkType};
use pegel::config::Config;
use pegel::incident::{Event, Incident};
use pegel::packet::Class;
use pegel::report::{IncidentInput, Origins, PeriodInput, Scope, Usual};
use pegel::runtime::replay::Replay;
use pegel::store::{
    DirectionMinute, IncidentSecond, KeptPacket, PeriodCoverage, StoredChange, StoredIncident, SubjectKind,
    SubjectMinute,
};
use pegel::traffic::Scenario;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Octets kept of each packet, and how many packets of each side at most.
const SNAP: usize = 96;
const KEPT: usize = 400;

/// Honest traffic of the host that is attacked.
pub const BACKGROUND: &str = r#"
seed = 7
[[part]]
model = "web_server"
rate = 40.0
target = "203.0.113.7"
to = 130.0
[[part]]
model = "dns_resolver"
rate = 20.0
to = 130.0
"#;

/// An incident with everything that a report may use.
#[derive(Clone)]
pub struct Case {
    pub stored: StoredIncident,
    pub usual: Option<Usual>,
    pub packets: Vec<KeptPacket>,
    pub origins: Origins,
    pub related: Vec<Incident>,
}

impl Case {
    /// Plays `attack` over `background`, both in the format of `pegel::traffic`, and takes the first incident of `vector`.
    pub fn play(attack: &str, background: &str, vector: Vector) -> Case {
        let parse = |text: &str| Scenario::parse(text).expect("a scenario");
        let (attack, background) = (parse(attack), parse(background));
        let both = Scenario { parts: [attack.parts.clone(), background.parts.clone()].concat(), ..attack.clone() };
        let (mut incidents, changes) = replay(&both);
        let at = incidents.iter().position(|incident| incident.vectors.contains(&vector));
        let names = || incidents.iter().map(|incident| format!("{:?}", incident.vectors)).collect::<Vec<_>>();
        let incident = incidents.remove(at.unwrap_or_else(|| panic!("no {vector} in {:?}", names())));
        let (seconds, packets) = traffic(&attack, &background, &incident);
        let usual = Usual::before_onset(&seconds, incident.onset());
        let changes = changes.into_iter().filter(|(id, _)| *id == incident.id).map(|(_, change)| change).collect();
        let mitigations = incident.mitigations().iter().map(|one| serde_json::to_value(one).expect("JSON")).collect();
        let stored = StoredIncident { incident, mitigations, changes, seconds, gaps: Vec::new() };
        Case { stored, usual, packets, origins: Origins::none(), related: incidents }
    }

    pub fn input(&self) -> IncidentInput<'_> {
        IncidentInput {
            incident: &self.stored,
            usual: self.usual.as_ref(),
            related: &self.related,
            origins: &self.origins,
            packets: &self.packets,
            generated_at: self.stored.incident.updated_at.plus_seconds(3600.0),
            sensor: "gauge1",
        }
    }
}

fn replay(scenario: &Scenario) -> (Vec<Incident>, Vec<(String, StoredChange)>) {
    let mut config = Config::parse("", "config").expect("a configuration");
    config.networks =
        ["203.0.113.0/24", "2001:db8:10::/48"].iter().map(|text| text.parse().expect("a network")).collect();
    let mut replay = Replay::new(&config);
    let (mut incidents, mut changes) = (Vec::new(), Vec::new());
    let mut keep = |events: Vec<Event>| {
        for event in events {
            let change = StoredChange {
                at: event.incident.updated_at,
                change: event.change.name().to_owned(),
                severity: event.incident.severity,
                vector: event.incident.vector,
            };
            if change.change != "progress" {
                changes.push((event.incident.id.clone(), change));
            }
            if event.is_last_word() {
                incidents.push(Incident::clone(&event.incident));
            }
        }
    };
    replay.run(&mut scenario.source(), |_, events, _| keep(events)).expect("synthetic traffic has no errors");
    keep(replay.finish());
    incidents.extend(replay.open());
    incidents.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
    (incidents, changes)
}

/// The peers of a frame with an IPv4 header.
fn addresses(data: &[u8]) -> Option<(Addr, Addr)> {
    let bits = |at: usize| Some(Addr::from_v4_bits(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?)));
    (data.get(12..14)? == [8, 0]).then_some(())?;
    Some((bits(26)?, bits(30)?))
}

/// Each second of the target, and some of its packets.
fn traffic(attack: &Scenario, background: &Scenario, incident: &Incident) -> (Vec<IncidentSecond>, Vec<KeptPacket>) {
    let mut seconds: BTreeMap<u64, IncidentSecond> = BTreeMap::new();
    let mut packets = Vec::new();
    // One part is one vector, in the order in which they appear.
    let sources = attack.parts.iter().enumerate().map(|(index, part)| {
        let vector = incident.vectors.get(index).copied().unwrap_or(incident.vector);
        (Some(vector), Scenario { parts: vec![part.clone()], ..attack.clone() })
    });
    for (vector, scenario) in sources.chain([(None, background.clone())]) {
        let mut source = scenario.source();
        let mut kept = 0;
        let mut number = 0u64;
        while let Some(frame) = source.next_frame() {
            let of_target = addresses(frame.data).is_some_and(|(from, to)| match incident.direction {
                Direction::Outbound => Some(from) == incident.target.address,
                _ => Some(to) == incident.target.address,
            });
            if !of_target && incident.target.address.is_some() {
                continue;
            }
            let at = frame.time.nanos() / 1_000_000_000;
            let second = seconds
                .entry(at)
                .or_insert_with(|| IncidentSecond { at: Timestamp::from_parts(at, 0), ..IncidentSecond::default() });
            if incident.target.address.is_some() {
                second.target.get_or_insert_default().add(frame.segments, frame.wire_len);
            }
            // Outside the incident, findings count nothing.
            if let Some(vector) = vector {
                match second.vectors.iter_mut().find(|(known, _)| *known == vector) {
                    Some((_, count)) => count.add(frame.segments, frame.wire_len),
                    None => {
                        second.vectors.push((vector, Default::default()));
                        second.vectors.last_mut().expect("one").1.add(frame.segments, frame.wire_len);
                    }
                }
            }
            number += 1;
            if number % 17 == 1 && kept < KEPT {
                kept += 1;
                packets.push(KeptPacket {
                    time: frame.time,
                    interface: 0,
                    link: LinkType::Ethernet,
                    direction: FrameDirection::Ingress,
                    wire_len: frame.wire_len,
                    class: Class::Udp,
                    is_attack: vector.is_some(),
                    data: frame.data[..frame.data.len().min(SNAP)].into(),
                });
            }
        }
    }
    (seconds.into_values().collect(), packets)
}

fn new_syn_and_ntp() -> Case {
    let attack = r#"
seed = 1
[[part]]
model = "syn_flood"
rate = 3000.0
from = 32.0
to = 55.0
[[part]]
model = "ntp_amplification"
rate = 900.0
from = 45.0
to = 62.0
"#;
    let mut case = Case::play(attack, BACKGROUND, Vector::SynFlood);
    case.stored.incident.target.guest = Some("104 shop".to_owned());
    case.stored.incident.target.interface = Some("vmbr0".to_owned());
    case
}

fn new_ntp() -> Case {
    let attack =
        "seed = 1\n[[part]]\nmodel = \"ntp_amplification\"\nrate = 900.0\nfrom = 32.0\nto = 50.0\nsources = 12\n";
    Case::play(attack, BACKGROUND, Vector::NtpAmplification)
}

fn new_http() -> Case {
    let attack = "seed = 1\n[[part]]\nmodel = \"http_flood\"\nrate = 1500.0\nfrom = 32.0\nto = 48.0\n";
    Case::play(attack, BACKGROUND, Vector::HttpFlood)
}

fn new_outbound() -> Case {
    let attack = r#"
seed = 1
[[part]]
model = "udp_flood"
rate = 12000.0
payload = 64
direction = "outbound"
source_network = "203.0.113.66/32"
sources = 1
from = 32.0
to = 40.0
"#;
    let mut case = Case::play(attack, BACKGROUND, Vector::UdpFlood);
    case.stored.incident.target.guest = Some("105 build".to_owned());
    case.stored.incident.target.interface = Some("vmbr0".to_owned());
    case
}

fn new_lan() -> Case {
    let attack = "seed = 1\n[[part]]\nmodel = \"arp_spoof\"\nfrom = 4.0\nto = 14.0\n";
    let life = "seed = 1\n[[part]]\nmodel = \"segment_life\"\nto = 85.0\n";
    let mut case = Case::play(attack, life, Vector::ArpSpoof);
    case.stored.incident.target.guest = Some("107 lab".to_owned());
    case.stored.seconds.clear();
    case.packets.clear();
    case
}

fn new_scan() -> Case {
    let attack = "seed = 1\n[[part]]\nmodel = \"port_scan\"\nfrom = 32.0\nto = 48.0\n";
    Case::play(attack, BACKGROUND, Vector::PortScan)
}

/// Each is played once.
macro_rules! played {
    ($($name:ident = $new:ident;)*) => {
        $(pub fn $name() -> Case {
            static CASE: LazyLock<Case> = LazyLock::new($new);
            CASE.clone()
        })*
    };
}

played! {
    syn_and_ntp = new_syn_and_ntp;
    ntp = new_ntp;
    http = new_http;
    outbound = new_outbound;
    lan = new_lan;
    scan = new_scan;
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A month of capture without a gap above a second.
pub fn coverage(from: Timestamp, to: Timestamp) -> PeriodCoverage {
    PeriodCoverage {
        from,
        to,
        captured_seconds: to.seconds_since(from) - 0.4,
        packets: 1_000_000_000,
        dropped: 200_000,
        sampled: 1,
        is_file: false,
        longest_gap: Some((from.plus_seconds(7200.0), 0.4)),
        interfaces: vec!["vmbr0".to_owned(), "eno1".to_owned()],
    }
}

/// Minutes with a rhythm of the day, without two hours of the second day.
pub fn minutes(from: Timestamp, to: Timestamp, kind: SubjectKind, subject: &str) -> Vec<SubjectMinute> {
    let first = from.nanos() / 60_000_000_000;
    let last = to.nanos() / 60_000_000_000;
    let minute = |minute: u64| {
        let hour = (minute % 1440) as f64 / 60.0;
        let level = 1.2 - ((hour - 3.0) / 24.0 * std::f64::consts::TAU).cos() + (minute * 7919 % 100) as f64 / 400.0;
        let direction = |mbit: f64| {
            let bytes = (level * mbit * 1e6 / 8.0 * 60.0) as u64;
            DirectionMinute {
                count: pegel::meter::Count { packets: bytes / 700, bytes },
                peak_packets_per_second: bytes / 700 / 60 * 2,
                peak_bits_per_second: bytes * 8 / 60 * 2,
                ..DirectionMinute::default()
            }
        };
        SubjectMinute {
            minute: Timestamp::from_parts(minute * 60, 0),
            kind,
            subject: subject.to_owned(),
            received: direction(12.0),
            sent: direction(45.0),
        }
    };
    (first..last).filter(|minute| !(first + 2000..first + 2120).contains(minute)).map(minute).collect()
}

pub fn period<'a>(
    incidents: &'a [Incident],
    coverage: &'a PeriodCoverage,
    minutes: &'a [SubjectMinute],
    scope: Scope,
) -> PeriodInput<'a> {
    let (from, to) = (coverage.from, coverage.to);
    PeriodInput { from, to, scope, incidents, coverage, minutes, generated_at: to.plus_seconds(60.0), sensor: "gauge1" }
}

/// The same incident at a different time and with a different severity.
pub fn moved(incident: &Incident, id: &str, opened_at: Timestamp, severity: Severity) -> Incident {
    let lasted = incident.updated_at.seconds_since(incident.opened_at);
    Incident {
        id: id.to_owned(),
        opened_at,
        updated_at: opened_at.plus_seconds(lasted),
        closed_at: Some(opened_at.plus_seconds(lasted + 60.0)),
        severity,
        ..incident.clone()
    }
}
