//! `pegel print-limits HOST`: the limits in force for a host and where each comes from.

use super::common::Common;
use super::exit;
use super::print::print_out;
use super::table::Table;
use crate::base::{Addr, Direction, Timestamp};
use crate::config::Config;
use crate::detect::{Baseline, DETECTORS, DayLimit, LimitFrom};
use crate::runtime;
use clap::Args;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel print-limits 203.0.113.7
  pegel print-limits 203.0.113.7 --history                how the learned limits rose, day by day
  pegel print-limits 203.0.113.7 --state-dir /tmp/copy    with baselines from a copy of the state directory

FROM is default, config, group or learned. Learned limits are those of the current hour of the week.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct LimitsArgs {
    /// IP address of the host
    host: Addr,
    #[command(flatten)]
    common: Common,
    /// Show the highest learned limit of each day instead
    #[arg(long)]
    history: bool,
    /// State directory with the learned baselines [default: state_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<std::path::PathBuf>,
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

pub(super) fn run(args: &LimitsArgs) -> ExitCode {
    let mut config = match args.common.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Some(path) = &args.state_dir {
        config.state_dir.clone_from(path);
    }
    let now = runtime::wall_clock();
    let (baseline, note) = runtime::read_baseline(&config, now);
    if let Some(note) = note {
        eprintln!("pegel: note: {note}");
    }
    if args.history {
        return print_out(&history(&config, args.host, baseline.as_ref()).to_string())
            .err()
            .unwrap_or(ExitCode::from(exit::OK));
    }
    let site = runtime::site(&config, std::sync::Arc::default(), std::sync::Arc::default());
    let group = site.group_of_host(args.host);
    let hour = crate::detect::baseline::hour_of_week(now);
    let mut table = Table::new(&["DIRECTION", "DETECTOR", "LIMIT", "VALUE", "UNIT", "FROM"]);
    for direction in [Direction::Inbound, Direction::Outbound] {
        for (spec, settings) in DETECTORS.iter().zip(&config.detect).filter(|(_, settings)| settings.enabled) {
            for setting in spec.settings.iter().filter(|setting| setting.is_limit()) {
                let learned = |quantity| baseline.as_ref()?.level_at(args.host, direction, quantity, now);
                let limit = settings.limit(setting).of(group, direction, learned);
                let from = match limit.from {
                    LimitFrom::Group => format!("group {}", group.map_or("", |id| site.group_name(id))),
                    LimitFrom::Learned => {
                        format!("learned ({} {:02}:00 UTC)", DAYS.get(hour / 24).unwrap_or(&""), hour % 24)
                    }
                    other => other.name().to_owned(),
                };
                let value = if limit.value == 0.0 { "none".to_owned() } else { limit.value.to_string() };
                table.row([direction.name(), spec.name, setting.key, &value, setting.unit, &from]);
            }
        }
    }
    print_out(&table.to_string()).err().unwrap_or(ExitCode::from(exit::OK))
}

/// The learned limits of a host, day by day.
fn history(config: &Config, host: Addr, baseline: Option<&Baseline>) -> Table {
    let mut table = Table::new(&["DIRECTION", "DETECTOR", "LIMIT", "DAY", "VALUE", "UNIT", "TIMES DEFAULT", "AT MOST"]);
    for direction in [Direction::Inbound, Direction::Outbound] {
        for (spec, _) in DETECTORS.iter().zip(&config.detect).filter(|(_, settings)| settings.enabled) {
            let learning = spec.settings.iter().filter_map(|setting| Some((setting, setting.learns?)));
            for (setting, quantity) in learning {
                let known = baseline.and_then(|baseline| baseline.history(host, direction, quantity));
                let Some((days, most)) = known else { continue };
                for DayLimit { day, limit } in days {
                    let date = Timestamp::from_parts(u64::from(day) * 86_400, 0).to_string();
                    let date = date.split('T').next().unwrap_or_default().to_owned();
                    table.row([
                        direction.name(),
                        spec.name,
                        setting.key,
                        &date,
                        &limit.round().to_string(),
                        setting.unit,
                        &format!("{:.1}", f64::from(limit) / setting.default),
                        &format!("{most:.1}"),
                    ]);
                }
            }
        }
    }
    table
}
