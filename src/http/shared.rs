//! Data shared by the runtime, which writes it, and the server, which reads it.

use super::last_event::{LastEvent, MOST_STREAMS};
use crate::base::{Addr, Timestamp};
use crate::detect::{Allowed, Explanation};
use crate::incident::Incident;
use crate::meter::{HostTable, StationTable};
use crate::metrics::Metrics;
use crate::report::Sender;
use crate::view::{InventoryView, Overview};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot, watch};
use utoipa::ToSchema;

/// Milliseconds without a tick after which the pipeline is considered stuck.
pub const STUCK_AFTER_MILLIS: u64 = 5_000;

/// All incidents at one point in time.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Open incidents.
    pub open: Vec<Incident>,
    /// Closed ones, oldest first.
    pub recent: Vec<Arc<Incident>>,
    /// Allow rules and the findings that they suppressed.
    pub allowed: Vec<AllowedView>,
}

/// An allow rule in the API.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AllowedView {
    /// Its name.
    pub rule: String,
    /// Its reason in the configuration.
    pub why: String,
    /// Findings suppressed since the start. A condition that persists is found again in every tick of 0.1 s.
    pub findings: u64,
    /// Time of the latest suppressed finding.
    pub last_at: Option<Timestamp>,
}

impl From<&Allowed> for AllowedView {
    fn from(allowed: &Allowed) -> Self {
        let (rule, why) = (allowed.rule.name.clone(), allowed.rule.why.clone());
        AllowedView { rule, why, findings: allowed.findings, last_at: allowed.last }
    }
}

/// State between the runtime and the server. Locks are held only while a pointer is copied or replaced.
pub struct Shared {
    pub(super) metrics: Arc<Metrics>,
    pub(super) hosts: Arc<HostTable>,
    pub(super) stations: Arc<StationTable>,
    /// Names of interfaces, by the interface index of stations.
    pub(super) interfaces: Vec<String>,
    incidents: Mutex<Arc<Snapshot>>,
    inventory: Mutex<Arc<InventoryView>>,
    /// Without guests and incidents, which have places of their own.
    overview: Mutex<Arc<Overview>>,
    /// Counts what was published: open pages wait for the next.
    news: watch::Sender<u64>,
    ended: watch::Sender<bool>,
    origin: Instant,
    /// Milliseconds from `origin` to the last tick.
    beat: AtomicU64,
    ready: AtomicBool,
    captures: Mutex<BTreeMap<String, bool>>,
    questions: Mutex<Vec<Question>>,
    /// The state directory with the store.
    store: Option<PathBuf>,
    /// Requests that read the store.
    pub(super) store_questions: Arc<Semaphore>,
    /// Open pages.
    pub(super) streams: Arc<Semaphore>,
    /// Files of evidence that are being sent.
    pub(super) downloads: Arc<Semaphore>,
    pub(super) last_event: LastEvent,
    /// Writes reports, where incidents are stored.
    pub(super) reports: Option<Arc<Sender>>,
}

/// A host that a request wants explained, and where the answer goes.
type Question = (Addr, oneshot::Sender<Vec<Explanation>>);

/// Questions that may wait for the next tick.
const MOST_QUESTIONS: usize = 8;
/// Requests that may read the store at the same time.
const MOST_STORE_QUESTIONS: usize = 2;
/// Files of evidence that may be sent at the same time.
const MOST_DOWNLOADS: usize = 4;

impl Shared {
    /// `interfaces` are in the order of the interface indices of the station table; all start as down. `origin` is the
    /// time from which the milliseconds of [`Shared::beat`] are counted.
    pub fn new(
        metrics: Arc<Metrics>,
        hosts: Arc<HostTable>,
        stations: Arc<StationTable>,
        interfaces: Vec<String>,
        origin: Instant,
    ) -> Self {
        let captures = interfaces.iter().map(|name| (name.clone(), false)).collect();
        Shared {
            metrics,
            hosts,
            stations,
            interfaces,
            incidents: Mutex::default(),
            inventory: Mutex::default(),
            overview: Mutex::default(),
            news: watch::Sender::new(0),
            ended: watch::Sender::new(false),
            origin,
            beat: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            captures: Mutex::new(captures),
            questions: Mutex::default(),
            store: None,
            store_questions: Arc::new(Semaphore::new(MOST_STORE_QUESTIONS)),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            downloads: Arc::new(Semaphore::new(MOST_DOWNLOADS)),
            last_event: LastEvent::default(),
            reports: None,
        }
    }

    /// Incidents are stored in this directory, and reported by this sender.
    pub fn with_store(mut self, directory: &Path, reports: Sender) -> Self {
        self.store = Some(directory.to_owned());
        self.reports = Some(Arc::new(reports));
        self
    }

    pub(super) fn store(&self) -> Option<&Path> {
        self.store.as_deref()
    }

    /// Replaces the incidents that the API shows.
    pub fn publish(&self, snapshot: Snapshot) {
        let new = Arc::new(snapshot);
        let old = std::mem::replace(&mut *lock(&self.incidents), new);
        // Freed here, outside the lock, unless a request still reads it.
        drop(old);
        self.tell();
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&lock(&self.incidents))
    }

    /// Replaces the guests and interfaces that the API shows.
    pub fn publish_inventory(&self, inventory: InventoryView) {
        let new = Arc::new(inventory);
        let old = std::mem::replace(&mut *lock(&self.inventory), new);
        // Freed outside the lock, as above.
        drop(old);
    }

    pub(super) fn inventory(&self) -> Arc<InventoryView> {
        Arc::clone(&lock(&self.inventory))
    }

    /// Replaces what people look at; its guests and incidents are those of the API.
    pub fn publish_overview(&self, overview: Overview) {
        let new = Arc::new(overview);
        let old = std::mem::replace(&mut *lock(&self.overview), new);
        // Freed outside the lock, as above.
        drop(old);
        self.tell();
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Ends the streams of open pages.
    pub(super) fn end_streams(&self) {
        self.ended.send_replace(true);
    }

    /// Whether the streams of open pages are to end.
    pub(super) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// Receives a number whenever something was published.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The end of the last second in packet time.
    pub(super) fn now(&self) -> Timestamp {
        lock(&self.overview).at.unwrap_or(Timestamp::ZERO)
    }

    /// What was published last, without guests and incidents.
    pub(super) fn last_second(&self) -> Arc<Overview> {
        Arc::clone(&lock(&self.overview))
    }

    /// What people look at: the last `seconds` of traffic, and at most `most` guests and closed incidents.
    pub(super) fn overview(&self, seconds: usize, most: usize) -> Overview {
        let known = self.last_second();
        let (snapshot, inventory) = (self.snapshot(), self.inventory());
        let Overview { at, hosts_known, stations_known, .. } = *known;
        let traffic = known.traffic.get(known.traffic.len().saturating_sub(seconds)..).unwrap_or_default();
        Overview {
            at,
            sensor: known.sensor.clone(),
            traffic: traffic.to_vec(),
            hosts: known.hosts.clone(),
            hosts_known,
            networks: known.networks.clone(),
            guests: inventory.guests.iter().take(most).cloned().collect(),
            stations: known.stations.clone(),
            stations_known,
            open: snapshot.open.clone(),
            recent: snapshot.recent.iter().rev().take(most).map(|incident| Incident::clone(incident)).collect(),
        }
    }

    /// Asks what the detectors make of a host in the next tick; `None` if too many questions wait already.
    pub(super) fn ask(&self, address: Addr) -> Option<oneshot::Receiver<Vec<Explanation>>> {
        let mut questions = lock(&self.questions);
        questions.retain(|(_, answer)| !answer.is_closed());
        if questions.len() >= MOST_QUESTIONS {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        questions.push((address, answer));
        Some(receiver)
    }

    /// Answers the questions that wait.
    pub fn answer(&self, explain: impl Fn(Addr) -> Vec<Explanation>) {
        let questions = std::mem::take(&mut *lock(&self.questions));
        for (address, answer) in questions {
            // The client may have gone in the meantime.
            let _ = answer.send(explain(address));
        }
    }

    /// Heartbeat of the pipeline, called each tick with the milliseconds since `origin`.
    pub fn beat(&self, millis: u64) {
        self.beat.fetch_max(millis, Ordering::Relaxed);
    }

    /// Sets whether start-up is complete and shutdown has not begun.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Sets whether packets are being captured on an interface.
    pub fn set_capture(&self, interface: &str, up: bool) {
        let mut captures = lock(&self.captures);
        match captures.get_mut(interface) {
            Some(known) => *known = up,
            None => {
                captures.insert(interface.to_owned(), up);
            }
        }
    }

    /// Milliseconds since the last tick, or since `origin` before the first one.
    #[expect(clippy::disallowed_methods, reason = "detecting a stuck pipeline needs a clock outside it")]
    fn silent_millis(&self) -> u64 {
        let now = u64::try_from(Instant::now().saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX);
        now.saturating_sub(self.beat.load(Ordering::Relaxed))
    }

    /// Fails with a message if the pipeline is stuck.
    pub(super) fn health(&self) -> Result<(), String> {
        match self.silent_millis() {
            silent if silent > STUCK_AFTER_MILLIS => {
                Err(format!("the pipeline is stuck: no tick for {} s", silent / 1000))
            }
            _ => Ok(()),
        }
    }

    /// Fails with a message unless packets are being captured.
    pub(super) fn readiness(&self) -> Result<(), String> {
        if !self.ready.load(Ordering::Relaxed) {
            return Err("not ready: starting up or shutting down".to_owned());
        }
        let captures = lock(&self.captures);
        if captures.values().any(|&up| up) {
            return Ok(());
        }
        let down: Vec<&str> = captures.keys().map(String::as_str).collect();
        Err(match down.as_slice() {
            [] => "not ready: no interface to capture on".to_owned(),
            down => format!("not ready: no interface is being captured; down: {}", down.join(", ")),
        })
    }
}

/// Locks a mutex even if a thread panicked while holding it: its contents are only ever replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
