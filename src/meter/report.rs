//! The report that a worker hands to the merger: one tick, copied from the tally.

use super::attempts::ConnectionAttempts;
use super::counts::{Count, SmallCount};
use super::host_tick::HostTick;
use super::inside_counts::InsideCounts;
use super::kept_packets::KeptPackets;
use super::link::LinkReport;
use super::log::{LOG, LogEntry};
use super::peer_table::{PEER_TABLES, PeerTable};
use super::requests::{self, REQUESTS, Request};
use super::samples::SpreadSample;
use super::scale::Scale;
use super::sizes::TallySizes;
use crate::base::{Addr, CaptureDirections, Mac, Timestamp};
use crate::packet::{Anomaly, Class, Encapsulation};

/// All traffic of a tick by class: to our networks, from them, and transit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Packets to our networks, by [`Class::index`].
    pub received: [Count; Class::COUNT],
    /// Packets from our networks, by [`Class::index`].
    pub transmitted: [Count; Class::COUNT],
    /// Neither from nor to an inside network.
    pub transit: Count,
    /// Packets with a protocol anomaly, by kind.
    pub anomalies: [u64; Anomaly::COUNT],
    /// Packets in an encapsulation that was not followed, by kind: what they carry is unknown.
    pub unopened: [u64; Encapsulation::COUNT],
    /// Every frame, whatever its content.
    pub frames: Count,
}

impl Default for Totals {
    fn default() -> Self {
        Totals {
            received: [Count::default(); Class::COUNT],
            transmitted: [Count::default(); Class::COUNT],
            transit: Count::default(),
            anomalies: [0; Anomaly::COUNT],
            unopened: [0; Encapsulation::COUNT],
            frames: Count::default(),
        }
    }
}

impl Totals {
    /// Adds another worker's totals.
    pub fn merge(&mut self, other: &Totals) {
        for (mine, theirs) in self.received.iter_mut().zip(&other.received) {
            mine.merge(*theirs);
        }
        for (mine, theirs) in self.transmitted.iter_mut().zip(&other.transmitted) {
            mine.merge(*theirs);
        }
        for (mine, theirs) in self.anomalies.iter_mut().zip(&other.anomalies) {
            *mine += theirs;
        }
        for (mine, theirs) in self.unopened.iter_mut().zip(&other.unopened) {
            *mine += theirs;
        }
        self.transit.merge(other.transit);
        self.frames.merge(other.frames);
    }
}

/// Entries evicted before their counts were read, and packets skipped by a cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evictions {
    /// Evicted hosts.
    pub hosts: u64,
    /// Packets of hosts for which no detail was free.
    pub details: u64,
    /// Evicted stations.
    pub stations: u64,
    /// Connection attempts beyond the budget, and evicted senders of attempts.
    pub attempts: u64,
    /// Requests not in the sample, so that their names are unknown.
    pub requests: u64,
    /// Conversations that were displaced before they were forgotten.
    pub conversations: u64,
    /// Control frames that were skipped.
    pub controls: u64,
}

impl Evictions {
    /// Adds another worker's evictions.
    pub fn merge(&mut self, other: Evictions) {
        self.hosts += other.hosts;
        self.details += other.details;
        self.stations += other.stations;
        self.attempts += other.attempts;
        self.requests += other.requests;
        self.conversations += other.conversations;
        self.controls += other.controls;
    }
}

/// One host in one tick.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostCounts {
    pub address: Addr,
    pub received: SmallCount,
    pub sent: SmallCount,
    /// The same report has a [`HostTick`] for this host with all its counts.
    pub detailed: bool,
    pub(super) log_len: u8,
    pub(super) log: [LogEntry; LOG],
}

impl HostCounts {
    /// Writes the log of a quiet host into an empty `tick`: classes and services, but no peers. Its packets are divided
    /// evenly among the logged ones: there may be more than were logged, and one may stand for several.
    pub(super) fn write(&self, tick: &mut HostTick, at: Timestamp, scale: Scale) {
        tick.first = at;
        let log = self.log.get(..usize::from(self.log_len)).unwrap_or_default();
        let logged_sent = log.iter().filter(|entry| entry.is_sent()).count();
        let mut sent = EvenSplit::new(self.sent, logged_sent);
        let mut received = EvenSplit::new(self.received, log.len() - logged_sent);
        for &entry in log {
            entry.apply(tick, if entry.is_sent() { sent.next() } else { received.next() });
        }
        if !scale.is_whole() {
            tick.handshakes.scale_up(scale);
        }
    }
}

/// Divides a count into equal parts without losing a packet or byte.
struct EvenSplit {
    remaining: SmallCount,
    parts: u32,
}

impl EvenSplit {
    fn new(remaining: SmallCount, parts: usize) -> EvenSplit {
        EvenSplit { remaining, parts: parts as u32 }
    }

    fn next(&mut self) -> SmallCount {
        let parts = self.parts.max(1);
        let share = SmallCount { packets: self.remaining.packets / parts, bytes: self.remaining.bytes / parts };
        self.remaining =
            SmallCount { packets: self.remaining.packets - share.packets, bytes: self.remaining.bytes - share.bytes };
        self.parts = parts - 1;
        share
    }
}

/// One station (MAC address on one interface) in one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StationCounts {
    /// Interface number.
    pub interface: u16,
    /// MAC address of the station.
    pub mac: Mac,
    /// Time of the first and of the last frame sent.
    pub first: Timestamp,
    /// Time of the last frame sent.
    pub last: Timestamp,
    /// Time of the last frame that entered.
    pub last_entered: Timestamp,
    /// All frames that it sent.
    pub sent: Count,
    /// Unicast frames to it.
    pub received: Count,
    /// Of `sent`, the frames that left this machine, as marked by the kernel.
    pub left: Count,
    /// Of `sent`, the frames that entered this machine, as marked by the kernel.
    pub entered: Count,
    /// Frames that it sent, by kind; one frame can be of several kinds.
    pub broadcast: u32,
    /// Frames that it sent to group addresses other than broadcast.
    pub multicast: u32,
    /// ARP and RARP frames that it sent.
    pub arp: u32,
    /// Packets of IPv6 neighbour, router and multicast listener discovery that it sent.
    pub nd: u32,
    /// UDP packets that it sent to a DHCP port (67, 68, 546 or 547).
    pub dhcp: u32,
    /// Packets that left with neither address ours.
    pub spoofed: u32,
    /// The last packet counted in `spoofed`.
    pub spoofed_as: SpoofedPacket,
    /// The station that it was sent to, where the capture does not say whether it leaves.
    pub spoofed_to: Option<Mac>,
    /// Class, VLAN and network address of the first frame of the tick.
    pub class: u8,
    /// VLAN of the first frame sent in the tick; 0 without a tag.
    pub vlan: u16,
    /// Network source address of the first frame sent in the tick; [`Addr::UNSPECIFIED`] if it has none.
    pub address: Addr,
    /// It was not in the worker's table before this tick.
    pub new: bool,
}

/// A packet that left with neither address ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoofedPacket {
    /// Its source address.
    pub source: Addr,
    /// Its destination address.
    pub destination: Addr,
    /// Its destination port; 0 without ports.
    pub port: u16,
    /// Its [`Class`](crate::packet::Class), as a number.
    pub class: u8,
}

/// The counts of one worker in one tick.
#[derive(Clone, Debug, Default)]
pub struct TickReport {
    /// Number of the tick: tenths of a second since the epoch.
    pub tick: u64,
    /// What the captured frames of the tick stand for.
    pub scale: Scale,
    /// Time of the first and last packet; `None` where the tick was empty.
    pub first: Option<Timestamp>,
    /// Time of the last packet; from an earlier tick where `first` is `None`.
    pub last: Timestamp,
    /// All traffic of the tick by class, without the frames of `elsewhere`.
    pub totals: Totals,
    /// Entries evicted and packets skipped in the tick by the worker's limits.
    pub evictions: Evictions,
    /// Our hosts with traffic in the tick.
    pub hosts: Vec<HostCounts>,
    /// Boxes are swapped, never copied: the merger keeps these and leaves others in exchange.
    pub details: Vec<Box<HostTick>>,
    /// Boxes for the details of the next tick, with arbitrary content.
    #[expect(clippy::vec_box, reason = "boxes change hands, records are not copied")]
    pub(super) spare: Vec<Box<HostTick>>,
    /// Peers of attacked hosts; the merger leaves the tables.
    pub peers: Vec<PeerTable>,
    /// Tables for the next tick, with arbitrary content.
    pub(super) spare_peers: Vec<PeerTable>,
    /// Stations that sent or received in the tick.
    pub stations: Vec<StationCounts>,
    /// Senders with new connection attempts in this tick and many recent ones.
    pub attempts: Vec<ConnectionAttempts>,
    /// A sample of what our hosts received.
    pub received: SpreadSample,
    /// A sample of the requests.
    pub requests: Vec<Request>,
    /// Control frames and other layer-2 records of the tick.
    pub link: LinkReport,
    /// Packets kept as evidence.
    pub kept: KeptPackets,
    /// What our hosts received together, beyond the totals.
    pub inside: InsideCounts,
    /// Frames that another interface of the segment shows as well and that count there.
    pub elsewhere: Count,
    /// Entries in use in the worker's tables.
    pub host_entries: usize,
    /// Entries in use in the worker's table of stations.
    pub station_entries: usize,
    /// Entries in use in the worker's table of senders of connection attempts.
    pub attempt_entries: usize,
    /// Conversations that the worker remembers.
    pub conversation_entries: usize,
    /// Which directions of conversations the worker's interface shows.
    pub directions: CaptureDirections,
}

impl StationCounts {
    /// The source address of its first frame in the tick, where that is an IP packet from a single host.
    pub(super) fn sends_ip_from(&self) -> Option<Addr> {
        let is_ip = self.class != Class::Arp as u8 && self.class != Class::Icmpv6Nd as u8;
        Some(self.address).filter(|address| is_ip && !address.is_group_or_none())
    }
}

impl TickReport {
    /// An empty report with room for as many hosts and stations as a worker can count. All memory is touched, so that a
    /// flood causes no page faults.
    pub fn with_room(sizes: TallySizes) -> TickReport {
        let mut report = TickReport::default();
        report.hosts.resize(sizes.hosts, HostCounts::default());
        report.stations.resize(sizes.stations, StationCounts::default());
        report.requests.resize(REQUESTS, Request::default());
        report.kept = KeptPackets::with_room(sizes.kept_octets);
        report.peers.resize_with(PEER_TABLES, PeerTable::default);
        report.clear();
        report
    }

    /// Empties the report, keeping its memory.
    pub fn clear(&mut self) {
        self.first = None;
        self.scale = Scale::default();
        self.hosts.clear();
        self.spare.append(&mut self.details);
        self.spare_peers.append(&mut self.peers);
        self.stations.clear();
        self.attempts.clear();
        self.received.clear();
        self.requests.clear();
        self.kept.clear();
        self.link.clear();
        self.elsewhere = Count::default();
    }

    /// Scales the counts of captured frames to the traffic that they stand for. Must be called once.
    pub fn scale_up(&mut self) {
        let scale = self.scale;
        if scale.is_whole() {
            return;
        }
        let totals = &mut self.totals;
        totals.received.iter_mut().chain(&mut totals.transmitted).for_each(|count| count.scale_up(scale));
        totals.transit.scale_up(scale);
        totals.frames.scale_up(scale);
        for packets in totals.anomalies.iter_mut().chain(&mut totals.unopened) {
            *packets = scale.of(*packets);
        }
        for host in &mut self.hosts {
            host.received.scale_up(scale);
            host.sent.scale_up(scale);
        }
        for tick in &mut self.details {
            tick.scale_up(scale);
        }
        self.received.scale_up(scale);
        self.inside.scale_up(scale);
        requests::scale_up(&mut self.requests, scale);
        for station in &mut self.stations {
            for count in [&mut station.sent, &mut station.received, &mut station.left, &mut station.entered] {
                count.scale_up(scale);
            }
            for kind in [
                &mut station.broadcast,
                &mut station.multicast,
                &mut station.arp,
                &mut station.nd,
                &mut station.dhcp,
                &mut station.spoofed,
            ] {
                *kind = scale.of_small(*kind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_scaled_to_the_traffic_that_its_frames_stand_for() {
        let mut report = TickReport { scale: Scale { frames: 2, weight: 16 }, ..TickReport::default() };
        report.totals.frames = Count { packets: 2, bytes: 160 };
        report.totals.transit = Count { packets: 1, bytes: 100 };
        report.stations.push(StationCounts { arp: 3, ..StationCounts::default() });
        report.scale_up();
        assert_eq!(report.totals.frames, Count { packets: 16, bytes: 1280 });
        assert_eq!(report.totals.transit, Count { packets: 8, bytes: 800 });
        assert_eq!(report.stations.first().map(|station| station.arp), Some(24));
    }
}
