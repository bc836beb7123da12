//! Normal operation of a LAN and attacks on it: ARP and neighbour discovery, spanning tree, DHCP, router
//! advertisements.
//!
//! Every model uses the same few stations ([`Lan`]), so that the parts of a scenario fit together: `segment_life` is
//! the background of the others. An [`Act`] writes whole frames: `ethernet`, `neighbour` and `lease` build them, the
//! other files decide what is sent when.

pub mod boot;
pub mod conflict;
mod ethernet;
pub mod gateway;
mod lease;
pub mod life;
mod neighbour;
mod segment;
pub mod servers;
pub mod spoof;
mod station;
pub mod storm;
pub mod switch;
#[cfg(test)]
mod tests;
mod wire;

pub use segment::{Act, Lan, planned_once, repeated};
