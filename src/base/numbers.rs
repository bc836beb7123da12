//! Numbers formatted for people.

/// A number with an SI prefix, ready for a unit to follow: `1.2 M`, or `12 ` below 1,000.
pub fn scaled(value: u64) -> String {
    const PREFIXES: [(u64, &str); 4] = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match PREFIXES.iter().find(|(size, _)| value >= *size) {
        Some((size, prefix)) => format!("{:.1} {prefix}", value as f64 / *size as f64),
        None => format!("{value} "),
    }
}

/// A number with its digits in groups of three: `1,234,567`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time in the units that people use for it: `0.4 s`, `12 s`, `5 min 12 s`, `3 h 5 min`, `2 d 4 h`.
pub fn lasting(seconds: f64) -> String {
    const TENTHS_BELOW: f64 = 9.95;
    const SECONDS_BELOW: u64 = 120;
    const MINUTES_BELOW: u64 = 120;
    const HOURS_BELOW: u64 = 48;
    if seconds < TENTHS_BELOW {
        return format!("{:.1} s", seconds.max(0.0));
    }
    // Saturates for lengths that no clock can measure.
    let whole = seconds.round() as u64;
    let (minutes, hours) = (whole / 60, whole / 3600);
    let two = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {part}"),
    };
    match (whole, minutes, hours) {
        (whole, ..) if whole < SECONDS_BELOW => format!("{whole} s"),
        (_, minutes, _) if minutes < MINUTES_BELOW => two(minutes, "min", whole % 60, "s"),
        (.., hours) if hours < HOURS_BELOW => two(hours, "h", minutes % 60, "min"),
        _ => two(hours / 24, "d", hours % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_for_people() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
        assert_eq!(scaled(1_250_000), "1.2 M");
        assert_eq!(scaled(12), "12 ");
    }

    #[test]
    fn lengths_of_time_have_at_most_two_units() {
        for (seconds, text) in [
            (-1.0, "0.0 s"),
            (0.44, "0.4 s"),
            (9.96, "10 s"),
            (11.6, "12 s"),
            (119.4, "119 s"),
            (312.0, "5 min 12 s"),
            (600.0, "10 min"),
            (11_100.0, "3 h 5 min"),
            (187_200.0, "2 d 4 h"),
        ] {
            assert_eq!(lasting(seconds), text);
        }
    }
}
