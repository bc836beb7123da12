//! The frames of each model of a segment.

use super::super::{Part, Scenario, SeenAs, TrafficModel};
use crate::capture::FrameDirection;
use std::collections::{HashMap, HashSet};

/// A captured frame.
struct Seen {
    seconds: f64,
    data: Vec<u8>,
    direction: FrameDirection,
    interface: u16,
}

impl Seen {
    /// Operation, sender MAC address, last octets of sender and target address of an ARP message.
    fn arp(&self) -> Option<(u8, [u8; 6], u8, u8)> {
        (self.data[12..14] == [8, 6]).then(|| (self.data[21], self.claimant(), self.data[31], self.data[41]))
    }

    fn claimant(&self) -> [u8; 6] {
        self.data[22..28].try_into().expect("six octets")
    }

    fn sender(&self) -> [u8; 6] {
        self.data[6..12].try_into().expect("six octets")
    }

    fn to_group(&self) -> bool {
        self.data[0] & 1 == 1
    }

    /// Type and flags of an ICMPv6 message without extension headers.
    fn icmpv6(&self) -> Option<(u8, u8)> {
        (self.data[12..14] == [0x86, 0xdd] && self.data[20] == 58).then(|| (self.data[54], self.data[58]))
    }

    /// Type of a DHCP message.
    fn dhcp(&self) -> Option<u8> {
        let ports = self.data[12..14] == [8, 0] && self.data[23] == 17 && matches!(self.data[37], 67 | 68);
        (ports && self.data[34] == 0).then(|| self.data[284])
    }
}

fn play(model: TrafficModel, seconds: f64, change: impl FnOnce(&mut Part)) -> Vec<Seen> {
    let mut part = Part::new(model, 0.0, seconds);
    change(&mut part);
    let scenario = Scenario::new(3, vec![part]);
    let mut source = scenario.source();
    let mut seen = Vec::new();
    while let Some(frame) = source.next_frame() {
        seen.push(Seen {
            seconds: frame.time.seconds_since(scenario.start),
            data: frame.data.to_vec(),
            direction: frame.direction,
            interface: frame.interface,
        });
    }
    seen
}

const ATTACKER: [u8; 6] = [0x52, 0x54, 0, 0, 0, 0x66];
const GATEWAY: [u8; 6] = [2, 0, 0, 0, 0, 1];
const VICTIM: [u8; 6] = [2, 0, 203, 0, 113, 7];

#[test]
fn spoofers_claim_the_gateway() {
    let forged = |seen: &[Seen]| {
        let claims = seen.iter().filter_map(Seen::arp).filter(|arp| (arp.0, arp.1, arp.2) == (2, ATTACKER, 1));
        claims.count()
    };
    assert_eq!(forged(&play(TrafficModel::ArpSpoof, 10.0, |_| {})), 10);
    assert_eq!(forged(&play(TrafficModel::ArpSpoofGratuitous, 10.0, |_| {})), 5);
    let once = play(TrafficModel::ArpSpoofOneWay, 10.0, |_| {});
    assert_eq!((once.len(), forged(&once), &once[0].data[..6]), (1, 1, &VICTIM[..]));
    assert_eq!(forged(&play(TrafficModel::SegmentLife, 30.0, |_| {})), 0);

    let advertised = play(TrafficModel::NdSpoof, 5.0, |_| {});
    let unsolicited = |seen: &&Seen| seen.sender() == ATTACKER && seen.to_group() && seen.icmpv6() == Some((136, 0xa0));
    assert_eq!(advertised.iter().filter(unsolicited).count(), 5);
}

#[test]
fn owners_refresh_one_cache_and_forgers_ask_with_the_address_of_another() {
    let to_peer =
        |seen: &&Seen| !seen.to_group() && seen.arp().is_some_and(|arp| (arp.0, arp.1, arp.2) == (2, VICTIM, 7));
    for (model, target) in [(TrafficModel::ArpRefresh, 201), (TrafficModel::ArpRefreshGratuitous, 7)] {
        let seen = play(model, 10.0, |_| {});
        let first = seen.iter().find(|seen| seen.sender() == VICTIM).expect("the owner sends");
        assert!(to_peer(&first), "nothing before the refresh");
        assert!(seen.iter().filter(to_peer).all(|seen| seen.data[41] == target));
    }
    let seen = play(TrafficModel::ArpRequestsForged, 10.0, |_| {});
    let forged = |seen: &&Seen| seen.arp().is_some_and(|arp| (arp.0, arp.1) == (1, ATTACKER) && arp.2 != 66);
    assert!(seen.iter().filter(forged).all(|seen| !seen.to_group()));
    assert_eq!(seen.iter().filter(forged).count(), 18);
}

#[test]
fn a_slow_flood_of_stations_has_no_group_addresses() {
    let seen = play(TrafficModel::MacFloodStations, 5.0, |part| part.params.rate = Some(100.0));
    let senders: HashSet<[u8; 6]> = seen.iter().map(Seen::sender).collect();
    assert!(senders.len() == seen.len() && senders.iter().all(|sender| sender[0] & 1 == 0));
}

#[test]
fn macs_and_addresses_follow_the_parameters() {
    let seen = play(TrafficModel::ArpSpoofOneWay, 1.0, |part| {
        part.params.source_mac = "52:54:00:aa:00:01".parse().ok();
        part.params.target = "203.0.113.9/32".parse().ok();
    });
    assert_eq!((seen[0].sender(), &seen[0].data[38..42]), ([0x52, 0x54, 0, 0xaa, 0, 1], &[203, 0, 113, 9][..]));
}

#[test]
fn models_place_the_gateway() {
    let answers = |seen: &[Seen]| -> HashSet<[u8; 6]> {
        seen.iter().filter_map(Seen::arp).filter(|arp| arp.0 == 2 && arp.2 == 1).map(|arp| arp.1).collect()
    };
    assert_eq!(answers(&play(TrafficModel::SegmentLife, 30.0, |_| {})), HashSet::from([GATEWAY]));
    assert_eq!(answers(&play(TrafficModel::GatewayChange, 30.0, |_| {})), HashSet::from([[2, 0, 0, 0, 0, 2]]));
    let silent = play(TrafficModel::GatewaySilent, 10.0, |_| {});
    assert_eq!((answers(&silent).len(), silent.len()), (0, 50));
    let silent = play(TrafficModel::GatewaySilentV6, 10.0, |_| {});
    assert!(silent.iter().all(|seen| matches!(seen.icmpv6(), Some((133..=135, _)))));
    assert_eq!(silent.iter().filter(|seen| seen.sender() == GATEWAY).count(), 1);
    let quiet = play(TrafficModel::QuietNight, 60.0, |_| {});
    assert!(quiet.iter().all(|seen| seen.seconds < 3.0 || (seen.arp().is_none() && seen.icmpv6().is_none())));
}

#[test]
fn a_virtual_mac_moves_to_the_next_interface() {
    let seen = play(TrafficModel::VrrpFailover, 20.0, |part| part.params.capture_point.interface = 1);
    let adverts: Vec<&Seen> = seen.iter().filter(|seen| seen.data[23] == 112).collect();
    assert!(adverts.iter().all(|seen| seen.sender() == [0, 0, 0x5e, 0, 1, 51] && seen.interface < 3));
    let of = |interface: u16| adverts.iter().filter(move |seen| seen.interface == interface);
    assert_eq!((of(1).count(), of(2).count()), (10, 7));
    assert_eq!(of(2).next().map(|seen| seen.seconds), Some(13.6));
    assert_eq!(seen.iter().filter(|seen| seen.to_group() && seen.arp().is_some_and(|arp| arp.0 == 2)).count(), 10);
}

#[test]
fn addresses_with_two_macs() {
    let of = |model| -> HashMap<u8, HashSet<[u8; 6]>> {
        let mut found: HashMap<u8, HashSet<[u8; 6]>> = HashMap::new();
        let seen = play(model, 30.0, |_| {});
        for arp in seen.iter().filter_map(Seen::arp).filter(|arp| arp.0 == 2) {
            found.entry(arp.2).or_default().insert(arp.1);
        }
        found
    };
    assert_eq!(of(TrafficModel::IpConflict).get(&7), Some(&HashSet::from([VICTIM, ATTACKER])));
    let flux = of(TrafficModel::ArpFlux);
    assert_eq!((flux[&7].len(), flux[&247].len()), (2, 2));
    assert_eq!(of(TrafficModel::ArpBalance)[&7].len(), 2);
}

#[test]
fn stations_move_between_ports() {
    let seen = play(TrafficModel::MacFlap, 4.0, |part| part.params.capture_point.interface = 1);
    let ports: Vec<u16> = seen.iter().map(|seen| seen.interface).collect();
    let moves = ports.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!((seen.len(), moves, &ports[..6]), (40, 7, &[1, 1, 1, 1, 1, 2][..]));
    assert!(seen.iter().all(|seen| seen.direction == FrameDirection::Ingress && seen.sender() == ATTACKER));

    let seen = play(TrafficModel::Migration, 10.0, |_| {});
    let moves = seen.windows(2).filter(|pair| pair[0].interface != pair[1].interface).count();
    let rarp = seen.iter().filter(|seen| seen.data[12..14] == [0x80, 0x35] && seen.interface == 1).count();
    assert_eq!((moves, rarp), (1, 5));
}

#[test]
fn guest_frames_are_ingress_on_guest_ports() {
    let seen = play(TrafficModel::SpoofingGuest, 4.0, |part| {
        (part.params.capture_point.interface, part.params.capture_point.seen_as) = (1, SeenAs::Port);
    });
    assert!(seen.iter().all(|seen| seen.interface == 1 && seen.direction == FrameDirection::Ingress));
    assert!(seen.iter().all(|seen| seen.sender() == [0x52, 0x54, 0, 0, 1, 4]));
    assert!(seen.iter().filter_map(Seen::arp).all(|arp| arp.2 == 105));
    let seen = play(TrafficModel::StpFromGuest, 10.0, |part| part.params.capture_point.seen_as = SeenAs::Port);
    assert!(seen.iter().all(|seen| seen.data[14..17] == [0x42, 0x42, 3] && seen.direction == FrameDirection::Ingress));
    assert_eq!(seen.len(), 5);
    let seen = play(TrafficModel::StpSwitch, 10.0, |_| {});
    assert!(seen.iter().all(|seen| seen.direction == FrameDirection::Ingress));
}

#[test]
fn after_a_power_cut_many_stations_boot() {
    let seen = play(TrafficModel::PowerCut, 10.0, |_| {});
    let stations: HashSet<[u8; 6]> = seen.iter().map(Seen::sender).collect();
    assert_eq!(stations.len(), 201);
    let dhcp = |kind| seen.iter().filter(|seen| seen.dhcp() == Some(kind)).count();
    assert_eq!([1, 2, 3, 5].map(dhcp), [200; 4]);
    let arp = |wanted: &dyn Fn((u8, [u8; 6], u8, u8)) -> bool| {
        seen.iter().filter_map(Seen::arp).filter(|arp| wanted(*arp)).count()
    };
    assert_eq!(arp(&|arp| arp.2 == 0), 600);
    assert_eq!(arp(&|arp| arp.0 == 1 && arp.2 == arp.3), 400);
    assert_eq!(arp(&|arp| arp.0 == 2 && arp.1 == GATEWAY), 200);
    let icmpv6 = |kind| seen.iter().filter(|seen| seen.icmpv6().is_some_and(|found| found.0 == kind)).count();
    assert_eq!([133, 134, 135, 136].map(icmpv6), [200, 200, 600, 200]);
    assert_eq!(play(TrafficModel::Pods, 10.0, |_| {}).iter().map(Seen::sender).collect::<HashSet<_>>().len(), 151);
}

#[test]
fn rates_of_floods_are_kept() {
    for (model, rate) in [
        (TrafficModel::MacFlood, 2_000),
        (TrafficModel::ArpFlood, 3_000),
        (TrafficModel::GratuitousStorm, 400),
        (TrafficModel::BroadcastStorm, 5_000),
        (TrafficModel::BroadcastStormMany, 5_000),
        (TrafficModel::MulticastStorm, 8_000),
        (TrafficModel::UnknownUnicast, 5_000),
        (TrafficModel::OneWayBackup, 5_000),
        (TrafficModel::L2Loop, 5_000),
        (TrafficModel::DhcpStarvationOneCard, 50),
        (TrafficModel::DhcpFlood, 200),
        (TrafficModel::RogueRaFlood, 500),
    ] {
        let seen = play(model, 2.0, |_| {});
        let offers = seen.iter().filter(|seen| seen.dhcp() == Some(2) && seen.sender() == GATEWAY).count();
        assert_eq!(seen.len() - offers, 2 * rate, "{}", model.name());
    }
    let macs: HashSet<[u8; 6]> = play(TrafficModel::MacFlood, 2.0, |_| {}).iter().map(Seen::sender).collect();
    assert_eq!(macs.len(), 4_000);
    assert!(play(TrafficModel::UnknownUnicast, 0.5, |_| {}).iter().all(|seen| !seen.to_group()));
}

#[test]
fn loops_repeat_frames_to_the_last_octet() {
    for model in [TrafficModel::L2Loop, TrafficModel::L2LoopBack] {
        let seen = play(model, 2.0, |_| {});
        let distinct: HashSet<&[u8]> = seen.iter().map(|seen| seen.data.as_slice()).collect();
        assert!(seen.len() > 9_900 && distinct.len() <= 40, "{}: {}", model.name(), distinct.len());
        assert!(seen.iter().all(Seen::to_group));
    }
    let back = play(TrafficModel::L2LoopBack, 2.0, |_| {});
    assert_eq!(back.iter().filter(|seen| seen.direction == FrameDirection::Egress).count(), 20);
}

#[test]
fn rogue_servers_and_routers_answer() {
    let offers = |model| -> HashSet<[u8; 6]> {
        let seen = play(model, 10.0, |_| {});
        seen.iter().filter(|seen| seen.dhcp() == Some(2)).map(Seen::sender).collect()
    };
    assert_eq!(offers(TrafficModel::RogueDhcp), HashSet::from([ATTACKER, GATEWAY]));
    assert_eq!(offers(TrafficModel::DhcpRelay).len(), 2);
    assert_eq!(offers(TrafficModel::DhcpBoot), HashSet::from([GATEWAY]));
    let routers = |model| -> HashSet<[u8; 6]> {
        let seen = play(model, 10.0, |_| {});
        let advertised = seen.iter().filter(|seen| seen.icmpv6().is_some_and(|found| found.0 == 134));
        advertised.map(Seen::sender).collect()
    };
    assert_eq!(routers(TrafficModel::RogueRa), HashSet::from([ATTACKER, GATEWAY]));
    assert_eq!(routers(TrafficModel::RogueRaFlood).len(), 5_000);
    let v6: HashSet<[u8; 6]> = play(TrafficModel::RogueDhcpV6, 10.0, |_| {})
        .iter()
        .filter(|seen| seen.data[54..56] == 547u16.to_be_bytes() && seen.data[62] == 2)
        .map(Seen::sender)
        .collect();
    assert_eq!(v6, HashSet::from([ATTACKER, GATEWAY]));
}
