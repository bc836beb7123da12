//! Files of the sources: read with bounds, and told apart by what the file system says of them.

use super::Problem;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files of all directories of one source. A cluster of Proxmox ends at a few thousand guests.
pub(super) const MOST_FILES: usize = 20_000;
/// Octets of one file. Descriptions of guests have a few thousand; pmxcfs allows 1 MiB.
pub(super) const MOST_OCTETS: u64 = 1 << 20;
/// Problems kept of one source: enough to see what is wrong.
pub(super) const MOST_PROBLEMS: usize = 1_000;

/// What one source gives: the problems of it, at most so many.
pub(super) struct Problems {
    source: &'static str,
    list: Vec<Problem>,
}

impl Problems {
    pub fn of(source: &'static str) -> Problems {
        Problems { source, list: Vec::new() }
    }

    pub fn add(&mut self, at: impl ToString, message: impl Into<String>) {
        if self.list.len() < MOST_PROBLEMS {
            let message = message.into();
            self.list.push(Problem { source: self.source, at: at.to_string(), message });
        } else if self.list.len() == MOST_PROBLEMS {
            let message = format!("more than {MOST_PROBLEMS} problems; the others are left out");
            self.list.push(Problem { source: self.source, at: self.source.to_owned(), message });
        }
    }

    /// The same with a line, from 1.
    pub fn add_line(&mut self, path: &Path, line: usize, message: impl Into<String>) {
        self.add(format!("{}:{line}", path.display()), message);
    }

    pub fn into_list(self) -> Vec<Problem> {
        self.list
    }
}

/// Entries of a directory that `wanted` takes by name, in order; none where there is no such directory. Adds to `found`
/// until that has [`MOST_FILES`].
pub(super) fn list(directory: &Path, wanted: impl Fn(&str) -> bool, found: &mut Vec<PathBuf>, problems: &mut Problems) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // Not this hypervisor, or one without containers.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return,
        Err(error) => return problems.add(directory.display(), format!("cannot be read: {error}")),
    };
    let start = found.len();
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_name().to_str().is_some_and(&wanted) => {
                if found.len() >= MOST_FILES {
                    problems.add(directory.display(), format!("more than {MOST_FILES} files; the others are left out"));
                    break;
                }
                found.push(entry.path());
            }
            Ok(_) => {}
            Err(error) => {
                problems.add(directory.display(), format!("cannot be read to its end: {error}"));
                break;
            }
        }
    }
    if let Some(new) = found.get_mut(start..) {
        new.sort();
    }
}

/// The text of a file up to [`MOST_OCTETS`]; what is not UTF-8 in it is replaced. `None` where it went in the meantime, or
/// with a problem.
pub(super) fn text(path: &Path, problems: &mut Problems) -> Option<String> {
    match read(path) {
        Ok((octets, is_whole)) => {
            if !is_whole {
                let message = format!("larger than {MOST_OCTETS} octets; the rest of it is left out");
                problems.add(path.display(), message);
            }
            Some(String::from_utf8_lossy(&octets).into_owned())
        }
        // A guest was removed or moved to another node between the listing and now.
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            problems.add(path.display(), format!("cannot be read: {error}"));
            None
        }
    }
}

/// The same of a file that the operator named: that it is not there is a problem.
pub(super) fn named_text(path: &Path, problems: &mut Problems) -> Option<String> {
    if let Err(error) = fs::metadata(path) {
        problems.add(path.display(), format!("cannot be read: {error}"));
        return None;
    }
    text(path, problems)
}

fn read(path: &Path) -> std::io::Result<(Vec<u8>, bool)> {
    // A pipe would be waited on for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("no regular file"));
    }
    let mut octets = Vec::new();
    fs::File::open(path)?.take(MOST_OCTETS + 1).read_to_end(&mut octets)?;
    let is_whole = octets.len() as u64 <= MOST_OCTETS;
    octets.truncate(MOST_OCTETS as usize);
    Ok((octets, is_whole))
}

/// What tells a changed file from the same one: its place, inode, size and times.
pub(super) fn stamp(path: &Path, hasher: &mut impl Hasher) {
    path.hash(hasher);
    match fs::metadata(path) {
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
    fn what_is_not_there_is_no_problem_and_what_is_no_file_is() {
        let mut problems = Problems::of("static");
        let mut found = Vec::new();
        list(Path::new("/nonexistent/pegel"), |_| true, &mut found, &mut problems);
        assert_eq!(text(Path::new("/nonexistent/pegel"), &mut problems), None);
        assert!(found.is_empty() && problems.list.is_empty());
        assert_eq!(text(Path::new("/dev/zero"), &mut problems), None);
        assert_eq!(problems.list[0].to_string(), "/dev/zero: cannot be read: no regular file");
    }

    #[test]
    fn problems_are_bounded() {
        let mut problems = Problems::of("static");
        for line in 0..2 * MOST_PROBLEMS {
            problems.add_line(Path::new("x"), line, "wrong");
        }
        let list = problems.into_list();
        assert_eq!(list.len(), MOST_PROBLEMS + 1);
        assert!(list[MOST_PROBLEMS].message.starts_with("more than 1000 problems"));
    }
}
