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
    doc: "Count tunnelled packets (GRE, ERSPAN, IP in IP, 6in4, EtherIP, VXLAN, VXLAN-GPE, Geneve, GTP-U, Ethernet \
          pseudowires, 802.1ah) by the addresses of the \"outer\" or of the \"inner\" header. \"inner\" is for mirror ports and \
          monitoring tunnels: the innermost header from or to our networks counts, and for our own hosts those around \
          it as well.",
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
