//! Which vectors explain which others, for merging incidents: as the detectors' specs say.

use crate::base::Vector;
use crate::detect::{Merging, spec_of};

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
