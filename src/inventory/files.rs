//! Files of the sources: read with limits, and checked for changes by their metadata.

use super::Problem;
use crate::sandbox::helper;
use rustix::fs::Dir;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Maximum files of one source, over all its directories. A Proxmox cluster has at most a few thousand guests.
pub(super) const MAX_FILES: usize = 20_000;
/// Maximum bytes of one file. Descriptions of guests have a few thousand; pmxcfs allows 1 MiB.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 20;
/// Maximum problems kept per source: enough to see what is wrong.
pub(super) const MAX_PROBLEMS: usize = 1_000;

/// The problems of one source, at most [`MAX_PROBLEMS`].
pub(super) struct Problems {
    source: &'static str,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(source: &'static str) -> Problems {
        Problems { source, list: Vec::new() }
    }

    /// Adds a problem, which is one line: a message may quote a file.
    pub(super) fn add(&mut self, at: impl ToString, message: impl Into<String>) {
        if self.list.len() < MAX_PROBLEMS {
            let plain = |text: String| text.replace(char::is_control, "\u{fffd}");
            let (at, message) = (plain(at.to_string()), plain(message.into()));
            self.list.push(Problem { source: self.source, at, message });
        } else if self.list.len() == MAX_PROBLEMS {
            let message = format!("more than {MAX_PROBLEMS} problems; the rest are ignored");
            self.list.push(Problem { source: self.source, at: self.source.to_owned(), message });
        }
    }

    /// Adds a problem with the line (counted from 1) where it is.
    pub(super) fn add_line(&mut self, path: &Path, line: usize, message: impl Into<String>) {
        self.add(format!("{}:{line}", path.display()), message);
    }

    pub(super) fn into_list(self) -> Vec<Problem> {
        self.list
    }
}

/// Adds the entries of a directory that `wanted` accepts by name to `found`, sorted; none if the directory does not
/// exist. Stops when `found` has [`MAX_FILES`].
pub(super) fn list(directory: &Path, wanted: impl Fn(&str) -> bool, found: &mut Vec<PathBuf>, problems: &mut Problems) {
    let entries = match names(directory) {
        Ok(entries) => entries,
        // Another hypervisor, or one without containers.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return,
        Err(error) => return problems.add(directory.display(), format!("cannot be read: {error}")),
    };
    let start = found.len();
    for name in entries {
        match name {
            Ok(name) if name.to_str().is_some_and(&wanted) => {
                if found.len() >= MAX_FILES {
                    problems.add(directory.display(), format!("more than {MAX_FILES} files; the rest are ignored"));
                    break;
                }
                found.push(directory.join(name));
            }
            Ok(_) => {}
            Err(error) => {
                problems.add(directory.display(), format!("cannot be read completely: {error}"));
                break;
            }
        }
    }
    if let Some(new) = found.get_mut(start..) {
        new.sort();
    }
}

/// The first [`MAX_FILE_BYTES`] of a file, with invalid UTF-8 replaced. `None` if the file has been removed since it
/// was listed, or cannot be read, which adds a problem.
pub(super) fn text(path: &Path, problems: &mut Problems) -> Option<String> {
    match read(path) {
        Ok((octets, is_whole)) => {
            if !is_whole {
                let message = format!("larger than {MAX_FILE_BYTES} bytes; the rest is ignored");
                problems.add(path.display(), message);
            }
            Some(String::from_utf8_lossy(&octets).into_owned())
        }
        // The guest was removed or moved to another node after the listing.
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            problems.add(path.display(), format!("cannot be read: {error}"));
            None
        }
    }
}

/// The text of a file named in the configuration: if it is missing, that is a problem.
pub(super) fn named_text(path: &Path, problems: &mut Problems) -> Option<String> {
    if let Err(error) = metadata(path) {
        problems.add(path.display(), format!("cannot be read: {error}"));
        return None;
    }
    text(path, problems)
}

/// Opens a file or directory, through the helper where this process may not: it was mounted after the start, or is root's. Opening a
/// pipe must not block.
fn open(path: &Path) -> std::io::Result<fs::File> {
    let opened = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    match opened {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(helper::open(path).map_err(|_| error)?.into()),
        opened => opened,
    }
}

fn metadata(path: &Path) -> std::io::Result<fs::Metadata> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => open(path)?.metadata(),
        found => found,
    }
}

/// The names in a directory.
fn names(directory: &Path) -> std::io::Result<impl Iterator<Item = std::io::Result<OsString>>> {
    let entries = Dir::read_from(open(directory)?)?.map(|entry| match entry {
        Ok(entry) => Ok(OsStr::from_bytes(entry.file_name().to_bytes()).to_owned()),
        Err(error) => Err(error.into()),
    });
    Ok(entries)
}

fn read(path: &Path) -> std::io::Result<(Vec<u8>, bool)> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut octets = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut octets)?;
    let is_whole = octets.len() as u64 <= MAX_FILE_BYTES;
    octets.truncate(MAX_FILE_BYTES as usize);
    Ok((octets, is_whole))
}

/// Hashes what identifies a version of a file: path, inode, size and times.
pub(super) fn stamp(path: &Path, hasher: &mut impl Hasher) {
    path.hash(hasher);
    match metadata(path) {
        Ok(data) => {
            (data.dev(), data.ino(), data.size(), data.mode()).hash(hasher);
            (data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()).hash(hasher);
        }
        Err(error) => error.raw_os_error().hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_path_is_no_problem_but_a_device_is() {
        let mut problems = Problems::new("static");
        let mut found = Vec::new();
        list(Path::new("/nonexistent/pegel"), |_| true, &mut found, &mut problems);
        assert_eq!(text(Path::new("/nonexistent/pegel"), &mut problems), None);
        assert!(found.is_empty() && problems.list.is_empty());
        assert_eq!(text(Path::new("/dev/zero"), &mut problems), None);
        assert_eq!(problems.list[0].to_string(), "/dev/zero: cannot be read: not a regular file");
    }

    #[test]
    fn problems_are_single_lines() {
        let mut problems = Problems::new("libvirt");
        problems.add_line(Path::new("a\nb.xml"), 1, "`</name\n\u{1b}[2J>` was found");
        assert_eq!(problems.list[0].to_string(), "a\u{fffd}b.xml:1: `</name\u{fffd}\u{fffd}[2J>` was found");
    }

    #[test]
    fn problems_are_limited() {
        let mut problems = Problems::new("static");
        for line in 0..2 * MAX_PROBLEMS {
            problems.add_line(Path::new("x"), line, "wrong");
        }
        let list = problems.into_list();
        assert_eq!(list.len(), MAX_PROBLEMS + 1);
        assert!(list[MAX_PROBLEMS].message.starts_with("more than 1000 problems"));
    }
}
