//! Rates over time, from the seconds of an incident.

use super::input::IncidentInput;
use super::language::Language;
use super::model::{Block, Line, Lines, Plot, Shape, Table, Unit};
use super::phrases::{P, say};
use super::usual::UsualBasis;
use super::vectors::label;
use super::{extent, packets};
use crate::base::{Timestamp, Vector};
use crate::incident::Incident;
use crate::incident::model::Point;
use crate::meter::Count;
use crate::store::IncidentSecond;
use serde_json::{Value, json};

/// Most points of a line: more are too close together to be distinguished.
const POINTS: u64 = 240;
/// Most vectors with a line of their own.
const VECTORS: usize = 6;
/// Most seconds between two points of a timeline.
const SPACING: u64 = 3600;
const SECOND: u64 = 1_000_000_000;
/// Least part of a bucket that was captured, for a rate to stand for all of it.
const LEAST_KNOWN: f64 = 0.5;

/// Packets and bytes of a part of the time.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    packets: f64,
    bytes: f64,
}

impl Amount {
    fn add(&mut self, count: Count, share: f64) {
        self.packets += count.packets as f64 * share;
        self.bytes += count.bytes as f64 * share;
    }
}

/// Sums of a number of seconds.
struct Bucket {
    at: Timestamp,
    vectors: Vec<Amount>,
    target: Option<Amount>,
    /// Seconds of it that were captured; `None` if these are too few.
    known: Option<f64>,
}

struct Series {
    vectors: Vec<Vector>,
    buckets: Vec<Bucket>,
    gaps: Vec<(Timestamp, Timestamp)>,
    /// Seconds of a bucket.
    width: u64,
}

pub(super) fn of_incident(input: &IncidentInput<'_>, language: Language) -> Vec<Block> {
    let incident = &input.incident.incident;
    let gaps = merged(&input.incident.gaps);
    let series = match input.incident.seconds.is_empty() {
        true => from_seconds(&from_timeline(incident), gaps),
        false => from_seconds(&input.incident.seconds, gaps),
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
    let extent = extent::Extent::of(input);
    if extent.state == extent::State::Over {
        marks.push((extent.to, say(language, P::MarkEnd, &[])));
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
    let all = say(language, packets::Side::of(incident).all_traffic(), &[]);
    let plot = |unit: Unit| {
        let band = usual.as_ref().map(|(packets, bits, basis)| {
            let band = if unit == Unit::Packets { packets } else { bits };
            (band.low, band.high, basis.clone())
        });
        series.plot(unit, band, marks.clone(), &all, language)
    };
    vec![Block::Pair(vec![Block::Plot(Box::new(plot(Unit::Packets))), Block::Plot(Box::new(plot(Unit::Bits)))])]
}

/// Beginning and end of the times in which nothing was captured, in order, apart from each other.
fn merged(gaps: &[(Timestamp, f64)]) -> Vec<(Timestamp, Timestamp)> {
    let mut sorted: Vec<(Timestamp, Timestamp)> =
        gaps.iter().map(|(at, seconds)| (*at, at.plus_seconds(*seconds))).filter(|(at, end)| end > at).collect();
    sorted.sort();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (at, end) in sorted {
        match merged.last_mut() {
            Some((_, last)) if at <= *last => *last = end.max(*last),
            _ => merged.push((at, end)),
        }
    }
    merged
}

/// The parts of a time that were captured.
fn known(from: Timestamp, to: Timestamp, gaps: &[(Timestamp, Timestamp)]) -> Vec<(Timestamp, Timestamp)> {
    let mut parts = Vec::new();
    let mut reached = from;
    for (at, end) in gaps.iter().filter(|(at, end)| *end > from && *at < to) {
        if *at > reached {
            parts.push((reached, *at));
        }
        reached = (*end).max(reached);
    }
    if reached < to {
        parts.push((reached, to));
    }
    parts
}

fn seconds_of(parts: &[(Timestamp, Timestamp)]) -> f64 {
    parts.iter().map(|(from, to)| to.seconds_since(*from)).sum()
}

fn from_seconds(seconds: &[IncidentSecond], gaps: Vec<(Timestamp, Timestamp)>) -> Option<Series> {
    let end = |second: &IncidentSecond| second.at.plus_seconds(f64::from(second.length.max(1)));
    let first = seconds.iter().map(|second| second.at).chain(gaps.iter().map(|gap| gap.0)).min()?;
    let last = seconds.iter().map(end).chain(gaps.iter().map(|gap| gap.1)).max()?;
    seconds.first()?;
    let first = first.nanos() / SECOND;
    let length = last.nanos().div_ceil(SECOND).saturating_sub(first).max(1);
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
    // What is missing had no packets, unless nothing was captured then.
    let mut buckets: Vec<Bucket> = (0..length.div_ceil(width))
        .map(|index| {
            let at = Timestamp::from_parts(first + index * width, 0);
            let captured = seconds_of(&known(at, at.plus_seconds(width as f64), &gaps));
            Bucket {
                at,
                vectors: vec![Amount::default(); vectors.len()],
                target: has_target.then(Amount::default),
                known: (captured >= width as f64 * LEAST_KNOWN).then_some(captured),
            }
        })
        .collect();
    for second in seconds {
        let (from, to) = (second.at, end(second));
        let mut parts = known(from, to, &gaps);
        if parts.is_empty() {
            parts.push((from, to));
        }
        let whole = seconds_of(&parts).max(f64::MIN_POSITIVE);
        // A minute is spread over the buckets that it covers.
        for (from, to) in parts {
            let index = |nanos: u64| (nanos / SECOND).saturating_sub(first) / width;
            for at in index(from.nanos())..=index(to.nanos().saturating_sub(1)) {
                let Some(bucket) = usize::try_from(at).ok().and_then(|at| buckets.get_mut(at)) else { continue };
                let (begin, end) = (bucket.at.max(from), bucket.at.plus_seconds(width as f64).min(to));
                let share = end.seconds_since(begin) / whole;
                for (vector, count) in &second.vectors {
                    let at = vectors.iter().position(|known| known == vector);
                    if let Some(sum) = at.and_then(|at| bucket.vectors.get_mut(at)) {
                        sum.add(*count, share);
                    }
                }
                if let (Some(sum), Some(count)) = (&mut bucket.target, second.target) {
                    sum.add(count, share);
                }
            }
        }
    }
    Some(Series { vectors, buckets, gaps, width })
}

/// The coarse timeline of the incident, where seconds were not kept. A point stands for the seconds since the point before
/// it would have been due; where several in a row are missing, there were no packets.
fn from_timeline(incident: &Incident) -> Vec<IncidentSecond> {
    let timeline = &incident.timeline;
    let apart = timeline.iter().zip(timeline.iter().skip(1)).map(|(a, b)| b.at.seconds_since(a.at).round() as u64);
    let width = apart.min().unwrap_or(1).clamp(1, SPACING);
    let second = |point: &Point| {
        let packets = point.packets_per_second.saturating_mul(width);
        let count = Count { packets, bytes: (point.bits_per_second / 8).saturating_mul(width) };
        let at = (point.at.nanos().saturating_sub(1) / SECOND + 1).saturating_sub(width);
        IncidentSecond {
            at: Timestamp::from_parts(at, 0),
            // At most SPACING.
            length: u32::try_from(width).unwrap_or(1),
            vectors: vec![(incident.vector, count)],
            target: None,
        }
    };
    timeline.iter().map(second).collect()
}

impl Series {
    /// The values of a line; `None` where nothing was captured.
    fn values(&self, unit: Unit, amount: &dyn Fn(&Bucket) -> Option<Amount>) -> Vec<Option<f64>> {
        let value = |bucket: &Bucket| {
            let (known, amount) = (bucket.known?, amount(bucket)?);
            Some(match unit {
                Unit::Packets => amount.packets / known,
                Unit::Bits => amount.bytes * 8.0 / known,
            })
        };
        self.buckets.iter().map(value).collect()
    }

    /// Each value holds for its seconds: it is drawn in their middle. A line is broken where there is none.
    fn runs(&self, values: &[Option<f64>]) -> Vec<Vec<(Timestamp, f64)>> {
        let points: Vec<Option<(Timestamp, f64)>> = self
            .buckets
            .iter()
            .zip(values)
            .map(|(bucket, value)| Some((bucket.at.plus_seconds(self.width as f64 / 2.0), (*value)?)))
            .collect();
        points
            .split(Option::is_none)
            .map(|run| run.iter().flatten().copied().collect())
            .filter(|run: &Vec<_>| !run.is_empty())
            .collect()
    }

    fn plot(
        &self,
        unit: Unit,
        band: Option<(f64, f64, String)>,
        marks: Vec<(Timestamp, String)>,
        all: &str,
        language: Language,
    ) -> Plot {
        let mut lines = Vec::new();
        let mut columns = Vec::new();
        for (index, vector) in self.vectors.iter().enumerate() {
            let values = self.values(unit, &|bucket| bucket.vectors.get(index).copied());
            lines.push(Line { name: label(language, *vector), colour: Some(index), runs: self.runs(&values) });
            columns.push(values);
        }
        if self.buckets.iter().any(|bucket| bucket.target.is_some()) {
            let values = self.values(unit, &|bucket| bucket.target);
            lines.push(Line { name: all.to_owned(), colour: None, runs: self.runs(&values) });
            columns.push(values);
        }
        let highest = columns.iter().flatten().flatten().copied().fold(0.0, f64::max);
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
        let table = self.table(&names, &columns, unit, language);
        let (gaps, gap_name) = (self.gaps.clone(), say(language, P::GapNotCaptured, &[]));
        let shape = Shape::Lines(Lines { from, to, unit, lines, band, marks, gaps, gap_name });
        Plot { title, description, shape, table, table_title: say(language, P::AsTable, &[]), language }
    }

    fn table(&self, names: &[String], columns: &[Vec<Option<f64>>], unit: Unit, language: Language) -> Table {
        let time = say(language, P::TimeUtc, &[]);
        let names: Vec<String> = names.iter().map(|name| format!("{name} ({})", language.unit(unit))).collect();
        let mut head = vec![(time.as_str(), false)];
        head.extend(names.iter().map(|name| (name.as_str(), true)));
        let mut table = Table::new(String::new(), &head);
        for (row, bucket) in self.buckets.iter().enumerate() {
            let value = |column: &Vec<Option<f64>>| {
                let value = column.get(row).copied().flatten();
                value.map(|value| language.count(value.round() as u64)).unwrap_or_default().into()
            };
            table
                .rows
                .push(std::iter::once(language.time(bucket.at).into()).chain(columns.iter().map(value)).collect());
        }
        table
    }
}

/// A second as programs read it.
pub(super) fn second_json(second: &IncidentSecond) -> Value {
    let count = |count: Count| json!({"packets": count.packets, "bytes": count.bytes});
    let vectors: serde_json::Map<String, Value> =
        second.vectors.iter().map(|(vector, sum)| (vector.name().to_owned(), count(*sum))).collect();
    json!({"at": second.at, "seconds": second.length, "vectors": vectors, "target": second.target.map(count)})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: u64, length: u32, packets: u64) -> IncidentSecond {
        let count = Count { packets, bytes: packets * 100 };
        let at = Timestamp::from_parts(at, 0);
        IncidentSecond { at, length, vectors: vec![(Vector::SynFlood, count)], target: Some(count) }
    }

    fn values(seconds: &[IncidentSecond], gaps: &[(Timestamp, f64)]) -> (Series, Vec<Option<f64>>) {
        let series = from_seconds(seconds, merged(gaps)).unwrap();
        let values = series.values(Unit::Packets, &|bucket| bucket.vectors.first().copied());
        (series, values)
    }

    #[test]
    fn what_was_not_captured_has_no_value_and_breaks_the_line() {
        let seconds: Vec<IncidentSecond> =
            (100..120).filter(|at| !(105..112).contains(at)).map(|at| second(at, 1, 50)).collect();
        let (_, silent) = values(&seconds, &[]);
        assert_eq!((silent[4], silent[5], silent[12]), (Some(50.0), Some(0.0), Some(50.0)));
        let gaps = [(Timestamp::from_parts(106, 0), 4.0), (Timestamp::from_parts(108, 0), 3.0)];
        let (series, broken) = values(&seconds, &gaps);
        assert_eq!((broken[5], broken[6], broken[10], broken[11]), (Some(0.0), None, None, Some(0.0)));
        assert_eq!(series.runs(&broken).iter().map(Vec::len).collect::<Vec<_>>(), [6, 9]);
        assert_eq!(series.gaps.len(), 1);
        let plot = series.plot(Unit::Packets, None, Vec::new(), "all", Language::En);
        assert_eq!((plot.table.rows[6][1].text.as_str(), plot.table.rows[5][1].text.as_str()), ("", "0"));
    }

    #[test]
    fn minutes_are_rates_like_seconds() {
        let seconds: Vec<IncidentSecond> =
            (0..7200).map(|at| second(at, 1, 50)).chain((0..30).map(|at| second(7200 + at * 60, 60, 3000))).collect();
        let (series, values) = values(&seconds, &[]);
        assert_eq!(series.width, 38);
        let last = values.len() - 1;
        assert!(
            values[..last].iter().all(|value| value.is_some_and(|value| (value - 50.0).abs() < 1e-6)),
            "{values:?}"
        );
    }
}
