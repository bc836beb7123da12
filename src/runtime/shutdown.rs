//! Ends a live run in order: capture, judge, outputs, HTTP.

use super::clock::{instant, wall_clock};
use super::judge_loop::JudgeLoop;
use crate::base::Timestamp;
use crate::http;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How long the workers may take to send their last reports.
const LAST_REPORTS: Duration = Duration::from_millis(800);

/// The workers must already have been told to stop.
pub(super) fn stop(mut judge: JudgeLoop, server: Option<http::Server>) {
    judge.publisher.set_ready(false);
    judge.systemd.stopping();
    let start = instant();
    while let Some(left) = LAST_REPORTS.checked_sub(start.elapsed()) {
        match judge.collector.receive_within(left) {
            Ok(message) => judge.accept(message),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => tracing::error!("a capture worker does not stop and is left behind"),
        }
    }
    judge.collector.workers.join();
    judge.judge_until(u64::MAX);
    let now = judge.collector.last_tick().map_or_else(wall_clock, |tick| Timestamp::from_tick(tick + 1));
    judge.engine.shut_down(now);
    judge.publish_changes();
    let drilled = judge.drills.stop();
    judge.publish_events(&drilled);
    judge.persistence.stop(&judge.engine, now);
    judge.recording.stop(now);
    let (frames, losses) = (judge.publisher.frames(), judge.collector.workers.losses());
    judge.publisher.finish_outputs();
    if let Some(server) = server {
        server.stop();
    }
    tracing::info!("stopped after {frames} packets, {} lost by the kernel", losses.dropped);
}
