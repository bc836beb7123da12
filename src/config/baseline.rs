//! `[baseline]`: whether limits are learned.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;

pub(super) const SECTION: Section = Section {
    heading: "[baseline]",
    reload: Reload::Restart,
    doc: "Learned limits: Pegel records the normal traffic of your hosts by hour of the week, and raises a default \
          limit for a host whose normal traffic exceeds it. Limits that are set in this file are never changed.",
    keys: &[&ENABLED, &HOSTS],
};

const ENABLED: Key =
    Key { name: "enabled", kind: Kind::Bool, default: DefaultValue::Bool(true), doc: "Learn while running." };

const HOSTS: Key = Key {
    name: "hosts",
    kind: Kind::Whole { min: 1, max: 65_536, unit: "hosts" },
    default: DefaultValue::Whole(256),
    doc: "Hosts with a baseline, up to 35 KiB each. If there are more, the least active ones are evicted.",
};

/// Whether and for how many hosts limits are learned.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineConfig {
    /// Whether a live run learns.
    pub enabled: bool,
    /// Hosts with a baseline, at most.
    pub hosts: usize,
}

pub(super) fn read(section: &mut Reader<'_>) -> BaselineConfig {
    BaselineConfig { enabled: section.bool(&ENABLED), hosts: section.whole(&HOSTS) }
}

pub(super) fn write(baseline: &BaselineConfig, page: &mut Page) {
    page.table(&SECTION);
    page.bool(&ENABLED, baseline.enabled);
    page.number(&HOSTS, baseline.hosts);
}
