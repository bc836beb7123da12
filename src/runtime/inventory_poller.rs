//! The thread that reads the inventory, again and again: guests are created, removed and migrated during a run. It may
//! wait for file systems (Proxmox's is a network file system). The judge waits for it only before it would report an
//! unknown station, and then briefly.

use super::clock::instant;
use crate::inventory::{Inventory, Problem, Sources, netlink};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Interval at which the kernel is queried, and files are checked for changes.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long the start waits for the first reading.
const WAIT_AT_START: Duration = Duration::from_millis(500);
/// How long a tick with an unknown station waits for a new reading: well below the time within which the station must
/// be reported.
const WAIT_FOR_REFRESH: Duration = Duration::from_millis(60);
/// Least interval between readings because of unknown stations.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// To the thread.
enum PollerCommand {
    ReadNow,
    ReadOther(Box<Sources>),
}

/// From the thread.
struct Reading {
    /// `None` if nothing has changed.
    inventory: Option<Inventory>,
    /// It answers a [`PollerCommand::ReadNow`].
    requested: bool,
}

/// The judge's end of the channels.
pub(super) struct InventoryPoller {
    /// `None` where no thread could be started.
    thread: Option<Channels>,
    known: Arc<Inventory>,
    logged_problems: BTreeSet<String>,
    refreshed: Option<Instant>,
}

struct Channels {
    /// The thread ends when this is dropped. It is not joined, since a file system may hang.
    commands: Sender<PollerCommand>,
    readings: Receiver<Reading>,
}

impl InventoryPoller {
    /// Starts the thread and waits briefly for its first reading.
    pub(crate) fn start(sources: &Sources) -> InventoryPoller {
        let (commands, commands_receiver) = channel();
        let (readings_sender, readings) = channel();
        let sources = sources.clone();
        let run = move || read_repeatedly(sources, &commands_receiver, &readings_sender);
        let thread = match std::thread::Builder::new().name("inventory".to_owned()).spawn(run) {
            Ok(_) => Some(Channels { commands, readings }),
            Err(error) => {
                tracing::error!("the inventory of guests is not read: {error}");
                None
            }
        };
        let mut poller =
            InventoryPoller { thread, known: Arc::default(), logged_problems: BTreeSet::new(), refreshed: None };
        if !poller.wait(WAIT_AT_START, |_| true) {
            tracing::warn!("reading the inventory of guests takes long; it is used as soon as it is complete");
        }
        poller
    }

    pub(crate) fn known(&self) -> &Arc<Inventory> {
        &self.known
    }

    /// Reads other sources from now on.
    pub(crate) fn replace(&self, sources: &Sources) {
        if let Some(thread) = &self.thread {
            // Fails only if the thread has ended.
            let _ = thread.commands.send(PollerCommand::ReadOther(Box::new(sources.clone())));
        }
    }

    /// The latest inventory, if it changed since the last call.
    pub(crate) fn poll(&mut self) -> Option<Arc<Inventory>> {
        let before = Arc::clone(&self.known);
        while let Some(Ok(reading)) = self.thread.as_ref().map(|thread| thread.readings.try_recv()) {
            self.adopt(reading.inventory);
        }
        (!Arc::ptr_eq(&before, &self.known)).then(|| Arc::clone(&self.known))
    }

    /// Reads everything now, at most once per second, because an unknown station may be a guest that was just created.
    pub(crate) fn refresh(&mut self, now: Instant) -> Option<Arc<Inventory>> {
        if self.refreshed.is_some_and(|at| now.saturating_duration_since(at) < REFRESH_INTERVAL) {
            return None;
        }
        self.refreshed = Some(now);
        self.thread.as_ref()?.commands.send(PollerCommand::ReadNow).ok()?;
        let before = Arc::clone(&self.known);
        self.wait(WAIT_FOR_REFRESH, |reading| reading.requested);
        (!Arc::ptr_eq(&before, &self.known)).then(|| Arc::clone(&self.known))
    }

    /// Waits for a reading that `is_wanted`; false if none arrived in time.
    fn wait(&mut self, timeout: Duration, is_wanted: impl Fn(&Reading) -> bool) -> bool {
        let start = instant();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            let Some(Ok(reading)) = self.thread.as_ref().map(|thread| thread.readings.recv_timeout(left)) else {
                return false;
            };
            let done = is_wanted(&reading);
            self.adopt(reading.inventory);
            if done {
                return true;
            }
        }
    }

    fn adopt(&mut self, inventory: Option<Inventory>) {
        let Some(inventory) = inventory else { return };
        if inventory.guests.len() != self.known.guests.len() {
            tracing::info!("the inventory has {} guests", inventory.guests.len());
        }
        let problems: BTreeSet<String> = inventory.problems.iter().map(Problem::to_string).collect();
        for problem in problems.difference(&self.logged_problems) {
            tracing::warn!("inventory: {problem}");
        }
        self.logged_problems = problems;
        self.known = Arc::new(inventory);
    }
}

/// Reads the sources until the judge has ended.
fn read_repeatedly(mut sources: Sources, commands: &Receiver<PollerCommand>, readings: &Sender<Reading>) {
    let mut last: Option<Inventory> = None;
    let (mut files, mut stamp) = (Inventory::default(), None);
    let mut requested = false;
    loop {
        let now = sources.stamp();
        if stamp != Some(now) || requested {
            files = Inventory::read(&Sources { kernel: false, ..sources.clone() });
            stamp = Some(now);
        }
        let mut inventory = files.clone();
        if sources.kernel {
            let (kernel, problems) = netlink::read();
            inventory.kernel = kernel;
            inventory.problems.extend(problems);
            // Neighbours change all the time, and a live run does not use them.
            inventory.kernel.neighbours.clear();
        }
        let changed = last.as_ref() != Some(&inventory);
        if changed {
            last = Some(inventory.clone());
        }
        let inventory = changed.then_some(inventory);
        if (changed || requested) && readings.send(Reading { inventory, requested }).is_err() {
            return;
        }
        requested = false;
        match commands.recv_timeout(INTERVAL) {
            Ok(PollerCommand::ReadNow) => requested = true,
            Ok(PollerCommand::ReadOther(other)) => {
                sources = *other;
                stamp = None;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
