//! The `pegel` program: parses its arguments, runs, and gives the outcome to the shell.

use clap::Parser;
use pegel::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    Cli::parse().run()
}
