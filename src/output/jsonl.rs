//! The JSON-lines sink: appends each change of an incident to a file, as the public incident JSON with the change and
//! the suggested mitigations. A file that reaches its maximum size is renamed to `FILE.1`, the previous one to
//! `FILE.2`, etc.

use super::sink::{Delivery, Sink};
use crate::incident::{Detailed, Event};
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// When a file is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// At this size in MiB; 0: never, an external program rotates.
    pub max_mib: u32,
    /// How many rotated files are kept.
    pub keep: u32,
}

/// Appends incidents to a file.
pub struct JsonLines {
    path: PathBuf,
    rotation: Rotation,
    file: Option<File>,
    /// Bytes in the file.
    length: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    change: &'static str,
    #[serde(flatten)]
    incident: Detailed<'a>,
}

impl JsonLines {
    /// Opens the file; fails for a path that cannot be written or is not a regular file.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<JsonLines> {
        let mut sink = JsonLines { path: path.to_owned(), rotation, file: None, length: 0 };
        sink.file()?;
        Ok(sink)
    }

    fn file(&mut self) -> io::Result<&mut File> {
        // If another program rotated the file, the path now leads to a different one: write to that.
        let there = fs::metadata(&self.path).ok().map(|there| (there.dev(), there.ino()));
        let same = |file: &File| file.metadata().is_ok_and(|own| there == Some((own.dev(), own.ino())));
        match &self.file {
            Some(file) if same(file) => {}
            _ => {
                // Incidents contain addresses: not readable for every local user. Opening a FIFO without a reader must
                // not block.
                let mut options = OpenOptions::new();
                options.create(true).append(true).mode(0o640).custom_flags(libc::O_NONBLOCK);
                let file = options.open(&self.path)?;
                let metadata = file.metadata()?;
                if !metadata.is_file() {
                    return Err(io::Error::other("not a regular file"));
                }
                self.length = metadata.len();
                self.file = Some(file);
            }
        }
        self.file.as_mut().ok_or_else(|| io::Error::other("the file is not open"))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Rotates the file if `more` bytes would make it too large.
    fn rotate_before(&mut self, more: u64) -> io::Result<()> {
        let most = u64::from(self.rotation.max_mib) << 20;
        if most == 0 || self.length == 0 || self.length.saturating_add(more) <= most {
            return Ok(());
        }
        for number in (1..self.rotation.keep).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match self.rotation.keep {
            0 => fs::remove_file(&self.path)?,
            _ => fs::rename(&self.path, self.numbered(1))?,
        }
        self.file = None;
        Ok(())
    }
}

impl Sink for JsonLines {
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery> {
        let line = Line { change: event.change.name(), incident: Detailed::new(&event.incident) };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        self.file()?;
        self.rotate_before(bytes.len() as u64)?;
        // One write per line, so that readers never see part of one.
        let (length, file) = (self.length, self.file()?);
        if let Err(error) = file.write_all(&bytes) {
            // A partial line, as on a full disk, would corrupt the next one. If truncating fails, there is no remedy.
            let _ = file.set_len(length);
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(Delivery::Delivered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Change;
    use crate::output::tests::incident;
    use std::sync::Arc;

    #[test]
    fn a_full_file_is_rotated_and_the_oldest_is_deleted() {
        let directory = std::env::temp_dir().join(format!("pegel-jsonl-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("incidents.jsonl");
        let mut sink = JsonLines::open(&path, Rotation { max_mib: 1, keep: 2 }).unwrap();
        let event = Event { change: Change::Opened, incident: Arc::new(incident()) };
        let line =
            serde_json::to_vec(&Line { change: "opened", incident: Detailed::new(&event.incident) }).unwrap().len() + 1;
        let per_file = (1 << 20) / line;
        for _ in 0..per_file * 3 + 1 {
            assert_eq!(sink.deliver(&event).unwrap(), Delivery::Delivered);
        }
        let lines = |path: &Path| fs::read_to_string(path).map(|text| text.lines().count()).unwrap_or(0);
        let counts = [path.clone(), sink.numbered(1), sink.numbered(2), sink.numbered(3)].map(|path| lines(&path));
        assert_eq!(counts, [1, per_file, per_file, 0]);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_file_rotated_externally_is_reopened_and_only_regular_files_are_written() {
        let directory = std::env::temp_dir().join(format!("pegel-jsonl-else-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("incidents.jsonl");
        let mut sink = JsonLines::open(&path, Rotation { max_mib: 0, keep: 0 }).unwrap();
        let event = Event { change: Change::Opened, incident: Arc::new(incident()) };
        let lines = |path: &Path| fs::read_to_string(path).map(|text| text.lines().count()).unwrap_or(0);
        sink.deliver(&event).unwrap();
        // As logrotate does with `create`.
        fs::rename(&path, directory.join("old")).unwrap();
        fs::write(&path, "").unwrap();
        sink.deliver(&event).unwrap();
        assert_eq!((lines(&path), lines(&directory.join("old"))), (1, 1));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(sink.deliver(&event).is_err());
        fs::remove_dir(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        // Neither blocks.
        assert!(sink.deliver(&event).is_err());
        assert!(JsonLines::open(&path, Rotation { max_mib: 0, keep: 0 }).is_err());
        fs::remove_dir_all(&directory).unwrap();
    }
}
