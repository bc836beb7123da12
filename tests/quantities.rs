//! Each quantity has one definition: what a detector reports is what the baseline learns.

use pegel::base::{Addr, Direction, Networks, Timestamp, Vector};
use pegel::config::Config;
use pegel::detect::{self, DETECTORS, Quantity, Settings};
use pegel::inventory::{Inventory, Site};
use pegel::meter::{BATCH, Hasher, Meter, Tally, TickReport};
use pegel::packet::{Class, Packet};
use pegel::runtime::replay::Replay;
use pegel::traffic::{Part, Scenario, TrafficModel};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

const HOST: &str = "203.0.113.7";

fn networks() -> Arc<Networks> {
    Arc::new(Networks::new(["203.0.113.0/24".parse().expect("a network")]))
}

/// The detectors that learn, each with limits of one packet per second: whatever they count, they report.
fn touchy(site: &Arc<Site>) -> detect::Detectors {
    let settings: Vec<Settings> = DETECTORS
        .iter()
        .map(|spec| {
            let mut settings = Settings::defaults(spec.settings);
            // What a shape excuses is not learned.
            settings.set_ceiling(1e12);
            settings.enabled = spec.settings.iter().any(|setting| setting.learns.is_some());
            for setting in spec.settings.iter().filter(|setting| setting.learns.is_some()) {
                assert!(settings.set(setting.key, setting.min));
            }
            settings
        })
        .collect();
    detect::build(&settings, site)
}

/// What the baseline learns for the vectors of a detector.
fn learned_by(vector: pegel::base::Vector) -> Vec<Quantity> {
    let specs = DETECTORS.iter().filter(|spec| spec.name != "total" && spec.vectors.contains(&vector));
    specs.flat_map(|spec| spec.settings.iter().filter_map(|setting| setting.learns)).collect()
}

/// Packets of one class in one tick: to the host or from it, from many peers or from one.
#[derive(Clone, Debug)]
struct Batch {
    class: Class,
    packets: u32,
    length: u32,
    sent: bool,
    peers: u32,
}

fn batch() -> impl Strategy<Value = Batch> {
    let of_v4 = |class: &Class| !class.name().starts_with("icmpv6");
    let classes: Vec<Class> = Class::ALL[..Class::PER_HOST].iter().copied().filter(of_v4).collect();
    let peers = prop_oneof![Just(1u32), Just(30), Just(100_000)];
    let shape = (1u32..400, prop_oneof![60u32..200, 1000u32..1500], any::<bool>(), peers);
    (prop::sample::select(classes), shape).prop_map(|(class, (packets, length, sent, peers))| Batch {
        class,
        packets,
        length,
        sent,
        peers,
    })
}

fn packets(batch: &Batch, time: Timestamp, seed: u32) -> Vec<Packet> {
    let host: Addr = HOST.parse().expect("an address");
    let packet = |n: u32| {
        let number = seed.wrapping_mul(7919).wrapping_add(n);
        let peer = Addr::from_v4_bits(0x0a00_0000 | (number % batch.peers));
        let port = 1024 + (number % 50_000) as u16;
        let (source, destination) = if batch.sent { (host, peer) } else { (peer, host) };
        let (source_port, destination_port) = if batch.sent { (9000, port) } else { (port, 9000) };
        Packet {
            time,
            source,
            destination,
            source_port,
            destination_port,
            wire_len: batch.length,
            class: batch.class,
            has_ip: true,
            segments: 1,
            ..Packet::default()
        }
    };
    (0..batch.packets).map(packet).collect()
}

fn compare(ticks: &[Vec<Batch>], compared: &mut BTreeSet<Vector>) -> Result<(), TestCaseError> {
    let networks = networks();
    let site = Arc::new(Site::new(Arc::clone(&networks), Vec::new()).with_inventory(Arc::new(Inventory::default())));
    let detectors = touchy(&site);
    let sizes = Config::default();
    let mut tally = Tally::new(sizes.tally, networks, Hasher::fixed());
    let mut meter = Meter::new(sizes.meter, Hasher::fixed());
    let host: Addr = HOST.parse().expect("an address");
    for (number, batches) in ticks.iter().enumerate() {
        let tick = 10_000 + number as u64;
        for (at, batch) in batches.iter().enumerate() {
            let packets = packets(batch, Timestamp::from_tick(tick), (number * 100 + at) as u32);
            packets.chunks(BATCH).for_each(|packets| tally.record(packets));
        }
        let mut report = TickReport::default();
        tally.finish_tick(tick, &mut report);
        meter.open(tick);
        meter.absorb(&mut report);
        let end = Timestamp::from_tick(tick + 1);
        meter.close(end);
        let window = meter.window(end, &[]);
        let mut findings = Vec::new();
        detect::run(&detectors, &site, None, &window, &mut findings);
        for finding in findings.iter().filter(|finding| finding.target == detect::Target::Host(host)) {
            // A burst or ten seconds are other spans; the baseline learns seconds.
            let rate = &finding.evidence[0];
            if rate.window_seconds != 1.0 {
                continue;
            }
            // Never learned: its limit is used as it is written.
            if rate.message.contains("nearly every packet from a new source") {
                continue;
            }
            let direction = window.host(host).expect("busy").in_direction(finding.direction);
            let measured: Vec<f64> =
                learned_by(finding.vector).iter().map(|quantity| quantity.measure(&direction) as f64).collect();
            prop_assert!(
                measured.contains(&rate.value),
                "{} {}: {} is none of {measured:?}",
                finding.vector,
                finding.direction,
                rate.value
            );
            compared.insert(finding.vector);
        }
    }
    Ok(())
}

#[test]
fn a_detector_reports_what_the_baseline_learns() {
    let traffic = prop::collection::vec(prop::collection::vec(batch(), 0..6), 10..14);
    let compared = RefCell::new(BTreeSet::new());
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
    let outcome = runner.run(&traffic, |ticks| compare(&ticks, &mut compared.borrow_mut()));
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // One random host may have nothing that is learned; many have several quantities.
    assert!(compared.borrow().len() >= 3, "{compared:?}");
}

fn part(model: TrafficModel, from: f64, to: f64, change: impl FnOnce(&mut pegel::traffic::Params)) -> Part {
    let mut part = Part::new(model, from, to);
    part.params.target = Some("203.0.113.7/32".parse().expect("a network"));
    change(&mut part.params);
    part
}

/// A host that uploads and downloads in bulk for two and a half hours, a second of each minute, learns nothing of it that
/// an ACK flood could hide behind: the flood is detected at the default limit.
#[test]
fn bulk_transfers_teach_no_limit_that_hides_an_ack_flood() {
    const MINUTES: u32 = 155;
    let start = f64::from(MINUTES) * 60.0;
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bulk-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let mut config = Config::for_networks(vec!["203.0.113.0/24".parse().expect("a network")]);
    config.state_dir = directory.clone();
    let mut parts = vec![part(TrafficModel::PingMonitor, 0.0, start + 20.0, |params| params.rate = Some(2.0))];
    for minute in 0..MINUTES {
        let at = f64::from(minute) * 60.0 + 30.0;
        for model in [TrafficModel::Download, TrafficModel::Upload] {
            parts.push(part(model, at, at + 1.0, |params| params.mbit = Some(60.0)));
        }
    }
    parts.push(part(TrafficModel::AckFlood, start + 5.0, start + 10.0, |params| params.rate = Some(6000.0)));
    let mut replay = Replay::new(&config);
    replay.remember(&config).expect("an empty directory");
    let scenario = Scenario::new(1, parts);
    replay.run(&mut scenario.source(), |_, _, _| {}).expect("synthetic traffic has no errors");
    let host: Addr = HOST.parse().expect("an address");
    let baseline = replay.engine().baseline().expect("it learns");
    let at = scenario.start.plus_seconds(start);
    assert!(!baseline.is_empty(), "the host must be known");
    for direction in [Direction::Inbound, Direction::Outbound] {
        let level = baseline.level_at(host, direction, Quantity::UnmatchedAcks, at);
        assert!(level.is_none_or(|level| level < 2000.0), "{direction}: {level:?}");
    }
    replay.finish();
    let found = replay.open();
    let flood = found.iter().find(|incident| incident.vector.name() == "ack_flood");
    let flood = flood.unwrap_or_else(|| panic!("no ack_flood among {found:#?}"));
    assert_eq!(flood.evidence[0].limit, Some(2000.0), "{flood:#?}");
    assert!(flood.detected_after_seconds <= 0.5, "{}", flood.detected_after_seconds);
    std::fs::remove_dir_all(&directory).expect("removed");
}
