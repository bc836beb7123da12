//! Groups of hosts with limits of their own, and what is allowed: `[[group]]` and `[[allow]]`.

use super::resolve::{network, number};
use super::written::{WrittenAllow, WrittenGroup};
use super::{Config, MOST_ALLOW_RULES};
use crate::base::{Direction, Vector};
use crate::detect::{AllowRule, DETECTORS, GroupLimit};
use crate::inventory::{Group, GroupId};
use ipnet::IpNet;
use toml::{Table, Value};

/// A name that may become a label value: short, and nothing that needs quoting.
pub(super) fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

pub(super) const NAME: &str = "must be 1 to 32 letters, digits, \"-\", \"_\" or \".\"";

fn networks(key: &str, written: Vec<String>, errors: &mut Vec<String>) -> Vec<IpNet> {
    let parsed = written.into_iter().enumerate();
    parsed.filter_map(|(index, text)| network(&format!("{key}[{index}]"), &text, errors)).collect()
}

pub(super) fn groups(written: Vec<WrittenGroup>, config: &mut Config, errors: &mut Vec<String>) {
    for (index, group) in written.into_iter().enumerate() {
        let at = format!("group[{index}]");
        let name = group.name.unwrap_or_default();
        if name.is_empty() {
            errors.push(format!("{at}.name: missing; evidence and labels call the group by it"));
        } else if !is_name(&name) {
            errors.push(format!("{at}.name = {name:?}: {NAME}"));
        } else if config.groups.iter().any(|known| known.name == name) {
            errors.push(format!("{at}.name = {name:?}: this group has a table already"));
        }
        if group.networks.as_ref().is_none_or(Vec::is_empty) {
            errors.push(format!("{at}.networks: missing; list the networks or addresses of the group"));
        }
        let networks = networks(&format!("{at}.networks"), group.networks.unwrap_or_default(), errors);
        for network in &networks {
            if let Some(other) = config.groups.iter().find(|known| known.networks.contains(network)) {
                errors.push(format!("{at}.networks: {network} is in group {:?} already", other.name));
            }
        }
        let id = GroupId(config.groups.len());
        config.groups.push(Group { name, networks });
        for (direction, table) in [(Direction::Inbound, group.inbound), (Direction::Outbound, group.outbound)] {
            for (detector, value) in table {
                let path = format!("{at}.{direction}.{detector}");
                match value {
                    Value::Table(keys) => limits(id, direction, &detector, &path, keys, config, errors),
                    other => errors.push(format!("{path} = {}: must be a table", other.to_string().trim())),
                }
            }
        }
    }
}

fn limits(
    group: GroupId,
    direction: Direction,
    detector: &str,
    path: &str,
    keys: Table,
    config: &mut Config,
    errors: &mut Vec<String>,
) {
    let found = DETECTORS.iter().zip(&mut config.detect).find(|(spec, _)| spec.name == detector);
    let Some((spec, settings)) = found else {
        errors.push(format!("{path}: unknown detector; pegel list detectors tells which there are"));
        return;
    };
    for (key, value) in keys {
        let path = format!("{path}.{key}");
        let Some(setting) = spec.settings.iter().find(|setting| setting.key == key && setting.is_limit()) else {
            let known: Vec<&str> = spec.settings.iter().filter(|s| s.is_limit()).map(|s| s.key).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            errors.push(format!("{path}: is no limit of this detector; limits: {known}"));
            continue;
        };
        let mut given = setting.default;
        if number(&path, &value, setting, &mut given, errors) {
            settings.set_for_group(GroupLimit { group, direction, key: setting.key, value: given });
        }
    }
}

pub(super) fn allow(written: Vec<WrittenAllow>, config: &mut Config, errors: &mut Vec<String>) {
    if written.len() > MOST_ALLOW_RULES {
        errors.push(format!("allow: {} rules; at most {MOST_ALLOW_RULES} are looked at", written.len()));
    }
    for (index, rule) in written.into_iter().enumerate() {
        let at = format!("allow[{index}]");
        let before = errors.len();
        let name = rule.name.unwrap_or_else(|| format!("rule-{}", index + 1));
        if !is_name(&name) {
            errors.push(format!("{at}.name = {name:?}: {NAME}"));
        } else if config.allow.iter().any(|known| known.name == name) {
            errors.push(format!("{at}.name = {name:?}: this rule has a table already"));
        }
        let why = rule.why.unwrap_or_default();
        if why.trim().is_empty() {
            errors.push(format!("{at}.why: missing; say why this is allowed"));
        }
        let port = rule.port.and_then(|port| match u16::try_from(port) {
            Ok(port @ 1..) => Some(port),
            _ => {
                errors.push(format!("{at}.port = {port}: must be between 1 and 65535"));
                None
            }
        });
        let direction = rule.direction.and_then(|name| {
            let known = [Direction::Inbound, Direction::Outbound].into_iter().find(|known| known.name() == name);
            if known.is_none() {
                errors.push(format!("{at}.direction = {name:?}: must be \"inbound\" or \"outbound\""));
            }
            known
        });
        let resolved = AllowRule {
            sources: networks(&format!("{at}.sources"), rule.sources.unwrap_or_default(), errors),
            targets: networks(&format!("{at}.targets"), rule.targets.unwrap_or_default(), errors),
            vectors: vectors(&format!("{at}.vector"), rule.vector, errors),
            name,
            why,
            port,
            direction,
        };
        if before == errors.len() && resolved.is_without_conditions() {
            errors.push(format!("{at}: would allow everything; give sources, targets, port, vector or direction"));
        }
        config.allow.push(resolved);
    }
}

/// One vector or a list of them.
fn vectors(key: &str, written: Option<Value>, errors: &mut Vec<String>) -> Vec<Vector> {
    let values = match written {
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
        None => Vec::new(),
    };
    let mut vectors = Vec::new();
    for value in values {
        match value.as_str().and_then(Vector::from_name) {
            Some(vector) => vectors.push(vector),
            None => errors.push(format!(
                "{key} = {}: must be a vector or a list of them; pegel list vectors tells which there are",
                value.to_string().trim()
            )),
        }
    }
    vectors
}
