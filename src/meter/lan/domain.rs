//! The layer-2 broadcast domain: the scope of addresses and leases.

/// A segment and a VLAN on it: an address identifies a station only within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BroadcastDomain {
    /// Number of the first interface of the segment.
    pub segment: u16,
    /// VLAN identifier; 0 without a tag.
    pub vlan: u16,
}
