//! Rates over time, from the seconds of an incident.

use super::input::IncidentInput;
use super::language::Language;
use super::model::{Block, Line, Lines, Plot, Shape, Table, Unit};
use super::phrases::{P, say};
use super::usual::UsualBasis;
use super::vectors::label;
use crate::base::{Timestamp, Vector};
use crate::incident::Incident;
use crate::incident::model::Point;
use crate::meter::Count;
use crate::store::IncidentSecond;
use serde_json::{Value, json};

/// Most points of a line: more cannot be told apart.
const POINTS: u64 = 240;
/// Most vectors with a line of their own.
const VECTORS: usize = 6;
/// Most seconds between two points of a timeline.
const SPACING: u64 = 3600;
const SECOND: u64 = 1_000_000_000;

/// Sums of a number of seconds.
struct Bucket {
    at: Timestamp,
    vectors: Vec<Count>,
    target: Option<Count>,
}

struct Series {
    vectors: Vec<Vector>,
    buckets: Vec<Bucket>,
    /// Seconds of a bucket.
    width: u64,
}

pub(super) fn of_incident(input: &IncidentInput<'_>, language: Language) -> Vec<Block> {
    let incident = &input.incident.incident;
    let series = match input.incident.seconds.is_empty() {
        true => from_seconds(&from_timeline(incident)),
        false => from_seconds(&input.incident.seconds),
    };
    let Some(series) = series else {
        return vec![Block::Paragraph(say(language, P::NoSeries, &[]))];
    };
    let mut marks = vec![
        (incident.onset(), say(language, P::MarkOnset, &[])),
        (incident.opened_at, say(language, P::MarkDetected, &[])),
    ];
    // One label is enough where two would cover each other.
    let whole = series.width.saturating_mul(series.buckets.len() as u64) as f64;
    if incident.opened_at.seconds_since(incident.onset()) < whole / 5.0 {
        marks = vec![(
            incident.onset(),
            say(language, P::MarkOnsetDetected, &[&language.lasting(incident.detected_after_seconds)]),
        )];
    }
    if incident.closed_at.is_some() {
        marks.push((incident.updated_at, say(language, P::MarkEnd, &[])));
    }
    let usual = input.usual.map(|usual| {
        let basis = match usual.basis {
            UsualBasis::DaysBefore { minutes, days } => {
                say(language, P::BandDays, &[&language.count(minutes), &language.count(days)])
            }
            UsualBasis::BeforeOnset { seconds } => say(language, P::BandBefore, &[&language.count(seconds)]),
        };
        (usual.packets_per_second, usual.bits_per_second, basis)
    });
    let plot = |unit: Unit| {
        let band = usual.as_ref().map(|(packets, bits, basis)| {
            let band = if unit == Unit::Packets { packets } else { bits };
            (band.low, band.high, basis.clone())
        });
        series.plot(unit, band, marks.clone(), language)
    };
    vec![Block::Pair(vec![Block::Plot(Box::new(plot(Unit::Packets))), Block::Plot(Box::new(plot(Unit::Bits)))])]
}

fn from_seconds(seconds: &[IncidentSecond]) -> Option<Series> {
    let first = seconds.first()?.at.nanos() / SECOND;
    let last = seconds.last()?.at.nanos() / SECOND;
    let length = last.saturating_sub(first) + 1;
    let width = length.div_ceil(POINTS).max(1);
    let mut totals: Vec<(Vector, u64)> = Vec::new();
    for (vector, count) in seconds.iter().flat_map(|second| &second.vectors) {
        match totals.iter_mut().find(|(known, _)| known == vector) {
            Some((_, packets)) => *packets = packets.saturating_add(count.packets),
            None => totals.push((*vector, count.packets)),
        }
    }
    totals.sort_by_key(|(_, packets)| std::cmp::Reverse(*packets));
    let vectors: Vec<Vector> = totals.iter().take(VECTORS).map(|(vector, _)| *vector).collect();
    let has_target = seconds.iter().any(|second| second.target.is_some());
    // What is missing between the first and the last second had no packets.
    let mut buckets: Vec<Bucket> = (0..length.div_ceil(width))
        .map(|index| Bucket {
            at: Timestamp::from_parts(first + index * width, 0),
            vectors: vec![Count::default(); vectors.len()],
            target: has_target.then(Count::default),
        })
        .collect();
    for second in seconds {
        let index = (second.at.nanos() / SECOND).saturating_sub(first) / width;
        let Some(bucket) = buckets.get_mut(usize::try_from(index).unwrap_or(usize::MAX)) else { continue };
        for (vector, count) in &second.vectors {
            let at = vectors.iter().position(|known| known == vector);
            if let Some(sum) = at.and_then(|at| bucket.vectors.get_mut(at)) {
                sum.merge(*count);
            }
        }
        if let (Some(sum), Some(count)) = (&mut bucket.target, second.target) {
            sum.merge(count);
        }
    }
    Some(Series { vectors, buckets, width })
}

/// The coarse timeline of the incident, where seconds were not kept. A point stands for the seconds since the point before
/// it would have been due; where several in a row are missing, there were no packets.
fn from_timeline(incident: &Incident) -> Vec<IncidentSecond> {
    let timeline = &incident.timeline;
    let apart = timeline.iter().zip(timeline.iter().skip(1)).map(|(a, b)| b.at.seconds_since(a.at).round() as u64);
    let width = apart.min().unwrap_or(1).clamp(1, SPACING);
    let seconds = |point: &Point| {
        let count = Count { packets: point.packets_per_second, bytes: point.bits_per_second / 8 };
        let (at, vector) = (point.at.nanos().saturating_sub(1) / SECOND, incident.vector);
        (0..width).rev().map(move |back| IncidentSecond {
            at: Timestamp::from_parts(at.saturating_sub(back), 0),
            length: 1,
            vectors: vec![(vector, count)],
            target: None,
        })
    };
    timeline.iter().flat_map(seconds).collect()
}

impl Series {
    fn rate(&self, unit: Unit, count: Count) -> f64 {
        let value = match unit {
            Unit::Packets => count.packets as f64,
            Unit::Bits => count.bytes as f64 * 8.0,
        };
        value / self.width as f64
    }

    fn plot(
        &self,
        unit: Unit,
        band: Option<(f64, f64, String)>,
        marks: Vec<(Timestamp, String)>,
        language: Language,
    ) -> Plot {
        // Each value holds for its seconds: it is drawn in their middle.
        let middle = |bucket: &Bucket| bucket.at.plus_seconds(self.width as f64 / 2.0);
        let mut lines: Vec<Line> = self
            .vectors
            .iter()
            .enumerate()
            .map(|(index, vector)| {
                let value = |bucket: &Bucket| {
                    Some((middle(bucket), self.rate(unit, bucket.vectors.get(index).copied().unwrap_or_default())))
                };
                Line {
                    name: label(language, *vector),
                    colour: Some(index),
                    runs: vec![self.buckets.iter().filter_map(value).collect()],
                }
            })
            .collect();
        let all: Vec<(Timestamp, f64)> =
            self.buckets.iter().filter_map(|bucket| Some((middle(bucket), self.rate(unit, bucket.target?)))).collect();
        if !all.is_empty() {
            lines.push(Line { name: say(language, P::AllOfTarget, &[]), colour: None, runs: vec![all] });
        }
        let highest =
            lines.iter().flat_map(|line| line.runs.iter().flatten().map(|(_, value)| *value)).fold(0.0, f64::max);
        let shown = |value: f64| match unit {
            Unit::Packets => language.packets(value.round() as u64),
            Unit::Bits => language.bits(value.round() as u64),
        };
        let title = match unit {
            Unit::Packets => P::PlotPackets,
            Unit::Bits => P::PlotBits,
        };
        let from = self.buckets.first().map_or(Timestamp::ZERO, |bucket| bucket.at);
        let to = self.buckets.last().map_or(from, |bucket| bucket.at.plus_seconds(self.width as f64));
        let names: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
        let mut title = say(language, title, &[]);
        if self.width > 1 {
            title = say(language, P::MeanOf, &[&title, &self.width.to_string()]);
        }
        let description = say(
            language,
            P::PlotDescription,
            &[&title, &language.moment(from), &language.moment(to), &names.join(", "), &shown(highest)],
        );
        let table = self.table(&lines, language);
        let shape = Shape::Lines(Lines { from, to, unit, lines, band, marks, ..Lines::default() });
        Plot { title, description, shape, table, table_title: say(language, P::AsTable, &[]), language }
    }

    fn table(&self, lines: &[Line], language: Language) -> Table {
        let time = say(language, P::TimeUtc, &[]);
        let mut head = vec![(time.as_str(), false)];
        head.extend(lines.iter().map(|line| (line.name.as_str(), true)));
        let mut table = Table::new(String::new(), &head);
        for (row, bucket) in self.buckets.iter().enumerate() {
            let value = |line: &Line| {
                let value = line.runs.first().and_then(|run| run.get(row)).map_or(0.0, |(_, value)| *value);
                language.count(value.round() as u64).into()
            };
            table.rows.push(std::iter::once(language.time(bucket.at).into()).chain(lines.iter().map(value)).collect());
        }
        table
    }
}

/// A second as programs read it.
pub(super) fn second_json(second: &IncidentSecond) -> Value {
    let count = |count: Count| json!({"packets": count.packets, "bytes": count.bytes});
    let vectors: serde_json::Map<String, Value> =
        second.vectors.iter().map(|(vector, sum)| (vector.name().to_owned(), count(*sum))).collect();
    json!({"at": second.at, "vectors": vectors, "target": second.target.map(count)})
}
