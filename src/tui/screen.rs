//! Draws the state: some lines of header, the pane, one line of keys.

use super::feed::Source;
use super::headline::headline;
use super::help;
use super::pane::{Column, Look, Pane, Row};
use super::panes::PANES;
use super::state::{Health, State};
use super::text::{clip, fitted, folded, moment, neutral, width, wrapped};
use super::theme::{Theme, Tone};
use crate::base::lasting;
use crate::view::Overview;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, HighlightSpacing, Paragraph, Row as TableRow, Table, TableState};

/// The smallest terminal that holds what must be seen.
const LEAST: (u16, u16) = (80, 24);
/// Columns from which a terminal is wide.
const WIDE: u16 = 120;
/// Rows of a table that are kept in view above further lines.
const LEAST_ROWS: usize = 5;

/// Longest reason for a loss, in columns: three lines on the smallest terminal.
const LONGEST_REASON: usize = 180;

/// Draws everything, and remembers where.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State, theme: Theme) {
    let area = frame.area();
    state.drawn = Default::default();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = Text::from(vec![Line::from("terminal too small"), Line::from("(80x24 needed)")]);
        return frame.render_widget(Paragraph::new(text), area);
    }
    let header = header(state, theme, area.width);
    let [top, body, bottom] =
        Layout::vertical([Constraint::Length(header.len() as u16), Constraint::Min(0), Constraint::Length(1)])
            .areas(area);
    frame.render_widget(Paragraph::new(header), top);
    draw_body(frame, state, theme, body);
    frame.render_widget(Paragraph::new(keys(state, theme, area.width)), bottom);
}

/// The panes, the headline, where it comes from, and the sensor's problems.
fn header(state: &mut State, theme: Theme, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let mut lines = vec![titles(state, theme)];
    let is_stale = matches!(state.health, Health::Lost(_) | Health::Failed(_));
    let (tone, text) = match (state.overview(), is_stale) {
        (Some(overview), false) => headline(overview),
        (Some(overview), true) => {
            let (tone, text) = headline(overview);
            // What was quiet then need not be quiet now.
            (if tone == Tone::Good { Tone::Warning } else { tone }, format!("STALE  {text}"))
        }
        (None, false) => (Tone::Plain, "WAITING for the first second of traffic".to_owned()),
        (None, true) => (Tone::Warning, "NO DATA".to_owned()),
    };
    // Who and since when must not be cut off, however long an address is.
    lines.extend(folded(&text, columns).iter().map(|line| banner(theme, tone, line, columns)));
    lines.extend(origin(state, theme, columns));
    let problems = state.overview().map(|overview| overview.sensor.problems()).unwrap_or_default();
    if let Some(first) = problems.first() {
        let more =
            if problems.len() > 1 { format!(" (+{} more, see Sensor)", problems.len() - 1) } else { String::new() };
        let text = clip(&neutral(first), columns.saturating_sub(width(&more) + 11));
        lines.push(banner(theme, Tone::Warning, &format!("! SENSOR: {text}{more}"), columns));
    }
    lines
}

/// One line over the whole width.
fn banner(theme: Theme, tone: Tone, text: &str, columns: usize) -> Line<'static> {
    Line::from(Span::styled(fitted(&neutral(text), columns), theme.banner(tone)))
}

fn titles(state: &mut State, theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    let mut at = 0;
    for (number, pane) in PANES.iter().enumerate() {
        let is_shown = number == state.pane;
        // Brackets, for terminals that do not reverse.
        let text = if is_shown {
            format!("[{} {}]", number + 1, pane.title)
        } else {
            format!(" {} {} ", number + 1, pane.title)
        };
        let end = at + width(&text) as u16;
        state.drawn.titles.push(at..end);
        at = end;
        spans.push(Span::styled(text, theme.style(if is_shown { Tone::Selected } else { Tone::Plain })));
    }
    Line::from(spans)
}

/// Where the data comes from, how old it is, and whether it goes on.
fn origin(state: &State, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let now = state.latest_at();
    let data = match state.overview().and_then(|overview| overview.at) {
        Some(at) => format!("data from {}", moment(at, now)),
        None => "no data yet".to_owned(),
    };
    let source = match &state.source {
        Source::Daemon(name) | Source::Files(name) => neutral(name),
    };
    let is_paused = state.controls.is_paused();
    let pause = if is_paused { "PAUSED (space goes on)  " } else { "" };
    let calm = if is_paused { Tone::Warning } else { Tone::Dim };
    let (tone, text) = match &state.health {
        Health::Lost(why) => (Tone::Critical, format!("{pause}connection lost: {}; {data}", clip(why, LONGEST_REASON))),
        Health::Failed(why) => {
            (Tone::Critical, format!("{pause}playback failed: {}; {data}", clip(why, LONGEST_REASON)))
        }
        Health::Ended => (Tone::Notice, format!("{pause}END OF CAPTURE  {}  {source}", position(state))),
        Health::Live if state.is_playback() => {
            (calm, format!("{pause}{}  {}  {source}", position(state), state.controls.speed().label()))
        }
        Health::Live if is_paused => {
            let live = now.map_or_else(|| "nothing yet".to_owned(), |at| moment(at, Some(at)));
            (calm, format!("{pause}{data}; latest {live}  {source}"))
        }
        Health::Live => (calm, format!("{source}  {data}")),
    };
    match tone {
        Tone::Dim => vec![Line::from(Span::styled(clip(&text, columns), theme.style(tone)))],
        // What to do about it is at the end of a reason, so it is not cut off.
        Tone::Critical => wrapped(&text, columns).iter().map(|line| banner(theme, tone, line, columns)).collect(),
        _ => vec![banner(theme, tone, &text, columns)],
    }
}

/// How far a capture has been played, in packet time.
fn position(state: &State) -> String {
    let at = state.overview().and_then(|overview| overview.at);
    match (state.first, at) {
        (Some(first), Some(at)) => format!("at {} (+{})", moment(at, None), lasting(at.seconds_since(first))),
        _ => "before the first second".to_owned(),
    }
}

fn draw_body(frame: &mut Frame<'_>, state: &mut State, theme: Theme, area: Rect) {
    let (columns, lines) = (usize::from(area.width), usize::from(area.height));
    if state.has_help {
        return scrolled(frame, state, help::lines(columns, theme), area);
    }
    let none = Overview::default();
    let Some(pane) = state.current() else { return };
    let look = |height: usize, overview| Look { overview, width: columns, height, theme };
    if let Some(key) = state.opened.clone() {
        let overview = state.overview().unwrap_or(&none);
        let gone = || vec![Line::from("This is no longer listed. Esc goes back.")];
        let lines = (pane.detail)(&look(lines, overview), &key).unwrap_or_else(gone);
        return scrolled(frame, state, lines, area);
    }
    let overview = state.overview().unwrap_or(&none);
    let above = (pane.above)(&look(lines, overview));
    if pane.columns.is_empty() {
        return scrolled(frame, state, above, area);
    }
    let rows = state.rows();
    let (top, rest) = (above.len().min(lines), lines.saturating_sub(above.len()));
    // One line more is the heading.
    let needed = rows.len().clamp(1, LEAST_ROWS) + 1;
    let below = (pane.below)(&look(rest.saturating_sub(needed + 1), overview));
    let below_lines = if below.is_empty() { 0 } else { below.len() + 1 };
    let empty = if state.filter.is_empty() || (pane.rows)(overview).is_empty() {
        (pane.empty)(overview)
    } else {
        format!("Nothing here matches the filter {:?}. Esc clears it.", state.filter)
    };
    let empty = if state.overview().is_some() { empty } else { "Nothing has been received yet.".to_owned() };
    let [first, table, last] = Layout::vertical([
        Constraint::Length(top as u16),
        Constraint::Min(0),
        Constraint::Length(below_lines.min(rest.saturating_sub(needed)) as u16),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(above), first);
    if rows.is_empty() {
        frame.render_widget(Paragraph::new(format!("  {}", neutral(&empty))), table);
    } else {
        draw_table(frame, state, theme, table, pane, rows);
    }
    let [_, last] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(last);
    frame.render_widget(Paragraph::new(below), last);
}

fn draw_table(frame: &mut Frame<'_>, state: &mut State, theme: Theme, area: Rect, pane: &Pane, rows: Vec<Row>) {
    let place = state.place();
    let is_shown = |column: &Column| !column.wide_only || area.width >= WIDE;
    let shown: Vec<(usize, &Column)> = pane.columns.iter().enumerate().filter(|(_, column)| is_shown(column)).collect();
    let heading = shown.iter().map(|(number, column)| {
        let mark = match (place.sort == Some(*number), place.is_reversed) {
            (true, false) => "▼",
            (true, true) => "▲",
            (false, _) => "",
        };
        aligned(column, format!("{}{mark}", column.title))
    });
    let heading = TableRow::new(heading.collect::<Vec<_>>()).style(theme.style(Tone::Heading));
    let page = usize::from(area.height.saturating_sub(1));
    let offset = place.offset.min(place.cursor).max((place.cursor + 1).saturating_sub(page));
    let offset = offset.min(rows.len().saturating_sub(page));
    let body = rows.iter().skip(offset).take(page).map(|row| {
        let cells = shown.iter().enumerate().map(|(at, (number, column))| {
            let text = row.cells.get(*number).map(|cell| cell.text.as_str()).unwrap_or_default();
            let text = if column.grows { text.to_owned() } else { clip(text, usize::from(column.width)) };
            // The whole row would be too loud, and hide what differs.
            let tone = if at < 2 { row.tone } else { Tone::Plain };
            aligned(column, text).style(theme.style(tone))
        });
        TableRow::new(cells.collect::<Vec<_>>())
    });
    let widths = shown.iter().map(|(_, column)| match column.grows {
        true => Constraint::Min(column.width),
        false => Constraint::Length(column.width),
    });
    let table = Table::new(body.collect::<Vec<_>>(), widths.collect::<Vec<_>>())
        .header(heading)
        .highlight_symbol("> ")
        .highlight_spacing(HighlightSpacing::Always)
        .row_highlight_style(theme.style(Tone::Selected));
    let mut selection = TableState::new().with_selected(place.cursor.checked_sub(offset));
    frame.render_stateful_widget(table, area, &mut selection);
    state.set_offset(offset);
    state.drawn.page = page;
    state.drawn.rows = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
}

fn aligned(column: &Column, text: String) -> Cell<'static> {
    let line = Line::from(text);
    Cell::from(if column.is_number { line.right_aligned() } else { line })
}

/// Lines from the one that the user scrolled to.
fn scrolled(frame: &mut Frame<'_>, state: &mut State, mut lines: Vec<Line<'static>>, area: Rect) {
    let height = usize::from(area.height);
    state.drawn.most_scroll = lines.len().saturating_sub(height);
    state.drawn.page = height.saturating_sub(1);
    state.scroll = state.scroll.min(state.drawn.most_scroll);
    let below = lines.len().saturating_sub(state.scroll + height);
    lines.drain(..state.scroll);
    lines.truncate(height);
    if below > 0
        && let Some(last) = lines.last_mut()
    {
        *last = Line::from(format!("… {} more lines: Down, PgDn, End", below + 1));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// The last line: the filter while it is typed or set, and the keys that matter here.
fn keys(state: &State, theme: Theme, columns: u16) -> Line<'static> {
    let columns = usize::from(columns);
    if state.is_typing {
        return banner(
            theme,
            Tone::Notice,
            &format!("filter: {}_   Enter keeps it, Esc clears it", state.filter),
            columns,
        );
    }
    let is_sheet = state.has_help || state.opened.is_some();
    if !state.filter.is_empty() && !is_sheet {
        let count = state.rows().len();
        let text = format!("FILTERED by {:?}: {count} rows here   Esc clears it   / changes it", state.filter);
        return banner(theme, Tone::Notice, &text, columns);
    }
    let text = match (is_sheet, state.is_playback()) {
        (true, _) => "Esc back   Up/Down scroll   1-7 panes   ? help   q quit",
        (false, true) => "Enter open   / filter   s/S sort   space pause   +/- speed   1-7 panes   ? help   q quit",
        (false, false) => "Enter open   / filter   s/S sort   space pause   1-7 panes   ? help   q quit",
    };
    Line::from(Span::styled(clip(text, columns), theme.style(Tone::Dim)))
}
