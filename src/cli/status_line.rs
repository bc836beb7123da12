//! One changing line on a terminal: what `pegel run` sees. Log lines appear above it.

use crate::runtime::live::Watcher;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};

/// The line; it draws nothing where standard error is no terminal.
#[derive(Clone)]
pub(super) struct StatusLine {
    bar: ProgressBar,
}

impl StatusLine {
    /// `None` where standard error is no terminal, or one that cannot move its cursor.
    pub(super) fn new() -> Option<StatusLine> {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if !io::stderr().is_terminal() || is_dumb {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // Cut off at the width of the terminal.
        bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Some(StatusLine { bar })
    }

    /// Shows every second.
    pub(super) fn watcher(&self) -> Watcher {
        let bar = self.bar.clone();
        Box::new(move |overview| {
            bar.set_message(overview.line());
            bar.tick();
        })
    }

    /// Removes the line.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Writes above the line.
pub(super) struct Above(pub Option<StatusLine>);

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some(line) => line.bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
