//! The report on one incident.

use super::input::IncidentInput;
use super::language::Language;
use super::model::{Block, Figure, Report, Section, Table, Tone};
use super::phrases::{P, say};
use super::target::target_name;
use super::text::{lines, name, prose};
use super::vectors::{explanation, label};
use super::{packets, period, series, tables, unknown, verdict};
use crate::base::{Direction, Pattern, Severity};
use crate::incident::Incident;
use crate::store::StoredIncident;
use serde_json::{Value, json};

/// Most rows of a table of related incidents, and of changes.
const ROWS: usize = 12;

pub(super) fn report(input: &IncidentInput<'_>, language: Language) -> Report {
    let incident = &input.incident.incident;
    let tone = if incident.severity == Severity::Info { Tone::Note } else { Tone::Attack };
    let badge = match (tone, incident.closed_at) {
        (Tone::Note, _) => P::BadgeNote,
        _ if incident.vectors.iter().all(|vector| period::is_fault(*vector)) => P::BadgeFault,
        (_, None) => P::BadgeOpen,
        (..) => P::BadgeClosed,
    };
    let kept = packets::Kept::read(input.packets);
    let mut sections = vec![
        Section::new("known", say(language, P::Known, &[]), known(input, &kept, language)),
        Section::new("course", say(language, P::Course, &[]), course(input, language)),
    ];
    sections.extend(peers(input, language));
    let carried = carried(incident, &kept, language);
    if !carried.is_empty() {
        sections.push(Section::new("packets", say(language, P::Carried, &[]), carried));
    }
    sections.push(Section::new(
        "unknown",
        say(language, P::NotKnown, &[]),
        vec![Block::List(unknown::of_incident(input, &kept, language))],
    ));
    sections.push(Section::new("done", say(language, P::Done, &[]), done(input.incident, language)));
    sections.extend(related(input, language));
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
        verdict: drill.into_iter().chain([verdict::of_incident(input, language)]).collect::<Vec<_>>().join(" "),
        figures: figures(incident, language),
        sections,
        footer: vec![say(language, P::FooterIncident, &[]), say(language, P::FooterUtc, &[])],
        data: data(input, &kept),
    }
}

fn figures(incident: &Incident, language: Language) -> Vec<Figure> {
    let figure = |label: P, value: String, note: String| Figure { label: say(language, label, &[]), value, note };
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    let peers_label = if incident.victims.is_some() { P::Victims } else { P::Sources };
    let spoofed = if peers.spoofing_likely { say(language, P::SpoofedShort, &[]) } else { String::new() };
    let lasted = language.lasting(incident.lasted_seconds());
    let mut figures = vec![
        figure(P::Lasted, lasted, say(language, verdict::state(incident), &[])),
        figure(
            P::PeakRate,
            language.packets(incident.peak.packets_per_second),
            language.bits(incident.peak.bits_per_second),
        ),
        figure(P::Total, language.count(incident.totals.packets), language.bytes(incident.totals.bytes)),
    ];
    if peers.distinct > 0 {
        figures.push(figure(peers_label, tables::peers_number(peers, language), spoofed));
    }
    figures
}

fn known(input: &IncidentInput<'_>, kept: &packets::Kept, language: Language) -> Vec<Block> {
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
    fact(P::Begin, format!("{}, {} UTC", language.date(incident.onset()), language.exact_time(incident.onset())));
    let delay = language.lasting(incident.detected_after_seconds);
    fact(P::Detected, say(language, P::DetectedAfter, &[&language.exact_time(incident.opened_at), &delay]));
    fact(
        if incident.closed_at.is_some() { P::End } else { P::LastSeen },
        format!("{}, {} UTC", language.date(incident.updated_at), language.exact_time(incident.updated_at)),
    );
    let kinds: Vec<String> = incident.vectors.iter().map(|vector| label(language, *vector)).collect();
    fact(P::Kinds, kinds.join(", "));
    let patterns: Vec<String> =
        incident.patterns.iter().map(|pattern| self::pattern(*pattern, incident, language)).collect();
    if !patterns.is_empty() {
        fact(P::Patterns, patterns.join(", "));
    }
    let severity = match incident.severity {
        Severity::Info => P::SeverityInfo,
        Severity::Warning => P::SeverityWarning,
        Severity::Critical => P::SeverityCritical,
    };
    let confidence = language.percent(incident.confidence);
    fact(P::SeverityLabel, say(language, P::SeverityAndConfidence, &[&say(language, severity, &[]), &confidence]));
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
    if !incident.evidence.is_empty() {
        blocks.push(Block::Heading(say(language, P::Measured, &[])));
        blocks.push(Block::List(incident.evidence.iter().map(|evidence| prose(&evidence.message)).collect()));
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
            table.rows.push(vec![
                language.exact_time(change.at).into(),
                say(language, word, &[]).into(),
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
    let mut blocks = vec![Block::Paragraph(say(language, number, &[&tables::peers_number(peers, language)]))];
    match (peers.spoofing_likely, peers.top.is_empty()) {
        (true, _) => blocks.push(Block::Paragraph(say(language, P::SpoofedLong, &[]))),
        (false, true) => blocks.push(Block::Paragraph(say(language, P::NoneListed, &[]))),
        (false, false) => {
            blocks.push(Block::Table(tables::networks(&peers.top, input.origins, language)));
            blocks.push(Block::Paragraph(say(language, P::LowerBounds, &[])));
        }
    }
    Some(Section::new("peers", say(language, title, &[]), blocks))
}

fn carried(incident: &Incident, kept: &packets::Kept, language: Language) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !incident.names.is_empty() {
        blocks.push(Block::Table(tables::names(&incident.names, language)));
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
    let plots = kept.plots(language);
    if !plots.is_empty() {
        blocks.push(Block::Pair(plots));
    }
    blocks
}

fn done(stored: &StoredIncident, language: Language) -> Vec<Block> {
    let mut list = vec![say(language, P::OnlyObserves, &[])];
    if let Some(mark) = &stored.incident.maintenance {
        list.push(say(language, P::InMaintenance, &[&prose(&mark.why), &language.moment(mark.until)]));
    }
    let rules: Vec<&Value> =
        stored.mitigations.iter().filter(|one| one["text"].as_str().is_some_and(|text| !text.is_empty())).collect();
    if rules.is_empty() {
        list.push(say(language, P::NoSuggestions, &[]));
        return vec![Block::List(list)];
    }
    list.push(say(language, P::Suggestions, &[]));
    let head = [P::RuleKind, P::RuleAction, P::MatchesAttack, P::Collateral].map(|word| say(language, word, &[]));
    let head: Vec<(&str, bool)> = head.iter().zip([false, false, true, true]).map(|(t, n)| (t.as_str(), n)).collect();
    let mut table = Table::new(String::new(), &head);
    let mut texts = Vec::new();
    for one in rules {
        let word = |field: &str| one[field].as_str().unwrap_or_default();
        let share = |field: &str| match one[field].as_f64() {
            Some(share) => language.percent(share),
            None => say(language, P::Unknown, &[]),
        };
        let action = match word("action") {
            "drop" => say(language, P::ActionDrop, &[]),
            "rate_limit" => say(language, P::ActionLimit, &[]),
            "blackhole" => say(language, P::ActionBlackhole, &[]),
            "match" => say(language, P::ActionMatch, &[]),
            other => name(other),
        };
        table.rows.push(vec![
            name(word("kind")).into(),
            action.into(),
            share("matches_attack").into(),
            share("collateral").into(),
        ]);
        texts.push(Block::Folded(say(language, P::RuleText, &[&name(word("kind"))]), lines(word("text"))));
    }
    [Block::List(list), Block::Table(table)].into_iter().chain(texts).collect()
}

fn related(input: &IncidentInput<'_>, language: Language) -> Option<Section> {
    let own = &input.incident.incident.id;
    let others: Vec<&Incident> = input.related.iter().filter(|other| other.id != *own).collect();
    let mut blocks = vec![Block::Table(tables::incidents(others.iter().take(ROWS).copied(), language))];
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
    let seconds: Vec<Value> = input.incident.seconds.iter().map(series::second_json).collect();
    json!({
        "incident": input.incident.incident,
        "mitigations": input.incident.mitigations,
        "normal": usual,
        "origins": origins.collect::<serde_json::Map<_, _>>(),
        "seconds": seconds,
        "kept_packets": kept.json(),
        "related": input.related.iter().map(|other| other.id.as_str()).collect::<Vec<_>>(),
    })
}
