//! Guests: virtual machines and containers, with their network cards.

use super::kernel::Kernel;
use crate::base::Mac;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::fmt;

/// Addresses and networks of one card.
pub const MOST_ADDRESSES: usize = 1_024;
/// Granted MAC addresses of all tables.
pub const MOST_GRANTED: usize = 20_000;

/// Where a guest is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    Proxmox,
    Libvirt,
    /// A table of the operator: the configuration, or a file that it names.
    Static,
}

impl Origin {
    pub const ALL: [Origin; 3] = [Origin::Proxmox, Origin::Libvirt, Origin::Static];

    /// As in metrics and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Proxmox => "proxmox",
            Origin::Libvirt => "libvirt",
            Origin::Static => "static",
        }
    }
}

/// A network card of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    pub mac: Mac,
    /// Addresses that the guest was given; a network where it may use any of it. Empty, or none of one family: not known,
    /// none (of that family) is foreign.
    pub addresses: Vec<IpNet>,
    /// VLAN that the bridge puts its frames into; `None` where untagged or the guest tags itself.
    pub vlan: Option<u16>,
    /// The bridge it is plugged into.
    pub bridge: Option<String>,
    /// Interface of this machine that is its other end, e.g. `tap104i0`.
    pub port: Option<String>,
    /// A packet filter of the hypervisor is asked for (Proxmox `firewall=1`, libvirt `filterref`).
    pub filtered: bool,
}

/// A virtual machine or container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// What the hypervisor calls it: Proxmox's VMID, libvirt's domain name; of tables the name.
    pub id: String,
    /// What people call it; may be the same.
    pub name: String,
    pub origin: Origin,
    pub nics: Vec<Nic>,
}

/// In incidents, metrics and tables: `104 (shop)`, or the name alone where there is no other id.
impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() || self.name == self.id {
            f.write_str(&self.id)
        } else {
            write!(f, "{} ({})", self.id, self.name)
        }
    }
}

/// A source that could not be read, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `proxmox`, `libvirt`, `static`, `kernel`.
    pub source: &'static str,
    /// File and line, as far as there are any: `/etc/pve/nodes/a/qemu-server/104.conf:7`.
    pub at: String,
    /// What is wrong and what was done about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// All sources joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    pub guests: Vec<Guest>,
    /// MAC addresses that may leave beside those of guests: a provider's list of virtual MACs.
    pub granted: BTreeSet<Mac>,
    pub kernel: Kernel,
    pub problems: Vec<Problem>,
}
