//! The threads of the sinks, their queues, and the proof of what was handed over in a drill.

use super::{Delivery, SINKS, Settled, Sink, instant};
use crate::incident::{Change, Event};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Events that a sink may lag behind.
const QUEUE: usize = 1024;
/// How long sinks may take at the end for what is still in their queues.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Receipts that are kept: those of a few drills.
const RECEIPTS: usize = 4096;

/// Counters of one running sink.
#[derive(Debug, Default)]
pub struct SinkCounts {
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    pub dropped: AtomicU64,
    /// Whether the last attempt failed.
    pub failing: AtomicBool,
    /// Milliseconds from the packet time of the change delivered last to its delivery.
    pub delay_millis: AtomicU64,
}

/// What a sink made of one change of a drill.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub output: String,
    pub incident: String,
    pub change: Change,
    /// `Err` says why it was not taken.
    pub outcome: Result<Delivery, String>,
}

/// The receipts of drills, shared by those who write them and who reads them.
#[derive(Clone, Debug, Default)]
pub struct Receipts(Arc<Mutex<VecDeque<Receipt>>>);

impl Receipts {
    pub fn keep(&self, receipt: Receipt) {
        let mut receipts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if receipts.len() >= RECEIPTS {
            receipts.pop_front();
        }
        receipts.push_back(receipt);
    }

    /// Those since the last call, the latest last.
    pub fn take(&self) -> Vec<Receipt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

/// One running sink.
struct Running {
    name: String,
    wants_progress: bool,
    /// One for each of its threads: all changes of an incident go through the same. And how many events wait there.
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
    /// Starts a sink in threads of its own, one for each of `sinks`.
    pub fn start(&mut self, name: &str, sinks: Vec<Box<dyn Sink>>) -> io::Result<()> {
        let kind = name.split('/').next().unwrap_or(name);
        debug_assert!(SINKS.iter().any(|spec| spec.name == kind), "{kind} is no row of SINKS");
        let counts = Arc::new(SinkCounts::default());
        let wants_progress = sinks.iter().any(|sink| sink.wants_progress());
        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for sink in sinks {
            let (queue, events) = sync_channel(QUEUE);
            let waiting = Arc::new(AtomicUsize::new(0));
            let (name, counts, receipts) = (name.to_owned(), Arc::clone(&counts), self.receipts.clone());
            let lane = SinkWorker { name, counts, receipts, waiting: Arc::clone(&waiting) };
            // The kernel keeps 15 characters of a thread's name.
            let thread = std::thread::Builder::new().name(format!("out-{}", lane.name));
            let thread = thread.spawn(move || lane.run(sink, &events))?;
            queues.push((queue, waiting));
            threads.push(thread);
        }
        self.running.push(Running { name: name.to_owned(), wants_progress, queues, counts, threads });
        Ok(())
    }

    pub fn names(&self) -> Vec<String> {
        self.running.iter().map(|sink| sink.name.clone()).collect()
    }

    /// Whether any sink asks how open incidents go on.
    pub fn want_progress(&self) -> bool {
        self.running.iter().any(|sink| sink.wants_progress)
    }

    /// Offers an event to every sink, without waiting for any.
    pub fn offer(&self, event: &Event) {
        for sink in &self.running {
            if event.change == Change::Progress && !sink.wants_progress {
                continue;
            }
            let mut hasher = DefaultHasher::new();
            event.incident.id.hash(&mut hasher);
            let lane = hasher.finish() % sink.queues.len().max(1) as u64;
            let Some((queue, waiting)) = sink.queues.get(lane as usize) else { continue };
            // Changes come first: there is always room for some.
            if event.change == Change::Progress && waiting.load(Ordering::Relaxed) > QUEUE / 4 {
                continue;
            }
            waiting.fetch_add(1, Ordering::Relaxed);
            if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(event.clone()) {
                waiting.fetch_sub(1, Ordering::Relaxed);
                sink.counts.dropped.fetch_add(1, Ordering::Relaxed);
                if event.incident.drill {
                    self.receipts.keep(receipt(&sink.name, event, Err("its queue is full".to_owned())));
                }
            }
        }
    }

    pub fn counts(&self) -> impl Iterator<Item = (&str, &SinkCounts)> {
        self.running.iter().map(|sink| (sink.name.as_str(), &*sink.counts))
    }

    /// Where it is noted what sinks did with the changes of drills.
    pub fn receipts(&self) -> Receipts {
        self.receipts.clone()
    }

    /// Lets every sink empty its queue and ends it; who takes too long is left behind.
    pub fn finish(self) {
        let deadline = instant() + LAST_WORDS;
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
                    // A sink that panicked has nothing left to flush; its thread's message is on standard error already.
                    let _ = thread.join();
                } else {
                    tracing::error!(output = name, "output does not end; what it had not delivered is lost");
                }
            }
        }
    }
}

fn receipt(output: &str, event: &Event, outcome: Result<Delivery, String>) -> Receipt {
    Receipt { output: output.to_owned(), incident: event.incident.id.clone(), change: event.change, outcome }
}

/// One thread of a sink.
struct SinkWorker {
    name: String,
    counts: Arc<SinkCounts>,
    receipts: Receipts,
    /// Events in its queue.
    waiting: Arc<AtomicUsize>,
}

impl SinkWorker {
    fn run(self, mut sink: Box<dyn Sink>, events: &Receiver<Event>) {
        loop {
            // All that waits, where one message can tell it: a slow receiver must not fall behind by one for each.
            let most = if sink.takes_all() { QUEUE } else { 1 };
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
                        self.judge(outcome);
                        self.count(sink.settled());
                        continue;
                    }
                }
            }
            // Counted in before they were sent.
            self.waiting.fetch_sub(waiting.len(), Ordering::Relaxed);
            for (event, outcome) in waiting.iter().zip(sink.deliver_all(&waiting)) {
                self.note(event, outcome);
            }
            self.count(sink.settled());
        }
        let outcome = sink.finish();
        self.judge(outcome);
        self.count(sink.settled());
    }

    fn note(&self, event: &Event, outcome: io::Result<Delivery>) {
        if event.incident.drill && event.change != Change::Progress {
            let outcome = outcome.as_ref().copied().map_err(ToString::to_string);
            self.receipts.keep(receipt(&self.name, event, outcome));
        }
        match outcome {
            Ok(Delivery::Delivered) => {
                self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                if matches!(event.change, Change::Opened | Change::Extended | Change::Escalated) {
                    let delay = super::wall_clock().seconds_since(event.incident.updated_at).max(0.0);
                    self.counts.delay_millis.store((delay * 1000.0) as u64, Ordering::Relaxed);
                }
                self.judge(Ok(()));
            }
            // Nothing was tried.
            Ok(Delivery::Skipped(_) | Delivery::Later) => {}
            Err(error) => self.judge(Err(error)),
        }
    }

    fn count(&self, settled: Settled) {
        self.counts.delivered.fetch_add(settled.delivered, Ordering::Relaxed);
        self.counts.dropped.fetch_add(settled.given_up, Ordering::Relaxed);
    }

    /// Counts what failed; the log is told when it begins and when it ends.
    fn judge(&self, outcome: io::Result<()>) {
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
