//! Inventory: our networks, groups of hosts in them, guests and their NICs, the interfaces of this machine, and the
//! addresses permitted on each interface.
//!
//! - `guest`: guests as their sources describe them, merged into one [`Inventory`]
//! - `kernel`: interfaces, bridge ports and neighbours as the kernel reports them
//! - `read`: reads and merges all [`Sources`]
//! - `proxmox`, `libvirt`, `table`, `netlink`: one source each; [`entry`]: a guest as an operator configures it
//! - `virtual_macs`: MAC addresses that redundant routers share
//! - `site`: all of it, with the queries that detectors need

pub mod entry;
mod files;
mod guest;
mod kernel;
mod libvirt;
pub mod netlink;
pub mod proxmox;
mod read;
mod site;
mod table;
#[cfg(test)]
mod tests;
mod virtual_macs;

pub use guest::{Guest, Inventory, Nic, Origin, Problem};
use guest::{MAX_ADDRESSES, MAX_ASSIGNED_MACS};
pub use kernel::{FdbEntry, Kernel, Link, Neighbour};
pub use read::Sources;
pub use site::{Group, GroupId, InterfacePolicy, LanPolicy, Site, Uplink, UplinkRule};
pub use virtual_macs::VirtualMac;
