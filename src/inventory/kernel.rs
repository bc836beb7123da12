//! State of the kernel: interfaces, bridges and their ports, MAC addresses that bridges learned, and neighbours.

use crate::base::{Addr, Mac};
use ipnet::IpNet;

/// An interface of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Name of the interface.
    pub name: String,
    /// Its MAC address; zero if it has none.
    pub mac: Mac,
    /// The kernel's link kind: `bridge`, `veth`, `tun`, `vlan`, `bond` …; empty for a hardware device.
    pub kind: String,
    /// The bridge or bond that it is a port of.
    pub master: Option<String>,
    /// The interface below a VLAN or macvlan.
    pub parent: Option<String>,
    /// Whether it is up and has a carrier.
    pub up: bool,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<IpNet>,
}

impl Link {
    /// Whether it is a hardware device, a bond, or a VLAN interface.
    pub(super) fn is_physical(&self) -> bool {
        matches!(self.kind.as_str(), "" | "bond" | "team" | "vlan") && self.name != "lo"
    }
}

/// A MAC address that a bridge learned (entry of its forwarding database).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbEntry {
    /// The MAC address.
    pub mac: Mac,
    /// The bridge.
    pub bridge: String,
    /// The port of the bridge on which it was learned.
    pub port: String,
    /// The VLAN in which it was learned; `None` if untagged.
    pub vlan: Option<u16>,
}

/// An entry of the kernel's neighbour table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Address of the neighbour.
    pub address: Addr,
    /// Its MAC address; `None` while it does not respond.
    pub mac: Option<Mac>,
    /// The interface on which it is.
    pub interface: String,
    /// Whether it has advertised itself as a router (IPv6).
    pub router: bool,
}

/// A snapshot of the kernel's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Interfaces.
    pub links: Vec<Link>,
    /// MAC addresses that bridges learned.
    pub fdb: Vec<FdbEntry>,
    /// Neighbour table of all interfaces.
    pub neighbours: Vec<Neighbour>,
    /// Next hops of default routes, each with its interface.
    pub gateways: Vec<(Addr, String)>,
}

impl Kernel {
    /// The interface of this name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// Where bridges learned a MAC address. There is more than one entry if a Proxmox guest has a firewall bridge.
    pub fn learned(&self, mac: Mac) -> impl Iterator<Item = &FdbEntry> {
        self.fdb.iter().filter(move |entry| entry.mac == mac)
    }

    /// The bridge that a link may be the uplink of: the one of which it is a physical port.
    pub fn uplink_of<'k>(&self, link: &'k Link) -> Option<&'k str> {
        let below = link.parent.as_deref().filter(|_| link.kind == "vlan").and_then(|parent| self.link(parent));
        let is_physical = link.is_physical() && below.is_none_or(Link::is_physical);
        let bridge = link.master.as_deref().filter(|_| is_physical)?;
        self.link(bridge).filter(|master| master.kind == "bridge").map(|_| bridge)
    }

    /// The MAC address of a router or other neighbour, if it responds.
    pub fn mac_of(&self, address: Addr, interface: &str) -> Option<Mac> {
        let is_meant = |neighbour: &&Neighbour| neighbour.address == address && neighbour.interface == interface;
        self.neighbours.iter().find(is_meant).and_then(|neighbour| neighbour.mac)
    }
}
