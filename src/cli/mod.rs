//! The command line: one file per subcommand.

mod config;
mod drill;
mod guests;
mod limits;
mod list;
mod maintenance;
mod posture;
mod replay;
mod run;
mod suggest;
mod table;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use ipnet::IpNet;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit codes, the same for every subcommand; 2 is clap's own for wrong usage.
pub mod exit {
    pub const OK: u8 = 0;
    /// Something failed while running: a file that cannot be read, an interface that cannot be opened, a check of the
    /// host's posture.
    pub const FAILED: u8 = 1;
    /// The configuration is invalid.
    pub const CONFIG: u8 = 3;
    /// A privilege is missing.
    pub const PRIVILEGE: u8 = 4;
}

const AFTER_HELP: &str = "\
Examples:
  pegel run                               watch the interface of the default route
  pegel run -i vmbr0 -i eno1              watch two interfaces
  pegel replay attack.pcap                what happened in this capture?
  zcat big.pcap.gz | pegel replay -       the same from a pipe
  pegel replay --format json *.pcap | jq  one incident a line
  pegel guests                            which guest has which MAC, and where is it?
  pegel suggest 20260101T000005Z-9cfc2aa2 what could be done about this incident?
  pegel check-config pegel.toml           every error of a configuration at once
  pegel drill --vector syn_flood          do alerts arrive? (no packet leaves)
  pegel posture                           does what must hold on this host hold now?

Exit codes: 0 success, 1 something could not be read or opened, or does not hold, 2 wrong usage, 3 invalid configuration,
4 missing privilege.";

/// The flood gauge for networks: recognises DoS attacks and abuse of bridged MACs, and proves what it says.
#[derive(Parser)]
#[command(name = "pegel", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch interfaces: capture, detect, expose metrics, tell of incidents
    Run(run::RunArgs),
    /// Analyse captures (pcap or pcapng, plain or gzip) and print the incidents in them
    Replay(replay::ReplayArgs),
    /// Check a configuration file and report all its errors
    CheckConfig(config::CheckArgs),
    /// Print the configuration in force, with every default filled in
    PrintConfig(config::PrintArgs),
    /// Print every limit in force for a host, and where it comes from
    PrintLimits(limits::LimitsArgs),
    /// Print the guests of this machine, their MAC addresses and where bridges learned them
    Guests(guests::GuestsArgs),
    /// Print what could be done about an incident: filters and routes, tried on what was seen
    Suggest(suggest::SuggestArgs),
    /// Plan windows in which incidents are expected
    Window(maintenance::MaintenanceArgs),
    /// Play a synthetic attack to every output of the running daemon, to see that alerts arrive
    Drill(drill::DrillArgs),
    /// Look now at what must hold on this host ([posture] of the configuration)
    Posture(posture::PostureArgs),
    /// List what Pegel knows
    List(list::ListArgs),
    /// Print a completion script for a shell
    Completions {
        /// e.g. `pegel completions bash > /etc/bash_completion.d/pegel`
        shell: Shell,
    },
}

/// What several subcommands share.
#[derive(Args, Clone, Debug)]
struct Common {
    /// Configuration file [default: /etc/pegel/pegel.toml if it exists]
    #[arg(long, value_name = "FILE", env = "PEGEL_CONFIG")]
    config: Option<PathBuf>,
    /// A network of ours, e.g. 203.0.113.0/24; repeatable; replaces those of the configuration
    #[arg(long, value_name = "CIDR")]
    network: Vec<IpNet>,
}

impl Common {
    /// The configuration with the command line's word on top; tells the errors itself.
    fn load(&self) -> Result<crate::config::Config, ExitCode> {
        match crate::config::Config::load(self.config.as_deref()) {
            Ok(mut config) => {
                if !self.network.is_empty() {
                    config.networks.clone_from(&self.network);
                }
                Ok(config)
            }
            Err(errors) => {
                eprintln!("{errors}");
                Err(ExitCode::from(exit::CONFIG))
            }
        }
    }
}

/// Where the state is, for subcommands that need nothing else of the configuration.
#[derive(Args, Clone, Debug)]
struct StateArgs {
    /// Configuration file [default: /etc/pegel/pegel.toml if it exists]
    #[arg(long, value_name = "FILE", env = "PEGEL_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Directory of the daemon's state [default: state_dir of the configuration]
    #[arg(long, value_name = "DIR", global = true)]
    state_dir: Option<PathBuf>,
}

impl StateArgs {
    fn path(&self) -> Result<PathBuf, ExitCode> {
        match &self.state_dir {
            Some(path) => Ok(path.clone()),
            None => Common { config: self.config.clone(), network: Vec::new() }.load().map(|config| config.state_dir),
        }
    }
}

impl Cli {
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Run(args) => run::run(args),
            Command::Replay(args) => replay::run(args),
            Command::CheckConfig(args) => config::check(&args),
            Command::PrintConfig(args) => config::print(&args),
            Command::PrintLimits(args) => limits::run(&args),
            Command::Guests(args) => guests::run(&args),
            Command::Suggest(args) => suggest::run(&args),
            Command::Window(args) => maintenance::run(&args),
            Command::Drill(args) => drill::run(&args),
            Command::Posture(args) => posture::run(&args),
            Command::List(args) => list::run(&args),
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut Cli::command(), "pegel", &mut std::io::stdout());
                ExitCode::from(exit::OK)
            }
        }
    }
}

/// Prints to standard output. A reader that went away (`| head`) is no error, but there is no point in going on.
fn print_out(text: &str) -> Result<(), ExitCode> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(ExitCode::from(exit::OK)),
        Err(error) => {
            eprintln!("pegel: cannot write to standard output: {error}");
            Err(ExitCode::from(exit::FAILED))
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
