//! `pegel maintenance`: what is planned.

use super::table::Table;
use super::{exit, print_out};
use crate::base::Timestamp;
use crate::incident::{MaintenanceWindow, Schedule, Scope};
use crate::runtime;
use crate::state::{MOST_MAINTENANCE, StateDir, StateError};
use clap::{Args, Subcommand};
use std::path::Path;
use std::process::ExitCode;

#[derive(Args)]
pub(super) struct MaintenanceArgs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    state: super::StateArgs,
}

#[derive(Subcommand)]
enum Action {
    /// Plan a window from now on: incidents that open in it are marked, and one severity lower unless far over a limit
    Add {
        /// How long, e.g. 90s, 30m, 2h, 1d
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        length: u64,
        /// For whom: an address, a network, or all
        #[arg(long, default_value = "all")]
        scope: Scope,
        /// What is planned; incidents carry it
        #[arg(long)]
        why: String,
    },
    /// List the windows that are not over
    List,
    /// Remove a window
    Remove {
        /// As `pegel maintenance list` shows it
        id: String,
    },
}

/// Every incident of the window carries it.
const LONGEST_WHY: usize = 500;

/// A length of time: a number and a unit.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "must be a number with s, m, h or d, up to 30 days".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|seconds| (1..=30 * 86_400).contains(seconds)).ok_or_else(wrong)
}

pub(super) fn run(args: &MaintenanceArgs) -> ExitCode {
    let path = match args.state.path() {
        Ok(path) => path,
        Err(code) => return code,
    };
    let now = runtime::wall_clock();
    match act(&args.action, &path, now) {
        Ok(text) => print_out(&text).err().unwrap_or(ExitCode::from(exit::OK)),
        Err(error) => {
            eprintln!("pegel: {}: {error}", path.display());
            ExitCode::from(exit::FAILED)
        }
    }
}

fn is_over(maintenance: &MaintenanceWindow, now: Timestamp) -> bool {
    matches!(maintenance.schedule, Schedule::Once { until, .. } if until <= now)
}

fn act(action: &Action, path: &Path, now: Timestamp) -> Result<String, StateError> {
    match action {
        Action::Add { length, scope, why } => {
            if why.trim().is_empty() {
                return Err(StateError::Content("--why must say what is planned".to_owned()));
            }
            if why.len() > LONGEST_WHY || why.chars().any(char::is_control) {
                return Err(StateError::Content(format!("--why must be one line of at most {LONGEST_WHY} octets")));
            }
            let until = now.plus_seconds(*length as f64);
            let id = StateDir::open(path)?.edit_maintenance(|maintenance| {
                maintenance.retain(|maintenance| !is_over(maintenance, now));
                let numbers =
                    maintenance.iter().filter_map(|maintenance| maintenance.id.strip_prefix('w')?.parse::<u64>().ok());
                let id = format!("w{}", numbers.max().unwrap_or(0).saturating_add(1));
                if maintenance.len() >= MOST_MAINTENANCE {
                    return Err(StateError::Content(format!("there are {MOST_MAINTENANCE} already")));
                }
                let schedule = Schedule::Once { from: now, until };
                maintenance.push(MaintenanceWindow { id: id.clone(), why: why.clone(), scope: *scope, schedule });
                Ok(id)
            })??;
            Ok(format!("{id}: planned for {scope} until {until}\n"))
        }
        Action::List => {
            let mut table = Table::new(&["ID", "SCOPE", "FROM", "UNTIL", "WHY"]);
            for maintenance in StateDir::at(path).maintenance()?.iter().filter(|maintenance| !is_over(maintenance, now))
            {
                if let Schedule::Once { from, until } = maintenance.schedule {
                    let row =
                        [maintenance.id.clone(), maintenance.scope.to_string(), from.to_string(), until.to_string()];
                    table.row(row.into_iter().chain([maintenance.why.clone()]));
                }
            }
            Ok(table.to_string())
        }
        Action::Remove { id } => {
            let removed = StateDir::open(path)?.edit_maintenance(|maintenance| {
                let before = maintenance.len();
                maintenance.retain(|maintenance| maintenance.id != *id);
                before > maintenance.len()
            })?;
            match removed {
                true => Ok(format!("{id}: removed\n")),
                false => Err(StateError::Content(format!("no window has the id {id}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, act, seconds};
    use crate::base::Timestamp;
    use crate::incident::Scope;
    use std::path::Path;

    #[test]
    fn reasons_are_one_short_line() {
        for why in [" ", "a\nb", "\u{1b}[31m", &"x".repeat(501)] {
            let add = Action::Add { length: 60, scope: Scope::All, why: why.to_owned() };
            // Refused before anything is made there.
            assert!(
                act(&add, Path::new("/nonexistent/pegel"), Timestamp::ZERO)
                    .is_err_and(|error| error.to_string().contains("--why"))
            );
        }
    }

    #[test]
    fn lengths_are_read() {
        assert_eq!(
            [seconds("90s"), seconds("30m"), seconds("2h"), seconds("1d")],
            [Ok(90), Ok(1800), Ok(7200), Ok(86_400)]
        );
        for wrong in ["", "m", "0m", "30", "-1m", "1.5h", "31d", "99999999999999999999d", "5é"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
