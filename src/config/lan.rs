//! `[lan]`: the legitimate routers and DHCP servers of the captured LANs.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::address;
use crate::inventory::LanPolicy;

pub(super) const SECTION: Section = Section {
    heading: "[lan]",
    reload: Reload::Live,
    doc: "The legitimate routers and DHCP servers of the captured LANs (layer-2 broadcast domains).",
    keys: &[&GATEWAYS, &DHCP_SERVERS],
};

const GATEWAYS: Key = Key {
    name: "gateways",
    kind: Kind::List("addresses"),
    default: DefaultValue::List(&[]),
    doc: "Addresses of the routers. Empty: the gateways of this machine's default routes.",
};

const DHCP_SERVERS: Key = Key {
    name: "dhcp_servers",
    kind: Kind::List("addresses"),
    default: DefaultValue::List(&[]),
    doc: "The only addresses that may answer DHCP requests. Empty: Pegel learns the servers, and reports one that \
          appears beside those it knows.",
};

pub(super) fn read(section: &mut Reader<'_>) -> LanPolicy {
    LanPolicy { gateways: section.list(&GATEWAYS, address), dhcp_servers: section.list(&DHCP_SERVERS, address) }
}

pub(super) fn write(lan: &LanPolicy, page: &mut Page) {
    page.table(&SECTION);
    page.list(&GATEWAYS, &lan.gateways);
    page.list(&DHCP_SERVERS, &lan.dhcp_servers);
}
