//! The checks that an operator configures.

use std::fmt;

/// What is checked, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    /// Seconds from the end of one look to the beginning of the next.
    pub interval_seconds: u32,
    pub checks: Vec<Check>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Label value.
    pub name: String,
    /// The operator's reason, for whoever reads the incident; may be empty.
    pub why: String,
    pub must: Must,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Must {
    /// A unit of systemd is active.
    UnitActive(String),
    /// A table of nftables is there and does something.
    NftTable {
        family: String,
        table: String,
    },
    /// The same of one chain.
    NftChain {
        family: String,
        table: String,
        chain: String,
    },
    /// There is a default route, through this interface if one is named.
    DefaultRoute {
        family: Family,
        interface: Option<String>,
    },
    /// What enters by this interface is not forwarded, in one family or in both.
    ForwardingOff {
        interface: String,
        family: Option<Family>,
    },
    InterfaceUp(String),
    /// An interface is a port of this bridge.
    BridgePort {
        port: String,
        bridge: String,
    },
    /// A setting of the kernel has this value.
    Sysctl {
        key: String,
        value: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::Ipv4, Family::Ipv6];

    /// As in the configuration, and under `/proc/sys/net`.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Ipv4 => "ipv4",
            Family::Ipv6 => "ipv6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Ipv4 => "IPv4",
            Family::Ipv6 => "IPv6",
        })
    }
}

/// What must hold, in words.
impl fmt::Display for Must {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Must::UnitActive(unit) => write!(f, "unit {unit} is active"),
            Must::NftTable { family, table } => write!(f, "nftables table {family} {table} has rules"),
            Must::NftChain { family, table, chain } => write!(f, "nftables chain {family} {table} {chain} has rules"),
            Must::DefaultRoute { family, interface: None } => write!(f, "there is a default route for {family}"),
            Must::DefaultRoute { family, interface: Some(name) } => {
                write!(f, "there is a default route for {family} via {name}")
            }
            Must::ForwardingOff { interface, family: None } => write!(f, "nothing is forwarded from {interface}"),
            Must::ForwardingOff { interface, family: Some(family) } => {
                write!(f, "no {family} is forwarded from {interface}")
            }
            Must::InterfaceUp(name) => write!(f, "interface {name} is up"),
            Must::BridgePort { port, bridge } => write!(f, "{port} is a port of bridge {bridge}"),
            Must::Sysctl { key, value } => write!(f, "{key} is {value}"),
        }
    }
}
