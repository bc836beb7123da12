//! The site: everything that detectors may know about the place where the packets were seen.

use super::guest::{Guest, Inventory, Nic, Origin};
use super::proxmox::owner;
use super::virtual_macs::VirtualMac;
use crate::base::{Addr, CapturedInterface, Direction, InterfaceRole, Mac, Networks};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known of one captured interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfacePolicy {
    /// As captured, or `*` for every interface.
    pub name: String,
    /// The operator's word; otherwise it is found out.
    pub role: Option<InterfaceRole>,
    /// The bridge that it belongs to, by the operator's word.
    pub bridge: Option<String>,
    /// The only MAC addresses that frames leaving here may carry; empty where no rule was given.
    pub allowed_macs: BTreeSet<Mac>,
    /// Kinds of virtual router addresses that may leave, too.
    pub virtual_macs: Vec<VirtualMac>,
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

/// What the operator says of the segments: who may do there what others must not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanPolicy {
    /// Routers; empty: those of the kernel's default routes.
    pub gateways: Vec<Addr>,
    /// The only DHCP servers; empty: whoever was there first.
    pub dhcp_servers: Vec<Addr>,
}

/// Who may send through an uplink, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uplink<'a> {
    policy: Option<&'a InterfacePolicy>,
    /// Own addresses of the bridge and of this machine; none where the operator gave a list.
    own: &'a BTreeSet<Mac>,
    granted: &'a BTreeMap<Mac, (usize, usize)>,
    listed: &'a BTreeSet<Mac>,
    /// Whether the operator gave the list.
    pub is_configured: bool,
    /// Whether any guest is known at all: else whoever is bridged is a stranger.
    pub knows_guests: bool,
}

impl Uplink<'_> {
    pub fn allows(&self, mac: Mac) -> bool {
        if self.policy.is_some_and(|policy| policy.virtual_macs.iter().any(|kind| kind.matches(mac))) {
            return true;
        }
        if self.is_configured {
            return self.policy.is_some_and(|policy| policy.allowed_macs.contains(&mac));
        }
        self.own.contains(&mac) || self.listed.contains(&mac) || self.granted.contains_key(&mac)
    }
}

/// Everything that detectors may know about the place where the packets were seen.
#[derive(Clone, Debug, Default)]
pub struct Site {
    pub networks: Arc<Networks>,
    inventory: Arc<Inventory>,
    /// Guest and network card by MAC.
    nics: BTreeMap<Mac, (usize, usize)>,
    /// Own addresses of this machine.
    own_macs: BTreeSet<Mac>,
    segment: LanPolicy,
    policies: Vec<InterfacePolicy>,
    groups: Vec<Group>,
    /// Networks of all groups, the longest prefixes first.
    prefixes: Vec<(IpNet, GroupId)>,
}

impl Site {
    pub fn new(networks: Arc<Networks>, policies: Vec<InterfacePolicy>) -> Self {
        Site { networks, policies, ..Site::default() }
    }

    pub fn with_groups(mut self, groups: Vec<Group>) -> Self {
        let all = groups.iter().enumerate().map(|(index, group)| (GroupId(index), group));
        self.prefixes = all.flat_map(|(id, group)| group.networks.iter().map(move |&network| (network, id))).collect();
        self.prefixes.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        self.groups = groups;
        self
    }

    pub fn with_segment(mut self, segment: LanPolicy) -> Self {
        self.segment = segment;
        self
    }

    pub fn with_inventory(mut self, inventory: Arc<Inventory>) -> Self {
        let guests = inventory.guests.iter().enumerate();
        let nics = guests.flat_map(|(at, guest)| guest.nics.iter().enumerate().map(move |(n, nic)| (nic.mac, (at, n))));
        self.nics = nics.collect();
        self.own_macs = inventory.kernel.links.iter().filter(|link| is_ours(link)).map(|link| link.mac).collect();
        self.inventory = inventory;
        self
    }

    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    pub fn segment(&self) -> &LanPolicy {
        &self.segment
    }

    /// The guest with a MAC, and its card.
    pub fn guest_of_mac(&self, mac: Mac) -> Option<(&Guest, &Nic)> {
        let &(guest, nic) = self.nics.get(&mac)?;
        let guest = self.inventory.guests.get(guest)?;
        Some((guest, guest.nics.get(nic)?))
    }

    /// The guest that is plugged in at an interface of this machine, whatever it sends.
    pub fn guest_of_port(&self, port: &str) -> Option<&Guest> {
        let is_here = |guest: &&Guest| guest.nics.iter().any(|nic| nic.port.as_deref() == Some(port));
        let owner = || {
            let vmid = owner(port)?.0.to_string();
            self.inventory.guests.iter().find(|guest| guest.origin == Origin::Proxmox && guest.id == vmid)
        };
        self.inventory.guests.iter().find(is_here).or_else(owner)
    }

    /// The guest to which an address was given, and to it alone.
    pub fn guest_of_address(&self, address: Addr) -> Option<&Guest> {
        let ip = address.ip();
        let longest = |network: &IpNet| network.prefix_len() == network.max_prefix_len();
        let has = |nic: &Nic| nic.addresses.iter().any(|network| longest(network) && network.addr() == ip);
        self.inventory.guests.iter().find(|guest| guest.nics.iter().any(has))
    }

    /// What an interface is: by the operator's word, else by the kernel's.
    pub fn role(&self, interface: &str) -> InterfaceRole {
        if let Some(role) = self.own_policy(interface).and_then(|policy| policy.role) {
            return role;
        }
        let Some(link) = self.inventory.kernel.link(interface) else { return InterfaceRole::Alone };
        match self.bridge(interface) {
            _ if link.kind == "bridge" => InterfaceRole::Bridge,
            None => InterfaceRole::Alone,
            Some(_) if link.is_physical() => InterfaceRole::Uplink,
            Some(_) => InterfaceRole::Port,
        }
    }

    /// The bridge that an interface is, or is a port of. Proxmox's firewall bridges are a part of the bridge behind them.
    pub fn bridge(&self, interface: &str) -> Option<&str> {
        if let Some(bridge) = self.own_policy(interface).and_then(|policy| policy.bridge.as_deref()) {
            return Some(bridge);
        }
        let link = self.inventory.kernel.link(interface)?;
        let bridge = if link.kind == "bridge" { &link.name } else { link.master.as_ref()? };
        let master = self.inventory.kernel.link(bridge).filter(|master| master.kind == "bridge")?;
        if let Some(chain) = master.name.strip_prefix("fwbr") {
            let of_chain = |name: &str| name.trim_start_matches(|c: char| c.is_ascii_alphabetic()) == chain;
            let nics = self.inventory.guests.iter().flat_map(|guest| &guest.nics);
            let behind =
                nics.filter(|nic| nic.port.as_deref().is_some_and(of_chain)).find_map(|nic| nic.bridge.as_deref());
            return behind.or(Some(&master.name));
        }
        Some(&master.name)
    }

    /// How captured interfaces show the same frames.
    pub fn views(&self, interfaces: &[String]) -> Arc<[CapturedInterface]> {
        let known: Vec<_> = interfaces.iter().map(|name| (self.role(name), self.bridge(name))).collect();
        CapturedInterface::of_all(&known).into()
    }

    /// Routers of the segments.
    pub fn gateways(&self) -> Vec<Addr> {
        if !self.segment.gateways.is_empty() {
            return self.segment.gateways.clone();
        }
        self.inventory.kernel.gateways.iter().map(|(address, _)| *address).collect()
    }

    /// The addresses that guests were given, by MAC: of those where any are known.
    pub fn granted(&self) -> impl Iterator<Item = (Mac, Vec<IpNet>)> + '_ {
        let nics = self.inventory.guests.iter().flat_map(|guest| &guest.nics);
        nics.filter(|nic| !nic.addresses.is_empty()).map(|nic| (nic.mac, nic.addresses.clone()))
    }

    /// Who may send through an interface, where that is limited: by a list of the operator, or because it is the uplink
    /// of a bridge.
    pub fn uplink(&self, interface: Option<&str>) -> Option<Uplink<'_>> {
        let policy = self.policy(interface);
        let is_configured = policy.is_some_and(|policy| !policy.allowed_macs.is_empty());
        if !is_configured && interface.is_none_or(|name| self.role(name) != InterfaceRole::Uplink) {
            return None;
        }
        Some(Uplink {
            policy,
            own: &self.own_macs,
            granted: &self.nics,
            listed: &self.inventory.granted,
            is_configured,
            knows_guests: !self.nics.is_empty() || !self.inventory.granted.is_empty(),
        })
    }

    fn own_policy(&self, interface: &str) -> Option<&InterfacePolicy> {
        self.policies.iter().find(|policy| policy.name == interface)
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
}

/// An interface that this machine itself sends by, not the near end of a guest's cable: what enters there carries the
/// guest's address.
fn is_ours(link: &super::kernel::Link) -> bool {
    link.mac != Mac::ZERO && !matches!(link.kind.as_str(), "tun" | "veth")
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
