//! Sizes of the tables, set by the configuration.

use crate::base::Addr;

/// Sizes of the tables of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TallySizes {
    /// Hosts counted within one tick.
    pub hosts: usize,
    /// Busy hosts with full detail within one tick; below 65,535.
    pub detailed_hosts: usize,
    /// Stations counted within one tick.
    pub stations: usize,
    /// Conversations that one worker remembers.
    pub conversations: usize,
    /// Octets that are kept of some packets, as evidence; 0: no packet is kept.
    pub kept_octets: usize,
}

/// Sizes of the merger's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterSizes {
    /// Hosts in the shared table.
    pub hosts: usize,
    /// Hosts with windows.
    pub busy_hosts: usize,
    /// Stations in the shared table.
    pub stations: usize,
    /// Prefixes with windows.
    pub prefixes: usize,
    /// Lengths of these prefixes, by address family.
    pub prefix_lengths: PrefixLengths,
}

/// Prefix lengths in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLengths {
    /// Length of IPv4 prefixes, 8 to 30 bits.
    pub v4: u8,
    /// Length of IPv6 prefixes, 16 to 124 bits.
    pub v6: u8,
}

impl PrefixLengths {
    /// Prefix length for the family of `address`.
    pub fn of(self, address: Addr) -> u8 {
        if address.is_v4() { self.v4 } else { self.v6 }
    }
}
