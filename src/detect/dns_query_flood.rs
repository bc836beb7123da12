//! `dns_query_flood`: valid DNS queries that a server cannot or will not answer, or the same one over and over.
//!
//! A busy server answers what it is asked, at any rate. Queries from spoofed sources stay without answer once it is
//! overrun, or are refused; and resolvers remember what they were told, so nobody with manners asks the same hundreds of
//! times a second. Questions for made-up names are `dns_water_torture`.

use super::asked::Asking;
use super::dns::{self, queries, replies};
use super::settings::{Limit, Limits};
use super::shape::{self, Over, Profile};
use super::{Case, Detector, DetectorSpec, Finding, Setting};
use crate::base::Vector;
use crate::meter::{Flow, Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "dns_query_flood",
    vectors: &[Vector::DnsQueryFlood],
    summary: "valid DNS queries that stay unanswered or are refused, or one of them over and over",
    settings: &[Setting {
        key: "queries_per_second",
        default: 1000.0,
        min: 1.0,
        max: 1e9,
        unit: "queries/s",
        doc: "Queries a second that are not answered, or refused. Five times as many where one is repeated and answered; a tenth over ten seconds from ever new sources.",
        learns: None,
    }],
    build: |settings, _| Box::new(DnsQueryFlood { limit: settings.limit("queries_per_second") }),
};

const CLASSES: &[Class] = &[Class::Udp];

/// Share of the limit that is enough where ten seconds make it unmistakable.
const SLOW: f64 = 0.1;
/// Times the limit that one question must be repeated where it is answered, and how often by each source.
const REPEATED: f64 = 5.0;
const EACH: u64 = 100;

struct DnsQueryFlood {
    limit: Limits,
}

impl Detector for DnsQueryFlood {
    fn judge(&self, case: &Case<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(case, window));
    }
}

/// Queries beyond those that were answered with more than an error.
fn useless(flow: &Flow<'_>, span: Span) -> u64 {
    queries(flow, span).saturating_sub(flow.answers(span, &[App::DnsAnswer, App::DnsNxdomain]))
}

impl DnsQueryFlood {
    fn find(&self, case: &Case<'_>, window: &Window<'_>) -> Option<Finding> {
        let limit = case.limit(&self.limit);
        let second = queries(case, Span::Second);
        if (second as f64) < limit.value * SLOW / 2.0 {
            return None;
        }
        // Answers take their time: in a burst only nearly all without one says something.
        let lost = shape::over(limit, |span| {
            let (asked, useless) = (queries(case, span), useless(case, span));
            let enough = if span == Span::Burst { useless * 5 >= asked * 4 } else { useless * 2 >= asked };
            if enough { useless } else { 0 }
        });
        let profile = Profile::of_flow(case, CLASSES);
        // A capture of one direction shows no answers at all: what few forwarders ask from a port of theirs is no flood.
        let one_way = replies(case, Span::TenSeconds) == 0 && !profile.many_flows();
        let lost = lost.filter(|_| !one_way);
        let (over, why) = match (lost, slow(case, limit, &profile)) {
            (Some(over), _) => (over, "without an answer that helps"),
            (None, Some(over)) => (over, "from ever new sources, without answer"),
            (None, None) => (repeated(case, limit, window)?, "for one name, by sources that ask it over and over"),
        };
        let asking = Asking::of(case, window, dns::QUERIES);
        if dns::made_up(&asking).is_some() {
            return None;
        }
        let mut finding = case.finding(Vector::DnsQueryFlood, CLASSES).graded(over.rate, over.limit.value);
        finding.since = match over.span {
            Span::TenSeconds => shape::ten_seconds_before(window.end),
            _ => case.onset(|tick| case.asks_in_tick(tick, dns::QUERIES)),
        };
        finding.spoofing_likely = !case.is_outbound() && profile.many_sources();
        finding.names = asking.names("dns_zone", None);
        let (failures, answers) = (case.answers(Span::Second, &[App::DnsFailure]), replies(case, Span::Second));
        finding.evidence = vec![
            over.evidence(
                "useless_dns_queries_per_second",
                &format!("DNS queries/s {} {why}", case.whom()),
                &format!(
                    "; {second} queries and {answers} answers in the last second, {failures} of them errors{}",
                    asking.says()
                ),
            ),
            profile.evidence(case.distinct_peers(), case.is_outbound()),
        ];
        Some(finding)
    }
}

/// Ten seconds in which nearly every query had a source of its own and none was answered.
fn slow(case: &Case<'_>, limit: Limit, profile: &Profile) -> Option<Over> {
    let limit = limit.times(SLOW);
    let ten = useless(case, Span::TenSeconds);
    let enough =
        ten as f64 >= limit.value * Span::TenSeconds.seconds() && ten * 10 >= queries(case, Span::TenSeconds) * 9;
    let lasting = useless(case, Span::Second) as f64 >= limit.value / 2.0;
    (enough && lasting && profile.many_sources() && shape::steadily_spread(case, ten, 0.0)).then_some(Over {
        rate: ten as f64 / 10.0,
        limit,
        span: Span::TenSeconds,
    })
}

fn repeated(case: &Case<'_>, limit: Limit, window: &Window<'_>) -> Option<Over> {
    let limit = limit.times(REPEATED);
    let rate = |span: Span| queries(case, span);
    shape::over(limit, rate)?;
    let asking = Asking::of(case, window, dns::QUERIES);
    let (_, share) = asking.sources(|source| source.is_known() && source.rate >= EACH && source.repeated >= 0.8);
    shape::over(limit, |span| (rate(span) as f64 * share) as u64)
}
