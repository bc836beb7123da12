//! Reports: what the store holds of one incident or of a period, for people who were not there. A neutral `model` of
//! facts and sentences is built from the input; the renderers for HTML, Markdown and JSON add nothing to it.
//!
//! All text is in one table of phrases in two languages. Whatever comes from the network or from an operator (names,
//! guests, interfaces) is neutralised where it enters the model and marked as foreign, so that no renderer can take it for
//! markup.

mod advice;
mod bill;
mod extent;
mod filters;
mod glossary;
mod html;
mod incident;
mod input;
mod json;
mod language;
mod mail;
mod markdown;
mod model;
mod numbers;
mod origins;
mod packets;
mod period;
mod phrases;
mod series;
mod svg;
mod tables;
mod target;
mod text;
mod told;
mod unknown;
mod usual;
mod vectors;
mod vectors_lan;
mod verdict;
mod xarf;

pub use input::{Format, IncidentInput, PeriodInput, Reporter, Scope};
pub use language::Language;
pub use origins::{Origin, Origins};
pub use usual::{Band, Usual, UsualBasis};

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
    xarf::reports(input, reporter)
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
