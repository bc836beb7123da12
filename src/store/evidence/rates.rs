//! `rates.csv`: the traffic by second.

use super::manifest::Rows;
use crate::base::{Timestamp, Vector};
use crate::meter::Count;
use crate::store::{IncidentSecond, StoredIncident};
use std::fmt::Write;

const SECOND: u64 = 1_000_000_000;
/// Longest time without packets that is written as rows of zeros, in seconds.
const LONGEST_GAP: u64 = 3600;

/// The table and its number of rows. The first line names the columns: `time` (RFC 3339, the beginning of the second),
/// `target_packets`, `target_bytes` (all traffic of the target in the direction of the incident; empty where it has no
/// such counter), then packets and bytes that findings counted, by vector. No text of others is in it.
pub(super) fn table(stored: &StoredIncident) -> (Vec<u8>, Rows) {
    let mut vectors: Vec<Vector> = stored.incident.vectors.clone();
    let counted = stored.seconds.iter().flat_map(|second| second.vectors.iter().map(|(vector, _)| *vector));
    let more: Vec<Vector> = counted.filter(|vector| !stored.incident.vectors.contains(vector)).collect();
    vectors.extend(more);
    let mut unique = Vec::new();
    vectors.retain(|vector| {
        !unique.contains(vector) && {
            unique.push(*vector);
            true
        }
    });

    let mut text = String::from("time,target_packets,target_bytes");
    for vector in &vectors {
        let _ = write!(text, ",{vector}_packets,{vector}_bytes");
    }
    text.push('\n');
    let mut seconds: Vec<&IncidentSecond> = stored.seconds.iter().collect();
    seconds.sort_by_key(|second| second.at);
    let has_target = seconds.iter().any(|second| second.target.is_some());
    let zero = if has_target { Some(Count::default()) } else { None };
    let (mut rows, mut last) = (Rows::default(), None);
    for second in seconds {
        let at = second.at.nanos() / SECOND;
        if let Some(last) = last {
            let gap = at.saturating_sub(last).saturating_sub(1);
            if gap > LONGEST_GAP {
                rows.gaps += 1;
            } else {
                for missing in (at - gap)..at {
                    row(&mut text, missing, zero, &vectors, &[]);
                    rows.rows += 1;
                }
            }
        }
        row(&mut text, at, second.target, &vectors, &second.vectors);
        rows.rows += 1;
        last = Some(at);
    }
    (text.into_bytes(), rows)
}

fn row(text: &mut String, second: u64, target: Option<Count>, vectors: &[Vector], counts: &[(Vector, Count)]) {
    let time = Timestamp::from_parts(second, 0).to_string();
    text.push_str(time.strip_suffix(".000Z").unwrap_or(&time));
    text.push('Z');
    match target {
        Some(count) => {
            let _ = write!(text, ",{},{}", count.packets, count.bytes);
        }
        None => text.push_str(",,"),
    }
    for vector in vectors {
        let count = Count::sum(counts.iter().filter(|(of, _)| of == vector).map(|(_, count)| *count));
        let _ = write!(text, ",{},{}", count.packets, count.bytes);
    }
    text.push('\n');
}
