//! Files that describe guests and stations, and the web configuration, which operators or other programs write: any octets
//! give guests that keep the rules that detectors rely on, and problems that name the file.
//!
//! Input: the format, the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::base::Timestamp;
use pegel::http::Web;
use pegel::inventory::{Inventory, Sources};
use pegel::store::arp_dat_line;
use pegel_fuzz::{Rest, scratch, text};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

struct Place {
    root: PathBuf,
    sources: Sources,
}

/// One file in each, at most.
static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let root = scratch("inventory");
    for directory in ["pve/nodes/here/qemu-server", "pve/nodes/here/lxc", "libvirt"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    std::os::unix::fs::symlink("nodes/here", root.join("pve/local")).expect("a link");
    let (proxmox, libvirt) = (root.join("pve"), vec![root.join("libvirt")]);
    Place { root, sources: Sources { proxmox, libvirt, ..Sources::default() } }
});

const FILES: [&str; 5] = [
    "pve/nodes/here/qemu-server/104.conf",
    "pve/nodes/here/lxc/105.conf",
    "libvirt/web.xml",
    "macs.csv",
    "guests.toml",
];

fn guests(which: usize, content: &[u8]) {
    let (path, mut sources) = (PLACE.root.join(FILES[which]), PLACE.sources.clone());
    fs::write(&path, content).expect("written");
    if which > 2 {
        sources.tables.push(path.clone());
    }
    let inventory = Inventory::read(&sources);
    assert_ne!(sources.stamp(), Sources::default().stamp());
    fs::remove_file(&path).expect("removed");
    for guest in &inventory.guests {
        assert!(!guest.id.is_empty() && !guest.name.contains(char::is_control), "{guest:?}");
        assert!(guest.id.len().max(guest.name.len()) <= 4 * 253, "{guest:?}");
        for nic in &guest.nics {
            assert!(!nic.mac.is_group() && nic.mac.bits() != 0, "{nic:?}");
            assert!(nic.bridge.iter().chain(&nic.port).all(|name| (1..=15).contains(&name.len())), "{nic:?}");
            assert!(nic.vlan.is_none_or(|vlan| (1..=4094).contains(&vlan)), "{nic:?}");
        }
    }
    assert!(inventory.assigned_macs.iter().all(|mac| !mac.is_group()));
    for problem in &inventory.problems {
        assert!(!problem.to_string().contains('\n'), "{problem:?}");
    }
}

fn arp_dat(text: &str) {
    let now = Timestamp::from_parts(1_767_225_600, 0);
    for line in text.lines().take(100) {
        if let Ok(Some(line)) = arp_dat_line(line, now) {
            assert!(line.pairing.address.is_some() && !line.pairing.mac.is_group());
            assert!(line.interface.is_none_or(|name| (1..=15).contains(&name.len())));
        }
    }
}

fn web(content: &[u8]) {
    let path = PLACE.root.join("web.yml");
    fs::write(&path, content).expect("written");
    if let Err(errors) = Web::read(&path, ([127, 0, 0, 1], 9469).into(), false) {
        assert!(!errors.is_empty() && errors.iter().all(|error| error.starts_with("http.web_config: ")), "{errors:?}");
    }
}

fuzz_target!(|input: &[u8]| {
    let mut rest = Rest(input);
    match usize::from(rest.octet() & 7) {
        which @ 0..5 => guests(which, rest.0),
        5 => arp_dat(&text(rest.0)),
        _ => web(rest.0),
    }
});
