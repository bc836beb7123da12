//! `pegel check-config` and `pegel print-config`.

use super::{Common, exit, print_out};
use crate::config::{Config, ConfigErrors, DEFAULT_PATH, render};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub(super) struct CheckArgs {
    /// File to check [default: /etc/pegel/pegel.toml]
    file: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct PrintArgs {
    #[command(flatten)]
    common: Common,
    /// Print the commented sample file instead
    #[arg(long)]
    sample: bool,
}

pub(super) fn check(args: &CheckArgs) -> ExitCode {
    let path = args.file.clone().unwrap_or_else(|| DEFAULT_PATH.into());
    let web = |config| match crate::runtime::web(&config) {
        Ok(_) => Ok(()),
        Err(errors) => Err(ConfigErrors { source: path.display().to_string(), errors }),
    };
    match Config::load(Some(&path)).and_then(web) {
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
            Ok(config) => render(&config, false),
            Err(code) => return code,
        }
    };
    match print_out(&text) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(code) => code,
    }
}
