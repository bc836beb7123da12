//! The inside networks: which addresses are ours.

use super::Addr;
use ipnet::IpNet;

/// The configured or discovered inside networks, stored so that testing an address per packet is cheap.
///
/// An empty set means *unknown*: no address is known to be inside, and every address is a possible target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// (mask, network) in the mapped 128-bit form, so one comparison serves both families.
    masks: Vec<(u128, u128)>,
    /// The networks as prefixes, for display.
    prefixes: Vec<IpNet>,
}

impl Networks {
    /// Host bits are cleared and duplicates removed.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let mut prefixes: Vec<IpNet> = networks.into_iter().map(|n| n.trunc()).collect();
        prefixes.sort();
        prefixes.dedup();
        let masks = prefixes
            .iter()
            .map(|net| {
                let length = match net {
                    IpNet::V4(v4) => u32::from(v4.prefix_len()) + 96,
                    IpNet::V6(v6) => u32::from(v6.prefix_len()),
                };
                // A shift by 128 overflows; prefix length 0 means the empty mask.
                let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
                (mask, Addr::from(net.network()).bits() & mask)
            })
            .collect();
        Networks { masks, prefixes }
    }

    /// Whether no network is known at all.
    #[inline]
    pub fn is_unknown(&self) -> bool {
        self.masks.is_empty()
    }

    /// Whether any of the networks contains the address.
    #[inline]
    pub fn contains(&self, address: Addr) -> bool {
        self.masks.iter().any(|&(mask, network)| address.bits() & mask == network)
    }

    /// The networks in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.prefixes.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(list: &[&str]) -> Networks {
        Networks::new(list.iter().filter_map(|n| n.parse().ok()))
    }

    #[test]
    fn contains_by_family() {
        let ours = networks(&["203.0.113.0/24", "2001:db8:10::/48", "198.51.100.7/32"]);
        let inside = |text: &str| text.parse().is_ok_and(|a| ours.contains(a));
        assert!(inside("203.0.113.255") && inside("2001:db8:10:ffff::1") && inside("198.51.100.7"));
        assert!(!inside("203.0.114.0") && !inside("2001:db8:11::1") && !inside("198.51.100.8"));
    }

    #[test]
    fn all_of_one_family_excludes_the_other() {
        let v4 = networks(&["0.0.0.0/0"]);
        assert!("8.8.8.8".parse().is_ok_and(|a| v4.contains(a)));
        assert!("2001:db8::1".parse().is_ok_and(|a| !v4.contains(a)));
        let v6 = networks(&["::/0"]);
        assert!("2001:db8::1".parse().is_ok_and(|a| v6.contains(a)));
    }

    #[test]
    fn an_unknown_set_contains_nothing() {
        assert!(Networks::default().is_unknown());
        assert!("10.0.0.1".parse().is_ok_and(|a| !Networks::default().contains(a)));
    }
}
