//! `pegel verify`: checks evidence.

use super::exit;
use super::print::print_out;
use crate::store::evidence::{PublicKey, Report, check};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel verify /var/lib/pegel/evidence                            the whole chain of incidents
  pegel verify /var/lib/pegel/evidence --public-key pegel.pem     and that the operator signed it
  pegel verify 20260101T000005Z-9cfc2aa2                          one directory that was handed over

Without Pegel, `sha256sum` and `openssl` check the same; the book has the commands (Evidence).

Exit codes: 0 everything is intact; 1 something was altered, removed, added or reordered, is not signed although
--public-key is given, or could not be read; 2 wrong usage.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct VerifyArgs {
    /// Directory of one incident, or the folder of them
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// Public key of the operator (PEM), instead of the one beside the evidence; everything must be signed with it
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
}

pub(super) fn run(args: &VerifyArgs) -> ExitCode {
    let key = args.public_key.as_deref().map(PublicKey::read).transpose();
    let report = key
        .and_then(|key| check(&args.path, key.as_ref()).map_err(|error| format!("{}: {error}", args.path.display())));
    match report {
        Ok(report) => {
            let code = if report.is_intact() { exit::OK } else { exit::FAILED };
            print_out(&page(&report)).err().unwrap_or(ExitCode::from(code))
        }
        Err(message) => {
            eprintln!("pegel: {message}");
            ExitCode::from(exit::FAILED)
        }
    }
}

/// The result as text. What others wrote was made safe to print by the check.
fn page(report: &Report) -> String {
    let mut page = String::new();
    for incident in &report.incidents {
        if incident.states.is_empty() {
            let _ = writeln!(page, "{}  ok", incident.id);
        }
        for state in &incident.states {
            let _ = writeln!(page, "{}  {state}", incident.id);
        }
        for note in &incident.notes {
            let _ = writeln!(page, "{}  note: {note}", incident.id);
        }
    }
    for state in &report.states {
        let _ = writeln!(page, "{state}");
    }
    for note in &report.notes {
        let _ = writeln!(page, "note: {note}");
    }
    for limit in &report.limits {
        let _ = writeln!(page, "not shown by this check: {limit}");
    }
    let intact = report.incidents.iter().filter(|incident| incident.states.is_empty()).count();
    let plural = if report.incidents.len() == 1 { "" } else { "s" };
    let verdict = if report.is_intact() { "intact" } else { "NOT INTACT" };
    let _ = writeln!(page, "{verdict}: {intact} of {} incident{plural} ok", report.incidents.len());
    page
}
