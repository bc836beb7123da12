//! A guest as an operator writes it, in Pegel's configuration or in a table of its own, and what may be wrong with it.

use super::{Guest, MOST_ADDRESSES, Nic, Origin};
use crate::base::{Mac, address::MacError};
use ipnet::IpNet;
use std::net::IpAddr;

/// `[[guest]]` as written.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Entry {
    pub name: Option<String>,
    /// One card …
    pub mac: Option<String>,
    /// … or several, which share all that follows.
    pub macs: Vec<String>,
    pub addresses: Vec<String>,
    pub vlan: Option<i64>,
    pub port: Option<String>,
    pub bridge: Option<String>,
}

impl Entry {
    /// The guest; `None`, with what is wrong as whole lines that begin with `at`, where anything is.
    pub fn resolve(self, at: &str, errors: &mut Vec<String>) -> Option<Guest> {
        let before = errors.len();
        let name = self.name.unwrap_or_default().trim().to_owned();
        if name.is_empty() {
            errors.push(format!("{at}.name: missing; say what the guest is called"));
        } else if name.len() > 64 || name.chars().any(char::is_control) {
            errors.push(format!("{at}.name = {name:?}: must be one line of at most 64 octets"));
        }
        let mut macs = Vec::new();
        let one = self.mac.into_iter().map(|text| (format!("{at}.mac"), text));
        let several = self.macs.into_iter().enumerate().map(|(index, text)| (format!("{at}.macs[{index}]"), text));
        for (key, text) in one.chain(several) {
            match card_mac(&text) {
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
        if nic.addresses.len() > MOST_ADDRESSES {
            errors.push(format!("{at}.addresses: has {}, at most {MOST_ADDRESSES}", nic.addresses.len()));
        }
        if let Some(vlan) = self.vlan {
            nic.vlan = u16::try_from(vlan).ok().filter(|vlan| (1..=4094).contains(vlan));
            if nic.vlan.is_none() {
                errors.push(format!("{at}.vlan = {vlan}: must be between 1 and 4094"));
            }
        }
        for (key, text) in [("port", &self.port), ("bridge", &self.bridge)] {
            if let Some(text) = text.as_ref().filter(|text| !is_interface(text)) {
                let message = "must be an interface name of 1 to 15 characters without spaces or slashes";
                errors.push(format!("{at}.{key} = {text:?}: {message}"));
            }
        }
        (nic.port, nic.bridge) = (self.port, self.bridge);
        let nics = macs.into_iter().map(|mac| Nic { mac, ..nic.clone() }).collect();
        (errors.len() == before).then(|| Guest { id: name.clone(), name, origin: Origin::Static, nics })
    }
}

/// A name that the kernel would take (IFNAMSIZ less the final zero).
pub(super) fn is_interface(name: &str) -> bool {
    (1..=15).contains(&name.len()) && !name.contains(['/', ' ']) && !name.chars().any(char::is_control)
}

/// A name that others wrote, as incidents, labels and terminals can bear it: 253 characters (a domain name, RFC 1035
/// §2.3.4, which is what Proxmox takes), none of them a control character.
pub(super) fn plain_name(text: &str) -> String {
    text.trim().replace(char::is_control, "\u{fffd}").chars().take(253).collect()
}

/// A MAC that a card may have, in any of the forms that providers and switches write: `52:54:00:12:34:56`,
/// `52-54-00-12-34-56`, `5254.0012.3456`, `525400123456`.
pub(super) fn card_mac(text: &str) -> Result<Mac, String> {
    let mac = any_mac(text.trim()).ok_or_else(|| MacError.to_string())?;
    if mac.is_group() || mac == Mac::ZERO {
        return Err("no MAC address that a card may have".to_owned());
    }
    Ok(mac)
}

/// The same for any MAC.
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

/// An address, or a network that is written as one (no host bits). `203.0.113.4/24` is the address.
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
    fn macs_in_all_forms() {
        let expected = Ok(Mac([0x52, 0x54, 0, 0x12, 0x34, 0xab]));
        for text in ["52:54:00:12:34:ab", "52-54-00-12-34-AB", "5254.0012.34aB", "5254001234ab", " 52:54:00:12:34:ab "]
        {
            assert_eq!(card_mac(text), expected, "{text}");
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
            assert!(card_mac(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_with_the_length_of_its_network_is_the_address() {
        let of = |text: &str| address(text).map(|network| network.to_string());
        assert_eq!(of("203.0.113.4/24").as_deref(), Some("203.0.113.4/32"));
        assert_eq!(of("203.0.113.0/28").as_deref(), Some("203.0.113.0/28"));
        assert_eq!(of("2001:db8::1").as_deref(), Some("2001:db8::1/128"));
        assert_eq!(of("203.0.113"), None);
    }
}
