//! Times on the command line: exact ones, days, and "two hours ago".

use crate::base::Timestamp;
use crate::runtime::wall_clock;

const SECONDS_PER_DAY: u64 = 86_400;

/// Reads a time as an argument.
///
/// # Errors
/// What is allowed.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    before(text, wall_clock())
}

/// Reads `2026-01-01T02:00:00Z`, `2026-01-01` (its beginning, UTC), or how long before `now`: `90s`, `30m`, `12h`, `7d`.
///
/// # Errors
/// What is allowed.
fn before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let allowed = "must be a time as 2026-01-01T02:00:00Z, a day as 2026-01-01, or how long ago as 90s, 30m, 12h or 7d";
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    if let Ok(time) = format!("{text}T00:00:00Z").parse() {
        return Ok(time);
    }
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => SECONDS_PER_DAY,
        _ => return Err(allowed.to_owned()),
    };
    let number: u64 = text.get(..text.len() - 1).and_then(|text| text.parse().ok()).ok_or(allowed)?;
    Ok(now.minus_seconds(number.saturating_mul(unit) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_days_and_durations_are_read() {
        let now = Timestamp::from_parts(1_767_225_600 + 7200, 0);
        for (text, expected) in [
            ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000Z"),
            ("2026-01-02", "2026-01-02T00:00:00.000Z"),
            ("90s", "2026-01-01T01:58:30.000Z"),
            ("2h", "2026-01-01T00:00:00.000Z"),
            ("1d", "2025-12-31T02:00:00.000Z"),
        ] {
            assert_eq!(before(text, now).unwrap().to_string(), expected, "{text}");
        }
        for wrong in ["", "h", "2x", "-1h", "é", "yesterday", "1.5h"] {
            assert!(before(wrong, now).is_err(), "{wrong}");
        }
    }
}
