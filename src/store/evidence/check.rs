//! Finds what was altered, removed, added or reordered, in one directory or in a folder of them.
//!
//! Everything read here may have been made by an attacker: names are compared with those that Pegel writes and never used as paths,
//! symbolic links are not followed, files are read in pieces up to a limit.

use super::files::{self, TEMPORARY};
use super::key::PublicKey;
use super::manifest::{Manifest, SCHEMA};
use super::order::{CHAIN, CHAIN_SIGNATURE, Content, Entry, MOST_OCTETS, NEW_CHAIN, NEW_SIGNATURE};
use super::seal::{INCIDENT, MANIFEST, PACKETS, PREVIOUS, PUBLIC_KEY, RATES, SIGNATURE, SUMMARY, SUMS};
use super::sums::{Digest, Line, digest};
use super::text::{is_id, plain};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// Files that `SHA256SUMS` always lists, in its order.
const LISTED: &[&str] = &[INCIDENT, MANIFEST, PACKETS, PREVIOUS, RATES, SUMMARY];
/// Most octets of `SHA256SUMS` and other short files.
const MOST_SUMS: u64 = 64 << 10;
/// Most octets of the manifest.
const MOST_MANIFEST: u64 = 1 << 20;
/// Most entries of a directory that are read, and of findings about one.
const MOST_ENTRIES: usize = 100;
/// Most files and directories of a folder that are reported as additional.
const MOST_OTHERS: usize = 1000;
/// Most entries of a folder.
const MOST_DIRECTORIES: usize = 200_000;

/// Something that is not as Pegel wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A file has other content.
    Altered(String, String),
    /// A file is missing.
    Missing(String),
    /// A file or directory that Pegel did not write.
    Additional(String, String),
    /// An incident of the chain is missing.
    Removed(String),
    /// The order of the chain was changed.
    Order(String),
    /// A signature does not fit.
    BadSignature(String, String),
    /// There is no signature, and a key was given.
    Unsigned(String),
}

/// An incident that was checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The name of its directory.
    pub id: String,
    /// What is wrong with it; nothing if it is intact.
    pub states: Vec<State>,
    /// What else is to be known, as sentences.
    pub notes: Vec<String>,
}

/// The result.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In order of the chain.
    pub incidents: Vec<Checked>,
    /// What is wrong with the folder.
    pub states: Vec<State>,
    /// What else is to be known, as sentences.
    pub notes: Vec<String>,
    /// What the check cannot show, as sentences.
    pub limits: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.states.is_empty() && self.incidents.iter().all(|one| one.states.is_empty())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Altered(file, why) => write!(f, "altered {file}: {why}"),
            State::Missing(file) => write!(f, "missing {file}"),
            State::Additional(file, why) => write!(f, "additional {file}: {why}"),
            State::Removed(id) => write!(f, "removed incident {id}"),
            State::Order(why) => write!(f, "order changed: {why}"),
            State::BadSignature(file, why) => write!(f, "bad signature {file}: {why}"),
            State::Unsigned(file) => write!(f, "unsigned {file}"),
        }
    }
}

/// Checks the directory of one incident or a folder of them. With `key`, everything must be signed by it.
///
/// # Errors
/// `path` cannot be read or holds no evidence.
pub fn check(path: &Path, key: Option<&PublicKey>) -> io::Result<Report> {
    // The operator names the path; links within it are not followed.
    let path = &fs::canonicalize(path)?;
    let is_there = |name: &str| fs::symlink_metadata(path.join(name)).is_ok();
    if is_there(SUMS) || is_there(MANIFEST) {
        return Ok(single(path, key));
    }
    folder(path, key)
}

/// Those of the directories that continue the chain after `last`, in order: intact, and each names the one before it.
pub(super) fn continuation(root: &Path, names: &[String], last: Option<&Entry>, key: Option<&PublicKey>) -> Vec<Entry> {
    let mut by_previous: BTreeMap<Option<Entry>, Vec<&str>> = BTreeMap::new();
    for name in names.iter().filter(|name| is_id(name)) {
        let claimed = read(&root.join(name), PREVIOUS, MOST_SUMS).ok().and_then(|bytes| previous(&bytes));
        if let Some(claimed) = claimed {
            by_previous.entry(claimed).or_default().push(name);
        }
    }
    let (mut found, mut last) = (Vec::new(), last.cloned());
    // Each is taken once, so that the loop ends.
    while let Some(candidates) = by_previous.remove(&last) {
        let mut intact = candidates.into_iter().filter_map(|name| {
            let found = directory(&root.join(name), key);
            let is_its_own = found.states.is_empty() && found.id.as_deref() == Some(name);
            found.sums.filter(|_| is_its_own).map(|sums| Entry { id: name.to_owned(), sums })
        });
        let Some(next) = intact.next() else { break };
        found.push(next.clone());
        last = Some(next);
    }
    found
}

/// What is wrong with the order of the chain, by the directories' own account; their other files are not read.
pub(super) fn links(root: &Path, content: &Content) -> Vec<State> {
    let positions = content.entries.iter().enumerate().map(|(position, entry)| (entry.id.as_str(), position)).collect();
    let mut states = Vec::new();
    let mut before = content.retired.as_ref().map(|(_, entry)| entry);
    for entry in &content.entries {
        if !content.forgotten.contains(&entry.id) {
            match read(&root.join(&entry.id), PREVIOUS, MOST_SUMS) {
                Ok(bytes) => {
                    let state = previous(&bytes).and_then(|named| link(named.as_ref(), before, &positions));
                    states.extend(state);
                }
                Err(State::Missing(_)) if fs::symlink_metadata(root.join(&entry.id)).is_err() => {
                    states.push(State::Removed(entry.id.clone()));
                }
                Err(state) => states.push(state),
            }
        }
        before = Some(entry);
    }
    states
}

/// A directory that was checked.
struct Found {
    states: Vec<State>,
    notes: Vec<String>,
    /// The name that the manifest gives it.
    id: Option<String>,
    /// The digest of its sums.
    sums: Option<Digest>,
    /// The incident before it, `Some(None)` if it is the first; `None` if that cannot be read.
    previous: Option<Option<Entry>>,
    /// The key that it is signed with.
    key: Option<PublicKey>,
    is_redacted: bool,
}

fn altered(file: &str, why: impl fmt::Display) -> State {
    State::Altered(file.to_owned(), plain(&why.to_string()))
}

fn directory(path: &Path, key: Option<&PublicKey>) -> Found {
    let mut found = Found {
        states: Vec::new(),
        notes: Vec::new(),
        id: None,
        sums: None,
        previous: None,
        key: None,
        is_redacted: false,
    };
    let there = match names(path, MOST_ENTRIES) {
        Ok(there) => there,
        Err(error) => {
            found.states.push(altered("directory", error));
            return found;
        }
    };
    let sums = match read(path, SUMS, MOST_SUMS) {
        Ok(sums) => sums,
        Err(state) => {
            found.states.push(state);
            Vec::new()
        }
    };
    found.sums = Some(digest(&sums));
    let listed = listed(&sums, &mut found.states);
    for (name, expected) in &listed {
        match files::size_and_digest(&path.join(name), files::MOST_OCTETS) {
            Ok((_, digest)) if digest == *expected => {}
            Ok(_) => found.states.push(altered(name, "its SHA-256 is a different one")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                found.states.push(State::Missing((*name).to_owned()))
            }
            Err(error) => found.states.push(altered(name, error)),
        }
    }
    let manifest = read(path, MANIFEST, MOST_MANIFEST).ok();
    let manifest = manifest.and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok());
    let is_signed = there.contains(SIGNATURE);
    if let Some(manifest) = &manifest {
        if manifest.schema > SCHEMA {
            found.notes.push(format!("written by a newer version: {}", plain(&manifest.program)));
        }
        found.is_redacted = manifest.derived_from.is_some();
        if manifest.signed && !is_signed {
            found.states.push(State::Missing(SIGNATURE.to_owned()));
        } else if !manifest.signed && is_signed {
            found
                .states
                .push(State::Additional(SIGNATURE.to_owned(), "the manifest says that it is not signed".to_owned()));
        }
        found.id = Some(plain(&manifest.id));
    } else if found.states.is_empty() {
        found.states.push(altered(MANIFEST, "it cannot be read"));
    }
    if is_signed {
        let own = read(path, PUBLIC_KEY, MOST_SUMS).ok();
        let own = own.and_then(|pem| PublicKey::from_pem(&String::from_utf8_lossy(&pem)));
        found.key = signed(path, SIGNATURE, &sums, key.copied().or(own), &mut found.states);
    } else if key.is_some() {
        found.states.push(State::Unsigned(SUMS.to_owned()));
    }
    let known: BTreeSet<&str> = listed.iter().map(|(name, _)| *name).chain([SUMS, SIGNATURE]).collect();
    for name in there.iter().filter(|name| !known.contains(name.as_str())).take(MOST_ENTRIES) {
        // A file that should be listed is already reported with the sums.
        if !LISTED.contains(&name.as_str()) {
            found.states.push(State::Additional(plain(name), format!("{SUMS} does not list it")));
        }
    }
    found.previous = read(path, PREVIOUS, MOST_SUMS).ok().and_then(|bytes| previous(&bytes));
    found
}

/// Verifies a signature; returns the key if it fits.
fn signed(
    path: &Path,
    name: &str,
    message: &[u8],
    key: Option<PublicKey>,
    states: &mut Vec<State>,
) -> Option<PublicKey> {
    let mut bad = |why: &str| states.push(State::BadSignature(name.to_owned(), why.to_owned()));
    let signature = match files::read(&path.join(name), MOST_SUMS) {
        Ok(signature) => signature,
        Err(error) => {
            bad(&plain(&error.to_string()));
            return None;
        }
    };
    let Some(key) = key else {
        bad("there is no public key to verify it with");
        return None;
    };
    if !key.verifies(message, &signature) {
        bad(&format!("not made with the key {}, or what is signed was altered", key.fingerprint()));
        return None;
    }
    Some(key)
}

fn read(path: &Path, name: &str, most: u64) -> Result<Vec<u8>, State> {
    files::read(&path.join(name), most).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => State::Missing(name.to_owned()),
        _ => altered(name, error),
    })
}

/// Names in a directory. Follows no symbolic link.
fn names(path: &Path, most: usize) -> io::Result<BTreeSet<String>> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return Err(io::Error::other("not a directory"));
    }
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(path)?.take(most) {
        names.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// The files that the sums list, of those that Pegel writes.
fn listed(sums: &[u8], states: &mut Vec<State>) -> Vec<(&'static str, Digest)> {
    let mut listed: Vec<(&'static str, Digest)> = Vec::new();
    let text = String::from_utf8_lossy(sums);
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.strip_suffix('\n').and_then(Line::parse);
        let name =
            line.as_ref().and_then(|line| LISTED.iter().chain(&[PUBLIC_KEY]).copied().find(|name| *name == line.name));
        match (line, name) {
            (Some(line), Some(name)) if listed.last().is_none_or(|(last, _)| *last < name) => {
                listed.push((name, line.digest));
            }
            _ if states.len() < MOST_ENTRIES => {
                states.push(altered(SUMS, format!("line {} is not as Pegel writes it", index + 1)));
            }
            _ => break,
        }
    }
    if !sums.is_empty() {
        for name in LISTED.iter().filter(|name| !listed.iter().any(|(known, _)| known == *name)) {
            states.push(altered(SUMS, format!("it does not list {name}")));
        }
    }
    listed
}

/// The incident before.
fn previous(bytes: &[u8]) -> Option<Option<Entry>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let line = Line::parse(std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?)?;
    let id = line.name.strip_prefix("../")?.strip_suffix(SUMS)?.strip_suffix('/').filter(|id| is_id(id))?;
    Some(Some(Entry { id: id.to_owned(), sums: line.digest }))
}

fn single(path: &Path, key: Option<&PublicKey>) -> Report {
    let found = directory(path, key);
    let name = fs::canonicalize(path).ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let name = plain(&name.unwrap_or_default());
    let id = found.id.clone().unwrap_or_else(|| name.clone());
    let mut report = Report::default();
    if id != name {
        report.notes.push(format!("the directory is called {name}, its incident {id}"));
    }
    if found.is_redacted {
        report.notes.push("it is a redacted copy: manifest.json says what was left out or replaced".to_owned());
    }
    report.limits.push(
        "one directory alone does not show whether incidents before or after it were removed: verify the folder"
            .to_owned(),
    );
    limits(&mut report, key, &[found.key]);
    report.incidents.push(Checked { id, states: found.states, notes: found.notes });
    report
}

/// What signatures do not show.
fn limits(report: &mut Report, given: Option<&PublicKey>, keys: &[Option<PublicKey>]) {
    let mut distinct: Vec<PublicKey> = Vec::new();
    for key in keys.iter().flatten() {
        if !distinct.contains(key) {
            distinct.push(*key);
        }
    }
    if given.is_none() && keys.iter().any(Option::is_none) {
        report.limits.push(
            "what is unsigned may have been rewritten as a whole, with new sums, by anyone who could write here"
                .to_owned(),
        );
    }
    if given.is_none() {
        for key in &distinct {
            report.limits.push(format!(
                "the public key was read from here and may have been replaced: compare its fingerprint {} with the one that the \
                 operator published, or give --public-key",
                key.fingerprint()
            ));
        }
    }
    if distinct.len() > 1 {
        report.states.push(State::BadSignature(
            PUBLIC_KEY.to_owned(),
            "the incidents are signed with different keys".to_owned(),
        ));
    }
}

fn folder(path: &Path, key: Option<&PublicKey>) -> io::Result<Report> {
    let names = names(path, MOST_DIRECTORIES)?;
    let is_evidence = names.iter().any(|name| name == CHAIN || is_id(name) && path.join(name).join(SUMS).is_file());
    if !is_evidence {
        return Err(io::Error::new(io::ErrorKind::NotFound, "holds no evidence: no incident and no CHAIN"));
    }
    let mut report = Report::default();
    if names.len() >= MOST_DIRECTORIES {
        report.states.push(altered("folder", "it has more entries than are checked"));
    }
    let (content, chain_key) = chain(path, key, &names, &mut report);
    let mut keys = vec![chain_key];
    let mut positions: BTreeMap<&str, usize> = BTreeMap::new();
    for (position, entry) in content.entries.iter().enumerate() {
        if positions.insert(&entry.id, position).is_some() {
            report.states.push(State::Order(format!("{} is in {CHAIN} twice", entry.id)));
        }
    }
    let mut before = content.retired.as_ref().map(|(_, entry)| entry);
    for entry in &content.entries {
        if content.forgotten.contains(&entry.id) {
            let rest = if names.contains(&entry.id) { "; a part is left" } else { "" };
            report.notes.push(format!("incident {} was removed on request{rest}", entry.id));
        } else if names.contains(&entry.id) {
            let mut found = directory(&path.join(&entry.id), key);
            if found.sums.is_some_and(|sums| sums != entry.sums) {
                found.states.push(altered(SUMS, format!("{CHAIN} has a different SHA-256 of it")));
            }
            let state = found.previous.as_ref().and_then(|named| link(named.as_ref(), before, &positions));
            found.states.extend(state);
            keys.push(found.key);
            report.incidents.push(checked(entry.id.clone(), found));
        } else {
            report.states.push(State::Removed(entry.id.clone()));
        }
        before = Some(entry);
    }
    let last = before.cloned();
    let mut others: Vec<String> = names.iter().filter(|name| !positions.contains_key(name.as_str())).cloned().collect();
    others.retain(|name| ![CHAIN, CHAIN_SIGNATURE, PUBLIC_KEY].contains(&name.as_str()));
    // What was sealed just before an interruption continues the chain.
    if names.contains(CHAIN) || content.entries.is_empty() {
        for entry in continuation(path, &others, last.as_ref(), key) {
            others.retain(|name| *name != entry.id);
            let mut found = directory(&path.join(&entry.id), key);
            found.notes.push(format!("not yet in {CHAIN}: Pegel was interrupted, or is writing it now"));
            keys.push(found.key);
            report.incidents.push(checked(entry.id, found));
        }
    }
    if let Some((_, retired)) = &content.retired
        && others.contains(&retired.id)
        && directory(&path.join(&retired.id), key).sums == Some(retired.sums)
    {
        others.retain(|name| *name != retired.id);
        report.notes.push(format!("incident {} is being removed by retention", retired.id));
    }
    let many = others.len();
    if many > MOST_OTHERS {
        report.states.push(State::Additional(
            format!("{many} files and directories"),
            format!("the first {MOST_OTHERS} follow"),
        ));
    }
    others.truncate(MOST_OTHERS);
    for name in others {
        if name.starts_with(TEMPORARY) || name == NEW_CHAIN || name == NEW_SIGNATURE {
            report
                .notes
                .push(format!("{} is left from an interrupted run; Pegel removes it at its next start", plain(&name)));
        } else {
            report.states.push(State::Additional(plain(&name), format!("{CHAIN} does not list it")));
        }
    }
    if let Some((count, last)) = &content.retired {
        let plural = if *count == 1 { "incident was" } else { "incidents were" };
        report.notes.push(format!("{count} earlier {plural} removed by retention, the last of them {}", last.id));
    }
    report.limits.push(
        "an older state of the whole folder, kept and put back, looks intact: compare the newest incident with the alerts".to_owned(),
    );
    limits(&mut report, key, &keys);
    Ok(report)
}

fn checked(id: String, mut found: Found) -> Checked {
    if let Some(own) = found.id.filter(|own| *own != id) {
        found.states.push(altered(MANIFEST, format!("it belongs to incident {own}")));
    }
    Checked { id, states: found.states, notes: found.notes }
}

/// Whether the incident before is the one that the directory names.
fn link(named: Option<&Entry>, before: Option<&Entry>, positions: &BTreeMap<&str, usize>) -> Option<State> {
    match (named, before) {
        (None, None) => None,
        (Some(named), Some(before)) if named == before => None,
        (Some(named), Some(before)) if named.id == before.id => {
            Some(State::Altered(before.id.clone(), format!("{PREVIOUS} has a different SHA-256 of its {SUMS}")))
        }
        (Some(named), _) if positions.contains_key(named.id.as_str()) => {
            Some(State::Order(format!("it follows {}, which is elsewhere in {CHAIN}", named.id)))
        }
        (Some(named), _) => Some(State::Removed(named.id.clone())),
        (None, Some(before)) => Some(State::Order(format!("it is the first, but {} is before it", before.id))),
    }
}

/// Reads the chain and verifies its signature.
fn chain(
    path: &Path,
    key: Option<&PublicKey>,
    names: &BTreeSet<String>,
    report: &mut Report,
) -> (Content, Option<PublicKey>) {
    let mut bytes = match read(path, CHAIN, MOST_OCTETS) {
        Ok(bytes) => bytes,
        Err(state) => {
            // Before the first write ends there is none.
            if names.iter().filter(|name| is_id(name)).count() > 1 || names.contains(CHAIN_SIGNATURE) {
                report.states.push(state);
            } else {
                report
                    .notes
                    .push(format!("there is no {CHAIN}: the first incident was written just now, or it was removed"));
            }
            Vec::new()
        }
    };
    let mut verified = None;
    if names.contains(CHAIN_SIGNATURE) {
        let pem = read(path, PUBLIC_KEY, MOST_SUMS).ok();
        let own = pem.as_ref().and_then(|pem| PublicKey::from_pem(&String::from_utf8_lossy(pem)));
        let key = key.copied().or(own);
        // No sum contains this file.
        if let Some(key) = key.filter(|key| pem.is_some_and(|pem| pem != key.pem().as_bytes())) {
            report.states.push(altered(PUBLIC_KEY, format!("it is not the key {}", key.fingerprint())));
        }
        let mut states = Vec::new();
        verified = signed(path, CHAIN_SIGNATURE, &bytes, key, &mut states);
        if let (None, Ok(new)) = (verified, read(path, NEW_CHAIN, MOST_OCTETS)) {
            verified = signed(path, CHAIN_SIGNATURE, &new, key, &mut Vec::new());
            if verified.is_some() {
                states.clear();
                bytes = new;
                report.notes.push(format!("{CHAIN} was being written: {NEW_CHAIN} is what its signature belongs to"));
            }
        }
        report.states.append(&mut states);
    } else if key.is_some() {
        report.states.push(State::Unsigned(CHAIN.to_owned()));
    } else if names.contains(PUBLIC_KEY) {
        report.states.push(State::Missing(CHAIN_SIGNATURE.to_owned()));
    }
    let (content, wrong) = Content::parse(&bytes);
    for line in wrong.iter().take(MOST_ENTRIES) {
        report.states.push(altered(CHAIN, format!("line {line} is not as Pegel writes it")));
    }
    if bytes.is_empty() && names.contains(CHAIN) && content.retired.is_none() {
        report.states.push(altered(CHAIN, "it is empty"));
    }
    (content, verified)
}
