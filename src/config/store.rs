//! `[store]`: how long incidents and minutes are kept.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;

pub(super) const SECTION: Section = Section {
    heading: "[store]",
    reload: Reload::Restart,
    doc: "The store: a database in the state directory with incidents, and the traffic of hosts and guests by minute, from \
          which pegel incidents and pegel report read.",
    keys: &[&ENABLED, &INCIDENT_DAYS, &MINUTE_DAYS, &MAX_MIB],
};

const ENABLED: Key = Key {
    name: "enabled",
    kind: Kind::Bool,
    default: DefaultValue::Bool(true),
    doc: "Keep incidents and minutes over restarts. Otherwise they end with the process, and no evidence is written.",
};

const INCIDENT_DAYS: Key = Key {
    name: "incident_days",
    kind: Kind::Whole { min: 1, max: 36_500, unit: "days" },
    default: DefaultValue::Whole(400),
    doc: "Days after which a closed incident is deleted, with its evidence: more than a year, so that a month can be compared \
          with that of the year before.",
};

const MINUTE_DAYS: Key = Key {
    name: "minute_days",
    kind: Kind::Whole { min: 1, max: 36_500, unit: "days" },
    default: DefaultValue::Whole(35),
    doc: "Days after which the traffic of a minute is deleted: a month, and some days to write its report.",
};

const MAX_MIB: Key = Key {
    name: "max_mib",
    kind: Kind::Whole { min: 16, max: 1_048_576, unit: "MiB" },
    default: DefaultValue::Whole(1024),
    doc: "Largest size of database and evidence together. Beyond it, the oldest minutes are deleted first, then the oldest \
          closed incidents.",
};

/// How long what is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreConfig {
    /// Whether anything is.
    pub enabled: bool,
    /// Days of incidents.
    pub incident_days: u32,
    /// Days of minutes.
    pub minute_days: u32,
    /// Bytes of database and evidence.
    pub max_bytes: u64,
}

pub(super) fn read(section: &mut Reader<'_>) -> StoreConfig {
    StoreConfig {
        enabled: section.bool(&ENABLED),
        incident_days: section.whole(&INCIDENT_DAYS),
        minute_days: section.whole(&MINUTE_DAYS),
        max_bytes: section.whole::<u64>(&MAX_MIB) << 20,
    }
}

pub(super) fn write(store: &StoreConfig, page: &mut Page) {
    page.table(&SECTION);
    page.bool(&ENABLED, store.enabled);
    page.number(&INCIDENT_DAYS, store.incident_days);
    page.number(&MINUTE_DAYS, store.minute_days);
    page.number(&MAX_MIB, store.max_bytes >> 20);
}
