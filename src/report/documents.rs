//! The documents that this room writes, each as a whole.

use super::input::{Format, IncidentInput, PeriodInput, Reporter};
use super::language::Language;
use super::{html, incident, json, mail, markdown, model, period};

/// The report on one incident, as a whole file.
pub fn incident_report(input: &IncidentInput<'_>, format: Format, language: Language) -> String {
    render(&incident::report(input, language), format)
}

/// The report on a period, as a whole file. It says "no attack" only where [`PeriodCoverage::allows_no`] does.
///
/// [`PeriodCoverage::allows_no`]: crate::store::PeriodCoverage::allows_no
pub fn period_report(input: &PeriodInput<'_>, format: Format, language: Language) -> String {
    render(&period::report(input, language), format)
}

/// XARF v4 reports (<https://xarf.org>), one per source address: on one of our hosts that attacks, or on each reflector of an
/// amplification attack.
///
/// # Errors
/// Why there is none, as a sentence for the operator: for instance that the sources are probably spoofed.
pub fn xarf(input: &IncidentInput<'_>, reporter: &Reporter) -> Result<Vec<serde_json::Value>, String> {
    super::xarf::reports(input, reporter)
}

/// Plain text for the ticket of a provider: which host, guest and MAC address, since when, and what was done.
pub fn abuse_mail(input: &IncidentInput<'_>, reporter: &Reporter, language: Language) -> String {
    mail::text(input, reporter, language)
}

fn render(report: &model::Report, format: Format) -> String {
    match format {
        Format::Html => html::page(report),
        Format::Markdown => markdown::page(report),
        Format::Json => json::page(report),
    }
}
