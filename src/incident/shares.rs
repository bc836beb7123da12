//! Shares of sampled packets, with what they may be off by: ports, names, peers.

use datasketches::frequencies::{ErrorType, FrequentItemsSketch};
use std::hash::Hash;

/// Standard errors of a share that is said with its error.
const DEVIATIONS: f64 = 4.0;
/// Samples from which a share is said: the interval of fewer is too narrow, and those of a scan's first ticks are not even random.
const LEAST_SAMPLES: f64 = 4.0;

/// The items of weighted samples, the most frequent ones at least.
pub(super) struct Shares<T> {
    sketch: FrequentItemsSketch<T>,
    /// Sum of the squared weights of the samples.
    squares: f64,
}

/// A share, and how far it may be off: four standard errors and what the sketch left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    pub share: f64,
    pub error: f64,
}

impl<T: Clone + Eq + Hash + Ord> Shares<T> {
    /// With this many counters, a power of two. `None` where it is none.
    pub(super) fn new(counters: usize) -> Option<Shares<T>> {
        Some(Shares { sketch: FrequentItemsSketch::new(counters).ok()?, squares: 0.0 })
    }

    /// Adds a sample that stands for `weight` others.
    pub(super) fn add(&mut self, item: T, weight: u64) {
        self.sketch.update_with_count(item, weight);
        self.squares += weight as f64 * weight as f64;
    }

    pub(super) fn sketch(&self) -> &FrequentItemsSketch<T> {
        &self.sketch
    }

    fn whole(&self) -> f64 {
        self.sketch.total_weight().max(1) as f64
    }

    /// How many samples of equal weight would be as good (Kish 1965).
    pub(super) fn samples(&self) -> f64 {
        self.whole() * self.whole() / self.squares.max(1.0)
    }

    /// Packets that a sample stands for, on average.
    pub(super) fn mean_weight(&self) -> u64 {
        (self.squares / self.whole()).ceil() as u64
    }

    /// Lower bounds of the shares, `deviations` standard errors below them, of items with at least `samples` samples.
    pub(super) fn at_least(&self, deviations: f64, samples: f64) -> Vec<(T, f64)> {
        let rows = self.sketch.frequent_items(ErrorType::NoFalseNegatives).into_iter();
        let share = |weight: u64| weight as f64 / self.whole();
        let enough = rows.filter(|row| share(row.lower_bound()) * self.samples() >= samples);
        enough
            .map(|row| (row.item().clone(), interval(share(row.lower_bound()), self.samples(), deviations).0))
            .collect()
    }

    /// The `most` largest shares that exceed their error, largest first.
    pub(super) fn top(&self, most: usize) -> Vec<(T, Share)> {
        let mut rows: Vec<(T, u64)> = Vec::new();
        if self.samples() < LEAST_SAMPLES {
            return Vec::new();
        }
        for row in &self.sketch.frequent_items(ErrorType::NoFalseNegatives) {
            rows.push((row.item().clone(), row.lower_bound()));
        }
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        rows.truncate(most);
        let left_out = self.sketch.maximum_error() as f64 / self.whole();
        let said = rows.into_iter().map(|(item, weight)| {
            let share = weight as f64 / self.whole();
            let (low, high) = interval(share, self.samples(), DEVIATIONS);
            (item, Share { share, error: (share - low).max(high - share).max(0.0) + left_out })
        });
        said.filter(|(_, said)| said.share > said.error).collect()
    }
}

/// The interval in which a share lies, seen as `share` of `samples` samples (Wilson 1927).
fn interval(share: f64, samples: f64, deviations: f64) -> (f64, f64) {
    let squared = deviations * deviations;
    let middle = share + squared / (2.0 * samples);
    let spread = (share * (1.0 - share) / samples + squared / (4.0 * samples * samples)).max(0.0).sqrt() * deviations;
    let scale = 1.0 + squared / samples;
    (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_say_their_error_and_leave_out_what_lies_within() {
        let mut ports = Shares::new(128).expect("a power of two");
        (0..900).for_each(|_| ports.add(80u16, 10));
        (0..90).for_each(|_| ports.add(443u16, 10));
        (0..10).for_each(|number| ports.add(1000 + number, 10));
        let top = ports.top(10);
        assert_eq!(top.iter().map(|(port, _)| *port).collect::<Vec<_>>(), [80, 443]);
        assert!((top[0].1.share - 0.9).abs() < 1e-9 && (0.03..0.05).contains(&top[0].1.error), "{top:?}");
        assert!((ports.samples() - 1000.0).abs() < 1e-6 && ports.mean_weight() == 10);
    }

    #[test]
    fn a_few_samples_prove_little() {
        let (low, high) = interval(1.0, 16.0, 3.0);
        assert!((0.6..0.7).contains(&low) && high == 1.0, "{low} {high}");
    }
}
