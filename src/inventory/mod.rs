//! Inventory: what is ours. Networks, groups of hosts in them, guests and their network cards, the interfaces of this
//! machine, and what each of those may carry.
//!
//! - [`guest`]: guests as their sources describe them, joined into one [`Inventory`]
//! - [`kernel`]: interfaces, bridge ports and neighbours by the kernel's word
//! - [`virtual_macs`]: addresses that routers share
//! - [`site`]: all of it as detectors ask for it

pub mod guest;
pub mod kernel;
pub mod site;
pub mod virtual_macs;

pub use guest::{Guest, Inventory, Nic, Origin, Problem};
pub use kernel::{FdbEntry, Kernel, Link, Neighbour};
pub use site::{Group, GroupId, InterfacePolicy, SegmentPolicy, Site, Uplink};
pub use virtual_macs::VirtualMac;
