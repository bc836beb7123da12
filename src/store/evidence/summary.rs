//! `summary.txt`: the incident in plain sentences.

use super::manifest::Manifest;
use super::text::plain;
use crate::base::{Direction, grouped, lasting, scaled};
use crate::incident::{CloseReason, Incident};
use std::fmt::Write;

/// Names that are listed.
const MOST_NAMES: usize = 10;
/// Peers that are listed.
const MOST_PEERS: usize = 10;

/// The text.
pub(super) fn text(incident: &Incident, manifest: &Manifest) -> String {
    let mut text = format!("Incident {}\n\n", incident.id);
    what(&mut text, incident);
    when(&mut text, incident);
    amount(&mut text, incident);
    peers(&mut text, incident);
    measured(&mut text, incident);
    packets(&mut text, manifest);
    unknown(&mut text, incident, manifest);
    text
}

/// Writing to a `String` cannot fail.
macro_rules! say {
    ($text:expr, $($sentence:tt)*) => { let _ = writeln!($text, $($sentence)*); };
}

fn target(incident: &Incident) -> String {
    let target = &incident.target;
    let mut text = format!("{} {}", target.kind, plain(&target.label()));
    if let Some(guest) = &target.guest {
        let _ = write!(text, ", guest {}", plain(guest));
    }
    if let Some(interface) = &target.interface {
        let _ = write!(text, ", on interface {}", plain(interface));
    }
    if let Some(vlan) = target.vlan {
        let _ = write!(text, ", VLAN {vlan}");
    }
    text
}

fn what(text: &mut String, incident: &Incident) {
    let vectors = incident.vectors.iter().map(|vector| vector.name()).collect::<Vec<_>>().join(", ");
    let role = match incident.direction {
        Direction::Inbound => "Traffic from outside to",
        Direction::Outbound => "Traffic to the outside from",
        Direction::Internal => "Traffic inside our networks at",
    };
    if incident.drill {
        say!(text, "This is a drill: none of its packets was on a wire.");
    }
    say!(text, "{role} {}.", target(incident));
    say!(text, "Type: {vectors}. Severity: {}. Confidence: {:.0} %.", incident.severity, incident.confidence * 100.0);
    if !incident.patterns.is_empty() {
        let patterns = incident.patterns.iter().map(|pattern| pattern.name()).collect::<Vec<_>>().join(", ");
        say!(text, "Patterns: {patterns}.");
    }
    if let Some(whole) = &incident.part_of {
        say!(text, "It is part of the incident of {}, which contains its packets.", plain(whole));
    }
    if let Some(mark) = &incident.maintenance {
        say!(text, "It opened within a maintenance window until {}: {}.", mark.until, plain(&mark.why));
    }
}

fn when(text: &mut String, incident: &Incident) {
    say!(
        text,
        "It began at about {} and was detected at {}, {:.1} s later. All times are UTC.",
        incident.onset(),
        incident.opened_at,
        incident.detected_after_seconds
    );
    let lasted = lasting(incident.lasted_seconds());
    match (incident.closed_at, incident.close_reason) {
        (Some(closed), reason) => {
            let why = match reason {
                Some(CloseReason::Quiet) => "nothing more was found",
                Some(CloseReason::Merged) => "it turned out to be part of a larger incident",
                Some(CloseReason::Shutdown) => "Pegel stopped, so the attack may have gone on",
                Some(CloseReason::Interrupted) => "Pegel was not running when it ended, so the attack may have gone on",
                Some(CloseReason::ClockChange) => "the clock changed, so the attack may have gone on",
                Some(CloseReason::Evicted) => "too many incidents were open, so the attack may have gone on",
                None => "no reason is known",
            };
            say!(text, "It was last found at {}, after {lasted}, and closed at {closed}: {why}.", incident.updated_at);
        }
        (None, _) => {
            say!(text, "It was last found at {}, after {lasted}, and was still open.", incident.updated_at);
        }
    }
}

fn amount(text: &mut String, incident: &Incident) {
    say!(
        text,
        "In all {} packets and {} bytes; in the busiest second {} packets ({}bit/s).",
        grouped(incident.totals.packets),
        grouped(incident.totals.bytes),
        grouped(incident.peak.packets_per_second),
        scaled(incident.peak.bits_per_second)
    );
}

fn peers(text: &mut String, incident: &Incident) {
    let sources = &incident.sources;
    say!(text, "Sources: {}.", sources.number());
    if sources.spoofing_likely {
        say!(
            text,
            "The source addresses are probably spoofed: they do not show who sent the packets, and none is listed."
        );
    }
    for peer in sources.top.iter().take(MOST_PEERS) {
        say!(text, "  {}: at least {} packets, {:.1} %", peer.address, grouped(peer.packets), peer.share * 100.0);
    }
    if let Some(victims) = &incident.victims {
        say!(text, "Targets of the traffic: {}.", victims.number());
        for peer in victims.top.iter().take(MOST_PEERS) {
            say!(text, "  {}: at least {} packets, {:.1} %", peer.address, grouped(peer.packets), peer.share * 100.0);
        }
    }
    let names = incident.names.iter().filter(|name| !name.name.is_empty()).take(MOST_NAMES);
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        say!(text, "Names in the requests, as the senders wrote them:");
    }
    for name in names {
        say!(text, "  {} ({}), {:.1} %", plain(&name.name), plain(name.kind), name.share * 100.0);
    }
}

fn measured(text: &mut String, incident: &Incident) {
    say!(text, "\nWhat was measured:");
    for evidence in &incident.evidence {
        say!(text, "  {}", plain(&evidence.message));
    }
}

fn packets(text: &mut String, manifest: &Manifest) {
    let packets = &manifest.packets;
    if packets.total == 0 {
        say!(text, "\npackets.pcapng holds no packets: none was kept.");
        return;
    }
    say!(
        text,
        "\npackets.pcapng holds {} packets: {} like those of the attack ({:.1} %) and {} others ({:.1} %). Of all, {} are from before the attack, {} from during it and {} from after it.",
        grouped(packets.total),
        grouped(packets.attack.count),
        packets.attack.share * 100.0,
        grouped(packets.background.count),
        packets.background.share * 100.0,
        grouped(packets.before.count),
        grouped(packets.during.count),
        grouped(packets.after.count)
    );
    say!(
        text,
        "They are a sample ({}), with at most {} octets of each: these shares are not those of the traffic, which are in rates.csv.",
        plain(&manifest.sampling),
        manifest.snap_length
    );
}

fn unknown(text: &mut String, incident: &Incident, manifest: &Manifest) {
    let coverage = &incident.coverage;
    say!(text, "\nWhat is not known:");
    for gap in &manifest.rates.not_captured {
        let lasted = lasting(gap.seconds);
        say!(text, "  From {} to {} nothing was captured ({lasted}): no figure covers that time.", gap.from, gap.to);
    }
    say!(
        text,
        "  {:.3} % of the packets that reached this machine while the incident was open were captured; the kernel dropped {}.",
        coverage.captured * 100.0,
        grouped(coverage.kernel_dropped)
    );
    if coverage.sampled > 1 {
        say!(text, "  Packets were sampled, up to 1 in {}: figures are projections.", coverage.sampled);
    }
    say!(
        text,
        "  Packets that were dropped before they reached this machine, for example by the provider, are in no figure."
    );
    if incident.sources.distinct_error.is_none_or(|error| error > 0.0) {
        say!(text, "  The number of sources is an estimate.");
    }
    say!(text, "  Who is behind the addresses is not known from packets.");
    for redaction in &manifest.redactions {
        say!(text, "  Left out or replaced in this copy: {}.", plain(redaction));
    }
}
