//! Builds neighbour discovery messages (RFC 4861) and multicast listener reports (RFC 3810).

use super::super::frames::mac_for;
use super::ethernet::Path;
use super::station::{ALL_NODES, ALL_ROUTERS, Station};
use crate::base::{Addr, Mac};

/// Flags of a neighbour advertisement.
pub(crate) const ROUTER: u8 = 0x80;
pub(crate) const SOLICITED: u8 = 0x40;
pub(crate) const OVERRIDE: u8 = 0x20;

const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;

/// The solicited-node group of an address, which depends on its last 24 bits (RFC 4291 §2.7.1).
pub(crate) const fn solicited_node(address: Addr) -> Addr {
    Addr::from_v6_bits(0xff02 << 112 | 0x1_ff00_0000 | address.bits() & 0xff_ffff)
}

fn discovery(path: Path, message: Vec<u8>) -> Vec<u8> {
    Path { ttl: 255, ..path }.icmpv6(message)
}

fn with_link_layer_option(mut message: Vec<u8>, option: u8, mac: Mac) -> Vec<u8> {
    message.extend([option, 1]);
    message.extend(mac.0);
    message
}

fn with_target(kind: u8, flags: u8, target: Addr) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, flags, 0, 0, 0];
    message.extend(target.bits().to_be_bytes());
    message
}

/// Solicitation for `wanted` from the link-local address of `station`.
pub(crate) fn solicitation(station: &Station, wanted: Addr) -> Vec<u8> {
    let path = Path::group((station.mac, station.local), solicited_node(wanted), 0);
    discovery(path, with_link_layer_option(with_target(135, 0, wanted), SOURCE_LINK_LAYER, station.mac))
}

/// Solicitation for `wanted` from the global address of `station`.
pub(crate) fn global_solicitation(station: &Station, wanted: Addr) -> Vec<u8> {
    solicitation(&Station { local: station.v6, ..*station }, wanted)
}

/// Solicitation of duplicate address detection for `wanted` (RFC 4862 §5.4.2).
pub(crate) fn duplicate_probe(mac: Mac, wanted: Addr) -> Vec<u8> {
    discovery(Path::group((mac, Addr::UNSPECIFIED), solicited_node(wanted), 0), with_target(135, 0, wanted))
}

/// Advertisement of `target` at `mac`, from `source` at that MAC address to `to`.
pub(crate) fn advertisement((mac, source): (Mac, Addr), to: (Mac, Addr), flags: u8, target: Addr) -> Vec<u8> {
    discovery(
        Path::new((mac, source), to, 0),
        with_link_layer_option(with_target(136, flags, target), TARGET_LINK_LAYER, mac),
    )
}

/// The same to all nodes.
pub(crate) fn unsolicited_advertisement(sender: (Mac, Addr), flags: u8, target: Addr) -> Vec<u8> {
    let to = (mac_for(ALL_NODES), ALL_NODES);
    advertisement(sender, to, flags & !SOLICITED, target)
}

pub(crate) fn router_solicitation(mac: Mac, source: Addr) -> Vec<u8> {
    let message = vec![133, 0, 0, 0, 0, 0, 0, 0];
    // RFC 4861 §4.1: no link-layer option without an address.
    let message =
        if source == Addr::UNSPECIFIED { message } else { with_link_layer_option(message, SOURCE_LINK_LAYER, mac) };
    discovery(Path::group((mac, source), ALL_ROUTERS, 0), message)
}

/// Contents of a router advertisement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Router {
    /// Seconds for which the router may be used as default router; 0: not at all.
    pub(crate) lifetime: u16,
    /// Prefix of length 64.
    pub(crate) prefix: u128,
}

pub(crate) fn router_advertisement((mac, source): (Mac, Addr), router: Router) -> Vec<u8> {
    // Hop limit 64, no flags.
    let mut message = vec![134, 0, 0, 0, 64, 0];
    message.extend(router.lifetime.to_be_bytes());
    message.extend([0; 8]);
    let mut message = with_link_layer_option(message, SOURCE_LINK_LAYER, mac);
    // RFC 4861 §4.6.2: on-link, for addresses; valid for a day, preferred for four hours.
    message.extend([3, 4, 64, 0xc0]);
    message.extend(86_400u32.to_be_bytes());
    message.extend(14_400u32.to_be_bytes());
    message.extend([0; 4]);
    message.extend(router.prefix.to_be_bytes());
    discovery(Path::group((mac, source), ALL_NODES, 0), message)
}

/// Joins `group` (CHANGE_TO_EXCLUDE without sources).
pub(crate) fn listener_report(mac: Mac, source: Addr, group: Addr) -> Vec<u8> {
    let mut message = vec![143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0];
    message.extend(group.bits().to_be_bytes());
    let all_capable = Addr::from_v6_bits(0xff02 << 112 | 0x16);
    Path::group((mac, source), all_capable, 0).icmpv6(message)
}

#[cfg(test)]
mod tests {
    use super::super::station::PREFIX;
    use super::*;
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    /// Type, octets after the first eight, hop limit and target MAC of a message with a right checksum.
    fn read(frame: &[u8]) -> (u8, Vec<u8>, u8, Mac) {
        let packet = SlicedPacket::from_ethernet(frame).expect("sound");
        let (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) = (&packet.net, &packet.transport) else {
            panic!("not ICMPv6: {packet:?}");
        };
        assert!(icmp.is_checksum_valid(ip.header().source(), ip.header().destination()));
        let to = frame[..6].try_into().map(Mac).expect("six octets");
        (icmp.type_u8(), icmp.slice()[8..].to_vec(), ip.header().hop_limit(), to)
    }

    #[test]
    fn messages_are_as_the_rfcs_have_them() {
        let station = Station::host(7);
        let gateway = Station::host(1);
        let target = gateway.v6.bits().to_be_bytes();
        let (kind, rest, hops, to) = read(&solicitation(&station, gateway.v6));
        assert_eq!((kind, hops, to.to_string().as_str()), (135, 255, "33:33:ff:00:00:01"));
        assert_eq!((&rest[..16], &rest[16..18], &rest[18..]), (&target[..], &[1, 1][..], &station.mac.0[..]));

        let (kind, rest, ..) = read(&duplicate_probe(station.mac, station.v6));
        assert_eq!((kind, rest.len()), (135, 16));

        let frame =
            advertisement((gateway.mac, gateway.v6), (station.mac, station.local), SOLICITED | ROUTER, gateway.v6);
        let (kind, rest, _, to) = read(&frame);
        assert_eq!((kind, frame[58], to), (136, 0xc0, station.mac));
        assert_eq!((&rest[..16], &rest[16..18], &rest[18..]), (&target[..], &[2, 1][..], &gateway.mac.0[..]));
        assert_eq!(unsolicited_advertisement((station.mac, station.v6), OVERRIDE | SOLICITED, station.v6)[58], 0x20);

        let (kind, rest, ..) = read(&router_solicitation(station.mac, station.local));
        assert_eq!((kind, rest.len()), (133, 8));
        let frame = router_advertisement((gateway.mac, gateway.local), Router { lifetime: 30, prefix: PREFIX });
        let (kind, rest, _, to) = read(&frame);
        assert_eq!((kind, to.to_string().as_str(), &frame[60..62]), (134, "33:33:00:00:00:01", &[0, 30][..]));
        assert_eq!((rest.len(), &rest[16..20]), (8 + 8 + 32, &[3, 4, 64, 0xc0][..]));

        let (kind, _, hops, to) = read(&listener_report(station.mac, station.local, solicited_node(station.v6)));
        assert_eq!((kind, hops, to.to_string().as_str()), (143, 1, "33:33:00:00:00:16"));
    }
}
