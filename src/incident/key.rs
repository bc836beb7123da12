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
        Key::of(finding.target.clone(), finding.direction, finding.vector.is_note())
    }

    pub(super) fn of(target: Target, direction: Direction, is_note: bool) -> Key {
        // A station is the source of its frames in either direction.
        let direction = match target {
            Target::Station { .. } | Target::Segment { .. } => Direction::Internal,
            _ => direction,
        };
        Key { target, direction, is_note }
    }
}
