//! The report on one incident.

use super::extent::{Extent, State};
use super::input::IncidentInput;
use super::language::Language;
use super::model::{Block, Figure, Report, Section, Table, Tone};
use super::phrases::{P, say};
use super::target::target_name;
use super::text::{name, prose};
use super::vectors::{explanation, label};
use super::{advice, filters, glossary, packets, period, series, tables, unknown, verdict};
use crate::base::{Direction, Pattern, Severity, Vector, VectorClass};
use crate::incident::{CloseReason, Incident};
use crate::store::StoredIncident;
use serde_json::{Value, json};

/// Most rows of a table of related incidents, and of changes.
const ROWS: usize = 12;

pub(super) fn report(input: &IncidentInput<'_>, language: Language) -> Report {
    let incident = &input.incident.incident;
    let tone = if incident.severity == Severity::Info { Tone::Note } else { Tone::Attack };
    let extent = Extent::of(input);
    let badge = match (tone, extent.state) {
        (Tone::Note, _) => P::BadgeNote,
        _ if incident.vectors.iter().all(|vector| period::is_fault(*vector)) => P::BadgeFault,
        (_, State::GoingOn) => P::BadgeOpen,
        (_, State::Unobserved(_) | State::Unknown) => P::BadgeEndUnknown,
        (_, State::Over | State::Merged) => P::BadgeClosed,
    };
    let kept = packets::Kept::read(input.packets);
    let mut sections = vec![
        Section::new("known", say(language, P::Known, &[]), known(input, &extent, &kept, language)),
        Section::new("course", say(language, P::Course, &[]), course(input, language)),
    ];
    let advice = advice::of_incident(incident, language);
    if !advice.is_empty() {
        sections.push(Section::new("advice", say(language, P::AdviceTitle, &[]), vec![Block::List(advice)]));
    }
    sections.extend(peers(input, language));
    if !incident.names.is_empty() {
        let names = vec![Block::Table(tables::names(&incident.names, language))];
        sections.push(Section::new("names", say(language, P::NamesTitle, &[]), names));
    }
    sections.push(Section::new(
        "unknown",
        say(language, P::NotKnown, &[]),
        vec![Block::List(unknown::of_incident(input, &kept, language))],
    ));
    sections.push(Section::new("done", say(language, P::Done, &[]), done(input.incident, language)));
    sections.extend(related(input, language));
    let technical = technical(input.incident, &kept, language);
    if !technical.is_empty() {
        sections.push(Section::new("technical", say(language, P::Technical, &[]), technical));
    }
    let verdict = verdict::of_incident(input, language);
    sections.extend(glossary::section(&[&verdict], &sections, language));
    let drill = incident.drill.then(|| say(language, P::Drill, &[]));
    Report {
        kind: "incident",
        language,
        title: say(language, P::IncidentTitle, &[&label(language, incident.vector), &target_name(incident)]),
        subtitle: say(
            language,
            P::Subtitle,
            &[&name(&incident.id), &name(input.sensor), &language.moment(input.generated_at)],
        ),
        tone,
        badge: say(language, badge, &[]),
        verdict: drill.into_iter().chain([verdict]).collect::<Vec<_>>().join(" "),
        figures: figures(incident, &extent, language),
        sections,
        footer: vec![say(language, P::FooterIncident, &[]), say(language, P::FooterUtc, &[])],
        data: data(input, &kept),
    }
}

fn figures(incident: &Incident, extent: &Extent, language: Language) -> Vec<Figure> {
    let figure = |label: P, value: String, note: String| Figure { label: say(language, label, &[]), value, note };
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    let peers_label = if incident.victims.is_some() { P::Victims } else { P::Sources };
    let spoofed = match peers.spoofing_likely {
        true if advice::is_mixed(incident) => say(language, P::SpoofedPartly, &[]),
        true => say(language, P::SpoofedShort, &[]),
        false => String::new(),
    };
    let lasted = extent.lasted(language);
    let mut figures = vec![
        figure(P::Lasted, lasted, say(language, extent.state.phrase(), &[])),
        figure(
            P::PeakRate,
            language.packets(extent.peak.packets_per_second),
            language.bits(extent.peak.bits_per_second),
        ),
        figure(P::Total, language.count(incident.totals.packets), language.bytes(incident.totals.bytes)),
    ];
    if peers.distinct > 0 {
        figures.push(figure(peers_label, tables::peers_number(peers, language), spoofed));
    }
    figures
}

fn known(input: &IncidentInput<'_>, extent: &Extent, kept: &packets::Kept, language: Language) -> Vec<Block> {
    let incident = &input.incident.incident;
    let target = &incident.target;
    let mut table = Table::default();
    let mut fact = |label: P, value: String| table.rows.push(vec![say(language, label, &[]).into(), value.into()]);
    let is_source = incident.direction == Direction::Outbound || matches!(target.kind, "station");
    fact(if is_source { P::CulpritLabel } else { P::TargetLabel }, target_name(incident));
    if let Some(guest) = &target.guest {
        fact(P::Guest, name(guest));
    }
    let macs = kept.source_macs(incident);
    if !macs.is_empty() {
        fact(P::MacOfPackets, macs.join(", "));
    }
    if let Some(interface) = &target.interface {
        let vlan = target.vlan.map(|vlan| say(language, P::Vlan, &[&vlan.to_string()]));
        fact(P::InterfaceLabel, [name(interface)].into_iter().chain(vlan).collect::<Vec<_>>().join(", "));
    }
    fact(P::Begin, extent.moment(extent.from, language));
    fact(P::Detected, say(language, P::DetectedAfter, &[&language.lasting(incident.detected_after_seconds)]));
    fact(if extent.state == State::Over { P::End } else { P::LastSeen }, extent.moment(extent.to, language));
    let kinds: Vec<String> = incident.vectors.iter().map(|vector| label(language, *vector)).collect();
    fact(P::Kinds, kinds.join(", "));
    let patterns: Vec<String> =
        incident.patterns.iter().map(|pattern| self::pattern(*pattern, incident, language)).collect();
    if !patterns.is_empty() {
        fact(P::Patterns, patterns.join(", "));
    }
    let meaning = match incident.severity {
        Severity::Info => P::InfoMeans,
        Severity::Warning => P::WarningMeans,
        Severity::Critical => P::CriticalMeans,
    };
    let severity = tables::severity(incident.severity, language);
    fact(P::SeverityLabel, format!("{severity}: {}", say(language, meaning, &[])));
    fact(P::ConfidenceLabel, say(language, P::ConfidenceOf, &[&language.percent(incident.confidence)]));
    let coverage = &incident.coverage;
    let is_complete = coverage.kernel_dropped == 0 && coverage.captured >= 1.0 && coverage.sampled <= 1;
    if is_complete && input.incident.gaps.is_empty() {
        fact(P::RecordingLabel, say(language, P::CapturedAll, &[]));
    }
    let mut blocks = vec![Block::Table(table)];
    // The main vector is explained in the verdict.
    let others: Vec<String> = incident
        .vectors
        .iter()
        .filter(|vector| **vector != incident.vector)
        .map(|vector| format!("{}: {}", label(language, *vector), explanation(language, *vector)))
        .collect();
    if !others.is_empty() {
        blocks.push(Block::List(others));
    }
    blocks
}

fn pattern(pattern: Pattern, incident: &Incident, language: Language) -> String {
    match pattern {
        Pattern::CarpetBombing => say(language, P::CarpetBombing, &[]),
        Pattern::PulseWave => say(language, P::PulseWave, &[&language.count(u64::from(incident.pulses))]),
        Pattern::MultiVector => say(language, P::MultiVector, &[]),
    }
}

fn course(input: &IncidentInput<'_>, language: Language) -> Vec<Block> {
    let mut blocks = series::of_incident(input, language);
    let (incident, extent) = (&input.incident.incident, Extent::of(input));
    // Updates change figures only.
    let changes: Vec<_> = input.incident.changes.iter().filter(|change| change.change != "updated").collect();
    if changes.len() > 1 {
        let head = [(say(language, P::At, &[]), false), (say(language, P::Change, &[]), false)];
        let more = [(say(language, P::SeverityLabel, &[]), false), (say(language, P::Kind, &[]), false)];
        let head: Vec<(&str, bool)> = head.iter().chain(&more).map(|(text, right)| (text.as_str(), *right)).collect();
        let mut table = Table::new(String::new(), &head);
        for change in changes.iter().take(ROWS) {
            let word = match change.change.as_str() {
                "opened" => P::ChangeOpened,
                "extended" => P::ChangeExtended,
                "escalated" => P::ChangeEscalated,
                "resumed" => P::ChangeResumed,
                "closed" => P::ChangeClosed,
                _ => P::ChangeUpdated,
            };
            let (at, text) = match (word, incident.closed_at, incident.close_reason) {
                (P::ChangeClosed, Some(closed), Some(CloseReason::Quiet)) => {
                    let quiet = language.lasting(closed.seconds_since(extent.to));
                    (closed, say(language, P::ChangeOver, &[&quiet]))
                }
                _ => (change.at, say(language, word, &[])),
            };
            table.rows.push(vec![
                language.exact_time(at).into(),
                text.into(),
                tables::severity(change.severity, language).into(),
                label(language, change.vector).into(),
            ]);
        }
        blocks.push(Block::Table(table));
        if changes.len() > ROWS {
            let more = (changes.len() - ROWS) as u64;
            blocks.push(Block::Paragraph(say(language, P::MoreChanges, &[&language.count(more)])));
        }
    }
    blocks
}

fn peers(input: &IncidentInput<'_>, language: Language) -> Option<Section> {
    let incident = &input.incident.incident;
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    if peers.distinct == 0 {
        return None;
    }
    let (title, number) = match incident.victims.is_some() {
        true => (P::VictimsTitle, P::VictimsNumber),
        false => (P::SourcesTitle, P::SourcesNumber),
    };
    let number = say(language, number, &[&tables::peers_number(peers, language)]);
    let (mut sentences, mut blocks) = (vec![number], Vec::new());
    match (peers.spoofing_likely, peers.top.is_empty()) {
        (true, _) if incident.victims.is_none() && advice::is_mixed(incident) => {
            let of = |amplified: bool| {
                let is_of = |vector: &&Vector| (vector.class() == VectorClass::Amplification) == amplified;
                let names: Vec<String> = incident.vectors.iter().filter(is_of).map(|v| label(language, *v)).collect();
                verdict::list(&names, language)
            };
            sentences.push(say(language, P::SpoofedMixed, &[&of(false), &of(true)]));
        }
        (true, _) => sentences.push(say(language, P::SpoofedLong, &[])),
        (false, true) => sentences.push(say(language, P::NoneListed, &[])),
        (false, false) => {
            let share = peers.top.iter().map(|peer| peer.share).sum::<f64>().min(1.0);
            let (number, share) = (language.count(peers.top.len() as u64), language.percent(share));
            sentences.push(match peers.top.len() {
                1 => say(language, P::ListedOne, &[&share]),
                _ => say(language, P::Listed, &[&number, &share]),
            });
            blocks.push(Block::Table(tables::networks(&peers.top, input.origins, language)));
        }
    }
    blocks.insert(0, Block::Paragraph(sentences.join(" ")));
    Some(Section::new("peers", say(language, title, &[]), blocks))
}

/// Measurements, ports, distributions and filters: for readers who know these terms.
fn technical(stored: &StoredIncident, kept: &packets::Kept, language: Language) -> Vec<Block> {
    let incident = &stored.incident;
    let mut blocks = Vec::new();
    if !incident.evidence.is_empty() {
        blocks.push(Block::Heading(say(language, P::Measured, &[])));
        blocks.push(Block::List(incident.evidence.iter().map(|evidence| prose(&evidence.message)).collect()));
    }
    let ports = [(&incident.ports.destination, P::DestinationPorts), (&incident.ports.source, P::SourcePorts)];
    let ports: Vec<Block> = ports
        .into_iter()
        .filter(|(ports, _)| !ports.is_empty())
        .map(|(ports, title)| Block::Table(tables::ports(ports, say(language, title, &[]), language)))
        .collect();
    if !ports.is_empty() {
        blocks.push(Block::Pair(ports));
    }
    let plots = kept.plots(packets::Side::of(incident), language);
    if !plots.is_empty() {
        blocks.push(Block::Heading(say(language, P::Carried, &[])));
        blocks.push(Block::Pair(plots));
    }
    blocks.extend(filters::blocks(stored, language));
    blocks
}

fn done(stored: &StoredIncident, language: Language) -> Vec<Block> {
    let mut list = vec![say(language, P::OnlyObserves, &[])];
    if let Some(mark) = &stored.incident.maintenance {
        list.push(say(language, P::InMaintenance, &[&prose(&mark.why), &language.moment(mark.until)]));
    }
    list.push(say(language, if filters::are_suggested(stored) { P::Suggestions } else { P::NoSuggestions }, &[]));
    vec![Block::List(list)]
}

fn related(input: &IncidentInput<'_>, language: Language) -> Option<Section> {
    let own = &input.incident.incident.id;
    let others: Vec<&Incident> = input.related.iter().filter(|other| other.id != *own).collect();
    let mut blocks =
        vec![Block::Table(tables::incidents(others.iter().take(ROWS).copied(), input.generated_at, language))];
    if others.len() > ROWS {
        let more = (others.len() - ROWS) as u64;
        blocks.push(Block::Paragraph(say(language, P::MoreIncidents, &[&language.count(more)])));
    }
    (!others.is_empty()).then(|| Section::new("related", say(language, P::Related, &[]), blocks))
}

/// What a program reads.
fn data(input: &IncidentInput<'_>, kept: &packets::Kept) -> Value {
    let usual = input.usual.map(|usual| {
        json!({
            "packets_per_second": [usual.packets_per_second.low, usual.packets_per_second.high],
            "bits_per_second": [usual.bits_per_second.low, usual.bits_per_second.high],
        })
    });
    let origins = super::origins::Origins::addresses(&input.incident.incident).into_iter().filter_map(|address| {
        let origin = input.origins.of(address)?;
        let origin = json!({"asn": origin.asn, "organisation": origin.organisation, "country": origin.country});
        Some((address.to_string(), origin))
    });
    let gaps = input.incident.gaps.iter().map(|(at, seconds)| json!({"at": at, "seconds": seconds}));
    let seconds: Vec<Value> = input.incident.seconds.iter().map(series::second_json).collect();
    json!({
        "incident": input.incident.incident,
        "mitigations": input.incident.mitigations,
        "normal": usual,
        "origins": origins.collect::<serde_json::Map<_, _>>(),
        "seconds": seconds,
        "gaps": gaps.collect::<Vec<_>>(),
        "kept_packets": kept.json(),
        "related": input.related.iter().map(|other| other.id.as_str()).collect::<Vec<_>>(),
    })
}
