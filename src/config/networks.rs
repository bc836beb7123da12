//! `networks`: the networks that Pegel protects.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::network;
use ipnet::IpNet;

pub(super) const SECTION: Section = Section { heading: "networks", reload: Reload::Live, doc: "", keys: &[&NETWORKS] };

const NETWORKS: Key = Key {
    name: "networks",
    kind: Kind::List("networks"),
    default: DefaultValue::List(&[]),
    doc: "Your own networks and single addresses, for example [\"203.0.113.0/24\", \"2001:db8:10::/48\"]. They decide which \
          traffic is inbound and which is outbound. Empty: the networks of the captured interfaces. A replay of a capture \
          file without this key treats every address as a possible target.",
};

pub(super) fn read(top: &mut Reader<'_>) -> Vec<IpNet> {
    top.list(&NETWORKS, network)
}

pub(super) fn write(networks: &[IpNet], page: &mut Page) {
    page.table(&SECTION);
    page.list(&NETWORKS, networks);
}
