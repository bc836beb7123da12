//! The threads and queues of the sinks, and the receipts of drills.

use super::clock::{instant, wall_clock};
use super::registry::SINKS;
use super::sink::{Delivery, Settled, Sink};
use crate::incident::{Change, Event};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Length of each queue in events.
const QUEUE: usize = 1024;
/// Time limit for emptying the queues when Pegel stops.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);
/// Most receipts that are kept: those of a few drills.
const MAX_RECEIPTS: usize = 4096;

/// Counters of one running sink.
#[derive(Debug, Default)]
pub struct SinkCounts {
    /// Changes that the receiver accepted.
    pub delivered: AtomicU64,
    /// Failed attempts.
    pub failed: AtomicU64,
    /// Changes that were discarded: the queue was full, or the sink gave up.
    pub dropped: AtomicU64,
    /// Whether the last attempt failed.
    pub failing: AtomicBool,
    /// Milliseconds from packet time to delivery of the last delivered change.
    pub delay_millis: AtomicU64,
}

/// What a sink did with one change of a drill.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Name of the output.
    pub output: String,
    /// ID of the incident.
    pub incident: String,
    /// The change.
    pub change: Change,
    /// The error if it was not delivered.
    pub outcome: Result<Delivery, String>,
}

/// The receipts of drills, shared by the threads that write them and the one that reads them.
#[derive(Clone, Debug, Default)]
pub struct Receipts(Arc<Mutex<VecDeque<Receipt>>>);

impl Receipts {
    /// Adds a receipt; if there are too many, it replaces the oldest.
    pub fn keep(&self, receipt: Receipt) {
        let mut receipts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if receipts.len() >= MAX_RECEIPTS {
            receipts.pop_front();
        }
        receipts.push_back(receipt);
    }

    /// Removes and returns all receipts, oldest first.
    pub fn take(&self) -> Vec<Receipt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

/// One running sink.
struct Running {
    name: String,
    wants_progress: bool,
    /// Of each of its threads, with the number of queued events. All changes of an incident go to the same thread.
    queues: Vec<(SyncSender<Event>, Arc<AtomicUsize>)>,
    counts: Arc<SinkCounts>,
    threads: Vec<JoinHandle<()>>,
}

/// All running sinks.
#[derive(Default)]
pub struct Outputs {
    running: Vec<Running>,
    receipts: Receipts,
}

impl Outputs {
    /// Starts a sink: one thread for each of `sinks`. Fails if a thread cannot be created.
    pub fn start(&mut self, name: &str, sinks: Vec<Box<dyn Sink>>) -> io::Result<()> {
        let kind = name.split('/').next().unwrap_or(name);
        debug_assert!(SINKS.iter().any(|spec| spec.name == kind), "{kind} is not in SINKS");
        let counts = Arc::new(SinkCounts::default());
        let wants_progress = sinks.iter().any(|sink| sink.wants_progress());
        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for sink in sinks {
            let (queue, events) = sync_channel(QUEUE);
            let waiting = Arc::new(AtomicUsize::new(0));
            let (name, counts, receipts) = (name.to_owned(), Arc::clone(&counts), self.receipts.clone());
            let worker = SinkWorker { name, counts, receipts, waiting: Arc::clone(&waiting) };
            // The kernel truncates thread names to 15 characters.
            let thread = std::thread::Builder::new().name(format!("out-{}", worker.name));
            let thread = thread.spawn(move || worker.run(sink, &events))?;
            queues.push((queue, waiting));
            threads.push(thread);
        }
        self.running.push(Running { name: name.to_owned(), wants_progress, queues, counts, threads });
        Ok(())
    }

    /// The names of all outputs, in order of start.
    pub fn names(&self) -> Vec<String> {
        self.running.iter().map(|sink| sink.name.clone()).collect()
    }

    /// Whether any sink wants the figures of open incidents periodically.
    pub fn want_progress(&self) -> bool {
        self.running.iter().any(|sink| sink.wants_progress)
    }

    /// Queues an event for every sink; never blocks.
    pub fn offer(&self, event: &Event) {
        for sink in &self.running {
            if event.change == Change::Progress && !sink.wants_progress {
                continue;
            }
            let mut hasher = DefaultHasher::new();
            event.incident.id.hash(&mut hasher);
            let index = hasher.finish() % sink.queues.len().max(1) as u64;
            let Some((queue, waiting)) = sink.queues.get(index as usize) else { continue };
            // Most of the queue is reserved for changes.
            if event.change == Change::Progress && waiting.load(Ordering::Relaxed) > QUEUE / 4 {
                continue;
            }
            waiting.fetch_add(1, Ordering::Relaxed);
            if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(event.clone()) {
                waiting.fetch_sub(1, Ordering::Relaxed);
                sink.counts.dropped.fetch_add(1, Ordering::Relaxed);
                if event.incident.drill {
                    self.receipts.keep(receipt(&sink.name, event, Err("queue is full".to_owned())));
                }
            }
        }
    }

    /// Name and counters of each output.
    pub fn counts(&self) -> impl Iterator<Item = (&str, &SinkCounts)> {
        self.running.iter().map(|sink| (sink.name.as_str(), &*sink.counts))
    }

    /// The receipts of drills.
    pub fn receipts(&self) -> Receipts {
        self.receipts.clone()
    }

    /// Stops every sink once its queue is empty; abandons those that take too long.
    pub fn finish(self) {
        let deadline = instant() + FINISH_TIMEOUT;
        let waiting: Vec<(String, Vec<JoinHandle<()>>)> = self
            .running
            .into_iter()
            .map(|Running { name, queues, threads, .. }| {
                drop(queues);
                (name, threads)
            })
            .collect();
        for (name, threads) in waiting {
            for thread in threads {
                while !thread.is_finished() && instant() < deadline {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                if thread.is_finished() {
                    // If the thread panicked, its message is on standard error already.
                    let _ = thread.join();
                } else {
                    tracing::error!(output = name, "output did not stop in time; undelivered events are lost");
                }
            }
        }
    }
}

fn receipt(output: &str, event: &Event, outcome: Result<Delivery, String>) -> Receipt {
    Receipt { output: output.to_owned(), incident: event.incident.id.clone(), change: event.change, outcome }
}

/// A thread of a sink.
struct SinkWorker {
    name: String,
    counts: Arc<SinkCounts>,
    receipts: Receipts,
    /// Queued events.
    waiting: Arc<AtomicUsize>,
}

impl SinkWorker {
    fn run(self, mut sink: Box<dyn Sink>, events: &Receiver<Event>) {
        loop {
            // A batching sink gets all queued events, so that a slow receiver does not fall further behind.
            let most = if sink.is_batching() { QUEUE } else { 1 };
            let mut waiting: Vec<Event> = events.try_iter().take(most).collect();
            if waiting.is_empty() {
                let now = instant();
                let next = match sink.due() {
                    Some(at) if at <= now => None,
                    Some(at) => match events.recv_timeout(at.saturating_duration_since(now)) {
                        Ok(event) => Some(event),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => break,
                    },
                    None => match events.recv() {
                        Ok(event) => Some(event),
                        Err(_) => break,
                    },
                };
                match next {
                    Some(event) => waiting.push(event),
                    None => {
                        let outcome = sink.wake();
                        self.count_attempt(outcome);
                        self.count_settled(sink.settled());
                        continue;
                    }
                }
            }
            // `offer` counts an event before it queues it.
            self.waiting.fetch_sub(waiting.len(), Ordering::Relaxed);
            // A panic is a fault of one sink: these events are lost to it, and it goes on with the next.
            let outcomes = catch_unwind(AssertUnwindSafe(|| sink.deliver_all(&waiting)));
            let outcomes =
                outcomes.unwrap_or_else(|_| waiting.iter().map(|_| Err(io::Error::other("it panicked"))).collect());
            for (event, outcome) in waiting.iter().zip(outcomes) {
                self.count_delivery(event, outcome);
            }
            self.count_settled(sink.settled());
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| sink.finish()));
        let (outcome, settled) = (outcome.unwrap_or_else(|_| Err(io::Error::other("it panicked"))), sink.settled());
        // Where nothing was left to send, nothing was attempted.
        if outcome.is_err() || settled.delivered > 0 {
            self.count_attempt(outcome);
        }
        self.count_settled(settled);
    }

    fn count_delivery(&self, event: &Event, outcome: io::Result<Delivery>) {
        if event.incident.drill && event.change != Change::Progress {
            let outcome = outcome.as_ref().copied().map_err(ToString::to_string);
            self.receipts.keep(receipt(&self.name, event, outcome));
        }
        match outcome {
            Ok(Delivery::Delivered) => {
                self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                if matches!(event.change, Change::Opened | Change::Extended | Change::Escalated) {
                    let delay = wall_clock().seconds_since(event.incident.updated_at).max(0.0);
                    self.counts.delay_millis.store((delay * 1000.0) as u64, Ordering::Relaxed);
                }
                self.count_attempt(Ok(()));
            }
            // There was no attempt.
            Ok(Delivery::Skipped(_) | Delivery::Later) => {}
            Err(error) => self.count_attempt(Err(error)),
        }
    }

    fn count_settled(&self, settled: Settled) {
        self.counts.delivered.fetch_add(settled.delivered, Ordering::Relaxed);
        self.counts.dropped.fetch_add(settled.given_up, Ordering::Relaxed);
    }

    /// Counts failures, and logs the first one and the next success.
    fn count_attempt(&self, outcome: io::Result<()>) {
        let output = self.name.as_str();
        match outcome {
            Ok(()) => {
                if self.counts.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(output, "output works again");
                }
            }
            Err(error) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                if !self.counts.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(output, %error, "output fails; further failures are only counted");
                }
            }
        }
    }
}
