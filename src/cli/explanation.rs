//! The explanation of a host, for `pegel replay --explain`.

use super::table::Table;
use crate::base::grouped;
use crate::detect::{Comparison, Explanation};
use std::fmt::Write;
use std::net::IpAddr;

/// One row for each detector that had anything to compare, at the tick in which it came nearest to a report.
pub(super) fn page(address: IpAddr, explanations: &[Explanation]) -> String {
    let mut page = String::new();
    if explanations.is_empty() {
        let _ = writeln!(page, "{address} never had ten packets within a second: no detector inspected it.");
        return page;
    }
    let _ = writeln!(page, "{address}, each detector when it came nearest to a report:\n");
    let mut table =
        Table::new(&["DETECTOR", "DIRECTION", "AT (UTC)", "LAST SECOND", "LAST 0.2 S", "LIMIT/S", "RESULT"]);
    let mut idle = Vec::new();
    for explanation in explanations {
        let is_idle = |comparison: &Comparison| comparison.last_second == 0 && comparison.last_fifth == 0;
        if explanation.comparisons.iter().all(is_idle) && explanation.silent_because.is_empty() {
            idle.push(format!("{} {}", explanation.detector, explanation.direction));
            continue;
        }
        if explanation.comparisons.is_empty() {
            let dash = || "-".to_owned();
            table.row([
                explanation.detector.to_owned(),
                explanation.direction.to_string(),
                explanation.at.to_string().replace('T', " ").replace('Z', ""),
                dash(),
                dash(),
                dash(),
                result(explanation),
            ]);
        }
        for (number, comparison) in explanation.comparisons.iter().enumerate() {
            let is_last = number + 1 == explanation.comparisons.len();
            let named = |text: String| if number == 0 { text } else { String::new() };
            table.row([
                named(explanation.detector.to_owned()),
                named(explanation.direction.to_string()),
                named(explanation.at.to_string().replace('T', " ").replace('Z', "")),
                grouped(comparison.last_second),
                grouped(comparison.last_fifth),
                format!("{:.0} ({})", comparison.limit, comparison.limit_from),
                if is_last { result(explanation) } else { compared(comparison) },
            ]);
        }
    }
    page.push_str(&table.to_string());
    if !idle.is_empty() {
        let _ = writeln!(page, "\nNothing, or too little of its kind to compare with a limit: {}.", idle.join(", "));
    }
    page
}

fn compared(comparison: &Comparison) -> String {
    if comparison.exceeded { "exceeded" } else { "below" }.to_owned()
}

fn result(explanation: &Explanation) -> String {
    if explanation.reported {
        return "reported".to_owned();
    }
    match explanation.silent_because.as_slice() {
        [] if explanation.comparisons.iter().any(|comparison| comparison.exceeded) => {
            "exceeded, but its shape is not that of an attack".to_owned()
        }
        [] => "below".to_owned(),
        reasons => format!("silent: {}", reasons.join("; ")),
    }
}
