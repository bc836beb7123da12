//! Samples: bounded uniform samples of packets, which name peers and ports.

use super::conversations::{Outcome, Verdict};
use super::scale::Scale;
use super::verdicts::asks;
use crate::base::Addr;
use crate::packet::{Class, Packet};

/// One packet that stands for `weight` packets of its direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Address of the other end.
    pub peer: Addr,
    /// Source port; 0 if there are no ports.
    pub source_port: u16,
    /// Destination port; 0 if there are no ports.
    pub destination_port: u16,
    /// Packets that this one stands for.
    pub weight: u32,
    /// [`Class`](crate::packet::Class) as a number.
    pub class: u8,
    /// IP protocol number; zero where it is not known.
    pub protocol: u8,
    /// TCP flags.
    pub flags: u8,
    /// TTL or hop limit on arrival.
    pub ttl: u8,
    /// Length of the IP packet in bytes; of one segment where GSO/GRO merged several.
    pub length: u16,
    /// Whether it was asked for.
    pub verdict: Verdict,
    /// What the meter knows of it besides: bits.
    pub marks: u8,
}

// Everything but the address fits in 16 bytes.
const _: () = assert!(size_of::<Sample>() == 32);

const OPENS: u8 = 1;
const REPLY: u8 = 2;

impl Sample {
    /// Whether it begins a flow.
    pub(super) fn opens(&self) -> bool {
        self.marks & OPENS != 0
    }

    /// Whether it looks like a reply of a service that amplifies.
    pub(super) fn is_reply(&self) -> bool {
        self.marks & REPLY != 0
    }

    /// Whether the other end had asked for it. Packets that ask themselves, as SYNs do, are not.
    pub fn is_solicited(&self) -> bool {
        let asks = Class::ALL.get(usize::from(self.class)).is_some_and(|&class| asks(class));
        self.verdict == Verdict::Solicited && !asks
    }

    /// A packet from or to `peer`, with no weight yet.
    #[inline]
    pub(super) fn of(packet: &Packet, peer: Addr, outcome: &Outcome) -> Sample {
        Sample {
            peer,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            weight: 0,
            class: packet.class as u8,
            protocol: packet.protocol,
            flags: packet.flags,
            ttl: packet.ttl,
            // Headers are repeated in each segment; this small error is accepted.
            length: packet.ip_len / packet.segments.max(1),
            verdict: outcome.verdict,
            marks: if outcome.opens() { OPENS } else { 0 } | if packet.reply_of.is_some() { REPLY } else { 0 },
        }
    }
}

/// Samples kept per host, direction and tick.
pub(super) const SAMPLES: usize = 16;

/// An item that stands for a number of packets.
pub trait Weighed {
    fn weight_mut(&mut self) -> &mut u32;
}

impl Weighed for Sample {
    #[inline]
    fn weight_mut(&mut self) -> &mut u32 {
        &mut self.weight
    }
}

/// Halves a sample: randomly keeps one of each pair, with the weight of both. Returns how many remain, at the front.
pub(super) fn halve<S: Weighed + Copy>(items: &mut [S], random: u64) -> usize {
    let pairs = items.len() / 2;
    for pair in 0..pairs {
        let Some(&[mut first, mut second]) = items.get(2 * pair..).and_then(|rest| rest.first_chunk::<2>()) else {
            break;
        };
        let weight = first.weight_mut().saturating_add(*second.weight_mut());
        let mut kept = if random >> (pair % 64) & 1 == 0 { first } else { second };
        *kept.weight_mut() = weight;
        if let Some(slot) = items.get_mut(pair) {
            *slot = kept;
        }
    }
    pairs
}

/// Packets to skip until the next one is kept, so that on average each `stride`-th is: a periodic sender must not
/// synchronise with the stride.
#[inline]
pub(super) fn skip_count(stride: u32, random: u64) -> u32 {
    if stride <= 1 { 0 } else { (random >> 32) as u32 % (2 * stride - 1) }
}

/// The stride after a sample was halved.
pub(super) fn next_stride(stride: u32) -> u32 {
    stride.max(1).saturating_mul(2).min(1 << 24)
}

/// A uniform sample of packets of one direction: every packet while there are few, then every second, fourth, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler<S = Sample, const N: usize = SAMPLES> {
    items: [S; N],
    len: u8,
    stride: u32,
    skip: u32,
    since: u32,
    /// Changes with every kept packet. What is kept next must not depend on this packet alone: of sources that take turns, some
    /// would be kept again and again, others never.
    seed: u64,
}

impl<S: Weighed + Copy + Default, const N: usize> Default for Sampler<S, N> {
    fn default() -> Self {
        Sampler { items: [S::default(); N], len: 0, stride: 0, skip: 0, since: 0, seed: 0 }
    }
}

impl<S: Weighed + Copy + Default, const N: usize> Sampler<S, N> {
    // `len` is a byte, and `decimate` uses one bit of a word for each pair.
    const FITS: () = assert!(N <= 128 && N.is_multiple_of(2));

    /// Counts `packets` packets; calls `sample` only if this one is to be kept. `random` is any number that a sender
    /// cannot predict.
    #[inline]
    pub fn offer(&mut self, packets: u32, random: u64, sample: impl FnOnce() -> S) {
        self.since = self.since.saturating_add(packets);
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.keep(random, sample());
    }

    fn keep(&mut self, random: u64, mut sample: S) {
        let random = self.random(random);
        if usize::from(self.len) == N {
            self.decimate(random);
        }
        *sample.weight_mut() = self.since;
        self.since = 0;
        self.skip = skip_count(self.stride, random);
        self.push(sample);
    }

    /// The next random number (Knuth's multiplier for 64 bits); its upper half is the better one.
    fn random(&mut self, hint: u64) -> u64 {
        self.seed = (self.seed ^ hint).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed ^ self.seed >> 32
    }

    /// Whether the next packet displaces others.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        usize::from(self.len) == N && self.skip == 0
    }

    fn push(&mut self, sample: S) {
        if let Some(slot) = self.items.get_mut(usize::from(self.len)) {
            *slot = sample;
            self.len += 1;
        }
    }

    /// Adds another sampler's item with its weight.
    pub(super) fn absorb(&mut self, sample: S, random: u64) {
        if usize::from(self.len) == N {
            let random = self.random(random);
            self.decimate(random);
        }
        self.push(sample);
    }

    fn decimate(&mut self, random: u64) {
        let () = Self::FITS;
        self.len = halve(&mut self.items, random) as u8;
        self.stride = next_stride(self.stride);
    }

    /// The samples kept so far.
    pub fn samples(&self) -> &[S] {
        self.items.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Scales the weights of captured packets to the traffic that they stand for.
    pub fn scale_up(&mut self, scale: Scale) {
        self.items.iter_mut().for_each(|sample| *sample.weight_mut() = scale.of_small(*sample.weight_mut()));
    }

    /// Removes all samples; restarts with every packet.
    pub fn clear(&mut self) {
        self.len = 0;
        self.stride = 1;
        self.skip = 0;
        self.since = 0;
    }
}

impl Sampler {
    /// Whether it holds every packet. Samples of other samplers keep their weight, and prefixes get nothing else.
    pub(super) fn is_complete(&self) -> bool {
        self.stride <= 1 && self.samples().iter().all(|sample| sample.weight == 1)
    }
}

/// Packets sampled per tick over all targets.
pub(super) const SPREAD: usize = 128;

/// A sampled packet with its receiving host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The receiving host.
    pub target: Addr,
    /// The packet; its peer is the source.
    pub sample: Sample,
}

impl Weighed for Received {
    fn weight_mut(&mut self) -> &mut u32 {
        &mut self.sample.weight
    }
}

/// A uniform sample of all packets that our hosts received in a tick.
pub(super) type SpreadSample = Sampler<Received, SPREAD>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::hash::Hasher;

    #[test]
    fn weights_of_samples_add_up_to_all_packets() {
        let mut sampler = Sampler::<Sample>::default();
        sampler.clear();
        let hasher = Hasher::fixed();
        for n in 0..100_000u64 {
            sampler.offer(1, hasher.word(n), || Sample { source_port: (n % 4) as u16, ..Sample::default() });
        }
        let total: u32 = sampler.samples().iter().map(|s| s.weight).sum();
        // All but the packets since the last kept one.
        assert!(total > 80_000 && total <= 100_000, "{total}");
        assert!(sampler.samples().len() >= SAMPLES / 2);
        let ports: std::collections::BTreeSet<_> = sampler.samples().iter().map(|s| s.source_port).collect();
        assert!(ports.len() > 1, "a periodic sender synchronised with the stride");
    }

    #[test]
    fn few_packets_are_all_kept() {
        let mut sampler = Sampler::<Sample>::default();
        for n in 0..10u16 {
            sampler.offer(1, u64::from(n), || Sample { source_port: n, ..Sample::default() });
        }
        assert_eq!(sampler.samples().len(), 10);
        assert!(sampler.samples().iter().all(|s| s.weight == 1));
    }
}
