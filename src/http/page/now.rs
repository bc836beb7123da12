//! The first page: what happens at the moment. Its parts are written once per change for all who look, at most twice per second.

use super::parts::{IncidentLine, NAVIGATION, Table, VERSION, incident_table, plot, section};
use super::text::{Html, Moment, Shown, for_how_long, number, rate, rate_cell};
use crate::base::{Severity, Timestamp, grouped};
use crate::incident::Incident;
use crate::report::{Line, Lines, Unit};
use crate::view::{Overview, Rate, TrafficSecond, percent, words};
use askama::Template;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Classes that have a line of their own in the plot.
const CLASSES: usize = 5;
/// Rows of its tables.
const ROWS: usize = 10;
/// Open incidents on the page.
const OPEN: usize = 50;

#[derive(Template)]
#[template(path = "page/now.html")]
struct Now<'a> {
    root: &'a str,
    here: &'a str,
    title: &'a str,
    fragments: &'a [(&'static str, Html)],
}

#[derive(Template)]
#[template(path = "page/status.html")]
struct Status<'a> {
    root: &'a str,
    tone: &'static str,
    badge: &'static str,
    headline: &'a str,
    worst: Option<&'a Incident>,
    worst_words: &'static str,
    lasts: String,
    message: &'a str,
    receive: (String, String),
    transmit: (String, String),
    open: usize,
    coverage: String,
    sensor: &'a str,
    at: Option<Timestamp>,
    problems: &'a [String],
}

/// The page as a whole.
pub(super) fn page(overview: &Overview) -> String {
    let (title, fragments) = (overview.headline(), fragments(overview));
    Html::of(&Now { root: "./", here: "Now", title: &title, fragments: &fragments }).0
}

/// Its parts, by ID of the element.
pub(super) fn fragments(overview: &Overview) -> Vec<(&'static str, Html)> {
    vec![
        ("status", status(overview)),
        ("incidents", incidents(overview)),
        ("traffic", traffic(&overview.traffic)),
        ("who", who(overview)),
    ]
}

fn status(overview: &Overview) -> Html {
    let worst = overview.severe().first().copied();
    let problems = overview.sensor.problems();
    let (tone, badge) = match (worst.map(|incident| incident.severity), problems.is_empty(), overview.at) {
        (_, _, None) => ("unknown", "Starting"),
        (Some(Severity::Critical), ..) => ("attack", "Critical"),
        (Some(_), ..) => ("unknown", "Warning"),
        (None, false, _) => ("unknown", "Pegel itself needs attention"),
        (None, true, _) if !overview.sensor.sees_everything() => ("unknown", "Not everything is seen"),
        (None, true, _) => ("clear", "All clear"),
    };
    let last = overview.traffic.last();
    let message = worst.and_then(|incident| incident.evidence.first()).map_or("", |evidence| &evidence.message);
    Html::of(&Status {
        root: "./",
        tone,
        badge,
        headline: &overview.headline(),
        worst,
        worst_words: worst.map_or("no severe ones", |incident| incident.severity.name()),
        lasts: worst.map_or_else(String::new, |worst| for_how_long(worst, overview.at.unwrap_or(worst.updated_at))),
        message,
        receive: rate(last.map(|second| second.receive).unwrap_or_default()),
        transmit: rate(last.map(|second| second.transmit).unwrap_or_default()),
        open: overview.open.len(),
        coverage: overview.sensor.captured(),
        at: overview.at,
        sensor: &overview.sensor.name,
        problems: &problems,
    })
}

fn incidents(overview: &Overview) -> Html {
    let now = overview.at.unwrap_or(Timestamp::ZERO);
    let open = overview.by_urgency();
    let left_out = open.len().saturating_sub(OPEN);
    let lines = open.into_iter().take(OPEN).map(|incident| IncidentLine::new(incident, now)).collect();
    let recent = overview.recent.iter().take(ROWS).map(|incident| IncidentLine::new(incident, now)).collect();
    let notes: Vec<String> = (left_out > 0).then(|| format!("{left_out} more are open.")).into_iter().collect();
    let bodies = [
        incident_table("./", "Open", "No incident is open.", lines),
        incident_table("./", "Recently closed", "None closed since start-up.", recent),
    ];
    section("incident-list", "Incidents", &notes, &bodies)
}

/// What our hosts receive: the classes with most packets have a line each; and all bits.
fn traffic(seconds: &[TrafficSecond]) -> Html {
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else {
        return section("traffic-plot", "Traffic", &["The first second is being counted.".to_owned()], &[]);
    };
    let axis = Lines { from: first.at.minus_seconds(1.0), to: last.at, ..Lines::default() };
    let line = |name: &str, colour, value: &dyn Fn(&TrafficSecond) -> u64| Line {
        name: name.to_owned(),
        colour,
        runs: runs(seconds, value),
    };
    let mut packets: BTreeMap<&'static str, u64> = BTreeMap::new();
    for rates in seconds.iter().flat_map(|second| &second.classes) {
        *packets.entry(rates.class).or_default() += rates.receive.packets_per_second;
    }
    let mut classes: Vec<(&'static str, u64)> = packets.into_iter().filter(|(_, packets)| *packets > 0).collect();
    classes.sort_by_key(|(class, packets)| (Reverse(*packets), *class));
    classes.truncate(CLASSES);
    // A colour stays with its class while the same ones are drawn.
    classes.sort_unstable();
    let of = |second: &TrafficSecond, class: &str| {
        let found = second.classes.iter().find(|rates| rates.class == class);
        found.map_or(0, |rates| rates.receive.packets_per_second)
    };
    let all = line("all received", None, &|second| second.receive.packets_per_second);
    let by_class = classes.iter().enumerate();
    let by_class = by_class.map(|(colour, (class, _))| line(&words(class), Some(colour), &|second| of(second, class)));
    let packets = Lines { lines: std::iter::once(all).chain(by_class).collect(), ..axis.clone() };
    let bits = [
        line("received", Some(0), &|second| second.receive.bits_per_second),
        line("sent", Some(1), &|second| second.transmit.bits_per_second),
    ];
    let bits = Lines { unit: Unit::Bits, lines: bits.to_vec(), ..axis };
    let both = format!(
        "<div class=\"columns\">{}{}</div>",
        plot("packets-now", "Packets received per second, by class", &packets),
        plot("bits-now", "Bits per second", &bits)
    );
    section("traffic-plot", "Traffic", &[], &[Html(both)])
}

/// One run for each time without a gap: what was not counted is not drawn.
fn runs(seconds: &[TrafficSecond], value: &dyn Fn(&TrafficSecond) -> u64) -> Vec<Vec<(Timestamp, f64)>> {
    let follows = |a: &TrafficSecond, b: &TrafficSecond| b.at.seconds_since(a.at) < 1.5;
    let points = |run: &[TrafficSecond]| run.iter().map(|second| (second.at, value(second) as f64)).collect();
    seconds.chunk_by(follows).map(points).collect()
}

fn who(overview: &Overview) -> Html {
    let busiest = |caption, none, first, rows: Vec<(Html, Rate, Rate)>| {
        let rows =
            rows.into_iter().map(|(name, receive, transmit)| vec![name, rate_cell(receive), rate_cell(transmit)]);
        let head = &[(first, false), ("Receives", true), ("Sends", true)];
        Table { caption, none, head, rows: rows.take(ROWS).collect() }.html()
    };
    let with_guest = |name: String, guest: &Option<String>| {
        let guest = guest.as_ref().map(|guest| format!(" <small>{}</small>", Shown(guest))).unwrap_or_default();
        Html(format!("{}{guest}", Shown(&name)))
    };
    let hosts = overview
        .hosts
        .iter()
        .map(|host| (with_guest(host.address.to_string(), &host.guest), host.receive, host.transmit));
    let stations =
        overview.stations.iter().map(|one| (with_guest(one.mac.to_string(), &one.guest), one.receive, one.transmit));
    let guests = overview.guests.iter().map(|guest| {
        let rate = |traffic: crate::view::TrafficView| Rate {
            packets_per_second: traffic.packets_per_second,
            bits_per_second: traffic.bits_per_second,
        };
        (Html::shown(&guest.label), rate(guest.receive), rate(guest.transmit))
    });
    let mut parts = vec![
        section(
            "hosts",
            "Busiest hosts",
            &[known(overview.hosts_known, "host")],
            &[busiest("The last second", "No host has ten packets per second.", "Address", hosts.collect())],
        ),
        section("networks", "Where packets come from", &[], &[networks(overview)]),
    ];
    if !overview.guests.is_empty() {
        parts.push(section("guest-list", "Guests", &[], &[busiest("The last second", "", "Guest", guests.collect())]));
    }
    let known = known(overview.stations_known, "station");
    let body = busiest("Over about a second", "No station sends or receives.", "MAC address", stations.collect());
    parts.push(section("station-list", "Stations", &[known], &[body]));
    let all: String = parts.into_iter().map(|part| part.0).collect();
    Html(format!("<div class=\"columns\">{all}</div>"))
}

pub(super) fn known(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what} is known."),
        count => format!("{} {what}s are known.", grouped(count as u64)),
    }
}

fn networks(overview: &Overview) -> Html {
    let rows = overview.networks.networks.iter().take(ROWS).map(|network| {
        let error = if network.error == 0.0 { "exact".to_owned() } else { format!("±{}", percent(network.error)) };
        vec![Html::text(&network.network), Html(format!("{} <small>{error}</small>", percent(network.share)))]
    });
    let none = match overview.networks.sampled {
        0 => "Our hosts received nothing in the last second.",
        _ => "No network has a share that stands out.",
    };
    let caption = format!("Share of a sample of {} packets", number(overview.networks.sampled as u64));
    Table { caption: &caption, none, head: &[("Network", false), ("Share", true)], rows: rows.collect() }.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_before_there_is_anything() {
        let html = page(&Overview::default());
        assert!(html.contains("Starting") && html.contains("No incident is open."), "{html}");
    }
}
