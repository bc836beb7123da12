//! `dns_query_flood`: valid DNS queries that a server cannot or will not answer, or the same one over and over.
//!
//! A busy server answers its queries, at any rate. Queries from spoofed sources stay unanswered once it is overloaded, or
//! are refused; and resolvers cache responses, so no honest one sends the same query hundreds of times a second. Queries
//! for made-up names are `dns_water_torture`.

use super::dns;
use super::exceeded::Exceeded;
use super::limit::Limit;
use super::quantities::{self, dns_queries as queries, dns_replies as replies};
use super::requests::RequestSample;
use super::settings::Limits;
use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "dns_query_flood",
    vectors: &[Vector::DnsQueryFlood],
    summary: "valid DNS queries that stay unanswered or are refused, or one of them over and over",
    settings: &[QUERIES_PER_SECOND],
    needs: &[Need::lasting(Gauge::DnsQueries, &[QUERIES_PER_SECOND], SUSTAINED_FRACTION.value)],
    thresholds: &[
        SUSTAINED_FRACTION,
        REPEATED,
        EACH,
        LOST_SHARE,
        LOST_SHARE_OF_BURST,
        REPEATED_SHARE,
        UNANSWERED_SHARE,
        EVER_NEW,
        EVER_NEW_SOURCES,
        FEW_NAMES,
    ],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, _| Box::new(DnsQueryFlood { limit: settings.limit(&QUERIES_PER_SECOND) }),
};

const QUERIES_PER_SECOND: Setting = Setting {
    key: "queries_per_second",
    default: 1000.0,
    min: 1.0,
    max: 1e9,
    unit: "queries/s",
    doc: "Queries per second that are not answered, or refused. Five times as many where one is repeated and answered; a tenth over ten seconds of constantly changing sources.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::Udp];

const SUSTAINED_FRACTION: Threshold = Threshold {
    name: "sustained fraction",
    value: 0.1,
    unit: "times the limit",
    reason: "ten seconds of constantly changing sources without an answer are unmistakable",
    guarded_by: "dns_query_flood_slow",
};
const REPEATED: Threshold = Threshold {
    name: "repeated query factor",
    value: 5.0,
    unit: "times the limit",
    reason: "a query that is answered harms less",
    guarded_by: "dns_server_busy",
};
const EACH: Threshold = Threshold {
    name: "repeated queries per source",
    value: 100.0,
    unit: "queries/s",
    reason: "resolvers cache; a stub without a cache sends fewer",
    guarded_by: "dns_resolver",
};
const LOST_SHARE: Threshold = Threshold {
    name: "unanswered share",
    value: 0.2,
    unit: "share of queries",
    reason: "a loaded server loses some queries",
    guarded_by: "dns_server_busy",
};
const LOST_SHARE_OF_BURST: Threshold = Threshold {
    name: "unanswered share of a burst",
    value: 0.8,
    unit: "share of queries",
    reason: "responses take time, so in a burst only nearly all without one mean something",
    guarded_by: "dns_resolver",
};
const REPEATED_SHARE: Threshold = Threshold {
    name: "share of one query",
    value: 0.8,
    unit: "share of a source's queries",
    reason: "a source that repeats one query, with a few others",
    guarded_by: "dns_query_flood",
};
const UNANSWERED_SHARE: Threshold = Threshold {
    name: "unanswered share of ten seconds",
    value: 0.9,
    unit: "share of queries",
    reason: "a server that is overloaded or refuses answers hardly any query",
    guarded_by: "dns_query_flood_slow",
};

const EVER_NEW: Threshold = Threshold {
    name: "changing sources' factor",
    value: 2.0,
    unit: "times the limit",
    reason: "resolvers of a whole country may ask for a popular name at the same time, and are answered",
    guarded_by: "dns_query_flood_answered",
};
const EVER_NEW_SOURCES: Threshold = Threshold {
    name: "changing sources",
    value: 0.5,
    unit: "distinct sources per query",
    reason: "resolvers ask again; spoofed sources hardly occur twice",
    guarded_by: "dns_server_busy",
};
const FEW_NAMES: Threshold = Threshold {
    name: "few names",
    value: 0.2,
    unit: "share of the most frequent question",
    reason: "an authoritative server is asked for many names",
    guarded_by: "dns_server_busy",
};

struct DnsQueryFlood {
    limit: Limits,
}

impl Detector for DnsQueryFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Queries that were not answered, or with an error.
fn unhelped(host: &HostDirection<'_>, span: Span) -> u64 {
    let errors = host.reverse_app_packets(span, &[App::DnsFailure]);
    (quantities::unanswered_dns_queries(host, span) + errors).min(queries(host, span))
}

impl DnsQueryFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let second = queries(host, Span::Second);
        if (second as f64) < limit.value * SUSTAINED_FRACTION.value / 2.0 {
            return None;
        }
        let lost = host.exceeds(limit, |span| {
            let unhelped = unhelped(host, span);
            let share = if span == Span::Burst { LOST_SHARE_OF_BURST } else { LOST_SHARE };
            if share.is_reached_by(unhelped, queries(host, span)) { unhelped } else { 0 }
        });
        let profile = host.profile(CLASSES);
        // A capture of one direction shows no responses: the queries of few forwarders from fixed ports are no flood.
        let one_way = replies(host, Span::TenSeconds) == 0 && !profile.many_flows();
        let lost = lost.filter(|_| !one_way);
        let (exceeded, why) = match (lost, sustained(host, limit, &profile)) {
            (Some(found), _) => (found, "without a useful response"),
            (None, Some(found)) => (found, "from constantly changing sources, without a response"),
            (None, None) => match repeated(host, limit, window) {
                Some(found) => (found, "for one name, by sources that repeat the query"),
                None => (ever_new(host, limit, window)?, "for few names, each from a new source"),
            },
        };
        let requests = RequestSample::of(host, window, dns::QUERIES);
        let made_up = dns::made_up_zone(&requests).is_some_and(|made_up| made_up.is_plain);
        if host.is_excused(&exceeded, "the names are made up: dns_water_torture reports them", made_up) {
            return None;
        }
        let mut finding = Finding::new(host, Vector::DnsQueryFlood, CLASSES).graded_by(&exceeded);
        finding.since = match exceeded.span {
            Span::TenSeconds => shape::ten_seconds_before(window.end),
            _ => host.onset(|tick| host.app_packets_in_tick(tick, dns::QUERIES)),
        };
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        finding.names = requests.names("dns_zone", None);
        let (failures, answers) =
            (host.reverse_app_packets(Span::Second, &[App::DnsFailure]), replies(host, Span::Second));
        finding.evidence = vec![
            exceeded.evidence(
                "unhelped_dns_queries_per_second",
                &format!("DNS queries/s {} {why}", host.to_or_from()),
                &format!(
                    "; {second} queries and {answers} responses in the last second, {failures} of them errors{}",
                    requests.name_message()
                ),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}

/// Ten seconds in which nearly every query had a new source and none was answered.
fn sustained(host: &HostContext<'_>, limit: Limit, profile: &SampleProfile) -> Option<Exceeded> {
    let limit = limit.lasting(SUSTAINED_FRACTION.value);
    let ten = unhelped(host, Span::TenSeconds);
    let enough = ten as f64 >= limit.value * Span::TenSeconds.seconds()
        && UNANSWERED_SHARE.is_reached_by(ten, queries(host, Span::TenSeconds));
    let lasting = unhelped(host, Span::Second) as f64 >= limit.value / 2.0;
    (enough && lasting && profile.many_sources() && shape::is_steadily_spread(host, ten)).then_some(Exceeded {
        rate: ten as f64 / Span::TenSeconds.seconds(),
        limit,
        span: Span::TenSeconds,
    })
}

fn repeated(host: &HostContext<'_>, limit: Limit, window: &Window<'_>) -> Option<Exceeded> {
    let limit = limit.times(REPEATED.value);
    let rate = |span: Span| queries(host, span);
    host.exceeds(limit, rate)?;
    let requests = RequestSample::of(host, window, dns::QUERIES);
    let (_, share) = requests.sources(|source| {
        source.is_known() && source.rate as f64 >= EACH.value && source.repeated >= REPEATED_SHARE.value
    });
    host.exceeds(limit, |span| (rate(span) as f64 * share) as u64)
}

/// Queries for a few names, nearly each from its own source, answered or not.
fn ever_new(host: &HostContext<'_>, limit: Limit, window: &Window<'_>) -> Option<Exceeded> {
    if host.is_outbound() {
        return None;
    }
    let second = queries(host, Span::Second);
    let exceeded = host.exceeds(limit.times(EVER_NEW.value), |span| if span == Span::Second { second } else { 0 })?;
    let all = RequestSample::of(host, window, dns::QUERIES).all;
    (host.distinct_peers() >= EVER_NEW_SOURCES.value * second as f64 && all.repeated >= FEW_NAMES.value)
        .then_some(exceeded)
}
