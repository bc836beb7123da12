//! Forms that values of several sections have in common. Each function returns what the value must be where it is not.

use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

/// A name that may become a label value: short, and nothing in it needs quoting.
pub(super) fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

pub(super) const NAME: &str = "must be 1 to 32 letters, digits, \"-\", \"_\" or \".\"";

/// For a [`super::key::Kind::List`] or text of any form.
pub(super) fn any(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// A network; an address is a network of one. Host bits are cleared.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    parsed.map(|network| network.trunc()).ok_or_else(|| {
        let form = "must be a network, as in \"203.0.113.0/24\" or \"2001:db8:10::/48\"";
        not_a_network(text).map_or_else(|| form.to_owned(), |why| format!("{form}; {why}"))
    })
}

/// What keeps a text with valid addresses from being a network.
fn not_a_network(text: &str) -> Option<String> {
    let is_address = |part: &str| part.trim().parse::<IpAddr>().ok();
    if text.split_once([',', ' ', ';']).is_some_and(|(first, _)| network(first).is_ok()) {
        return Some("write each network separately".to_owned());
    }
    if let Some((address, length)) = text.split_once('/') {
        let address = is_address(address)?;
        if let Some(mask) = is_address(length) {
            let length = ipnet::ip_mask_to_prefix(mask).ok()?;
            return Some(format!("instead of the netmask write the prefix length, {address}/{length}"));
        }
        let (family, most) = if address.is_ipv4() { ("IPv4", 32) } else { ("IPv6", 128) };
        return Some(format!("a prefix length of {family} is a number from 0 to {most}"));
    }
    if text.split_once('-').is_some_and(|(first, _)| is_address(first).is_some()) {
        return Some("write a range of addresses as networks".to_owned());
    }
    text.split_once('%').and_then(|(address, _)| is_address(address)).map(|_| "write it without the zone".to_owned())
}

pub(super) fn address<T: From<IpAddr>>(text: &str) -> Result<T, String> {
    text.parse::<IpAddr>().map(T::from).map_err(|_| "must be an IP address".to_owned())
}

/// A name that the kernel accepts for an interface (`dev_valid_name`).
pub(super) fn interface(name: &str) -> Result<String, String> {
    let is_plain = |c: char| c != '/' && !c.is_whitespace() && !c.is_control();
    if (1..=15).contains(&name.len()) && !matches!(name, "." | "..") && name.chars().all(is_plain) {
        return Ok(name.to_owned());
    }
    Err("must be an interface name of 1 to 15 characters without spaces or slashes".to_owned())
}

pub(super) fn directory(path: &str) -> Result<PathBuf, String> {
    if path.is_empty() { Err("must be a directory".to_owned()) } else { Ok(path.into()) }
}

pub(super) fn file(path: &str) -> Result<PathBuf, String> {
    if path.is_empty() { Err("must be a file".to_owned()) } else { Ok(path.into()) }
}

/// Characters that a URL may have, and a length that everything accepts.
pub(super) fn is_plain_url(url: &str) -> bool {
    url.len() <= 2000 && url.bytes().all(|b| b.is_ascii_graphic())
}

/// Names of a list of tables, which have to differ.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// What is wrong with a name: its form, or that another table has it.
    pub(super) fn check(&mut self, name: &str) -> Result<(), &'static str> {
        if !is_name(name) {
            return Err(NAME);
        }
        self.insert(name)
    }

    /// The same for a name of any form.
    pub(super) fn insert(&mut self, name: &str) -> Result<(), &'static str> {
        if self.0.insert(name.to_owned()) { Ok(()) } else { Err("another table has this name") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one_and_host_bits_are_cleared() {
        for (text, expected) in [
            ("203.0.113.1", "203.0.113.1/32"),
            ("203.0.113.0", "203.0.113.0/32"),
            (" 2001:db8::1 ", "2001:db8::1/128"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("2001:db8:10::7/48", "2001:db8:10::/48"),
        ] {
            assert_eq!(network(text).map(|network| network.to_string()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_network_is_told() {
        for (text, why) in [
            ("203.0.113.0/33", "; a prefix length of IPv4 is a number from 0 to 32"),
            ("2001:db8::/129", "; a prefix length of IPv6 is a number from 0 to 128"),
            ("203.0.113.0/", "; a prefix length of IPv4 is a number from 0 to 32"),
            ("203.0.113.0/255.255.255.0", "; instead of the netmask write the prefix length, 203.0.113.0/24"),
            ("203.0.113.0-203.0.113.9", "; write a range of addresses as networks"),
            ("203.0.113.0/24, 198.51.100.0/24", "; write each network separately"),
            ("fe80::1%eth0", "; write it without the zone"),
            ("203.0.113", ""),
            ("203.0.113/24", ""),
            ("gate.example", ""),
            ("", ""),
        ] {
            let message = network(text).expect_err(text);
            let start = "must be a network, as in \"203.0.113.0/24\" or \"2001:db8:10::/48\"";
            assert_eq!(message.strip_prefix(start), Some(why), "{text}");
        }
    }
}
