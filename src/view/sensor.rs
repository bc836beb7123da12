//! Pegel itself: whether what it says can be relied upon.

use super::percent::percent;
use crate::base::text::{Word, word};
use crate::base::{PostureResult, PostureState, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Share of packets below which the captured traffic is a problem worth a line.
const LEAST_COVERAGE: f64 = 0.999;

/// The state of this Pegel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SensorView {
    /// Name of the machine.
    pub name: String,
    /// Version of Pegel.
    pub version: String,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Share of the packets of the last minute that reached it, 0 to 1.
    pub coverage: f64,
    /// Captured interfaces.
    pub interfaces: Vec<CaptureView>,
    /// Tables of bounded size.
    pub tables: Vec<TableView>,
    /// Receivers of incidents.
    pub outputs: Vec<OutputView>,
    /// What outlives the process; `null` where nothing is stored.
    pub store: Option<StoreView>,
    /// Requirements on this machine.
    pub checks: Vec<CheckView>,
    /// Networks whose addresses are ours; empty if they are not known.
    pub networks: Vec<String>,
}

/// One captured interface; totals since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaptureView {
    /// Its name.
    pub name: String,
    /// Whether it is being captured.
    pub is_up: bool,
    /// Packets captured.
    pub packets: u64,
    /// Packets that the kernel dropped because Pegel was too slow.
    pub kernel_dropped: u64,
    /// Packets that the interface dropped.
    pub interface_dropped: u64,
    /// 1 in N packets is captured.
    pub sampled: u32,
}

/// One table; totals since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableView {
    /// A value of the label `table`.
    #[serde(deserialize_with = "word")]
    pub name: Word,
    /// Entries.
    pub entries: u64,
    /// Most entries.
    pub capacity: u64,
    /// Entries that made room for others.
    pub evictions: u64,
}

/// One receiver of incidents; totals since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputView {
    /// Its name.
    pub name: String,
    /// Events delivered.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events given up.
    pub dropped: u64,
    /// Whether the last attempt failed.
    pub is_failing: bool,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreView {
    /// Its size.
    pub bytes: u64,
    /// Entries that were given up.
    pub dropped: u64,
    /// Whether it cannot be written.
    pub is_failing: bool,
}

/// One requirement on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// Its name.
    pub name: String,
    /// The requirement in words.
    pub what: String,
    /// `ok`, `failed` or `unknown`.
    #[serde(deserialize_with = "word")]
    #[schema(value_type = PostureState)]
    pub state: Word,
    /// What was found.
    pub message: String,
}

impl From<&PostureResult> for CheckView {
    fn from(result: &PostureResult) -> CheckView {
        CheckView {
            name: result.name.clone(),
            what: result.what.clone(),
            state: result.state.name(),
            message: result.message.clone(),
        }
    }
}

impl SensorView {
    /// Whether every packet that reaches the machine is inspected, as far as this is known.
    pub fn sees_everything(&self) -> bool {
        let is_whole = |interface: &CaptureView| interface.is_up && interface.sampled <= 1;
        self.coverage >= LEAST_COVERAGE && !self.interfaces.is_empty() && self.interfaces.iter().all(is_whole)
    }

    /// How much of the traffic of the last minute is inspected, in words.
    pub fn captured(&self) -> String {
        match self.interfaces.iter().filter(|interface| interface.is_up).map(|interface| interface.sampled).max() {
            None => "nothing".to_owned(),
            Some(0 | 1) => percent(self.coverage),
            Some(sampled) => format!("1 in {sampled} packets"),
        }
    }

    /// What makes it blind or mute at the moment, one line each; none if all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for interface in &self.interfaces {
            if !interface.is_up {
                lines.push(format!("{} is not captured", interface.name));
            } else if interface.sampled > 1 {
                lines.push(format!("{} is sampled: 1 in {} packets", interface.name, interface.sampled));
            }
        }
        if self.coverage < LEAST_COVERAGE {
            lines.push(format!("{:.1} % of the packets of the last minute were lost", (1.0 - self.coverage) * 100.0));
        }
        let failing = self.outputs.iter().filter(|output| output.is_failing);
        lines.extend(failing.map(|output| format!("output {} is failing: nothing is being delivered", output.name)));
        if self.store.as_ref().is_some_and(|store| store.is_failing) {
            lines.push("the store cannot be written: incidents are kept in memory".to_owned());
        }
        let checks = self.checks.iter().filter(|check| check.state != PostureState::Ok.name());
        lines.extend(checks.map(|check| format!("check {} is {}: {}", check.name, check.state, check.message)));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_problem_has_a_line() {
        let up = CaptureView { name: "eno1".to_owned(), is_up: true, sampled: 1, ..CaptureView::default() };
        let mut sensor = SensorView { coverage: 1.0, interfaces: vec![up.clone()], ..SensorView::default() };
        assert!(sensor.problems().is_empty());
        sensor.interfaces.push(CaptureView { name: "eno2".to_owned(), is_up: false, ..up.clone() });
        sensor.interfaces.push(CaptureView { name: "eno3".to_owned(), sampled: 16, ..up });
        sensor.coverage = 0.75;
        sensor.outputs.push(OutputView { name: "webhook".to_owned(), is_failing: true, ..OutputView::default() });
        sensor.store = Some(StoreView { is_failing: true, ..StoreView::default() });
        let failed = PostureState::Failed.name();
        let (name, what) = ("guard".to_owned(), "unit guard.service is active".to_owned());
        sensor.checks.push(CheckView { name, what, state: failed, message: "it is inactive".to_owned() });
        assert_eq!(
            sensor.problems(),
            [
                "eno2 is not captured",
                "eno3 is sampled: 1 in 16 packets",
                "25.0 % of the packets of the last minute were lost",
                "output webhook is failing: nothing is being delivered",
                "the store cannot be written: incidents are kept in memory",
                "check guard is failed: it is inactive",
            ]
        );
    }
}
