//! What a live run keeps over restarts: the baseline and the pairings, which are saved every five minutes. Also reads the maintenance
//! windows that `pegel maintenance` writes. A separate thread writes files: the judge never waits for a disk.

use super::engine::Engine;
use super::saved_pairings::SavedPairings;
use crate::base::Timestamp;
use crate::config::Config;
use crate::detect::{Baseline, default_limits};
use crate::incident::MaintenanceWindow;
use crate::metrics::{Metrics, StateOperation};
use crate::store::{PAIRINGS, StateDir};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

const BASELINE: &str = "baseline.bin";
/// Files that are saved at a time.
const FILES: usize = 2;
/// Seconds of packet time between two saves.
const SAVE_INTERVAL: f64 = 300.0;

/// The saved baseline, aged to time `now`. The second part is a sentence on what is wrong with it, if anything.
pub fn read_baseline(config: &Config, now: Timestamp) -> (Option<Baseline>, Option<String>) {
    let state = StateDir::at(&config.state_dir);
    match load(&state, config) {
        Ok(mut baseline) => {
            if let Some(baseline) = &mut baseline {
                baseline.age(now);
            }
            (baseline, None)
        }
        Err((message, _)) => (None, Some(message)),
    }
}

/// The saved baseline for a replay, in which it ages with packet time; a new one where none was saved.
pub(super) fn saved_baseline(config: &Config) -> Result<Baseline, String> {
    let saved = load(&StateDir::at(&config.state_dir), config).map_err(|(message, _)| message)?;
    Ok(saved.unwrap_or_else(|| Baseline::new(config.baseline.hosts, default_limits())))
}

/// `Err` is a sentence, and whether the content of the file is invalid.
fn load(state: &StateDir, config: &Config) -> Result<Option<Baseline>, (String, bool)> {
    let path = || state.path().join(BASELINE).display().to_string();
    let bytes = state.read(BASELINE).map_err(|error| (format!("{} cannot be read: {error}", path()), false))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let baseline = Baseline::from_bytes(&bytes, config.baseline.hosts, default_limits());
    baseline.map(Some).map_err(|error| (format!("{} cannot be used: {error}", path()), true))
}

/// The thread that writes files.
struct Saver {
    /// Name and content.
    sender: SyncSender<(&'static str, Vec<u8>)>,
    thread: JoinHandle<()>,
}

pub(super) struct Persistence {
    metrics: Arc<Metrics>,
    /// `None` if the directory cannot be used.
    state: Option<StateDir>,
    saver: Option<Saver>,
    saved: Option<Timestamp>,
    pairings: SavedPairings,
    path: PathBuf,
    /// Modification time and length of the file of maintenance windows at the last reading, and its content.
    maintenance_stamp: Option<(SystemTime, u64)>,
    maintenance: Vec<MaintenanceWindow>,
}

impl Persistence {
    /// Opens the state directory and gives the engine the saved state. No error here ends the run.
    pub(crate) fn start(config: &Config, engine: &mut Engine, metrics: &Arc<Metrics>, now: Timestamp) -> Persistence {
        let path = config.state_dir.clone();
        let state = match StateDir::open(&path) {
            Ok(state) => Some(state),
            Err(error) => {
                metrics.state_failure(StateOperation::Open);
                tracing::warn!("state_dir {} cannot be used: {error}; no state is kept over a restart", path.display());
                None
            }
        };
        let mut persistence = Persistence {
            metrics: Arc::clone(metrics),
            saver: None,
            state,
            saved: Some(now),
            pairings: SavedPairings::default(),
            path,
            maintenance_stamp: None,
            maintenance: Vec::new(),
        };
        if config.baseline.enabled {
            engine.set_baseline(Some(persistence.load(config, now)));
        }
        if let Some(state) = &persistence.state {
            persistence.pairings.load(state, engine, metrics, now);
        }
        persistence.read_maintenance(config, engine);
        persistence
    }

    fn load(&mut self, config: &Config, now: Timestamp) -> Baseline {
        let fresh = || Baseline::new(config.baseline.hosts, default_limits());
        let Some(state) = &self.state else { return fresh() };
        match load(state, config) {
            Ok(Some(baseline)) => {
                tracing::info!("loaded baseline for {} hosts", baseline.len());
                baseline
            }
            Ok(None) => fresh(),
            Err((message, is_content)) => {
                self.metrics.state_failure(StateOperation::Load);
                tracing::warn!("{message}; a new baseline is learned");
                if is_content {
                    match state.set_aside(BASELINE, now.nanos() / 1_000_000_000) {
                        Ok(aside) => tracing::warn!("the unusable file was renamed to {}", aside.display()),
                        Err(error) => tracing::warn!("the unusable file could not be renamed: {error}"),
                    }
                }
                fresh()
            }
        }
    }

    /// Reads the maintenance windows and imported pairings, and saves what is due. Called about once per second.
    pub(crate) fn every_second(&mut self, config: &Config, engine: &mut Engine, now: Timestamp) {
        self.read_maintenance(config, engine);
        if let Some(state) = &self.state {
            self.pairings.read_imported(state, engine, &self.metrics, now);
        }
        match self.saved {
            Some(saved) if saved <= now && now.seconds_since(saved) < SAVE_INTERVAL => {}
            _ => {
                self.saved = Some(now);
                self.save(engine, now);
            }
        }
    }

    /// Gives the engine the maintenance windows of the configuration and of the file, which is read if it changed.
    fn read_maintenance(&mut self, config: &Config, engine: &mut Engine) {
        if let Some(state) = &self.state {
            let stamp = state.windows_stamp();
            if stamp != self.maintenance_stamp {
                self.maintenance_stamp = stamp;
                match state.maintenance() {
                    Ok(maintenance) => {
                        tracing::info!("{} maintenance windows in {}", maintenance.len(), self.path.display());
                        self.maintenance = maintenance;
                    }
                    Err(error) => {
                        self.metrics.state_failure(StateOperation::Maintenance);
                        tracing::warn!("maintenance windows are unchanged: {error}");
                    }
                }
            }
        }
        engine.set_maintenance(config.maintenance.iter().chain(&self.maintenance));
    }

    fn save(&mut self, engine: &Engine, now: Timestamp) {
        let Some(state) = &self.state else { return };
        if self.saver.is_none() {
            self.saver = start_saver(state.clone(), Arc::clone(&self.metrics));
        }
        let baseline = engine.baseline().map(|baseline| (BASELINE, baseline.to_bytes(now)));
        let pairings = (PAIRINGS, self.pairings.to_bytes(engine, now));
        for file in baseline.into_iter().chain([pairings]) {
            // The channel is full while the writes before are still under way.
            if self.saver.as_ref().is_none_or(|saver| saver.sender.try_send(file).is_err()) {
                self.metrics.state_failure(StateOperation::Save);
            }
        }
    }

    /// Saves everything and waits until it is written.
    pub(crate) fn stop(&mut self, engine: &Engine, now: Timestamp) {
        self.save(engine, now);
        if let Some(Saver { sender, thread }) = self.saver.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

fn start_saver(state: StateDir, metrics: Arc<Metrics>) -> Option<Saver> {
    let (sender, receiver) = sync_channel::<(&'static str, Vec<u8>)>(FILES);
    let save = move || {
        for (name, bytes) in receiver {
            if let Err(error) = state.write(name, &bytes) {
                metrics.state_failure(StateOperation::Save);
                tracing::warn!("{name} cannot be saved in {}: {error}", state.path().display());
            }
        }
    };
    let thread = std::thread::Builder::new().name("state".to_owned()).spawn(save).ok()?;
    Some(Saver { sender, thread })
}
