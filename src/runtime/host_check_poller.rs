//! The thread that runs the checks of this host. It may wait for external tools; the judge never waits for it, and
//! polls for results.

use super::clock::wall_clock;
use crate::base::{PostureResult, PostureState, Timestamp};
use crate::posture::{Kernel, Posture, Tools, Watch, initial_results};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// The judge's end of the channels.
pub(super) struct HostCheckPoller {
    /// `None` without checks, or where no thread could be started.
    thread: Option<Channels>,
    /// The latest results.
    known: Vec<PostureResult>,
}

struct Channels {
    /// The thread ends when this is dropped. It is not joined, since a tool may hang.
    settings: Sender<Posture>,
    results: Receiver<Vec<PostureResult>>,
}

impl HostCheckPoller {
    pub(crate) fn start(posture: &Posture) -> HostCheckPoller {
        let mut poller = HostCheckPoller { thread: None, known: Vec::new() };
        poller.replace(posture);
        poller
    }

    /// The latest result of each check; at the start, all are unknown.
    pub(crate) fn known(&self) -> &[PostureResult] {
        &self.known
    }

    /// Runs other checks from now on.
    pub(crate) fn replace(&mut self, posture: &Posture) {
        if let Some(thread) = &self.thread
            && thread.settings.send(posture.clone()).is_ok()
        {
            return;
        }
        self.known = initial_results(posture);
        if posture.checks.is_empty() {
            return;
        }
        let (settings, settings_receiver) = channel();
        let (results_sender, results) = sync_channel(1);
        let watch = Watch::new(posture.clone(), Kernel::under(Path::new("/")), Tools::of_this_machine());
        let thread = move || run_checks(watch, &settings_receiver, &results_sender);
        match std::thread::Builder::new().name("posture".to_owned()).spawn(thread) {
            Ok(_) => self.thread = Some(Channels { settings, results }),
            Err(error) => tracing::error!("host checks are not run: {error}"),
        }
    }

    /// The latest results, if there are new ones since the last call. Changes of state are logged.
    pub(crate) fn poll(&mut self) -> Option<&[PostureResult]> {
        let results = self.thread.as_ref()?.results.try_iter().last()?;
        for result in &results {
            log_change(result, self.known.iter().find(|known| known.name == result.name));
        }
        self.known = results;
        Some(&self.known)
    }
}

/// Logs a change of state, and a first result that is not ok.
fn log_change(result: &PostureResult, before: Option<&PostureResult>) {
    let PostureResult { name, message, state, .. } = result;
    // Before the first run every check is unknown, so that a first result of unknown must be logged.
    let is_first = before.is_none_or(|before| before.since == Timestamp::ZERO);
    if !is_first && before.is_some_and(|before| before.state == *state) {
        return;
    }
    match state {
        PostureState::Ok if is_first => {}
        PostureState::Ok => tracing::info!("posture check {name} passes: {message}"),
        PostureState::Failed => tracing::warn!("posture check {name} fails: {message}"),
        PostureState::Unknown => tracing::warn!("posture check {name} has no result: {message}"),
    }
}

/// Runs the checks again and again until the judge has ended.
fn run_checks(mut watch: Watch, settings: &Receiver<Posture>, results: &SyncSender<Vec<PostureResult>>) {
    loop {
        let found = watch.evaluate(wall_clock()).to_vec();
        // Blocks until the judge has taken the results before, usually within a tick.
        if results.send(found).is_err() {
            return;
        }
        match settings.recv_timeout(Duration::from_secs(watch.interval_seconds().into())) {
            Ok(posture) => watch.replace(posture),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
