//! Reports: what the store holds of one incident or of a period, for people who were not there. A neutral `model` of
//! facts and sentences is built from the input; the renderers for HTML, Markdown and JSON add nothing to it.
//!
//! All text is in one table of phrases in two languages. Whatever comes from the network or from an operator (names,
//! guests, interfaces) is neutralised where it enters the model and marked as foreign, so that no renderer can take it for
//! markup.

mod advice;
mod bill;
mod documents;
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
mod material;
mod model;
mod numbers;
mod origins;
mod packets;
mod period;
mod phrases;
mod sender;
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

pub use documents::{abuse_mail, incident_report, period_report, xarf};
pub use input::{Format, IncidentInput, PeriodInput, Reporter, Scope};
pub use language::Language;
pub use material::{IncidentMaterial, PeriodMaterial, incident_material, period_material};
pub use model::{Line, Lines, Unit};
pub use origins::{Origin, Origins};
pub use sender::{Sender, What};
pub use svg::lines as line_plot;
pub use text::plain;
pub use usual::{Band, Usual, UsualBasis};
