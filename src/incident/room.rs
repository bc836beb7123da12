//! Which incidents may be open where there are more than the table holds: the more severe ones.

use super::key::Key;
use super::record::Record;
use crate::base::{Severity, Timestamp};
use crate::detect::Finding;
use std::collections::BTreeMap;

/// How full the table of open incidents is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Open incidents.
    pub entries: usize,
    /// The most that may be open.
    pub capacity: usize,
    /// Incidents that were closed for a more severe one.
    pub evictions: u64,
    /// Findings for which there was no room.
    pub refusals: u64,
}

/// Findings for which there was no room.
#[derive(Default)]
pub(super) struct Refusals {
    pub findings: u64,
    /// What the log should say of them, and the time of the last such line.
    pub news: Vec<String>,
    told_at: Option<Timestamp>,
}

/// Seconds between two lines for the log about incidents for which there is no room.
const SECONDS_BETWEEN_NEWS: f64 = 60.0;

impl Refusals {
    /// Counts findings about one target, beside `open` incidents.
    pub(super) fn count(&mut self, findings: &[&Finding], open: usize, now: Timestamp) {
        self.findings += findings.len() as u64;
        let Some(finding) = findings.first() else { return };
        if self.told_at.is_some_and(|at| now.seconds_since(at) < SECONDS_BETWEEN_NEWS) {
            return;
        }
        self.told_at = Some(now);
        self.news.push(format!(
            "no room for an incident about {} ({}, {}): {open} are open; see incident.max_open",
            finding.target, finding.vector, finding.severity
        ));
    }
}

/// Of all open incidents, the part of informational ones: one in this many.
const NOTES_OF: usize = 4;
/// How many times stronger an attack must be than the weakest of the same severity to take its place: two similar ones must
/// not alternate.
const STRONGER: f64 = 4.0;

/// Seconds without a finding after which an incident counts as over: its place is another's first.
const ENDED_SECONDS: f64 = 2.0;

/// Whether another incident may open.
pub(super) enum Room {
    Free,
    /// If this one closes, which is less severe.
    InsteadOf(Key),
    None,
}

/// The room for an incident of this key, with this severity and this number of packets in the last second. Informational incidents have a part of the table to
/// themselves and never take what an attack needs.
pub(super) fn for_another(
    open: &BTreeMap<Key, Record>,
    most: usize,
    key: &Key,
    (severity, packets): (Severity, u64),
    now: Timestamp,
) -> Room {
    if key.is_note {
        let notes = open.keys().filter(|open| open.is_note).count();
        return if open.len() < most && notes < (most / NOTES_OF).max(1) { Room::Free } else { Room::None };
    }
    if open.len() < most {
        return Room::Free;
    }
    let has_ended = |record: &Record| now.seconds_since(record.updated_at) > ENDED_SECONDS;
    let rank = |key: &Key, record: &Record| (!key.is_note, !has_ended(record), record.severity());
    let weakest = open.iter().min_by(|(key, record), (other_key, other)| {
        rank(key, record)
            .cmp(&rank(other_key, other))
            .then(record.peak_packets().total_cmp(&other.peak_packets()))
            .then(key.cmp(other_key))
    });
    let Some((least, record)) = weakest else { return Room::None };
    let is_weaker = least.is_note
        || has_ended(record)
        || record.severity() < severity
        || record.severity() == severity && packets as f64 >= record.peak_packets() * STRONGER;
    if is_weaker { Room::InsteadOf(least.clone()) } else { Room::None }
}
