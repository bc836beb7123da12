//! Writes the directory of an incident: complete and durable under its name, or not at all.

use super::files::{self, TEMPORARY};
use super::key::SigningKey;
use super::manifest::{FileSize, Manifest, Packets, PreviousSums, SCHEMA, pretty, program};
use super::sums::{Digest, Line, digest, hex};
use super::text::{is_id, plain};
use super::{capture, rates, summary};
use crate::incident::Incident;
use crate::store::{KeptPacket, StoredIncident};
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(super) const INCIDENT: &str = "incident.json";
pub(super) const RATES: &str = "rates.csv";
pub(super) const SUMMARY: &str = "summary.txt";
pub(super) const PACKETS: &str = "packets.pcapng";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const PREVIOUS: &str = "previous.sha256";
pub(super) const SUMS: &str = "SHA256SUMS";
pub(super) const SIGNATURE: &str = "SHA256SUMS.sig";
pub(super) const PUBLIC_KEY: &str = "public.pem";

/// What the evidence of an incident is made of.
#[derive(Clone, Copy)]
pub struct EvidenceInput<'a> {
    /// The incident.
    pub incident: &'a StoredIncident,
    /// Its packets, in any order. A VLAN tag is part of their octets.
    pub packets: &'a [KeptPacket],
    /// Names of the interfaces, by [`KeptPacket::interface`].
    pub interfaces: &'a [String],
    /// Most octets kept of a packet.
    pub snaplen: u32,
    /// How packets were chosen, as in "at most 32 packets per target and tick".
    pub sampling: &'a str,
}

/// The incident before in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Its ID.
    pub id: String,
    /// SHA-256 of its `SHA256SUMS`, in hexadecimal digits.
    pub sums_sha256: String,
}

/// Evidence that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// SHA-256 of its `SHA256SUMS`, in hexadecimal digits.
    pub sums_sha256: String,
    /// Its directory.
    pub path: PathBuf,
}

/// An incident with its suggestions, as in the incident JSON.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    #[serde(flatten)]
    pub(super) incident: &'a Incident,
    pub(super) mitigations: &'a [serde_json::Value],
}

/// The files of a directory, without manifest and sums.
pub(super) type Contents = Vec<(&'static str, Vec<u8>)>;

/// Writes the directory `root`/ID. [`Chain::seal`](super::Chain::seal) does so and appends it to the chain.
///
/// # Errors
/// Those of the file system; `AlreadyExists` if there is such a directory.
pub fn seal(
    root: &Path,
    input: &EvidenceInput<'_>,
    previous: Option<&Previous>,
    key: Option<&SigningKey>,
) -> io::Result<Sealed> {
    let incident = &input.incident.incident;
    let mut packets: Vec<&KeptPacket> = input.packets.iter().collect();
    packets.sort_by_key(|packet| packet.time);
    let (interfaces, arranged) = capture::arranged(&packets, input.interfaces);
    let (table, rows) = rates::table(input.incident);
    let manifest = Manifest {
        schema: SCHEMA,
        id: incident.id.clone(),
        program: program(),
        packets: Packets::count(incident, &packets),
        snap_length: input.snaplen,
        sampling: plain(input.sampling),
        totals: incident.totals,
        coverage: incident.coverage,
        rates: rows,
        redactions: Vec::new(),
        derived_from: None,
        previous: previous.map(|one| PreviousSums { id: one.id.clone(), sha256: one.sums_sha256.clone() }),
        signed: key.is_some(),
        files: Vec::new(),
    };
    let contents = vec![
        (INCIDENT, pretty(&Object { incident, mitigations: &input.incident.mitigations })?),
        (RATES, table),
        (SUMMARY, summary::text(incident, &manifest).into_bytes()),
        (PACKETS, capture::file(incident, &interfaces, &arranged, input.snaplen)?),
    ];
    write(root, manifest, contents, key)
}

/// Adds what every directory has, and writes it.
pub(super) fn write(
    root: &Path,
    mut manifest: Manifest,
    mut contents: Contents,
    key: Option<&SigningKey>,
) -> io::Result<Sealed> {
    if !is_id(&manifest.id) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the ID of an incident"));
    }
    let previous = manifest.previous.as_ref().map(|one| format!("{}  ../{}/{SUMS}\n", one.sha256, one.id));
    contents.push((PREVIOUS, previous.unwrap_or_default().into_bytes()));
    if let Some(key) = key {
        contents.push((PUBLIC_KEY, key.public().pem().into_bytes()));
    }
    contents.sort_by_key(|(name, _)| *name);
    let size = |(name, bytes): &(&str, Vec<u8>)| FileSize { name: (*name).to_owned(), size: bytes.len() as u64 };
    manifest.files = contents.iter().map(size).collect();
    contents.push((MANIFEST, pretty(&manifest)?));
    contents.sort_by_key(|(name, _)| *name);
    let sums: String = contents.iter().map(|(name, bytes)| Line::new(digest(bytes), name).text()).collect();
    if let Some(key) = key {
        contents.push((SIGNATURE, key.sign(sums.as_bytes())));
    }
    let sums_digest: Digest = digest(sums.as_bytes());
    contents.push((SUMS, sums.into_bytes()));

    let path = root.join(&manifest.id);
    let temporary = root.join(format!("{TEMPORARY}{}", manifest.id));
    if fs::symlink_metadata(&path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists already", path.display())));
    }
    files::remove_directory(&temporary)?;
    files::create_directory(&temporary)?;
    let written = contents.iter().try_for_each(|(name, bytes)| files::write_new(&temporary.join(name), bytes));
    let placed = written.and_then(|()| files::sync_directory(&temporary)).and_then(|()| fs::rename(&temporary, &path));
    if let Err(error) = placed {
        // A full disk must not stay full of half a directory.
        let _ = files::remove_directory(&temporary);
        return Err(error);
    }
    files::sync_directory(root)?;
    Ok(Sealed { sums_sha256: hex(&sums_digest), path })
}
