//! Packet: from the octets of a frame to one small `Copy` record with what the meter needs. No allocation, no panic.
//!
//! Parsing is lax: everything that could be parsed is kept, and the reason why parsing stopped becomes a named
//! [`Anomaly`].
//!
//! - `decode`: one frame to one packet. The most common header layout is parsed in one step (`common`), other common
//!   ones layer by layer (`link`, `ip`, `extension`), everything else by etherparse's lax parser.
//! - `record`: the packet record
//! - `amplifier`: the table of amplification services
//! - `application`: classification of payloads by their first octets; [`name`]: the site or zone of a request
//! - [`control`]: contents of ARP, neighbour discovery, DHCP, spanning tree and router election; `valid` decides which of
//!   these frames their receivers believe, `options` reads their options
//! - `anomaly`: names for malformed packets
//! - `class`: the traffic classes used for counting
//! - `encapsulation`: names of encapsulations; `tunnel`: what a packet carries, and where that begins
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod amplifier;
mod anomaly;
mod application;
mod class;
mod common;
pub mod control;
mod decode;
mod encapsulation;
mod extension;
mod ip;
mod link;
pub mod name;
mod options;
mod protocol;
mod record;
pub mod tcp;
mod tunnel;
mod valid;

pub use amplifier::{AMPLIFIERS, Amplifier, Service};
pub use anomaly::Anomaly;
pub use application::App;
pub use class::Class;
pub use control::{Control, ControlKind, Disbelieved};
pub use decode::{Decoder, OuterHeaders, Tunnels, quoted};
pub use encapsulation::Encapsulation;
pub use name::{Name, RequestInfo};
pub use record::Packet;
