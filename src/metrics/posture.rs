//! Series of the posture checks of this host: two for each configured check.

use super::catalogue as spec;
use super::series::{Maker, lock};
use crate::base::{PostureResult, PostureState};
use prometheus::{Error, IntGaugeVec};
use std::collections::BTreeSet;
use std::sync::Mutex;

pub(super) struct PostureSeries {
    ok: IntGaugeVec,
    unknown: IntGaugeVec,
    shown: Mutex<BTreeSet<String>>,
}

impl PostureSeries {
    pub(super) fn new(make: &Maker<'_>) -> Result<Self, Error> {
        Ok(PostureSeries {
            ok: make.gauges(spec::POSTURE_OK)?,
            unknown: make.gauges(spec::POSTURE_UNKNOWN)?,
            shown: Mutex::new(BTreeSet::new()),
        })
    }

    /// Shows exactly these checks.
    pub(super) fn show(&self, results: &[PostureResult]) {
        let mut shown = lock(&self.shown);
        let names: BTreeSet<String> = results.iter().map(|result| result.name.clone()).collect();
        for result in results {
            let states = [(&self.ok, PostureState::Ok), (&self.unknown, PostureState::Unknown)];
            for (family, state) in states {
                if let Ok(gauge) = family.get_metric_with_label_values(&[result.name.as_str()]) {
                    gauge.set((result.state == state).into());
                }
            }
        }
        // A removal fails only if there is no such series.
        for name in shown.difference(&names) {
            let _ = self.ok.remove_label_values(&[name.as_str()]);
            let _ = self.unknown.remove_label_values(&[name.as_str()]);
        }
        *shown = names;
    }
}
