//! From changes to what a receiver with a lower bound of severity sees: each incident opens once, is updated, and closes
//! only if it was opened.

use crate::base::Severity;
use crate::incident::{Change, Event};
use std::collections::BTreeSet;

/// What a change is to one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Open,
    Update,
    Close,
}

impl Stage {
    pub const ALL: [Stage; 3] = [Stage::Open, Stage::Update, Stage::Close];

    /// As in the configuration and in `PEGEL_STAGE`.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Open => "open",
            Stage::Update => "update",
            Stage::Close => "close",
        }
    }
}

/// Incidents that a receiver knows as open, at most.
const MOST: usize = 4096;

/// The incidents that one receiver was told of.
#[derive(Debug)]
pub struct Stages {
    least: Severity,
    open: BTreeSet<String>,
}

impl Stages {
    /// Incidents below `least` are not told of until they reach it.
    pub fn new(least: Severity) -> Stages {
        Stages { least, open: BTreeSet::new() }
    }

    /// `None` where the receiver need not know.
    pub fn of(&mut self, event: &Event) -> Option<Stage> {
        let id = &event.incident.id;
        if event.change == Change::Closed {
            return self.open.remove(id).then_some(Stage::Close);
        }
        if self.open.contains(id) {
            return Some(Stage::Update);
        }
        // Progress of what was never opened: it is below the bound, or the oldest had to go.
        if event.incident.severity < self.least || event.change == Change::Progress {
            return None;
        }
        if self.open.len() >= MOST {
            // Identifiers begin with the moment of opening.
            self.open.pop_first();
        }
        self.open.insert(id.clone());
        Some(Stage::Open)
    }
}
