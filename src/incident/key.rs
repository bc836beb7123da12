//! The identity of an incident.

use crate::base::Direction;
use crate::detect::{Finding, Target};

/// Findings with the same key belong to the same incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub target: Target,
    pub direction: Direction,
    /// Informational vectors, such as scans, do not join an attack on the same target that they may precede.
    pub is_note: bool,
}

impl Key {
    pub(super) fn new(finding: &Finding) -> Key {
        // A station is the source of its frames in either direction.
        let direction = match finding.target {
            Target::Station { .. } | Target::Segment { .. } => Direction::Internal,
            _ => finding.direction,
        };
        Key { target: finding.target.clone(), direction, is_note: finding.vector.is_note() }
    }
}
