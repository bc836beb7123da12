//! What the pipeline tells and the server reads.

use super::views::InventoryView;
use crate::base::Timestamp;
use crate::detect::Allowed;
use crate::incident::Incident;
use crate::meter::{HostTable, StationTable};
use crate::metrics::Metrics;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Milliseconds without a tick after which the pipeline counts as stuck.
pub const STUCK_AFTER_MILLIS: u64 = 5_000;

/// All incidents at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub open: Vec<Incident>,
    /// Closed ones, oldest first.
    pub recent: Vec<Arc<Incident>>,
    /// Rules of the allow-list, and what they suppressed.
    pub allowed: Vec<AllowedView>,
}

/// A rule of the allow-list as the API tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AllowedView {
    pub rule: String,
    pub why: String,
    /// Findings suppressed since the start; one that lasts is found anew ten times a second.
    pub findings: u64,
    pub last: Option<Timestamp>,
}

impl From<&Allowed> for AllowedView {
    fn from(allowed: &Allowed) -> Self {
        let (rule, why) = (allowed.rule.name.clone(), allowed.rule.why.clone());
        AllowedView { rule, why, findings: allowed.findings, last: allowed.last }
    }
}

/// Between the pipeline, which writes, and the server, which reads. Locks are held for a pointer's time only.
pub struct Shared {
    pub(super) metrics: Arc<Metrics>,
    pub(super) hosts: Arc<HostTable>,
    pub(super) stations: Arc<StationTable>,
    /// Names by the index that stations carry.
    pub(super) interfaces: Vec<String>,
    incidents: Mutex<Arc<Snapshot>>,
    place: Mutex<Arc<InventoryView>>,
    origin: Instant,
    /// Milliseconds from `origin` to the last tick.
    beat: AtomicU64,
    ready: AtomicBool,
    captures: Mutex<BTreeMap<String, bool>>,
}

impl Shared {
    /// `interfaces` are in the order of the indices in the station table; all captures begin as down. `origin` is where
    /// the caller's milliseconds (see [`Shared::beat`]) begin.
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
            place: Mutex::default(),
            origin,
            beat: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            captures: Mutex::new(captures),
        }
    }

    /// Replaces what the API tells of incidents.
    pub fn publish(&self, snapshot: Snapshot) {
        let new = Arc::new(snapshot);
        let old = std::mem::replace(&mut *lock(&self.incidents), new);
        // Freed here, outside the lock, unless a request still reads it.
        drop(old);
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&lock(&self.incidents))
    }

    /// Replaces what the API tells of guests and interfaces.
    pub fn publish_inventory(&self, place: InventoryView) {
        let new = Arc::new(place);
        let old = std::mem::replace(&mut *lock(&self.place), new);
        // As above.
        drop(old);
    }

    pub(super) fn place(&self) -> Arc<InventoryView> {
        Arc::clone(&lock(&self.place))
    }

    /// The pipeline lives: called each tick with the milliseconds since `origin`.
    pub fn beat(&self, millis: u64) {
        self.beat.fetch_max(millis, Ordering::Relaxed);
    }

    /// Whether start-up is over and the end has not begun.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    pub fn set_capture(&self, interface: &str, up: bool) {
        let mut captures = lock(&self.captures);
        match captures.get_mut(interface) {
            Some(known) => *known = up,
            None => {
                captures.insert(interface.to_owned(), up);
            }
        }
    }

    /// Milliseconds since the last tick; since `origin` where there was none.
    #[expect(
        clippy::disallowed_methods,
        reason = "whether the pipeline is stuck can only be told by a clock outside it"
    )]
    fn silent_millis(&self) -> u64 {
        let now = u64::try_from(Instant::now().saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX);
        now.saturating_sub(self.beat.load(Ordering::Relaxed))
    }

    /// Whether the process does its work; else a sentence.
    pub(super) fn health(&self) -> Result<(), String> {
        match self.silent_millis() {
            silent if silent > STUCK_AFTER_MILLIS => {
                Err(format!("the pipeline is stuck: no tick for {} s", silent / 1000))
            }
            _ => Ok(()),
        }
    }

    /// Whether packets are being watched; else a sentence.
    pub(super) fn readiness(&self) -> Result<(), String> {
        if !self.ready.load(Ordering::Relaxed) {
            return Err("not ready: starting or stopping".to_owned());
        }
        let captures = lock(&self.captures);
        if captures.values().any(|&up| up) {
            return Ok(());
        }
        let down: Vec<&str> = captures.keys().map(String::as_str).collect();
        Err(match down.as_slice() {
            [] => "not ready: there is no interface to capture from".to_owned(),
            down => format!("not ready: no capture is up; down: {}", down.join(", ")),
        })
    }
}

/// The lock, whatever happened to a thread that held it: what is kept here is replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
