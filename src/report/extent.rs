//! When an incident began and ended, whether it is over, and how strong it was: from all that is on record of it.

use super::input::IncidentInput;
use super::language::Language;
use super::numbers::same_day;
use super::phrases::{P, say};
use crate::base::Timestamp;
use crate::incident::model::Rates;
use crate::incident::{CloseReason, Incident};
use crate::store::StoredIncident;

/// Seconds after the last finding in which an incident that goes on is found again, or is declared over.
const QUIET_SECONDS: f64 = 60.0;
/// Seconds below which times are given in tenths.
const SHORT_SECONDS: f64 = 10.0;
const SECOND_NANOS: u64 = 1_000_000_000;
const TENTH_NANOS: u64 = 100_000_000;

/// Whether an incident is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was open when the report was made.
    GoingOn,
    /// It was open when the observation ended, at this time.
    Unobserved(Timestamp),
    Over,
    Merged,
    /// It was closed for a reason that leaves this open.
    Unknown,
}

impl State {
    /// Of an incident of which something is on record until `last`.
    pub(super) fn new(incident: &Incident, last: Timestamp, generated_at: Timestamp) -> State {
        match incident.close_reason {
            None if incident.closed_at.is_none() && generated_at.seconds_since(last) > QUIET_SECONDS => {
                State::Unobserved(last)
            }
            None if incident.closed_at.is_none() => State::GoingOn,
            Some(CloseReason::Quiet) => State::Over,
            Some(CloseReason::Merged) => State::Merged,
            _ => State::Unknown,
        }
    }

    /// In a word or two.
    pub(super) const fn phrase(self) -> P {
        match self {
            State::GoingOn => P::StateOpen,
            State::Over => P::StateOver,
            State::Merged => P::StateMerged,
            State::Unobserved(_) | State::Unknown => P::StateUnknown,
        }
    }
}

/// The extent of an incident. Times are rounded, so that the duration is what a reader computes from them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub from: Timestamp,
    /// The end of the last second in which a packet was counted.
    pub to: Timestamp,
    pub state: State,
    /// The highest rates; packets and bits may be of different seconds.
    pub peak: Rates,
    is_short: bool,
}

impl Extent {
    pub(super) fn of(input: &IncidentInput<'_>) -> Extent {
        let incident = &input.incident.incident;
        let from = incident.onset();
        let to = end(input.incident).max(from);
        let is_short = to.seconds_since(from) < SHORT_SECONDS;
        let unit = if is_short { TENTH_NANOS } else { SECOND_NANOS };
        let rounded = |at: Timestamp| Timestamp::from_nanos(at.nanos().saturating_add(unit / 2) / unit * unit);
        let last = recorded_until(input.incident);
        Extent {
            from: rounded(from),
            to: rounded(to),
            state: State::new(incident, last, input.generated_at),
            peak: peak(input.incident),
            is_short,
        }
    }

    /// The time of day, as exactly as the duration.
    pub(super) fn time(&self, at: Timestamp, language: Language) -> String {
        if self.is_short { language.tenths(at) } else { language.time(at) }
    }

    /// Date and time.
    pub(super) fn moment(&self, at: Timestamp, language: Language) -> String {
        format!("{}, {} UTC", language.date(at), self.time(at, language))
    }

    pub(super) fn lasted(&self, language: Language) -> String {
        let lasted = language.lasting(self.to.seconds_since(self.from));
        match self.state {
            State::Unknown | State::Unobserved(_) => say(language, P::AtLeast, &[&lasted]),
            _ => lasted,
        }
    }
}

/// The end of the last second with counted packets. Detectors judge a sliding second, so that their last finding is up to a
/// second late. Where nothing was captured after that second, the finding is all that is known.
fn end(stored: &StoredIncident) -> Timestamp {
    let updated_at = stored.incident.updated_at;
    let counted =
        |vectors: &[(crate::base::Vector, crate::meter::Count)]| vectors.iter().any(|(_, count)| count.packets > 0);
    let last = stored
        .seconds
        .iter()
        .filter(|second| counted(&second.vectors))
        .map(|second| second.at.plus_seconds(f64::from(second.length)))
        .max();
    match last {
        Some(last) if !stored.gaps.iter().any(|(at, seconds)| at.plus_seconds(*seconds) > last && *at < updated_at) => {
            last.min(updated_at)
        }
        _ => updated_at,
    }
}

/// The last time of which anything is on record.
fn recorded_until(stored: &StoredIncident) -> Timestamp {
    let seconds = stored.seconds.iter().map(|second| second.at.plus_seconds(f64::from(second.length)));
    let changes = stored.changes.iter().map(|change| change.at);
    seconds.chain(changes).fold(stored.incident.updated_at, Timestamp::max)
}

/// The peak of the incident, or of a second on record where that is higher.
fn peak(stored: &StoredIncident) -> Rates {
    let mut peak = stored.incident.peak;
    for second in &stored.seconds {
        let length = u64::from(second.length.max(1));
        let sum = crate::meter::Count::sum(second.vectors.iter().map(|(_, count)| *count));
        peak.packets_per_second = peak.packets_per_second.max(sum.packets / length);
        peak.bits_per_second = peak.bits_per_second.max(sum.bytes.saturating_mul(8) / length);
    }
    peak
}

/// The same as one sentence.
pub(super) fn gaps_in_short(stored: &StoredIncident, language: Language) -> Option<String> {
    match stored.gaps.len() {
        0 | 1 => gaps(stored, language).pop(),
        number => {
            let sum = language.lasting(stored.gaps.iter().map(|(_, seconds)| seconds).sum());
            Some(say(language, P::SeveralGaps, &[&language.count(number as u64), &sum]))
        }
    }
}

/// `from 03:12:07 to 03:13:00 nothing was captured (53 s)`, one sentence for each gap; of many, the longest.
pub(super) fn gaps(stored: &StoredIncident, language: Language) -> Vec<String> {
    /// Most gaps that are listed.
    const MOST: usize = 6;
    let mut gaps = stored.gaps.clone();
    gaps.sort_by(|a, b| b.1.total_cmp(&a.1));
    let rest: Vec<f64> = gaps.split_off(gaps.len().min(MOST)).iter().map(|(_, seconds)| *seconds).collect();
    gaps.sort_by_key(|(at, _)| *at);
    let mut sentences: Vec<String> = gaps
        .iter()
        .map(|(at, seconds)| {
            let end = at.plus_seconds(*seconds);
            let shown = if same_day(*at, end) { language.time(end) + " UTC" } else { language.moment(end) };
            say(language, P::NothingCaptured, &[&language.moment(*at), &shown, &language.lasting(*seconds)])
        })
        .collect();
    if !rest.is_empty() {
        let sum = language.lasting(rest.iter().sum());
        sentences.push(say(language, P::MoreGaps, &[&language.count(rest.len() as u64), &sum]));
    }
    sentences
}
