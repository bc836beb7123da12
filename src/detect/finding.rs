//! The seam between detection and incidents: what a detector found in one tick, and why.

use super::settings::Limit;
use crate::base::{Addr, Direction, Mac, Severity, Timestamp, Vector};
use crate::meter::{Count, Flow, HostTick, Registers, Sample};
use crate::packet::Class;
use serde::Serialize;

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    Host(Addr),
    /// A MAC address on an interface.
    Station {
        mac: Mac,
        interface: String,
    },
}

/// Where a limit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitFrom {
    Default,
    Config,
}

impl From<Limit> for LimitFrom {
    fn from(limit: Limit) -> Self {
        if limit.configured { LimitFrom::Config } else { LimitFrom::Default }
    }
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
    pub says: String,
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
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// A finding about a host, with the traffic of `classes` filled in.
    pub fn of_flow(flow: &Flow<'_>, direction: Direction, vector: Vector, classes: &'static [Class]) -> Finding {
        use crate::meter::Span;
        let in_tick = |tick: &HostTick| flow.in_tick(tick, classes).packets;
        Finding {
            target: Target::Host(flow.host().address()),
            interface: None,
            vlan: None,
            direction,
            vector,
            severity: Severity::Warning,
            confidence: 0.9,
            since: flow.onset(in_tick),
            now: Traffic {
                count: flow.forward(Span::Tick).of_all(classes),
                samples: flow.tick_samples(classes).copied().collect(),
                peers: flow.tick_peers(),
            },
            recent: Traffic {
                count: flow.forward(Span::Second).of_all(classes),
                samples: flow.samples(classes).copied().collect(),
                peers: flow.peers(),
            },
            spoofing_likely: false,
            evidence: Vec::new(),
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
