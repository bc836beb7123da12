//! The state directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Most corrupt files of each name that are kept.
const MAX_CORRUPT: usize = 3;

/// Most bytes of a file: a larger one was not written by Pegel.
const MAX_BYTES: u64 = 256 << 20;

/// The state directory of one daemon.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Creates the directory if it is missing. Fails if files cannot be written in it.
    pub fn open(path: &Path) -> io::Result<StateDir> {
        fs::create_dir_all(path)?;
        let state = StateDir::at(path);
        let probe = state.file(".probe");
        let options =
            OpenOptions::new().write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW).clone();
        options.open(&probe)?;
        fs::remove_file(&probe)?;
        Ok(state)
    }

    /// For reading only: creates and checks nothing.
    pub fn at(path: &Path) -> StateDir {
        StateDir { path: path.to_owned() }
    }

    /// The path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The content of a file; `None` if it does not exist.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        // Opening a FIFO must not block.
        let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(self.file(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file, or too large"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Replaces a file atomically: readers see the old or the new content, also after a power failure.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.file(&format!(".{name}.new"));
        // Readable for all, since the daemon reads what an operator writes; the directory restricts access. Created
        // anew and never through a link, since the directory may belong to a different user than the operator.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, self.file(name))?;
        // Makes the rename itself durable.
        File::open(&self.path)?.sync_all()
    }

    /// Replaces a file atomically, but not durably: after a failure of the machine, it may be empty or missing.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.file(&format!(".{name}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o640).custom_flags(libc::O_NOFOLLOW);
        options.open(&temporary)?.write_all(bytes)?;
        fs::rename(&temporary, self.file(name))
    }

    /// Locks the store for this process, for as long as the file is open; `None` while another process has it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn lock_store(&self) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o640).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(self.file("store.lock"))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Renames an unusable file to `NAME.corrupt-STAMP`, and deletes the oldest such files; returns its new name.
    pub fn set_aside(&self, name: &str, stamp: u64) -> io::Result<PathBuf> {
        let aside = self.file(&format!("{name}.corrupt-{stamp}"));
        fs::rename(self.file(name), &aside)?;
        let prefix = format!("{name}.corrupt-");
        let mut all: Vec<PathBuf> = fs::read_dir(&self.path)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(&prefix)))
            .collect();
        all.sort();
        let too_many = all.len().saturating_sub(MAX_CORRUPT);
        for old in all.into_iter().take(too_many) {
            fs::remove_file(old)?;
        }
        Ok(aside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::directory;

    #[test]
    fn files_are_replaced_atomically() {
        let path = directory("write");
        let state = StateDir::open(&path).unwrap();
        assert_eq!(state.read("x").unwrap(), None);
        state.write("x", b"one").unwrap();
        state.write("x", b"two").unwrap();
        assert_eq!(state.read("x").unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "no temporary file is left");
        // An interrupted write leaves the old content.
        fs::write(path.join(".x.new"), b"thr").unwrap();
        assert_eq!(state.read("x").unwrap().as_deref(), Some(&b"two"[..]));
        state.write("x", b"four").unwrap();
        assert_eq!(state.read("x").unwrap().as_deref(), Some(&b"four"[..]));
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn few_corrupt_files_are_kept() {
        let path = directory("aside");
        let state = StateDir::open(&path).unwrap();
        for stamp in 100..110 {
            state.write("x", b"broken").unwrap();
            let aside = state.set_aside("x", stamp).unwrap();
            assert!(aside.ends_with(format!("x.corrupt-{stamp}")) && aside.exists());
        }
        assert_eq!(fs::read_dir(&path).unwrap().count(), MAX_CORRUPT);
        assert!(path.join("x.corrupt-109").exists() && !path.join("x.corrupt-106").exists());
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn links_and_pipes_are_not_followed() {
        let path = directory("links");
        let state = StateDir::open(&path).unwrap();
        let outside = path.with_extension("outside");
        fs::write(&outside, b"theirs").unwrap();
        for name in [".x.new", "maintenance.lock", ".probe"] {
            std::os::unix::fs::symlink(&outside, path.join(name)).unwrap();
        }
        state.write("x", b"ours").unwrap();
        assert!(StateDir::open(&path).is_err());
        assert!(state.edit_maintenance(|maintenance| maintenance.clear()).is_err());
        assert_eq!(fs::read(&outside).unwrap(), b"theirs");
        assert_eq!(state.read("x").unwrap().as_deref(), Some(&b"ours"[..]));
        std::os::unix::fs::symlink("/dev/zero", path.join("endless")).unwrap();
        assert!(state.read("endless").is_err());
        fs::remove_file(&outside).unwrap();
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_an_error_and_no_panic() {
        let path = directory("file");
        fs::write(&path, b"no directory").unwrap();
        assert!(StateDir::open(&path).is_err());
        assert!(StateDir::at(&path).read("x").is_err());
        fs::remove_file(&path).unwrap();
    }
}
