//! `rates.csv`: the traffic by second.

use super::manifest::{NotCaptured, Rows};
use crate::base::{Timestamp, Vector};
use crate::meter::Count;
use crate::store::{IncidentSecond, StoredIncident};
use std::fmt::Write;

const SECOND: u64 = 1_000_000_000;
/// Longest time without packets that is written as rows of zeros, in seconds.
const LONGEST_GAP: u64 = 3600;

/// The table and its number of rows. The first line names the columns: `time` (RFC 3339, the beginning of the second),
/// `target_packets`, `target_bytes` (all traffic of the target in the direction of the incident; empty where it has no
/// such counter), then packets and bytes that findings counted, by vector, and `seconds`, the length of the row. Where nothing was
/// captured, cells are empty. No text of others is in it.
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
    text.push_str(",seconds\n");
    let mut seconds: Vec<&IncidentSecond> = stored.seconds.iter().collect();
    seconds.sort_by_key(|second| second.at);
    let has_target = seconds.iter().any(|second| second.target.is_some());
    let empty = IncidentSecond { target: has_target.then(Count::default), ..IncidentSecond::default() };
    let not_captured = stored.gaps.iter().copied().map(NotCaptured::new).collect();
    let mut rows = Rows { not_captured, ..Rows::default() };
    // The first second after the row before, and the length of that row.
    let mut last: Option<(u64, u64)> = None;
    for second in seconds {
        let at = second.at.nanos() / SECOND;
        if let Some((next, length)) = last {
            if at.saturating_sub(next) > LONGEST_GAP {
                rows.gaps += 1;
            } else {
                let mut missing = next;
                while missing < at {
                    let is_known = |length: u64| is_captured(&rows.not_captured, missing, length);
                    // Where rows are minutes, so are these, as far as nothing is unknown within them.
                    let step = if length <= at - missing && is_known(length) { length } else { 1 };
                    let counts = is_known(step).then_some(&empty);
                    row(&mut text, missing, step, &vectors, counts);
                    rows.rows += 1;
                    missing += step;
                }
            }
        }
        let length = u64::from(second.length.max(1));
        row(&mut text, at, length, &vectors, Some(second));
        rows.rows += 1;
        last = Some((at.saturating_add(length), length));
    }
    (text.into_bytes(), rows)
}

/// Whether each of these seconds was captured as a whole.
fn is_captured(gaps: &[NotCaptured], second: u64, length: u64) -> bool {
    let (from, to) = (Timestamp::from_parts(second, 0), Timestamp::from_parts(second.saturating_add(length), 0));
    !gaps.iter().any(|gap| gap.from < to && gap.to > from)
}

/// A row; with empty cells where nothing was captured.
fn row(text: &mut String, second: u64, length: u64, vectors: &[Vector], counts: Option<&IncidentSecond>) {
    let time = Timestamp::from_parts(second, 0).to_string();
    text.push_str(time.strip_suffix(".000Z").unwrap_or(&time));
    text.push('Z');
    match counts.and_then(|counts| counts.target) {
        Some(count) => {
            let _ = write!(text, ",{},{}", count.packets, count.bytes);
        }
        None => text.push_str(",,"),
    }
    for vector in vectors {
        let Some(counts) = counts else {
            text.push_str(",,");
            continue;
        };
        let count = Count::sum(counts.vectors.iter().filter(|(of, _)| of == vector).map(|(_, count)| *count));
        let _ = write!(text, ",{},{}", count.packets, count.bytes);
    }
    let _ = writeln!(text, ",{length}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident() -> serde_json::Value {
        let peers = serde_json::json!({"distinct": 0, "distinct_error": 0.0, "spoofing_likely": false, "top": []});
        serde_json::json!({
            "id": "a", "vector": "syn_flood", "vectors": ["syn_flood"], "patterns": [], "direction": "inbound",
            "severity": "warning", "confidence": 1.0,
            "target": {"kind": "host", "address": "203.0.113.7", "mac": null, "guest": null, "prefix": null,
                       "interface": null, "vlan": null, "sensor": null},
            "opened_at": "1970-01-01T00:00:01Z", "updated_at": "1970-01-01T00:05:00Z", "closed_at": null,
            "close_reason": null, "part_of": null, "detected_after_seconds": 1.0,
            "peak": {"packets_per_second": 7, "bits_per_second": 3360}, "totals": {"packets": 28, "bytes": 1680},
            "sources": peers, "ports": {"destination": [], "source": []}, "pulses": 0, "names": [], "evidence": [],
            "coverage": {"captured": 1.0, "kernel_dropped": 0, "sampled": 1}, "maintenance": null, "drill": false,
            "timeline": []
        })
    }

    #[test]
    fn nothing_is_counted_where_nothing_was_captured() {
        let second = |at: u64, length: u32| IncidentSecond {
            at: Timestamp::from_parts(at, 0),
            length,
            vectors: vec![(Vector::SynFlood, Count { packets: 7, bytes: 420 })],
            target: Some(Count { packets: 9, bytes: 540 }),
        };
        let incident = serde_json::from_value(incident()).expect("an incident");
        let stored = StoredIncident {
            incident,
            mitigations: Vec::new(),
            changes: Vec::new(),
            seconds: vec![second(0, 1), second(6, 1), second(60, 60), second(240, 60)],
            gaps: vec![(Timestamp::from_nanos(2_500_000_000), 2.0)],
        };
        let (table, rows) = table(&stored);
        let text = String::from_utf8(table).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "time,target_packets,target_bytes,syn_flood_packets,syn_flood_bytes,seconds");
        assert_eq!(lines[2], "1970-01-01T00:00:01Z,0,0,0,0,1");
        for line in &lines[3..6] {
            assert!(line.ends_with("Z,,,,,1"), "{text}");
        }
        assert_eq!(lines[6], "1970-01-01T00:00:05Z,0,0,0,0,1");
        assert_eq!(
            lines[61..],
            [
                "1970-01-01T00:01:00Z,9,540,7,420,60",
                "1970-01-01T00:02:00Z,0,0,0,0,60",
                "1970-01-01T00:03:00Z,0,0,0,0,60",
                "1970-01-01T00:04:00Z,9,540,7,420,60",
            ]
        );
        assert_eq!((rows.rows, rows.gaps, rows.not_captured.len()), (64, 0, 1));
    }
}
