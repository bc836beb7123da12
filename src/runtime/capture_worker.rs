//! A capture worker: one thread that polls its source, decodes and tallies frames, and sends a report at the end of
//! each tick. Several workers may share an interface. A worker outlives its interface: while that is down or missing,
//! it keeps ending ticks and retries.

use super::clock::{instant, wall_clock};
use super::live_source::{LiveSource, SourceOpener};
use super::report_sender::ReportSender;
use super::tally_worker::TallyWorker;
use super::worker_housekeeping::WorkerHousekeeping;
use super::worker_messages::{WorkerCommand, WorkerMessage};
use crate::base::{TICKS_PER_SECOND, Timestamp};
use crate::capture::{CaptureError, Poll, SourceStats, pcap_live};
use crate::meter::{Tally, TickReport};
use crate::packet::Decoder;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

/// How far packet time stays behind the clock while nothing arrives: the kernel may still hold frames of the last
/// block.
const KERNEL_DELAY_NANOS: u64 = 60_000_000;
/// Longest wait for frames, after which the worker checks whether to stop.
const LONGEST_WAIT_NANOS: u64 = 40_000_000;
/// A worker without a frame for this long is idle: it ends a tick once a second, and the judge waits for it no longer.
const IDLE_AFTER: Duration = Duration::from_secs(1);
/// Longest wait for frames while idle, for the same check.
const LONGEST_IDLE_WAIT_NANOS: u64 = 500_000_000;
/// Between attempts to open an interface again.
const RETRY: Duration = Duration::from_millis(100);

/// Everything that a capture worker needs, until it starts.
pub(super) struct CaptureWorker {
    /// Index among all workers.
    pub worker: usize,
    pub opener: SourceOpener,
    /// Samples at least 1 in this number of frames.
    pub least_sampling: u16,
    pub decoder: Decoder,
    pub messages: SyncSender<WorkerMessage>,
    /// Empty reports.
    pub report_pool: Receiver<Box<TickReport>>,
    pub commands: Receiver<WorkerCommand>,
    pub stop: Arc<AtomicBool>,
}

impl CaptureWorker {
    /// Starts the thread, which ends when `stop` is set.
    pub(crate) fn start(self, source: LiveSource, tally: Tally) -> std::io::Result<JoinHandle<()>> {
        let name = match self.opener.number {
            0 => format!("cap-{}", self.opener.name),
            number => format!("cap-{}-{number}", self.opener.name),
        };
        std::thread::Builder::new().name(name).spawn(move || self.run(source, tally))
    }

    fn run(self, source: LiveSource, tally: Tally) {
        let CaptureWorker { worker, opener, least_sampling, messages, stop, .. } = self;
        let sender = ReportSender::new(worker, messages.clone(), self.report_pool, self.commands, source.sampling());
        let mut frames = TallyWorker::new(self.decoder, tally, sender);
        let mut housekeeping = WorkerHousekeeping::new(least_sampling);
        let mut source = Some(source);
        // Why an interface that is up could not be opened, as last logged.
        let mut why_not = None;
        let mut last_frame = instant();
        while !stop.load(Ordering::Relaxed) {
            let now = wall_clock();
            let Some(open) = &mut source else {
                pause();
                frames.advance(packet_time(wall_clock()));
                if !pcap_live::is_up(&opener.name) {
                    continue;
                }
                let reopened = match opener.open() {
                    Ok(reopened) => Some(reopened),
                    // It went down again meanwhile.
                    Err(CaptureError::InterfaceGone(_)) => None,
                    Err(error) => {
                        let error = error.to_string();
                        if why_not.as_ref() != Some(&error) {
                            tracing::error!(
                                interface = opener.name,
                                "it is up, but cannot be captured: {error}; retrying"
                            );
                            why_not = Some(error);
                        }
                        None
                    }
                };
                if let Some(reopened) = reopened {
                    why_not = None;
                    frames.sink.sampling = reopened.sampling();
                    housekeeping = WorkerHousekeeping::new(least_sampling);
                    source = Some(reopened);
                    let _ = messages.send(WorkerMessage::Up { worker });
                }
                continue;
            };
            // Without frames a worker must keep ending ticks: the judge waits for all workers.
            let was_idle = frames.sink.is_idle;
            let is_idle = open.wakes_for_frames() && instant().saturating_duration_since(last_frame) >= IDLE_AFTER;
            frames.sink.is_idle = is_idle;
            let is_due = !was_idle || starts_second(frames.current_tick(), packet_time(now));
            if open.is_drained() && is_due {
                frames.advance(packet_time(now));
            }
            let time_wait = |wait: &mut dyn FnMut() -> Result<bool, CaptureError>| {
                let start = instant();
                let ready = wait();
                housekeeping.waited += instant().saturating_duration_since(start);
                ready
            };
            let wait = if is_idle { idle_wait_time(now) } else { wait_time(now) };
            let outcome = open.poll(&mut frames, wait, time_wait);
            let trouble = match outcome {
                Ok(poll) => {
                    if poll != Poll::Idle {
                        last_frame = instant();
                        frames.sink.is_idle = false;
                    }
                    housekeeping.idle &= poll == Poll::Idle;
                    housekeeping.run(open, &opener, &mut frames.sink)
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = trouble {
                let stats = open.stats();
                source = None;
                // The judge adds the final counters of a closed source to its sums.
                frames.sink.stats = SourceStats::default();
                let _ = messages.send(WorkerMessage::Down { worker, stats, why });
            }
        }
        if let Some(open) = &mut source {
            frames.sink.stats = open.stats();
        }
        frames.sink.is_last = true;
        frames.finish();
    }
}

/// Packet time at wall-clock time `now`, while no packets arrive.
fn packet_time(now: Timestamp) -> Timestamp {
    Timestamp::from_nanos(now.nanos().saturating_sub(KERNEL_DELAY_NANOS))
}

/// The last tick that every idle worker has ended, at wall-clock time `now`: what it captured of that tick, it has reported.
pub(super) fn idle_until(now: Timestamp) -> u64 {
    /// A worker that got frames needs a moment to wake up and report them.
    const WAKING_NANOS: u64 = 15_000_000;
    let sure = packet_time(now).nanos().saturating_sub(WAKING_NANOS);
    Timestamp::from_nanos(sure).tick().saturating_sub(1)
}

/// Whether a later second than that of tick `current` has begun.
fn starts_second(current: Option<u64>, now: Timestamp) -> bool {
    let second = |tick: u64| tick / TICKS_PER_SECOND as u64;
    current.is_none_or(|current| second(now.tick()) != second(current))
}

/// How long an idle worker waits for frames: at most until the current second ends.
fn idle_wait_time(now: Timestamp) -> Duration {
    const SECOND_NANOS: u64 = 1_000_000_000;
    let left = SECOND_NANOS - packet_time(now).nanos() % SECOND_NANOS;
    Duration::from_nanos(left.saturating_add(500_000).min(LONGEST_IDLE_WAIT_NANOS))
}

/// How long to wait for frames: at most until the current tick ends without any.
fn wait_time(now: Timestamp) -> Duration {
    let packet_time = packet_time(now);
    let end = Timestamp::from_tick(packet_time.tick() + 1);
    let left = end.nanos().saturating_sub(packet_time.nanos());
    // Waits have a resolution of a millisecond or less; the extra half makes sure that the tick has ended by then.
    Duration::from_nanos(left.saturating_add(500_000).min(LONGEST_WAIT_NANOS))
}

#[expect(clippy::disallowed_methods, reason = "there is nothing to wait on while the interface is missing")]
fn pause() {
    std::thread::sleep(RETRY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_worker_is_awake_when_a_second_begins() {
        for nanos in [0, 1, 59_999_999, 60_000_000, 400_000_000, 999_999_999] {
            let mut now = Timestamp::from_nanos(1_767_225_600_000_000_000 + nanos);
            let began = packet_time(now).tick();
            let mut wakes = 0;
            while !starts_second(Some(began), packet_time(now)) {
                now = Timestamp::from_nanos(now.nanos() + idle_wait_time(now).as_nanos() as u64);
                wakes += 1;
            }
            assert!(wakes <= 3, "{nanos}: {wakes}");
            let past = packet_time(now).nanos() % 1_000_000_000;
            assert!(past <= 500_000, "{nanos}: {past} ns after the second began");
        }
    }

    #[test]
    fn an_idle_worker_has_ended_no_tick_whose_frames_the_kernel_may_hold() {
        let now = Timestamp::from_nanos(1_767_225_600_000_000_000);
        let end = Timestamp::from_tick(idle_until(now) + 1).nanos();
        assert!(now.nanos() - end > KERNEL_DELAY_NANOS && now.nanos() - end < 200_000_000, "{end}");
    }

    #[test]
    fn a_waiting_worker_is_awake_at_the_end_of_a_tick() {
        for nanos in [0, 1, 20_000_000, 59_999_999, 60_000_000, 99_999_999] {
            let now = Timestamp::from_nanos(1_767_225_600_000_000_000 + nanos);
            let wait = wait_time(now).as_nanos() as u64;
            assert!(wait > 0 && wait <= LONGEST_WAIT_NANOS);
            let awake = Timestamp::from_nanos(now.nanos() + wait);
            let has_ended = packet_time(awake).tick() > packet_time(now).tick();
            assert!(has_ended || wait == LONGEST_WAIT_NANOS, "{nanos}");
        }
    }
}
