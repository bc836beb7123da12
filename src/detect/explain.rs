//! Explanations: for one host, what each detector measured, the limit it compared it with, and which condition kept it
//! silent. Recorded only on request: see [`explain`](super::explain).

use super::exceeded::{Exceeded, LEAST_BURST};
use super::limit::Limit;
use crate::base::{Direction, Timestamp};
use crate::meter::Span;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use utoipa::ToSchema;

/// One figure that a detector compared with a limit.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Comparison {
    /// Packets (or requests, connections) of the last second.
    pub last_second: u64,
    /// The same of the last 0.2 s, in which half of the limit is a burst.
    pub last_fifth: u64,
    /// The limit per second.
    pub limit: f64,
    /// Where the limit comes from.
    pub limit_from: &'static str,
    /// Whether it was exceeded.
    pub exceeded: bool,
}

/// What one detector did with one direction of a host in one tick.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// Name of the detector.
    pub detector: &'static str,
    /// Direction of the possible attack.
    pub direction: Direction,
    /// End of the tick.
    pub at: Timestamp,
    /// What was compared, in the order in which it was. None: too little traffic of this kind for any limit.
    pub comparisons: Vec<Comparison>,
    /// Conditions that kept it silent although a limit was exceeded.
    pub silent_because: Vec<&'static str>,
    /// Whether it reported something.
    pub reported: bool,
}

impl Explanation {
    /// How near it came to reporting: the greatest figure in multiples of its limit, and beyond all others a report.
    pub fn nearness(&self) -> f64 {
        let of = |comparison: &Comparison| {
            let burst = comparison.last_fifth as f64 / Span::Burst.seconds();
            (comparison.last_second as f64).max(burst) / comparison.limit.max(f64::MIN_POSITIVE)
        };
        let most = self.comparisons.iter().map(of).fold(0.0, f64::max);
        if self.reported { f64::MAX } else { most }
    }
}

/// What the detectors note of the host that they inspect. Does nothing unless it is listening.
#[derive(Default)]
pub(super) struct Notes {
    listening: Cell<bool>,
    comparisons: RefCell<Vec<Comparison>>,
    reasons: RefCell<Vec<&'static str>>,
}

impl Notes {
    pub(super) fn listen(&self) {
        self.listening.set(true);
    }

    pub(super) fn compared(&self, limit: Limit, count: impl Fn(Span) -> u64, exceeded: Option<&Exceeded>) {
        if self.listening.get() {
            self.comparisons.borrow_mut().push(Comparison {
                last_second: count(Span::Second),
                last_fifth: count(Span::Burst),
                limit: limit.value,
                limit_from: limit.from.name(),
                exceeded: exceeded.is_some(),
            });
        }
    }

    pub(super) fn silent(&self, reason: &'static str) {
        if self.listening.get() {
            self.reasons.borrow_mut().push(reason);
        }
    }

    /// What was noted since the last call.
    pub(super) fn take(&self) -> (Vec<Comparison>, Vec<&'static str>) {
        (self.comparisons.take(), self.reasons.take())
    }
}

// A burst is explained by its count; below this many packets there is none.
const _: () = assert!(LEAST_BURST > 0.0);
