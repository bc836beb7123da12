//! `pegel run`: the daemon.

use super::common::Common;
use super::exit;
use super::print::print_out;
use super::status_line::{Above, StatusLine};
use crate::config::{Config, ConfigErrors, DEFAULT_PATH};
use crate::runtime;
use crate::runtime::live::{self, LiveRequest, Signals};
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const AFTER_HELP: &str = "\
Examples:
  pegel run                                       the interface of the default route
  pegel run -i vmbr0 -i eno1 --network 203.0.113.0/24
  pegel run --bpf 'not port 22' --listen 127.0.0.1:9343
  PEGEL_LOG=debug pegel run
  pegel run --print-sandbox                       what a run may still do once it captures

SIGHUP reloads the configuration; an invalid one is refused and the current one stays in force.
SIGTERM and SIGINT stop the daemon; a second one ends it immediately.
Capturing needs CAP_NET_RAW.

Exit codes: 0 stopped by a signal, 1 an interface or port cannot be opened, 2 wrong usage, 3 invalid configuration,
4 missing privilege.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RunArgs {
    /// Interface to capture on; repeatable [default: the interface of the default route]
    #[arg(short, long, value_name = "NAME")]
    interface: Vec<String>,
    /// Capture only packets that match this filter, see pcap-filter(7)
    #[arg(long, value_name = "EXPRESSION")]
    bpf: Option<String>,
    /// Kernel capture buffer in MiB per interface (with libpcap: per interface and direction)
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
    buffer: Option<u32>,
    /// Do not put interfaces into promiscuous mode
    #[arg(long)]
    no_promiscuous: bool,
    /// Listen address for metrics, health probes and the API
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Append each change of an incident to this file as JSON lines
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,
    /// Directory for state that is kept across restarts
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Enter the sandbox of a run, print what holds, and try what it must refuse; captures nothing
    #[arg(long)]
    print_sandbox: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: RunArgs) -> ExitCode {
    let mut config = match args.common.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let file_config = config.clone();
    if !args.interface.is_empty() {
        config.capture.interfaces = args.interface;
    }
    config.capture.bpf = args.bpf.unwrap_or(config.capture.bpf);
    config.capture.ring_mib = args.buffer.unwrap_or(config.capture.ring_mib);
    config.capture.buffer_mib = args.buffer.unwrap_or(config.capture.buffer_mib);
    config.capture.promiscuous &= !args.no_promiscuous;
    config.http.listen = args.listen.unwrap_or(config.http.listen);
    config.state_dir = args.state_dir.unwrap_or(config.state_dir);
    config.output.jsonl = args.jsonl.unwrap_or(config.output.jsonl);

    if let Err(errors) = runtime::web(&config) {
        let source = args.common.config.unwrap_or_else(|| DEFAULT_PATH.into()).display().to_string();
        eprintln!("{}", ConfigErrors { source, errors });
        return ExitCode::from(exit::CONFIG);
    }
    if args.print_sandbox {
        return print_sandbox(&config, args.common.config.as_deref());
    }
    let status = StatusLine::new();
    log_to_stderr(status.as_ref());
    let signals = Signals::default();
    if let Err(error) = register(&signals) {
        eprintln!("pegel: cannot handle signals: {error}");
        return ExitCode::from(exit::FAILED);
    }
    let request = LiveRequest {
        config,
        file_config,
        config_path: args.common.config,
        networks: args.common.network,
        watcher: status.as_ref().map(StatusLine::watcher),
    };
    let outcome = live::run(request, &signals);
    if let Some(status) = &status {
        status.finish();
    }
    match outcome {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            eprintln!("pegel: {error}");
            ExitCode::from(if error.is_privilege() { exit::PRIVILEGE } else { exit::FAILED })
        }
    }
}

/// Prints the steps, then each attempt with its outcome. Fails where something is possible that must not be.
fn print_sandbox(config: &Config, path: Option<&Path>) -> ExitCode {
    let (steps, attempts) = match runtime::print_sandbox(config, path) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("pegel: {error}");
            return ExitCode::from(exit::FAILED);
        }
    };
    let mut text: String = steps.iter().map(|step| format!("{step}\n")).collect();
    let mut code = exit::OK;
    for attempt in attempts {
        let outcome =
            attempt.refused.as_deref().map_or_else(|| "POSSIBLE".to_owned(), |error| format!("refused: {error}"));
        text += &format!("try to {}: {outcome}\n", attempt.what);
        code = if attempt.refused.is_some() { code } else { exit::FAILED };
    }
    match print_out(&text) {
        Ok(()) => ExitCode::from(code),
        Err(closed) => closed,
    }
}

/// `pegel helper`: the process that [`runtime`] starts; of no use to anyone else.
pub(super) fn help() -> ExitCode {
    // A signal to the group of the service must not end it before the daemon has stopped. It ends when the daemon has.
    let ignored = Arc::default();
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        // Without a handler, it only ends earlier.
        let _ = signal_hook::flag::register(signal, Arc::clone(&ignored));
    }
    match runtime::serve_as_helper() {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            eprintln!("pegel: the helper process cannot work: {error}; it is started by pegel run");
            ExitCode::from(exit::FAILED)
        }
    }
}

fn register(signals: &Signals) -> std::io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        // A second signal ends the process immediately, in case the shutdown hangs.
        signal_hook::flag::register_conditional_shutdown(signal, exit::FAILED.into(), Arc::clone(&signals.stop))?;
        signal_hook::flag::register(signal, Arc::clone(&signals.stop))?;
    }
    signal_hook::flag::register(SIGHUP, Arc::clone(&signals.reload))?;
    Ok(())
}

/// Logs to standard error at the level in PEGEL_LOG (error, warn, info, debug), with colours only on a terminal. If
/// standard error is connected to the journal, its native protocol is used: each value is a field, such as
/// PEGEL_TARGET.
fn log_to_stderr(status: Option<&StatusLine>) {
    let filter = EnvFilter::try_from_env("PEGEL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    if is_journal() {
        match tracing_journald::layer() {
            Ok(journal) => {
                let journal =
                    journal.with_field_prefix(Some("PEGEL".to_owned())).with_syslog_identifier("pegel".to_owned());
                tracing_subscriber::registry().with(filter).with(journal).init();
                return;
            }
            Err(error) => eprintln!("pegel: cannot use the journal socket: {error}"),
        }
    }
    let status = status.cloned();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Above(status.clone()))
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .init();
}

/// Whether standard error is the stream that systemd connected to the journal, by device and inode; see
/// systemd.exec(5).
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr_id = rustix::fs::fstat(std::io::stderr()).map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
    stderr_id.is_ok_and(|id| id == stream)
}
