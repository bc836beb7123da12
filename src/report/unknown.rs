//! What a report cannot say, and why.

use super::input::IncidentInput;
use super::language::Language;
use super::packets::Kept;
use super::phrases::{P, say};
use super::text::prose;
use super::{advice, extent};
use crate::base::{Direction, VectorClass};
use crate::incident::Incident;

pub(super) fn of_incident(input: &IncidentInput<'_>, kept: &Kept, language: Language) -> Vec<String> {
    let incident = &input.incident.incident;
    let class = incident.vector.class();
    let mut list = extent::gaps(input.incident, language);
    list.extend(coverage(incident, language));
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    let is_traffic = matches!(class, VectorClass::Flood | VectorClass::Amplification | VectorClass::Application);
    if incident.target.kind == "station" {
        list.push(say(language, P::UnknownStation, &[]));
    } else if advice::is_mixed(incident) {
        list.extend([say(language, P::UnknownSpoofedPart, &[]), say(language, P::UnknownBehindPart, &[])]);
    } else if incident.sources.spoofing_likely {
        list.push(say(language, P::UnknownSpoofed, &[]));
    } else if class == VectorClass::Amplification && incident.direction != Direction::Outbound {
        list.push(say(language, P::UnknownBehind, &[]));
    } else if is_traffic && incident.direction != Direction::Outbound {
        list.push(say(language, P::UnknownWho, &[]));
    }
    if incident.direction == Direction::Outbound && incident.target.kind == "host" {
        list.push(say(language, P::UnknownCulprit, &[]));
    }
    match peers.distinct_error {
        Some(error) if error > 0.0 => {
            list.push(say(language, P::UnknownNumber, &[&language.percent(error)]));
        }
        None if peers.distinct > 0 => list.push(say(language, P::UnknownMore, &[])),
        _ => {}
    }
    if incident.target.kind == "prefix" {
        list.push(say(language, P::UnknownPrefix, &[]));
    }
    if is_traffic && incident.direction != Direction::Outbound {
        list.extend(names(incident, language));
        list.push(say(language, P::UnknownService, &[]));
    }
    if input.usual.is_none() && is_traffic {
        list.push(say(language, P::UnknownNormal, &[]));
    }
    if is_traffic && kept.is_empty() {
        list.push(say(language, P::UnknownPackets, &[]));
    }
    if !peers.top.is_empty() {
        if !input.origins.asked {
            list.push(say(language, P::UnknownOrigins, &[]));
        }
        list.extend(
            input.origins.problems.iter().map(|problem| say(language, P::UnknownOriginFile, &[&prose(problem)])),
        );
    }
    list
}

fn coverage(incident: &Incident, language: Language) -> Vec<String> {
    let coverage = &incident.coverage;
    let mut list = Vec::new();
    if coverage.kernel_dropped > 0 || coverage.captured < 1.0 {
        let (share, dropped) = (language.percent(coverage.captured), language.count(coverage.kernel_dropped));
        list.push(say(language, P::CapturedPart, &[&share, &dropped]));
    }
    if coverage.sampled > 1 {
        list.push(say(language, P::Sampled, &[&language.count(u64::from(coverage.sampled))]));
    }
    list
}

/// Which of several sites of an address is meant.
fn names(incident: &Incident, language: Language) -> Option<String> {
    let unreadable: f64 = incident.names.iter().filter(|name| name.name.is_empty()).map(|name| name.share).sum();
    let is_named = incident.names.iter().any(|name| !name.name.is_empty());
    match (is_named, unreadable > 0.0) {
        (true, false) => None,
        (true, true) => Some(say(language, P::UnknownSomeNames, &[&language.percent(unreadable.min(1.0))])),
        (false, true) => Some(say(language, P::UnknownAllNames, &[])),
        (false, false) => Some(say(language, P::UnknownSite, &[])),
    }
}
