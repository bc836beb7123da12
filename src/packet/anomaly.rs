//! Anomalies of packets, most of them malformed. The first anomaly of each packet is counted, since it may indicate an
//! attack; what could be parsed is still used.

macro_rules! anomalies {
    ($($variant:ident = $text:literal, $message:literal;)*) => {
        /// The first anomaly of a packet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Anomaly { $(#[doc = $message] $variant,)* }

        impl Anomaly {
            /// Every anomaly.
            pub const ALL: &'static [Anomaly] = &[$(Anomaly::$variant,)*];

            /// The value of the label `anomaly` of `pegel_packet_anomalies_total`.
            pub const fn name(self) -> &'static str {
                match self { $(Anomaly::$variant => $text,)* }
            }
        }
    };
}

anomalies! {
    LinkTypeUnsupported = "link_type_unsupported", "The link type of the capture is not supported.";
    LinkTruncated = "link_truncated", "The frame ends inside its link-layer header.";
    VlanTruncated = "vlan_truncated", "The frame ends inside a VLAN tag.";
    MplsTruncated = "mpls_truncated", "The frame ends inside its MPLS label stack.";
    PppoeInvalid = "pppoe_invalid", "The PPPoE header is truncated or of an unknown version.";
    EncapsulationTooDeep = "encapsulation_too_deep", "There are more nested tags, labels or tunnels than the parser follows.";
    ArpTruncated = "arp_truncated", "The frame ends inside its ARP body.";
    IpVersionMismatch = "ip_version_mismatch", "The IP version differs from the one given by the link layer.";
    Ipv4Truncated = "ipv4_truncated", "The frame ends inside its IPv4 header.";
    Ipv4HeaderInvalid = "ipv4_header_invalid", "The IPv4 header length or total length is below the minimum.";
    Ipv6Truncated = "ipv6_truncated", "The frame ends inside its IPv6 header.";
    Ipv6ExtensionInvalid = "ipv6_extension_invalid", "An IPv6 extension header is truncated or invalid.";
    AuthHeaderInvalid = "auth_header_invalid", "The IP authentication header is truncated or too short.";
    TcpTruncated = "tcp_truncated", "The packet ends inside its TCP header.";
    TcpOffsetInvalid = "tcp_offset_invalid", "The TCP data offset is below five words.";
    UdpTruncated = "udp_truncated", "The packet ends inside its UDP header.";
    UdpLengthInvalid = "udp_length_invalid", "The UDP length is below eight octets or exceeds the IP payload.";
    IcmpTruncated = "icmp_truncated", "The packet ends inside its ICMP header.";
    Icmpv6Truncated = "icmpv6_truncated", "The packet ends inside its ICMPv6 header.";
    GreInvalid = "gre_invalid", "The GRE header is truncated, of an unknown version or has reserved bits set.";
    TimestampBackwards = "timestamp_backwards", "The packet's timestamp is before the current tick.";
    OwnSourceEntered = "own_source_entered", "The packet enters from outside with a source address of ours: it is forged, or a router of the provider returns it.";
    VxlanInvalid = "vxlan_invalid", "The VXLAN header is truncated, lacks the VNI flag or has reserved bits set.";
    ControlInvalid = "control_invalid", "A message of neighbour discovery, DHCP, VRRP or HSRP that its receivers must discard: not from this link, from the wrong port, or malformed.";
}

impl Anomaly {
    /// Number of anomalies.
    pub const COUNT: usize = Anomaly::ALL.len();
}
