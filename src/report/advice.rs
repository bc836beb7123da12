//! What a reader can do, by the class of the incident. Nothing is promised.

use super::language::Language;
use super::phrases::{P, say};
use crate::base::{Direction, Vector, VectorClass};
use crate::incident::Incident;

pub(super) fn of_incident(incident: &Incident, language: Language) -> Vec<String> {
    let has = |class: VectorClass| incident.vectors.iter().any(|vector| vector.class() == class);
    let has_reflector = incident.vectors.contains(&Vector::OpenReflector);
    let phrases: &[P] = match (incident.vector.class(), incident.direction) {
        (VectorClass::Sensor, _) => &[],
        (VectorClass::Layer2, _) => &[P::AdviceStation, P::AdviceStationOwner, P::AdviceStationGuard],
        _ if matches!(incident.target.kind, "station" | "segment" | "interface") => {
            &[P::AdviceStation, P::AdviceStationOwner, P::AdviceStationGuard]
        }
        (_, Direction::Outbound) if has_reflector => &[P::AdviceReflectorClose, P::AdviceReflectorCheck],
        (VectorClass::Egress, _) if has_reflector => &[P::AdviceReflectorClose, P::AdviceReflectorCheck],
        (_, Direction::Outbound) | (VectorClass::Egress, _) => {
            &[P::AdviceHostStop, P::AdviceHostSearch, P::AdviceHostComplaints]
        }
        (VectorClass::Recon, _) => &[P::AdviceScan],
        _ if is_mixed(incident) => &[P::AdviceProvider, P::AdviceSpoofed, P::AdviceAmplified, P::AdviceMisused],
        _ if has(VectorClass::Amplification) && !incident.sources.spoofing_likely => {
            &[P::AdviceProvider, P::AdviceAmplified, P::AdviceMisused]
        }
        _ if incident.sources.spoofing_likely => &[P::AdviceProvider, P::AdviceSpoofed],
        _ => &[P::AdviceBlock, P::AdviceVisitors, P::AdviceProvider],
    };
    phrases.iter().map(|phrase| say(language, *phrase, &[])).collect()
}

/// Whether addresses are probably spoofed in one part, and those of misused servers in another.
pub(super) fn is_mixed(incident: &Incident) -> bool {
    let is_amplified = |vector: &&Vector| vector.class() == VectorClass::Amplification;
    let amplified = incident.vectors.iter().filter(is_amplified).count();
    incident.sources.spoofing_likely && amplified > 0 && amplified < incident.vectors.len()
}
