//! What a sink does.

use crate::incident::Event;
use std::io;
use std::time::Instant;

/// Sends incidents to one receiver.
pub trait Sink: Send {
    /// Delivers one change. An error is counted, and logged once until the next success.
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery>;

    /// Whether one message can contain several changes: then [`Sink::deliver_all`] gets all that are queued.
    fn is_batching(&self) -> bool {
        false
    }

    /// Delivers several changes; returns an outcome for each, in order.
    fn deliver_all(&mut self, events: &[Event]) -> Vec<io::Result<Delivery>> {
        events.iter().map(|event| self.deliver(event)).collect()
    }

    /// Whether the sink wants the figures of open incidents every few seconds.
    fn wants_progress(&self) -> bool {
        false
    }

    /// When to call [`Sink::wake`] if there is no change before; `None`: never.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Does what is due: retries and refreshes.
    fn wake(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Changes that were not delivered immediately, but delivered or discarded since the last call.
    fn settled(&mut self) -> Settled {
        Settled::default()
    }

    /// A final attempt before Pegel stops; an attempt that takes longer than a few seconds is abandoned.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a sink did with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver accepted it.
    Delivered,
    /// This sink does not send it, for this reason.
    Skipped(&'static str),
    /// The receiver failed last time; the change is sent with the next attempt.
    Later,
}

/// Changes that were delivered later, and changes that were discarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Delivered with a later attempt.
    pub delivered: u64,
    /// Discarded: refused, or too many attempts or queued messages.
    pub given_up: u64,
}
