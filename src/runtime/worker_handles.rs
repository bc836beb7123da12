//! The judge's handles of the capture workers. The figures of an interface are the sums over its workers.

use super::capture_worker::CaptureWorker;
use super::clock::instant;
use super::interfaces::explain;
use super::live_error::LiveError;
use super::live_source::{LiveSource, SourceOpener, open_all};
use super::worker_messages::{WorkerCommand, WorkerMessage};
use crate::base::CaptureDirections;
use crate::base::Networks;
use crate::capture::SourceStats;
use crate::config::Config;
use crate::incident::LossCounts;
use crate::meter::{Count, Hasher, Tally, TickReport};
use crate::packet::Decoder;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// Report buffers per worker: this many reports can be on their way or in use at the same time.
const REPORTS: usize = 4;
/// Commands that may wait for a worker, which reads them at least once per tick.
const COMMANDS: usize = 4;

/// One capture worker.
pub(super) struct WorkerHandle {
    pub interface: String,
    commands: SyncSender<WorkerCommand>,
    report_pool: SyncSender<Box<TickReport>>,
    /// `None` after it was joined.
    thread: Option<JoinHandle<()>>,
    /// Last complete tick.
    pub done: Option<u64>,
    pub up: bool,
    /// It captures nothing at present, and reports once a second.
    pub is_idle: bool,
    pub last_heard: Instant,
    /// It captures 1 in `sampling` frames.
    pub sampling: u16,
    /// Which directions of conversations it sees.
    pub directions: CaptureDirections,
    /// Sums over the sources that were closed.
    past: SourceStats,
    /// Of the open source.
    pub stats: SourceStats,
    /// Frames that it has captured.
    pub frames: Count,
}

impl WorkerHandle {
    /// Its source was closed, with these final counters.
    pub(crate) fn goes_down(&mut self, stats: SourceStats) {
        self.up = false;
        self.stats = SourceStats::default();
        self.past = sum(self.past, stats);
    }

    /// Counters since the start.
    fn all_stats(&self) -> SourceStats {
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

/// The opened sources of all workers, by index.
pub(super) struct Opened(Vec<(SourceOpener, LiveSource)>);

impl Opened {
    /// Opens every interface.
    pub(crate) fn all(config: &Config, interfaces: &[String]) -> Result<Opened, LiveError> {
        let mut opened = Vec::new();
        for (index, name) in interfaces.iter().enumerate() {
            let index = index.min(usize::from(u16::MAX)) as u16;
            let failed = |error| LiveError::Capture { interface: name.clone(), error: explain(error) };
            opened.extend(open_all(&config.capture, name, index).map_err(failed)?);
        }
        Ok(Opened(opened))
    }

    /// Whether libpcap captures somewhere: it opens its own sockets.
    pub(crate) fn uses_libpcap(&self) -> bool {
        self.0.iter().any(|(_, source)| matches!(source, LiveSource::Pcap { .. }))
    }
}

/// All workers, by index.
pub(super) struct WorkerHandles(Vec<WorkerHandle>);

impl WorkerHandles {
    /// Starts the workers of the opened interfaces, which end when `stop` is set.
    pub(crate) fn start(
        config: &Config,
        opened: Opened,
        networks: &Arc<Networks>,
        hasher: Hasher,
        stop: &Arc<AtomicBool>,
    ) -> Result<(WorkerHandles, Receiver<WorkerMessage>), LiveError> {
        let Opened(opened) = opened;
        let (sender, messages) = sync_channel(opened.len() * (REPORTS + 4));
        let mut workers = Vec::with_capacity(opened.len());
        let is_divided = opened.len() > 1;
        for (worker, (opener, source)) in opened.into_iter().enumerate() {
            let (commands, commands_receiver) = sync_channel(COMMANDS);
            let (report_pool, report_receiver) = sync_channel(REPORTS);
            for _ in 0..REPORTS {
                // Cannot fail: the channel holds exactly this number.
                let _ = report_pool.try_send(Box::new(TickReport::with_room(config.tally)));
            }
            let mut tally = Tally::new(config.tally, Arc::clone(networks), hasher);
            tally.set_divided(is_divided);
            let (interface, sampling) = (opener.name.clone(), source.sampling());
            let thread = CaptureWorker {
                worker,
                opener,
                least_sampling: sampling,
                decoder: Decoder { tunnels: config.tunnels },
                messages: sender.clone(),
                report_pool: report_receiver,
                commands: commands_receiver,
                stop: Arc::clone(stop),
            }
            .start(source, tally)
            .map_err(|error| LiveError::Other(format!("cannot start a thread: {error}")))?;
            workers.push(WorkerHandle {
                interface,
                commands,
                report_pool,
                thread: Some(thread),
                done: None,
                up: true,
                is_idle: false,
                last_heard: instant(),
                sampling,
                directions: CaptureDirections::Unknown,
                past: SourceStats::default(),
                stats: SourceStats::default(),
                frames: Count::default(),
            });
        }
        Ok((WorkerHandles(workers), messages))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, WorkerHandle> {
        self.0.iter()
    }

    pub(crate) fn get_mut(&mut self, worker: usize) -> Option<&mut WorkerHandle> {
        self.0.get_mut(worker)
    }

    /// Returns a report to the pool of its worker.
    pub(crate) fn recycle(&self, worker: usize, report: Box<TickReport>) {
        if let Some(worker) = self.0.get(worker) {
            // The pool has room for all reports that exist; the worker may have ended.
            let _ = worker.report_pool.try_send(report);
        }
    }

    /// Sends every worker a command, which it applies at the end of its current tick.
    pub(crate) fn command(&self, command: impl Fn() -> WorkerCommand) {
        for worker in &self.0 {
            let _ = worker.commands.try_send(command());
        }
    }

    fn on<'w>(&'w self, interface: &'w str) -> impl Iterator<Item = &'w WorkerHandle> {
        self.iter().filter(move |worker| worker.interface == interface)
    }

    /// Whether all workers of an interface capture.
    pub(crate) fn are_up(&self, interface: &str) -> bool {
        self.on(interface).all(|worker| worker.up)
    }

    /// Counters of an interface since the start.
    pub(crate) fn stats(&self, interface: &str) -> SourceStats {
        self.on(interface).fold(SourceStats::default(), |all, worker| sum(all, worker.all_stats()))
    }

    /// Frames captured on an interface since the start.
    pub(crate) fn frames(&self, interface: &str) -> Count {
        Count::sum(self.on(interface).map(|worker| worker.frames))
    }

    /// An interface captures at least 1 in N frames; returns N, the largest of its workers.
    pub(crate) fn sampling(&self, interface: &str) -> u16 {
        self.on(interface).map(|worker| worker.sampling).max().unwrap_or(1)
    }

    /// Which directions of conversations an interface shows: what one of its workers knows, the others need not.
    pub(crate) fn directions(&self, interface: &str) -> CaptureDirections {
        self.on(interface).map(|worker| worker.directions).min().unwrap_or_default()
    }

    /// Packets received and lost since the start, over all workers, and the largest sampling ratio.
    pub(crate) fn losses(&self) -> LossCounts {
        self.iter().fold(LossCounts::default(), |sum, worker| {
            let stats = worker.all_stats();
            LossCounts {
                received: sum.received + stats.received,
                dropped: sum.dropped + stats.dropped_kernel,
                sampled: sum.sampled.max(worker.sampling.into()),
            }
        })
    }

    /// The interface of a worker whose thread has ended.
    pub(crate) fn ended(&self) -> Option<&str> {
        let ended = |worker: &&WorkerHandle| worker.thread.as_ref().is_some_and(JoinHandle::is_finished);
        self.iter().find(ended).map(|worker| worker.interface.as_str())
    }

    /// Joins the threads that have ended and leaves the others behind.
    pub(crate) fn join(&mut self) {
        for worker in &mut self.0 {
            let ended = worker.thread.take().filter(JoinHandle::is_finished);
            if ended.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("a capture worker panicked");
            }
        }
    }
}
