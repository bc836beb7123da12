//! `pegel replay`: what happened in these captures?

use super::table::Table;
use super::{Common, exit, print_out};
use crate::base::{grouped, scaled};
use crate::capture::pcap_file::PcapFile;
use crate::capture::{CaptureError, LinkType};
use crate::incident::{Detailed, Event, Incident, MaintenanceWindow, Schedule, Scope};
use crate::packet::Anomaly;
use crate::runtime::replay::Replay;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub(super) struct ReplayArgs {
    /// Captures, analysed one after the other as one timeline; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print incidents: a table at the end, or one JSON object a line as incidents close
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// A planned window: two moments, as in 2026-01-01T02:00:00Z/2026-01-01T04:00:00Z; repeatable
    #[arg(long, value_name = "START/END", value_parser = maintenance, requires = "why")]
    maintenance: Vec<Schedule>,
    /// What was planned
    #[arg(long)]
    why: Option<String>,
    /// Judge by what a daemon learned until now; nothing is written there
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

pub(super) fn run(args: ReplayArgs) -> ExitCode {
    let mut config = match args.common.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    for (index, schedule) in args.maintenance.iter().enumerate() {
        let (id, why) = (format!("--maintenance {}", index + 1), args.why.clone().unwrap_or_default());
        config.maintenance.push(MaintenanceWindow { id, why, scope: Scope::All, schedule: schedule.clone() });
    }
    let mut replay = Replay::new(&config);
    if let Some(path) = args.state_dir {
        config.state_dir = path;
        match replay.remember(&config) {
            Ok(()) => {}
            Err(message) => {
                eprintln!("pegel: {message}");
                return ExitCode::from(exit::FAILED);
            }
        }
    }
    let mut session =
        Session { replay, format: args.format, incidents: Vec::new(), other_links: Vec::new(), failed: 0, gone: None };
    for path in &args.files {
        session.file(path);
        if let Some(code) = session.gone {
            return code;
        }
    }
    session.finish(args.files.len())
}

fn maintenance(text: &str) -> Result<Schedule, String> {
    let moments = text.split_once('/').and_then(|(from, until)| Some((from.parse().ok()?, until.parse().ok()?)));
    match moments {
        Some((from, until)) if from < until => Ok(Schedule::Once { from, until }),
        _ => Err("must be two moments of UTC, the earlier first, as START/END".to_owned()),
    }
}

struct Session {
    replay: Replay,
    format: Format,
    incidents: Vec<Incident>,
    /// Link types that are not read, by number.
    other_links: Vec<u16>,
    failed: usize,
    /// Standard output went away.
    gone: Option<ExitCode>,
}

impl Session {
    fn file(&mut self, path: &Path) {
        let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let mut source = match PcapFile::open(path) {
            Ok(source) => source,
            Err(error) => return self.tell(&name, &error),
        };
        let bar = progress(&name, source.total());
        let (format, mut gone, mut found) = (self.format, None, Vec::new());
        let mut begins = true;
        let outcome = self.replay.run(&mut source, |source: &mut PcapFile, events, interfaces| {
            if let Some(bar) = &bar {
                bar.set_position(source.position());
            }
            // Within a file the list only grows; each file has its own.
            if std::mem::take(&mut begins) {
                interfaces.clear();
            }
            let new = source.interfaces().get(interfaces.len()..).unwrap_or_default();
            interfaces.extend(new.iter().map(|interface| interface.name.clone().unwrap_or_default()));
            if gone.is_none() {
                gone = take(events, format, &mut found).err();
            }
        });
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        self.incidents.append(&mut found);
        self.gone = gone;
        for interface in source.interfaces() {
            if let LinkType::Other(number) = interface.link
                && !self.other_links.contains(&number)
            {
                self.other_links.push(number);
            }
        }
        if let Err(error) = outcome {
            self.tell(&name, &error);
        }
    }

    /// One line about what is wrong with a file. A capture that was cut off is no failure: it was read to its end.
    fn tell(&mut self, name: &str, error: &CaptureError) {
        if let CaptureError::Truncated(_) = error {
            eprintln!("pegel: {name}: note: {error}");
        } else {
            eprintln!("pegel: {name}: {error}");
            self.failed += 1;
        }
    }

    fn finish(mut self, files: usize) -> ExitCode {
        let events = self.replay.finish();
        let mut found = Vec::new();
        if let Err(code) = take(events, self.format, &mut found) {
            return code;
        }
        self.incidents.append(&mut found);
        let open = self.replay.open();
        let printed = match self.format {
            Format::Json => print_out(&open.iter().map(json).collect::<String>()),
            Format::Table => {
                self.incidents.extend(open);
                self.incidents.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
                print_out(&self.page())
            }
        };
        if let Err(code) = printed {
            return code;
        }
        if self.format == Format::Json {
            for note in self.notes() {
                eprintln!("pegel: note: {note}");
            }
        }
        if self.failed > 0 {
            eprintln!("pegel: {} of {files} file(s) could not be read in full", self.failed);
            return ExitCode::from(exit::FAILED);
        }
        ExitCode::from(exit::OK)
    }

    fn page(&self) -> String {
        let mut page = String::new();
        if !self.incidents.is_empty() {
            page.push_str(&incident_table(&self.incidents).to_string());
            page.push('\n');
            for incident in &self.incidents {
                let _ = writeln!(page, "{}  {} {}", incident.id, incident.direction, incident.target.label());
                for evidence in &incident.evidence {
                    let _ = writeln!(page, "    {}", evidence.message);
                }
            }
            page.push('\n');
        }
        let frames = self.replay.engine().totals().frames;
        let (span, seconds) = match self.replay.span() {
            Some((from, to)) => (format!("{from} to {to}"), to.seconds_since(from)),
            None => ("no packets".to_owned(), 0.0),
        };
        let verdict = match self.incidents.len() {
            0 => "No attack found".to_owned(),
            1 => "1 incident".to_owned(),
            n => format!("{n} incidents"),
        };
        let _ = writeln!(
            page,
            "{verdict} in {} packets, {}B, {seconds:.1} s ({span}).",
            grouped(frames.packets),
            scaled(frames.bytes)
        );
        for note in self.notes() {
            let _ = writeln!(page, "Note: {note}.");
        }
        page
    }

    /// What limits the verdict.
    fn notes(&self) -> Vec<String> {
        let engine = self.replay.engine();
        let totals = engine.totals();
        let mut notes = Vec::new();
        if engine.networks().is_unknown() && totals.frames.packets > 0 && self.format == Format::Table {
            notes.push(
                "inside networks are unknown, so only receivers are judged; name them with --network CIDR".into(),
            );
        }
        if !self.other_links.is_empty() {
            let numbers: Vec<String> = self.other_links.iter().map(u16::to_string).collect();
            notes.push(format!("link type(s) {} are not read: their packets were counted only", numbers.join(", ")));
        }
        for allowed in engine.allowed().iter().filter(|allowed| allowed.findings > 0) {
            let (name, why) = (&allowed.rule.name, &allowed.rule.why);
            let findings = grouped(allowed.findings);
            notes.push(format!("{findings} findings were suppressed by the allow rule {name} ({why})"));
        }
        if engine.frozen_ticks() > 0 {
            notes.push("many packets carry one and the same time: without a clock there are no rates to judge".into());
        }
        let malformed: Vec<String> = Anomaly::ALL
            .iter()
            .zip(totals.anomalies)
            .filter(|(anomaly, count)| *count > 0 && **anomaly != Anomaly::LinkTypeUnsupported)
            .map(|(anomaly, count)| format!("{} {}", grouped(count), anomaly.name()))
            .collect();
        if !malformed.is_empty() && self.format == Format::Table {
            notes.push(format!("malformed or odd packets: {}", malformed.join(", ")));
        }
        notes
    }
}

fn json(incident: &Incident) -> String {
    // Serialisation of plain data into a string does not fail; an empty line would be seen at once.
    serde_json::to_string(&Detailed::new(incident)).unwrap_or_default() + "\n"
}

/// Closed incidents: printed at once as JSON, or kept for the table.
fn take(events: Vec<Event>, format: Format, found: &mut Vec<Incident>) -> Result<(), ExitCode> {
    let closed: Vec<Incident> =
        events.into_iter().filter(Event::is_last_word).map(|event| Incident::clone(&event.incident)).collect();
    match format {
        Format::Json if !closed.is_empty() => print_out(&closed.iter().map(json).collect::<String>()),
        Format::Json => Ok(()),
        Format::Table => {
            found.extend(closed);
            Ok(())
        }
    }
}

/// Incidents as rows.
fn incident_table(incidents: &[Incident]) -> Table {
    let mut table = Table::new(&[
        "OPENED (UTC)",
        "LASTED",
        "SEVERITY",
        "DIRECTION",
        "TARGET",
        "VECTORS",
        "PEAK",
        "",
        "PACKETS",
        "SOURCES",
    ]);
    for incident in incidents {
        let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
        let lasted = incident.updated_at.seconds_since(incident.opened_at) + incident.detected_after_seconds;
        let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
        let spoofed = if peers.spoofing_likely { " (spoofed)" } else { "" };
        let opened = incident.opened_at.to_string().replace('T', " ").replace('Z', "");
        table.row([
            opened,
            format!("{lasted:.1} s"),
            incident.severity.to_string(),
            incident.direction.to_string(),
            incident.target.label(),
            vectors.join("+"),
            format!("{}pps", scaled(incident.peak.packets_per_second)),
            format!("{}bit/s", scaled(incident.peak.bits_per_second)),
            grouped(incident.totals.packets),
            format!("{}{spoofed}", grouped(peers.distinct)),
        ]);
    }
    table
}

/// A bar on a terminal, for files that take more than a moment.
fn progress(name: &str, total: Option<u64>) -> Option<ProgressBar> {
    const WORTH_A_BAR: u64 = 64 << 20;
    if !std::io::stderr().is_terminal() || total.is_some_and(|total| total < WORTH_A_BAR) {
        return None;
    }
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(5));
    let template = match total {
        Some(_) => "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "{msg} {spinner} {bytes} {bytes_per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    Some(bar)
}
