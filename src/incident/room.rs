//! Which incidents may be open where there are more than the table holds: the more severe ones.

use super::key::Key;
use super::record::Record;
use crate::detect::Finding;
use std::cmp::Ordering;
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

/// Of all open incidents, the part of informational ones: one in this many.
const NOTES_OF: usize = 4;
/// How many times stronger an attack must be than the weakest of the same severity to take its place: two similar ones must
/// not alternate.
const STRONGER: f64 = 4.0;

/// Whether another incident may open.
pub(super) enum Room {
    Free,
    /// If this one closes, which is less severe.
    InsteadOf(Key),
    None,
}

/// The room for an incident of this key that `finding` would open. Informational incidents have a part of the table to
/// themselves and never take what an attack needs.
pub(super) fn for_another(open: &BTreeMap<Key, Record>, most: usize, key: &Key, finding: &Finding) -> Room {
    if key.is_note {
        let notes = open.keys().filter(|open| open.is_note).count();
        return if open.len() < most && notes < (most / NOTES_OF).max(1) { Room::Free } else { Room::None };
    }
    if open.len() < most {
        return Room::Free;
    }
    let Some((least, record)) = open.iter().min_by(|one, other| by_severity(*one, *other)) else { return Room::None };
    let packets = finding.recent.count.packets as f64;
    let is_weaker = least.is_note
        || record.severity() < finding.severity
        || record.severity() == finding.severity && packets >= record.peak_packets() * STRONGER;
    if is_weaker { Room::InsteadOf(least.clone()) } else { Room::None }
}

/// Informational incidents first, then by severity and strength.
fn by_severity((key, record): (&Key, &Record), (other_key, other): (&Key, &Record)) -> Ordering {
    (!key.is_note, record.severity())
        .cmp(&(!other_key.is_note, other.severity()))
        .then(record.peak_packets().total_cmp(&other.peak_packets()))
        .then(key.cmp(other_key))
}
