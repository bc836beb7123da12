//! The reference page: every key of the configuration, as Markdown.

use super::key::{DefaultValue, Key, Reload, Section};
use super::sections::SECTIONS;
use crate::detect::DETECTORS;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Configuration

Pegel reads `/etc/pegel/pegel.toml`, or the file that `--config` names. The file is TOML; every key is optional. \
`pegel check-config` reports all errors of a file, `pegel print-config` shows the values in force, and \
`pegel print-config --sample` writes a commented file with all defaults.

SIGHUP (`systemctl reload pegel`) reloads the file. A file with errors is refused, and the old configuration stays in \
force. Each section below says whether its changes take effect on a reload or need a restart.
";

/// The page `reference/configuration.md` of the documentation.
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in SECTIONS {
        let _ = write!(text, "\n## `{}`\n\n", section.heading);
        if !section.doc.is_empty() {
            let _ = writeln!(text, "{}\n", prose(section.doc));
        }
        let _ = writeln!(text, "{}\n", reload(section));
        let _ = writeln!(text, "| Key | Type | Default | Allowed | Description |\n|---|---|---|---|---|");
        for key in section.keys {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} |",
                key.name,
                key.kind.type_name(),
                default(key),
                allowed(key),
                prose(key.doc)
            );
        }
        if section.heading == super::detect::SECTION.heading {
            detectors(&mut text);
        }
    }
    text
}

fn reload(section: &Section) -> &'static str {
    match section.reload {
        Reload::Live => "Changes take effect on a reload.",
        Reload::Restart => "Changes need a restart.",
    }
}

fn default(key: &Key) -> String {
    match key.default {
        DefaultValue::Required(_) => "required".to_owned(),
        DefaultValue::Absent(_) => "–".to_owned(),
        _ => format!("`{}`", cell(&key.shown())),
    }
}

fn allowed(key: &Key) -> String {
    let choices = key.kind.choices();
    if choices.is_empty() {
        return key.kind.range().unwrap_or_default();
    }
    choices.iter().map(|choice| format!("`\"{choice}\"`")).collect::<Vec<_>>().join(", ")
}

/// The settings of the detectors, a table each.
fn detectors(text: &mut String) {
    for spec in DETECTORS {
        let _ = write!(text, "\n### `[detect.{}]`\n\n{}.\n", spec.name, prose(spec.summary));
        if spec.settings.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n| Key | Default | Allowed | Description |\n|---|---|---|---|");
        for setting in spec.settings {
            let (key, default, doc) = (setting.key, setting.default, prose(setting.doc));
            let (min, max, unit) = (setting.min, setting.max, setting.unit);
            let _ = writeln!(text, "| `{key}` | `{default}` | {min} to {max} {unit} | {doc} |");
        }
    }
}

/// Text that Markdown must not interpret: brackets are no links, underscores no emphasis.
fn prose(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, '[' | ']' | '_' | '*' | '|' | '<' | '>') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Code within a cell of a table: only the bar has a meaning there.
fn cell(code: &str) -> String {
    code.replace('|', "\\|")
}
