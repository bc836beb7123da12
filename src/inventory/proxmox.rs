//! Proxmox VE: guests by the files of pmxcfs, `nodes/NODE/qemu-server/VMID.conf` and `nodes/NODE/lxc/VMID.conf` below
//! `/etc/pve` (qm.conf(5), pct.conf(5)).
//!
//! Guests of every node are kept, since one that moves here brings its MAC with it; only those of this node get ports.

use super::entry;
use super::files::{self, Problems};
use super::{Guest, Nic, Origin};
use crate::base::Mac;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Models of network cards (qm.conf(5), `net[n]`). The model is the key of the MAC, as in `virtio=BC:24:11:2C:69:EC`.
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

/// Cards that a guest may have: `net0` to `net31`.
const MOST_CARDS: u8 = 32;

/// Virtual machine or container: their files differ in how they name things.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Machine,
    Container,
}

/// The interfaces of this machine that belong to card `n` of a guest, from the guest to the bridge. Only the first where
/// Proxmox filters nothing (`firewall=0`).
///
/// As `PVE::Network` makes them: the tap or veth is a port of `fwbr`, whose other port `fwln` is joined to `fwpr`, which
/// is the port of the bridge itself.
pub fn chain(vmid: u32, n: u8, is_container: bool) -> [String; 4] {
    let first = if is_container { "veth" } else { "tap" };
    [format!("{first}{vmid}i{n}"), format!("fwbr{vmid}i{n}"), format!("fwln{vmid}i{n}"), format!("fwpr{vmid}p{n}")]
}

/// Whose interface it is, by its name: the VMID, and which of its cards. The inverse of [`chain`], and with `fwln…o…` as
/// on Open vSwitch.
pub fn owner(interface: &str) -> Option<(u32, u8)> {
    let forms = [("tap", 'i'), ("veth", 'i'), ("fwbr", 'i'), ("fwln", 'i'), ("fwln", 'o'), ("fwpr", 'p')];
    forms.into_iter().find_map(|(start, separator)| {
        let (vmid, n) = interface.strip_prefix(start)?.split_once(separator)?;
        Some((number(vmid)?, u8::try_from(number(n)?).ok()?))
    })
}

/// Digits alone: `parse` would take a sign as well.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|octet| octet.is_ascii_digit()))
}

/// Every file that describes a guest, with its node.
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

/// The VMID that a file is named by.
fn vmid(file: &str) -> Option<u32> {
    number(file.strip_suffix(".conf")?)
}

/// The name of this machine in the cluster: pmxcfs has a link for it; where that cannot be read, the host's name if there
/// is such a node.
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
        // VMIDs are unique in a cluster. One that is moved while the files are read may be met twice: here it counts.
        match guests.get(&vmid) {
            Some((true, _)) => {}
            _ => {
                guests.insert(vmid, (is_here, guest));
            }
        }
    }
    guests.into_values().map(|(_, guest)| guest).collect()
}

/// One file: `key: value` lines up to the first section. Those that follow are snapshots and pending changes.
pub(super) fn guest(vmid: u32, kind: Kind, is_here: bool, text: &str, path: &Path, problems: &mut Problems) -> Guest {
    let name_key = if kind == Kind::Machine { "name" } else { "hostname" };
    let mut name = String::new();
    let mut cards: BTreeMap<u8, Nic> = BTreeMap::new();
    let mut given: BTreeMap<u8, Vec<IpNet>> = BTreeMap::new();
    for (line, text) in text.lines().enumerate().map(|(index, text)| (index + 1, text.trim())) {
        if text.starts_with('[') {
            break;
        }
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((key, value)) = text.split_once(':') else {
            problems.add_line(path, line, "no \"key: value\"; the line is left out");
            continue;
        };
        let value = value.trim();
        let mut wrong = |message: String| problems.add_line(path, line, message);
        if key == name_key {
            name = entry::plain_name(value);
        } else if let Some(n) = index_of(key, "net") {
            if let Some(mut nic) = card(kind, value, &mut wrong) {
                // Without a bridge QEMU translates addresses itself (user networking): there is no interface.
                if is_here && nic.bridge.is_some() {
                    let [port, ..] = chain(vmid, n, kind == Kind::Container);
                    nic.port = Some(port);
                }
                cards.insert(n, nic);
            }
        } else if let Some(n) = index_of(key, "ipconfig").filter(|_| kind == Kind::Machine) {
            given.insert(n, addresses(&properties(value), &mut wrong));
        }
    }
    for (n, addresses) in given {
        if let Some(nic) = cards.get_mut(&n) {
            nic.addresses = addresses;
        }
    }
    Guest { id: vmid.to_string(), name, origin: Origin::Proxmox, nics: cards.into_values().collect() }
}

/// The `n` of `net0`, `ipconfig0`.
fn index_of(key: &str, start: &str) -> Option<u8> {
    let n = number(key.strip_prefix(start)?)?;
    u8::try_from(n).ok().filter(|n| *n < MOST_CARDS)
}

/// `key=value` pairs between commas; a lone word is a value without a key (the model, of a card).
fn properties(text: &str) -> Vec<(&str, &str)> {
    text.split(',').map(|pair| pair.split_once('=').unwrap_or(("", pair))).map(|(k, v)| (k.trim(), v.trim())).collect()
}

/// A network card. `None` where it has no MAC that could be read: then nothing of it counts.
fn card(kind: Kind, text: &str, wrong: &mut impl FnMut(String)) -> Option<Nic> {
    let pairs = properties(text);
    let mut nic = Nic::default();
    let mut mac = None;
    let mut tags_itself = false;
    for &(key, value) in &pairs {
        match key {
            "bridge" if entry::is_interface(value) => nic.bridge = Some(value.to_owned()),
            "bridge" => wrong(format!("bridge={value}: no name of an interface; it is taken to have none")),
            "firewall" => nic.filtered = value == "1",
            "tag" => match number(value).and_then(|tag| u16::try_from(tag).ok()).filter(|tag| (1..=4094).contains(tag))
            {
                Some(tag) => nic.vlan = Some(tag),
                None => wrong(format!("tag={value}: no VLAN (1 to 4094); it is taken to have none")),
            },
            "trunks" => tags_itself = true,
            _ if key == "macaddr" || key == "hwaddr" || MODELS.contains(&key) => match value.parse::<Mac>() {
                Ok(read) => mac = Some(read),
                Err(error) => wrong(format!("{key}={value}: {error}; the card is left out")),
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
        wrong("no MAC address; the card is left out".to_owned());
    }
    mac.filter(|mac| {
        if mac.is_group() || *mac == Mac::ZERO {
            wrong(format!("{mac}: no MAC address that a card may have; the card is left out"));
        }
        !mac.is_group() && *mac != Mac::ZERO
    })
    .map(|mac| Nic { mac, ..nic })
}

/// `ip=10.0.0.2/24` and `ip6=…`: the guest has the address, not its network. `dhcp`, `auto` and `manual` say nothing.
fn addresses(pairs: &[(&str, &str)], wrong: &mut impl FnMut(String)) -> Vec<IpNet> {
    let mut found = Vec::new();
    for (key, value) in pairs.iter().filter(|(key, _)| matches!(*key, "ip" | "ip6")) {
        if matches!(*value, "dhcp" | "auto" | "manual" | "") {
            continue;
        }
        let address = value.split('/').next().unwrap_or_default().parse::<IpAddr>();
        match address.ok().filter(|address| address.is_ipv6() == (*key == "ip6")) {
            Some(address) => found.push(IpNet::from(address)),
            None => wrong(format!("{key}={value}: no address; it is taken not to be known")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(kind: Kind, text: &str) -> (Guest, Vec<String>) {
        let mut problems = Problems::of("proxmox");
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
    fn a_container_has_its_addresses_on_the_card() {
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
    fn what_is_wrong_has_its_line_and_the_rest_counts() {
        let text = "name: shop\nnet0: virtio=BC:24:11,bridge=vmbr0\nnonsense\nnet1: virtio,bridge=vmbr0\n\
            net2: virtio=01:00:5e:00:00:01\nnet3: virtio=BC:24:11:00:00:03,tag=5000\nipconfig3: ip=10.0.0,ip6=10.0.0.1\n\
            net99: virtio=x\nnet4: virtio=BC:24:11:00:00:04,bridge=a/b\n";
        let (guest, problems) = read_one(Kind::Machine, text);
        assert_eq!((guest.name.as_str(), guest.nics.len()), ("shop", 2));
        let expected = [
            "104.conf:2: virtio=BC:24:11: not a MAC address (six hexadecimal octets, as in 52:54:00:12:34:56); \
             the card is left out",
            "104.conf:3: no \"key: value\"; the line is left out",
            "104.conf:4: no MAC address; the card is left out",
            "104.conf:5: 01:00:5e:00:00:01: no MAC address that a card may have; the card is left out",
            "104.conf:6: tag=5000: no VLAN (1 to 4094); it is taken to have none",
            "104.conf:7: ip=10.0.0: no address; it is taken not to be known",
            "104.conf:7: ip6=10.0.0.1: no address; it is taken not to be known",
            "104.conf:9: bridge=a/b: no name of an interface; it is taken to have none",
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn interfaces_are_mapped_back_to_their_card() {
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
