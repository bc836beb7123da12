//! Reports of one sender: an organisation, with its databases of origins.

use super::report_source::{IncidentMaterial, PeriodMaterial};
use crate::base::Timestamp;
use crate::config::ReportConfig;
use crate::report::{
    Format, IncidentInput, Language, Origins, PeriodInput, Reporter, Scope, Usual, abuse_mail, incident_report,
    period_report, xarf,
};
use std::path::PathBuf;

/// What is written of an incident.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// A report.
    Report(Format),
    /// XARF, a line each.
    Xarf,
    /// Text for a ticket.
    Mail,
}

/// Who reports.
pub(super) struct Sender {
    reporter: Reporter,
    mmdb: Vec<PathBuf>,
    sensor: String,
}

impl Sender {
    /// As configured, unless the command line says otherwise.
    pub(super) fn new(
        config: &ReportConfig,
        organisation: Option<String>,
        contact: Option<String>,
        mmdb: &[PathBuf],
    ) -> Sender {
        Sender {
            reporter: Reporter {
                organisation: organisation.unwrap_or_else(|| config.organisation.clone()),
                contact: contact.unwrap_or_else(|| config.contact.clone()),
            },
            mmdb: if mmdb.is_empty() { config.mmdb.clone() } else { mmdb.to_vec() },
            sensor: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }

    /// # Errors
    /// Why there is no XARF report.
    pub(super) fn incident(
        &self,
        material: &IncidentMaterial,
        what: What,
        language: Language,
        now: Timestamp,
    ) -> Result<String, String> {
        let incident = &material.stored.incident;
        let usual = Usual::from_minutes(&material.minutes, incident.direction, incident.onset())
            .or_else(|| Usual::before_onset(&material.stored.seconds, incident.onset()));
        let origins = Origins::look_up(&self.mmdb, Origins::addresses(incident));
        let input = IncidentInput {
            incident: &material.stored,
            usual: usual.as_ref(),
            related: &material.related,
            origins: &origins,
            packets: &material.packets,
            generated_at: now,
            sensor: &self.sensor,
        };
        match what {
            What::Report(format) => Ok(incident_report(&input, format, language)),
            What::Xarf => Ok(xarf(&input, &self.reporter)?.iter().map(|report| format!("{report}\n")).collect()),
            What::Mail => Ok(abuse_mail(&input, &self.reporter, language)),
        }
    }

    /// A report on a period.
    pub(super) fn period(
        &self,
        material: &PeriodMaterial,
        (from, to): (Timestamp, Timestamp),
        scope: Scope,
        format: Format,
        language: Language,
        now: Timestamp,
    ) -> String {
        let input = PeriodInput {
            from,
            to,
            scope,
            incidents: &material.incidents,
            coverage: &material.coverage,
            minutes: &material.minutes,
            generated_at: now,
            sensor: &self.sensor,
        };
        period_report(&input, format, language)
    }
}
