//! How soon: the time from the first packet of an attack to its incident, in packet time, for everything that has a rate.

use super::{NETWORKS, line, on_all_cores, play};
use pegel::base::{Direction, Vector, VectorClass};
use pegel::config::Config;
use pegel::packet::AMPLIFIERS;
use pegel::traffic::{Burst, Part, Scenario, TrafficModel};
use std::collections::{BTreeMap, BTreeSet};

/// Strengths that are measured, in times of the limit.
const TIMES: [f64; 3] = [1.5, 3.0, 10.0];
/// Seconds within which floods of these strengths must be told.
const SOON: [f64; 3] = [1.0, 0.4, 0.2];
const BY_SECONDS: [f64; 3] = [1.0, 0.5, 0.2];
/// Where in a tick the attack begins.
const PHASES: [f64; 5] = [0.0, 0.025, 0.05, 0.075, 0.099];

/// An attack whose detection delay is measured.
#[derive(Clone, Copy)]
struct Rising {
    vector: Vector,
    model: TrafficModel,
    /// The rate of the model at which the vector's limit is reached.
    limit: f64,
    /// Seconds at most.
    most: [f64; 3],
    /// Whether the victim has work of its own: where it never sends, its questions may merely be invisible.
    works: bool,
    /// What sets it apart from others of its vector.
    note: &'static str,
    change: fn(&mut Part),
}

const fn rising(vector: Vector, model: TrafficModel, limit: f64) -> Rising {
    Rising { vector, model, limit, most: SOON, works: false, note: "", change: |_| {} }
}

impl Rising {
    const fn within(self, most: [f64; 3]) -> Rising {
        Rising { most, ..self }
    }

    const fn with(self, note: &'static str, change: fn(&mut Part)) -> Rising {
        Rising { note, change, ..self }
    }

    fn name(&self) -> String {
        match self.note {
            "" => self.vector.name().to_owned(),
            note => format!("{} ({note})", self.vector),
        }
    }

    /// The attack from `from` on, at so many times its limit.
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

/// Floods at the limits of their detectors' defaults.
const FLOODS: &[Rising] = &[
    rising(Vector::SynFlood, TrafficModel::SynFlood, 300.0),
    rising(Vector::SynFlood, TrafficModel::SynFloodOptions, 300.0),
    rising(Vector::SynFlood, TrafficModel::SynFloodAnswered, 300.0),
    rising(Vector::AckFlood, TrafficModel::AckFlood, 2000.0),
    rising(Vector::RstFlood, TrafficModel::RstFlood, 500.0),
    rising(Vector::SynAckFlood, TrafficModel::SynAckFlood, 300.0),
    rising(Vector::FinFlood, TrafficModel::FinFlood, 500.0),
    rising(Vector::TcpNullFlood, TrafficModel::TcpNullFlood, 100.0),
    rising(Vector::XmasFlood, TrafficModel::XmasFlood, 100.0),
    rising(Vector::TcpFlood, TrafficModel::TcpFlood, 300.0),
    rising(Vector::LandAttack, TrafficModel::LandAttack, 20.0),
    rising(Vector::UdpFlood, TrafficModel::UdpFlood, 1000.0),
    rising(Vector::QuicFlood, TrafficModel::QuicFlood, 1000.0),
    rising(Vector::QuicFlood, TrafficModel::QuicFloodAnswered, 1000.0),
    rising(Vector::GreFlood, TrafficModel::GreFlood, 500.0),
    rising(Vector::IpProtoFlood, TrafficModel::IpProtoFlood, 500.0),
    rising(Vector::Smurf, TrafficModel::Smurf, 300.0),
    rising(Vector::Smurf, TrafficModel::SmurfRequests, 100.0),
    rising(Vector::Icmpv6Flood, TrafficModel::Icmpv6FloodHidden, 300.0),
    rising(Vector::IcmpFlood, TrafficModel::IcmpFlood, 300.0),
    rising(Vector::Icmpv6Flood, TrafficModel::Icmpv6Flood, 300.0),
    // Two of three fragments are later ones.
    rising(Vector::FragmentFlood, TrafficModel::FragmentFlood, 7500.0),
    rising(Vector::SynFlood, TrafficModel::SynFlood, 300.0).with("one source", |part| {
        part.params.sources = Some(1);
        part.params.source_network = "198.51.100.9/32".parse().ok();
    }),
    rising(Vector::SynFlood, TrafficModel::SynFlood, 300.0).with("outbound", outbound),
    rising(Vector::IcmpFlood, TrafficModel::IcmpFlood, 300.0).with("outbound", outbound),
    rising(Vector::OtherAmplification, TrafficModel::OtherAmplification, 500.0),
    rising(Vector::TcpReflection, TrafficModel::SynAckReflection, 300.0),
    rising(Vector::TcpReflection, TrafficModel::MiddleboxReflection, 300.0).with("middleboxes", |_| {}),
];

/// What does not come as a flood of packets to one host.
const OTHERS: &[Rising] = &[
    // By numbers of a second, of which the first tick may be a part only.
    rising(Vector::MacFlood, TrafficModel::MacFlood, 300.0).within(BY_SECONDS),
    rising(Vector::ArpFlood, TrafficModel::ArpFlood, 1500.0).within(BY_SECONDS),
    rising(Vector::GratuitousArpStorm, TrafficModel::GratuitousStorm, 50.0).within(BY_SECONDS),
    rising(Vector::BroadcastStorm, TrafficModel::BroadcastStorm, 1500.0).within(BY_SECONDS),
    rising(Vector::MulticastStorm, TrafficModel::MulticastStorm, 5000.0).within(BY_SECONDS),
    rising(Vector::UnknownUnicastFlood, TrafficModel::UnknownUnicast, 1000.0).within(BY_SECONDS),
    rising(Vector::DhcpFlood, TrafficModel::DhcpFlood, 20.0).within([1.2, 0.6, 0.3]),
    rising(Vector::OpenReflector, TrafficModel::DnsAnyAnswered, 100.0),
    // Ten replies to each request.
    rising(Vector::OpenReflector, TrafficModel::MonlistAnswered, 1.0).with("monlist", |_| {}),
    // Five packets in a tick.
    rising(Vector::SpoofedSource, TrafficModel::UdpFlood, 50.0).with("", |part| {
        part.params.direction = Some(Direction::Outbound);
        (part.params.source_network, part.params.sources) = ("0.0.0.0/0".parse().ok(), Some(0));
    }),
    // Twice the limit of a host.
    rising(Vector::UdpFlood, TrafficModel::CarpetBombing, 2000.0)
        .with("carpet bombing", |_| {})
        .within([1.0, 0.4, 0.4]),
    rising(Vector::SynFlood, TrafficModel::SynFlood, 600.0)
        .with("carpet bombing", |part| {
            part.params.target = "203.0.113.0/24".parse().ok();
        })
        .within([1.0, 0.4, 0.3]),
    rising(Vector::HttpFlood, TrafficModel::HttpFlood, 300.0).within([1.0, 0.4, 0.3]),
    rising(Vector::HttpFlood, TrafficModel::HttpFloodPaths, 300.0).with("made-up paths", |_| {}),
    rising(Vector::TlsHandshakeFlood, TrafficModel::TlsFlood, 300.0).within([1.2, 0.8, 0.5]),
    rising(Vector::DnsQueryFlood, TrafficModel::DnsQueryFlood, 1000.0),
    rising(Vector::DnsWaterTorture, TrafficModel::DnsWaterTorture, 100.0).within([1.0, 0.5, 0.2]),
    rising(Vector::ConnectionFlood, TrafficModel::ConnectionFlood, 200.0).within([1.2, 0.8, 0.6]),
    // A hundred connections within ten seconds, counted once a second.
    rising(Vector::SlowHttp, TrafficModel::SlowHttp, 10.0).within([8.0, 4.5, 1.6]),
    rising(Vector::SlowHttp, TrafficModel::SlowHttpPost, 10.0).with("bodies", |_| {}).within([8.0, 4.5, 1.6]),
];

/// What is told by a count: the rate at which it goes on, and the seconds until it is told.
const COUNTED: &[(Vector, TrafficModel, f64, f64)] = &[
    (Vector::PortScan, TrafficModel::PortScan, 100.0, 1.0),
    (Vector::HostSweep, TrafficModel::HostSweep, 100.0, 1.0),
    (Vector::ArpScan, TrafficModel::ArpScan, 100.0, 1.5),
    (Vector::BruteForce, TrafficModel::BruteForce, 10.0, 5.0),
    (Vector::Backscatter, TrafficModel::Backscatter, 40.0, 3.0),
    (Vector::MacNotAllowed, TrafficModel::ForeignMac, 10.0, 0.3),
];

/// Every service that reflects and amplifies, at the limit of its kind.
fn amplifications() -> impl Iterator<Item = Rising> {
    AMPLIFIERS.iter().map(|row| {
        let model = TrafficModel::from_name(row.vector.name()).expect("a model for every service");
        Rising { works: true, ..rising(row.vector, model, if row.unambiguous { 50.0 } else { 100.0 }) }
    })
}

/// Seconds from onset to alarm of one play.
fn delay(rising: &Rising, onset: f64, times: f64, lasts: f64) -> Result<f64, String> {
    let written = match rising.vector {
        // First fragments are UDP, too, and would be told before the others.
        Vector::FragmentFlood => "[detect.udp_flood]\nenabled = false",
        Vector::MacNotAllowed => "[[interface]]\nname = \"*\"\nallowed_macs = [\"02:00:cb:00:71:18\"]",
        _ => "",
    };
    let mut config = Config::parse(written, "config").map_err(|errors| errors.to_string())?;
    config.networks = NETWORKS.iter().map(|network| network.parse().expect("a network")).collect();
    // Something must go on before, as it does in life.
    let mut calm = Part::new(TrafficModel::WebServer, 0.0, onset + lasts);
    calm.params.rate = Some(5.0);
    let mut work = calm.clone();
    work.params.target = "203.0.113.7/32".parse().ok().filter(|_| rising.works);
    let scenario = Scenario::new(7, vec![rising.part(onset, onset + lasts, times), calm, work]);
    let incidents = play(&config, &[], scenario.source());
    match &incidents[..] {
        [incident] if incident.vectors == [rising.vector] => {
            Ok(incident.opened_at.seconds_since(scenario.start) - onset)
        }
        others => {
            let lines: Vec<String> = others.iter().map(|incident| line(incident, scenario.start)).collect();
            Err(format!("from {onset} s: {} incidents {lines:#?}", incidents.len()))
        }
    }
}

/// Seconds from onset to alarm, at worst over where in a tick the onset falls.
fn worst_delay(rising: &Rising, times: f64, most: f64) -> Result<f64, String> {
    PHASES.iter().try_fold(0.0, |worst: f64, phase| {
        let delay = delay(rising, 1.0 + phase, times, (most * 1.2).max(1.5))?;
        Ok(worst.max(delay))
    })
}

#[test]
fn attacks_are_found_within_their_time() {
    let rows: Vec<Rising> = FLOODS.iter().chain(OTHERS).copied().chain(amplifications()).collect();
    let runs: Vec<(Rising, f64, f64)> =
        rows.iter().flat_map(|row| TIMES.iter().zip(row.most).map(|(&times, most)| (*row, times, most))).collect();
    let delays = on_all_cores(&runs, |(rising, times, most)| worst_delay(rising, *times, *most));
    let mut wrong = Vec::new();
    // Vectors by their delays, the worst of each.
    let mut worst: BTreeMap<String, [f64; 3]> = BTreeMap::new();
    for (index, ((rising, times, most), delay)) in runs.iter().zip(delays).enumerate() {
        let name = rising.model.name();
        match delay {
            Ok(delay) => {
                println!("{name} at {times} times its limit: {delay:.3} s");
                let entry = &mut worst.entry(rising.name()).or_default()[index % 3];
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
        // A tenth more or less is the tick's.
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
fn what_is_counted_is_told_soon() {
    println!("| vector | at | told after |\n|---|---|---|");
    let results = on_all_cores(COUNTED, |&(vector, model, rate, most)| {
        let rising = rising(vector, model, rate);
        let worst = worst_delay(&rising, 1.0, most)?;
        println!("| {vector} | {rate}/s | {worst:.1} s |");
        if worst <= most + 1e-6 { Ok(()) } else { Err(format!("{vector}: {worst:.3} s, not {most} s")) }
    });
    let wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn everything_with_a_rate_is_measured() {
    let mut measured: BTreeSet<Vector> = FLOODS.iter().chain(OTHERS).map(|rising| rising.vector).collect();
    measured.extend(amplifications().map(|rising| rising.vector));
    measured.extend(COUNTED.iter().map(|(vector, ..)| *vector));
    // One event is enough for the others of layer 2; what sensors tell comes from no packet.
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
fn pulses_of_a_fifth_of_a_second_are_one_incident_wherever_they_fall() {
    let runs: Vec<(&Rising, f64)> = FLOODS.iter().flat_map(|rising| [0.0, 0.05].map(|phase| (rising, phase))).collect();
    let results = on_all_cores(&runs, |(rising, phase)| {
        let mut part = rising.part(1.0 + phase, 16.0, 10.0);
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
                Err(format!("{} at {phase}: {lines:#?}", rising.model.name()))
            }
        }
    });
    let wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
