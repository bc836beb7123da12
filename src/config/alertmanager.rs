//! `[[alertmanager]]`: Alertmanagers that are sent alerts.

use super::endpoint::{self, BEARER_TOKEN_FILE, CA_FILE, MIN_SEVERITY, NAME, PASSWORD_FILE, USERNAME};
use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::Names;
use crate::output::alertmanager::{AlertmanagerConfig, LABELS as RESERVED};
use std::collections::BTreeMap;

pub(super) const SECTION: Section = Section {
    heading: "[[alertmanager]]",
    reload: Reload::Restart,
    doc: "An Alertmanager (API v2) to send alerts named PegelIncident to. Repeat for each Alertmanager, up to 16; \
          every one receives all alerts. Test the way to your pager with: pegel drill.",
    keys: &[
        &URL,
        &NAME,
        &MIN_SEVERITY,
        &REFRESH_SECONDS,
        &TIMEOUT_SECONDS,
        &LABELS,
        &CA_FILE,
        &USERNAME,
        &PASSWORD_FILE,
        &BEARER_TOKEN_FILE,
    ],
};

const URL: Key = Key {
    name: "url",
    kind: Kind::Text("a URL"),
    default: DefaultValue::Required("\"http://127.0.0.1:9093\""),
    doc: "Base URL, without user name and password.",
};

const REFRESH_SECONDS: Key = Key {
    name: "refresh_seconds",
    kind: Kind::Whole { min: 5, max: 3600, unit: "seconds" },
    default: DefaultValue::Whole(60),
    doc: "Interval at which alerts of open incidents are sent again. If Pegel stops, they resolve after five times \
          this time.",
};

const TIMEOUT_SECONDS: Key = Key {
    name: "timeout_seconds",
    kind: Kind::Whole { min: 1, max: 60, unit: "seconds" },
    default: DefaultValue::Whole(5),
    doc: "Time limit for one attempt, from connection to response.",
};

const LABELS: Key = Key {
    name: "labels",
    kind: Kind::Map("labels and their values in quotes"),
    default: DefaultValue::Absent("{ site = \"fra1\" }"),
    doc: "Labels to add to every alert.",
};

pub(super) fn read(section: &mut Reader<'_>, names: &mut Names, alertmanagers: &mut Vec<AlertmanagerConfig>) {
    let severity = endpoint::min_severity(section);
    let refresh_seconds = section.whole(&REFRESH_SECONDS);
    let labels = labels(section);
    if let Some((name, endpoint)) = endpoint::read(section, &URL, &TIMEOUT_SECONDS, names) {
        alertmanagers.push(AlertmanagerConfig { name, endpoint, severity, refresh_seconds, labels });
    }
}

fn labels(section: &mut Reader<'_>) -> BTreeMap<String, String> {
    let labels: BTreeMap<String, String> = section.typed(&LABELS).unwrap_or_default();
    for (label, value) in &labels {
        let is_label = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && !label.starts_with("__");
        let at = format!("{}.{label}", LABELS.name);
        if RESERVED.contains(&label.as_str()) {
            section.wrong_key(&at, "is set by Pegel itself");
        } else if !is_label {
            section.wrong_key(
                &at,
                "must be a label name: letters, digits and \"_\", not beginning with a digit or \"__\"",
            );
        } else if value.is_empty() || value.contains(char::is_control) {
            section.wrong_key(&at, "must be one line of text, and not empty");
        }
    }
    labels
}

pub(super) fn write(alertmanagers: &[AlertmanagerConfig], page: &mut Page) {
    for alertmanager in alertmanagers {
        page.table(&SECTION);
        page.text(&NAME, &alertmanager.name);
        endpoint::write(&alertmanager.endpoint, &URL, &TIMEOUT_SECONDS, page);
        page.text(&MIN_SEVERITY, alertmanager.severity);
        page.number(&REFRESH_SECONDS, alertmanager.refresh_seconds);
        page.map(&LABELS, &alertmanager.labels);
    }
}
