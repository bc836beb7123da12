//! `pegel posture`: one look at the host, now.

use super::table::Table;
use super::{Common, exit, print_out};
use crate::base::PostureState;
use crate::posture::{Kernel, Tools, Watch};
use crate::runtime::wall_clock;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel posture                         the checks of /etc/pegel/pegel.toml
  pegel posture --config pegel.toml     those of another file, before it goes into force
  pegel posture --quiet || echo alarm   in a script

A check, in the configuration:
  [[posture.check]]
  name = \"firewall\"
  unit_active = \"pve-firewall.service\"

What the service may look at can differ: it runs as another user, with fewer rights.

Exit codes: 0 all hold (or there are none), 1 one fails or cannot be told, 2 wrong usage, 3 invalid configuration.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct PostureArgs {
    /// Configuration file [default: /etc/pegel/pegel.toml if it exists]
    #[arg(long, value_name = "FILE", env = "PEGEL_CONFIG")]
    config: Option<PathBuf>,
    /// Print only what does not hold
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &PostureArgs) -> ExitCode {
    let config = match (Common { config: args.config.clone(), network: Vec::new() }).load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    if config.posture.checks.is_empty() {
        eprintln!("pegel: the configuration has no checks; pegel print-config --sample shows which there can be");
        return ExitCode::from(exit::OK);
    }
    let mut watch = Watch::new(config.reloadable.posture, Kernel::under(Path::new("/")), Tools::of_this_machine());
    let mut table = Table::new(&["CHECK", "STATE", "MUST HOLD", "FOUND"]);
    let (mut all_hold, mut rows) = (true, 0);
    for result in watch.look(wall_clock()) {
        let holds = result.state == PostureState::Ok;
        all_hold &= holds;
        if !(args.quiet && holds) {
            rows += 1;
            table.row([&result.name, result.state.name(), &result.what, &result.message]);
        }
    }
    if rows > 0
        && let Err(code) = print_out(&table.to_string())
    {
        return code;
    }
    ExitCode::from(if all_hold { exit::OK } else { exit::FAILED })
}
