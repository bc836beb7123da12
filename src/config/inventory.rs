//! `[inventory]`: where the guests of this machine are described.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::{directory, file};
use crate::inventory::Sources;
use std::path::PathBuf;

pub(super) const SECTION: Section = Section {
    heading: "[inventory]",
    reload: Reload::Live,
    doc: "Where Pegel finds the guests (VMs and containers) of this machine and their MAC addresses. Sources that \
          do not exist are skipped. See the result with: pegel guests.",
    keys: &[&PROXMOX, &LIBVIRT, &TABLES, &KERNEL],
};

const PROXMOX: Key = Key {
    name: "proxmox",
    kind: Kind::Text("a directory"),
    default: DefaultValue::Text("/etc/pve"),
    doc: "Proxmox VE: mount point of its cluster file system. Empty: do not use it.",
};

const LIBVIRT: Key = Key {
    name: "libvirt",
    kind: Kind::List("directories"),
    default: DefaultValue::List(&["/etc/libvirt/qemu", "/run/libvirt/qemu"]),
    doc: "libvirt: directories with the descriptions of defined and of running domains.",
};

const TABLES: Key = Key {
    name: "tables",
    kind: Kind::List("files"),
    default: DefaultValue::List(&[]),
    doc: "Files with the MAC addresses that your provider granted: CSV with one MAC address per line, as provider panels \
          export it, or TOML (.toml) with granted = [\"MAC\", ...] and [[guest]] tables. With such a list no other \
          address may leave through an uplink: guests and this machine itself must be on it. A file in which every line \
          has IP addresses, or a name in a column of names, describes guests, and grants nothing.",
};

const KERNEL: Key = Key {
    name: "kernel",
    kind: Kind::Bool,
    default: DefaultValue::Bool(true),
    doc: "Query the kernel for bridges, bridge ports, learned MAC addresses, neighbours and routers (netlink).",
};

/// Without the guests that the file itself describes.
pub(super) fn read(section: &mut Reader<'_>) -> Sources {
    Sources {
        proxmox: section.text(&PROXMOX).into(),
        libvirt: section.list(&LIBVIRT, directory),
        tables: section.list(&TABLES, file),
        guests: Vec::new(),
        kernel: section.bool(&KERNEL),
    }
}

pub(super) fn write(sources: &Sources, page: &mut Page) {
    let shown = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    page.table(&SECTION);
    page.path(&PROXMOX, &sources.proxmox);
    page.list(&LIBVIRT, shown(&sources.libvirt));
    page.list(&TABLES, shown(&sources.tables));
    page.bool(&KERNEL, sources.kernel);
}
