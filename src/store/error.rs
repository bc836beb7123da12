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
