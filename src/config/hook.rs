//! `[[hook]]`: programs that are run on incidents.

use super::endpoint::{self, MIN_SEVERITY};
use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::{Names, any};
use crate::output::Stage;
use crate::output::hook::{HookConfig, HookMode};

pub(super) const SECTION: Section = Section {
    heading: "[[hook]]",
    reload: Reload::Restart,
    doc: "A program to run on incidents, without a shell. It receives the incident as JSON on standard input, and \
          the main facts in PEGEL_STAGE, PEGEL_ID, PEGEL_TARGET, PEGEL_VECTOR and other environment variables. \
          Repeat for each program, up to 16.",
    keys: &[&NAME, &COMMAND, &MODE, &ON, &MIN_SEVERITY, &TIMEOUT_SECONDS, &CONCURRENCY, &RUN_IN_DRILLS],
};

const NAME: Key = Key {
    name: "name",
    kind: Kind::Text("a name"),
    default: DefaultValue::Required("\"notify\""),
    doc: "Name in the metrics label \"output\" and in log messages.",
};

const COMMAND: Key = Key {
    name: "command",
    kind: Kind::List("strings: the program and its arguments"),
    default: DefaultValue::Required("[\"/usr/local/bin/notify\", \"--quiet\"]"),
    doc: "The program, by its absolute path, and its arguments.",
};

const MODE: Key = Key {
    name: "mode",
    kind: Kind::Choice(|| HookMode::ALL.map(HookMode::name).to_vec()),
    default: DefaultValue::Text("json"),
    doc: "How the program is called. \"json\": as described above. \"fastnetmon\": as a notify_script_path of \
          FastNetMon, with the arguments ADDRESS incoming|outgoing PPS ban|unban.",
};

const ON: Key = Key {
    name: "on",
    kind: Kind::Choices(|| Stage::ALL.map(Stage::name).to_vec()),
    default: DefaultValue::List(&["open", "update", "close"]),
    doc: "When to run it: when an incident opens (\"open\"), changes (\"update\") or closes (\"close\").",
};

const TIMEOUT_SECONDS: Key = Key {
    name: "timeout_seconds",
    kind: Kind::Whole { min: 1, max: 600, unit: "seconds" },
    default: DefaultValue::Whole(30),
    doc: "Time after which the program is killed.",
};

const CONCURRENCY: Key = Key {
    name: "concurrency",
    kind: Kind::Whole { min: 1, max: 16, unit: "processes" },
    default: DefaultValue::Whole(2),
    doc: "Processes that may run at the same time; for one incident, never more than one.",
};

const RUN_IN_DRILLS: Key = Key {
    name: "run_in_drills",
    kind: Kind::Bool,
    default: DefaultValue::Absent("true"),
    doc: "Run the program in drills (pegel drill). Unless written: in mode \"json\", where the input says that it \
          is a drill, but not in mode \"fastnetmon\", whose arguments cannot.",
};

pub(super) fn read(section: &mut Reader<'_>, names: &mut Names, hooks: &mut Vec<HookConfig>) {
    let name = section.text_if_written(&NAME);
    match &name {
        None => section.wrong_key(NAME.name, "missing; metrics and log messages name the hook by it"),
        Some(name) => {
            if let Err(message) = names.check(name) {
                section.wrong_value(&NAME, name, message);
            }
        }
    }
    let before = section.error_count();
    let command = section.list(&COMMAND, any);
    match command.first() {
        None if section.error_count() > before => {}
        None => {
            let example = "as in [\"/usr/local/bin/notify\"]";
            section.wrong_key(COMMAND.name, &format!("missing; write the program and its arguments, {example}"));
        }
        Some(program) if !program.starts_with('/') || command.iter().any(|word| word.contains('\0')) => {
            section.wrong_key(COMMAND.name, &format!("{program:?} must be the absolute path of a program"));
        }
        Some(_) => {}
    }
    let mode = section.choice(&MODE, &HookMode::ALL, HookMode::name).unwrap_or(HookMode::Json);
    hooks.push(HookConfig {
        name: name.unwrap_or_default(),
        command,
        mode,
        on: section.choices(&ON, &Stage::ALL, Stage::name),
        severity: endpoint::min_severity(section),
        timeout_seconds: section.whole(&TIMEOUT_SECONDS),
        concurrency: section.whole(&CONCURRENCY),
        drill: section.bool_if_written(&RUN_IN_DRILLS).unwrap_or(mode == HookMode::Json),
    });
}

pub(super) fn write(hooks: &[HookConfig], page: &mut Page) {
    for hook in hooks {
        page.table(&SECTION);
        page.text(&NAME, &hook.name);
        page.list(&COMMAND, &hook.command);
        page.text(&MODE, hook.mode.name());
        page.list(&ON, hook.on.iter().map(|stage| stage.name()));
        page.text(&MIN_SEVERITY, hook.severity);
        page.number(&TIMEOUT_SECONDS, hook.timeout_seconds);
        page.number(&CONCURRENCY, hook.concurrency);
        page.bool(&RUN_IN_DRILLS, hook.drill);
    }
}
