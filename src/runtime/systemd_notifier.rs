//! What systemd is told (sd_notify(3)): ready, reloading, stopping, a line of status, and that the pipeline lives.
//!
//! The watchdog is fed by progress alone: a tick was judged and every capturing thread has been heard of, both within
//! [`SILENCE`]. A thread that waits for its interface to come back ticks on, so an interface that is down, which no
//! restart would mend, starves nobody; a thread that hangs or has died does, and systemd restarts the service. Nothing is
//! said where no service manager asks ($NOTIFY_SOCKET).

use super::live::instant;
use super::workers::Workers;
use sd_notify::NotifyState;
use std::fmt::{self, Write};
use std::time::{Duration, Instant};

/// How long a judge or a capturing thread may be silent and still count as alive. Both are heard ten times a second.
const SILENCE: Duration = Duration::from_secs(5);
/// Between lines of status.
const STATUS: Duration = Duration::from_secs(5);

/// How far the judging loop has come.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    /// The last judged tick.
    pub judged: Option<u64>,
    /// Since the start.
    pub frames: u64,
    /// Open incidents.
    pub open: usize,
}

/// What keeps the watchdog from being fed.
#[derive(Clone, Debug, PartialEq)]
enum Stuck<'n> {
    Judge(Duration),
    Capture(&'n str, Duration),
}

impl fmt::Display for Stuck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stuck::Judge(age) => write!(f, "nothing was judged for {} s", age.as_secs()),
            Stuck::Capture(name, age) => {
                write!(f, "a thread that captures on {name} is silent for {} s", age.as_secs())
            }
        }
    }
}

/// Whether the pipeline makes progress, by how long ago a tick was judged and each capturing thread was heard of.
fn progress<'n>(judged: Duration, workers: impl IntoIterator<Item = (&'n str, Duration)>) -> Result<(), Stuck<'n>> {
    if judged > SILENCE {
        return Err(Stuck::Judge(judged));
    }
    match workers.into_iter().find(|(_, age)| *age > SILENCE) {
        Some((name, age)) => Err(Stuck::Capture(name, age)),
        None => Ok(()),
    }
}

/// Between two feedings, by what systemd allows: a quarter, so that one that comes late does no harm.
fn pace(allowed: Duration) -> Duration {
    allowed / 4
}

pub(super) struct SystemdNotifier {
    /// Between feedings; `None` where no watchdog waits.
    pace: Option<Duration>,
    fed: Instant,
    judged: Option<u64>,
    judged_at: Instant,
    /// It was told that the watchdog starves.
    starving: bool,
    status_at: Instant,
    /// Frames when the status was last told.
    frames: u64,
}

impl SystemdNotifier {
    /// `origin` is when the run began.
    pub fn new(origin: Instant) -> SystemdNotifier {
        SystemdNotifier {
            pace: sd_notify::watchdog_enabled().map(pace),
            fed: origin,
            judged: None,
            judged_at: instant(),
            starving: false,
            status_at: origin,
            frames: 0,
        }
    }

    /// Captures are up and HTTP listens; also after a reload.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    pub fn reloading(&self) {
        let mut states = vec![NotifyState::Reloading];
        // systemd from 253 on wants to know when.
        states.extend(NotifyState::monotonic_usec_now());
        tell(&states);
    }

    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Called by the judging loop each time round: feeds the watchdog and tells the status where that is due.
    pub fn look(&mut self, progress: Progress, interfaces: &[String], workers: &Workers) {
        let now = instant();
        // A lower tick is progress, too: the clock was set back.
        if progress.judged != self.judged {
            self.judged = progress.judged;
            self.judged_at = now;
        }
        let age = |since: Instant| now.saturating_duration_since(since);
        if let Some(pace) = self.pace
            && age(self.fed) >= pace
        {
            let ages = workers.iter().map(|worker| (worker.interface.as_str(), age(worker.last_heard)));
            self.feed(self::progress(age(self.judged_at), ages), now);
        }
        let passed = age(self.status_at);
        if passed >= STATUS {
            let rate = (progress.frames - self.frames) as f64 / passed.as_secs_f64();
            tell(&[NotifyState::Status(&status(interfaces, |name| workers.are_up(name), progress.open, rate))]);
            self.status_at = now;
            self.frames = progress.frames;
        }
    }

    fn feed(&mut self, progress: Result<(), Stuck<'_>>, now: Instant) {
        match progress {
            Ok(()) => {
                tell(&[NotifyState::Watchdog]);
                self.fed = now;
                if std::mem::take(&mut self.starving) {
                    tracing::warn!("the pipeline goes on; the watchdog is fed again");
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

/// One line: interfaces with what is wrong with them, open incidents, packets a second.
fn status(interfaces: &[String], is_up: impl Fn(&str) -> bool, open: usize, rate: f64) -> String {
    let mut line = "capturing on".to_owned();
    for name in interfaces {
        // Writing to a string cannot fail.
        let _ = write!(line, " {name}{}", if is_up(name) { "" } else { " (down)" });
    }
    let _ = write!(line, "; {open} open incident{}; {rate:.0} packets/s", if open == 1 { "" } else { "s" });
    line
}

/// A service manager that does not listen is no reason to stop watching.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(5_001);

    #[test]
    fn only_progress_of_all_feeds_the_watchdog() {
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
    fn it_is_fed_several_times_as_often_as_it_has_to_be() {
        assert_eq!(pace(Duration::from_secs(30)), Duration::from_millis(7_500));
        // Hunger is noticed and another chance missed before the watchdog bites.
        assert!(pace(Duration::from_secs(30)) + SILENCE < Duration::from_secs(30));
    }

    #[test]
    fn the_status_is_one_line() {
        let interfaces = ["eno1".to_owned(), "vmbr0".to_owned()];
        let line = status(&interfaces, |name| name == "eno1", 1, 1234.4);
        assert_eq!(line, "capturing on eno1 vmbr0 (down); 1 open incident; 1234 packets/s");
        assert_eq!(status(&interfaces[..1], |_| true, 0, 0.0), "capturing on eno1; 0 open incidents; 0 packets/s");
    }
}
