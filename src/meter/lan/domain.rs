//! The layer-2 broadcast domain, which a claim or a lease is valid in.

/// A segment and a VLAN on it: addresses mean the same station only there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BroadcastDomain {
    pub segment: u16,
    pub vlan: u16,
}
