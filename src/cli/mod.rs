//! The command line: one file per subcommand.

mod common;
mod conclusion;
mod config;
mod drill;
mod evidence;
mod exit;
mod explanation;
mod guests;
mod import;
mod incident_table;
mod incidents;
mod limits;
mod list;
mod maintenance;
mod posture;
mod print;
mod replay;
mod replay_documents;
mod report;
mod report_settings;
mod run;
mod status_line;
mod store;
mod suggest;
mod table;
mod time;
mod top;
mod top_feed;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use common::StateArgs;
use print::print_out;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel run                                 monitor the interface of the default route
  pegel run -i vmbr0 -i eno1                monitor two interfaces
  pegel top                                 watch it on a terminal
  pegel replay attack.pcap                  list the incidents in a capture file
  zcat big.pcap.gz | pegel replay -         read the capture from a pipe
  pegel replay --format json *.pcap | jq    print one JSON object per incident
  pegel incidents --from 24h                list what happened since yesterday
  pegel guests                              list guests with their MAC addresses and bridge ports
  pegel import arp.dat                      adopt the stations that arpwatch knows
  pegel suggest 20260101T000005Z-9cfc2aa2   print filters and routes against an attack
  pegel verify /var/lib/pegel/evidence      check that no evidence was altered or removed
  pegel check-config pegel.toml             list all errors of a configuration file
  pegel drill --vector syn_flood            test that alerts arrive; no packet is sent
  pegel posture                             run the posture checks of this host

Environment:
  PEGEL_CONFIG  configuration file, as --config
  PEGEL_LOG     log level of run: error, warn, info (default) or debug
  NO_COLOR      no colours, if set; without it, log lines are coloured only on a terminal

Exit codes:
  0  success
  1  a file, interface or output failed, or a check does not pass
  2  wrong usage
  3  invalid configuration
  4  missing privilege";

const COMPLETIONS_HELP: &str = "\
Examples:
  pegel completions bash > /etc/bash_completion.d/pegel
  pegel completions zsh > /usr/share/zsh/site-functions/_pegel";

/// Detects denial-of-service attacks and abuse of bridged MAC addresses, with evidence
#[derive(Parser)]
#[command(name = "pegel", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Monitor interfaces: capture packets, detect attacks, expose metrics, send alerts
    Run(run::RunArgs),
    /// Watch the daemon, or a capture, on a terminal: attacks, targets, sources, guests, stations
    Top(top::TopArgs),
    /// Analyse capture files (pcap or pcapng, plain or gzip) and print the incidents
    Replay(replay::ReplayArgs),
    /// Check a configuration file and print all its errors
    CheckConfig(config::CheckArgs),
    /// Print the effective configuration, including all defaults
    PrintConfig(config::PrintArgs),
    /// Print the limits in force for a host and where each comes from
    PrintLimits(limits::LimitsArgs),
    /// List stored incidents, or show one
    Incidents(incidents::IncidentsArgs),
    /// Write a report on an incident or a period, for customers, providers and authorities
    Report(report::ReportArgs),
    /// Check, shrink or export the store, or delete an address from it
    Store(store::StoreArgs),
    /// Print the guests of this host, their MAC addresses and the bridge ports that learned them
    Guests(guests::GuestsArgs),
    /// Print suggested filters and routes against an attack, tested on sampled packets
    Suggest(suggest::SuggestArgs),
    /// Copy the evidence of an incident, as it is or redacted
    Evidence(evidence::EvidenceArgs),
    /// Verify evidence: what was altered, removed, added or reordered
    Verify(verify::VerifyArgs),
    /// Import the database of arpwatch, so that no known station is reported as new
    Import(import::ImportArgs),
    /// Manage maintenance windows, in which incidents are expected
    Maintenance(maintenance::MaintenanceArgs),
    /// Run a synthetic attack through the running daemon to test that alerts arrive
    Drill(drill::DrillArgs),
    /// Run the posture checks of this host ([posture] in the configuration)
    Posture(posture::PostureArgs),
    /// List detectors, vectors, metrics, outputs and other registries
    List(list::ListArgs),
    /// The helper process of a run, which starts it
    #[command(hide = true)]
    Helper,
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// Shell to generate the script for
        shell: Shell,
    },
}

impl Cli {
    /// Runs the subcommand and returns its exit code.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Run(args) => run::run(args),
            Command::Top(args) => top::run(args),
            Command::Replay(args) => replay::run(args),
            Command::CheckConfig(args) => config::check(&args),
            Command::PrintConfig(args) => config::print(&args),
            Command::PrintLimits(args) => limits::run(&args),
            Command::Incidents(args) => incidents::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Store(args) => store::run(&args),
            Command::Guests(args) => guests::run(&args),
            Command::Suggest(args) => suggest::run(&args),
            Command::Evidence(args) => evidence::run(&args),
            Command::Verify(args) => verify::run(&args),
            Command::Import(args) => import::run(&args),
            Command::Maintenance(args) => maintenance::run(&args),
            Command::Drill(args) => drill::run(&args),
            Command::Posture(args) => posture::run(&args),
            Command::List(args) => list::run(&args),
            Command::Helper => run::help(),
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut Cli::command(), "pegel", &mut std::io::stdout());
                ExitCode::from(exit::OK)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
