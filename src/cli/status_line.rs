//! One changing line on a terminal: what `pegel run` sees. Log lines appear above it.
//!
//! A progress bar would do it, but fills its line up to the edge: the ^C that a terminal echoes then breaks it.

use crate::runtime::live::Watcher;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

/// Columns for what the terminal echoes behind the line.
const ECHO: usize = 4;
/// To the first column, and everything behind it is erased (ECMA-48 §8.3.41, EL).
const ERASE: &str = "\r\x1b[2K";

/// The line on standard error.
#[derive(Clone, Default)]
pub(super) struct StatusLine {
    /// What is shown; empty: nothing.
    shown: Arc<Mutex<String>>,
}

impl StatusLine {
    /// `None` where standard error is no terminal, or one that cannot move its cursor.
    pub(super) fn new() -> Option<StatusLine> {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        (io::stderr().is_terminal() && !is_dumb).then(StatusLine::default)
    }

    /// Shows every second.
    pub(super) fn watcher(&self) -> Watcher {
        let line = self.clone();
        let (sender, receiver) = sync_channel::<String>(1);
        // A terminal that takes nothing, after Ctrl-S for instance, must not stop the detection.
        let writer = std::thread::Builder::new().name("pegel-status".to_owned()).spawn(move || {
            for text in receiver {
                let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
                line.show(text.chars().take(columns.saturating_sub(ECHO)).collect());
            }
        });
        let is_running = writer.is_ok();
        Box::new(move |overview| {
            // While the last one is being written, this second is not shown.
            if is_running && is_in_foreground() {
                let _ = sender.try_send(overview.line());
            }
        })
    }

    /// Removes the line.
    pub(super) fn finish(&self) {
        self.show(String::new());
    }

    fn show(&self, text: String) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // A terminal that is gone is no reason to stop.
        let _ = write!(io::stderr(), "{ERASE}{text}");
        *shown = text;
    }
}

/// Whether the terminal is ours: in the background, it is that of the shell.
fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stderr()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Writes above the line.
pub(super) struct Above(pub Option<StatusLine>);

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(line) = &self.0 else { return io::stderr().write(bytes) };
        let shown = line.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stderr = io::stderr().lock();
        write!(stderr, "{ERASE}")?;
        stderr.write_all(bytes)?;
        write!(stderr, "{shown}")?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
