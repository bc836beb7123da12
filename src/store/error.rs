//! Why saved state could not be used.

use std::fmt;
use std::io;

/// Why a file could not be used.
#[derive(Debug)]
pub enum StateError {
    /// It could not be read or written.
    Io(io::Error),
    /// Its content is invalid.
    Content(String),
}

impl From<io::Error> for StateError {
    fn from(error: io::Error) -> Self {
        StateError::Io(error)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Io(error) => error.fmt(f),
            StateError::Content(text) => f.write_str(text),
        }
    }
}

/// Why the database could not be used.
#[derive(Debug)]
pub enum StoreError {
    /// There is none.
    Missing,
    /// It was written by a newer program.
    Newer(String),
    /// Its content is damaged.
    Damaged(String),
    /// Anything else, in SQLite's words: the disk is full, the file is read-only.
    Sqlite(rusqlite::Error),
    /// A file beside it.
    Io(io::Error),
}

impl StoreError {
    /// Whether the file itself is at fault, so that another one would do.
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            StoreError::Damaged(_) => true,
            StoreError::Sqlite(error) => matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Sqlite(error)
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        StoreError::Io(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Missing => f.write_str("there is none yet; pegel run creates it"),
            StoreError::Newer(text) => f.write_str(text),
            StoreError::Damaged(text) => write!(f, "it is damaged: {text}"),
            StoreError::Sqlite(error) => error.fmt(f),
            StoreError::Io(error) => error.fmt(f),
        }
    }
}
