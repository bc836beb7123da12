//! `pegel maintenance`: maintenance windows.

use super::common::StateArgs;
use super::exit;
use super::print::print_out;
use super::table::Table;
use crate::base::Timestamp;
use crate::incident::{MaintenanceWindow, Schedule, Scope};
use crate::runtime;
use crate::store::{MOST_MAINTENANCE, StateDir, StateError};
use clap::{Args, Subcommand};
use std::path::Path;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel maintenance add --for 2h --why \"kernel update\"
  pegel maintenance add --for 30m --scope 203.0.113.7 --why \"load test\"
  pegel maintenance list
  pegel maintenance remove w1

The running daemon applies changes within seconds. Recurring windows are configured as [[maintenance]].";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct MaintenanceArgs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Subcommand)]
enum Action {
    /// Start a window now. Incidents that open in it are marked; their severity is lowered by one unless traffic is far above a limit
    Add {
        /// Duration, e.g. 90s, 30m, 2h, 1d
        #[arg(long = "for", value_name = "DURATION", value_parser = seconds)]
        duration: u64,
        /// Affected targets: an address, a network, or all
        #[arg(long, default_value = "all")]
        scope: Scope,
        /// Reason, shown in incidents
        #[arg(long)]
        why: String,
    },
    /// List current and future windows
    List,
    /// Remove a window
    Remove {
        /// ID, as shown by `pegel maintenance list`
        id: String,
    },
}

/// Maximum length of a reason in bytes; every incident of the window contains it.
const MAX_REASON_BYTES: usize = 500;

/// Parses a duration: a number and a unit.
fn seconds(text: &str) -> Result<u64, String> {
    let error = || "must be a number followed by s, m, h or d, at most 30 days".to_owned();
    let unit = text.chars().last().ok_or_else(error)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(error()),
    };
    let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| error())?;
    number.checked_mul(factor).filter(|seconds| (1..=30 * 86_400).contains(seconds)).ok_or_else(error)
}

pub(super) fn run(args: &MaintenanceArgs) -> ExitCode {
    let path = match args.state.path() {
        Ok(path) => path,
        Err(code) => return code,
    };
    let now = runtime::wall_clock();
    match apply(&args.action, &path, now) {
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

fn apply(action: &Action, path: &Path, now: Timestamp) -> Result<String, StateError> {
    match action {
        Action::Add { duration, scope, why } => {
            if why.trim().is_empty() {
                return Err(StateError::Content("--why must not be empty".to_owned()));
            }
            if why.len() > MAX_REASON_BYTES || why.chars().any(char::is_control) {
                return Err(StateError::Content(format!("--why must be one line of at most {MAX_REASON_BYTES} bytes")));
            }
            let until = now.plus_seconds(*duration as f64);
            let id = StateDir::open(path)?.edit_maintenance(|maintenance| {
                maintenance.retain(|maintenance| !is_over(maintenance, now));
                let numbers =
                    maintenance.iter().filter_map(|maintenance| maintenance.id.strip_prefix('w')?.parse::<u64>().ok());
                let id = format!("w{}", numbers.max().unwrap_or(0).saturating_add(1));
                if maintenance.len() >= MOST_MAINTENANCE {
                    return Err(StateError::Content(format!(
                        "there are already {MOST_MAINTENANCE} maintenance windows, the maximum"
                    )));
                }
                let schedule = Schedule::Once { from: now, until };
                maintenance.push(MaintenanceWindow { id: id.clone(), why: why.clone(), scope: *scope, schedule });
                Ok(id)
            })??;
            Ok(format!("{id}: maintenance of {scope} until {until}\n"))
        }
        Action::List => {
            let mut table = Table::new(&["ID", "SCOPE", "FROM", "UNTIL", "REASON"]);
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
                false => Err(StateError::Content(format!("no maintenance window has the ID {id}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, apply, seconds};
    use crate::base::Timestamp;
    use crate::incident::Scope;
    use std::path::Path;

    #[test]
    fn reasons_are_one_short_line() {
        for why in [" ", "a\nb", "\u{1b}[31m", &"x".repeat(501)] {
            let add = Action::Add { duration: 60, scope: Scope::All, why: why.to_owned() };
            // Rejected before anything is created there.
            assert!(
                apply(&add, Path::new("/nonexistent/pegel"), Timestamp::ZERO)
                    .is_err_and(|error| error.to_string().contains("--why"))
            );
        }
    }

    #[test]
    fn durations_are_parsed() {
        assert_eq!(
            [seconds("90s"), seconds("30m"), seconds("2h"), seconds("1d")],
            [Ok(90), Ok(1800), Ok(7200), Ok(86_400)]
        );
        for wrong in ["", "m", "0m", "30", "-1m", "1.5h", "31d", "99999999999999999999d", "5é"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
