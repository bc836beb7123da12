//! Collects the workers' reports by tick. A tick is complete when every worker that is still alive has finished it.

use super::capture_worker::idle_until;
use super::clock::{instant, wall_clock};
use super::worker_handles::WorkerHandles;
use super::worker_messages::WorkerMessage;
use crate::meter::{Count, TickReport};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Longest wait for a message, after which the judge checks everything else: while frames arrive, while none do, and while a tick
/// waits to be complete.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_IDLE_WAIT: Duration = Duration::from_millis(500);
const WHILE_PENDING: Duration = Duration::from_millis(10);
/// A worker that was silent for this long is no longer waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// Messages of several workers within this time that the clock was set back are about the same change.
const SAME_CLOCK_CHANGE: Duration = Duration::from_secs(2);

/// A report and the index of its worker.
pub(super) type WorkerReport = (usize, Box<TickReport>);

/// What a message means to the judge.
pub(super) enum Update {
    /// A worker of this interface finished a tick with these frames. `late` earlier ticks are included.
    Report { interface: String, frames: Count, late: u32 },
    /// Capture on this interface stopped.
    Down { interface: String, why: String },
    /// All workers of this interface capture again.
    Up { interface: String },
    /// The clock was set back. All reports that waited were discarded.
    ClockSetBack,
}

pub(super) struct TickCollector {
    pub workers: WorkerHandles,
    messages: Receiver<WorkerMessage>,
    /// Reports that wait for other workers, by tick.
    pending: BTreeMap<u64, Vec<WorkerReport>>,
    /// The last tick that was taken.
    last: Option<u64>,
    /// When a worker last reported that the clock was set back.
    clock_set_back: Option<Instant>,
}

impl TickCollector {
    pub(crate) fn new(workers: WorkerHandles, messages: Receiver<WorkerMessage>) -> TickCollector {
        TickCollector { workers, messages, pending: BTreeMap::new(), last: None, clock_set_back: None }
    }

    /// Waits for a message, at most until something else may be due.
    ///
    /// # Errors
    /// `Disconnected` once every worker has ended and all messages were received.
    pub(crate) fn receive(&self) -> Result<WorkerMessage, RecvTimeoutError> {
        let is_idle = self.workers.iter().all(|worker| worker.is_idle);
        self.receive_within(match self.pending.is_empty() {
            true if is_idle => LONGEST_IDLE_WAIT,
            true => LONGEST_WAIT,
            // Time alone completes a tick that only idle workers have not reported.
            false => WHILE_PENDING,
        })
    }

    /// Waits for a message, at most for `timeout`.
    ///
    /// # Errors
    /// `Disconnected` once every worker has ended and all messages were received.
    pub(crate) fn receive_within(&self, timeout: Duration) -> Result<WorkerMessage, RecvTimeoutError> {
        self.messages.recv_timeout(timeout)
    }

    /// A message that has already arrived.
    pub(crate) fn try_receive(&self) -> Option<WorkerMessage> {
        self.messages.try_recv().ok()
    }

    /// The last tick that was taken; `None` at the start and after the clock was set back.
    pub(crate) fn last_tick(&self) -> Option<u64> {
        self.last
    }

    /// Updates the state of the message's worker.
    pub(crate) fn accept(&mut self, message: WorkerMessage) -> Option<Update> {
        let now = instant();
        match message {
            WorkerMessage::Tick { worker, report, stats, sampling, late, is_idle } => {
                let state = self.workers.get_mut(worker)?;
                state.last_heard = now;
                state.done = Some(report.tick);
                state.is_idle = is_idle;
                state.stats = stats;
                state.sampling = sampling;
                state.directions = report.directions;
                let interface = state.interface.clone();
                let mut frames = report.totals.frames;
                frames.merge(report.elsewhere);
                state.frames.merge(frames);
                // A tick that was judged is final: a report for it counts in the next one.
                let tick = report.tick.max(self.last.map_or(0, |last| last + 1));
                self.pending.entry(tick).or_default().push((worker, report));
                Some(Update::Report { interface, frames, late })
            }
            WorkerMessage::Down { worker, stats, why } => {
                let interface = self.workers.get_mut(worker)?.interface.clone();
                let were_up = self.workers.are_up(&interface);
                let state = self.workers.get_mut(worker)?;
                state.last_heard = now;
                state.is_idle = false;
                state.goes_down(stats);
                // The other workers of the interface report the same failure.
                were_up.then_some(Update::Down { interface, why })
            }
            WorkerMessage::Up { worker } => {
                let state = self.workers.get_mut(worker)?;
                state.up = true;
                state.last_heard = now;
                let interface = state.interface.clone();
                self.workers.are_up(&interface).then_some(Update::Up { interface })
            }
            WorkerMessage::ClockSetBack { worker } => {
                // The reports that wait are from before the change; their buffers are needed after it.
                for (owner, report) in std::mem::take(&mut self.pending).into_values().flatten() {
                    self.workers.recycle(owner, report);
                }
                if let Some(state) = self.workers.get_mut(worker) {
                    state.done = None;
                    state.last_heard = now;
                }
                // Every worker reports the same change.
                let at = self.clock_set_back.replace(now);
                if at.is_some_and(|at| now.saturating_duration_since(at) < SAME_CLOCK_CHANGE) {
                    return None;
                }
                self.last = None;
                Some(Update::ClockSetBack)
            }
        }
    }

    /// The last tick that every worker has finished, ignoring workers that are silent. With all workers silent, every
    /// tick for which there is a report.
    pub(crate) fn complete_until(&self) -> Option<u64> {
        let (now, idle) = (instant(), idle_until(wall_clock()));
        let complete = self
            .workers
            .iter()
            .filter(|worker| worker.is_idle || now.saturating_duration_since(worker.last_heard) < PATIENCE)
            .map(|worker| if worker.is_idle { idle.max(worker.done.unwrap_or(0)) } else { worker.done.unwrap_or(0) })
            .min();
        complete.or_else(|| self.pending.keys().next_back().copied())
    }

    /// Takes the oldest tick up to `until` and its reports.
    pub(crate) fn take_until(&mut self, until: u64) -> Option<(u64, Vec<WorkerReport>)> {
        let entry = self.pending.first_entry().filter(|entry| *entry.key() <= until)?;
        let (tick, reports) = entry.remove_entry();
        self.last = Some(tick);
        Some((tick, reports))
    }
}
