//! The log sink: one line for each change of an incident, on standard error or in the journal.

use super::sink::{Delivery, Sink};
use super::text;
use crate::base::Severity;
use crate::incident::{Change, Event};
use std::io;

/// Logs each change.
pub struct Log;

impl Sink for Log {
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery> {
        let incident = &event.incident;
        let message = text::news(incident);
        let vectors = incident.vectors.iter().map(|vector| vector.name()).collect::<Vec<_>>().join("+");
        let (target, change) = (incident.target.label(), event.change.name());
        let (id, direction) = (incident.id.as_str(), incident.direction.name());
        let severity = incident.severity.name();
        let drill = if incident.drill { "DRILL: " } else { "" };
        // A closed incident needs no action, whatever its severity was.
        match (incident.severity, event.change) {
            (_, Change::Closed) | (Severity::Info, _) => {
                tracing::info!(id, target, vectors, direction, severity, "{drill}incident {change}: {message}");
            }
            (Severity::Warning, _) => {
                tracing::warn!(id, target, vectors, direction, severity, "{drill}incident {change}: {message}");
            }
            (Severity::Critical, _) => {
                tracing::error!(id, target, vectors, direction, severity, "{drill}incident {change}: {message}");
            }
        }
        Ok(Delivery::Delivered)
    }
}
