//! What changed about an incident, as outputs get it.

use super::model::Incident;
use std::sync::Arc;

/// Why an event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The incident is new.
    Opened,
    /// Another vector was added.
    Extended,
    /// It became more severe.
    Escalated,
    /// Its figures are more certain than in the last event, a second after the onset, or the peak has doubled.
    Updated,
    /// Pegel was restarted while it was open.
    Resumed,
    /// No change: the current figures of an open incident. Sent periodically to outputs that want it, not by the state
    /// machine.
    Progress,
    /// The incident is over, or part of another one.
    Closed,
}

impl Change {
    /// The name in log lines and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Change::Opened => "opened",
            Change::Extended => "extended",
            Change::Escalated => "escalated",
            Change::Updated => "updated",
            Change::Resumed => "resumed",
            Change::Progress => "progress",
            Change::Closed => "closed",
        }
    }
}

/// A change, and the incident after it.
#[derive(Clone, Debug)]
pub struct Event {
    /// What changed.
    pub change: Change,
    /// The incident as of this change.
    pub incident: Arc<Incident>,
}

impl Event {
    /// Whether this is the final event of an incident that was not merged into another one.
    pub fn is_last_word(&self) -> bool {
        self.change == Change::Closed && !self.incident.is_merged()
    }
}
