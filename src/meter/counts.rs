//! Plain counters: packets and octets, by class, by service, and the sampled packets that name peers and ports.

use super::applications::AppCounts;
use super::registers::Registers;
use super::report::Scale;
use crate::base::{Addr, Timestamp};
use crate::packet::{Class, Packet, Service};

/// Packets and octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub packets: u64,
    pub bytes: u64,
}

impl Count {
    #[inline]
    pub fn add(&mut self, packets: u16, bytes: u32) {
        self.packets += u64::from(packets);
        self.bytes += u64::from(bytes);
    }

    pub fn merge(&mut self, other: Count) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }

    pub fn is_zero(&self) -> bool {
        self.packets == 0
    }

    pub fn sum(counts: impl Iterator<Item = Count>) -> Count {
        counts.fold(Count::default(), |mut sum, count| {
            sum.merge(count);
            sum
        })
    }
}

/// Packets and octets of one tick. Octets saturate at 4 GiB: no link brings more in 100 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmallCount {
    pub packets: u32,
    pub bytes: u32,
}

impl SmallCount {
    #[inline]
    pub fn add(&mut self, packets: u32, bytes: u32) {
        self.packets = self.packets.wrapping_add(packets);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub fn merge(&mut self, other: SmallCount) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl From<SmallCount> for Count {
    fn from(small: SmallCount) -> Count {
        Count { packets: small.packets.into(), bytes: small.bytes.into() }
    }
}

/// One direction of one host in one tick, by class of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassTick {
    all: u32,
    cells: [SmallCount; Class::PER_HOST],
}

impl ClassTick {
    #[inline]
    pub fn add(&mut self, class: Class, packets: u32, bytes: u32) {
        if let Some(cell) = self.cells.get_mut(class.index()) {
            cell.add(packets, bytes);
            self.all = self.all.wrapping_add(packets);
        }
    }

    pub fn merge(&mut self, other: &ClassTick) {
        self.all = self.all.saturating_add(other.all);
        for (mine, theirs) in self.cells.iter_mut().zip(other.cells) {
            mine.merge(theirs);
        }
    }

    #[inline]
    pub fn of(&self, class: Class) -> Count {
        self.cells.get(class.index()).copied().unwrap_or_default().into()
    }

    pub fn of_all(&self, classes: &[Class]) -> Count {
        Count::sum(classes.iter().map(|&class| self.of(class)))
    }

    /// Packets of all classes together.
    #[inline]
    pub fn packets(&self) -> u64 {
        self.all.into()
    }
}

/// One direction of one host over some time, by class of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCounts {
    /// Packets of all classes.
    all: u64,
    packets: [u32; Class::PER_HOST],
    bytes: [u64; Class::PER_HOST],
}

impl Default for ClassCounts {
    fn default() -> Self {
        ClassCounts { all: 0, packets: [0; Class::PER_HOST], bytes: [0; Class::PER_HOST] }
    }
}

impl ClassCounts {
    /// Adds a tick.
    pub fn add(&mut self, tick: &ClassTick) {
        self.all += u64::from(tick.all);
        for ((packets, bytes), cell) in self.packets.iter_mut().zip(&mut self.bytes).zip(tick.cells) {
            *packets = packets.saturating_add(cell.packets);
            *bytes += u64::from(cell.bytes);
        }
    }

    /// Takes away a tick that was added before.
    pub fn take_away(&mut self, tick: &ClassTick) {
        self.all = self.all.saturating_sub(tick.all.into());
        for ((packets, bytes), cell) in self.packets.iter_mut().zip(&mut self.bytes).zip(tick.cells) {
            *packets = packets.saturating_sub(cell.packets);
            *bytes = bytes.saturating_sub(cell.bytes.into());
        }
    }

    pub fn merge(&mut self, other: &ClassCounts) {
        self.all += other.all;
        for (mine, theirs) in self.packets.iter_mut().zip(other.packets) {
            *mine = mine.saturating_add(theirs);
        }
        for (mine, theirs) in self.bytes.iter_mut().zip(other.bytes) {
            *mine += theirs;
        }
    }

    /// Takes away what was added before.
    pub fn subtract(&mut self, other: &ClassCounts) {
        self.all = self.all.saturating_sub(other.all);
        for (mine, theirs) in self.packets.iter_mut().zip(other.packets) {
            *mine = mine.saturating_sub(theirs);
        }
        for (mine, theirs) in self.bytes.iter_mut().zip(other.bytes) {
            *mine = mine.saturating_sub(theirs);
        }
    }

    #[inline]
    pub fn of(&self, class: Class) -> Count {
        Count {
            packets: self.packets.get(class.index()).copied().unwrap_or(0).into(),
            bytes: self.bytes.get(class.index()).copied().unwrap_or(0),
        }
    }

    pub fn of_all(&self, classes: &[Class]) -> Count {
        Count::sum(classes.iter().map(|&class| self.of(class)))
    }

    /// Packets of all classes together.
    #[inline]
    pub fn packets(&self) -> u64 {
        self.all
    }
}

/// What one host had to do with one amplification service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    pub service: Option<Service>,
    pub replies_received: SmallCount,
    pub replies_sent: SmallCount,
    pub requests_received: u32,
    pub requests_sent: u32,
}

/// Services kept apart per host and tick. A fifth service in the same 100 ms is counted in the classes only.
pub const SERVICES_PER_HOST: usize = 4;

/// One packet that stands for `weight` packets of its direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub peer: Addr,
    pub source_port: u16,
    pub destination_port: u16,
    pub weight: u32,
    pub class: u8,
    /// IP protocol number; zero where it is not told.
    pub protocol: u8,
    /// TCP flags.
    pub flags: u8,
    /// TTL or hop limit as it arrived.
    pub ttl: u8,
    /// Octets of the IP packet, of one of the segments where several were shown as one.
    pub length: u16,
}

// What is not an address fits beside it.
const _: () = assert!(size_of::<Sample>() == 32);

impl Sample {
    /// A packet that came from `peer` or went there, of no weight yet.
    #[inline]
    pub(super) fn of(packet: &Packet, peer: Addr) -> Sample {
        Sample {
            peer,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            weight: 0,
            class: packet.class as u8,
            protocol: packet.protocol,
            flags: packet.flags,
            ttl: packet.ttl,
            // Of large segments the headers are repeated in each, which is little of it.
            length: packet.ip_len / packet.segments.max(1),
        }
    }
}

/// Samples kept per host, direction and tick.
pub const SAMPLES: usize = 16;

/// Something that stands for so many packets.
pub trait Weighed {
    fn weight_mut(&mut self) -> &mut u32;
}

impl Weighed for Sample {
    #[inline]
    fn weight_mut(&mut self) -> &mut u32 {
        &mut self.weight
    }
}

/// Halves a sample: of each pair one stays, by chance, and takes both weights. Returns how many are left, at the front.
pub(super) fn halve<S: Weighed + Copy>(items: &mut [S], random: u64) -> usize {
    let pairs = items.len() / 2;
    for pair in 0..pairs {
        let Some(&[mut first, mut second]) = items.get(2 * pair..).and_then(|rest| rest.first_chunk::<2>()) else {
            break;
        };
        let weight = first.weight_mut().saturating_add(*second.weight_mut());
        let mut kept = if random >> (pair % 64) & 1 == 0 { first } else { second };
        *kept.weight_mut() = weight;
        if let Some(place) = items.get_mut(pair) {
            *place = kept;
        }
    }
    pairs
}

/// How many to pass over until the next is kept, so that each `stride`-th is on average: regular senders must not fall into
/// step.
#[inline]
pub(super) fn pass_over(stride: u32, random: u64) -> u32 {
    if stride <= 1 { 0 } else { (random >> 32) as u32 % (2 * stride - 1) }
}

/// The stride after a sample was halved.
pub(super) fn longer(stride: u32) -> u32 {
    stride.max(1).saturating_mul(2).min(1 << 24)
}

/// A uniform sample of the packets of one direction: every packet while there are few, then every second, fourth, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler<S = Sample, const N: usize = SAMPLES> {
    items: [S; N],
    len: u8,
    stride: u32,
    skip: u32,
    since: u32,
}

impl<S: Weighed + Copy + Default, const N: usize> Default for Sampler<S, N> {
    fn default() -> Self {
        Sampler { items: [S::default(); N], len: 0, stride: 0, skip: 0, since: 0 }
    }
}

impl<S: Weighed + Copy + Default, const N: usize> Sampler<S, N> {
    // `len` is an octet, and `decimate` draws one bit of a word for each pair.
    const FITS: () = assert!(N <= 128 && N.is_multiple_of(2));

    /// Counts one packet; calls `sample` only if this packet is to be kept. `random` is any number that a sender cannot
    /// foresee: regular senders must not fall into step with the stride. It stands for `packets`.
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
        if usize::from(self.len) == N {
            self.decimate(random);
        }
        *sample.weight_mut() = self.since;
        self.since = 0;
        self.skip = pass_over(self.stride, random);
        self.push(sample);
    }

    fn push(&mut self, sample: S) {
        if let Some(slot) = self.items.get_mut(usize::from(self.len)) {
            *slot = sample;
            self.len += 1;
        }
    }

    /// Takes over another sampler's item with its weight.
    pub fn absorb(&mut self, sample: S, random: u64) {
        if usize::from(self.len) == N {
            self.decimate(random);
        }
        self.push(sample);
    }

    fn decimate(&mut self, random: u64) {
        let () = Self::FITS;
        self.len = halve(&mut self.items, random) as u8;
        self.stride = longer(self.stride);
    }

    pub fn samples(&self) -> &[S] {
        self.items.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Makes what was counted in captured packets what it stands for.
    pub fn scale_up(&mut self, scale: Scale) {
        self.items.iter_mut().for_each(|sample| *sample.weight_mut() = scale.of_small(*sample.weight_mut()));
    }

    pub fn clear(&mut self) {
        self.len = 0;
        self.stride = 1;
        self.skip = 0;
        self.since = 0;
    }
}

/// What a TCP packet does to a handshake that we watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    Nothing,
    /// The client's first answer to the SYN-ACK.
    Completes,
    /// A SYN whose earlier copy is still waiting for that.
    Repeats,
}

/// What was seen of TCP handshakes by pairs of packets, on both sides of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// TCP handshakes completed by peers of this host (it is the server).
    pub completed_by_peers: u32,
    /// TCP handshakes that this host completed as a client.
    pub completed_by_host: u32,
    /// SYNs of a flow whose earlier SYN is still unanswered.
    pub repeated_syns_received: u32,
    pub repeated_syns_sent: u32,
}

impl Pairs {
    /// Counts what a packet that the host received or sent did to a handshake.
    #[inline]
    pub fn count(&mut self, handshake: Handshake, sent: bool) {
        let counter = match (handshake, sent) {
            (Handshake::Nothing, _) => return,
            (Handshake::Completes, false) => &mut self.completed_by_peers,
            (Handshake::Completes, true) => &mut self.completed_by_host,
            (Handshake::Repeats, false) => &mut self.repeated_syns_received,
            (Handshake::Repeats, true) => &mut self.repeated_syns_sent,
        };
        *counter = counter.saturating_add(1);
    }

    pub fn add(&mut self, other: &Pairs) {
        *self = self.with(other, u32::saturating_add);
    }

    /// Takes away what was added before.
    pub fn take_away(&mut self, other: &Pairs) {
        *self = self.with(other, u32::saturating_sub);
    }

    /// A pair shows only where both of its packets were captured, so it stands for the square.
    pub fn scale_up(&mut self, scale: Scale) {
        *self = self.with(self, |pairs, _| scale.of_small(scale.of_small(pairs)));
    }

    fn with(&self, other: &Pairs, join: impl Fn(u32, u32) -> u32) -> Pairs {
        Pairs {
            completed_by_peers: join(self.completed_by_peers, other.completed_by_peers),
            completed_by_host: join(self.completed_by_host, other.completed_by_host),
            repeated_syns_received: join(self.repeated_syns_received, other.repeated_syns_received),
            repeated_syns_sent: join(self.repeated_syns_sent, other.repeated_syns_sent),
        }
    }
}

/// Everything that is kept of a busy host in one tick. Two KiB: only busy hosts have one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub struct HostTick {
    pub address: Addr,
    /// First packet to or from the host in this tick.
    pub first: Timestamp,
    pub received: ClassTick,
    pub sent: ClassTick,
    pub pairs: Pairs,
    pub apps: AppCounts,
    pub first_fragments_received: u32,
    pub first_fragments_sent: u32,
    pub services: [ServiceCounts; SERVICES_PER_HOST],
    /// Who sends to this host.
    pub sources: Registers,
    /// Whom this host sends to.
    pub destinations: Registers,
    pub received_samples: Sampler,
    pub sent_samples: Sampler,
}

impl HostTick {
    /// The row of a service; takes a free one for a new service, `None` where all are taken.
    #[inline]
    pub fn service(&mut self, service: Service) -> Option<&mut ServiceCounts> {
        let row = self.services.iter_mut().find(|row| row.service.is_none_or(|s| s == service))?;
        row.service = Some(service);
        Some(row)
    }

    /// Starts an empty tick for `address`. Samples stay where they are, behind a length of zero: half of the record need
    /// not be written.
    pub fn reset(&mut self, address: Addr) {
        self.received_samples.clear();
        self.sent_samples.clear();
        self.address = address;
        self.first = Timestamp::ZERO;
        (self.received, self.sent) = Default::default();
        self.pairs = Pairs::default();
        self.apps = AppCounts::default();
        (self.first_fragments_received, self.first_fragments_sent) = (0, 0);
        self.services = Default::default();
        self.sources.clear();
        self.destinations.clear();
    }

    /// Makes what was counted in captured packets what it stands for.
    pub fn scale_up(&mut self, scale: Scale) {
        for side in [&mut self.received, &mut self.sent] {
            side.all = scale.of_small(side.all);
            side.cells.iter_mut().for_each(|cell| scale.small_count(cell));
        }
        for row in &mut self.services {
            scale.small_count(&mut row.replies_received);
            scale.small_count(&mut row.replies_sent);
            row.requests_received = scale.of_small(row.requests_received);
            row.requests_sent = scale.of_small(row.requests_sent);
        }
        self.first_fragments_received = scale.of_small(self.first_fragments_received);
        self.first_fragments_sent = scale.of_small(self.first_fragments_sent);
        self.received_samples.scale_up(scale);
        self.sent_samples.scale_up(scale);
        self.pairs.scale_up(scale);
        self.apps.scale_up(scale);
    }

    /// Adds everything of another tick but who its peers are.
    pub fn merge_counts(&mut self, other: &HostTick) {
        if other.first < self.first || self.first == Timestamp::ZERO {
            self.first = other.first;
        }
        self.received.merge(&other.received);
        self.sent.merge(&other.sent);
        self.pairs.add(&other.pairs);
        self.apps.add(&other.apps);
        self.first_fragments_received = self.first_fragments_received.saturating_add(other.first_fragments_received);
        self.first_fragments_sent = self.first_fragments_sent.saturating_add(other.first_fragments_sent);
        for theirs in other.services {
            if let Some(service) = theirs.service
                && let Some(mine) = self.service(service)
            {
                mine.replies_received.merge(theirs.replies_received);
                mine.replies_sent.merge(theirs.replies_sent);
                mine.requests_received = mine.requests_received.saturating_add(theirs.requests_received);
                mine.requests_sent = mine.requests_sent.saturating_add(theirs.requests_sent);
            }
        }
    }

    /// Adds the same tick of the same host as another worker saw it.
    pub fn merge(&mut self, other: &HostTick) {
        self.merge_counts(other);
        self.sources.merge(&other.sources);
        self.destinations.merge(&other.destinations);
        let random = |sample: &Sample| sample.peer.bits() as u64 ^ u64::from(sample.source_port);
        for sample in other.received_samples.samples() {
            self.received_samples.absorb(*sample, random(sample));
        }
        for sample in other.sent_samples.samples() {
            self.sent_samples.absorb(*sample, random(sample));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::hash::Hasher;

    #[test]
    fn samples_stand_for_every_packet() {
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
        assert!(ports.len() > 1, "a regular sender fell into step with the stride");
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

    #[test]
    fn a_fifth_service_does_not_displace_another() {
        let mut tick = HostTick::default();
        for index in 0..Service::COUNT {
            if let Some(service) = Service::from_index(index) {
                let row = tick.service(service);
                assert_eq!(row.is_some(), index < SERVICES_PER_HOST);
            }
        }
    }
}
