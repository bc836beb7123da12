//! The report on a period: attacks, and traffic of hosts and guests.

use super::bill::{Bill, Runs, Sum, bills};
use super::extent::State;
use super::glossary;
use super::input::{PeriodInput, Scope};
use super::language::Language;
use super::model::{Block, Figure, Line, Lines, Plot, Report, Section, Shape, Table, Tone, Unit};
use super::phrases::{P, say};
use super::tables;
use super::target::target_name;
use super::text::name;
use super::vectors::label;
use crate::base::{Direction, Severity, Timestamp, Vector, VectorClass};
use crate::incident::Incident;
use crate::store::{LEAST_COVERAGE, LONGEST_GAP, PeriodCoverage, SubjectKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most incidents of a table, most hosts and guests of a table, and most of them with a plot.
const INCIDENTS: usize = 200;
const SUBJECTS: usize = 25;
const PLOTTED: usize = 5;
/// Most days with a plot of their own.
const DAYS: usize = 35;
/// Most points of a plot, and rows of the table behind it.
const POINTS: u64 = 288;
const DAY: u64 = 86_400;

/// The incidents of the period, sorted by what they are.
struct Sorted<'a> {
    attacks: Vec<&'a Incident>,
    notes: Vec<&'a Incident>,
    drills: usize,
}

/// Whether it is a fault rather than an attack.
pub(super) fn is_fault(vector: Vector) -> bool {
    vector.class() == VectorClass::Sensor
        || matches!(vector, Vector::GatewaySilent | Vector::L2Loop | Vector::IpConflict | Vector::MacFlap)
}

impl<'a> Sorted<'a> {
    fn new(input: &PeriodInput<'a>) -> Sorted<'a> {
        let overlaps = |incident: &&Incident| {
            incident.onset() < input.to && (incident.closed_at.is_none() || incident.updated_at >= input.from)
        };
        let mut all: Vec<&Incident> =
            input.incidents.iter().filter(|incident| !incident.is_merged()).filter(overlaps).collect();
        all.sort_by(|a, b| (a.onset(), &a.id).cmp(&(b.onset(), &b.id)));
        let (drills, real): (Vec<&Incident>, Vec<&Incident>) = all.into_iter().partition(|incident| incident.drill);
        let is_attack =
            |incident: &&Incident| incident.severity > Severity::Info && !incident.vectors.iter().all(|v| is_fault(*v));
        let (attacks, notes) = real.into_iter().partition(is_attack);
        Sorted { attacks, notes, drills: drills.len() }
    }
}

pub(super) fn report(input: &PeriodInput<'_>, language: Language) -> Report {
    let sorted = Sorted::new(input);
    let bills = bills(input.minutes, input.from, input.to);
    let (tone, badge) = match (sorted.attacks.len(), input.coverage.allows_no()) {
        (0, true) => (Tone::Clear, say(language, P::BadgeClear, &[])),
        (0, false) => (Tone::Unknown, say(language, P::BadgeUnknown, &[])),
        (count, _) => (Tone::Attack, say(language, P::BadgeAttacks, &[&language.count(count as u64)])),
    };
    let mut sections = Vec::new();
    if !sorted.attacks.is_empty() {
        sections.push(attacks(&sorted.attacks, input.generated_at, language));
    }
    sections.extend(traffic(input, &sorted, &bills, language));
    if !sorted.notes.is_empty() {
        let notes = sorted.notes.iter().take(INCIDENTS).copied();
        let mut blocks = vec![Block::Table(tables::incidents(notes, input.generated_at, language))];
        blocks.extend(more(sorted.notes.len(), language));
        sections.push(Section::new("notes", say(language, P::NotesTitle, &[]), blocks));
    }
    sections.push(captured(input, language));
    let verdict = verdict(input, &sorted, language);
    sections.extend(glossary::section(&[&verdict], &sections, language));
    Report {
        kind: "period",
        language,
        title: say(language, P::PeriodTitle, &[&scope(&input.scope, language)]),
        subtitle: say(
            language,
            P::PeriodSubtitle,
            &[
                &language.moment(input.from),
                &language.moment(input.to),
                &name(input.sensor),
                &language.moment(input.generated_at),
            ],
        ),
        tone,
        badge,
        verdict,
        figures: figures(input, &sorted, &bills, language),
        sections,
        footer: vec![say(language, P::FooterPeriod, &[]), say(language, P::FooterUtc, &[])],
        data: data(input, &sorted, &bills),
    }
}

fn scope(scope: &Scope, language: Language) -> String {
    match scope {
        Scope::All => say(language, P::ScopeAll, &[]),
        Scope::Host(address) => say(language, P::ScopeHost, &[&address.to_string()]),
        Scope::Guest(guest) => say(language, P::ScopeGuest, &[&name(guest)]),
        Scope::Network(network) => say(language, P::ScopeNetwork, &[&network.to_string()]),
        Scope::Interface(interface) => say(language, P::ScopeInterface, &[&name(interface)]),
    }
}

fn gap(input: &PeriodInput<'_>, language: Language) -> String {
    match input.coverage.longest_gap {
        Some((at, seconds)) => say(language, P::LongestGap, &[&language.lasting(seconds), &language.moment(at)]),
        None => say(language, P::WithoutGap, &[]),
    }
}

fn verdict(input: &PeriodInput<'_>, sorted: &Sorted<'_>, language: Language) -> String {
    let (what, from, to) = (scope(&input.scope, language), language.moment(input.from), language.moment(input.to));
    let (ratio, gap) = (language.percent(input.coverage.ratio()), gap(input, language));
    let (time, dropped) = shares(input.coverage);
    let coverage = match input.coverage.is_file {
        true => say(language, P::CoverageFile, &[]),
        false => say(language, P::CoverageIs, &[&language.percent(time), &gap, &language.percent(dropped)]),
    };
    let why = shortfall(input.coverage, language);
    let needed = say(language, P::Needed, &[&language.percent(LEAST_COVERAGE), &language.lasting(LONGEST_GAP)]);
    let mut sentences = match (sorted.attacks.len(), input.coverage.allows_no()) {
        (0, true) => {
            let no = if input.coverage.is_file { P::NoAttackFile } else { P::NoAttack };
            vec![say(language, no, &[&what, &from, &to, &ratio, &gap]), say(language, P::BelowLimits, &[])]
        }
        (0, false) => vec![say(language, P::CannotSay, &[&what, &from, &to, &why]), coverage, needed],
        (count, is_enough) => {
            let number = match count {
                1 => say(language, P::OneAttack, &[]),
                _ => say(language, P::ManyAttacks, &[&language.count(count as u64)]),
            };
            let mut sentences = vec![say(language, P::SomeAttacks, &[&what, &from, &to, &number]), coverage];
            if !is_enough {
                sentences.push(say(language, P::MayBeMore, &[&why]));
            }
            sentences
        }
    };
    let states = |wanted: fn(State) -> bool| {
        let state = |incident: &&&Incident| wanted(state(incident, input));
        sorted.attacks.iter().filter(state).count() as u64
    };
    let open = states(|state| state == State::GoingOn);
    if open > 0 {
        sentences.push(say(language, P::StillOpen, &[&language.count(open)]));
    }
    let unknown = states(|state| matches!(state, State::Unobserved(_) | State::Unknown));
    if unknown > 0 {
        sentences.push(say(language, P::EndUnknownToo, &[&language.count(unknown)]));
    }
    if sorted.attacks.is_empty() && !input.coverage.interfaces.is_empty() {
        sentences.push(say(language, P::CapturedAt, &[&interfaces(input.coverage)]));
    }
    match sorted.notes.len() {
        0 => {}
        1 => sentences.push(say(language, P::OneNoteToo, &[])),
        count => sentences.push(say(language, P::NotesToo, &[&language.count(count as u64)])),
    }
    if sorted.drills > 0 {
        sentences.push(say(language, P::DrillsToo, &[&language.count(sorted.drills as u64)]));
    }
    sentences.join(" ")
}

/// Whether an incident is over: the store keeps open ones up to date.
fn state(incident: &Incident, input: &PeriodInput<'_>) -> State {
    State::new(incident, incident.updated_at, input.generated_at)
}

/// The part of the time that was captured, and that of the packets in it which the kernel dropped.
fn shares(coverage: &PeriodCoverage) -> (f64, f64) {
    let whole = coverage.to.seconds_since(coverage.from);
    let time = if whole > 0.0 { (coverage.captured_seconds / whole).min(1.0) } else { 0.0 };
    (time, (coverage.dropped as f64 / coverage.packets.max(1) as f64).min(1.0))
}

fn interfaces(coverage: &PeriodCoverage) -> String {
    coverage.interfaces.iter().map(|interface| name(interface)).collect::<Vec<_>>().join(", ")
}

/// Why "no attack" cannot be said.
fn shortfall(coverage: &PeriodCoverage, language: Language) -> String {
    let mut why = Vec::new();
    if coverage.ratio() < LEAST_COVERAGE {
        why.push(say(language, P::TooLittle, &[]));
    } else if coverage.longest_gap.is_some_and(|(_, seconds)| seconds > LONGEST_GAP) {
        why.push(say(language, P::GapTooLong, &[]));
    }
    if coverage.sampled > 1 {
        why.push(say(language, P::OnlySampled, &[&language.count(u64::from(coverage.sampled))]));
    }
    super::verdict::list(&why, language)
}

fn figures(input: &PeriodInput<'_>, sorted: &Sorted<'_>, bills: &[Bill<'_>], language: Language) -> Vec<Figure> {
    let figure = |label: P, value: String, note: String| Figure { label: say(language, label, &[]), value, note };
    let count = |is_source: bool| {
        let is_source = |incident: &&&Incident| (incident.direction == Direction::Outbound) == is_source;
        language.count(sorted.attacks.iter().filter(is_source).count() as u64)
    };
    let directions = format!(
        "{} {}, {} {}",
        count(false),
        say(language, P::AsVictim, &[]),
        count(true),
        say(language, P::AsSource, &[])
    );
    let under = under_attack(&sorted.attacks, input);
    let mut figures = vec![
        figure(P::AttacksLabel, language.count(sorted.attacks.len() as u64), directions),
        match input.coverage.is_file {
            true => figure(P::CoverageLabel, say(language, P::OneFile, &[]), say(language, P::FileNote, &[])),
            false => figure(P::CoverageLabel, language.percent(input.coverage.ratio()), gap(input, language)),
        },
    ];
    if under > 0.0 {
        figures.push(figure(P::LongestLabel, language.lasting(under), String::new()));
    }
    if let ([bill], Scope::Host(_) | Scope::Guest(_)) = (bills, &input.scope) {
        let rate =
            |sum: &Sum| sum.billed.map_or_else(|| say(language, P::Unknown, &[]), |bits| language.bits(bits as u64));
        let both = |a: &str, b: &str| say(language, P::InAndOut, &[a, b]);
        figures.push(figure(P::Billed, both(&rate(&bill.received), &rate(&bill.sent)), String::new()));
        let (received, sent) = (language.bytes(bill.received.count.bytes), language.bytes(bill.sent.count.bytes));
        figures.push(figure(P::TrafficLabel, both(&received, &sent), String::new()));
    }
    figures
}

/// Seconds of the period in which at least one attack went on.
fn under_attack(attacks: &[&Incident], input: &PeriodInput<'_>) -> f64 {
    let (from, to) = (input.from, input.to);
    let mut seconds = 0.0;
    let mut reached = from;
    // In order of onset.
    for incident in attacks {
        let is_open = state(incident, input) == State::GoingOn;
        let end = if is_open { to.min(input.generated_at) } else { incident.updated_at.min(to) };
        seconds += end.seconds_since(incident.onset().max(reached));
        reached = reached.max(end);
    }
    seconds
}

fn more(count: usize, language: Language) -> Option<Block> {
    let rest = count.checked_sub(INCIDENTS).filter(|rest| *rest > 0)?;
    Some(Block::Paragraph(say(language, P::MoreIncidents, &[&language.count(rest as u64)])))
}

fn attacks(attacks: &[&Incident], generated_at: Timestamp, language: Language) -> Section {
    let table = tables::incidents(attacks.iter().take(INCIDENTS).copied(), generated_at, language);
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(more(attacks.len(), language));
    if attacks.len() > 1 {
        let by_kind = |incident: &Incident| label(language, incident.vector);
        let by_target = |incident: &Incident| target_name(incident);
        blocks.push(Block::Pair(vec![
            Block::Table(totals(attacks, P::ByKind, P::Kind, &by_kind, language)),
            Block::Table(totals(attacks, P::ByTarget, P::TargetLabel, &by_target, language)),
        ]));
    }
    Section::new("attacks", say(language, P::AttacksTitle, &[]), blocks)
}

/// Sums of attacks by a key, the most frequent first.
fn totals(attacks: &[&Incident], title: P, column: P, key: &dyn Fn(&Incident) -> String, language: Language) -> Table {
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for incident in attacks {
        let (number, packets) = sums.entry(key(incident)).or_default();
        *number += 1;
        *packets = packets.saturating_add(incident.totals.packets);
    }
    let mut sorted: Vec<(String, (u64, u64))> = sums.into_iter().collect();
    sorted.sort_by_key(|(_, sums)| std::cmp::Reverse(*sums));
    let words = [column, P::Number, P::PacketsLabel].map(|word| say(language, word, &[]));
    let head = [(words[0].as_str(), false), (words[1].as_str(), true), (words[2].as_str(), true)];
    let mut table = Table::new(say(language, title, &[]), &head);
    for (key, (number, packets)) in sorted.into_iter().take(SUBJECTS) {
        table.rows.push(vec![key.into(), language.count(number).into(), language.count(packets).into()]);
    }
    table
}

/// Attacks on and from a host or guest.
fn as_victim_and_source(bill: &Bill<'_>, attacks: &[&Incident]) -> (u64, u64) {
    let is_of = |incident: &&&Incident| match bill.kind {
        SubjectKind::Guest => incident.target.guest.as_deref() == Some(bill.subject),
        SubjectKind::Host => incident.target.address.is_some_and(|address| address.to_string() == bill.subject),
    };
    let count = |outbound: bool| {
        let is_direction = |incident: &&&Incident| (incident.direction == Direction::Outbound) == outbound;
        attacks.iter().filter(is_of).filter(is_direction).count() as u64
    };
    (count(false), count(true))
}

fn subject(bill: &Bill<'_>, language: Language) -> String {
    match bill.kind {
        SubjectKind::Host => say(language, P::ScopeHost, &[&name(bill.subject)]),
        SubjectKind::Guest => say(language, P::ScopeGuest, &[&name(bill.subject)]),
    }
}

fn traffic(input: &PeriodInput<'_>, sorted: &Sorted<'_>, bills: &[Bill<'_>], language: Language) -> Option<Section> {
    let title = say(language, P::TrafficTitle, &[]);
    let is_single = matches!(input.scope, Scope::Host(_) | Scope::Guest(_));
    if bills.is_empty() {
        let text = say(language, P::NoMinutes, &[]);
        return is_single.then(|| Section::new("traffic", title, vec![Block::Paragraph(text)]));
    }
    let words = [P::TargetLabel, P::TrafficLabel, P::Octets, P::MeanRate, P::Billed, P::PeakSecond, P::AttacksLabel]
        .map(|word| say(language, word, &[]));
    let right = [false, false, true, true, true, true, true];
    let mut head: Vec<(&str, bool)> = words.iter().zip(right).map(|(text, right)| (text.as_str(), right)).collect();
    if let Some(first) = head.first_mut() {
        first.0 = "";
    }
    let mut table = Table::new(String::new(), &head);
    for bill in bills.iter().take(SUBJECTS) {
        let (as_victim, as_source) = as_victim_and_source(bill, &sorted.attacks);
        for (word, sum, attacks) in
            [(P::Received, &bill.received, (as_victim, P::AsVictim)), (P::Sent, &bill.sent, (as_source, P::AsSource))]
        {
            let seconds = bill.measured_seconds.max(1.0);
            let mean = (sum.count.bytes as f64 * 8.0 / seconds).round() as u64;
            let billed = sum.billed.map(|bits| language.bits(bits.round() as u64));
            table.rows.push(vec![
                subject(bill, language).into(),
                say(language, word, &[]).into(),
                language.bytes(sum.count.bytes).into(),
                language.bits(mean).into(),
                billed.unwrap_or_else(|| say(language, P::Unknown, &[])).into(),
                format!(
                    "{}, {}",
                    language.bits(sum.peak_bits_per_second),
                    language.packets(sum.peak_packets_per_second)
                )
                .into(),
                format!("{} {}", language.count(attacks.0), say(language, attacks.1, &[])).into(),
            ]);
        }
    }
    let mut blocks = vec![Block::Table(table)];
    if bills.len() > SUBJECTS {
        let rest = (bills.len() - SUBJECTS) as u64;
        blocks.push(Block::Paragraph(say(language, P::MoreSubjects, &[&language.count(rest)])));
    }
    for (index, bill) in bills.iter().take(PLOTTED).enumerate() {
        if bills.len() > 1 {
            blocks.push(Block::Heading(subject(bill, language)));
        }
        let (complete, values) = (language.count(bill.complete_values), language.count(bill.values));
        if index == 0 {
            blocks.push(Block::Paragraph(say(language, P::BilledNote, &[&complete, &values])));
        }
        if let Some(first) = bill.first_missing {
            let missing = language.count(bill.minutes.saturating_sub(bill.present));
            let of = language.count(bill.minutes);
            blocks.push(Block::Paragraph(say(language, P::MissingMinutes, &[&missing, &of, &language.moment(first)])));
        }
        let plots = plots(input, bill, is_single, language);
        if !plots.is_empty() {
            blocks.push(Block::Pair(plots));
        }
    }
    Some(Section::new("traffic", title, blocks))
}

/// One plot for each day of a single host or guest, otherwise one of the whole period.
fn plots(input: &PeriodInput<'_>, bill: &Bill<'_>, is_single: bool, language: Language) -> Vec<Block> {
    let days = input.from.nanos() / 1_000_000_000 / DAY..(input.to.nanos() / 1_000_000_000).div_ceil(DAY);
    let is_few = usize::try_from(days.end.saturating_sub(days.start)).is_ok_and(|days| days <= DAYS);
    if is_single && is_few {
        let day = |day: u64| {
            let (start, end) = (Timestamp::from_parts(day * DAY, 0), Timestamp::from_parts((day + 1) * DAY, 0));
            let (from, to) = (start.max(input.from), end.min(input.to));
            let title = say(language, P::PlotDay, &[&language.date(start)]);
            plot(bill, title, from, to, language)
        };
        return days.filter_map(day).collect();
    }
    let width = width(input.from, input.to).to_string();
    plot(bill, say(language, P::PlotDays, &[&width]), input.from, input.to, language).into_iter().collect()
}

/// Minutes of one point: those of a round length that give few enough points.
fn width(from: Timestamp, to: Timestamp) -> u64 {
    let minutes = (to.seconds_since(from) / 60.0).ceil() as u64;
    [1, 5, 10, 15, 30, 60, 120, 180, 360].into_iter().find(|width| minutes / width <= POINTS).unwrap_or(1440)
}

/// `None` where there is no course: a single value is in the table.
fn plot(bill: &Bill<'_>, title: String, from: Timestamp, to: Timestamp, language: Language) -> Option<Block> {
    let width = width(from, to);
    let [received, sent] = bill.series(from, to, width);
    if received.iter().map(Vec::len).sum::<usize>() < 2 {
        return None;
    }
    let names = [P::Received, P::Sent].map(|word| say(language, word, &[]));
    let units = names.each_ref().map(|name| format!("{name} ({})", language.unit(Unit::Bits)));
    let time = say(language, P::TimeUtc, &[]);
    let head = [(time.as_str(), false), (units[0].as_str(), true), (units[1].as_str(), true)];
    let mut table = Table::new(String::new(), &head);
    for ((at, value), (_, other)) in received.iter().flatten().zip(sent.iter().flatten()) {
        let begin = at.minus_seconds(width as f64 * 30.0);
        table.rows.push(vec![
            tables::short_moment(begin).into(),
            language.count(value.round() as u64).into(),
            language.count(other.round() as u64).into(),
        ]);
    }
    let highest = received.iter().chain(&sent).flatten().map(|(_, value)| *value).fold(0.0, f64::max);
    let description = say(
        language,
        P::PlotDescription,
        &[&title, &language.moment(from), &language.moment(to), &names.join(", "), &language.bits(highest as u64)],
    );
    let gaps = gaps(&received, from, to, width);
    let line = |(index, (name, runs)): (usize, (&String, Runs))| Line { name: name.clone(), colour: Some(index), runs };
    let lines = names.iter().zip([received, sent]).enumerate().map(line).collect();
    let gap_name = say(language, P::Gap, &[]);
    let shape = Shape::Lines(Lines { from, to, unit: Unit::Bits, lines, gaps, gap_name, ..Lines::default() });
    let table_title = say(language, P::AsTable, &[]);
    Some(Block::Plot(Box::new(Plot { title, description, shape, table, table_title, language })))
}

/// Times without values.
fn gaps(runs: &[Vec<(Timestamp, f64)>], from: Timestamp, to: Timestamp, width: u64) -> Vec<(Timestamp, Timestamp)> {
    let half = width as f64 * 30.0;
    let mut gaps = Vec::new();
    let mut reached = from;
    for run in runs {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        gaps.push((reached, first.0.minus_seconds(half)));
        reached = last.0.plus_seconds(half);
    }
    gaps.push((reached, to));
    // Parts of a mean at the edges are no gap.
    gaps.retain(|(begin, end)| end.seconds_since(*begin) >= 2.0 * half);
    gaps
}

fn captured(input: &PeriodInput<'_>, language: Language) -> Section {
    let coverage = input.coverage;
    let whole = coverage.to.seconds_since(coverage.from);
    let (time, dropped) = shares(coverage);
    let mut list = Vec::new();
    if coverage.is_file {
        list.push(say(language, P::FileLine, &[&language.moment(coverage.from), &language.moment(coverage.to)]));
    } else {
        let captured = language.lasting(coverage.captured_seconds.min(whole));
        list.push(say(language, P::CoverageLine, &[&language.percent(time), &captured, &language.lasting(whole)]));
        let (lost, all) = (language.count(coverage.dropped), language.count(coverage.packets));
        list.push(say(language, P::DroppedLine, &[&lost, &all, &language.percent(dropped)]));
        list.push(gap(input, language) + ".");
    }
    if coverage.sampled > 1 {
        list.push(say(language, P::SampledPeriod, &[&language.count(u64::from(coverage.sampled))]));
    }
    if !coverage.interfaces.is_empty() {
        list.push(say(language, P::Interfaces, &[&interfaces(coverage)]));
    }
    if !coverage.allows_no() {
        let needed = [language.percent(LEAST_COVERAGE), language.lasting(LONGEST_GAP)];
        list.push(say(language, P::Needed, &[&needed[0], &needed[1]]));
    }
    for line in &mut list {
        let mut letters = line.chars();
        *line = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    }
    Section::new("coverage", say(language, P::CoverageTitle, &[]), vec![Block::List(list)])
}

fn data(input: &PeriodInput<'_>, sorted: &Sorted<'_>, bills: &[Bill<'_>]) -> Value {
    let coverage = input.coverage;
    let sum = |sum: &Sum| {
        json!({
            "packets": sum.count.packets,
            "bytes": sum.count.bytes,
            "percentile_95_bits_per_second": sum.billed,
            "peak_packets_per_second": sum.peak_packets_per_second,
            "peak_bits_per_second": sum.peak_bits_per_second,
        })
    };
    let bill = |bill: &Bill<'_>| {
        let (as_victim, as_source) = as_victim_and_source(bill, &sorted.attacks);
        json!({
            "kind": match bill.kind { SubjectKind::Host => "host", SubjectKind::Guest => "guest" },
            "subject": bill.subject,
            "received": sum(&bill.received),
            "sent": sum(&bill.sent),
            "minutes": bill.minutes,
            "minutes_on_record": bill.present,
            "attacks_as_victim": as_victim,
            "attacks_as_source": as_source,
        })
    };
    json!({
        "from": input.from,
        "to": input.to,
        "attacks_ruled_out": sorted.attacks.is_empty() && coverage.allows_no(),
        "coverage": {
            "ratio": coverage.ratio(),
            "captured_seconds": coverage.captured_seconds,
            "packets": coverage.packets,
            "dropped": coverage.dropped,
            "sampled": coverage.sampled,
            "is_file": coverage.is_file,
            "longest_gap_seconds": coverage.longest_gap.map_or(0.0, |(_, seconds)| seconds),
            "longest_gap_at": coverage.longest_gap.map(|(at, _)| at),
            "interfaces": coverage.interfaces,
        },
        "seconds_under_attack": under_attack(&sorted.attacks, input),
        "attacks": sorted.attacks,
        "notes": sorted.notes,
        "traffic": bills.iter().map(bill).collect::<Vec<_>>(),
    })
}
