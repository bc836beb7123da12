//! What an open incident counted in a tick, for those that record its traffic.

use super::model::Incident;
use crate::base::{Direction, Timestamp, Vector};
use crate::detect::Target;
use crate::meter::Count;

/// Packets that an incident counted for one of its vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VectorCount {
    /// The vector.
    pub vector: Vector,
    /// Their classes, a bit each; 0: packets of no particular class.
    pub classes: u32,
    /// Each packet once. In the tick of the opening also what was counted before the detection.
    pub count: Count,
}

/// An open incident.
#[derive(Clone, Copy, Debug)]
pub struct OpenIncident<'a> {
    /// Its ID.
    pub id: &'a str,
    /// What it is about.
    pub target: &'a Target,
    /// Relative to our networks.
    pub direction: Direction,
    /// Whether it warrants no page, such as a scan.
    pub is_note: bool,
    /// Whether it goes on after a restart.
    pub is_resumed: bool,
    /// The estimated onset.
    pub onset: Timestamp,
    /// What it counted in the tick; nothing while it is quiet.
    pub counted: &'a [VectorCount],
}

impl<'a> OpenIncident<'a> {
    /// One that counted nothing.
    pub(super) fn quiet(target: &'a Target, incident: &'a Incident) -> OpenIncident<'a> {
        OpenIncident {
            id: &incident.id,
            target,
            direction: incident.direction,
            is_note: incident.vector.is_note(),
            is_resumed: true,
            onset: incident.onset(),
            counted: &[],
        }
    }
}
