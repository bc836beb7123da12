//! `pegel incidents`: incidents of the store.

use super::common::StateArgs;
use super::exit;
use super::incident_table::incident_table;
use super::print::print_out;
use super::time::time;
use crate::base::{Severity, Timestamp, Vector, grouped};
use crate::incident::{Incident, model::CloseReason};
use crate::store::{Filter, Reader, StoreError, StoredIncident};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel incidents                                      the latest incidents
  pegel incidents --from 24h --severity warning        of the last day, without scans and other information
  pegel incidents --target 203.0.113.7 --format json   one address, one JSON object per line
  pegel incidents --guest 104 --from 2026-01-01 --to 2026-02-01 --format csv > january.csv
  pegel incidents 20260101T000005Z-9cfc2aa2            one incident, with its timeline and evidence

Times are UTC. An incident belongs to a period if it was open within it. The daemon need not run.

Exit codes: 0 success, even if there is none; 1 no incident has this ID, or the store cannot be read; 2 wrong usage;
3 invalid configuration.";

/// Incidents that are listed without --limit.
const DEFAULT_LIMIT: usize = 50;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct IncidentsArgs {
    /// Show this incident in full
    id: Option<String>,
    /// Open at this time or later, e.g. 2026-01-01T02:00:00Z, 2026-01-01, or 24h (ago)
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "id")]
    from: Option<Timestamp>,
    /// Opened before this time
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "id")]
    to: Option<Timestamp>,
    /// About this address, network, MAC address or interface
    #[arg(long, value_name = "TARGET", conflicts_with = "id")]
    target: Option<String>,
    /// About this guest: its ID, or ID and name as in `104 (shop)`
    #[arg(long, value_name = "GUEST", conflicts_with = "id")]
    guest: Option<String>,
    /// Captured on this interface
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    interface: Option<String>,
    /// With this vector; see `pegel list vectors`
    #[arg(long, value_parser = vector, conflicts_with = "id")]
    vector: Option<Vector>,
    /// At least this severe: info, warning or critical
    #[arg(long, value_parser = severity, conflicts_with = "id")]
    severity: Option<Severity>,
    /// Only those that are open
    #[arg(long, conflicts_with = "id")]
    open: bool,
    /// Drills too
    #[arg(long, conflicts_with = "id")]
    drills: bool,
    /// At most this many, the latest; 0 for all
    #[arg(long, value_name = "N", default_value_t = DEFAULT_LIMIT, conflicts_with = "id")]
    limit: usize,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object per line
    Json,
    /// For spreadsheets
    Csv,
}

fn vector(name: &str) -> Result<Vector, String> {
    Vector::from_name(name).ok_or_else(|| "is no vector; see `pegel list vectors`".to_owned())
}

fn severity(name: &str) -> Result<Severity, String> {
    Severity::from_name(name).ok_or_else(|| "must be info, warning or critical".to_owned())
}

pub(super) fn run(args: &IncidentsArgs) -> ExitCode {
    let directory = match args.state.path() {
        Ok(directory) => directory,
        Err(code) => return code,
    };
    let outcome = match &args.id {
        Some(id) => one(&directory, id, args.format),
        None => list(&directory, filter(args), args),
    };
    match outcome {
        Ok(page) => print_out(&page).err().unwrap_or(ExitCode::from(exit::OK)),
        Err(message) => {
            eprintln!("pegel: {message}");
            ExitCode::from(exit::FAILED)
        }
    }
}

fn filter(args: &IncidentsArgs) -> Filter {
    Filter {
        from: args.from,
        to: args.to,
        target: args.target.clone(),
        guest: args.guest.clone(),
        interface: args.interface.clone(),
        vector: args.vector,
        severity: args.severity,
        open: args.open.then_some(true),
        drills: args.drills,
        before: None,
        limit: args.limit,
    }
}

/// The store, or what to do where there is none.
pub(super) fn reader(directory: &Path) -> Result<Reader, String> {
    Reader::open(directory).map_err(|error| unreadable(directory, &error))
}

fn unreadable(directory: &Path, error: &StoreError) -> String {
    format!("the store in {} cannot be read: {error}", directory.display())
}

fn list(directory: &Path, filter: Filter, args: &IncidentsArgs) -> Result<String, String> {
    let reader = reader(directory)?;
    let (mut incidents, mut more, mut lost) = (Vec::new(), false, 0);
    let mut rest =
        Filter { limit: if filter.limit == 0 { 0 } else { filter.limit.min(crate::store::MAX_PAGE) }, ..filter };
    loop {
        let page = reader.incidents(&rest).map_err(|error| unreadable(directory, &error))?;
        incidents.extend(page.incidents);
        lost += page.unreadable;
        rest.before = page.next;
        if args.limit > 0 && incidents.len() >= args.limit {
            more = rest.before.is_some() || incidents.len() > args.limit;
            incidents.truncate(args.limit);
            break;
        }
        if rest.before.is_none() {
            break;
        }
    }
    if lost > 0 {
        eprintln!("pegel: note: {lost} incidents cannot be read; were they written by a newer version?");
    }
    // For people and spreadsheets as it happened; programs read on from the latest.
    if args.format != Format::Json {
        incidents.reverse();
    }
    match args.format {
        Format::Json => Ok(incidents.iter().map(line).collect()),
        Format::Csv => csv_page(&incidents),
        Format::Table if incidents.is_empty() => Ok("No incident.\n".to_owned()),
        Format::Table => {
            let mut page = incident_table(&incidents, true).to_string();
            if more {
                let _ = writeln!(page, "These are the latest {}; see --limit.", incidents.len());
            }
            Ok(page)
        }
    }
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

/// One row of the CSV format.
#[derive(Serialize)]
struct Row {
    id: String,
    opened_at: String,
    updated_at: String,
    closed_at: String,
    close_reason: &'static str,
    severity: &'static str,
    direction: &'static str,
    target_kind: &'static str,
    target: String,
    guest: String,
    interface: String,
    vectors: String,
    packets: u64,
    bytes: u64,
    peak_packets_per_second: u64,
    peak_bits_per_second: u64,
    sources: u64,
    spoofing_likely: bool,
}

fn csv_page(incidents: &[Incident]) -> Result<String, String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    for incident in incidents {
        let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
        let row = Row {
            id: incident.id.clone(),
            opened_at: incident.opened_at.to_string(),
            updated_at: incident.updated_at.to_string(),
            closed_at: incident.closed_at.map(|at| at.to_string()).unwrap_or_default(),
            close_reason: incident.close_reason.map_or("", CloseReason::name),
            severity: incident.severity.name(),
            direction: incident.direction.name(),
            target_kind: incident.target.kind,
            target: cell(&incident.target.label()),
            guest: cell(incident.target.guest.as_deref().unwrap_or_default()),
            interface: cell(incident.target.interface.as_deref().unwrap_or_default()),
            vectors: vectors.join(" "),
            packets: incident.totals.packets,
            bytes: incident.totals.bytes,
            peak_packets_per_second: incident.peak.packets_per_second,
            peak_bits_per_second: incident.peak.bits_per_second,
            sources: incident.sources.distinct,
            spoofing_likely: incident.sources.spoofing_likely,
        };
        out.serialize(row).map_err(|error| error.to_string())?;
    }
    let bytes = out.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Text that a spreadsheet does not take for a formula.
fn cell(text: &str) -> String {
    let plain = text.replace(char::is_control, "\u{fffd}");
    if plain.starts_with(['=', '+', '-', '@']) { format!("'{plain}") } else { plain }
}

fn one(directory: &Path, id: &str, format: Format) -> Result<String, String> {
    let found = reader(directory)?.incident(id).map_err(|error| unreadable(directory, &error))?;
    let found = found.ok_or_else(|| format!("no incident has the ID {id:?}; pegel incidents lists them"))?;
    match format {
        Format::Json => {
            #[derive(Serialize)]
            struct Whole<'a> {
                #[serde(flatten)]
                incident: &'a Incident,
                mitigations: &'a [serde_json::Value],
            }
            Ok(line(&Whole { incident: &found.incident, mitigations: &found.mitigations }))
        }
        Format::Csv => csv_page(std::slice::from_ref(&found.incident)),
        Format::Table => Ok(page(&found)),
    }
}

fn page(found: &StoredIncident) -> String {
    let incident = &found.incident;
    let plain = |text: &str| text.replace(char::is_control, "\u{fffd}");
    let mut page = incident_table(std::slice::from_ref(incident), true).to_string();
    let mut say = |text: String| {
        page.push_str(&plain(&text));
        page.push('\n');
    };
    say(String::new());
    for evidence in &incident.evidence {
        say(format!("    {}", evidence.message));
    }
    say(String::new());
    for change in &found.changes {
        say(format!("    {}  {:<9} {:<8} {}", change.at, change.change, change.severity.name(), change.vector));
    }
    say(String::new());
    if incident.part_of.is_some() {
        say(format!("It is part of the incident about {}.", incident.part_of.as_deref().unwrap_or_default()));
    }
    say(match (incident.closed_at, incident.close_reason) {
        (None, _) => "It is open.".to_owned(),
        (Some(at), Some(reason)) => format!("Closed at {at} ({}).", reason.name()),
        (Some(at), None) => format!("Closed at {at}."),
    });
    let coverage = incident.coverage;
    say(format!(
        "Captured: {:.2} % of the packets; {} dropped by the kernel; sampled 1 in {}.",
        coverage.captured * 100.0,
        grouped(coverage.kernel_dropped),
        coverage.sampled
    ));
    if let (Some(url), Some(_)) = (&incident.evidence_url, incident.closed_at) {
        say(format!("Evidence: {url}"));
    }
    if !found.mitigations.is_empty() {
        say(format!("Suggested filters and routes: pegel incidents {} --format json | jq .mitigations", incident.id));
    }
    page
}
