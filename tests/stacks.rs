//! Layer-2 detection with the daemons of a LAN as they are, and Linux's stack: leases, router pairs, router advertisements,
//! containers with a MAC address of their own.
//!
//! The tests need root, iproute2 and the daemons; without them, they print that they are skipped, and pass. They wait for
//! states; the wall clock only guards against hanging.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;

use bed::bridge::{ALL, BRIDGE, Bridge, GATEWAY, GUESTS, UPLINK, assert_names, mac, message, settle, text, v4};
use bed::daemons::{Daemon, dnsmasq, installed, keepalived, lease, radvd, routers};
use bed::{Pegel, ip};
use serde_json::Value;
use std::process::Command;

/// The address that a pair of routers shares.
const SHARED: &str = "10.231.8.254";
const SERVERS: &str = "[lan]\ndhcp_servers = [\"10.231.8.1\", \"fe80::1\"]\n";

/// Asserts that there is one incident, with this vector, and returns it.
fn only(pegel: &Pegel, vector: &str) -> Value {
    let incident = pegel.only_incidents(1).remove(0);
    let vectors = incident["vectors"].as_array().unwrap();
    assert!(vectors.iter().any(|known| known == vector), "{incident:#}");
    incident
}

fn talk(bed: &Bridge, side: &str) {
    for _ in 0..3 {
        bed.talk(side, "198.51.100.20");
    }
}

#[test]
fn a_lease_of_dnsmasq_is_no_incident() {
    if !installed(&["dnsmasq", "udhcpc"]) {
        return;
    }
    let Some(bed) = Bridge::without_guests("dnsmasq") else { return };
    for (guest, ..) in GUESTS {
        bed.describe(guest, "ip=dhcp,ip6=auto");
        bed.boot(guest);
    }
    let _server = dnsmasq(&bed, "world", "10.231.8.1");
    let watching = bed.watch(&[ALL, UPLINK, BRIDGE], "");
    for (guest, ..) in GUESTS {
        let side = guest.to_string();
        assert!(lease(&bed, &side), "{side} gets no lease");
        talk(&bed, &side);
        bed.wait_for_neighbour(&side, "10.231.8.1");
    }
    settle(&watching);
    watching.iter().for_each(Pegel::assert_silent);
}

#[test]
fn a_rogue_dnsmasq_that_names_itself_as_router_is_reported() {
    if !installed(&["dnsmasq", "udhcpc"]) {
        return;
    }
    let Some(bed) = Bridge::without_guests("rogue-dnsmasq") else { return };
    bed.describe(107, "ip=dhcp,ip6=auto");
    bed.give(104, 104);
    bed.boot(104);
    bed.boot(107);
    let _server = dnsmasq(&bed, "world", "10.231.8.1");
    let watching = bed.watch(&[ALL, UPLINK, BRIDGE], SERVERS);
    assert!(lease(&bed, "107"), "no lease of the honest server");
    settle(&watching);
    watching.iter().for_each(Pegel::assert_silent);

    let _rogue = dnsmasq(&bed, "104", "10.231.8.104");
    bed.lose("107", 4);
    assert!(lease(&bed, "107"), "no lease");
    // On the uplink, the honest server's offers and the guest's requests are seen; the rogue's replies stay inside.
    let inside = [&watching[0], &watching[2]];
    inside.iter().for_each(|pegel| pegel.wait_for_vector("rogue_dhcp"));
    settle(&watching);
    inside.iter().for_each(|pegel| assert_names(&only(pegel, "rogue_dhcp"), 104));
}

/// Two routers with keepalived, which share the guests' gateway. The first has the address.
fn router_pair(bed: &Bridge) -> (Daemon, Daemon) {
    routers(bed);
    let first = keepalived(bed, "r1", 150, SHARED);
    bed.wait_for_address("r1", SHARED, true);
    let second = keepalived(bed, "r2", 100, SHARED);
    for guest in ["105", "106"] {
        ip(&format!("-n {} route replace default via {SHARED}", bed.ns(guest)));
    }
    (first, second)
}

/// Waits until one router has the shared address, and the guests have found it and sent to the world.
fn master_is(bed: &Bridge, master: &str, other: &str) {
    bed.wait_for_address(master, SHARED, true);
    bed.wait_for_address(other, SHARED, false);
    for guest in ["105", "106"] {
        bed.ip(guest, "neigh flush dev eth0\n");
        bed.talk(guest, SHARED);
        bed.wait_for_neighbour(guest, SHARED);
        talk(bed, guest);
    }
}

#[test]
fn a_pair_of_keepalived_fails_over_and_back_quietly() {
    if !installed(&["keepalived"]) {
        return;
    }
    let Some(bed) = Bridge::new("keepalived") else { return };
    let (first, _second) = router_pair(&bed);
    let watching = bed.watch(&[ALL, UPLINK, BRIDGE], "");
    master_is(&bed, "r1", "r2");
    // It withdraws before it ends.
    first.stop();
    master_is(&bed, "r2", "r1");
    let _first = keepalived(&bed, "r1", 150, SHARED);
    master_is(&bed, "r1", "r2");
    settle(&watching);
    watching.iter().for_each(Pegel::assert_silent);
}

#[test]
fn a_router_of_a_pair_that_loses_its_link_fails_over_quietly() {
    if !installed(&["keepalived"]) {
        return;
    }
    let Some(bed) = Bridge::new("keepalived-link") else { return };
    let _routers = router_pair(&bed);
    let watching = bed.watch(&[ALL, UPLINK, BRIDGE], "");
    master_is(&bed, "r1", "r2");
    // The other notices after three seconds without an advertisement.
    bed.ip("world", "link set r1 down\n");
    master_is(&bed, "r2", "r1");
    bed.ip("world", "link set r1 up\n");
    master_is(&bed, "r1", "r2");
    settle(&watching);
    watching.iter().for_each(Pegel::assert_silent);
}

#[test]
fn a_second_radvd_with_another_prefix_is_reported() {
    if !installed(&["radvd"]) {
        return;
    }
    let Some(bed) = Bridge::new("radvd") else { return };
    let _router = radvd(&bed, "world", "fd00:231:8::/64");
    let watching = bed.watch(&[ALL, UPLINK, BRIDGE], "");
    for (guest, ..) in GUESTS {
        bed.talk(&guest.to_string(), "fd00:231:8::1");
        bed.wait_for_neighbour(&guest.to_string(), "fd00:231:8::1");
    }
    settle(&watching);
    watching.iter().for_each(Pegel::assert_silent);

    let _rogue = radvd(&bed, "104", "fd00:bad::/64");
    watching.iter().for_each(|pegel| pegel.wait_for_vector("rogue_ra"));
    settle(&watching);
    for pegel in &watching {
        let incident = only(pegel, "rogue_ra");
        assert_names(&incident, 104);
        assert_eq!(incident["severity"], "critical", "{incident:#}");
    }
}

/// arping -U (requests) and -A (replies), as hosts announce themselves when they start or take an address over.
#[test]
fn announcements_of_arping_are_no_incident() {
    if !installed(&["arping"]) {
        return;
    }
    let Some(bed) = Bridge::new("arping") else { return };
    let watching = bed.watch(&[ALL, UPLINK, BRIDGE], "");
    for (guest, ..) in GUESTS {
        for kind in ["-U", "-A"] {
            bed.shell(&guest.to_string(), &format!("arping {kind} -c 3 -i 0.1 -I eth0 {} || true", v4(guest)));
        }
        talk(&bed, &guest.to_string());
    }
    settle(&watching);
    watching.iter().for_each(Pegel::assert_silent);
}

/// arping -s with the address of another guest.
#[test]
fn requests_of_arping_with_the_address_of_another_guest_are_reported() {
    if !installed(&["arping"]) {
        return;
    }
    let Some(bed) = Bridge::new("arping-as") else { return };
    let _talking = bed.keep_talking(105);
    let watching = bed.watch(&[ALL, BRIDGE], "");
    bed.shell("104", "echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind");
    bed.shell("104", &format!("arping -b -c 3 -w 3 -I eth0 -s {} {GATEWAY} || true", v4(105)));
    let reported = |answer: &str| answer.contains(&text(mac(104)));
    watching.iter().for_each(|pegel| {
        pegel.wait_for("/api/v1/incidents", reported);
    });
    settle(&watching);
    for pegel in &watching {
        for incident in pegel.all_incidents() {
            assert_names(&incident, 104);
        }
    }
}

/// A container with a MAC address of its own on the host's bridge (Docker's macvlan): its frames leave the uplink.
#[test]
fn a_macvlan_container_that_leaves_the_uplink_is_reported() {
    let Some(bed) = Bridge::new("macvlan") else { return };
    let container: [u8; 6] = [0x02, 0x42, 0x0a, 0xe7, 8, 0x63];
    let host = bed.ns("host");
    let namespace = bed.add("mv");
    let link = format!("-n {host} link add link vmbr0 name mv0 address {} type macvlan mode bridge", text(container));
    let made = Command::new("ip").args(link.split(' ')).output().unwrap();
    if !made.status.success() {
        eprintln!("skipped: no macvlan: {}", String::from_utf8_lossy(&made.stderr).trim());
        return;
    }
    ip(&format!("-n {host} link set mv0 netns {namespace} name eth0"));
    let watching = bed.watch(&[ALL, UPLINK], "");
    bed.ip("mv", &format!("link set eth0 addrgenmode none\naddr add {}/24 dev eth0\nlink set eth0 up\n", v4(99)));
    bed.talk("mv", "10.231.8.1");
    watching.iter().for_each(|pegel| pegel.wait_for_vector("mac_not_allowed"));
    settle(&watching);
    for pegel in &watching {
        let incident = only(pegel, "mac_not_allowed");
        assert_eq!(incident["target"]["mac"], text(container), "{incident:#}");
        assert!(message(&incident).contains("eno1"), "{incident:#}");
    }
}
