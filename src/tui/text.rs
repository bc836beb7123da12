//! Text for a terminal: names made harmless, units, times, bars.

use crate::base::{Timestamp, lasting, scaled};
use crate::view::Rate;
use ratatui::text::Span;

/// Stands for what must not reach a terminal.
const REPLACED: char = '\u{fffd}';
/// Accents that one letter may carry; more would be drawn over the lines around it.
const MOST_MARKS: usize = 2;
/// Nanoseconds of a day.
const DAY: u64 = 86_400_000_000_000;
/// Bars of one to eight eighths.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Text from the network or the operator, made harmless: it cannot move the cursor, change the order of what is around it,
/// or look like another name.
pub(super) fn neutral(text: &str) -> String {
    let mut marks = 0;
    let replaced = |c: char| {
        let is_mark = !c.is_ascii() && width(c.encode_utf8(&mut [0; 4])) == 0;
        marks = if is_mark { marks + 1 } else { 0 };
        if c.is_control() || is_invisible(c) || marks > MOST_MARKS { REPLACED } else { c }
    };
    text.chars().map(replaced).collect()
}

/// Whether a character shows nothing, or changes how those around it are shown.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text in at most `most` columns; what is cut off is replaced by an ellipsis.
pub(super) fn clip(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let (mut short, mut used) = (String::new(), 0);
    for c in text.chars() {
        used += width(c.encode_utf8(&mut [0; 4]));
        // One column is for the ellipsis.
        if used >= most {
            break;
        }
        short.push(c);
    }
    if most > 0 {
        short.push('…');
    }
    short
}

/// The text in exactly `columns` columns.
pub(super) fn fitted(text: &str, columns: usize) -> String {
    let mut text = clip(text, columns);
    let missing = columns.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// The text in lines of at most `most` columns, broken at spaces where there are any.
pub(super) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let most = most.max(1);
    if width(text) <= most {
        return vec![text.to_owned()];
    }
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(word) > most && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            // Only words that are longer than a line are cut.
            if width(&line) + width(c.encode_utf8(&mut [0; 4])) > most && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Parts with two spaces between them, in as few lines as they fit into; what is too long for a line is cut.
pub(super) fn folded(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split("  ").filter(|part| !part.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(line) + 2 + width(part) <= most => {
                line.push_str("  ");
                line.push_str(part);
            }
            _ => lines.push(clip(part, most)),
        }
    }
    lines
}

/// `1.2 Mpps`.
pub(super) fn packets(per_second: u64) -> String {
    format!("{}pps", scaled(per_second))
}

/// `350.0 Mbit/s`.
pub(super) fn bits(per_second: u64) -> String {
    format!("{}bit/s", scaled(per_second))
}

/// Packets and bits.
pub(super) fn rate(rate: Rate) -> String {
    format!("{}, {}", packets(rate.packets_per_second), bits(rate.bits_per_second))
}

/// `14:03:05 UTC`, with the date where it is not that of `now`.
pub(super) fn moment(at: Timestamp, now: Option<Timestamp>) -> String {
    match parts(at) {
        (_, time) if is_same_day(at, now) => format!("{time} UTC"),
        (day, time) => format!("{day} {time} UTC"),
    }
}

/// For columns: `14:03:05`, or `01-31 14:03` on another day.
pub(super) fn brief_moment(at: Timestamp, now: Option<Timestamp>) -> String {
    match parts(at) {
        (_, time) if is_same_day(at, now) => time,
        (day, time) => format!("{} {}", day.get(5..).unwrap_or(&day), time.get(..5).unwrap_or(&time)),
    }
}

fn is_same_day(at: Timestamp, now: Option<Timestamp>) -> bool {
    now.is_some_and(|now| now.nanos() / DAY == at.nanos() / DAY)
}

/// Date and time of day, to the second.
fn parts(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    let (day, time) = text.split_once('T').unwrap_or(("", &text));
    (day.to_owned(), time.get(..8).unwrap_or(time).to_owned())
}

/// How long before `now` a moment is: `12 min ago`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", lasting(now.seconds_since(at)))
}

/// Bars from left to right, as lines from top to bottom; `None` is a gap, drawn as a dot.
pub(super) fn bars(values: &[Option<u64>], height: usize) -> Vec<String> {
    let highest = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let all = height.saturating_mul(EIGHTHS.len()) as f64;
    let row = |below: usize| {
        let bar = |value: &Option<u64>| {
            let Some(value) = value else { return if below == 0 { '·' } else { ' ' } };
            // What is not zero is seen, however small it is.
            let eighths = (*value as f64 / highest as f64 * all).round().max(if *value > 0 { 1.0 } else { 0.0 });
            match (eighths as usize).saturating_sub(below * EIGHTHS.len()) {
                0 => ' ',
                filled => EIGHTHS.get(filled - 1).copied().unwrap_or('█'),
            }
        };
        values.iter().map(bar).collect()
    };
    (0..height).rev().map(row).collect()
}

/// The last points of a series over time in at most `columns` columns: the highest of each column, gaps where there is
/// none between two points.
pub(super) fn columns(points: &[(Timestamp, u64)], spacing: u64, columns: usize) -> Vec<Option<u64>> {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return Vec::new() };
    let second = |at: &Timestamp| at.nanos() / 1_000_000_000;
    let columns = columns.clamp(1, 1000) as u64;
    let span = second(last).saturating_sub(second(first)) + 1;
    // Columns are whole multiples of the spacing and begin at fixed times, so that peaks stay as they are while they move.
    let step = span.div_ceil(columns).next_multiple_of(spacing.max(1));
    let end = second(last) / step;
    let begin = (second(first) / step).max((end + 1).saturating_sub(columns));
    let mut values = vec![None; (end - begin.min(end) + 1) as usize];
    for (at, value) in points {
        let index = (second(at) / step).checked_sub(begin).and_then(|index| usize::try_from(index).ok());
        if let Some(kept) = index.and_then(|index| values.get_mut(index)) {
            *kept = (*kept).max(Some(*value));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_replaced() {
        for c in "\u{1b}\n\r\t\0\u{7f}\u{9b}\u{202a}\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}\u{200b}\u{200d}\u{feff}\u{ad}\u{e0041}"
            .chars()
        {
            assert_eq!(neutral(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        assert_eq!(neutral("münchen-東京_1"), "münchen-東京_1");
        let stacked = format!("z{}", "\u{301}".repeat(50));
        assert_eq!(neutral(&stacked).matches('\u{301}').count(), MOST_MARKS);
    }

    #[test]
    fn text_is_fitted_by_columns_and_not_by_characters() {
        assert_eq!(clip("東京東京", 5), "東京…");
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("abcd", 0), "");
        assert_eq!(fitted("ab", 4), "ab  ");
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("", 0), [""]);
        assert_eq!(wrapped("東京", 1), ["東", "京"]);
    }

    #[test]
    fn parts_stay_whole_where_they_fit() {
        assert_eq!(folded("ab c  de  f", 8), ["ab c  de", "f"]);
        assert_eq!(folded("abcdef  g", 3), ["ab…", "g"]);
        assert!(folded("", 3).is_empty());
    }

    #[test]
    fn times_name_their_day_where_it_is_another() {
        let at = Timestamp::from_parts(1_767_225_600 + 5, 900_000_000);
        assert_eq!(moment(at, Some(at)), "00:00:05 UTC");
        assert_eq!(moment(at.minus_seconds(60.0), Some(at)), "2025-12-31 23:59:05 UTC");
        assert_eq!(moment(at, None), "2026-01-01 00:00:05 UTC");
        assert_eq!(brief_moment(at, Some(at)), "00:00:05");
        assert_eq!(brief_moment(at.minus_seconds(60.0), Some(at)), "12-31 23:59");
        assert_eq!(ago(at, at.plus_seconds(720.0)), "12 min ago");
    }

    #[test]
    fn bars_show_the_smallest_value_and_the_gaps() {
        assert_eq!(bars(&[Some(0), Some(1), None, Some(1000)], 2), ["   █", " ▁·█"]);
        assert_eq!(bars(&[Some(0)], 1), [" "]);
        assert!(bars(&[], 3).iter().all(String::is_empty) && bars(&[Some(1)], 0).is_empty());
    }

    #[test]
    fn columns_keep_peaks_and_gaps() {
        let at = |second: u64| Timestamp::from_parts(second, 0);
        let points = [(at(100), 1), (at(101), 7), (at(104), 2)];
        assert_eq!(columns(&points, 1, 10), [Some(1), Some(7), None, None, Some(2)]);
        assert_eq!(columns(&points, 1, 3), [Some(7), None, Some(2)]);
        assert_eq!(columns(&points, 1, 0), [Some(7)]);
        assert!(columns(&[], 1, 10).is_empty());
        let far = [(at(0), 1), (Timestamp::from_nanos(u64::MAX), 2)];
        assert_eq!(columns(&far, 1, 2).len(), 2);
        // Out of order, as no daemon sends them.
        assert_eq!(columns(&[(at(9), 1), (at(5), 2)], 1, 9).len(), 1);
    }
}
