//! Settings of detectors: declared beside the detector, checked and written by the configuration.

use super::limit::{DEFAULT_CEILING, Limit, LimitFrom};
use super::quantities::Quantity;
use crate::base::{Direction, Severity};
use crate::inventory::GroupId;

/// One number that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Name in the configuration. A detector asks for its value by the declaration, so that a name is written once.
    pub key: &'static str,
    /// Value where the configuration sets none, in `unit`.
    pub default: f64,
    /// Lowest valid value, inclusive.
    pub min: f64,
    /// Highest valid value, inclusive.
    pub max: f64,
    /// For the sample file and error messages, e.g. "packets/s".
    pub unit: &'static str,
    /// One sentence for the sample file.
    pub doc: &'static str,
    /// The learned quantity that may raise this limit; `None` where normal traffic must not.
    pub learns: Option<Quantity>,
}

impl Setting {
    /// Whether it is a limit on a rate, which groups may override. The rest are parameters of a method, or limits on
    /// senders, which belong to no group.
    pub fn is_limit(&self) -> bool {
        self.unit.ends_with("/s")
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    key: &'static str,
    value: f64,
    default: f64,
    learns: Option<Quantity>,
}

/// A limit that a group of hosts has in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupLimit {
    /// The group that the limit applies to.
    pub group: GroupId,
    /// The direction of traffic that the limit applies to.
    pub direction: Direction,
    /// [`Setting::key`] of the limit that it overrides.
    pub key: &'static str,
    /// The limit, in the unit of the setting.
    pub value: f64,
}

/// Resolved settings of one detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether the detector runs.
    pub enabled: bool,
    /// Severity of all findings, where the operator sets one.
    pub severity: Option<Severity>,
    /// Times a limit from which traffic is reported whatever its shape.
    ceiling: f64,
    /// In the order of the spec.
    values: Vec<Entry>,
    groups: Vec<GroupLimit>,
}

impl Settings {
    /// These settings with their default values, enabled, without limits of groups.
    pub fn defaults(settings: &[Setting]) -> Self {
        let entry = |s: &Setting| Entry { key: s.key, value: s.default, default: s.default, learns: s.learns };
        let values = settings.iter().map(entry).collect();
        Settings { enabled: true, severity: None, ceiling: DEFAULT_CEILING, values, groups: Vec::new() }
    }

    /// Sets a value; false where there is no such key.
    pub fn set(&mut self, key: &str, value: f64) -> bool {
        match self.values.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => {
                entry.value = value;
                true
            }
            None => false,
        }
    }

    /// Sets a limit for a group of hosts.
    pub fn set_for_group(&mut self, limit: GroupLimit) {
        self.groups.push(limit);
    }

    /// Sets the multiple of each limit from which traffic is reported whatever its shape.
    pub fn set_ceiling(&mut self, times: f64) {
        self.ceiling = times;
    }

    /// Limits of groups, in the order of the configuration.
    pub fn of_groups(&self) -> &[GroupLimit] {
        &self.groups
    }

    /// The limit that a setting declares. A setting that the detector's spec does not list has its default; a test holds
    /// that there is none.
    pub fn limit(&self, setting: &Setting) -> Limits {
        let found = self.values.iter().find(|entry| entry.key == setting.key);
        let value = found.map_or(setting.default, |entry| entry.value);
        // The installed sample spells the defaults out: that does not make them the operator's.
        let from = if value == setting.default { LimitFrom::Default } else { LimitFrom::Config };
        let groups = self.groups.iter().filter(|limit| limit.key == setting.key).cloned().collect();
        Limits { base: Limit::new(value, from, self.ceiling), ceiling: self.ceiling, groups, learns: setting.learns }
    }

    /// The value of a setting that is no limit.
    pub fn value(&self, setting: &Setting) -> f64 {
        self.limit(setting).base().value
    }

    /// Each key with its value for hosts without a group, in the order of the spec.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.values.iter().map(|entry| (entry.key, entry.value))
    }
}

/// A limit as a detector keeps it. Which value is in force depends on the host: [`HostContext::limit`](super::HostContext::limit).
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    base: Limit,
    /// Times a limit from which traffic is reported whatever its shape.
    ceiling: f64,
    groups: Vec<GroupLimit>,
    learns: Option<Quantity>,
}

impl Limits {
    /// For what must never happen: one is the limit.
    pub fn once() -> Limits {
        let base = Limit::new(1.0, LimitFrom::Default, DEFAULT_CEILING);
        Limits { base, ceiling: DEFAULT_CEILING, groups: Vec::new(), learns: None }
    }

    /// The limit of hosts without a group or a learned level.
    pub fn base(&self) -> Limit {
        self.base
    }

    /// The limit in force for a host of this group: its group's, else the operator's for all hosts, else the level learned
    /// for the host where that is above the default.
    pub fn of(&self, group: Option<GroupId>, direction: Direction, learned: impl Fn(Quantity) -> Option<f64>) -> Limit {
        if let Some(group) = group
            && let Some(limit) = self.groups.iter().find(|limit| limit.group == group && limit.direction == direction)
        {
            return Limit::new(limit.value, LimitFrom::Group, self.ceiling);
        }
        if self.base.from == LimitFrom::Config {
            return self.base;
        }
        match self.learns.and_then(learned) {
            Some(level) if level > self.base.value => {
                let value = level.round();
                Limit { value, from: LimitFrom::Learned, ..self.base }
            }
            _ => self.base,
        }
    }
}
