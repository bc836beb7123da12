//! Who took part in an incident: how many peers, and which of them sent or received most. These lists go to providers: no
//! count is too high, and what a figure may be off by is said.

use super::model::{Peer, Peers, share};
use super::shares::Shares;
use crate::base::Addr;
use crate::detect::Traffic;
use crate::meter::{CloseRegisters, Registers, Sample};
use datasketches::frequencies::{ErrorType, FrequentItemsSketch};

/// Entries of the list.
const TOP: usize = 10;
/// Counters of the sketches of an incident, where few or many are open. Up to three quarters of the counters are exact.
const SIZES: [(usize, usize); 3] = [(16, 4096), (128, 512), (usize::MAX, 128)];
/// Standard errors between an estimate and the lower bound that is said: with 4.5, one of 300,000 is too high. The most frequent
/// of thousands is looked for, so that three would not do.
const DEVIATIONS: f64 = 4.5;
/// Sampled packets of a peer from which it is worth a lower bound.
const LEAST_SAMPLES: f64 = 8.0;
/// Share of an incident's packets of which the peer must be known, so that the number of peers is known as well. In its first
/// tick, a host gets a table only when its sample is full.
const KNOWN_SHARE: f64 = 0.75;
/// The same, so that the number is estimated from the peers that are known: all others include those of honest traffic.
const LEAST_SHARE: f64 = 0.25;
/// Packets of a peer, on average, from which none of them is made up: invented addresses hardly occur twice.
const REPEATED: u64 = 4;

/// SYNs of a client that may be honest.
const UNDER_WAY: u64 = 2;
/// Part of what the busiest peer has below which another is not listed: who opens a connection during a flood is not part of it.
const SHOWN_SHARE: f64 = 0.01;

/// The peers of one incident.
pub(super) struct PeerRecord {
    /// Packets counted one by one.
    counted: FrequentItemsSketch<Addr>,
    sampled: Shares<Addr>,
    /// All peers of the target meanwhile.
    all: Registers,
    /// Some peers were not counted, for want of room.
    is_incomplete: bool,
    /// They sent SYNs.
    of_syns: bool,
    /// Of a network: only sampled packets give its peers.
    of_network: bool,
    /// Those that sent or received what was not asked for.
    close: CloseRegisters,
}

impl PeerRecord {
    /// For one of `open` incidents; `of_network`: about a network. `None` only if the sketches cannot be created, which their
    /// fixed sizes rule out.
    pub(super) fn new(open: usize, of_network: bool) -> Option<PeerRecord> {
        let (_, size) = SIZES.into_iter().find(|(most, _)| open < *most)?;
        Some(PeerRecord {
            counted: FrequentItemsSketch::new(size).ok()?,
            sampled: Shares::new(size.min(512))?,
            all: Registers::default(),
            is_incomplete: false,
            of_syns: false,
            of_network,
            close: CloseRegisters::default(),
        })
    }

    /// Adds the traffic of a finding; `of_syns`: it counts SYNs.
    pub(super) fn add(&mut self, traffic: &Traffic, of_syns: bool) {
        self.of_syns |= of_syns;
        self.all.merge(&traffic.peers);
        self.close.merge(&traffic.counted.registers);
        self.is_incomplete |= traffic.counted.is_full;
        for count in &traffic.counted.counts {
            self.add_known(count.peer, count.packets.into());
        }
        for Sample { peer, weight, .. } in &traffic.samples {
            self.sampled.add(*peer, u64::from(*weight));
        }
    }

    /// Adds packets that are all of one peer.
    pub(super) fn add_known(&mut self, peer: Addr, packets: u64) {
        if packets > 0 {
            self.counted.update_with_count(peer, packets);
        }
    }

    /// The peer of all packets, if there is only one.
    pub(super) fn only(&self) -> Option<Addr> {
        let of =
            |sketch: &FrequentItemsSketch<Addr>| match sketch.frequent_items(ErrorType::NoFalseNegatives).as_slice() {
                [row] => Some(*row.item()),
                _ => None,
            };
        of(if self.counted.is_empty() { self.sampled.sketch() } else { &self.counted })
    }

    /// Whether nearly all peers are known, and each sent several of `packets` packets on average.
    pub(super) fn send_again(&self, packets: u64) -> bool {
        let (distinct, error) = self.distinct(packets);
        distinct > 1
            && error.is_some_and(|error| error <= rounded(CloseRegisters::error()))
            && packets >= distinct.saturating_mul(REPEATED)
    }

    /// The peers of an incident of `packets` packets.
    pub(super) fn peers(&self, packets: u64, spoofing_likely: bool) -> Peers {
        let (distinct, distinct_error) = self.distinct(packets);
        // Made-up addresses are those of bystanders.
        let top = if spoofing_likely { Vec::new() } else { self.top(packets) };
        Peers { distinct, distinct_error, spoofing_likely, top }
    }

    /// The number of peers, and by which part of it it may be wrong; without that, there are at least as many.
    fn distinct(&self, packets: u64) -> (u64, Option<f64>) {
        let known = self.counted.total_weight();
        let unseen = packets.saturating_sub(known);
        let part = known as f64 / packets.max(1) as f64;
        let least = self.counted.num_active_items() as u64;
        if self.of_network {
            return (least.max(self.sampled.sketch().num_active_items() as u64), None);
        }
        // Where all peers found room, the ones that are known tell how many others there may be.
        let is_complete = !self.is_incomplete && self.counted.maximum_error() == 0;
        if least > 0 && part >= if is_complete { LEAST_SHARE } else { KNOWN_SHARE } {
            if let Some(number) = exactly(&self.counted, unseen, 1) {
                return (number, Some(self.honest_share()));
            }
            if is_complete {
                let number = least as f64 + others(&self.counted, unseen, 1);
                let error = CloseRegisters::error().max(1.0 - least as f64 / number).max(self.honest_share());
                return (number.round() as u64, Some(rounded(error)));
            }
        }
        if is_complete && (least > 0 || self.of_syns) {
            // Those of which packets were sampled are as many at least; of SYNs, honest clients are among them.
            let sampled = if self.of_syns { 0 } else { self.sampled.sketch().num_active_items() as u64 };
            return (least.max(sampled).max(1), None);
        }
        // Of a SYN flood they are behind.
        if !self.close.is_empty() && !self.of_syns {
            return ((self.close.estimate().round() as u64).max(least), Some(rounded(CloseRegisters::error())));
        }
        // Without counts, few peers that were sampled several times each are all of them.
        if self.counted.is_empty()
            && let Some(number) = exactly(self.sampled.sketch(), packets, self.sampled.mean_weight())
        {
            return (number, Some(0.0));
        }
        let estimate = self.all.estimate().round() as u64;
        let least = least.max(self.sampled.sketch().num_active_items() as u64);
        let error = if estimate.max(least) > 1 { rounded(<Registers>::error()) } else { 0.0 };
        (estimate.max(least), Some(error))
    }

    /// Of a SYN flood, the share of peers that may be honest clients whose handshake is under way.
    fn honest_share(&self) -> f64 {
        if !self.of_syns {
            return 0.0;
        }
        let rows = self.counted.frequent_items(ErrorType::NoFalseNegatives);
        let single = rows.iter().filter(|row| row.estimate() <= UNDER_WAY).count();
        rounded(single as f64 / rows.len().max(1) as f64)
    }

    /// The peers with most packets, each with as many as it had at least.
    fn top(&self, packets: u64) -> Vec<Peer> {
        let mut peers: Vec<(Addr, u64)> = Vec::new();
        for row in &self.counted.frequent_items(ErrorType::NoFalseNegatives) {
            peers.push((*row.item(), row.lower_bound()));
        }
        if (self.counted.total_weight() as f64) < packets as f64 * KNOWN_SHARE {
            peers.sort_unstable();
            for (peer, share) in self.sampled.at_least(DEVIATIONS, LEAST_SAMPLES) {
                let least = (share * packets as f64) as u64;
                match peers.binary_search_by_key(&peer, |(known, _)| *known).ok().and_then(|at| peers.get_mut(at)) {
                    Some((_, known)) => *known = (*known).max(least),
                    None => peers.insert(peers.partition_point(|(known, _)| *known < peer), (peer, least)),
                }
            }
        }
        let heaviest = peers.iter().map(|(_, packets)| *packets).max().unwrap_or(0);
        let is_shown = |packets: u64| packets > 0 && packets as f64 >= heaviest as f64 * SHOWN_SHARE;
        peers.retain(|(_, packets)| is_shown(*packets));
        peers.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        peers.truncate(TOP);
        let peer = |(address, of)| Peer { address, packets: of, share: share(of, packets) };
        peers.into_iter().map(peer).collect()
    }
}

/// The number of peers in a sketch, if it has them all: none was evicted, and `unseen` packets, whose peers are not known, hardly
/// have one that is not among them. The share of peers that have been seen only once (with a weight up to `once`) estimates that
/// (Good 1953).
fn exactly(sketch: &FrequentItemsSketch<Addr>, unseen: u64, once: u64) -> Option<u64> {
    if sketch.is_empty() || sketch.maximum_error() > 0 {
        return None;
    }
    let number = sketch.num_active_items() as u64;
    (others(sketch, unseen, once) < 0.5).then_some(number)
}

/// About how many peers `unseen` packets have that are not in the sketch: see [`exactly`].
fn others(sketch: &FrequentItemsSketch<Addr>, unseen: u64, once: u64) -> f64 {
    let rows = sketch.frequent_items(ErrorType::NoFalseNegatives);
    let once: u64 = rows.iter().map(|row| row.estimate()).filter(|weight| *weight <= once).sum();
    unseen as f64 * once as f64 / sketch.total_weight().max(1) as f64
}

/// To a hundredth, upwards.
fn rounded(error: f64) -> f64 {
    (error * 100.0).ceil() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Hasher, PeerCount, PeerSum};
    use crate::packet::Class;

    /// Traffic of `peers` sources that take turns, one tick after the other, with samples of every `stride`-th packet.
    fn turns(record: &mut PeerRecord, peers: u32, packets: u32, stride: u32, counts: bool) {
        let mut traffic = Traffic::default();
        for number in 0..packets {
            let peer = Addr::from_v4_bits(number % peers);
            let hash = Hasher::fixed().address(peer);
            traffic.peers.add(hash);
            if counts {
                traffic.counted.counts.push(PeerCount::known(peer, Class::Udp, 1));
                traffic.counted.registers.add(hash);
            }
            if Hasher::fixed().word(number.into()).is_multiple_of(stride.into()) {
                traffic.samples.push(Sample { peer, weight: stride, ..Sample::default() });
            }
        }
        record.add(&traffic, false);
    }

    #[test]
    fn counted_peers_are_exact() {
        for peers in [1, 20, 64, 200, 3_000] {
            let mut record = PeerRecord::new(0, false).expect("a record");
            turns(&mut record, peers, peers * 50, 100, true);
            let found = record.peers(u64::from(peers) * 50 + 8, false);
            assert_eq!((found.distinct, found.distinct_error), (peers.into(), Some(0.0)));
            assert_eq!(found.top.len(), TOP.min(peers as usize));
            assert!(found.top.iter().all(|peer| peer.packets == 50), "{:?}", found.top);
        }
    }

    #[test]
    fn more_peers_than_counters_carry_their_error() {
        let mut record = PeerRecord::new(0, false).expect("a record");
        turns(&mut record, 20_000, 40_000, 100, true);
        let found = record.peers(40_000, false);
        let error = (found.distinct as f64 - 20_000.0).abs() / 20_000.0;
        assert!(found.distinct_error == Some(0.1) && error <= 0.1, "{found:?}");
        assert!(found.top.iter().all(|peer| peer.packets <= 2), "{:?}", found.top);
    }

    #[test]
    fn sampled_peers_are_never_said_to_have_more_than_they_had() {
        for (peers, stride) in [(2, 10), (20, 10), (200, 10), (1_000, 10), (3_000, 3)] {
            let mut record = PeerRecord::new(0, false).expect("a record");
            turns(&mut record, peers, 60_000, stride, false);
            let found = record.peers(60_000, false);
            let most = u64::from(60_000 / peers);
            assert!(found.top.iter().all(|peer| peer.packets <= most), "{peers}: {:?}", found.top);
            let error = (found.distinct as f64 - f64::from(peers)).abs() / f64::from(peers);
            assert!(Some(error) <= found.distinct_error, "{peers}: {found:?}");
            assert_eq!(found.top.is_empty(), peers >= 1_000, "{peers}: {:?}", found.top);
        }
    }

    #[test]
    fn spoofed_sources_are_not_listed() {
        let mut record = PeerRecord::new(0, false).expect("a record");
        turns(&mut record, 20, 1_000, 10, true);
        assert_eq!(record.peers(1_000, true).top, []);
        assert_eq!(PeerSum::default().counts, []);
    }
}
