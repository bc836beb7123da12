//! The terminal view: everything of one second on a terminal, for an operator who is woken at night.
//!
//! [`run`] draws what arrives on a channel; the thread that feeds it decides whether that is a daemon or a
//! capture, and how fast.
//! `state` is pure and changes with seconds and keys; `screen` draws it. What a pane is, `pane` defines; each is a file
//! under `panes` and a row in its registry.

mod feed;
mod headline;
mod help;
mod history;
mod pane;
mod panes;
mod screen;
mod sheet;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod theme;

pub use feed::{Controls, Feed, Settings, Source, Speed};

use crossterm::event::{self, Event};
use state::State;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;
use terminal::{Input, Screen};
use theme::Theme;

/// How long to wait for a key while seconds of a daemon arrive.
const PATIENT: Duration = Duration::from_millis(100);
/// The same while a capture is played, which may be many times as fast.
const HASTY: Duration = Duration::from_millis(20);
/// Messages between two frames.
const AT_ONCE: usize = 64;

/// Shows what arrives on `feed` until the user leaves or [`Settings::stop`] is set. The terminal is then as it was before,
/// also after a panic.
///
/// # Errors
/// Where the terminal cannot be read or drawn on.
pub fn run(feed: Receiver<Feed>, controls: Arc<Controls>, settings: &Settings) -> io::Result<()> {
    let mut screen = Screen::open(settings.mouse)?;
    let outcome = show(&mut screen, &feed, controls, settings);
    screen.close();
    outcome
}

fn show(screen: &mut Screen, feed: &Receiver<Feed>, controls: Arc<Controls>, settings: &Settings) -> io::Result<()> {
    let theme = Theme::new(settings.colour);
    let mut state = State::new(settings.source.clone(), controls);
    let mut is_changed = true;
    while !state.is_over && !settings.stop.load(Ordering::Relaxed) {
        is_changed |= drain(&mut state, feed);
        if is_changed {
            screen.draw(|frame| screen::draw(frame, &mut state, theme))?;
        }
        is_changed = false;
        let wait = if state.is_playback() && !state.controls.is_paused() { HASTY } else { PATIENT };
        if terminal::wait_for_input(wait)? == Input::Gone {
            return Ok(());
        }
        // All that was typed meanwhile is drawn at once.
        while event::poll(Duration::ZERO)? {
            match event::read()? {
                Event::Key(key) => state.key(key),
                Event::Mouse(mouse) => state.mouse(mouse),
                _ => {}
            }
            is_changed = true;
        }
    }
    Ok(())
}

/// Takes what has arrived. A paused capture is left waiting.
fn drain(state: &mut State, feed: &Receiver<Feed>) -> bool {
    let mut is_changed = false;
    // No more than these at once: keys must not wait for a capture that is played as fast as possible.
    for _ in 0..AT_ONCE {
        if state.is_playback() && state.controls.is_paused() {
            break;
        }
        match feed.try_recv() {
            Ok(message) => state.feed(message),
            Err(TryRecvError::Empty) => break,
            Err(TryRecvError::Disconnected) => return is_changed | state.abandoned(),
        }
        is_changed = true;
    }
    is_changed
}
