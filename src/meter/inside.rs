//! Our networks as a whole: what all of our hosts receive together, measured like one host. An attack may be spread so widely
//! that neither a host nor a prefix of the usual length receives much of it, and that most of its targets find no room in
//! any table.
//!
//! Classes, handshakes and what becomes of flows are exact; verdicts, sources, services and the networks that are hit come from
//! a uniform sample of all received packets, 64 to 128 per worker and tick: a share of half is off by 6 % at most over a
//! second (three standard errors).

use super::counts::{ClassTick, SmallCount};
use super::hash::Hasher;
use super::host::HostWindow;
use super::host_tick::HostTick;
use super::inside_counts::InsideCounts;
use super::report::Totals;
use super::samples::{Received, SAMPLES, Sample};
use super::verdicts::{Content, VerdictCounts};
use crate::base::{Addr, TICKS_PER_SECOND, Timestamp};
use crate::packet::{App, Class, Service};
use std::collections::VecDeque;

/// The windows of our networks as a whole.
pub(super) struct Inside {
    hasher: Hasher,
    counts: InsideCounts,
    /// The tick that is being put together.
    tick: Box<HostTick>,
    window: Box<HostWindow>,
    /// The sample of the last second, with the tick of each packet.
    lately: VecDeque<(u64, Received)>,
    number: u64,
}

impl Inside {
    pub(super) fn new(hasher: Hasher) -> Inside {
        Inside {
            hasher,
            counts: InsideCounts::default(),
            tick: Box::default(),
            window: HostWindow::new(Addr::UNSPECIFIED, 0),
            lately: VecDeque::new(),
            number: 0,
        }
    }

    pub(super) fn open(&mut self, tick: u64) {
        self.number = tick;
        self.counts = InsideCounts::default();
        self.window.roll(tick);
        while self.lately.front().is_some_and(|(at, _)| tick.saturating_sub(*at) >= TICKS_PER_SECOND as u64) {
            self.lately.pop_front();
        }
    }

    pub(super) fn reset(&mut self, tick: u64) {
        self.window.reuse(Addr::UNSPECIFIED, tick);
        self.lately.clear();
    }

    /// Adds one worker's counts to the open tick.
    pub(super) fn absorb(&mut self, counts: &InsideCounts) {
        self.counts.merge(counts);
    }

    /// Closes the open tick; `received` are the workers' samples.
    pub(super) fn close(&mut self, totals: &Totals, received: &[Received]) {
        self.tick.reset(Addr::UNSPECIFIED);
        self.tick.first = Timestamp::from_tick(self.number);
        self.tick.received = ClassTick::of_sums(&totals.received, self.verdicts(received));
        self.tick.sent = ClassTick::of_sums(&totals.transmitted, VerdictCounts::default());
        self.tick.handshakes = self.counts.handshakes;
        // Where there are more samples than a tick can keep, each n-th stands for n: all have the same weight.
        let stride = received.len().div_ceil(SAMPLES).max(1);
        let mut weight = 0u32;
        for (index, received) in received.iter().enumerate() {
            let sample = received.sample;
            self.tick.sources.add(self.hasher.address(sample.peer));
            self.count_service(&sample);
            weight = weight.saturating_add(sample.weight);
            if (index + 1).is_multiple_of(stride) {
                self.tick.received_samples.absorb(Sample { weight, ..sample }, 0);
                weight = 0;
            }
            self.lately.push_back((self.number, *received));
        }
        self.window.absorb(&mut self.tick);
    }

    /// The verdicts on all packets, as those on the sample give them.
    fn verdicts(&self, received: &[Received]) -> VerdictCounts {
        let mut verdicts = self.counts.flows;
        // No detector judges the DNS queries of a whole network as such: they are UDP there.
        verdicts.join_dns_queries();
        for Received { sample, .. } in received {
            let Some(&class) = Class::ALL.get(usize::from(sample.class)) else { continue };
            let content = Content { class, app: App::None, is_reply: sample.is_reply() };
            verdicts.add_packets(content, sample.verdict, sample.weight, sample.opens());
        }
        verdicts
    }

    fn count_service(&mut self, sample: &Sample) {
        if sample.is_solicited() || !sample.is_reply() {
            return;
        }
        if let Some(row) = Service::of_port(sample.source_port).and_then(|service| self.tick.service(service)) {
            let bytes = sample.weight.saturating_mul(sample.length.into());
            row.replies_received.merge(SmallCount { packets: sample.weight, bytes });
            row.unsolicited_received = row.unsolicited_received.saturating_add(sample.weight);
        }
    }

    pub(super) fn window(&self) -> &HostWindow {
        &self.window
    }

    /// The uniform sample of what our hosts received in the last second.
    pub(super) fn lately(&self) -> impl Iterator<Item = &Received> {
        self.lately.iter().map(|(_, received)| received)
    }
}
