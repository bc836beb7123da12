//! Mixtures of TCP flag patterns: several that flood at the same time, as from tools that draw the flags at random. The
//! mixture as a whole is a `tcp_flood`, and no pattern is reported by itself.

use super::quantities;
use super::threshold::Threshold;
use crate::meter::{HostDirection, Span};
use crate::packet::Class;

pub(super) const THRESHOLDS: &[Threshold] =
    &[LEAST_MIXTURE, LEAST_PART, PATTERNS, ABNORMAL_SHARE, DRAWN_PART, GATHERED_PART];

const LEAST_MIXTURE: Threshold = Threshold {
    name: "least mixture",
    value: 600.0,
    unit: "packets/s",
    reason: "below, retransmissions and resets of a busy host look like a mixture",
    guarded_by: "everything",
};
const LEAST_PART: Threshold = Threshold {
    name: "least part",
    value: 100.0,
    unit: "packets/s",
    reason: "unmatched segments of one pattern that are more than noise",
    guarded_by: "everything",
};
const PATTERNS: Threshold = Threshold {
    name: "patterns",
    value: 3.0,
    unit: "flag patterns",
    reason: "two patterns occur together in honest traffic (SYN and RST of a service that is down)",
    guarded_by: "tcp_flood_three_tools",
};
const ABNORMAL_SHARE: Threshold = Threshold {
    name: "abnormal share",
    value: 0.1,
    unit: "share of unmatched segments",
    reason: "flags drawn at random give 0.8; no stack gives more than a stray one",
    guarded_by: "tcp_flood",
};
const DRAWN_PART: Threshold = Threshold {
    name: "part of a random mixture",
    value: 0.04,
    unit: "share of unmatched segments",
    reason: "eight classes drawn at random have at least 0.05 each",
    guarded_by: "tcp_flood",
};
const GATHERED_PART: Threshold = Threshold {
    name: "part of a gathered mixture",
    value: 1.0 / 7.0,
    unit: "share of unmatched segments",
    reason: "several tools at similar rates; a flood with little beside it keeps its own name",
    guarded_by: "tcp_flood_three_tools",
};

/// Segments that belong to no connection, by flag pattern.
pub(super) struct UnmatchedTcp {
    pub syn: u64,
    pub syn_ack: u64,
    pub ack: u64,
    pub rst: u64,
    pub fin: u64,
    pub null: u64,
    pub xmas: u64,
    pub other: u64,
}

impl UnmatchedTcp {
    pub(crate) fn of(host: &HostDirection<'_>, span: Span) -> UnmatchedTcp {
        UnmatchedTcp {
            syn: quantities::unanswered_syns(host, span),
            syn_ack: quantities::unsolicited_syn_acks(host, span),
            ack: quantities::unsolicited(host, span, quantities::ACKS),
            rst: quantities::unsolicited(host, span, quantities::RSTS),
            fin: quantities::unsolicited(host, span, quantities::FINS),
            null: quantities::abnormal_segments(host, span, Class::TcpNull),
            xmas: quantities::abnormal_segments(host, span, Class::TcpXmas),
            other: quantities::abnormal_segments(host, span, Class::TcpOther),
        }
    }

    fn all(&self) -> [u64; 8] {
        [self.syn, self.syn_ack, self.ack, self.rst, self.fin, self.null, self.xmas, self.other]
    }

    pub(crate) fn total(&self) -> u64 {
        self.all().iter().sum()
    }

    /// Whether at least [`PATTERNS`] patterns have this many segments each.
    fn has_parts(&self, least: f64) -> bool {
        let parts = self.all().into_iter().filter(|&count| count > 0 && count as f64 >= least).count();
        parts as f64 >= PATTERNS.value
    }
}

/// How flag patterns occur together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlagMixture {
    /// One or two patterns: each is evaluated by itself.
    None,
    /// Several, among them some that no stack sends: a tool that draws them at random.
    Drawn,
    /// Several that stacks send as well, all without a connection: it takes more of these.
    Gathered,
}

impl FlagMixture {
    /// As the last second shows it. At the onset most of that second is still without the flood, and at its end again:
    /// there the last 0.2 s show it, and the last ten seconds.
    pub(crate) fn of(host: &HostDirection<'_>) -> FlagMixture {
        let spans = [Span::Second, Span::Burst, Span::TenSeconds];
        let mixtures = spans.into_iter().map(|span| FlagMixture::within(host, span));
        mixtures.into_iter().find(|&mixture| mixture != FlagMixture::None).unwrap_or(FlagMixture::None)
    }

    fn within(host: &HostDirection<'_>, span: Span) -> FlagMixture {
        let unmatched = UnmatchedTcp::of(host, span);
        let total = unmatched.total();
        let abnormal = unmatched.null + unmatched.xmas + unmatched.other;
        let least_part = (total as f64 * GATHERED_PART.value).max(LEAST_PART.value * span.seconds());
        if ABNORMAL_SHARE.is_reached_by(abnormal, total) && unmatched.has_parts(total as f64 * DRAWN_PART.value) {
            FlagMixture::Drawn
        } else if total as f64 >= LEAST_MIXTURE.value * span.seconds() && unmatched.has_parts(least_part) {
            FlagMixture::Gathered
        } else {
            FlagMixture::None
        }
    }
}
