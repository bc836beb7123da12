//! The measurements that an incident rests on.

use super::limit::{Limit, LimitFrom};
use crate::base::text::{Word, word};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One measurement that supports or qualifies a finding. Public API: part of the incident JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Name of the measurement, snake case with its unit.
    #[serde(deserialize_with = "word")]
    pub measure: Word,
    /// The measured value, in the unit that `measure` names.
    pub value: f64,
    /// What it was compared with; `null` where the measurement is given for context.
    pub limit: Option<f64>,
    /// Origin of `limit`; `null` without a limit.
    pub limit_from: Option<LimitFrom>,
    /// Length of the measurement window in seconds.
    pub window_seconds: f64,
    /// The measurement as a sentence, complete without the other fields.
    pub message: String,
}

/// Evidence that was compared with a limit.
pub(super) fn measured(
    measure: &'static str,
    value: f64,
    limit: Limit,
    window_seconds: f64,
    message: String,
) -> Evidence {
    let (limit, limit_from) = (Some(limit.value), Some(limit.from));
    Evidence { measure, value, limit, limit_from, window_seconds, message }
}

/// Evidence for context: a figure without a limit.
pub(super) fn context(measure: &'static str, value: f64, window_seconds: f64, message: String) -> Evidence {
    Evidence { measure, value, limit: None, limit_from: None, window_seconds, message }
}
