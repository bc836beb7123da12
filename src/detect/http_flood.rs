//! `http_flood`: requests in cleartext that no audience makes.
//!
//! A crowd is many visitors with few requests each, for pages and their parts; a reverse proxy requests many things; a
//! partner's program keeps its connections. Tools request one path over and over, faster than a person can (HULK,
//! GoldenEye and others only change the query), or paths that they make up one by one (LOIC), mostly over a new connection
//! each.

use super::evidence::context;
use super::exceeded::Exceeded;
use super::limit::Limit;
use super::requests::{HTTP_REQUESTS as REQUESTS, RequestSample, Source};
use super::settings::Limits;
use super::shape;
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::inventory::Site;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "http_flood",
    vectors: &[Vector::HttpFlood],
    summary: "HTTP requests in cleartext for one path over and over, or for made-up paths, faster than people click",
    settings: &[REQUESTS_PER_SECOND],
    needs: &[Need::lasting(Gauge::HttpRequests, &[REQUESTS_PER_SECOND], SUSTAINED_FRACTION.value)],
    thresholds: &[
        BY_HAND,
        BROWSER,
        ONE_SOURCE,
        SUSTAINED_FRACTION,
        KEPT,
        REPEATED_SHARE,
        PLAIN_SHARE,
        INVENTED_SAMPLES,
        INVENTED_SHARE,
        FORWARDED_SHARE,
        INVENTED_KEYS,
        NEW_CONNECTIONS,
        ONE_SITE,
        TOOL_SHARE,
        CROWD_SOURCES,
        CROWD_REPEATED,
        CROWD_EACH,
        CROWD_ANSWERED,
    ],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, site| Box::new(HttpFlood { limit: settings.limit(&REQUESTS_PER_SECOND), site: Arc::clone(site) }),
};

const REQUESTS_PER_SECOND: Setting = Setting {
    key: "requests_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "requests/s",
    doc: "Requests per second by sources that repeat themselves. A tenth of it suffices over ten seconds of requests that only a tool makes; programs that keep their connections need five times as many.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::TcpData];

const BY_HAND: Threshold = Threshold {
    name: "requests by hand",
    value: 8.0,
    unit: "requests/s per source",
    reason: "no person requests one path faster",
    guarded_by: "flash_crowd",
};
const BROWSER: Threshold = Threshold {
    name: "requests of a browser",
    value: 50.0,
    unit: "requests/s per source",
    reason: "a browser opens a page with a hundred pictures in a second",
    guarded_by: "browser",
};
const ONE_SOURCE: Threshold = Threshold {
    name: "requests of one source",
    value: 200.0,
    unit: "requests/s per source",
    reason: "over a new connection each; a company behind one address keeps its connections, and stays below",
    guarded_by: "http_proxy",
};
const SUSTAINED_FRACTION: Threshold = Threshold {
    name: "sustained fraction",
    value: 0.1,
    unit: "times the limit",
    reason: "ten seconds of requests that only a tool makes",
    guarded_by: "http_flood_slow",
};
const KEPT: Threshold = Threshold {
    name: "kept connections' factor",
    value: 5.0,
    unit: "times the limit",
    reason: "programs that look something up keep their connections",
    guarded_by: "http_program",
};
const REPEATED_SHARE: Threshold = Threshold {
    name: "repeated share",
    value: 0.6,
    unit: "share of a source's requests",
    reason: "one path, or one request, dominates",
    guarded_by: "http_program",
};
const PLAIN_SHARE: Threshold = Threshold {
    name: "plain share",
    value: 0.5,
    unit: "share of requests",
    reason: "plain requests carry none of the headers of browsers",
    guarded_by: "http_proxy",
};
const INVENTED_SAMPLES: Threshold = Threshold {
    name: "samples of made-up paths",
    value: 16.0,
    unit: "sampled requests",
    reason: "fewer may all differ by chance",
    guarded_by: "http_crowd",
};
const INVENTED_SHARE: Threshold = Threshold {
    name: "made-up paths",
    value: 0.95,
    unit: "distinct paths per sample",
    reason: "a tool makes up every path",
    guarded_by: "http_flood_paths",
};
const FORWARDED_SHARE: Threshold = Threshold {
    name: "forwarded share",
    value: 0.5,
    unit: "share of requests",
    reason: "a configured proxy says that it forwards",
    guarded_by: "http_configured_proxy",
};
const INVENTED_KEYS: Threshold = Threshold {
    name: "made-up keys",
    value: 0.5,
    unit: "distinct query keys per sample",
    reason: "invented keys bypass caches; programs have fixed keys",
    guarded_by: "http_program",
};
const NEW_CONNECTIONS: Threshold = Threshold {
    name: "new connections",
    value: 0.5,
    unit: "connections per request",
    reason: "tools open one per request or two",
    guarded_by: "http_proxy",
};
const ONE_SITE: Threshold = Threshold {
    name: "one site",
    value: 0.5,
    unit: "share of requests",
    reason: "a crawler, or a visitor, requests many things of many sites",
    guarded_by: "busy_proxy",
};
const TOOL_SHARE: Threshold = Threshold {
    name: "tool share",
    value: 0.5,
    unit: "share of the repeating sources' requests",
    reason: "most of the repetition is certainly a tool's",
    guarded_by: "http_flood",
};
const CROWD_SOURCES: Threshold = Threshold {
    name: "sources of a distributed flood",
    value: 64.0,
    unit: "sampled sources",
    reason: "each is hardly sampled twice",
    guarded_by: "http_crowd",
};
const CROWD_REPEATED: Threshold = Threshold {
    name: "one path of a distributed flood",
    value: 0.8,
    unit: "share of requests",
    reason: "visitors request pages and their parts",
    guarded_by: "http_crowd",
};
const CROWD_EACH: Threshold = Threshold {
    name: "rate of a distributed flood's source",
    value: 3.0,
    unit: "requests/s",
    reason: "visitors who poll a page do so less often",
    guarded_by: "http_checks",
};
const CROWD_ANSWERED: Threshold = Threshold {
    name: "answered share of a distributed flood",
    value: 0.5,
    unit: "responses per request",
    reason: "more than the server can answer",
    guarded_by: "http_crowd",
};

struct HttpFlood {
    limit: Limits,
    site: Arc<Site>,
}

impl Detector for HttpFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Repeats one path, or makes up paths, faster than a person or browser.
fn hammers(source: &Source, fresh: bool) -> bool {
    let repeats = source.rate as f64 >= BY_HAND.value
        && source.repeated_few >= REPEATED_SHARE.value
        && (fresh || source.plain >= PLAIN_SHARE.value);
    let invents = fresh
        && source.rate as f64 >= BROWSER.value
        && f64::from(source.samples) >= INVENTED_SAMPLES.value
        && source.varied >= INVENTED_SHARE.value
        && source.plain >= PLAIN_SHARE.value
        && source.forwarded < FORWARDED_SHARE.value;
    source.is_known() && (repeats || invents)
}

/// Opens more connections than any browser, whatever it requests on them. Proxies are configured; what one of our hosts sends
/// may be theirs as well.
fn opens_many(source: &Source, fresh: bool, outbound: bool) -> bool {
    let is_proxy = outbound || source.forwarded >= FORWARDED_SHARE.value;
    fresh && source.is_known() && source.rate as f64 >= ONE_SOURCE.value && !is_proxy
}

/// Invents the keys of its queries, to bypass caches: no program does.
fn busts_caches(source: &Source) -> bool {
    hammers(source, false) && source.keys >= INVENTED_KEYS.value
}

/// Requests that only a tool makes, at any rate: invented keys, or the identical request over and over, each over a new
/// connection. A program that looks things up requests something else each time; a proxy says that it is one.
fn is_tool(source: &Source, fresh: bool) -> bool {
    let same = fresh
        && hammers(source, true)
        && source.same >= REPEATED_SHARE.value
        && source.plain >= PLAIN_SHARE.value
        && source.forwarded < FORWARDED_SHARE.value;
    same || busts_caches(source)
}

impl HttpFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let base = host.limit(&self.limit);
        let second = host.app_packets(Span::Second, REQUESTS);
        if (second as f64) < base.value * SUSTAINED_FRACTION.value / 2.0 {
            return None;
        }
        let mut requests = RequestSample::of(host, window, REQUESTS);
        requests.believe_only(|source| self.site.is_proxy(source));
        if host.is_outbound() && !requests.is_concentrated() {
            return None;
        }
        // Connections opened for them, by whichever of its packets was captured.
        // Those of TLS carry other requests.
        let hellos = host.app_packets(Span::Second, &[App::TlsClientHello]);
        let opened =
            host.forward(Span::Second).of(Class::TcpSyn).packets.max(host.client_steps(Span::Second).completed.into());
        let opened = opened.saturating_sub(hellos);
        let fresh = NEW_CONNECTIONS.is_reached_by(opened, second);
        let one_site = requests.top_name().is_some_and(|(_, share)| share >= ONE_SITE.value);
        let outbound = host.is_outbound();
        let (sources, share) = requests.sources(|source| {
            let is_alike = one_site || source.repeated_few >= REPEATED_SHARE.value;
            hammers(source, fresh) && is_alike || opens_many(source, fresh, outbound)
        });
        let (tools, tool_share) = requests.sources(|source| is_tool(source, fresh));
        let limit = base.times(if fresh || tool_share >= share * TOOL_SHARE.value { 1.0 } else { KEPT.value });
        let part = |share: f64| move |span: Span| (host.app_packets(span, REQUESTS) as f64 * share) as u64;
        let (exceeded, sources) = if let Some(found) = host.exceeds(limit, part(share)) {
            (found, Some(sources))
        } else if let Some(found) = sustained(host, base, tool_share) {
            (found, Some(tools))
        } else {
            (crowd(host, base, &requests)?, None)
        };
        let mut finding = Finding::new(host, Vector::HttpFlood, CLASSES).graded_by(&exceeded);
        finding.since = match exceeded.span {
            Span::TenSeconds => shape::ten_seconds_before(window.end),
            _ => host.onset(|tick| host.app_packets_in_tick(tick, REQUESTS)),
        };
        finding.names = requests.names("http_host", sources.as_ref());
        let by = sources.as_ref().map_or(requests.by_source.len(), std::collections::BTreeSet::len);
        let connections = if fresh { "each over a new connection" } else { "over kept connections" };
        finding.evidence = vec![
            exceeded.evidence(
                "repeated_requests_per_second",
                &format!(
                    "HTTP requests/s {} by sources that repeat their requests or open hundreds of connections",
                    host.to_or_from()
                ),
                &requests.name_message(),
            ),
            context(
                "requests_for_one_path_share",
                requests.all.repeated,
                1.0,
                format!(
                    "{:.0} % of all sampled requests are for one path, by {by} sources {connections}",
                    requests.all.repeated * 100.0
                ),
            ),
        ];
        Some(finding)
    }
}

/// Ten seconds of requests of which most, judging by the last second, only a tool makes.
fn sustained(host: &HostContext<'_>, base: Limit, share: f64) -> Option<Exceeded> {
    let limit = base.lasting(SUSTAINED_FRACTION.value);
    let rate = |span: Span| host.app_packets(span, REQUESTS) as f64 * share / span.seconds();
    let lasting = rate(Span::Second) >= limit.value / 2.0;
    (share >= REPEATED_SHARE.value && lasting && rate(Span::TenSeconds) >= limit.value).then(|| Exceeded {
        rate: rate(Span::TenSeconds),
        limit,
        span: Span::TenSeconds,
    })
}

/// A distributed flood: very many sources that all request one path and none of its parts, several times a second each, or
/// more than the server can answer. Visitors who poll a page do neither.
fn crowd(host: &HostContext<'_>, limit: Limit, requests: &RequestSample<'_>) -> Option<Exceeded> {
    if (requests.by_source.len() as f64) < CROWD_SOURCES.value
        || requests.all.repeated < CROWD_REPEATED.value
        || requests.all.plain < PLAIN_SHARE.value
    {
        return None;
    }
    let exceeded = host.exceeds(limit, |span| host.app_packets(span, REQUESTS))?;
    let second = host.app_packets(Span::Second, REQUESTS);
    let each = second as f64 / host.distinct_peers().max(1.0);
    let answers = host.reverse_app_packets(Span::Second, &[App::HttpResponse]);
    let overloaded = answers > 0
        && !CROWD_ANSWERED.is_reached_by(answers, second)
        && host.app_packets(Span::TenSeconds, REQUESTS) as f64 >= second as f64 * Span::TenSeconds.seconds() / 2.0;
    (each >= CROWD_EACH.value || overloaded).then_some(exceeded)
}
