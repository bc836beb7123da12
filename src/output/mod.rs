//! Output: incidents to the world. Each sink has a thread (a hook several) and a bounded queue of its own; a full queue
//! drops and counts and never blocks whoever reports. [`SINKS`] lists what there is, [`runner`] runs them.
//!
//! What an incident says in plain words is in [`text`]; how Pegel speaks HTTP to others in [`endpoint`].

pub mod alertmanager;
pub mod endpoint;
pub mod hook;
mod jsonl;
mod log;
mod runner;
mod stages;
pub mod syslog;
pub mod text;
pub mod webhook;

pub use jsonl::{JsonLines, Rotation};
pub use log::Log;
pub use runner::{Outputs, Receipt, Receipts, SinkCounts};
pub use stages::{Stage, Stages};

use crate::base::Timestamp;
use crate::incident::Event;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Takes incidents out of Pegel.
pub trait Sink: Send {
    /// Delivers one change. An error is counted, and logged once until the next success.
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery>;

    /// Whether one message can tell of many changes: then [`Sink::deliver_all`] gets all that wait.
    fn takes_all(&self) -> bool {
        false
    }

    /// Delivers several changes; an outcome for each, in order.
    fn deliver_all(&mut self, events: &[Event]) -> Vec<io::Result<Delivery>> {
        events.iter().map(|event| self.deliver(event)).collect()
    }

    /// Whether the sink wants to be told every few seconds how open incidents go on.
    fn wants_progress(&self) -> bool {
        false
    }

    /// When [`Sink::wake`] is to be called even if nothing happens; `None`: never.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Does what is due.
    fn wake(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// What became of changes that were not delivered at once, since the last call.
    fn settled(&mut self) -> Settled {
        Settled::default()
    }

    /// A last attempt before the end; what takes longer than a few seconds is left behind.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a sink did with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The other side has it.
    Delivered,
    /// It is none of this sink's business, and says why.
    Skipped(&'static str),
    /// The other side did not take it the last time; it is told with the next attempt.
    Later,
}

/// Changes that were delivered later, or given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub delivered: u64,
    pub given_up: u64,
}

/// A row of the registry of sinks.
pub struct SinkSpec {
    /// Name in lists; the `output` label of metrics is that, or that and the name of one of several.
    pub name: &'static str,
    pub summary: &'static str,
}

/// Every sink, for listing, metrics and documentation.
pub const SINKS: &[SinkSpec] = &[
    SinkSpec {
        name: "log",
        summary: "a line on standard error, or fields in the journal, for each change of an incident",
    },
    SinkSpec { name: "jsonl", summary: "incidents appended to a file that is rotated, one JSON object a line" },
    SinkSpec { name: "syslog", summary: "a message of RFC 5424 with structured data for each change of an incident" },
    SinkSpec {
        name: "alertmanager",
        summary: "alerts for an Alertmanager (API v2), refreshed while open and resolved",
    },
    SinkSpec { name: "webhook", summary: "incidents posted as JSON with an HMAC signature, tried again until taken" },
    SinkSpec { name: "hook", summary: "a program run on each change of an incident, also by FastNetMon's contract" },
];

/// Sinks talk to clocks of others and wait for them.
#[expect(clippy::disallowed_methods, reason = "how long others take, and when to try again; nothing is decided by it")]
fn instant() -> Instant {
    Instant::now()
}

/// The time of day, for those who compare it with theirs.
#[expect(clippy::disallowed_methods, reason = "receivers judge alerts and signatures by the time of day")]
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs(), since.subsec_nanos().into())
}

/// How long to wait before attempt number `failures` + 1: a second, doubled up to a minute, less up to half by chance so
/// that many do not come back at once.
fn backoff(failures: u32, chance: u64) -> Duration {
    let longest = 1000u64 << failures.saturating_sub(1).min(6);
    let longest = longest.min(60_000);
    Duration::from_millis(longest - chance % (longest / 2))
}

/// Any number: a fresh one each time.
fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::incident::Incident;

    /// A SYN flood on 203.0.113.7, as the state machine opens it.
    pub(super) fn incident() -> Incident {
        use crate::config::Config;
        let flood =
            "seed = 1\n[[part]]\nmodel = \"syn_flood\"\nfrom = 0.0\nto = 2.0\nrate = 20000\ntarget = \"203.0.113.7\"\n";
        let scenario = crate::traffic::Scenario::parse(flood).unwrap();
        let mut source = scenario.source();
        let config = Config::for_networks(vec!["203.0.113.0/24".parse().unwrap()]);
        crate::runtime::replay::incidents(&config, &mut source).unwrap().remove(0)
    }

    #[test]
    fn attempts_come_ever_later_and_never_all_at_once() {
        for (failures, longest) in [(1, 1_000), (2, 2_000), (6, 32_000), (7, 60_000), (1000, 60_000)] {
            assert_eq!(backoff(failures, 0), Duration::from_millis(longest));
            for chance in [1, 499, 12_345, u64::MAX] {
                let wait = backoff(failures, chance);
                assert!(wait > Duration::from_millis(longest / 2) && wait <= Duration::from_millis(longest));
            }
        }
    }
}
