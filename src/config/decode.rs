//! `[decode]`: how packets are decoded.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use crate::packet::Tunnels;

pub(super) const SECTION: Section =
    Section { heading: "[decode]", reload: Reload::Restart, doc: "Packet decoding.", keys: &[&TUNNELS] };

const TUNNELS: Key = Key {
    name: "tunnels",
    kind: Kind::Choice(|| TUNNEL_HEADERS.map(name).to_vec()),
    default: DefaultValue::Text("outer"),
    doc: "Count tunnelled packets (GRE, IP in IP, 6in4, VXLAN) by the addresses of the \"outer\" or of the \
          \"inner\" header. \"inner\" is for mirror ports and monitoring tunnels.",
};

const TUNNEL_HEADERS: [Tunnels; 2] = [Tunnels::Outer, Tunnels::Inner];

fn name(tunnels: Tunnels) -> &'static str {
    match tunnels {
        Tunnels::Outer => "outer",
        Tunnels::Inner => "inner",
    }
}

pub(super) fn read(section: &mut Reader<'_>) -> Tunnels {
    section.choice(&TUNNELS, &TUNNEL_HEADERS, name).unwrap_or_default()
}

pub(super) fn write(tunnels: Tunnels, page: &mut Page) {
    page.table(&SECTION);
    page.text(&TUNNELS, name(tunnels));
}
