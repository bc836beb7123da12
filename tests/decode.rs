//! Decoding: the fast path equals the lax one for all inputs, nothing panics, and hand-built frames of every kind give
//! the expected packets.

use pegel::base::{Addr, Mac, Timestamp};
use pegel::capture::{Frame, FrameDirection, LinkType};
use pegel::packet::{Anomaly, Class, Decoder, Encapsulation, OuterHeaders, Packet, Service, Tunnels};
use pegel::traffic::{MODELS, Part, Scenario, TrafficModel};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

const LINKS: &[LinkType] = &[
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ppp,
    LinkType::Other(147),
];

fn frame(link: LinkType, data: &[u8]) -> Frame<'_> {
    let time = Timestamp::from_parts(1_767_225_600, 0);
    let (direction, wire_len) = (FrameDirection::Unknown, data.len() as u32);
    Frame { time, data, wire_len, link, direction, interface: 0, vlan: None, segments: 1, sampled: 1 }
}

fn decode(link: LinkType, data: &[u8]) -> Packet {
    Decoder::default().decode(&frame(link, data))
}

fn inner(data: &[u8]) -> Packet {
    Decoder { tunnels: Tunnels::Inner }.decode(&frame(LinkType::Ethernet, data))
}

// Builds frames from the inside out.

const DESTINATION: [u8; 6] = [0x52, 0x54, 0, 0, 0, 2];
const SOURCE: [u8; 6] = [0x52, 0x54, 0, 0, 0, 1];

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&DESTINATION[..], &SOURCE, &ethertype.to_be_bytes(), payload].concat()
}

/// An IPv4 packet with this fragmentation word; `options` are a multiple of 4 octets.
fn ipv4_with(protocol: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = (20 + options.len() + payload.len()) as u16;
    let mut head = vec![0x45 + (options.len() / 4) as u8, 0];
    head.extend(total.to_be_bytes());
    head.extend([0, 1]);
    head.extend(fragment.to_be_bytes());
    head.extend([64, protocol, 0, 0, 198, 51, 100, 9, 203, 0, 113, 7]);
    [&head[..], options, payload].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(protocol, 0, &[], payload)
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut head = vec![0x60, 0, 0, 0];
    head.extend((payload.len() as u16).to_be_bytes());
    head.extend([next, 57]);
    head.extend(0x2001_0db8_8000_0000_0000_0000_0000_0009u128.to_be_bytes());
    head.extend(0x2001_0db8_0010_0000_0000_0000_0000_0007u128.to_be_bytes());
    [&head[..], payload].concat()
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

fn tcp(source: u16, destination: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut head = [&source.to_be_bytes()[..], &destination.to_be_bytes()].concat();
    head.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 2, 0, 0, 0, 0, 0]);
    [&head[..], payload].concat()
}

const SYN: u8 = 2;

fn syn4() -> Vec<u8> {
    ipv4(6, &tcp(40_000, 80, SYN, &[]))
}

fn is_syn(packet: &Packet) {
    assert_eq!((packet.class, packet.anomaly), (Class::TcpSyn, None));
    assert_eq!((packet.source_port, packet.destination_port, packet.flags), (40_000, 80, SYN));
    assert!(packet.has_ip);
}

fn is_v4(packet: &Packet) {
    assert_eq!(
        (packet.source.to_string(), packet.destination.to_string()),
        ("198.51.100.9".into(), "203.0.113.7".into())
    );
}

#[test]
fn plain_packets_are_read_in_full() {
    let data = ethernet(0x0800, &ipv4(6, &tcp(40_000, 443, 0x18, b"GET /")));
    let packet = decode(LinkType::Ethernet, &data);
    is_v4(&packet);
    assert_eq!((packet.class, packet.payload_len, packet.protocol, packet.ttl), (Class::TcpData, 5, 6, 64));
    assert_eq!((packet.source_mac, packet.destination_mac), (Mac(SOURCE), Mac(DESTINATION)));
    assert_eq!(data.get(usize::from(packet.payload_at)..), Some(&b"GET /"[..]));
    assert_eq!((packet.vlan, packet.wire_len), (0, data.len() as u32));

    let packet = decode(LinkType::Ethernet, &ethernet(0x86dd, &ipv6(17, &udp(53, 4000, &[0x81; 40]))));
    assert_eq!((packet.source.to_string(), packet.ttl), ("2001:db8:8000::9".to_owned(), 57));
    assert_eq!((packet.class, packet.payload_len), (Class::Udp, 40));
    assert_eq!(packet.reply_of.and_then(Service::row).map(|row| row.service), Some("dns"));
}

#[test]
fn padding_is_not_payload() {
    let mut data = ethernet(0x0800, &syn4());
    data.resize(60, 0xaa);
    let packet = decode(LinkType::Ethernet, &data);
    is_syn(&packet);
    assert_eq!(packet.payload_len, 0);
}

#[test]
fn tags_labels_and_sessions_are_followed() {
    let tag = |id: u16, ethertype: u16, payload: &[u8]| {
        [&(0x2000 | id).to_be_bytes()[..], &ethertype.to_be_bytes(), payload].concat()
    };
    let vlan = ethernet(0x8100, &tag(42, 0x0800, &syn4()));
    let qinq = ethernet(0x88a8, &tag(100, 0x8100, &tag(42, 0x0800, &syn4())));
    let old_qinq = ethernet(0x9100, &tag(101, 0x8100, &tag(42, 0x0800, &syn4())));
    for (data, id) in [(vlan, 42), (qinq, 100), (old_qinq, 101)] {
        let packet = decode(LinkType::Ethernet, &data);
        is_syn(&packet);
        assert_eq!(packet.vlan, id);
    }
    let labels = [&[0, 1, 0, 64, 0, 2, 1, 64][..], &syn4()].concat();
    is_syn(&decode(LinkType::Ethernet, &ethernet(0x8847, &labels)));
    let session = |protocol: &[u8], ip: &[u8]| [&[0x11, 0, 0, 1, 0, 42][..], protocol, ip].concat();
    is_syn(&decode(LinkType::Ethernet, &ethernet(0x8864, &session(&[0, 0x21], &syn4()))));
    let six = ipv6(6, &tcp(40_000, 80, SYN, &[]));
    is_syn(&decode(LinkType::Ethernet, &ethernet(0x8864, &session(&[0, 0x57], &six))));
    let everything = ethernet(0x8100, &tag(7, 0x8847, &labels));
    is_syn(&decode(LinkType::Ethernet, &everything));
}

#[test]
fn options_and_extension_headers_are_skipped() {
    let packet =
        decode(LinkType::Ethernet, &ethernet(0x0800, &ipv4_with(6, 0, &[0x94, 4, 0, 0], &tcp(40_000, 80, SYN, &[]))));
    is_syn(&packet);
    is_v4(&packet);
    assert_eq!(packet.payload_len, 0);
    let segment = tcp(40_000, 80, SYN, &[]);
    // Authentication header over IPv4: next header TCP, length 4 words minus 2.
    let auth = |next: u8| vec![next, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    is_syn(&decode(LinkType::Ethernet, &ethernet(0x0800, &ipv4(51, &[&auth(6)[..], &segment].concat()))));

    let option = |next: u8| vec![next, 0, 1, 4, 0, 0, 0, 0];
    let routing = |next: u8| vec![next, 0, 4, 0, 0, 0, 0, 0];
    let chains: [(u8, Vec<u8>); 5] = [
        (0, option(6)),
        (60, option(6)),
        (43, routing(6)),
        (51, auth(6)),
        (0, [option(60), option(43), routing(51), auth(6)].concat()),
    ];
    for (first, chain) in chains {
        let packet = decode(LinkType::Ethernet, &ethernet(0x86dd, &ipv6(first, &[&chain[..], &segment].concat())));
        is_syn(&packet);
        assert_eq!((packet.protocol, packet.payload_len), (6, 0), "chain from {first}");
    }
}

#[test]
fn long_chains_lead_to_the_upper_layer() {
    let echo = [128, 0, 0, 0, 0, 7, 0, 1, 0x55, 0x55];
    let options = |next: u8| vec![next, 0, 1, 4, 0, 0, 0, 0];
    let atomic = |next: u8| vec![next, 0, 0, 0, 0, 0, 0, 1];
    let auth = |next: u8| vec![next, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let chain = |kind: u8, count: usize, header: &dyn Fn(u8) -> Vec<u8>| {
        let nexts = (1..=count).map(|number| if number == count { 58 } else { kind });
        (kind, nexts.flat_map(header).collect::<Vec<u8>>())
    };
    let filled = (60, [vec![58, 30, 1, 246], vec![0; 244]].concat());
    for (first, headers) in [
        chain(51, 1, &auth),
        chain(51, 9, &auth),
        chain(44, 12, &atomic),
        chain(60, 100, &options),
        // Out of order (RFC 8200 §4.1), but still an echo request.
        chain(0, 180, &options),
        filled,
    ] {
        let packet = decode(LinkType::Ethernet, &ethernet(0x86dd, &ipv6(first, &[&headers[..], &echo].concat())));
        assert_eq!(
            (packet.class, packet.protocol, packet.anomaly),
            (Class::Icmpv6Echo, 58, None),
            "chain from {first}"
        );
        assert_eq!((packet.payload_len, packet.first_fragment), (2, false));
    }
    // Headers that continue in the next fragment.
    let first = [&[60, 0, 0, 1, 0, 0, 0, 9][..], &[58, 200, 0, 0, 0, 0, 0, 0]].concat();
    let packet = decode(LinkType::Ethernet, &ethernet(0x86dd, &ipv6(44, &first)));
    assert_eq!((packet.class, packet.anomaly), (Class::Fragment, Some(Anomaly::Ipv6ExtensionInvalid)));
    assert_eq!((packet.source_port, packet.first_fragment), (0, false));
}

#[test]
fn packets_with_equal_endpoints_have_a_separate_class() {
    let v4 = |from: [u8; 4], protocol: u8, payload: &[u8]| {
        let mut ip = ipv4(protocol, payload);
        ip[12..16].copy_from_slice(&from);
        ip[16..20].copy_from_slice(&from);
        decode(LinkType::Ethernet, &ethernet(0x0800, &ip))
    };
    let syn = tcp(139, 139, SYN, &[]);
    assert_eq!(v4([203, 0, 113, 7], 6, &syn).class, Class::Land);
    assert_eq!(v4([203, 0, 113, 7], 6, &tcp(139, 140, SYN, &[])).class, Class::TcpSyn);
    assert_eq!(v4([127, 0, 0, 1], 6, &syn).class, Class::TcpSyn);
    let dns = v4([203, 0, 113, 7], 17, &udp(53, 53, &[0x81; 600]));
    assert_eq!((dns.class, dns.reply_of, dns.request_to), (Class::Land, None, None));
    // BFD's echo function (RFC 5881 §4).
    assert_eq!(v4([203, 0, 113, 7], 17, &udp(3785, 3785, &[0; 24])).class, Class::Udp);
    let v6 = |last: u8| {
        let mut ip = ipv6(6, &syn);
        ip[8..40].fill(0);
        (ip[23], ip[39]) = (last, last);
        decode(LinkType::Ethernet, &ethernet(0x86dd, &ip)).class
    };
    assert_eq!((v6(1), v6(2)), (Class::TcpSyn, Class::Land));
}

#[test]
fn echo_requests_to_groups_are_recognised_by_address_or_frame() {
    let echo = [8, 0, 0, 0, 0, 7, 0, 1];
    let one = ethernet(0x0800, &ipv4(1, &echo));
    assert_eq!(decode(LinkType::Ethernet, &one).class, Class::IcmpEcho);
    // A directed broadcast as the last router sends it; without the broadcast MAC the destination is a host.
    let mut broadcast = one.clone();
    broadcast[..6].fill(0xff);
    assert_eq!(decode(LinkType::Ethernet, &broadcast).class, Class::IcmpEcho);
    broadcast[33] = 255;
    assert_eq!(decode(LinkType::Ethernet, &broadcast).class, Class::IcmpEchoGroup);
    let mut all_nodes = ipv6(58, &[128, 0, 0, 0, 0, 7, 0, 1]);
    all_nodes[24..40].copy_from_slice(&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(decode(LinkType::RawIp, &all_nodes).class, Class::IcmpEchoGroup);
}

#[test]
fn first_fragments_have_ports_and_later_ones_do_not() {
    let body = udp(4000, 9, &[7; 64]);
    let first = decode(LinkType::Ethernet, &ethernet(0x0800, &ipv4_with(17, 0x2000, &[], &body)));
    assert_eq!((first.class, first.destination_port, first.first_fragment), (Class::Udp, 9, true));
    for (bits, last) in [(0x2001, false), (0x0009, true)] {
        let later = decode(LinkType::Ethernet, &ethernet(0x0800, &ipv4_with(17, bits, &[], &body)));
        assert_eq!((later.class, later.source_port, later.destination_port), (Class::Fragment, 0, 0), "last: {last}");
        assert!(!later.first_fragment && later.has_ip && later.anomaly.is_none());
        assert_eq!(later.payload_len, 72);
    }
    let six = |offset_more: u16| {
        let mut header = vec![17, 0];
        header.extend(offset_more.to_be_bytes());
        header.extend([0, 0, 0, 1]);
        ethernet(0x86dd, &ipv6(44, &[&header[..], &body].concat()))
    };
    let first = decode(LinkType::Ethernet, &six(1));
    assert_eq!((first.class, first.destination_port, first.first_fragment), (Class::Udp, 9, true));
    let later = decode(LinkType::Ethernet, &six(8));
    assert_eq!((later.class, later.destination_port, later.protocol), (Class::Fragment, 0, 17));
    // RFC 6946: a fragment header on a complete packet.
    let atomic = decode(LinkType::Ethernet, &six(0));
    assert_eq!((atomic.class, atomic.destination_port, atomic.first_fragment), (Class::Udp, 9, false));
}

#[test]
fn cooked_captures_give_station_and_direction() {
    for (kind, direction) in [
        (0u16, FrameDirection::Ingress),
        (3, FrameDirection::Ingress),
        (4, FrameDirection::Egress),
        (9, FrameDirection::Unknown),
    ] {
        let mut sll = kind.to_be_bytes().to_vec();
        sll.extend([0, 1, 0, 6]);
        sll.extend(SOURCE);
        sll.extend([0, 0, 0x08, 0]);
        let packet = decode(LinkType::LinuxSll, &[&sll[..], &syn4()].concat());
        is_syn(&packet);
        assert_eq!((packet.source_mac, packet.direction), (Mac(SOURCE), direction));

        let mut sll2 = vec![0x08, 0, 0, 0, 0, 0, 0, 2, 0, 1, kind as u8, 6];
        sll2.extend(SOURCE);
        sll2.extend([0, 0]);
        let packet = decode(LinkType::LinuxSll2, &[&sll2[..], &syn4()].concat());
        is_syn(&packet);
        assert_eq!((packet.source_mac, packet.direction), (Mac(SOURCE), direction));
    }
}

#[test]
fn loopback_ppp_and_raw_links_are_read() {
    let six = ipv6(6, &tcp(40_000, 80, SYN, &[]));
    let with = |head: &[u8], ip: &[u8]| [head, ip].concat();
    for (link, data) in [
        (LinkType::Null, with(&[2, 0, 0, 0], &syn4())),
        (LinkType::Null, with(&[0, 0, 0, 2], &syn4())),
        (LinkType::Null, with(&[30, 0, 0, 0], &six)),
        (LinkType::Null, with(&[0, 0, 0, 10], &six)),
        (LinkType::Loop, with(&[0, 0, 0, 24], &six)),
        (LinkType::Loop, with(&[0, 0, 0, 28], &six)),
        (LinkType::Ppp, with(&[0xff, 0x03, 0, 0x21], &syn4())),
        (LinkType::Ppp, with(&[0, 0x57], &six)),
        (LinkType::Ppp, with(&[0x21], &syn4())),
        (LinkType::RawIp, syn4()),
        (LinkType::RawIp, six.clone()),
    ] {
        let packet = decode(link, &data);
        is_syn(&packet);
        assert_eq!(packet.source_mac, Mac::ZERO);
    }
}

#[test]
fn non_ip_frames_have_a_class_and_no_host() {
    let request = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &[0; 20]].concat();
    for (data, class) in [
        (ethernet(0x0806, &request), Class::Arp),
        (ethernet(0x8035, &request), Class::Arp),
        // Spanning tree: LLC; Cisco's variant: SNAP with Cisco's OUI; IPv4 in SNAP below.
        (ethernet(38, &[0x42, 0x42, 3, 0, 0, 0, 0, 0, 0, 0]), Class::L2Other),
        (ethernet(50, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 0, 0]), Class::L2Other),
        (ethernet(0x88cc, &[2, 7, 4]), Class::L2Other),
    ] {
        let packet = decode(LinkType::Ethernet, &data);
        assert_eq!((packet.class, packet.has_ip, packet.anomaly), (class, false, None), "{data:02x?}");
        assert!(class == Class::Arp || packet.source == Addr::UNSPECIFIED);
    }
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &syn4()].concat();
    is_syn(&decode(LinkType::Ethernet, &ethernet(snap.len() as u16, &snap)));
}

#[test]
fn tunnels_are_counted_by_the_configured_header() {
    let six = ipv6(6, &tcp(40_000, 80, SYN, &[]));
    let inside4 = syn4();
    let framed = ethernet(0x0800, &inside4);
    let tagged = ethernet(0x8100, &[&[0, 9, 8, 0][..], &inside4].concat());
    let in_gre = |head: &[u8], inner: &[u8]| ipv4(47, &[head, inner].concat());
    let to_port = |port: u16, head: &[u8], inner: &[u8]| ipv4(17, &udp(50_000, port, &[head, inner].concat()));
    let sequenced = |protocol: u16| [&[0x10, 0][..], &protocol.to_be_bytes(), &[0, 0, 0, 1]].concat();
    let second = [sequenced(0x88be), vec![0x10, 1, 0, 0x64, 0, 0, 0, 5]].concat();
    let third = [sequenced(0x22eb), vec![0x20, 1, 0, 0x64, 0, 0, 0, 5, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9]].concat();
    let labels = |inner: &[u8]| [&[0, 1, 0, 64, 0, 2, 1, 64][..], inner].concat();
    let vni = [8, 0, 0, 0, 0, 0, 9, 0];
    let gtp = [0x32, 0xff, 0, 44, 0, 0, 0, 1, 0, 7, 0, 0];
    let cases: [(Vec<u8>, Class, Encapsulation); 19] = [
        (in_gre(&[0, 0, 8, 0], &inside4), Class::Gre, Encapsulation::Gre),
        (in_gre(&[0xb0, 0, 0x86, 0xdd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], &six), Class::Gre, Encapsulation::Gre),
        (in_gre(&[0, 0, 0x65, 0x58], &framed), Class::Gre, Encapsulation::Gre),
        (in_gre(&[0, 0, 0x65, 0x58], &tagged), Class::Gre, Encapsulation::Gre),
        (in_gre(&[0, 0, 0x88, 0x47], &labels(&inside4)), Class::Gre, Encapsulation::Gre),
        (in_gre(&[0, 0, 0x88, 0x47], &labels(&framed)), Class::Gre, Encapsulation::Gre),
        (in_gre(&[0, 0, 0x88, 0xbe], &framed), Class::Gre, Encapsulation::Erspan),
        (in_gre(&second, &tagged), Class::Gre, Encapsulation::Erspan),
        (in_gre(&third, &framed), Class::Gre, Encapsulation::Erspan),
        (ipv4(4, &inside4), Class::IpTunnel, Encapsulation::IpInIp),
        (ipv4(41, &six), Class::IpTunnel, Encapsulation::IpInIp),
        (ipv4(97, &[&[0x30, 0][..], &framed].concat()), Class::IpTunnel, Encapsulation::EtherIp),
        (to_port(4789, &vni, &framed), Class::Udp, Encapsulation::Vxlan),
        (to_port(8472, &vni, &framed), Class::Udp, Encapsulation::Vxlan),
        (to_port(4790, &[0x0c, 0, 0, 3, 0, 0, 9, 0], &framed), Class::Udp, Encapsulation::VxlanGpe),
        (to_port(4790, &[0x0c, 0, 0, 2, 0, 0, 9, 0], &six), Class::Udp, Encapsulation::VxlanGpe),
        (to_port(6081, &[1, 0x40, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 0], &framed), Class::Udp, Encapsulation::Geneve),
        (to_port(2152, &gtp, &inside4), Class::Udp, Encapsulation::GtpU),
        // Also as the body of what is itself inside a tunnel.
        (ipv4(4, &to_port(6081, &[0, 0, 8, 0, 0, 0, 9, 0], &inside4)), Class::IpTunnel, Encapsulation::IpInIp),
    ];
    for (ip, class, kind) in cases {
        let data = ethernet(0x0800, &ip);
        let outer = decode(LinkType::Ethernet, &data);
        assert_eq!((outer.class, outer.anomaly, outer.unopened, outer.is_inner), (class, None, Some(kind), false));
        is_v4(&outer);
        let inner = inner(&data);
        is_syn(&inner);
        assert_eq!((inner.wire_len, inner.source_mac), (data.len() as u32, Mac(SOURCE)), "{class:?}");
        assert_eq!((inner.unopened, inner.is_inner), (None, true));
    }
    let pseudowire = |control: &[u8]| ethernet(0x8847, &labels(&[control, &framed].concat()));
    let backbone = ethernet(0x88e7, &[&[0, 0, 0, 9][..], &framed].concat());
    for (data, kind) in [
        (pseudowire(&[]), Encapsulation::Pseudowire),
        (pseudowire(&[0, 0, 0, 7]), Encapsulation::Pseudowire),
        (backbone, Encapsulation::Pbb),
    ] {
        let outer = decode(LinkType::Ethernet, &data);
        assert_eq!((outer.class, outer.has_ip, outer.unopened), (Class::L2Other, false, Some(kind)));
        is_syn(&inner(&data));
    }
    // Other packets are unchanged.
    is_syn(&inner(&ethernet(0x0800, &syn4())));
    let plain = ethernet(0x0800, &ipv4(17, &udp(1, 2, &[0; 30])));
    assert_eq!(inner(&plain), decode(LinkType::Ethernet, &plain));
}

#[test]
fn what_cannot_be_followed_is_named() {
    let sealed = |ip: Vec<u8>| ethernet(0x0800, &ip);
    for (data, kind) in [
        (sealed(ipv4(50, &[0, 0, 0, 9, 0, 0, 0, 1, 7, 7, 7, 7])), Encapsulation::Esp),
        (sealed(ipv4(115, &[0, 0, 0, 9, 7, 7, 7, 7])), Encapsulation::L2tp),
        (sealed(ipv4(17, &udp(1701, 1701, &[0, 2, 0, 7, 0, 1, 0xff, 3, 0, 0x21]))), Encapsulation::L2tp),
        (sealed(ipv4(47, &[0x30, 1, 0x88, 0x0b, 0, 4, 0, 1, 0, 0, 0, 1, 7, 7, 7, 7])), Encapsulation::Gre),
        (ethernet(0x8847, &[0, 1, 1, 64, 0x70, 7, 7, 7, 7]), Encapsulation::Mpls),
        (ethernet(0x88e5, &[0x2c, 0, 0, 0, 0, 1]), Encapsulation::MacSec),
        (ethernet(0x894f, &[0; 20]), Encapsulation::Nsh),
        (ethernet(0x22f3, &[0; 20]), Encapsulation::Trill),
        (ethernet(0x8864, &[0x11, 0, 0, 1, 0, 8, 0, 0xfd, 7, 7, 7, 7, 7, 7]), Encapsulation::Ppp),
    ] {
        let outer = decode(LinkType::Ethernet, &data);
        assert_eq!((outer.unopened, outer.anomaly), (Some(kind), None), "{data:02x?}");
        assert_eq!(inner(&data), outer);
        // Around it, a tunnel that is followed: what is in it remains unknown.
        let wrapped = ethernet(0x0800, &ipv4(47, &[&[0, 0, 0x65, 0x58][..], &data].concat()));
        let packet = inner(&wrapped);
        assert_eq!((packet.unopened, packet.is_inner, packet.anomaly), (Some(kind), outer.has_ip, None));
    }
    // Control messages and what merely goes to the port of a tunnel carry nothing.
    for data in [
        sealed(ipv4(17, &udp(1701, 1701, &[0xc8, 2, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0]))),
        sealed(ipv4(17, &udp(40_000, 6081, &[7; 60]))),
        sealed(ipv4(17, &udp(2152, 2152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]))),
        sealed(ipv4(17, &udp(40_000, 8472, &[0; 60]))),
        sealed(ipv4(4, &[7; 40])),
        ethernet(0x8847, &[0, 1, 1, 64, 0x10, 0, 0, 0x21, 0x45]),
    ] {
        for packet in [decode(LinkType::Ethernet, &data), inner(&data)] {
            assert_eq!((packet.unopened, packet.is_inner, packet.anomaly), (None, false, None), "{data:02x?}");
        }
    }
    // ARP in a tunnel is understood, a packet that ends inside its header is not.
    let arp = ethernet(0x0806, &[&[0, 1, 8, 0, 6, 4, 0, 1][..], &[0; 20]].concat());
    for (frame, unopened) in [(arp, None), (ethernet(0x0800, &syn4()[..12]), Some(Encapsulation::Gre))] {
        let packet = inner(&ethernet(0x0800, &ipv4(47, &[&[0, 0, 0x65, 0x58][..], &frame].concat())));
        assert_eq!((packet.class, packet.unopened, packet.is_inner), (Class::Gre, unopened, false));
    }
}

#[test]
fn the_headers_around_the_innermost_one_are_kept() {
    let nested = |levels: usize| (0..levels).fold(syn4(), |inside, _| ipv4(4, &inside));
    for levels in 0..6 {
        let data = ethernet(0x0800, &nested(levels));
        let (mut packet, mut outer) = (Packet::default(), OuterHeaders::default());
        Decoder { tunnels: Tunnels::Inner }.decode_into(&frame(LinkType::Ethernet, &data), &mut packet, &mut outer);
        let followed = levels.min(4);
        assert_eq!((packet.is_inner, outer.packets().len()), (levels > 0, followed), "{levels} levels");
        assert!(outer.packets().iter().all(|packet| packet.class == Class::IpTunnel && packet.wire_len > 0));
        let too_deep = levels > 4;
        assert_eq!(packet.unopened, too_deep.then_some(Encapsulation::IpInIp));
        assert_eq!(packet.anomaly, too_deep.then_some(Anomaly::EncapsulationTooDeep));
        assert_eq!(packet.class, if too_deep { Class::IpTunnel } else { Class::TcpSyn });
    }
}

/// A frame for every anomaly that decoding can name.
fn anomalous_frames() -> Vec<(Anomaly, LinkType, Vec<u8>)> {
    let e = LinkType::Ethernet;
    let v4 = |ip: Vec<u8>| ethernet(0x0800, &ip);
    let tags = (0..9).fold(vec![8, 0], |inside, _| [&[0x81, 0, 0, 1][..], &inside].concat());
    let mut bad_total = syn4();
    bad_total[3] = 10;
    let mut short_offset = tcp(1, 2, SYN, &[]);
    short_offset[12] = 0x40;
    let mut long_udp = udp(1, 2, &[0; 20]);
    long_udp[5] = 200;
    vec![
        (Anomaly::LinkTypeUnsupported, LinkType::Other(147), vec![0; 60]),
        (Anomaly::LinkTruncated, e, vec![0; 13]),
        (Anomaly::LinkTruncated, LinkType::LinuxSll2, vec![0; 19]),
        (Anomaly::VlanTruncated, e, ethernet(0x8100, &[0, 1, 8])),
        (Anomaly::MplsTruncated, e, ethernet(0x8847, &[0, 1, 0])),
        (Anomaly::PppoeInvalid, e, ethernet(0x8864, &[0x21, 0, 0, 1, 0, 20, 0, 0x21])),
        (Anomaly::EncapsulationTooDeep, e, [&DESTINATION[..], &SOURCE, &tags[..]].concat()),
        (Anomaly::ArpTruncated, e, ethernet(0x0806, &[0, 1, 8, 0])),
        (Anomaly::IpVersionMismatch, e, ethernet(0x0800, &ipv6(17, &udp(1, 2, &[])))),
        (Anomaly::Ipv4Truncated, e, v4(syn4()[..12].to_vec())),
        (Anomaly::Ipv4HeaderInvalid, e, v4(bad_total)),
        (Anomaly::Ipv6Truncated, e, ethernet(0x86dd, &ipv6(17, &[])[..30])),
        (Anomaly::Ipv6ExtensionInvalid, e, ethernet(0x86dd, &ipv6(0, &[6, 9, 0, 0, 0, 0, 0, 0]))),
        (Anomaly::AuthHeaderInvalid, e, v4(ipv4(51, &[6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))),
        (Anomaly::TcpTruncated, e, v4(ipv4(6, &tcp(1, 2, SYN, &[])[..10]))),
        (Anomaly::TcpOffsetInvalid, e, v4(ipv4(6, &short_offset))),
        (Anomaly::UdpTruncated, e, v4(ipv4(17, &[0, 1, 0, 2]))),
        (Anomaly::UdpLengthInvalid, e, v4(ipv4(17, &long_udp))),
        (Anomaly::IcmpTruncated, e, v4(ipv4(1, &[8, 0, 0]))),
        (Anomaly::Icmpv6Truncated, e, ethernet(0x86dd, &ipv6(58, &[128, 0]))),
        (Anomaly::GreInvalid, e, v4(ipv4(47, &[0, 1, 8, 0, 0, 0, 0, 0]))),
        (Anomaly::VxlanInvalid, e, v4(ipv4(17, &udp(50_000, 4789, &[0; 8])))),
    ]
}

#[test]
fn every_anomaly_is_named() {
    let mut named = BTreeSet::new();
    for (anomaly, link, data) in anomalous_frames() {
        let packet = Decoder { tunnels: Tunnels::Inner }.decode(&frame(link, &data));
        assert_eq!(packet.anomaly, Some(anomaly), "{data:02x?}");
        named.insert(anomaly);
    }
    // The decoder knows neither the current tick nor our networks, and control frames are read after it.
    named.extend([Anomaly::TimestampBackwards, Anomaly::OwnSourceEntered, Anomaly::ControlInvalid]);
    let missing: Vec<_> = Anomaly::ALL.iter().filter(|anomaly| !named.contains(anomaly)).collect();
    assert!(missing.is_empty(), "no frame here produces {missing:?}");
}

/// Each header announces another one until the packet ends: octets that were not checked must not be read.
#[test]
fn broken_chains_of_extension_headers_are_not_followed() {
    let option = |next: u8| vec![next, 0, 1, 4, 0, 0, 0, 0];
    for announced in [0, 43, 44, 51, 60] {
        for (first, chain) in
            [(0, option(announced)), (60, option(announced)), (0, [option(60), option(announced)].concat())]
        {
            for rest in [&[][..], &[17, 255], &[17, 255, 0, 0, 0, 0, 0, 0]] {
                let data = ethernet(0x86dd, &ipv6(first, &[&chain[..], rest].concat()));
                // In a separate allocation, so that reading further would leave it.
                let packet = decode(LinkType::Ethernet, &data.into_boxed_slice());
                let whole = announced == 44 && rest.len() == 8;
                match packet.anomaly {
                    Some(Anomaly::UdpTruncated) if whole => {}
                    Some(Anomaly::Ipv6ExtensionInvalid | Anomaly::AuthHeaderInvalid) if !whole => {}
                    other => panic!("{first} {announced} {rest:?}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn fields_before_an_anomaly_are_kept() {
    let cut = ethernet(0x0800, &ipv4(6, &tcp(40_000, 80, SYN, &[])[..4]));
    let packet = decode(LinkType::Ethernet, &cut);
    is_v4(&packet);
    assert_eq!((packet.source_port, packet.destination_port), (40_000, 80));
    // A short snapshot length is not an anomaly of the packet: lengths come from the headers.
    let whole = ethernet(0x0800, &ipv4(17, &udp(4000, 9, &[0; 1000])));
    let packet = decode(LinkType::Ethernet, &whole[..64]);
    assert_eq!((packet.payload_len, packet.anomaly), (1000, None));
}

// The fast path and the lax one.

/// Some frames of every model, over both families and both directions.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut corpus = Vec::new();
    for spec in MODELS {
        for (v6, direction) in [(false, None), (true, None), (false, Some(pegel::base::Direction::Outbound))] {
            let mut part = Part::new(spec.model, 0.0, 0.5);
            part.params.mbit = Some(2.0);
            part.params.rate =
                Some(if matches!(spec.model, TrafficModel::Browser | TrafficModel::FlashCrowd) { 4.0 } else { 60.0 });
            part.params.direction = direction;
            part.params.source_network = v6.then(|| "2001:db8:8000::/33".parse().expect("a network"));
            let mut source = Scenario::new(11, vec![part]).source();
            let mut count = 0;
            while let Some(frame) = source.next_frame()
                && count < 40
            {
                corpus.push(frame.data.to_vec());
                count += 1;
            }
        }
    }
    corpus.extend(anomalous_frames().into_iter().map(|(.., data)| data));
    corpus.extend(encapsulated_frames());
    corpus
});

/// A SYN in encapsulations of every kind of start.
fn encapsulated_frames() -> Vec<Vec<u8>> {
    let framed = ethernet(0x0800, &syn4());
    let v4 = |ip: Vec<u8>| ethernet(0x0800, &ip);
    let vni = [8, 0, 0, 0, 0, 0, 9, 0];
    vec![
        v4(ipv4(4, &ipv4(4, &syn4()))),
        v4(ipv4(47, &[&[0, 0, 0x88, 0xbe][..], &framed].concat())),
        v4(ipv4(17, &udp(50_000, 4789, &[&vni[..], &framed].concat()))),
        v4(ipv4(17, &udp(50_000, 6081, &[&[0, 0, 0x65, 0x58, 0, 0, 9, 0][..], &framed].concat()))),
        v4(ipv4(
            17,
            &udp(2152, 2152, &[&[0x34, 0xff, 0, 48, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0][..], &syn4()].concat()),
        )),
        ethernet(0x8847, &[&[0, 1, 1, 64, 0, 0, 0, 0][..], &framed].concat()),
        ethernet(0x8847, &[&[0, 1, 1, 64][..], &framed].concat()),
    ]
}

/// The network packet of an Ethernet frame behind the header of another link.
fn rewrap(link: LinkType, ethernet: &[u8]) -> Vec<u8> {
    let (Some(head), Some(network)) = (ethernet.get(..14), ethernet.get(14..)) else { return ethernet.to_vec() };
    let v6 = head[12..] == [0x86, 0xdd];
    let front = match link {
        LinkType::LinuxSll => [&[0, 0, 0, 1, 0, 6][..], &head[6..12], &[0, 0], &head[12..14]].concat(),
        LinkType::LinuxSll2 => [&head[12..14], &[0, 0, 0, 0, 0, 1, 0, 1, 4, 6][..], &head[6..12], &[0, 0]].concat(),
        LinkType::Null => vec![if v6 { 30 } else { 2 }, 0, 0, 0],
        LinkType::Loop => vec![0, 0, 0, if v6 { 30 } else { 2 }],
        LinkType::Ppp => vec![0xff, 3, 0, if v6 { 0x57 } else { 0x21 }],
        LinkType::RawIp => Vec::new(),
        LinkType::Ethernet | LinkType::Other(_) => head.to_vec(),
    };
    [&front[..], network].concat()
}

/// Both paths give the same packet, whether tunnels are followed or not.
fn same(link: LinkType, data: &[u8]) -> Result<(), TestCaseError> {
    let frame = frame(link, data);
    for tunnels in [Tunnels::Outer, Tunnels::Inner] {
        let decoder = Decoder { tunnels };
        let (fast, lax) = (decoder.decode(&frame), decoder.decode_lax(&frame));
        prop_assert_eq!(fast, lax, "{:?} {:?} {:02x?}", tunnels, link, data);
        prop_assert!(usize::from(fast.payload_at) <= data.len().min(65_535));
    }
    Ok(())
}

#[test]
fn the_fast_path_equals_the_lax_one_on_valid_frames() {
    for data in CORPUS.iter() {
        for &link in LINKS {
            same(link, &rewrap(link, data)).expect("the same");
        }
        // Truncated anywhere in the headers.
        for length in 0..data.len().min(90) {
            same(LinkType::Ethernet, &data[..length]).expect("the same");
        }
    }
}

/// Prefixes of noise, so that parsing gets past the first header.
const STARTS: &[&[u8]] = &[&[], &[0x45], &[0x60], &[0x46], &[0, 0, 0, 2, 0x45]];

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_path_equals_the_lax_one_on_damaged_frames(
        which in any::<prop::sample::Index>(),
        link in prop::sample::select(LINKS),
        flips in prop::collection::vec((0usize..100, any::<u8>()), 0..6),
        length in prop::option::of((14usize..60, any::<u16>())),
        cut in prop::option::of(0usize..1600),
    ) {
        let mut data = rewrap(link, which.get::<Vec<u8>>(&CORPUS));
        for (at, value) in flips {
            if let Some(octet) = data.get_mut(at) {
                *octet = value;
            }
        }
        // Lengths and offsets are words at even offsets.
        if let Some((at, value)) = length
            && let Some(word) = data.get_mut(at & !1..(at & !1) + 2)
        {
            word.copy_from_slice(&value.to_be_bytes());
        }
        data.truncate(cut.unwrap_or(usize::MAX));
        same(link, &data)?;
    }

    #[test]
    fn the_fast_path_equals_the_lax_one_on_noise(
        link in prop::sample::select(LINKS),
        start in prop::sample::select(STARTS),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        same(link, &[start, &noise].concat())?;
    }
}
