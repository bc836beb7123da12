//! Results of host checks: whether this host meets the requirements that the operator configured.

use super::Timestamp;

/// The state of one host check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostureState {
    /// The requirement is met.
    Ok,
    /// The requirement is not met.
    Failed,
    /// The check could not be evaluated: a tool is missing, does not respond, or lacks permission.
    Unknown,
}

impl PostureState {
    /// The name used in tables and logs.
    pub const fn name(self) -> &'static str {
        match self {
            PostureState::Ok => "ok",
            PostureState::Failed => "failed",
            PostureState::Unknown => "unknown",
        }
    }
}

/// The result of one host check as of its latest evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostureResult {
    /// Name of the check: a label value, and the target of its incident.
    pub name: String,
    /// The requirement in words: "unit pve-firewall.service is active".
    pub what: String,
    /// State as of the latest evaluation.
    pub state: PostureState,
    /// What was found, as a complete sentence.
    pub message: String,
    /// The operator's reason; may be empty.
    pub why: String,
    /// Consecutive failures. An evaluation with an unknown result neither adds to them nor resets them.
    pub failures: u32,
    /// Since when the state has been the current one; while `failures` is not zero, the time of the first failure.
    pub since: Timestamp,
}

impl PostureResult {
    /// Whether the latest evaluation with a known result failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }
}
