//! The hook sink: runs a program when an incident opens, changes and closes.
//!
//! No shell is involved: the configured strings are the program and its arguments. The program gets the incident on
//! standard input and the main facts in its environment. At the time limit it is killed, and whenever it ends, so do the processes
//! that it has started. Each thread of a hook runs one program at a time, and all changes of an incident go to the same
//! thread: this bounds how many programs run at the same time, and keeps changes in order.
//!
//! In FastNetMon mode the program is called like FastNetMon's `notify_script_path`: address, `incoming` or `outgoing`,
//! packets per second, `ban` or `unban`, with a plain-text report on standard input for `ban`
//! (`src/notify_about_attack.sh` in pavel-odintsov/fastnetmon). Scripts written for FastNetMon work unchanged.

use super::sink::{Delivery, Sink};
use super::stages::{NO_STAGE, Stage, Stages};
use super::text;
use crate::base::{Direction, Severity};
use crate::incident::{CloseReason, Detailed, Event, Incident};
use crate::sandbox::helper::{self, HookRun};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::{self, Seek, Write};

/// What a program gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookMode {
    /// The incident as JSON on standard input.
    Json,
    /// FastNetMon's arguments.
    FastNetMon,
}

impl HookMode {
    /// Every mode.
    pub const ALL: [HookMode; 2] = [HookMode::Json, HookMode::FastNetMon];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            HookMode::Json => "json",
            HookMode::FastNetMon => "fastnetmon",
        }
    }
}

/// One program to run.
#[derive(Clone, Debug, PartialEq)]
pub struct HookConfig {
    /// Part of the `output` label; unique.
    pub name: String,
    /// Path of the program, and its arguments.
    pub command: Vec<String>,
    /// What the program gets.
    pub mode: HookMode,
    /// The stages at which it runs; FastNetMon mode never runs on updates.
    pub on: Vec<Stage>,
    /// It does not run for incidents below this severity.
    pub severity: Severity,
    /// Time limit after which it is killed, 1 to 600.
    pub timeout_seconds: u32,
    /// How many run at the same time, 1 to 16.
    pub concurrency: u32,
    /// Whether drills run it. FastNetMon's arguments cannot mark a drill.
    pub drill: bool,
}

/// One thread of a hook.
pub struct Hook {
    config: HookConfig,
    stages: Stages,
}

impl Hook {
    /// A sink for one thread.
    pub fn new(config: &HookConfig) -> Hook {
        Hook { config: config.clone(), stages: Stages::new(config.severity) }
    }

    fn run(&self, stage: Stage, incident: &Incident) -> io::Result<()> {
        let HookConfig { name, command, timeout_seconds, .. } = &self.config;
        let Some(program) = command.first() else { return Ok(()) };
        let mut arguments = Vec::new();
        let input = match self.config.mode {
            HookMode::Json => {
                let mut line = serde_json::to_vec(&Detailed::new(incident))?;
                line.push(b'\n');
                line
            }
            HookMode::FastNetMon => {
                arguments.extend(fastnetmon_arguments(stage, incident));
                match stage {
                    Stage::Close => Vec::new(),
                    _ => text::report(incident).into_bytes(),
                }
            }
        };
        let environment = environment(stage, incident).map(|(name, value)| (name.to_owned(), value)).into();
        let run = HookRun { name: name.clone(), arguments, environment, limit_seconds: *timeout_seconds };
        match helper::run_hook(command, &run, file(&input)?)?.exit() {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(io::Error::other(format!("{program}: {status}"))),
            None => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("{program}: killed after {timeout_seconds} s")))
            }
        }
    }
}

impl Sink for Hook {
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery> {
        let incident = &*event.incident;
        if incident.drill && !self.config.drill {
            return Ok(Delivery::Skipped("not run in drills (run_in_drills = false)"));
        }
        let Some(stage) = self.stages.next(event) else { return Ok(Delivery::Skipped(NO_STAGE)) };
        let is_fastnetmon = self.config.mode == HookMode::FastNetMon;
        if !self.config.on.contains(&stage) || is_fastnetmon && stage == Stage::Update {
            return Ok(Delivery::Skipped("not configured for this stage"));
        }
        let is_restart = matches!(incident.close_reason, Some(CloseReason::Shutdown | CloseReason::ClockChange));
        if is_fastnetmon && is_restart && !incident.drill {
            return Ok(Delivery::Skipped("the attack continues; Pegel stops or restarts"));
        }
        if is_fastnetmon && incident.target.address.is_none() {
            return Ok(Delivery::Skipped("FastNetMon scripts need a single address"));
        }
        self.run(stage, incident).map(|()| Delivery::Delivered)
    }
}

/// A file in memory, positioned at its start.
fn file(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("pegel-incident", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

fn fastnetmon_arguments(stage: Stage, incident: &Incident) -> [String; 4] {
    let direction = if incident.direction == Direction::Outbound { "outgoing" } else { "incoming" };
    let action = if stage == Stage::Close { "unban" } else { "ban" };
    [incident.target.label(), direction.to_owned(), incident.peak.packets_per_second.to_string(), action.to_owned()]
}

/// The main facts, for scripts that do not parse JSON. Unknown ones are empty.
fn environment(stage: Stage, incident: &Incident) -> [(&'static str, String); 14] {
    let target = &incident.target;
    [
        ("PEGEL_STAGE", stage.name().to_owned()),
        ("PEGEL_ID", incident.id.clone()),
        ("PEGEL_TARGET", target.label()),
        ("PEGEL_TARGET_KIND", target.kind.to_owned()),
        ("PEGEL_GUEST", target.guest.clone().unwrap_or_default()),
        ("PEGEL_INTERFACE", target.interface.clone().unwrap_or_default()),
        ("PEGEL_VECTOR", incident.vector.name().to_owned()),
        ("PEGEL_DIRECTION", incident.direction.name().to_owned()),
        ("PEGEL_SEVERITY", incident.severity.name().to_owned()),
        ("PEGEL_PACKETS_PER_SECOND", incident.peak.packets_per_second.to_string()),
        ("PEGEL_BITS_PER_SECOND", incident.peak.bits_per_second.to_string()),
        ("PEGEL_OPENED_AT", incident.opened_at.to_string()),
        ("PEGEL_DRILL", incident.drill.to_string()),
        ("PEGEL_SUMMARY", text::summary(incident)),
    ]
}
