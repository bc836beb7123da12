//! The generated tables of the reference: metrics and the command line.

use super::{cell, table};
use clap::{Command, CommandFactory};
use pegel::cli::Cli;
use pegel::metrics::METRICS;

/// Columns of the help texts, so that they do not depend on the terminal.
const COLUMNS: usize = 100;

/// Every key, without the heading of the page.
pub fn configuration() -> String {
    let text = pegel::config::reference();
    text.trim_start_matches("# Configuration").trim().to_owned()
}

pub fn metrics() -> String {
    let rows: Vec<_> = METRICS
        .iter()
        .map(|spec| {
            let labels: Vec<_> = spec.labels.iter().map(|label| format!("`{label}`")).collect();
            vec![format!("`{}`", spec.name), spec.kind.name().to_owned(), labels.join(", "), cell(spec.help)]
        })
        .collect();
    table(&["metric", "type", "labels", "meaning"], &rows)
}

fn sections(command: &mut Command, path: &str, out: &mut String) {
    let help = command.clone().bin_name(path).term_width(COLUMNS).render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    out.push_str(&format!("## {path}\n\n```text\n{}\n```\n\n", help.join("\n").trim()));
    for child in command.get_subcommands_mut().filter(|child| child.get_name() != "help") {
        let path = format!("{path} {}", child.get_name());
        sections(child, &path, out);
    }
}

pub fn command_line() -> String {
    let mut command = without_environment(Cli::command().term_width(COLUMNS));
    command.build();
    let mut out = String::new();
    sections(&mut command, "pegel", &mut out);
    out
}

/// Hides the present values of environment variables.
fn without_environment(command: Command) -> Command {
    command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(without_environment)
}
