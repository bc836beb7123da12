//! The table of services that reflect and amplify: what their replies look like on the wire.
//!
//! Sources of ports, signatures and factors: CISA alert TA14-017A "UDP-Based Amplification Attacks" (with updates), Rossow
//! "Amplification Hell" (NDSS 2014), the RFC of each protocol, and the advisories named per row.

mod index;
mod rows;
mod service;
#[cfg(test)]
mod tests;

pub use index::{Service, reply_of};
pub use rows::AMPLIFIERS;
pub use service::Amplifier;
