//! What changes while a tally counts: networks, interfaces, assigned addresses.

use super::link::AssignedAddrs;
use super::tally::Tally;
use crate::base::{CapturedInterface, CountPolicy, InterfaceRole, Networks};
use std::sync::Arc;

impl Tally {
    /// Whether the frames that follow are a sample: then what the other end said may not have been captured.
    #[inline]
    pub fn set_sampled(&mut self, sampled: bool) {
        self.conversations.set_sampled(sampled);
    }

    /// Whether other workers capture on the same interface.
    pub fn set_divided(&mut self, divided: bool) {
        self.conversations.set_divided(divided);
    }

    /// Replaces the inside networks.
    pub fn set_networks(&mut self, networks: Arc<Networks>) {
        self.networks = networks;
    }

    /// Replaces the captured interfaces, with their roles and the policy that says which of their frames count.
    pub fn set_interfaces(&mut self, interfaces: &Arc<[CapturedInterface]>) {
        self.has_uplink = interfaces.iter().any(|known| known.outside || known.role == InterfaceRole::Uplink);
        self.is_partial = interfaces.iter().any(|interface| interface.counted != CountPolicy::All);
        self.interfaces = Arc::clone(interfaces);
    }

    /// Replaces the addresses assigned to guests.
    pub fn set_assigned(&mut self, assigned: Arc<AssignedAddrs>) {
        self.local = Networks::new(assigned.0.values().flatten().copied());
        self.link.set_assigned(assigned);
    }
}
