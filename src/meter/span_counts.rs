//! Counts of a span by class and by verdict.

use super::counts::{ClassCounts, ClassTick, Count, MinuteCounts};
use super::verdicts::Verdicts;
use crate::packet::Class;

/// Counts of a span by class: one tick, two ticks, or a longer sum.
#[derive(Clone, Copy)]
pub enum SpanCounts<'a> {
    /// One tick.
    Tick(&'a ClassTick),
    /// Two ticks.
    Ticks(&'a ClassTick, &'a ClassTick),
    /// A longer sum.
    Sum(&'a ClassCounts),
    /// A minute, of which little is kept.
    Minute(&'a MinuteCounts),
}

impl SpanCounts<'_> {
    /// Packets and bytes of a class.
    pub fn of(&self, class: Class) -> Count {
        match self {
            SpanCounts::Tick(tick) => tick.of(class),
            SpanCounts::Ticks(one, other) => {
                let mut count = one.of(class);
                count.merge(other.of(class));
                count
            }
            SpanCounts::Sum(sum) => sum.of(class),
            SpanCounts::Minute(minute) => minute.of_class(class),
        }
    }

    /// Packets and bytes of several classes together.
    pub fn of_all(&self, classes: &[Class]) -> Count {
        Count::sum(classes.iter().map(|&class| self.of(class)))
    }

    /// Replies of services that amplify by verdict, whatever port they arrive at.
    pub fn amplifier_replies(&self) -> Verdicts {
        self.sum_verdicts(ClassTick::amplifier_replies, ClassCounts::amplifier_replies)
    }

    /// At most this many packets of a class were not asked for, in any shorter span as well: cheap, for a first check.
    #[inline]
    pub fn unsolicited_at_most(&self, class: Class) -> u64 {
        self.sum_bounds(|tick| tick.unsolicited_at_most(class), |sum| sum.unsolicited_at_most(class))
    }

    #[inline]
    fn sum_bounds(&self, in_tick: impl Fn(&ClassTick) -> u64, in_sum: impl Fn(&ClassCounts) -> u64) -> u64 {
        match self {
            SpanCounts::Tick(tick) => in_tick(tick),
            SpanCounts::Ticks(one, other) => in_tick(one) + in_tick(other),
            SpanCounts::Sum(sum) => in_sum(sum),
            SpanCounts::Minute(_) => u64::MAX,
        }
    }

    /// DNS queries by verdict.
    pub fn dns_queries(&self) -> Verdicts {
        self.sum_verdicts(ClassTick::dns_queries, ClassCounts::dns_queries)
    }

    /// Packets of several classes by verdict; UDP is without DNS queries and replies of services
    /// that amplify.
    pub fn verdicts(&self, classes: &[Class]) -> Verdicts {
        self.sum_verdicts(|tick| tick.verdicts(classes), |sum| sum.verdicts(classes))
    }

    #[inline]
    fn sum_verdicts(
        &self,
        in_tick: impl Fn(&ClassTick) -> Verdicts,
        in_sum: impl Fn(&ClassCounts) -> Verdicts,
    ) -> Verdicts {
        match self {
            SpanCounts::Tick(tick) => in_tick(tick),
            SpanCounts::Ticks(one, other) => {
                let mut verdicts = in_tick(one);
                verdicts.merge(&in_tick(other));
                verdicts
            }
            SpanCounts::Sum(sum) => in_sum(sum),
            SpanCounts::Minute(_) => no_verdicts(),
        }
    }

    /// Packets of all classes together.
    pub fn packets(&self) -> u64 {
        match self {
            SpanCounts::Tick(tick) => tick.packets(),
            SpanCounts::Ticks(one, other) => one.packets() + other.packets(),
            SpanCounts::Sum(sum) => sum.packets(),
            SpanCounts::Minute(minute) => minute.packets(),
        }
    }
}

/// No detector uses the verdicts of a minute.
fn no_verdicts() -> Verdicts {
    debug_assert!(false, "verdicts are not kept for a minute");
    Verdicts::default()
}
