//! Settings of detectors: declared beside the detector, checked and written by the configuration.

use super::{DetectorSpec, LimitFrom};

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
}

/// Resolved settings of one detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub enabled: bool,
    /// Key, value in force, default; in the order of the spec.
    values: Vec<(&'static str, f64, f64)>,
}

impl Settings {
    pub fn defaults(spec: &DetectorSpec) -> Self {
        Settings { enabled: true, values: spec.settings.iter().map(|s| (s.key, s.default, s.default)).collect() }
    }

    /// Sets a value; false where there is no such key.
    pub fn set(&mut self, key: &str, value: f64) -> bool {
        match self.values.iter_mut().find(|(known, ..)| *known == key) {
            Some(entry) => {
                entry.1 = value;
                true
            }
            None => false,
        }
    }

    /// The limit of that name. Asking for a key that the spec does not declare is a programming error: it gives a limit
    /// that never fires, and fails in tests.
    pub fn limit(&self, key: &str) -> Limits {
        let found = self.values.iter().find(|(known, ..)| *known == key);
        debug_assert!(found.is_some(), "undeclared setting {key}");
        let (value, default) = found.map_or((f64::INFINITY, f64::INFINITY), |&(_, value, default)| (value, default));
        // The installed sample spells the defaults out: that does not make them the operator's.
        let from = if value == default { LimitFrom::Default } else { LimitFrom::Config };
        Limits { base: Limit { value, from } }
    }

    /// The value of a setting that is no limit.
    pub fn value(&self, key: &str) -> f64 {
        self.limit(key).base().value
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.values.iter().map(|&(key, value, _)| (key, value))
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

/// A limit as a detector keeps it. Which value is in force depends on the host: [`Case::limit`](super::Case::limit).
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    base: Limit,
}

impl Limits {
    /// Where nothing more particular is known.
    pub fn base(&self) -> Limit {
        self.base
    }
}
