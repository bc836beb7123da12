//! Writes the chain of a folder: seals incidents, removes the oldest, and finishes what was interrupted.

use super::check;
use super::files::{self, TEMPORARY};
use super::key::SigningKey;
use super::order::{CHAIN, CHAIN_SIGNATURE, Content, Entry, MOST_OCTETS, NEW_CHAIN, NEW_SIGNATURE};
use super::seal::{self, EvidenceInput, PUBLIC_KEY, Previous, SIGNATURE, Sealed};
use super::sums::{from_hex, hex};
use super::text::{is_id, plain};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A copy of `CHAIN` with lines that Pegel did not write.
const ALTERED_CHAIN: &str = "CHAIN.altered";
/// Most problems of a kind that are named.
const MOST_PROBLEMS: usize = 10;

/// The chain of a folder, of which this process is the only writer.
pub struct Chain {
    root: PathBuf,
    key: Option<SigningKey>,
    content: Content,
    /// Whether the file may be signed: it was not changed by others.
    is_ours: bool,
    problems: Vec<String>,
}

impl Chain {
    /// Opens the chain of a folder and creates the folder if it is missing. What an interrupted run left is finished or removed:
    /// directories that are complete and follow the last one are appended. Anything else is one of the [problems](Chain::problems),
    /// and evidence goes on to be written.
    ///
    /// # Errors
    /// Those of the file system, for the folder and `CHAIN` itself.
    pub fn open(root: &Path, key: Option<SigningKey>) -> io::Result<Chain> {
        fs::create_dir_all(root)?;
        let mut chain =
            Chain { root: root.to_owned(), key, content: Content::default(), is_ours: true, problems: Vec::new() };
        chain.finish_interrupted_write()?;
        chain.read()?;
        chain.clean()?;
        chain.append_complete()?;
        Ok(chain)
    }

    /// What was found wrong when it was opened, as sentences. `pegel verify` says more.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The IDs of the sealed incidents, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let ids = self.content.entries.iter().map(|entry| entry.id.as_str());
        ids.filter(|id| !self.content.forgotten.contains(*id))
    }

    /// Whether an incident was sealed, even if its evidence was removed on request.
    pub fn contains(&self, id: &str) -> bool {
        self.content.entries.iter().any(|entry| entry.id == id)
    }

    /// Writes the evidence of an incident and appends it.
    ///
    /// # Errors
    /// Those of the file system; `AlreadyExists` if the incident is sealed. If only `CHAIN` could not be written, the directory is
    /// there and is appended by the next call or at the next start.
    pub fn seal(&mut self, input: &EvidenceInput<'_>) -> io::Result<Sealed> {
        let previous = self.content.last().map(|last| Previous { id: last.id.clone(), sums_sha256: hex(&last.sums) });
        let sealed = seal::seal(&self.root, input, previous.as_ref(), self.key.as_ref())?;
        let sums = from_hex(&sealed.sums_sha256).ok_or_else(|| io::Error::other("a digest has 32 octets"))?;
        self.content.entries.push(Entry { id: input.incident.incident.id.clone(), sums });
        self.write()?;
        Ok(sealed)
    }

    /// Removes the evidence of the oldest incident, for retention. Returns its ID; `None` if there is none.
    ///
    /// # Errors
    /// Those of the file system. The directory is removed last, and at the next start if that was interrupted.
    pub fn retire_oldest(&mut self) -> io::Result<Option<String>> {
        let before = self.content.clone();
        while !self.content.entries.is_empty() {
            let oldest = self.content.entries.remove(0);
            let id = oldest.id.clone();
            let count = self.content.retired.as_ref().map_or(0, |(count, _)| *count);
            self.content.retired = Some((count.saturating_add(1), oldest));
            if !self.content.forgotten.remove(&id) {
                // What could not be written has not happened: the next line must follow what the file says.
                self.write().inspect_err(|_| self.content.clone_from(&before))?;
                self.remove(&id)?;
                return Ok(Some(id));
            }
        }
        if !before.entries.is_empty() {
            self.write().inspect_err(|_| self.content.clone_from(&before))?;
        }
        Ok(None)
    }

    /// Removes the evidence of an incident on request. Its line in `CHAIN` becomes a comment, so that the others stay verifiable: its
    /// ID remains known. Returns whether there was any.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget(&mut self, id: &str) -> io::Result<bool> {
        if !self.ids().any(|known| known == id) {
            return Ok(false);
        }
        let before = self.content.clone();
        self.content.forgotten.insert(id.to_owned());
        self.write().inspect_err(|_| self.content.clone_from(&before))?;
        self.remove(id)?;
        Ok(true)
    }

    /// Removes a directory; under a temporary name, so that no part of it is ever taken for the whole.
    fn remove(&self, id: &str) -> io::Result<()> {
        let temporary = self.root.join(format!("{TEMPORARY}{id}"));
        files::remove_directory(&temporary)?;
        match fs::rename(self.root.join(id), &temporary) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => files::remove_directory(&temporary),
        }
    }

    /// Octets of the evidence of an incident.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn size(&self, id: &str) -> io::Result<u64> {
        if !is_id(id) {
            return Ok(0);
        }
        fs::read_dir(self.root.join(id))?
            .try_fold(0, |sum: u64, entry| Ok(sum.saturating_add(entry?.metadata()?.len())))
    }

    /// Writes `CHAIN` and its signature. Both lie beside them before either is replaced, and the signature is replaced first: at any
    /// moment it fits one of the two files.
    fn write(&self) -> io::Result<()> {
        let text = self.content.text();
        files::write_over(&self.root.join(NEW_CHAIN), text.as_bytes())?;
        if let Some(key) = self.key.as_ref().filter(|_| self.is_ours) {
            self.write_public_key(&key.public().pem())?;
            files::write_over(&self.root.join(NEW_SIGNATURE), &key.sign(text.as_bytes()))?;
            files::sync_directory(&self.root)?;
            fs::rename(self.root.join(NEW_SIGNATURE), self.root.join(CHAIN_SIGNATURE))?;
        }
        fs::rename(self.root.join(NEW_CHAIN), self.root.join(CHAIN))?;
        files::sync_directory(&self.root)
    }

    fn write_public_key(&self, pem: &str) -> io::Result<()> {
        let path = self.root.join(PUBLIC_KEY);
        if files::read_if_there(&path, MOST_OCTETS).ok().flatten().is_some_and(|there| there == pem.as_bytes()) {
            return Ok(());
        }
        let temporary = self.root.join(format!("{TEMPORARY}{PUBLIC_KEY}"));
        files::write_over(&temporary, pem.as_bytes())?;
        fs::rename(temporary, path)
    }

    /// If only the signature was replaced, replaces the file too.
    fn finish_interrupted_write(&self) -> io::Result<()> {
        let read = |name: &str| files::read_if_there(&self.root.join(name), MOST_OCTETS).unwrap_or_default();
        if let (Some(key), Some(new), Some(signature)) = (&self.key, read(NEW_CHAIN), read(CHAIN_SIGNATURE))
            && key.public().verifies(&new, &signature)
        {
            fs::rename(self.root.join(NEW_CHAIN), self.root.join(CHAIN))?;
            files::sync_directory(&self.root)?;
        }
        files::remove_file(&self.root.join(NEW_CHAIN))?;
        files::remove_file(&self.root.join(NEW_SIGNATURE))
    }

    fn read(&mut self) -> io::Result<()> {
        let bytes = files::read_if_there(&self.root.join(CHAIN), MOST_OCTETS)?.unwrap_or_default();
        let signature = files::read_if_there(&self.root.join(CHAIN_SIGNATURE), MOST_OCTETS)?;
        let (content, wrong) = Content::parse(&bytes);
        if let Some(line) = wrong.first() {
            self.foreign(&format!("line {line} of {CHAIN} was altered"));
        }
        match (&self.key, signature) {
            (Some(key), Some(signature)) if !key.public().verifies(&bytes, &signature) => {
                self.foreign(&format!("{CHAIN} was altered, or signed with a different key"));
            }
            (Some(_), None)
                if content.entries.iter().any(|entry| self.root.join(&entry.id).join(SIGNATURE).exists()) =>
            {
                self.foreign(&format!("{CHAIN_SIGNATURE} was removed"));
            }
            (None, Some(_)) => self.foreign(&format!("{CHAIN} is signed, and no signing key is configured")),
            _ => {}
        }
        if !wrong.is_empty() && fs::symlink_metadata(self.root.join(ALTERED_CHAIN)).is_err() {
            // The next write would hide what was altered.
            files::write_new(&self.root.join(ALTERED_CHAIN), &bytes)?;
        }
        for state in check::links(&self.root, &content).into_iter().take(MOST_PROBLEMS) {
            self.problems.push(format!("{state}: run `pegel verify {}`", self.root.display()));
        }
        self.content = content;
        Ok(())
    }

    /// Notes a change that Pegel did not make. From then on `CHAIN` is not signed again: a signature would hide the change.
    fn foreign(&mut self, what: &str) {
        self.is_ours = false;
        let root = self.root.display();
        self.problems
            .push(format!("{what}: run `pegel verify {root}`; to begin a new chain, move {root} away and keep it"));
    }

    /// Removes directories that an interrupted run was writing or removing.
    fn clean(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
                files::remove_directory(&entry.path())?;
            }
        }
        if self.is_ours {
            let retired = self.content.retired.as_ref().map(|(_, entry)| &entry.id).filter(|id| !self.contains(id));
            for id in retired.into_iter().chain(&self.content.forgotten) {
                files::remove_directory(&self.root.join(id))?;
            }
        }
        Ok(())
    }

    /// Appends directories that are complete and follow the last one.
    fn append_complete(&mut self) -> io::Result<()> {
        let mut others = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if ![CHAIN, CHAIN_SIGNATURE, PUBLIC_KEY].contains(&name.as_str()) && !self.contains(&name) {
                others.push(name);
            }
        }
        others.sort();
        let key = self.key.as_ref().map(SigningKey::public);
        let new = check::continuation(&self.root, &others, self.content.last(), key.as_ref());
        others.retain(|name| !new.iter().any(|entry| entry.id == *name));
        let is_changed = !new.is_empty();
        self.content.entries.extend(new);
        others.truncate(MOST_PROBLEMS);
        for name in others {
            let name = plain(&name);
            self.problems.push(format!("{} holds {name}, which is not in {CHAIN}", self.root.display()));
        }
        if is_changed { self.write() } else { Ok(()) }
    }
}
