//! Handshakes: which TCP connections are being opened, in a table of fixed size without chains or probing.

use super::counts::Handshake;
use super::hash::Hasher;
use crate::packet::{Class, Packet};

/// Ticks after which a SYN may be sent again: clients wait a second (RFC 6298 §2.1), give or take a timer's
/// granularity. What comes sooner with the same ports is a tool that keeps or soon reuses them.
const RETRY: u8 = 8;

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
                if waits && waited >= RETRY { Handshake::Repeats } else { Handshake::Nothing }
            }
            Some(entry) if *entry & !0xff == fingerprint => {
                *entry = 0;
                Handshake::Completes
            }
            _ => Handshake::Nothing,
        }
    }
}
