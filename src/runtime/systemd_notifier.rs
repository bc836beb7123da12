//! Notifications to systemd (sd_notify(3)): ready, reloading, stopping, a status line, and the watchdog.
//!
//! The watchdog is fed only while the run makes progress: a tick was judged and every capture worker was heard of
//! within [`SILENCE`]. A worker whose interface is down still ends ticks, so a missing interface, which no restart
//! would repair, does not trigger the watchdog. A thread that hangs or has died does, and systemd restarts the service.
//! Without $NOTIFY_SOCKET nothing is sent.

use super::clock::instant;
use super::worker_handles::WorkerHandles;
use sd_notify::NotifyState;
use std::fmt::{self, Write};
use std::time::{Duration, Instant};

/// How long the judge or a capture worker may be silent and still count as alive. Both report ten times per second.
const SILENCE: Duration = Duration::from_secs(5);
/// Between status lines.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// Progress of the judge.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    /// The last judged tick.
    pub last_tick: Option<u64>,
    /// Frames captured since the start.
    pub frames: u64,
    pub open_incidents: usize,
}

/// Why the watchdog is not fed.
#[derive(Clone, Debug, PartialEq)]
enum Stuck<'n> {
    Judge(Duration),
    Capture(&'n str, Duration),
}

impl fmt::Display for Stuck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stuck::Judge(age) => write!(f, "no tick was judged for {} s", age.as_secs()),
            Stuck::Capture(name, age) => {
                write!(f, "a capture worker on {name} has been silent for {} s", age.as_secs())
            }
        }
    }
}

/// Whether the run makes progress, by the time since a tick was judged and since each capture worker was heard of.
fn progress<'n>(judged: Duration, workers: impl IntoIterator<Item = (&'n str, Duration)>) -> Result<(), Stuck<'n>> {
    if judged > SILENCE {
        return Err(Stuck::Judge(judged));
    }
    match workers.into_iter().find(|(_, age)| *age > SILENCE) {
        Some((name, age)) => Err(Stuck::Capture(name, age)),
        None => Ok(()),
    }
}

/// Interval between watchdog notifications: a quarter of systemd's timeout, so that a late one does no harm.
fn feed_interval(timeout: Duration) -> Duration {
    timeout / 4
}

pub(super) struct SystemdNotifier {
    /// `None` without a watchdog.
    feed_interval: Option<Duration>,
    fed: Instant,
    last_tick: Option<u64>,
    last_tick_at: Instant,
    /// The log has an error that the watchdog is not fed.
    starving: bool,
    status_at: Instant,
    /// Frames at the last status line.
    frames: u64,
}

impl SystemdNotifier {
    /// `origin` is when the run started.
    pub(crate) fn new(origin: Instant) -> SystemdNotifier {
        SystemdNotifier {
            feed_interval: sd_notify::watchdog_enabled().map(feed_interval),
            fed: origin,
            last_tick: None,
            last_tick_at: instant(),
            starving: false,
            status_at: origin,
            frames: 0,
        }
    }

    /// Every interface is captured and the HTTP server listens; also after a reload.
    pub(crate) fn ready(&self) {
        notify(&[NotifyState::Ready]);
    }

    pub(crate) fn reloading(&self) {
        let mut states = vec![NotifyState::Reloading];
        // Required since systemd 253.
        states.extend(NotifyState::monotonic_usec_now());
        notify(&states);
    }

    pub(crate) fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }

    /// Feeds the watchdog and sends the status line where that is due. Called by the judge several times per second.
    pub(crate) fn update(&mut self, progress: Progress, interfaces: &[String], workers: &WorkerHandles) {
        let now = instant();
        // A lower tick is progress as well: the clock was set back.
        if progress.last_tick != self.last_tick {
            self.last_tick = progress.last_tick;
            self.last_tick_at = now;
        }
        let age = |since: Instant| now.saturating_duration_since(since);
        if let Some(interval) = self.feed_interval
            && age(self.fed) >= interval
        {
            let ages = workers.iter().map(|worker| (worker.interface.as_str(), age(worker.last_heard)));
            self.feed(self::progress(age(self.last_tick_at), ages), now);
        }
        let passed = age(self.status_at);
        if passed >= STATUS_INTERVAL {
            let rate = (progress.frames - self.frames) as f64 / passed.as_secs_f64();
            let line = status(interfaces, |name| workers.are_up(name), progress.open_incidents, rate);
            notify(&[NotifyState::Status(&line)]);
            self.status_at = now;
            self.frames = progress.frames;
        }
    }

    fn feed(&mut self, progress: Result<(), Stuck<'_>>, now: Instant) {
        match progress {
            Ok(()) => {
                notify(&[NotifyState::Watchdog]);
                self.fed = now;
                if std::mem::take(&mut self.starving) {
                    tracing::warn!("progress resumed: the watchdog is fed again");
                }
            }
            Err(stuck) => {
                if !std::mem::replace(&mut self.starving, true) {
                    tracing::error!("{stuck}: the watchdog is not fed, systemd will restart the service");
                }
            }
        }
    }
}

/// One line: interfaces and which are down, number of open incidents, packets per second.
fn status(interfaces: &[String], is_up: impl Fn(&str) -> bool, open_incidents: usize, rate: f64) -> String {
    let mut line = "capturing on".to_owned();
    for name in interfaces {
        // Writing to a string cannot fail.
        let _ = write!(line, " {name}{}", if is_up(name) { "" } else { " (down)" });
    }
    let _ = write!(
        line,
        "; {open_incidents} open incident{}; {rate:.0} packets/s",
        if open_incidents == 1 { "" } else { "s" }
    );
    line
}

/// A failure is not fatal: capture must not depend on the service manager.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(5_001);

    #[test]
    fn the_watchdog_is_fed_only_while_all_threads_make_progress() {
        let (now, old) = (Duration::from_millis(80), SILENCE);
        assert_eq!(progress(now, [("eth0", now), ("eth0", old)]), Ok(()), "just in time");
        assert_eq!(progress(LATE, [("eth0", now)]), Err(Stuck::Judge(LATE)), "the judge hangs");
        assert_eq!(
            progress(now, [("eth0", now), ("vmbr0", LATE), ("vmbr0", now)]),
            Err(Stuck::Capture("vmbr0", LATE)),
            "one thread of two hangs or died"
        );
        assert_eq!(progress(LATE, [("eth0", LATE)]), Err(Stuck::Judge(LATE)));
    }

    #[test]
    fn the_watchdog_is_fed_several_times_per_timeout() {
        assert_eq!(feed_interval(Duration::from_secs(30)), Duration::from_millis(7_500));
        // A hang is logged before the timeout expires.
        assert!(feed_interval(Duration::from_secs(30)) + SILENCE < Duration::from_secs(30));
    }

    #[test]
    fn the_status_is_one_line() {
        let interfaces = ["eno1".to_owned(), "vmbr0".to_owned()];
        let line = status(&interfaces, |name| name == "eno1", 1, 1234.4);
        assert_eq!(line, "capturing on eno1 vmbr0 (down); 1 open incident; 1234 packets/s");
        assert_eq!(status(&interfaces[..1], |_| true, 0, 0.0), "capturing on eno1; 0 open incidents; 0 packets/s");
    }
}
