//! What the detectors of DNS query floods share.

use super::Threshold;
use super::requests::{RequestSample, Source};
use crate::packet::{App, Name};

pub(super) const QUERIES: &[App] = &[App::DnsQuery];
pub(super) const THRESHOLDS: &[Threshold] = &[ZONE_SHARE, ZONE_SAMPLES, VARIED, PLAIN];

const ZONE_SHARE: Threshold = Threshold {
    name: "share of one zone",
    value: 0.3,
    unit: "share of queries",
    reason: "a random-subdomain attack among the honest queries of a busy server",
    guarded_by: "dns_server_busy",
};
const ZONE_SAMPLES: Threshold = Threshold {
    name: "samples below one zone",
    value: 24.0,
    unit: "sampled queries",
    reason: "fewer may all differ by chance",
    guarded_by: "dns_server",
};
const VARIED: Threshold = Threshold {
    name: "distinct names",
    value: 0.9,
    unit: "names per sample",
    reason: "made-up names hardly occur twice",
    guarded_by: "dns_water_torture",
};
const PLAIN: Threshold = Threshold {
    name: "plain names",
    value: 0.9,
    unit: "share of queries",
    reason: "block lists and reverse zones are queried for addresses, which are no plain names",
    guarded_by: "dns_block_list",
};

/// A zone below which nearly every query is for a name of its own.
pub(super) struct MadeUp {
    pub zone: Name,
    /// Its share of all queries.
    pub share: f64,
    pub below: Source,
    /// The names are no addresses, which block lists and reverse zones are asked for.
    pub is_plain: bool,
}

/// The zone below which nearly every query is for a made-up name.
pub(super) fn made_up_zone(requests: &RequestSample<'_>) -> Option<MadeUp> {
    let (zone, share) = requests.top_name().filter(|(zone, _)| !zone.is_empty())?;
    let below = requests.below(&zone);
    let enough = share >= ZONE_SHARE.value && f64::from(below.samples) >= ZONE_SAMPLES.value;
    let is_plain = below.plain >= PLAIN.value;
    (enough && below.varied >= VARIED.value).then_some(MadeUp { zone, share, below, is_plain })
}
