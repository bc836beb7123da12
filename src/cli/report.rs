//! `pegel report`: reports on an incident or a period, XARF, and text for a ticket.

use super::common::StateArgs;
use super::exit;
use super::print::print_out;
use super::report_source::{self, IncidentMaterial};
use crate::base::{Addr, Timestamp};
use crate::report::{
    Format, IncidentInput, Language, Origins, PeriodInput, Reporter, Scope, Usual, abuse_mail, incident_report,
    period_report, xarf,
};
use crate::runtime::wall_clock;
use clap::{ArgGroup, Args, ValueEnum};
use ipnet::IpNet;
use std::path::PathBuf;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel report 20260101T000005Z-9cfc2aa2 --output incident.html
  pegel report 20260101T000005Z-9cfc2aa2 --language de --format markdown
  pegel report --from 2026-11-01 --to 2026-12-01 --guest 104 --output november.html
  pegel report 20260101T000005Z-9cfc2aa2 --xarf           one JSON object per line and source
  pegel report 20260101T000005Z-9cfc2aa2 --abuse-mail     text for the ticket of your provider

Times are in UTC. XARF reports are refused where the sources may be spoofed.

Exit codes: 0 success, 1 no such incident or no report possible (the reason is on standard error), 2 wrong usage,
3 invalid configuration.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
#[command(group(ArgGroup::new("what").required(true).args(["id", "from"])))]
#[command(group(ArgGroup::new("scope").args(["host", "guest", "report_network", "interface"]).conflicts_with("id")))]
pub(super) struct ReportArgs {
    /// Incident ID, as shown by `pegel incidents`
    id: Option<String>,
    /// Beginning of a period: a date, or a time such as 2026-11-30T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time, requires = "to")]
    from: Option<Timestamp>,
    /// End of the period
    #[arg(long, value_name = "TIME", value_parser = time, requires = "from")]
    to: Option<Timestamp>,
    /// Only this address
    #[arg(long, value_name = "ADDRESS")]
    host: Option<Addr>,
    /// Only this guest
    #[arg(long)]
    guest: Option<String>,
    /// Only this network
    #[arg(long = "network", id = "report_network", value_name = "CIDR", value_parser = crate::config::network)]
    network: Option<IpNet>,
    /// Only this interface
    #[arg(long)]
    interface: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Form::Html)]
    format: Form,
    /// Language
    #[arg(long, value_enum, default_value_t = Tongue::En)]
    language: Tongue,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print XARF v4 reports on the sources instead
    #[arg(long, conflicts_with_all = ["from", "abuse_mail", "format"])]
    xarf: bool,
    /// Print text for the ticket of a provider instead
    #[arg(long, conflicts_with_all = ["from", "format"])]
    abuse_mail: bool,
    /// Organisation that reports, for --xarf and --abuse-mail
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    organisation: String,
    /// Mail address of the organisation
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    contact: String,
    /// MMDB file with networks (ASN) or countries of addresses; repeatable
    #[arg(long, value_name = "FILE")]
    mmdb: Vec<PathBuf>,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One file, with plots
    Html,
    /// Text for a ticket or a wiki
    Markdown,
    /// Texts and figures for a program
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tongue {
    /// English
    En,
    /// German
    De,
}

/// A time in RFC 3339, or a date, which is its midnight in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let whole = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "must be a date as in 2026-11-30 or a time as in 2026-11-30T12:00:00Z".to_owned())
}

pub(super) fn run(args: &ReportArgs) -> ExitCode {
    let state_dir = match args.state.path() {
        Ok(path) => path,
        Err(code) => return code,
    };
    let text = match (&args.id, args.from, args.to) {
        (Some(id), ..) => report_source::incident(&state_dir, id).and_then(|material| incident(args, &material)),
        (None, Some(from), Some(to)) if from < to => period(args, &state_dir, from, to),
        _ => Err("--to must be later than --from".to_owned()),
    };
    let written = text.and_then(|text| match &args.output {
        Some(path) => match std::fs::write(path, text) {
            Ok(()) => Ok(ExitCode::from(exit::OK)),
            Err(error) => Err(format!("{}: {error}", path.display())),
        },
        None => Ok(print_out(&text).err().unwrap_or(ExitCode::from(exit::OK))),
    });
    written.unwrap_or_else(|message| {
        eprintln!("pegel: {message}");
        ExitCode::from(exit::FAILED)
    })
}

fn incident(args: &ReportArgs, material: &IncidentMaterial) -> Result<String, String> {
    let incident = &material.stored.incident;
    let usual = Usual::from_minutes(&material.minutes, incident.direction, incident.onset())
        .or_else(|| Usual::before_onset(&material.stored.seconds, incident.onset()));
    let origins = Origins::look_up(&args.mmdb, Origins::addresses(incident));
    let sensor = sensor();
    let input = IncidentInput {
        incident: &material.stored,
        usual: usual.as_ref(),
        related: &material.related,
        origins: &origins,
        packets: &material.packets,
        generated_at: wall_clock(),
        sensor: &sensor,
    };
    let reporter = Reporter { organisation: args.organisation.clone(), contact: args.contact.clone() };
    if args.xarf {
        let reports = xarf(&input, &reporter)?;
        return Ok(reports.iter().map(|report| format!("{report}\n")).collect());
    }
    if args.abuse_mail {
        return Ok(abuse_mail(&input, &reporter, args.language()));
    }
    Ok(incident_report(&input, args.format(), args.language()))
}

fn period(args: &ReportArgs, state_dir: &std::path::Path, from: Timestamp, to: Timestamp) -> Result<String, String> {
    let scope = args.scope();
    let material = report_source::period(state_dir, from, to, &scope)?;
    let sensor = sensor();
    let input = PeriodInput {
        from,
        to,
        scope,
        incidents: &material.incidents,
        coverage: &material.coverage,
        minutes: &material.minutes,
        generated_at: wall_clock(),
        sensor: &sensor,
    };
    Ok(period_report(&input, args.format(), args.language()))
}

impl ReportArgs {
    fn scope(&self) -> Scope {
        match (self.host, &self.guest, self.network, &self.interface) {
            (Some(host), ..) => Scope::Host(host),
            (_, Some(guest), ..) => Scope::Guest(guest.clone()),
            (_, _, Some(network), _) => Scope::Network(network),
            (.., Some(interface)) => Scope::Interface(interface.clone()),
            _ => Scope::All,
        }
    }

    fn format(&self) -> Format {
        match self.format {
            Form::Html => Format::Html,
            Form::Markdown => Format::Markdown,
            Form::Json => Format::Json,
        }
    }

    fn language(&self) -> Language {
        match self.language {
            Tongue::En => Language::En,
            Tongue::De => Language::De,
        }
    }
}

fn sensor() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        report: ReportArgs,
    }

    fn parsed(line: &str) -> Option<ReportArgs> {
        Only::try_parse_from(line.split(' ')).ok().map(|only| only.report)
    }

    #[test]
    fn an_incident_or_a_period_is_asked_for() {
        Only::command().debug_assert();
        assert!(parsed("report 20260101T000005Z-9cfc2aa2 --xarf").is_some_and(|args| args.xarf));
        let month = parsed("report --from 2026-11-01 --to 2026-12-01 --network 203.0.113.0/24 --language de");
        assert!(month.is_some_and(|args| matches!(args.scope(), Scope::Network(_)) && args.language() == Language::De));
        for wrong in [
            "report",
            "report --from 2026-11-01",
            "report --from yesterday --to 2026-12-01",
            "report an-id --host 203.0.113.7",
            "report --from 2026-11-01 --to 2026-12-01 --host 203.0.113.7 --guest 104",
            "report --from 2026-11-01 --to 2026-12-01 --xarf",
            "report an-id --xarf --abuse-mail",
        ] {
            assert!(parsed(wrong).is_none(), "{wrong}");
        }
    }
}
