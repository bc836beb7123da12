//! Replay: captures through the whole analysis in one thread. The same files always give the same output.

use super::engine::Engine;
use super::worker::{Handover, Worker};
use crate::base::{Networks, Timestamp};
use crate::capture::{CaptureError, Frame, FrameSink, PacketSource, Poll};
use crate::config::Config;
use crate::incident::{Event, Incident, LossCounts};
use crate::meter::{Hasher, Scale, Tally, TickReport};
use crate::packet::Decoder;
use std::sync::Arc;

/// Judges every tick at once, in the thread that counted it.
pub struct Direct {
    pub engine: Engine,
    report: TickReport,
    /// First and last packet so far.
    span: Option<(Timestamp, Timestamp)>,
}

impl Handover for Direct {
    fn tick(&mut self, tally: &mut Tally, tick: u64, scale: Scale) {
        tally.finish_tick(tick, &mut self.report);
        self.report.scale = scale;
        if let Some(first) = self.report.first {
            let (from, to) = self.span.unwrap_or((first, first));
            self.span = Some((from.min(first), to.max(self.report.last).max(first)));
        }
        let received = self.engine.totals().frames.packets + self.report.totals.frames.packets;
        self.engine.set_losses(LossCounts { received, dropped: 0, sampled: 1 });
        self.engine.process(tick, std::iter::once(&mut self.report), Timestamp::from_tick(tick + 1));
    }

    fn clock_changed(&mut self) {
        self.engine.clock_changed();
    }
}

/// A replay over any number of sources, one after the other, as one timeline.
pub struct Replay {
    worker: Worker<Direct>,
}

impl Replay {
    pub fn new(config: &Config) -> Replay {
        let networks = Arc::new(Networks::new(config.networks.iter().copied()));
        let site = super::site(config, Arc::clone(&networks), super::described(config));
        let hasher = Hasher::fixed();
        let engine = Engine::new(config, site, hasher);
        let direct = Direct { engine, report: TickReport::with_room(config.tally), span: None };
        let tally = Tally::new(config.tally, networks, hasher);
        Replay { worker: Worker::new(Decoder { tunnels: config.tunnels }, tally, direct) }
    }

    /// Has it judge by what was learned until now, and go on learning; what it learns is not kept, so that the next replay
    /// gives the same.
    pub fn remember(&mut self, config: &Config) -> Result<(), String> {
        let baseline = super::persistence::learned(config)?;
        self.worker.handover.engine.set_baseline(Some(baseline));
        Ok(())
    }

    /// Reads `source` to its end. `look` is called before the first batch and after each, with the events since the
    /// last call; it may name the interfaces, which count from then on.
    ///
    /// # Errors
    /// What the source tells; everything before was analysed, and other sources may follow.
    pub fn run<S: PacketSource>(
        &mut self,
        source: &mut S,
        mut look: impl FnMut(&mut S, Vec<Event>, &mut Vec<String>),
    ) -> Result<(), CaptureError> {
        look(source, Vec::new(), &mut self.worker.handover.engine.interfaces);
        loop {
            if let Some(place) = self.worker.handover.engine.new_place().cloned() {
                self.worker.tally().set_interfaces(&place.views);
                self.worker.tally().set_assigned(place.granted);
            }
            let outcome = source.poll(&mut self.worker);
            let engine = &mut self.worker.handover.engine;
            let events = engine.take_events();
            look(source, events, &mut engine.interfaces);
            match outcome {
                Ok(Poll::End) => return Ok(()),
                Ok(Poll::Delivered | Poll::Idle) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes one frame of an analysis that goes on as time does.
    pub(super) fn feed(&mut self, frame: Frame<'_>) {
        self.worker.frame(frame);
    }

    /// Moves packet time on to `now`; returns what happened since the last call.
    pub(super) fn advance(&mut self, now: Timestamp) -> Vec<Event> {
        self.worker.advance(now);
        self.worker.handover.engine.take_events()
    }

    /// Closes what is open as of `now`, for an end before its time; returns the last events.
    pub(super) fn abort(&mut self, now: Timestamp) -> Vec<Event> {
        self.worker.handover.engine.shut_down(now);
        self.worker.handover.engine.take_events()
    }

    /// Judges what is left; returns the last events.
    pub fn finish(&mut self) -> Vec<Event> {
        self.worker.finish();
        self.worker.handover.engine.take_events()
    }

    /// Incidents that the end of the capture left open.
    pub fn open(&self) -> Vec<Incident> {
        self.engine().incidents().open().collect()
    }

    pub fn engine(&self) -> &Engine {
        &self.worker.handover.engine
    }

    /// Time of the first and the last packet.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.worker.handover.span
    }
}

/// Runs one source and returns every incident, in order of opening: what tests and benches want.
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

    /// Ends of connections, as a kernel with segmentation offload shows them: 45 segments each.
    struct Endings(u64);

    impl PacketSource for Endings {
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
    fn of_a_large_segment_that_ends_a_connection_one_frame_has_the_fin() {
        let mut replay = Replay::new(&Config::default());
        // More than a batch holds.
        replay.run(&mut Endings(1000), |_, _, _| {}).unwrap();
        replay.finish();
        let totals = replay.engine().totals();
        let of = |class: Class| totals.received[class as usize];
        assert_eq!((of(Class::TcpFin).packets, of(Class::TcpData).packets), (1000, 44_000));
        assert_eq!(of(Class::TcpFin).bytes + of(Class::TcpData).bytes, 1000 * 45 * 1502);
        assert_eq!(totals.frames.packets, 45_000);
    }
}
