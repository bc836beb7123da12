//! A guest as an operator configures it, in Pegel's configuration or in a separate table, and its validation.

use super::{Guest, MAX_ADDRESSES, Nic, Origin};
use crate::base::{Mac, MacError};
use ipnet::IpNet;
use std::net::IpAddr;

/// `[[guest]]` as written, before validation.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Entry {
    /// Name of the guest.
    pub name: Option<String>,
    /// MAC address of a single NIC …
    pub mac: Option<String>,
    /// … or of several, which share all keys below.
    pub macs: Vec<String>,
    /// Assigned addresses or networks.
    pub addresses: Vec<String>,
    /// VLAN ID, 1 to 4094.
    pub vlan: Option<i64>,
    /// Interface of this machine that the guest is attached to.
    pub port: Option<String>,
    /// Bridge that the guest is attached to.
    pub bridge: Option<String>,
}

impl Entry {
    /// Validates the entry. `None` if it is invalid; then `errors` has complete messages, each beginning with `at`.
    pub fn resolve(self, at: &str, errors: &mut Vec<String>) -> Option<Guest> {
        let before = errors.len();
        let name = self.name.unwrap_or_default().trim().to_owned();
        if name.is_empty() {
            errors.push(format!("{at}.name: missing; give the guest a name"));
        } else if name.len() > 64 || name.chars().any(char::is_control) {
            errors.push(format!("{at}.name = {name:?}: must be one line of at most 64 octets"));
        }
        let mut macs = Vec::new();
        let one = self.mac.into_iter().map(|text| (format!("{at}.mac"), text));
        let several = self.macs.into_iter().enumerate().map(|(index, text)| (format!("{at}.macs[{index}]"), text));
        for (key, text) in one.chain(several) {
            match nic_mac(&text) {
                Ok(mac) if macs.contains(&mac) => {}
                Ok(mac) => macs.push(mac),
                Err(message) => errors.push(format!("{key} = {text:?}: {message}")),
            }
        }
        if macs.is_empty() && errors.len() == before {
            errors.push(format!("{at}: needs mac or macs"));
        }
        let mut nic = Nic::default();
        for (index, text) in self.addresses.iter().enumerate() {
            match address(text) {
                Some(address) => nic.addresses.push(address),
                None => errors.push(format!(
                    "{at}.addresses[{index}] = {text:?}: must be an address or a network, as in \"203.0.113.4\" or \
                     \"2001:db8:10:4::/64\""
                )),
            }
        }
        if nic.addresses.len() > MAX_ADDRESSES {
            errors.push(format!("{at}.addresses: has {}, at most {MAX_ADDRESSES}", nic.addresses.len()));
        }
        if let Some(vlan) = self.vlan {
            nic.vlan = u16::try_from(vlan).ok().filter(|vlan| (1..=4094).contains(vlan));
            if nic.vlan.is_none() {
                errors.push(format!("{at}.vlan = {vlan}: must be between 1 and 4094"));
            }
        }
        for (key, text) in [("port", &self.port), ("bridge", &self.bridge)] {
            if let Some(text) = text.as_ref().filter(|text| !is_interface_name(text)) {
                let message = "must be an interface name of 1 to 15 characters without spaces or slashes";
                errors.push(format!("{at}.{key} = {text:?}: {message}"));
            }
        }
        (nic.port, nic.bridge) = (self.port, self.bridge);
        let nics = macs.into_iter().map(|mac| Nic { mac, ..nic.clone() }).collect();
        (errors.len() == before).then(|| Guest { id: name.clone(), name, origin: Origin::Static, nics })
    }
}

/// Whether the kernel accepts this name for an interface (IFNAMSIZ minus the terminating NUL).
pub(super) fn is_interface_name(name: &str) -> bool {
    (1..=15).contains(&name.len()) && !name.contains(['/', ' ']) && !name.chars().any(char::is_control)
}

/// A name from an external source, made safe for incidents, labels and terminals: at most 253 characters (a domain
/// name, RFC 1035 §2.3.4, as Proxmox accepts), with control characters replaced.
pub(super) fn plain_name(text: &str) -> String {
    text.trim().replace(char::is_control, "\u{fffd}").chars().take(253).collect()
}

/// Parses the MAC address of a NIC, in any of the notations of providers and switches: `52:54:00:12:34:56`,
/// `52-54-00-12-34-56`, `5254.0012.3456`, `525400123456`.
pub(super) fn nic_mac(text: &str) -> Result<Mac, String> {
    let mac = any_mac(text.trim()).ok_or_else(|| MacError.to_string())?;
    if mac.is_group() || mac == Mac::ZERO {
        return Err("not a MAC address that a NIC may have (multicast or zero)".to_owned());
    }
    Ok(mac)
}

/// Parses any MAC address, in the same notations.
pub(super) fn any_mac(text: &str) -> Option<Mac> {
    if let Ok(mac) = text.parse() {
        return Some(mac);
    }
    let is_dotted = text.len() == 14 && text.bytes().enumerate().all(|(at, octet)| (at % 5 == 4) == (octet == b'.'));
    let digits = if is_dotted { text.replace('.', "") } else { text.to_owned() };
    let is_plain = digits.len() == 12 && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    let bits = u64::from_str_radix(&digits, 16).ok().filter(|_| is_plain)?;
    let [_, _, a, b, c, d, e, f] = bits.to_be_bytes();
    Some(Mac([a, b, c, d, e, f]))
}

/// Parses an address or a network. With host bits set, as in `203.0.113.4/24`, the address is meant.
pub(super) fn address(text: &str) -> Option<IpNet> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address));
    }
    let network: IpNet = text.parse().ok()?;
    Some(if network.trunc() == network { network } else { IpNet::from(network.addr()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_in_all_notations() {
        let expected = Ok(Mac([0x52, 0x54, 0, 0x12, 0x34, 0xab]));
        for text in ["52:54:00:12:34:ab", "52-54-00-12-34-AB", "5254.0012.34aB", "5254001234ab", " 52:54:00:12:34:ab "]
        {
            assert_eq!(nic_mac(text), expected, "{text}");
        }
        let wrong = [
            "",
            "5254.0012.34a",
            "52540012.34ab0",
            "+25400123456",
            "52540012345",
            "ffffffffffff",
            "0000.0000.0000",
            "é",
        ];
        for text in wrong {
            assert!(nic_mac(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_with_a_prefix_length_is_the_address() {
        let of = |text: &str| address(text).map(|network| network.to_string());
        assert_eq!(of("203.0.113.4/24").as_deref(), Some("203.0.113.4/32"));
        assert_eq!(of("203.0.113.0/28").as_deref(), Some("203.0.113.0/28"));
        assert_eq!(of("2001:db8::1").as_deref(), Some("2001:db8::1/128"));
        assert_eq!(of("203.0.113"), None);
    }
}
