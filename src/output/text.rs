//! Describes an incident in plain English, for an operator on call. An incident that is closed reads like one: what it
//! was, not what it is.

use crate::base::{Direction, Vector, VectorClass, grouped, lasting, scaled};
use crate::incident::{CloseReason, Incident};
use std::fmt::Write;

/// The target, with the name of the guest.
pub(super) fn target(incident: &Incident) -> String {
    let label = incident.target.label();
    match &incident.target.guest {
        Some(guest) => format!("{label} (guest {guest})"),
        None => label,
    }
}

/// One line: severity, vectors and target; of an open incident its peak rates and start time, of a closed one how it
/// ended.
pub fn summary(incident: &Incident) -> String {
    let drill = if incident.drill { "DRILL: " } else { "" };
    let names: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
    let preposition = match (incident.vector.class(), incident.direction) {
        (VectorClass::Layer2 | VectorClass::Sensor, _) => "at",
        (_, Direction::Outbound) => "from",
        _ => "to",
    };
    let state = match closing(incident) {
        Some(closing) => format!(": {closing}, from {} to {}", incident.onset(), incident.updated_at),
        None => {
            let rate = match incident.peak.packets_per_second {
                0 => String::new(),
                packets => {
                    format!(", up to {} packets/s, {}bit/s", grouped(packets), scaled(incident.peak.bits_per_second))
                }
            };
            format!("{rate}, since {}", incident.opened_at)
        }
    };
    let maintenance = if incident.maintenance.is_some() { " (during maintenance)" } else { "" };
    format!("{drill}{} {} {preposition} {}{state}{maintenance}", incident.severity, names.join(" + "), target(incident))
}

/// How a closed incident ended, how long the attack lasted, and its figures. `None` while it is open.
pub(super) fn closing(incident: &Incident) -> Option<String> {
    incident.closed_at?;
    let ended = match incident.close_reason {
        Some(CloseReason::Quiet) | None => "over",
        Some(CloseReason::Merged) => match &incident.part_of {
            Some(whole) => &format!("now part of the incident about {whole},"),
            None => "now part of another incident,",
        },
        Some(CloseReason::Shutdown) => "still open when Pegel stopped,",
        Some(CloseReason::Interrupted) => "over before Pegel was started again,",
        Some(CloseReason::ClockChange) => "closed as the clock was set back,",
        Some(CloseReason::Evicted) => "no longer followed, for want of room (incident.max_open),",
    };
    let (totals, peak) = (incident.totals, incident.peak);
    let figures = match totals.packets {
        0 => String::new(),
        packets => format!(
            ": {} {}, peak {} packets/s, {}bit/s",
            grouped(packets),
            if packets == 1 { "packet" } else { "packets" },
            grouped(peak.packets_per_second),
            scaled(peak.bits_per_second)
        ),
    };
    Some(format!("{ended} after {}{figures}", lasting(incident.lasted_seconds())))
}

/// What to say of the last change in one sentence, where target and vectors are said elsewhere: the main evidence, or how
/// it ended.
pub(super) fn news(incident: &Incident) -> String {
    let evidence = || incident.evidence.first().map_or_else(String::new, |evidence| evidence.message.clone());
    closing(incident).unwrap_or_else(evidence)
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
        let name = if name.is_empty() { String::new() } else { format!("{name}:") };
        let _ = writeln!(text, "{name:<14}{value}");
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
        line("last finding", incident.updated_at.to_string());
        line("closed", closed.to_string());
        line("lasted", lasting(incident.lasted_seconds()));
    }
    let (peak, totals) = (incident.peak, incident.totals);
    line("peak", format!("{} packets/s, {}bit/s", grouped(peak.packets_per_second), scaled(peak.bits_per_second)));
    line("total", format!("{} packets, {}bytes", grouped(totals.packets), scaled(totals.bytes)));
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    if peers.distinct > 0 {
        let spoofed = if peers.spoofing_likely { ", probably spoofed" } else { "" };
        line(if incident.victims.is_some() { "victims" } else { "sources" }, format!("{}{spoofed}", peers.number()));
        for peer in peers.top.iter().take(5) {
            let (packets, share) = (grouped(peer.packets), peer.share * 100.0);
            line("", format!("{}: at least {packets} packets ({share:.1} %)", peer.address));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::output::tests::incident;

    fn closed(reason: CloseReason) -> Incident {
        let mut incident = incident();
        let opened = Timestamp::from_parts(1_800_000_000, 300_000_000);
        (incident.opened_at, incident.detected_after_seconds) = (opened, 0.3);
        incident.updated_at = opened.plus_seconds(11.7);
        incident.closed_at = Some(opened.plus_seconds(71.7));
        incident.close_reason = Some(reason);
        (incident.peak.packets_per_second, incident.peak.bits_per_second) = (1234, 592_000);
        (incident.totals.packets, incident.totals.bytes) = (15_550, 933_000);
        incident
    }

    #[test]
    fn a_closed_incident_reads_like_one_and_without_its_quiet_period() {
        let incident = closed(CloseReason::Quiet);
        assert_eq!(
            summary(&incident),
            "critical syn_flood to 203.0.113.7: over after 12 s: 15,550 packets, peak 1,234 packets/s, 592.0 kbit/s, \
             from 2027-01-15T08:00:00.000Z to 2027-01-15T08:00:12.000Z"
        );
        assert_eq!(news(&incident), "over after 12 s: 15,550 packets, peak 1,234 packets/s, 592.0 kbit/s");
        let report = report(&incident);
        for line in ["last finding: 2027-01-15T08:00:12.000Z", "closed:       2027-01-15T08:01:12.000Z"] {
            assert!(report.lines().any(|known| known == line), "{line}: {report}");
        }
    }

    #[test]
    fn an_open_incident_is_told_by_its_rate_and_evidence() {
        let incident = Incident { closed_at: None, close_reason: None, ..closed(CloseReason::Quiet) };
        assert_eq!(
            summary(&incident),
            "critical syn_flood to 203.0.113.7, up to 1,234 packets/s, 592.0 kbit/s, since 2027-01-15T08:00:00.300Z"
        );
        assert_eq!(news(&incident), incident.evidence[0].message);
    }

    #[test]
    fn only_what_is_over_is_said_to_be() {
        for (reason, start) in [
            (CloseReason::Merged, "now part of another incident, after 12 s: 15,550 packets"),
            (CloseReason::Shutdown, "still open when Pegel stopped, after 12 s: "),
            (CloseReason::ClockChange, "closed as the clock was set back, after 12 s: "),
            (CloseReason::Evicted, "no longer followed, for want of room (incident.max_open), after 12 s: "),
        ] {
            let text = news(&closed(reason));
            assert!(text.starts_with(start), "{text}");
        }
        let mut check = closed(CloseReason::Quiet);
        (check.totals, check.peak) = Default::default();
        assert_eq!(news(&check), "over after 12 s", "a check of this host has no packets");
    }
}
