//! `[[maintenance]]`: maintenance windows, once or every week.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::Names;
use crate::base::Timestamp;
use crate::incident::{MaintenanceWindow, Schedule, Scope};

pub(super) const SECTION: Section = Section {
    heading: "[[maintenance]]",
    reload: Reload::Live,
    doc: "A maintenance window. An incident that opens in it is marked, and graded one severity lower unless it \
          exceeds three times its limit; it is never suppressed. Repeat for each window. Windows can also be added \
          at run time: pegel maintenance add --for 30m --why \"kernel update\".",
    keys: &[&NAME, &WHY, &SCOPE, &DAYS, &FROM, &TO],
};

const NAME: Key = Key {
    name: "name",
    kind: Kind::Text("a name"),
    default: DefaultValue::Absent("\"backups\""),
    doc: "Name of the window. Unless written: maintenance-1 for the first table, and so on.",
};

const WHY: Key = Key {
    name: "why",
    kind: Kind::Text("a reason"),
    default: DefaultValue::Required("\"all guests start their backups at the same time\""),
    doc: "The reason, which incidents in the window show.",
};

const SCOPE: Key = Key {
    name: "scope",
    kind: Kind::Text("\"all\", an address or a network"),
    default: DefaultValue::Absent("\"203.0.113.0/28\""),
    doc: "Targets that the window applies to: \"all\", an address or a network. Unless written: \"all\".",
};

const DAYS: Key = Key {
    name: "days",
    kind: Kind::Choices(|| WEEKDAYS.to_vec()),
    default: DefaultValue::Absent("[\"sat\", \"sun\"]"),
    doc: "Days of the week on which the window begins: \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \
          \"sun\". Unless written: every day.",
};

const FROM: Key = Key {
    name: "from",
    kind: Kind::Text("a time"),
    default: DefaultValue::Required("\"22:30\""),
    doc: "Beginning in UTC: a time of day, as in \"22:30\", or for a single window a date and time, as in \
          \"2026-01-01T22:30:00Z\".",
};

const TO: Key = Key {
    name: "to",
    kind: Kind::Text("a time"),
    default: DefaultValue::Required("\"01:00\""),
    doc: "End, in the same form. A time of day may lie after midnight.",
};

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub(super) fn read(section: &mut Reader<'_>, names: &mut Names, windows: &mut Vec<MaintenanceWindow>) {
    let id = section.text_if_written(&NAME).unwrap_or_else(|| format!("maintenance-{}", windows.len() + 1));
    if let Err(message) = names.check(&id) {
        section.wrong_value(&NAME, &id, message);
    }
    let why = section.text(&WHY);
    if why.trim().is_empty() {
        section.wrong_key(WHY.name, "missing; give a reason");
    }
    let scope = section.parsed(&SCOPE, |text| text.parse()).unwrap_or(Scope::All);
    let weekdays: [usize; 7] = std::array::from_fn(|index| index);
    let days = section.choices(&DAYS, &weekdays, |index| WEEKDAYS.get(index).copied().unwrap_or_default());
    let schedule = match (section.text_if_written(&FROM), section.text_if_written(&TO)) {
        (Some(from), Some(to)) => schedule(section, &from, &to, &days),
        _ => {
            let forms = "as in \"02:00\" and \"04:00\" or as in \"2026-01-01T02:00:00Z\" and \"2026-01-01T04:00:00Z\"";
            section.wrong(&format!("needs from and to, {forms}"));
            None
        }
    };
    // A wrong schedule is recorded as an error; the window is kept for the names of those that follow.
    let schedule = schedule.unwrap_or(Schedule::Weekly { days: [false; 7], from: 0, until: 0 });
    windows.push(MaintenanceWindow { id, why, scope, schedule });
}

/// `None` with an error recorded.
fn schedule(section: &mut Reader<'_>, from: &str, to: &str, days: &[usize]) -> Option<Schedule> {
    if let (Some(from), Some(until)) = (minute(from), minute(to)) {
        let days = std::array::from_fn(|index| days.is_empty() || days.contains(&index));
        return Some(Schedule::Weekly { days, from, until });
    }
    let mut read = |key: &Key, text: &str| {
        let read: Option<Timestamp> = text.parse().ok();
        if read.is_none() {
            let forms = "a time of day in UTC, as in \"02:00\", or a date and time, as in \"2026-01-01T02:00:00Z\"";
            section.wrong_value(key, text, &format!("must be {forms}; from and to in the same form"));
        }
        read
    };
    let (from, until) = (read(&FROM, from), read(&TO, to));
    let (from, until) = (from?, until?);
    if until <= from {
        section.wrong_value(&TO, &until.to_string(), "must be after from");
    } else if !days.is_empty() {
        section.wrong_key(DAYS.name, "cannot be combined with dates in from and to");
    }
    Some(Schedule::Once { from, until })
}

/// Minutes since midnight.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, end: u16| {
        let is_plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| is_plain && *number < end)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

pub(super) fn write(windows: &[MaintenanceWindow], page: &mut Page) {
    for window in windows {
        page.table(&SECTION);
        page.text(&NAME, &window.id);
        page.text(&WHY, &window.why);
        page.text(&SCOPE, window.scope);
        match window.schedule {
            Schedule::Once { from, until } => {
                page.text(&FROM, from);
                page.text(&TO, until);
            }
            Schedule::Weekly { days, from, until } => {
                let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
                let chosen = WEEKDAYS.iter().zip(days).filter(|(_, is_chosen)| *is_chosen);
                page.list(&DAYS, chosen.map(|(name, _)| name));
                page.text(&FROM, time(from));
                page.text(&TO, time(until));
            }
        }
    }
}
