//! Records for the store what the engine judges: incidents by second, their packets, and minutes. Time is packet time, so that
//! a replay records what the live run did.

use super::coverage_minutes::{CoverageMinutes, InterfaceCounters};
use super::engine::Engine;
use super::packet_ring::{PacketRing, RingPacket};
use super::subject_minutes::SubjectMinutes;
use crate::base::{Addr, Direction, TICK_NANOS, Timestamp};
use crate::detect::Target;
use crate::incident::{Change, Event, Incident, OpenIncident};
use crate::meter::{Count, HostDirection, KeptHeader, KeptPackets, Span};
use crate::packet::Class;
use crate::store::{Batch, IncidentSecond, KeptPacket, Note};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds before the onset of an incident of which it has packets.
const BEFORE_SECONDS: f64 = 10.0;
/// Full seconds for which the meter has the packets of a busy host.
const SECONDS_MEASURED: u64 = 9;
/// Of the packets of an incident, at most this part is from before its onset: one in N.
const BEFORE_PART: u32 = 4;
/// Seconds after which an incident is recorded by minute, so that one of weeks takes no more than others.
const BY_SECOND: f64 = 7200.0;
const MINUTE: u32 = 60;
/// Packets of an incident per second: all that were kept in the first half minute, fewer of one that goes on.
const PACKETS_AT_FIRST: u32 = 200;
const FIRST_SECONDS: f64 = 30.0;
const PACKETS_LATER: u32 = 10;
const LATER_SECONDS: f64 = 300.0;
const PACKETS_OF_LONG: u32 = 2;
/// Packets of an incident altogether. The last of them are for what comes after its end.
const PACKETS: u32 = 20_000;
/// Packets of an incident that warrants no page, such as a scan.
const PACKETS_OF_NOTE: u32 = 400;
/// Open incidents whose figures are stored every second; where there are more, in turns.
const PROGRESS: usize = 200;

/// What is recorded of one open incident.
struct Recorded {
    /// The second that is not over yet.
    second: u64,
    row: IncidentSecond,
    /// Classes of its packets so far, a bit each.
    classes: u32,
    /// When the record began.
    since: Timestamp,
    /// Packets so far, and in this second.
    packets: u32,
    packets_now: u32,
    is_note: bool,
    /// When something was last counted.
    active: Timestamp,
    /// Nothing of it was recorded before this tick.
    is_new: bool,
}

/// See the module.
pub(super) struct Recorder {
    ring: PacketRing,
    open: BTreeMap<String, Recorded>,
    minutes: SubjectMinutes,
    coverage: CoverageMinutes,
    /// Hosts that the operator named.
    named: Vec<Addr>,
    interfaces: Vec<Arc<str>>,
    /// The last second of packet time that was finished.
    second: u64,
    /// A second has ended since [`Recorder::takes_second`] was last called.
    has_ended: bool,
    /// Where the last round of progress ended.
    turn: usize,
    batch: Batch,
    /// Entries that were dropped because the disk is slow.
    dropped: u64,
}

impl Recorder {
    /// With a ring of this many bytes; 0: without packets.
    pub(super) fn new(ring_bytes: usize, named: Vec<Addr>) -> Recorder {
        Recorder {
            ring: PacketRing::new(ring_bytes),
            open: BTreeMap::new(),
            minutes: SubjectMinutes::default(),
            coverage: CoverageMinutes::default(),
            named,
            interfaces: Vec::new(),
            second: 0,
            has_ended: false,
            turn: 0,
            batch: Batch::default(),
            dropped: 0,
        }
    }

    /// Replaces the hosts that the operator named.
    pub(super) fn set_named(&mut self, named: Vec<Addr>) {
        self.named = named;
    }

    /// Notes something that happened.
    pub(super) fn note(&mut self, at: Timestamp, kind: &'static str, text: String) {
        self.batch.notes.push(Note { at, kind, text });
    }

    /// Records changes of incidents.
    pub(super) fn events(&mut self, events: &[Event]) {
        for event in events.iter().filter(|event| event.change != Change::Progress) {
            if event.change == Change::Closed
                && let Some(recorded) = self.open.remove(&event.incident.id)
                && !is_empty(&recorded.row)
            {
                self.batch.seconds.push((event.incident.id.clone(), recorded.row));
            }
            self.batch.events.push(event.clone());
        }
    }

    /// Records the tick that the engine has just judged, with the packets that the workers kept of it.
    pub(super) fn tick<'k>(&mut self, engine: &Engine, kept: impl Iterator<Item = &'k KeptPackets>, end: Timestamp) {
        let mut packets = 0;
        for kept in kept {
            packets += kept.iter().count();
            self.ring.add(kept);
        }
        if self.interfaces.len() != engine.interfaces.len() {
            self.interfaces = engine.interfaces.iter().map(|name| Arc::from(name.as_str())).collect();
        }
        let Recorder { ring, open, batch, interfaces, dropped, .. } = self;
        let mut keep = |incident: &OpenIncident<'_>, recorded: &mut Recorded, packet: &RingPacket| {
            if !recorded.has_room(packet.header.time) {
                return;
            }
            let kept = recorded.packet(incident, packet);
            let none: Arc<str> = Arc::from("");
            let interface = interfaces.get(usize::from(packet.header.interface)).unwrap_or(&none);
            *dropped += u64::from(!batch.add_packet(incident.id, interface, kept));
        };
        let second = end.nanos().saturating_sub(1) / 1_000_000_000;
        for incident in engine.incidents().counted(end) {
            let is_new = !open.contains_key(incident.id);
            let recorded = open.entry(incident.id.to_owned()).or_insert_with(|| Recorded::new(&incident, second));
            recorded.count(&incident, end);
            let is_of_it = |packet: &&RingPacket| concerns(incident.target, &packet.header, engine);
            if is_new {
                let since = incident.onset.minus_seconds(BEFORE_SECONDS);
                let is_before = |packet: &&RingPacket| packet.header.time < incident.onset;
                let before = || ring.since(since).filter(is_of_it).filter(is_before);
                // Evenly, so that they show all of the time.
                let each = before().count().div_ceil((recorded.most() / BEFORE_PART) as usize).max(1);
                before().step_by(each).for_each(|packet| keep(&incident, recorded, packet));
                ring.since(incident.onset).filter(is_of_it).for_each(|packet| keep(&incident, recorded, packet));
            } else if packets > 0 {
                ring.last(packets).filter(is_of_it).for_each(|packet| keep(&incident, recorded, packet));
            }
        }
        // A tick at the end of a second may be missing: then the next one ends it.
        let ends_second = end.nanos().is_multiple_of(1_000_000_000) || self.second != 0 && second > self.second + 1;
        if ends_second || self.second == 0 {
            self.second = if ends_second { second } else { second.saturating_sub(1) };
        }
        let ended = self.minutes.tick(engine, &self.named, end, ends_second);
        self.batch.subjects.extend(ended);
        self.count_targets(engine, end);
        if ends_second {
            self.has_ended = true;
            self.finish_second(engine, second, end);
        }
    }

    /// Adds the packets of the tick to and from the targets of open incidents.
    fn count_targets(&mut self, engine: &Engine, end: Timestamp) {
        if self.open.is_empty() {
            return;
        }
        let window = engine.meter().window(end, &engine.interfaces);
        for incident in engine.incidents().counted(end) {
            let Some(recorded) = self.open.get_mut(incident.id) else { continue };
            let host = match incident.target {
                Target::Host(address) => window.host(*address),
                Target::Prefix(network) => {
                    window.prefixes().map(|(host, _)| host).find(|host| host.address() == Addr::from(network.addr()))
                }
                _ => continue,
            };
            let count = match host.map(|host| host.in_direction(incident.direction)) {
                None => Count::default(),
                Some(host) if std::mem::take(&mut recorded.is_new) => {
                    if !incident.is_resumed {
                        self.batch.seconds.extend(before(&incident, &host, recorded.second));
                    }
                    // What there was of this second before the incident opened.
                    let ticks = (end.nanos().saturating_sub(1) % 1_000_000_000 / TICK_NANOS) as usize;
                    let of = |back| host.forward_in_tick(host.window().tick_back(back)).of_all(Class::ALL);
                    Count::sum((0..=ticks).map(of))
                }
                Some(host) => host.forward(Span::Tick).of_all(Class::ALL),
            };
            recorded.row.target.get_or_insert_default().merge(count);
        }
    }

    fn finish_second(&mut self, engine: &Engine, second: u64, end: Timestamp) {
        for incident in engine.incidents().counted(end) {
            let Some(recorded) = self.open.get_mut(incident.id) else { continue };
            let row = recorded.next_second(second + 1);
            self.batch.seconds.extend(row.filter(|row| !is_empty(row)).map(|row| (incident.id.to_owned(), row)));
        }
        self.batch.running = self.minutes.running(&self.named);
    }

    /// Whether a second has ended since the last call.
    pub(super) fn takes_second(&mut self) -> bool {
        std::mem::take(&mut self.has_ended)
    }

    /// Records the present figures of the open incidents; `all` are those.
    pub(super) fn progress(&mut self, all: impl Iterator<Item = Incident>, now: Timestamp) {
        let changed = |incident: &Incident| now.seconds_since(incident.updated_at) < 2.0;
        let mut active: Vec<Incident> = all.filter(changed).collect();
        if active.len() > PROGRESS {
            let turn = self.turn % active.len();
            active.rotate_left(turn);
            active.truncate(PROGRESS);
            self.turn = turn + PROGRESS;
        }
        self.batch.progress.extend(active.into_iter().map(Arc::new));
    }

    /// Records the incidents that are open at the end of a capture, with their last second.
    pub(super) fn open_at_end(&mut self, all: impl Iterator<Item = Incident>) {
        self.batch.progress.extend(all.map(Arc::new));
        for (id, recorded) in std::mem::take(&mut self.open) {
            if !is_empty(&recorded.row) {
                self.batch.seconds.push((id, recorded.row));
            }
        }
    }

    /// Records the counters of the interfaces at the end of a second.
    pub(super) fn interfaces(&mut self, interfaces: &[InterfaceCounters], end: Timestamp) {
        let changed = self.coverage.second(end, interfaces);
        self.batch.interfaces.extend(changed);
    }

    /// Ends the present minute, because the run ends.
    pub(super) fn finish(&mut self) {
        let ended = self.minutes.finish(&self.named);
        self.batch.subjects.extend(ended);
        self.batch.running.clear();
    }

    /// What is to be written now.
    pub(super) fn take(&mut self) -> Batch {
        std::mem::take(&mut self.batch)
    }

    /// Returns a batch that could not be handed over: it is written with the next one.
    pub(super) fn put_back(&mut self, batch: Batch) {
        let later = std::mem::replace(&mut self.batch, batch);
        self.dropped += self.batch.append(later);
    }

    /// Entries that were dropped because they could not be written in time.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Of the ring of packets, and of the hosts of the present minute: entries, capacity and evictions.
    pub(super) fn usage(&self) -> [(usize, usize, u64); 2] {
        [self.ring.usage(), self.minutes.usage()]
    }
}

impl Recorded {
    fn new(incident: &OpenIncident<'_>, second: u64) -> Recorded {
        Recorded {
            second,
            row: IncidentSecond { at: Timestamp::from_parts(second, 0), ..IncidentSecond::default() },
            classes: 0,
            since: incident.onset,
            packets: 0,
            packets_now: 0,
            is_note: incident.is_note,
            active: incident.onset,
            is_new: true,
        }
    }

    /// Adds what the incident counted in the tick that ends at `end`.
    fn count(&mut self, incident: &OpenIncident<'_>, end: Timestamp) {
        for counted in incident.counted {
            self.active = end;
            self.classes |= counted.classes;
            if !counted.count.is_zero() {
                self.row.add(&[(counted.vector, counted.count)], None);
            }
        }
    }

    /// Packets that are kept altogether.
    fn most(&self) -> u32 {
        if self.is_note { PACKETS_OF_NOTE } else { PACKETS }
    }

    /// Whether another packet may be kept.
    fn has_room(&mut self, now: Timestamp) -> bool {
        let lasted = now.seconds_since(self.since);
        let is_quiet = now.seconds_since(self.active) > 1.0;
        let (per_second, most) = match () {
            () if lasted <= FIRST_SECONDS => (PACKETS_AT_FIRST, PACKETS / 2),
            () if is_quiet => (PACKETS_LATER, PACKETS),
            () if lasted <= LATER_SECONDS => (PACKETS_LATER, PACKETS / 10 * 9),
            () => (PACKETS_OF_LONG, PACKETS / 10 * 9),
        };
        let most = if self.is_note { PACKETS_OF_NOTE } else { most };
        // Those from before the detection all belong to its first second.
        let is_earlier = now.nanos() / 1_000_000_000 < self.second;
        if self.packets >= most || !is_earlier && self.packets_now >= per_second {
            return false;
        }
        self.packets += 1;
        self.packets_now += u32::from(!is_earlier);
        true
    }

    fn packet(&self, incident: &OpenIncident<'_>, packet: &RingPacket) -> KeptPacket {
        let RingPacket { header, data } = packet;
        let forward = match (incident.target, incident.direction) {
            (Target::Host(address), Direction::Outbound) => header.source == *address,
            (Target::Host(address), _) => header.destination == *address,
            (Target::Prefix(network), Direction::Outbound) => network.contains(&header.source.ip()),
            (Target::Prefix(network), _) => network.contains(&header.destination.ip()),
            (Target::Station { mac, .. }, _) => header.source_mac == *mac,
            _ => true,
        };
        // Where findings are not about classes of packets, all that the station sends is in question; of a segment, no packet can
        // be said to belong to it.
        let is_of_class = match self.classes {
            0 => matches!(incident.target, Target::Station { .. }),
            classes => classes >> header.class as u32 & 1 == 1,
        };
        KeptPacket {
            time: header.time,
            interface: header.interface,
            link: header.link,
            direction: header.direction,
            wire_len: header.wire_len,
            class: header.class,
            is_attack: forward && is_of_class && header.time >= incident.onset,
            data: data.clone(),
        }
    }

    /// Starts the next second; returns the row of this one. Of an incident that has lasted for long, a row is a minute.
    fn next_second(&mut self, second: u64) -> Option<IncidentSecond> {
        self.second = second;
        self.packets_now = 0;
        let at = Timestamp::from_parts(second, 0);
        let is_long = self.row.at.seconds_since(self.since) >= BY_SECOND;
        if is_long && !second.is_multiple_of(u64::from(MINUTE)) {
            self.row.length = MINUTE.min(at.seconds_since(self.row.at).round() as u32).max(1);
            return None;
        }
        self.row.length = (at.seconds_since(self.row.at).round() as u32).clamp(1, MINUTE);
        Some(std::mem::replace(&mut self.row, IncidentSecond { at, ..IncidentSecond::default() }))
    }
}

/// The seconds before the onset, as far back as the target is measured.
fn before(incident: &OpenIncident<'_>, host: &HostDirection<'_>, second: u64) -> Vec<(String, IncidentSecond)> {
    let onset = incident.onset.nanos() / 1_000_000_000;
    let seconds = second.saturating_sub(SECONDS_MEASURED)..onset.min(second);
    let rows = seconds.map(|second| IncidentSecond {
        length: 1,
        at: Timestamp::from_parts(second, 0),
        vectors: Vec::new(),
        target: Some(host.forward_in_second(second)),
    });
    rows.filter(|row| !is_empty(row)).map(|row| (incident.id.to_owned(), row)).collect()
}

fn is_empty(row: &IncidentSecond) -> bool {
    row.vectors.is_empty() && row.target.is_none_or(|count| count.is_zero())
}

/// Whether a packet is to or from a target, or on its segment.
fn concerns(target: &Target, header: &KeptHeader, engine: &Engine) -> bool {
    let name = |index: u16| engine.interfaces.get(usize::from(index));
    match target {
        Target::Host(address) => header.source == *address || header.destination == *address,
        Target::Prefix(network) => {
            [header.source, header.destination].iter().any(|address| network.contains(&address.ip()))
        }
        Target::Station { mac, .. } => header.source_mac == *mac,
        // A segment has the name of its first interface.
        Target::Segment { interface, vlan } => {
            name(engine.meter().lan().interface(header.interface).segment) == Some(interface)
                && vlan.is_none_or(|vlan| vlan == header.vlan)
        }
        Target::Interface { name: interface } => name(header.interface) == Some(interface),
        Target::Sensor { .. } => false,
    }
}
