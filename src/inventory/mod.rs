//! Inventory: what is ours. Networks, groups of hosts in them, guests and their network cards, the interfaces of this
//! machine, and what each of those may carry.
//!
//! - [`guest`]: guests as their sources describe them, joined into one [`Inventory`]
//! - [`kernel`]: interfaces, bridge ports and neighbours by the kernel's word
//! - [`site`]: all of it as detectors ask for it

pub mod guest;
pub mod kernel;
pub mod site;

pub use guest::{Guest, Inventory, Nic, Origin, Problem};
pub use kernel::{FdbEntry, Kernel, Link, Neighbour};
pub use site::{Group, GroupId, InterfacePolicy, Role, Site};
