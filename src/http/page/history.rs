//! What the store knows: incidents that a reader looks for, and days.

use super::parts::{IncidentLine, List, Table, incident_table};
use super::text::{Html, number};
use crate::base::{Severity, Timestamp, Vector, lasting};
use crate::incident::Incident;
use crate::store::{BriefIncident, Filter, Page, PeriodCoverage, Reader, StoreError};
use crate::view::{percent, words};
use askama::Template;

/// Incidents of one page.
const ROWS: usize = 50;
/// Days of the history.
const DAYS: u64 = 30;
const SECONDS_PER_DAY: u64 = 86_400;

#[derive(Template)]
#[template(path = "page/filter.html")]
struct Form<'a> {
    target: &'a str,
    guest: &'a str,
    chosen: &'a str,
    least: &'a str,
    from: &'a str,
    to: &'a str,
    vectors: Vec<&'static str>,
}

/// What a reader looks for, as written.
pub(super) struct Wanted(pub Vec<(String, String)>);

impl Wanted {
    fn of(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// # Errors
    /// What is wrong with the first parameter that is.
    pub(super) fn filter(&self) -> Result<Filter, String> {
        let mut filter = Filter { limit: ROWS, ..Filter::default() };
        for (name, value) in self.0.iter().filter(|(_, value)| !value.is_empty()) {
            // A day begins at midnight.
            let is_day = matches!(name.as_str(), "from" | "to") && value.len() == 10;
            filter.set(name, &if is_day { format!("{value}T00:00:00Z") } else { value.clone() })?;
        }
        Ok(filter)
    }

    fn next(&self, cursor: &str) -> String {
        let mut query = form_urlencoded(self.0.iter().filter(|(name, value)| name != "before" && !value.is_empty()));
        query.push_str("before=");
        query.push_str(&encoded(cursor));
        query
    }
}

fn form_urlencoded<'p>(pairs: impl Iterator<Item = &'p (String, String)>) -> String {
    pairs.map(|(name, value)| format!("{}={}&", encoded(name), encoded(value))).collect()
}

/// Percent-encoding of everything but letters, digits and `-._~` (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// `found`: a page of the store, or why there is none; then what is in memory is shown.
pub(super) fn incidents(wanted: &Wanted, found: Result<&Page, &str>, known: &[Incident], now: Timestamp) -> String {
    let form = Html::of(&Form {
        target: wanted.of("target"),
        guest: wanted.of("guest"),
        chosen: wanted.of("vector"),
        least: wanted.of("severity"),
        from: wanted.of("from"),
        to: wanted.of("to"),
        vectors: Vector::ALL.iter().map(|vector| vector.name()).collect(),
    });
    let (notes, incidents, next) = match found {
        Ok(page) => (Vec::new(), page.incidents.as_slice(), page.next.as_ref().map(ToString::to_string)),
        Err(why) => (vec![format!("{why}. Shown is what is in memory.")], known, None),
    };
    let lines = incidents.iter().map(|incident| IncidentLine::new(incident, now)).collect();
    let table = incident_table("./", "Latest first", "No incidents match.", lines);
    let older = next.map(|next| {
        let query = Html::text(&wanted.next(&next)).0;
        Html(format!("<p><a class=\"button\" href=\"?{query}\" rel=\"next\">Older</a></p>"))
    });
    let bodies: Vec<Html> = [Some(form), Some(table), older].into_iter().flatten().collect();
    Html::of(&List {
        root: "./",
        here: "Incidents",
        title: "Incidents",
        is_live: false,
        notes: &notes,
        bodies: &bodies,
    })
    .0
}

/// Incidents of all days together.
const MOST: usize = 20_000;

/// One day, in UTC.
#[derive(Default)]
pub(super) struct Day {
    from: Timestamp,
    coverage: PeriodCoverage,
    /// By severity.
    counts: [u64; Severity::ALL.len()],
    /// The most severe, then the one that was open for longest.
    worst: Option<BriefIncident>,
}

impl Day {
    fn add(&mut self, incident: &BriefIncident, now: Timestamp) {
        if let Some(count) = self.counts.get_mut(incident.severity as usize) {
            *count += 1;
        }
        let rank =
            |one: &BriefIncident| (one.severity, one.closed.unwrap_or(now).nanos().saturating_sub(one.opened.nanos()));
        if self.worst.as_ref().is_none_or(|worst| rank(incident) > rank(worst)) {
            self.worst = Some(incident.clone());
        }
    }
}

/// The last days up to `now`, the latest first; and whether there are more incidents than are counted.
///
/// # Errors
/// The store cannot be read.
pub(super) fn days(reader: &Reader, now: Timestamp) -> Result<(Vec<Day>, bool), StoreError> {
    let today = now.nanos() / 1_000_000_000 / SECONDS_PER_DAY;
    let first = today.saturating_sub(DAYS - 1);
    let begin = |day: u64| Timestamp::from_parts(day.saturating_mul(SECONDS_PER_DAY), 0);
    let incidents = reader.brief_incidents(begin(first), MOST)?;
    let day = |day: u64| {
        let (from, to) = (begin(day), begin(day + 1).min(now));
        let mut found = Day { from, coverage: reader.coverage(from, to, None)?, ..Day::default() };
        // As the list that the day links to.
        let is_in =
            |one: &&BriefIncident| one.opened < begin(day + 1) && one.closed.is_none_or(|closed| closed >= from);
        incidents.iter().filter(is_in).for_each(|incident| found.add(incident, now));
        Ok(found)
    };
    let days: Result<Vec<Day>, StoreError> = (first..=today).rev().map(day).collect();
    Ok((days?, incidents.len() >= MOST))
}

pub(super) fn history(days: Result<&(Vec<Day>, bool), &str>) -> String {
    let row = |day: &Day| {
        let of = |severity: Severity| number(day.counts.get(severity as usize).copied().unwrap_or(0));
        // What was not captured cannot be said to be free of attacks.
        let verdict = match (day.coverage.allows_no(), day.coverage.captured_seconds > 0.0) {
            (true, _) => "no attack",
            (false, true) => "nothing seen, but not all was captured",
            (false, false) => "nothing was captured",
        };
        let worst = day.worst.as_ref().map_or_else(
            || Html::text(verdict),
            |worst| {
                let (id, target) = (Html::text(&worst.id), Html::shown(&worst.target));
                Html(format!("<a href=\"incidents/{id}\">{target}</a> {}", Html::text(&words(&worst.vector))))
            },
        );
        let gap = day.coverage.longest_gap.map_or_else(String::new, |(_, seconds)| lasting(seconds));
        let (date, next) = (day.from.to_string(), day.from.plus_seconds(SECONDS_PER_DAY as f64).to_string());
        let (date, next) = (date.get(..10).unwrap_or_default(), next.get(..10).unwrap_or_default());
        vec![
            Html(format!("<a href=\"incidents?from={date}&amp;to={next}\">{date}</a>")),
            of(Severity::Critical),
            of(Severity::Warning),
            of(Severity::Info),
            worst,
            Html(percent(day.coverage.ratio())),
            Html(gap),
        ]
    };
    let head = &[
        ("Day (UTC)", false),
        ("Critical", true),
        ("Warning", true),
        ("Info", true),
        ("Worst", false),
        ("Captured", true),
        ("Longest gap", true),
    ];
    let (notes, rows) = match days {
        Ok((days, false)) => (Vec::new(), days.iter().map(row).collect()),
        Ok((days, true)) => {
            (vec![format!("Only the latest {MOST} incidents are counted.")], days.iter().map(row).collect())
        }
        Err(why) => (vec![format!("{why}.")], Vec::new()),
    };
    let caption = "Incidents that were open on each day; today so far";
    let table = Table { caption, none: "There is no history.", head, rows };
    let bodies = [table.html()];
    Html::of(&List {
        root: "./",
        here: "History",
        title: "History by day",
        is_live: false,
        notes: &notes,
        bodies: &bodies,
    })
    .0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_survive_the_way_to_the_next_page() {
        let wanted = Wanted(vec![
            ("target".to_owned(), "2001:db8::/48 & <b>".to_owned()),
            ("vector".to_owned(), String::new()),
            ("before".to_owned(), "old".to_owned()),
        ]);
        assert_eq!(wanted.next("a.1"), "target=2001%3Adb8%3A%3A%2F48%20%26%20%3Cb%3E&before=a.1");
        let day = Wanted(vec![("from".to_owned(), "2026-11-01".to_owned())]);
        assert!(day.filter().is_ok_and(|filter| filter.from.is_some()));
        assert!(Wanted(vec![("from".to_owned(), "yesterday".to_owned())]).filter().is_err());
    }
}
