//! Host tick: everything counted of one busy host in one tick.

use super::applications::AppCounts;
use super::conversations::{Outcome, TcpStep, Verdict};
use super::counts::{ClassTick, SmallCount};
use super::handshake_counts::HandshakeCounts;
use super::peer_table::NO_TABLE;
use super::registers::Registers;
use super::samples::{Sample, Sampler};
use super::scale::Scale;
use super::verdicts::Content;
use crate::base::{Addr, Timestamp};
use crate::packet::{App, Packet, Service};

/// Traffic of one host with one amplification service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    /// The service; `None` in a free row.
    pub service: Option<Service>,
    pub replies_received: SmallCount,
    pub replies_sent: SmallCount,
    /// Of the replies, the unsolicited ones.
    pub unsolicited_received: u32,
    pub unsolicited_sent: u32,
    /// Those of which the memory of conversations cannot tell.
    pub unknown_received: u32,
    pub unknown_sent: u32,
    pub requests_received: u32,
    pub requests_sent: u32,
}

impl ServiceCounts {
    /// The row, and whether its service is one that no sound network uses across its edge, as 0 or 1; `None` for a free row.
    pub(super) fn kind(&self) -> Option<(usize, &ServiceCounts)> {
        let service = self.service?;
        Some((usize::from(service.row().is_some_and(|row| row.unambiguous)), self))
    }

    /// Replies in one direction, and those of which it is not known that they were asked for.
    pub(super) fn replies(&self, sent: bool) -> (u64, u64) {
        let (all, unsolicited, unknown) = match sent {
            true => (self.replies_sent, self.unsolicited_sent, self.unknown_sent),
            false => (self.replies_received, self.unsolicited_received, self.unknown_received),
        };
        (all.packets.into(), u64::from(unsolicited) + u64::from(unknown))
    }

    /// Counts the verdict on replies that the host received or sent.
    pub(super) fn judge(&mut self, verdict: Verdict, packets: u32, sent: bool) {
        let count = match (verdict, sent) {
            (Verdict::Unsolicited, false) => &mut self.unsolicited_received,
            (Verdict::Unsolicited, true) => &mut self.unsolicited_sent,
            (Verdict::Unknown, false) => &mut self.unknown_received,
            (Verdict::Unknown, true) => &mut self.unknown_sent,
            (Verdict::Solicited | Verdict::Steady, _) => return,
        };
        *count = count.saturating_add(packets);
    }
}

/// Services counted separately per host and tick. A fifth service in the same 100 ms counts in the classes only.
pub(super) const SERVICES_PER_HOST: usize = 4;

/// Everything that is kept of a busy host in one tick. Two KiB: only busy hosts have one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub struct HostTick {
    /// Address of the host that all these counts belong to.
    pub address: Addr,
    /// First packet to or from the host in this tick.
    pub first: Timestamp,
    /// Packets and bytes to the host, by class.
    pub received: ClassTick,
    /// Packets and bytes from the host, by class.
    pub sent: ClassTick,
    /// TCP handshakes completed and SYNs retransmitted, by the host and by its peers.
    pub handshakes: HandshakeCounts,
    /// Packets by recognised payload, in both directions.
    pub apps: AppCounts,
    /// First fragments to the host; later ones count in their own class.
    pub first_fragments_received: u32,
    /// First fragments from the host; later ones count in their own class.
    pub first_fragments_sent: u32,
    /// Traffic with amplification services: one row each, at most four, used rows first.
    pub services: [ServiceCounts; SERVICES_PER_HOST],
    /// Peers that send to this host.
    pub sources: Registers,
    /// Peers that this host sends to.
    pub destinations: Registers,
    /// Uniform sample of the packets to the host, at most 16.
    pub received_samples: Sampler,
    /// Uniform sample of the packets from the host, at most 16.
    pub sent_samples: Sampler,
    /// The worker's tables of the host's peers, received and sent.
    pub(super) peer_tables: [u8; 2],
}

impl HostTick {
    /// Counts a packet that the host sent or received, to or from a peer with this address and hash.
    #[inline]
    pub(super) fn count<const SENT: bool>(&mut self, packet: &Packet, (peer, hash): (Addr, u64), outcome: &Outcome) {
        let counts = if SENT { &mut self.sent } else { &mut self.received };
        let peers = if SENT { &mut self.destinations } else { &mut self.sources };
        let samples = if SENT { &mut self.sent_samples } else { &mut self.received_samples };
        let packets = u32::from(packet.segments);
        counts.add_judged(Content::of(packet), outcome, packets, packet.wire_len);
        peers.add(hash);
        samples.offer(packets, hash ^ u64::from(packet.source_port), || Sample::of(packet, peer, outcome));
        if outcome.answers {
            let opposite = if SENT { &mut self.received } else { &mut self.sent };
            opposite.excuse(Content::of(packet), outcome);
        }
        if outcome.step != TcpStep::None {
            self.handshakes.count(outcome.step, SENT);
        }
        if packet.app != App::None {
            self.apps.count(packet.app, packets, SENT);
        }
        if packet.first_fragment || packet.reply_of.is_some() || packet.request_to.is_some() {
            self.count_rare(packet, SENT, outcome.verdict);
        }
    }

    /// Counts what few packets have: first fragments and traffic of amplification services.
    fn count_rare(&mut self, packet: &Packet, sent: bool, verdict: Verdict) {
        let fragments = if sent { &mut self.first_fragments_sent } else { &mut self.first_fragments_received };
        let packets = u32::from(packet.segments);
        *fragments += if packet.first_fragment { packets } else { 0 };
        if let Some(row) = packet.reply_of.and_then(|service| self.service(service)) {
            let replies = if sent { &mut row.replies_sent } else { &mut row.replies_received };
            replies.add(packets, packet.wire_len);
            row.judge(verdict, packets, sent);
        }
        if let Some(row) = packet.request_to.and_then(|service| self.service(service)) {
            let requests = if sent { &mut row.requests_sent } else { &mut row.requests_received };
            *requests += packets;
        }
    }

    /// The host, the sample of what it sent or received, and the number of the table of its peers.
    #[inline]
    pub(super) fn followed<const SENT: bool>(&mut self) -> (Addr, &Sampler, &mut u8) {
        let [received, sent] = &mut self.peer_tables;
        let samples = if SENT { &self.sent_samples } else { &self.received_samples };
        (self.address, samples, if SENT { sent } else { received })
    }

    /// The row of a service; assigns a free one to a new service, `None` where all are in use.
    #[inline]
    pub fn service(&mut self, service: Service) -> Option<&mut ServiceCounts> {
        let row = self.services.iter_mut().find(|row| row.service.is_none_or(|s| s == service))?;
        row.service = Some(service);
        Some(row)
    }

    /// Starts an empty tick for `address`. Samples are not cleared, only their length: half of the record need not be
    /// written.
    pub fn reset(&mut self, address: Addr) {
        self.received_samples.clear();
        self.sent_samples.clear();
        self.address = address;
        self.first = Timestamp::ZERO;
        self.received.clear();
        self.sent.clear();
        self.handshakes = HandshakeCounts::default();
        self.apps.clear();
        (self.first_fragments_received, self.first_fragments_sent) = (0, 0);
        self.services = Default::default();
        self.sources.clear();
        self.destinations.clear();
        self.peer_tables = [NO_TABLE; 2];
    }

    /// Scales the counts of captured packets to the traffic that they stand for.
    pub fn scale_up(&mut self, scale: Scale) {
        self.received.scale_up(scale);
        self.sent.scale_up(scale);
        for row in &mut self.services {
            row.replies_received.scale_up(scale);
            row.replies_sent.scale_up(scale);
            row.unsolicited_received = scale.of_small(row.unsolicited_received);
            row.unsolicited_sent = scale.of_small(row.unsolicited_sent);
            row.unknown_received = scale.of_small(row.unknown_received);
            row.unknown_sent = scale.of_small(row.unknown_sent);
            row.requests_received = scale.of_small(row.requests_received);
            row.requests_sent = scale.of_small(row.requests_sent);
        }
        self.first_fragments_received = scale.of_small(self.first_fragments_received);
        self.first_fragments_sent = scale.of_small(self.first_fragments_sent);
        self.received_samples.scale_up(scale);
        self.sent_samples.scale_up(scale);
        self.handshakes.scale_up(scale);
        self.apps.scale_up(scale);
    }

    /// Adds all counts of another tick, but not its peers and samples.
    pub(super) fn merge_counts(&mut self, other: &HostTick) {
        if other.first < self.first || self.first == Timestamp::ZERO {
            self.first = other.first;
        }
        self.received.merge(&other.received);
        self.sent.merge(&other.sent);
        self.handshakes.add(&other.handshakes);
        self.apps.add(&other.apps);
        self.first_fragments_received = self.first_fragments_received.saturating_add(other.first_fragments_received);
        self.first_fragments_sent = self.first_fragments_sent.saturating_add(other.first_fragments_sent);
        for theirs in other.services {
            if let Some(service) = theirs.service
                && let Some(mine) = self.service(service)
            {
                mine.replies_received.merge(theirs.replies_received);
                mine.replies_sent.merge(theirs.replies_sent);
                mine.unsolicited_received = mine.unsolicited_received.saturating_add(theirs.unsolicited_received);
                mine.unsolicited_sent = mine.unsolicited_sent.saturating_add(theirs.unsolicited_sent);
                mine.unknown_received = mine.unknown_received.saturating_add(theirs.unknown_received);
                mine.unknown_sent = mine.unknown_sent.saturating_add(theirs.unknown_sent);
                mine.requests_received = mine.requests_received.saturating_add(theirs.requests_received);
                mine.requests_sent = mine.requests_sent.saturating_add(theirs.requests_sent);
            }
        }
    }

    /// Adds another worker's counts of the same tick and host.
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
