//! `[metrics]`: which hosts have their own series.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::address;
use std::net::IpAddr;

pub(super) const SECTION: Section =
    Section { heading: "[metrics]", reload: Reload::Live, doc: "Prometheus metrics.", keys: &[&HOSTS] };

const HOSTS: Key = Key {
    name: "hosts",
    kind: Kind::List("addresses"),
    default: DefaultValue::List(&[]),
    doc: "Hosts that always have their own time series. Targets of incidents get theirs when needed. A reload adds \
          hosts; to remove one, restart.",
};

pub(super) fn read(section: &mut Reader<'_>) -> Vec<IpAddr> {
    section.list(&HOSTS, address)
}

pub(super) fn write(hosts: &[IpAddr], page: &mut Page) {
    page.table(&SECTION);
    page.list(&HOSTS, hosts);
}
