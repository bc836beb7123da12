//! The thread that reads the counters of the captured interfaces once a second. The kernel may let it wait; the judge
//! does not.

use super::clock::{instant, wall_clock};
use crate::base::{LinkCounts, LinkReading};
use crate::inventory::Site;
use crate::posture::{Kernel, LinkCounters};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

/// How often the counters are read.
const INTERVAL: Duration = Duration::from_secs(1);
/// Readings of each interface that are kept: as many seconds as a detector may ask for.
const KEPT: usize = 10;

/// What was counted between two readings.
struct Period {
    reading: LinkReading,
    /// The speed that the kernel knows.
    known_speed: Option<u64>,
}

/// The judge's end of the channel.
pub(super) struct LinkPoller {
    periods: Option<Receiver<Vec<Period>>>,
    /// The thread ends when this is dropped. It is not joined, since the kernel may hang.
    _stop: Sender<()>,
    kept: VecDeque<LinkReading>,
    interfaces: usize,
}

impl LinkPoller {
    /// Starts the thread.
    pub(crate) fn start(interfaces: &[String]) -> LinkPoller {
        let (sender, periods) = sync_channel(2);
        let (stop, stopped) = channel();
        let names = interfaces.to_vec();
        let thread = std::thread::Builder::new()
            .name("links".to_owned())
            .spawn(move || read_repeatedly(&names, &stopped, &sender));
        let periods = match thread {
            Ok(_) => Some(periods),
            Err(error) => {
                tracing::error!("the counters of interfaces are not read: {error}");
                None
            }
        };
        LinkPoller { periods, _stop: stop, kept: VecDeque::new(), interfaces: interfaces.len() }
    }

    /// The readings of the last seconds, oldest first, if there are new ones since the last call. Interfaces whose speed neither
    /// the configuration nor the kernel gives have none.
    pub(crate) fn poll(&mut self, site: &Site) -> Option<Vec<LinkReading>> {
        let periods: Vec<Vec<Period>> = self.periods.as_ref()?.try_iter().collect();
        if periods.is_empty() {
            return None;
        }
        for Period { mut reading, known_speed } in periods.into_iter().flatten() {
            let configured = site.policy(Some(&reading.interface)).and_then(|policy| policy.speed);
            let Some(speed) = configured.or(known_speed) else { continue };
            reading.speed = speed;
            self.kept.push_back(reading);
        }
        while self.kept.len() > KEPT * self.interfaces.max(1) {
            self.kept.pop_front();
        }
        Some(self.kept.iter().cloned().collect())
    }
}

/// Reads until the other end of `stop` is dropped.
fn read_repeatedly(names: &[String], stop: &Receiver<()>, periods: &SyncSender<Vec<Period>>) {
    let kernel = Kernel::under(Path::new("/"));
    let mut before: Vec<Option<(Instant, LinkCounters)>> = vec![None; names.len()];
    loop {
        let mut found = Vec::new();
        for (name, before) in names.iter().zip(&mut before) {
            let (now, counters) = (instant(), kernel.link_counters(name));
            if let (Some((at, old)), Some(new)) = (before.as_ref(), counters) {
                found.extend(period(name, *old, new, now.duration_since(*at)));
            }
            *before = counters.map(|counters| (now, counters));
        }
        // Blocks until the judge has taken the ones before, usually within a tick.
        if periods.send(found).is_err() {
            return;
        }
        if stop.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// What was counted between two readings; `None` where the counters went back, as those of a new interface do.
fn period(name: &str, old: LinkCounters, new: LinkCounters, length: Duration) -> Option<Period> {
    let counts = |old: LinkCounts, new: LinkCounts| {
        Some(LinkCounts {
            packets: new.packets.checked_sub(old.packets)?,
            bytes: new.bytes.checked_sub(old.bytes)?,
            dropped: new.dropped.checked_sub(old.dropped)?,
        })
    };
    let reading = LinkReading {
        interface: name.to_owned(),
        at: wall_clock(),
        seconds: length.as_secs_f64(),
        speed: 0,
        received: counts(old.received, new.received)?,
        sent: counts(old.sent, new.sent)?,
    };
    Some(Period { reading, known_speed: new.speed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_went_back_give_no_period() {
        let counters = |packets| {
            let counts = LinkCounts { packets, bytes: packets * 100, dropped: 0 };
            LinkCounters { speed: None, received: counts, sent: counts }
        };
        let between = |old, new| period("eno1", counters(old), counters(new), Duration::from_secs(2));
        let found = between(10, 30).expect("they rose").reading;
        assert_eq!((found.seconds, found.received.packets, found.received.bytes), (2.0, 20, 2000));
        assert!(between(30, 10).is_none());
    }
}
