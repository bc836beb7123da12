//! `[[interface]]`: the role of an interface, and the MAC addresses that may leave through it.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::Names;
use crate::base::{CaptureDirections, InterfaceRole, Mac, MacError};
use crate::inventory::{InterfacePolicy, VirtualMac};

pub(super) const SECTION: Section = Section {
    heading: "[[interface]]",
    reload: Reload::Live,
    doc: "The role of an interface and the MAC addresses that may leave through it. Repeat for each interface; the \
          name \"*\" stands for all of them.",
    keys: &[&NAME, &ROLE, &BRIDGE, &ALLOWED_MACS, &ALLOWED_VIRTUAL_MACS, &UPSTREAM_MACS, &DIRECTIONS, &OUTSIDE, &SPEED],
};

const NAME: Key = Key {
    name: "name",
    kind: Kind::Text("an interface name"),
    default: DefaultValue::Required("\"eno1\""),
    doc: "Name of the interface, or \"*\" for all interfaces.",
};

const ROLE: Key = Key {
    name: "role",
    kind: Kind::Choice(|| InterfaceRole::ALL.map(InterfaceRole::name).to_vec()),
    default: DefaultValue::Absent("\"uplink\""),
    doc: "\"uplink\": the way out of a bridge, towards the provider. \"bridge\": a bridge itself. \"port\": a \
          bridge port of a guest. \"alone\": none of these. Unless written, Pegel asks the kernel.",
};

const BRIDGE: Key = Key {
    name: "bridge",
    kind: Kind::Text("a bridge name"),
    default: DefaultValue::Absent("\"vmbr0\""),
    doc: "The bridge that the interface belongs to. Unless written, Pegel asks the kernel.",
};

const ALLOWED_MACS: Key = Key {
    name: "allowed_macs",
    kind: Kind::List("MAC addresses"),
    default: DefaultValue::Absent("[\"52:54:00:12:34:56\"]"),
    doc: "The only source MAC addresses that may leave through this interface; a single frame with another one is \
          an incident. Unless written, the uplink of a bridge may carry the addresses that the provider granted \
          ([inventory] tables), or without such a list those of this machine and of the guests in the inventory.",
};

const ALLOWED_VIRTUAL_MACS: Key = Key {
    name: "allowed_virtual_macs",
    kind: Kind::Choices(|| VirtualMac::ALL.map(VirtualMac::name).to_vec()),
    default: DefaultValue::Absent("[\"vrrp\"]"),
    doc: "Protocols whose virtual router MAC addresses may leave as well: \"vrrp\" (also CARP), \"hsrp\", \"glbp\".",
};

const UPSTREAM_MACS: Key = Key {
    name: "upstream_macs",
    kind: Kind::List("MAC addresses"),
    default: DefaultValue::Absent("[\"52:54:00:65:43:21\"]"),
    doc: "MAC addresses of the upstream routers. Only needed where a capture does not record the direction of \
          frames (capture files, mirror ports): a frame from any other station then counts as outgoing.",
};

const DIRECTIONS: Key = Key {
    name: "directions",
    kind: Kind::Choice(|| CaptureDirections::KNOWN.map(CaptureDirections::name).to_vec()),
    default: DefaultValue::Absent("\"both\""),
    doc: "\"both\": the interface shows both directions of conversations. \"in\": only what our hosts receive; \
          \"out\": only what they send (a mirror of one direction, asymmetric routing). Unless written, Pegel learns it.",
};

const OUTSIDE: Key = Key {
    name: "outside",
    kind: Kind::Bool,
    default: DefaultValue::Bool(false),
    doc: "No host of yours is behind this interface: what enters with one of your addresses is forged, and not counted as sent by \
          that host. By itself Pegel knows this of the addresses of local guests on an uplink.",
};

const SPEED: Key = Key {
    name: "speed",
    kind: Kind::Whole { min: 1_000, max: 10_000_000_000_000, unit: "bit/s" },
    default: DefaultValue::Absent("1_000_000_000"),
    doc: "What the link carries in one direction, where that is less than the interface could: the rate that the provider \
          sells. Unless written, the speed of a physical interface as the kernel knows it.",
};

pub(super) fn read(section: &mut Reader<'_>, names: &mut Names, interfaces: &mut Vec<InterfacePolicy>) {
    let name = section.text(&NAME);
    let role = section.choice(&ROLE, &InterfaceRole::ALL, InterfaceRole::name);
    let bridge = section.text_if_written(&BRIDGE).filter(|bridge| !bridge.is_empty());
    let allowed_macs = section.list(&ALLOWED_MACS, mac).into_iter().collect();
    let virtual_macs = section.choices(&ALLOWED_VIRTUAL_MACS, &VirtualMac::ALL, VirtualMac::name);
    let upstream_macs = section.list(&UPSTREAM_MACS, mac).into_iter().collect();
    let outside = section.bool(&OUTSIDE);
    let speed = section.whole_if_written(&SPEED);
    let directions = section.choice(&DIRECTIONS, &CaptureDirections::KNOWN, CaptureDirections::name);
    if name.is_empty() {
        section.wrong_key(NAME.name, "missing; write the name of the interface, or \"*\" for all of them");
    } else if name == "*" && (role.is_some() || bridge.is_some()) {
        section.wrong("role and bridge belong to one interface; write its name instead of \"*\"");
    } else if let Err(message) = names.insert(&name) {
        section.wrong_value(&NAME, &name, message);
    }
    interfaces.push(InterfacePolicy {
        name,
        role,
        bridge,
        allowed_macs,
        virtual_macs,
        upstream_macs,
        directions,
        outside,
        speed,
    });
}

fn mac(text: &str) -> Result<Mac, String> {
    text.parse().map_err(|error: MacError| error.to_string())
}

pub(super) fn write(interfaces: &[InterfacePolicy], page: &mut Page) {
    for interface in interfaces {
        page.table(&SECTION);
        page.text(&NAME, &interface.name);
        if let Some(role) = interface.role {
            page.text(&ROLE, role.name());
        }
        if let Some(bridge) = &interface.bridge {
            page.text(&BRIDGE, bridge);
        }
        page.list_unless_empty(&ALLOWED_MACS, &interface.allowed_macs);
        page.list_unless_empty(&ALLOWED_VIRTUAL_MACS, interface.virtual_macs.iter().map(|kind| kind.name()));
        page.list_unless_empty(&UPSTREAM_MACS, &interface.upstream_macs);
        if let Some(directions) = interface.directions {
            page.text(&DIRECTIONS, directions.name());
        }
        page.bool(&OUTSIDE, interface.outside);
        if let Some(speed) = interface.speed {
            page.number(&SPEED, speed);
        }
    }
}
