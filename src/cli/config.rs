//! `pegel check-config` and `pegel print-config`.

use super::common::Common;
use super::exit;
use super::print::print_out;
use crate::config::{Config, ConfigErrors, DEFAULT_PATH, render};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

const CHECK_HELP: &str = "\
Examples:
  pegel check-config                  check /etc/pegel/pegel.toml
  pegel check-config new.toml         check another file before it is installed

Exit codes: 0 valid, 2 wrong usage, 3 invalid; all errors are printed to standard error.";

const PRINT_HELP: &str = "\
Examples:
  pegel print-config                        the effective configuration
  pegel print-config --sample > pegel.toml  a commented file with every key
  pegel print-config | grep -A5 syn_flood   the settings of one detector";

#[derive(Args)]
#[command(after_help = CHECK_HELP)]
pub(super) struct CheckArgs {
    /// File to check [default: /etc/pegel/pegel.toml]
    file: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = PRINT_HELP)]
pub(super) struct PrintArgs {
    #[command(flatten)]
    common: Common,
    /// Print a commented sample file with all defaults instead
    #[arg(long)]
    sample: bool,
    /// Print URLs of receivers whole, with tokens that they may have
    #[arg(long)]
    show_secrets: bool,
}

pub(super) fn check(args: &CheckArgs) -> ExitCode {
    let path = args.file.clone().unwrap_or_else(|| DEFAULT_PATH.into());
    let check_web = |config| match crate::runtime::web(&config) {
        Ok(_) => Ok(()),
        Err(errors) => Err(ConfigErrors { source: path.display().to_string(), errors }),
    };
    match Config::load(Some(&path)).and_then(check_web) {
        Ok(()) => match print_out(&format!("{}: OK\n", path.display())) {
            Ok(()) => ExitCode::from(exit::OK),
            Err(code) => code,
        },
        Err(errors) => {
            eprintln!("{errors}");
            ExitCode::from(exit::CONFIG)
        }
    }
}

pub(super) fn print(args: &PrintArgs) -> ExitCode {
    let text = if args.sample {
        render(&Config::default(), true)
    } else {
        match args.common.load() {
            Ok(config) if args.show_secrets => render(&config, false),
            Ok(config) => render(&config.without_secrets(), false),
            Err(code) => return code,
        }
    };
    match print_out(&text) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(code) => code,
    }
}
