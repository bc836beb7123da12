//! The page of one incident: what happened, how it was found, who took part, what to do, what to show.

use super::parts::{NAVIGATION, Table, VERSION, peak, plot, section, state};
use super::text::{Html, Shown, for_how_long, number, rate};
use crate::base::{Severity, Timestamp, grouped};
use crate::incident::{Incident, Peers, Point, Port};
use crate::report::{Line, Lines, Unit, plain};
use crate::view::{attack, percent, words};
use askama::Template;
use serde_json::Value;

#[derive(Template)]
#[template(path = "page/incident.html")]
struct Page<'a> {
    root: &'a str,
    here: &'a str,
    title: &'a str,
    tone: &'static str,
    badge: String,
    /// Whether it may still change.
    is_live: bool,
    attack: String,
    target: String,
    guest: Option<&'a str>,
    message: &'a str,
    figures: Vec<(&'static str, Html, Html)>,
    sections: Vec<Html>,
}

#[derive(Template)]
#[template(path = "page/facts.html")]
struct Facts {
    facts: Vec<(&'static str, Html)>,
}

#[derive(Template)]
#[template(path = "page/suggestion.html")]
struct Suggestion<'a> {
    title: &'a str,
    kind: &'a str,
    notes: &'a [String],
    text: &'a str,
}

/// What a page shows beside the incident.
pub(super) struct Beside {
    /// Suggested filters and routes, as in the API.
    pub mitigations: Vec<Value>,
    /// Names of the files of its evidence.
    pub files: Vec<String>,
    /// Whether it is stored, so that there are reports.
    pub is_stored: bool,
    /// Packet time.
    pub now: Timestamp,
}

pub(super) fn page(incident: &Incident, beside: &Beside) -> String {
    let (attack, target) = (attack(incident), incident.target.label());
    let title = format!("{attack} on {}", plain(&target, 80));
    let tone = match (incident.closed_at, incident.severity) {
        (Some(_), _) => "note",
        (None, Severity::Critical) => "attack",
        (None, Severity::Warning) => "unknown",
        (None, Severity::Info) => "note",
    };
    let sections =
        vec![timeline(incident), evidence(incident), people(incident), suggestions(beside), proof(incident, beside)];
    Html::of(&Page {
        root: "../",
        here: "Incidents",
        title: &title,
        tone,
        badge: format!("{}, {}, {}", incident.severity, incident.direction, state(incident)),
        is_live: may_change(incident, beside),
        attack,
        target,
        guest: incident.target.guest.as_deref(),
        message: incident.evidence.first().map_or("", |evidence| &evidence.message),
        figures: figures(incident, beside.now),
        sections,
    })
    .0
}

/// Seconds after its end within which the evidence of an incident is sealed.
const SEALED_WITHIN: f64 = 300.0;

/// Whether it is open, or its evidence is still being written.
fn may_change(incident: &Incident, beside: &Beside) -> bool {
    let is_recent = |closed: Timestamp| beside.now.seconds_since(closed) < SEALED_WITHIN;
    let has_evidence = incident.evidence_url.is_some() && beside.is_stored;
    incident.closed_at.is_none_or(|closed| has_evidence && beside.files.is_empty() && is_recent(closed))
}

fn figures(incident: &Incident, now: Timestamp) -> Vec<(&'static str, Html, Html)> {
    let (packets, bits) = rate(peak(incident));
    let onset = incident.onset();
    let name = if incident.closed_at.is_some() { "Over since" } else { "Last seen" };
    let end = (name, Html::moment(incident.updated_at), for_how_long(incident, now));
    let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
    let spoofed = if incident.sources.spoofing_likely { "their addresses are probably spoofed" } else { "" };
    vec![
        ("Since", Html::moment(onset), Html(format!("detected {:.1} s later", incident.detected_after_seconds))),
        (end.0, end.1, Html(end.2)),
        ("Peak", Html(packets), Html(bits)),
        (
            "Total",
            Html(format!("{} packets", grouped(incident.totals.packets))),
            Html(format!("{}B", crate::base::scaled(incident.totals.bytes))),
        ),
        (if incident.victims.is_some() { "Victims" } else { "Senders" }, Html(peers.number()), Html::text(spoofed)),
        ("Captured", Html(percent(incident.coverage.captured)), Html(sampling(incident))),
    ]
}

fn sampling(incident: &Incident) -> String {
    match (incident.coverage.sampled, incident.coverage.kernel_dropped) {
        (0 | 1, 0) => "no packet was lost".to_owned(),
        (0 | 1, dropped) => format!("the kernel dropped {} packets", grouped(dropped)),
        (sampled, _) => format!("sampled: 1 in {sampled} packets"),
    }
}

fn timeline(incident: &Incident) -> Html {
    let (Some(first), Some(last)) = (incident.timeline.first(), incident.timeline.last()) else {
        return section("timeline", "Timeline", &["The first second is being counted.".to_owned()], &[]);
    };
    let line = |name: &str, colour, value: fn(&Point) -> u64| Line {
        name: name.to_owned(),
        colour: Some(colour),
        runs: vec![incident.timeline.iter().map(|point| (point.at, value(point) as f64)).collect()],
    };
    let (from, to) = (incident.onset().min(first.at), last.at);
    let marks = vec![(incident.opened_at, "detected".to_owned())];
    let packets = line("packets per second", 0, |point| point.packets_per_second);
    let bits = line("bits per second", 1, |point| point.bits_per_second);
    let packets = Lines { from, to, lines: vec![packets], marks: marks.clone(), ..Lines::default() };
    let bits = Lines { from, to, unit: Unit::Bits, lines: vec![bits], marks, ..Lines::default() };
    let both = format!(
        "<div class=\"columns\">{}{}</div>",
        plot("packets", "Packets per second of the attack", &packets),
        plot("bits", "Bits per second of the attack", &bits)
    );
    section("timeline", "Timeline", &[], &[Html(both)])
}

fn evidence(incident: &Incident) -> Html {
    let rows = incident.evidence.iter().map(|one| {
        let limit = match (one.limit, one.limit_from) {
            (Some(limit), Some(from)) => format!("{} <small>{}</small>", value(limit), from.name()),
            _ => "none".to_owned(),
        };
        vec![
            Html::shown(&one.message),
            Html::text(one.measure),
            Html(value(one.value)),
            Html(limit),
            Html(format!("{} s", one.window_seconds)),
        ]
    });
    let head = &[("What was measured", false), ("Measure", false), ("Value", true), ("Limit", true), ("Window", true)];
    let table = Table { caption: "Why this is an incident", none: "Nothing is recorded.", head, rows: rows.collect() };
    section("evidence", "Evidence", &[], &[table.html()])
}

fn value(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { grouped(value as u64) } else { format!("{value:.3}") }
}

fn people(incident: &Incident) -> Html {
    let names = incident.names.iter().map(|one| {
        let name = if one.name.is_empty() { Html::text("(no name could be read)") } else { Html::shown(&one.name) };
        vec![name, Html::text(&words(one.kind)), share(one.share, one.error)]
    });
    let names = Table {
        caption: "Names that the requests carry",
        none: "No names were seen.",
        head: &[("Name", false), ("From", false), ("Share", true)],
        rows: names.collect(),
    };
    let (title, peers) = match &incident.victims {
        Some(victims) => ("Victims", victims),
        None => ("Senders", &incident.sources),
    };
    let ports = |caption, ports: &[Port]| {
        let rows = ports.iter().map(|port| vec![Html(port.port.to_string()), share(port.share, port.error)]).collect();
        Table { caption, none: "No ports stand out.", head: &[("Port", false), ("Share", true)], rows }.html()
    };
    let bodies = [
        busiest(title, peers),
        names.html(),
        ports("Destination ports", &incident.ports.destination),
        ports("Source ports", &incident.ports.source),
    ];
    let bodies: String = bodies.into_iter().map(|body| format!("<div>{body}</div>")).collect();
    section("parties", "Sources and ports", &[], &[Html(format!("<div class=\"columns\">{bodies}</div>"))])
}

fn busiest(caption: &str, peers: &Peers) -> Html {
    let none = match peers.spoofing_likely {
        true => "None is listed: the addresses are probably spoofed, and belong to bystanders.",
        false => "None stands out.",
    };
    let rows = peers.top.iter().map(|peer| {
        vec![Html(peer.address.to_string()), number(peer.packets), Html(format!("at least {}", percent(peer.share)))]
    });
    let head = &[("Address", false), ("Packets, at least", true), ("Share", true)];
    Table { caption, none, head, rows: rows.collect() }.html()
}

fn share(share: f64, error: f64) -> Html {
    Html(format!("{} <small>±{}</small>", percent(share), percent(error)))
}

fn suggestions(beside: &Beside) -> Html {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let bodies = beside.mitigations.iter().map(|one| {
        let (kind, action) = (text(&one["kind"]), text(&one["action"]).replace('_', " "));
        let shares = |name: &str| one[name].as_f64().map(percent);
        let mut notes: Vec<String> = Vec::new();
        if let Some(attack) = shares("matches_attack") {
            let collateral = shares("collateral").unwrap_or_else(|| "an unknown part".to_owned());
            notes.push(format!(
                "Matches {attack} of the attack and {collateral} of the background traffic, as sampled."
            ));
        }
        let refused = text(&one["refused"]);
        if !refused.is_empty() {
            let word = if text(&one["text"]).is_empty() { "Refused" } else { "Not recommended" };
            notes.push(format!("{word}: {refused}"));
        }
        notes.extend(one["notes"].as_array().into_iter().flatten().map(text));
        let rules = text(&one["text"]);
        let rules: Vec<String> = rules.lines().map(rule).collect();
        Html::of(&Suggestion {
            title: &format!("{kind} ({action})"),
            kind: &kind,
            notes: &notes,
            text: &rules.join("\n"),
        })
    });
    let notes = match beside.mitigations.is_empty() {
        true => vec!["There is no suggestion for this incident.".to_owned()],
        false => vec!["Pegel changes nothing by itself. Check a rule before you load it.".to_owned()],
    };
    section("suggestions", "What you can do", &notes, &bodies.collect::<Vec<_>>())
}

/// A line of a rule, with its indentation.
fn rule(line: &str) -> String {
    let indentation = line.len() - line.trim_start_matches(' ').len();
    " ".repeat(indentation) + &plain(line, 2000)
}

fn proof(incident: &Incident, beside: &Beside) -> Html {
    let id = &incident.id;
    let link = |path: String, name: &str| format!("<li><a href=\"{path}\">{name}</a></li>");
    let mut links = vec![link(format!("../api/v1/incidents/{id}"), "The incident as JSON")];
    if beside.is_stored {
        for (form, name) in [
            ("report", "Report, to print or to send"),
            ("report?language=de", "Report in German"),
            ("report?format=markdown", "Report as Markdown"),
            ("report?format=json", "Report as JSON"),
        ] {
            links.push(link(format!("{id}/{form}"), name));
        }
    }
    for name in &beside.files {
        let what = match name.as_str() {
            "packets.pcapng" => "Packets, for Wireshark or tcpdump",
            "rates.csv" => "Rates by second",
            "summary.txt" => "Summary in plain text",
            "SHA256SUMS" => "Checksums",
            _ => "",
        };
        let shown = Shown(name);
        links.push(format!("<li><a href=\"{id}/evidence/{name}\">{shown}</a> {what}</li>"));
    }
    let notes: Vec<String> = match (incident.closed_at, beside.files.is_empty()) {
        (None, true) => vec!["Evidence is sealed when the incident is over.".to_owned()],
        _ => Vec::new(),
    };
    let mut facts = vec![
        ("ID", Html::text(id)),
        ("Opened", Html::moment(incident.opened_at)),
        ("Confidence", Html(percent(incident.confidence))),
    ];
    for (name, value) in [
        ("Interface", incident.target.interface.clone()),
        ("Part of", incident.part_of.clone()),
        ("Evidence", incident.evidence_url.clone()),
    ] {
        facts.extend(value.map(|value| (name, Html::shown(&value))));
    }
    if let Some(maintenance) = &incident.maintenance {
        facts.push(("Maintenance", Html::shown(&maintenance.why)));
    }
    let facts = Html::of(&Facts { facts });
    section("proof", "Evidence and reports", &notes, &[Html(format!("<ul>{}</ul>", links.concat())), facts])
}
