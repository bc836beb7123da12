//! Incidents that were open when Pegel stopped: they go on under the same ID.

use super::key::Key;
use super::model::{Incident, Peer, Peers, Rates, TIMELINE, TargetView, Totals, rounded, share, thin};
use crate::base::{Pattern, Timestamp};
use crate::detect::Target;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Those of which no detector has found anything since the start.
#[derive(Default)]
pub(super) struct Resumed(BTreeMap<Key, Arc<Incident>>);

impl Resumed {
    /// Adds one; false where its JSON no longer identifies its target.
    pub(super) fn add(&mut self, incident: Arc<Incident>) -> bool {
        let key = key(&incident);
        let is_known = key.is_some();
        self.0.extend(key.map(|key| (key, incident)));
        is_known
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Arc<Incident>)> {
        self.0.iter()
    }

    /// Takes one, because a detector has found it again.
    pub(super) fn take(&mut self, key: &Key) -> Option<Arc<Incident>> {
        self.0.remove(key)
    }

    /// Takes all that have been quiet for `quiet` seconds at `now`.
    pub(super) fn take_quiet(&mut self, now: Timestamp, quiet: f64) -> Vec<Arc<Incident>> {
        let is_quiet = |incident: &Incident| now.seconds_since(incident.updated_at) >= quiet;
        let quiet = self.0.values().filter(|incident| is_quiet(incident)).cloned().collect();
        self.0.retain(|_, incident| !is_quiet(incident));
        quiet
    }

    /// Takes all.
    pub(super) fn take_all(&mut self) -> Vec<Arc<Incident>> {
        std::mem::take(&mut self.0).into_values().collect()
    }
}

fn key(incident: &Incident) -> Option<Key> {
    Some(Key::of(target(&incident.target)?, incident.direction, incident.vector.is_note()))
}

fn target(view: &TargetView) -> Option<Target> {
    let interface = || view.interface.clone();
    Some(match view.kind {
        "host" => Target::Host(view.address?),
        "prefix" => Target::Prefix(view.prefix.as_ref()?.parse().ok()?),
        "station" => Target::Station { mac: view.mac?, interface: interface()? },
        "segment" => Target::Segment { interface: interface()?, vlan: view.vlan },
        "interface" => Target::Interface { name: interface()? },
        "sensor" => Target::Sensor { what: view.sensor.clone()? },
        _ => return None,
    })
}

/// The whole incident: `earlier`, up to the restart, and `later`, since then.
pub(super) fn whole(earlier: &Incident, later: Incident) -> Incident {
    let mut vectors = earlier.vectors.clone();
    vectors.extend(later.vectors.iter().filter(|vector| !earlier.vectors.contains(vector)));
    let mut patterns = earlier.patterns.clone();
    patterns.extend(later.patterns.iter().filter(|pattern| !earlier.patterns.contains(pattern)));
    if vectors.len() > 1 && !patterns.contains(&Pattern::MultiVector) {
        patterns.push(Pattern::MultiVector);
    }
    patterns.sort();
    // Of a vector that was found again, the evidence is that of the stronger part.
    let (stronger, weaker) = if earlier.peak.packets_per_second > later.peak.packets_per_second {
        (earlier, &later)
    } else {
        (&later, earlier)
    };
    let mut evidence = stronger.evidence.clone();
    let is_new = |measure: &str| !stronger.evidence.iter().any(|known| known.measure == measure);
    evidence.extend(weaker.evidence.iter().filter(|one| is_new(one.measure)).cloned());
    let larger = if earlier.totals.packets > later.totals.packets { earlier } else { &later };
    let (ports, names, vector) = (larger.ports.clone(), larger.names.clone(), larger.vector);
    let packets = earlier.totals.packets.saturating_add(later.totals.packets);
    let mut coverage = later.coverage;
    // Nothing was captured from the last finding before to the first one after.
    let unseen = later.opened_at.seconds_since(earlier.updated_at);
    let whole = later.updated_at.seconds_since(earlier.onset()).max(unseen);
    let seen = if whole > 0.0 { 1.0 - unseen / whole } else { 1.0 };
    coverage.captured = rounded(earlier.coverage.captured.min(later.coverage.captured) * seen);
    coverage.kernel_dropped = coverage.kernel_dropped.saturating_add(earlier.coverage.kernel_dropped);
    coverage.sampled = earlier.coverage.sampled.max(later.coverage.sampled);
    let mut timeline = [&earlier.timeline[..], &later.timeline[..]].concat();
    while timeline.len() > TIMELINE {
        thin(&mut timeline);
    }
    Incident {
        id: earlier.id.clone(),
        vector,
        vectors,
        patterns,
        severity: earlier.severity.max(later.severity),
        confidence: earlier.confidence.max(later.confidence),
        opened_at: earlier.opened_at,
        detected_after_seconds: earlier.detected_after_seconds,
        peak: Rates {
            packets_per_second: earlier.peak.packets_per_second.max(later.peak.packets_per_second),
            bits_per_second: earlier.peak.bits_per_second.max(later.peak.bits_per_second),
        },
        totals: Totals { packets, bytes: earlier.totals.bytes.saturating_add(later.totals.bytes) },
        sources: peers(&earlier.sources, &later.sources, packets),
        victims: match (&earlier.victims, &later.victims) {
            (Some(earlier), Some(later)) => Some(peers(earlier, later, packets)),
            (earlier, later) => earlier.clone().or_else(|| later.clone()),
        },
        ports,
        pulses: earlier.pulses.max(later.pulses),
        names,
        evidence,
        coverage,
        maintenance: earlier.maintenance.clone(),
        timeline,
        ..later
    }
}

/// The peers of both parts. Who is in both is not known beyond the lists, so that their number is a lower bound.
fn peers(earlier: &Peers, later: &Peers, packets: u64) -> Peers {
    let spoofing_likely = earlier.spoofing_likely || later.spoofing_likely;
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    if !spoofing_likely {
        for peer in earlier.top.iter().chain(&later.top) {
            *counts.entry(peer.address).or_default() += peer.packets;
        }
    }
    let most = earlier.top.len().max(later.top.len());
    let mut top: Vec<Peer> = counts
        .into_iter()
        .map(|(address, count)| Peer { address, packets: count, share: share(count, packets) })
        .collect();
    top.sort_by_key(|peer| std::cmp::Reverse(peer.packets));
    top.truncate(most);
    let are_one = earlier.distinct == 1 && later.distinct == 1 && top.len() == 1;
    let distinct_error = if are_one { Some(0.0) } else { None };
    Peers { distinct: earlier.distinct.max(later.distinct), distinct_error, spoofing_likely, top }
}
