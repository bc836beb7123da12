//! Traffic classes: every packet belongs to exactly one.

use super::{protocol, tcp};
use crate::base::Addr;

macro_rules! classes {
    ($($(#[$meta:meta])* $variant:ident = $text:literal,)*) => {
        /// The class that a packet is counted in. Names are values of the label `class` of
        /// `pegel_receive_packets_total`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Class { $($(#[$meta])* $variant,)* }

        impl Class {
            /// Every class.
            pub const ALL: &'static [Class] = &[$(Class::$variant,)*];

            /// The label value.
            pub const fn name(self) -> &'static str {
                match self { $(Class::$variant => $text,)* }
            }
        }
    };
}

classes! {
    /// SYN without ACK; ECE and CWR do not matter (RFC 3168 §6.1.1 sets both on a SYN).
    TcpSyn = "tcp_syn",
    /// SYN with ACK.
    TcpSynAck = "tcp_syn_ack",
    /// ACK without payload.
    TcpAck = "tcp_ack",
    /// ACK with payload.
    TcpData = "tcp_data",
    /// RST, with or without ACK.
    TcpRst = "tcp_rst",
    /// FIN, with or without ACK.
    TcpFin = "tcp_fin",
    /// No flags.
    TcpNull = "tcp_null",
    /// FIN, PSH and URG without ACK, or all flags.
    TcpXmas = "tcp_xmas",
    /// Flag patterns that no standard stack sends, and TCP with truncated flags.
    TcpOther = "tcp_other",
    /// UDP, except QUIC.
    Udp = "udp",
    /// UDP from or to port 443.
    Quic = "quic",
    /// Echo request.
    IcmpEcho = "icmp_echo",
    /// Echo reply.
    IcmpReply = "icmp_reply",
    /// Unreachable, source quench, redirect, time exceeded, parameter problem.
    IcmpError = "icmp_error",
    /// Other ICMP messages.
    IcmpOther = "icmp_other",
    /// Echo request.
    Icmpv6Echo = "icmpv6_echo",
    /// Echo reply.
    Icmpv6Reply = "icmpv6_reply",
    /// Unreachable, packet too big, time exceeded, parameter problem.
    Icmpv6Error = "icmpv6_error",
    /// Neighbour discovery, router discovery, redirect (RFC 4861) and multicast listener discovery.
    Icmpv6Nd = "icmpv6_nd",
    /// Other ICMPv6 messages.
    Icmpv6Other = "icmpv6_other",
    /// Echo request of either family to a multicast or broadcast address. Every receiver replies to the source, so it
    /// counts as traffic *to* the source.
    IcmpEchoGroup = "icmp_echo_group",
    /// Any fragment except the first. It has no ports.
    Fragment = "fragment",
    /// GRE (RFC 2784).
    Gre = "gre",
    /// Other tunnels: IP in IP (protocols 4 and 41), ESP, EtherIP, L2TPv3, PIM.
    IpTunnel = "ip_tunnel",
    /// TCP or UDP from an address and port to the same address and port.
    Land = "land",
    /// Other IP protocols.
    IpOther = "ip_other",
    /// ARP and RARP.
    Arp = "arp",
    /// Other link-layer protocols.
    L2Other = "l2_other",
    /// Nothing could be parsed.
    Unparsed = "unparsed",
}

impl Class {
    /// Number of classes.
    pub const COUNT: usize = Class::ALL.len();
    /// Number of classes with an IP header, which are counted per host. They have the lowest indices.
    pub const PER_HOST: usize = Class::IpOther as usize + 1;

    /// Position in [`Class::ALL`].
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it is a class of TCP.
    #[inline]
    pub const fn is_tcp(self) -> bool {
        (self as u8) <= Class::TcpOther as u8
    }

    /// Class of a UDP datagram.
    #[inline]
    pub(super) const fn of_udp(source_port: u16, destination_port: u16) -> Class {
        if source_port == 443 || destination_port == 443 { Class::Quic } else { Class::Udp }
    }

    /// Class of a TCP segment.
    #[inline]
    pub(super) const fn of_tcp(flags: u8, has_payload: bool) -> Class {
        const XMAS: u8 = tcp::FIN | tcp::PSH | tcp::URG;
        const ALL: u8 = XMAS | tcp::SYN | tcp::RST | tcp::ACK;
        let flags = flags & ALL;
        if flags & tcp::SYN != 0 {
            if flags & (tcp::FIN | tcp::RST) != 0 {
                return if flags == ALL { Class::TcpXmas } else { Class::TcpOther };
            }
            return if flags & tcp::ACK != 0 { Class::TcpSynAck } else { Class::TcpSyn };
        }
        if flags & tcp::RST != 0 {
            return Class::TcpRst;
        }
        if flags & tcp::ACK != 0 {
            return if flags & tcp::FIN != 0 {
                Class::TcpFin
            } else if has_payload {
                Class::TcpData
            } else {
                Class::TcpAck
            };
        }
        match flags {
            0 => Class::TcpNull,
            XMAS => Class::TcpXmas,
            f if f & tcp::FIN != 0 => Class::TcpFin,
            _ => Class::TcpOther,
        }
    }

    /// Class of an ICMP message by its type (RFC 792, IANA ICMP parameters).
    pub(super) const fn of_icmp(kind: u8) -> Class {
        match kind {
            8 => Class::IcmpEcho,
            0 => Class::IcmpReply,
            3 | 4 | 5 | 11 | 12 => Class::IcmpError,
            _ => Class::IcmpOther,
        }
    }

    /// Class of an ICMPv6 message by its type (RFC 4443, 4861, 2710, 3810).
    pub(super) const fn of_icmpv6(kind: u8) -> Class {
        match kind {
            128 => Class::Icmpv6Echo,
            129 => Class::Icmpv6Reply,
            1..=4 => Class::Icmpv6Error,
            130..=137 | 143 => Class::Icmpv6Nd,
            _ => Class::Icmpv6Other,
        }
    }
}

/// Port of BFD's echo function, whose packets are addressed to their sender (RFC 5881 §4).
const BFD_ECHO: u16 = 3785;

/// Whether a packet from an address and port to the same address and port is malicious. Over loopback, hosts
/// legitimately communicate with themselves.
#[cold]
pub(super) fn is_land(address: Addr, ip_protocol: u8, port: u16) -> bool {
    let echo = ip_protocol == protocol::UDP && port == BFD_ECHO;
    !(echo || address.is_loopback() || address.is_group_or_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_flags_determine_the_class() {
        let cases = [
            (0x02, false, Class::TcpSyn),
            (0xc2, false, Class::TcpSyn),
            (0x0a, false, Class::TcpSyn),
            (0x12, false, Class::TcpSynAck),
            (0x10, false, Class::TcpAck),
            (0x18, true, Class::TcpData),
            (0x14, false, Class::TcpRst),
            (0x04, false, Class::TcpRst),
            (0x11, false, Class::TcpFin),
            (0x01, false, Class::TcpFin),
            (0x00, false, Class::TcpNull),
            (0xc0, false, Class::TcpNull),
            (0x29, false, Class::TcpXmas),
            (0x3f, false, Class::TcpXmas),
            (0x03, false, Class::TcpOther),
            (0x06, false, Class::TcpOther),
            (0x08, true, Class::TcpOther),
        ];
        for (flags, payload, class) in cases {
            assert_eq!(Class::of_tcp(flags, payload), class, "flags {flags:#04x}");
        }
    }

    #[test]
    fn per_host_classes_come_first() {
        assert!(Class::IpOther.index() < Class::PER_HOST);
        assert!(Class::Arp.index() >= Class::PER_HOST);
        assert_eq!(Class::COUNT, 29);
    }
}
