//! Proxmox VE: guests from the files of pmxcfs, `nodes/NODE/qemu-server/VMID.conf` and `nodes/NODE/lxc/VMID.conf` below
//! `/etc/pve` (qm.conf(5), pct.conf(5)).
//!
//! Guests of every node are included, since a guest keeps its MAC address when it migrates here. Only those of this
//! node have ports.

use super::entry;
use super::files::{self, Problems};
use super::{Guest, Nic, Origin};
use crate::base::Mac;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// NIC models (qm.conf(5), `net[n]`). The model is the key of the MAC address, as in `virtio=BC:24:11:2C:69:EC`.
const MODELS: [&str; 14] = [
    "virtio",
    "e1000",
    "e1000e",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "i82551",
    "i82557b",
    "i82559er",
    "ne2k_isa",
    "ne2k_pci",
    "pcnet",
    "rtl8139",
    "vmxnet3",
];

/// Maximum NICs of a guest: `net0` to `net31`.
const MAX_NICS: u8 = 32;

/// Virtual machine or container: their files use different keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Machine,
    Container,
}

/// The interfaces of this machine that belong to NIC `n` of a guest, from the guest to the bridge. Only the first
/// exists if Proxmox does not filter (`firewall=0`).
///
/// As created by `PVE::Network`: the tap or veth is a port of `fwbr`, whose other port `fwln` is the peer of `fwpr`,
/// which is a port of the bridge itself.
pub fn chain(vmid: u32, n: u8, is_container: bool) -> [String; 4] {
    let first = if is_container { "veth" } else { "tap" };
    [format!("{first}{vmid}i{n}"), format!("fwbr{vmid}i{n}"), format!("fwln{vmid}i{n}"), format!("fwpr{vmid}p{n}")]
}

/// The guest that an interface belongs to, by its name: the VMID and the number of the NIC. The inverse of [`chain`];
/// it also recognises `fwln…o…`, as on Open vSwitch.
pub fn owner(interface: &str) -> Option<(u32, u8)> {
    let forms = [("tap", 'i'), ("veth", 'i'), ("fwbr", 'i'), ("fwln", 'i'), ("fwln", 'o'), ("fwpr", 'p')];
    forms.into_iter().find_map(|(start, separator)| {
        let (vmid, n) = interface.strip_prefix(start)?.split_once(separator)?;
        Some((number(vmid)?, u8::try_from(number(n)?).ok()?))
    })
}

/// Parses digits only: `parse` would accept a sign as well.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|octet| octet.is_ascii_digit()))
}

/// Every file that describes a guest, on any node.
pub(super) fn files(root: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    let mut nodes = Vec::new();
    files::list(&root.join("nodes"), |_| true, &mut nodes, problems);
    let mut found = Vec::new();
    for node in nodes {
        for kind in ["qemu-server", "lxc"] {
            files::list(&node.join(kind), |name| vmid(name).is_some(), &mut found, problems);
        }
    }
    found
}

/// The VMID in a file name.
fn vmid(file: &str) -> Option<u32> {
    number(file.strip_suffix(".conf")?)
}

/// The name of this machine in the cluster: the target of pmxcfs's link or, if that cannot be read, the host name if
/// there is such a node.
fn local_node(root: &Path) -> Option<String> {
    let by_link = std::fs::read_link(root.join("local")).ok();
    if let Some(name) = by_link.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()) {
        return Some(name.to_owned());
    }
    let system = rustix::system::uname();
    let host = system.nodename().to_str().ok()?.split('.').next()?.to_owned();
    root.join("nodes").join(&host).is_dir().then_some(host)
}

/// All guests of the cluster.
pub(super) fn read(root: &Path, problems: &mut Problems) -> Vec<Guest> {
    let local = local_node(root);
    let mut guests: BTreeMap<u32, (bool, Guest)> = BTreeMap::new();
    for path in files(root, problems) {
        let mut parts = path.iter().rev().filter_map(|part| part.to_str());
        let (Some(vmid), kind, node) = (parts.next().and_then(vmid), parts.next(), parts.next()) else { continue };
        let Some(text) = files::text(&path, problems) else { continue };
        let kind = if kind == Some("lxc") { Kind::Container } else { Kind::Machine };
        let is_here = local.is_none() || local.as_deref() == node;
        let guest = guest(vmid, kind, is_here, &text, &path, problems);
        // VMIDs are unique in a cluster. A guest that migrates while the files are read may appear twice: the file of
        // this node takes precedence.
        match guests.get(&vmid) {
            Some((true, _)) => {}
            _ => {
                guests.insert(vmid, (is_here, guest));
            }
        }
    }
    guests.into_values().map(|(_, guest)| guest).collect()
}

/// Parses one file: `key: value` lines up to the first section. Sections are snapshots and pending changes.
pub(super) fn guest(vmid: u32, kind: Kind, is_here: bool, text: &str, path: &Path, problems: &mut Problems) -> Guest {
    let name_key = if kind == Kind::Machine { "name" } else { "hostname" };
    let mut name = String::new();
    let mut nics: BTreeMap<u8, Nic> = BTreeMap::new();
    let mut assigned: BTreeMap<u8, Vec<IpNet>> = BTreeMap::new();
    for (line, text) in text.lines().enumerate().map(|(index, text)| (index + 1, text.trim())) {
        if text.starts_with('[') {
            break;
        }
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((key, value)) = text.split_once(':') else {
            problems.add_line(path, line, "not \"key: value\"; the line is ignored");
            continue;
        };
        let value = value.trim();
        let mut wrong = |message: String| problems.add_line(path, line, message);
        if key == name_key {
            name = entry::plain_name(value);
        } else if let Some(n) = index_of(key, "net") {
            if let Some(mut nic) = parse_nic(kind, value, &mut wrong) {
                // Without a bridge QEMU translates addresses itself (user networking), so there is no interface.
                if is_here && nic.bridge.is_some() {
                    let [port, ..] = chain(vmid, n, kind == Kind::Container);
                    nic.port = Some(port);
                }
                nics.insert(n, nic);
            }
        } else if let Some(n) = index_of(key, "ipconfig").filter(|_| kind == Kind::Machine) {
            assigned.insert(n, addresses(&properties(value), &mut wrong));
        }
    }
    for (n, addresses) in assigned {
        if let Some(nic) = nics.get_mut(&n) {
            nic.addresses = addresses;
        }
    }
    Guest { id: vmid.to_string(), name, origin: Origin::Proxmox, nics: nics.into_values().collect() }
}

/// The `n` of `net0`, `ipconfig0`.
fn index_of(key: &str, start: &str) -> Option<u8> {
    let n = number(key.strip_prefix(start)?)?;
    u8::try_from(n).ok().filter(|n| *n < MAX_NICS)
}

/// Comma-separated `key=value` pairs; a single word is a value without a key (the model of a NIC).
fn properties(text: &str) -> Vec<(&str, &str)> {
    text.split(',').map(|pair| pair.split_once('=').unwrap_or(("", pair))).map(|(k, v)| (k.trim(), v.trim())).collect()
}

/// Parses a NIC. `None` if it has no valid MAC address.
fn parse_nic(kind: Kind, text: &str, wrong: &mut impl FnMut(String)) -> Option<Nic> {
    let pairs = properties(text);
    let mut nic = Nic::default();
    let mut mac = None;
    let mut tags_itself = false;
    for &(key, value) in &pairs {
        match key {
            "bridge" if entry::is_interface_name(value) => nic.bridge = Some(value.to_owned()),
            "bridge" => wrong(format!("bridge={value}: not an interface name; treated as having no bridge")),
            "firewall" => nic.filtered = value == "1",
            "tag" => match number(value).and_then(|tag| u16::try_from(tag).ok()).filter(|tag| (1..=4094).contains(tag))
            {
                Some(tag) => nic.vlan = Some(tag),
                None => wrong(format!("tag={value}: not a VLAN ID (1 to 4094); treated as untagged")),
            },
            "trunks" => tags_itself = true,
            _ if key == "macaddr" || key == "hwaddr" || MODELS.contains(&key) => match value.parse::<Mac>() {
                Ok(read) => mac = Some(read),
                Err(error) => wrong(format!("{key}={value}: {error}; the NIC is ignored")),
            },
            _ => {}
        }
    }
    if tags_itself {
        nic.vlan = None;
    }
    if kind == Kind::Container {
        nic.addresses = addresses(&pairs, wrong);
    }
    let has_key = |key: &str| key == "macaddr" || key == "hwaddr" || MODELS.contains(&key);
    if mac.is_none() && !pairs.iter().any(|(key, _)| has_key(key)) {
        wrong("no MAC address; the NIC is ignored".to_owned());
    }
    mac.filter(|mac| {
        if mac.is_group() || *mac == Mac::ZERO {
            wrong(format!("{mac}: not a MAC address that a NIC may have; the NIC is ignored"));
        }
        !mac.is_group() && *mac != Mac::ZERO
    })
    .map(|mac| Nic { mac, ..nic })
}

/// Parses `ip=10.0.0.2/24` and `ip6=…`: the address, not its network, is assigned. `dhcp`, `auto` and `manual` mean
/// unknown.
fn addresses(pairs: &[(&str, &str)], wrong: &mut impl FnMut(String)) -> Vec<IpNet> {
    let mut found = Vec::new();
    for (key, value) in pairs.iter().filter(|(key, _)| matches!(*key, "ip" | "ip6")) {
        if matches!(*value, "dhcp" | "auto" | "manual" | "") {
            continue;
        }
        let address = value.split('/').next().unwrap_or_default().parse::<IpAddr>();
        match address.ok().filter(|address| address.is_ipv6() == (*key == "ip6")) {
            Some(address) => found.push(IpNet::from(address)),
            None => wrong(format!("{key}={value}: not an address; treated as unknown")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(kind: Kind, text: &str) -> (Guest, Vec<String>) {
        let mut problems = Problems::new("proxmox");
        let guest = guest(104, kind, true, text, Path::new("104.conf"), &mut problems);
        (guest, problems.into_list().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_machine_is_read_up_to_its_first_snapshot() {
        let text = "#shop\nagent: 1\nboot: order=scsi0;net0\ncores: 4\nipconfig0: gw=203.0.113.1,ip=203.0.113.4/24,ip6=auto\n\
            ipconfig1: ip=dhcp\nname: shop\n\
            net0: virtio=BC:24:11:2C:69:EC,bridge=vmbr0,firewall=1,rate=10,tag=5\n\
            net1: model=e1000,macaddr=bc:24:11:00:00:01,bridge=vmbr1,trunks=5;7-9,tag=3\n\
            net2: rtl8139=BC:24:11:00:00:02\nsmbios1: uuid=0\n\n\
            [before]\nname: old\nnet0: virtio=BC:24:11:00:00:99,bridge=vmbr9\n[PENDING]\nnet0: virtio=nonsense\n";
        let (guest, problems) = read_one(Kind::Machine, text);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(guest.to_string(), "104 (shop)");
        let [first, second, third] = guest.nics.as_slice() else { panic!("{:?}", guest.nics) };
        let expected = Nic {
            mac: Mac([0xbc, 0x24, 0x11, 0x2c, 0x69, 0xec]),
            addresses: vec!["203.0.113.4/32".parse().unwrap()],
            vlan: Some(5),
            bridge: Some("vmbr0".into()),
            port: Some("tap104i0".into()),
            filtered: true,
        };
        assert_eq!(*first, expected);
        assert_eq!((second.mac.to_string(), second.vlan), ("bc:24:11:00:00:01".into(), None), "it tags itself");
        assert_eq!(second.port.as_deref(), Some("tap104i1"));
        assert_eq!((&third.bridge, &third.port), (&None, &None), "user networking");
    }

    #[test]
    fn the_addresses_of_a_container_are_on_its_nic() {
        let text = "arch: amd64\nhostname: mail\nnet0: name=eth0,bridge=vmbr0,gw=10.0.0.1,hwaddr=BC:24:11:AA:00:01,\
            ip=10.0.0.2/24,ip6=2001:db8::2/64,type=veth\nnet1: name=eth1,bridge=vmbr1,hwaddr=BC:24:11:AA:00:02,ip=dhcp,\
            ip6=manual,tag=7,type=veth\n";
        let (guest, problems) = read_one(Kind::Container, text);
        assert_eq!((guest.name.as_str(), problems), ("mail", Vec::new()));
        let addresses: Vec<String> = guest.nics[0].addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["10.0.0.2/32", "2001:db8::2/128"]);
        assert_eq!(guest.nics[0].port.as_deref(), Some("veth104i0"));
        assert_eq!((guest.nics[1].addresses.len(), guest.nics[1].vlan), (0, Some(7)));
    }

    #[test]
    fn problems_have_their_line_and_the_rest_is_used() {
        let text = "name: shop\nnet0: virtio=BC:24:11,bridge=vmbr0\nnonsense\nnet1: virtio,bridge=vmbr0\n\
            net2: virtio=01:00:5e:00:00:01\nnet3: virtio=BC:24:11:00:00:03,tag=5000\nipconfig3: ip=10.0.0,ip6=10.0.0.1\n\
            net99: virtio=x\nnet4: virtio=BC:24:11:00:00:04,bridge=a/b\n";
        let (guest, problems) = read_one(Kind::Machine, text);
        assert_eq!((guest.name.as_str(), guest.nics.len()), ("shop", 2));
        let expected = [
            "104.conf:2: virtio=BC:24:11: not a MAC address (six hexadecimal octets, as in 52:54:00:12:34:56); \
             the NIC is ignored",
            "104.conf:3: not \"key: value\"; the line is ignored",
            "104.conf:4: no MAC address; the NIC is ignored",
            "104.conf:5: 01:00:5e:00:00:01: not a MAC address that a NIC may have; the NIC is ignored",
            "104.conf:6: tag=5000: not a VLAN ID (1 to 4094); treated as untagged",
            "104.conf:7: ip=10.0.0: not an address; treated as unknown",
            "104.conf:7: ip6=10.0.0.1: not an address; treated as unknown",
            "104.conf:9: bridge=a/b: not an interface name; treated as having no bridge",
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn interfaces_are_mapped_to_their_nic() {
        for (is_container, first) in [(false, "tap104i12"), (true, "veth104i12")] {
            let chain = chain(104, 12, is_container);
            assert_eq!(chain[0], first);
            assert!(chain.iter().all(|name| owner(name) == Some((104, 12)) && name.len() <= 15), "{chain:?}");
        }
        assert_eq!(owner("fwln104o1"), Some((104, 1)));
        for other in
            ["tap0", "vethabc", "veth1p2", "tap104i", "tapi0", "tap+1i0", "tap104i300", "vmbr0", "", "tap104i0x"]
        {
            assert_eq!(owner(other), None, "{other}");
        }
    }
}
