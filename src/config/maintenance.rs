//! `[[maintenance]]`: planned work on a schedule.

use super::Config;
use super::limits::is_name;
use super::written::WrittenMaintenance;
use crate::base::Timestamp;
use crate::incident::{MaintenanceWindow, Schedule, Scope};

pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub(super) fn resolve(written: Vec<WrittenMaintenance>, config: &mut Config, errors: &mut Vec<String>) {
    for (index, maintenance) in written.into_iter().enumerate() {
        let at = format!("maintenance[{index}]");
        let id = maintenance.name.unwrap_or_else(|| format!("maintenance-{}", index + 1));
        if !is_name(&id) {
            errors.push(format!("{at}.name = {id:?}: must be 1 to 32 letters, digits, \"-\", \"_\" or \".\""));
        } else if config.maintenance.iter().any(|known| known.id == id) {
            errors.push(format!("{at}.name = {id:?}: another table has this name"));
        }
        let why = maintenance.why.unwrap_or_default();
        if why.trim().is_empty() {
            errors.push(format!("{at}.why: missing; say what is planned"));
        }
        let scope = maintenance.scope.map_or(Ok(Scope::All), |text| {
            text.parse().map_err(|message: String| errors.push(format!("{at}.scope = {text:?}: {message}")))
        });
        let days = days(&at, maintenance.days, errors);
        let schedule = match (maintenance.from, maintenance.to) {
            (Some(from), Some(to)) => schedule(&at, &from, &to, days, errors),
            _ => {
                let forms = "as in \"02:00\" and \"04:00\", or two moments as in \"2026-01-01T02:00:00Z\"";
                errors.push(format!("{at}: needs from and to, {forms}"));
                None
            }
        };
        if let (Ok(scope), Some(schedule)) = (scope, schedule) {
            config.maintenance.push(MaintenanceWindow { id, why, scope, schedule });
        }
    }
}

fn days(at: &str, written: Option<Vec<String>>, errors: &mut Vec<String>) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for (index, name) in written?.into_iter().enumerate() {
        match DAYS.iter().zip(&mut days).find(|(known, _)| **known == name) {
            Some((_, day)) => *day = true,
            None => errors.push(format!("{at}.days[{index}] = {name:?}: must be one of {}", DAYS.join(", "))),
        }
    }
    Some(days)
}

fn schedule(at: &str, from: &str, to: &str, days: Option<[bool; 7]>, errors: &mut Vec<String>) -> Option<Schedule> {
    if let (Some(from), Some(until)) = (minute(from), minute(to)) {
        return Some(Schedule::Weekly { days: days.unwrap_or([true; 7]), from, until });
    }
    let mut read = |key: &str, text: &str| {
        let read: Option<Timestamp> = text.parse().ok();
        if read.is_none() {
            let forms = "a time of day in UTC as in \"02:00\", or a moment as in \"2026-01-01T02:00:00Z\"";
            errors.push(format!("{at}.{key} = {text:?}: must be {forms}; from and to in the same form"));
        }
        read
    };
    let (from, until) = (read("from", from), read("to", to));
    let (from, until) = (from?, until?);
    if until <= from {
        errors.push(format!("{at}.to = \"{until}\": must be after from"));
    } else if days.is_some() {
        errors.push(format!("{at}.days: maintenance between two moments takes no days"));
    }
    Some(Schedule::Once { from, until })
}

/// Minutes of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, end: u16| {
        let is_plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| is_plain && *number < end)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}
