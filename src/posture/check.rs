//! Host checks as configured by the operator.

use std::fmt;

/// All configured checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    /// Seconds from the end of one evaluation to the beginning of the next.
    pub interval_seconds: u32,
    /// The checks, in the order of the configuration.
    pub checks: Vec<Check>,
}

/// One host check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Name of the check, a label value.
    pub name: String,
    /// The operator's reason, shown in the incident; may be empty.
    pub why: String,
    /// The requirement.
    pub must: Requirement,
}

/// A requirement on the host. `Display` gives it in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// A systemd unit is active.
    UnitActive(String),
    /// An nftables table exists and has rules or drops by policy.
    NftTable {
        /// nftables family, such as `inet`.
        family: String,
        /// Name of the table.
        table: String,
    },
    /// An nftables chain exists and has rules or drops by policy.
    NftChain {
        /// nftables family, such as `inet`.
        family: String,
        /// Name of the table.
        table: String,
        /// Name of the chain.
        chain: String,
    },
    /// There is a default route.
    DefaultRoute {
        /// Address family of the route.
        family: Family,
        /// The interface that it must use; `None` for any.
        interface: Option<String>,
    },
    /// Packets that enter through an interface are not forwarded.
    ForwardingOff {
        /// Name of the interface.
        interface: String,
        /// Address family; `None` for both.
        family: Option<Family>,
    },
    /// An interface is up.
    InterfaceUp(String),
    /// An interface is a port of a bridge.
    BridgePort {
        /// Name of the interface.
        port: String,
        /// Name of the bridge.
        bridge: String,
    },
    /// A kernel setting has this value.
    Sysctl {
        /// Key as for sysctl(8), with dots or slashes.
        key: String,
        /// Expected value; white space between words is not significant.
        value: String,
    },
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Both families.
    pub const ALL: [Family; 2] = [Family::Ipv4, Family::Ipv6];

    /// The name used in the configuration and under `/proc/sys/net`.
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

/// The requirement in words, such as "interface eth0 is up".
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Requirement::UnitActive(unit) => write!(f, "unit {unit} is active"),
            Requirement::NftTable { family, table } => write!(f, "nftables table {family} {table} has rules"),
            Requirement::NftChain { family, table, chain } => {
                write!(f, "nftables chain {family} {table} {chain} has rules")
            }
            Requirement::DefaultRoute { family, interface: None } => write!(f, "there is a default route for {family}"),
            Requirement::DefaultRoute { family, interface: Some(name) } => {
                write!(f, "there is a default route for {family} via {name}")
            }
            Requirement::ForwardingOff { interface, family: None } => {
                write!(f, "nothing is forwarded from {interface}")
            }
            Requirement::ForwardingOff { interface, family: Some(family) } => {
                write!(f, "no {family} is forwarded from {interface}")
            }
            Requirement::InterfaceUp(name) => write!(f, "interface {name} is up"),
            Requirement::BridgePort { port, bridge } => write!(f, "{port} is a port of bridge {bridge}"),
            Requirement::Sysctl { key, value } => write!(f, "{key} is {value}"),
        }
    }
}
