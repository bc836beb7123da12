//! No text makes a parser fail: other programs write the source files, and guests may influence their contents.

use super::files::Problems;
use super::{libvirt, proxmox, table};
use proptest::prelude::*;
use std::path::Path;

const CORPUS: &[&str] = &[
    "name: shop\nhostname: shop\nnet0: virtio=BC:24:11:2C:69:EC,bridge=vmbr0,firewall=1,tag=5,trunks=1;2\n\
     net1: name=eth0,hwaddr=BC:24:11:00:00:01,ip=10.0.0.2/24,ip6=2001:db8::2/64,type=veth\n\
     ipconfig0: ip=203.0.113.4/24,gw=203.0.113.1,ip6=auto\n[snap]\nnet0: x\n",
    "<domstatus><domain type='kvm'><name>a &amp; b &#65;</name><devices><interface type='bridge'>\
     <mac address='52:54:00:aa:00:01'/><source bridge='br0'/><actual><vlan trunk='yes'><tag id='7'/></vlan></actual>\
     <filterref filter='f'><parameter name='IP' value='203.0.113.6'/></filterref><ip address='2001:db8::1'/>\
     <target dev='vnet0'/></interface></devices></domain></domstatus>",
    "mac;addresses;name;vlan;port;bridge\n52:54:00:00:00:01;203.0.113.4 2001:db8::/64;\"web; x\";5;vnet0;br0\n\
     # granted\n5254.0000.0002\n525400000003\ttext\n",
    "granted = [\"52:54:00:00:00:09\"]\n[[guest]]\nname = \"web\"\nmac = \"52:54:00:00:00:01\"\nvlan = 5\n\
     addresses = [\"203.0.113.4\"]\n",
];

/// Parses a text in every format. The results meet the invariants that consumers rely on.
fn read_all(text: &str) {
    let path = Path::new("file");
    let mut problems = Problems::new("static");
    let mut guests = Vec::new();
    for kind in [proxmox::Kind::Machine, proxmox::Kind::Container] {
        guests.push(proxmox::guest(104, kind, true, text, path, &mut problems));
    }
    guests.extend(libvirt::domain(text, path, &mut problems).map(|(_, guest)| guest));
    let mut tables = table::Tables::default();
    table::list(text, path, &mut tables, &mut problems);
    table::toml_file(text, path, &mut tables, &mut problems);
    guests.append(&mut tables.guests);
    for guest in &guests {
        assert!(!guest.id.is_empty() && !guest.name.contains(char::is_control), "{text:?}");
        assert!(guest.id.len().max(guest.name.len()) <= 4 * 253, "{text:?}");
        for nic in &guest.nics {
            assert!(!nic.mac.is_group() && nic.mac.bits() != 0, "{nic:?} from {text:?}");
            let named = nic.bridge.iter().chain(&nic.port);
            assert!(named.into_iter().all(|name| (1..=15).contains(&name.len())), "{nic:?} from {text:?}");
            assert!(nic.vlan.is_none_or(|vlan| (1..=4094).contains(&vlan)), "{nic:?} from {text:?}");
        }
    }
    assert!(tables.assigned_macs.iter().all(|mac| !mac.is_group()), "{text:?}");
    let problems = problems.into_list();
    assert!(problems.iter().all(|problem| problem.at.starts_with("file")), "{problems:?}");
}

#[test]
fn the_corpus_is_read() {
    for text in CORPUS {
        read_all(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_read(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&String::from_utf8_lossy(&octets));
    }

    #[test]
    fn damaged_files_are_read(
        which in 0..CORPUS.len(),
        changes in proptest::collection::vec((0usize..700, any::<u8>()), 0..8),
        doubled in proptest::option::of((0usize..700, 0usize..100)),
        cut in proptest::option::of(0usize..700),
    ) {
        let mut octets = CORPUS[which].as_bytes().to_vec();
        for (at, value) in changes {
            if let Some(octet) = octets.get_mut(at) {
                *octet = value;
            }
        }
        if let Some((from, length)) = doubled {
            let part: Vec<u8> = octets.iter().skip(from).take(length).copied().collect();
            octets.splice(0..0, part);
        }
        octets.truncate(cut.unwrap_or(usize::MAX));
        read_all(&String::from_utf8_lossy(&octets));
    }
}
