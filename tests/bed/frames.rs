//! Builds the frames that tests send and that real stacks would not send. Written octet by octet and independently of the
//! library's own writers, so that a mistake there is not repeated here.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

pub type Mac = [u8; 6];

pub const BROADCAST: Mac = [0xff; 6];
pub const ZERO_MAC: Mac = [0; 6];
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const VRRP: u8 = 112;

/// Frames with the times at which they are sent.
#[derive(Default)]
pub struct Script(String);

impl Script {
    /// Sent `after` milliseconds after the first.
    pub fn at(mut self, after: u64, frame: &[u8]) -> Script {
        self.push(after, 1, frame);
        self
    }

    pub fn times(mut self, after: u64, times: u32, frame: &[u8]) -> Script {
        self.push(after, times, frame);
        self
    }

    pub fn push(&mut self, after: u64, times: u32, frame: &[u8]) {
        write!(self.0, "@{after} x{times} ").unwrap();
        frame.iter().for_each(|octet| write!(self.0, "{octet:02x}").unwrap());
        self.0.push('\n');
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

pub fn one(frame: &[u8]) -> Script {
    Script::default().at(0, frame)
}

pub fn ether(from: Mac, to: Mac, ether_type: u16, content: &[u8]) -> Vec<u8> {
    let mut out = [&to[..], &from, &ether_type.to_be_bytes(), content].concat();
    out.resize(out.len().max(60), 0);
    out
}

/// RFC 1071. The number of octets must be even, except in the last part.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let octets = parts.concat();
    let mut sum: u32 =
        octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

pub fn ip(
    from: Mac,
    to: Mac,
    (source, target): (Ipv4Addr, Ipv4Addr),
    (protocol, ttl): (u8, u8),
    body: &[u8],
) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend((20 + body.len() as u16).to_be_bytes());
    header.extend([0, 0, 0x40, 0, ttl, protocol, 0, 0]);
    header.extend(source.octets());
    header.extend(target.octets());
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum);
    ether(from, to, 0x0800, &[header, body.to_vec()].concat())
}

fn ip6(from: Mac, to: Mac, (source, target): (Ipv6Addr, Ipv6Addr), (next, hops): (u8, u8), body: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((body.len() as u16).to_be_bytes());
    header.extend([next, hops]);
    header.extend(source.octets());
    header.extend(target.octets());
    ether(from, to, 0x86dd, &[header, body.to_vec()].concat())
}

pub fn udp(from: Mac, to: Mac, ends: (Ipv4Addr, Ipv4Addr), (source, target): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut body =
        [source.to_be_bytes(), target.to_be_bytes(), (8 + payload.len() as u16).to_be_bytes(), [0, 0]].concat();
    body.extend(payload);
    ip(from, to, ends, (UDP, 64), &body)
}

/// With a pseudo header (RFC 8200 §8.1).
fn udp6(from: Mac, to: Mac, ends: (Ipv6Addr, Ipv6Addr), (source, target): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut body =
        [source.to_be_bytes(), target.to_be_bytes(), (8 + payload.len() as u16).to_be_bytes(), [0, 0]].concat();
    body.extend(payload);
    let sum = pseudo(ends, UDP, &body);
    body[6..8].copy_from_slice(&sum);
    ip6(from, to, ends, (UDP, 1), &body)
}

fn pseudo((source, target): (Ipv6Addr, Ipv6Addr), next: u8, body: &[u8]) -> [u8; 2] {
    let length = (body.len() as u32).to_be_bytes();
    checksum(&[&source.octets(), &target.octets(), &length, &[0, 0, 0, next], body])
}

/// macof (dsniff): SYN with window 512.
pub fn syn(from: Mac, to: Mac, ends: (Ipv4Addr, Ipv4Addr), ports: (u16, u16)) -> Vec<u8> {
    let mut body = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    body.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 2, 0, 0, 0, 0, 0]);
    ip(from, to, ends, (TCP, 64), &body)
}

pub fn arp(from: Mac, to: Mac, operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut content = vec![0, 1, 8, 0, 6, 4];
    content.extend(operation.to_be_bytes());
    for (mac, address) in [sender, target] {
        content.extend(mac);
        content.extend(address.octets());
    }
    ether(from, to, 0x0806, &content)
}

pub fn who_has(mac: Mac, own: Ipv4Addr, wanted: Ipv4Addr) -> Vec<u8> {
    arp(mac, BROADCAST, 1, (mac, own), (ZERO_MAC, wanted))
}

/// An ARP reply to one station, solicited or not.
pub fn is_at(mac: Mac, address: Ipv4Addr, to: (Mac, Ipv4Addr)) -> Vec<u8> {
    arp(mac, to.0, 2, (mac, address), to)
}

/// RFC 5227 §2.3.
pub fn announcement(mac: Mac, address: Ipv4Addr) -> Vec<u8> {
    who_has(mac, address, address)
}

/// What QEMU sends for a guest after its migration.
pub fn rarp(mac: Mac) -> Vec<u8> {
    let mut content = vec![0, 1, 8, 0, 6, 4, 0, 3];
    for _ in 0..2 {
        content.extend(mac);
        content.extend([0; 4]);
    }
    ether(mac, BROADCAST, 0x8035, &content)
}

/// fe80:: with the identifier that RFC 4291 makes of a MAC.
pub fn link_local([a, b, c, d, e, f]: Mac) -> Ipv6Addr {
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

/// The MAC of a group (RFC 2464 §7).
fn group_mac(group: Ipv6Addr) -> Mac {
    let octets = group.octets();
    [0x33, 0x33, octets[12], octets[13], octets[14], octets[15]]
}

pub fn all_nodes() -> Ipv6Addr {
    "ff02::1".parse().unwrap()
}

pub fn icmpv6(from: Mac, to: Option<Mac>, ends: (Ipv6Addr, Ipv6Addr), mut message: Vec<u8>) -> Vec<u8> {
    let sum = pseudo(ends, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum);
    ip6(from, to.unwrap_or(group_mac(ends.1)), ends, (ICMPV6, 255), &message)
}

fn neighbour(kind: u8, flags: u8, target: Ipv6Addr, option: Option<(u8, Mac)>) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, flags, 0, 0, 0];
    message.extend(target.octets());
    if let Some((option, mac)) = option {
        message.extend([option, 1]);
        message.extend(mac);
    }
    message
}

fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let octets = target.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, octets[13], octets[14], octets[15]])
}

/// Neighbour solicitation to the group of `wanted`.
pub fn solicitation(mac: Mac, source: Ipv6Addr, wanted: Ipv6Addr) -> Vec<u8> {
    icmpv6(mac, None, (source, solicited_node(wanted)), neighbour(135, 0, wanted, Some((1, mac))))
}

/// Neighbour advertisement with the override flag, and the solicited flag if it is sent to one station.
pub fn advertisement(mac: Mac, source: Ipv6Addr, to: (Mac, Ipv6Addr), target: Ipv6Addr) -> Vec<u8> {
    let flags = if to.1.is_multicast() { 0x20 } else { 0x60 };
    icmpv6(mac, Some(to.0), (source, to.1), neighbour(136, flags, target, Some((2, mac))))
}

pub fn router_advertisement(mac: Mac, source: Ipv6Addr, lifetime: u16, prefix: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0];
    message.extend(lifetime.to_be_bytes());
    message.extend([0; 8]);
    message.extend([1, 1]);
    message.extend(mac);
    // RFC 4861 §4.6.2: on-link and for addresses; valid for a day, preferred for four hours.
    message.extend([3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0]);
    message.extend(prefix.octets());
    icmpv6(mac, None, (source, all_nodes()), message)
}

/// MLDv2 report that a group is joined (RFC 3810 §5.2), behind a router alert.
pub fn listener_report(mac: Mac, group: Ipv6Addr) -> Vec<u8> {
    let ends = (link_local(mac), "ff02::16".parse().unwrap());
    let mut message = vec![143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0];
    message.extend(group.octets());
    let sum = pseudo(ends, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum);
    let body = [&[ICMPV6, 0, 5, 2, 0, 0, 1, 0][..], &message].concat();
    ip6(mac, group_mac(ends.1), ends, (0, 1), &body)
}

pub const DISCOVER: u8 = 1;
pub const OFFER: u8 = 2;
pub const REQUEST: u8 = 3;
pub const ACK: u8 = 5;

fn dhcp(op: u8, kind: u8, transaction: u32, client: Mac, offered: Ipv4Addr, options: &[u8]) -> Vec<u8> {
    let mut out = vec![op, 1, 6, 0];
    out.extend(transaction.to_be_bytes());
    out.extend([0; 8]);
    out.extend(offered.octets());
    out.extend([0; 8]);
    out.extend(client);
    out.resize(236, 0);
    out.extend([0x63, 0x82, 0x53, 0x63, 53, 1, kind]);
    out.extend(options);
    out.push(255);
    out.resize(out.len().max(300), 0);
    out
}

/// DISCOVER or REQUEST of `client`, sent from `from`.
pub fn dhcp_query(from: Mac, client: Mac, kind: u8, transaction: u32) -> Vec<u8> {
    let text = dhcp(1, kind, transaction, client, Ipv4Addr::UNSPECIFIED, &[55, 3, 1, 3, 6]);
    udp(from, BROADCAST, (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST), (68, 67), &text)
}

/// OFFER or ACK of a server that is the router as well.
pub fn dhcp_answer(server: (Mac, Ipv4Addr), client: Mac, kind: u8, transaction: u32, offered: Ipv4Addr) -> Vec<u8> {
    let own = server.1.octets();
    let options = [&[54, 4][..], &own, &[51, 4, 0, 0, 0x0e, 0x10, 1, 4, 255, 255, 255, 0, 3, 4], &own].concat();
    let text = dhcp(2, kind, transaction, client, offered, &options);
    udp(server.0, client, (server.1, offered), (67, 68), &text)
}

/// DHCPv6 ADVERTISE (RFC 8415 §16.9) of one address.
pub fn dhcp6_advertise(server: Mac, to: Mac, offered: Ipv6Addr) -> Vec<u8> {
    let identifier = |code: u8, mac: Mac| [&[0, code, 0, 10, 0, 3, 0, 1][..], &mac].concat();
    let mut text = vec![2, 0, 0, 7];
    text.extend(identifier(1, to));
    text.extend(identifier(2, server));
    text.extend([0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 7, 8, 0, 0, 0x15, 0x18, 0, 5, 0, 24]);
    text.extend(offered.octets());
    text.extend([0, 0, 0x1c, 0x20, 0, 0, 0x1c, 0x20]);
    udp6(server, to, (link_local(server), link_local(to)), (547, 546), &text)
}

/// A configuration BPDU (IEEE 802.1D §9.3.1): `bridge` claims the root with priority 0.
pub fn bpdu(bridge: Mac) -> Vec<u8> {
    let mut content = vec![0x42, 0x42, 3, 0, 0, 0, 0, 0, 0, 0];
    content.extend(bridge);
    content.extend([0; 6]);
    content.extend(bridge);
    content.extend([0x80, 1, 0, 0, 20, 0, 2, 0, 15, 0]);
    let length = content.len() as u16;
    ether(bridge, [1, 0x80, 0xc2, 0, 0, 0], length, &content)
}

/// An advertisement of VRRP version 2 (RFC 3768 §5.3) for one address.
pub fn vrrp(mac: Mac, source: Ipv4Addr, router: u8, priority: u8, address: Ipv4Addr) -> Vec<u8> {
    let mut body = vec![0x21, router, priority, 1, 0, 1, 0, 0];
    body.extend(address.octets());
    body.extend([0; 8]);
    let sum = checksum(&[&body]);
    body[6..8].copy_from_slice(&sum);
    ip(mac, [1, 0, 0x5e, 0, 0, 0x12], (source, Ipv4Addr::new(224, 0, 0, 18)), (VRRP, 255), &body)
}
