//! Hashing of addresses and flows for the tables: a folded multiplication, keyed so that senders cannot aim at a set.

use crate::base::{Addr, Mac};
use std::hash::BuildHasher;

/// A keyed hash. Live runs use a random key, replays a fixed one so that their output never varies.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    low: u64,
    high: u64,
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide >> 64) as u64 ^ wide as u64
}

impl Hasher {
    /// A hasher with a fixed key, for replays and tests.
    pub fn fixed() -> Self {
        Hasher::keyed(0x243f_6a88_85a3_08d3)
    }

    /// A hasher with a secret key, for live runs.
    pub fn keyed(key: u64) -> Self {
        // Both halves are odd and never small, whatever the key.
        Hasher {
            low: fold(key ^ 0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93) | 1,
            high: key ^ 0xa076_1d64_78bd_642f | 1,
        }
    }

    /// Hash of an address.
    #[inline]
    pub fn address(&self, address: Addr) -> u64 {
        let bits = address.bits();
        let mixed = fold(bits as u64 ^ self.low, (bits >> 64) as u64 ^ self.high);
        fold(mixed ^ 0xe703_7ed1_a0b4_28db, self.low)
    }

    /// Hash of any 64-bit number.
    #[inline]
    pub fn word(&self, word: u64) -> u64 {
        fold(fold(word ^ self.low, self.high) ^ 0x8ebc_6af0_9c88_c6e3, self.low)
    }

    /// Hash of a station: a MAC address on one interface.
    #[inline]
    pub fn station(&self, interface: u16, mac: Mac) -> u64 {
        self.word(mac.bits() | u64::from(interface) << 48)
    }

    /// A flow, the same for both directions; `ends` is the exclusive or of both address hashes.
    #[inline]
    pub fn both_ways(&self, ends: u64, source_port: u16, destination_port: u16) -> u64 {
        let (a, b) = (u64::from(source_port), u64::from(destination_port));
        fold(ends ^ self.low, (a + b) << 16 ^ (a ^ b) ^ self.high)
    }

    /// One direction of a flow; `source` and `destination` are address hashes.
    #[inline]
    pub fn flow(&self, source: u64, destination: u64, source_port: u16, destination_port: u16) -> u64 {
        let ports = u64::from(source_port) << 16 | u64::from(destination_port);
        fold(source.rotate_left(17) ^ destination, ports ^ self.high)
    }
}

/// Hashes keys of maps with [`Hasher`]: replays need the same order every time, live runs a secret key.
#[derive(Clone, Copy)]
pub(super) struct KeyedBuildHasher(Hasher);

impl KeyedBuildHasher {
    pub(super) fn new(hasher: Hasher) -> Self {
        KeyedBuildHasher(hasher)
    }
}

impl BuildHasher for KeyedBuildHasher {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { hasher: self.0, state: 0 }
    }
}

pub(super) struct KeyedHasher {
    hasher: Hasher,
    state: u64,
}

impl std::hash::Hasher for KeyedHasher {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.state = self.hasher.word(self.state.rotate_left(23) ^ word);
    }

    fn write_u128(&mut self, word: u128) {
        self.write_u64(word as u64);
        self.write_u64((word >> 64) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_change_everything_and_neighbours_differ() {
        let (a, b) = (Hasher::fixed(), Hasher::keyed(1));
        let first = Addr::from_v4_bits(0x0a00_0001);
        let second = Addr::from_v4_bits(0x0a00_0002);
        assert_ne!(a.address(first), a.address(second));
        assert_ne!(a.address(first), b.address(first));
    }

    #[test]
    fn low_bits_spread_over_sequential_addresses() {
        let hasher = Hasher::fixed();
        let mut seen = vec![0u32; 256];
        for n in 0..25_600u32 {
            seen[(hasher.address(Addr::from_v4_bits(0x0a00_0000 + n)) & 255) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (50..200).contains(&n)), "{seen:?}");
    }
}
