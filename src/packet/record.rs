//! The record of one packet.

use super::{Anomaly, App, Class, Service};
use crate::base::{Addr, Mac, Timestamp};
use crate::capture::FrameDirection;

/// Everything that the meter wants to know of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    pub time: Timestamp,
    /// Network-layer addresses; of ARP for IPv4 those of sender and target. [`Addr::UNSPECIFIED`] where there are none.
    pub source: Addr,
    pub destination: Addr,
    /// Link-layer addresses; zero where the link has none.
    pub source_mac: Mac,
    pub destination_mac: Mac,
    /// Octets on the wire including the link header, without FCS.
    pub wire_len: u32,
    /// Octets of the IP packet by its header's word, header included; zero without IP.
    pub ip_len: u16,
    /// Octets of transport payload by the IP header's word, whether captured or not.
    pub payload_len: u16,
    /// Where the captured transport payload starts in the frame; of ARP and LLC the body; the frame's length where there
    /// is none.
    pub payload_at: u16,
    /// Zero where there are no ports (later fragments, ICMP, …).
    pub source_port: u16,
    pub destination_port: u16,
    /// Index of the interface within the source.
    pub interface: u16,
    /// Outermost VLAN id, zero where untagged.
    pub vlan: u16,
    /// Frames on the wire that this packet stands for (`wire_len` is that of all): more than 1 only where segmentation
    /// offload showed us a large one.
    pub segments: u16,
    pub class: Class,
    /// IP protocol number after extension headers; zero without IP.
    pub protocol: u8,
    /// TCP flags; of ARP the operation (1 request, 2 reply: RFC 826); zero for others.
    pub flags: u8,
    /// TTL or hop limit; zero without IP.
    pub ttl: u8,
    pub direction: FrameDirection,
    /// The amplification service that this packet looks like a *reply* of, by source port and payload.
    pub reply_of: Option<Service>,
    /// The amplification service that this packet is addressed to, by destination port.
    pub request_to: Option<Service>,
    /// What the payload begins with.
    pub app: App,
    /// What stopped the parser, if anything.
    pub anomaly: Option<Anomaly>,
    pub has_ip: bool,
    /// It may be a control frame: [`control::read`] tells.
    pub is_control: bool,
    /// First fragment of several: the transport header is here, the rest comes as class `fragment`.
    pub first_fragment: bool,
}

impl Default for Packet {
    fn default() -> Self {
        Packet::empty(Timestamp::ZERO, 0, 0, FrameDirection::Unknown)
    }
}

impl Packet {
    /// Of several TCP segments shown as one, the FIN belongs to the last, which is returned; the others stay as data.
    /// `None` where there is nothing to split.
    pub(crate) fn split_off_end(&mut self) -> Option<Packet> {
        const FIN: u8 = 0x01;
        if self.class != Class::TcpFin || self.segments < 2 {
            return None;
        }
        let last = self.wire_len / u32::from(self.segments);
        let end = Packet { segments: 1, wire_len: last, ..*self };
        // More than one, and the quotient is no larger than what was divided.
        (self.segments, self.wire_len) = (self.segments - 1, self.wire_len - last);
        (self.class, self.flags) = (Class::TcpData, self.flags & !FIN);
        Some(end)
    }

    /// A packet of which only the frame is known yet.
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
            ttl: 0,
            direction,
            reply_of: None,
            request_to: None,
            app: App::None,
            anomaly: None,
            has_ip: false,
            is_control: false,
            first_fragment: false,
        }
    }
}
