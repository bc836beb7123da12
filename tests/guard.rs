//! Layer-2 detection on a host with four guests: real capture, a real bridge, Linux's network stack behind every port.
//! Frames that a well-behaved stack does not send are injected at the guests' NICs.
//!
//! Each test is a sequence of frames and the one incident that it must raise, on each set of interfaces that shows it. They
//! need root and iproute2; without them, they print that they are skipped, and pass. Delays are asserted in packet time;
//! the wall clock only guards against hanging.

#![allow(clippy::disallowed_methods)] // guards against hanging, and a wall-clock delay that is only printed

mod bed;

use bed::bridge::{
    ALL, BRIDGE, Bridge, GATEWAY, GUESTS, PORTS, Sending, UNKNOWN, UPLINK, WORLD, assert_names, gateway_v6, mac,
    message, settle, text, v4, v6,
};
use bed::frames::{
    self, ACK, DISCOVER, Mac, OFFER, REQUEST, Script, advertisement, announcement, bpdu, dhcp_answer, dhcp_query,
    ether, is_at, link_local, listener_report, one, rarp, router_advertisement, solicitation, udp, who_has,
};
use bed::{Pegel, ip};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);

/// Asserts that `act` raises exactly one incident on each set of interfaces, which has this vector. What `act` returns is
/// dropped at the end. Returns the incidents.
fn detected<K>(
    bed: &Bridge,
    interface_sets: &[&[&str]],
    config: &str,
    vector: &str,
    act: impl FnOnce(&Bridge) -> K,
) -> Vec<Value> {
    let watching = bed.watch(interface_sets, config);
    let _background = act(bed);
    watching.iter().for_each(|pegel| pegel.wait_for_vector(vector));
    settle(&watching);
    let has_vector = |incident: &Value| incident["vectors"].as_array().unwrap().iter().any(|known| known == vector);
    let incidents: Vec<Value> = watching.iter().flat_map(|pegel| pegel.only_incidents(1)).collect();
    assert!(incidents.iter().all(has_vector), "{incidents:#?}");
    incidents
}

/// Asserts that `act` raises nothing above severity info on any set of interfaces.
fn silent(bed: &Bridge, interface_sets: &[&[&str]], config: &str, act: impl FnOnce(&Bridge)) {
    let watching = bed.watch(interface_sets, config);
    act(bed);
    settle(&watching);
    watching.iter().for_each(Pegel::assert_silent);
}

/// `rate` frames per second for `milliseconds`; `make` builds frame number N.
fn stream(rate: u64, milliseconds: u64, make: impl Fn(u64) -> Vec<u8>) -> Script {
    let mut script = Script::default();
    for number in 0..rate * milliseconds / 1000 {
        script.push(number * 1000 / rate, 1, &make(number));
    }
    script
}

/// A locally administered MAC address, different for each number.
fn made_up(number: u64) -> Mac {
    let [a, b, c, d, ..] = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(31).to_be_bytes();
    let [e, f] = (number as u16).to_be_bytes();
    [0x02 | a & 0xfc, b, c, d, e, f]
}

fn outward(guest: u8, source: Ipv4Addr, number: u16) -> Vec<u8> {
    udp(mac(guest), WORLD, (source, ELSEWHERE), (40_000 + number % 1000, 4_000), &[7; 60])
}

#[test]
fn the_first_frame_of_an_unknown_mac_that_leaves_is_reported_for_any_protocol() {
    let Some(bed) = Bridge::new("foreign") else { return };
    let watching = bed.watch(&[ALL, UPLINK], "");
    let unknown: Vec<Mac> = (1..=4).map(|number| [UNKNOWN[0], UNKNOWN[1], 0, 0xde, 0xad, number]).collect();
    let local = |mac| link_local(mac);
    let first = [
        rarp(unknown[0]),
        listener_report(unknown[1], "ff02::1:ff00:7".parse().unwrap()),
        dhcp_query(unknown[2], unknown[2], DISCOVER, 7),
        solicitation(unknown[3], local(unknown[3]), gateway_v6()),
    ];
    for (mac, frame) in unknown.iter().zip(&first) {
        let start = Instant::now();
        bed.send("104", &one(frame));
        let sent = start.elapsed();
        for pegel in &watching {
            pegel.wait_for("/api/v1/incidents", |answer| answer.contains(&text(*mac)));
        }
        // Most of it is the time to start the processes that send and query.
        println!(
            "sent within {:.3} s, reported by all within {:.3} s",
            sent.as_secs_f64(),
            start.elapsed().as_secs_f64()
        );
    }
    settle(&watching);
    for pegel in &watching {
        let all = pegel.only_incidents(4);
        for mac in &unknown {
            let about = |incident: &&Value| incident["target"]["mac"] == text(*mac);
            let incident = all.iter().find(about).unwrap_or_else(|| panic!("no incident for {mac:x?}: {all:#?}"));
            assert_eq!(incident["vectors"], serde_json::json!(["mac_not_allowed"]), "{incident:#}");
            assert_eq!((&incident["direction"], &incident["severity"]), (&"outbound".into(), &"critical".into()));
            assert!(incident["detected_after_seconds"].as_f64().unwrap() <= 0.2, "{incident:#}");
        }
    }
    for incident in watching[0].all_incidents() {
        assert!(message(&incident).contains("port tap104i0"), "{incident:#}");
    }
}

#[test]
fn the_port_of_an_unknown_mac_is_read_from_the_bridge_where_only_the_uplink_is_captured() {
    let Some(bed) = Bridge::new("foreign-up") else { return };
    let incidents = detected(&bed, &[UPLINK], "", "mac_not_allowed", |bed| bed.send("105", &one(&rarp(UNKNOWN))));
    assert!(message(&incidents[0]).contains("port tap105i0"), "{:#}", incidents[0]);
}

#[test]
fn an_unknown_mac_is_attributed_to_the_guest_at_its_port() {
    let Some(bed) = Bridge::new("foreign-guest") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "mac_not_allowed", |bed| bed.send("105", &one(&rarp(UNKNOWN))));
    incidents.iter().for_each(|incident| assert_names(incident, 105));
}

#[test]
fn a_virtual_router_mac_may_leave_only_where_configured() {
    let Some(bed) = Bridge::new("virtual") else { return };
    let allowed = "allowed_virtual_macs = [\"vrrp\"]\n";
    let watching = bed.watch(&[ALL, UPLINK], allowed);
    let frame = announcement([0, 0, 0x5e, 0, 1, 7], v4(254));
    for incident in detected(&bed, &[ALL, UPLINK], "", "mac_not_allowed", |bed| bed.send("104", &one(&frame))) {
        assert_eq!(incident["target"]["mac"], "00:00:5e:00:01:07", "{incident:#}");
        let message = message(&incident);
        assert!(message.contains("virtual VRRP address") && message.contains("port tap104i0"), "{message}");
    }
    watching.iter().for_each(Pegel::assert_silent);
}

#[test]
fn a_guest_without_a_file_is_reported_with_its_port() {
    let Some(bed) = Bridge::new("unknown") else { return };
    bed.forget(104);
    let incidents = detected(&bed, &[ALL, UPLINK], "", "mac_not_allowed", |bed| bed.talk("104", "198.51.100.20"));
    for incident in incidents {
        assert_eq!((&incident["target"]["mac"], &incident["target"]["guest"]), (&text(mac(104)).into(), &Value::Null));
        assert!(message(&incident).contains("tap104i0"), "{incident:#}");
        assert!(incident["detected_after_seconds"].as_f64().unwrap() <= 0.2, "{incident:#}");
    }
}

#[test]
fn a_guest_that_uses_another_guests_address_is_reported() {
    let Some(bed) = Bridge::new("mismatch") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK, BRIDGE], "", "mac_ip_mismatch", |bed| {
        let arp = who_has(mac(104), v4(105), GATEWAY);
        bed.send("104", &one(&outward(104, v4(105), 0)).at(50, &outward(104, v4(105), 1)).at(200, &arp));
    });
    for incident in incidents {
        assert_names(&incident, 104);
        assert!(message(&incident).contains("10.231.8.105"), "{incident:#}");
    }
}

/// The owner of the address also replies to requests for it, and their sender is behind the uplink.
#[test]
fn the_owner_of_a_misused_address_is_not_blamed_where_only_ports_are_captured() {
    let Some(bed) = Bridge::new("accused") else { return };
    let incidents = detected(&bed, &[PORTS], "", "mac_ip_mismatch", |bed| {
        bed.send("104", &one(&outward(104, v4(105), 0)).at(200, &who_has(mac(104), v4(105), GATEWAY)));
    });
    assert_names(&incidents[0], 104);
}

#[test]
fn a_guest_that_claims_another_guests_address_by_arp_alone_is_reported() {
    let Some(bed) = Bridge::new("mismatch-arp") else { return };
    let incidents = detected(&bed, &[ALL, BRIDGE], "", "mac_ip_mismatch", |bed| {
        bed.send("104", &one(&who_has(mac(104), v4(105), v4(107))));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn a_spoofed_source_that_leaves_is_one_incident_with_both_vectors() {
    let Some(bed) = Bridge::new("spoofed") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "mac_ip_mismatch", |bed| {
        let script = stream(200, 500, |number| outward(104, Ipv4Addr::new(203, 0, 113, 9), number as u16));
        bed.send("104", &script);
    });
    for incident in incidents {
        assert_names(&incident, 104);
        let vectors = incident["vectors"].as_array().unwrap();
        assert!(vectors.contains(&"spoofed_source".into()), "{incident:#}");
    }
}

/// Lets a guest and the gateway resolve each other's addresses. Spoofing detectors need to know the true MAC addresses for
/// a while.
fn resolve_gateway(bed: &Bridge, guest: u8) {
    let side = guest.to_string();
    bed.talk(&side, "10.231.8.1");
    bed.talk(&side, "fd00:231:8::1");
    for gateway in ["10.231.8.1", "fd00:231:8::1"] {
        bed.wait_for_neighbour(&side, gateway);
    }
    sleep(Duration::from_millis(1700));
}

#[test]
fn arp_spoofing_between_a_guest_and_the_gateway_is_reported() {
    let Some(bed) = Bridge::new("arp-spoof") else { return };
    let incidents = detected(&bed, &[ALL, BRIDGE], "", "arp_spoof", |bed| {
        resolve_gateway(bed, 105);
        let mut script = Script::default();
        for round in 0..3 {
            script.push(round * 300, 1, &is_at(mac(104), GATEWAY, (mac(105), v4(105))));
            script.push(round * 300 + 1, 1, &is_at(mac(104), v4(105), (WORLD, GATEWAY)));
        }
        bed.send("104", &script);
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn forged_neighbour_advertisements_are_reported() {
    let Some(bed) = Bridge::new("nd-spoof") else { return };
    let incidents = detected(&bed, &[ALL, BRIDGE], "", "nd_spoof", |bed| {
        resolve_gateway(bed, 105);
        let mut script = Script::default();
        for round in 0..3 {
            let frame = advertisement(mac(104), gateway_v6(), (mac(105), v6(105)), gateway_v6());
            script.push(round * 300, 1, &frame);
            let frame = advertisement(mac(104), v6(105), (WORLD, gateway_v6()), v6(105));
            script.push(round * 300 + 1, 1, &frame);
        }
        bed.send("104", &script);
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn a_gateway_that_replies_from_another_mac_is_reported() {
    let Some(bed) = Bridge::new("gateway") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "gateway_mac_changed", |bed| {
        resolve_gateway(bed, 105);
        bed.ip("world", "link set eth0 address 02:00:00:00:08:99\n");
        for _ in 0..2 {
            bed.ip("105", "neigh flush dev eth0\n");
            bed.talk("105", "10.231.8.1");
            sleep(Duration::from_millis(300));
        }
    });
    for incident in incidents {
        assert_eq!(incident["target"]["mac"], "02:00:00:00:08:99", "{incident:#}");
        assert_eq!((&incident["severity"], &incident["target"]["guest"]), (&"warning".into(), &Value::Null));
        assert!(message(&incident).contains("eno1") && message(&incident).contains(&text(WORLD)), "{incident:#}");
    }
}

#[test]
fn two_guests_with_one_address_are_reported() {
    let Some(bed) = Bridge::without_guests("conflict") else { return };
    bed.describe(106, "ip=dhcp,ip6=auto");
    for (guest, number) in [(105, 105), (106, 105), (107, 107)] {
        bed.give(guest, number);
        bed.boot(guest);
    }
    let incidents = detected(&bed, &[ALL, BRIDGE], "", "ip_conflict", |bed| {
        for _ in 0..3 {
            bed.ip("107", "neigh flush dev eth0\n");
            bed.talk("107", "10.231.8.105");
            sleep(Duration::from_millis(400));
        }
    });
    for incident in incidents {
        assert_eq!(incident["target"]["address"], "10.231.8.105", "{incident:#}");
        assert_eq!(incident["target"]["guest"], "105 (mail)", "{incident:#}");
        let message = message(&incident);
        assert!(
            ["105 (mail)", "106 (dns)", "tap105i0", "veth106i0"].iter().all(|name| message.contains(name)),
            "{message}"
        );
    }
}

#[test]
fn a_station_that_alternates_between_two_ports_is_reported() {
    let Some(bed) = Bridge::new("flap") else { return };
    let incidents = detected(&bed, &[ALL, PORTS], "", "mac_flap", |bed| {
        let mut scripts = [Script::default(), Script::default()];
        for turn in 0..8 {
            scripts[turn % 2].push(turn as u64 * 250, 1, &outward(104, v4(104), turn as u16));
        }
        let [own, stolen] = scripts;
        let other = bed.start_sending("107", &stolen);
        bed.send("104", &own);
        other.wait();
    });
    for incident in incidents {
        assert_names(&incident, 104);
        assert!(message(&incident).contains("tap107i0"), "{incident:#}");
    }
}

/// macof on guest 107.
fn flood_of_macs(bed: &Bridge) {
    let flood = stream(2500, 2000, |number| {
        let ends = (Ipv4Addr::from(0x0b00_0000 + number as u32), Ipv4Addr::from(0x0c00_0000 + number as u32 * 7));
        frames::syn(made_up(number), made_up(number + 1_000_000), ends, (1024 + number as u16 % 60_000, 80))
    });
    bed.send("107", &flood);
}

#[test]
fn a_flood_of_new_macs_is_one_incident() {
    let Some(bed) = Bridge::new("mac-flood") else { return };
    for incident in detected(&bed, &[BRIDGE, PORTS], "", "mac_flood", flood_of_macs) {
        assert_eq!(incident["target"]["kind"], "segment", "{incident:#}");
        let new = incident["evidence"][0]["value"].as_f64().unwrap();
        assert!((2200.0..2900.0).contains(&new), "{incident:#}");
    }
}

#[test]
fn a_flood_of_new_macs_that_leave_is_one_incident() {
    let Some(bed) = Bridge::new("mac-flood-up") else { return };
    for incident in detected(&bed, &[ALL, UPLINK], "", "mac_flood", flood_of_macs) {
        let vectors = incident["vectors"].as_array().unwrap();
        assert!(vectors.contains(&"mac_not_allowed".into()), "{incident:#}");
    }
}

#[test]
fn an_arp_flood_of_one_guest_is_reported() {
    let Some(bed) = Bridge::new("arp-flood") else { return };
    let config = "[detect.arp_flood]\nframes_per_second = 500\n";
    let incidents = detected(&bed, &[ALL, UPLINK, PORTS], config, "arp_flood", |bed| {
        bed.send("104", &stream(800, 1500, |number| who_has(mac(104), v4(104), v4(105 + number as u8 % 3))));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

/// The other guests repeat a frame as well, as stacks do when they start.
#[test]
fn repeated_frames_of_one_guest_are_no_loop() {
    let Some(bed) = Bridge::new("arp-repeats") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK, BRIDGE], "", "arp_flood", |bed| {
        for other in [105, 106, 107] {
            let frame = announcement(mac(other), v4(other));
            bed.send(&other.to_string(), &one(&frame).at(50, &frame));
        }
        bed.send("104", &stream(3000, 1500, |number| who_has(mac(104), v4(104), v4(105 + number as u8 % 3))));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn a_storm_of_gratuitous_arp_is_reported() {
    let Some(bed) = Bridge::new("gratuitous") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK, BRIDGE], "", "gratuitous_arp_storm", |bed| {
        bed.send("104", &stream(200, 1500, |_| announcement(mac(104), v4(104))));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn a_broadcast_storm_of_a_guest_is_reported() {
    let Some(bed) = Bridge::new("broadcast") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "broadcast_storm", |bed| {
        let frame = |number: u64| {
            let ends = (v4(104), Ipv4Addr::BROADCAST);
            udp(mac(104), frames::BROADCAST, ends, (40_000, 9), &number.to_be_bytes())
        };
        bed.send("104", &stream(4000, 1500, frame));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn a_multicast_storm_of_a_guest_is_reported() {
    let Some(bed) = Bridge::new("multicast") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "multicast_storm", |bed| {
        let frame = |number: u64| {
            let group = [1, 0, 0x5e, 1, 2, number as u8 % 16];
            ether(mac(104), group, 0x88b5, &[&number.to_be_bytes()[..], &[0; 52]].concat())
        };
        bed.send("104", &stream(8000, 1500, frame));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn multicast_streams_are_not_reported_as_amplification() {
    let Some(bed) = Bridge::new("streams") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "multicast_storm", |bed| {
        let frame = |number: u64| {
            let ends = (v4(104), Ipv4Addr::new(239, 1, 2, number as u8 % 16));
            udp(mac(104), [1, 0, 0x5e, 1, 2, number as u8 % 16], ends, (40_000, 5_004), &number.to_be_bytes())
        };
        bed.send("104", &stream(8000, 1500, frame));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

/// Configured servers of both families.
const SERVERS: &str = "[lan]\ndhcp_servers = [\"10.231.8.1\", \"fe80::1\"]\n";

#[test]
fn a_guest_that_replies_to_dhcp_is_reported() {
    let Some(bed) = Bridge::new("rogue-dhcp") else { return };
    let incidents = detected(&bed, &[ALL, BRIDGE], SERVERS, "rogue_dhcp", |bed| {
        bed.send("107", &one(&dhcp_query(mac(107), mac(107), DISCOVER, 9)));
        bed.send("104", &one(&dhcp_answer((mac(104), v4(104)), mac(107), OFFER, 9, v4(107))));
    });
    for incident in incidents {
        assert_names(&incident, 104);
        assert!(message(&incident).contains("as server 10.231.8.104"), "{incident:#}");
    }
}

#[test]
fn a_guest_that_replies_to_dhcpv6_is_reported() {
    let Some(bed) = Bridge::new("rogue-dhcp6") else { return };
    let incidents = detected(&bed, &[ALL, BRIDGE], SERVERS, "rogue_dhcp", |bed| {
        bed.send("104", &one(&frames::dhcp6_advertise(mac(104), mac(107), v6(107))));
    });
    for incident in incidents {
        assert_names(&incident, 104);
        assert!(message(&incident).contains("as server fe80::5054:ff:fe00:104"), "{incident:#}");
    }
}

#[test]
fn a_second_dhcp_server_is_reported_once_the_first_is_known() {
    let Some(bed) = Bridge::new("second-dhcp") else { return };
    let incidents = detected(&bed, &[ALL], "", "rogue_dhcp", |bed| {
        let serve = |side: &str, server: (Mac, Ipv4Addr), number: u32| {
            bed.send("107", &one(&dhcp_query(mac(107), mac(107), DISCOVER, number)));
            bed.send(side, &one(&dhcp_answer(server, mac(107), OFFER, number, v4(107))));
        };
        serve("world", (WORLD, GATEWAY), 1);
        sleep(Duration::from_millis(10_200));
        serve("world", (WORLD, GATEWAY), 2);
        serve("104", (mac(104), v4(104)), 3);
    });
    assert_names(&incidents[0], 104);
}

#[test]
fn dhcp_starvation_is_reported() {
    let Some(bed) = Bridge::new("starvation") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "dhcp_starvation", |bed| {
        let query = |number: u64| dhcp_query(mac(107), made_up(number), DISCOVER, number as u32);
        bed.send("107", &stream(50, 8000, query));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 107));
}

#[test]
fn a_dhcp_flood_of_one_client_is_reported() {
    let Some(bed) = Bridge::new("dhcp-flood") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "dhcp_flood", |bed| {
        bed.send("104", &stream(100, 1500, |number| dhcp_query(mac(104), mac(104), DISCOVER, number as u32)));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn a_guest_that_sends_router_advertisements_is_reported() {
    let Some(bed) = Bridge::new("rogue-ra") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK, BRIDGE], "", "rogue_ra", |bed| {
        let prefix = "fd00:bad::".parse().unwrap();
        let forged = router_advertisement(mac(104), link_local(mac(104)), 1800, prefix);
        bed.send("104", &one(&forged).at(500, &forged));
    });
    for incident in incidents {
        assert_names(&incident, 104);
        assert_eq!(incident["severity"], "critical");
    }
}

#[test]
fn a_guest_that_sends_bpdus_is_reported() {
    let Some(bed) = Bridge::new("stp") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK, PORTS], "", "stp_from_guest", |bed| {
        bed.send("104", &one(&bpdu(mac(104))).at(500, &bpdu(mac(104))));
    });
    incidents.iter().for_each(|incident| assert_names(incident, 104));
}

#[test]
fn unknown_unicast_to_many_addresses_is_reported() {
    let Some(bed) = Bridge::new("unknown-unicast") else { return };
    let incidents = detected(&bed, &[ALL, BRIDGE, UPLINK], "", "unknown_unicast_flood", |bed| {
        bed.send("107", &stream(3000, 1500, |number| ether(mac(107), made_up(number), 0x88b5, &[0x5a; 64])));
    });
    for incident in incidents {
        assert!(message(&incident).contains("107 (build)") && message(&incident).contains("tap107i0"), "{incident:#}");
    }
}

/// Broadcasts of four guests leave, and the world sends them back repeatedly.
fn loop_frames(bed: &Bridge) {
    let broadcast = |number: u64| {
        let guest = 104 + number as u8 % 4;
        let port = 50_000 + number as u16;
        (guest, udp(mac(guest), frames::BROADCAST, (v4(guest), Ipv4Addr::BROADCAST), (port, 6_771), &[3; 40]))
    };
    for number in 0..4 {
        let (guest, frame) = broadcast(number);
        bed.send(&guest.to_string(), &one(&frame));
    }
    bed.send("world", &stream(400, 1200, |number| broadcast(number % 4).1));
}

fn assert_names_all(incident: &Value) {
    let message = message(incident);
    assert!(
        ["104 (shop)", "105 (mail)", "106 (dns)", "107 (build)"].iter().all(|name| message.contains(name)),
        "{message}"
    );
}

#[test]
fn a_loop_behind_the_uplink_is_reported() {
    let Some(bed) = Bridge::new("loop") else { return };
    detected(&bed, &[UPLINK], "", "l2_loop", loop_frames).iter().for_each(assert_names_all);
}

#[test]
fn a_loop_is_one_incident_where_every_interface_is_captured() {
    let Some(bed) = Bridge::new("loop-all") else { return };
    detected(&bed, &[ALL, &["vmbr0", "eno1"]], "", "l2_loop", loop_frames).iter().for_each(assert_names_all);
}

/// Guest 105 has resolved the gateway by both families, and keeps soliciting it after the gateway has lost its addresses of
/// these families.
fn gateway_loses(bed: &Bridge, families: &[u8]) -> Sending {
    resolve_gateway(bed, 105);
    bed.talk("105", "2001:db8::20");
    sleep(Duration::from_millis(500));
    families.iter().for_each(|family| bed.lose("world", *family));
    bed.ip("105", "neigh flush dev eth0\n");
    bed.keep_talking(105)
}

fn assert_silent_router(incident: &Value, router: &str) {
    assert_eq!((&incident["vector"], &incident["target"]["address"]), (&"gateway_silent".into(), &router.into()));
    assert_eq!(incident["severity"], "critical", "{incident:#}");
    assert!(message(incident).contains("105 (mail)") && message(incident).contains(&text(WORLD)), "{incident:#}");
}

#[test]
fn a_missing_gateway_is_one_incident_per_family() {
    let Some(bed) = Bridge::new("gone") else { return };
    let watching = bed.watch(&[ALL, UPLINK], "");
    let _soliciting = gateway_loses(&bed, &[4, 6]);
    for pegel in &watching {
        pegel.wait_for("/metrics", |page| page.contains("pegel_incidents_open 2"));
    }
    settle(&watching);
    for pegel in &watching {
        let mut incidents = pegel.only_incidents(2);
        incidents.sort_by_key(|incident| incident["target"]["address"].to_string());
        assert_silent_router(&incidents[0], "10.231.8.1");
        assert_silent_router(&incidents[1], "fe80::1");
    }
}

#[test]
fn a_silent_gateway_is_reported_for_ipv4_alone() {
    let Some(bed) = Bridge::new("silent-v4") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "gateway_silent", |bed| gateway_loses(bed, &[4]));
    incidents.iter().for_each(|incident| assert_silent_router(incident, "10.231.8.1"));
}

#[test]
fn a_silent_gateway_is_reported_for_ipv6_alone() {
    let Some(bed) = Bridge::new("silent-v6") else { return };
    let incidents = detected(&bed, &[ALL, UPLINK], "", "gateway_silent", |bed| gateway_loses(bed, &[6]));
    incidents.iter().for_each(|incident| assert_silent_router(incident, "fe80::1"));
}

#[test]
fn guests_that_boot_and_configure_themselves_are_no_incident() {
    let Some(bed) = Bridge::without_guests("boot") else { return };
    silent(&bed, &[ALL, UPLINK, BRIDGE, PORTS], "", |bed| {
        let prefix = "fd00:231:8::".parse().unwrap();
        for (guest, ..) in GUESTS {
            // The stack joins groups, tests its addresses and solicits routers; the test sends the DHCP messages.
            let side = guest.to_string();
            bed.boot(guest);
            for (query, reply) in [(DISCOVER, OFFER), (REQUEST, ACK)] {
                bed.send(&side, &one(&dhcp_query(mac(guest), mac(guest), query, guest.into())));
                let reply = dhcp_answer((WORLD, GATEWAY), mac(guest), reply, guest.into(), v4(guest));
                bed.send("world", &one(&reply));
            }
            bed.ip(&side, &format!("addr add {}/24 dev eth0\naddr add {}/64 dev eth0\n", v4(guest), v6(guest)));
            bed.boot(guest);
            bed.send(&side, &one(&announcement(mac(guest), v4(guest))));
            bed.send("world", &one(&router_advertisement(WORLD, gateway_v6(), 1800, prefix)));
            bed.talk(&side, "198.51.100.20");
        }
        sleep(Duration::from_secs(2));
        for (guest, ..) in GUESTS {
            bed.talk(&guest.to_string(), "198.51.100.20");
            bed.talk(&guest.to_string(), "2001:db8::20");
            bed.talk(&guest.to_string(), "fd00:231:8::1");
        }
    });
}

/// Guest 104 leases an address that is in no file, and uses only that.
fn lease(bed: &Bridge) {
    for (query, reply) in [(DISCOVER, OFFER), (REQUEST, ACK)] {
        bed.send("104", &one(&dhcp_query(mac(104), mac(104), query, 4)));
        bed.send("world", &one(&dhcp_answer((WORLD, GATEWAY), mac(104), reply, 4, v4(180))));
    }
    bed.lose("104", 4);
    ip(&format!("-n {} addr add {}/24 dev eth0", bed.ns("104"), v4(180)));
    bed.boot(104);
    bed.send("104", &one(&announcement(mac(104), v4(180))));
    for _ in 0..5 {
        bed.talk("104", "198.51.100.20");
    }
}

#[test]
fn a_lease_assigns_an_address_to_a_guest() {
    let Some(bed) = Bridge::new("lease") else { return };
    silent(&bed, &[ALL, UPLINK, BRIDGE, &["tap104i0"]], "", lease);
}

#[test]
fn a_lease_is_observed_where_only_ports_are_captured() {
    let Some(bed) = Bridge::new("lease-ports") else { return };
    silent(&bed, &[PORTS], "", lease);
}

#[test]
fn addresses_from_an_advertised_prefix_are_no_incident() {
    let Some(bed) = Bridge::new("slaac") else { return };
    silent(&bed, &[ALL, UPLINK], "", |bed| {
        // A prefix that is in no file: every guest configures an address from it, tests it and sends from it.
        let prefix = "fd00:231:9::".parse().unwrap();
        for _ in 0..2 {
            bed.send("world", &one(&router_advertisement(WORLD, gateway_v6(), 1800, prefix)));
            sleep(Duration::from_millis(1800));
        }
        for (guest, ..) in GUESTS {
            bed.talk(&guest.to_string(), "fd00:231:9::1");
        }
    });
}

/// What QEMU sends for a guest after its migration: five frames at growing intervals.
fn arrival(guest: u8) -> Script {
    [0, 50, 200, 450, 800].into_iter().fold(Script::default(), |all, after| all.at(after, &rarp(mac(guest))))
}

#[test]
fn a_guest_that_migrates_here_and_away_is_no_incident() {
    let Some(bed) = Bridge::new("migration") else { return };
    bed.ip("104", "link set eth0 down\n");
    silent(&bed, &[ALL, UPLINK, PORTS], "", |bed| {
        let elsewhere = |number: u16| udp(mac(104), mac(105), (v4(104), v4(105)), (40_000, 5_000 + number), &[5; 60]);
        let there = || one(&elsewhere(1)).at(200, &elsewhere(2)).at(400, &elsewhere(3));
        // On its old host, behind the uplink; then it pauses, and continues here.
        bed.send("world", &there());
        sleep(Duration::from_millis(300));
        bed.give(104, 104);
        bed.boot(104);
        bed.send("104", &arrival(104));
        for _ in 0..3 {
            bed.talk("104", "198.51.100.20");
            bed.talk("104", "10.231.8.105");
        }
        bed.ip("104", "link set eth0 down\n");
        sleep(Duration::from_millis(300));
        bed.send("world", &arrival(104));
        bed.send("world", &there());
    });
}

#[test]
fn stations_that_move_once_within_a_tick_are_no_incident() {
    let Some(bed) = Bridge::new("moves") else { return };
    silent(&bed, &[PORTS], "", |bed| {
        for round in 0..8 {
            let stations: Vec<Mac> = (0..20).map(|number| made_up(round * 20 + number)).collect();
            let all = |script: Script, after| stations.iter().fold(script, |all, &mac| all.at(after, &rarp(mac)));
            let (from, to) = if round % 2 == 0 { ("104", "105") } else { ("105", "104") };
            bed.send(from, &all(all(Script::default(), 0), 250));
            bed.send(to, &all(all(Script::default(), 0), 150));
            sleep(Duration::from_millis(130));
        }
    });
}

#[test]
fn a_router_failover_is_severity_info_at_most() {
    let Some(bed) = Bridge::new("vrrp") else { return };
    silent(&bed, &[ALL, UPLINK, BRIDGE], "", |bed| {
        resolve_gateway(bed, 105);
        // Two routers with a virtual MAC: the first one advertises and fails, and the second one takes over.
        let shared: Mac = [0, 0, 0x5e, 0, 1, 51];
        let mut script = Script::default();
        for (start, router, priority) in [(0, v4(251), 150), (1600, v4(252), 100)] {
            (0..5).for_each(|number| script.push(start + number, 1, &announcement(shared, v4(254))));
            for beat in 0..4 {
                script.push(start + 10 + beat * 300, 1, &frames::vrrp(shared, router, 51, priority, v4(254)));
            }
        }
        bed.send("world", &script);
        // keepalived without virtual MACs: the address moves to another NIC, which announces it.
        bed.ip("world", "link set eth0 address 02:00:00:00:08:98\n");
        let other = [2, 0, 0, 0, 8, 0x98];
        let all_nodes = ([0x33, 0x33, 0, 0, 0, 1], frames::all_nodes());
        let here = advertisement(other, gateway_v6(), all_nodes, gateway_v6());
        let script = (0..5).fold(Script::default(), |all, number| all.at(number, &announcement(other, GATEWAY)));
        bed.send("world", &script.at(6, &here));
        for _ in 0..4 {
            bed.ip("105", "neigh flush dev eth0\n");
            bed.talk("105", "198.51.100.20");
            bed.talk("105", "2001:db8::20");
            sleep(Duration::from_millis(400));
        }
    });
}

#[test]
fn containers_behind_a_router_are_no_incident() {
    let Some(bed) = Bridge::new("containers") else { return };
    // They are on another bridge. Their packets to the world leave with the host's MAC address, and with its IP address
    // where the host has NAT.
    bed.containers(3);
    silent(&bed, &[ALL, UPLINK, &["docker0", "vmbr0", "eno1"]], "", |bed| {
        for round in 0..4 {
            for number in 1..=3 {
                bed.talk(&format!("c{number}"), "198.51.100.20");
                bed.talk(&format!("c{number}"), &format!("172.17.0.{}", 10 + (number + round) % 3 + 1));
            }
            sleep(Duration::from_millis(300));
        }
    });
}

#[test]
fn a_guest_that_reboots_ten_times_is_no_incident() {
    let Some(bed) = Bridge::new("reboots") else { return };
    silent(&bed, &[ALL, UPLINK], "", |bed| {
        for _ in 0..10 {
            bed.ip("104", "link set eth0 down\n");
            sleep(Duration::from_millis(100));
            bed.ip("104", &format!("addr replace {}/64 dev eth0\n", v6(104)));
            bed.boot(104);
            bed.send("104", &one(&announcement(mac(104), v4(104))).at(100, &announcement(mac(104), v4(104))));
            bed.talk("104", "198.51.100.20");
            bed.talk("104", "2001:db8::20");
        }
    });
}

#[test]
fn mdns_announcements_are_no_incident() {
    let Some(bed) = Bridge::new("mdns") else { return };
    silent(&bed, &[ALL, UPLINK], "", |bed| {
        let segment = "seed = 1\n[[part]]\nmodel = \"mdns_chatter\"\nfrom = 0.0\nto = 3.0\nrate = 50\n";
        std::thread::scope(|scope| {
            for (guest, ..) in GUESTS {
                scope.spawn(move || {
                    let ends = (v4(guest), Ipv4Addr::new(224, 0, 0, 251));
                    let frame = udp(mac(guest), [1, 0, 0x5e, 0, 0, 251], ends, (5353, 5353), &[0; 80]);
                    bed.send(&guest.to_string(), &stream(5, 3000, |_| frame.clone()));
                });
            }
            bed.play("world", segment);
        });
    });
}

#[test]
fn a_lan_that_starts_after_a_power_cut_is_no_incident() {
    let Some(bed) = Bridge::without_guests("power-cut") else { return };
    silent(&bed, &[ALL, UPLINK, BRIDGE], "", |bed| {
        // Two hundred guests on other hosts, and the four here.
        let others = "seed = 1\n[[part]]\nmodel = \"power_cut\"\nfrom = 0.0\nto = 6.0\n";
        std::thread::scope(|scope| {
            for (guest, ..) in GUESTS {
                scope.spawn(move || {
                    bed.give(guest, guest);
                    bed.boot(guest);
                    bed.send(&guest.to_string(), &one(&announcement(mac(guest), v4(guest))));
                    bed.talk(&guest.to_string(), "198.51.100.20");
                });
            }
            bed.play("world", others);
        });
    });
}

#[test]
fn a_gateway_that_replies_is_not_silent_where_only_ports_are_captured() {
    let Some(bed) = Bridge::new("ports") else { return };
    silent(&bed, &[PORTS, &["tap105i0"]], "", |bed| {
        for _ in 0..16 {
            bed.ip("105", "neigh flush dev eth0\n");
            bed.talk("105", "198.51.100.20");
            bed.talk("105", "2001:db8::20");
            sleep(Duration::from_millis(300));
        }
    });
}
