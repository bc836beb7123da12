use super::plan::{Action, Attack, Background, Language, MIN_SAMPLES, plan};
use super::shape::{Kind, Match};
use super::suggestions::{KINDS, Rules};
use super::{BackgroundSample, Mitigation};
use crate::base::{Addr, Direction, Mac, Vector};
use crate::detect::Target;
use crate::meter::Sample;
use crate::packet::{Class, tcp};
use proptest::prelude::*;

const TARGET: &str = "203.0.113.7";

fn address(text: &str) -> Addr {
    text.parse().unwrap()
}

/// A sample of weight 1.
fn sample(peer: u32, class: Class, ports: (u16, u16), length: u16) -> Sample {
    let (protocol, flags) = match class {
        Class::TcpSyn => (6, tcp::SYN),
        Class::TcpAck | Class::TcpData => (6, tcp::ACK),
        Class::Udp => (17, 0),
        _ => (1, 0),
    };
    Sample {
        peer: Addr::from_v4_bits(peer),
        source_port: ports.0,
        destination_port: ports.1,
        weight: 1,
        class: class as u8,
        protocol,
        flags,
        ttl: 57,
        length,
        ..Sample::default()
    }
}

fn ntp() -> Vec<Sample> {
    (0..100).map(|n| sample(0x0a00_0000 + n, Class::Udp, (123, 40_000 + n as u16), 468)).collect()
}

fn web() -> Vec<Sample> {
    let packet = |n: u32| match n % 4 {
        0 => sample(n, Class::TcpSyn, (30_000 + n as u16, 443), 60),
        1 => sample(n, Class::Udp, (53, 50_000), 120),
        _ => sample(n, Class::TcpData, (30_000 + n as u16, 443), 52 + n as u16 * 7),
    };
    (0..100).map(packet).collect()
}

fn attack(vector: Vector, samples: &[Sample]) -> Attack {
    Attack { vector, samples: samples.to_vec(), packets_per_second: 5000.0, list_peers: false }
}

fn write(target: &Target, direction: Direction, attacks: &[Attack], background: Vec<Sample>) -> Vec<Mitigation> {
    let background = BackgroundSample { samples: background, packets_per_second: 100.0 };
    let suggestions = Rules::new(target, direction, attacks, &background);
    KINDS.iter().map(|kind| suggestions.of_kind(kind, "20260101T000005Z-9cfc2aa2")).collect()
}

#[test]
fn an_amplification_is_matched_by_its_port_in_every_format() {
    let samples = ntp();
    let attacks = [attack(Vector::NtpAmplification, &samples)];
    let found = write(&Target::Host(address(TARGET)), Direction::Inbound, &attacks, web());
    assert_eq!(found.iter().map(|one| one.kind).collect::<Vec<_>>(), KINDS);
    for one in &found[..4] {
        assert_eq!((one.matches_attack, one.collateral), (Some(1.0), Some(0.0)), "{one:?}");
        assert!(one.refused.is_none() && one.text.contains("123") && one.text.contains(TARGET));
    }
    assert_eq!(
        found[1].text.trim(),
        "ip dst host 203.0.113.7 and ip proto 17 and ip[6:2] & 0x1fff = 0 and udp src port 123 and ip[2:2] = 468"
    );
    assert_eq!(
        found[2].text.trim(),
        "announce flow route { match { destination 203.0.113.7/32; protocol =17; source-port =123; packet-length =468; } then { discard; } }"
    );
    assert_eq!(
        found[3].text.trim(),
        "gobgp global rib add -a ipv4-flowspec match destination 203.0.113.7/32 protocol '==17' source-port '==123' packet-length '==468' then discard"
    );
    // The last resort is written, and not recommended.
    assert!(
        found[4].text.contains("65535:666") && found[4].refused.as_ref().is_some_and(|why| why.contains("unreachable"))
    );
}

#[test]
fn attacks_that_resemble_background_traffic_are_limited_or_have_no_rule() {
    let background = web();
    let like: Vec<Sample> = background.iter().filter(|sample| sample.class == Class::TcpSyn as u8).copied().collect();
    let plan = plan(&[attack(Vector::SynFlood, &like)], &Background::new(&background, 100.0), Language::FILTER);
    assert!(plan.collateral.is_some_and(|share| share > 0.2), "{plan:?}");
    assert!(
        plan.rules.iter().all(|rule| matches!(rule.action, Action::Limit { packets_per_second: 50, .. })),
        "{plan:?}"
    );

    let all: Vec<Sample> =
        background.iter().map(|sample| Sample { class: Class::Udp as u8, protocol: 17, ..*sample }).collect();
    let refused = super::plan::plan(&[attack(Vector::UdpFlood, &all)], &Background::new(&all, 100.0), Language::FILTER);
    assert!(refused.rules.is_empty() && refused.notes[0].contains("of background traffic"), "{refused:?}");
}

#[test]
fn few_samples_give_no_rule_and_spoofed_sources_are_not_listed() {
    let few = &ntp()[..MIN_SAMPLES - 1];
    let refused = plan(&[attack(Vector::NtpAmplification, few)], &Background::new(&[], 0.0), Language::FILTER);
    assert!(refused.rules.is_empty() && refused.notes[0].contains("too few"));

    let one: Vec<Sample> = (0..50).map(|n| sample(9, Class::Udp, (1000 + n, 2000 + n), 100 + n)).collect();
    let listed = |list_peers| {
        let attack = Attack { list_peers, ..attack(Vector::UdpFlood, &one) };
        plan(&[attack], &Background::new(&web(), 100.0), Language::FILTER).rules[0].what.peers.len()
    };
    assert_eq!((listed(true), listed(false)), (1, 0));
}

#[test]
fn stations_and_sensors() {
    let mac: Mac = "52:54:00:de:ad:01".parse().unwrap();
    let station = Target::Station { mac, interface: "eno1".to_owned() };
    let found = write(&station, Direction::Internal, &[attack(Vector::MacNotAllowed, &[])], Vec::new());
    assert!(found[0].text.contains("ether saddr 52:54:00:de:ad:01 counter drop"), "{}", found[0].text);
    assert_eq!(found[1].text, "ether src 52:54:00:de:ad:01\n");
    assert!(found[2..].iter().all(|one| one.refused.is_some() && one.text.is_empty()));

    let sensor = Target::Sensor { what: "firewall".to_owned() };
    let found = write(&sensor, Direction::Internal, &[attack(Vector::PostureFailed, &[])], Vec::new());
    assert!(found.iter().all(|one| one.refused.is_some() && one.text.is_empty()));
    let everyone = Target::Prefix("0.0.0.0/0".parse().unwrap());
    let samples = ntp();
    let found = write(&everyone, Direction::Inbound, &[attack(Vector::NtpAmplification, &samples)], web());
    assert!(found.iter().all(|one| one.refused.is_some() && one.text.is_empty()));
}

#[test]
fn outbound_rules_match_our_host_as_source() {
    let samples: Vec<Sample> = (0..50).map(|n| sample(7, Class::Udp, (1000 + n, 53), 60)).collect();
    let attack = Attack { list_peers: true, ..attack(Vector::UdpFlood, &samples) };
    let found = write(&Target::Host(address("2001:db8::7")), Direction::Outbound, &[attack], Vec::new());
    assert!(found[0].text.contains("ip6 saddr 2001:db8::7") && found[0].text.contains("chain output"));
    assert!(found[1].text.starts_with("ip6 src host 2001:db8::7 and"), "{}", found[1].text);
    assert!(found[4].text.is_empty() && found[4].refused.is_some());
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let (a, b) = ((0..4u128, 0..30u8, any::<bool>()), (any::<u8>(), any::<u8>(), any::<u8>(), 0..2000u16));
    (a, b, (0..3u16, any::<u16>()), 0..9u32).prop_map(
        |((peer, class, v6), (protocol, flags, ttl, length), ports, weight)| {
            let peer = if v6 { Addr::from_v6_bits(peer << 64) } else { Addr::from_v4_bits(peer as u32) };
            Sample {
                peer,
                source_port: ports.0,
                destination_port: ports.1,
                weight,
                class,
                protocol,
                flags,
                ttl,
                length,
                ..Sample::default()
            }
        },
    )
}

proptest! {
    /// For any samples: every rule contains the target, no rule matches all addresses, and the text has only the
    /// characters of filters.
    #[test]
    fn no_samples_make_a_rule_without_the_target(
        attack in prop::collection::vec(any_sample(), 0..80),
        background in prop::collection::vec(any_sample(), 0..80),
        (outbound, list_peers, v6) in any::<(bool, bool, bool)>(),
    ) {
        let target = if v6 { "2001:db8:10::7" } else { TARGET };
        let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
        let attacks = [Attack { vector: Vector::UdpFlood, samples: attack, packets_per_second: 1e6, list_peers }];
        for one in write(&Target::Host(address(target)), direction, &attacks, background) {
            prop_assert!(one.refused.is_some() || !one.text.is_empty());
            prop_assert!(one.kind == "blackhole" || one.refused.is_none() || one.text.is_empty());
            prop_assert!(!one.text.contains("0.0.0.0/0") && !one.text.contains(" ::/0"), "{}", one.text);
            prop_assert!(one.text.bytes().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n')), "{}", one.text);
            prop_assert!(!one.text.bytes().any(|byte| matches!(byte, b'`' | b'$' | b'\\')), "{}", one.text);
            let marks = ["counter", "announce", "gobgp", "ip dst", "ip src", "ip6 dst", "ip6 src"];
            for line in one.text.lines().filter(|line| !line.starts_with('#')) {
                if marks.iter().any(|mark| line.contains(mark)) {
                    let terms = if one.kind == "bpf" { line.split(") or (ip").collect() } else { vec![line] };
                    prop_assert!(terms.iter().all(|term| term.contains(target)), "{line}");
                }
            }
            for share in [one.matches_attack, one.collateral].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }
    }

    /// A sample matches its own kind.
    #[test]
    fn kinds_match_their_samples(sample in any_sample().prop_map(consistent)) {
        if let Some(kind) = Kind::from_sample(&sample) {
            prop_assert!(Match::all(kind).matches(&sample), "{kind:?} {sample:?}");
        }
    }
}

/// As the parser produces them: with the protocol and flags of the class.
fn consistent(sample: Sample) -> Sample {
    let Some(&class) = Class::ALL.get(usize::from(sample.class)) else { return sample };
    let (protocol, flags) = match class {
        Class::TcpSyn => (6, tcp::SYN),
        Class::TcpSynAck => (6, tcp::SYN | tcp::ACK),
        Class::TcpRst => (6, tcp::RST),
        Class::TcpFin => (6, tcp::FIN | sample.flags & tcp::ACK),
        Class::TcpNull => (6, 0),
        Class::TcpAck | Class::TcpData => (6, tcp::ACK | sample.flags & tcp::PSH),
        class if class.is_tcp() => (6, sample.flags),
        Class::Udp | Class::Quic => (17, 0),
        Class::IcmpEcho | Class::IcmpReply | Class::IcmpError | Class::IcmpOther => (1, 0),
        Class::Icmpv6Echo | Class::Icmpv6Reply | Class::Icmpv6Error | Class::Icmpv6Other => (58, 0),
        _ => (sample.protocol, 0),
    };
    Sample { protocol, flags, ..sample }
}
