//! `pegel drill`: do alerts arrive?

use super::table::Table;
use super::{StateArgs, exit, print_out};
use crate::runtime::drill::{DrillNews, DrillOrder, DrillOutcome, FASTEST, LONGEST, SOCKET, vectors};
use clap::{Args, ValueEnum};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const AFTER_HELP: &str = "\
Examples:
  pegel drill --vector syn_flood                         on the first address of our networks, for 5 seconds
  pegel drill --vector syn_flood --target 203.0.113.7    on this host, judged by its limits
  pegel drill --vector dns_amplification --for 180       long enough for a pager behind a group_wait
  pegel drill --list                                     which vectors can be drilled

No packet leaves. Alerts carry drill=\"true\", JSON carries \"drill\": true. Hooks in FastNetMon's mode are left out, since
their arguments cannot say that it is a drill, unless their configuration says run_in_drills = true.

Exit codes: 0 every output that is told of such incidents took it, 1 one did not or there is no daemon, 2 wrong usage.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DrillArgs {
    /// What to play; --list tells which there are
    #[arg(long, required_unless_present = "list")]
    vector: Option<String>,
    /// Whom it seems to hit [default: the first address of our networks]
    #[arg(long, value_name = "ADDRESS")]
    target: Option<IpAddr>,
    /// How many seconds the attack lasts
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(LONGEST)))]
    seconds: u32,
    /// Packets (or requests) a second [default: what the imitated tool sends]
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,
    /// List the vectors that can be drilled
    #[arg(long)]
    list: bool,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    /// One object a line
    Json,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (1.0..=FASTEST).contains(rate));
    rate.ok_or_else(|| format!("must be a number from 1 to {FASTEST}"))
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
    let order = DrillOrder { vector, target: args.target, seconds: args.seconds, rate: args.rate };
    match play(&path, &order, args.format) {
        Ok(true) => ExitCode::from(exit::OK),
        Ok(false) => ExitCode::from(exit::FAILED),
        Err(error) => {
            eprintln!(
                "pegel: {}: {error}; does pegel run, with this state directory, and are you its user or root?",
                path.display()
            );
            ExitCode::from(exit::FAILED)
        }
    }
}

/// Whether it passed.
fn play(path: &Path, order: &DrillOrder, format: Format) -> std::io::Result<bool> {
    let mut daemon = UnixStream::connect(path)?;
    // It says something at least whenever the attack, its end or an output does.
    daemon.set_read_timeout(Some(Duration::from_secs(u64::from(order.seconds) + 60)))?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    daemon.write_all(&line)?;
    let is_terminal = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for line in BufReader::new(daemon).lines() {
        let line = line?;
        let news: DrillNews = serde_json::from_str(&line)?;
        let text = match format {
            Format::Json => format!("{line}\n"),
            Format::Text => words(&news, is_terminal),
        };
        // Who stops reading stops the drill.
        if print_out(&text).is_err() {
            return Ok(false);
        }
        match news {
            DrillNews::Ended { passed, .. } => return Ok(passed),
            DrillNews::Refused { .. } => return Ok(false),
            _ => {}
        }
    }
    Err(std::io::Error::other("the daemon ended in the middle of it"))
}

fn words(news: &DrillNews, colours: bool) -> String {
    let paint = |code: &str, text: &str| match colours {
        true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    match news {
        DrillNews::Started { target, vector, seconds, outputs } => {
            format!("           {vector} to {target} for {seconds} s; to be told: {}\n", outputs.join(", "))
        }
        DrillNews::Incident { after_seconds, change, summary, .. } => {
            format!("{after_seconds:>8.3} s incident {change}: {summary}\n")
        }
        DrillNews::Output { after_seconds, output, change, outcome, message } => {
            let (code, word) = match outcome {
                DrillOutcome::Delivery => ("32", "took it"),
                DrillOutcome::Skipped => ("33", "skipped it"),
                DrillOutcome::Failed => ("31", "did not take it"),
            };
            let message = if message.is_empty() { String::new() } else { format!(": {message}") };
            format!("{after_seconds:>8.3} s   {output} ({change}) {}{message}\n", paint(code, word))
        }
        DrillNews::Ended { after_seconds, passed, message } => {
            let word = if *passed { paint("32", "passed") } else { paint("31", "FAILED") };
            format!("{after_seconds:>8.3} s drill {word}: {message}\n")
        }
        DrillNews::Refused { message } => format!("refused: {message}\n"),
    }
}
