//! `pegel import`: the database of arpwatch.

use super::common::{Common, StateArgs};
use super::exit;
use super::print::print_out;
use crate::base::{Pairing, Timestamp};
use crate::runtime;
use crate::store::{KnownPairings, StateDir, arp_dat_line};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel import /var/lib/arpwatch/arp.dat
  pegel import arp.dat --interface vmbr0    for a file that arpwatch wrote on another interface
  pegel import arp.dat --interface eno1 --vlan 104

The stations and addresses in the file are known from then on: none of them is reported as
new, and the segment is no longer being learned. A running daemon reads them within seconds,
without a reload. Importing a file again changes nothing.

Lines that cannot be used are printed to standard error with their numbers; the rest is imported.

Exit codes: 0 success, 1 the file or some of its lines cannot be used, 2 wrong usage,
3 invalid configuration.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ImportArgs {
    /// Database of arpwatch, mostly called arp.dat
    file: PathBuf,
    /// Interface on which Pegel captures the segment [default: the one that each line names, else the one that `pegel run` captures]
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// VLAN ID of the frames on that interface; 0: untagged
    #[arg(long, value_name = "ID", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..4095))]
    vlan: u16,
    #[command(flatten)]
    state: StateArgs,
}

/// Most bytes of a file that are read.
const MAX_BYTES: u64 = 64 << 20;
/// Most lines with problems that are printed.
const MAX_PRINTED: usize = 20;

pub(super) fn run(args: &ImportArgs) -> ExitCode {
    match import(args) {
        Ok((text, code)) => print_out(&text).err().unwrap_or(ExitCode::from(code)),
        Err(code) => code,
    }
}

fn fail(path: &Path, message: impl std::fmt::Display) -> ExitCode {
    eprintln!("pegel: {}: {message}", path.display());
    ExitCode::from(exit::FAILED)
}

fn import(args: &ImportArgs) -> Result<(String, u8), ExitCode> {
    let state = args.state.path()?;
    let text = read(&args.file).map_err(|error| fail(&args.file, error))?;
    let (lines, problems) = pairings(&text, runtime::wall_clock());
    print_problems(&args.file, &problems);
    let needs_default = args.interface.is_none() && lines.iter().any(|(named, _)| named.is_none());
    let default = if needs_default { Some(captured_interface(args)?) } else { None };
    let mut known: BTreeMap<String, Vec<Pairing>> = BTreeMap::new();
    for (named, pairing) in lines {
        if let Some(interface) = args.interface.clone().or(named).or_else(|| default.clone()) {
            known.entry(interface).or_default().push(pairing);
        }
    }
    if known.is_empty() {
        return Err(fail(&args.file, "has no pairings"));
    }
    let mut report = String::new();
    let new: Vec<KnownPairings> = known
        .into_iter()
        .map(|(interface, pairings)| {
            let vlan = if args.vlan == 0 { String::new() } else { format!(", VLAN {}", args.vlan) };
            let _ = writeln!(report, "{interface}{vlan}: {} pairings imported", pairings.len());
            KnownPairings { interface, vlan: args.vlan, observed_seconds: None, pairings }
        })
        .collect();
    let directory = StateDir::open(&state).map_err(|error| fail(&state, error))?;
    directory.import_pairings(new).map_err(|error| fail(&state, error))?;
    let _ = writeln!(report, "saved in {}; a running daemon reads them within seconds", state.display());
    Ok((report, if problems.is_empty() { exit::OK } else { exit::FAILED }))
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 64 MiB"));
    }
    // What is not text is reported with its line.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A pairing with the interface that its line names; a line number and what is wrong with the line.
type Lines = (Vec<(Option<String>, Pairing)>, Vec<(usize, String)>);

fn pairings(text: &str, now: Timestamp) -> Lines {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        match arp_dat_line(line, now) {
            Ok(Some(line)) => found.push((line.interface, line.pairing)),
            Ok(None) => {}
            Err(message) => problems.push((number, message)),
        }
    }
    (found, problems)
}

fn print_problems(path: &Path, problems: &[(usize, String)]) {
    for (number, message) in problems.iter().take(MAX_PRINTED) {
        // Text from files must not contain terminal control sequences.
        let plain = message.replace(char::is_control, "\u{fffd}");
        eprintln!("pegel: {}:{number}: {plain}", path.display());
    }
    if let Some(more) = problems.len().checked_sub(MAX_PRINTED).filter(|more| *more > 0) {
        eprintln!("pegel: {}: {more} more lines cannot be used", path.display());
    }
}

/// The interface that `pegel run` captures, if it is one.
fn captured_interface(args: &ImportArgs) -> Result<String, ExitCode> {
    let config = Common { config: args.state.config.clone(), network: Vec::new() }.load()?;
    let captured = runtime::captured_interfaces(&config.capture).unwrap_or_default();
    match <[String; 1]>::try_from(captured) {
        Ok([interface]) => Ok(interface),
        Err(_) => Err(fail(&args.file, "names no interface, and Pegel captures none or several; use --interface")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_have_line_numbers_and_the_rest_is_used() {
        let text =
            "0:c:29:1:2:3\t203.0.113.7\t1700000000\tshop\teth0\n\nnonsense\n0:c:29:1:2:4\t203.0.113.8\t1700000000\n";
        let (lines, problems) = pairings(text, Timestamp::from_parts(1_767_225_600, 0));
        let named: Vec<Option<&str>> = lines.iter().map(|(interface, _)| interface.as_deref()).collect();
        assert_eq!(named, [Some("eth0"), None]);
        assert_eq!(problems.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3]);
    }
}
