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
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let parsed = parsed.map(|network| network.trunc());
    parsed.ok_or_else(|| "must be a network, as in \"203.0.113.0/24\" or \"2001:db8:10::/48\"".to_owned())
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
