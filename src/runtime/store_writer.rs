//! The thread that writes the store and the evidence. The judge hands it what happened, once a second, and never waits: while the
//! disk is slow, full or read-only, everything stays in memory within bounds, and is written once that is possible.

use super::clock::{instant, wall_clock};
use crate::base::Timestamp;
use crate::config::Config;
use crate::incident::{CloseReason, Incident};
use crate::meter::{KEPT, KEPT_PER_HOST};
use crate::metrics::{Metrics, StateOperation};
use crate::store::evidence::{Chain, EvidenceInput, SigningKey};
use crate::store::{Batch, Database, EVIDENCE, Retention, StateDir, StoreError};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Batches that may wait for the thread.
const BATCHES: usize = 2;
/// How often upkeep runs, and a database is tried that could not be opened.
const UPKEEP: Duration = Duration::from_secs(300);
const RETRY: Duration = Duration::from_secs(5);
/// Incidents whose evidence is written between two batches: writing goes on while many close at the same time.
const SEALED_AT_A_TIME: usize = 16;

/// What fails at present, if anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    /// A sentence.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// How often it has been tried since.
    pub failures: u32,
}

/// What may fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Store,
    Evidence,
}

/// What the thread lets others know.
#[derive(Debug, Default)]
struct Shared {
    /// Of the database, and of the evidence.
    troubles: [Option<Trouble>; 2],
    bytes: u64,
    /// Entries that were dropped.
    dropped: u64,
}

/// The judge's end.
pub(super) struct StoreWriter {
    sender: SyncSender<Batch>,
    thread: JoinHandle<()>,
    shared: Arc<Mutex<Shared>>,
}

/// What a run begins with.
#[derive(Default)]
pub(super) struct Restored {
    /// Incidents that were open when the last run ended.
    pub open: Vec<Incident>,
    /// The last closed ones.
    pub recent: Vec<Incident>,
    /// The end of the last second that the last run captured.
    pub captured_until: Option<Timestamp>,
}

/// Where everything is, and how long it is kept.
struct Settings {
    state: StateDir,
    evidence: Option<PathBuf>,
    signing_key: Option<PathBuf>,
    snaplen: u32,
    retention: Retention,
}

struct Writer {
    settings: Settings,
    database: Option<Database>,
    chain: Option<Chain>,
    pending: Batch,
    shared: Arc<Mutex<Shared>>,
    metrics: Arc<Metrics>,
    opened_at: Instant,
    upkeep_at: Instant,
    /// Incidents whose evidence could not be written, until the next upkeep.
    unwritable: BTreeSet<String>,
    /// Tells this run from earlier ones.
    run: u64,
    /// Closed incidents may wait for their evidence.
    is_sealing: bool,
    /// Held while this process writes the store.
    lock: Option<File>,
}

impl StoreWriter {
    /// Opens the store, reads what the last run left, and starts the thread.
    pub(super) fn start(config: &Config, state: StateDir, metrics: &Arc<Metrics>) -> (Option<StoreWriter>, Restored) {
        let settings = Settings {
            evidence: config.evidence.enabled.then(|| state.path().join(EVIDENCE)),
            state,
            signing_key: config.evidence.signing_key.clone(),
            snaplen: config.evidence.snaplen.min(u32::MAX as usize) as u32,
            retention: Retention {
                incident_days: config.store.incident_days,
                minute_days: config.store.minute_days,
                max_bytes: config.store.max_bytes,
            },
        };
        let shared = Arc::new(Mutex::new(Shared::default()));
        let mut writer = Writer {
            settings,
            database: None,
            chain: None,
            pending: Batch::default(),
            shared: Arc::clone(&shared),
            metrics: Arc::clone(metrics),
            opened_at: instant(),
            upkeep_at: instant(),
            unwritable: BTreeSet::new(),
            run: wall_clock().nanos(),
            is_sealing: true,
            lock: None,
        };
        let mut restored = Restored::default();
        writer.open();
        writer.add_running_minute();
        writer.close_drills();
        if let Some(database) = &writer.database {
            match restore(database, config.incident.max_recent) {
                Ok(found) => restored = found,
                Err(error) => writer.fails(Part::Store, &format!("incidents of the last run cannot be read: {error}")),
            }
        }
        let (sender, batches) = sync_channel(BATCHES);
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || writer.run(&batches));
        match thread {
            Ok(thread) => (Some(StoreWriter { sender, thread, shared }), restored),
            Err(error) => {
                tracing::error!("nothing is stored: cannot start a thread: {error}");
                (None, restored)
            }
        }
    }

    /// Hands over a batch; returns it where the thread is busy.
    pub(super) fn offer(&self, batch: Batch) -> Option<Batch> {
        match self.sender.try_send(batch) {
            Ok(()) => None,
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => Some(batch),
        }
    }

    /// What fails at present.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let [store, evidence] = lock(&self.shared).troubles.clone();
        store.or(evidence)
    }

    /// Bytes of database and evidence, and entries that were dropped.
    pub(super) fn usage(&self) -> (u64, u64) {
        let shared = lock(&self.shared);
        (shared.bytes, shared.dropped)
    }

    /// Writes the last batch, and waits until it is written or has failed.
    pub(super) fn stop(self, last: Batch) {
        // Blocks until the thread has taken the batches before.
        let _ = self.sender.send(last);
        drop(self.sender);
        if self.thread.join().is_err() {
            tracing::error!("the thread of the store panicked");
        }
    }
}

fn restore(database: &Database, most: usize) -> Result<Restored, StoreError> {
    Ok(Restored {
        open: database.interrupted()?,
        recent: database.last_closed(most)?,
        captured_until: database.reader().last_written()?,
    })
}

impl Writer {
    fn run(mut self, batches: &Receiver<Batch>) {
        loop {
            let next = match self.is_sealing {
                true => batches.recv_timeout(Duration::from_millis(1)),
                false => batches.recv_timeout(UPKEEP),
            };
            match next {
                Ok(batch) => self.add(batch),
                Err(RecvTimeoutError::Timeout) if self.is_sealing => self.seal_some(),
                Err(RecvTimeoutError::Timeout) => self.upkeep(wall_clock()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.write();
        while self.is_sealing {
            self.seal_some();
        }
    }

    fn add(&mut self, batch: Batch) {
        let dropped = self.pending.append(batch);
        lock(&self.shared).dropped += dropped;
        let is_whole = self.database.is_some() && (self.chain.is_some() || self.settings.evidence.is_none());
        if !is_whole && self.opened_at.elapsed() >= RETRY {
            let had_none = self.database.is_none();
            self.open();
            if had_none {
                self.close_interrupted();
            }
        }
        self.write();
        if self.upkeep_at.elapsed() >= UPKEEP {
            self.upkeep(wall_clock());
        }
    }

    /// Opens what is not open yet.
    fn open(&mut self) {
        self.opened_at = instant();
        let path = self.settings.state.path().to_owned();
        if self.lock.is_none() {
            match self.settings.state.lock_store() {
                Ok(Some(lock)) => self.lock = Some(lock),
                Ok(None) => {
                    return self.fails(Part::Store, &format!("another Pegel writes the store in {}", path.display()));
                }
                Err(error) => return self.cannot_open(&error.into()),
            }
        }
        if self.database.is_none() {
            match Database::open(&path, self.run) {
                Ok(database) => self.database = Some(database),
                Err(error) if error.is_damage() => {
                    self.metrics.state_failure(StateOperation::Store);
                    self.set_aside(&error, wall_clock());
                    match Database::open(&path, self.run) {
                        Ok(database) => self.database = Some(database),
                        Err(error) => return self.cannot_open(&error),
                    }
                }
                Err(error) => return self.cannot_open(&error),
            }
        }
        let Some(folder) = self.settings.evidence.clone().filter(|_| self.chain.is_none()) else { return };
        match self.open_chain(&folder) {
            Ok(chain) => {
                for problem in chain.problems() {
                    self.metrics.state_failure(StateOperation::Evidence);
                    tracing::warn!("evidence in {}: {problem}", folder.display());
                }
                self.chain = Some(chain);
                self.is_sealing = true;
                self.works(Part::Evidence);
            }
            Err(error) => {
                self.fails(Part::Evidence, &format!("evidence cannot be written to {}: {error}", folder.display()));
            }
        }
    }

    fn cannot_open(&self, error: &StoreError) {
        self.fails(
            Part::Store,
            &format!("the store in {} cannot be opened: {error}", self.settings.state.path().display()),
        );
    }

    /// Adds the minute that was running when the last run was killed.
    fn add_running_minute(&mut self) {
        let state = &self.settings.state;
        match state.running_minute() {
            Ok(Some((run, minutes))) => {
                let last = self.database.as_ref().and_then(|database| database.last_minute().ok().flatten());
                // Otherwise it has become a whole one since.
                let is_new = minutes.first().is_some_and(|first| last != Some((run, first.minute)));
                if is_new {
                    self.pending.subjects = minutes;
                    self.pending.run = Some(run);
                    self.write();
                }
            }
            Ok(None) => {}
            Err(error) => {
                self.metrics.state_failure(StateOperation::Load);
                tracing::warn!("the last minute before the restart is lost: {error}");
            }
        }
    }

    fn open_chain(&self, folder: &std::path::Path) -> io::Result<Chain> {
        let key = self.settings.signing_key.as_deref().map(SigningKey::read).transpose().map_err(io::Error::other)?;
        Chain::open(folder, key)
    }

    /// Renames a damaged database, so that another one can begin.
    fn set_aside(&self, error: &StoreError, now: Timestamp) {
        let stamp = now.nanos() / 1_000_000_000;
        for suffix in ["", "-wal", "-shm"] {
            let name = format!("{}{suffix}", crate::store::DATABASE);
            match self.settings.state.set_aside(&name, stamp) {
                Ok(aside) => tracing::error!("the store is damaged ({error}); it was renamed to {}", aside.display()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::error!("the store is damaged, and cannot be renamed: {error}"),
            }
        }
    }

    fn close_drills(&mut self) {
        let Some(database) = &mut self.database else { return };
        for mut drill in database.interrupted_drills().unwrap_or_default() {
            (drill.closed_at, drill.close_reason) = (Some(drill.updated_at), Some(CloseReason::Interrupted));
            if let Err(error) = database.close(&drill) {
                tracing::warn!("the drill {} stays open in the store: {error}", drill.id);
            }
        }
    }

    /// A database that could be opened only now has incidents that were open in the last run: nothing goes on with them.
    fn close_interrupted(&mut self) {
        let Some(database) = &mut self.database else { return };
        let own: Vec<&str> = self.pending.events.iter().map(|event| event.incident.id.as_str()).collect();
        let Ok(interrupted) = database.interrupted() else { return };
        for mut incident in interrupted.into_iter().filter(|incident| !own.contains(&incident.id.as_str())) {
            (incident.closed_at, incident.close_reason) = (Some(incident.updated_at), Some(CloseReason::Interrupted));
            if let Err(error) = database.close(&incident) {
                tracing::warn!("{} stays open in the store: {error}", incident.id);
            }
        }
        self.is_sealing = true;
    }

    fn write(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let Some(database) = &mut self.database else { return self.fails_again() };
        match database.write(&self.pending) {
            Ok(()) => {
                self.is_sealing |= self.pending.closes();
                let running = std::mem::take(&mut self.pending).running;
                // After the minute before is in the database, which this one replaces in the file.
                if let Err(error) = self.settings.state.write_running_minute(self.run, &running) {
                    self.metrics.state_failure(StateOperation::Save);
                    tracing::debug!("the running minute cannot be saved: {error}");
                }
                self.works(Part::Store);
            }
            Err(error) => {
                let is_damage = error.is_damage();
                let directory = self.settings.state.path().display().to_string();
                let message = format!("incidents cannot be stored in {directory}: {error}; they are kept in memory");
                self.fails(Part::Store, &message);
                if is_damage {
                    self.database = None;
                }
            }
        }
    }

    /// Writes the evidence of some closed incidents. Where it is kept but cannot be opened, they wait.
    fn seal_some(&mut self) {
        self.is_sealing = false;
        let Some(database) = &mut self.database else { return };
        if self.settings.evidence.is_some() && self.chain.is_none() {
            return;
        }
        let due = match database.unsealed() {
            Ok(due) => due,
            Err(error) => return self.fails(Part::Store, &format!("the store cannot be read: {error}")),
        };
        let due: Vec<String> = due.into_iter().filter(|id| !self.unwritable.contains(id)).collect();
        let mut failure = None;
        for id in due.iter().take(SEALED_AT_A_TIME) {
            if let Err(message) = seal(database, self.chain.as_mut(), id, self.settings.snaplen) {
                self.metrics.state_failure(StateOperation::Evidence);
                failure = Some(format!("the evidence of {id} cannot be written: {message}"));
                self.unwritable.insert(id.clone());
            }
        }
        match failure {
            Some(message) => self.fails(Part::Evidence, &message),
            None if self.unwritable.is_empty() => self.works(Part::Evidence),
            None => {}
        }
        self.is_sealing = due.len() > SEALED_AT_A_TIME;
    }

    /// Deletes what is too old or too much.
    fn upkeep(&mut self, now: Timestamp) {
        self.upkeep_at = instant();
        self.unwritable.clear();
        let Some(database) = &mut self.database else { return };
        let sizes = |chain: &Chain| chain.ids().filter_map(|id| chain.size(id).ok()).sum::<u64>();
        let mut evidence = self.chain.as_ref().map_or(0, sizes);
        loop {
            let deleted = match database.retain(&self.settings.retention, evidence, now) {
                Ok(deleted) => deleted,
                Err(error) => {
                    return self.fails(Part::Store, &format!("old entries of the store cannot be deleted: {error}"));
                }
            };
            if let Some(chain) = &mut self.chain {
                for id in &deleted.incidents {
                    // Evidence is deleted in the order in which it was written, so that what is left is a chain.
                    while chain.contains(id) {
                        let size = chain.ids().next().and_then(|oldest| chain.size(oldest).ok()).unwrap_or(0);
                        if let Err(error) = chain.retire_oldest() {
                            return self.fails(Part::Evidence, &format!("old evidence cannot be deleted: {error}"));
                        }
                        evidence = evidence.saturating_sub(size);
                    }
                }
            }
            if deleted == crate::store::Deleted::default() {
                break;
            }
        }
        let bytes = database.bytes().unwrap_or(0).saturating_add(evidence);
        lock(&self.shared).bytes = bytes;
        self.is_sealing = true;
    }

    fn works(&self, part: Part) {
        let mut shared = lock(&self.shared);
        if let Some(trouble) = shared.troubles.get_mut(part as usize).and_then(Option::take) {
            let what = if part == Part::Store { "the store" } else { "evidence" };
            tracing::info!("{what} is written again, after {} failures", trouble.failures);
        }
    }

    fn fails(&self, part: Part, message: &str) {
        self.metrics.state_failure(if part == Part::Store { StateOperation::Store } else { StateOperation::Evidence });
        let mut shared = lock(&self.shared);
        match shared.troubles.get_mut(part as usize) {
            Some(Some(trouble)) => {
                trouble.failures = trouble.failures.saturating_add(1);
                message.clone_into(&mut trouble.message);
            }
            Some(slot) => {
                tracing::warn!("{message}");
                *slot = Some(Trouble { message: message.to_owned(), since: wall_clock(), failures: 1 });
            }
            None => {}
        }
    }

    /// It still fails as before.
    fn fails_again(&self) {
        let [store, _] = lock(&self.shared).troubles.clone();
        let message = store.map_or_else(|| "the store cannot be opened".to_owned(), |trouble| trouble.message);
        self.fails(Part::Store, &message);
    }
}

/// How packets are chosen, for those who read evidence.
pub(super) fn sampling() -> String {
    format!(
        "at most {KEPT_PER_HOST} packets per sender and per receiver, and {KEPT} in all, of each capture worker and tenth of a \
         second"
    )
}

/// Writes the evidence of one incident, where there is a chain.
pub(super) fn seal(database: &mut Database, chain: Option<&mut Chain>, id: &str, snaplen: u32) -> Result<(), String> {
    let text = |error: StoreError| error.to_string();
    let Some(chain) = chain else { return database.mark_sealed(id, "").map_err(text) };
    let Some(incident) = database.reader().incident(id).map_err(text)? else { return Ok(()) };
    let (packets, interfaces) = database.reader().packets(id).map_err(text)?;
    let sampling = sampling();
    let input =
        EvidenceInput { incident: &incident, packets: &packets, interfaces: &interfaces, snaplen, sampling: &sampling };
    let sums = match chain.seal(&input) {
        Ok(sealed) => sealed.sums_sha256,
        // The process ended between the two steps.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => String::new(),
        Err(error) => return Err(error.to_string()),
    };
    database.mark_sealed(id, &sums).map_err(text)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
