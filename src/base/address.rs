//! IP and MAC addresses in the form that tables use as keys.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IP address of either family in 128 bits: IPv4 as its IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2).
///
/// An IPv6 packet that really carries a mapped address (forbidden on the wire, RFC 4942 §2.2) is counted for the IPv4
/// host: such a packet is aimed at that host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Addr(u128);

const MAPPED: u128 = 0xffff_0000_0000;

impl Addr {
    /// `::`, used for "no address".
    pub const UNSPECIFIED: Addr = Addr(0);

    /// From the 32 bits of an IPv4 address in host byte order.
    #[inline]
    pub const fn from_v4_bits(bits: u32) -> Self {
        Addr(MAPPED | bits as u128)
    }

    /// From the 128 bits of an IPv6 address in host byte order.
    #[inline]
    pub const fn from_v6_bits(bits: u128) -> Self {
        Addr(bits)
    }

    /// All 128 bits in host byte order; IPv4 in its mapped form.
    #[inline]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Whether this is an IPv4 address.
    #[inline]
    pub const fn is_v4(self) -> bool {
        self.0 >> 32 == MAPPED >> 32
    }

    /// The address in the standard library's type, IPv4 unmapped.
    pub fn ip(self) -> IpAddr {
        if self.is_v4() {
            IpAddr::V4(Ipv4Addr::from_bits(self.0 as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(self.0))
        }
    }

    /// True for addresses that never name a single host: multicast, limited broadcast, `::`, 0/8.
    #[inline]
    pub const fn is_group_or_none(self) -> bool {
        if self.is_v4() {
            let bits = self.0 as u32;
            bits >> 28 == 0xe || bits == u32::MAX || bits >> 24 == 0
        } else {
            self.0 >> 120 == 0xff || self.0 == 0
        }
    }

    /// True for multicast addresses and the limited broadcast address, which no host may send from.
    #[inline]
    pub const fn is_group(self) -> bool {
        if self.is_v4() {
            let bits = self.0 as u32;
            bits >> 28 == 0xe || bits == u32::MAX
        } else {
            self.0 >> 120 == 0xff
        }
    }

    /// True for source addresses that any host may use on its own link, whatever its networks: unspecified (`::`, 0/8),
    /// loopback and link-local (RFC 3927, RFC 4291 §2.5.6).
    pub const fn is_valid_on_any_link(self) -> bool {
        if self.is_v4() {
            let bits = self.0 as u32;
            bits >> 24 == 0 || bits >> 24 == 127 || bits >> 16 == 0xa9fe
        } else {
            self.0 <= 1 || self.0 >> 118 == 0xfe80 >> 6
        }
    }

    /// What an address is that no host of the Internet has, since it is in use behind many networks, links or hosts; `None` for
    /// any other.
    pub const fn private_use(self) -> Option<&'static str> {
        if !self.is_v4() {
            return match self.0 >> 118 {
                _ if self.0 == 1 => Some("loopback, RFC 4291"),
                0x3fa => Some("link-local, RFC 4291"),
                0x3f0..=0x3f7 => Some("unique local, RFC 4193"),
                _ => None,
            };
        }
        match (self.0 as u32).to_be_bytes() {
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("private, RFC 1918"),
            [100, 64..=127, ..] => Some("shared behind NAT, RFC 6598"),
            [169, 254, ..] => Some("link-local, RFC 3927"),
            [127, ..] => Some("loopback, RFC 1122"),
            _ => None,
        }
    }

    /// True for 127/8 and `::1`.
    #[inline]
    pub const fn is_loopback(self) -> bool {
        if self.is_v4() { self.0 as u32 >> 24 == 127 } else { self.0 == 1 }
    }

    /// The network with a prefix of `length` bits (of 32 or 128, by family) that contains this address, as its lowest
    /// address.
    pub const fn network(self, length: u8) -> Addr {
        let host_bits = if self.is_v4() { 32u32 } else { 128 }.saturating_sub(length as u32);
        if host_bits >= 128 { Addr(0) } else { Addr(self.0 >> host_bits << host_bits) }
    }
}

impl From<IpAddr> for Addr {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Addr::from_v4_bits(v4.to_bits()),
            IpAddr::V6(v6) => Addr::from_v6_bits(v6.to_bits()),
        }
    }
}

impl FromStr for Addr {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<IpAddr>().map(Addr::from)
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Addr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Addr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::text::from_text(deserializer)
    }
}

/// A MAC address (EUI-48).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// 00:00:00:00:00:00, used for "no address".
    pub const ZERO: Mac = Mac([0; 6]);
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// Whether it is locally administered (IEEE 802): made up on the spot, not assigned by a manufacturer.
    pub const fn is_local(self) -> bool {
        let Mac([first, ..]) = self;
        first & 2 != 0
    }

    /// The address as the low 48 bits of an integer, first octet highest.
    #[inline]
    pub const fn bits(self) -> u64 {
        let Mac([a, b, c, d, e, f]) = self;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// Whether the group bit of the first octet is set (IEEE 802): broadcast or multicast.
    #[inline]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mac([a, b, c, d, e, g]) = self;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error for a text that is not a MAC address.
#[derive(Debug, PartialEq, Eq)]
pub struct MacError;

impl fmt::Display for MacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a MAC address (six hexadecimal octets, as in 52:54:00:12:34:56)")
    }
}

impl std::error::Error for MacError {}

/// Accepts `:` or `-` between octets, either case.
impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut octets = [0u8; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().ok_or(MacError)?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(MacError);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| MacError)?;
        }
        if parts.next().is_some() {
            return Err(MacError);
        }
        Ok(Mac(octets))
    }
}

impl serde::Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Mac {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::text::from_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_round_trip() {
        for text in ["203.0.113.7", "2001:db8::1", "0.0.0.0", "::1", "255.255.255.255"] {
            assert_eq!(text.parse::<Addr>().map(|a| a.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn prefixes_are_masked_by_family() {
        let network = |text: &str, length| text.parse::<Addr>().map(|a| a.network(length).to_string());
        assert_eq!(network("203.0.113.77", 24), Ok("203.0.113.0".into()));
        assert_eq!(network("203.0.113.77", 32), Ok("203.0.113.77".into()));
        assert_eq!(network("2001:db8:1:2::3", 48), Ok("2001:db8:1::".into()));
        assert_eq!(network("2001:db8:1:2::3", 0), Ok("::".into()));
    }

    #[test]
    fn mac_parsing_is_strict() {
        assert_eq!("52:54:00:AB:cd:01".parse(), Ok(Mac([0x52, 0x54, 0, 0xab, 0xcd, 1])));
        assert_eq!("52-54-00-ab-cd-01".parse(), Ok(Mac([0x52, 0x54, 0, 0xab, 0xcd, 1])));
        for bad in ["", "52:54", "52:54:00:ab:cd:1", "52:54:00:ab:cd:0g", "52:54:00:ab:cd:01:02", "+2:54:00:ab:cd:01"] {
            assert_eq!(bad.parse::<Mac>(), Err(MacError), "{bad}");
        }
    }

    #[test]
    fn private_use_is_told_by_its_kind() {
        for (address, kind) in [
            ("10.1.2.3", Some("private, RFC 1918")),
            ("172.17.0.2", Some("private, RFC 1918")),
            ("172.32.0.1", None),
            ("192.168.255.1", Some("private, RFC 1918")),
            ("100.64.0.1", Some("shared behind NAT, RFC 6598")),
            ("100.128.0.1", None),
            ("169.254.1.1", Some("link-local, RFC 3927")),
            ("127.0.0.1", Some("loopback, RFC 1122")),
            ("203.0.113.7", None),
            ("::1", Some("loopback, RFC 4291")),
            ("fe80::1", Some("link-local, RFC 4291")),
            ("febf::1", Some("link-local, RFC 4291")),
            ("fc00::1", Some("unique local, RFC 4193")),
            ("fdff::1", Some("unique local, RFC 4193")),
            ("fec0::1", None),
            ("2001:db8::1", None),
        ] {
            assert_eq!(address.parse().map(Addr::private_use), Ok(kind), "{address}");
        }
    }

    #[test]
    fn group_addresses_are_not_targets() {
        for group in ["224.0.0.251", "239.255.255.250", "255.255.255.255", "0.0.0.0", "ff02::1", "::"] {
            assert!(group.parse::<Addr>().is_ok_and(Addr::is_group_or_none), "{group}");
        }
        for host in ["10.0.0.255", "127.0.0.1", "2001:db8::1", "223.255.255.254"] {
            assert!(host.parse::<Addr>().is_ok_and(|a| !a.is_group_or_none()), "{host}");
        }
    }
}
