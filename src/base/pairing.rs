//! A pairing of an IP address with the MAC address that uses it.

use super::{Addr, Mac, Timestamp};

/// A station and an address that it uses, as ARP showed it (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pairing {
    /// MAC address of the station.
    pub mac: Mac,
    /// Its IPv4 address; `None` where only the station is known.
    pub address: Option<Addr>,
    /// When it began to use the address; [`Timestamp::ZERO`]: before anything that was captured.
    pub since: Timestamp,
    /// When it last used the address.
    pub last: Timestamp,
}
