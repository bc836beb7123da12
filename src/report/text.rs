//! Foreign text: names from the network, guests, interfaces, reasons of operators. It is neutralised here, once, and marked,
//! so that every renderer knows where it begins and ends.

/// Begins and ends a name. Private-use characters, which foreign text itself cannot hold.
const NAME: (char, char) = ('\u{e000}', '\u{e001}');
/// Begins and ends a foreign sentence.
const PROSE: (char, char) = ('\u{e002}', '\u{e003}');
/// Most characters of a name, and of a sentence.
const MOST: (usize, usize) = (100, 600);

/// A part of a text of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// A text of ours.
    Ours(&'t str),
    /// A foreign name, neutralised.
    Name(&'t str),
    /// A foreign sentence, neutralised.
    Prose(&'t str),
}

/// A foreign name as a part of a text.
pub(super) fn name(text: &str) -> String {
    format!("{}{}{}", NAME.0, plain(text, MOST.0), NAME.1)
}

/// A foreign sentence as a part of a text.
pub(super) fn prose(text: &str) -> String {
    format!("{}{}{}", PROSE.0, plain(text, MOST.1), PROSE.1)
}

/// Foreign text of several lines, such as rules: only the line breaks are kept.
pub(super) fn lines(text: &str) -> String {
    text.lines().map(|line| plain(line, MOST.1)).collect::<Vec<_>>().join("\n")
}

/// Replaces what changes more than its own place: control characters, line breaks, bidirectional and invisible formatting,
/// private use and what is no character. Shortens to `most` characters.
pub fn plain(text: &str, most: usize) -> String {
    let mut plain = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == most {
            plain.push('…');
            break;
        }
        plain.push(if changes_others(c) { '\u{fffd}' } else { c });
    }
    plain
}

/// Control, line and paragraph separators, bidirectional formatting, zero width, variation selectors, tags, private use,
/// noncharacters; also combining marks, which pile up on their neighbours.
fn changes_others(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x300..=0x36f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x1ab0..=0x1aff
            | 0x1dc0..=0x1dff | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x20d0..=0x20ff | 0x3164
            | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
            | 0xfffe..=0xffff | 0xe0000..=0x10_ffff)
}

/// The parts of a text of the model.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find([NAME.0, PROSE.0]) {
        let (before, foreign) = rest.split_at(at);
        let is_name = foreign.starts_with(NAME.0);
        let end = if is_name { NAME.1 } else { PROSE.1 };
        let inner = foreign.trim_start_matches([NAME.0, PROSE.0]);
        let (inner, after) = inner.split_once(end).unwrap_or((inner, ""));
        found.push(Part::Ours(before));
        found.push(if is_name { Part::Name(inner) } else { Part::Prose(inner) });
        rest = after;
    }
    found.push(Part::Ours(rest));
    found.retain(|part| !matches!(part, Part::Ours("")));
    found
}

/// The text without marks.
pub(super) fn unmarked(text: &str) -> String {
    text.replace([NAME.0, NAME.1, PROSE.0, PROSE.1], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_leave_its_place() {
        let hostile = "a\u{202e}b\u{e001}c\u{0}d\ne\u{2028}f\u{200b}g\u{301}";
        let marked = format!("x {} y", name(hostile));
        assert_eq!(
            parts(&marked),
            [
                Part::Ours("x "),
                Part::Name("a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f\u{fffd}g\u{fffd}"),
                Part::Ours(" y")
            ]
        );
        assert_eq!(plain(&"x".repeat(500), 100).chars().count(), 101);
        assert_eq!(plain("Österreich 東京", 100), "Österreich 東京");
        assert_eq!(unmarked(&name("a")), "a");
        assert_eq!(parts(&prose("p")), [Part::Prose("p")]);
    }
}
