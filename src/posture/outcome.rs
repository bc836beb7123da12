//! The outcome of evaluating one check once.

use crate::base::PostureState;

/// What one look at one check gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) state: PostureState,
    /// A sentence, complete in itself: what was found, and where that is not so, what should be.
    pub(super) message: String,
}

impl Found {
    pub(super) fn when(holds: bool, message: impl Into<String>) -> Found {
        Found { state: if holds { PostureState::Ok } else { PostureState::Failed }, message: message.into() }
    }

    pub(super) fn unknown(message: impl Into<String>) -> Found {
        Found { state: PostureState::Unknown, message: message.into() }
    }
}

/// What is wrong comes out as it is: for readers that may fail to tell.
impl From<Result<Found, String>> for Found {
    fn from(result: Result<Found, String>) -> Found {
        result.unwrap_or_else(Found::unknown)
    }
}
