//! What a capture worker does every 100 ms beside capturing: reads the source's counters, adapts sampling to the load,
//! and checks that the interface is up.

use super::adaptive_sampling::{AdaptiveSampling, Load};
use super::clock::{instant, wall_clock};
use super::live_source::{LiveSource, SourceOpener};
use super::report_sender::ReportSender;
use crate::capture::pcap_live;
use std::time::{Duration, Instant};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_millis(100);
/// Without frames, time between checks that the interface is up. A ring reports at once that it went down.
const CHECK: Duration = Duration::from_millis(900);

pub(super) struct WorkerHousekeeping {
    start: Instant,
    last: Instant,
    /// Time spent waiting for frames since the last round.
    pub waited: Duration,
    /// No frame arrived since the last round.
    pub idle: bool,
    checked: Instant,
    /// Counters of the source at the last round.
    dropped: u64,
    freezes: u64,
    adaptive: AdaptiveSampling,
    least_sampling: u16,
}

impl WorkerHousekeeping {
    /// Samples at least 1 in `least_sampling` frames.
    pub(crate) fn new(least_sampling: u16) -> WorkerHousekeeping {
        let now = instant();
        WorkerHousekeeping {
            start: now,
            last: now,
            waited: Duration::ZERO,
            idle: true,
            checked: now,
            dropped: 0,
            freezes: 0,
            adaptive: AdaptiveSampling::new(least_sampling),
            least_sampling,
        }
    }

    /// Does a round if one is due. Returns what is wrong with the interface, if anything.
    pub(crate) fn run(
        &mut self,
        source: &mut LiveSource,
        opener: &SourceOpener,
        reports: &mut ReportSender,
    ) -> Option<String> {
        let now = instant();
        let passed = now.saturating_duration_since(self.last);
        if passed < INTERVAL {
            return None;
        }
        self.last = now;
        let stats = source.stats();
        reports.stats = stats;
        let waited = std::mem::take(&mut self.waited);
        let busy = 1.0 - (waited.as_secs_f64() / passed.as_secs_f64()).min(1.0);
        let dropped = stats.dropped_kernel - std::mem::replace(&mut self.dropped, stats.dropped_kernel);
        if let Some(ring) = source.ring() {
            let froze = ring.freezes() > std::mem::replace(&mut self.freezes, ring.freezes());
            let fill = ring.fill();
            // The kernel also drops frames that it cannot describe; sampling does not help against those.
            let dropped = if froze || fill > 0.0 { dropped } else { 0 };
            let (before, load) = (ring.sampling(), Load { dropped, fill, busy });
            let after = self.adaptive.update(now.saturating_duration_since(self.start), load);
            if after != before {
                match ring.set_sampling(after, wall_clock) {
                    Ok(()) => self.log_change(&opener.name, opener.number, before, after),
                    Err(error) => tracing::warn!("cannot sample 1 in {after} packets: {error}"),
                }
            }
            reports.sampling = ring.sampling();
        }
        if !std::mem::replace(&mut self.idle, true) {
            self.checked = now;
        }
        let check = now.saturating_duration_since(self.checked) >= CHECK;
        if check {
            self.checked = now;
        }
        (check && !pcap_live::is_up(&opener.name)).then(|| format!("{} is down", opener.name))
    }

    /// Logs the start and the end of sampling, but not the steps between.
    fn log_change(&self, interface: &str, worker: usize, before: u16, after: u16) {
        if before == self.least_sampling {
            tracing::warn!(interface, worker, "overload: sampling 1 in {after} packets or fewer; counts are scaled up");
        } else if after == self.least_sampling {
            tracing::warn!(interface, worker, "load is back to normal: sampling 1 in {after} packets");
        }
    }
}
