//! `pegel posture`: runs the posture checks of this host once.

use super::common::Common;
use super::exit;
use super::print::print_out;
use super::table::Table;
use crate::base::PostureState;
use crate::posture::{Kernel, Tools, Watch};
use crate::runtime::wall_clock;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel posture                         run the checks of /etc/pegel/pegel.toml
  pegel posture --config new.toml       run those of another file before it is installed
  pegel posture --quiet || echo alarm   in a script

A check in the configuration:
  [[posture.check]]
  name = \"firewall\"
  unit_active = \"pve-firewall.service\"

Results can differ from those of the service, which runs as another user with fewer privileges.

Exit codes: 0 all checks pass (or there are none), 1 a check fails or its state is unknown, 2 wrong usage,
3 invalid configuration.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct PostureArgs {
    /// Configuration file [default: /etc/pegel/pegel.toml if it exists]
    #[arg(long, value_name = "FILE", env = "PEGEL_CONFIG")]
    config: Option<PathBuf>,
    /// Print only checks that do not pass
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &PostureArgs) -> ExitCode {
    let config = match (Common { config: args.config.clone(), network: Vec::new() }).load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    if config.posture.checks.is_empty() {
        eprintln!(
            "pegel: the configuration has no posture checks; `pegel print-config --sample` shows the available ones"
        );
        return ExitCode::from(exit::OK);
    }
    let mut watch = Watch::new(config.reloadable.posture, Kernel::under(Path::new("/")), Tools::of_this_machine());
    let mut table = Table::new(&["CHECK", "STATE", "EXPECTED", "FOUND"]);
    let (mut all_pass, mut rows) = (true, 0);
    for result in watch.evaluate(wall_clock()) {
        let passes = result.state == PostureState::Ok;
        all_pass &= passes;
        if !(args.quiet && passes) {
            rows += 1;
            table.row([&result.name, result.state.name(), &result.what, &result.message]);
        }
    }
    if rows > 0
        && let Err(code) = print_out(&table.to_string())
    {
        return code;
    }
    ExitCode::from(if all_pass { exit::OK } else { exit::FAILED })
}
