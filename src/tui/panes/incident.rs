//! All about one incident.

use super::super::headline::tone;
use super::super::pane::Look;
use super::super::sheet::Sheet;
use super::super::text::{bars, bits, columns, moment, packets};
use super::super::theme::Tone;
use crate::base::{Timestamp, grouped, lasting, scaled};
use crate::incident::Incident;
use crate::incident::model::{Peers, Point, Port};
use crate::view::percent;
use ratatui::text::Line;

/// Lines of the plot.
const PLOT: usize = 4;

/// Every fact, as lines.
pub(super) fn detail(look: &Look<'_>, incident: &Incident) -> Vec<Line<'static>> {
    let mut sheet = Sheet::new(look.width, look.theme);
    let now = look.overview.at;
    facts(&mut sheet, incident, now);
    timeline(&mut sheet, incident, look.width, now);
    evidence(&mut sheet, incident);
    peers(&mut sheet, "Sources", &incident.sources);
    if let Some(victims) = &incident.victims {
        peers(&mut sheet, "Victims", victims);
    }
    traffic(&mut sheet, incident);
    sheet.lines()
}

fn facts(sheet: &mut Sheet, incident: &Incident, now: Option<Timestamp>) {
    let (state, loud) = match (incident.closed_at, incident.close_reason) {
        (None, _) => {
            let quiet = now.map_or(0.0, |now| now.seconds_since(incident.updated_at));
            let quiet = if quiet > 0.0 { format!(", quiet for {}", lasting(quiet)) } else { String::new() };
            (format!("OPEN{quiet}"), tone(incident))
        }
        (Some(at), reason) => {
            let why = reason.map_or("", |reason| reason.name()).replace('_', " ");
            (format!("closed at {} ({why})", moment(at, now)), Tone::Plain)
        }
    };
    let target = incident.target.label();
    sheet.say(Tone::Strong, &format!("{}  {target}", incident.vector));
    sheet.toned_fact("State", loud, &state);
    if incident.drill {
        sheet.toned_fact("Drill", Tone::Notice, "none of its packets was ever on a wire");
    }
    sheet.toned_fact("Severity", loud, &format!("{}, confidence {:.2}", incident.severity, incident.confidence));
    sheet.fact("Target", &described(incident));
    let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
    sheet.fact("Vectors", &vectors.join(", "));
    if !incident.patterns.is_empty() {
        let patterns: Vec<&str> = incident.patterns.iter().map(|pattern| pattern.name()).collect();
        let pulses = if incident.pulses > 0 { format!(" ({} bursts)", incident.pulses) } else { String::new() };
        sheet.fact("Patterns", &format!("{}{pulses}", patterns.join(", ")));
    }
    let found = lasting(incident.detected_after_seconds);
    sheet.fact("Onset", &format!("{}, detected after {found}", moment(incident.onset(), now)));
    let last = moment(incident.updated_at, now);
    sheet.fact("Last seen", &format!("{last}, after {}", lasting(incident.lasted_seconds())));
    let peak = incident.peak;
    sheet.fact("Peak", &format!("{}, {}", packets(peak.packets_per_second), bits(peak.bits_per_second)));
    let (count, bytes) = (grouped(incident.totals.packets), scaled(incident.totals.bytes));
    sheet.fact("Total", &format!("{count} packets, {bytes}B"));
    if let Some(whole) = &incident.part_of {
        sheet.fact("Part of", whole);
    }
    if let Some(mark) = &incident.maintenance {
        sheet.fact("Maintenance", &format!("{} (until {})", mark.why, moment(mark.until, now)));
    }
    let coverage = incident.coverage;
    let mut captured = format!("{} of the packets captured", percent(coverage.captured));
    if coverage.kernel_dropped > 0 {
        captured.push_str(&format!("; the kernel dropped {}", grouped(coverage.kernel_dropped)));
    }
    if coverage.sampled > 1 {
        captured.push_str(&format!("; sampled: 1 in {} packets", coverage.sampled));
    }
    sheet.fact("Coverage", &captured);
    sheet.fact("ID", &incident.id);
    if let Some(url) = &incident.evidence_url {
        sheet.fact("Evidence at", url);
    }
    sheet.toned_fact("Filters", Tone::Dim, &format!("pegel suggest {}", incident.id));
}

/// The target in words.
fn described(incident: &Incident) -> String {
    let target = &incident.target;
    let mut text = format!("{} {}, {}", target.kind, target.label(), incident.direction);
    if let Some(guest) = &target.guest {
        text.push_str(&format!(", guest {guest}"));
    }
    if let Some(interface) = &target.interface {
        text.push_str(&format!(", interface {interface}"));
    }
    if let Some(vlan) = target.vlan {
        text.push_str(&format!(", VLAN {vlan}"));
    }
    text
}

fn timeline(sheet: &mut Sheet, incident: &Incident, width: usize, now: Option<Timestamp>) {
    let (Some(first), Some(last)) = (incident.timeline.first(), incident.timeline.last()) else { return };
    let points: Vec<_> = incident.timeline.iter().map(|point| (point.at, point.packets_per_second)).collect();
    let highest = points.iter().map(|(_, value)| *value).max().unwrap_or(0);
    let (from, to) = (moment(first.at, now), moment(last.at, now));
    sheet.heading(&format!("Timeline: {from} to {to}, up to {}", packets(highest)));
    let values = columns(&points, spacing(&incident.timeline), width.saturating_sub(1));
    for line in bars(&values, PLOT) {
        sheet.drawn(Tone::Plain, line);
    }
}

/// Seconds between two points: they are evenly spaced.
fn spacing(timeline: &[Point]) -> u64 {
    let gaps = timeline.windows(2).filter_map(|pair| match pair {
        [a, b] => Some(b.at.seconds_since(a.at).round() as u64),
        _ => None,
    });
    gaps.filter(|seconds| *seconds > 0).min().unwrap_or(1)
}

fn evidence(sheet: &mut Sheet, incident: &Incident) {
    if incident.evidence.is_empty() {
        return;
    }
    sheet.heading("Evidence");
    for one in &incident.evidence {
        sheet.item(Tone::Plain, &format!("- {}", one.message));
        if let Some(limit) = one.limit {
            let from = one.limit_from.map_or("unknown", |from| from.name());
            let (value, window) = (figure(one.value), lasting(one.window_seconds));
            let text = format!("  {} {value}, limit {} ({from}), over {window}", one.measure, figure(limit));
            sheet.item(Tone::Dim, &text);
        }
    }
}

/// A measured value. The measure names its unit.
fn figure(value: f64) -> String {
    // Saturates at values that nothing measures.
    if value.abs() >= 10.0 { grouped(value.max(0.0).round() as u64) } else { format!("{value:.2}") }
}

fn peers(sheet: &mut Sheet, name: &str, peers: &Peers) {
    sheet.heading(&format!("{name}: {}", peers.number()));
    if peers.spoofing_likely {
        sheet.item(Tone::Warning, "The addresses are probably forged: those seen belong to bystanders.");
    }
    for peer in &peers.top {
        let (count, share) = (grouped(peer.packets), percent(peer.share));
        sheet.item(Tone::Plain, &format!("{}  at least {count} packets, {share}", peer.address));
    }
}

fn traffic(sheet: &mut Sheet, incident: &Incident) {
    let shares = |ports: &[Port]| {
        let one = |port: &Port| format!("{} {}", port.port, with_error(port.share, port.error));
        ports.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let (to, from) = (shares(&incident.ports.destination), shares(&incident.ports.source));
    if !to.is_empty() || !from.is_empty() {
        sheet.heading("Ports");
        for (name, ports) in [("destination", to), ("source", from)] {
            if !ports.is_empty() {
                sheet.fact(name, &ports);
            }
        }
    }
    if !incident.names.is_empty() {
        sheet.heading("Names");
        for name in &incident.names {
            let shown = if name.name.is_empty() { "(could not be read)" } else { &name.name };
            sheet.item(Tone::Plain, &format!("{} {shown} {}", name.kind, with_error(name.share, name.error)));
        }
    }
}

fn with_error(share: f64, error: f64) -> String {
    format!("{:.0} % ± {:.1} %", share * 100.0, error * 100.0)
}
