//! The generator as its users see it: every model in a scenario.

use super::*;
use crate::base::{Addr, Timestamp};
use crate::capture::{Frame, FrameDirection, FrameSink, PacketSource, Poll};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use std::collections::HashSet;

fn play(scenario: &Scenario, mut inspect: impl FnMut(Frame<'_>)) {
    let mut source = scenario.source();
    while let Some(frame) = source.next_frame() {
        inspect(frame);
    }
}

fn bytes(scenario: &Scenario) -> Vec<u8> {
    let mut out = Vec::new();
    write_pcap(&mut scenario.source(), &mut out).expect("writing to a Vec cannot fail");
    out
}

/// Every model in its own span of a second, at a modest rate.
fn everything(seed: u64) -> Scenario {
    let parts = MODELS.iter().enumerate().map(|(index, spec)| {
        let from = index as f64 * 2.0;
        let mut part = Part::new(spec.model, from, from + 1.0);
        part.params.mbit = Some(5.0);
        part.params.rate =
            Some(if matches!(spec.model, TrafficModel::Browser | TrafficModel::FlashCrowd) { 2.0 } else { 30.0 });
        part
    });
    Scenario::new(seed, parts.collect())
}

fn assert_checksums(frame: &[u8]) {
    let packet = SlicedPacket::from_ethernet(frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
    let fragment = packet.net.as_ref().is_some_and(|net| match net {
        NetSlice::Ipv4(ip) => ip.payload().fragmented,
        NetSlice::Ipv6(ip) => ip.payload().fragmented,
        NetSlice::Arp(_) => false,
    });
    if let Some(NetSlice::Ipv4(ip)) = &packet.net {
        let header = ip.header().to_header();
        assert_eq!(header.header_checksum, header.calc_header_checksum());
    }
    let Some(transport) = packet.transport.filter(|_| !fragment) else { return };
    let ip4 = |net: &NetSlice<'_>| match net {
        NetSlice::Ipv4(ip) => Some((ip.header().source(), ip.header().destination())),
        _ => None,
    };
    let ip6 = |net: &NetSlice<'_>| match net {
        NetSlice::Ipv6(ip) => Some((ip.header().source(), ip.header().destination())),
        _ => None,
    };
    let net = packet.net.as_ref().expect("a transport has a network");
    let (carried, right) = match (&transport, ip4(net), ip6(net)) {
        (TransportSlice::Tcp(tcp), Some((a, b)), _) => {
            (tcp.checksum(), tcp.to_header().calc_checksum_ipv4_raw(a, b, tcp.payload()).ok())
        }
        (TransportSlice::Tcp(tcp), _, Some((a, b))) => {
            (tcp.checksum(), tcp.to_header().calc_checksum_ipv6_raw(a, b, tcp.payload()).ok())
        }
        (TransportSlice::Udp(udp), Some((a, b)), _) => {
            (udp.checksum(), udp.to_header().calc_checksum_ipv4_raw(a, b, udp.payload()).ok())
        }
        (TransportSlice::Udp(udp), _, Some((a, b))) => {
            (udp.checksum(), udp.to_header().calc_checksum_ipv6_raw(a, b, udp.payload()).ok())
        }
        (TransportSlice::Icmpv4(icmp), ..) => (icmp.checksum(), Some(icmp.icmp_type().calc_checksum(icmp.payload()))),
        (TransportSlice::Icmpv6(icmp), _, Some((a, b))) => {
            (icmp.checksum(), icmp.icmp_type().calc_checksum(a, b, icmp.payload()).ok())
        }
        (TransportSlice::Igmp(igmp), ..) => {
            assert_eq!(checksum::fold(checksum::sum(igmp.slice())), 0xffff);
            return;
        }
        other => panic!("unexpected transport: {other:?}"),
    };
    assert_eq!(Some(carried), right, "{transport:?}");
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    let one = bytes(&everything(7));
    assert!(one == bytes(&everything(7)));
    assert!(one != bytes(&everything(8)));
}

#[test]
fn every_model_makes_valid_frames_within_its_span() {
    let scenario = everything(3);
    for (part, spec) in scenario.parts.iter().zip(MODELS) {
        let mut count = 0;
        let mut last = scenario.start.plus_seconds(part.from_seconds);
        let end = scenario.start.plus_seconds(part.to_seconds);
        play(&Scenario { parts: vec![part.clone()], ..scenario.clone() }, |frame| {
            assert!(frame.time >= last && frame.time < end, "{}: {}", spec.name, frame.time);
            last = frame.time;
            assert!(frame.data.len() <= 1514 && frame.data.len() == frame.wire_len as usize, "{}", spec.name);
            assert!(frame.direction != FrameDirection::Ingress || frame.data.len() >= 60, "{}", spec.name);
            assert_checksums(frame.data);
            count += 1;
        });
        assert!(count > 0, "{}", spec.name);
    }
}

#[test]
fn every_model_supports_outbound_and_ipv6() {
    for spec in MODELS {
        for v6 in [false, true] {
            let mut part = Part::new(spec.model, 0.0, 0.3);
            part.params.direction = Some(crate::base::Direction::Outbound);
            part.params.mbit = Some(5.0);
            part.params.rate = Some(50.0);
            part.params.source_network = v6.then(|| "2001:db8:10::/64".parse().expect("a network"));
            play(&Scenario::new(1, vec![part]), |frame| assert_checksums(frame.data));
        }
    }
}

#[test]
fn rates_are_kept() {
    // Models whose responses and connections add frames to the rate.
    let alone = |name: &str| {
        ![
            "_answered",
            "_challenged",
            "_tcp",
            "forged",
            "advancing",
            "http",
            "tls_",
            "connection",
            "torture",
            "brute_force",
        ]
        .iter()
        .any(|part| name.contains(part))
    };
    for spec in MODELS.iter().filter(|spec| spec.attack && !spec.ignores_rate() && alone(spec.name)) {
        let mut part = Part::new(spec.model, 1.0, 3.0);
        part.params.rate = Some(2_000.0);
        part.params.payload = Some(400);
        let mut count = 0i64;
        play(&Scenario::new(1, vec![part]), |_| count += 1);
        assert!((count - 4_000).abs() <= 80, "{}: {count}", spec.name);
    }
}

#[test]
fn parts_merge_in_order_of_time() {
    let mut scenario = everything(1);
    for part in &mut scenario.parts {
        (part.from_seconds, part.to_seconds) = (0.0, 0.5);
    }
    let mut last = Timestamp::ZERO;
    play(&scenario, |frame| {
        assert!(frame.time >= last);
        last = frame.time;
    });
}

#[test]
fn the_number_of_sources_is_exact() {
    let mut part = Part::new(TrafficModel::SynFlood, 0.0, 2.0);
    part.params.rate = Some(10_000.0);
    part.params.sources = Some(300);
    part.params.source_network = "198.18.0.0/15".parse().ok();
    let mut sources = HashSet::new();
    play(&Scenario::new(5, vec![part]), |frame| {
        assert_eq!((frame.data.len(), frame.direction), (60, FrameDirection::Ingress));
        assert_eq!(frame.data[30..34], [203, 0, 113, 7]);
        assert_eq!(frame.data[..12], [2, 0, 203, 0, 113, 7, 2, 0, 0, 0, 0, 1]);
        sources.insert(Addr::from_v4_bits(u32::from_be_bytes([
            frame.data[26],
            frame.data[27],
            frame.data[28],
            frame.data[29],
        ])));
    });
    assert_eq!(sources.len(), 300);
}

#[test]
fn outbound_floods_leave_from_one_mac() {
    for network in ["203.0.113.66/32", "0.0.0.0/0"] {
        let mut part = Part::new(TrafficModel::SynFlood, 0.0, 1.0);
        part.params.direction = Some(crate::base::Direction::Outbound);
        part.params.source_network = network.parse().ok();
        part.params.sources = Some(0);
        play(&Scenario::new(5, vec![part]), |frame| {
            assert_eq!((frame.data.len(), frame.direction), (54, FrameDirection::Egress));
            assert_eq!(frame.data[..12], [2, 0, 0, 0, 0, 1, 2, 0, 203, 0, 113, 66]);
            assert_eq!(frame.data[30..34], [198, 51, 100, 7]);
        });
    }
}

#[test]
fn bridged_frames_are_captured_on_all_ports() {
    let mut part = Part::new(TrafficModel::SegmentLife, 0.0, 1.0);
    part.params.capture_point = CapturePoint { interface: 1, vlan: None, seen_as: SeenAs::Port };
    (part.params.sources, part.params.bridged) = (Some(1), vec![0, 2]);
    let mut seen = Vec::new();
    play(&Scenario::new(1, vec![part]), |frame| seen.push((frame.interface, frame.direction, frame.data.to_vec())));
    let (entered, left) = (FrameDirection::Ingress, FrameDirection::Egress);
    // The broadcast request for the gateway, and the reply, which entered by the uplink.
    let seen_on: Vec<_> = seen.iter().map(|(interface, direction, _)| (*interface, *direction)).collect();
    assert_eq!(seen_on[..5], [(1, entered), (0, left), (2, left), (1, left), (0, entered)]);
    assert!(seen[0].2 == seen[1].2 && seen[1].2 == seen[2].2 && seen[3].2 == seen[4].2);
}

#[test]
fn polls_end() {
    struct Count(usize);
    impl FrameSink for Count {
        fn frame(&mut self, _frame: Frame<'_>) {
            self.0 += 1;
        }
    }
    let mut part = Part::new(TrafficModel::UdpFlood, 0.0, 1.0);
    part.params.rate = Some(1_500.0);
    let mut source = Scenario::new(1, vec![part]).source();
    let mut sink = Count(0);
    let found: Vec<_> = (0..3).map(|_| source.poll(&mut sink).ok()).collect();
    assert_eq!(found, [Some(Poll::Delivered), Some(Poll::End), Some(Poll::End)]);
    assert_eq!((sink.0, source.stats().received), (1_500, 1_500));
}
