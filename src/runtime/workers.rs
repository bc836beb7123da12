//! The capturing threads as the judge knows them: several may share an interface, whose figures are their sum.

use super::capture_thread::{CaptureThread, Message, WorkerCommand};
use super::live::instant;
use super::setup::{LiveError, explain};
use super::source::open_all;
use crate::base::Networks;
use crate::capture::SourceStats;
use crate::config::Config;
use crate::meter::{Hasher, Tally, TickReport};
use crate::packet::Decoder;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// Reports of each worker that travel at once.
const BOXES: usize = 4;

/// One capturing thread.
pub(super) struct WorkerState {
    pub interface: String,
    pub orders: SyncSender<WorkerCommand>,
    pub report_pool: SyncSender<Box<TickReport>>,
    /// Taken when it is waited for.
    thread: Option<JoinHandle<()>>,
    /// Last tick that is complete.
    pub done: Option<u64>,
    pub up: bool,
    pub last_heard: Instant,
    /// One frame in how many it captures.
    pub sampling: u16,
    /// Losses of sources that were closed, and of the present one.
    past: SourceStats,
    pub stats: SourceStats,
}

impl WorkerState {
    /// Its source has ended, with these figures at last.
    pub fn goes_down(&mut self, stats: SourceStats) {
        self.up = false;
        self.stats = SourceStats::default();
        self.past = sum(self.past, stats);
    }

    /// Since the start.
    pub fn all_stats(&self) -> SourceStats {
        sum(self.past, self.stats)
    }
}

fn sum(a: SourceStats, b: SourceStats) -> SourceStats {
    SourceStats {
        received: a.received + b.received,
        dropped_kernel: a.dropped_kernel + b.dropped_kernel,
        dropped_interface: a.dropped_interface + b.dropped_interface,
    }
}

/// All of them, by number.
pub(super) struct Workers(Vec<WorkerState>);

impl Workers {
    /// Opens every interface and starts its threads; they end when `stop` is raised.
    pub fn start(
        config: &Config,
        interfaces: &[String],
        networks: &Arc<Networks>,
        hasher: Hasher,
        stop: &Arc<AtomicBool>,
    ) -> Result<(Workers, Receiver<Message>), LiveError> {
        let mut opened = Vec::new();
        for (index, name) in interfaces.iter().enumerate() {
            let number = index.min(usize::from(u16::MAX)) as u16;
            let failed = |error| LiveError::Capture { interface: name.clone(), error: explain(error) };
            opened.extend(open_all(&config.capture, name, number).map_err(failed)?);
        }
        let (sender, messages) = sync_channel(opened.len() * (BOXES + 4));
        let mut workers = Vec::with_capacity(opened.len());
        for (worker, (opening, source)) in opened.into_iter().enumerate() {
            let (orders, their_orders) = sync_channel(4);
            let (report_pool, their_boxes) = sync_channel(BOXES);
            for _ in 0..BOXES {
                // The channel has room for exactly these.
                let _ = report_pool.try_send(Box::new(TickReport::with_room(config.tally)));
            }
            let tally = Tally::new(config.tally, Arc::clone(networks), hasher);
            let (interface, sampling) = (opening.name.clone(), source.sampling());
            let thread = CaptureThread {
                worker,
                opening,
                least_sampling: sampling,
                decoder: Decoder { tunnels: config.tunnels },
                messages: sender.clone(),
                report_pool: their_boxes,
                orders: their_orders,
                stop: Arc::clone(stop),
            }
            .start(source, tally)
            .map_err(|error| LiveError::Other(format!("cannot start a thread: {error}")))?;
            workers.push(WorkerState {
                interface,
                orders,
                report_pool,
                thread: Some(thread),
                done: None,
                up: true,
                last_heard: instant(),
                sampling,
                past: SourceStats::default(),
                stats: SourceStats::default(),
            });
        }
        Ok((Workers(workers), messages))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, WorkerState> {
        self.0.iter()
    }

    pub fn get(&self, worker: usize) -> Option<&WorkerState> {
        self.0.get(worker)
    }

    pub fn get_mut(&mut self, worker: usize) -> Option<&mut WorkerState> {
        self.0.get_mut(worker)
    }

    /// The interface that a worker captures on.
    pub fn interface(&self, worker: usize) -> Option<String> {
        self.get(worker).map(|state| state.interface.clone())
    }

    fn of<'w>(&'w self, interface: &'w str) -> impl Iterator<Item = &'w WorkerState> {
        self.iter().filter(move |state| state.interface == interface)
    }

    /// Whether all workers of an interface capture.
    pub fn are_up(&self, interface: &str) -> bool {
        self.of(interface).all(|state| state.up)
    }

    /// Losses on an interface since the start.
    pub fn stats(&self, interface: &str) -> SourceStats {
        self.of(interface).fold(SourceStats::default(), |all, state| sum(all, state.all_stats()))
    }

    /// One frame in how many is captured on an interface, by the worker that captures least.
    pub fn sampling(&self, interface: &str) -> u16 {
        self.of(interface).map(|state| state.sampling).max().unwrap_or(1)
    }

    /// Waits for the threads that have ended; others are left behind.
    pub fn join(&mut self) {
        for state in &mut self.0 {
            let ended = state.thread.take().filter(JoinHandle::is_finished);
            if ended.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("a capturing thread had panicked");
            }
        }
    }
}
