//! The seam between detection and incidents: what a detector found in one tick, and why.

use super::HostContext;
use crate::base::{Addr, Direction, Mac, Pattern, Severity, Timestamp, Vector};
use crate::meter::{Count, HostTick, Registers, Sample};
use crate::packet::Class;
use ipnet::IpNet;
use serde::Serialize;
use std::fmt;

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    Host(Addr),
    /// A network as a whole.
    Prefix(IpNet),
    /// A MAC address on an interface.
    Station {
        mac: Mac,
        interface: String,
    },
    /// All stations behind an interface.
    Segment {
        interface: String,
        vlan: Option<u16>,
    },
    /// Something that this host itself must keep up: a check of its posture, by name.
    Sensor {
        what: String,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Host(address) => address.fmt(f),
            Target::Prefix(network) => network.fmt(f),
            Target::Station { mac, interface } => write!(f, "{mac} on {interface}"),
            Target::Segment { interface, vlan: None } => write!(f, "segment {interface}"),
            Target::Segment { interface, vlan: Some(vlan) } => write!(f, "VLAN {vlan} of segment {interface}"),
            Target::Sensor { what } => write!(f, "posture check {what}"),
        }
    }
}

/// Where a limit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitFrom {
    /// As shipped.
    Default,
    /// The operator's word for all hosts.
    Config,
    /// The operator's word for the host's group.
    Group,
    /// What is usual for the host at this hour of the week.
    Learned,
}

/// One measurement that speaks for (or qualifies) a finding. Public API: part of the incident JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// Name of the measurement, snake case with its unit.
    pub measure: &'static str,
    pub value: f64,
    /// What it was compared with; `null` where it is told for context.
    pub limit: Option<f64>,
    pub limit_from: Option<LimitFrom>,
    pub window_seconds: f64,
    /// The same in words, complete in itself.
    pub message: String,
}

/// Traffic that belongs to a finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    pub count: Count,
    /// Sampled packets; each stands for its weight.
    pub samples: Vec<Sample>,
    /// The other side: sources of an inbound attack, victims of an outbound one.
    pub peers: Registers,
}

/// What one detector says at the end of one tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub target: Target,
    pub interface: Option<String>,
    pub vlan: Option<u16>,
    pub direction: Direction,
    pub vector: Vector,
    pub severity: Severity,
    /// 0 to 1: how sure the shape makes it that this is what the vector says.
    pub confidence: f64,
    /// Best estimate of when it began.
    pub since: Timestamp,
    /// In this tick.
    pub now: Traffic,
    /// In the last second, this tick included.
    pub recent: Traffic,
    pub spoofing_likely: bool,
    /// A shape over space that this finding alone shows.
    pub pattern: Option<Pattern>,
    /// The guest that it is about, where the inventory knows: filled in for all findings in one place.
    pub guest: Option<String>,
    /// Names that the traffic of the tick carries, with how many requests each.
    pub names: Vec<NameCount>,
    pub evidence: Vec<Evidence>,
}

/// A name in the traffic: which site, which zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameCount {
    /// Escaped for display. Empty: requests whose name could not be read.
    pub name: String,
    /// As in the incident JSON: `http_host`, `tls_sni`, `dns_zone`.
    pub kind: &'static str,
    pub count: u64,
}

impl Finding {
    /// A finding about a case, with the traffic of `classes` filled in.
    pub(super) fn of_host(host: &HostContext<'_>, vector: Vector, classes: &'static [Class]) -> Finding {
        use crate::meter::Span;
        let in_tick = |tick: &HostTick| host.in_tick(tick, classes).packets;
        Finding {
            target: host.target().clone(),
            interface: None,
            vlan: None,
            direction: host.direction(),
            vector,
            severity: Severity::Warning,
            confidence: 0.9,
            since: host.onset(in_tick),
            now: Traffic {
                count: host.forward(Span::Tick).of_all(classes),
                samples: host.tick_samples(classes).copied().collect(),
                peers: host.tick_peers(),
            },
            recent: Traffic {
                count: host.forward(Span::Second).of_all(classes),
                samples: host.samples(classes).copied().collect(),
                peers: host.peers(),
            },
            spoofing_likely: false,
            pattern: None,
            names: Vec::new(),
            guest: None,
            evidence: Vec::new(),
        }
    }

    /// Evidence about a group's limit says which group.
    pub(super) fn name_group(&mut self, group: &str) {
        for evidence in self.evidence.iter_mut().filter(|evidence| evidence.limit_from == Some(LimitFrom::Group)) {
            evidence.message = evidence.message.replacen("(group)", &format!("(group {group})"), 1);
        }
    }

    /// Grades by how far the limit is exceeded: five times over is critical. The further over, the surer.
    pub fn graded(mut self, value: f64, limit: f64) -> Finding {
        let times = if limit > 0.0 { value / limit } else { f64::INFINITY };
        self.severity = if times >= 5.0 { Severity::Critical } else { Severity::Warning };
        // From 0.8 at the limit towards 0.99 far above it.
        self.confidence = (0.99 - 0.19 / times.max(1.0)).clamp(0.5, 0.99);
        self
    }
}
