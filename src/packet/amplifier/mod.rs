//! The table of services that can be abused for reflection and amplification: what their replies look like.
//!
//! Sources of ports, signatures and factors: CISA alert TA14-017A "UDP-Based Amplification Attacks" (with updates),
//! Rossow "Amplification Hell" (NDSS 2014), the RFC of each protocol, and the advisories named per row.

mod index;
mod rows;
mod service;
#[cfg(test)]
mod tests;

pub use index::Service;
pub(crate) use index::reply_of;
pub use rows::AMPLIFIERS;
pub use service::Amplifier;
