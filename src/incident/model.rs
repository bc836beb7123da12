//! The incident as the world sees it: one JSON object. Public API: fields are only ever added.

use super::maintenance::MaintenanceMark;
use crate::base::{Addr, Direction, Mac, Pattern, Severity, Timestamp, Vector};
use crate::detect::{Evidence, Target};
use crate::mitigation::{Mitigation, Suggestions};
use serde::{Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    pub id: String,
    /// The vector with the most packets so far; of layer 2 the gravest.
    pub vector: Vector,
    /// Every vector so far, in order of appearance.
    pub vectors: Vec<Vector>,
    pub patterns: Vec<Pattern>,
    pub direction: Direction,
    /// The highest so far.
    pub severity: Severity,
    #[serde(serialize_with = "hundredths")]
    pub confidence: f64,
    pub target: TargetView,
    pub opened_at: Timestamp,
    /// Last moment at which a detector was over its limit.
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub close_reason: Option<CloseReason>,
    /// From the estimated beginning of the attack to `opened_at`.
    #[serde(serialize_with = "thousandths")]
    pub detected_after_seconds: f64,
    pub peak: Rates,
    pub totals: Totals,
    pub sources: Peers,
    /// Whom our culprit attacks; outbound incidents only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub victims: Option<Peers>,
    pub ports: Ports,
    /// Bursts of a pulse wave so far; 0 where it is none.
    pub pulses: u32,
    /// Names (HTTP Host, TLS SNI, DNS) that the traffic carries.
    pub names: Vec<Name>,
    pub evidence: Vec<Evidence>,
    pub coverage: Coverage,
    /// Set where it was opened within a planned window.
    pub maintenance: Option<MaintenanceMark>,
    /// Made by `pegel drill`: no packet of it was ever on a wire.
    pub drill: bool,
    /// At most [`TIMELINE`] points, evenly spaced.
    pub timeline: Vec<Point>,
    /// What could be done about it; written out by [`Incident::mitigations`].
    #[serde(skip)]
    pub suggestions: Suggestions,
}

impl Incident {
    /// True where another incident tells of the same packets.
    pub fn is_part_of_another(&self) -> bool {
        self.close_reason == Some(CloseReason::Merged)
    }

    /// What could be done about it, by what was seen until now.
    pub fn mitigations(&self) -> Vec<Mitigation> {
        self.suggestions.write(&self.id)
    }
}

/// An incident with what could be done about it, written out: the object of `pegel replay --format json` and of
/// `/api/v1/incidents/{id}`.
#[derive(Serialize)]
pub struct Detailed<'a> {
    #[serde(flatten)]
    incident: &'a Incident,
    mitigations: Vec<Mitigation>,
}

impl<'a> Detailed<'a> {
    pub fn new(incident: &'a Incident) -> Detailed<'a> {
        Detailed { incident, mitigations: incident.mitigations() }
    }
}

/// Most points that a timeline holds; when full, every second point goes and the spacing doubles.
pub const TIMELINE: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// No detector was over its limit for the quiet period.
    Quiet,
    /// It turned out to be part of a larger one, of its prefix.
    Merged,
    /// Pegel stopped while the incident was open.
    Shutdown,
    /// The capture's clock jumped, so that before and after cannot be one.
    ClockChange,
}

/// What the incident is about; fields that do not apply are `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetView {
    pub kind: &'static str,
    pub address: Option<Addr>,
    pub mac: Option<Mac>,
    pub guest: Option<String>,
    pub prefix: Option<String>,
    pub interface: Option<String>,
    pub vlan: Option<u16>,
    /// Name of the check that fails, where the incident is about this host's posture.
    pub sensor: Option<String>,
}

impl TargetView {
    pub(super) fn new(target: &Target, interface: Option<&String>, vlan: Option<u16>, guest: Option<&String>) -> Self {
        let nobody = TargetView {
            kind: "host",
            address: None,
            mac: None,
            guest: guest.cloned(),
            prefix: None,
            interface: interface.cloned(),
            vlan,
            sensor: None,
        };
        match target {
            Target::Host(address) => TargetView { address: Some(*address), ..nobody },
            Target::Prefix(network) => TargetView { kind: "prefix", prefix: Some(network.to_string()), ..nobody },
            Target::Station { mac, interface } => {
                TargetView { kind: "station", mac: Some(*mac), interface: Some(interface.clone()), ..nobody }
            }
            Target::Segment { interface, vlan } => {
                TargetView { kind: "segment", interface: Some(interface.clone()), vlan: *vlan, ..nobody }
            }
            Target::Sensor { what } => TargetView { kind: "sensor", sensor: Some(what.clone()), ..nobody },
        }
    }

    /// The target in one word, for tables and labels.
    pub fn label(&self) -> String {
        match (self.address, self.mac) {
            (Some(address), _) => address.to_string(),
            (None, Some(mac)) => mac.to_string(),
            (None, None) => {
                let segment = || self.interface.clone().filter(|_| self.kind == "segment");
                self.prefix
                    .clone()
                    .or_else(|| self.sensor.clone())
                    .or_else(segment)
                    .unwrap_or_else(|| self.kind.to_owned())
            }
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rates {
    pub packets_per_second: u64,
    pub bits_per_second: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub packets: u64,
    pub bytes: u64,
}

/// The other side: estimates, from a HyperLogLog and a frequent-items sketch of sampled packets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Peers {
    pub distinct: u64,
    pub spoofing_likely: bool,
    pub top: Vec<Peer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Peer {
    pub address: Addr,
    pub packets: u64,
    pub share: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ports {
    pub destination: Vec<Port>,
    pub source: Vec<Port>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Port {
    pub port: u16,
    pub share: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Name {
    /// Escaped for display; empty for what could not be attributed (no handshake, encrypted, cut off).
    pub name: String,
    pub kind: &'static str,
    pub share: f64,
}

/// How much of the traffic was seen while the incident was open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// Share of packets that reached us.
    pub captured: f64,
    pub kernel_dropped: u64,
    /// One packet in so many was looked at, where that was least.
    pub sampled: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    pub at: Timestamp,
    pub packets_per_second: u64,
    pub bits_per_second: u64,
}

/// Shares carry five digits: enough for one packet in 65,000.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole.max(1) as f64 * 1e5).round() / 1e5
}

fn hundredths<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value * 100.0).round() / 100.0)
}

fn thousandths<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value * 1000.0).round() / 1000.0)
}
