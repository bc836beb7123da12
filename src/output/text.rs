//! Describes an incident in plain English, for an operator on call.

use crate::base::{Direction, Vector, VectorClass, grouped, scaled};
use crate::incident::Incident;
use std::fmt::Write;

/// The target, with the name of the guest.
pub(super) fn target(incident: &Incident) -> String {
    let label = incident.target.label();
    match &incident.target.guest {
        Some(guest) => format!("{label} (guest {guest})"),
        None => label,
    }
}

/// One line: severity, vectors, target, peak rates and start time.
pub fn summary(incident: &Incident) -> String {
    let drill = if incident.drill { "DRILL: " } else { "" };
    let names: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
    let preposition = match (incident.vector.class(), incident.direction) {
        (VectorClass::Layer2 | VectorClass::Sensor, _) => "at",
        (_, Direction::Outbound) => "from",
        _ => "to",
    };
    let rate = match incident.peak.packets_per_second {
        0 => String::new(),
        packets => {
            format!(", up to {} packets/s, {}bit/s", grouped(packets), scaled(incident.peak.bits_per_second))
        }
    };
    let maintenance = if incident.maintenance.is_some() { " (during maintenance)" } else { "" };
    format!(
        "{drill}{} {} {preposition} {}{rate}, since {}{maintenance}",
        incident.severity,
        names.join(" + "),
        target(incident),
        incident.opened_at
    )
}

/// The evidence, one item per line.
pub(super) fn evidence(incident: &Incident) -> String {
    incident.evidence.iter().map(|evidence| evidence.message.as_str()).collect::<Vec<_>>().join("\n")
}

/// A report of several lines: target, rates, sources, names, coverage and evidence.
pub(super) fn report(incident: &Incident) -> String {
    let mut text = format!("{}\n\n", summary(incident));
    // Writing to a string cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{:<14}{value}", format!("{name}:"));
    };
    line("incident", incident.id.clone());
    line("target", target(incident));
    line("direction", incident.direction.to_string());
    line("severity", incident.severity.to_string());
    line("vectors", names(&incident.vectors));
    if let Some(interface) = &incident.target.interface {
        line("interface", interface.clone());
    }
    line("opened", incident.opened_at.to_string());
    if let Some(closed) = incident.closed_at {
        line("closed", closed.to_string());
    }
    let (peak, totals) = (incident.peak, incident.totals);
    line("peak", format!("{} packets/s, {}bit/s", grouped(peak.packets_per_second), scaled(peak.bits_per_second)));
    line("total", format!("{} packets, {}bytes", grouped(totals.packets), scaled(totals.bytes)));
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    if peers.distinct > 0 {
        let spoofed = if peers.spoofing_likely { ", probably spoofed" } else { "" };
        line(
            if incident.victims.is_some() { "victims" } else { "sources" },
            format!("{}{spoofed}", grouped(peers.distinct)),
        );
        for peer in peers.top.iter().take(5) {
            line("", format!("{} ({:.1} %)", peer.address, peer.share * 100.0));
        }
    }
    for name in incident.names.iter().filter(|name| !name.name.is_empty()).take(5) {
        line(name.kind, format!("{} ({:.1} %)", name.name, name.share * 100.0));
    }
    if let Some(maintenance) = &incident.maintenance {
        line("maintenance", format!("{}, until {}", maintenance.why, maintenance.until));
    }
    let coverage = incident.coverage;
    line(
        "coverage",
        format!(
            "{:.2} % of packets captured, {} dropped by the kernel",
            coverage.captured * 100.0,
            coverage.kernel_dropped
        ),
    );
    text.push('\n');
    for evidence in &incident.evidence {
        let _ = writeln!(text, "- {}", evidence.message);
    }
    text
}

fn names(vectors: &[Vector]) -> String {
    vectors.iter().map(|vector| vector.name()).collect::<Vec<_>>().join(", ")
}
