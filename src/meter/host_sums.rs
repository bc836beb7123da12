//! Sums of what a busy host had in some ticks or seconds.

use super::applications::AppCounts;
use super::counts::{ClassCounts, MinuteCounts};
use super::handshake_counts::HandshakeCounts;
use super::host_tick::HostTick;

/// Counts that are summed over longer spans.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub received: ClassCounts,
    pub sent: ClassCounts,
    pub handshakes: HandshakeCounts,
    pub apps: AppCounts,
}

impl Sum {
    pub(super) fn add_tick(&mut self, tick: &HostTick) {
        self.received.add_tick(&tick.received);
        self.sent.add_tick(&tick.sent);
        self.handshakes.add(&tick.handshakes);
        self.apps.add(&tick.apps);
    }

    pub(super) fn add(&mut self, other: &Sum) {
        self.received.merge(&other.received);
        self.sent.merge(&other.sent);
        self.handshakes.add(&other.handshakes);
        self.apps.add(&other.apps);
    }

    pub(super) fn subtract(&mut self, other: &Sum) {
        self.received.subtract(&other.received);
        self.sent.subtract(&other.sent);
        self.handshakes.subtract(&other.handshakes);
        self.apps.subtract(&other.apps);
    }
}

/// What is kept of a minute: all packets, TCP data, and applications.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LongSum {
    pub received: MinuteCounts,
    pub sent: MinuteCounts,
    pub apps: AppCounts,
}

impl LongSum {
    pub(super) fn of(sum: &Sum) -> LongSum {
        LongSum { received: MinuteCounts::of(&sum.received), sent: MinuteCounts::of(&sum.sent), apps: sum.apps }
    }

    pub(super) fn add(&mut self, other: &LongSum) {
        self.received.merge(&other.received);
        self.sent.merge(&other.sent);
        self.apps.add(&other.apps);
    }

    pub(super) fn subtract(&mut self, other: &LongSum) {
        self.received.subtract(&other.received);
        self.sent.subtract(&other.sent);
        self.apps.subtract(&other.apps);
    }
}
