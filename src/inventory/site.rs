//! The site: everything that detectors may know about the place where the packets were seen.

use crate::base::{Addr, Direction, Mac, Networks};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What an interface is to the segment that it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// On its own: no bridge known.
    #[default]
    Alone,
    /// The way out of a bridge, towards the provider.
    Uplink,
    /// A bridge itself: sees every frame once, where it enters.
    Bridge,
    /// Where a guest is plugged in.
    Port,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Alone, Role::Uplink, Role::Bridge, Role::Port];

    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Alone => "alone",
            Role::Uplink => "uplink",
            Role::Bridge => "bridge",
            Role::Port => "port",
        }
    }
}

/// What is known of one captured interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfacePolicy {
    /// As captured, or `*` for every interface.
    pub name: String,
    /// The operator's word; otherwise it is found out.
    pub role: Option<Role>,
    /// The bridge that it belongs to, by the operator's word.
    pub bridge: Option<String>,
    /// The only MAC addresses that frames leaving here may carry; empty where no rule was given.
    pub allowed_macs: BTreeSet<Mac>,
    /// The other side's MAC addresses (routers upstream). Where the capture does not tell which way a frame went, one
    /// from any other station is taken to have left.
    pub upstream_macs: BTreeSet<Mac>,
}

/// Hosts with limits of their own, by prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    /// Need not be networks of ours as they are configured: a host, a range, several.
    pub networks: Vec<IpNet>,
}

/// Which group: its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId(pub usize);

/// Everything that detectors may know about the place where the packets were seen.
#[derive(Clone, Debug, Default)]
pub struct Site {
    pub networks: Arc<Networks>,
    policies: Vec<InterfacePolicy>,
    groups: Vec<Group>,
    /// Networks of all groups, the longest prefixes first.
    prefixes: Vec<(IpNet, GroupId)>,
}

impl Site {
    pub fn new(networks: Arc<Networks>, policies: Vec<InterfacePolicy>) -> Self {
        Site { networks, policies, groups: Vec::new(), prefixes: Vec::new() }
    }

    pub fn with_groups(mut self, groups: Vec<Group>) -> Self {
        let all = groups.iter().enumerate().map(|(index, group)| (GroupId(index), group));
        self.prefixes = all.flat_map(|(id, group)| group.networks.iter().map(move |&network| (network, id))).collect();
        self.prefixes.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        self.groups = groups;
        self
    }

    /// The group of a host: that of the longest prefix it lies in.
    pub fn group_of_host(&self, address: Addr) -> Option<GroupId> {
        if self.prefixes.is_empty() {
            return None;
        }
        self.group_of_network(IpNet::from(address.ip()))
    }

    /// The group in which a network lies as a whole.
    pub fn group_of_network(&self, network: IpNet) -> Option<GroupId> {
        self.prefixes.iter().find(|(prefix, _)| prefix.contains(&network)).map(|(_, id)| *id)
    }

    /// What the operator calls a group.
    pub fn group_name(&self, id: GroupId) -> &str {
        self.groups.get(id.0).map_or("", |group| &group.name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides_across_both_families() {
        let group = |name: &str, networks: &[&str]| Group {
            name: name.to_owned(),
            networks: networks.iter().map(|network| network.parse().expect("a network")).collect(),
        };
        let groups = vec![group("all", &["203.0.113.0/24", "2001:db8::/32"]), group("web", &["203.0.113.7/32"])];
        let site = Site::default().with_groups(groups);
        let of = |address: &str| {
            site.group_of_host(address.parse().expect("an address")).map(|id| site.group_name(id).to_owned())
        };
        assert_eq!(of("203.0.113.7").as_deref(), Some("web"));
        assert_eq!(of("203.0.113.8").as_deref(), Some("all"));
        assert_eq!(of("2001:db8:1::1").as_deref(), Some("all"));
        assert_eq!(of("198.51.100.1"), None);
        let network = |text: &str| site.group_of_network(text.parse().expect("a network"));
        assert_eq!(network("203.0.113.0/25"), Some(GroupId(0)));
        assert_eq!(network("203.0.112.0/23"), None, "only part of it lies in a group");
    }
}
