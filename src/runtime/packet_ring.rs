//! The last packets that the workers kept, whatever they are about: an incident takes its own from here, from before it was
//! detected.

use crate::base::Timestamp;
use crate::meter::{KeptHeader, KeptPackets};
use std::collections::VecDeque;

/// Bytes of memory of a packet beside its octets: the entry, and what the allocator adds.
const OVERHEAD: usize = size_of::<RingPacket>() + 32;

/// A packet in the ring.
pub(super) struct RingPacket {
    pub header: KeptHeader,
    pub data: Box<[u8]>,
}

/// Packets in the order of their ticks; the oldest are evicted.
pub(super) struct PacketRing {
    packets: VecDeque<RingPacket>,
    bytes: usize,
    capacity: usize,
    evictions: u64,
}

impl PacketRing {
    /// For this number of bytes.
    pub(super) fn new(capacity: usize) -> PacketRing {
        PacketRing { packets: VecDeque::new(), bytes: 0, capacity, evictions: 0 }
    }

    /// Adds the packets of a worker of one tick.
    pub(super) fn add(&mut self, kept: &KeptPackets) {
        for (header, data) in kept.iter() {
            self.bytes += data.len() + OVERHEAD;
            self.packets.push_back(RingPacket { header: *header, data: data.into() });
        }
        while self.bytes > self.capacity
            && let Some(oldest) = self.packets.pop_front()
        {
            self.bytes -= oldest.data.len() + OVERHEAD;
            self.evictions += 1;
        }
    }

    /// Packets from `since` on, the oldest first; workers' ticks are one after another.
    pub(super) fn since(&self, since: Timestamp) -> impl Iterator<Item = &RingPacket> {
        self.packets.iter().filter(move |packet| packet.header.time >= since)
    }

    /// The last `count` packets.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &RingPacket> {
        self.packets.range(self.packets.len().saturating_sub(count)..)
    }

    /// Packets in it, room for such packets, and evictions so far.
    pub(super) fn usage(&self) -> (usize, usize, u64) {
        let each = self.bytes.checked_div(self.packets.len()).unwrap_or(OVERHEAD).max(1);
        (self.packets.len(), self.capacity / each, self.evictions)
    }
}
