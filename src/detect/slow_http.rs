//! `slow_http`: connections to a web server that are kept busy by crumbs (Slowloris, R-U-Dead-Yet, slowhttptest).
//!
//! A real client sends its request in one go, and what does not fit into one segment follows at once. Many heads without
//! an end, in segments that had room for it, or many heads whose body comes in crumbs, are no clients. It shows from the
//! client's side alone and on any port. Many clients that ask and then do not take the answer are none either.

use super::evidence::{context, measured};
use super::exceeded::Exceeded;
use super::http_flood::REQUESTS;
use super::requests::Asking;
use super::settings::{Limit, Limits};
use super::shape;
use super::{Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Setting};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "slow_http",
    vectors: &[Vector::SlowHttp],
    summary: "many HTTP requests whose head or body never ends, kept alive by crumbs, or whose answer is not taken",
    settings: &[CONNECTIONS],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources,
    build: |settings, _| Box::new(SlowHttp { limit: settings.limit(&CONNECTIONS) }),
};

const CONNECTIONS: Setting = Setting {
    key: "connections",
    default: 100.0,
    min: 1.0,
    max: 1e9,
    unit: "connections",
    doc: "Connections within ten seconds on which a request was begun and not ended; twice as many within a minute.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::TcpData];
const OPEN: &[App] = &[App::HttpUnfinished, App::HttpBodyAwaited];

/// How many connections of a span are held up in one way.
type Counting = fn(&HostContext<'_>, Span) -> u64;

struct SlowHttp {
    limit: Limits,
}

impl Detector for SlowHttp {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Answers beyond those to requests that were complete at once.
fn late_answers(host: &HostContext<'_>, span: Span) -> u64 {
    host.reverse_app_packets(span, &[App::HttpAnswer]).saturating_sub(host.app_packets(span, &[App::HttpRequest]))
}

/// Heads that were begun and not ended, in excess of those that a later segment ended or that were answered.
fn open_heads(host: &HostContext<'_>, span: Span) -> u64 {
    let begun = host.app_packets(span, &[App::HttpUnfinished]);
    begun.saturating_sub(host.app_packets(span, &[App::HttpEnd]).max(late_answers(host, span)))
}

/// Octets between two acknowledgements without a window that a player takes at least, who stops while he has enough.
const DRAUGHT: u64 = 8192;
/// Acknowledgements with which a client that takes nothing answers the probes of ten seconds (RFC 9293 §3.8.6.1), at
/// least, and all those of a minute, at most.
const PROBES: (u64, u64) = (3, 30);

/// Clients that asked and take next to nothing of the answer.
fn stalled(host: &HostContext<'_>, span: Span) -> u64 {
    let acknowledgements = host.app_packets(span, &[App::Stalled]);
    let requests = host.app_packets(Span::Minute, REQUESTS).max(host.app_packets(Span::TenSeconds, REQUESTS));
    let taken = host.reverse(span).of(Class::TcpData).bytes;
    // More of them than the probes of that many requests are a flood of another kind.
    let plausible = acknowledgements <= requests.saturating_mul(PROBES.1);
    if span != Span::Second && plausible && taken < acknowledgements * DRAUGHT {
        acknowledgements / PROBES.0
    } else {
        0
    }
}

/// Heads that wait for a body of which only crumbs come: a real body of that length brings full segments.
fn open_bodies(host: &HostContext<'_>, span: Span) -> u64 {
    let waiting = host.app_packets(span, &[App::HttpBodyAwaited]);
    let crumbs = host.app_packets(span, &[App::TinySegment]);
    let data = host.forward(span).of(Class::TcpData);
    // A frame with a head, or with a crumb, has at most a full segment's octets; what is beyond half of that is a body.
    let bulky = data.bytes >= 800 * data.packets;
    if crumbs * 4 >= waiting && !bulky { waiting.saturating_sub(late_answers(host, span)) } else { 0 }
}

impl SlowHttp {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        // Something of it must go on, or its end would be reported for a minute more.
        if host.app_packets(Span::Second, &[App::HttpUnfinished, App::HttpBodyAwaited, App::TinySegment, App::Stalled])
            == 0
        {
            return None;
        }
        let ways: [(_, _, Counting); 3] = [
            ("unfinished_heads", "with HTTP requests whose heads did not end", open_heads),
            ("unfinished_bodies", "with HTTP requests whose bodies did not end", open_bodies),
            ("stalled_answers", "that take no answer to their HTTP requests", stalled),
        ];
        let (measure, what, exceeded) = ways
            .into_iter()
            .find_map(|(measure, what, count)| Some((measure, what, exceeded(limit, |span| count(host, span))?)))?;
        let count = exceeded.rate;
        let mut finding = Finding::new(host, Vector::SlowHttp, CLASSES).graded(count, exceeded.limit.value);
        let seconds = exceeded.span.seconds();
        if host.app_packets(Span::TenSeconds, REQUESTS) > host.app_packets(Span::Second, REQUESTS) {
            finding.since = shape::ten_seconds_before(window.end);
        }
        let asking = Asking::of(host, window, if measure == "stalled_answers" { REQUESTS } else { OPEN });
        finding.names = asking.names("http_host", None);
        let crumbs = host.app_packets(exceeded.span, &[App::TinySegment, App::Stalled]);
        let answers = host.reverse_app_packets(exceeded.span, &[App::HttpAnswer]);
        finding.evidence = vec![
            measured(
                measure,
                count,
                exceeded.limit,
                seconds,
                format!(
                    "{count:.0} connections {} {what} within {seconds:.0} s, limit {} ({}); {answers} answers in that time",
                    host.to_or_from(),
                    exceeded.limit.value,
                    exceeded.limit.from.name(),
                ),
            ),
            context(
                "crumbs_per_second",
                crumbs as f64 / seconds,
                seconds,
                format!(
                    "{crumbs} segments of at most 64 octets, or without room for an answer, kept them alive in that time{}",
                    asking.message()
                ),
            ),
        ];
        Some(finding)
    }
}

/// Here `rate` is the number of connections in the span.
fn exceeded(limit: Limit, count: impl Fn(Span) -> u64) -> Option<Exceeded> {
    // The ten seconds are full ones: what came since is in the last second alone.
    let ten = count(Span::TenSeconds).max(count(Span::Second)) as f64;
    let minute = count(Span::Minute) as f64;
    if ten >= limit.value {
        Some(Exceeded { rate: ten, limit, span: Span::TenSeconds })
    } else if minute >= 2.0 * limit.value {
        Some(Exceeded { rate: minute, limit: limit.times(2.0), span: Span::Minute })
    } else {
        None
    }
}
