//! The record of one packet.

use super::{Anomaly, App, Class, Encapsulation, Service};
use crate::base::{Addr, Mac, Timestamp};
use crate::capture::FrameDirection;

/// Everything that the meter needs to know about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Time of capture.
    pub time: Timestamp,
    /// Network-layer source; of ARP for IPv4 the sender address. [`Addr::UNSPECIFIED`] if there is none.
    pub source: Addr,
    /// Network-layer destination; of ARP for IPv4 the target address. [`Addr::UNSPECIFIED`] if there is none.
    pub destination: Addr,
    /// Link-layer source; zero if the link has none.
    pub source_mac: Mac,
    /// Link-layer destination; zero if the link has none.
    pub destination_mac: Mac,
    /// Octets on the wire including the link header, without FCS, summed over all GSO segments.
    pub wire_len: u32,
    /// Octets of the IP packet according to its header, including the header; zero without IP.
    pub ip_len: u16,
    /// Octets of transport payload according to the headers, whether captured or not.
    pub payload_len: u16,
    /// Offset of the captured transport payload in the frame; of ARP and LLC that of the body; the frame's length if
    /// there is none.
    pub payload_at: u16,
    /// Source port; zero if there are no ports (later fragments, ICMP, …).
    pub source_port: u16,
    /// Destination port; zero if there are no ports.
    pub destination_port: u16,
    /// Index of the interface within the source.
    pub interface: u16,
    /// Outermost VLAN ID; zero if untagged.
    pub vlan: u16,
    /// Frames on the wire that this packet represents: more than 1 only for large frames from segmentation offload.
    pub segments: u16,
    /// Traffic class.
    pub class: Class,
    /// IP protocol number after extension headers; zero without IP.
    pub protocol: u8,
    /// TCP flags; of ARP the operation (1 request, 2 reply: RFC 826); zero for others.
    pub flags: u8,
    /// Low 16 bits of the TCP sequence number; zero for others.
    pub sequence: u16,
    /// Low 16 bits of the TCP acknowledgment number; zero for others.
    pub acknowledgment: u16,
    /// TTL or hop limit; zero without IP.
    pub ttl: u8,
    /// Whether the frame entered or left the machine.
    pub direction: FrameDirection,
    /// The amplification service of which this packet looks like a *reply*, judging by source port and payload.
    pub reply_of: Option<Service>,
    /// The amplification service that this packet is addressed to, by destination port.
    pub request_to: Option<Service>,
    /// Kind of the payload.
    pub app: App,
    /// What stopped the parser, if anything did.
    pub anomaly: Option<Anomaly>,
    /// Whether an IP header was parsed.
    pub has_ip: bool,
    /// Whether it may be a control frame, which [`control::read`](super::control::read) decides.
    pub is_control: bool,
    /// Whether it is the first fragment of several: it contains the transport header; the others have class `fragment`.
    pub first_fragment: bool,
    /// The encapsulation that it carries and that was not followed: what is inside is unknown.
    pub unopened: Option<Encapsulation>,
    /// Whether its addresses are those inside a tunnel, which was followed.
    pub is_inner: bool,
}

impl Default for Packet {
    fn default() -> Self {
        Packet::empty(Timestamp::ZERO, 0, 0, FrameDirection::Unknown)
    }
}

impl Packet {
    /// Splits the last TCP segment, to which the FIN belongs, off a packet that represents several; the others remain
    /// as data. `None` if there is nothing to split.
    pub(crate) fn split_off_end(&mut self) -> Option<Packet> {
        const FIN: u8 = 0x01;
        if self.class != Class::TcpFin || self.segments < 2 {
            return None;
        }
        let last = self.wire_len / u32::from(self.segments);
        let end = Packet { segments: 1, wire_len: last, ..*self };
        // No underflow: there are at least two segments, and the quotient is not larger than the dividend.
        (self.segments, self.wire_len) = (self.segments - 1, self.wire_len - last);
        (self.class, self.flags) = (Class::TcpData, self.flags & !FIN);
        Some(end)
    }

    /// A packet of which only the frame's metadata is known.
    #[inline]
    pub(crate) fn empty(time: Timestamp, wire_len: u32, interface: u16, direction: FrameDirection) -> Self {
        Packet {
            time,
            source: Addr::UNSPECIFIED,
            destination: Addr::UNSPECIFIED,
            source_mac: Mac::ZERO,
            destination_mac: Mac::ZERO,
            wire_len,
            ip_len: 0,
            payload_len: 0,
            payload_at: 0,
            source_port: 0,
            destination_port: 0,
            interface,
            vlan: 0,
            segments: 1,
            class: Class::Unparsed,
            protocol: 0,
            flags: 0,
            sequence: 0,
            acknowledgment: 0,
            ttl: 0,
            direction,
            reply_of: None,
            request_to: None,
            app: App::None,
            anomaly: None,
            has_ip: false,
            is_control: false,
            first_fragment: false,
            unopened: None,
            is_inner: false,
        }
    }
}
