//! Packet time: nanoseconds since the Unix epoch. Timestamps come from captures; nothing here reads a clock.

use std::fmt;

/// Length of one tick, the pipeline's smallest window: 100 ms, in nanoseconds.
pub const TICK_NANOS: u64 = 100_000_000;

/// Ticks in one second: 10.
pub const TICKS_PER_SECOND: usize = (1_000_000_000 / TICK_NANOS) as usize;

/// A point in packet time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Covers the years 1970 to 2554; sources clamp timestamps outside that range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch itself; also the timestamp of every packet in captures without clocks.
    pub const ZERO: Timestamp = Timestamp(0);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Timestamp(nanos)
    }

    /// From seconds and nanoseconds as capture formats store them; saturates at the maximum.
    pub const fn from_parts(seconds: u64, nanos: u64) -> Self {
        Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Number of the 100 ms tick that this time falls into.
    pub const fn tick(self) -> u64 {
        self.0 / TICK_NANOS
    }

    /// The start of tick `tick`; saturates at the maximum.
    pub const fn from_tick(tick: u64) -> Self {
        Timestamp(tick.saturating_mul(TICK_NANOS))
    }

    /// Seconds from `earlier` to `self`; zero where `earlier` is later.
    pub fn seconds_since(self, earlier: Timestamp) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e9
    }

    /// The time `seconds` later; negative values count as zero, and the result saturates.
    pub fn plus_seconds(self, seconds: f64) -> Timestamp {
        Timestamp(self.0.saturating_add((seconds.max(0.0) * 1e9) as u64))
    }

    /// The time `seconds` earlier; negative values count as zero, and the result saturates.
    pub fn minus_seconds(self, seconds: f64) -> Timestamp {
        Timestamp(self.0.saturating_sub((seconds.max(0.0) * 1e9) as u64))
    }
}

/// RFC 3339 in UTC with milliseconds, as in the incident JSON.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest u64 of nanoseconds is in the year 2554, within jiff's range, so this cannot fail; the fallback
        // only avoids a panic path.
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

/// Parses RFC 3339 in any time zone.
impl std::str::FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: Option<jiff::Timestamp> = text.parse().ok();
        let nanos = time.and_then(|time| u64::try_from(time.as_nanosecond()).ok());
        nanos
            .map(Timestamp)
            .ok_or_else(|| "must be an RFC 3339 time from 1970 to 2554, as in 2026-01-01T02:00:00Z".to_owned())
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::text::from_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc3339_with_milliseconds() {
        let time = Timestamp::from_parts(1_767_225_600, 300_000_000);
        assert_eq!(time.to_string(), "2026-01-01T00:00:00.300Z");
        assert_eq!(Timestamp::ZERO.to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_nanos(u64::MAX).to_string(), "2554-07-21T23:34:33.709Z");
    }

    #[test]
    fn reads_rfc3339_in_any_zone_and_nothing_else() {
        assert_eq!("2026-01-01T01:00:00.3+01:00".parse(), Ok(Timestamp::from_parts(1_767_225_600, 300_000_000)));
        for wrong in ["", "02:00", "2026-01-01", "1969-12-31T23:59:59Z", "9999-12-31T00:00:00Z"] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ticks_are_tenths_of_a_second() {
        assert_eq!(Timestamp::from_parts(1, 99_999_999).tick(), 10);
        assert_eq!(Timestamp::from_parts(1, 100_000_000).tick(), 11);
        assert_eq!(Timestamp::from_tick(11), Timestamp::from_parts(1, 100_000_000));
    }
}
