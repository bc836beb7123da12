//! How values are written on pages. Templates escape everything but the types of this file, which escape themselves.

use crate::base::{Timestamp, grouped, lasting, scaled};
use crate::incident::Incident;
use crate::report::plain;
use crate::view::{Rate, lasted};
use askama::Template;
use askama::filters::HtmlSafe;
use std::fmt;

/// Most characters of a foreign text.
const MOST: usize = 2000;

/// Text from the network or the operator: escaped, without what changes its surroundings, and isolated from their direction.
pub(super) struct Shown<'t, T: AsRef<str> + ?Sized>(pub &'t T);

impl<T: AsRef<str> + ?Sized> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = plain(self.0.as_ref(), MOST);
        let escaped = askama::filters::escape(&text, askama::filters::Html).map_err(|_| fmt::Error)?;
        write!(f, "<bdi>{escaped}</bdi>")
    }
}

impl<T: AsRef<str> + ?Sized> HtmlSafe for Shown<'_, T> {}

/// A moment, in UTC; the page's script adds the viewer's time.
pub(super) struct Moment(pub Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let (day, time) = (text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default());
        write!(f, "<time datetime=\"{text}\">{day} {time} UTC</time>")
    }
}

impl HtmlSafe for Moment {}

/// HTML that a template or another type of this file has written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Html(pub String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

impl Html {
    /// Writes a template.
    pub(super) fn of(template: &impl Template) -> Html {
        // Writing into a String cannot fail.
        Html(template.render().unwrap_or_default())
    }

    /// Text of ours.
    pub(super) fn text(text: &str) -> Html {
        Html(askama::filters::escape(text, askama::filters::Html).map(|text| text.to_string()).unwrap_or_default())
    }

    /// Text of others.
    pub(super) fn shown(text: &str) -> Html {
        Html(Shown(text).to_string())
    }

    pub(super) fn moment(at: Timestamp) -> Html {
        Html(Moment(at).to_string())
    }
}

/// A rate in packets per second and in bits per second, as people read it.
pub(super) fn rate(rate: Rate) -> (String, String) {
    (format!("{}pps", scaled(rate.packets_per_second)), format!("{}bit/s", scaled(rate.bits_per_second)))
}

/// A rate in one cell.
pub(super) fn rate_cell(value: Rate) -> Html {
    let (packets, bits) = rate(value);
    Html(format!("{packets}<br><small>{bits}</small>"))
}

pub(super) fn number(value: u64) -> Html {
    Html(grouped(value))
}

/// How long an incident has lasted at `now`: "for 2 min".
pub(super) fn for_how_long(incident: &Incident, now: Timestamp) -> String {
    format!("for {}", lasting(lasted(incident, now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_in_its_place() {
        let hostile = "<script>alert(1)</script>\u{202e}\u{1b}[31m\"'";
        let shown = Shown(hostile).to_string();
        assert!(!shown.contains("<script") && !shown.contains('\u{202e}') && !shown.contains('\u{1b}'), "{shown}");
        assert!(shown.starts_with("<bdi>") && shown.ends_with("</bdi>") && !shown.contains('"'), "{shown}");
    }

    #[test]
    fn moments_are_in_utc() {
        let at = Timestamp::from_parts(1_767_225_600, 250_000_000);
        assert!(Moment(at).to_string().contains(">2026-01-01 00:00:00 UTC</time>"));
    }
}
