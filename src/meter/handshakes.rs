//! Handshakes: which TCP connections are being opened, in a table of fixed size without chains or probing.

use super::counts::Handshake;
use super::hash::Hasher;
use crate::packet::{Class, Packet};

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
            _ => return Handshake::Nothing,
        };
        let flow = self.hasher.flow(source, destination, packet.source_port, packet.destination_port);
        let fingerprint = (flow >> 32) as u32 & !0xff | 0x100;
        let index = flow as usize & self.waiting.len().wrapping_sub(1);
        match self.waiting.get_mut(index) {
            Some(entry) if syn => {
                let now = packet.time.tick() as u8;
                let waits = *entry & !0xff == fingerprint;
                let waited = now.wrapping_sub(*entry as u8);
                *entry = fingerprint | u32::from(now);
                if waits && is_backoff(waited) { Handshake::Repeats } else { Handshake::Nothing }
            }
            Some(entry) if *entry & !0xff == fingerprint => {
                *entry = 0;
                Handshake::Completes
            }
            _ => Handshake::Nothing,
        }
    }
}
