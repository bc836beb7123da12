//! A replay runs captures through the whole analysis in one thread. The same files always give the same output.

use super::engine::Engine;
use super::replay_record::ReplayRecord;
use super::site::{configured_inventory, site};
use super::tally_worker::{TallyWorker, TickSink};
use crate::base::{Addr, Networks, Timestamp};
use crate::capture::{CaptureError, Frame, FrameSink, PacketSource, Poll};
use crate::config::Config;
use crate::incident::{Event, Incident, LossCounts};
use crate::meter::{Hasher, Scale, Tally, TickReport};
use crate::packet::Decoder;
use crate::store::{Database, StoreError};
use std::sync::Arc;

/// Judges every tick in the thread that counted it.
struct InlineJudge {
    pub engine: Engine,
    report: TickReport,
    /// First and last packet of each source so far.
    spans: Vec<(Timestamp, Timestamp)>,
    /// Another source begins after this tick.
    starts_after: Option<Option<u64>>,
    /// Where evidence or a report is wanted.
    record: Option<Box<ReplayRecord>>,
}

impl TickSink for InlineJudge {
    fn tick(&mut self, tally: &mut Tally, tick: u64, scale: Scale) {
        tally.finish_tick(tick, &mut self.report);
        self.report.scale = scale;
        if let Some(first) = self.report.first {
            let starts = self.spans.is_empty() || self.starts_after.take_if(|last| *last != Some(tick)).is_some();
            if starts {
                self.spans.push((first, first));
            }
            if let Some((from, to)) = self.spans.last_mut() {
                (*from, *to) = ((*from).min(first), (*to).max(self.report.last).max(first));
            }
        }
        let received = self.engine.totals().frames.packets + self.report.totals.frames.packets;
        self.engine.set_losses(LossCounts { received, dropped: 0, sampled: 1 });
        let end = Timestamp::from_tick(tick + 1);
        self.engine.process(tick, std::iter::once(&mut self.report), end);
        if let Some(record) = &mut self.record {
            record.tick(&self.engine, &self.report.kept, end);
        }
    }

    fn clock_changed(&mut self) {
        self.engine.clock_changed();
    }
}

/// A replay over any number of sources, one after another, as one timeline.
pub struct Replay {
    worker: TallyWorker<InlineJudge>,
}

impl Replay {
    /// A replay with the configured networks and inventory, a fixed hash seed and no baseline.
    pub fn new(config: &Config) -> Replay {
        let networks = Arc::new(Networks::new(config.networks.iter().copied()));
        let site = site(config, Arc::clone(&networks), configured_inventory(config));
        let hasher = Hasher::fixed();
        let engine = Engine::new(config, site, hasher);
        let judge = InlineJudge {
            engine,
            report: TickReport::with_room(config.tally),
            spans: Vec::new(),
            starts_after: None,
            record: None,
        };
        let tally = Tally::new(config.tally, networks, hasher);
        Replay { worker: TallyWorker::new(Decoder { tunnels: config.tunnels }, tally, judge) }
    }

    /// Judges with the saved baseline and continues learning. What it learns is not saved, so that the next replay
    /// gives the same output.
    ///
    /// # Errors
    /// A sentence, if the saved baseline cannot be read.
    pub fn remember(&mut self, config: &Config) -> Result<(), String> {
        let baseline = super::persistence::saved_baseline(config)?;
        self.worker.sink.engine.set_baseline(Some(baseline));
        Ok(())
    }

    /// Records incidents from now on, with packets where `config.evidence` keeps some. Call it before the first packet.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn record(&mut self, config: &Config) -> Result<(), StoreError> {
        self.worker.sink.record = Some(Box::new(ReplayRecord::new(config)?));
        Ok(())
    }

    /// Incidents name this place of their evidence, with `{id}`.
    pub fn set_evidence_url(&mut self, template: String) {
        self.worker.sink.engine.set_evidence_url(Some(template));
    }

    /// What was recorded, up to the end of the capture; `None` where nothing is.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn take_record(&mut self) -> Result<Option<Database>, StoreError> {
        let Some(record) = self.worker.sink.record.take() else { return Ok(None) };
        record.finish(&self.worker.sink.engine).map(Some)
    }

    /// Audits the gate before the detectors: every detector inspects every busy host. For tests.
    pub fn audit_gate(&mut self) {
        self.worker.sink.engine.audit_gate();
    }

    /// Findings of this audit that the gate would have prevented; an exact gate prevents none.
    pub fn prevented(&self) -> u64 {
        self.worker.sink.engine.prevented()
    }

    /// Explains from now on what the detectors make of a host.
    pub fn explain(&mut self, address: Addr) {
        self.worker.sink.engine.explain(address);
    }

    /// Reads `source` to its end. `observe` is called before the first batch and after each, with the events since the
    /// last call. It may set the names of the interfaces, which apply from then on.
    ///
    /// # Errors
    /// An error of the source. Everything before it was analysed, and other sources may follow.
    pub fn run<S: PacketSource>(
        &mut self,
        source: &mut S,
        mut observe: impl FnMut(&mut S, Vec<Event>, &mut Vec<String>),
    ) -> Result<(), CaptureError> {
        // The last tick of the source before is still to be judged.
        self.worker.sink.starts_after = Some(self.worker.current_tick());
        observe(source, Vec::new(), &mut self.worker.sink.engine.interfaces);
        loop {
            if let Some(lan) = self.worker.sink.engine.lan_change().cloned() {
                lan.apply(self.worker.tally());
            }
            let outcome = source.poll(&mut self.worker);
            let engine = &mut self.worker.sink.engine;
            let events = engine.take_events();
            if let Some(record) = &mut self.worker.sink.record {
                record.events(&events);
            }
            let engine = &mut self.worker.sink.engine;
            observe(source, events, &mut engine.interfaces);
            match outcome {
                Ok(Poll::End) => return Ok(()),
                Ok(Poll::Delivered | Poll::Idle) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Analyses one frame, for a caller that drives the replay in real time.
    pub(super) fn feed(&mut self, frame: Frame<'_>) {
        self.worker.frame(frame);
    }

    /// Advances packet time to `now`. Returns the events since the last call.
    pub(super) fn advance(&mut self, now: Timestamp) -> Vec<Event> {
        self.worker.advance(now);
        self.worker.sink.engine.take_events()
    }

    /// Closes every open incident as of `now`, for an early end. Returns the last events.
    pub(super) fn abort(&mut self, now: Timestamp) -> Vec<Event> {
        self.worker.sink.engine.shut_down(now);
        self.worker.sink.engine.take_events()
    }

    /// Judges the last tick. Returns the last events.
    pub fn finish(&mut self) -> Vec<Event> {
        self.worker.finish();
        let events = self.worker.sink.engine.take_events();
        if let Some(record) = &mut self.worker.sink.record {
            record.events(&events);
        }
        events
    }

    /// Incidents that are open, in particular at the end of the capture.
    pub fn open(&self) -> Vec<Incident> {
        self.engine().incidents().open().collect()
    }

    /// The engine, for totals, guests and counts of the allow list.
    pub fn engine(&self) -> &Engine {
        &self.worker.sink.engine
    }

    /// Timestamps of the first and the last packet.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.spans().iter().map(|(first, _)| *first).min()?;
        Some((first, self.spans().iter().map(|(_, last)| *last).max()?))
    }

    /// Timestamps of the first and the last packet of each source that had any.
    pub fn spans(&self) -> &[(Timestamp, Timestamp)] {
        &self.worker.sink.spans
    }
}

/// Replays one source and returns every incident, in order of opening.
///
/// # Errors
/// An error of the source.
pub fn incidents<S: PacketSource>(config: &Config, source: &mut S) -> Result<Vec<Incident>, CaptureError> {
    let mut replay = Replay::new(config);
    let mut incidents: Vec<Incident> = Vec::new();
    let mut keep = |events: Vec<Event>| {
        let closed = events.into_iter().filter(Event::is_last_word);
        incidents.extend(closed.map(|event| Incident::clone(&event.incident)));
    };
    let outcome = replay.run(source, |_, events, _| keep(events));
    keep(replay.finish());
    incidents.extend(replay.open());
    incidents.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
    outcome.map(|()| incidents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{FrameDirection, LinkType};
    use crate::packet::Class;
    use etherparse::PacketBuilder;

    /// Frames that end a connection, each aggregated from 45 TCP segments by offloading.
    struct AggregatedFins(u64);

    impl PacketSource for AggregatedFins {
        fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
            let Some(left) = self.0.checked_sub(1) else { return Ok(Poll::End) };
            self.0 = left;
            let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
                .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
                .tcp(80, 40000, 1, 65000)
                .ack(1)
                .fin()
                .psh();
            let mut data = Vec::new();
            builder.write(&mut data, &[0; 1448]).unwrap();
            sink.frame(Frame {
                time: Timestamp::from_nanos(1_000_000_000 + left),
                data: &data,
                wire_len: 45 * 1502,
                link: LinkType::Ethernet,
                direction: FrameDirection::Unknown,
                interface: 0,
                vlan: None,
                segments: 45,
                sampled: 1,
            });
            Ok(Poll::Delivered)
        }
    }

    #[test]
    fn one_frame_of_an_aggregated_segment_has_the_fin() {
        let mut replay = Replay::new(&Config::default());
        // More than fit into a batch.
        replay.run(&mut AggregatedFins(1000), |_, _, _| {}).unwrap();
        replay.finish();
        let totals = replay.engine().totals();
        let received = |class: Class| totals.received[class as usize];
        assert_eq!((received(Class::TcpFin).packets, received(Class::TcpData).packets), (1000, 44_000));
        assert_eq!(received(Class::TcpFin).bytes + received(Class::TcpData).bytes, 1000 * 45 * 1502);
        assert_eq!(totals.frames.packets, 45_000);
    }
}
