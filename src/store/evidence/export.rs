//! Copies the evidence of an incident, as it is or redacted.

use super::check;
use super::files::{self, TEMPORARY};
use super::frame::Rewriter;
use super::key::SigningKey;
use super::manifest::{DerivedFrom, Manifest, pretty};
use super::redaction::{Redaction, redacted};
use super::seal::{self, INCIDENT, MANIFEST, Object, PACKETS, PREVIOUS, PUBLIC_KEY, RATES, SIGNATURE, SUMMARY, SUMS};
use super::sums::hex;
use super::text::is_id;
use super::{capture, summary};
use crate::base::Addr;
use crate::incident::Incident;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Most octets of a file that is rewritten in memory.
const MOST_OCTETS: u64 = 256 << 20;

/// A copy that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its directory.
    pub path: PathBuf,
    /// What is wrong with the original, as sentences; it was copied nevertheless.
    pub problems: Vec<String>,
}

/// Copies `root`/`id` to a new directory in `output`: with the same octets, or redacted and then signed with `key`.
///
/// # Errors
/// A sentence. An altered original is not redacted, since the copy would look intact.
pub fn export(
    root: &Path,
    id: &str,
    output: &Path,
    redaction: Option<&Redaction>,
    key: Option<&SigningKey>,
) -> Result<Exported, String> {
    let from = root.join(id);
    if !is_id(id) {
        return Err("an incident ID consists of letters, digits and dashes".to_owned());
    }
    if !fs::symlink_metadata(&from).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(format!("{} holds no evidence of incident {id}", root.display()));
    }
    let report = check::check(&from, None).map_err(|error| format!("{}: {error}", from.display()))?;
    let problems = report.states.iter().chain(report.incidents.iter().flat_map(|one| &one.states));
    let problems: Vec<String> = problems.map(ToString::to_string).collect();
    let fails = |error: io::Error| format!("{}: {error}", output.display());
    fs::create_dir_all(output).map_err(fails)?;
    let Some(redaction) = redaction else {
        let path = copy(&from, id, output).map_err(fails)?;
        return Ok(Exported { path, problems });
    };
    if let Some(first) = problems.first() {
        return Err(format!("{}: {first}: altered evidence is not redacted; copy it as it is", from.display()));
    }
    let sealed = derive(&from, output, redaction, key).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(Exported { path: sealed.path, problems })
}

fn copy(from: &Path, id: &str, output: &Path) -> io::Result<PathBuf> {
    let path = output.join(id);
    if fs::symlink_metadata(&path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists already", path.display())));
    }
    let temporary = output.join(format!("{TEMPORARY}{id}"));
    files::remove_directory(&temporary)?;
    files::create_directory(&temporary)?;
    for name in [INCIDENT, MANIFEST, PACKETS, PREVIOUS, PUBLIC_KEY, RATES, SUMS, SIGNATURE, SUMMARY] {
        match files::open(&from.join(name)) {
            Ok((mut file, _)) => {
                let mut to = fs::File::create_new(temporary.join(name))?;
                io::copy(&mut file, &mut to)?;
                to.sync_all()?;
            }
            // What is missing was reported.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files::sync_directory(&temporary)?;
    fs::rename(&temporary, &path)?;
    files::sync_directory(output)?;
    Ok(path)
}

fn derive(from: &Path, output: &Path, redaction: &Redaction, key: Option<&SigningKey>) -> io::Result<seal::Sealed> {
    let read = |name: &str| files::read(&from.join(name), MOST_OCTETS);
    let incident: Incident = serde_json::from_slice(&read(INCIDENT)?).map_err(io::Error::other)?;
    let mut manifest: Manifest = serde_json::from_slice(&read(MANIFEST)?).map_err(io::Error::other)?;
    let sums = super::sums::digest(&read(SUMS)?);
    let (mut interfaces, mut packets) = capture::read(&read(PACKETS)?)?;
    let mut pseudonyms = redaction.pseudonyms(&incident);
    let targets: Vec<Addr> = incident.target.address.into_iter().collect();
    let incident = redacted(&incident, pseudonyms.as_mut());
    let mut rewriter = Rewriter::new(pseudonyms.as_mut(), &targets);
    for packet in &mut packets {
        let link = usize::try_from(packet.interface).ok().and_then(|index| interfaces.get(index));
        if let Some(link) = link.map(|interface| interface.link) {
            rewriter.rewrite(link, packet.data.to_mut());
        }
    }
    if let Some(names) = &pseudonyms {
        for interface in &mut interfaces {
            interface.name = names.name("interface", &interface.name);
        }
    }
    manifest.id.clone_from(&incident.id);
    manifest.redactions.extend(redaction.sentences());
    manifest.derived_from = Some(match &pseudonyms {
        None => DerivedFrom { method: "SHA-256 of the original SHA256SUMS".to_owned(), value: hex(&sums) },
        Some(names) => DerivedFrom {
            method: "HMAC-SHA-256, with the key of the pseudonyms, of the SHA-256 of the original SHA256SUMS"
                .to_owned(),
            value: hex(&names.seal(&sums)),
        },
    });
    manifest.previous = None;
    manifest.signed = key.is_some();
    let contents = vec![
        (INCIDENT, pretty(&Object { incident: &incident, mitigations: &[] })?),
        (RATES, read(RATES)?),
        (SUMMARY, summary::text(&incident, &manifest).into_bytes()),
        (PACKETS, capture::file(&incident, &interfaces, &packets, manifest.snap_length)?),
    ];
    seal::write(output, manifest, contents, key)
}
