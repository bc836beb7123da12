//! The panes, one file each. A new one needs a file with a `PANE` and its row below.

mod guests;
mod incident;
mod incidents;
mod overview;
mod sensor;
mod sources;
mod stations;
mod targets;

use super::pane::Pane;

/// In the order of the keys 1, 2, 3 ….
pub(super) const PANES: &[&Pane] =
    &[&overview::PANE, &incidents::PANE, &targets::PANE, &sources::PANE, &guests::PANE, &stations::PANE, &sensor::PANE];
