//! TCP handshakes: connections that are being opened, in a table of fixed size without chains or probing.

use super::hash::Hasher;
use super::scale::Scale;
use crate::packet::{Class, Packet};

/// The effect of a TCP packet on a tracked handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    None,
    /// The client's first ACK after the SYN-ACK.
    Completed,
    /// A SYN that was sent before and whose handshake is not complete.
    SynRetransmitted,
}

/// Handshake events on both sides of a host. Each is detected from a pair of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeCounts {
    /// TCP handshakes completed by peers of this host (it is the server).
    pub completed_by_peers: u32,
    /// TCP handshakes that this host completed as a client.
    pub completed_by_host: u32,
    /// SYNs that retransmit one whose handshake is not complete.
    pub repeated_syns_received: u32,
    pub repeated_syns_sent: u32,
}

impl HandshakeCounts {
    /// Counts the effect of a packet that the host received or sent.
    #[inline]
    pub fn count(&mut self, handshake: Handshake, sent: bool) {
        let counter = match (handshake, sent) {
            (Handshake::None, _) => return,
            (Handshake::Completed, false) => &mut self.completed_by_peers,
            (Handshake::Completed, true) => &mut self.completed_by_host,
            (Handshake::SynRetransmitted, false) => &mut self.repeated_syns_received,
            (Handshake::SynRetransmitted, true) => &mut self.repeated_syns_sent,
        };
        *counter = counter.saturating_add(1);
    }

    /// Adds all counts of another.
    pub fn add(&mut self, other: &HandshakeCounts) {
        *self = self.with(other, u32::saturating_add);
    }

    /// Subtracts counts that were added before.
    pub(super) fn subtract(&mut self, other: &HandshakeCounts) {
        *self = self.with(other, u32::saturating_sub);
    }

    /// An event is detected only where both of its packets were captured, so it stands for the square.
    pub fn scale_up(&mut self, scale: Scale) {
        *self = self.with(self, |count, _| scale.of_small(scale.of_small(count)));
    }

    fn with(&self, other: &HandshakeCounts, join: impl Fn(u32, u32) -> u32) -> HandshakeCounts {
        HandshakeCounts {
            completed_by_peers: join(self.completed_by_peers, other.completed_by_peers),
            completed_by_host: join(self.completed_by_host, other.completed_by_host),
            repeated_syns_received: join(self.repeated_syns_received, other.repeated_syns_received),
            repeated_syns_sent: join(self.repeated_syns_sent, other.repeated_syns_sent),
        }
    }
}

/// Whether a SYN after this many ticks is a client's retransmission: the first follows after 1 s (RFC 6298 §2.1) or 3 s
/// (RFC 1122 §4.2.3.1), each later one after twice the interval (RFC 6298 §5.5), within the granularity of timers and
/// the delay of the network. SYNs at other intervals with the same ports come from a tool that keeps its ports or soon
/// reuses them.
const fn is_backoff(ticks: u8) -> bool {
    matches!(ticks, 8..=12 | 18..=22 | 28..=32 | 38..=43 | 58..=63 | 78..=84 | 118..=125 | 157..=166)
}

/// SYNs that wait for their completing ACK, by hash of the flow: 24 bits of fingerprint, and the tick of the last copy.
/// A newer SYN replaces an older one in the same slot.
pub(super) struct Handshakes {
    hasher: Hasher,
    waiting: Box<[u32]>,
}

impl Handshakes {
    pub(super) fn new(capacity: usize, hasher: Hasher) -> Self {
        Handshakes { hasher, waiting: vec![0; capacity.next_power_of_two()].into_boxed_slice() }
    }

    /// Tracks handshakes in the direction of the client; `source` and `destination` are the hashes of its addresses.
    #[inline]
    pub(super) fn follow(&mut self, packet: &Packet, source: u64, destination: u64) -> Handshake {
        let syn = match packet.class {
            Class::TcpSyn => true,
            Class::TcpAck | Class::TcpData => false,
            _ => return Handshake::None,
        };
        let hash = self.hasher.flow(source, destination, packet.source_port, packet.destination_port);
        let fingerprint = (hash >> 32) as u32 & !0xff | 0x100;
        let index = hash as usize & self.waiting.len().wrapping_sub(1);
        match self.waiting.get_mut(index) {
            Some(entry) if syn => {
                let now = packet.time.tick() as u8;
                let waits = *entry & !0xff == fingerprint;
                let waited = now.wrapping_sub(*entry as u8);
                *entry = fingerprint | u32::from(now);
                if waits && is_backoff(waited) { Handshake::SynRetransmitted } else { Handshake::None }
            }
            Some(entry) if *entry & !0xff == fingerprint => {
                *entry = 0;
                Handshake::Completed
            }
            _ => Handshake::None,
        }
    }
}
