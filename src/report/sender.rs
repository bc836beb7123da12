//! Reports of one sender: an organisation, with its databases of origins.

use super::documents::{abuse_mail, incident_report, period_report, xarf};
use super::input::{Format, IncidentInput, PeriodInput, Reporter, Scope};
use super::language::Language;
use super::material::{IncidentMaterial, PeriodMaterial};
use super::origins::Origins;
use super::usual::Usual;
use crate::base::Timestamp;
use std::path::PathBuf;

/// What is written of an incident.
#[derive(Clone, Copy)]
pub enum What {
    /// A report.
    Report(Format),
    /// XARF, a line each.
    Xarf,
    /// Text for a ticket.
    Mail,
}

/// Who reports.
pub struct Sender {
    reporter: Reporter,
    mmdb: Vec<PathBuf>,
    sensor: String,
}

impl Sender {
    /// `mmdb`: databases in which the origin of addresses is looked up; `sensor`: name of the machine.
    pub fn new(reporter: Reporter, mmdb: Vec<PathBuf>, sensor: String) -> Sender {
        Sender { reporter, mmdb, sensor }
    }

    /// # Errors
    /// Why there is no XARF report.
    pub fn incident(
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
    pub fn period(
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
