//! Plots as inline SVG. Colours are classes of the page's style, so that a plot follows light and dark, and text is text;
//! the SVG backends of plotting libraries write fixed colours. Two fit side by side on a page, and one on a phone, without
//! text becoming too small.

use super::language::Language;
use super::model::{Bars, Line, Lines, Unit};
use crate::base::Timestamp;
use std::fmt::Write;

const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 10.0;
/// Room for the names of marks, and without marks.
const TOP: f64 = 38.0;
const BARE_TOP: f64 = 10.0;
const BOTTOM: f64 = 28.0;
/// Colours of the page's style.
const COLOURS: usize = 6;
/// Steps of the time axis, in seconds.
const STEPS: [u64; 20] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
const DAY: u64 = 86_400;
/// Most labels of the time axis.
const TIME_LABELS: f64 = 4.0;
/// Least height of the band: a band of a few packets beside a flood is still seen.
const LEAST_BAND: f64 = 3.0;

/// Text for an element or an attribute in double quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn open(title: &str, description: &str, top: f64) -> String {
    let begin = TOP - top;
    let height = HEIGHT - begin;
    format!(
        "<svg viewBox=\"0 {begin} {WIDTH} {height}\" role=\"img\" aria-label=\"{}\"><title>{}</title>",
        escaped(description),
        escaped(title)
    )
}

/// A scale: a round highest value of an axis and the distance of its lines.
fn scale(highest: f64) -> (f64, f64) {
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let rough = highest / 4.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power);
    ((highest / step).ceil() * step, step)
}

/// A value at an axis.
fn axis(value: f64, step: f64, unit: Unit, language: Language) -> String {
    let suffix = if unit == Unit::Bits { "bit/s" } else { "" };
    let (size, prefix) = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
        .into_iter()
        .find(|(size, _)| value >= *size)
        .unwrap_or((1.0, ""));
    let decimals = usize::from(step / size < 1.0) + usize::from(step / size < 0.1);
    let is_round = (value / size).fract() == 0.0;
    let number = language.decimal(value / size, if is_round { 0 } else { decimals.max(1) });
    let space = if prefix.is_empty() && suffix.is_empty() { "" } else { " " };
    format!("{number}{space}{prefix}{suffix}")
}

/// A plot of values over time as an SVG element. Colours are classes of `templates/style.css`.
pub fn lines(plot: &Lines, title: &str, description: &str, language: Language) -> String {
    let values = plot.lines.iter().flat_map(|line| line.runs.iter().flatten().map(|(_, value)| *value));
    let high = plot.band.as_ref().map_or(0.0, |(_, high, _)| *high);
    let (top, step) = scale(values.fold(high, f64::max));
    let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let length = plot.to.seconds_since(plot.from).max(1e-3);
    let x = |at: Timestamp| LEFT + width * (at.seconds_since(plot.from) / length).clamp(0.0, 1.0);
    let y = |value: f64| TOP + height * (1.0 - (value / top).clamp(0.0, 1.0));
    let mut svg = open(title, description, if plot.marks.is_empty() { BARE_TOP } else { TOP });
    let floor = TOP + height;
    for (begin, end) in &plot.gaps {
        let (a, b) = (x(*begin), x(*end));
        let _ =
            write!(svg, "<rect class=\"gap\" x=\"{a:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height}\"/>", b - a);
    }
    grid(&mut svg, (top, step), y, |value| axis(value, step, plot.unit, language));
    time_axis(&mut svg, plot, &x, floor);
    if let Some((low, high, _)) = &plot.band {
        let (upper, lower) = (y(*high), y(*low));
        let thick = (lower - upper).max(LEAST_BAND);
        let _ = write!(
            svg,
            "<rect class=\"band\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{width}\" height=\"{thick:.1}\"/>",
            (lower - thick).min(upper)
        );
    }
    for line in &plot.lines {
        draw(&mut svg, line, &x, &y, floor);
    }
    let mut free = [f64::MIN; 2];
    for (at, text) in &plot.marks {
        let at = x(*at);
        // About the width of the text.
        let wide = text.chars().count() as f64 * 6.6;
        let is_left = at + 5.0 + wide > WIDTH;
        let begins = if is_left { at - 5.0 - wide } else { at };
        let row = usize::from(begins < free[0]);
        free[row] = begins + wide + 12.0;
        let level = TOP - 22.0 + 14.0 * row as f64;
        let _ = write!(
            svg,
            "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{floor}\"/><text class=\"label\" \
             x=\"{:.1}\" y=\"{level:.1}\"{}>{}</text>",
            level - 9.0,
            if is_left { at - 5.0 } else { at + 5.0 },
            if is_left { " text-anchor=\"end\"" } else { "" },
            escaped(text)
        );
    }
    svg + "</svg>"
}

fn time_axis(svg: &mut String, plot: &Lines, x: &dyn Fn(Timestamp) -> f64, floor: f64) {
    let length = plot.to.seconds_since(plot.from);
    let step = STEPS.into_iter().find(|step| length / *step as f64 <= TIME_LABELS).unwrap_or(30 * DAY);
    let mut at = (plot.from.nanos() / 1_000_000_000).div_ceil(step) * step;
    let mut free = f64::MIN;
    while at <= plot.to.nanos() / 1_000_000_000 {
        let time = Timestamp::from_parts(at, 0);
        let text = time.to_string();
        let range = match step {
            step if step < 60 => 11..19,
            step if step < DAY => 11..16,
            _ => 5..10,
        };
        let place = x(time);
        let label = text.get(range).unwrap_or_default();
        let half = label.len() as f64 * 3.8;
        let middle = place.min(WIDTH - half);
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{place:.1}\" x2=\"{place:.1}\" y1=\"{floor}\" y2=\"{:.1}\"/>",
            floor + 4.0
        );
        // Neither cut off at the edge nor over its neighbour.
        if middle - half >= free {
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                floor + 18.0
            );
            free = middle + half + 4.0;
        }
        at += step;
    }
    let _ =
        write!(svg, "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{floor}\" y2=\"{floor}\"/>", WIDTH - RIGHT);
}

fn draw(svg: &mut String, line: &Line, x: &dyn Fn(Timestamp) -> f64, y: &dyn Fn(f64) -> f64, floor: f64) {
    for run in &line.runs {
        let points: Vec<String> = run.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let class = line.colour.map_or_else(|| "all".to_owned(), |colour| format!("c{}", colour % COLOURS));
        if line.colour.is_some() && run.len() > 1 {
            let (from, to) = (x(first.0), x(last.0));
            let _ = write!(
                svg,
                "<path class=\"area {class}\" d=\"M{from:.1},{floor} L{} L{to:.1},{floor}Z\"/>",
                points.join(" ")
            );
        }
        // A single value is a dot: a line of one point with round ends.
        let path = match points.as_slice() {
            [one] => format!("M{one} h0.1"),
            points => format!("M{}", points.join(" ")),
        };
        let _ = write!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
    }
}

/// Lines from 0 to `top`, each with its value at the left.
fn grid(svg: &mut String, (top, step): (f64, f64), y: impl Fn(f64) -> f64, label: impl Fn(f64) -> String) {
    let mut value = 0.0;
    while value <= top + step / 2.0 {
        let at = y(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"tick\" \
             x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            label(value)
        );
        value += step;
    }
}

pub(super) fn bars(plot: &Bars, title: &str, description: &str, language: Language) -> String {
    let highest = plot.bars.iter().flat_map(|(_, shares)| shares).fold(0.0f64, |a, b| a.max(*b));
    let (top, step) = scale(highest.min(1.0));
    let top = top.min(1.0);
    let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let y = |value: f64| TOP + height * (1.0 - (value / top).clamp(0.0, 1.0));
    let floor = TOP + height;
    let mut svg = open(title, description, BARE_TOP);
    grid(&mut svg, (top, step), y, |value| escaped(&language.percent(value)));
    let slot = width / plot.bars.len().max(1) as f64;
    let wide = (slot * 0.76) / plot.groups.len().max(1) as f64;
    for (index, (name, shares)) in plot.bars.iter().enumerate() {
        let start = LEFT + slot * index as f64;
        for (group, share) in shares.iter().enumerate() {
            let class = if group == 0 { "c0" } else { "other" };
            let at = y(*share);
            let _ = write!(
                svg,
                "<rect class=\"bar {class}\" x=\"{:.1}\" y=\"{at:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}: \
                 {}</title></rect>",
                start + slot * 0.12 + wide * group as f64,
                (wide - 1.5).max(1.0),
                floor - at,
                escaped(name),
                escaped(&language.percent(*share))
            );
        }
        let _ = write!(
            svg,
            "<text class=\"tick class\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            start + slot / 2.0,
            floor + 18.0,
            escaped(name)
        );
    }
    let _ =
        write!(svg, "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{floor}\" y2=\"{floor}\"/>", WIDTH - RIGHT);
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_values() {
        assert_eq!(scale(3100.0), (4000.0, 1000.0));
        assert_eq!(scale(0.0).0, 1.0);
        assert_eq!(axis(2_500_000.0, 500_000.0, Unit::Bits, Language::De), "2,5 Mbit/s");
        assert_eq!(axis(0.0, 500.0, Unit::Packets, Language::En), "0");
        assert_eq!(axis(3000.0, 1000.0, Unit::Packets, Language::En), "3 k");
    }

    #[test]
    fn foreign_text_is_escaped() {
        assert_eq!(escaped("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
    }
}
