//! Inventory: what is ours. Networks, and what each interface may carry.

use crate::base::{Direction, Mac, Networks};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is known of one captured interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfacePolicy {
    /// As captured, or `*` for every interface.
    pub name: String,
    /// The only MAC addresses that frames leaving here may carry; empty where no rule was given.
    pub allowed_macs: BTreeSet<Mac>,
    /// The other side's MAC addresses (routers upstream). Where the capture does not tell which way a frame went, one
    /// from any other station is taken to have left.
    pub upstream_macs: BTreeSet<Mac>,
}

/// Everything that detectors may know about the place where the packets were seen.
#[derive(Clone, Debug, Default)]
pub struct Site {
    pub networks: Arc<Networks>,
    policies: Vec<InterfacePolicy>,
}

impl Site {
    pub fn new(networks: Arc<Networks>, policies: Vec<InterfacePolicy>) -> Self {
        Site { networks, policies }
    }

    /// Directions in which attacks can be told apart: where no network is known, only towards the receiver.
    pub fn directions(&self) -> &'static [Direction] {
        if self.networks.is_unknown() { &[Direction::Inbound] } else { &[Direction::Inbound, Direction::Outbound] }
    }

    /// The rule for an interface: its own, else the one for `*`.
    pub fn policy(&self, interface: Option<&str>) -> Option<&InterfacePolicy> {
        let named = interface.and_then(|name| self.policies.iter().find(|policy| policy.name == name));
        named.or_else(|| self.policies.iter().find(|policy| policy.name == "*"))
    }

    /// True where any rule about MAC addresses exists.
    pub fn has_mac_rules(&self) -> bool {
        self.policies.iter().any(|policy| !policy.allowed_macs.is_empty())
    }
}
