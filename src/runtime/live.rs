//! A live run: startup, the judge's loop with reloads, and shutdown, in one thread.

use super::judge_loop::JudgeLoop;
use super::live_error::LiveError;
use super::{reloader, shutdown, startup};
use crate::sandbox::helper;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use super::live_config::{LiveRequest, Watcher};

/// Flags that signal handlers set.
#[derive(Clone, Default)]
pub struct Signals {
    /// Ends the run when set; the run does not clear it.
    pub stop: Arc<AtomicBool>,
    /// Requests a reload of the configuration file; cleared when the reload begins.
    pub reload: Arc<AtomicBool>,
}

/// Captures and judges until `signals.stop` is set. Returns when everything is flushed.
///
/// # Errors
/// Why the run could not start; or that a capture worker has ended before `signals.stop` was raised.
pub fn run(request: LiveRequest, signals: &Signals) -> Result<(), LiveError> {
    let (mut judge, server) = startup::start(request, &signals.stop)?;
    // One that ends by itself has panicked. Without it, a part of the traffic would not be seen: better to start anew.
    let is_whole = |judge: &JudgeLoop| judge.collector.workers.ended().is_none() && !helper::has_ended();
    while !signals.stop.load(Ordering::Relaxed) && judge.step() && is_whole(&judge) {
        if signals.reload.swap(false, Ordering::Relaxed) {
            judge.systemd.reloading();
            reloader::reload(&mut judge);
            judge.systemd.ready();
        }
    }
    let requested = signals.stop.load(Ordering::Relaxed);
    let has_helper = !helper::has_ended();
    let ended = judge.collector.workers.ended().map(str::to_owned);
    shutdown::stop(judge, server);
    match ended {
        _ if requested => Ok(()),
        Some(interface) => Err(LiveError::Other(format!("a capture worker of {interface} panicked; please report it"))),
        None if !has_helper => Err(LiveError::Other("the helper process has ended".to_owned())),
        None => Err(LiveError::Other("every capture worker has ended".to_owned())),
    }
}
