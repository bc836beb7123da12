//! The kernel's word about this machine: its interfaces, which of them are ports of which bridge, where a bridge learned
//! which MAC, and who the neighbours are.

use crate::base::{Addr, Mac};
use ipnet::IpNet;

/// An interface of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    pub name: String,
    pub mac: Mac,
    /// The kernel's kind: `bridge`, `veth`, `tun`, `vlan`, `bond` …; empty for a device of its own.
    pub kind: String,
    /// Bridge or bond that it is a port of.
    pub master: Option<String>,
    /// The interface below a VLAN or macvlan.
    pub parent: Option<String>,
    pub up: bool,
    pub addresses: Vec<IpNet>,
}

impl Link {
    /// A device that is not made by software, a bond of such, or a VLAN on one.
    pub fn is_physical(&self) -> bool {
        matches!(self.kind.as_str(), "" | "bond" | "team" | "vlan") && self.name != "lo"
    }
}

/// Where a bridge learned a MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbEntry {
    pub mac: Mac,
    pub bridge: String,
    pub port: String,
    pub vlan: Option<u16>,
}

/// Whom the kernel knows on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    pub address: Addr,
    /// `None` while it does not answer.
    pub mac: Option<Mac>,
    pub interface: String,
    /// IPv6: it said that it routes.
    pub router: bool,
}

/// Everything, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    pub links: Vec<Link>,
    pub fdb: Vec<FdbEntry>,
    pub neighbours: Vec<Neighbour>,
    /// Routers of default routes, with the interface.
    pub gateways: Vec<(Addr, String)>,
}

impl Kernel {
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// Where bridges learned a MAC: more than one on the way from a filtered guest of Proxmox to the wire.
    pub fn learned(&self, mac: Mac) -> impl Iterator<Item = &FdbEntry> {
        self.fdb.iter().filter(move |entry| entry.mac == mac)
    }

    /// The bridge that a link may be the way out of: one of which it is a physical port.
    pub fn uplink_of<'k>(&self, link: &'k Link) -> Option<&'k str> {
        let below = link.parent.as_deref().filter(|_| link.kind == "vlan").and_then(|parent| self.link(parent));
        let is_physical = link.is_physical() && below.is_none_or(Link::is_physical);
        let bridge = link.master.as_deref().filter(|_| is_physical)?;
        self.link(bridge).filter(|master| master.kind == "bridge").map(|_| bridge)
    }

    /// The MAC of a router or other neighbour, where it answers.
    pub fn mac_of(&self, address: Addr, interface: &str) -> Option<Mac> {
        let is_meant = |neighbour: &&Neighbour| neighbour.address == address && neighbour.interface == interface;
        self.neighbours.iter().find(is_meant).and_then(|neighbour| neighbour.mac)
    }
}
