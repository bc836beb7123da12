//! Output: incidents to the world. Each sink has a thread and a bounded queue of its own; a full queue drops and counts
//! and never blocks whoever reports. [`SINKS`] lists what there is.

mod jsonl;
mod log;

pub use jsonl::JsonLines;
pub use log::Log;

use crate::incident::Event;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Takes incidents out of Pegel.
pub trait Sink: Send {
    /// Delivers one change. An error is counted and logged once until the next success.
    fn deliver(&mut self, event: &Event) -> io::Result<()>;
}

/// A row of the registry of sinks.
pub struct SinkSpec {
    /// Name in lists and in the `output` label of metrics.
    pub name: &'static str,
    pub summary: &'static str,
}

/// Every sink, for listing, metrics and documentation.
pub const SINKS: &[SinkSpec] = &[
    SinkSpec { name: "log", summary: "a line on standard error for each change of an incident" },
    SinkSpec { name: "jsonl", summary: "incidents appended to a file, one JSON object a line" },
];

/// Events that a sink may lag behind.
const QUEUE: usize = 1024;

/// Counters of one running sink.
#[derive(Debug, Default)]
pub struct SinkCounts {
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    pub dropped: AtomicU64,
}

/// One running sink.
struct Running {
    name: &'static str,
    queue: SyncSender<Event>,
    counts: Arc<SinkCounts>,
    thread: JoinHandle<()>,
}

/// All running sinks.
#[derive(Default)]
pub struct Outputs(Vec<Running>);

impl Outputs {
    /// Starts a sink in a thread of its own.
    pub fn start(&mut self, name: &'static str, sink: Box<dyn Sink>) -> io::Result<()> {
        let (queue, events) = sync_channel(QUEUE);
        let counts = Arc::new(SinkCounts::default());
        let shared = Arc::clone(&counts);
        let thread =
            std::thread::Builder::new().name(format!("out-{name}")).spawn(move || run(name, sink, &events, &shared))?;
        self.0.push(Running { name, queue, counts, thread });
        Ok(())
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|sink| sink.name).collect()
    }

    /// Offers an event to every sink, without waiting for any.
    pub fn offer(&self, event: &Event) {
        for sink in &self.0 {
            if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sink.queue.try_send(event.clone()) {
                sink.counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn counts(&self) -> impl Iterator<Item = (&'static str, &SinkCounts)> {
        self.0.iter().map(|sink| (sink.name, &*sink.counts))
    }

    /// Lets every sink empty its queue and ends it.
    pub fn finish(self) {
        for Running { queue, thread, .. } in self.0 {
            drop(queue);
            // A sink that panicked has nothing left to flush; its thread's message is on standard error already.
            let _ = thread.join();
        }
    }
}

fn run(name: &str, mut sink: Box<dyn Sink>, events: &Receiver<Event>, counts: &SinkCounts) {
    let mut failing = false;
    for event in events {
        match sink.deliver(&event) {
            Ok(()) => {
                counts.delivered.fetch_add(1, Ordering::Relaxed);
                if failing {
                    tracing::info!(output = name, "output works again");
                }
                failing = false;
            }
            Err(error) => {
                counts.failed.fetch_add(1, Ordering::Relaxed);
                if !failing {
                    tracing::error!(output = name, %error, "output fails; further failures are only counted");
                }
                failing = true;
            }
        }
    }
}
