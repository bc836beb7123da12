//! What a replay records: the same as a live run, in memory.

use super::engine::Engine;
use super::recorder::Recorder;
use super::store_writer::seal;
use crate::base::{Addr, Timestamp};
use crate::config::Config;
use crate::incident::Event;
use crate::meter::KeptPackets;
use crate::store::evidence::Chain;
use crate::store::{Database, Filter, StoreError};

/// Ticks between two writes into the database.
const TICKS: u32 = 50;

pub(super) struct ReplayRecord {
    recorder: Recorder,
    database: Database,
    ticks: u32,
    error: Option<StoreError>,
}

impl ReplayRecord {
    pub(super) fn new(config: &Config) -> Result<ReplayRecord, StoreError> {
        let named = config.metrics_hosts.iter().copied().map(Addr::from).collect();
        let ring = if config.tally.kept_octets > 0 { config.evidence.memory_bytes } else { 0 };
        Ok(ReplayRecord {
            recorder: Recorder::new(ring, named),
            database: Database::in_memory()?,
            ticks: 0,
            error: None,
        })
    }

    pub(super) fn tick(&mut self, engine: &Engine, kept: &KeptPackets, end: Timestamp) {
        self.recorder.tick(engine, std::iter::once(kept), end);
        self.ticks += 1;
    }

    pub(super) fn events(&mut self, events: &[Event]) {
        self.recorder.events(events);
        if self.ticks >= TICKS {
            self.ticks = 0;
            self.write();
        }
    }

    fn write(&mut self) {
        if let Err(error) = self.database.write(&self.recorder.take()) {
            self.error.get_or_insert(error);
        }
    }

    /// Adds the incidents that are open at the end of the capture.
    pub(super) fn finish(mut self, engine: &Engine) -> Result<Database, StoreError> {
        self.recorder.finish();
        self.recorder.open_at_end(engine.incidents().open());
        self.write();
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.database),
        }
    }
}

/// Writes the evidence of every incident of a replay; returns their number.
///
/// # Errors
/// A sentence.
pub fn write_evidence(database: &mut Database, chain: &mut Chain, snaplen: usize) -> Result<usize, String> {
    let mut all = database.reader().all_incidents(&Filter::default()).map_err(|error| error.to_string())?;
    // In the order of their ends, as a live run does.
    all.sort_by(|a, b| (a.closed_at.unwrap_or(a.updated_at), &a.id).cmp(&(b.closed_at.unwrap_or(b.updated_at), &b.id)));
    for incident in &all {
        if chain.contains(&incident.id) {
            return Err(format!("there is evidence of {} already", incident.id));
        }
        seal(database, Some(chain), &incident.id, snaplen.min(u32::MAX as usize) as u32)?;
    }
    Ok(all.len())
}
