//! Detection delay: the time from the first packet of an attack to its incident, in packet time, for every vector that has
//! a rate. `cargo test --test delays -- --nocapture` prints the tables.

mod play;

use pegel::base::{Direction, Vector, VectorClass};
use pegel::config::Config;
use pegel::packet::AMPLIFIERS;
use pegel::traffic::{Burst, Part, Scenario, TrafficModel};
use play::{NETWORKS, line, play};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Strengths of the attacks, in multiples of the limit.
const TIMES: [f64; 3] = [1.5, 3.0, 10.0];
/// Maximum delays of floods of these strengths, in seconds.
const SOON: [f64; 3] = [1.0, 0.4, 0.2];
const BY_SECONDS: [f64; 3] = [1.0, 0.5, 0.2];
/// Where within a tick the attack begins, in seconds.
const PHASES: [f64; 5] = [0.0, 0.025, 0.05, 0.075, 0.099];

/// An attack whose detection delay is measured.
#[derive(Clone, Copy)]
struct Attack {
    vector: Vector,
    model: TrafficModel,
    /// The rate of the model at which the vector's limit is reached.
    limit: f64,
    /// Maximum delays, in seconds.
    most: [f64; 3],
    /// Whether the victim also serves clients. If a host never sends, its requests may merely be invisible.
    serves: bool,
    /// Distinguishes it from other attacks of the same vector.
    note: &'static str,
    change: fn(&mut Part),
}

const fn attack(vector: Vector, model: TrafficModel, limit: f64) -> Attack {
    Attack { vector, model, limit, most: SOON, serves: false, note: "", change: |_| {} }
}

impl Attack {
    const fn within(self, most: [f64; 3]) -> Attack {
        Attack { most, ..self }
    }

    const fn with(self, note: &'static str, change: fn(&mut Part)) -> Attack {
        Attack { note, change, ..self }
    }

    fn name(&self) -> String {
        match self.note {
            "" => self.vector.name().to_owned(),
            note => format!("{} ({note})", self.vector),
        }
    }

    /// The attack from `from` to `to`, at `times` its limit.
    fn part(&self, from: f64, to: f64, times: f64) -> Part {
        let mut part = Part::new(self.model, from, to);
        part.params.rate = Some(self.limit * times);
        part.params.payload = (self.model == TrafficModel::UdpFlood).then_some(64);
        (self.change)(&mut part);
        part
    }
}

fn outbound(part: &mut Part) {
    part.params.direction = Some(Direction::Outbound);
}

/// Floods, at the default limits of their detectors.
const FLOODS: &[Attack] = &[
    attack(Vector::SynFlood, TrafficModel::SynFlood, 300.0),
    attack(Vector::SynFlood, TrafficModel::SynFloodOptions, 300.0),
    attack(Vector::SynFlood, TrafficModel::SynFloodAnswered, 300.0),
    attack(Vector::AckFlood, TrafficModel::AckFlood, 2000.0),
    attack(Vector::RstFlood, TrafficModel::RstFlood, 500.0),
    attack(Vector::SynAckFlood, TrafficModel::SynAckFlood, 300.0),
    attack(Vector::FinFlood, TrafficModel::FinFlood, 500.0),
    attack(Vector::TcpNullFlood, TrafficModel::TcpNullFlood, 100.0),
    attack(Vector::XmasFlood, TrafficModel::XmasFlood, 100.0),
    attack(Vector::TcpFlood, TrafficModel::TcpFlood, 300.0),
    attack(Vector::LandAttack, TrafficModel::LandAttack, 20.0),
    attack(Vector::UdpFlood, TrafficModel::UdpFlood, 1000.0),
    attack(Vector::QuicFlood, TrafficModel::QuicFlood, 1000.0),
    attack(Vector::QuicFlood, TrafficModel::QuicFloodAnswered, 1000.0),
    attack(Vector::GreFlood, TrafficModel::GreFlood, 500.0),
    attack(Vector::IpProtoFlood, TrafficModel::IpProtoFlood, 500.0),
    attack(Vector::Smurf, TrafficModel::Smurf, 300.0),
    attack(Vector::Smurf, TrafficModel::SmurfRequests, 100.0),
    attack(Vector::Icmpv6Flood, TrafficModel::Icmpv6FloodHidden, 300.0),
    attack(Vector::IcmpFlood, TrafficModel::IcmpFlood, 300.0),
    attack(Vector::Icmpv6Flood, TrafficModel::Icmpv6Flood, 300.0),
    // Two of three fragments are later ones.
    attack(Vector::FragmentFlood, TrafficModel::FragmentFlood, 7500.0),
    attack(Vector::SynFlood, TrafficModel::SynFlood, 300.0).with("one source", |part| {
        part.params.sources = Some(1);
        part.params.source_network = "198.51.100.9/32".parse().ok();
    }),
    attack(Vector::SynFlood, TrafficModel::SynFlood, 300.0).with("outbound", outbound),
    attack(Vector::IcmpFlood, TrafficModel::IcmpFlood, 300.0).with("outbound", outbound),
    attack(Vector::OtherAmplification, TrafficModel::OtherAmplification, 500.0),
    attack(Vector::TcpReflection, TrafficModel::SynAckReflection, 300.0),
    attack(Vector::TcpReflection, TrafficModel::MiddleboxReflection, 300.0).with("middleboxes", |_| {}),
];

/// Attacks other than a flood of packets to one host.
const OTHERS: &[Attack] = &[
    // Counted per second, and the first tick may cover only a part of one.
    attack(Vector::MacFlood, TrafficModel::MacFlood, 300.0).within(BY_SECONDS),
    attack(Vector::ArpFlood, TrafficModel::ArpFlood, 1500.0).within(BY_SECONDS),
    attack(Vector::GratuitousArpStorm, TrafficModel::GratuitousStorm, 50.0).within(BY_SECONDS),
    attack(Vector::BroadcastStorm, TrafficModel::BroadcastStorm, 1500.0).within(BY_SECONDS),
    attack(Vector::MulticastStorm, TrafficModel::MulticastStorm, 5000.0).within(BY_SECONDS),
    attack(Vector::UnknownUnicastFlood, TrafficModel::UnknownUnicast, 1000.0).within(BY_SECONDS),
    attack(Vector::DhcpFlood, TrafficModel::DhcpFlood, 20.0).within([1.2, 0.6, 0.3]),
    attack(Vector::OpenReflector, TrafficModel::DnsAnyAnswered, 100.0),
    // Ten replies to each request.
    attack(Vector::OpenReflector, TrafficModel::MonlistAnswered, 1.0).with("monlist", |_| {}),
    // Five packets in a tick.
    attack(Vector::SpoofedSource, TrafficModel::UdpFlood, 50.0).with("", |part| {
        part.params.direction = Some(Direction::Outbound);
        (part.params.source_network, part.params.sources) = ("0.0.0.0/0".parse().ok(), Some(0));
    }),
    // Twice the limit of a host.
    attack(Vector::UdpFlood, TrafficModel::CarpetBombing, 2000.0)
        .with("carpet bombing", |_| {})
        .within([1.0, 0.4, 0.4]),
    attack(Vector::SynFlood, TrafficModel::SynFlood, 600.0)
        .with("carpet bombing", |part| {
            part.params.target = "203.0.113.0/24".parse().ok();
        })
        .within([1.0, 0.4, 0.3]),
    attack(Vector::HttpFlood, TrafficModel::HttpFlood, 300.0).within([1.0, 0.4, 0.3]),
    attack(Vector::HttpFlood, TrafficModel::HttpFloodPaths, 300.0).with("random paths", |_| {}),
    attack(Vector::TlsHandshakeFlood, TrafficModel::TlsFlood, 300.0).within([1.2, 0.8, 0.5]),
    attack(Vector::DnsQueryFlood, TrafficModel::DnsQueryFlood, 1000.0),
    attack(Vector::DnsWaterTorture, TrafficModel::DnsWaterTorture, 100.0).within([1.0, 0.5, 0.2]),
    attack(Vector::ConnectionFlood, TrafficModel::ConnectionFlood, 200.0).within([1.2, 0.8, 0.6]),
    // A hundred connections within ten seconds, counted once a second.
    attack(Vector::SlowHttp, TrafficModel::SlowHttp, 10.0).within([8.0, 4.5, 1.6]),
    attack(Vector::SlowHttp, TrafficModel::SlowHttpPost, 10.0).with("bodies", |_| {}).within([8.0, 4.5, 1.6]),
    // Three times the limit brings fewer packets in 0.2 s than make a burst.
    attack(Vector::SipFlood, TrafficModel::SipFlood, 200.0).within([0.8, 0.5, 0.2]),
];

/// Attacks detected by a count: the rate of the attack, and the maximum delay in seconds.
const COUNTED: &[(Vector, TrafficModel, f64, f64)] = &[
    (Vector::PortScan, TrafficModel::PortScan, 100.0, 1.0),
    (Vector::HostSweep, TrafficModel::HostSweep, 100.0, 1.0),
    (Vector::ArpScan, TrafficModel::ArpScan, 100.0, 1.5),
    (Vector::BruteForce, TrafficModel::BruteForce, 10.0, 5.0),
    (Vector::Backscatter, TrafficModel::Backscatter, 40.0, 3.0),
    (Vector::MacNotAllowed, TrafficModel::ForeignMac, 10.0, 0.3),
];

/// Every service that reflects and amplifies, at the limit of its kind.
fn amplifications() -> impl Iterator<Item = Attack> {
    AMPLIFIERS.iter().map(|row| {
        let model = TrafficModel::from_name(row.vector.name()).expect("a model for every service");
        Attack { serves: true, ..attack(row.vector, model, if row.unambiguous { 50.0 } else { 100.0 }) }
    })
}

/// Runs `work` for every item on all cores; results in order.
fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(item) = items.get(index) else { return mine };
                        mine.push((index, work(item)));
                    }
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no measurement panics")).collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Seconds from onset to incident in one replay.
fn delay(attack: &Attack, onset: f64, times: f64, lasts: f64) -> Result<f64, String> {
    let written = match attack.vector {
        // First fragments are UDP, too, and `udp_flood` would report them first.
        Vector::FragmentFlood => "[detect.udp_flood]\nenabled = false",
        Vector::MacNotAllowed => "[[interface]]\nname = \"*\"\nallowed_macs = [\"02:00:cb:00:71:18\"]",
        _ => "",
    };
    let mut config = Config::parse(written, "config").map_err(|errors| errors.to_string())?;
    config.networks = NETWORKS.iter().map(|network| network.parse().expect("a network")).collect();
    // Real networks are not silent before an attack.
    let mut calm = Part::new(TrafficModel::WebServer, 0.0, onset + lasts);
    calm.params.rate = Some(5.0);
    let mut work = calm.clone();
    work.params.target = "203.0.113.7/32".parse().ok().filter(|_| attack.serves);
    let scenario = Scenario::new(7, vec![attack.part(onset, onset + lasts, times), calm, work]);
    let incidents = play(&config, &[], scenario.source());
    match &incidents[..] {
        [incident] if incident.vectors == [attack.vector] => {
            Ok(incident.opened_at.seconds_since(scenario.start) - onset)
        }
        others => {
            let lines: Vec<String> = others.iter().map(|incident| line(incident, scenario.start)).collect();
            Err(format!("from {onset} s: {} incidents {lines:#?}", incidents.len()))
        }
    }
}

/// The longest delay in seconds over all positions of the onset within a tick.
fn worst_delay(attack: &Attack, times: f64, most: f64) -> Result<f64, String> {
    PHASES.iter().try_fold(0.0, |worst: f64, phase| {
        let delay = delay(attack, 1.0 + phase, times, (most * 1.2).max(1.5))?;
        Ok(worst.max(delay))
    })
}

#[test]
fn attacks_are_detected_in_time() {
    let rows: Vec<Attack> = FLOODS.iter().chain(OTHERS).copied().chain(amplifications()).collect();
    let runs: Vec<(Attack, f64, f64)> =
        rows.iter().flat_map(|row| TIMES.iter().zip(row.most).map(|(&times, most)| (*row, times, most))).collect();
    let delays = on_all_cores(&runs, |(attack, times, most)| worst_delay(attack, *times, *most));
    let mut wrong = Vec::new();
    // The longest delay of each vector.
    let mut worst: BTreeMap<String, [f64; 3]> = BTreeMap::new();
    for (index, ((attack, times, most), delay)) in runs.iter().zip(delays).enumerate() {
        let name = attack.model.name();
        match delay {
            Ok(delay) => {
                println!("{name} at {times} times its limit: {delay:.3} s");
                let entry = &mut worst.entry(attack.name()).or_default()[index % 3];
                *entry = entry.max(delay);
                if delay > most + 1e-6 {
                    wrong.push(format!("{name} at {times} times its limit: {delay:.3} s, not {most} s"));
                }
            }
            Err(error) => wrong.push(format!("{name} at {times} times its limit: {error}")),
        }
    }
    let mut groups: BTreeMap<[String; 3], BTreeSet<String>> = BTreeMap::new();
    for (name, delays) in worst {
        // Delays are rounded up to a tick.
        groups
            .entry(delays.map(|delay| format!("{:.1} s", (delay * 10.0 - 1e-6).ceil() / 10.0)))
            .or_default()
            .insert(name);
    }
    println!("| 1.5 times | 3 times | 10 times | vectors |\n|---|---|---|---|");
    for (delays, names) in groups {
        println!("| {} | {} |", delays.join(" | "), names.into_iter().collect::<Vec<_>>().join(", "));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn counted_attacks_are_detected_in_time() {
    println!("| vector | rate | detected after |\n|---|---|---|");
    let results = on_all_cores(COUNTED, |&(vector, model, rate, most)| {
        let attack = attack(vector, model, rate);
        let worst = worst_delay(&attack, 1.0, most)?;
        println!("| {vector} | {rate}/s | {worst:.1} s |");
        if worst <= most + 1e-6 { Ok(()) } else { Err(format!("{vector}: {worst:.3} s, not {most} s")) }
    });
    let wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_vector_with_a_rate_is_measured() {
    let mut measured: BTreeSet<Vector> = FLOODS.iter().chain(OTHERS).map(|attack| attack.vector).collect();
    measured.extend(amplifications().map(|attack| attack.vector));
    measured.extend(COUNTED.iter().map(|(vector, ..)| *vector));
    // The other layer-2 vectors need a single event only; sensors raise theirs without packets.
    let has_rate = |vector: &Vector| match vector.class() {
        VectorClass::Sensor => false,
        VectorClass::Layer2 => matches!(
            vector,
            Vector::MacFlood
                | Vector::ArpFlood
                | Vector::GratuitousArpStorm
                | Vector::BroadcastStorm
                | Vector::MulticastStorm
                | Vector::DhcpFlood
                | Vector::UnknownUnicastFlood
        ),
        _ => true,
    };
    let with_rate: BTreeSet<Vector> = Vector::ALL.iter().copied().filter(has_rate).collect();
    assert!(measured.is_superset(&with_rate), "not measured: {:?}", with_rate.difference(&measured));
}

#[test]
fn pulses_of_a_fifth_of_a_second_are_one_incident_at_any_phase() {
    let runs: Vec<(&Attack, f64)> = FLOODS.iter().flat_map(|attack| [0.0, 0.05].map(|phase| (attack, phase))).collect();
    let results = on_all_cores(&runs, |(attack, phase)| {
        let mut part = attack.part(1.0 + phase, 16.0, 10.0);
        part.params.burst = Some(Burst { on: 0.2, off: 4.8 });
        let config = Config::for_networks(NETWORKS.iter().map(|network| network.parse().expect("a network")).collect());
        let scenario = Scenario::new(7, vec![part]);
        let incidents = play(&config, &[], scenario.source());
        let delay = incidents.first().map(|i| i.opened_at.seconds_since(scenario.start) - 1.0 - phase);
        // The third and last pulse begins at 11 s.
        let lasted = incidents.first().is_some_and(|i| i.updated_at.seconds_since(scenario.start) > 11.0);
        match (incidents.len(), delay) {
            (1, Some(delay)) if delay <= 0.3 + 1e-6 && lasted => Ok(()),
            _ => {
                let lines: Vec<String> = incidents.iter().map(|i| line(i, scenario.start)).collect();
                Err(format!("{} at {phase}: {lines:#?}", attack.model.name()))
            }
        }
    });
    let wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// However few of its packets are in its first tick.
#[test]
fn a_flood_is_counted_from_its_first_packet_at_any_phase() {
    let phases: Vec<u32> = (0..50).collect();
    let results = on_all_cores(&phases, |phase| {
        let onset = 1.0 + f64::from(*phase) * 0.002;
        let attack = attack(Vector::SynFlood, TrafficModel::SynFlood, 300.0);
        let config = Config::for_networks(NETWORKS.iter().map(|network| network.parse().expect("a network")).collect());
        let scenario = Scenario::new(u64::from(*phase), vec![attack.part(onset, onset + 2.0, 5.0)]);
        let mut frames = scenario.source();
        let mut sent = 0;
        while frames.next_frame().is_some() {
            sent += 1;
        }
        let incidents = play(&config, &[], scenario.source());
        let counted: Vec<u64> = incidents.iter().map(|incident| incident.totals.packets).collect();
        if counted == [sent] { Ok(()) } else { Err(format!("from {onset} s: {counted:?} of {sent}")) }
    });
    let wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
