//! Inventory: what is ours. Networks, groups of hosts in them, guests and their network cards, the interfaces of this
//! machine, and what each of those may carry.
//!
//! - [`guest`]: guests as their sources describe them, joined into one [`Inventory`]
//! - [`kernel`]: interfaces, bridge ports and neighbours by the kernel's word
//! - [`read`]: all [`Sources`] read and joined
//! - `proxmox`, `libvirt`, `table`, `netlink`: one source each; [`entry`]: a guest as an operator writes it
//! - [`virtual_macs`]: addresses that routers share
//! - [`site`]: all of it as detectors ask for it

pub mod entry;
mod files;
pub mod guest;
pub mod kernel;
mod libvirt;
pub mod netlink;
pub mod proxmox;
pub mod read;
pub mod site;
mod table;
#[cfg(test)]
mod tests;
pub mod virtual_macs;

pub use guest::{Guest, Inventory, Nic, Origin, Problem};
use guest::{MOST_ADDRESSES, MOST_GRANTED};
pub use kernel::{FdbEntry, Kernel, Link, Neighbour};
pub use read::Sources;
pub use site::{Group, GroupId, InterfacePolicy, LanPolicy, Site, Uplink};
pub use virtual_macs::VirtualMac;
