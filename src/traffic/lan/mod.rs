//! Normal operation of a LAN and attacks on it: ARP and neighbour discovery, spanning tree, DHCP, router
//! advertisements.
//!
//! Every model uses the same few stations ([`Lan`]), so that the parts of a scenario fit together: `segment_life` is
//! the background of the others. An [`Act`] writes whole frames: `ethernet`, `neighbour` and `lease` build them, the
//! other files decide what is sent when.

pub(crate) mod boot;
pub(crate) mod conflict;
mod ethernet;
pub(crate) mod gateway;
pub(crate) mod groups;
pub(crate) mod inside;
mod lease;
pub(crate) mod life;
mod neighbour;
pub(crate) mod owners;
pub(crate) mod pairing;
mod segment;
pub(crate) mod servers;
pub(crate) mod spoof;
mod station;
pub(crate) mod storm;
pub(crate) mod switch;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use segment::{Act, Lan, planned_once, repeated};
