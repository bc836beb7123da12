//! `pegel report`: reports on an incident or a period, XARF, and text for a ticket.

use super::common::Common;
use super::exit;
use super::incidents;
use super::print::print_out;
use super::report_settings::sender;
use super::time::time;
use crate::base::{Addr, Timestamp};
use crate::report::{Format, Language, Scope, Sender, What, incident_material, period_material};
use crate::runtime::wall_clock;
use crate::store::Reader;
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
    /// Beginning of a period: a time as 2026-11-30T12:00:00Z, a day as 2026-11-30, or how long ago as 7d
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
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print XARF v4 reports on the sources instead
    #[arg(long, conflicts_with_all = ["from", "abuse_mail", "format"])]
    xarf: bool,
    /// Print text for the ticket of a provider instead
    #[arg(long, conflicts_with_all = ["from", "format"])]
    abuse_mail: bool,
    /// Organisation that reports, for --xarf and --abuse-mail [default: report.organisation of the configuration]
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Mail address of the organisation [default: report.contact]
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<String>,
    /// MMDB file with networks (ASN) or countries of addresses; repeatable [default: report.mmdb]
    #[arg(long, value_name = "FILE")]
    mmdb: Vec<PathBuf>,
    /// State directory of the daemon [default: state_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Configuration file [default: /etc/pegel/pegel.toml if it exists]
    #[arg(long, value_name = "FILE", env = "PEGEL_CONFIG")]
    config: Option<PathBuf>,
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
pub(super) enum Tongue {
    /// English
    En,
    /// German
    De,
}

pub(super) fn run(args: &ReportArgs) -> ExitCode {
    let config = match (Common { config: args.config.clone(), network: Vec::new() }).load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let state_dir = args.state_dir.as_ref().unwrap_or(&config.state_dir);
    let sender = sender(&config.report, args.organisation.clone(), args.contact.clone(), &args.mmdb);
    let written = incidents::reader(state_dir).and_then(|reader| text(&reader, args, &sender)).and_then(|text| {
        match &args.output {
            Some(path) => match std::fs::write(path, text) {
                Ok(()) => Ok(ExitCode::from(exit::OK)),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
            None => Ok(print_out(&text).err().unwrap_or(ExitCode::from(exit::OK))),
        }
    });
    written.unwrap_or_else(|message| {
        eprintln!("pegel: {message}");
        ExitCode::from(exit::FAILED)
    })
}

fn text(reader: &Reader, args: &ReportArgs, sender: &Sender) -> Result<String, String> {
    let unreadable = |error| format!("the store cannot be read: {error}");
    match (&args.id, args.from, args.to) {
        (Some(id), ..) => {
            let material = incident_material(reader, id).map_err(unreadable)?;
            let material =
                material.ok_or_else(|| format!("no incident has the ID {id:?}; pegel incidents lists them"))?;
            let what = match (args.xarf, args.abuse_mail) {
                (true, _) => What::Xarf,
                (_, true) => What::Mail,
                _ => What::Report(args.format()),
            };
            sender.incident(&material, what, args.language(), wall_clock())
        }
        (None, Some(from), Some(to)) if from < to => {
            let (scope, now) = (args.scope(), wall_clock());
            // What has not been yet cannot have been captured.
            let to = to.min(now);
            let material = period_material(reader, from, to, &scope).map_err(unreadable)?;
            if material.left_out {
                eprintln!(
                    "pegel: note: the traffic is left out, there is too much; choose a --guest, --host or --network"
                );
            }
            Ok(sender.period(&material, (from, to), scope, args.format(), args.language(), now))
        }
        _ => Err("--to must be later than --from".to_owned()),
    }
}

impl Tongue {
    pub(super) fn language(self) -> Language {
        match self {
            Tongue::En => Language::En,
            Tongue::De => Language::De,
        }
    }
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
        self.language.language()
    }
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
