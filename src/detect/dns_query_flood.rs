//! `dns_query_flood`: valid DNS queries that a server cannot or will not answer, or the same one over and over.
//!
//! A busy server answers what it is asked, at any rate. Queries from spoofed sources stay without answer once it is
//! overrun, or are refused; and resolvers remember what they were told, so nobody with manners asks the same hundreds of
//! times a second. Questions for made-up names are `dns_water_torture`.

use super::dns::{self, queries, replies};
use super::exceeded::{self, Exceeded};
use super::requests::Asking;
use super::settings::{Limit, Limits};
use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Setting};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "dns_query_flood",
    vectors: &[Vector::DnsQueryFlood],
    summary: "valid DNS queries that stay unanswered or are refused, or one of them over and over",
    settings: &[QUERIES_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources,
    build: |settings, _| Box::new(DnsQueryFlood { limit: settings.limit(&QUERIES_PER_SECOND) }),
};

const QUERIES_PER_SECOND: Setting = Setting {
    key: "queries_per_second",
    default: 1000.0,
    min: 1.0,
    max: 1e9,
    unit: "queries/s",
    doc: "Queries a second that are not answered, or refused. Five times as many where one is repeated and answered; a tenth over ten seconds from ever new sources.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::Udp];

/// Share of the limit that is enough where ten seconds make it unmistakable.
const SUSTAINED_FRACTION: f64 = 0.1;
/// Times the limit that one question must be repeated where it is answered, and how often by each source.
const REPEATED: f64 = 5.0;
const EACH: u64 = 100;

struct DnsQueryFlood {
    limit: Limits,
}

impl Detector for DnsQueryFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Queries beyond those that were answered with more than an error.
fn useless(host: &HostDirection<'_>, span: Span) -> u64 {
    queries(host, span).saturating_sub(host.reverse_app_packets(span, &[App::DnsAnswer, App::DnsNxdomain]))
}

impl DnsQueryFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let second = queries(host, Span::Second);
        if (second as f64) < limit.value * SUSTAINED_FRACTION / 2.0 {
            return None;
        }
        // Answers take their time: in a burst only nearly all without one says something.
        let lost = exceeded::exceeded(limit, |span| {
            let (asked, useless) = (queries(host, span), useless(host, span));
            let enough = if span == Span::Burst { useless * 5 >= asked * 4 } else { useless * 2 >= asked };
            if enough { useless } else { 0 }
        });
        let profile = host.profile(CLASSES);
        // A capture of one direction shows no answers at all: what few forwarders ask from a port of theirs is no flood.
        let one_way = replies(host, Span::TenSeconds) == 0 && !profile.many_flows();
        let lost = lost.filter(|_| !one_way);
        let (exceeded, why) = match (lost, sustained(host, limit, &profile)) {
            (Some(found), _) => (found, "without an answer that helps"),
            (None, Some(found)) => (found, "from ever new sources, without answer"),
            (None, None) => (repeated(host, limit, window)?, "for one name, by sources that ask it over and over"),
        };
        let asking = Asking::of(host, window, dns::QUERIES);
        if dns::made_up(&asking).is_some() {
            return None;
        }
        let mut finding =
            Finding::new(host, Vector::DnsQueryFlood, CLASSES).graded(exceeded.rate, exceeded.limit.value);
        finding.since = match exceeded.span {
            Span::TenSeconds => shape::ten_seconds_before(window.end),
            _ => host.onset(|tick| host.app_packets_in_tick(tick, dns::QUERIES)),
        };
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        finding.names = asking.names("dns_zone", None);
        let (failures, answers) =
            (host.reverse_app_packets(Span::Second, &[App::DnsFailure]), replies(host, Span::Second));
        finding.evidence = vec![
            exceeded.evidence(
                "useless_dns_queries_per_second",
                &format!("DNS queries/s {} {why}", host.to_or_from()),
                &format!(
                    "; {second} queries and {answers} answers in the last second, {failures} of them errors{}",
                    asking.message()
                ),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}

/// Ten seconds in which nearly every query had a source of its own and none was answered.
fn sustained(host: &HostContext<'_>, limit: Limit, profile: &SampleProfile) -> Option<Exceeded> {
    let limit = limit.times(SUSTAINED_FRACTION);
    let ten = useless(host, Span::TenSeconds);
    let enough =
        ten as f64 >= limit.value * Span::TenSeconds.seconds() && ten * 10 >= queries(host, Span::TenSeconds) * 9;
    let lasting = useless(host, Span::Second) as f64 >= limit.value / 2.0;
    (enough && lasting && profile.many_sources() && shape::is_steadily_spread(host, ten)).then_some(Exceeded {
        rate: ten as f64 / 10.0,
        limit,
        span: Span::TenSeconds,
    })
}

fn repeated(host: &HostContext<'_>, limit: Limit, window: &Window<'_>) -> Option<Exceeded> {
    let limit = limit.times(REPEATED);
    let rate = |span: Span| queries(host, span);
    exceeded::exceeded(limit, rate)?;
    let asking = Asking::of(host, window, dns::QUERIES);
    let (_, share) = asking.sources(|source| source.is_known() && source.rate >= EACH && source.repeated >= 0.8);
    exceeded::exceeded(limit, |span| (rate(span) as f64 * share) as u64)
}
