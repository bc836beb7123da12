//! `[posture]` and `[[posture.check]]`: what has to be true on this machine.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::{Names, interface};
use crate::posture::{Check, Family, Posture, Requirement};

pub(super) const SECTION: Section = Section {
    heading: "[posture]",
    reload: Reload::Live,
    doc: "Posture checks: what has to be true on this machine, such as an active firewall. A failed check is an \
          incident (posture_failed); pegel_posture_ok and pegel_posture_unknown show the state of all checks. \
          Pegel only reads, and changes nothing.",
    keys: &[&INTERVAL_SECONDS],
};

const INTERVAL_SECONDS: Key = Key {
    name: "interval_seconds",
    kind: Kind::Whole { min: 1, max: 3600, unit: "seconds" },
    default: DefaultValue::Whole(60),
    doc: "Time between two rounds of checks.",
};

pub(super) const CHECK: Section = Section {
    heading: "[[posture.check]]",
    reload: Reload::Live,
    doc: "One check: exactly one of unit_active, nft_table, nft_chain, default_route, forwarding_off, \
          interface_up, bridge_port and sysctl, with the keys that belong to it. Repeat for each check, up to 64. \
          Try it with: pegel posture.",
    keys: &[
        &NAME,
        &WHY,
        &UNIT_ACTIVE,
        &NFT_TABLE,
        &NFT_CHAIN,
        &DEFAULT_ROUTE,
        &INTERFACE,
        &FORWARDING_OFF,
        &FAMILY,
        &INTERFACE_UP,
        &BRIDGE_PORT,
        &BRIDGE,
        &SYSCTL,
        &VALUE,
    ],
};

/// Checks run one after the other, and each is a label value.
const MAX_CHECKS: usize = 64;

const NAME: Key = Key {
    name: "name",
    kind: Kind::Text("a name"),
    default: DefaultValue::Required("\"firewall\""),
    doc: "Name of the check, in metrics and incidents.",
};

const WHY: Key = Key {
    name: "why",
    kind: Kind::Text("a reason"),
    default: DefaultValue::Absent("\"without it, guests can spoof their source addresses\""),
    doc: "The reason, which the incident shows.",
};

const UNIT_ACTIVE: Key = Key {
    name: "unit_active",
    kind: Kind::Text("a unit"),
    default: DefaultValue::Absent("\"pve-firewall.service\""),
    doc: "This systemd unit is active.",
};

const NFT_TABLE: Key = Key {
    name: "nft_table",
    kind: Kind::Text("a family and a table"),
    default: DefaultValue::Absent("\"inet filter\""),
    doc: "This nftables table exists and has a rule, or a chain with policy drop. Requires CAP_NET_ADMIN.",
};

const NFT_CHAIN: Key = Key {
    name: "nft_chain",
    kind: Kind::Text("a family, a table and a chain"),
    default: DefaultValue::Absent("\"inet filter forward\""),
    doc: "This nftables chain exists and has a rule or policy drop. Requires CAP_NET_ADMIN.",
};

const DEFAULT_ROUTE: Key = Key {
    name: "default_route",
    kind: Kind::Choice(|| Family::ALL.map(Family::name).to_vec()),
    default: DefaultValue::Absent("\"ipv6\""),
    doc: "There is a default route for \"ipv4\" or \"ipv6\".",
};

const INTERFACE: Key = Key {
    name: "interface",
    kind: Kind::Text("an interface name"),
    default: DefaultValue::Absent("\"vmbr0\""),
    doc: "With default_route: the route leaves through this interface.",
};

const FORWARDING_OFF: Key = Key {
    name: "forwarding_off",
    kind: Kind::Text("an interface name"),
    default: DefaultValue::Absent("\"vmbr0\""),
    doc: "Packets that enter through this interface are not forwarded.",
};

const FAMILY: Key = Key {
    name: "family",
    kind: Kind::Choice(|| FORWARDED.map(family_name).to_vec()),
    default: DefaultValue::Absent("\"ipv4\""),
    doc: "With forwarding_off: \"ipv4\", \"ipv6\" or \"both\". Unless written: \"both\".",
};

const INTERFACE_UP: Key = Key {
    name: "interface_up",
    kind: Kind::Text("an interface name"),
    default: DefaultValue::Absent("\"vmbr0\""),
    doc: "This interface is up.",
};

const BRIDGE_PORT: Key = Key {
    name: "bridge_port",
    kind: Kind::Text("an interface name"),
    default: DefaultValue::Absent("\"eno1\""),
    doc: "This interface is a port of a bridge.",
};

const BRIDGE: Key = Key {
    name: "bridge",
    kind: Kind::Text("an interface name"),
    default: DefaultValue::Absent("\"vmbr0\""),
    doc: "With bridge_port: the bridge.",
};

const SYSCTL: Key = Key {
    name: "sysctl",
    kind: Kind::Text("the name of a kernel parameter"),
    default: DefaultValue::Absent("\"net.bridge.bridge-nf-call-iptables\""),
    doc: "This kernel parameter has a certain value.",
};

const VALUE: Key = Key {
    name: "value",
    kind: Kind::Text("a value"),
    default: DefaultValue::Absent("\"1\""),
    doc: "With sysctl: the value.",
};

/// The keys of which each check has exactly one.
const KINDS: [&Key; 8] =
    [&UNIT_ACTIVE, &NFT_TABLE, &NFT_CHAIN, &DEFAULT_ROUTE, &FORWARDING_OFF, &INTERFACE_UP, &BRIDGE_PORT, &SYSCTL];

/// Families of nftables, see nft(8).
const NFT_FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/// Families of `forwarding_off`; none for both.
const FORWARDED: [Option<Family>; 3] = [Some(Family::Ipv4), Some(Family::Ipv6), None];

fn family_name(family: Option<Family>) -> &'static str {
    family.map_or("both", Family::name)
}

pub(super) fn read(section: &mut Reader<'_>) -> Posture {
    let interval_seconds = section.whole(&INTERVAL_SECONDS);
    let (mut checks, mut names) = (Vec::new(), Names::default());
    section.tables(&CHECK, MAX_CHECKS, |section| checks.extend(check(section, &mut names)));
    Posture { interval_seconds, checks }
}

/// `None` with an error recorded.
fn check(section: &mut Reader<'_>, names: &mut Names) -> Option<Check> {
    let name = section.text(&NAME);
    if name.is_empty() {
        section.wrong_key(NAME.name, "missing; metrics and incidents name the check by it");
    } else if let Err(message) = names.check(&name) {
        section.wrong_value(&NAME, &name, message);
    }
    let why = section.text(&WHY);
    if why.len() > 500 || why.contains(char::is_control) {
        section.wrong_key(WHY.name, "must be one line of at most 500 characters");
    }
    let must = must(section)?;
    Some(Check { name, why, must })
}

/// What has to be true; `None` with an error recorded. All keys are read, whichever kind the check is of.
fn must(section: &mut Reader<'_>) -> Option<Requirement> {
    let before = section.error_count();
    let written: Vec<&str> = KINDS.iter().map(|key| key.name).filter(|name| section.has(name)).collect();
    let unit = section.parsed(&UNIT_ACTIVE, unit);
    let table = section.parsed(&NFT_TABLE, nft_table);
    let chain = section.parsed(&NFT_CHAIN, nft_chain);
    let route = section.choice(&DEFAULT_ROUTE, &Family::ALL, Family::name);
    let interface_of_route = section.parsed(&INTERFACE, interface);
    let forwarding = section.parsed(&FORWARDING_OFF, interface);
    let family = section.choice(&FAMILY, &FORWARDED, family_name);
    let up = section.parsed(&INTERFACE_UP, interface);
    let port = section.parsed(&BRIDGE_PORT, interface);
    let bridge = section.parsed(&BRIDGE, interface);
    let parameter = section.parsed(&SYSCTL, sysctl);
    let value = section.text_if_written(&VALUE);
    let [kind] = written.as_slice() else {
        let kinds = KINDS.map(|key| key.name).join(", ");
        let found = if written.is_empty() { "none".to_owned() } else { written.join(" and ") };
        section.wrong(&format!("needs exactly one of {kinds}; has {found}"));
        return None;
    };
    for (key, is_written, belongs_to) in [
        (&INTERFACE, interface_of_route.is_some(), &DEFAULT_ROUTE),
        (&FAMILY, family.is_some(), &FORWARDING_OFF),
        (&BRIDGE, bridge.is_some(), &BRIDGE_PORT),
        (&VALUE, value.is_some(), &SYSCTL),
    ] {
        if is_written && *kind != belongs_to.name {
            section.wrong_key(key.name, &format!("belongs to {}, not to {kind}", belongs_to.name));
        }
    }
    if section.error_count() > before {
        return None;
    }
    if let Some(port) = port {
        if bridge.is_none() {
            section.wrong_key(BRIDGE.name, "missing; name the bridge that the interface must be a port of");
        }
        return bridge.map(|bridge| Requirement::BridgePort { port, bridge });
    }
    if let Some(key) = parameter {
        if value.is_none() {
            section.wrong_key(VALUE.name, "missing; write the value that the parameter must have");
        }
        return value.map(|value| Requirement::Sysctl { key, value });
    }
    let route = route.map(|family| Requirement::DefaultRoute { family, interface: interface_of_route });
    let forwarding = forwarding.map(|interface| Requirement::ForwardingOff { interface, family: family.flatten() });
    unit.or(table).or(chain).or(route).or(forwarding).or(up.map(Requirement::InterfaceUp))
}

// Units and names of nftables become arguments of tools: anything that could mean something else there is refused.

/// The name of a unit, see systemd.unit(5).
fn unit(name: &str) -> Result<Requirement, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.' | b'\\' | b'@');
    if (1..=255).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(plain) {
        return Ok(Requirement::UnitActive(name.to_owned()));
    }
    Err("must be the name of a systemd unit, as in \"nftables.service\"".to_owned())
}

fn nft_table(text: &str) -> Result<Requirement, String> {
    match nft_words(text).as_slice() {
        [family, table] => Ok(Requirement::NftTable { family: family.clone(), table: table.clone() }),
        _ => Err("must be family and table of nftables, as in \"inet filter\"".to_owned()),
    }
}

fn nft_chain(text: &str) -> Result<Requirement, String> {
    match nft_words(text).as_slice() {
        [family, table, chain] => {
            Ok(Requirement::NftChain { family: family.clone(), table: table.clone(), chain: chain.clone() })
        }
        _ => Err("must be family, table and chain of nftables, as in \"inet filter forward\"".to_owned()),
    }
}

/// A family and names of nftables; none where any of them is not one.
fn nft_words(text: &str) -> Vec<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_name =
        |name: &&str| name.bytes().all(plain) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [family, names @ ..] if NFT_FAMILIES.contains(family) && names.iter().all(is_name) => {
            words.into_iter().map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The name of a kernel parameter, with dots or slashes. It becomes a path below /proc/sys.
fn sysctl(name: &str) -> Result<String, String> {
    let separator = if name.contains('/') { '/' } else { '.' };
    let is_part = |part: &str| !part.is_empty() && !matches!(part, "." | "..");
    if name.len() <= 200 && name.bytes().all(|b| b.is_ascii_graphic()) && name.split(separator).all(is_part) {
        return Ok(name.to_owned());
    }
    Err("must be the name of a kernel parameter, as in \"net.ipv4.ip_forward\"".to_owned())
}

pub(super) fn write(posture: &Posture, page: &mut Page) {
    page.table(&SECTION);
    page.number(&INTERVAL_SECONDS, posture.interval_seconds);
    for check in &posture.checks {
        page.table(&CHECK);
        page.text(&NAME, &check.name);
        page.text_unless_empty(&WHY, &check.why);
        match &check.must {
            Requirement::UnitActive(unit) => page.text(&UNIT_ACTIVE, unit),
            Requirement::NftTable { family, table } => page.text(&NFT_TABLE, format!("{family} {table}")),
            Requirement::NftChain { family, table, chain } => {
                page.text(&NFT_CHAIN, format!("{family} {table} {chain}"))
            }
            Requirement::DefaultRoute { family, interface } => {
                page.text(&DEFAULT_ROUTE, family.name());
                page.text_unless_empty(&INTERFACE, interface.as_deref().unwrap_or_default());
            }
            Requirement::ForwardingOff { interface, family } => {
                page.text(&FORWARDING_OFF, interface);
                page.text(&FAMILY, family_name(*family));
            }
            Requirement::InterfaceUp(interface) => page.text(&INTERFACE_UP, interface),
            Requirement::BridgePort { port, bridge } => {
                page.text(&BRIDGE_PORT, port);
                page.text(&BRIDGE, bridge);
            }
            Requirement::Sysctl { key, value } => {
                page.text(&SYSCTL, key);
                page.text(&VALUE, value);
            }
        }
    }
}
