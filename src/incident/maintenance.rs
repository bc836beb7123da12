//! Planned windows: work on the network that the operator told of. They mark incidents and lower them, and hide none.

use crate::base::{Addr, Severity, Timestamp};
use crate::detect::{Finding, Target};
use ipnet::IpNet;
use serde::Serialize;
use std::fmt;

/// How many times over its limit something must be to count in full in spite of a window.
const IN_SPITE: f64 = 3.0;
const DAY: u64 = 86_400;

/// For whom a window holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    Network(IpNet),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::All => f.write_str("all"),
            Scope::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(f),
            Scope::Network(network) => network.fmt(f),
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        if text == "all" {
            return Ok(Scope::All);
        }
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<Addr>().ok().map(|host| host.ip().into()));
        network
            .map(|network| Scope::Network(network.trunc()))
            .ok_or("must be \"all\", an address or a network".to_owned())
    }
}

/// When a window holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    Once {
        from: Timestamp,
        until: Timestamp,
    },
    /// On these days, from Monday on, between two minutes of the day in UTC; past midnight where the second is not later.
    Weekly {
        days: [bool; 7],
        from: u16,
        until: u16,
    },
}

impl Schedule {
    /// The end of the window in which `at` lies.
    fn end(&self, at: Timestamp) -> Option<Timestamp> {
        match *self {
            Schedule::Once { from, until } => (from <= at && at < until).then_some(until),
            Schedule::Weekly { days, from, until } => {
                let minutes = |minutes: u16| u64::from(minutes) * 60;
                let length = (minutes(until) + DAY - minutes(from) - 1) % DAY + 1;
                let seconds = at.nanos() / 1_000_000_000;
                // The one that began today, or that of yesterday which goes on past midnight.
                [0, 1].into_iter().find_map(|back| {
                    let day = (seconds / DAY).checked_sub(back)?;
                    // The epoch was a Thursday.
                    let begins = day * DAY + minutes(from);
                    let is_day = days.get(((day + 3) % 7) as usize).copied().unwrap_or(false);
                    (is_day && (begins..begins + length).contains(&seconds))
                        .then(|| Timestamp::from_parts(begins + length, 0))
                })
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// For those who list and remove windows.
    pub id: String,
    pub why: String,
    pub scope: Scope,
    pub schedule: Schedule,
}

impl MaintenanceWindow {
    /// The mark for what begins at `at`, where this window is about it.
    pub fn covers(&self, target: &Target, at: Timestamp) -> Option<MaintenanceMark> {
        let meant = match (self.scope, target) {
            (Scope::All, _) => true,
            (Scope::Network(network), Target::Host(address)) => network.contains(&address.ip()),
            (Scope::Network(network), Target::Prefix(prefix)) => network.contains(prefix),
            (Scope::Network(_), _) => false,
        };
        let until = self.schedule.end(at).filter(|_| meant)?;
        Some(MaintenanceMark { why: self.why.clone(), until })
    }
}

/// What an incident carries that was opened within a window. Public API: part of the incident JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MaintenanceMark {
    pub why: String,
    pub until: Timestamp,
}

impl MaintenanceMark {
    /// What a finding counts as: one severity less while the window lasts, unless it is far over its limit.
    pub(super) fn severity(&self, finding: &Finding, now: Timestamp) -> Severity {
        let times = finding.evidence.first().and_then(|evidence| Some(evidence.value / evidence.limit?));
        // What has no limit, or one of nothing at all, is not a matter of more or less.
        if now >= self.until || times.is_none_or(|times| times.is_nan() || times > IN_SPITE) {
            return finding.severity;
        }
        match finding.severity {
            Severity::Critical => Severity::Warning,
            Severity::Warning | Severity::Info => Severity::Info,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().expect("a moment");
        Timestamp::from_parts(moment.as_second() as u64, 0)
    }

    fn weekly(days: &[usize], from: u16, until: u16) -> Schedule {
        let mut all = [false; 7];
        days.iter().for_each(|&day| all[day] = true);
        Schedule::Weekly { days: all, from, until }
    }

    #[test]
    fn weekly_windows_know_their_days_and_cross_midnight() {
        // 2026-01-01 was a Thursday.
        let night = weekly(&[3], 23 * 60, 60);
        assert_eq!(night.end(at("2026-01-01T22:59:59Z")), None);
        assert_eq!(night.end(at("2026-01-01T23:00:00Z")), Some(at("2026-01-02T01:00:00Z")));
        assert_eq!(night.end(at("2026-01-02T00:59:59Z")), Some(at("2026-01-02T01:00:00Z")));
        assert_eq!(night.end(at("2026-01-02T01:00:00Z")), None);
        assert_eq!(night.end(at("2026-01-02T23:30:00Z")), None, "Friday is not among its days");
        let noon = weekly(&[0, 6], 720, 780);
        assert_eq!(noon.end(at("2026-01-04T12:30:00Z")), Some(at("2026-01-04T13:00:00Z")));
        assert_eq!(noon.end(at("2026-01-06T12:30:00Z")), None);
        let always = weekly(&[0, 1, 2, 3, 4, 5, 6], 0, 0);
        assert!(always.end(at("2026-01-06T12:30:00Z")).is_some());
    }

    #[test]
    fn scopes_are_read_and_written() {
        for (text, shown) in [("all", "all"), ("203.0.113.7", "203.0.113.7"), ("2001:db8::1/32", "2001:db8::/32")] {
            assert_eq!(text.parse::<Scope>().map(|scope| scope.to_string()), Ok(shown.to_owned()));
        }
        assert!("some".parse::<Scope>().is_err());
    }

    #[test]
    fn a_window_is_about_its_scope_only() {
        let schedule = Schedule::Once { from: at("2026-01-01T00:00:00Z"), until: at("2026-01-01T01:00:00Z") };
        let maintenance = |scope: &str| MaintenanceWindow {
            id: "w1".to_owned(),
            why: "update".to_owned(),
            scope: scope.parse().expect("a scope"),
            schedule: schedule.clone(),
        };
        let host = Target::Host("203.0.113.7".parse().expect("an address"));
        let covers = |scope: &str| maintenance(scope).covers(&host, at("2026-01-01T00:30:00Z")).is_some();
        assert!(covers("all") && covers("203.0.113.7") && covers("203.0.113.0/24"));
        assert!(!covers("203.0.113.8") && !covers("2001:db8::/32"));
        assert!(maintenance("all").covers(&host, at("2026-01-01T01:00:00Z")).is_none(), "it is over");
    }
}
