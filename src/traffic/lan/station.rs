//! The stations of the simulated LAN and their addresses.

use super::super::frames::station;
use super::super::rng::mix;
use crate::base::{Addr, Mac};

pub const SECOND: u64 = 1_000_000_000;
pub const MILLISECOND: u64 = 1_000_000;

/// 2001:db8:10::/64, the prefix of the segment.
pub const PREFIX: u128 = 0x2001_0db8_0010 << 80;
pub const LINK_LOCAL: u128 = 0xfe80 << 112;
pub const ALL_NODES: Addr = Addr::from_v6_bits(0xff02 << 112 | 1);
pub const ALL_ROUTERS: Addr = Addr::from_v6_bits(0xff02 << 112 | 2);
/// 0.0.0.0 and 255.255.255.255.
pub const NOBODY: Addr = Addr::from_v4_bits(0);
pub const EVERYBODY: Addr = Addr::from_v4_bits(u32::MAX);
/// Who asks for the frames that leave the segment: 198.51.100.20.
pub const ELSEWHERE: Addr = Addr::from_v4_bits(0xc633_6414);

/// 203.0.113.`number`.
pub const fn inside(number: u8) -> Addr {
    Addr::from_v4_bits(0xcb00_7100 | number as u32)
}

/// A station with its addresses.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    pub mac: Mac,
    pub v4: Addr,
    pub v6: Addr,
    pub local: Addr,
}

impl Card {
    /// The host with this IPv4 address; the last octet of it is also the last of its IPv6 addresses.
    pub const fn new(mac: Mac, v4: Addr) -> Card {
        let number = v4.bits() & 0xff;
        Card { mac, v4, v6: Addr::from_v6_bits(PREFIX | number), local: Addr::from_v6_bits(LINK_LOCAL | number) }
    }

    /// Host `number` of 203.0.113.0/24 with the MAC that other models give it.
    pub const fn host(number: u8) -> Card {
        Card::new(station(inside(number)), inside(number))
    }

    /// A guest whose IPv6 addresses are made of its MAC (RFC 4291 appendix A).
    pub const fn slaac(mac: Mac, v4: Addr) -> Card {
        let [a, b, c, d, e, f] = mac.0;
        let identifier = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]) as u128;
        Card {
            mac,
            v4,
            v6: Addr::from_v6_bits(PREFIX | identifier),
            local: Addr::from_v6_bits(LINK_LOCAL | identifier),
        }
    }
}

/// A locally administered MAC as hypervisors and container engines draw them; the same for the same number.
pub const fn drawn_mac(number: u64) -> Mac {
    let [a, b, c, d, e, f, ..] = mix(number).to_le_bytes();
    Mac([a & 0xfc | 2, b, c, d, e, f])
}

/// A guest's card as the examples have it: 52:54:00:00:01:04 is 203.0.113.104.
pub const fn guest(number: u8) -> Card {
    let digits = number - 100;
    Card::new(Mac([0x52, 0x54, 0, 0, 1, digits]), inside(number))
}
