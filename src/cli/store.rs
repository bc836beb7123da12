//! `pegel store`: checks, shrinks, exports and forgets.

use super::common::StateArgs;
use super::exit;
use super::print::print_out;
use crate::base::Timestamp;
use crate::base::{Addr, grouped};
use crate::store::{Database, EVIDENCE, Filter, Reader, StateDir, StoreError, SubjectKind, evidence};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel store check                    is the store whole, how large is it, what is in it
  pegel store export > store.jsonl     incidents, minutes and notes, one JSON object per line
  pegel store forget 198.51.100.9      delete what is stored about an address
  pegel store vacuum                   return the space of what was deleted

The daemon may run meanwhile, except for forget; vacuum makes it keep its news in memory for as long as it takes.

Exit codes: 0 success; 1 the store is damaged or cannot be read or written; 2 wrong usage; 3 invalid configuration.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Subcommand)]
enum Action {
    /// Check every page and index of the database, and print what it contains
    Check,
    /// Rewrite the database without the space of what was deleted
    Vacuum,
    /// Print incidents, minutes of hosts and guests, and what happened to Pegel as JSON, one object per line
    Export,
    /// Delete what is stored about an address: its minutes, the incidents about it, its mention in others, and the evidence
    /// of all these
    Forget {
        /// The address
        address: IpAddr,
    },
}

pub(super) fn run(args: &StoreArgs) -> ExitCode {
    let directory = match args.state.path() {
        Ok(directory) => directory,
        Err(code) => return code,
    };
    let outcome = match args.action {
        Action::Check => check(&directory),
        Action::Vacuum => vacuum(&directory),
        Action::Export => return export(&directory),
        Action::Forget { address } => match args.state.signing_key() {
            Ok(key) => forget(&directory, key.as_deref(), address.into()),
            Err(code) => return code,
        },
    };
    match outcome {
        Ok(text) => print_out(&text).err().unwrap_or(ExitCode::from(exit::OK)),
        Err(error) => failed(&directory, &error),
    }
}

fn failed(directory: &Path, error: &StoreError) -> ExitCode {
    eprintln!("pegel: the store in {}: {error}", directory.display());
    if error.is_damage() {
        eprintln!(
            "pegel: the daemon sets a damaged store aside when it starts, and begins another; sqlite3 {} .recover can save \
             what is readable",
            directory.join(crate::store::DATABASE).display()
        );
    }
    ExitCode::from(exit::FAILED)
}

/// For writing; unlike the daemon, this creates no store.
fn writable(directory: &Path) -> Result<Database, StoreError> {
    Reader::open(directory)?;
    Database::open(directory, 0)
}

fn check(directory: &Path) -> Result<String, StoreError> {
    let reader = Reader::open(directory)?;
    reader.check()?;
    let counts = reader.counts()?;
    let mut text = String::new();
    let _ = writeln!(text, "The store is whole.");
    for (what, count) in [
        ("incidents", counts.incidents),
        ("of them open", counts.open),
        ("minutes of interfaces", counts.interface_minutes),
        ("minutes of hosts and guests", counts.subject_minutes),
        ("packets", counts.packets),
        ("bytes", counts.bytes),
    ] {
        let _ = writeln!(text, "{:>16} {what}", grouped(count));
    }
    Ok(text)
}

fn vacuum(directory: &Path) -> Result<String, StoreError> {
    let mut database = writable(directory)?;
    let before = database.file_bytes()?;
    database.vacuum()?;
    let after = database.file_bytes()?;
    Ok(format!("{} bytes, {} before\n", grouped(after), grouped(before)))
}

/// One line of an export.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Incident {
        incident: &'a crate::incident::Incident,
        mitigations: &'a [serde_json::Value],
        changes: Vec<[String; 4]>,
    },
    Minute {
        subject: &'a str,
        is_guest: bool,
        minute: Timestamp,
        received: [u64; 4],
        sent: [u64; 4],
    },
    Note {
        at: Timestamp,
        about: &'a str,
        text: &'a str,
    },
}

fn export(directory: &Path) -> ExitCode {
    let reader = match Reader::open(directory) {
        Ok(reader) => reader,
        Err(error) => return failed(directory, &error),
    };
    match export_all(&reader) {
        Ok(Ok(())) => ExitCode::from(exit::OK),
        Ok(Err(code)) => code,
        Err(error) => failed(directory, &error),
    }
}

/// The inner error is the exit code where standard output is closed.
fn export_all(reader: &Reader) -> Result<Result<(), ExitCode>, StoreError> {
    let line = |line: &Line<'_>| print_out(&(serde_json::to_string(line).unwrap_or_default() + "\n"));
    let all = (Timestamp::ZERO, Timestamp::from_nanos(u64::MAX));
    let mut filter = Filter { drills: true, ..Filter::default() };
    loop {
        let page = reader.incidents(&filter)?;
        for incident in &page.incidents {
            let Some(found) = reader.incident(&incident.id)? else { continue };
            let changes = found.changes.iter().map(|change| {
                [change.at.to_string(), change.change.clone(), change.severity.to_string(), change.vector.to_string()]
            });
            let (mitigations, changes) = (found.mitigations.as_slice(), changes.collect());
            if let Err(code) = line(&Line::Incident { incident: &found.incident, mitigations, changes }) {
                return Ok(Err(code));
            }
        }
        filter.before = page.next;
        if filter.before.is_none() {
            break;
        }
    }
    for kind in [SubjectKind::Host, SubjectKind::Guest] {
        for subject in reader.subjects(kind, all.0, all.1)? {
            for minute in reader.minutes(kind, Some(&subject), all.0, all.1)? {
                let of = |direction: &crate::store::DirectionMinute| {
                    let (count, packets) = (direction.count, direction.peak_packets_per_second);
                    [count.packets, count.bytes, packets, direction.peak_bits_per_second]
                };
                let (received, sent) = (of(&minute.received), of(&minute.sent));
                let is_guest = kind == SubjectKind::Guest;
                let row = Line::Minute { subject: &subject, is_guest, minute: minute.minute, received, sent };
                if let Err(code) = line(&row) {
                    return Ok(Err(code));
                }
            }
        }
    }
    for note in reader.notes(all.0, all.1)? {
        if let Err(code) = line(&Line::Note { at: note.at, about: &note.kind, text: &note.text }) {
            return Ok(Err(code));
        }
    }
    Ok(Ok(()))
}

fn forget(directory: &Path, signing_key: Option<&Path>, address: Addr) -> Result<String, StoreError> {
    // The daemon has the order of the evidence, and open incidents, in memory.
    let Some(_lock) = StateDir::at(directory).lock_store()? else {
        return Err(io::Error::other("the daemon writes it at present; stop it, and run this again").into());
    };
    // What can fail comes first: the database no longer knows afterwards which evidence is concerned.
    let folder = directory.join(EVIDENCE);
    let key = signing_key.map(evidence::SigningKey::read).transpose().map_err(io::Error::other)?;
    let mut chain = if folder.is_dir() { Some(evidence::Chain::open(&folder, key)?) } else { None };
    let mut database = writable(directory)?;
    let forgotten = database.forget(address)?;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Deleted: {} minutes of {address}, {} incidents about it, and its mention in {} others.",
        grouped(forgotten.minutes),
        forgotten.incidents.len(),
        forgotten.mentions.len()
    );
    StateDir::at(directory).forget_running_minute()?;
    if let Some(chain) = &mut chain {
        let mut deleted = 0;
        for id in forgotten.incidents.iter().chain(&forgotten.mentions) {
            deleted += usize::from(chain.forget(id)?);
        }
        let _ = writeln!(
            text,
            "Deleted: the evidence of {deleted} incidents; that of the others can be verified as before. Their packets may hold the \
             address still."
        );
        keep_owner(&folder)?;
    }
    keep_owner(directory)?;
    Ok(text)
}

/// Gives the files of a folder to its owner: the daemon must be able to write what root has written here.
fn keep_owner(folder: &Path) -> io::Result<()> {
    let owner = folder.metadata()?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.symlink_metadata()?;
        if file.is_file() && file.uid() != owner.uid() {
            std::os::unix::fs::lchown(&path, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    Ok(())
}
