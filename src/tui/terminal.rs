//! The terminal: taken over while the view is shown, and given back whatever happens.

use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, Stdout};
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The terminal while it is taken over.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// Panics of other threads: printed over the screen, they would be lost.
    panics: Arc<Mutex<Vec<String>>>,
}

impl Screen {
    /// Takes it over.
    pub(super) fn open(mouse: bool) -> io::Result<Screen> {
        let panics = Arc::default();
        give_back_on_panic(&panics);
        enable_raw_mode()?;
        let opened = enter(mouse).and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match opened {
            Ok(terminal) => Ok(Screen { terminal, panics }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Draws one frame.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// Gives it back, and prints the panics that could not be shown.
    pub(super) fn close(self) {
        let panics = Arc::clone(&self.panics);
        drop(self);
        for message in panics.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            eprintln!("pegel: {message}");
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        if !thread::panicking() {
            // Back to the default; nothing else in this program sets a hook.
            drop(panic::take_hook());
        }
    }
}

fn enter(mouse: bool) -> io::Result<()> {
    execute!(io::stdout(), EnterAlternateScreen)?;
    if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) }
}

/// What waiting for input has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Perhaps a key, perhaps nothing yet.
    Any,
    /// There is no terminal any more: its window was closed, or the connection to it.
    Gone,
}

/// Waits until something was typed, but no longer than `time`. Crossterm itself would read a terminal that is gone for ever.
pub(super) fn wait_for_input(time: Duration) -> io::Result<Input> {
    let stdout = io::stdout();
    let mut terminal = [PollFd::new(&stdout, PollFlags::IN)];
    let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
    match poll(&mut terminal, Some(&time)) {
        // A change of size, or a signal to end.
        Err(Errno::INTR) => return Ok(Input::Any),
        found => found?,
    };
    let [terminal] = terminal;
    let is_gone = terminal.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    Ok(if is_gone { Input::Gone } else { Input::Any })
}

/// As it was. Errors have no place to go: the terminal may be gone.
fn give_back() {
    let _ = disable_raw_mode();
    let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, crossterm::cursor::Show);
}

/// The message of a panic of this thread must be readable; one of another thread must wait.
fn give_back_on_panic(panics: &Arc<Mutex<Vec<String>>>) {
    let (mine, panics, before) = (thread::current().id(), Arc::clone(panics), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == mine {
            give_back();
            before(info);
        } else {
            panics.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
        }
    }));
}
