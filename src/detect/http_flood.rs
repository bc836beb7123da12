//! `http_flood`: requests in cleartext that no audience makes.
//!
//! A crowd is many visitors with few requests each, for pages and all that belongs to them; a reverse proxy asks for many
//! things; a partner's program keeps its connections. Tools ask for one path over and over, faster than a person can
//! (HULK, GoldenEye and others only change the query), or for paths that they make up one by one (LOIC), mostly over a
//! new connection each.

use super::evidence::context;
use super::exceeded::{self, Exceeded};
use super::requests::{Asking, Source};
use super::settings::{Limit, Limits};
use super::shape;
use super::{Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Setting};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "http_flood",
    vectors: &[Vector::HttpFlood],
    summary: "HTTP requests in cleartext for one path over and over, or for made-up ones, faster than people ask",
    settings: &[REQUESTS_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources,
    build: |settings, _| Box::new(HttpFlood { limit: settings.limit(&REQUESTS_PER_SECOND) }),
};

const REQUESTS_PER_SECOND: Setting = Setting {
    key: "requests_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "requests/s",
    doc: "Requests a second by sources that repeat themselves. A tenth of it is enough over ten seconds where they are a tool's for certain; five times it is needed of programs that keep their connections.",
    learns: None,
};

pub(super) const REQUESTS: &[App] = &[App::HttpRequest, App::HttpUnfinished, App::HttpBodyAwaited];
const CLASSES: &[Class] = &[Class::TcpData];

/// Requests a second for one thing that nobody makes by hand.
const BY_HAND: u64 = 8;
/// The same for things that differ: a browser opens a page with a hundred pictures in a second.
const BROWSER: u64 = 50;
/// Share of the limit that is enough over ten seconds, and how much more is needed of programs that keep connections.
const SUSTAINED_FRACTION: f64 = 0.1;
const KEPT: f64 = 5.0;

struct HttpFlood {
    limit: Limits,
}

impl Detector for HttpFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Repeats one path, or makes up paths, at a rate of its own.
fn hammers(source: &Source, fresh: bool) -> bool {
    let repeats = source.rate >= BY_HAND && source.repeated >= 0.6 && (fresh || source.plain >= 0.5);
    let invents = fresh
        && source.rate >= BROWSER
        && source.samples >= 16
        && source.varied >= 0.95
        && source.plain >= 0.5
        && source.forwarded < 0.5;
    source.is_known() && (repeats || invents)
}

/// Invents the keys of its queries, to get past caches: no program does.
fn busts_caches(source: &Source) -> bool {
    hammers(source, false) && source.keys >= 0.5
}

/// A tool's requests for certain, at any rate: invented keys, or the very same request over and over, each over a new
/// connection. A program that looks things up asks for something else each time; a proxy says that it is one.
fn is_tool(source: &Source, fresh: bool) -> bool {
    let same = fresh && hammers(source, true) && source.same >= 0.6 && source.plain >= 0.5 && source.forwarded < 0.5;
    same || busts_caches(source)
}

impl HttpFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let base = host.limit(&self.limit);
        let second = host.app_packets(Span::Second, REQUESTS);
        if (second as f64) < base.value * SUSTAINED_FRACTION / 2.0 {
            return None;
        }
        let asking = Asking::of(host, window, REQUESTS);
        if host.is_outbound() && !asking.is_concentrated() {
            return None;
        }
        // Connections opened for them, by whichever of its packets was captured.
        let opened = host.forward(Span::Second).of(Class::TcpSyn).packets.max(host.completed(Span::Second));
        let fresh = opened * 2 >= second;
        // Who asks many sites for many things is a crawler, or a visitor of all of them.
        let one_site = asking.top_name().is_some_and(|(_, share)| share >= 0.5);
        let (sources, share) = asking.sources(|source| hammers(source, fresh) && (one_site || source.repeated >= 0.6));
        let (tools, tool_share) = asking.sources(|source| is_tool(source, fresh));
        let limit = base.times(if fresh || tool_share * 2.0 >= share { 1.0 } else { KEPT });
        let part = |share: f64| move |span: Span| (host.app_packets(span, REQUESTS) as f64 * share) as u64;
        let (exceeded, sources) = if let Some(found) = exceeded::exceeded(limit, part(share)) {
            (found, Some(sources))
        } else if let Some(found) = sustained(host, base, tool_share) {
            (found, Some(tools))
        } else {
            (crowd(host, base, &asking)?, None)
        };
        let mut finding = Finding::new(host, Vector::HttpFlood, CLASSES).graded(exceeded.rate, exceeded.limit.value);
        finding.since = match exceeded.span {
            Span::TenSeconds => shape::ten_seconds_before(window.end),
            _ => host.onset(|tick| host.app_packets_in_tick(tick, REQUESTS)),
        };
        finding.names = asking.names("http_host", sources.as_ref());
        let by = sources.as_ref().map_or(asking.by_source.len(), std::collections::BTreeSet::len);
        let connections = if fresh { "each over a new connection" } else { "over kept connections" };
        finding.evidence = vec![
            exceeded.evidence(
                "repeated_requests_per_second",
                &format!("HTTP requests/s {} by sources that repeat themselves", host.to_or_from()),
                &asking.message(),
            ),
            context(
                "requests_for_one_path_share",
                asking.all.repeated,
                1.0,
                format!(
                    "{:.0} % of all sampled requests are for one path, by {by} sources {connections}",
                    asking.all.repeated * 100.0
                ),
            ),
        ];
        Some(finding)
    }
}

/// Ten seconds of requests of which most are a tool's, to go by the last one.
fn sustained(host: &HostContext<'_>, base: Limit, share: f64) -> Option<Exceeded> {
    let limit = base.times(SUSTAINED_FRACTION);
    let rate = |span: Span| host.app_packets(span, REQUESTS) as f64 * share / span.seconds();
    let lasting = rate(Span::Second) >= limit.value / 2.0;
    (share >= 0.6 && lasting && rate(Span::TenSeconds) >= limit.value).then(|| Exceeded {
        rate: rate(Span::TenSeconds),
        limit,
        span: Span::TenSeconds,
    })
}

/// So many sources that each is hardly seen twice in the sample, all asking for one path and nothing that belongs to it:
/// several times a second each, or more than the server can answer. Visitors who poll a page do neither.
fn crowd(host: &HostContext<'_>, limit: Limit, asking: &Asking<'_>) -> Option<Exceeded> {
    if asking.by_source.len() < 64 || asking.all.repeated < 0.8 || asking.all.plain < 0.5 {
        return None;
    }
    let exceeded = exceeded::exceeded(limit, |span| host.app_packets(span, REQUESTS))?;
    let requests = host.app_packets(Span::Second, REQUESTS);
    let each = requests as f64 / host.distinct_peers().max(1.0);
    let answers = host.reverse_app_packets(Span::Second, &[App::HttpAnswer]);
    let swamped = answers > 0 && answers * 2 < requests && host.app_packets(Span::TenSeconds, REQUESTS) >= 5 * requests;
    (each >= 3.0 || swamped).then_some(exceeded)
}
