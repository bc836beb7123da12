//! Keyed pseudonyms of inside addresses: the same address has the same one everywhere, and two addresses share as long a prefix as
//! before.

use super::files;
use super::sums::from_hex;
use crate::base::{Addr, Mac, Networks};
use ipcrypt_rs::IpcryptPfx;
use ipnet::IpNet;
use std::collections::HashMap;
use std::path::Path;

/// Low bits of a solicited-node multicast address, and of its MAC address, which are those of a host (RFC 4291 §2.7.1).
const LOW_24: u128 = 0xff_ffff;
/// Solicited-node multicast: ff02::1:ff00:0/104, without its low 24 bits.
const SOLICITED_NODE: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000 >> 24;

/// A secret key for pseudonyms.
#[derive(Clone)]
pub struct PseudonymKey([u8; 32]);

impl PseudonymKey {
    /// From a file with 64 hexadecimal digits, as `openssl rand -hex 32` writes it.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn read(path: &Path) -> Result<PseudonymKey, String> {
        let shown = path.display();
        let real = std::fs::canonicalize(path).map_err(|error| format!("{shown}: {error}"))?;
        let bytes = files::read(&real, 1024).map_err(|error| format!("{shown}: {error}"))?;
        PseudonymKey::parse(&String::from_utf8_lossy(&bytes))
            .ok_or_else(|| format!("{shown}: not 64 hexadecimal digits: create it with `openssl rand -hex 32`"))
    }

    /// From 64 hexadecimal digits. The halves must differ, or the cipher would be none.
    pub fn parse(text: &str) -> Option<PseudonymKey> {
        let octets: [u8; 32] = from_hex(&text.trim().to_ascii_lowercase())?;
        let (first, second) = octets.split_at(16);
        (first != second).then_some(PseudonymKey(octets))
    }
}

/// Maps addresses to pseudonyms.
pub(super) struct Pseudonyms {
    cipher: IpcryptPfx,
    hmac: ring::hmac::Key,
    inside: Networks,
    known: HashMap<Addr, Addr>,
}

impl Pseudonyms {
    /// For these inside networks. Addresses for private use count as inside too.
    pub(super) fn new(key: &PseudonymKey, networks: impl IntoIterator<Item = IpNet>) -> Pseudonyms {
        Pseudonyms {
            cipher: IpcryptPfx::new(key.0),
            hmac: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key.0),
            inside: Networks::new(networks),
            known: HashMap::new(),
        }
    }

    /// The pseudonym of an address if it is inside, else the address.
    pub(super) fn address(&mut self, address: Addr) -> Addr {
        if let Some(known) = self.known.get(&address) {
            return *known;
        }
        let mapped = self.map(address);
        // At most as many as the packets have.
        self.known.insert(address, mapped);
        mapped
    }

    fn map(&self, address: Addr) -> Addr {
        let bits = address.bits();
        if !address.is_v4() {
            if bits >> 24 == SOLICITED_NODE {
                return Addr::from_v6_bits(bits & !LOW_24 | self.low_24(bits));
            }
            // Multicast addresses that contain a unicast prefix (RFC 3306, RFC 3956).
            if matches!(bits >> 116, 0xff3 | 0xff7) {
                let keyed = u128::from(self.number(b"group", &bits.to_be_bytes()));
                return Addr::from_v6_bits(bits >> 112 << 112 | keyed);
            }
            // Interface identifiers of link-local addresses are often made from a MAC address.
            if bits >> 118 == 0xfe80 >> 6 {
                let keyed = u128::from(self.number(b"link", &bits.to_be_bytes()));
                return Addr::from_v6_bits(bits >> 64 << 64 | keyed);
            }
        }
        if self.is_inside(address) { self.cipher.encrypt_ipaddr(address.ip()).into() } else { address }
    }

    fn is_inside(&self, address: Addr) -> bool {
        if address.is_group_or_none() || address.is_loopback() {
            return false;
        }
        if address.private_use().is_some() || self.contains(address) {
            return true;
        }
        let bits = address.bits();
        // An IPv6 address may contain an IPv4 address: 6to4 (RFC 3056), NAT64 (RFC 6052), ISATAP (RFC 5214), Teredo (RFC 4380).
        let v4 = |bits: u128| {
            let [.., a, b, c, d] = bits.to_be_bytes();
            Addr::from_v4_bits(u32::from_be_bytes([a, b, c, d]))
        };
        !address.is_v4()
            && match bits >> 96 {
                _ if bits >> 112 == 0x2002 => self.is_inside(v4(bits >> 80)),
                0x0064_ff9b => self.is_inside(v4(bits)),
                0x2001_0000 => self.is_inside(v4(bits >> 64)) || self.is_inside(v4(!bits)),
                _ if (bits >> 32) & 0xfdff_ffff == 0x5efe => self.is_inside(v4(bits)),
                _ => false,
            }
    }

    /// Unknown networks contain every address; here they must contain none.
    fn contains(&self, address: Addr) -> bool {
        !self.inside.is_unknown() && self.inside.contains(address)
    }

    /// The pseudonym of a network: of its addresses, with the same prefix length.
    pub(super) fn network(&mut self, network: IpNet) -> IpNet {
        let mapped = self.address(network.network().into()).ip();
        IpNet::new(mapped, network.prefix_len()).map_or(network, |mapped| mapped.trunc())
    }

    /// The pseudonym of a station; group addresses stay, except that those of solicited nodes lose the bits of the host.
    pub(super) fn mac(&self, mac: Mac) -> Mac {
        let Mac([a, b, c, d, e, f]) = mac;
        if mac == Mac::ZERO {
            return mac;
        }
        if (a, b, c) == (0x33, 0x33, 0xff) {
            let [.., d, e, f] = self.low_24(u128::from(u32::from_be_bytes([0, d, e, f]))).to_be_bytes();
            return Mac([a, b, c, d, e, f]);
        }
        if mac.is_group() {
            return mac;
        }
        let [first, b, c, d, e, f, ..] = self.number(b"mac", &[a, b, c, d, e, f]).to_be_bytes();
        // Unicast and locally administered.
        Mac([first & 0xfc | 2, b, c, d, e, f])
    }

    /// The pseudonym of a name, as in `guest-1a2b3c4d`.
    pub(super) fn name(&self, kind: &str, name: &str) -> String {
        format!("{kind}-{:08x}", self.number(kind.as_bytes(), name.as_bytes()) >> 32)
    }

    /// The ID of an incident without the checksum of its target, which others could compute for all addresses: its time and a keyed
    /// checksum.
    pub(super) fn id(&self, id: &str) -> String {
        let time = id.split_once('-').map_or("", |(time, _)| time);
        format!("{time}-{:08x}", self.number(b"id", id.as_bytes()) >> 32)
    }

    /// Keyed bits of a pair of addresses and more, as a mask or offset of a number that may be made from the addresses.
    pub(super) fn flow(&self, from: Addr, to: Addr, more: u32) -> u32 {
        let octets = [&from.bits().to_be_bytes()[..], &to.bits().to_be_bytes(), &more.to_be_bytes()].concat();
        u32::try_from(self.number(b"flow", &octets) >> 32).unwrap_or_default()
    }

    /// HMAC-SHA-256 of a digest.
    pub(super) fn seal(&self, digest: &[u8]) -> Vec<u8> {
        ring::hmac::sign(&self.hmac, digest).as_ref().to_vec()
    }

    fn low_24(&self, bits: u128) -> u128 {
        let [.., a, b, c] = bits.to_be_bytes();
        u128::from(self.number(b"node", &[a, b, c])) & LOW_24
    }

    fn number(&self, kind: &[u8], octets: &[u8]) -> u64 {
        let mut context = ring::hmac::Context::with_key(&self.hmac);
        context.update(kind);
        context.update(&[0]);
        context.update(octets);
        let mut number = [0; 8];
        number.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonyms() -> Pseudonyms {
        let key = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";
        let networks = ["203.0.113.0/24", "192.0.2.0/24", "2001:db8::/32"].map(|network| network.parse().unwrap());
        Pseudonyms::new(&PseudonymKey::parse(key).unwrap(), networks)
    }

    fn addr(text: &str) -> Addr {
        text.parse().unwrap()
    }

    #[test]
    fn pseudonyms_are_those_of_ipcrypt_and_preserve_prefixes() {
        let mut names = pseudonyms();
        // Test vectors of the specification of ipcrypt-pfx.
        assert_eq!(names.address(addr("192.0.2.1")), addr("100.115.72.131"));
        assert_eq!(names.address(addr("2001:db8::1")), addr("c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"));
        let (one, two) = (names.address(addr("203.0.113.7")), names.address(addr("203.0.113.200")));
        assert!(one != two && one.network(24) == two.network(24) && one.network(25) != two.network(25));
        assert_eq!(names.network("203.0.113.0/24".parse().unwrap()).prefix_len(), 24);
        assert!(names.network("203.0.113.0/24".parse().unwrap()).contains(&one.ip()));
    }

    #[test]
    fn others_keep_their_addresses() {
        let mut names = pseudonyms();
        for outside in ["198.51.100.9", "2a00::1", "224.0.0.251", "255.255.255.255", "0.0.0.0", "::", "ff02::fb", "::1"]
        {
            assert_eq!(names.address(addr(outside)), addr(outside));
        }
        for inside in [
            "10.0.0.1",
            "192.168.1.1",
            "fe80::5054:ff:fe12:3456",
            "fd00::1",
            "2002:cb00:7107::1",
            "64:ff9b::cb00:7107",
            "2a00::5efe:cb00:7107",
            "2001:0:cb00:7107::",
            "ff02::1:ff12:3456",
            "ff32:40:2001:db8::1",
        ] {
            assert_ne!(names.address(addr(inside)), addr(inside), "{inside}");
        }
        assert!(names.address(addr("fe80::1")).to_string().starts_with("fe80::"));
        assert!(names.address(addr("ff02::1:ff12:3456")).to_string().starts_with("ff02::1:ff"));
        let mac = |text: &str| names.mac(text.parse().unwrap()).to_string();
        assert_eq!(mac("ff:ff:ff:ff:ff:ff"), "ff:ff:ff:ff:ff:ff");
        assert_eq!(mac("01:00:5e:00:00:fb"), "01:00:5e:00:00:fb");
        assert!(mac("33:33:ff:12:34:56").starts_with("33:33:ff:") && mac("33:33:ff:12:34:56") != "33:33:ff:12:34:56");
        assert!(
            mac("52:54:00:12:34:56") != "52:54:00:12:34:56" && mac("52:54:00:12:34:56") == mac("52:54:00:12:34:56")
        );
        let id = names.id("20260101T000005Z-9cfc2aa2");
        assert!(id.starts_with("20260101T000005Z-") && id.len() == 25 && !id.ends_with("9cfc2aa2"));
    }

    #[test]
    fn keys_are_checked() {
        assert!(PseudonymKey::parse(&"ab".repeat(32)).is_none());
        assert!(PseudonymKey::parse("00").is_none());
        assert!(PseudonymKey::parse(&format!("{}{}\n", "AB".repeat(16), "cd".repeat(16))).is_some());
    }
}
