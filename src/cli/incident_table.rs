//! Incidents as a table.

use super::table::Table;
use crate::base::{grouped, scaled};
use crate::incident::Incident;

/// One row per incident; with its ID, and whether it is still open, where `from_store`.
pub(super) fn incident_table(incidents: &[Incident], from_store: bool) -> Table {
    const HEADINGS: [&str; 11] = [
        "ID",
        "OPENED (UTC)",
        "DURATION",
        "SEVERITY",
        "DIRECTION",
        "TARGET",
        "VECTORS",
        "PEAK",
        "",
        "PACKETS",
        "SOURCES",
    ];
    let columns = if from_store { 0 } else { 1 };
    let mut table = Table::new(HEADINGS.get(columns..).unwrap_or_default());
    for incident in incidents {
        let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
        let duration = incident.lasted_seconds();
        let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
        let spoofed = if peers.spoofing_likely { " (spoofed)" } else { "" };
        let opened = incident.opened_at.to_string().replace('T', " ").replace('Z', "");
        let is_open = from_store && incident.closed_at.is_none();
        let row = [
            incident.id.clone(),
            opened,
            if is_open { format!("{duration:.1} s, open") } else { format!("{duration:.1} s") },
            incident.severity.to_string(),
            incident.direction.to_string(),
            incident.target.label(),
            vectors.join("+"),
            format!("{}pps", scaled(incident.peak.packets_per_second)),
            format!("{}bit/s", scaled(incident.peak.bits_per_second)),
            grouped(incident.totals.packets),
            format!("{}{spoofed}", peers.number()),
        ];
        table.row(row.into_iter().skip(columns));
    }
    table
}
