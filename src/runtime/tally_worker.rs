//! Decodes frames, tallies packets, and cuts packet time into ticks. Runs in each capture worker, and in a replay.

use crate::base::{TICK_NANOS, TICKS_PER_SECOND, Timestamp};
use crate::capture::{Frame, FrameSink};
use crate::meter::{BATCH, Scale, Tally};
use crate::packet::{Anomaly, Decoder, OuterHeaders, Packet};

/// A packet at most this many ticks (10 s) older than its predecessors is treated as reordered. An older one means that
/// the clock was set back or that another capture begins.
const MAX_REORDERING: u64 = 10 * TICKS_PER_SECOND as u64;

/// Receives the tally at the end of each tick.
pub trait TickSink {
    /// Tick `tick` is complete; no older tick follows. `scale` says how many frames on the wire its frames represent.
    /// Must call [`Tally::finish_tick`], unless the tally is to continue into the next tick.
    fn tick(&mut self, tally: &mut Tally, tick: u64, scale: Scale);
    /// The clock was set back: later ticks are unrelated to earlier ones.
    fn clock_changed(&mut self);
}

/// Takes frames, and passes the tally of each complete tick to its [`TickSink`].
pub struct TallyWorker<S> {
    decoder: Decoder,
    /// Headers around the packet that was decoded last, where it is inside a tunnel.
    outer: OuterHeaders,
    tally: Tally,
    batch: Box<[Packet; BATCH]>,
    filled: usize,
    tick: Option<u64>,
    /// Start of the current tick and its length, in nanoseconds. Without a current tick the length is zero, so that no
    /// packet is in it.
    tick_start: u64,
    tick_length: u64,
    /// Of the current tick.
    scale: Scale,
    /// Receives each complete tick.
    pub sink: S,
}

impl<S: TickSink> TallyWorker<S> {
    /// A worker without a current tick: the first packet or [`TallyWorker::advance`] starts one.
    pub fn new(decoder: Decoder, tally: Tally, sink: S) -> Self {
        let batch = Box::new([Packet::default(); BATCH]);
        TallyWorker {
            decoder,
            outer: OuterHeaders::default(),
            tally,
            batch,
            filled: 0,
            tick: None,
            tick_start: 0,
            tick_length: 0,
            scale: Scale::default(),
            sink,
        }
    }

    /// The tally of the current tick; packets of an unfinished batch are recorded in it later.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// The tick that is being counted.
    pub(super) fn current_tick(&self) -> Option<u64> {
        self.tick
    }

    /// Advances packet time while no packets do: every tick before `now` is complete.
    pub fn advance(&mut self, now: Timestamp) {
        match self.tick {
            Some(tick) if now.tick() > tick => self.end_tick(now.tick()),
            Some(tick) if tick - now.tick() > MAX_REORDERING => {
                self.end_tick(now.tick());
                self.sink.clock_changed();
            }
            None => self.set_tick(now.tick()),
            _ => {}
        }
    }

    fn set_tick(&mut self, tick: u64) {
        self.tick = Some(tick);
        self.tick_start = Timestamp::from_tick(tick).nanos();
        self.tick_length = TICK_NANOS;
    }

    /// Ends the current tick at the end of a capture; no tick follows.
    pub fn finish(&mut self) {
        self.flush();
        if let Some(tick) = self.tick.take() {
            self.tick_length = 0;
            self.sink.tick(&mut self.tally, tick, std::mem::take(&mut self.scale));
        }
    }

    #[inline]
    fn flush(&mut self) {
        self.tally.set_sampled(!self.scale.is_whole());
        self.tally.record(self.batch.get(..self.filled).unwrap_or_default());
        self.filled = 0;
    }

    /// Ends the current tick and starts `next`.
    fn end_tick(&mut self, next: u64) {
        self.flush();
        if let Some(tick) = self.tick {
            self.sink.tick(&mut self.tally, tick, std::mem::take(&mut self.scale));
        }
        self.set_tick(next);
    }

    /// Of an aggregated (GSO) segment with a FIN, only the last frame on the wire carried the FIN: splits that frame
    /// off.
    #[cold]
    fn split_off_fin(&mut self) {
        let Some(packet) = self.filled.checked_sub(1).and_then(|last| self.batch.get_mut(last)) else { return };
        let Some(last_frame) = packet.split_off_end() else { return };
        if self.filled == BATCH {
            self.flush();
        }
        if let Some(slot) = self.batch.get_mut(self.filled) {
            *slot = last_frame;
            self.filled += 1;
        }
    }

    /// Handles a packet outside the current tick: starts a new tick or corrects the timestamp.
    #[cold]
    fn change_tick(&mut self, mut packet: Packet) -> Packet {
        let tick = packet.time.tick();
        match self.tick {
            None => self.set_tick(tick),
            Some(current) if tick > current => self.end_tick(tick),
            Some(current) if current - tick <= MAX_REORDERING => {
                // Counted in the current tick: its own tick is already complete.
                packet.anomaly = packet.anomaly.or(Some(Anomaly::TimestampBackwards));
                packet.time = Timestamp::from_tick(current);
            }
            Some(_) => {
                packet.anomaly = packet.anomaly.or(Some(Anomaly::TimestampBackwards));
                self.end_tick(tick);
                self.sink.clock_changed();
            }
        }
        packet
    }
}

impl<S: TickSink> FrameSink for TallyWorker<S> {
    #[inline]
    fn frame(&mut self, frame: Frame<'_>) {
        if self.filled == BATCH {
            self.flush();
        }
        // Cannot fail: a full batch was just flushed.
        let Some(slot) = self.batch.get_mut(self.filled) else { return };
        self.decoder.decode_into(&frame, slot, &mut self.outer);
        // One subtraction instead of a division per packet.
        if frame.time.nanos().wrapping_sub(self.tick_start) >= self.tick_length {
            let packet = *slot;
            let packet = self.change_tick(packet);
            if let Some(slot) = self.batch.get_mut(self.filled) {
                *slot = packet;
            }
        }
        let Some(packet) = self.batch.get_mut(self.filled) else { return };
        let counts = match packet.is_inner | packet.unopened.is_some() {
            true => self.tally.note_encapsulated(packet, &self.outer, frame.data),
            false => self.tally.note(packet, frame.data),
        };
        self.scale.add(frame.sampled);
        if !counts {
            return;
        }
        self.tally.keep(packet, &frame);
        self.filled += 1;
        if frame.segments > 1 {
            self.split_off_fin();
        }
    }
}
