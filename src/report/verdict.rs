//! The first paragraph: who, what, when, how much, which site, and whether it is over.

use super::extent::{self, Extent, State};
use super::input::IncidentInput;
use super::language::Language;
use super::numbers::same_day;
use super::phrases::{P, say};
use super::tables;
use super::target::target_name;
use super::text::name;
use super::usual::UsualBasis;
use super::vectors::{explanation, phrase};
use crate::base::{Direction, Severity, Vector};
use crate::incident::{CloseReason, Incident};

/// Most vectors that the sentence names beside the main one.
const OTHERS: usize = 3;
/// Smallest share of a site that the verdict names.
const SITE: f64 = 0.1;

pub(super) fn of_incident(input: &IncidentInput<'_>, language: Language) -> String {
    let incident = &input.incident.incident;
    let extent = Extent::of(input);
    let mut sentences = vec![event(incident, &extent, language), explanation(language, incident.vector).to_owned()];
    if incident.direction == Direction::Internal && incident.target.kind == "host" {
        sentences.push(say(language, P::FromWithin, &[]));
    }
    if incident.totals.packets > 0 {
        let peak = language.packets(extent.peak.packets_per_second);
        let bits = language.bits(extent.peak.bits_per_second);
        let (packets, bytes) = (language.count(incident.totals.packets), language.bytes(incident.totals.bytes));
        sentences.push(say(language, P::HowMuch, &[&peak, &bits, &packets, &bytes]));
    }
    if let Some(usual) = input.usual {
        let band = |value: f64| language.count(value.round() as u64);
        let word = match usual.basis {
            UsualBasis::DaysBefore { .. } => P::NormalIs,
            UsualBasis::BeforeOnset { .. } => P::NormalBefore,
        };
        let (low, high) = (band(usual.packets_per_second.low), band(usual.packets_per_second.high));
        sentences.push(if low == high {
            say(language, word, &[&high])
        } else {
            say(language, word, &[&say(language, P::FromTo, &[&low, &high])])
        });
    }
    sentences.extend(site(incident, language));
    sentences.push(over(incident, &extent, input, language));
    sentences.extend(extent::gaps_in_short(input.incident, language));
    sentences.join(" ")
}

/// Who, what and when, as a sentence.
fn event(incident: &Incident, extent: &Extent, language: Language) -> String {
    let (when, what) = (when(extent, language), what(incident, language));
    let is_open = extent.state == State::GoingOn;
    let is_note = incident.severity == Severity::Info || incident.vector.is_note();
    let target = target_in_sentence(incident, language);
    let pick = |closed: P, open: P| if is_open { open } else { closed };
    match incident.target.kind {
        "host" | "prefix" if incident.direction == Direction::Outbound => {
            let victims = match &incident.victims {
                Some(victims) if victims.distinct == 1 && victims.top.len() == 1 => {
                    victims.top.iter().map(|peer| peer.address.to_string()).collect()
                }
                Some(victims) => say(language, P::Addresses, &[&tables::peers_number(victims, language)]),
                None => say(language, P::OtherHosts, &[]),
            };
            let word = match is_note {
                true => pick(P::NotedSentClosed, P::NotedSentOpen),
                false => pick(P::SentClosed, P::SentOpen),
            };
            say(language, word, &[&when, &target, &what, &victims])
        }
        "host" | "prefix" => {
            let word = match is_note {
                true => pick(P::NotedClosed, P::NotedOpen),
                false => pick(P::AttackedClosed, P::AttackedOpen),
            };
            say(language, word, &[&when, &target, &what])
        }
        "sensor" => {
            let check = name(incident.target.sensor.as_deref().unwrap_or_default());
            say(language, pick(P::CheckClosed, P::CheckOpen), &[&when, &check])
        }
        _ => say(language, pick(P::SeenClosed, P::SeenOpen), &[&when, &target, &what]),
    }
}

fn when(extent: &Extent, language: Language) -> String {
    let (from, to) = (extent.from, extent.to);
    if extent.state == State::GoingOn {
        return say(language, P::Since, &[&extent.moment(from, language)]);
    }
    let (first, last) = (extent.time(from, language), extent.time(to, language));
    match same_day(from, to) {
        true if first == last => say(language, P::At1, &[&language.date(from), &first]),
        true => say(language, P::OneDay, &[&language.date(from), &first, &last]),
        false => say(language, P::Days, &[&language.moment(from), &language.moment(to)]),
    }
}

/// The vectors within a sentence.
fn what(incident: &Incident, language: Language) -> String {
    let main = phrase(language, incident.vector).to_owned();
    let others: Vec<Vector> = incident.vectors.iter().copied().filter(|vector| *vector != incident.vector).collect();
    let mut named: Vec<String> =
        others.iter().take(OTHERS).map(|vector| phrase(language, *vector).to_owned()).collect();
    if others.len() > OTHERS {
        named.push(say(language, P::MoreKinds, &[&language.count((others.len() - OTHERS) as u64)]));
    }
    match named.is_empty() {
        true => main,
        false => say(language, P::Together, &[&main, &list(&named, language)]),
    }
}

/// `a, b and c`.
pub(super) fn list(items: &[String], language: Language) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{}{}{last}", rest.join(", "), language.of(" and ", " und ")),
    }
}

/// The target as a part of a sentence, with guest and interface; in German in the dative.
fn target_in_sentence(incident: &Incident, language: Language) -> String {
    let target = &incident.target;
    let interface = name(target.interface.as_deref().unwrap_or("?"));
    let base = match target.kind {
        "station" => {
            let station = with_guest(target_name(incident), incident, language);
            return say(language, P::StationAt, &[&station, &interface]);
        }
        "segment" => match target.vlan {
            Some(vlan) => say(language, P::LanAtVlan, &[&interface, &vlan.to_string()]),
            None => say(language, P::LanAt, &[&interface]),
        },
        "interface" => say(language, P::LinkOf, &[&interface]),
        "prefix" if incident.direction != Direction::Outbound => {
            say(language, P::NetworkIs, &[&name(target.prefix.as_deref().unwrap_or_default())])
        }
        "prefix" => say(language, P::OurNetwork, &[&target_name(incident)]),
        _ if incident.direction == Direction::Outbound => say(language, P::OurHost, &[&target_name(incident)]),
        _ => target_name(incident),
    };
    with_guest(base, incident, language)
}

fn with_guest(base: String, incident: &Incident, language: Language) -> String {
    match &incident.target.guest {
        Some(guest) => say(language, P::WithGuest, &[&base, &name(guest)]),
        None => base,
    }
}

/// The site that most requests name.
fn site(incident: &Incident, language: Language) -> Option<String> {
    let first = incident.names.iter().find(|found| !found.name.is_empty() && found.share >= SITE)?;
    let share = tables::with_error(first.share, first.error, language);
    Some(say(language, P::SiteExact, &[&name(&first.name), &share]))
}

/// Whether it is over.
fn over(incident: &Incident, extent: &Extent, input: &IncidentInput<'_>, language: Language) -> String {
    let last = extent.moment(extent.to, language);
    match extent.state {
        State::GoingOn => return say(language, P::StillGoing, &[&language.moment(input.generated_at), &last]),
        State::Unobserved(end) => return say(language, P::Unobserved, &[&last, &language.moment(end)]),
        State::Over | State::Merged | State::Unknown => {}
    }
    let closed = incident.closed_at.map(|at| language.moment(at)).unwrap_or_default();
    match incident.close_reason {
        None => say(language, P::OverUnknown, &[]),
        Some(CloseReason::Quiet) => say(language, P::Over, &[]),
        Some(CloseReason::Merged) => {
            say(language, P::Merged, &[&name(incident.part_of.as_deref().unwrap_or_default())])
        }
        Some(CloseReason::Shutdown | CloseReason::Interrupted) => say(language, P::OverUnknownStopped, &[&closed]),
        Some(CloseReason::ClockChange) => say(language, P::OverUnknownClock, &[&closed]),
        Some(CloseReason::Evicted) => say(language, P::OverUnknownEvicted, &[&closed]),
    }
}
