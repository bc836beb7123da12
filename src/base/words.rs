//! The names used in incidents: vectors, patterns, directions, severities. They are public API: label values,
//! configuration keys and JSON use exactly the names below.

use std::fmt;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(
                #[doc = concat!("Written `", $text, "` in labels, configuration and JSON.")]
                $variant,
            )*
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The name used in labels, configuration and JSON.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The value with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.name() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
                let unknown = || serde::de::Error::custom(format!("unknown {} {name:?}", stringify!($name)));
                $name::from_name(&name).ok_or_else(unknown)
            }
        }
    };
}

words! {
    /// The direction of an incident's traffic, relative to our networks.
    Direction {
        Inbound = "inbound",
        Outbound = "outbound",
        Internal = "internal",
    }
}

words! {
    /// How urgent an incident is. `info` never warrants a page.
    Severity {
        Info = "info",
        Warning = "warning",
        Critical = "critical",
    }
}

words! {
    /// The class of an attack vector.
    VectorClass {
        Flood = "flood",
        Amplification = "amplification",
        Application = "application",
        Recon = "recon",
        Egress = "egress",
        Layer2 = "layer2",
        Sensor = "sensor",
    }
}

words! {
    /// Patterns over time or across targets, reported in addition to the vector.
    Pattern {
        CarpetBombing = "carpet_bombing",
        PulseWave = "pulse_wave",
        MultiVector = "multi_vector",
    }
}

macro_rules! vectors {
    ($($class:ident { $($variant:ident = $text:literal,)* })*) => {
        words! {
            /// The attack vector.
            Vector { $($($variant = $text,)*)* }
        }

        impl Vector {
            /// The class that the vector belongs to.
            pub const fn class(self) -> VectorClass {
                match self { $($(Vector::$variant => VectorClass::$class,)*)* }
            }

            /// Whether the vector warrants a note but not a page: scans and probes that reach every address on the
            /// Internet all the time, and changes of a LAN that are normal.
            pub const fn is_note(self) -> bool {
                matches!(self.class(), VectorClass::Recon)
                    || matches!(
                        self,
                        Vector::BruteForce | Vector::NewStation | Vector::ChangedStation | Vector::FlipFlop
                    )
            }
        }
    };
}

// Only vectors that a detector raises are listed: `pegel list vectors` shows what is detected, not what is planned.
vectors! {
    Flood {
        SynFlood = "syn_flood",
        SynAckFlood = "syn_ack_flood",
        AckFlood = "ack_flood",
        RstFlood = "rst_flood",
        FinFlood = "fin_flood",
        TcpNullFlood = "tcp_null_flood",
        XmasFlood = "xmas_flood",
        TcpFlood = "tcp_flood",
        UdpFlood = "udp_flood",
        QuicFlood = "quic_flood",
        IcmpFlood = "icmp_flood",
        Icmpv6Flood = "icmpv6_flood",
        Smurf = "smurf",
        FragmentFlood = "fragment_flood",
        GreFlood = "gre_flood",
        IpProtoFlood = "ip_proto_flood",
        LandAttack = "land_attack",
    }
    Amplification {
        DnsAmplification = "dns_amplification",
        NtpAmplification = "ntp_amplification",
        SnmpAmplification = "snmp_amplification",
        MemcachedAmplification = "memcached_amplification",
        CldapAmplification = "cldap_amplification",
        SsdpAmplification = "ssdp_amplification",
        ChargenAmplification = "chargen_amplification",
        QotdAmplification = "qotd_amplification",
        PortmapAmplification = "portmap_amplification",
        NetbiosAmplification = "netbios_amplification",
        TftpAmplification = "tftp_amplification",
        Ripv1Amplification = "ripv1_amplification",
        MdnsAmplification = "mdns_amplification",
        WsDiscoveryAmplification = "ws_discovery_amplification",
        ArmsAmplification = "arms_amplification",
        CoapAmplification = "coap_amplification",
        SlpAmplification = "slp_amplification",
        SteamAmplification = "steam_amplification",
        QuakeAmplification = "quake_amplification",
        MssqlAmplification = "mssql_amplification",
        OpenvpnAmplification = "openvpn_amplification",
        StunAmplification = "stun_amplification",
        SipAmplification = "sip_amplification",
        IsakmpAmplification = "isakmp_amplification",
        BacnetAmplification = "bacnet_amplification",
        UbiquitiAmplification = "ubiquiti_amplification",
        DhipAmplification = "dhip_amplification",
        PlexAmplification = "plex_amplification",
        Tp240Amplification = "tp240_amplification",
        JenkinsAmplification = "jenkins_amplification",
        BittorrentAmplification = "bittorrent_amplification",
        L2tpAmplification = "l2tp_amplification",
        RdpAmplification = "rdp_amplification",
        TcpReflection = "tcp_reflection",
        OtherAmplification = "other_amplification",
    }
    Application {
        HttpFlood = "http_flood",
        TlsHandshakeFlood = "tls_handshake_flood",
        DnsQueryFlood = "dns_query_flood",
        DnsWaterTorture = "dns_water_torture",
        ConnectionFlood = "connection_flood",
        SlowHttp = "slow_http",
        BruteForce = "brute_force",
        SipFlood = "sip_flood",
    }
    Recon {
        PortScan = "port_scan",
        HostSweep = "host_sweep",
        ArpScan = "arp_scan",
        Backscatter = "backscatter",
    }
    Egress {
        SpoofedSource = "spoofed_source",
        OpenReflector = "open_reflector",
    }
    Layer2 {
        MacNotAllowed = "mac_not_allowed",
        MacIpMismatch = "mac_ip_mismatch",
        ArpSpoof = "arp_spoof",
        NdSpoof = "nd_spoof",
        GatewayMacChanged = "gateway_mac_changed",
        IpConflict = "ip_conflict",
        MacFlap = "mac_flap",
        MacFlood = "mac_flood",
        ArpFlood = "arp_flood",
        GratuitousArpStorm = "gratuitous_arp_storm",
        BroadcastStorm = "broadcast_storm",
        MulticastStorm = "multicast_storm",
        RogueDhcp = "rogue_dhcp",
        DhcpStarvation = "dhcp_starvation",
        DhcpFlood = "dhcp_flood",
        RogueRa = "rogue_ra",
        StpFromGuest = "stp_from_guest",
        UnknownUnicastFlood = "unknown_unicast_flood",
        L2Loop = "l2_loop",
        GatewaySilent = "gateway_silent",
        NewStation = "new_station",
        ChangedStation = "changed_station",
        FlipFlop = "flip_flop",
    }
    Sensor {
        PostureFailed = "posture_failed",
        LinkSaturated = "link_saturated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_snake_case_and_round_trip() {
        for &vector in Vector::ALL {
            assert_eq!(Vector::from_name(vector.name()), Some(vector));
            assert!(vector.name().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
        }
    }

    #[test]
    fn severities_are_ordered() {
        assert!(Severity::Critical > Severity::Warning && Severity::Warning > Severity::Info);
    }
}
