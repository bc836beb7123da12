//! Numbers and times as each language writes them. Times are in UTC and say so.

use super::language::Language;
use super::model::Unit;
use crate::base::{Timestamp, grouped, lasting, scaled};

const MONTHS: [(&str, &str); 12] = [
    ("January", "Januar"),
    ("February", "Februar"),
    ("March", "März"),
    ("April", "April"),
    ("May", "Mai"),
    ("June", "Juni"),
    ("July", "Juli"),
    ("August", "August"),
    ("September", "September"),
    ("October", "Oktober"),
    ("November", "November"),
    ("December", "Dezember"),
];

impl Language {
    /// `1,234,567` or `1.234.567`.
    pub(super) fn count(self, value: u64) -> String {
        match self {
            Language::En => grouped(value),
            Language::De => grouped(value).replace(',', "."),
        }
    }

    /// With this many decimals.
    pub(super) fn decimal(self, value: f64, decimals: usize) -> String {
        self.point(format!("{value:.decimals$}"))
    }

    /// `1.2 M`, ready for a unit to follow.
    pub(super) fn scaled(self, value: u64) -> String {
        self.point(scaled(value))
    }

    /// `3.1 Mbit/s`.
    pub(super) fn bits(self, value: u64) -> String {
        self.scaled(value) + "bit/s"
    }

    /// `1,234 packets/s`.
    pub(super) fn packets(self, value: u64) -> String {
        self.count(value) + self.of(" packets/s", " Pakete/s")
    }

    /// `3.1 GB`.
    pub(super) fn bytes(self, value: u64) -> String {
        self.scaled(value) + "B"
    }

    /// A share of 0 to 1 as `12.3 %`. What is not all is never rounded to all, and what is not zero never to zero.
    pub(super) fn percent(self, share: f64) -> String {
        let percent = share * 100.0;
        let text = if share > 0.0 && percent < 0.1 {
            "< 0.1".to_owned()
        } else if share < 1.0 && percent > 99.9 {
            // As many nines as it has.
            let nines = (1..=6).find(|digits| (1.0 - share) * 100.0 >= 0.5 * 10f64.powi(-digits)).unwrap_or(6) as usize;
            let shown = format!("{percent:.nines$}");
            if shown.starts_with("100") { "> 99.9999".to_owned() } else { shown }
        } else if (percent - percent.round()).abs() < 0.05 {
            format!("{percent:.0}")
        } else {
            format!("{percent:.1}")
        };
        self.point(text) + " %"
    }

    /// A length of time.
    pub(super) fn lasting(self, seconds: f64) -> String {
        self.point(lasting(seconds))
    }

    /// `30 November 2026` or `30. November 2026`.
    pub(super) fn date(self, at: Timestamp) -> String {
        let text = at.to_string();
        let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
        let (year, day) = (part(0..4), part(8..10).trim_start_matches('0'));
        let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.saturating_sub(1)));
        let (en, de) = month.copied().unwrap_or_default();
        match self {
            Language::En => format!("{day} {en} {year}"),
            Language::De => format!("{day}. {de} {year}"),
        }
    }

    /// `03:12:07`, to the second.
    pub(super) fn time(self, at: Timestamp) -> String {
        at.to_string().get(11..19).unwrap_or_default().to_owned()
    }

    /// `03:12:07.2`, to a tenth of a second.
    pub(super) fn tenths(self, at: Timestamp) -> String {
        self.point(at.to_string().get(11..21).unwrap_or_default().to_owned())
    }

    /// The unit of a plot, for the head of a column.
    pub(super) const fn unit(self, unit: Unit) -> &'static str {
        match unit {
            Unit::Packets => self.of("packets/s", "Pakete/s"),
            Unit::Bits => "bit/s",
        }
    }

    /// An estimate, rounded to two digits: more are not known of it.
    pub(super) fn estimate(self, value: u64) -> String {
        let mut unit = 1u64;
        while value / unit >= 100 {
            unit = unit.saturating_mul(10);
        }
        self.count((value.saturating_add(unit / 2) / unit).saturating_mul(unit))
    }

    /// `03:12:07.250`, to the millisecond.
    pub(super) fn exact_time(self, at: Timestamp) -> String {
        self.point(at.to_string().get(11..23).unwrap_or_default().to_owned())
    }

    /// `30 November 2026, 03:12:07 UTC`.
    pub(super) fn moment(self, at: Timestamp) -> String {
        format!("{}, {} UTC", self.date(at), self.time(at))
    }

    fn point(self, text: String) -> String {
        match self {
            Language::En => text,
            Language::De => text.replace('.', ","),
        }
    }
}

/// Whether it is the name of a month.
pub(super) fn is_month(word: &str) -> bool {
    MONTHS.iter().any(|(en, de)| word == *en || word == *de)
}

/// Whether two times are on the same day in UTC.
pub(super) fn same_day(a: Timestamp, b: Timestamp) -> bool {
    const DAY_NANOS: u64 = 86_400_000_000_000;
    a.nanos() / DAY_NANOS == b.nanos() / DAY_NANOS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_writes_numbers_in_its_own_way() {
        let (en, de) = (Language::En, Language::De);
        assert_eq!((en.count(1_234_567), de.count(1_234_567)), ("1,234,567".into(), "1.234.567".into()));
        assert_eq!((en.bits(1_250_000), de.bits(1_250_000)), ("1.2 Mbit/s".into(), "1,2 Mbit/s".into()));
        assert_eq!((en.lasting(4.25), de.lasting(4.25)), ("4.2 s".into(), "4,2 s".into()));
        let at: Timestamp = "2026-03-09T03:12:07.25Z".parse().unwrap();
        assert_eq!(en.moment(at), "9 March 2026, 03:12:07 UTC");
        assert_eq!(de.moment(at), "9. März 2026, 03:12:07 UTC");
        assert_eq!(de.exact_time(at), "03:12:07,250");
        assert_eq!(en.tenths(at), "03:12:07.2");
        assert_eq!([7, 99, 104, 389_712].map(|value| en.estimate(value)), ["7", "99", "100", "390,000"]);
    }

    #[test]
    fn what_is_not_all_is_not_rounded_to_all() {
        for (share, text) in [
            (0.0, "0 %"),
            (0.0001, "< 0.1 %"),
            (0.5, "50 %"),
            (0.123, "12.3 %"),
            (0.9998, "99.98 %"),
            (0.99949, "99.9 %"),
            (0.999_999_999, "> 99.9999 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(Language::En.percent(share), text, "{share}");
        }
    }
}
