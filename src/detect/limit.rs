//! A limit in force, and its origin.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Times a limit from which traffic is reported whatever its shape, unless the operator sets another.
pub const DEFAULT_CEILING: f64 = 10.0;

/// Where a limit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LimitFrom {
    /// As shipped.
    Default,
    /// Set by the operator for all hosts.
    Config,
    /// Set by the operator for the host's group.
    Group,
    /// Learned from the host's traffic at this hour of the week.
    Learned,
}

impl LimitFrom {
    /// The name in the incident JSON: `default`, `config`, `group` or `learned`.
    pub const fn name(self) -> &'static str {
        match self {
            LimitFrom::Default => "default",
            LimitFrom::Config => "config",
            LimitFrom::Group => "group",
            LimitFrom::Learned => "learned",
        }
    }
}

/// A limit in force, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// In the unit of the setting, in most cases packets per second.
    pub value: f64,
    /// Whether it was shipped, configured or learned.
    pub from: LimitFrom,
    /// The same without what was learned: what severity is graded by as well.
    pub unlearned: f64,
    /// What is reported from here on, whatever its shape: no shape, and no hand-over to another detector, excuses more.
    pub ceiling: f64,
    /// The value is the ceiling.
    pub is_ceiling: bool,
    /// The part of the limit that the value is, where a slow rule applies it.
    pub fraction: f64,
}

impl Limit {
    /// A limit from which on `ceiling` times as much is reported whatever its shape.
    pub fn new(value: f64, from: LimitFrom, ceiling: f64) -> Limit {
        Limit { value, from, unlearned: value, ceiling: value * ceiling, is_ceiling: false, fraction: 1.0 }
    }

    /// The limit of a shape that allows `factor` times as much, up to the ceiling: the shape is an excuse.
    pub fn times(self, factor: f64) -> Limit {
        let value = self.value * factor;
        let is_ceiling = factor > 1.0 && self.ceiling > 0.0 && value > self.ceiling;
        let value = if is_ceiling { self.ceiling.max(self.value) } else { value };
        Limit { value, unlearned: (self.unlearned * factor).min(value), is_ceiling, ..self }
    }

    /// The limit of a target that is `factor` times as large.
    pub fn scaled(self, factor: f64) -> Limit {
        Limit { value: self.value * factor, unlearned: self.unlearned * factor, ceiling: self.ceiling * factor, ..self }
    }

    /// The limit of a target that honestly gets `packets` per second more.
    pub fn raised(self, packets: f64) -> Limit {
        Limit {
            value: self.value + packets,
            unlearned: self.unlearned + packets,
            ceiling: self.ceiling + packets,
            ..self
        }
    }

    /// The limit without what was learned: slow rules, which rest on a fraction of it, are never raised.
    pub fn without_learning(self) -> Limit {
        let from = if self.from == LimitFrom::Learned { LimitFrom::Default } else { self.from };
        Limit { value: self.unlearned, from, ..self }
    }

    /// The limit of a slow rule: a fraction of the rate, which must last. What was learned does not raise it.
    pub(super) fn lasting(self, fraction: f64) -> Limit {
        Limit { fraction: self.fraction * fraction, ..self.without_learning().times(fraction) }
    }

    /// What severity is graded by: the limit as it is without learning, and in full. That a slow rule still finds a flood which has
    /// just ended must not raise its severity.
    pub(super) fn grade(self) -> f64 {
        self.value.min(self.unlearned) / self.fraction
    }

    /// The ceiling as a limit: for what a shape excuses below it.
    pub fn at_ceiling(self) -> Limit {
        Limit { value: self.ceiling.max(self.value), is_ceiling: true, ..self }
    }

    /// For messages: the value, its origin, and whether it is the ceiling of another.
    pub(super) fn describe(self) -> String {
        match self.is_ceiling {
            true => format!("limit {} ({}, whatever the shape)", self.value, self.from.name()),
            false => format!("limit {} ({})", self.value, self.from.name()),
        }
    }
}
