//! What a rule matches: a kind of packet to (or from) one target, narrowed by what the packets have in common. The same
//! question is asked of samples here and of packets by the filters that are written from it.

use crate::base::Addr;
use crate::meter::Sample;
use crate::packet::{Class, tcp};
use ipnet::IpNet;

/// FIN, SYN, RST and ACK: what says where in a connection a segment belongs.
const STATE: u8 = tcp::FIN | tcp::SYN | tcp::RST | tcp::ACK;
const ALL: u8 = STATE | tcp::PSH | tcp::URG;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMP: u8 = 1;
pub(super) const ICMPV6: u8 = 58;

/// A kind of packet that every filter can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// TCP whose flags under the mask are exactly those set; a mask of zero is all TCP.
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
    /// Every fragment but the first.
    Fragment,
    /// From the target's own address.
    Land,
    Protocol(u8),
}

impl Kind {
    pub const ANY_TCP: Kind = Kind::Tcp { mask: 0, set: 0 };

    /// The kind of a sample; `None` for what no filter tells.
    pub fn of(sample: &Sample) -> Option<Kind> {
        let tcp = |mask, set| Some(Kind::Tcp { mask, set });
        match *Class::ALL.get(usize::from(sample.class))? {
            Class::TcpSyn => tcp(STATE, tcp::SYN),
            Class::TcpSynAck => tcp(STATE, tcp::SYN | tcp::ACK),
            Class::TcpAck | Class::TcpData => tcp(STATE, tcp::ACK),
            Class::TcpRst => tcp(tcp::SYN | tcp::RST, tcp::RST),
            Class::TcpFin if sample.flags & tcp::ACK == 0 => tcp(STATE, tcp::FIN),
            Class::TcpFin => tcp(STATE, tcp::FIN | tcp::ACK),
            Class::TcpNull => tcp(ALL, 0),
            Class::TcpXmas | Class::TcpOther => tcp(ALL, sample.flags & ALL),
            Class::Udp | Class::Quic => Some(Kind::Udp),
            class @ (Class::IcmpEcho | Class::IcmpReply | Class::IcmpError) => {
                Some(Kind::Icmp { v6: false, class: Some(class) })
            }
            Class::IcmpOther => Some(Kind::Icmp { v6: false, class: None }),
            class @ (Class::Icmpv6Echo | Class::Icmpv6Reply | Class::Icmpv6Error) => {
                Some(Kind::Icmp { v6: true, class: Some(class) })
            }
            // Neighbour discovery never comes from beyond the link, and must not be cut on it.
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

    pub fn is_tcp(self) -> bool {
        matches!(self, Kind::Tcp { .. })
    }

    pub fn has_ports(self) -> bool {
        matches!(self, Kind::Tcp { .. } | Kind::Udp)
    }

    /// A name for remarks.
    pub fn message(self) -> String {
        match self {
            Kind::Tcp { mask: 0, .. } => "TCP".to_owned(),
            Kind::Tcp { set: 0, .. } => "TCP without flags".to_owned(),
            Kind::Tcp { set, .. } => format!("TCP {}", flag_names(set).join("+").to_uppercase()),
            Kind::Udp => "UDP".to_owned(),
            Kind::Icmp { v6: false, .. } => "ICMP".to_owned(),
            Kind::Icmp { v6: true, .. } => "ICMPv6".to_owned(),
            Kind::Fragment => "fragments".to_owned(),
            Kind::Land => "packets from the target to itself".to_owned(),
            Kind::Protocol(protocol) => format!("IP protocol {protocol}"),
        }
    }
}

/// Openings that were noted one by one carry no protocol, only their class.
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

/// Which ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Ports {
    #[default]
    Any,
    /// Ranges, both ends included.
    Only(Vec<(u16, u16)>),
    /// Any but these.
    Not(Vec<u16>),
}

impl Ports {
    pub fn has(&self, port: u16) -> bool {
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
    /// Octets of the IP packet, from and to.
    pub length: Option<(u16, u16)>,
    pub ttl: Option<(u8, u8)>,
    /// The other side: sources of what comes in, destinations of what goes out. Empty: everyone.
    pub peers: Vec<IpNet>,
}

impl Match {
    pub fn of(kind: Kind) -> Match {
        Match {
            kind,
            source_ports: Ports::Any,
            destination_ports: Ports::Any,
            length: None,
            ttl: None,
            peers: Vec::new(),
        }
    }

    pub fn matches(&self, sample: &Sample) -> bool {
        self.kind.matches(sample)
            && self.source_ports.has(sample.source_port)
            && self.destination_ports.has(sample.destination_port)
            && self.length.is_none_or(|(from, to)| (from..=to).contains(&sample.length))
            && self.ttl.is_none_or(|(from, to)| (from..=to).contains(&sample.ttl))
            && (self.peers.is_empty() || self.peers.iter().any(|network| network.contains(&sample.peer.ip())))
    }

    /// Whether more than the protocol and the place in a connection is asked for.
    pub fn is_narrow(&self) -> bool {
        let ordinary = |kind| {
            matches!(kind, Kind::Tcp { mask: 0, .. } | Kind::Udp | Kind::Protocol(_))
                || kind == Kind::Tcp { mask: STATE, set: tcp::ACK }
                || kind == Kind::Tcp { mask: STATE, set: tcp::SYN }
        };
        *self != Match::of(self.kind) || !ordinary(self.kind)
    }
}

/// The network of `length` bits that an address lies in.
pub(super) fn network(address: Addr, length: u8) -> Option<IpNet> {
    IpNet::new(address.network(length).ip(), length).ok()
}
