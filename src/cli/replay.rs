//! `pegel replay`: analyses capture files.

use super::common::Common;
use super::conclusion::{self, Counted, Gaps};
use super::exit;
use super::explanation;
use super::incident_table::incident_table;
use super::print::print_out;
use super::replay_documents::Documents;
use super::report::Tongue;
use crate::base::grouped;
use crate::capture::pcap_file::PcapFile;
use crate::capture::{CaptureError, LinkType};
use crate::incident::{Detailed, Event, Incident, MaintenanceWindow, Schedule, Scope};
use crate::packet::{Anomaly, Class, Tunnels};
use crate::runtime::replay::Replay;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel replay --network 203.0.113.0/24 attack.pcap
  zcat big.pcap.gz | pegel replay -
  pegel replay --format json day1.pcap day2.pcap | jq .evidence
  pegel replay --state-dir /var/lib/pegel attack.pcap    with the learned limits of the daemon
  pegel replay --explain 203.0.113.7 attack.pcap         why an address is reported, or is not
  pegel replay --report out.html --evidence DIR x.pcap   a report, and a directory of evidence per incident

Exit codes: 0 all files were read, with or without incidents; 1 a file could not be read in full; 2 wrong usage;
3 invalid configuration.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ReplayArgs {
    /// Capture files, analysed in this order as one timeline; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Maintenance window, e.g. 2026-01-01T02:00:00Z/2026-01-01T04:00:00Z; repeatable
    #[arg(long, value_name = "START/END", value_parser = maintenance, requires = "why")]
    maintenance: Vec<Schedule>,
    /// Reason for the maintenance
    #[arg(long)]
    why: Option<String>,
    /// Use the learned limits in this state directory; it is not modified
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Show what each detector measured of this host, its limit, and what kept it silent
    #[arg(long, value_name = "ADDRESS")]
    explain: Option<IpAddr>,
    /// Write a report on the capture to this file: HTML, or Markdown or JSON by its suffix (.md, .json); one more for each
    /// of several incidents
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Language of the report
    #[arg(long, value_enum, default_value_t = Tongue::En)]
    language: Tongue,
    /// Write the evidence of each incident to DIR/ID; see `pegel verify`
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table and the evidence, at the end
    Table,
    /// One JSON object per line, printed as incidents close
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
    if args.evidence.is_none() && args.report.is_none() {
        config.tally.kept_octets = 0;
    } else if config.tally.kept_octets == 0 {
        config.tally.kept_octets = config.evidence.snaplen;
    }
    let mut replay = Replay::new(&config);
    let documents = Documents::new(args.report.as_ref(), args.language.language(), args.evidence.as_ref(), &config);
    if let Some(documents) = &documents
        && let Err(message) = documents.prepare(&mut replay, &config)
    {
        eprintln!("pegel: {message}");
        return ExitCode::from(exit::FAILED);
    }
    if let Some(path) = &args.state_dir {
        config.state_dir.clone_from(path);
        match replay.remember(&config) {
            Ok(()) => {}
            Err(message) => {
                eprintln!("pegel: {message}");
                return ExitCode::from(exit::FAILED);
            }
        }
    }
    if let Some(address) = args.explain {
        replay.explain(address.into());
    }
    let mut session = Session {
        replay,
        format: args.format,
        incidents: Vec::new(),
        tunnels: config.tunnels,
        gaps: Gaps::default(),
        failed: 0,
        explained: args.explain,
        output_closed: None,
    };
    for path in &args.files {
        session.file(path);
        if let Some(code) = session.output_closed {
            return code;
        }
    }
    session.finish(args.files.len(), documents.as_ref())
}

fn maintenance(text: &str) -> Result<Schedule, String> {
    let times = text.split_once('/').and_then(|(from, until)| Some((from.parse().ok()?, until.parse().ok()?)));
    match times {
        Some((from, until)) if from < until => Ok(Schedule::Once { from, until }),
        _ => Err("must be START/END, two UTC times, the earlier first".to_owned()),
    }
}

struct Session {
    replay: Replay,
    format: Format,
    incidents: Vec<Incident>,
    tunnels: Tunnels,
    gaps: Gaps,
    failed: usize,
    explained: Option<IpAddr>,
    /// The exit code if standard output was closed or failed.
    output_closed: Option<ExitCode>,
}

impl Session {
    fn file(&mut self, path: &Path) {
        let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let mut source = match PcapFile::open(path) {
            Ok(source) => source,
            Err(error) => return self.report(&name, &error),
        };
        let bar = progress(&name, source.total());
        let (format, mut output_closed, mut found) = (self.format, None, Vec::new());
        let mut is_first = true;
        let outcome = self.replay.run(&mut source, |source: &mut PcapFile, events, interfaces| {
            if let Some(bar) = &bar {
                bar.set_position(source.position());
            }
            // Within a file the list only grows; each file has a separate one.
            if std::mem::take(&mut is_first) {
                interfaces.clear();
            }
            let new = source.interfaces().get(interfaces.len()..).unwrap_or_default();
            interfaces.extend(new.iter().map(|interface| interface.name.clone().unwrap_or_default()));
            if output_closed.is_none() {
                output_closed = take(events, format, &mut found).err();
            }
        });
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        self.incidents.append(&mut found);
        self.output_closed = output_closed;
        for interface in source.interfaces() {
            if let LinkType::Other(number) = interface.link
                && !self.gaps.links.contains(&number)
            {
                self.gaps.links.push(number);
            }
        }
        if let Err(error) = outcome {
            self.report(&name, &error);
            self.gaps.files.push((name, source.unread()));
        }
    }

    /// Prints an error of a file. A truncated capture is not a failure: it was read to its end.
    fn report(&mut self, name: &str, error: &CaptureError) {
        if let CaptureError::Truncated(_) = error {
            eprintln!("pegel: {name}: note: {error}");
        } else {
            eprintln!("pegel: {name}: {error}");
            self.failed += 1;
        }
    }

    fn finish(mut self, files: usize, documents: Option<&Documents>) -> ExitCode {
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
            if let Some(address) = self.explained {
                eprint!("{}", explanation::page(address, self.replay.engine().explanations()));
            }
            let counted = self.counted();
            let limits = self.gaps.of_packets(&counted, self.tunnels);
            if !limits.is_empty() {
                eprintln!("pegel: note: {} packets; {}", grouped(counted.packets), limits.join("; "));
            }
            for note in self.notes() {
                eprintln!("pegel: note: {note}");
            }
        }
        if let Some(documents) = documents {
            match documents.write(&mut self.replay) {
                Ok(lines) => lines.iter().for_each(|line| eprintln!("pegel: {line}")),
                Err(message) => {
                    eprintln!("pegel: {message}");
                    self.failed += 1;
                }
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
            page.push_str(&incident_table(&self.incidents, false).to_string());
            page.push('\n');
            for incident in &self.incidents {
                let _ = writeln!(page, "{}  {} {}", incident.id, incident.direction, incident.target.label());
                for evidence in &incident.evidence {
                    let _ = writeln!(page, "    {}", evidence.message);
                }
            }
            page.push('\n');
        }
        let counted = self.counted();
        let mut limits = self.gaps.of_packets(&counted, self.tunnels);
        limits.extend(self.gaps.of_files());
        let sentence = conclusion::sentence(self.incidents.len(), &counted, self.replay.span(), &limits);
        let _ = writeln!(page, "{sentence}");
        for note in self.notes() {
            let _ = writeln!(page, "Note: {note}.");
        }
        if let Some(address) = self.explained {
            page.push('\n');
            page.push_str(&explanation::page(address, self.replay.engine().explanations()));
        }
        page
    }

    fn counted(&self) -> Counted {
        let totals = self.replay.engine().totals();
        // What has no IP header has one direction.
        let unparsed = [&totals.received, &totals.transmitted]
            .map(|counts| counts.get(Class::Unparsed.index()).map_or(0, |count| count.packets));
        Counted {
            packets: totals.frames.packets,
            bytes: totals.frames.bytes,
            unparsed: unparsed.iter().sum(),
            unopened: totals.unopened,
            anomalies: totals.anomalies,
        }
    }

    /// Limitations of the result.
    fn notes(&self) -> Vec<String> {
        let engine = self.replay.engine();
        let totals = engine.totals();
        let mut notes = Vec::new();
        if engine.networks().is_unknown() && totals.frames.packets > 0 && self.format == Format::Table {
            notes.push(
                "inside networks are unknown, so only receiving hosts are analysed; set them with --network CIDR"
                    .into(),
            );
        }
        if totals.frames.packets > 0 && self.format == Format::Table {
            notes.push(
                "a capture has no counters of its interfaces: whether a line was full (link_saturated) is not known"
                    .into(),
            );
        }
        for allowed in engine.allowed().iter().filter(|allowed| allowed.findings > 0) {
            let (name, why) = (&allowed.rule.name, &allowed.rule.why);
            let findings = grouped(allowed.findings);
            notes.push(format!("{findings} findings were suppressed by the allow rule {name} ({why})"));
        }
        if engine.frozen_ticks() > 0 {
            notes.push("many packets have the same timestamp, so no rates can be measured".into());
        }
        let malformed: Vec<String> = Anomaly::ALL
            .iter()
            .zip(totals.anomalies)
            .filter(|(anomaly, count)| *count > 0 && **anomaly != Anomaly::LinkTypeUnsupported)
            .map(|(anomaly, count)| format!("{} {}", grouped(count), anomaly.name()))
            .collect();
        if !malformed.is_empty() && self.format == Format::Table {
            notes.push(format!("packets with anomalies: {}", malformed.join(", ")));
        }
        notes
    }
}

fn json(incident: &Incident) -> String {
    // Serialising plain data into a string does not fail.
    serde_json::to_string(&Detailed::new(incident)).unwrap_or_default() + "\n"
}

/// Prints closed incidents as JSON, or collects them for the table.
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

/// A progress bar, on a terminal and for large files only.
fn progress(name: &str, total: Option<u64>) -> Option<ProgressBar> {
    const MIN_BYTES: u64 = 64 << 20;
    if !std::io::stderr().is_terminal() || total.is_some_and(|total| total < MIN_BYTES) {
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
