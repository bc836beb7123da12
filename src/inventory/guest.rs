//! Guests: virtual machines and containers, with their NICs.

use super::kernel::Kernel;
use crate::base::Mac;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::fmt;

/// Maximum addresses and networks of one NIC.
pub(super) const MAX_ADDRESSES: usize = 1_024;
/// Maximum assigned MAC addresses without a guest, over all tables.
pub(super) const MAX_ASSIGNED_MACS: usize = 20_000;

/// Which source describes a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Proxmox VE.
    Proxmox,
    /// libvirt.
    Libvirt,
    /// The configuration, or a table that it names.
    Static,
}

impl Origin {
    /// Every origin.
    pub const ALL: [Origin; 3] = [Origin::Proxmox, Origin::Libvirt, Origin::Static];

    /// The name used in metrics and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Proxmox => "proxmox",
            Origin::Libvirt => "libvirt",
            Origin::Static => "static",
        }
    }
}

/// A NIC of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    /// Its MAC address.
    pub mac: Mac,
    /// Addresses assigned to the NIC; a network if it may use any address in it. If there are none (of one family), the
    /// assignment is unknown, and every address (of that family) is permitted.
    pub addresses: Vec<IpNet>,
    /// VLAN that the bridge assigns to its frames; `None` if untagged or if the guest tags its frames itself.
    pub vlan: Option<u16>,
    /// The bridge that it is attached to.
    pub bridge: Option<String>,
    /// The interface of this machine at its other end, e.g. `tap104i0`.
    pub port: Option<String>,
    /// Whether the hypervisor is configured to filter its packets (Proxmox `firewall=1`, libvirt `filterref`).
    pub filtered: bool,
}

/// A virtual machine or container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Identifier: Proxmox's VMID, libvirt's domain name; in tables the name.
    pub id: String,
    /// Display name; may equal the identifier.
    pub name: String,
    /// Which source describes it.
    pub origin: Origin,
    /// Its NICs.
    pub nics: Vec<Nic>,
}

/// As shown in incidents, metrics and tables: `104 (shop)`, or just the identifier if the name adds nothing.
impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() || self.name == self.id {
            f.write_str(&self.id)
        } else {
            write!(f, "{} ({})", self.id, self.name)
        }
    }
}

/// A source, or a part of one, that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The source: `proxmox`, `libvirt`, `static` or `kernel`.
    pub source: &'static str,
    /// File and line, if applicable: `/etc/pve/nodes/a/qemu-server/104.conf:7`.
    pub at: String,
    /// What is wrong, and how it is handled.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// The contents of all sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// All guests.
    pub guests: Vec<Guest>,
    /// The MAC addresses that the provider granted, from its list. If there are any, no others may leave through an uplink:
    /// neither those of guests nor this machine's own.
    pub assigned_macs: BTreeSet<Mac>,
    /// State of the kernel.
    pub kernel: Kernel,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
