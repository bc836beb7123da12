//! The stations of the simulated LAN and their addresses.

use super::super::frames::mac_for;
use super::super::rng::mix;
use crate::base::{Addr, Mac};

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;

/// 2001:db8:10::/64, the prefix of the segment.
pub(crate) const PREFIX: u128 = 0x2001_0db8_0010 << 80;
pub(crate) const LINK_LOCAL: u128 = 0xfe80 << 112;
pub(crate) const ALL_NODES: Addr = Addr::from_v6_bits(0xff02 << 112 | 1);
pub(crate) const ALL_ROUTERS: Addr = Addr::from_v6_bits(0xff02 << 112 | 2);
/// 0.0.0.0.
pub(crate) const UNSPECIFIED_V4: Addr = Addr::from_v4_bits(0);
/// 255.255.255.255.
pub(crate) const BROADCAST_V4: Addr = Addr::from_v4_bits(u32::MAX);
/// The remote host with which stations of the segment communicate: 198.51.100.20.
pub(crate) const REMOTE_HOST: Addr = Addr::from_v4_bits(0xc633_6414);

/// 203.0.113.`number`.
pub(crate) const fn inside(number: u8) -> Addr {
    Addr::from_v4_bits(0xcb00_7100 | number as u32)
}

/// A station with its addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Station {
    pub(crate) mac: Mac,
    pub(crate) v4: Addr,
    pub(crate) v6: Addr,
    pub(crate) local: Addr,
}

impl Station {
    /// The host with this IPv4 address, whose last octet is also the last of its IPv6 addresses.
    pub(crate) const fn new(mac: Mac, v4: Addr) -> Station {
        let number = v4.bits() & 0xff;
        Station { mac, v4, v6: Addr::from_v6_bits(PREFIX | number), local: Addr::from_v6_bits(LINK_LOCAL | number) }
    }

    /// Host `number` of 203.0.113.0/24 with the same MAC address as in other models.
    pub(crate) const fn host(number: u8) -> Station {
        Station::new(mac_for(inside(number)), inside(number))
    }

    /// A guest whose IPv6 addresses are derived from its MAC address (RFC 4291 appendix A).
    pub(crate) const fn slaac(mac: Mac, v4: Addr) -> Station {
        let [a, b, c, d, e, f] = mac.0;
        let identifier = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]) as u128;
        Station {
            mac,
            v4,
            v6: Addr::from_v6_bits(PREFIX | identifier),
            local: Addr::from_v6_bits(LINK_LOCAL | identifier),
        }
    }
}

/// A random, locally administered MAC address as hypervisors and container engines assign them; the same for the same
/// number.
pub(crate) const fn drawn_mac(number: u64) -> Mac {
    let [a, b, c, d, e, f, ..] = mix(number).to_le_bytes();
    Mac([a & 0xfc | 2, b, c, d, e, f])
}

/// A guest as in the examples: 52:54:00:00:01:04 is 203.0.113.104.
pub(crate) const fn guest(number: u8) -> Station {
    let digits = number - 100;
    Station::new(Mac([0x52, 0x54, 0, 0, 1, digits]), inside(number))
}
