//! `[[guest]]`: guests that the configuration itself describes.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::any;
use crate::inventory::Guest;
use crate::inventory::entry::Entry;

pub(super) const SECTION: Section = Section {
    heading: "[[guest]]",
    reload: Reload::Live,
    doc: "A guest that no source of [inventory] describes, or the IP addresses of a guest whose hypervisor does \
          not know them (with the name and MAC address that it has there). Repeat for each guest.",
    keys: &[&NAME, &MAC, &MACS, &ADDRESSES, &VLAN, &PORT, &BRIDGE],
};

const NAME: Key = Key {
    name: "name",
    kind: Kind::Text("a name"),
    default: DefaultValue::Required("\"shop\""),
    doc: "Name of the guest, at most 64 bytes.",
};

const MAC: Key = Key {
    name: "mac",
    kind: Kind::Text("a MAC address"),
    default: DefaultValue::Absent("\"52:54:00:12:34:56\""),
    doc: "MAC address of its network interface.",
};

const MACS: Key = Key {
    name: "macs",
    kind: Kind::List("MAC addresses"),
    default: DefaultValue::Absent("[\"52:54:00:12:34:57\", \"52:54:00:12:34:58\"]"),
    doc: "MAC addresses of its network interfaces, where it has several. They share the keys below.",
};

const ADDRESSES: Key = Key {
    name: "addresses",
    kind: Kind::List("addresses and networks"),
    default: DefaultValue::Absent("[\"203.0.113.4\", \"2001:db8:10:4::/64\"]"),
    doc: "IP addresses and networks that the guest may use as a source. If a family (IPv4 or IPv6) has none here, \
          its addresses count as unknown, and Pegel accepts all of them.",
};

const VLAN: Key = Key {
    name: "vlan",
    kind: Kind::Whole { min: 1, max: 4094, unit: "" },
    default: DefaultValue::Absent("5"),
    doc: "VLAN of its network interface, where known.",
};

const PORT: Key = Key {
    name: "port",
    kind: Kind::Text("an interface name"),
    default: DefaultValue::Absent("\"vnet0\""),
    doc: "Bridge port that the guest is connected to, where known.",
};

const BRIDGE: Key = Key {
    name: "bridge",
    kind: Kind::Text("an interface name"),
    default: DefaultValue::Absent("\"br0\""),
    doc: "Bridge that the guest is connected to, where known.",
};

pub(super) fn read(section: &mut Reader<'_>, guests: &mut Vec<Guest>) {
    let entry = Entry {
        name: section.text_if_written(&NAME),
        mac: section.text_if_written(&MAC),
        macs: section.list(&MACS, any),
        addresses: section.list(&ADDRESSES, any),
        vlan: section.whole_if_written(&VLAN),
        port: section.text_if_written(&PORT),
        bridge: section.text_if_written(&BRIDGE),
    };
    let at = section.path().to_owned();
    let Some(guest) = entry.resolve(&at, section.errors()) else { return };
    for known in guests.iter() {
        if known.id == guest.id {
            section.wrong_value(&NAME, &guest.id, "another table has this name");
        }
        let macs = guest.nics.iter().map(|nic| nic.mac);
        for mac in macs.filter(|mac| known.nics.iter().any(|nic| nic.mac == *mac)) {
            section.wrong_key(MACS.name, &format!("guest {:?} has {mac} already", known.id));
        }
    }
    guests.push(guest);
}

pub(super) fn write(guests: &[Guest], page: &mut Page) {
    for guest in guests {
        page.table(&SECTION);
        page.text(&NAME, &guest.name);
        page.list(&MACS, guest.nics.iter().map(|nic| nic.mac));
        // All interfaces of a guest that is described here share the rest.
        let Some(nic) = guest.nics.first() else { continue };
        page.list_unless_empty(&ADDRESSES, &nic.addresses);
        if let Some(vlan) = nic.vlan {
            page.number(&VLAN, vlan);
        }
        page.text_unless_empty(&PORT, nic.port.as_deref().unwrap_or_default());
        page.text_unless_empty(&BRIDGE, nic.bridge.as_deref().unwrap_or_default());
    }
}
