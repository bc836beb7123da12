//! The outcome of a check.

use crate::base::PostureState;

/// The outcome of evaluating one check once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) state: PostureState,
    /// A complete sentence: what was found and, on failure, what was expected.
    pub(super) message: String,
}

impl Outcome {
    pub(super) fn from_condition(is_met: bool, message: impl Into<String>) -> Outcome {
        Outcome { state: if is_met { PostureState::Ok } else { PostureState::Failed }, message: message.into() }
    }

    pub(super) fn unknown(message: impl Into<String>) -> Outcome {
        Outcome { state: PostureState::Unknown, message: message.into() }
    }
}

/// An error becomes an unknown outcome with the error as its message.
impl From<Result<Outcome, String>> for Outcome {
    fn from(result: Result<Outcome, String>) -> Outcome {
        result.unwrap_or_else(Outcome::unknown)
    }
}
