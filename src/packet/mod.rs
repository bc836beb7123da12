//! Packet: from the bytes of a frame to one small `Copy` record of what the meter needs. No allocation, no panic.
//!
//! Parsing is lax: whatever could be read is kept, and the layer that stopped it becomes a named [`Anomaly`].
//!
//! - [`decode`]: one frame to one packet: the commonest shape in one go (`common`), other common ones by hand (`link`, `ip`, `extension`),
//!   etherparse's lax parser behind them
//! - [`class`]: the traffic classes that everything is counted by
//! - [`amplifier`]: the table of amplification services
//! - [`application`]: what a payload begins with; [`name`]: which site or zone a request is for
//! - [`control`]: ARP, neighbour discovery, DHCP, spanning tree, router election: what they say
//! - [`anomaly`]: what can be wrong with a packet, by name
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod amplifier;
pub mod anomaly;
pub mod application;
pub mod class;
mod common;
pub mod control;
pub mod decode;
mod extension;
mod ip;
mod link;
pub mod name;
mod protocol;
mod record;
pub mod tcp;

pub use amplifier::{AMPLIFIERS, Amplifier, Service};
pub use anomaly::Anomaly;
pub use application::App;
pub use class::Class;
pub use control::{Control, ControlKind};
pub use decode::{Decoder, Tunnels};
pub use name::{Asked, Name};
pub use record::Packet;
