//! `pegel top`: what is going on, on a terminal.

use super::common::Common;
use super::exit;
use super::top_feed::{Poller, play};
use crate::output::endpoint::Endpoint;
use crate::tui::{self, Controls, Feed, Settings, Source, Speed};
use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

const AFTER_HELP: &str = "\
Examples:
  pegel top                                           the daemon on this machine
  pegel top --url https://gw1.example.net:7343 --user ops --password-file ~/.pegel-password
  pegel top --network 203.0.113.0/24 attack.pcap      a capture, as it happened; + and - change the speed
  zcat big.pcap.gz | pegel top --speed max -          a capture from a pipe
  pegel top --speed 16 day1.pcap day2.pcap            sixteen times as fast
  NO_COLOR=1 pegel top                                without colours

Keys: 1-7 or Tab show a pane, Enter opens a row, Esc goes back, / filters, s sorts, space pauses, ? lists all, q quits.

Exit codes: 0 left by the user or by a signal, 1 a file could not be read in full or the terminal failed, 2 wrong usage or
no terminal, 3 invalid configuration.";

/// Time limit for one request to the daemon, in seconds: a daemon that hangs is soon shown as lost.
const TIMEOUT_SECONDS: u32 = 5;
/// Messages that may wait for the view. A capture that is played faster than it is drawn waits for it.
const WAITING: usize = 64;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct TopArgs {
    /// Capture files to play, in this order as one timeline, instead of the daemon; `-` is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// URL of the running daemon
    #[arg(long, default_value = "http://127.0.0.1:7343", conflicts_with = "files")]
    url: String,
    /// User name for the daemon, if it requires authentication
    #[arg(long, requires = "password_file", conflicts_with = "files")]
    user: Option<String>,
    /// File with the password in its first line
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// CA certificates (PEM) to trust for https instead of those of the system
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    ca_file: Option<PathBuf>,
    /// Seconds of a capture per second: 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, or max for as fast as possible
    #[arg(long, value_name = "N", default_value = "1", requires = "files")]
    speed: Speed,
    /// Scroll and select with the mouse. The terminal can then select no text, or only with Shift
    #[arg(long)]
    mouse: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: TopArgs) -> ExitCode {
    if !std::io::stdout().is_terminal() {
        eprintln!("pegel: pegel top needs a terminal; for programs there is /api/v1/overview");
        return ExitCode::from(exit::USAGE);
    }
    let controls = Arc::new(Controls::new(args.speed));
    let (source, feed, reader) = match start(&args, &controls) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let stop = Arc::new(AtomicBool::new(false));
    // SIGHUP ends it at once: there is no terminal to be given back.
    for signal in [SIGTERM, SIGINT] {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&stop)) {
            eprintln!("pegel: cannot handle signals: {error}");
            return ExitCode::from(exit::FAILED);
        }
    }
    // By the convention of no-color.org, an empty one does not count.
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if let Err(error) = tui::run(feed, controls, &Settings { source, mouse: args.mouse, colour, stop }) {
        eprintln!("pegel: terminal: {error}");
        return ExitCode::from(exit::FAILED);
    }
    // One that is still waiting ends with the process.
    match reader.is_finished().then(|| reader.join()) {
        Some(Ok(Err(message))) => {
            eprintln!("pegel: {message}");
            ExitCode::from(exit::FAILED)
        }
        Some(Err(_)) => ExitCode::from(exit::FAILED),
        Some(Ok(Ok(()))) | None => ExitCode::from(exit::OK),
    }
}

type Started = (Source, Receiver<Feed>, JoinHandle<Result<(), String>>);

/// Starts the thread that feeds the view.
fn start(args: &TopArgs, controls: &Arc<Controls>) -> Result<Started, ExitCode> {
    let (sender, receiver) = sync_channel(WAITING);
    if args.files.is_empty() {
        let endpoint = Endpoint {
            url: args.url.clone(),
            ca_file: args.ca_file.clone().unwrap_or_default(),
            username: args.user.clone().unwrap_or_default(),
            password_file: args.password_file.clone().unwrap_or_default(),
            bearer_token_file: PathBuf::new(),
            timeout_seconds: TIMEOUT_SECONDS,
        };
        let poller = Poller::new(endpoint);
        let reader = thread::spawn(move || {
            poller.run(&sender);
            Ok(())
        });
        return Ok((Source::Daemon(args.url.clone()), receiver, reader));
    }
    let config = args.common.load()?;
    for path in args.files.iter().filter(|path| *path != Path::new("-")) {
        // Told before the screen is taken over.
        if let Err(error) = File::open(path) {
            eprintln!("pegel: {}: {error}", path.display());
            return Err(ExitCode::from(exit::FAILED));
        }
    }
    let name = |path: &PathBuf| match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    };
    let names: Vec<String> = args.files.iter().map(name).collect();
    let (files, controls) = (args.files.clone(), Arc::clone(controls));
    let reader = thread::spawn(move || play(&files, &config, &controls, &sender));
    Ok((Source::Files(names.join(" ")), receiver, reader))
}
