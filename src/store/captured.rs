//! Which seconds were captured on which interfaces.

use crate::base::Timestamp;
use std::collections::BTreeMap;

const SECONDS_PER_MINUTE: u64 = 60;
/// All seconds of a minute.
const WHOLE: u64 = (1 << SECONDS_PER_MINUTE) - 1;

/// Bits of the seconds of each minute, by interface.
#[derive(Debug, Default)]
pub(super) struct Captured {
    interfaces: Vec<(String, BTreeMap<u64, u64>)>,
}

impl Captured {
    /// Adds seconds of an interface: those of several runs add up.
    pub(super) fn add(&mut self, minute: u64, interface: &str, seconds: u64) {
        let known = self.interfaces.iter().position(|(name, _)| name == interface);
        let at = known.unwrap_or_else(|| {
            self.interfaces.push((interface.to_owned(), BTreeMap::new()));
            self.interfaces.len() - 1
        });
        if let Some((_, minutes)) = self.interfaces.get_mut(at) {
            *minutes.entry(minute).or_default() |= seconds;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.interfaces.is_empty()
    }

    /// The seconds of a minute in which every interface was captured.
    fn of(&self, minute: u64) -> u64 {
        let all = self.interfaces.iter().map(|(_, minutes)| minutes.get(&minute).copied().unwrap_or(0));
        if self.is_empty() { 0 } else { all.fold(WHOLE, |both, seconds| both & seconds) }
    }

    /// Minutes of which every second was captured on every interface.
    pub(super) fn whole_minutes(&self) -> impl Iterator<Item = u64> {
        let first = self.interfaces.first().map(|(_, minutes)| minutes.keys().copied());
        first.into_iter().flatten().filter(|minute| self.of(*minute) == WHOLE)
    }

    /// Times of a period in which an interface was not captured: beginning and length in seconds.
    pub(super) fn gaps(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, f64)> {
        let (first, end) = (from.nanos() / 1_000_000_000, to.nanos().div_ceil(1_000_000_000));
        let (mut gaps, mut since, mut second) = (Vec::new(), None, first);
        let mut close = |since: &mut Option<u64>, second: u64| {
            let Some(begin) = since.take() else { return };
            let (begin, end) = (Timestamp::from_parts(begin, 0).max(from), Timestamp::from_parts(second, 0).min(to));
            gaps.push((begin, end.seconds_since(begin)));
        };
        while second < end {
            let minute = second / SECONDS_PER_MINUTE;
            let seconds = self.of(minute);
            if seconds >> (second % SECONDS_PER_MINUTE) & 1 == 1 {
                close(&mut since, second);
                second += 1;
            } else {
                since.get_or_insert(second);
                // Minutes without anything are passed at once: a year has half a million.
                second = if seconds == 0 {
                    self.next_minute(minute).map_or(end, |next| next * SECONDS_PER_MINUTE).min(end)
                } else {
                    second + 1
                };
            }
        }
        close(&mut since, end);
        gaps
    }

    /// The next minute of which an interface has seconds.
    fn next_minute(&self, minute: u64) -> Option<u64> {
        self.interfaces
            .iter()
            .filter_map(|(_, minutes)| minutes.range(minute + 1..).next().map(|(next, _)| *next))
            .min()
    }
}
