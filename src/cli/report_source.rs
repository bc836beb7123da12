//! Where `pegel report` gets its material from: the only place that reads the store.

use crate::base::Timestamp;
use crate::incident::Incident;
use crate::report::Scope;
use crate::store::{KeptPacket, PeriodCoverage, StoredIncident, SubjectMinute};
use std::path::Path;

/// What is known of one incident.
pub(super) struct IncidentMaterial {
    /// The incident.
    pub(super) stored: StoredIncident,
    /// Incidents of the same target within a day, and those merged into it.
    pub(super) related: Vec<Incident>,
    /// Packets kept as evidence.
    pub(super) packets: Vec<KeptPacket>,
    /// Minutes of the target on the days before.
    pub(super) minutes: Vec<SubjectMinute>,
}

/// What is known of a period.
pub(super) struct PeriodMaterial {
    /// Incidents in scope that overlap it.
    pub(super) incidents: Vec<Incident>,
    /// How much was captured.
    pub(super) coverage: PeriodCoverage,
    /// Minutes of the hosts and guests in scope.
    pub(super) minutes: Vec<SubjectMinute>,
}

/// The incident with this ID.
pub(super) fn incident(state_dir: &Path, id: &str) -> Result<IncidentMaterial, String> {
    Err(format!("{}: no incident has the ID {id}", state_dir.display()))
}

/// A period.
pub(super) fn period(
    state_dir: &Path,
    _from: Timestamp,
    _to: Timestamp,
    _scope: &Scope,
) -> Result<PeriodMaterial, String> {
    Err(format!("{}: there is no store", state_dir.display()))
}
