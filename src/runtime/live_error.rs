//! Why a live run cannot start, or ends early.

use crate::capture::CaptureError;
use std::fmt;

/// Why a live run cannot start, or ends early.
#[derive(Debug)]
pub enum LiveError {
    /// There is no default interface and none was named.
    NoInterface(String),
    /// An interface cannot be opened.
    Capture {
        /// Name of the interface.
        interface: String,
        /// What opening it returned.
        error: CaptureError,
    },
    /// Any other cause, as a complete message: an output, the HTTP server, a thread, ended workers.
    Other(String),
}

impl fmt::Display for LiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LiveError::NoInterface(text) | LiveError::Other(text) => f.write_str(text),
            LiveError::Capture { error: CaptureError::Permission(text), .. } => f.write_str(text),
            LiveError::Capture { interface, error } => write!(f, "cannot capture on {interface}: {error}"),
        }
    }
}

impl std::error::Error for LiveError {}

impl LiveError {
    /// Whether a missing capability is the cause.
    pub fn is_privilege(&self) -> bool {
        matches!(self, LiveError::Capture { error: CaptureError::Permission(_), .. })
    }
}
