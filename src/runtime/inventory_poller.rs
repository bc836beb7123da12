//! The thread that reads the inventory, again and again: guests come, go and move while we look. It may wait for file systems
//! as long as they take (Proxmox's is a network file system of its own kind); judging waits for it only where a stranger
//! would else be called one, and then not for long.

use crate::inventory::{Inventory, Problem, Sources, netlink};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often the kernel is asked, and files are looked at for changes.
const EVERY: Duration = Duration::from_secs(2);
/// How long the start waits for the first reading.
const AT_START: Duration = Duration::from_millis(500);
/// How long a tick waits for a reading that may make a stranger known: well below the time in which it must be told.
const FOR_A_STRANGER: Duration = Duration::from_millis(60);
/// Readings for strangers are this far apart at least.
const STRANGERS_APART: Duration = Duration::from_secs(1);

/// To the thread.
enum PollerCommand {
    ReadNow,
    ReadOther(Box<Sources>),
}

/// From the thread.
struct Reading {
    /// `None` where nothing has changed.
    inventory: Option<Inventory>,
    /// It was asked for.
    asked: bool,
}

/// The judge's end.
pub(super) struct InventoryPoller {
    /// When it is dropped, the thread ends; it is not waited for, since a file system may hang.
    orders: Option<Sender<PollerCommand>>,
    readings: Option<Receiver<Reading>>,
    known: Arc<Inventory>,
    told: BTreeSet<String>,
    asked: Option<Instant>,
}

impl InventoryPoller {
    /// Starts the thread and waits a little for what it reads first.
    pub fn start(sources: &Sources) -> InventoryPoller {
        let (orders, their_orders) = channel();
        let (their_readings, readings) = channel();
        let sources = sources.clone();
        let thread = move || read_on(sources, &their_orders, &their_readings);
        let mut census = match std::thread::Builder::new().name("inventory".to_owned()).spawn(thread) {
            Ok(_) => InventoryPoller {
                orders: Some(orders),
                readings: Some(readings),
                known: Arc::default(),
                told: BTreeSet::new(),
                asked: None,
            },
            Err(error) => {
                tracing::error!("guests are not looked for: {error}");
                InventoryPoller {
                    orders: None,
                    readings: None,
                    known: Arc::default(),
                    told: BTreeSet::new(),
                    asked: None,
                }
            }
        };
        if !census.wait(AT_START, |_| true) {
            tracing::warn!("the inventory of guests takes long to read; it counts as soon as it is there");
        }
        census
    }

    pub fn known(&self) -> &Arc<Inventory> {
        &self.known
    }

    /// Reads elsewhere from now on.
    pub fn replace(&self, sources: &Sources) {
        if let Some(orders) = &self.orders {
            // The thread has gone if this fails, and has said why.
            let _ = orders.send(PollerCommand::ReadOther(Box::new(sources.clone())));
        }
    }

    /// What was read since the last call, if it is other than before.
    pub fn take(&mut self) -> Option<Arc<Inventory>> {
        let before = Arc::clone(&self.known);
        while let Some(Ok(reading)) = self.readings.as_ref().map(Receiver::try_recv) {
            self.adopt(reading.inventory);
        }
        (!Arc::ptr_eq(&before, &self.known)).then(|| Arc::clone(&self.known))
    }

    /// Has everything read now, since someone is there whom nobody knows: a guest that was just made. At most once a second.
    pub fn look_again(&mut self, now: Instant) -> Option<Arc<Inventory>> {
        if self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < STRANGERS_APART) {
            return None;
        }
        self.asked = Some(now);
        self.orders.as_ref()?.send(PollerCommand::ReadNow).ok()?;
        let before = Arc::clone(&self.known);
        self.wait(FOR_A_STRANGER, |reading| reading.asked);
        (!Arc::ptr_eq(&before, &self.known)).then(|| Arc::clone(&self.known))
    }

    /// Waits for a reading of that kind; false where none came in time.
    fn wait(&mut self, most: Duration, good: impl Fn(&Reading) -> bool) -> bool {
        let began = super::live::instant();
        loop {
            let left = most.saturating_sub(began.elapsed());
            let Some(Ok(reading)) = self.readings.as_ref().map(|readings| readings.recv_timeout(left)) else {
                return false;
            };
            let done = good(&reading);
            self.adopt(reading.inventory);
            if done {
                return true;
            }
        }
    }

    fn adopt(&mut self, inventory: Option<Inventory>) {
        let Some(inventory) = inventory else { return };
        if inventory.guests.len() != self.known.guests.len() {
            tracing::info!("{} guests are known", inventory.guests.len());
        }
        let now: BTreeSet<String> = inventory.problems.iter().map(Problem::to_string).collect();
        for problem in now.difference(&self.told) {
            tracing::warn!("inventory: {problem}");
        }
        self.told = now;
        self.known = Arc::new(inventory);
    }
}

/// Until the judge has gone.
fn read_on(mut sources: Sources, orders: &Receiver<PollerCommand>, readings: &Sender<Reading>) {
    let mut last: Option<Inventory> = None;
    let (mut files, mut stamp) = (Inventory::default(), None);
    let mut asked = false;
    loop {
        let now = sources.stamp();
        if stamp != Some(now) || asked {
            files = Inventory::read(&Sources { kernel: false, ..sources.clone() });
            stamp = Some(now);
        }
        let mut inventory = files.clone();
        if sources.kernel {
            let (kernel, problems) = netlink::read();
            inventory.kernel = kernel;
            inventory.problems.extend(problems);
            // They change all the time, and nothing here asks for them.
            inventory.kernel.neighbours.clear();
        }
        let changed = last.as_ref() != Some(&inventory);
        if changed {
            last = Some(inventory.clone());
        }
        if (changed || asked) && readings.send(Reading { inventory: changed.then_some(inventory), asked }).is_err() {
            return;
        }
        asked = false;
        match orders.recv_timeout(EVERY) {
            Ok(PollerCommand::ReadNow) => asked = true,
            Ok(PollerCommand::ReadOther(other)) => {
                sources = *other;
                stamp = None;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
