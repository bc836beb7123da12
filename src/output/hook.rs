//! The hook sink: a program is run when an incident opens, changes and closes.
//!
//! No shell is involved: the configured words are the program and its arguments. The incident comes on standard input,
//! the main facts in the environment. What runs too long is ended with everything that it started. Each of a hook's
//! threads runs one program at a time, and all changes of an incident go through the same thread: that bounds how many
//! run at once and keeps their order.
//!
//! In FastNetMon's mode the program is called as FastNetMon calls its `notify_script_path`: address, `incoming` or
//! `outgoing`, packets a second, `ban` or `unban`, with a report in plain text on standard input of `ban`
//! (`src/notify_about_attack.sh` in pavel-odintsov/fastnetmon). Scripts written for that work unchanged.

use super::{Delivery, Sink, Stage, Stages, instant, text};
use crate::base::{Direction, Severity};
use crate::incident::{CloseReason, Detailed, Event, Incident};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How a program is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookMode {
    /// The incident as JSON on standard input.
    Json,
    /// As FastNetMon does it.
    FastNetMon,
}

impl HookMode {
    pub const ALL: [HookMode; 2] = [HookMode::Json, HookMode::FastNetMon];

    /// As in the configuration.
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
    /// In the `output` label; unique.
    pub name: String,
    /// Program, by its path, and arguments.
    pub command: Vec<String>,
    pub mode: HookMode,
    /// When it is run; in FastNetMon's mode updates are left out in any case.
    pub on: Vec<Stage>,
    /// Not for incidents below.
    pub severity: Severity,
    /// After so long it is ended, 1 to 600.
    pub timeout_seconds: u32,
    /// How many may run at once, 1 to 16.
    pub concurrency: u32,
    /// Whether drills run it. FastNetMon's arguments cannot say that it is one.
    pub drill: bool,
}

/// One thread of a hook.
pub struct Hook {
    config: HookConfig,
    stages: Stages,
}

impl Hook {
    pub fn new(config: &HookConfig) -> Hook {
        Hook { config: config.clone(), stages: Stages::new(config.severity) }
    }

    fn run(&self, stage: Stage, incident: &Incident) -> io::Result<()> {
        let Some((program, arguments)) = self.config.command.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments);
        let input = match self.config.mode {
            HookMode::Json => {
                let mut line = serde_json::to_vec(&Detailed::new(incident))?;
                line.push(b'\n');
                line
            }
            HookMode::FastNetMon => {
                command.args(fastnetmon_arguments(stage, incident));
                match stage {
                    Stage::Close => Vec::new(),
                    _ => text::report(incident).into_bytes(),
                }
            }
        };
        let inherited = ["PATH", "HOME", "LANG", "TZ"].map(|name| (name, std::env::var_os(name)));
        command
            .env_clear()
            .envs(inherited.into_iter().filter_map(|(name, value)| Some((name, value?))))
            .envs(environment(stage, incident))
            // A file in memory: who reads nothing of it, or half, disturbs nobody.
            .stdin(file(&input)?)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .process_group(0);
        let mut child = command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        match wait(&mut child, Duration::from_secs(self.config.timeout_seconds.into()))? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(io::Error::other(format!("{program}: {status}"))),
            None => {
                let seconds = self.config.timeout_seconds;
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("{program}: ended after {seconds} s")))
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
        let Some(stage) = self.stages.of(event) else { return Ok(Delivery::Skipped("nothing that it is told of")) };
        let is_fastnetmon = self.config.mode == HookMode::FastNetMon;
        if !self.config.on.contains(&stage) || is_fastnetmon && stage == Stage::Update {
            return Ok(Delivery::Skipped("not run then"));
        }
        let is_end_of_pegel = matches!(incident.close_reason, Some(CloseReason::Shutdown | CloseReason::ClockChange));
        if is_fastnetmon && is_end_of_pegel && !incident.drill {
            return Ok(Delivery::Skipped("the attack is not over: Pegel ends or starts anew"));
        }
        if is_fastnetmon && incident.target.address.is_none() {
            return Ok(Delivery::Skipped("FastNetMon's scripts take one address"));
        }
        self.run(stage, incident).map(|()| Delivery::Delivered)
    }
}

/// `None` after the time limit: then it is gone with all of its group.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = instant() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if instant() >= deadline {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                // Fails only where all of it ended just now.
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        std::thread::park_timeout(LOOK);
    }
}

/// Something to read from its beginning.
fn file(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("pegel-incident", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

fn fastnetmon_arguments(stage: Stage, incident: &Incident) -> [String; 4] {
    let way = if incident.direction == Direction::Outbound { "outgoing" } else { "incoming" };
    let action = if stage == Stage::Close { "unban" } else { "ban" };
    [incident.target.label(), way.to_owned(), incident.peak.packets_per_second.to_string(), action.to_owned()]
}

/// The main facts, for scripts that do not read JSON. Unknown ones are empty.
fn environment(stage: Stage, incident: &Incident) -> [(&'static str, String); 13] {
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
    ]
}
