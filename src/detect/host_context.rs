//! What a detector judges: one host or one prefix in one direction, with the limits that hold there.

use super::baseline::LearnedLevels;
use super::settings::{Limit, Limits};
use super::{Finding, LimitFrom, Target};
use crate::base::{Direction, Vector};
use crate::inventory::{GroupId, Site};
use crate::meter::HostDirection;
use crate::packet::Class;
use ipnet::IpNet;
use std::ops::Deref;

/// One [`HostDirection`] (which it can be used as), whom it is about, and what counts as too much there.
pub struct HostContext<'a> {
    flow: HostDirection<'a>,
    direction: Direction,
    target: Target,
    /// Of a prefix: about how many of its hosts receive.
    hosts: Option<f64>,
    group: Option<GroupId>,
    /// What is usual here, where it was learned.
    usual: Option<LearnedLevels<'a>>,
}

/// How much more than one host a whole prefix may receive before it is too much: with a limit of 300 SYN/s a host, 600
/// are too much for a network that is attacked on all of its addresses.
const PREFIX: f64 = 2.0;

impl<'a> Deref for HostContext<'a> {
    type Target = HostDirection<'a>;

    fn deref(&self) -> &HostDirection<'a> {
        &self.flow
    }
}

impl<'a> HostContext<'a> {
    pub fn of_host(flow: HostDirection<'a>, direction: Direction) -> HostContext<'a> {
        HostContext {
            target: Target::Host(flow.window().address()),
            flow,
            direction,
            hosts: None,
            group: None,
            usual: None,
        }
    }

    /// A prefix of `length` bits, of which about so many hosts receive.
    pub fn of_prefix(flow: HostDirection<'a>, direction: Direction, length: u8, hosts: f64) -> Option<HostContext<'a>> {
        let network = IpNet::new(flow.window().address().ip(), length).ok()?;
        Some(HostContext {
            target: Target::Prefix(network),
            flow,
            direction,
            hosts: Some(hosts),
            group: None,
            usual: None,
        })
    }

    /// Of a prefix: about how many of its hosts receive.
    pub fn hosts(&self) -> Option<f64> {
        self.hosts
    }

    /// The same with the limits that hold for its target.
    pub fn at(self, site: &Site, usual: Option<LearnedLevels<'a>>) -> HostContext<'a> {
        let group = match &self.target {
            Target::Host(address) => site.group_of_host(*address),
            Target::Prefix(network) => site.group_of_network(*network),
            _ => None,
        };
        HostContext { group, usual, ..self }
    }

    /// The group of hosts that the target belongs to.
    pub fn group(&self) -> Option<GroupId> {
        self.group
    }

    pub fn direction(&self) -> Direction {
        self.direction
    }

    pub fn is_outbound(&self) -> bool {
        self.direction == Direction::Outbound
    }

    /// The inside end: a host or a prefix.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// For evidence: "to 203.0.113.7" or "from 203.0.113.7", by direction.
    pub fn whom(&self) -> String {
        format!("{} {}", if self.is_outbound() { "from" } else { "to" }, self.target)
    }

    /// The limit in force here.
    pub fn limit(&self, limits: &Limits) -> Limit {
        let limit = limits.of(self.group, self.direction, |measure| self.usual.and_then(|levels| levels.of(measure)));
        limit.times(if self.hosts.is_some() { PREFIX } else { 1.0 })
    }

    /// A finding about this case, with the traffic of `classes` filled in.
    pub fn finding(&self, vector: Vector, classes: &'static [Class]) -> Finding {
        Finding::of_host(self, vector, classes)
    }
}

/// For evidence: where a limit came from.
impl LimitFrom {
    pub const fn name(self) -> &'static str {
        match self {
            LimitFrom::Default => "default",
            LimitFrom::Config => "config",
            LimitFrom::Group => "group",
            LimitFrom::Learned => "learned",
        }
    }
}
