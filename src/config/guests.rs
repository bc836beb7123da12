//! `[inventory]` and `[[guest]]`: where guests are described, and those that are described here.

use super::Config;
use super::render::{Page, quoted, string};
use super::written::WrittenInventory;
use crate::inventory::entry::Entry;
use std::path::PathBuf;

pub(super) fn resolve(written: WrittenInventory, guests: Vec<Entry>, config: &mut Config, errors: &mut Vec<String>) {
    let sources = &mut config.inventory;
    if let Some(path) = written.proxmox {
        sources.proxmox = path.into();
    }
    paths("inventory.libvirt", "a directory", written.libvirt, &mut sources.libvirt, errors);
    paths("inventory.tables", "a file", written.tables, &mut sources.tables, errors);
    sources.kernel = written.kernel.unwrap_or(sources.kernel);
    for (index, entry) in guests.into_iter().enumerate() {
        let at = format!("guest[{index}]");
        let Some(guest) = entry.resolve(&at, errors) else { continue };
        for known in &sources.guests {
            if known.id == guest.id {
                errors.push(format!("{at}.name = {:?}: this guest has a table already", guest.id));
            }
            let macs = guest.nics.iter().map(|nic| nic.mac);
            for mac in macs.filter(|mac| known.nics.iter().any(|nic| nic.mac == *mac)) {
                errors.push(format!("{at}.macs: {mac} is of guest {:?} already", known.id));
            }
        }
        sources.guests.push(guest);
    }
}

fn paths(key: &str, what: &str, written: Option<Vec<String>>, to: &mut Vec<PathBuf>, errors: &mut Vec<String>) {
    let Some(written) = written else { return };
    to.clear();
    for (index, path) in written.into_iter().enumerate() {
        if path.is_empty() {
            errors.push(format!("{key}[{index}] = \"\": must be {what}"));
        } else {
            to.push(path.into());
        }
    }
}

pub(super) fn render_sources(page: &mut Page<'_>, config: &Config) {
    let sources = &config.inventory;
    let shown = |paths: &[PathBuf]| quoted(paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>());
    page.section("inventory");
    page.note(
        "Where the guests of this machine and their MAC addresses are described; pegel guests shows what is found.",
    );
    page.note(
        "What is not there is not looked for. Proxmox VE: where its configuration is mounted; \"\": do not look.",
    );
    page.key("proxmox", string(sources.proxmox.display()));
    page.note("libvirt: directories with descriptions of domains, of those that run as well.");
    page.key("libvirt", shown(&sources.libvirt));
    page.note(
        "Files with MAC addresses that a provider granted, one a line as its panel hands them out (CSV), or with",
    );
    page.note("[[guest]] tables (.toml). A line with addresses beside the MAC is a guest.");
    page.key("tables", shown(&sources.tables));
    page.note("Ask the kernel for bridges, their ports and what they learned, neighbours and routers.");
    page.key("kernel", sources.kernel);
}

pub(super) fn render_guests(page: &mut Page<'_>, config: &Config) {
    for guest in &config.inventory.guests {
        page.section("[guest]");
        page.key("name", string(&guest.name));
        page.key("macs", quoted(guest.nics.iter().map(|nic| nic.mac).collect::<Vec<_>>()));
        // All cards of a guest that is described here share the rest.
        let Some(nic) = guest.nics.first() else { continue };
        page.key("addresses", quoted(&nic.addresses));
        if let Some(vlan) = nic.vlan {
            page.key("vlan", vlan);
        }
        if let Some(port) = &nic.port {
            page.key("port", string(port));
        }
        if let Some(bridge) = &nic.bridge {
            page.key("bridge", string(bridge));
        }
    }
    if page.comments && config.inventory.guests.is_empty() {
        page.gap();
        page.note(
            "A guest that no source describes, or addresses of one whose hypervisor does not know them (by the same",
        );
        page.note("name and MAC). Repeat for each.");
        page.note("[[guest]]");
        page.note("name = \"shop\"");
        page.note("One card, or several: macs = [\"52:54:00:12:34:56\", \"52:54:00:12:34:57\"].");
        page.note("mac = \"52:54:00:12:34:56\"");
        page.note("What it may send from; empty or of one family only: not known, none of that family is foreign.");
        page.note("addresses = [\"203.0.113.4\", \"2001:db8:10:4::/64\"]");
        page.note("Where it is plugged in, if that is known.");
        page.note("vlan = 5");
        page.note("port = \"vnet0\"");
        page.note("bridge = \"br0\"");
    }
}
