//! The state of the view, changed by seconds, keys and the mouse. Pure: it draws nothing and reads no clock.

use super::feed::{Controls, Feed, Source};
use super::history;
use super::pane::{Pane, Row, chosen};
use super::panes::PANES;
use super::text::neutral;
use crate::base::Timestamp;
use crate::view::Overview;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use std::ops::Range;
use std::sync::Arc;

/// Longest filter in characters.
const LONGEST_FILTER: usize = 64;
/// Lines that the wheel of a mouse moves.
const WHEEL: isize = 3;

/// What has become of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Seconds arrive, or none has been due yet.
    Live,
    /// The daemon cannot be reached, and why.
    Lost(String),
    /// The capture was played to its end.
    Ended,
    /// The capture cannot be played on, and why.
    Failed(String),
}

/// Where the user is within one pane.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The selected row.
    pub(super) cursor: usize,
    /// The first row on screen.
    pub(super) offset: usize,
    /// The column that sorts it; none: as it comes.
    pub(super) sort: Option<usize>,
    /// Whether the order is reversed.
    pub(super) is_reversed: bool,
    /// The key of the selected row, once the user has selected one: it stays selected wherever it moves.
    selected: Option<String>,
}

/// Where things were drawn, for the mouse and for paging.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn {
    /// Columns of the names of the panes, in the first line.
    pub(super) titles: Vec<Range<u16>>,
    /// The rows of the table.
    pub(super) rows: Rect,
    /// Lines that can be scrolled and do not fit.
    pub(super) most_scroll: usize,
    /// Lines of one page.
    pub(super) page: usize,
}

/// The state of the view.
pub(super) struct State {
    /// Where the seconds come from.
    pub(super) source: Source,
    /// Shared with the feeding thread.
    pub(super) controls: Arc<Controls>,
    /// What has become of the feed.
    pub(super) health: Health,
    /// The index of the pane on screen.
    pub(super) pane: usize,
    /// Only rows with this text are shown.
    pub(super) filter: String,
    /// Whether keys go into the filter.
    pub(super) is_typing: bool,
    /// Whether the help is shown.
    pub(super) has_help: bool,
    /// The key of the row that is shown in full.
    pub(super) opened: Option<String>,
    /// The first line on screen where lines are scrolled.
    pub(super) scroll: usize,
    /// Whether the user wants to leave.
    pub(super) is_over: bool,
    /// Where things were drawn last.
    pub(super) drawn: Drawn,
    /// The first second that was shown: the position in a capture counts from it.
    pub(super) first: Option<Timestamp>,
    latest: Option<Box<Overview>>,
    /// The second on screen while it is paused.
    held: Option<Box<Overview>>,
    places: Vec<Place>,
}

impl State {
    /// Before the first second.
    pub(super) fn new(source: Source, controls: Arc<Controls>) -> State {
        State {
            source,
            controls,
            health: Health::Live,
            pane: 0,
            filter: String::new(),
            is_typing: false,
            has_help: false,
            opened: None,
            scroll: 0,
            is_over: false,
            drawn: Drawn::default(),
            first: None,
            latest: None,
            held: None,
            places: vec![Place::default(); PANES.len()],
        }
    }

    /// The second on screen.
    pub(super) fn overview(&self) -> Option<&Overview> {
        self.held.as_deref().or(self.latest.as_deref())
    }

    /// The latest second, shown or not.
    pub(super) fn latest_at(&self) -> Option<Timestamp> {
        self.latest.as_ref().and_then(|overview| overview.at)
    }

    /// Whether captures are played.
    pub(super) fn is_playback(&self) -> bool {
        matches!(self.source, Source::Files(_))
    }

    /// The pane on screen.
    pub(super) fn current(&self) -> Option<&'static Pane> {
        PANES.get(self.pane).copied()
    }

    /// Where the user is within it.
    pub(super) fn place(&self) -> Place {
        self.places.get(self.pane).cloned().unwrap_or_default()
    }

    /// Remembers the first row on screen.
    pub(super) fn set_offset(&mut self, offset: usize) {
        if let Some(place) = self.places.get_mut(self.pane) {
            place.offset = offset;
        }
    }

    /// The rows of the pane on screen, filtered and sorted.
    pub(super) fn rows(&self) -> Vec<Row> {
        let (Some(pane), Some(overview)) = (self.current(), self.overview()) else { return Vec::new() };
        let place = self.place();
        chosen((pane.rows)(overview), &self.filter, place.sort, place.is_reversed)
    }

    /// Takes one message.
    pub(super) fn feed(&mut self, feed: Feed) {
        match feed {
            Feed::Overview(mut overview) => {
                let before = self.latest.take().map(|latest| latest.traffic).unwrap_or_default();
                history::complete(&mut overview, before);
                self.first = self.first.or(overview.at);
                self.latest = Some(overview);
                self.health = Health::Live;
                self.follow();
            }
            Feed::Lost(message) => self.health = Health::Lost(neutral(&message)),
            Feed::Ended => self.health = Health::Ended,
            Feed::Failed(message) => self.health = Health::Failed(neutral(&message)),
        }
    }

    /// The feeding thread is gone. Returns whether that is news.
    pub(super) fn abandoned(&mut self) -> bool {
        let is_news = matches!(self.health, Health::Live);
        if is_news {
            self.health = Health::Failed("its thread has stopped".to_owned());
        }
        is_news
    }

    /// Takes one key.
    pub(super) fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => self.is_over = true,
                KeyCode::Char('u') if self.is_typing => self.filter.clear(),
                _ => {}
            }
        } else if self.is_typing {
            self.type_into_filter(key.code);
        } else {
            self.command(key.code);
        }
        self.follow();
    }

    fn type_into_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if self.filter.chars().count() < LONGEST_FILTER => {
                self.filter.push_str(&neutral(c.encode_utf8(&mut [0; 4])));
            }
            _ => {}
        }
        self.select_first();
    }

    fn command(&mut self, code: KeyCode) {
        let page = self.drawn.page.max(1) as isize;
        match code {
            KeyCode::Char('q') => self.is_over = true,
            KeyCode::Char('?') => {
                self.has_help = !self.has_help;
                self.scroll = 0;
            }
            KeyCode::Esc => self.back(),
            KeyCode::Enter => self.open(),
            KeyCode::Tab | KeyCode::Right => self.show(self.pane + 1),
            KeyCode::BackTab | KeyCode::Left => self.show(self.pane + PANES.len().saturating_sub(1)),
            KeyCode::Up | KeyCode::Char('k') => self.by(-1),
            KeyCode::Down | KeyCode::Char('j') => self.by(1),
            KeyCode::PageUp => self.by(-page),
            KeyCode::PageDown => self.by(page),
            KeyCode::Home | KeyCode::Char('g') => self.by(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.by(isize::MAX),
            KeyCode::Char('/') => {
                self.leave();
                self.is_typing = true;
            }
            KeyCode::Char('s') => self.sort(),
            KeyCode::Char('S') => {
                if let Some(place) = self.places.get_mut(self.pane) {
                    place.is_reversed = !place.is_reversed;
                }
            }
            KeyCode::Char(' ') => self.pause(),
            KeyCode::Char('+' | '=') => self.controls.faster(),
            KeyCode::Char('-') => self.controls.slower(),
            KeyCode::Char(digit) => {
                let pane = digit.to_digit(10).and_then(|digit| (digit as usize).checked_sub(1));
                if let Some(pane) = pane.filter(|pane| *pane < PANES.len()) {
                    self.show(pane);
                }
            }
            _ => {}
        }
    }

    /// Takes one event of the mouse.
    pub(super) fn mouse(&mut self, event: MouseEvent) {
        match event.kind {
            MouseEventKind::ScrollUp => self.by(-WHEEL),
            MouseEventKind::ScrollDown => self.by(WHEEL),
            MouseEventKind::Down(MouseButton::Left) => self.click(event.column, event.row),
            _ => {}
        }
        self.follow();
    }

    fn click(&mut self, column: u16, line: u16) {
        if line == 0 {
            let title = self.drawn.titles.iter().position(|title| title.contains(&column));
            return title.into_iter().for_each(|pane| self.show(pane));
        }
        let rows = self.drawn.rows;
        let is_inside = rows.contains((column, line).into()) && self.opened.is_none() && !self.has_help;
        let place = self.place();
        let row = place.offset + usize::from(line.saturating_sub(rows.y));
        if is_inside && row < self.rows().len() {
            // A second click opens it.
            if row == place.cursor && place.selected.is_some() { self.open() } else { self.select(row) }
        }
    }

    /// Shows a pane; past the last one is the first.
    fn show(&mut self, pane: usize) {
        self.pane = pane % PANES.len().max(1);
        self.leave();
    }

    /// Back to the pane itself.
    fn leave(&mut self) {
        (self.opened, self.has_help, self.scroll) = (None, false, 0);
    }

    fn back(&mut self) {
        if self.has_help {
            (self.has_help, self.scroll) = (false, 0);
        } else if self.opened.is_some() {
            self.leave();
        } else {
            self.filter.clear();
        }
    }

    fn open(&mut self) {
        if self.opened.is_none() && !self.has_help {
            let cursor = self.place().cursor;
            self.opened = self.rows().into_iter().nth(cursor).map(|row| row.key);
            self.select(cursor);
            self.scroll = 0;
        }
    }

    fn sort(&mut self) {
        let columns = self.current().map_or(0, |pane| pane.columns.len());
        if let Some(place) = self.places.get_mut(self.pane) {
            let next = place.sort.map_or(0, |column| column + 1);
            (place.sort, place.is_reversed) = (Some(next).filter(|next| *next < columns), false);
        }
        self.select_first();
    }

    /// A daemon goes on while its second is held; captures wait.
    fn pause(&mut self) {
        self.controls.toggle_pause();
        let is_held = self.controls.is_paused() && !self.is_playback();
        self.held = if is_held { self.latest.clone() } else { None };
    }

    /// Moves the selection, or lines where there is none.
    fn by(&mut self, lines: isize) {
        let has_table = self.current().is_some_and(|pane| !pane.columns.is_empty());
        if self.has_help || self.opened.is_some() || !has_table {
            self.scroll = self.scroll.saturating_add_signed(lines).min(self.drawn.most_scroll);
        } else {
            self.select(self.place().cursor.saturating_add_signed(lines));
        }
    }

    /// Selects a row, the last one at most.
    fn select(&mut self, row: usize) {
        let rows = self.rows();
        let row = row.min(rows.len().saturating_sub(1));
        let key = rows.into_iter().nth(row).map(|row| row.key);
        if let Some(place) = self.places.get_mut(self.pane) {
            (place.cursor, place.selected) = (row, key);
        }
    }

    /// The top again, whatever is there.
    fn select_first(&mut self) {
        if let Some(place) = self.places.get_mut(self.pane) {
            (place.cursor, place.offset, place.selected) = (0, 0, None);
        }
    }

    /// Keeps the selected row selected after rows have changed.
    fn follow(&mut self) {
        let place = self.place();
        let rows = self.rows();
        let found = place.selected.and_then(|key| rows.iter().position(|row| row.key == key));
        let last = rows.len().saturating_sub(1);
        if let Some(place) = self.places.get_mut(self.pane) {
            place.cursor = found.unwrap_or(place.cursor).min(last);
        }
    }
}
