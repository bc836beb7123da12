//! Builds DHCP (RFC 2131) and DHCPv6 (RFC 8415) messages, and a complete lease exchange.

use super::super::schedule::Schedule;
use super::ethernet::Path;
use super::station::{BROADCAST_V4, MILLISECOND, Station, UNSPECIFIED_V4};
use super::wire::Wire;
use crate::base::{Addr, Mac};

pub(crate) const DISCOVER: u8 = 1;
pub(crate) const OFFER: u8 = 2;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const ACK: u8 = 5;
pub(crate) const RELEASE: u8 = 7;
pub(crate) const INFORM: u8 = 8;

pub(crate) const SOLICIT: u8 = 1;
pub(crate) const ADVERTISE: u8 = 2;
pub(crate) const REQUEST6: u8 = 3;
pub(crate) const REPLY6: u8 = 7;

const CLIENTS: (u16, u16) = (68, 67);
const SERVERS: (u16, u16) = (67, 68);
const CLIENTS6: (u16, u16) = (546, 547);
const SERVERS6: (u16, u16) = (547, 546);
/// All_DHCP_Relay_Agents_and_Servers.
const ALL_SERVERS: Addr = Addr::from_v6_bits(0xff02 << 112 | 0x1_0002);

const fn v4(address: Addr) -> [u8; 4] {
    (address.bits() as u32).to_be_bytes()
}

/// A DHCP message of at least 300 octets (RFC 1542 §2.1) with option 53 first.
fn message(op: u8, kind: u8, transaction: u32, client: Mac, (own, offered): (Addr, Addr), options: &[u8]) -> Vec<u8> {
    let mut out = vec![op, 1, 6, 0];
    out.extend(transaction.to_be_bytes());
    out.extend([0; 4]);
    out.extend(v4(own));
    out.extend(v4(offered));
    out.extend([0; 8]);
    out.extend(client.0);
    out.resize(236, 0);
    out.extend([0x63, 0x82, 0x53, 0x63, 53, 1, kind]);
    out.extend_from_slice(options);
    out.push(255);
    out.resize(out.len().max(300), 0);
    out
}

/// Message of a client without an address; `from` is the MAC address in the frame, `client` that in the message.
pub(crate) fn query(from: Mac, client: Mac, kind: u8, transaction: u32, options: &[u8]) -> Vec<u8> {
    let mut all = vec![61, 7, 1];
    all.extend(client.0);
    all.extend_from_slice(options);
    all.extend([55, 4, 1, 3, 6, 15]);
    let text = message(1, kind, transaction, client, (UNSPECIFIED_V4, UNSPECIFIED_V4), &all);
    let path = Path::group((from, UNSPECIFIED_V4), BROADCAST_V4, transaction as u16);
    path.udp(CLIENTS, &text)
}

/// Broadcast of a client with an address that requests other parameters (INFORM).
pub(crate) fn inform(station: &Station, transaction: u32) -> Vec<u8> {
    let text = message(1, INFORM, transaction, station.mac, (station.v4, UNSPECIFIED_V4), &[55, 3, 1, 6, 252]);
    Path::group((station.mac, station.v4), BROADCAST_V4, transaction as u16).udp(CLIENTS, &text)
}

/// Unicast of a client to its server: renewal or release of its address.
pub(crate) fn to_server(station: &Station, server: &Station, kind: u8, transaction: u32) -> Vec<u8> {
    let text = message(1, kind, transaction, station.mac, (station.v4, UNSPECIFIED_V4), &[]);
    Path::new((station.mac, station.v4), (server.mac, server.v4), transaction as u16).udp(CLIENTS, &text)
}

/// Offer or acknowledgement: `server` is also the router and the name server.
pub(crate) fn answer(server: &Station, client: Mac, kind: u8, transaction: u32, offered: Addr) -> Vec<u8> {
    answer_naming(server.v4, server, client, (kind, transaction), offered)
}

/// The same of a server that names another router and name server.
pub(crate) fn answer_naming(
    named: Addr,
    server: &Station,
    client: Mac,
    (kind, transaction): (u8, u32),
    offered: Addr,
) -> Vec<u8> {
    let text = answer_text(named, server, client, (kind, transaction), offered);
    Path::new((server.mac, server.v4), (client, offered), transaction as u16).udp(SERVERS, &text)
}

/// An offer of a server elsewhere, which `gateway` forwards to `to`.
pub(crate) fn answer_from_elsewhere(gateway: &Station, to: &Station, source: Addr, transaction: u32) -> Vec<u8> {
    let server = Station { v4: source, ..*gateway };
    let text = answer_text(source, &server, to.mac, (OFFER, transaction), to.v4);
    let path = Path::new((gateway.mac, source), (to.mac, to.v4), transaction as u16);
    Path { ttl: 49, ..path }.udp(SERVERS, &text)
}

/// A DISCOVER from elsewhere, which `gateway` forwards to `to`.
pub(crate) fn query_from_elsewhere(
    gateway: &Station,
    to: &Station,
    (client, source): (Mac, Addr),
    transaction: u32,
) -> Vec<u8> {
    let text = message(1, DISCOVER, transaction, client, (UNSPECIFIED_V4, UNSPECIFIED_V4), &[]);
    let path = Path::new((gateway.mac, source), (to.mac, to.v4), transaction as u16);
    Path { ttl: 49, ..path }.udp(CLIENTS, &text)
}

/// Random octets between the ports of DHCP, or from another port, which `gateway` forwards to `to`.
pub(crate) fn noise_from_elsewhere(
    gateway: &Station,
    to: &Station,
    (source, ports): (Addr, (u16, u16)),
    octets: &[u8],
) -> Vec<u8> {
    let path = Path::new((gateway.mac, source), (to.mac, to.v4), 0);
    Path { ttl: 49, ..path }.udp(ports, octets)
}

fn answer_text(named: Addr, server: &Station, client: Mac, (kind, transaction): (u8, u32), offered: Addr) -> Vec<u8> {
    let mut options = vec![54, 4];
    options.extend(v4(server.v4));
    options.extend([51, 4, 0, 0, 0x0e, 0x10, 1, 4, 255, 255, 255, 0]);
    for option in [3, 6] {
        options.extend([option, 4]);
        options.extend(v4(named));
    }
    message(2, kind, transaction, client, (UNSPECIFIED_V4, offered), &options)
}

/// Requested address and chosen server, as options of a REQUEST.
pub(crate) fn choice(server: &Station, wanted: Addr) -> Vec<u8> {
    let mut options = vec![50, 4];
    options.extend(v4(wanted));
    options.extend([54, 4]);
    options.extend(v4(server.v4));
    options
}

/// `guest` obtains its address from `server` within a tenth of a second; returns the time.
pub(crate) fn obtain(time: u64, guest: &Station, server: &Station, schedule: &mut Schedule) -> u64 {
    let transaction = schedule.rng.next_u32();
    let mac = guest.mac;
    schedule.send_from_inside(time, query(mac, mac, DISCOVER, transaction, &[]));
    schedule.send_from_outside(time + 20 * MILLISECOND, answer(server, mac, OFFER, transaction, guest.v4));
    accept(time + 21 * MILLISECOND, guest, server, transaction, schedule)
}

/// The second half: REQUEST and ACK; returns the time of the ACK.
pub(crate) fn accept(time: u64, guest: &Station, server: &Station, transaction: u32, schedule: &mut Schedule) -> u64 {
    let options = choice(server, guest.v4);
    schedule.send_from_inside(time, query(guest.mac, guest.mac, REQUEST, transaction, &options));
    let done = time + 15 * MILLISECOND;
    schedule.send_from_outside(done, answer(server, guest.mac, ACK, transaction, guest.v4));
    done
}

fn option6(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend(code.to_be_bytes());
    out.extend((value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}

/// Identifier of a client or server from its MAC address (DUID-LL, RFC 8415 §11.4).
fn identifier(mac: Mac) -> Vec<u8> {
    let mut out = vec![0, 3, 0, 1];
    out.extend(mac.0);
    out
}

fn message6(kind: u8, transaction: u32, client: Mac, server: Option<Mac>, leased: Option<Addr>) -> Vec<u8> {
    let [_, a, b, c] = transaction.to_be_bytes();
    let mut out = vec![kind, a, b, c];
    option6(&mut out, 1, &identifier(client));
    if let Some(server) = server {
        option6(&mut out, 2, &identifier(server));
    }
    // IA_NA with T1 of half an hour and T2 of an hour and a half, and an address for two hours.
    let mut association = vec![0, 0, 0, 1, 0, 0, 7, 8, 0, 0, 0x15, 0x18];
    if let Some(address) = leased {
        let mut inner = address.bits().to_be_bytes().to_vec();
        inner.extend([0, 0, 0x1c, 0x20, 0, 0, 0x1c, 0x20]);
        option6(&mut association, 5, &inner);
    }
    option6(&mut out, 3, &association);
    out
}

/// Message of `station` to all servers: SOLICIT, or REQUEST for the chosen one.
pub(crate) fn query6(station: &Station, kind: u8, transaction: u32, server: Option<Mac>) -> Vec<u8> {
    let text = message6(kind, transaction, station.mac, server, None);
    Path { ttl: 1, ..Path::group((station.mac, station.local), ALL_SERVERS, 0) }.udp(CLIENTS6, &text)
}

/// ADVERTISE or REPLY.
pub(crate) fn answer6(server: &Station, client: &Station, kind: u8, transaction: u32, leased: Addr) -> Vec<u8> {
    let text = message6(kind, transaction, client.mac, Some(server.mac), Some(leased));
    Path::new((server.mac, server.local), (client.mac, client.local), 0).udp(SERVERS6, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{SlicedPacket, TransportSlice};

    /// Ports and payload.
    fn read(frame: &[u8]) -> (u16, u16, Vec<u8>) {
        match SlicedPacket::from_ethernet(frame).expect("sound").transport {
            Some(TransportSlice::Udp(udp)) => (udp.source_port(), udp.destination_port(), udp.payload().to_vec()),
            other => panic!("no UDP: {other:?}"),
        }
    }

    #[test]
    fn messages_name_their_kind_first() {
        let (guest, server) = (Station::host(9), Station::host(1));
        for (frame, kind, op, ports) in [
            (query(guest.mac, guest.mac, DISCOVER, 7, &[]), DISCOVER, 1, CLIENTS),
            (query(guest.mac, guest.mac, REQUEST, 7, &choice(&server, guest.v4)), REQUEST, 1, CLIENTS),
            (answer(&server, guest.mac, OFFER, 7, guest.v4), OFFER, 2, SERVERS),
            (answer(&server, guest.mac, ACK, 7, guest.v4), ACK, 2, SERVERS),
            (inform(&guest, 7), INFORM, 1, CLIENTS),
            (to_server(&guest, &server, RELEASE, 7), RELEASE, 1, CLIENTS),
        ] {
            let (source, target, text) = read(&frame);
            assert_eq!(((source, target), text[0], text.len()), (ports, op, 300));
            assert_eq!(text[236..243], [0x63, 0x82, 0x53, 0x63, 53, 1, kind]);
            assert_eq!(text[28..34], guest.mac.0);
            assert_eq!(text[4..8], [0, 0, 0, 7]);
        }
        let offer = read(&answer(&server, guest.mac, OFFER, 7, guest.v4)).2;
        assert_eq!((&offer[16..20], &offer[243..249]), (&[203, 0, 113, 9][..], &[54, 4, 203, 0, 113, 1][..]));
    }

    #[test]
    fn version_six_nests_its_options() {
        let (guest, server) = (Station::host(9), Station::host(1));
        let frame = query6(&guest, SOLICIT, 0x01_0203, None);
        assert_eq!(frame[..6], [0x33, 0x33, 0, 1, 0, 2]);
        let (source, target, text) = read(&frame);
        assert_eq!((source, target, &text[..8]), (546, 547, &[1, 1, 2, 3, 0, 1, 0, 10][..]));
        let (source, _, text) = read(&answer6(&server, &guest, ADVERTISE, 1, guest.v6));
        assert_eq!((source, text[0], &text[18..22]), (547, 2, &[0, 2, 0, 10][..]));
        assert_eq!(text[32..36], [0, 3, 0, 40]);
        assert_eq!(text[48..52], [0, 5, 0, 24]);
    }
}
