//! What is known of this host's posture: whether what the operator said must hold does hold.

use super::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostureState {
    Ok,
    Failed,
    /// It cannot be told: a tool is missing, does not answer, or may not look.
    Unknown,
}

impl PostureState {
    /// As tables and logs write it.
    pub const fn name(self) -> &'static str {
        match self {
            PostureState::Ok => "ok",
            PostureState::Failed => "failed",
            PostureState::Unknown => "unknown",
        }
    }
}

/// One check, as of the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostureResult {
    /// Label value, and what the incident is called by.
    pub name: String,
    /// What must hold, in words: "unit pve-firewall.service is active".
    pub what: String,
    pub state: PostureState,
    /// What was found, complete in itself.
    pub message: String,
    /// The operator's reason; may be empty.
    pub why: String,
    /// How often it failed in a row. A look that could not tell neither adds to it nor ends it.
    pub failures: u32,
    /// Since when it is so; while `failures` is not zero, since the first of these.
    pub since: Timestamp,
}

impl PostureResult {
    /// Whether it failed when that could last be told.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }
}
