//! Control frames of a LAN: claims to addresses, offers of leases and routes, spanning tree. They are parsed from the
//! frame itself, since a [`Packet`] has no fields for their contents. Every octet is untrusted: parsing is lax and does
//! not allocate.

use super::valid::{self, HSRP};
use super::{Anomaly, Class, Packet, options};
use crate::base::{Addr, Mac, Timestamp};
use crate::capture::FrameDirection;

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $text:literal,)*) => {
        /// The kind of a control frame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum ControlKind { $($(#[$meta])* $variant,)* }

        impl ControlKind {
            /// The name shown to people.
            pub const fn name(self) -> &'static str {
                match self { $(ControlKind::$variant => $text,)* }
            }
        }
    };
}

kinds! {
    /// RFC 826: who has this address?
    ArpRequest = "ARP request",
    /// RFC 826: the sender has this address.
    ArpReply = "ARP reply",
    /// RFC 903; hypervisors use it to announce a guest that has moved.
    Rarp = "RARP",
    /// RFC 4861 §4.1.
    RouterSolicitation = "router solicitation",
    /// RFC 4861 §4.2.
    RouterAdvertisement = "router advertisement",
    /// RFC 4861 §4.3.
    NeighbourSolicitation = "neighbour solicitation",
    /// RFC 4861 §4.4.
    NeighbourAdvertisement = "neighbour advertisement",
    /// RFC 4861 §4.5.
    Redirect = "redirect",
    /// Any message of a DHCP client (RFC 2131, 8415).
    DhcpRequest = "DHCP request",
    /// A DHCP server's offer or advertisement, which is not binding.
    DhcpOffer = "DHCP offer",
    /// A DHCP server's binding reply; also a server's message with a truncated message type.
    DhcpAck = "DHCP reply",
    /// Spanning tree (IEEE 802.1D §9), including Cisco's per-VLAN variant.
    Stp = "spanning tree",
    /// VRRP (RFC 5798), CARP and HSRP (RFC 2281): election of the active router.
    RouterElection = "router election",
}

/// The contents of one control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Time of capture.
    pub time: Timestamp,
    /// What kind of frame it is.
    pub kind: ControlKind,
    /// Whether it entered or left the machine.
    pub direction: FrameDirection,
    /// Index of the interface within the source.
    pub interface: u16,
    /// Outermost VLAN ID; zero if untagged.
    pub vlan: u16,
    /// Source of the frame.
    pub source_mac: Mac,
    /// Destination of the frame.
    pub destination_mac: Mac,
    /// The address that the sender claims or assigns: ARP sender, target of an advertisement, source of a solicitation,
    /// the router, the leased address, that of a DHCP client which has one. Unspecified if there is none.
    pub address: Addr,
    /// The corresponding hardware address: ARP sender, link-layer address option, DHCP client. Zero if there is none.
    pub mac: Mac,
    /// The address that is requested or that a reply is sent to; of DHCP replies the server; of a router advertisement the
    /// first prefix.
    pub target: Addr,
    /// The first router of a DHCP reply, the second prefix of a router advertisement; unspecified if there is none.
    pub router: Addr,
    /// The first name server of a DHCP reply; unspecified if there is none.
    pub dns: Addr,
    /// TTL or hop limit; zero without IP.
    pub ttl: u8,
    /// Router advertisement: lifetime in seconds. Neighbour advertisement: flags (R 0x80, S 0x40, O 0x20). DHCP:
    /// message type, 0 if truncated. Router election: the virtual router's number.
    pub value: u16,
}

impl Control {
    /// Whether it is an unsolicited announcement of the sender's own address (RFC 5227 §3, RFC 5944 §4.6).
    pub fn is_gratuitous(&self) -> bool {
        match self.kind {
            ControlKind::ArpRequest | ControlKind::ArpReply => {
                self.address != Addr::UNSPECIFIED
                    && (self.address == self.target || self.destination_mac.is_group())
                    && (self.kind == ControlKind::ArpReply || self.address == self.target)
            }
            ControlKind::NeighbourAdvertisement => self.destination_mac.is_group() && self.value & SOLICITED == 0,
            _ => false,
        }
    }

    /// Whether it probes for an unused address: an ARP probe, or a neighbour solicitation without a source.
    pub fn is_probe(&self) -> bool {
        matches!(self.kind, ControlKind::ArpRequest | ControlKind::NeighbourSolicitation)
            && is_no_address(self.address)
            && !is_no_address(self.target)
    }
}

/// The solicited flag of neighbour advertisements (RFC 4861 §4.4), as in [`Control::value`].
pub const SOLICITED: u16 = 0x40;

const VRRP: u8 = 112;

/// Whether a UDP datagram may be a control message, judging by its ports.
#[inline]
pub(super) fn is_port(destination: u16) -> bool {
    // Few datagrams are sent to ports near these: two comparisons decide nearly all cases.
    (destination < 548 && matches!(destination, 67 | 68 | 546 | 547)) || destination == HSRP
}

/// Whether a decoded packet may be a control frame, before its contents are parsed.
#[inline]
pub(super) fn is_control(packet: &Packet) -> bool {
    match packet.class {
        Class::Arp | Class::Icmpv6Nd | Class::L2Other => true,
        Class::Udp => is_port(packet.destination_port),
        Class::IpOther => packet.protocol == VRRP,
        _ => false,
    }
}

/// True for `::` and 0/8.
fn is_no_address(address: Addr) -> bool {
    address == Addr::UNSPECIFIED || (address.is_v4() && address.bits() as u32 >> 24 == 0)
}

/// A frame that its receivers must discard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disbelieved;

/// Parses a control frame; `None` if it is of another kind or truncated.
///
/// # Errors
///
/// The frame is of a control protocol, but its receivers must discard it.
pub fn read(packet: &Packet, frame: &[u8]) -> Result<Option<Control>, Disbelieved> {
    let at = usize::from(packet.payload_at);
    let mut body = frame.get(at..).unwrap_or_default();
    // What follows in the frame is padding, or there to deceive.
    if matches!(packet.class, Class::Udp | Class::Icmpv6Nd) {
        body = body.get(..usize::from(packet.payload_len)).unwrap_or(body);
    }
    let is_whole = packet.anomaly != Some(Anomaly::Icmpv6Truncated);
    let head = at.checked_sub(8).filter(|_| is_whole).and_then(|at| frame.get(at..)?.first_chunk::<8>());
    if !valid::is_valid(packet, head, body) {
        return Err(Disbelieved);
    }
    Ok(parse(packet, head, body))
}

fn parse(packet: &Packet, head: Option<&[u8; 8]>, body: &[u8]) -> Option<Control> {
    let control = Control {
        time: packet.time,
        kind: ControlKind::Stp,
        direction: packet.direction,
        interface: packet.interface,
        vlan: packet.vlan,
        source_mac: packet.source_mac,
        destination_mac: packet.destination_mac,
        address: Addr::UNSPECIFIED,
        mac: Mac::ZERO,
        target: Addr::UNSPECIFIED,
        router: Addr::UNSPECIFIED,
        dns: Addr::UNSPECIFIED,
        ttl: packet.ttl,
        value: 0,
    };
    match packet.class {
        Class::Arp => arp(packet, body, control),
        Class::Icmpv6Nd => discovery(packet, *head?, body, control),
        Class::L2Other => spanning_tree(packet, body).then_some(control),
        Class::Udp if packet.destination_port == HSRP => {
            let group = u16::from(*body.get(6)?);
            Some(Control { kind: ControlKind::RouterElection, address: packet.source, value: group, ..control })
        }
        Class::Udp if matches!(packet.destination_port, 67 | 68) => dhcp(packet, body, control),
        Class::Udp => dhcpv6(packet, body, control),
        _ => {
            // VRRP and CARP both begin with version and type, followed by the number of the virtual router.
            let number = u16::from(*body.get(1)?);
            Some(Control { kind: ControlKind::RouterElection, address: packet.source, value: number, ..control })
        }
    }
}

fn mac_at(data: &[u8], at: usize) -> Option<Mac> {
    data.get(at..)?.first_chunk::<6>().map(|&octets| Mac(octets))
}

fn v4_at(data: &[u8], at: usize) -> Option<Addr> {
    data.get(at..)?.first_chunk::<4>().map(|&octets| Addr::from_v4_bits(u32::from_be_bytes(octets)))
}

fn v6_at(data: &[u8], at: usize) -> Option<Addr> {
    data.get(at..)?.first_chunk::<16>().map(|&octets| Addr::from_v6_bits(u128::from_be_bytes(octets)))
}

fn arp(packet: &Packet, body: &[u8], control: Control) -> Option<Control> {
    // For other hardware types and protocols the decoder has left the addresses empty.
    let kind = match packet.flags {
        1 => ControlKind::ArpRequest,
        2 => ControlKind::ArpReply,
        3 | 4 => ControlKind::Rarp,
        _ => return None,
    };
    let mac = mac_at(body, 8)?;
    Some(Control { kind, address: packet.source, mac, target: packet.destination, ..control })
}

/// Neighbour discovery (RFC 4861 §4). `body` starts after the first eight octets of the ICMP message.
fn discovery(packet: &Packet, head: [u8; 8], body: &[u8], control: Control) -> Option<Control> {
    let [kind, _, _, _, first, _, life0, life1] = head;
    match kind {
        133 => Some(Control {
            kind: ControlKind::RouterSolicitation,
            address: packet.source,
            mac: option(body, 1).unwrap_or(packet.source_mac),
            ..control
        }),
        134 => {
            let options = body.get(8..).unwrap_or_default();
            let mut prefixes = options::discovery(options).filter_map(|(kind, content)| prefix(kind, content));
            Some(Control {
                kind: ControlKind::RouterAdvertisement,
                address: packet.source,
                mac: option(options, 1).unwrap_or(packet.source_mac),
                target: prefixes.next().unwrap_or_default(),
                router: prefixes.next().unwrap_or_default(),
                value: u16::from_be_bytes([life0, life1]),
                ..control
            })
        }
        135 => Some(Control {
            kind: ControlKind::NeighbourSolicitation,
            address: packet.source,
            mac: option(body.get(16..)?, 1).unwrap_or(packet.source_mac),
            target: v6_at(body, 0)?,
            ..control
        }),
        136 => Some(Control {
            kind: ControlKind::NeighbourAdvertisement,
            address: v6_at(body, 0)?,
            mac: option(body.get(16..)?, 2).unwrap_or(packet.source_mac),
            target: packet.destination,
            value: first.into(),
            ..control
        }),
        137 => Some(Control {
            kind: ControlKind::Redirect,
            address: packet.source,
            mac: packet.source_mac,
            target: v6_at(body, 0)?,
            ..control
        }),
        _ => None,
    }
}

/// The link-layer address in the option of type `wanted` (1 source, 2 target).
fn option(options: &[u8], wanted: u8) -> Option<Mac> {
    let of_six = |(kind, content): &(u8, &[u8])| *kind == wanted && content.len() == 6;
    options::discovery(options).find(of_six).and_then(|(_, content)| mac_at(content, 0))
}

/// The prefix in a prefix information option (RFC 4861 §4.6.2) that hosts use: for addresses or as on-link.
fn prefix(kind: u8, content: &[u8]) -> Option<Addr> {
    let &[length, flags] = content.first_chunk::<2>().filter(|_| kind == 3)?;
    let prefix = v6_at(content, 14)?;
    (flags & 0xc0 != 0 && !valid::is_link_local(prefix)).then(|| prefix.network(length.min(128)))
}

/// DHCP (RFC 2131 §2). With a short snapshot length the options are truncated; the fixed part is enough for most uses.
fn dhcp(packet: &Packet, body: &[u8], control: Control) -> Option<Control> {
    let &[op, _, hardware, ..] = body.first_chunk::<4>()?;
    let mac = if hardware == 6 { mac_at(body, 28)? } else { Mac::ZERO };
    let (mut kind, mut router, mut dns, mut server) = (0, Addr::UNSPECIFIED, Addr::UNSPECIFIED, packet.source);
    for (code, value) in options::dhcp(body) {
        match (code, value) {
            (53, &[message]) => kind = message,
            (3, value) => router = v4_at(value, 0).unwrap_or(router),
            (6, value) => dns = v4_at(value, 0).unwrap_or(dns),
            (54, value) => server = v4_at(value, 0).unwrap_or(server),
            _ => {}
        }
    }
    let control = Control { mac, router, dns, value: kind.into(), ..control };
    if op == 1 {
        // A request forwarded by a relay, which has an address, is not from this station (RFC 2131 §4.1: giaddr).
        let is_relayed = v4_at(body, 24).is_some_and(|relay| !is_no_address(relay));
        if is_relayed && !is_no_address(packet.source) {
            return None;
        }
        let own = [v4_at(body, 12)?, packet.source].into_iter().find(|address| !is_no_address(*address));
        let address = own.unwrap_or_default();
        // A client without a hardware address in the message is known by that of its frames.
        let mac = if mac == Mac::ZERO { packet.source_mac } else { mac };
        let kind = ControlKind::DhcpRequest;
        return Some(Control { kind, address, mac, target: packet.destination, ..control });
    }
    let leased = v4_at(body, 16)?;
    let address = if is_no_address(leased) { Addr::UNSPECIFIED } else { leased };
    let kind = if kind == 2 { ControlKind::DhcpOffer } else { ControlKind::DhcpAck };
    Some(Control { kind, address, target: server, ..control })
}

/// DHCPv6 (RFC 8415 §8): messages of clients and servers.
fn dhcpv6(packet: &Packet, body: &[u8], control: Control) -> Option<Control> {
    let (&[message, _, _, _], options) = body.split_first_chunk::<4>()?;
    let value = u16::from(message);
    match message {
        1 | 3..=6 | 8 | 9 | 11 => {
            let mac = packet.source_mac;
            Some(Control {
                kind: ControlKind::DhcpRequest,
                address: packet.source,
                mac,
                target: packet.destination,
                value,
                ..control
            })
        }
        2 | 7 => {
            let kind = if message == 2 { ControlKind::DhcpOffer } else { ControlKind::DhcpAck };
            let address = leased(options).unwrap_or_default();
            // RFC 3646 §3.
            let dns = options::dhcpv6(options).find(|(code, ..)| *code == 23);
            let dns = dns.and_then(|(_, value, _)| v6_at(value, 0)).unwrap_or_default();
            let (mac, target) = (packet.destination_mac, packet.source);
            Some(Control { kind, address, mac, target, dns, value, ..control })
        }
        _ => None,
    }
}

/// The first address of the first IA_NA (options 3 and 5, RFC 8415 §21.4, §21.6).
fn leased(options: &[u8]) -> Option<Addr> {
    let (_, association, _) = options::dhcpv6(options).find(|(code, ..)| *code == 3)?;
    let (_, address, _) = options::dhcpv6(association.get(12..)?).find(|(code, ..)| *code == 5)?;
    v6_at(address, 0)
}

/// IEEE 802.1D after LLC 42 42 03, or Cisco's per-VLAN variant after SNAP, where the decoder stops after the header.
fn spanning_tree(packet: &Packet, body: &[u8]) -> bool {
    const BRIDGES: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0]);
    const CISCO: Mac = Mac([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd]);
    match packet.destination_mac {
        BRIDGES => body.starts_with(&[0x42, 0x42, 0x03]),
        CISCO => true,
        _ => false,
    }
}
