//! What the detectors of floods over DNS share, and what `udp_flood` must know to leave these packets to them.

use super::requests::{Asking, Source};
use crate::meter::{HostDirection, Span};
use crate::packet::{App, Name};

pub(super) const QUERIES: &[App] = &[App::DnsQuery];
const REPLIES: &[App] = &[App::DnsAnswer, App::DnsNxdomain, App::DnsFailure];

/// Valid queries in the direction of the attack: judged as such, not as mere UDP.
pub(super) fn queries(host: &HostDirection<'_>, span: Span) -> u64 {
    host.app_packets(span, QUERIES)
}

/// Answers to them of any kind.
pub(super) fn replies(host: &HostDirection<'_>, span: Span) -> u64 {
    host.reverse_app_packets(span, REPLIES)
}

/// The zone below which nearly every question is for a name that somebody made up, with its share of all questions.
pub(super) fn made_up(asking: &Asking<'_>) -> Option<(Name, f64, Source)> {
    let (zone, share) = asking.top_name().filter(|(zone, _)| !zone.is_empty())?;
    let below = asking.below(&zone);
    (share >= 0.3 && below.samples >= 24 && below.varied >= 0.9 && below.plain >= 0.9).then_some((zone, share, below))
}
