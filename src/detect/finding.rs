//! The interface between detection and incidents: what a detector found in one tick, and why.

use super::evidence::Evidence;
use super::exceeded::Exceeded;
use super::host_context::HostContext;
use super::limit::LimitFrom;
use super::shape::UNDER_WAY;
use super::target::Target;
use super::threshold::Threshold;
use crate::base::{Addr, Direction, Pattern, Severity, TICKS_PER_SECOND, Timestamp, Vector, VectorClass};
use crate::meter::{Count, HostTick, PeerCount, PeerSum, Registers, Sample, Span, SpanCounts};
use crate::packet::Class;

pub(super) const THRESHOLDS: &[Threshold] = &[CRITICAL];

const CRITICAL: Threshold = Threshold {
    name: "critical",
    value: 5.0,
    unit: "times the limit",
    reason: "a host near its limit gives a warning; what exceeds it five times is worth waking an operator",
    guarded_by: "syn_flood",
};
/// Confidence at the limit, and the one that it approaches far above it.
const LEAST_CONFIDENCE: f64 = 0.8;
const HIGHEST_CONFIDENCE: f64 = 0.99;

/// Traffic that belongs to a finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Packets and bytes, those without a sample included.
    pub count: Count,
    /// Sampled packets; each stands for its weight.
    pub samples: Vec<Sample>,
    /// Peers: sources of an inbound attack, victims of an outbound one. Those of all traffic of the host.
    pub peers: Registers,
    /// Peers that were counted one by one, as far as they were.
    pub counted: PeerSum,
}

/// What one detector reports at the end of one tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The host, network, station, segment or host check that the incident is about.
    pub target: Target,
    /// Name of the captured interface; `None` where the finding covers all of them.
    pub interface: Option<String>,
    /// VLAN ID of the frames; `None`: untagged, or no single VLAN.
    pub vlan: Option<u16>,
    /// Direction of the traffic, relative to our networks.
    pub direction: Direction,
    /// The attack vector that the shape of the traffic shows.
    pub vector: Vector,
    /// Severity in this tick, before the setting `severity` of the detector overrides it.
    pub severity: Severity,
    /// 0 to 1: how certain the shape makes it that this is the vector's attack.
    pub confidence: f64,
    /// Best estimate of when it began.
    pub since: Timestamp,
    /// The classes of its packets; empty where it is not about packets of classes.
    pub classes: &'static [Class],
    /// In this tick.
    pub now: Traffic,
    /// In the last second, this tick included.
    pub recent: Traffic,
    /// What belongs to it from before the last second, where that was counted.
    pub earlier: Count,
    /// The peer of all packets, where that is known.
    pub only_peer: Option<Addr>,
    /// Whether the source addresses, IP or MAC, are probably forged.
    pub spoofing_likely: bool,
    /// A pattern that this finding alone shows.
    pub pattern: Option<Pattern>,
    /// The guest that it is about, where the inventory knows it: filled in for all findings in one place.
    pub guest: Option<String>,
    /// Names in the traffic of the tick, with the number of requests for each.
    pub names: Vec<NameCount>,
    /// Whether it is so much that no shape, and no hand-over to another detector, excuses it.
    pub beyond_ceiling: bool,
    /// The measurements that it rests on.
    pub evidence: Vec<Evidence>,
}

/// A name in the traffic: which site, which zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameCount {
    /// Escaped for display. Empty: requests whose name could not be read.
    pub name: String,
    /// As in the incident JSON: `http_host`, `tls_sni`, `dns_zone`.
    pub kind: &'static str,
    /// Requests with this name in the tick.
    pub count: u64,
}

/// Packets of some classes that were not asked for when they came, whatever was learned of them later.
fn unsolicited(counts: SpanCounts<'_>, classes: &[Class]) -> u64 {
    let mut verdicts = counts.verdicts(classes);
    if classes.contains(&Class::Udp) {
        verdicts.merge(&counts.amplifier_replies());
    }
    verdicts.unsolicited_at_first() + verdicts.unknown + verdicts.steady
}

fn severity(value: f64, limit: f64) -> Severity {
    if value >= limit * CRITICAL.value { Severity::Critical } else { Severity::Warning }
}

/// How much longer the sampled packets that were not asked for are than all sampled ones.
fn mean_length_ratio(host: &HostContext<'_>, classes: &[Class]) -> f64 {
    let (mut meant, mut all) = ((0.0, 0.0), (0.0, 0.0));
    for sample in host.samples(classes) {
        let (weight, octets) = (f64::from(sample.weight), f64::from(sample.weight) * f64::from(sample.length));
        all = (all.0 + weight, all.1 + octets);
        if !sample.is_solicited() {
            meant = (meant.0 + weight, meant.1 + octets);
        }
    }
    if meant.0 > 0.0 && all.1 > 0.0 { (meant.1 / meant.0) / (all.1 / all.0) } else { 1.0 }
}

/// A count of `packets` of `all`, with bytes in proportion.
pub(super) fn part_of(all: Count, packets: u64) -> Count {
    let packets = packets.min(all.packets);
    let bytes = u128::from(all.bytes) * u128::from(packets) / u128::from(all.packets.max(1));
    // At most `all.bytes`, which fits.
    Count { packets, bytes: bytes as u64 }
}

impl Finding {
    /// The classes of its packets, a bit each.
    pub fn class_mask(&self) -> u32 {
        self.classes.iter().fold(0, |mask, class| mask | 1 << *class as u32)
    }

    /// A warning about `target`, without traffic and evidence. What is known beyond that, the caller sets.
    pub(crate) fn about(target: Target, direction: Direction, vector: Vector, since: Timestamp) -> Finding {
        Finding {
            target,
            interface: None,
            vlan: None,
            direction,
            vector,
            severity: Severity::Warning,
            confidence: 0.9,
            since,
            classes: &[],
            now: Traffic::default(),
            recent: Traffic::default(),
            earlier: Count::default(),
            only_peer: None,
            spoofing_likely: false,
            pattern: None,
            names: Vec::new(),
            guest: None,
            beyond_ceiling: false,
            evidence: Vec::new(),
        }
    }

    /// A finding about a host or prefix, with its traffic of `classes` filled in. Of a flood, what the host asked for is not
    /// counted; its bytes are estimated by the mean length of the classes.
    pub(super) fn new(host: &HostContext<'_>, vector: Vector, classes: &'static [Class]) -> Finding {
        // A flood that was not asked for is separated from the honest traffic of the same classes.
        let is_separate =
            matches!(vector.class(), VectorClass::Flood) && unsolicited(host.forward(Span::Second), classes) > 0;
        let in_tick = |tick: &HostTick| match is_separate {
            true => unsolicited(host.forward_in_tick(tick), classes),
            false => host.in_tick(tick, classes).packets,
        };
        let octets = if is_separate { mean_length_ratio(host, classes) } else { 1.0 };
        let count = |span: Span| {
            let all = host.forward(span).of_all(classes);
            if !is_separate {
                return all;
            }
            let part = part_of(all, unsolicited(host.forward(span), classes));
            Count { bytes: ((part.bytes as f64 * octets) as u64).min(all.bytes), ..part }
        };
        let is_meant = |sample: &&Sample| !(is_separate && sample.is_solicited());
        // Who opens a connection may still complete it.
        let settled = if classes == [Class::TcpSyn] { UNDER_WAY } else { 0 };
        Finding {
            classes,
            now: Traffic {
                count: count(Span::Tick),
                samples: host.tick_samples(classes).filter(is_meant).copied().collect(),
                peers: host.tick_peers(),
                counted: host.peer_counts(settled..settled + 1, classes),
            },
            recent: Traffic {
                count: count(Span::Second),
                samples: host.samples(classes).filter(is_meant).copied().collect(),
                peers: host.peers(),
                counted: host.peer_counts(settled..TICKS_PER_SECOND, classes),
            },
            ..Finding::about(host.target().clone(), host.direction(), vector, host.onset(in_tick))
        }
    }

    /// Keeps only a part of the samples and of the counted peers.
    pub(super) fn retain(&mut self, sample: impl Fn(&Sample) -> bool, peer: impl Fn(&PeerCount) -> bool) {
        for traffic in [&mut self.now, &mut self.recent] {
            traffic.samples.retain(&sample);
            traffic.counted.counts.retain(&peer);
        }
    }

    /// Whether its packets are SYNs: who sends them may still complete the handshake.
    pub fn counts_syns(&self) -> bool {
        self.classes.contains(&Class::TcpSyn)
    }

    /// Evidence about a group's limit says which group.
    pub(super) fn name_group(&mut self, group: &str) {
        for evidence in self.evidence.iter_mut().filter(|evidence| evidence.limit_from == Some(LimitFrom::Group)) {
            evidence.message = evidence.message.replacen("(group)", &format!("(group {group})"), 1);
        }
    }

    /// Grades by how far a rate exceeds its limit: as it is applied for the certainty, as it was before it was learned or
    /// lowered for the severity, so that a raised limit does not turn a flood into a warning.
    pub(super) fn graded_by(self, exceeded: &Exceeded) -> Finding {
        let mut finding = self.graded(exceeded.rate, exceeded.limit.value);
        finding.severity = severity(exceeded.rate, exceeded.limit.grade());
        finding.beyond_ceiling = exceeded.is_beyond_ceiling();
        finding
    }

    /// Grades by how far the limit is exceeded. The further, the more certain.
    pub fn graded(mut self, value: f64, limit: f64) -> Finding {
        let times = if limit > 0.0 { value / limit } else { f64::INFINITY };
        self.severity = severity(value, limit);
        self.confidence = HIGHEST_CONFIDENCE - (HIGHEST_CONFIDENCE - LEAST_CONFIDENCE) / times.max(1.0);
        self
    }
}
