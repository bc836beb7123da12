//! State: what outlives the process, in one directory. Every file is written as a whole or not at all; one that cannot be
//! read is set aside and never stops a run.

mod maintenance;

pub use maintenance::{MOST_MAINTENANCE, StateError};

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Files that were set aside and are kept, of each kind: evidence, not an archive.
const KEPT_ASIDE: usize = 3;

/// Octets of a file, at most: what is larger was not written here.
const LARGEST: u64 = 256 << 20;

/// The directory of one daemon.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Makes the directory where it is missing, and tries whether it can be written.
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

    /// To read only: nothing is made or tried.
    pub fn at(path: &Path) -> StateDir {
        StateDir { path: path.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The bytes of a file; `None` where there is none.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        // Never waits for the other end of a pipe.
        let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(self.file(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "is no file of ours"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Writes a file so that a reader, and a machine that loses power, has the old bytes or the new ones.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.file(&format!(".{name}.new"));
        // What an operator writes the daemon must read: the directory keeps others out.
        // Made anew, never through a link: the directory may be another user's than the operator's.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, self.file(name))?;
        // The rename itself must last too.
        File::open(&self.path)?.sync_all()
    }

    /// Puts a file out of the way that cannot be used, as `NAME.corrupt-STAMP`; returns its new name.
    pub fn set_aside(&self, name: &str, stamp: u64) -> io::Result<PathBuf> {
        let aside = self.file(&format!("{name}.corrupt-{stamp}"));
        fs::rename(self.file(name), &aside)?;
        let prefix = format!("{name}.corrupt-");
        let mut all: Vec<PathBuf> = fs::read_dir(&self.path)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(&prefix)))
            .collect();
        all.sort();
        let too_many = all.len().saturating_sub(KEPT_ASIDE);
        for old in all.into_iter().take(too_many) {
            fs::remove_file(old)?;
        }
        Ok(aside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("pegel-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn files_are_replaced_as_a_whole() {
        let path = directory("write");
        let state = StateDir::open(&path).unwrap();
        assert_eq!(state.read("x").unwrap(), None);
        state.write("x", b"one").unwrap();
        state.write("x", b"two").unwrap();
        assert_eq!(state.read("x").unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "nothing temporary is left");
        // A write that was interrupted leaves what was there.
        fs::write(path.join(".x.new"), b"thr").unwrap();
        assert_eq!(state.read("x").unwrap().as_deref(), Some(&b"two"[..]));
        state.write("x", b"four").unwrap();
        assert_eq!(state.read("x").unwrap().as_deref(), Some(&b"four"[..]));
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn few_files_that_were_set_aside_are_kept() {
        let path = directory("aside");
        let state = StateDir::open(&path).unwrap();
        for stamp in 100..110 {
            state.write("x", b"broken").unwrap();
            let aside = state.set_aside("x", stamp).unwrap();
            assert!(aside.ends_with(format!("x.corrupt-{stamp}")) && aside.exists());
        }
        assert_eq!(fs::read_dir(&path).unwrap().count(), KEPT_ASIDE);
        assert!(path.join("x.corrupt-109").exists() && !path.join("x.corrupt-106").exists());
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn links_and_pipes_are_not_followed() {
        let path = directory("links");
        let state = StateDir::open(&path).unwrap();
        let outside = path.with_extension("outside");
        fs::write(&outside, b"theirs").unwrap();
        for name in [".x.new", "windows.lock", ".probe"] {
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
