//! Handshakes: which TCP connections are being opened, in a table of fixed size without chains or probing.

use super::hash::Hasher;
use super::scale::Scale;
use crate::packet::{Class, Packet};

/// What a TCP packet does to a handshake that we watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    None,
    /// The client's first answer to the SYN-ACK.
    Completed,
    /// A SYN whose earlier copy is still waiting for that.
    SynRetransmitted,
}

/// What was seen of TCP handshakes by pairs of packets, on both sides of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeCounts {
    /// TCP handshakes completed by peers of this host (it is the server).
    pub completed_by_peers: u32,
    /// TCP handshakes that this host completed as a client.
    pub completed_by_host: u32,
    /// SYNs of a flow whose earlier SYN is still unanswered.
    pub repeated_syns_received: u32,
    pub repeated_syns_sent: u32,
}

impl HandshakeCounts {
    /// Counts what a packet that the host received or sent did to a handshake.
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

    pub fn add(&mut self, other: &HandshakeCounts) {
        *self = self.with(other, u32::saturating_add);
    }

    /// Takes away what was added before.
    pub fn subtract(&mut self, other: &HandshakeCounts) {
        *self = self.with(other, u32::saturating_sub);
    }

    /// A pair shows only where both of its packets were captured, so it stands for the square.
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

/// Whether a client sends a SYN again after so many ticks: a second (RFC 6298 §2.1) or three (RFC 1122 §4.2.3.1) after
/// the first, then twice as long each time (RFC 6298 §5.5), give or take a timer's granularity and the way here. What
/// comes at other intervals with the same ports is a tool that keeps them, or soon uses them again.
const fn is_backoff(ticks: u8) -> bool {
    matches!(ticks, 8..=12 | 18..=22 | 28..=32 | 38..=43 | 58..=63 | 78..=84 | 118..=125 | 157..=166)
}

/// SYNs that wait for their completing ACK, by flow hash: 24 bits of fingerprint, and the tick of the last copy. A newer
/// SYN takes the place of an older one.
pub(super) struct Handshakes {
    hasher: Hasher,
    waiting: Box<[u32]>,
}

impl Handshakes {
    pub fn new(capacity: usize, hasher: Hasher) -> Self {
        Handshakes { hasher, waiting: vec![0; capacity.next_power_of_two()].into_boxed_slice() }
    }

    /// Follows handshakes in the direction of the client; `source` and `destination` are the hashes of its addresses.
    #[inline]
    pub fn follow(&mut self, packet: &Packet, source: u64, destination: u64) -> Handshake {
        let syn = match packet.class {
            Class::TcpSyn => true,
            Class::TcpAck | Class::TcpData => false,
            _ => return Handshake::None,
        };
        let hash = self.hasher.in_direction(source, destination, packet.source_port, packet.destination_port);
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
