//! Settings of detectors: declared beside the detector, checked and written by the configuration.

use super::baseline::Quantity;
use super::{DetectorSpec, LimitFrom};
use crate::base::{Direction, Severity};
use crate::inventory::GroupId;

/// One number that an operator may set.
pub struct Setting {
    pub key: &'static str,
    pub default: f64,
    pub min: f64,
    pub max: f64,
    /// For the sample file and error messages, e.g. "packets/s".
    pub unit: &'static str,
    /// One sentence for the sample file.
    pub doc: &'static str,
    /// What of a host's usual traffic may raise this limit; `None` where nothing usual should.
    pub learns: Option<Quantity>,
}

impl Setting {
    /// Whether it is a limit on a rate, which groups may have otherwise; the rest are constants of a method, or judge
    /// senders wherever they are.
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
    pub group: GroupId,
    pub direction: Direction,
    pub key: &'static str,
    pub value: f64,
}

/// Resolved settings of one detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub enabled: bool,
    /// What all findings are graded as, where the operator knows better.
    pub severity: Option<Severity>,
    /// In the order of the spec.
    values: Vec<Entry>,
    groups: Vec<GroupLimit>,
}

impl Settings {
    pub fn defaults(spec: &DetectorSpec) -> Self {
        let entry = |s: &Setting| Entry { key: s.key, value: s.default, default: s.default, learns: s.learns };
        let values = spec.settings.iter().map(entry).collect();
        Settings { enabled: true, severity: None, values, groups: Vec::new() }
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

    /// Limits of groups, as they were written.
    pub fn of_groups(&self) -> &[GroupLimit] {
        &self.groups
    }

    /// The limit of that name. Asking for a key that the spec does not declare is a programming error: it gives a limit
    /// that never fires, and fails in tests.
    pub fn limit(&self, key: &str) -> Limits {
        let found = self.values.iter().find(|entry| entry.key == key);
        debug_assert!(found.is_some(), "undeclared setting {key}");
        let (value, default) = found.map_or((f64::INFINITY, f64::INFINITY), |entry| (entry.value, entry.default));
        // The installed sample spells the defaults out: that does not make them the operator's.
        let from = if value == default { LimitFrom::Default } else { LimitFrom::Config };
        let groups = self.groups.iter().filter(|limit| limit.key == key).cloned().collect();
        Limits { base: Limit { value, from }, groups, learns: found.and_then(|entry| entry.learns) }
    }

    /// The value of a setting that is no limit.
    pub fn value(&self, key: &str) -> f64 {
        self.limit(key).base().value
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.values.iter().map(|entry| (entry.key, entry.value))
    }
}

/// A limit in force, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub value: f64,
    pub from: LimitFrom,
}

impl Limit {
    pub fn times(self, factor: f64) -> Limit {
        Limit { value: self.value * factor, ..self }
    }
}

/// A limit as a detector keeps it. Which value is in force depends on the host: [`HostContext::limit`](super::HostContext::limit).
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    base: Limit,
    groups: Vec<GroupLimit>,
    learns: Option<Quantity>,
}

impl Limits {
    /// For what is no matter of numbers: once is too much.
    pub fn once() -> Limits {
        Limits { base: Limit { value: 1.0, from: LimitFrom::Default }, groups: Vec::new(), learns: None }
    }

    /// Where nothing more particular is known.
    pub fn base(&self) -> Limit {
        self.base
    }

    /// What is in force for a host of this group: what its group says, else what the operator says for all, else what
    /// is usual for the host where that is more than the default.
    pub fn of(&self, group: Option<GroupId>, direction: Direction, usual: impl Fn(Quantity) -> Option<f64>) -> Limit {
        if let Some(group) = group
            && let Some(limit) = self.groups.iter().find(|limit| limit.group == group && limit.direction == direction)
        {
            return Limit { value: limit.value, from: LimitFrom::Group };
        }
        if self.base.from == LimitFrom::Config {
            return self.base;
        }
        match self.learns.and_then(usual) {
            // A host whose usual traffic is fifty times what is usual elsewhere needs an operator to say that it is.
            Some(usual) if usual > self.base.value => {
                Limit { value: usual.min(self.base.value * MOST_LEARNED).round(), from: LimitFrom::Learned }
            }
            _ => self.base,
        }
    }
}

/// How many times its default a learned limit may be.
const MOST_LEARNED: f64 = 50.0;
