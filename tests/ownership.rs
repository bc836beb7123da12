//! Nobody hands a packet to a detector that refuses it: a flood of any class, from many sources or one, in either
//! direction, is reported by some detector.

use pegel::base::{Addr, Direction, Networks, Timestamp};
use pegel::config::Config;
use pegel::detect::{self, DETECTORS, Settings, Target};
use pegel::inventory::{Inventory, Site};
use pegel::meter::{BATCH, Hasher, Meter, Span, Tally, TickReport};
use pegel::packet::{Class, Packet, Service};
use std::sync::Arc;

const HOST: Addr = Addr::from_v4_bits(0xcb00_7107);
const TICKS: u64 = 20;
const PER_TICK: u32 = 20_000;

/// Protocol numbers of the classes.
fn protocol(class: Class) -> u8 {
    match class {
        class if class.is_tcp() => 6,
        Class::Udp | Class::Quic | Class::Fragment => 17,
        Class::Gre => 47,
        Class::IpTunnel => 4,
        Class::IpOther => 132,
        class if class.name().starts_with("icmpv6") => 58,
        _ => 1,
    }
}

/// What a detector reports of a flood of one class.
fn reported(class: Class, sources: u32, outbound: bool, service: Option<Service>) -> Vec<String> {
    let networks = Arc::new(Networks::new(["203.0.113.0/24".parse().expect("a network")]));
    let site = Arc::new(Site::new(Arc::clone(&networks), Vec::new()).with_inventory(Arc::new(Inventory::default())));
    let settings: Vec<Settings> = DETECTORS.iter().map(|spec| Settings::defaults(spec.settings)).collect();
    let detectors = detect::build(&settings, &site);
    let sizes = Config::default();
    let mut tally = Tally::new(sizes.tally, networks, Hasher::fixed());
    let mut meter = Meter::new(sizes.meter, Hasher::fixed());
    let mut names = Vec::new();
    for tick in 10_000..10_000 + TICKS {
        let packet = |n: u32| {
            let number = (tick as u32).wrapping_mul(PER_TICK).wrapping_add(n);
            let peer = Addr::from_v4_bits(0x0a00_0000 | (number.wrapping_mul(2_654_435_761) % sources));
            let port = 1024 + (number.wrapping_mul(40_503) >> 8) as u16 % 60_000;
            let (source, destination) = match class {
                Class::Land => (HOST, HOST),
                _ if outbound => (HOST, peer),
                _ => (peer, HOST),
            };
            let ports = if matches!(protocol(class), 6 | 17) && class != Class::Fragment { (port, 9) } else { (0, 0) };
            Packet {
                time: Timestamp::from_tick(tick),
                source,
                destination,
                source_port: if service.is_some() { 53 } else { ports.0 },
                destination_port: if class == Class::Quic { 443 } else { ports.1 },
                wire_len: 200,
                class,
                protocol: protocol(class),
                reply_of: service,
                has_ip: true,
                segments: 1,
                ..Packet::default()
            }
        };
        let packets: Vec<Packet> = (0..PER_TICK).map(packet).collect();
        packets.chunks(BATCH).for_each(|batch| tally.record(batch));
        let mut report = TickReport::default();
        tally.finish_tick(tick, &mut report);
        meter.open(tick);
        meter.absorb(&mut report);
        let end = Timestamp::from_tick(tick + 1);
        meter.close(end);
        let window = meter.window(end, &[]);
        let mut findings = Vec::new();
        detect::run(&detectors, &site, None, &window, &mut findings);
        names.extend(findings.iter().filter(|f| f.target == Target::Host(HOST)).map(|f| f.vector.to_string()));
        // Every packet has exactly one verdict.
        let host = window.host(HOST).expect("a busy host");
        let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
        let forward = host.in_direction(direction).forward(Span::Tick);
        let mut verdicts = forward.verdicts(&[class]);
        verdicts.merge(&forward.amplifier_replies());
        let judged = verdicts.unsolicited_at_first() + verdicts.unknown + verdicts.steady;
        assert!(judged <= u64::from(PER_TICK), "{} packets with a verdict", judged);
        assert!(
            judged >= u64::from(PER_TICK) - 2,
            "{}: {judged} of {PER_TICK} have a verdict other than solicited",
            class.name()
        );
    }
    names
}

#[test]
fn a_flood_of_any_class_is_reported() {
    for &class in &Class::ALL[..Class::PER_HOST] {
        // Counted as received by its source: smurf's own test.
        if class == Class::IcmpEchoGroup {
            continue;
        }
        for sources in [1 << 22, 20, 1] {
            for outbound in [false, true] {
                // Few senders of other protocols, and one flow of UDP, look like tunnels and streams: the limits are
                // higher there, but not beyond this flood of 200,000 packets a second.
                let names = reported(class, sources, outbound, None);
                // Outbound floods have few victims; packets to ever new hosts are a sweep, an information.
                let many = outbound && sources > 20;
                assert!(
                    !names.is_empty() || many || class == Class::Land && outbound,
                    "{} from {sources} outbound {outbound}: nobody reports it",
                    class.name()
                );
            }
        }
    }
}

#[test]
fn small_replies_of_few_amplifiers_are_a_udp_flood() {
    let dns = Service::of_port(53);
    for sources in [1 << 22, 20, 3] {
        assert!(!reported(Class::Udp, sources, false, dns).is_empty(), "{sources} reflectors: nobody reports it");
    }
}
