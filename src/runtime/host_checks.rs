//! The thread that looks at the host's posture. It may wait for tools as long as they take: judging never waits for it,
//! and takes what it found when that is there.

use super::live::wall_clock;
use crate::base::{PostureResult, PostureState, Timestamp};
use crate::posture::{Kernel, Posture, Tools, Watch, unknown};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// The judge's end.
pub(super) struct HostCheckPoller {
    /// `None` while nothing has to be looked at, or no thread can be had.
    thread: Option<Ends>,
    /// As last told.
    known: Vec<PostureResult>,
}

struct Ends {
    /// When it is dropped, the thread ends; it is not waited for, since a tool may hang.
    orders: Sender<Posture>,
    results: Receiver<Vec<PostureResult>>,
}

impl HostCheckPoller {
    pub fn start(posture: &Posture) -> HostCheckPoller {
        let mut lookout = HostCheckPoller { thread: None, known: Vec::new() };
        lookout.replace(posture);
        lookout
    }

    /// What is known of each check; at the start, nothing.
    pub fn known(&self) -> &[PostureResult] {
        &self.known
    }

    /// Looks at other things from now on.
    pub fn replace(&mut self, posture: &Posture) {
        if let Some(thread) = &self.thread
            && thread.orders.send(posture.clone()).is_ok()
        {
            return;
        }
        self.known = unknown(posture);
        if posture.checks.is_empty() {
            return;
        }
        let (orders, their_orders) = channel();
        let (their_results, results) = sync_channel(1);
        let watch = Watch::new(posture.clone(), Kernel::under(Path::new("/")), Tools::of_this_machine());
        let thread = move || look_out(watch, &their_orders, &their_results);
        match std::thread::Builder::new().name("posture".to_owned()).spawn(thread) {
            Ok(_) => self.thread = Some(Ends { orders, results }),
            Err(error) => tracing::error!("the posture of this host is not looked at: {error}"),
        }
    }

    /// What was found since the last call, if anything was looked at. Changes go to the log.
    pub fn take(&mut self) -> Option<&[PostureResult]> {
        let found = self.thread.as_ref()?.results.try_iter().last()?;
        for result in &found {
            tell(result, self.known.iter().find(|known| known.name == result.name));
        }
        self.known = found;
        Some(&self.known)
    }
}

/// A line for each change of state, and none for what holds from the start.
fn tell(result: &PostureResult, before: Option<&PostureResult>) {
    let PostureResult { name, message, state, .. } = result;
    // Before the first look everything is unknown: that something stays so is news then.
    let is_first = before.is_none_or(|before| before.since == Timestamp::ZERO);
    if !is_first && before.is_some_and(|before| before.state == *state) {
        return;
    }
    match state {
        PostureState::Ok if is_first => {}
        PostureState::Ok => tracing::info!("posture check {name} holds: {message}"),
        PostureState::Failed => tracing::warn!("posture check {name} fails: {message}"),
        PostureState::Unknown => tracing::warn!("posture check {name} cannot be told: {message}"),
    }
}

/// Until the end of the judge.
fn look_out(mut watch: Watch, orders: &Receiver<Posture>, results: &SyncSender<Vec<PostureResult>>) {
    loop {
        let found = watch.look(wall_clock()).to_vec();
        // The judge takes it within a tick or so; until then there is no point in looking again.
        if results.send(found).is_err() {
            return;
        }
        match orders.recv_timeout(Duration::from_secs(watch.interval_seconds().into())) {
            Ok(posture) => watch.replace(posture),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
