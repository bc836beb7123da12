//! `[posture]`: what must hold on this host.

use super::limits::{NAME, is_name};
use super::resolve::whole;
use super::written::{WrittenCheck, WrittenPosture};
use super::{Config, MOST_CHECKS};
use crate::posture::{Check, Family, Must};

/// Families of nftables, see nft(8).
const NFT_FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];
/// The keys of which each check has exactly one.
const KINDS: &str =
    "unit_active, nft_table, nft_chain, default_route, forwarding_off, interface_up, bridge_port or sysctl";

pub(super) fn resolve(written: WrittenPosture, config: &mut Config, errors: &mut Vec<String>) {
    let interval = &mut config.posture.interval_seconds;
    whole("posture.interval_seconds", written.interval_seconds, 1..=3600, interval, errors);
    if written.checks.len() > MOST_CHECKS {
        errors.push(format!("posture.check: {} checks; at most {MOST_CHECKS} are looked at", written.checks.len()));
    }
    for (index, mut check) in written.checks.into_iter().enumerate() {
        let at = format!("posture.check[{index}]");
        let name = check.name.take().unwrap_or_default();
        if name.is_empty() {
            errors.push(format!("{at}.name: missing; metrics and incidents call the check by it"));
        } else if !is_name(&name) {
            errors.push(format!("{at}.name = {name:?}: {NAME}"));
        } else if config.posture.checks.iter().any(|known| known.name == name) {
            errors.push(format!("{at}.name = {name:?}: this check has a table already"));
        }
        let why = check.why.take().unwrap_or_default();
        if why.len() > 500 || why.contains(char::is_control) {
            errors.push(format!("{at}.why: must be one line of at most 500 characters"));
        }
        let must = must(&at, check, errors);
        config.posture.checks.extend(must.map(|must| Check { name, why, must }));
    }
}

/// What must hold; none with an error told.
fn must(at: &str, mut check: WrittenCheck, errors: &mut Vec<String>) -> Option<Must> {
    let given = [
        ("unit_active", check.unit_active.take()),
        ("nft_table", check.nft_table.take()),
        ("nft_chain", check.nft_chain.take()),
        ("default_route", check.default_route.take()),
        ("forwarding_off", check.forwarding_off.take()),
        ("interface_up", check.interface_up.take()),
        ("bridge_port", check.bridge_port.take()),
        ("sysctl", check.sysctl.take()),
    ];
    let given: Vec<(&str, String)> = given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let [(kind, value)] = given.as_slice() else {
        let found: Vec<&str> = given.iter().map(|(key, _)| *key).collect();
        let found = if found.is_empty() { "none".to_owned() } else { found.join(" and ") };
        errors.push(format!("{at}: needs exactly one of {KINDS}; has {found}"));
        return None;
    };
    let (key, kind) = (format!("{at}.{kind}"), *kind);
    let mut reader = Reader { at, errors };
    let must = match kind {
        "unit_active" => reader.unit(&key, value),
        "nft_table" | "nft_chain" => reader.nftables(&key, value, kind == "nft_chain"),
        "default_route" => {
            let family = reader.family(&key, value, "\"ipv4\" or \"ipv6\"");
            let interface = check.interface.take();
            let interface = interface.map(|name| reader.interface(&format!("{at}.interface"), &name)).transpose();
            family.zip(interface.ok()).map(|(family, interface)| Must::DefaultRoute { family, interface })
        }
        "forwarding_off" => {
            let interface = reader.interface(&key, value).ok();
            let family = match check.family.take().as_deref() {
                None | Some("both") => Some(None),
                Some(name) => reader.family(&format!("{at}.family"), name, "\"ipv4\", \"ipv6\" or \"both\"").map(Some),
            };
            interface.zip(family).map(|(interface, family)| Must::ForwardingOff { interface, family })
        }
        "interface_up" => reader.interface(&key, value).ok().map(Must::InterfaceUp),
        "bridge_port" => {
            let port = reader.interface(&key, value).ok();
            let bridge = reader.needed("bridge", check.bridge.take(), "name the bridge that it must be a port of");
            let bridge = bridge.and_then(|name| reader.interface(&format!("{at}.bridge"), &name).ok());
            port.zip(bridge).map(|(port, bridge)| Must::BridgePort { port, bridge })
        }
        _ => {
            let value_there = reader.needed("value", check.value.take(), "say which value the setting must have");
            reader.sysctl(&key, value).zip(value_there).map(|(key, value)| Must::Sysctl { key, value })
        }
    };
    for (key, value, belongs_to) in [
        ("interface", check.interface, "default_route"),
        ("family", check.family, "forwarding_off"),
        ("bridge", check.bridge, "bridge_port"),
        ("value", check.value, "sysctl"),
    ] {
        if value.is_some() && kind != belongs_to {
            errors.push(format!("{at}.{key}: goes with {belongs_to}, not with {kind}"));
        }
    }
    must
}

/// Reads values, and tells what is wrong with them. Units and names of nftables become arguments of tools: what could
/// mean anything else there is refused.
struct Reader<'e> {
    at: &'e str,
    errors: &'e mut Vec<String>,
}

impl Reader<'_> {
    fn wrong<T>(&mut self, key: &str, value: &str, must_be: &str) -> Option<T> {
        self.errors.push(format!("{key} = {value:?}: must be {must_be}"));
        None
    }

    fn needed(&mut self, key: &str, value: Option<String>, why: &str) -> Option<String> {
        let value = value.filter(|value| !value.trim().is_empty());
        if value.is_none() {
            self.errors.push(format!("{}.{key}: missing; {why}", self.at));
        }
        value
    }

    /// `Err` where it was told that it is none.
    fn interface(&mut self, key: &str, name: &str) -> Result<String, ()> {
        let is_name = (1..=15).contains(&name.len()) && !matches!(name, "." | "..");
        if is_name && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/') {
            return Ok(name.to_owned());
        }
        self.wrong(key, name, "an interface name of 1 to 15 characters without spaces or slashes").ok_or(())
    }

    fn family(&mut self, key: &str, name: &str, must_be: &str) -> Option<Family> {
        let family = Family::ALL.into_iter().find(|family| family.name() == name);
        family.or_else(|| self.wrong(key, name, must_be))
    }

    fn unit(&mut self, key: &str, unit: &str) -> Option<Must> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.' | b'\\' | b'@');
        // As systemd.unit(5) has it.
        if (1..=255).contains(&unit.len()) && !unit.starts_with('-') && unit.bytes().all(plain) {
            return Some(Must::UnitActive(unit.to_owned()));
        }
        self.wrong(key, unit, "the name of a unit of systemd, as in \"nftables.service\"")
    }

    fn nftables(&mut self, key: &str, text: &str, is_chain: bool) -> Option<Must> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let is_name =
            |name: &&str| name.bytes().all(plain) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let words: Vec<&str> = text.split_whitespace().collect();
        let owned = |word: &str| word.to_owned();
        match (words.as_slice(), is_chain) {
            ([family, names @ ..], _) if !NFT_FAMILIES.contains(family) || !names.iter().all(is_name) => {}
            ([family, table], false) => return Some(Must::NftTable { family: owned(family), table: owned(table) }),
            ([family, table, chain], true) => {
                return Some(Must::NftChain { family: owned(family), table: owned(table), chain: owned(chain) });
            }
            _ => {}
        }
        let form = if is_chain {
            "family, table and chain of nftables, as in \"inet filter forward\""
        } else {
            "family and table of nftables, as in \"inet filter\""
        };
        self.wrong(key, text, form)
    }

    fn sysctl(&mut self, key: &str, name: &str) -> Option<String> {
        let plain = |b: u8| b.is_ascii_graphic();
        let separator = if name.contains('/') { '/' } else { '.' };
        let part = |part: &str| !part.is_empty() && !matches!(part, "." | "..");
        if name.len() <= 200 && name.bytes().all(plain) && name.split(separator).all(part) {
            return Some(name.to_owned());
        }
        self.wrong(key, name, "the name of a kernel setting, as in \"net.ipv4.ip_forward\"")
    }
}
