//! What a rule matches: one kind of packet to or from a target, narrowed by what the packets have in common. Samples
//! are matched here; packets, by the filters that are written from a match.

use crate::base::Addr;
use crate::meter::Sample;
use crate::packet::{Class, tcp};
use ipnet::IpNet;

/// FIN, SYN, RST and ACK: the flags that give the position of a TCP segment in a connection.
const STATE_FLAGS: u8 = tcp::FIN | tcp::SYN | tcp::RST | tcp::ACK;
const ALL_FLAGS: u8 = STATE_FLAGS | tcp::PSH | tcp::URG;
/// IP protocol numbers.
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMP: u8 = 1;
pub(super) const ICMPV6: u8 = 58;

/// A kind of packet that every filter language can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// TCP with `flags & mask == set`; a mask of zero is all TCP.
    Tcp {
        mask: u8,
        set: u8,
    },
    Udp,
    /// One class of ICMP of either family; `None` is all of the protocol.
    Icmp {
        v6: bool,
        class: Option<Class>,
    },
    /// Every fragment except the first.
    Fragment,
    /// Source and destination address are the target's.
    Land,
    Protocol(u8),
}

impl Kind {
    /// All TCP.
    pub(super) const ANY_TCP: Kind = Kind::Tcp { mask: 0, set: 0 };

    /// The kind of a sample; `None` if not every filter language can match it.
    pub(super) fn from_sample(sample: &Sample) -> Option<Kind> {
        let tcp = |mask, set| Some(Kind::Tcp { mask, set });
        match *Class::ALL.get(usize::from(sample.class))? {
            Class::TcpSyn => tcp(STATE_FLAGS, tcp::SYN),
            Class::TcpSynAck => tcp(STATE_FLAGS, tcp::SYN | tcp::ACK),
            Class::TcpAck | Class::TcpData => tcp(STATE_FLAGS, tcp::ACK),
            Class::TcpRst => tcp(tcp::SYN | tcp::RST, tcp::RST),
            Class::TcpFin if sample.flags & tcp::ACK == 0 => tcp(STATE_FLAGS, tcp::FIN),
            Class::TcpFin => tcp(STATE_FLAGS, tcp::FIN | tcp::ACK),
            Class::TcpNull => tcp(ALL_FLAGS, 0),
            Class::TcpXmas | Class::TcpOther => tcp(ALL_FLAGS, sample.flags & ALL_FLAGS),
            Class::Udp | Class::Quic => Some(Kind::Udp),
            class @ (Class::IcmpEcho | Class::IcmpReply | Class::IcmpError) => {
                Some(Kind::Icmp { v6: false, class: Some(class) })
            }
            Class::IcmpOther => Some(Kind::Icmp { v6: false, class: None }),
            class @ (Class::Icmpv6Echo | Class::Icmpv6Reply | Class::Icmpv6Error) => {
                Some(Kind::Icmp { v6: true, class: Some(class) })
            }
            // Neighbour discovery never crosses a router, and must not be dropped on its link.
            Class::Icmpv6Nd | Class::Icmpv6Other | Class::IcmpEchoGroup => None,
            Class::Fragment => Some(Kind::Fragment),
            Class::Land => Some(Kind::Land),
            Class::Gre | Class::IpTunnel | Class::IpOther => {
                (sample.protocol != 0).then_some(Kind::Protocol(sample.protocol))
            }
            Class::Arp | Class::L2Other | Class::Unparsed => None,
        }
    }

    fn matches(self, sample: &Sample) -> bool {
        let is_fragment = sample.class == Class::Fragment as u8;
        match self {
            Kind::Tcp { mask: 0, .. } => is_tcp(sample),
            Kind::Tcp { mask, set } => is_tcp(sample) && flags(sample) & mask == set,
            Kind::Udp => sample.protocol == UDP && !is_fragment,
            Kind::Icmp { class: Some(class), .. } => sample.class == class as u8,
            Kind::Icmp { v6, class: None } => sample.protocol == if v6 { ICMPV6 } else { ICMP } && !is_fragment,
            Kind::Fragment => is_fragment,
            Kind::Land => sample.class == Class::Land as u8,
            Kind::Protocol(protocol) => sample.protocol == protocol && !is_fragment,
        }
    }

    pub(super) fn is_tcp(self) -> bool {
        matches!(self, Kind::Tcp { .. })
    }

    pub(super) fn has_ports(self) -> bool {
        matches!(self, Kind::Tcp { .. } | Kind::Udp)
    }

    /// A name for notes.
    pub(super) fn name(self) -> String {
        match self {
            Kind::Tcp { mask: 0, .. } => "TCP".to_owned(),
            Kind::Tcp { set: 0, .. } => "TCP without flags".to_owned(),
            Kind::Tcp { set, .. } => format!("TCP {}", flag_names(set).join("+").to_uppercase()),
            Kind::Udp => "UDP".to_owned(),
            Kind::Icmp { v6: false, .. } => "ICMP".to_owned(),
            Kind::Icmp { v6: true, .. } => "ICMPv6".to_owned(),
            Kind::Fragment => "fragments".to_owned(),
            Kind::Land => "packets with the same source and destination".to_owned(),
            Kind::Protocol(protocol) => format!("IP protocol {protocol}"),
        }
    }
}

/// Samples of single connection attempts have no protocol, only a class.
fn is_tcp(sample: &Sample) -> bool {
    let by_class = Class::ALL.get(usize::from(sample.class)).is_some_and(|class| class.is_tcp());
    by_class || (sample.protocol == TCP && sample.class == Class::Land as u8)
}

fn flags(sample: &Sample) -> u8 {
    match sample.protocol {
        0 if sample.class == Class::TcpSyn as u8 => tcp::SYN,
        _ => sample.flags,
    }
}

/// Names of TCP flags, as nftables and ExaBGP write them.
pub(super) fn flag_names(flags: u8) -> Vec<&'static str> {
    let names = [
        (tcp::FIN, "fin"),
        (tcp::SYN, "syn"),
        (tcp::RST, "rst"),
        (tcp::PSH, "psh"),
        (tcp::ACK, "ack"),
        (tcp::URG, "urg"),
    ];
    names.into_iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| name).collect()
}

/// A condition on a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Ports {
    #[default]
    Any,
    /// Inclusive ranges.
    Only(Vec<(u16, u16)>),
    /// Any except these.
    Not(Vec<u16>),
}

impl Ports {
    pub(super) fn contains(&self, port: u16) -> bool {
        match self {
            Ports::Any => true,
            Ports::Only(ranges) => ranges.iter().any(|&(from, to)| (from..=to).contains(&port)),
            Ports::Not(ports) => !ports.contains(&port),
        }
    }
}

/// What the packets of a rule have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub kind: Kind,
    pub source_ports: Ports,
    pub destination_ports: Ports,
    /// Total length of the IP packet in octets, inclusive.
    pub length: Option<(u16, u16)>,
    /// TTL or hop limit, inclusive.
    pub ttl: Option<(u8, u8)>,
    /// Sources of inbound traffic, destinations of outbound traffic. Empty: all.
    pub peers: Vec<IpNet>,
}

impl Match {
    /// All packets of a kind.
    pub(super) fn all(kind: Kind) -> Match {
        Match {
            kind,
            source_ports: Ports::Any,
            destination_ports: Ports::Any,
            length: None,
            ttl: None,
            peers: Vec::new(),
        }
    }

    pub(super) fn matches(&self, sample: &Sample) -> bool {
        self.kind.matches(sample)
            && self.source_ports.contains(sample.source_port)
            && self.destination_ports.contains(sample.destination_port)
            && self.length.is_none_or(|(from, to)| (from..=to).contains(&sample.length))
            && self.ttl.is_none_or(|(from, to)| (from..=to).contains(&sample.ttl))
            && (self.peers.is_empty() || self.peers.iter().any(|network| network.contains(&sample.peer.ip())))
    }

    /// Whether it is more than a condition on the protocol and the position in a connection.
    pub(super) fn is_narrow(&self) -> bool {
        let ordinary = |kind| {
            matches!(kind, Kind::Tcp { mask: 0, .. } | Kind::Udp | Kind::Protocol(_))
                || kind == Kind::Tcp { mask: STATE_FLAGS, set: tcp::ACK }
                || kind == Kind::Tcp { mask: STATE_FLAGS, set: tcp::SYN }
        };
        *self != Match::all(self.kind) || !ordinary(self.kind)
    }
}

/// The network with prefix length `length` that contains an address.
pub(super) fn network(address: Addr, length: u8) -> Option<IpNet> {
    IpNet::new(address.network(length).ip(), length).ok()
}
