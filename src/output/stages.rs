//! Stages: the changes of an incident for a receiver with a minimum severity. Each incident opens once, is updated, and
//! closes only if it was opened.

use crate::base::Severity;
use crate::incident::{Change, CloseReason, Event};
use std::collections::BTreeSet;

/// A change of an incident as one receiver sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The first message about the incident.
    Open,
    /// Another one while it is open.
    Update,
    /// The last one.
    Close,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Stage; 3] = [Stage::Open, Stage::Update, Stage::Close];

    /// The name in the configuration and in `PEGEL_STAGE`.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Open => "open",
            Stage::Update => "update",
            Stage::Close => "close",
        }
    }
}

/// Most incidents that are remembered as open at a receiver.
const MAX_OPEN: usize = 4096;

/// The reason for which an event without a stage is skipped.
pub(super) const NO_STAGE: &str = "below the severity of this output";

/// The incidents that are open at one receiver.
#[derive(Debug)]
pub(super) struct Stages {
    min_severity: Severity,
    open: BTreeSet<String>,
}

impl Stages {
    /// Incidents below `min_severity` are not sent until they reach it.
    pub(super) fn new(min_severity: Severity) -> Stages {
        Stages { min_severity, open: BTreeSet::new() }
    }

    /// The stage of an event; `None` if it is not sent to this receiver.
    pub(super) fn next(&mut self, event: &Event) -> Option<Stage> {
        let id = &event.incident.id;
        if event.change == Change::Closed {
            // One that ended while Pegel was not running was opened by an earlier run.
            let was_open = event.incident.close_reason == Some(CloseReason::Interrupted)
                && event.incident.severity >= self.min_severity;
            return (self.open.remove(id) || was_open).then_some(Stage::Close);
        }
        if self.open.contains(id) {
            return Some(Stage::Update);
        }
        // Progress of an incident that is not open here: it is below the severity, or was evicted as the oldest.
        if event.incident.severity < self.min_severity || event.change == Change::Progress {
            return None;
        }
        if self.open.len() >= MAX_OPEN {
            // Identifiers begin with the time of opening.
            self.open.pop_first();
        }
        self.open.insert(id.clone());
        Some(Stage::Open)
    }
}
