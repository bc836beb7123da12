//! A limit in force, and its origin.

use serde::Serialize;

/// Where a limit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}

impl Limit {
    /// The limit multiplied by `factor`, with the same origin.
    pub fn times(self, factor: f64) -> Limit {
        Limit { value: self.value * factor, ..self }
    }
}
