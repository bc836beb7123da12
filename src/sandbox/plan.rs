//! What is kept, and how far giving up the rest came.

use std::fmt;
use std::path::PathBuf;

/// What the process keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The user to become, where the process is root's.
    pub user: UserChoice,
    /// Files and directories (with all below) that may be read.
    pub readable: Vec<PathBuf>,
    /// Directories in which files may also be made, written and removed.
    pub writable: Vec<PathBuf>,
    /// Ports to which TCP connections may be made.
    pub connect: Vec<u16>,
    /// Whether packet sockets may be opened: libpcap opens its own.
    pub packet_sockets: bool,
}

/// Which user root becomes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum UserChoice {
    /// None: it stays root.
    #[default]
    Same,
    /// The one with this name.
    Named(String),
    /// The owner of this directory, if that is another.
    OwnerOf(PathBuf),
}

/// How far a step of [`enter`](super::enter) came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Completely.
    Done,
    /// Not at all or partly, since this kernel or these privileges allow no more; the detail says what is missing.
    Degraded,
}

/// One step of [`enter`](super::enter), for the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What was restricted.
    pub name: &'static str,
    /// How far.
    pub state: StepState,
    /// What holds now, or why it does not.
    pub detail: String,
}

impl Step {
    pub(super) fn done(name: &'static str, detail: impl Into<String>) -> Step {
        Step { name, state: StepState::Done, detail: detail.into() }
    }

    pub(super) fn degraded(name: &'static str, detail: impl Into<String>) -> Step {
        Step { name, state: StepState::Degraded, detail: detail.into() }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.state == StepState::Done { "" } else { "degraded: " };
        write!(f, "{}: {state}{}", self.name, self.detail)
    }
}
