//! Memory: what a live run keeps over restarts, and the windows that were planned meanwhile. Files are written by a thread
//! of their own: judging never waits for a disk.

use super::engine::Engine;
use crate::base::Timestamp;
use crate::config::Config;
use crate::detect::Baseline;
use crate::incident::MaintenanceWindow;
use crate::metrics::{Metrics, StateOperation};
use crate::state::StateDir;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

const BASELINE: &str = "baseline.bin";
/// Seconds of packet time between two savings.
const SAVE_EVERY: f64 = 300.0;

/// What was learned until now, as the state directory has it; and what is wrong with it, in a sentence.
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

/// The same for a replay: it ages by packet time.
pub(super) fn learned(config: &Config) -> Result<Baseline, String> {
    let loaded = load(&StateDir::at(&config.state_dir), config).map_err(|(message, _)| message)?;
    Ok(loaded.unwrap_or_else(|| Baseline::new(config.baseline.hosts)))
}

/// `Err` says what is wrong, and whether the file's content is.
fn load(state: &StateDir, config: &Config) -> Result<Option<Baseline>, (String, bool)> {
    let shown = || state.path().join(BASELINE).display().to_string();
    let bytes = state.read(BASELINE).map_err(|error| (format!("{} cannot be read: {error}", shown()), false))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let baseline = Baseline::from_bytes(&bytes, config.baseline.hosts);
    baseline.map(Some).map_err(|error| (format!("{} cannot be used: {error}", shown()), true))
}

/// The thread that writes.
struct Saver {
    sender: SyncSender<Vec<u8>>,
    thread: JoinHandle<()>,
}

pub(super) struct Persistence {
    metrics: Arc<Metrics>,
    /// `None` where the directory cannot be used.
    state: Option<StateDir>,
    saver: Option<Saver>,
    saved: Option<Timestamp>,
    path: PathBuf,
    /// What was last known of the file of windows, and what was in it.
    windows_stamp: Option<(SystemTime, u64)>,
    maintenance: Vec<MaintenanceWindow>,
}

impl Persistence {
    /// Opens the directory and hands the engine what is known. Nothing that goes wrong here stops a run.
    pub fn start(config: &Config, engine: &mut Engine, metrics: &Arc<Metrics>, now: Timestamp) -> Persistence {
        let path = config.state_dir.clone();
        let state = match StateDir::open(&path) {
            Ok(state) => Some(state),
            Err(error) => {
                metrics.state_failure(StateOperation::Open);
                tracing::warn!("state_dir {} cannot be used: {error}; nothing is kept over a restart", path.display());
                None
            }
        };
        let mut memory = Persistence {
            metrics: Arc::clone(metrics),
            saver: None,
            state,
            saved: Some(now),
            path,
            windows_stamp: None,
            maintenance: Vec::new(),
        };
        if config.baseline.enabled {
            engine.set_baseline(Some(memory.load(config, now)));
        }
        memory.read_windows(config, engine);
        memory
    }

    fn load(&mut self, config: &Config, now: Timestamp) -> Baseline {
        let fresh = || Baseline::new(config.baseline.hosts);
        let Some(state) = &self.state else { return fresh() };
        match load(state, config) {
            Ok(Some(baseline)) => {
                tracing::info!("what is usual of {} hosts was loaded", baseline.len());
                baseline
            }
            Ok(None) => fresh(),
            Err((message, is_content)) => {
                self.metrics.state_failure(StateOperation::Load);
                tracing::warn!("{message}; what is usual is learned anew");
                if is_content {
                    match state.set_aside(BASELINE, now.nanos() / 1_000_000_000) {
                        Ok(aside) => tracing::warn!("it was set aside as {}", aside.display()),
                        Err(error) => tracing::warn!("it could not be set aside: {error}"),
                    }
                }
                fresh()
            }
        }
    }

    /// To be called each second or so.
    pub fn look(&mut self, config: &Config, engine: &mut Engine, now: Timestamp) {
        self.read_windows(config, engine);
        match self.saved {
            Some(saved) if saved <= now && now.seconds_since(saved) < SAVE_EVERY => {}
            _ => {
                self.saved = Some(now);
                self.save(engine, now);
            }
        }
    }

    /// Gives the engine the windows of the configuration and of the file, if that changed.
    fn read_windows(&mut self, config: &Config, engine: &mut Engine) {
        if let Some(state) = &self.state {
            let stamp = state.windows_stamp();
            if stamp != self.windows_stamp {
                self.windows_stamp = stamp;
                match state.maintenance() {
                    Ok(maintenance) => {
                        tracing::info!("{} planned windows in {}", maintenance.len(), self.path.display());
                        self.maintenance = maintenance;
                    }
                    Err(error) => {
                        self.metrics.state_failure(StateOperation::Maintenance);
                        tracing::warn!("planned windows stay as they were: {error}");
                    }
                }
            }
        }
        engine.set_maintenance(config.maintenance.iter().chain(&self.maintenance));
    }

    fn save(&mut self, engine: &Engine, now: Timestamp) {
        let (Some(state), Some(baseline)) = (&self.state, engine.baseline()) else { return };
        if self.saver.is_none() {
            self.saver = start_saver(state.clone(), Arc::clone(&self.metrics));
        }
        let bytes = baseline.to_bytes(now);
        // Full: the disk has not taken the last one yet.
        if self.saver.as_ref().is_none_or(|saver| saver.sender.try_send(bytes).is_err()) {
            self.metrics.state_failure(StateOperation::Save);
        }
    }

    /// Saves for the last time and waits until that is done.
    pub fn stop(&mut self, engine: &Engine, now: Timestamp) {
        self.save(engine, now);
        if let Some(Saver { sender, thread }) = self.saver.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

fn start_saver(state: StateDir, metrics: Arc<Metrics>) -> Option<Saver> {
    let (sender, receiver) = sync_channel::<Vec<u8>>(1);
    let save = move || {
        for bytes in receiver {
            if let Err(error) = state.write(BASELINE, &bytes) {
                metrics.state_failure(StateOperation::Save);
                tracing::warn!("what is usual cannot be saved in {}: {error}", state.path().display());
            }
        }
    };
    let thread = std::thread::Builder::new().name("state".to_owned()).spawn(save).ok()?;
    Some(Saver { sender, thread })
}
