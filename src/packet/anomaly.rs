//! What can be wrong with a packet, by name. Malformed traffic is a signal: each is counted, none is fatal.

macro_rules! anomalies {
    ($($variant:ident = $text:literal, $message:literal;)*) => {
        /// The first thing that was wrong with a packet. Names are label values of `pegel_packet_anomalies_total{anomaly}`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Anomaly { $(#[doc = $message] $variant,)* }

        impl Anomaly {
            pub const ALL: &'static [Anomaly] = &[$(Anomaly::$variant,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Anomaly::$variant => $text,)* }
            }
        }
    };
}

anomalies! {
    LinkTypeUnsupported = "link_type_unsupported", "The link type of the capture is not one that Pegel reads.";
    LinkTruncated = "link_truncated", "The frame ends inside its link-layer header.";
    VlanTruncated = "vlan_truncated", "The frame ends inside a VLAN tag.";
    MplsTruncated = "mpls_truncated", "The frame ends inside its MPLS label stack.";
    PppoeInvalid = "pppoe_invalid", "PPPoE header cut off or of an unknown version.";
    EncapsulationTooDeep = "encapsulation_too_deep", "More nested tags, labels or tunnels than are followed.";
    ArpTruncated = "arp_truncated", "The frame ends inside its ARP body.";
    IpVersionMismatch = "ip_version_mismatch", "The IP version differs from what the link layer announced.";
    Ipv4Truncated = "ipv4_truncated", "The frame ends inside its IPv4 header.";
    Ipv4HeaderInvalid = "ipv4_header_invalid", "IPv4 header or total length below the minimum.";
    Ipv6Truncated = "ipv6_truncated", "The frame ends inside its IPv6 header.";
    Ipv6ExtensionInvalid = "ipv6_extension_invalid", "IPv6 extension header cut off or out of place.";
    AuthHeaderInvalid = "auth_header_invalid", "IP authentication header cut off or too short.";
    TcpTruncated = "tcp_truncated", "The packet ends inside its TCP header.";
    TcpOffsetInvalid = "tcp_offset_invalid", "TCP data offset below five words.";
    UdpTruncated = "udp_truncated", "The packet ends inside its UDP header.";
    UdpLengthInvalid = "udp_length_invalid", "UDP length below eight octets or beyond the IP payload.";
    IcmpTruncated = "icmp_truncated", "The packet ends inside its ICMP header.";
    Icmpv6Truncated = "icmpv6_truncated", "The packet ends inside its ICMPv6 header.";
    GreInvalid = "gre_invalid", "GRE header cut off or of an unknown version.";
    TimestampBackwards = "timestamp_backwards", "The packet is older than the tick that was already begun.";
    VxlanInvalid = "vxlan_invalid", "VXLAN header cut off or without its flag.";
}

impl Anomaly {
    pub const COUNT: usize = Anomaly::ALL.len();
}
