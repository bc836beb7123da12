//! Durable writing and careful reading: what is read may have been made by anyone.

use super::sums::Digest;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Most octets of a file: a larger one was not written by Pegel, and would be read for minutes.
pub(super) const MOST_OCTETS: u64 = 1 << 30;
/// Beginning of the names of directories that are being written.
pub(super) const TEMPORARY: &str = ".new-";

/// Creates a directory that only the owner and the group may enter.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o750).create(path)
}

/// Writes a file that does not exist yet, durably.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a file under a temporary name, durably, in place of what an interrupted run left there.
pub(super) fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    remove_file(path)?;
    write_new(path, bytes)
}

/// Makes renames in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a file if it exists.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a directory if it exists; a symbolic link is removed, not followed.
pub(super) fn remove_directory(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a regular file; returns its size too. Follows no symbolic link and does not wait for a FIFO.
pub(super) fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::new(io::ErrorKind::InvalidData, "a symbolic link, which is not followed"),
        _ => error,
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
    }
    Ok((file, metadata.len()))
}

/// The content of a file of at most `most` octets.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, size) = open(path)?;
    if size > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{size} octets, more than Pegel writes")));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same; `None` if there is no such file.
pub(super) fn read_if_there(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    match read(path, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Size and digest of a file, which is never in memory as a whole.
pub(super) fn size_and_digest(path: &Path, most: u64) -> io::Result<(u64, Digest)> {
    let (file, size) = open(path)?;
    if size > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{size} octets, more than Pegel writes")));
    }
    let mut file = file.take(most);
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 1 << 16];
    let mut octets = 0;
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        octets += count as u64;
        context.update(buffer.get(..count).unwrap_or_default());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok((octets, digest))
}
