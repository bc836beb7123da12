//! Errors of sources.

use std::fmt;

/// Why a source cannot be opened or cannot continue. `Display` is the one line shown to users, without the source's
/// name.
#[derive(Debug)]
pub enum CaptureError {
    /// The file or stream is not a capture, or not in a supported format; the text says why and what to do.
    Format(String),
    /// Reading failed.
    Io(std::io::Error),
    /// The capture ends inside a record; everything before it was delivered.
    Truncated(String),
    /// The interface went down or was removed; it may come back.
    InterfaceGone(String),
    /// Capturing is not permitted; the text names the missing privilege.
    Permission(String),
    /// The filter expression is invalid; the text quotes it and says why.
    Filter(String),
    /// The capture library or the kernel returned another error.
    Library(String),
}

impl CaptureError {
    /// Capturing on `interface` is not permitted; says which capability to grant.
    pub(crate) fn permission(interface: &str) -> CaptureError {
        let program = std::env::current_exe().map_or_else(|_| "pegel".into(), |path| path.display().to_string());
        CaptureError::Permission(format!(
            "capturing on {interface} needs the capability CAP_NET_RAW: run as root, or grant it with: sudo setcap cap_net_raw+ep {program}"
        ))
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureError::Io(error) => error.fmt(f),
            CaptureError::Format(text)
            | CaptureError::Truncated(text)
            | CaptureError::InterfaceGone(text)
            | CaptureError::Permission(text)
            | CaptureError::Filter(text)
            | CaptureError::Library(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for CaptureError {}

impl From<std::io::Error> for CaptureError {
    fn from(error: std::io::Error) -> Self {
        CaptureError::Io(error)
    }
}
