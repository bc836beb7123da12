use super::*;
use crate::capture::FrameDirection;
use crate::meter::hash::Hasher;

const DOMAIN: BroadcastDomain = BroadcastDomain { segment: 0, vlan: 0 };
const NIC: Mac = Mac([0x52, 0x54, 0, 0, 0, 0x66]);
const GATEWAY: Mac = Mac([2, 0, 0, 0, 0, 1]);

fn client(number: u16) -> Mac {
    let [a, b] = number.to_be_bytes();
    Mac([2, 9, 9, 9, a, b])
}

fn frame(seconds: f64, kind: ControlKind, sender: Mac, mac: Mac) -> Control {
    Control {
        time: Timestamp::from_parts(1_000, 0).plus_seconds(seconds),
        kind,
        direction: FrameDirection::Unknown,
        interface: 0,
        vlan: 0,
        source_mac: sender,
        destination_mac: Mac::BROADCAST,
        address: Addr::UNSPECIFIED,
        mac,
        target: Addr::from_v4_bits(0xcb00_7102),
        router: Addr::from_v4_bits(0xcb00_7101),
        dns: Addr::UNSPECIFIED,
        ttl: 64,
        value: 0,
    }
}

fn record(dhcp: &mut Dhcp, control: &Control, from_router: bool) {
    dhcp.record(control, DOMAIN, Hasher::fixed().word(control.mac.bits()), from_router);
}

/// The ticks, in seconds after the start, with their silent clients, in a run of `seconds`.
fn silent(requests: &[Control], seconds: u64) -> Vec<(u64, DhcpRequests)> {
    let (mut dhcp, stations) = (Dhcp::new(), KnownStations::new());
    let mut found = Vec::new();
    for tick in 0..seconds * 10 {
        let [start, end] = [tick, tick + 1].map(|tick| Timestamp::from_tick(10_000 + tick));
        dhcp.open();
        for control in requests.iter().filter(|control| control.time >= start && control.time < end) {
            record(&mut dhcp, control, false);
        }
        dhcp.close(end, &stations);
        found.extend(dhcp.requests().iter().map(|requests| (tick, *requests)));
    }
    found
}

#[test]
fn what_becomes_of_clients_is_known_without_another_request() {
    let burst: Vec<Control> =
        (0..100u16).map(|number| frame(0.01, ControlKind::DhcpRequest, client(number), client(number))).collect();
    let found = silent(&burst, 30);
    let (tick, first) = found.iter().find(|(_, requests)| requests.recent.silent > 0).unwrap();
    assert_eq!((*tick, first.recent.silent, first.recent.silent_now), (55, 100, 100));
    assert!(found.iter().all(|(tick, requests)| *tick == 55 || requests.recent.silent_now == 0));
    assert!(found.iter().all(|(tick, requests)| *tick < 151 || requests.lasting.silent == 0));
}

#[test]
fn slow_clients_add_up_while_they_come() {
    let slow: Vec<Control> =
        (0..100u16).map(|number| frame(f64::from(number), ControlKind::DhcpRequest, NIC, client(number))).collect();
    let (_, last) = silent(&slow, 100).pop().unwrap();
    assert_eq!((last.recent.silent, last.lasting.silent), (10, 95));
    assert_eq!((last.proxy, last.proxied, last.sender), (NIC, 95, Some(NIC)));
}

#[test]
fn what_a_router_forwards_is_no_server_here() {
    let forwarded = Control { destination_mac: NIC, ttl: 49, ..frame(1.0, ControlKind::DhcpAck, GATEWAY, NIC) };
    let forwarded = Control { address: Addr::from_v4_bits(0xcb00_7142), ..forwarded };
    let mut dhcp = Dhcp::new();
    record(&mut dhcp, &forwarded, true);
    record(&mut dhcp, &Control { ttl: 64, ..forwarded }, true);
    record(&mut dhcp, &forwarded, false);
    assert_eq!((dhcp.servers().count(), dhcp.has_leased(NIC, forwarded.address)), (0, false));
    record(&mut dhcp, &frame(2.0, ControlKind::DhcpRequest, NIC, NIC), false);
    let later = Control { time: forwarded.time.plus_seconds(2.0), ..forwarded };
    record(&mut dhcp, &later, true);
    assert_eq!((dhcp.servers().count(), dhcp.has_leased(NIC, forwarded.address)), (0, true));
    record(&mut dhcp, &Control { ttl: 255, ..later }, true);
    assert_eq!(dhcp.servers().count(), 1, "a router may be the server or its relay");
    // A renewal of a client elsewhere.
    let renewal = Control {
        destination_mac: NIC,
        address: later.address,
        ..frame(3.0, ControlKind::DhcpRequest, GATEWAY, client(1))
    };
    record(&mut dhcp, &renewal, true);
    assert_eq!(dhcp.clients.len(), 1);
}

#[test]
fn the_routers_a_server_names_are_remembered() {
    let mut known = [Addr::UNSPECIFIED; NAMED];
    let address = Addr::from_v4_bits;
    for number in [1, 2, 1, 3, 4, 5] {
        remember(&mut known, address(number));
    }
    assert_eq!(known, [5, 4, 3, 1].map(address));
}
