//! Maintenance windows: announced work on the network. Incidents within one are marked and less severe; none is hidden.

use crate::base::{Addr, Severity, Timestamp};
use crate::detect::{Finding, Target};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A finding above this many times its limit keeps its severity within a window.
const FULL_SEVERITY_FACTOR: f64 = 3.0;
/// Seconds of a day.
const DAY: u64 = 86_400;

/// Which targets a window applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every target.
    All,
    /// Hosts and prefixes within this network.
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

/// When a window applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// One period.
    Once {
        /// Its first instant.
        from: Timestamp,
        /// The first instant after it.
        until: Timestamp,
    },
    /// On certain weekdays between two times of day in UTC; past midnight where `until` is not after `from`.
    Weekly {
        /// Monday first.
        days: [bool; 7],
        /// Minute of the day, 0 to 1439.
        from: u16,
        /// Minute of the day, 0 to 1439.
        until: u16,
    },
}

impl Schedule {
    /// The end of the period that contains `at`; `None` if none does.
    fn end(&self, at: Timestamp) -> Option<Timestamp> {
        match *self {
            Schedule::Once { from, until } => (from <= at && at < until).then_some(until),
            Schedule::Weekly { days, from, until } => {
                let minutes = |minutes: u16| u64::from(minutes) * 60;
                let length = (minutes(until) + DAY - minutes(from) - 1) % DAY + 1;
                let seconds = at.nanos() / 1_000_000_000;
                // The period that began today, or the one that began yesterday and continues past midnight.
                [0, 1].into_iter().find_map(|back| {
                    let day = (seconds / DAY).checked_sub(back)?;
                    let begins = day * DAY + minutes(from);
                    // Day 0, 1970-01-01, was a Thursday.
                    let is_day = days.get(((day + 3) % 7) as usize).copied().unwrap_or(false);
                    (is_day && (begins..begins + length).contains(&seconds))
                        .then(|| Timestamp::from_parts(begins + length, 0))
                })
            }
        }
    }
}

/// A period of announced work on part of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// Identifies it when windows are listed and removed.
    pub id: String,
    /// The operator's reason.
    pub why: String,
    /// Which targets it applies to.
    pub scope: Scope,
    /// When it applies.
    pub schedule: Schedule,
}

impl MaintenanceWindow {
    /// The mark for an incident about `target` that opens at `at`; `None` if this window does not apply to it.
    pub(super) fn mark(&self, target: &Target, at: Timestamp) -> Option<MaintenanceMark> {
        let is_in_scope = match (self.scope, target) {
            (Scope::All, _) => true,
            (Scope::Network(network), Target::Host(address)) => network.contains(&address.ip()),
            (Scope::Network(network), Target::Prefix(prefix)) => network.contains(prefix),
            (Scope::Network(_), _) => false,
        };
        let until = self.schedule.end(at).filter(|_| is_in_scope)?;
        Some(MaintenanceMark { why: self.why.clone(), until })
    }
}

/// Marks an incident that opened within a maintenance window. Public API: part of the incident JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceMark {
    /// The operator's reason.
    pub why: String,
    /// The end of the window.
    pub until: Timestamp,
}

impl MaintenanceMark {
    /// The severity of a finding: one step lower during the window, unless it is far above its limit.
    pub(super) fn severity(&self, finding: &Finding, now: Timestamp) -> Severity {
        let times = finding.evidence.first().and_then(|evidence| Some(evidence.value / evidence.limit?));
        // Without a limit, or with one of zero, there is no factor to compare.
        if now >= self.until || times.is_none_or(|times| times.is_nan() || times > FULL_SEVERITY_FACTOR) {
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
        let time: jiff::Timestamp = text.parse().expect("a timestamp");
        Timestamp::from_parts(time.as_second() as u64, 0)
    }

    fn weekly(days: &[usize], from: u16, until: u16) -> Schedule {
        let mut all = [false; 7];
        days.iter().for_each(|&day| all[day] = true);
        Schedule::Weekly { days: all, from, until }
    }

    #[test]
    fn weekly_windows_apply_on_their_days_and_cross_midnight() {
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
    fn scopes_are_parsed_and_formatted() {
        for (text, shown) in [("all", "all"), ("203.0.113.7", "203.0.113.7"), ("2001:db8::1/32", "2001:db8::/32")] {
            assert_eq!(text.parse::<Scope>().map(|scope| scope.to_string()), Ok(shown.to_owned()));
        }
        assert!("some".parse::<Scope>().is_err());
    }

    #[test]
    fn a_window_applies_to_its_scope_only() {
        let schedule = Schedule::Once { from: at("2026-01-01T00:00:00Z"), until: at("2026-01-01T01:00:00Z") };
        let maintenance = |scope: &str| MaintenanceWindow {
            id: "w1".to_owned(),
            why: "update".to_owned(),
            scope: scope.parse().expect("a scope"),
            schedule: schedule.clone(),
        };
        let host = Target::Host("203.0.113.7".parse().expect("an address"));
        let covers = |scope: &str| maintenance(scope).mark(&host, at("2026-01-01T00:30:00Z")).is_some();
        assert!(covers("all") && covers("203.0.113.7") && covers("203.0.113.0/24"));
        assert!(!covers("203.0.113.8") && !covers("2001:db8::/32"));
        assert!(maintenance("all").mark(&host, at("2026-01-01T01:00:00Z")).is_none(), "it is over");
    }
}
