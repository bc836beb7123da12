//! Worker: frames in, one tally a tick out. It turns the time of packets into ticks.

use crate::base::{TICK_NANOS, Timestamp};
use crate::capture::{Frame, FrameSink};
use crate::meter::{BATCH, Scale, Tally};
use crate::packet::{Anomaly, Decoder, Packet};

/// Ticks that a packet may be older than its predecessors and still be put down to reordering: 10 s. Beyond that the
/// clock was set, or another capture begins.
const REORDERING: u64 = 100;

/// Takes the tallies of a worker.
pub trait Handover {
    /// Tick `tick` is complete: nothing older will follow. `scale` says what its frames stand for. Must call
    /// [`Tally::finish_tick`].
    fn tick(&mut self, tally: &mut Tally, tick: u64, scale: Scale);
    /// The clock was set back: what comes next has no relation to what was.
    fn clock_changed(&mut self);
}

pub struct Worker<H> {
    decoder: Decoder,
    tally: Tally,
    batch: Box<[Packet; BATCH]>,
    filled: usize,
    tick: Option<u64>,
    /// When the current tick began, and its length in nanoseconds: zero where there is none, so that no packet is in it.
    began: u64,
    length: u64,
    /// Of the current tick.
    scale: Scale,
    pub handover: H,
}

impl<H: Handover> Worker<H> {
    pub fn new(decoder: Decoder, tally: Tally, handover: H) -> Self {
        let batch = Box::new([Packet::default(); BATCH]);
        Worker { decoder, tally, batch, filled: 0, tick: None, began: 0, length: 0, scale: Scale::default(), handover }
    }

    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Moves packet time on where no packets do: every tick before `now` is complete.
    pub fn advance(&mut self, now: Timestamp) {
        match self.tick {
            Some(tick) if now.tick() > tick => self.turn(now.tick()),
            Some(tick) if tick - now.tick() > REORDERING => {
                self.turn(now.tick());
                self.handover.clock_changed();
            }
            None => self.set_tick(now.tick()),
            _ => {}
        }
    }

    fn set_tick(&mut self, tick: u64) {
        self.tick = Some(tick);
        self.began = Timestamp::from_tick(tick).nanos();
        self.length = TICK_NANOS;
    }

    /// Hands over what is left, as at the end of a capture.
    pub fn finish(&mut self) {
        self.flush();
        if let Some(tick) = self.tick.take() {
            self.length = 0;
            self.handover.tick(&mut self.tally, tick, std::mem::take(&mut self.scale));
        }
    }

    #[inline]
    fn flush(&mut self) {
        self.tally.record(self.batch.get(..self.filled).unwrap_or_default());
        self.filled = 0;
    }

    /// Ends the current tick; `next` begins.
    fn turn(&mut self, next: u64) {
        self.flush();
        if let Some(tick) = self.tick {
            self.handover.tick(&mut self.tally, tick, std::mem::take(&mut self.scale));
        }
        self.set_tick(next);
    }

    /// Of a large segment that ends a connection, only the last frame on the wire carried the FIN.
    #[cold]
    fn split_end(&mut self) {
        let Some(packet) = self.filled.checked_sub(1).and_then(|last| self.batch.get_mut(last)) else { return };
        let Some(end) = packet.split_off_end() else { return };
        if self.filled == BATCH {
            self.flush();
        }
        if let Some(slot) = self.batch.get_mut(self.filled) {
            *slot = end;
            self.filled += 1;
        }
    }

    /// The packet decoded last does not belong to the current tick.
    #[cold]
    fn other_tick(&mut self, mut packet: Packet) -> Packet {
        let tick = packet.time.tick();
        match self.tick {
            None => self.set_tick(tick),
            Some(current) if tick > current => self.turn(tick),
            Some(current) if current - tick <= REORDERING => {
                // It is counted where we are: what was handed over is decided.
                packet.anomaly = packet.anomaly.or(Some(Anomaly::TimestampBackwards));
                packet.time = Timestamp::from_tick(current);
            }
            Some(_) => {
                packet.anomaly = packet.anomaly.or(Some(Anomaly::TimestampBackwards));
                self.turn(tick);
                self.handover.clock_changed();
            }
        }
        packet
    }
}

impl<H: Handover> FrameSink for Worker<H> {
    #[inline]
    fn frame(&mut self, frame: Frame<'_>) {
        if self.filled == BATCH {
            self.flush();
        }
        // There is room: a full batch was just emptied.
        let Some(slot) = self.batch.get_mut(self.filled) else { return };
        self.decoder.decode_into(&frame, slot);
        // Within the current tick, by a subtraction in place of a division.
        if frame.time.nanos().wrapping_sub(self.began) >= self.length {
            let packet = *slot;
            let packet = self.other_tick(packet);
            if let Some(slot) = self.batch.get_mut(self.filled) {
                *slot = packet;
            }
        }
        let counts = self.batch.get(self.filled).is_some_and(|packet| self.tally.note(packet, frame.data));
        self.scale.add(frame.sampled);
        self.filled += usize::from(counts);
        if counts && frame.segments > 1 {
            self.split_end();
        }
    }
}
