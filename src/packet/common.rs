//! The header layout of nearly all packets, parsed in one step: Ethernet without tags, IPv4 without options or
//! fragmentation, and a valid TCP or UDP header, captured in full, to no port of a tunnel.
//!
//! A single length check replaces one per header, and the record is written once. Any other layout is left to the
//! general parser ([`link`](super::link), [`ip`](super::ip)). A property test ensures that both give the same result.

use super::protocol::{TCP, UDP};
use super::{App, Class, Packet, amplifier, class, control, tunnel};
use crate::base::{Addr, Mac};
use crate::capture::{Frame, LinkType, Vlan};

/// Octets of Ethernet, IPv4 and TCP headers without options. Shorter UDP frames are rare: Ethernet pads to 60 octets.
const HEADERS: usize = 54;
/// Offset of the transport header.
const TRANSPORT: usize = 34;

/// Writes all of `packet` and returns true, or leaves it unchanged if the frame has another layout.
#[inline]
pub(super) fn decode(frame: &Frame<'_>, packet: &mut Packet) -> bool {
    let Some(head) = frame.data.first_chunk::<HEADERS>().filter(|_| frame.link == LinkType::Ethernet) else {
        return false;
    };
    let [
        d0,
        d1,
        d2,
        d3,
        d4,
        d5,
        s0,
        s1,
        s2,
        s3,
        s4,
        s5,
        t0,
        t1, // Ethernet
        version,
        _,
        l0,
        l1,
        _,
        _,
        f0,
        f1,
        ttl,
        protocol,
        _,
        _,
        a0,
        a1,
        a2,
        a3,
        b0,
        b1,
        b2,
        b3, // IPv4
        p0,
        p1,
        q0,
        q1,
        u0,
        u1,
        n0,
        n1,
        _,
        _,
        k0,
        k1,
        offset,
        flags,
        w0,
        w1,
        .., // TCP; UDP has its length after the ports
    ] = head;
    // Not zero for another EtherType, IP options, the more-fragments flag or a fragment offset.
    let mismatch =
        u32::from_be_bytes([*t0, *t1, *version, 0]) ^ 0x0800_4500 | u32::from(u16::from_be_bytes([*f0, *f1]) & 0x3fff);
    let Some(claimed) = usize::from(u16::from_be_bytes([*l0, *l1])).checked_sub(20).filter(|_| mismatch == 0) else {
        return false;
    };
    let (source_port, destination_port) = (u16::from_be_bytes([*p0, *p1]), u16::from_be_bytes([*q0, *q1]));
    let captured_end = frame.data.len().min(TRANSPORT + claimed);
    // For either protocol: where the payload starts, and its length according to the header.
    let (payload_start, payload_len) = match *protocol {
        TCP => {
            let header = usize::from(*offset >> 4) * 4;
            if header < 20 || claimed < header {
                return false;
            }
            (TRANSPORT + header, claimed - header)
        }
        UDP => {
            let length = usize::from(u16::from_be_bytes([*u0, *u1]));
            if length < 8 || length > claimed || tunnel::is_port(destination_port) {
                return false;
            }
            (TRANSPORT + 8, length - 8)
        }
        _ => return false,
    };
    let payload = frame.data.get(payload_start..captured_end).unwrap_or_default();
    let payload_at = if payload.is_empty() { frame.data.len() } else { payload_start };
    let payload_len = payload_len.min(usize::from(u16::MAX)) as u16;
    let (class, flags, numbers, reply_of, request_to, app, is_control) = if *protocol == TCP {
        let class = Class::of_tcp(*flags, payload_len > 0);
        let app = match class {
            Class::TcpData => App::of_tcp(payload, payload_len),
            Class::TcpAck if *w0 | *w1 == 0 => App::ZeroWindow,
            _ => App::None,
        };
        let numbers = (u16::from_be_bytes([*n0, *n1]), u16::from_be_bytes([*k0, *k1]));
        (class, *flags, numbers, None, None, app, false)
    } else {
        let class = Class::of_udp(source_port, destination_port);
        let reply_of = amplifier::reply_of(source_port, payload_len, payload);
        let app = App::of_udp(source_port, destination_port, payload);
        let is_control = class == Class::Udp && control::is_port(destination_port);
        (class, 0, (0, 0), reply_of, amplifier::Service::of_port(destination_port), app, is_control)
    };
    let source = u32::from_be_bytes([*a0, *a1, *a2, *a3]);
    let destination = u32::from_be_bytes([*b0, *b1, *b2, *b3]);
    let same = source == destination && source_port == destination_port;
    let (class, reply_of, request_to) = match same && class::is_land(Addr::from_v4_bits(source), *protocol, source_port)
    {
        true => (Class::Land, None, None),
        false => (class, reply_of, request_to),
    };
    *packet = Packet {
        time: frame.time,
        source: Addr::from_v4_bits(source),
        destination: Addr::from_v4_bits(destination),
        source_mac: Mac([*s0, *s1, *s2, *s3, *s4, *s5]),
        destination_mac: Mac([*d0, *d1, *d2, *d3, *d4, *d5]),
        wire_len: frame.wire_len,
        ip_len: u16::from_be_bytes([*l0, *l1]),
        payload_len,
        payload_at: payload_at.min(usize::from(u16::MAX)) as u16,
        source_port,
        destination_port,
        interface: frame.interface,
        vlan: frame.vlan.map_or(0, Vlan::id),
        segments: frame.segments,
        class,
        protocol: *protocol,
        flags,
        sequence: numbers.0,
        acknowledgment: numbers.1,
        ttl: *ttl,
        direction: frame.direction,
        reply_of,
        request_to,
        app,
        anomaly: None,
        has_ip: true,
        is_control: is_control && class == Class::Udp,
        first_fragment: false,
        unopened: None,
        is_inner: false,
    };
    true
}
