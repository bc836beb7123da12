//! `[[allow]]`: rules that suppress findings.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::{Names, network};
use crate::base::{Direction, Vector};
use crate::detect::AllowRule;
use toml::Value;

pub(super) const SECTION: Section = Section {
    heading: "[[allow]]",
    reload: Reload::Live,
    doc: "Known traffic that should not raise incidents. A finding that meets all conditions of a rule is \
          suppressed and counted (pegel_findings_suppressed_total). A rule needs at least one condition; sources \
          and port have to match nine in ten packets. Source addresses can be spoofed, so a rule with sources \
          should name a port or a target as well. Repeat for each rule, up to 64.",
    keys: &[&NAME, &WHY, &SOURCES, &TARGETS, &PORT, &VECTOR, &DIRECTION],
};

/// Maximum number of rules: each finding is compared with every rule, and each rule is a value of a metrics label.
pub(super) const MAX_RULES: usize = 64;

const NAME: Key = Key {
    name: "name",
    kind: Kind::Text("a name"),
    default: DefaultValue::Absent("\"log-shipping\""),
    doc: "Name of the rule, in the metrics label \"rule\". Unless written: rule-1 for the first table, and so on.",
};

const WHY: Key = Key {
    name: "why",
    kind: Kind::Text("a reason"),
    default: DefaultValue::Required("\"syslog from the branch offices, one-way by nature\""),
    doc: "The reason.",
};

const SOURCES: Key = Key {
    name: "sources",
    kind: Kind::List("networks"),
    default: DefaultValue::Absent("[\"198.51.100.0/24\"]"),
    doc: "Source addresses of the packets.",
};

const TARGETS: Key = Key {
    name: "targets",
    kind: Kind::List("networks"),
    default: DefaultValue::Absent("[\"203.0.113.9\"]"),
    doc: "Targets of the incident.",
};

const PORT: Key = Key {
    name: "port",
    kind: Kind::Whole { min: 1, max: 65_535, unit: "" },
    default: DefaultValue::Absent("514"),
    doc: "Source or destination port of the packets.",
};

const VECTOR: Key = Key {
    name: "vector",
    kind: Kind::OneOrMore("a vector"),
    default: DefaultValue::Absent("[\"udp_flood\"]"),
    doc: "Attack vectors; pegel list vectors shows all of them.",
};

const DIRECTION: Key = Key {
    name: "direction",
    kind: Kind::Choice(|| DIRECTIONS.map(Direction::name).to_vec()),
    default: DefaultValue::Absent("\"inbound\""),
    doc: "\"inbound\" or \"outbound\".",
};

const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

pub(super) fn read(section: &mut Reader<'_>, names: &mut Names, rules: &mut Vec<AllowRule>) {
    let before = section.error_count();
    let name = section.text_if_written(&NAME).unwrap_or_else(|| format!("rule-{}", rules.len() + 1));
    if let Err(message) = names.check(&name) {
        section.wrong_value(&NAME, &name, message);
    }
    let why = section.text(&WHY);
    if why.trim().is_empty() {
        section.wrong_key(WHY.name, "missing; say why this is allowed");
    }
    let rule = AllowRule {
        name,
        why,
        sources: section.list(&SOURCES, network),
        targets: section.list(&TARGETS, network),
        port: section.whole_if_written(&PORT),
        vectors: vectors(section),
        direction: section.choice(&DIRECTION, &DIRECTIONS, Direction::name),
    };
    if section.error_count() == before && rule.is_without_conditions() {
        section.wrong("would allow everything; give sources, targets, port, vector or direction");
    }
    rules.push(rule);
}

fn vectors(section: &mut Reader<'_>) -> Vec<Vector> {
    let values = match section.value(&VECTOR) {
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
        None => Vec::new(),
    };
    let mut vectors = Vec::new();
    for value in values {
        match value.as_str().and_then(Vector::from_name) {
            Some(vector) => vectors.push(vector),
            None => {
                let expected = format!("{}; pegel list vectors shows all of them", VECTOR.kind.expected());
                section.wrong_type(VECTOR.name, &value.to_string(), &expected);
            }
        }
    }
    vectors
}

pub(super) fn write(rules: &[AllowRule], page: &mut Page) {
    for rule in rules {
        page.table(&SECTION);
        page.text(&NAME, &rule.name);
        page.text(&WHY, &rule.why);
        page.list_unless_empty(&SOURCES, &rule.sources);
        page.list_unless_empty(&TARGETS, &rule.targets);
        if let Some(port) = rule.port {
            page.number(&PORT, port);
        }
        page.list_unless_empty(&VECTOR, &rule.vectors);
        if let Some(direction) = rule.direction {
            page.text(&DIRECTION, direction);
        }
    }
}
