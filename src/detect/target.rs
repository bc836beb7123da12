//! What an incident is about.

use crate::base::{Addr, Mac};
use ipnet::IpNet;
use std::fmt;

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One IPv4 or IPv6 address.
    Host(Addr),
    /// A network as a whole.
    Prefix(IpNet),
    /// A MAC address on an interface.
    Station {
        /// Source MAC address of its frames.
        mac: Mac,
        /// Name of the interface on which it is captured.
        interface: String,
    },
    /// All stations behind an interface.
    Segment {
        /// Name of the interface; for a bridge, of its first captured port.
        interface: String,
        /// VLAN ID; `None`: untagged, or no single VLAN.
        vlan: Option<u16>,
    },
    /// The link of an interface.
    Interface {
        /// Name of the interface.
        name: String,
    },
    /// Something that this host itself must provide: a host check, by name.
    Sensor {
        /// Name of the failed check.
        what: String,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Host(address) => address.fmt(f),
            Target::Prefix(network) => network.fmt(f),
            Target::Station { mac, interface } => write!(f, "{mac} on {interface}"),
            Target::Segment { interface, vlan: None } => write!(f, "segment {interface}"),
            Target::Segment { interface, vlan: Some(vlan) } => write!(f, "VLAN {vlan} of segment {interface}"),
            Target::Interface { name } => write!(f, "interface {name}"),
            Target::Sensor { what } => write!(f, "host check {what}"),
        }
    }
}
