//! `[incident]`: when incidents close, and how many are kept.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use crate::incident::IncidentSettings;

pub(super) const SECTION: Section = Section {
    heading: "[incident]",
    reload: Reload::Live,
    doc: "Incidents: findings about the same target in the same direction, from the first to the last.",
    keys: &[&QUIET_SECONDS, &MAX_OPEN, &MAX_CLOSED],
};

const QUIET_SECONDS: Key = Key {
    name: "quiet_seconds",
    kind: Kind::Number { min: 1.0, max: 86_400.0, unit: "seconds" },
    default: DefaultValue::Number(60.0),
    doc: "An incident closes when no limit has been exceeded for this time.",
};

const MAX_OPEN: Key = Key {
    name: "max_open",
    kind: Kind::Whole { min: 1, max: 100_000, unit: "incidents" },
    default: DefaultValue::Whole(1000),
    doc: "Incidents that can be open at the same time, a quarter of them scans and other information. If there are more, the more severe ones stay; the rest is refused and counted.",
};

const MAX_CLOSED: Key = Key {
    name: "max_closed",
    kind: Kind::Whole { min: 0, max: 100_000, unit: "incidents" },
    default: DefaultValue::Whole(200),
    doc: "Closed incidents kept in memory for the API, the most recent ones.",
};

pub(super) fn read(section: &mut Reader<'_>) -> IncidentSettings {
    IncidentSettings {
        quiet_seconds: section.number(&QUIET_SECONDS),
        max_open: section.whole(&MAX_OPEN),
        max_recent: section.whole(&MAX_CLOSED),
    }
}

pub(super) fn write(incident: &IncidentSettings, page: &mut Page) {
    page.table(&SECTION);
    page.number(&QUIET_SECONDS, incident.quiet_seconds);
    page.number(&MAX_OPEN, incident.max_open);
    page.number(&MAX_CLOSED, incident.max_recent);
}
