//! `pegel run`: the daemon.

use super::common::Common;
use super::exit;
use super::status_line::{Above, StatusLine};
use crate::config::{ConfigErrors, DEFAULT_PATH};
use crate::runtime;
use crate::runtime::live::{self, LiveRequest, Signals};
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
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
