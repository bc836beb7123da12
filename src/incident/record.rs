//! What is recorded of one open incident.

use super::losses::LossCounts;
use super::maintenance::MaintenanceMark;
use super::model::{
    CloseReason, Coverage, Incident, Name, Peer, Peers, Point, Port, Ports, Rates, TIMELINE, TargetView, rounded,
    share, thin,
};
use super::open::{OpenIncident, VectorCount};
use super::peers::PeerRecord;
use super::pulses::Pulses;
use super::rates::{Begun, RateRecord};
use super::resumed;
use super::shares::Shares;
use crate::base::{Addr, Direction, Pattern, Severity, Timestamp, Vector, VectorClass};
use crate::detect::{Evidence, Finding, Target, Traffic};
use crate::meter::Sample;
use crate::mitigation::{Attack, BackgroundSample, Decimated, Suggestions};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Counters of the sketches of ports and of names: what they leave out is at most 3.5/128 (the library's bound).
const SKETCH_SIZE: usize = 128;
/// Entries of each top list.
const TOP: usize = 10;

/// One vector of an incident.
struct VectorPart {
    vector: Vector,
    packets: u64,
    severity: Severity,
    /// The evidence of the finding with the highest value, and that value.
    evidence: Vec<Evidence>,
    strongest: f64,
    /// Some of its sampled packets.
    kept: Decimated<Sample>,
    opened_at: Timestamp,
}

/// An open incident.
pub(super) struct Record {
    id: String,
    target: Target,
    interface: Option<String>,
    vlan: Option<u16>,
    guest: Option<String>,
    direction: Direction,
    severity: Severity,
    maintenance: Option<MaintenanceMark>,
    confidence: f64,
    pub(super) opened_at: Timestamp,
    pub(super) updated_at: Timestamp,
    since: Timestamp,
    parts: Vec<VectorPart>,
    rates: RateRecord,
    /// Packets of findings that say that their sources are probably spoofed.
    spoofed: u64,
    peers: PeerRecord,
    /// The target's traffic before the attack.
    background: Arc<BackgroundSample>,
    source_ports: Shares<u16>,
    destination_ports: Shares<u16>,
    /// Requests by name (kind, text); names that could not be read are empty.
    names: Shares<(&'static str, String)>,
    /// Patterns of single findings.
    patterns: BTreeSet<Pattern>,
    pulses: Pulses,
    timeline: Vec<Point>,
    /// Seconds between points.
    spacing: u64,
    losses_at_open: LossCounts,
    losses: LossCounts,
    /// Packets were sampled 1 in N: the largest N so far.
    sampled: u32,
    /// What it counted in the tick that ended at `updated_at`: vector, classes and packets.
    counted: Vec<VectorCount>,
    /// What it was before a restart.
    earlier: Option<Arc<Incident>>,
    /// Where its evidence will be, with `{id}`.
    evidence_url: Option<Arc<str>>,
}

/// What the findings of a tick changed: whether there is a new vector, and a higher severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub vector: bool,
    pub severity: bool,
}

impl Record {
    /// Opens an incident at `now` for its first finding, beside `open` others. `None` only if the sketches cannot be
    /// created, which their fixed size rules out.
    pub(super) fn open(
        finding: &Finding,
        maintenance: Option<MaintenanceMark>,
        now: Timestamp,
        losses: LossCounts,
        open: usize,
    ) -> Option<Record> {
        let since = if finding.since == Timestamp::ZERO { now } else { finding.since.min(now) };
        Some(Record {
            id: identifier(finding, now),
            target: finding.target.clone(),
            interface: finding.interface.clone(),
            vlan: finding.vlan,
            guest: finding.guest.clone(),
            direction: finding.direction,
            severity: maintenance.as_ref().map_or(finding.severity, |maintenance| maintenance.severity(finding, now)),
            maintenance,
            confidence: finding.confidence,
            opened_at: now,
            updated_at: now,
            since,
            parts: Vec::new(),
            rates: RateRecord::default(),
            spoofed: 0,
            peers: PeerRecord::new(open, matches!(finding.target, Target::Prefix(_)))?,
            background: Arc::default(),
            source_ports: Shares::new(SKETCH_SIZE)?,
            destination_ports: Shares::new(SKETCH_SIZE)?,
            names: Shares::new(SKETCH_SIZE)?,
            patterns: BTreeSet::new(),
            pulses: Pulses::new(now),
            timeline: Vec::new(),
            spacing: 1,
            losses_at_open: losses,
            losses,
            sampled: losses.sampled.max(1),
            counted: Vec::new(),
            earlier: None,
            evidence_url: None,
        })
    }

    /// Where its evidence will be, with `{id}` for its ID.
    pub(super) fn set_evidence_url(&mut self, template: Option<Arc<str>>) {
        self.evidence_url = template;
    }

    /// Goes on with an incident that was open before a restart.
    pub(super) fn go_on(&mut self, earlier: Arc<Incident>) {
        self.severity = self.severity.max(earlier.severity);
        self.earlier = Some(earlier);
    }

    /// When it opened, before a restart or after.
    pub(super) fn first_opened_at(&self) -> Timestamp {
        self.earlier.as_ref().map_or(self.opened_at, |earlier| earlier.opened_at)
    }

    /// What it counted in the tick that ended at `now`.
    pub(super) fn counted<'r>(&'r self, target: &'r Target, now: Timestamp) -> OpenIncident<'r> {
        OpenIncident {
            id: self.earlier.as_ref().map_or(&self.id, |earlier| &earlier.id),
            target,
            direction: self.direction,
            is_note: self.vectors().all(Vector::is_note),
            is_resumed: self.earlier.is_some(),
            onset: self.since,
            counted: if self.updated_at == now { &self.counted } else { &[] },
        }
    }

    /// The peer of all packets, if there is only one.
    pub(super) fn only_peer(&self) -> Option<Addr> {
        self.peers.only()
    }

    /// Highest rate so far, in packets per second.
    pub(super) fn peak_packets(&self) -> f64 {
        self.rates.peak().packets_per_second as f64
    }

    pub(super) fn severity(&self) -> Severity {
        self.severity
    }

    /// The estimated onset, from the first finding.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// Sets the target's traffic before the attack.
    pub(super) fn set_background(&mut self, background: BackgroundSample) {
        self.background = Arc::new(background);
    }

    /// Adds the findings of one tick about this target and direction; keeps at most `most` sampled packets in total.
    pub(super) fn extend(&mut self, findings: &[&Finding], now: Timestamp, losses: LossCounts, most: usize) -> Changed {
        let mut changed = Changed::default();
        let opened = self.parts.is_empty();
        // After a pause, the whole last second belongs to the new burst.
        let again = now.seconds_since(self.updated_at) >= 1.0;
        self.rates.start_tick(now);
        self.counted.clear();
        for finding in findings {
            let new = self.update_part(finding, now);
            // After a restart, it is known already.
            let is_known = self.earlier.as_ref().is_some_and(|earlier| earlier.vectors.contains(&finding.vector));
            changed.vector |= new && !is_known;
            let severity =
                self.maintenance.as_ref().map_or(finding.severity, |maintenance| maintenance.severity(finding, now));
            if severity > self.severity {
                self.severity = severity;
                changed.severity = true;
            }
            self.confidence = self.confidence.max(finding.confidence);
            if self.guest.is_none() {
                self.guest.clone_from(&finding.guest);
            }
            // What a station sends within its LAN may also leave it.
            if finding.direction == Direction::Outbound {
                self.direction = Direction::Outbound;
            }
            self.patterns.extend(finding.pattern);
            for name in &finding.names {
                self.names.add((name.kind, name.name.clone()), name.count);
            }
            let begun = match (opened, again, new) {
                (true, ..) => Begun::Incident,
                (_, true, _) => Begun::Again,
                (_, _, true) => Begun::Vector,
                _ => Begun::Before,
            };
            let (traffic, count) = self.rates.add(finding, now, begun);
            let packets = count.packets;
            self.counted.push(VectorCount { vector: finding.vector, classes: finding.class_mask(), count });
            self.spoofed = self.spoofed.saturating_add(if finding.spoofing_likely { packets.max(1) } else { 0 });
            self.add_peers_and_ports(finding, traffic, packets);
            self.keep_samples(finding.vector, &traffic.samples, most);
        }
        let rates = self.rates.end_tick(findings, now, opened);
        self.updated_at = now;
        let since = findings.iter().map(|finding| finding.since).min().unwrap_or(now);
        self.pulses.count(now, since, findings.iter().map(|finding| finding.now.count.packets).sum());
        self.losses = losses;
        self.sampled = self.sampled.max(losses.sampled);
        self.add_point(now, rates);
        changed
    }

    /// Counts a finding for its vector; returns whether the vector is new to this incident.
    fn update_part(&mut self, finding: &Finding, now: Timestamp) -> bool {
        let strength = finding.evidence.first().map_or(0.0, |evidence| evidence.value);
        match self.parts.iter_mut().find(|part| part.vector == finding.vector) {
            Some(part) => {
                part.packets = part.packets.saturating_add(finding.now.count.packets);
                part.severity = part.severity.max(finding.severity);
                if strength > part.strongest {
                    part.strongest = strength;
                    part.evidence.clone_from(&finding.evidence);
                }
                false
            }
            None => {
                self.parts.push(VectorPart {
                    vector: finding.vector,
                    packets: finding.recent.count.packets,
                    severity: finding.severity,
                    evidence: finding.evidence.clone(),
                    strongest: strength,
                    kept: Decimated::default(),
                    opened_at: now,
                });
                true
            }
        }
    }

    /// Keeps sampled packets of one vector; the vectors share `most` equally.
    fn keep_samples(&mut self, vector: Vector, samples: &[Sample], most: usize) {
        let most_each = most / self.parts.len().max(1);
        if let Some(part) = self.parts.iter_mut().find(|part| part.vector == vector) {
            samples.iter().for_each(|sample| part.kept.offer(*sample, most_each));
        }
    }

    /// Whether most of its packets probably have spoofed sources. A sample in which each source is new proves little of 200 sources:
    /// their packets were counted.
    fn is_spoofed(&self) -> bool {
        let packets = self.rates.totals().packets;
        self.spoofed > 0 && self.spoofed.saturating_mul(2) >= packets && !self.peers.send_again(packets)
    }

    fn suggestions(&self) -> Suggestions {
        let outbound = self.direction == Direction::Outbound;
        let attack = |part: &VectorPart| {
            // It had lasted for up to a second when it was detected.
            let seconds = self.updated_at.seconds_since(part.opened_at) + 1.0;
            Attack {
                vector: part.vector,
                samples: part.kept.items().to_vec(),
                packets_per_second: part.packets as f64 / seconds,
                list_peers: outbound || !self.is_spoofed(),
            }
        };
        let attacks = self.parts.iter().map(attack).collect();
        Suggestions::open(self.target.clone(), self.direction, attacks, Arc::clone(&self.background))
    }

    /// `packets`: how many it adds to the totals.
    fn add_peers_and_ports(&mut self, finding: &Finding, traffic: &Traffic, packets: u64) {
        match finding.only_peer {
            Some(peer) => self.peers.add_known(peer, packets),
            None if finding.vector.is_note() => {}
            None => self.peers.add(traffic, finding.counts_syns()),
        }
        for sample in &traffic.samples {
            let weight = u64::from(sample.weight);
            if sample.source_port != 0 || sample.destination_port != 0 {
                self.source_ports.add(sample.source_port, weight);
                self.destination_ports.add(sample.destination_port, weight);
            }
        }
    }

    /// Whether outputs should hear of the incident's figures again at `now`: after the first full second, and when the peak has
    /// doubled.
    pub(super) fn has_news(&mut self, now: Timestamp) -> bool {
        self.rates.settle(now) || self.rates.has_grown()
    }

    /// An event carries the figures.
    pub(super) fn tell(&mut self, now: Timestamp) {
        self.rates.settle(now);
        self.rates.tell();
    }

    fn add_point(&mut self, at: Timestamp, rates: Rates) {
        if self.timeline.last().is_some_and(|last| at.seconds_since(last.at) < self.spacing as f64) {
            return;
        }
        if self.timeline.len() >= TIMELINE {
            thin(&mut self.timeline);
            self.spacing = self.spacing.saturating_mul(2);
        }
        self.timeline.push(Point {
            at,
            packets_per_second: rates.packets_per_second,
            bits_per_second: rates.bits_per_second,
        });
    }

    /// The most frequent names. Requests whose name could not be read are one entry, with an empty name.
    fn names(&self) -> Vec<Name> {
        let named = self.names.top(TOP).into_iter();
        named
            .map(|((kind, name), of)| Name { name, kind, share: rounded(of.share), error: rounded(of.error) })
            .collect()
    }

    /// Whether it is a flood of a whole prefix, which includes the floods of its hosts.
    pub(super) fn is_carpet(&self) -> bool {
        self.patterns.contains(&Pattern::CarpetBombing)
    }

    /// Every vector so far, in order of appearance.
    pub(super) fn vectors(&self) -> impl Iterator<Item = Vector> + '_ {
        self.parts.iter().map(|part| part.vector)
    }

    fn main_vector(&self) -> Option<&VectorPart> {
        // The first of equals, so that the vector does not change needlessly.
        self.parts.iter().rev().max_by_key(|part| {
            // Attacks on a LAN need few frames: there, severity comes before packets.
            let is_lan_attack = part.vector.class() == VectorClass::Layer2 && !part.vector.is_note();
            let severity = is_lan_attack.then_some(part.severity);
            (severity, part.packets)
        })
    }

    /// The public form of its current state; `closed` gives the time and reason of its end.
    pub(super) fn incident(&self, closed: Option<(Timestamp, CloseReason)>) -> Option<Incident> {
        let later = self.since_start(closed)?;
        let mut incident = match &self.earlier {
            Some(earlier) => resumed::whole(earlier, later),
            None => later,
        };
        incident.evidence_url = self.evidence_url.as_ref().map(|url| url.replace("{id}", &incident.id));
        Some(incident)
    }

    /// The same without what was before a restart.
    fn since_start(&self, closed: Option<(Timestamp, CloseReason)>) -> Option<Incident> {
        let vector = self.main_vector()?.vector;
        let totals = self.rates.totals();
        let mut peers = self.peers.peers(totals.packets, self.is_spoofed());
        // An estimate may be above what is possible.
        peers.distinct = peers.distinct.min(totals.packets.max(1));
        let (sources, victims) = match (self.direction, &self.target) {
            (Direction::Outbound, Target::Host(attacker)) => {
                let source = Peer { address: *attacker, packets: totals.packets, share: 1.0 };
                (
                    Peers { distinct: 1, distinct_error: Some(0.0), spoofing_likely: false, top: vec![source] },
                    Some(peers),
                )
            }
            _ => (peers, None),
        };
        let mut patterns = self.patterns.clone();
        if self.parts.len() > 1 {
            patterns.insert(Pattern::MultiVector);
        }
        // The rounds of a scan, and what a LAN leaks now and then, are no pulse wave.
        let has_pulses =
            matches!(vector.class(), VectorClass::Flood | VectorClass::Amplification | VectorClass::Application);
        let pulses = if has_pulses { self.pulses.wave(self.opened_at) } else { 0 };
        if pulses > 0 {
            patterns.insert(Pattern::PulseWave);
        }
        let received = self.losses.received.saturating_sub(self.losses_at_open.received);
        let dropped = self.losses.dropped.saturating_sub(self.losses_at_open.dropped);
        Some(Incident {
            id: self.id.clone(),
            vector,
            vectors: self.parts.iter().map(|part| part.vector).collect(),
            patterns: patterns.into_iter().collect(),
            direction: self.direction,
            severity: self.severity,
            confidence: self.confidence,
            target: TargetView::new(&self.target, self.interface.as_ref(), self.vlan, self.guest.as_ref()),
            opened_at: self.opened_at,
            updated_at: self.updated_at,
            closed_at: closed.map(|(at, _)| at),
            close_reason: closed.map(|(_, reason)| reason),
            part_of: None,
            detected_after_seconds: self.opened_at.seconds_since(self.since),
            peak: if closed.is_some() { self.rates.busiest() } else { self.rates.peak() },
            totals,
            sources,
            victims,
            ports: Ports { destination: ports(&self.destination_ports), source: ports(&self.source_ports) },
            pulses,
            names: self.names(),
            evidence: self
                .parts
                .iter()
                .flat_map(|part| part.evidence.iter().cloned())
                .chain((pulses > 0).then(|| self.pulses.evidence(self.opened_at)))
                .collect(),
            coverage: Coverage {
                // The kernel's count of received packets includes those that it drops afterwards.
                captured: 1.0 - share(dropped, received).min(1.0),
                kernel_dropped: dropped,
                sampled: self.sampled,
            },
            maintenance: self.maintenance.clone(),
            drill: false,
            timeline: self.timeline.clone(),
            evidence_url: None,
            suggestions: match closed {
                None => self.suggestions(),
                // The other incident has its packets.
                Some((_, CloseReason::Merged)) => Suggestions::default(),
                Some(_) => self.suggestions().closed(),
            },
        })
    }
}

fn ports(shares: &Shares<u16>) -> Vec<Port> {
    let said = shares.top(TOP).into_iter();
    said.map(|(port, of)| Port { port, share: rounded(of.share), error: rounded(of.error) }).collect()
}

/// Distinguishes an informational incident of a target from an attack on it.
fn id_suffix(finding: &Finding) -> &'static str {
    if finding.vector.is_note() { " note" } else { "" }
}

/// The time of opening and a checksum of target and direction: the same in every replay.
fn identifier(finding: &Finding, now: Timestamp) -> String {
    // FNV-1a: an identifier, not a secret; the same on every host and in every version.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let text = match &finding.target {
        Target::Host(_) | Target::Prefix(_) | Target::Interface { .. } | Target::Sensor { .. } => {
            format!("{} {}{}", finding.target, finding.direction, id_suffix(finding))
        }
        Target::Station { mac, interface } => format!("{mac} {interface}{}", id_suffix(finding)),
        Target::Segment { .. } => finding.target.to_string(),
    };
    for byte in text.bytes().chain(now.nanos().to_be_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let stamp: String = now.to_string().chars().take(19).filter(|c| c.is_ascii_alphanumeric()).collect();
    format!("{stamp}Z-{:08x}", (hash >> 32) as u32 ^ hash as u32)
}
