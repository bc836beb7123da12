//! The generated half of a detector's page, and the lists of detectors, vectors and shared thresholds.

use super::{cell, number, table};
use pegel::base::Vector;
use pegel::detect::{DETECTORS, DetectorSpec, Merging, Mitigation, SHARED_THRESHOLDS, Threshold, spec_of};
use std::fs;
use std::path::{Path, PathBuf};

/// What the pages show of a scenario.
pub struct Scenario {
    name: String,
    description: String,
    /// Vectors of the incidents that it expects.
    expects: Vec<String>,
    /// Detectors that must not report it.
    silent_for: Vec<String>,
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn strings(value: Option<&toml::Value>) -> Vec<String> {
    let values = value.and_then(toml::Value::as_array).into_iter().flatten();
    values.filter_map(|value| Some(value.as_str()?.to_owned())).collect()
}

/// All scenarios, by name: `CLASS/NAME.toml` or `NAME/scenario.toml`. Files without a description are none.
pub fn scenarios(directory: &Path) -> Vec<Scenario> {
    let mut found = Vec::new();
    for path in files(directory).iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml")) {
        let text = fs::read_to_string(path).expect("a scenario that can be read");
        let document: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let Some(description) = document.get("description").and_then(toml::Value::as_str) else { continue };
        let stem = path.file_stem().expect("a name").to_string_lossy();
        let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
        let expected = document.get("expect").and_then(toml::Value::as_array).into_iter().flatten();
        let mut expects: Vec<String> = expected
            .flat_map(|table| {
                let one = table.get("vector").and_then(toml::Value::as_str).map(str::to_owned);
                one.into_iter().chain(strings(table.get("vectors")))
            })
            .collect();
        expects.dedup();
        found.push(Scenario {
            name: if stem == "scenario" { folder.into_owned() } else { stem.into_owned() },
            description: description.to_owned(),
            expects,
            silent_for: strings(document.get("silent_for")),
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn code(text: impl std::fmt::Display) -> String {
    format!("`{text}`")
}

fn codes<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(code).collect::<Vec<_>>().join(", ")
}

/// The name of a variant as words: `FlagMixture` as "flag mixture".
fn words(variant: impl std::fmt::Debug) -> String {
    let mut words = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn thresholds(list: &[Threshold]) -> String {
    let row = |threshold: &Threshold| {
        vec![
            cell(threshold.name),
            number(threshold.value),
            cell(threshold.unit),
            cell(threshold.reason),
            if threshold.guarded_by.is_empty() { String::new() } else { code(cell(threshold.guarded_by)) },
        ]
    };
    let rows: Vec<_> = list.iter().map(row).collect();
    table(&["threshold", "value", "unit", "reason", "guarded by"], &rows)
}

fn settings(spec: &DetectorSpec) -> String {
    let row = |setting: &pegel::detect::Setting| {
        vec![
            code(setting.key),
            number(setting.default),
            format!("{} to {}", number(setting.min), number(setting.max)),
            cell(setting.unit),
            cell(setting.doc),
            setting.learns.map_or(String::new(), words),
        ]
    };
    let rows: Vec<_> = spec.settings.iter().map(row).collect();
    if rows.is_empty() {
        return format!("None of its own; `[detect.{}]` has `enabled` and `severity`.\n", spec.name);
    }
    let intro = format!(
        "In `[detect.{}]`; every detector also has `enabled` and `severity`. A setting with a learned quantity can be \
         raised by the baseline.\n\n",
        spec.name
    );
    intro + &table(&["setting", "default", "range", "unit", "meaning", "learned quantity"], &rows)
}

fn precedence(spec: &DetectorSpec) -> String {
    let claims = spec.claims.iter().map(|claim| format!("- Claims packets of the shape *{}*.\n", words(*claim)));
    let yields = spec.yields_to.iter().map(|claim| {
        let owner = DETECTORS.iter().find(|other| other.claims.contains(claim)).map_or("", |other| other.name);
        format!("- Yields to [{owner}]({owner}.md) where the shape *{}* applies.\n", words(*claim))
    });
    let merging = match spec.merging {
        Merging::Separate => {
            "Its findings are incidents of their own, also while the host's prefix is attacked.".to_owned()
        }
        Merging::IntoPrefix => {
            "Its findings are part of the incident of the host's prefix while that is attacked as a \
                                whole."
                .to_owned()
        }
        Merging::IntoPrefixOrSideEffect => "Its findings are part of the incident of the host's prefix while that is \
                                            attacked as a whole; opposite to a flood of the same host they are a side \
                                            effect and suppressed."
            .to_owned(),
        Merging::AbsorbsStations(vectors) => {
            format!("Findings about single stations become part of it: {}.", codes(vectors))
        }
    };
    let mitigation = match spec.mitigation {
        Mitigation::Packets => "by the shape of the packets".to_owned(),
        Mitigation::AmplifierPort => {
            "by the shape of the packets, UDP only by the source port of the service".to_owned()
        }
        Mitigation::Sources(None) => "only together with sources".to_owned(),
        Mitigation::Sources(Some(frames)) => {
            format!("only together with sources; of a station as the sender, frames that match `{}`", frames.pcap)
        }
        Mitigation::Station(None) => "all frames of the station".to_owned(),
        Mitigation::Station(Some(frames)) => format!("frames of the station that match `{}`", frames.pcap),
        Mitigation::Nothing(reason) => format!("none: {reason}"),
    };
    let lines: String = claims.chain(yields).collect();
    format!("{lines}- {}\n- Suggested filters: {}.\n", cell(&merging), mitigation.trim_end_matches('.'))
}

fn scenario_list(title: &str, scenarios: &[&Scenario]) -> String {
    let row = |scenario: &&Scenario| vec![code(&scenario.name), cell(&scenario.description)];
    let rows: Vec<_> = scenarios.iter().map(row).collect();
    if rows.is_empty() { String::new() } else { format!("### {title}\n\n{}\n", table(&["scenario", "traffic"], &rows)) }
}

pub fn page(spec: &DetectorSpec, scenarios: &[Scenario]) -> String {
    let vectors: Vec<&str> = spec.vectors.iter().map(|vector| vector.name()).collect();
    let raises = |s: &&Scenario| s.expects.iter().any(|vector| vectors.contains(&vector.as_str()));
    // `total` uses the vectors of other detectors.
    let fires: Vec<_> = if spec.name == "total" {
        scenarios.iter().filter(|s| s.name.starts_with("total_")).collect()
    } else {
        scenarios.iter().filter(raises).collect()
    };
    let silent: Vec<_> = scenarios.iter().filter(|s| s.silent_for.iter().any(|name| name == spec.name)).collect();
    let own = thresholds(spec.thresholds);
    let thresholds = if own.is_empty() { String::new() } else { format!("## Thresholds\n\n{own}\n") };
    format!(
        "Summary: {}.\n\nVectors: {}.\n\n## Settings\n\n{}\n{thresholds}\
         Thresholds that several detectors share are in [Shared thresholds](../reference/thresholds.md).\n\n\
         ## Precedence and mitigation\n\n{}\n## Scenarios\n\n{}{}",
        cell(spec.summary),
        codes(&vectors),
        settings(spec),
        precedence(spec),
        scenario_list("Detected", &fires),
        scenario_list("Look-alikes that stay silent", &silent),
    )
}

pub fn index() -> String {
    let row = |spec: &DetectorSpec| vec![format!("[{0}]({0}.md)", spec.name), cell(spec.summary)];
    table(&["detector", "detects"], &DETECTORS.iter().map(row).collect::<Vec<_>>())
}

pub fn vectors() -> String {
    let row = |vector: &Vector| {
        let name = spec_of(*vector).map_or("", |spec| spec.name);
        vec![code(vector.name()), vector.class().name().to_owned(), format!("[{name}](../detectors/{name}.md)")]
    };
    table(&["vector", "class", "detector"], &Vector::ALL.iter().map(row).collect::<Vec<_>>())
}

pub fn shared_thresholds() -> String {
    let sections = SHARED_THRESHOLDS.iter().filter(|(_, list)| !list.is_empty());
    sections.map(|(file, list)| format!("## {file}\n\n{}\n", thresholds(list))).collect()
}
