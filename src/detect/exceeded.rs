//! When a rate exceeds its limit: over the last second, or by a burst within it.

use super::evidence::{Evidence, measured};
use super::limit::Limit;
use super::threshold::Threshold;
use crate::meter::Span;

/// Packets in 0.2 s below which a burst is not evaluated.
pub(super) const LEAST_BURST: f64 = 150.0;

pub(super) const THRESHOLDS: &[Threshold] = &[
    Threshold {
        name: "least burst",
        value: LEAST_BURST,
        unit: "packets in 0.2 s",
        reason: "a browser that loads a page opens dozens of connections at the same time; lower values call that a burst",
        guarded_by: "browser",
    },
    BURST_SHARE,
    BURST_OVER_SECOND,
];

pub(super) const BURST_SHARE: Threshold = Threshold {
    name: "burst share",
    value: 0.5,
    unit: "of the limit in 0.2 s",
    reason: "half of a second's allowance within 0.2 s is 2.5 times the limit: detected within 0.3 s at three times the limit",
    guarded_by: "syn_flood",
};
const BURST_OVER_SECOND: Threshold = Threshold {
    name: "burst over second",
    value: 1.5,
    unit: "times the second's count",
    reason: "where both exceed the limit, a burst this much stronger is the better estimate of the present rate",
    guarded_by: "syn_flood",
};

/// A rate above its limit, and over which span it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exceeded {
    /// Per second.
    pub rate: f64,
    pub limit: Limit,
    pub span: Span,
}

/// Whether a count exceeds its limit: either the last second as a whole does, or the last 0.2 s alone bring half of a
/// second's allowance (2.5 times the limit). A flood at n times its limit is thus detected after 1/n s, and one at three
/// times the limit or more within 0.3 s.
///
/// Where both do, the burst gives the strength of the flood as soon as it starts.
///
/// `least` packets make a burst: [`LEAST_BURST`], or fewer where they are suspicious in themselves.
pub(super) fn exceeded_from(least: f64, limit: Limit, count: impl Fn(Span) -> u64) -> Option<Exceeded> {
    let (second, burst) = (count(Span::Second) as f64, count(Span::Burst) as f64);
    let burst_rate = burst / Span::Burst.seconds();
    let is_burst = burst >= (limit.value * BURST_SHARE.value).max(least);
    if is_burst && (second < limit.value || burst_rate >= second * BURST_OVER_SECOND.value) {
        Some(Exceeded { rate: burst_rate, limit, span: Span::Burst })
    } else if second >= limit.value {
        Some(Exceeded { rate: second, limit, span: Span::Second })
    } else {
        None
    }
}

/// A weak flood that lasts: a fraction of the limit over ten seconds, and still now.
pub(super) fn sustained(limit: Limit, fraction: f64, count: impl Fn(Span) -> u64) -> Option<Exceeded> {
    let limit = limit.lasting(fraction);
    let rate = count(Span::TenSeconds) as f64 / Span::TenSeconds.seconds();
    let lasting = count(Span::Second) as f64 >= limit.value / 2.0;
    (rate >= limit.value && lasting).then_some(Exceeded { rate, limit, span: Span::TenSeconds })
}

impl Exceeded {
    /// Whether it is so much that no shape excuses it: it exceeds the ceiling as it would a limit.
    pub(crate) fn is_beyond_ceiling(&self) -> bool {
        match self.span {
            Span::Burst => self.rate * self.span.seconds() >= self.limit.ceiling * BURST_SHARE.value,
            _ => self.rate >= self.limit.ceiling,
        }
    }

    /// The evidence line that every rate gives. `what` names the counted thing, e.g. "SYN/s to 203.0.113.7".
    pub(crate) fn evidence(&self, measure: &'static str, what: &str, rest: &str) -> Evidence {
        let message = format!("{:.0} {what}, {}{rest}", self.rate, self.limit.describe());
        measured(measure, self.rate.round(), self.limit, self.span.seconds(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::limit::LimitFrom;

    fn limit(value: f64) -> Limit {
        Limit::new(value, LimitFrom::Default, 10.0)
    }

    fn spans(second: u64, burst: u64) -> impl Fn(Span) -> u64 {
        move |span| if span == Span::Second { second } else { burst }
    }

    #[test]
    fn a_second_at_the_limit_or_a_burst_at_two_and_a_half_times() {
        assert!(exceeded_from(LEAST_BURST, limit(1000.0), spans(999, 300)).is_none());
        assert_eq!(exceeded_from(LEAST_BURST, limit(1000.0), spans(1000, 200)).map(|o| o.span), Some(Span::Second));
        assert_eq!(exceeded_from(LEAST_BURST, limit(1000.0), spans(600, 500)).map(|o| o.rate), Some(2500.0));
        assert!(exceeded_from(LEAST_BURST, limit(100.0), spans(60, 60)).is_none(), "sixty packets are no burst");
    }
}
