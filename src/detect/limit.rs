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
    pub value: f64,
    pub from: LimitFrom,
}

impl Limit {
    pub fn times(self, factor: f64) -> Limit {
        Limit { value: self.value * factor, ..self }
    }
}
