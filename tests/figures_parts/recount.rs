//! A recount of an attack, and what an incident says of it.

use super::attack::{BEGIN, Kind, Order, Pace, Read, Row};
use pegel::base::{Addr, Timestamp};
use pegel::incident::{Change, Event, Incident};
use pegel::traffic::DEFAULT_START;
use std::collections::HashMap;

const TICK: u64 = 100_000_000;
/// Part of the packets that totals may miss of a steady flood.
const MISSED: f64 = 0.02;
/// How far a peak may be off.
const PEAK: f64 = 0.1;
/// Up to this many sources are counted exactly.
const EXACT: usize = 64;
/// Up to this many sources are counted one by one.
const COUNTED: usize = 384;
/// Up to this many real sources, the list is right but for what totals may miss.
const FEW: usize = 200;
/// Distinct honest peers of the attacked host in a second, and a few packets of theirs: far more than there are.
const HONEST: f64 = 60.0;
/// Seconds of an attack on a network that may be missing.
const UNSEEN: f64 = 0.2;
/// Seconds by which the list of a SYN flood is behind.
const BEHIND: f64 = 0.3;
/// Handshakes of honest clients that are under way at the end of a tick.
const HONEST_SYNS: f64 = 8.0;
/// Packets before a host's peers are counted one by one: what its sample holds, and some of those that follow.
const EARLY: f64 = 24.0;

/// What was captured of an attack until some time.
pub struct Truth<'t> {
    seen: &'t [Read],
    peers: HashMap<Addr, u64>,
    octets: u64,
    /// Packets and octets of each tick from the first on.
    ticks: Vec<(u64, u64)>,
}

impl<'t> Truth<'t> {
    /// All packets before `until`; `seen` is in order of time.
    pub fn new(row: &Row, seen: &'t [Read], until: Timestamp) -> Truth<'t> {
        let seen = &seen[..seen.partition_point(|packet| packet.time < until.nanos())];
        let first = seen.first().map_or(until.nanos(), |packet| packet.time) / TICK;
        let mut truth = Truth { seen, peers: HashMap::new(), octets: 0, ticks: Vec::new() };
        for packet in seen {
            let peer = if row.kind == Kind::Outbound { packet.target } else { packet.source };
            *truth.peers.entry(peer).or_default() += 1;
            truth.octets += packet.octets;
            let tick = (packet.time / TICK - first) as usize;
            truth.ticks.resize(truth.ticks.len().max(tick + 1), (0, 0));
            truth.ticks[tick].0 += 1;
            truth.ticks[tick].1 += packet.octets;
        }
        truth
    }

    fn packets(&self) -> u64 {
        self.seen.len() as u64
    }

    /// Packets and octets of the second before the end of each tick.
    fn seconds(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let sum = |from: usize, to: usize| {
            self.ticks[from..to].iter().fold((0, 0), |sum, tick| (sum.0 + tick.0, sum.1 + tick.1))
        };
        (1..self.ticks.len() + 1).map(move |to| sum(to.saturating_sub(10), to))
    }

    /// Of the second before `at`.
    fn second(&self, at: Timestamp) -> (u64, u64) {
        let from = |nanos: u64| self.seen.partition_point(|packet| packet.time < nanos);
        let within = &self.seen[from(at.minus_seconds(1.0).nanos())..from(at.nanos())];
        (within.len() as u64, within.iter().map(|packet| packet.octets).sum())
    }

    fn busiest(&self) -> (u64, u64) {
        self.seconds().fold((0, 0), |most, second| (most.0.max(second.0), most.1.max(second.1)))
    }

    /// The share of a port in packets that have ports.
    fn port_share(&self, is_port: impl Fn(&Read) -> bool) -> f64 {
        self.seen.iter().filter(|packet| is_port(packet)).count() as f64 / self.seen.len().max(1) as f64
    }
}

/// What differs in one event of one row.
pub struct Differences<'d> {
    place: String,
    found: &'d mut Vec<String>,
}

impl Differences<'_> {
    fn say(&mut self, what: &str, said: impl std::fmt::Display, truth: impl std::fmt::Display) {
        self.found.push(format!("{}: {what}: said {said}, is {truth}", self.place));
    }

    fn at_most(&mut self, what: &str, said: f64, truth: f64) {
        if said > truth * (1.0 + 1e-9) {
            self.say(what, said, format!("at most {truth}"));
        }
    }

    fn at_least(&mut self, what: &str, said: f64, truth: f64) {
        if said < truth {
            self.say(what, said, format!("at least {truth}"));
        }
    }

    fn near(&mut self, what: &str, said: f64, truth: f64, part: f64) {
        if (said - truth).abs() > truth * part + 1.0 {
            self.say(what, said, format!("{truth} (±{:.0} %)", part * 100.0));
        }
    }
}

/// Compares every number of every event of a row with the recount.
pub fn compare(row: &Row, events: &[Event], seen: &[Read], found: &mut Vec<String>) {
    let name = |change: Change| change.name();
    let start = DEFAULT_START;
    let mut told: Option<(Timestamp, &Incident)> = None;
    for event in events {
        let incident = &*event.incident;
        let at = incident.updated_at.seconds_since(start);
        let place = format!("{} | {} {at:.1} s", row.name, name(event.change));
        let mut differences = Differences { place, found };
        let truth = Truth::new(row, seen, incident.updated_at);
        figures(row, event, &truth, &mut differences);
        let end = seen.last().map_or(0, |packet| packet.time / TICK + 1) * TICK;
        let is_over = incident.updated_at.nanos() > end;
        if let Some((_, before)) = told
            && is_over
            && incident.severity > before.severity
        {
            differences.say("severity after the end", incident.severity, before.severity);
        }
        told = Some((incident.updated_at, incident));
    }
}

fn figures(row: &Row, event: &Event, truth: &Truth, found: &mut Differences) {
    let incident = &*event.incident;
    let is_steady = row.pace != Pace::Pulses && !row.kind.is_scan();
    let (packets, octets) = (truth.packets() as f64, truth.octets as f64);
    let totals = (incident.totals.packets as f64, incident.totals.bytes as f64);
    let bursts = f64::from(incident.pulses.max(1));
    let honest = if row.kind == Kind::Syn { HONEST_SYNS * bursts } else { 0.0 };
    found.at_most("packets", totals.0, packets + honest);
    // The mean length is that of sampled packets.
    found.at_most("bytes", totals.1, octets * (1.0 + MISSED) + 100.0 * honest);
    if is_steady {
        // A network is measured once it is found to be busy.
        let unseen = if row.kind == Kind::Carpet { UNSEEN * row.rate } else { 0.0 };
        found.at_least("packets", totals.0, packets * (1.0 - MISSED) - 1.0 - unseen);
        found.at_least("bytes", totals.1, (octets - octets / packets * unseen) * (1.0 - 3.0 * MISSED) - 600.0);
    } else if row.pace == Pace::Pulses && row.kind != Kind::Carpet {
        found.at_least("packets of pulses", totals.0, packets * 0.9);
    }
    peak(row, event, truth, is_steady, found);
    peers(row, incident, truth, is_steady, found);
    ports(row, incident, truth, found);
    timeline(row, incident, truth, is_steady, found);
    evidence(row, incident, truth, found);
    let delay = incident.opened_at.seconds_since(DEFAULT_START) - BEGIN;
    found.at_most("detected_after_seconds", incident.detected_after_seconds, delay + 0.1);
    if is_steady && delay < 1.0 {
        found.at_least("detected_after_seconds", incident.detected_after_seconds, delay - 0.1);
    }
    let coverage = incident.coverage;
    if (coverage.captured, coverage.kernel_dropped, coverage.sampled) != (1.0, 0, 1) {
        found.say("coverage", format!("{coverage:?}"), "all of it");
    }
    if f64::from(incident.pulses) > 1.0 + (incident.updated_at.seconds_since(DEFAULT_START) - BEGIN).max(0.0) {
        found.say("pulses", incident.pulses, "one per second");
    }
    for mitigation in incident.mitigations() {
        found.at_most("attack samples", mitigation.attack_samples as f64, packets);
        found.at_most("matches_attack", mitigation.matches_attack.unwrap_or(0.0), 1.0);
    }
}

fn peak(row: &Row, event: &Event, truth: &Truth, is_steady: bool, found: &mut Differences) {
    let incident = &*event.incident;
    let said = (incident.peak.packets_per_second as f64, incident.peak.bits_per_second as f64);
    let first = truth.seen.first().map_or(incident.updated_at, |packet| Timestamp::from_nanos(packet.time));
    let lasted = incident.updated_at.seconds_since(first);
    let busiest = truth.busiest();
    let busiest = (busiest.0 as f64, busiest.1 as f64 * 8.0);
    if row.kind.is_scan() {
        // Of the first second, the rate of what there has been in at least 0.2 s.
        let part = if event.change == Change::Closed { 1.0 } else { lasted.clamp(0.2, 1.0) };
        found.at_most("peak of a scan", said.0, (busiest.0 / part).round());
        found.at_most("peak of a scan in bits", said.1, (busiest.1 / part).round());
        return;
    }
    let expected = if lasted < 1.0 && event.change != Change::Closed {
        let scale = 1.0 / lasted.max(0.2);
        (truth.packets() as f64 * scale, truth.octets as f64 * 8.0 * scale)
    } else {
        busiest
    };
    if row.kind == Kind::Carpet && (lasted < 1.5 || !is_steady) {
        found.at_most("peak", said.0, row.rate * (1.0 + PEAK));
        return;
    }
    // Requests cannot be told from what else the same connections carry.
    let error = if row.kind == Kind::Http { 2.0 * PEAK } else { PEAK };
    found.near("peak", said.0, expected.0, error);
    found.near("peak in bits", said.1, expected.1, error);
    if is_steady && row.kind != Kind::Http && lasted > 0.2 {
        found.near("peak against the rate sent", said.0, row.rate, PEAK);
    }
}

fn peers(row: &Row, incident: &Incident, truth: &Truth, is_steady: bool, found: &mut Differences) {
    if row.kind == Kind::Outbound {
        let top: Vec<u64> = incident.sources.top.iter().map(|peer| peer.packets).collect();
        if (incident.sources.distinct, top.as_slice()) != (1, &[incident.totals.packets]) {
            found.say("source of an outbound flood", format!("{:?}", incident.sources), "the host");
        }
    }
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    let (said, is, error) = (peers.distinct as f64, truth.peers.len() as f64, peers.distinct_error);
    let is_right = match error {
        Some(error) if row.kind == Kind::Syn => (said - is).abs() <= said * error + HONEST_SYNS,
        Some(error) => (said - is).abs() <= said * error + 0.001,
        None => said <= is,
    };
    if !is_right {
        found.say("distinct", format!("{said} (±{error:?})"), is);
    }
    // Those of attacks that are part of conversations are estimated, as is what a few packets of the first ticks show.
    let are_counted = !matches!(row.kind, Kind::Http | Kind::Carpet) && truth.packets() as f64 > 8.0 * EARLY;
    if is_steady
        && are_counted
        && row.kind != Kind::Syn
        && truth.peers.len() <= EXACT
        && error.is_some_and(|error| error > 0.0)
    {
        found.say("distinct", format!("{said} (±{error:?})"), format!("exactly {is}"));
    }
    // Sources that have sent hardly more than once cannot be told from invented ones.
    // More than a table of peers holds look like invented ones as well: documented.
    let have_repeated = truth.packets() >= 8 * truth.peers.len() as u64
        && truth.peers.len() <= COUNTED
        && (row.kind != Kind::Syn || truth.packets() as f64 >= row.rate);
    if peers.spoofing_likely != (row.sources == 0) && (row.sources == 0 || have_repeated) {
        found.say("spoofing_likely", peers.spoofing_likely, row.sources == 0);
    }
    if peers.spoofing_likely && !peers.top.is_empty() {
        found.say("listed spoofed sources", peers.top.len(), 0);
    }
    for peer in &peers.top {
        let Some(&sent) = truth.peers.get(&peer.address) else {
            found.say("listed", peer.address, "no source");
            continue;
        };
        found.at_most(&format!("packets of {}", peer.address), peer.packets as f64, sent as f64);
        let share = sent as f64 / truth.packets() as f64;
        let missed = truth.packets() as f64 / incident.totals.packets.max(1) as f64;
        found.at_most(&format!("share of {}", peer.address), peer.share, share * missed.max(1.0) + 1e-5);
    }
    if !peers.top.windows(2).all(|pair| pair[0].packets >= pair[1].packets) || peers.top.len() > 10 {
        found.say("order of the list", format!("{:?}", peers.top), "by packets");
    }
    if !is_steady || !are_counted || !have_repeated || row.sources == 0 || truth.peers.len() > FEW {
        let heaviest = truth.peers.iter().max_by_key(|(_, packets)| **packets).map(|(address, _)| *address);
        if row.order == Order::Heavy
            && have_repeated
            && heaviest.is_some()
            && heaviest != peers.top.first().map(|peer| peer.address)
        {
            found.say("first of the list", format!("{:?}", peers.top.first()), format!("{heaviest:?}"));
        }
        return;
    }
    let mut sent: Vec<u64> = truth.peers.values().copied().collect();
    sent.sort_unstable_by(|a, b| b.cmp(a));
    found.at_least("sources listed", peers.top.len() as f64, sent.len().min(10) as f64);
    // Up to as much of one peer as is missing of all is missing.
    let missed = truth.packets().saturating_sub(incident.totals.packets) as f64;
    for (peer, sent) in peers.top.iter().zip(sent) {
        // Of SYNs the list is behind.
        let behind = if row.kind == Kind::Syn { BEHIND * row.rate } else { 0.0 };
        let early = |sent: f64| {
            let part = sent / truth.packets() as f64;
            (1.0 + 3.0 * EARLY * part).min(EARLY) + 2.0 * behind * part + behind.sqrt()
        };
        let least = sent as f64 * (1.0 - MISSED) - missed - early(sent as f64) - 1.0;
        found.at_least(&format!("packets of {} by place", peer.address), peer.packets as f64, least);
        let own = truth.peers.get(&peer.address).copied().unwrap_or(0) as f64;
        found.at_least(
            &format!("packets of {}", peer.address),
            peer.packets as f64,
            own * (1.0 - MISSED) - missed - early(own) - 1.0,
        );
    }
}

fn ports(row: &Row, incident: &Incident, truth: &Truth, found: &mut Differences) {
    for port in &incident.ports.destination {
        let is = truth.port_share(|packet| packet.ports.1 == port.port);
        if (port.share - is).abs() > port.error {
            found.say(&format!("destination port {}", port.port), format!("{} ±{}", port.share, port.error), is);
        }
    }
    for port in &incident.ports.source {
        let is = truth.port_share(|packet| packet.ports.0 == port.port);
        if (port.share - is).abs() > port.error {
            found.say(&format!("source port {}", port.port), format!("{} ±{}", port.share, port.error), is);
        }
    }
    let has_frequent = matches!(row.kind, Kind::Ntp | Kind::Dns);
    if has_frequent && incident.ports.source.is_empty() {
        found.say("source ports", "none", "one");
    }
}

fn timeline(row: &Row, incident: &Incident, truth: &Truth, is_steady: bool, found: &mut Differences) {
    for point in &incident.timeline {
        let (packets, octets) = truth.second(point.at);
        let place = format!("timeline at {}", point.at);
        let (said, bits) = (point.packets_per_second as f64, point.bits_per_second as f64);
        found.at_most(&place, said, packets as f64 + HONEST_SYNS);
        found.at_most(&format!("{place}, bits"), bits, octets as f64 * 8.0 * (1.0 + MISSED) + 800.0 * HONEST_SYNS);
        if is_steady && row.kind != Kind::Carpet {
            found.at_least(&place, said, packets as f64 * (1.0 - PEAK) - 1.0);
        }
    }
}

fn evidence(row: &Row, incident: &Incident, truth: &Truth, found: &mut Differences) {
    let busiest = truth.busiest().0 as f64;
    for evidence in &incident.evidence {
        if evidence.measure.ends_with("_per_second") && evidence.window_seconds == 1.0 {
            // A handshake of an honest client may be under way.
            let honest = if evidence.measure.contains("syn") { HONEST_SYNS } else { 0.0 };
            found.at_most(evidence.measure, evidence.value, busiest + honest);
            if !evidence.message.starts_with(&format!("{:.0} ", evidence.value)) {
                found.say("message", &evidence.message, evidence.value);
            }
        }
        if evidence.measure.starts_with("distinct_") && !row.kind.is_scan() {
            let most = (truth.peers.len() as f64).min(busiest) + HONEST;
            found.at_most(evidence.measure, evidence.value, most * 1.2);
        }
        // "; 198.18.0.1 sends 31 % of the sampled packets", "; port 80 receives 70 % of them"
        for part in evidence.message.split("; ").skip(1) {
            let words: Vec<&str> = part.split(' ').collect();
            let share = match words[..] {
                [peer, "sends" | "receives", share, "%", ..] => {
                    let packets = peer.parse().ok().and_then(|peer: Addr| truth.peers.get(&peer));
                    packets.map(|packets| (*packets as f64 / truth.packets() as f64, share))
                }
                ["port", port, "receives", share, "%", ..] => {
                    let port: u16 = port.parse().unwrap_or(0);
                    Some((truth.port_share(|packet| packet.ports.1 == port), share))
                }
                _ => None,
            };
            if let Some((is, said)) = share {
                let said: f64 = said.parse().unwrap_or(f64::NAN);
                let error = part.split_once("(±").and_then(|(_, error)| error.split_once(')')?.0.parse().ok());
                let most = error.unwrap_or(0.0f64) / 100.0 + 0.05;
                if said.is_nan() || (said / 100.0 - is).abs() > most {
                    found.say("evidence", part, format!("{:.0} %", is * 100.0));
                }
            }
        }
    }
}
