//! `[detect.NAME]`: settings of the detectors, which the detectors declare as [`Setting`](crate::detect::Setting).

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::{Reader, is_near};
use crate::base::Severity;
use crate::detect::{DETECTORS, DetectorSpec, Settings};

pub(super) const SECTION: Section = Section {
    heading: "[detect]",
    reload: Reload::Live,
    doc: "Detectors. Each has its own table, named after it. Besides its own settings it has the key enabled, and \
          may have severity = \"info\", \"warning\" or \"critical\", which then applies to everything it finds; \
          unless written, the severity follows from how far a limit is exceeded.",
    keys: &[&ENABLED, &SEVERITY],
};

const ENABLED: Key =
    Key { name: "enabled", kind: Kind::Bool, default: DefaultValue::Bool(true), doc: "Run this detector." };

const SEVERITY: Key = Key {
    name: "severity",
    kind: Kind::Choice(|| Severity::ALL.iter().map(|severity| severity.name()).collect()),
    default: DefaultValue::Absent("\"warning\""),
    doc: "Severity of everything this detector finds: \"info\", \"warning\" or \"critical\". Unless written, it \
          follows from how far a limit is exceeded.",
};

/// In the order of [`DETECTORS`].
pub(super) fn read(top: &mut Reader<'_>) -> Vec<Settings> {
    let mut resolved: Vec<Settings> = DETECTORS.iter().map(|spec| Settings::defaults(spec.settings)).collect();
    for (name, table) in top.tables_by_name(&SECTION) {
        let mut section = top.below(format!("{}.{name}", SECTION.name()), table);
        match DETECTORS.iter().zip(&mut resolved).find(|(spec, _)| spec.name == name) {
            Some((spec, settings)) => {
                read_one(&mut section, spec, settings);
                section.close(SECTION.keys);
            }
            None => section.wrong(&unknown(&name)),
        }
    }
    resolved
}

fn read_one(section: &mut Reader<'_>, spec: &'static DetectorSpec, settings: &mut Settings) {
    settings.enabled = section.bool(&ENABLED);
    settings.severity = section.choice(&SEVERITY, Severity::ALL, Severity::name);
    for setting in spec.settings {
        if let Some(value) = section.setting(setting) {
            settings.set(setting.key, value);
        }
    }
}

/// What is wrong with the name of a detector that does not exist.
pub(super) fn unknown(name: &str) -> String {
    let near = DETECTORS.iter().map(|spec| spec.name).find(|known| is_near(known, name));
    let hint = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
    format!("unknown detector; {hint}pegel list detectors shows all of them")
}

pub(super) fn write(resolved: &[Settings], page: &mut Page) {
    for (spec, settings) in DETECTORS.iter().zip(resolved) {
        page.table_as(&SECTION, format!("[{}.{}]", SECTION.name(), spec.name), sentence(spec.summary));
        page.bool(&ENABLED, settings.enabled);
        if let Some(severity) = settings.severity {
            page.text(&SEVERITY, severity);
        }
        for (setting, (_, value)) in spec.settings.iter().zip(settings.iter()) {
            page.setting(setting, value);
        }
    }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}
