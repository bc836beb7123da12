//! The site: everything that detectors know about the network in which the packets were captured.

use super::guest::{Guest, Inventory, Nic, Origin};
use super::proxmox::owner;
use super::virtual_macs::VirtualMac;
use crate::base::{Addr, CaptureDirections, CapturedInterface, Direction, InterfaceRole, Mac, Networks};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The configured policy of one captured interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfacePolicy {
    /// Name of the interface, or `*` for all interfaces.
    pub name: String,
    /// The configured role; if `None`, it is discovered.
    pub role: Option<InterfaceRole>,
    /// The configured bridge; if `None`, it is discovered.
    pub bridge: Option<String>,
    /// The only source MAC addresses permitted in frames that leave here; empty if not configured.
    pub allowed_macs: BTreeSet<Mac>,
    /// Protocols whose virtual router MAC addresses are also permitted.
    pub virtual_macs: Vec<VirtualMac>,
    /// MAC addresses of upstream routers. If the capture does not record the direction of a frame, a frame from any
    /// other station counts as leaving.
    pub upstream_macs: BTreeSet<Mac>,
    /// Which directions of conversations it shows; if `None`, that is learned.
    pub directions: Option<CaptureDirections>,
    /// No host of ours is behind it.
    pub outside: bool,
    /// What the link carries in one direction, in bits per second; if `None`, what the kernel says of a physical interface.
    pub speed: Option<u64>,
}

/// Hosts with separate limits, selected by prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Prefixes of the hosts. They need not be inside networks as configured.
    pub networks: Vec<IpNet>,
}

/// Identifies a group by its position in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId(pub usize);

/// Which stations of the LAN have privileged roles, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanPolicy {
    /// Routers; if empty, those of the kernel's default routes.
    pub gateways: Vec<Addr>,
    /// The only legitimate DHCP servers; if empty, the first one seen.
    pub dhcp_servers: Vec<Addr>,
}

/// Which MAC addresses may send through an uplink, and where the rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uplink<'a> {
    policy: Option<&'a InterfacePolicy>,
    /// MAC addresses of this machine.
    own: &'a BTreeSet<Mac>,
    /// MAC addresses of guests.
    guests: &'a BTreeMap<Mac, (usize, usize)>,
    /// MAC addresses that the provider granted.
    granted: &'a BTreeSet<Mac>,
    /// Where the permitted addresses come from.
    pub rule: UplinkRule,
}

/// Where the MAC addresses that may leave through an uplink come from, most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UplinkRule {
    /// The interface's `allowed_macs`.
    Configured,
    /// The provider's list of granted addresses, in a table of the inventory. Guests and this machine must be on it.
    ProviderList,
    /// This machine's own addresses and those of known guests.
    Known,
    /// The same, but no guest is known, so that every bridged station is unknown.
    OwnOnly,
}

impl Uplink<'_> {
    /// Whether the address is this machine's own.
    pub fn is_own(&self, mac: Mac) -> bool {
        self.own.contains(&mac)
    }

    /// Whether frames from this source may leave.
    pub fn allows(&self, mac: Mac) -> bool {
        if self.policy.is_some_and(|policy| policy.virtual_macs.iter().any(|kind| kind.matches(mac))) {
            return true;
        }
        match self.rule {
            UplinkRule::Configured => self.policy.is_some_and(|policy| policy.allowed_macs.contains(&mac)),
            UplinkRule::ProviderList => self.granted.contains(&mac),
            UplinkRule::Known | UplinkRule::OwnOnly => self.own.contains(&mac) || self.guests.contains_key(&mac),
        }
    }
}

/// Everything that detectors know about the network in which the packets were captured.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// The inside networks.
    pub networks: Arc<Networks>,
    inventory: Arc<Inventory>,
    /// Indices of guest and NIC by MAC address.
    nics: BTreeMap<Mac, (usize, usize)>,
    /// Index of each station's entry in the forwarding tables of the inventory.
    learned_ports: BTreeMap<Mac, usize>,
    /// MAC addresses of this machine.
    own_macs: BTreeSet<Mac>,
    lan_policy: LanPolicy,
    /// Proxies, whose requests are those of many clients.
    proxies: Networks,
    policies: Vec<InterfacePolicy>,
    groups: Vec<Group>,
    /// Prefixes of all groups, longest first.
    prefixes: Vec<(IpNet, GroupId)>,
}

impl Site {
    /// A site without groups and inventory.
    pub fn new(networks: Arc<Networks>, policies: Vec<InterfacePolicy>) -> Self {
        Site { networks, policies, ..Site::default() }
    }

    /// Sets the groups of hosts.
    pub fn with_groups(mut self, groups: Vec<Group>) -> Self {
        let all = groups.iter().enumerate().map(|(index, group)| (GroupId(index), group));
        self.prefixes = all.flat_map(|(id, group)| group.networks.iter().map(move |&network| (network, id))).collect();
        self.prefixes.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        self.groups = groups;
        self
    }

    /// Number of groups.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Sets the networks of proxies.
    pub fn with_proxies(mut self, proxies: Networks) -> Self {
        self.proxies = proxies;
        self
    }

    /// Whether an address is a proxy's, whose requests are those of many clients.
    pub fn is_proxy(&self, address: Addr) -> bool {
        self.proxies.contains(address)
    }

    /// Sets the policy of the LANs.
    pub fn with_lan_policy(mut self, policy: LanPolicy) -> Self {
        self.lan_policy = policy;
        self
    }

    /// Sets the inventory.
    pub fn with_inventory(mut self, inventory: Arc<Inventory>) -> Self {
        let guests = inventory.guests.iter().enumerate();
        let nics = guests.flat_map(|(at, guest)| guest.nics.iter().enumerate().map(move |(n, nic)| (nic.mac, (at, n))));
        self.nics = nics.collect();
        self.own_macs = inventory.kernel.links.iter().filter(|link| is_ours(link)).map(|link| link.mac).collect();
        // Of a station with several entries, the first counts.
        let learned = inventory.kernel.fdb.iter().enumerate().rev().map(|(at, entry)| (entry.mac, at));
        self.learned_ports = learned.collect();
        self.inventory = inventory;
        self
    }

    /// The port on which a bridge of this machine has learned a station.
    pub fn learned_port(&self, mac: Mac) -> Option<&str> {
        let at = *self.learned_ports.get(&mac)?;
        self.inventory.kernel.fdb.get(at).map(|entry| entry.port.as_str())
    }

    /// The inventory.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The policy of the LANs.
    pub fn lan_policy(&self) -> &LanPolicy {
        &self.lan_policy
    }

    /// The guest with a MAC address, and the NIC.
    pub fn guest_of_mac(&self, mac: Mac) -> Option<(&Guest, &Nic)> {
        let &(guest, nic) = self.nics.get(&mac)?;
        let guest = self.inventory.guests.get(guest)?;
        Some((guest, guest.nics.get(nic)?))
    }

    /// The guest that is attached to an interface of this machine, whatever source addresses it uses.
    pub fn guest_of_port(&self, port: &str) -> Option<&Guest> {
        let is_here = |guest: &&Guest| guest.nics.iter().any(|nic| nic.port.as_deref() == Some(port));
        let owner = || {
            let vmid = owner(port)?.0.to_string();
            self.inventory.guests.iter().find(|guest| guest.origin == Origin::Proxmox && guest.id == vmid)
        };
        self.inventory.guests.iter().find(is_here).or_else(owner)
    }

    /// The guest to which exactly this address (not a network) is assigned.
    pub fn guest_of_address(&self, address: Addr) -> Option<&Guest> {
        let ip = address.ip();
        let longest = |network: &IpNet| network.prefix_len() == network.max_prefix_len();
        let has = |nic: &Nic| nic.addresses.iter().any(|network| longest(network) && network.addr() == ip);
        self.inventory.guests.iter().find(|guest| guest.nics.iter().any(has))
    }

    /// The role of an interface: the configured one, else the one derived from the kernel's state.
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

    /// The bridge that an interface is or belongs to. A Proxmox firewall bridge counts as part of the bridge behind it.
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

    /// LANs, roles and count policies of the captured interfaces.
    pub fn captured_interfaces(&self, interfaces: &[String]) -> Arc<[CapturedInterface]> {
        let known: Vec<_> = interfaces.iter().map(|name| (self.role(name), self.bridge(name))).collect();
        let mut captured = CapturedInterface::of_all(&known);
        for (interface, name) in captured.iter_mut().zip(interfaces) {
            let configured = self.policy(Some(name)).and_then(|policy| policy.directions);
            interface.directions = configured.unwrap_or_default();
            interface.outside = self.policy(Some(name)).is_some_and(|policy| policy.outside);
        }
        captured.into()
    }

    /// Routers of the LANs.
    pub fn gateways(&self) -> Vec<Addr> {
        if !self.lan_policy.gateways.is_empty() {
            return self.lan_policy.gateways.clone();
        }
        self.inventory.kernel.gateways.iter().map(|(address, _)| *address).collect()
    }

    /// Assigned addresses by MAC address, for NICs with known assignments.
    pub fn assigned_addrs(&self) -> impl Iterator<Item = (Mac, Vec<IpNet>)> + '_ {
        let nics = self.inventory.guests.iter().flat_map(|guest| &guest.nics);
        nics.filter(|nic| !nic.addresses.is_empty()).map(|nic| (nic.mac, nic.addresses.clone()))
    }

    /// Which MAC addresses may send through an interface, if that is restricted: by configuration, or because the
    /// interface is the uplink of a bridge.
    pub fn uplink(&self, interface: Option<&str>) -> Option<Uplink<'_>> {
        let policy = self.policy(interface);
        let is_configured = policy.is_some_and(|policy| !policy.allowed_macs.is_empty());
        if !is_configured && interface.is_none_or(|name| self.role(name) != InterfaceRole::Uplink) {
            return None;
        }
        let granted = &self.inventory.assigned_macs;
        let rule = match (is_configured, granted.is_empty(), self.nics.is_empty()) {
            (true, ..) => UplinkRule::Configured,
            (false, false, _) => UplinkRule::ProviderList,
            (false, true, false) => UplinkRule::Known,
            (false, true, true) => UplinkRule::OwnOnly,
        };
        Some(Uplink { policy, own: &self.own_macs, guests: &self.nics, granted, rule })
    }

    fn own_policy(&self, interface: &str) -> Option<&InterfacePolicy> {
        self.policies.iter().find(|policy| policy.name == interface)
    }

    /// The group of a host: that of its longest matching prefix.
    pub fn group_of_host(&self, address: Addr) -> Option<GroupId> {
        if self.prefixes.is_empty() {
            return None;
        }
        self.group_of_network(IpNet::from(address.ip()))
    }

    /// The group that contains all of a network.
    pub fn group_of_network(&self, network: IpNet) -> Option<GroupId> {
        self.prefixes.iter().find(|(prefix, _)| prefix.contains(&network)).map(|(_, id)| *id)
    }

    /// The configured name of a group.
    pub fn group_name(&self, id: GroupId) -> &str {
        self.groups.get(id.0).map_or("", |group| &group.name)
    }

    /// Directions in which attacks can be detected: if no inside network is known, only towards the receiver.
    pub fn directions(&self) -> &'static [Direction] {
        if self.networks.is_unknown() { &[Direction::Inbound] } else { &[Direction::Inbound, Direction::Outbound] }
    }

    /// The policy of an interface: its own, else that of `*`.
    pub fn policy(&self, interface: Option<&str>) -> Option<&InterfacePolicy> {
        let named = interface.and_then(|name| self.policies.iter().find(|policy| policy.name == name));
        named.or_else(|| self.policies.iter().find(|policy| policy.name == "*"))
    }
}

/// Whether frames from this machine itself carry the interface's MAC address. Frames from the near end of a guest's tap
/// or veth carry the guest's.
fn is_ours(link: &super::kernel::Link) -> bool {
    link.mac != Mac::ZERO && !matches!(link.kind.as_str(), "tun" | "veth")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_matching_prefix_determines_the_group() {
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

    #[test]
    fn a_list_of_granted_addresses_narrows_what_the_inventory_allows() {
        let mac = |last| Mac([0x52, 0x54, 0, 0, 0, last]);
        let (own, guest, granted, listed) = (mac(1), mac(2), mac(3), mac(4));
        let nic = Nic { mac: guest, ..Nic::default() };
        let guests = vec![Guest { id: "web".into(), name: "web".into(), origin: Origin::Static, nics: vec![nic] }];
        let link = super::super::kernel::Link { name: "eno1".into(), mac: own, ..Default::default() };
        let inventory = Inventory {
            guests,
            kernel: super::super::Kernel { links: vec![link], ..Default::default() },
            ..Inventory::default()
        };
        let allowed = |inventory: &Inventory, allowed_macs: &[Mac]| {
            let policy = InterfacePolicy {
                name: "eno1".to_owned(),
                role: Some(InterfaceRole::Uplink),
                allowed_macs: allowed_macs.iter().copied().collect(),
                ..InterfacePolicy::default()
            };
            let site = Site::new(Arc::default(), vec![policy]).with_inventory(Arc::new(inventory.clone()));
            let uplink = site.uplink(Some("eno1")).expect("an uplink");
            (uplink.rule, [own, guest, granted, listed].map(|mac| uplink.allows(mac)))
        };
        assert_eq!(allowed(&inventory, &[]), (UplinkRule::Known, [true, true, false, false]));
        let nothing = Inventory { guests: Vec::new(), ..inventory.clone() };
        assert_eq!(allowed(&nothing, &[]), (UplinkRule::OwnOnly, [true, false, false, false]));
        let with_list = Inventory { assigned_macs: [granted].into(), ..inventory.clone() };
        assert_eq!(allowed(&with_list, &[]), (UplinkRule::ProviderList, [false, false, true, false]));
        assert_eq!(allowed(&with_list, &[listed]), (UplinkRule::Configured, [false, false, false, true]));
    }
}
