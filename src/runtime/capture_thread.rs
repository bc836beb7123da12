//! One capturing thread: poll, decode, tally, hand over. Several may share an interface. It outlives the interface:
//! where that goes down or away, it keeps ticking and tries again.

use super::engine::LanConfig;
use super::live::{instant, wall_clock};
use super::overload::{Load, Overload};
use super::source::{Opening, Source};
use super::worker::{Handover, Worker};
use crate::base::{Networks, Timestamp};
use crate::capture::{CaptureError, Poll, SourceStats, pcap_live};
use crate::meter::{Scale, Tally, TickReport};
use crate::packet::Decoder;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How far packet time stays behind the clock while nothing arrives: the kernel may still hold frames of the last
/// block.
const KERNEL_DELAY_NANOS: u64 = 60_000_000;
/// Longest wait for frames: orders to stop are seen after it.
const LONGEST_WAIT_NANOS: u64 = 40_000_000;
/// Between attempts to open an interface again.
const RETRY: Duration = Duration::from_millis(100);
/// Between looks at losses, load, and whether the interface is still up.
const LOOK: Duration = Duration::from_millis(100);
/// Looks without frames between questions whether the interface is still up.
const IDLE_LOOKS: u32 = 2;

/// From a capturing thread to the judge.
pub(super) enum Message {
    Tick {
        worker: usize,
        report: Box<TickReport>,
        stats: SourceStats,
        /// One frame in how many is captured now.
        sampling: u16,
        /// Ticks that went into this one since no box was back.
        late: u32,
    },
    Down {
        worker: usize,
        /// Losses up to then.
        stats: SourceStats,
        why: String,
    },
    Up {
        worker: usize,
    },
    ClockChanged {
        worker: usize,
    },
}

/// From the judge to a capturing thread.
pub(super) enum WorkerCommand {
    Networks(Arc<Networks>),
    LanConfig(LanConfig),
}

pub(super) struct CaptureThread {
    /// Among all workers.
    pub worker: usize,
    pub opening: Opening,
    /// Look at no more than one frame in so many.
    pub least_sampling: u16,
    pub decoder: Decoder,
    pub messages: SyncSender<Message>,
    pub report_pool: Receiver<Box<TickReport>>,
    pub orders: Receiver<WorkerCommand>,
    pub stop: Arc<AtomicBool>,
}

/// Sends reports to the judge.
struct ReportSender {
    worker: usize,
    messages: SyncSender<Message>,
    report_pool: Receiver<Box<TickReport>>,
    orders: Receiver<WorkerCommand>,
    stats: SourceStats,
    sampling: u16,
    /// Of this tick and those that were late.
    scale: Scale,
    late: u32,
    /// This is the end: no box will come back any more.
    last: bool,
}

impl Handover for ReportSender {
    fn tick(&mut self, tally: &mut Tally, tick: u64, scale: Scale) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                WorkerCommand::Networks(networks) => tally.set_networks(networks),
                WorkerCommand::LanConfig(place) => {
                    tally.set_interfaces(&place.views);
                    tally.set_assigned(place.granted);
                }
            }
        }
        self.scale.merge(scale);
        let mut report = match self.report_pool.try_recv() {
            Ok(report) => report,
            Err(_) if self.last => Box::default(),
            Err(_) => {
                // The judge is behind: the next tick takes this one along.
                self.late += 1;
                return;
            }
        };
        tally.finish_tick(tick, &mut report);
        report.scale = std::mem::take(&mut self.scale);
        report.scale_up();
        let late = std::mem::take(&mut self.late);
        let (worker, stats, sampling) = (self.worker, self.stats, self.sampling);
        // The judge has gone if this fails; the thread will be told to stop.
        let _ = self.messages.send(Message::Tick { worker, report, stats, sampling, late });
    }

    fn clock_changed(&mut self) {
        let _ = self.messages.send(Message::ClockChanged { worker: self.worker });
    }
}

impl CaptureThread {
    pub fn start(self, source: Source, tally: Tally) -> std::io::Result<JoinHandle<()>> {
        let name = match self.opening.number {
            0 => format!("cap-{}", self.opening.name),
            number => format!("cap-{}-{number}", self.opening.name),
        };
        std::thread::Builder::new().name(name).spawn(move || self.run(source, tally))
    }

    fn run(self, source: Source, tally: Tally) {
        let CaptureThread { worker, opening, least_sampling, messages, stop, .. } = self;
        let handover = ReportSender {
            worker,
            messages: messages.clone(),
            report_pool: self.report_pool,
            orders: self.orders,
            stats: SourceStats::default(),
            sampling: source.sampling(),
            scale: Scale::default(),
            late: 0,
            last: false,
        };
        let mut counting = Worker::new(self.decoder, tally, handover);
        let mut looks = WorkerHousekeeping::new(least_sampling);
        let mut source = Some(source);
        while !stop.load(Ordering::Relaxed) {
            let now = wall_clock();
            let Some(open) = &mut source else {
                pause();
                counting.advance(behind(wall_clock()));
                if pcap_live::is_up(&opening.name)
                    && let Ok(again) = opening.open()
                {
                    counting.handover.sampling = again.sampling();
                    looks = WorkerHousekeeping::new(least_sampling);
                    source = Some(again);
                    let _ = messages.send(Message::Up { worker });
                }
                continue;
            };
            // Whoever has nothing to do keeps in step with the others: the judge waits for all.
            if open.is_drained() {
                counting.advance(behind(now));
            }
            let waits = |wait: &mut dyn FnMut() -> Result<bool, CaptureError>| {
                let began = instant();
                let there = wait();
                looks.waited += instant().saturating_duration_since(began);
                there
            };
            let outcome = open.poll(&mut counting, patience(now), waits);
            let trouble = match outcome {
                Ok(poll) => {
                    looks.idle &= poll == Poll::Idle;
                    looks.take(open, &opening, &mut counting.handover)
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = trouble {
                let stats = open.stats();
                source = None;
                // The judge has put them by.
                counting.handover.stats = SourceStats::default();
                let _ = messages.send(Message::Down { worker, stats, why });
            }
        }
        if let Some(open) = &mut source {
            counting.handover.stats = open.stats();
        }
        counting.handover.last = true;
        counting.finish();
    }
}

/// What a thread looks at from time to time.
struct WorkerHousekeeping {
    began: Instant,
    last: Instant,
    /// Time spent waiting for frames since the last look.
    waited: Duration,
    /// No frame came since the last look.
    idle: bool,
    idle_looks: u32,
    dropped: u64,
    freezes: u64,
    overload: Overload,
    least: u16,
}

impl WorkerHousekeeping {
    fn new(least: u16) -> WorkerHousekeeping {
        let (now, overload) = (instant(), Overload::new(least));
        let (waited, idle) = (Duration::ZERO, true);
        WorkerHousekeeping {
            began: now,
            last: now,
            waited,
            idle,
            idle_looks: 0,
            dropped: 0,
            freezes: 0,
            overload,
            least,
        }
    }

    /// Takes a look where it is time for one; says what is wrong with the interface, if anything.
    fn take(&mut self, source: &mut Source, opening: &Opening, judge: &mut ReportSender) -> Option<String> {
        let now = instant();
        let passed = now.saturating_duration_since(self.last);
        if passed < LOOK {
            return None;
        }
        self.last = now;
        let stats = source.stats();
        judge.stats = stats;
        let waited = std::mem::take(&mut self.waited);
        let busy = 1.0 - (waited.as_secs_f64() / passed.as_secs_f64()).min(1.0);
        let dropped = stats.dropped_kernel - std::mem::replace(&mut self.dropped, stats.dropped_kernel);
        if let Some(ring) = source.ring() {
            let froze = ring.freezes() > std::mem::replace(&mut self.freezes, ring.freezes());
            let fill = ring.fill();
            // The kernel also drops what it cannot describe; fewer frames do not help against that.
            let dropped = if froze || fill > 0.0 { dropped } else { 0 };
            let (before, load) = (ring.sampling(), Load { dropped, fill, busy });
            let after = self.overload.look(now.saturating_duration_since(self.began), load);
            if after != before {
                match ring.set_sampling(after, wall_clock) {
                    Ok(()) => self.tell(&opening.name, opening.number, before, after),
                    Err(error) => tracing::warn!("one packet in {after} cannot be chosen: {error}"),
                }
            }
            judge.sampling = ring.sampling();
        }
        self.idle_looks = if std::mem::replace(&mut self.idle, true) { self.idle_looks + 1 } else { 0 };
        let look = self.idle_looks > 0 && self.idle_looks.is_multiple_of(IDLE_LOOKS);
        (look && !pcap_live::is_up(&opening.name)).then(|| format!("{} is down", opening.name))
    }

    /// A line when sampling starts and when it ends, none in between.
    fn tell(&self, interface: &str, worker: usize, before: u16, after: u16) {
        if before == self.least {
            tracing::warn!(
                interface,
                worker,
                "too many packets: only one in {after} or more is looked at, and scaled up"
            );
        } else if after == self.least {
            tracing::warn!(interface, worker, "load is back to normal: one packet in {after} is looked at");
        }
    }
}

fn behind(now: Timestamp) -> Timestamp {
    Timestamp::from_nanos(now.nanos().saturating_sub(KERNEL_DELAY_NANOS))
}

/// How long to wait for frames: until a tick is over for whoever has none.
fn patience(now: Timestamp) -> Duration {
    let behind = behind(now);
    let end = Timestamp::from_tick(behind.tick() + 1);
    let left = end.nanos().saturating_sub(behind.nanos());
    // Waits are told in milliseconds or less; a little more makes sure that the tick is over then.
    Duration::from_nanos(left.saturating_add(500_000).min(LONGEST_WAIT_NANOS))
}

#[expect(clippy::disallowed_methods, reason = "an interface that is gone cannot be waited for in any other way")]
fn pause() {
    std::thread::sleep(RETRY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_awake_when_a_tick_is_over() {
        for nanos in [0, 1, 20_000_000, 59_999_999, 60_000_000, 99_999_999] {
            let now = Timestamp::from_nanos(1_767_225_600_000_000_000 + nanos);
            let wait = patience(now).as_nanos() as u64;
            assert!(wait > 0 && wait <= LONGEST_WAIT_NANOS);
            let awake = Timestamp::from_nanos(now.nanos() + wait);
            let over = behind(awake).tick() > behind(now).tick();
            assert!(over || wait == LONGEST_WAIT_NANOS, "{nanos}");
        }
    }
}
