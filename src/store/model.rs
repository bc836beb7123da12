//! What the store keeps, in the form in which it is read back.

use crate::base::{Severity, Timestamp, Vector};
use crate::capture::{FrameDirection, LinkType};
use crate::incident::Incident;
use crate::meter::Count;
use crate::packet::Class;

/// An incident with everything that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredIncident {
    /// Its last known state.
    pub incident: Incident,
    /// Suggested filters and routes, as in the incident JSON; none while it is new.
    pub mitigations: Vec<serde_json::Value>,
    /// What changed, in order of time.
    pub changes: Vec<StoredChange>,
    /// Its traffic by second, in order of time, from before its onset to after its end. Seconds without packets are left out.
    pub seconds: Vec<IncidentSecond>,
    /// Beginning and length in seconds of the times within it in which nothing was captured, such as a restart: seconds that are
    /// left out there are unknown, not without packets.
    pub gaps: Vec<(Timestamp, f64)>,
}

/// A change of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChange {
    /// When it was judged.
    pub at: Timestamp,
    /// `opened`, `extended`, `escalated`, `updated`, `resumed` or `closed`.
    pub change: String,
    /// After the change.
    pub severity: Severity,
    /// The main vector after the change.
    pub vector: Vector,
}

/// One second of an incident; of one that lasts for hours, a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentSecond {
    /// The beginning of the second.
    pub at: Timestamp,
    /// Its length in seconds: 1, or 60 after the first two hours of an incident.
    pub length: u32,
    /// Packets that findings counted, by vector. None before the onset and after the end.
    pub vectors: Vec<(Vector, Count)>,
    /// All packets of the target in the direction of the incident; `None` where the target has no such counter.
    pub target: Option<Count>,
}

impl Default for IncidentSecond {
    /// A second at the epoch, without packets.
    fn default() -> IncidentSecond {
        IncidentSecond { at: Timestamp::ZERO, length: 1, vectors: Vec::new(), target: None }
    }
}

impl IncidentSecond {
    /// Adds another part of the same second.
    pub fn add(&mut self, vectors: &[(Vector, Count)], target: Option<Count>) {
        for (vector, count) in vectors {
            match self.vectors.iter_mut().find(|(known, _)| known == vector) {
                Some((_, sum)) => sum.merge(*count),
                None => self.vectors.push((*vector, *count)),
            }
        }
        if let Some(count) = target {
            self.target.get_or_insert_default().merge(count);
        }
    }
}

/// A captured packet that was kept as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPacket {
    /// Time of capture.
    pub time: Timestamp,
    /// Index of the interface among those of the run.
    pub interface: u16,
    /// What the first octets of `data` are.
    pub link: LinkType,
    /// Whether it entered or left the machine.
    pub direction: FrameDirection,
    /// Octets on the wire.
    pub wire_len: u32,
    /// Its traffic class.
    pub class: Class,
    /// Whether a finding counted packets like it: of its target, direction and class.
    pub is_attack: bool,
    /// Its first octets.
    pub data: Box<[u8]>,
}

/// What a subject is of which minutes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectKind {
    /// An address of ours.
    Host,
    /// A virtual machine or container.
    Guest,
}

/// One minute of a host or guest.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectMinute {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// What it is.
    pub kind: SubjectKind,
    /// Its address, or the label of the guest.
    pub subject: String,
    /// What it received.
    pub received: DirectionMinute,
    /// What it sent.
    pub sent: DirectionMinute,
}

/// One minute of traffic in one direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DirectionMinute {
    /// All packets.
    pub count: Count,
    /// The same by class, most packets first; empty for guests, whose frames are counted as such.
    pub classes: Vec<(String, Count)>,
    /// The second with the most packets.
    pub peak_packets_per_second: u64,
    /// The second with the most bits.
    pub peak_bits_per_second: u64,
    /// The peak second of each judged quantity that was not zero, by the name of its setting.
    pub peaks: Vec<(String, f64)>,
    /// The most distinct peers of a second; an estimate of ±13 % (three standard errors).
    pub peers: u64,
}

impl DirectionMinute {
    /// Together with a later part of the same minute.
    pub fn with(mut self, later: &DirectionMinute) -> DirectionMinute {
        self.count.merge(later.count);
        for (class, count) in &later.classes {
            match self.classes.iter_mut().find(|(known, _)| known == class) {
                Some((_, sum)) => sum.merge(*count),
                None => self.classes.push((class.clone(), *count)),
            }
        }
        self.classes.sort_by_key(|(_, count)| std::cmp::Reverse(count.packets));
        self.peak_packets_per_second = self.peak_packets_per_second.max(later.peak_packets_per_second);
        self.peak_bits_per_second = self.peak_bits_per_second.max(later.peak_bits_per_second);
        for (quantity, peak) in &later.peaks {
            match self.peaks.iter_mut().find(|(known, _)| known == quantity) {
                Some((_, known)) => *known = known.max(*peak),
                None => self.peaks.push((quantity.clone(), *peak)),
            }
        }
        self.peers = self.peers.max(later.peers);
        self
    }
}

/// How much of a period was captured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeriodCoverage {
    /// Beginning of the period.
    pub from: Timestamp,
    /// End of the period.
    pub to: Timestamp,
    /// Seconds of it in which every interface in question was captured.
    pub captured_seconds: f64,
    /// Packets that reached the kernel, over all interfaces in question.
    pub packets: u64,
    /// Those of them that the kernel dropped.
    pub dropped: u64,
    /// Packets were sampled 1 in N: the largest N.
    pub sampled: u32,
    /// Whether `dropped` is unknown: a capture file does not say what it misses.
    pub is_file: bool,
    /// Beginning and length in seconds of the longest time without capture, where there was one.
    pub longest_gap: Option<(Timestamp, f64)>,
    /// Names of the interfaces in question.
    pub interfaces: Vec<String>,
}

/// Coverage from which on a period may be said to be without attacks, and the longest gap within it, in seconds. A flood of a
/// second can be missed below.
pub const LEAST_COVERAGE: f64 = 0.99;
/// See [`LEAST_COVERAGE`].
pub const LONGEST_GAP: f64 = 1.0;

impl PeriodCoverage {
    /// The share of the period's packets that were captured, 0 to 1: the part of the time, less what the kernel dropped.
    pub fn ratio(&self) -> f64 {
        let whole = self.to.seconds_since(self.from);
        let time = if whole > 0.0 { (self.captured_seconds / whole).min(1.0) } else { 0.0 };
        let kept = 1.0 - (self.dropped as f64 / self.packets.max(1) as f64).min(1.0);
        time * kept
    }

    /// Whether "no attack" may be said of the period: enough of it was captured, and every packet was inspected.
    pub fn allows_no(&self) -> bool {
        self.sampled <= 1
            && self.ratio() >= LEAST_COVERAGE
            && self.longest_gap.is_none_or(|(_, seconds)| seconds <= LONGEST_GAP)
    }
}
