//! The help: keys, panes, and what the words of the headline mean.

use super::panes::PANES;
use super::sheet::Sheet;
use super::theme::{Theme, Tone};
use ratatui::text::Line;

const KEYS: &[(&str, &str)] = &[
    ("1-7, Tab", "show a pane, the next pane (Shift-Tab: the one before)"),
    ("Up/Down, j/k", "select a row, or scroll; PgUp, PgDn, Home, End (g, G) go further"),
    ("Enter", "show all about the selected row"),
    ("Esc", "go back; then clear the filter"),
    ("/", "filter by address, guest, vector or any other text of a row"),
    ("s, S", "sort by the next column, reverse the order"),
    ("space", "hold the screen, or playback; again to go on"),
    ("+, -", "play a capture faster, slower"),
    ("q, Ctrl-C", "quit"),
];

const WORDS: &[(&str, &str)] = &[
    ("QUIET", "no incident is open"),
    ("UNDER ATTACK", "an attack on our hosts, or between them, is open"),
    ("SUBSIDING", "an incident is open, but nothing has exceeded its limit for more than three seconds"),
    ("... INSIDE", "one of our own hosts attacks or is abused"),
    ("LAN PROBLEM", "stations or frames on a LAN are not what they should be"),
    ("PROBLEM", "a check of this host fails, or a line is full"),
    ("NOTICE", "worth knowing, not worth waking up for"),
    ("DRILL", "a test by pegel drill: no packet of it was ever on a wire"),
    ("STALE", "the connection is lost: this was so at the time of the last data"),
];

/// All lines of the help.
pub(super) fn lines(columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut sheet = Sheet::new(columns, theme);
    sheet.heading("Keys");
    for (keys, what) in KEYS {
        sheet.fact(keys, what);
    }
    sheet.heading("Panes");
    for (number, pane) in PANES.iter().enumerate() {
        sheet.fact(&format!("{} {}", number + 1, pane.title), pane.help);
    }
    sheet.heading("Words of the second line");
    for (word, what) in WORDS {
        sheet.fact(word, what);
    }
    sheet.gap();
    sheet.say(Tone::Dim, "All times are UTC. Rates are those of the last second; 1 k is 1,000.");
    sheet.lines()
}
