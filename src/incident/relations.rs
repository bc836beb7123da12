//! Which vectors explain which others, for merging incidents: as the detectors' specs say.

use crate::base::Vector;
use crate::detect::{Merging, Target, spec_of};

fn merging(vector: Vector) -> Merging {
    spec_of(vector).map_or(Merging::Separate, |spec| spec.merging)
}

/// Whether this attack on a host can be part of one on its whole prefix.
pub(super) fn is_flood(vector: Vector) -> bool {
    matches!(merging(vector), Merging::IntoPrefix | Merging::IntoPrefixOrSideEffect)
}

/// Whether an incident of a whole LAN explains a finding about one of its stations.
pub(super) fn explains(lan: Vector, station: Vector) -> bool {
    matches!(merging(lan), Merging::AbsorbsStations(vectors) if vectors.contains(&station))
}

/// Whether hosts send these packets in response to others: those of an attacked host are a side effect of the attack.
pub(super) fn is_response(vector: Vector) -> bool {
    merging(vector) == Merging::IntoPrefixOrSideEffect
}

/// Of an attack on a whole prefix, at most the part of one host: one in N.
const PART_OF: f64 = 3.0;

/// Whether a rate in packets per second is a small part of an attack on a whole prefix. More is an attack of its own: a weak one
/// on the prefix must not hide it.
pub(super) fn is_small_part(part: f64, whole: f64) -> bool {
    part * PART_OF <= whole
}

/// Whether a host or a prefix is a part of another target, a wider prefix.
pub(super) fn is_within(part: &Target, whole: &Target) -> bool {
    let Target::Prefix(network) = whole else { return false };
    match part {
        Target::Host(address) => network.contains(&address.ip()),
        Target::Prefix(part) => part != network && network.contains(part),
        _ => false,
    }
}
