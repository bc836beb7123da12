//! Replay: captures through the whole analysis in one thread. The same files always give the same output.

use super::engine::Engine;
use super::worker::{Handover, Worker};
use crate::base::{Networks, Timestamp};
use crate::capture::{CaptureError, PacketSource, Poll};
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
        let baseline = super::memory::learned(config)?;
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
                self.worker.tally().set_views(&place.views);
                self.worker.tally().set_granted(place.granted);
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
