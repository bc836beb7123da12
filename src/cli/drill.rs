//! `pegel drill`: tests whether alerts arrive.

use super::table::Table;
use super::{StateArgs, exit, print_out};
use crate::runtime::drill::{DrillOutcome, DrillProgress, DrillRequest, MAX_RATE, MAX_SECONDS, SOCKET, vectors};
use clap::{Args, ValueEnum};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const AFTER_HELP: &str = "\
Examples:
  pegel drill --vector syn_flood                         first address of the configured networks, 5 seconds
  pegel drill --vector syn_flood --target 203.0.113.7    this host, with its limits
  pegel drill --vector dns_amplification --for 180       long enough for a pager behind a group_wait
  pegel drill --list                                     which vectors can be drilled

No packet is sent. Alerts carry drill=\"true\", JSON carries \"drill\": true. Hooks in FastNetMon mode are skipped, because
their arguments cannot mark a drill, unless their configuration sets run_in_drills = true.

Exit codes: 0 every output configured for such incidents delivered it, 1 an output failed or no daemon is running,
2 wrong usage.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DrillArgs {
    /// Vector of the attack; --list shows them
    #[arg(long, required_unless_present = "list")]
    vector: Option<String>,
    /// Target of the attack [default: the first address of the configured networks]
    #[arg(long, value_name = "ADDRESS")]
    target: Option<IpAddr>,
    /// Duration of the attack in seconds
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SECONDS)))]
    seconds: u32,
    /// Packets (or requests) per second [default: the rate of the imitated tool]
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,
    /// List the vectors that can be drilled
    #[arg(long)]
    list: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    /// One object per line
    Json,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (1.0..=MAX_RATE).contains(rate));
    rate.ok_or_else(|| format!("must be a number from 1 to {MAX_RATE}"))
}

pub(super) fn run(args: &DrillArgs) -> ExitCode {
    if args.list {
        let mut table = Table::new(&["VECTOR", "CLASS"]);
        for vector in vectors() {
            table.row([vector.name(), vector.class().name()]);
        }
        return print_out(&table.to_string()).err().unwrap_or(ExitCode::from(exit::OK));
    }
    let path = match args.state.path() {
        Ok(path) => path.join(SOCKET),
        Err(code) => return code,
    };
    let vector = args.vector.clone().unwrap_or_default();
    let request = DrillRequest { vector, target: args.target, seconds: args.seconds, rate: args.rate };
    match play(&path, &request, args.format) {
        Ok(true) => ExitCode::from(exit::OK),
        Ok(false) => ExitCode::from(exit::FAILED),
        Err(error) => {
            eprintln!(
                "pegel: {}: {error}; is pegel running with this state directory, and are you its user or root?",
                path.display()
            );
            ExitCode::from(exit::FAILED)
        }
    }
}

/// Requests the drill and prints its progress; returns whether it passed.
fn play(path: &Path, request: &DrillRequest, format: Format) -> std::io::Result<bool> {
    let mut daemon = UnixStream::connect(path)?;
    // The longest silence is the attack itself, then the time that outputs may take.
    daemon.set_read_timeout(Some(Duration::from_secs(u64::from(request.seconds) + 60)))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    daemon.write_all(&line)?;
    let is_terminal = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for line in BufReader::new(daemon).lines() {
        let line = line?;
        let progress: DrillProgress = serde_json::from_str(&line)?;
        let text = match format {
            Format::Json => format!("{line}\n"),
            Format::Text => describe(&progress, is_terminal),
        };
        // If the reader of the output is gone, the drill ends.
        if print_out(&text).is_err() {
            return Ok(false);
        }
        match progress {
            DrillProgress::Ended { passed, .. } => return Ok(passed),
            DrillProgress::Refused { .. } => return Ok(false),
            _ => {}
        }
    }
    Err(std::io::Error::other("the daemon stopped during the drill"))
}

fn describe(progress: &DrillProgress, colours: bool) -> String {
    let paint = |code: &str, text: &str| match colours {
        true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    match progress {
        DrillProgress::Started { target, vector, seconds, outputs } => {
            format!("           {vector} to {target} for {seconds} s; outputs: {}\n", outputs.join(", "))
        }
        DrillProgress::Incident { after_seconds, change, summary, .. } => {
            format!("{after_seconds:>8.3} s incident {change}: {summary}\n")
        }
        DrillProgress::Output { after_seconds, output, change, outcome, message } => {
            let (code, word) = match outcome {
                DrillOutcome::Delivered => ("32", "delivered"),
                DrillOutcome::Skipped => ("33", "skipped"),
                DrillOutcome::Failed => ("31", "failed"),
            };
            let message = if message.is_empty() { String::new() } else { format!(": {message}") };
            format!("{after_seconds:>8.3} s   {output} ({change}) {}{message}\n", paint(code, word))
        }
        DrillProgress::Ended { after_seconds, passed, message } => {
            let word = if *passed { paint("32", "passed") } else { paint("31", "FAILED") };
            format!("{after_seconds:>8.3} s drill {word}: {message}\n")
        }
        DrillProgress::Refused { message } => format!("refused: {message}\n"),
    }
}
