//! `slow_http`: connections to a web server that are kept busy by a few bytes at a time (Slowloris, R-U-Dead-Yet,
//! slowhttptest).
//!
//! A real client sends its request in one piece, and what does not fit into one TCP segment follows immediately. Many
//! heads without an end, in segments that had room for it, or many heads whose body arrives a few bytes at a time, are no
//! clients. The client's direction alone shows it, on any port. Many clients that request and then do not read the
//! response are none either.

use super::evidence::{context, measured};
use super::exceeded::Exceeded;
use super::limit::Limit;
use super::requests::{HTTP_REQUESTS as REQUESTS, RequestSample};
use super::settings::Limits;
use super::shape;
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "slow_http",
    vectors: &[Vector::SlowHttp],
    summary: "many HTTP requests whose head or body never ends, kept open a few bytes at a time, or whose response is not read",
    settings: &[CONNECTIONS],
    needs: &[Need::any(Gauge::SlowHttp)],
    thresholds: &[READ_PER_ACK, LEAST_PROBES, MOST_PROBES, BODY_SIZE, TINY_SHARE, MINUTE_FACTOR],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, _| Box::new(SlowHttp { limit: settings.limit(&CONNECTIONS) }),
};

const CONNECTIONS: Setting = Setting {
    key: "connections",
    default: 100.0,
    min: 1.0,
    max: 1e9,
    unit: "connections",
    doc: "Connections within ten seconds on which a request was started and not finished; twice as many within a minute.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::TcpData];
const OPEN: &[App] = &[App::HttpIncomplete, App::HttpAwaitingBody];

/// Counts the connections of a span that are stalled in one way.
type Counting = fn(&HostContext<'_>, Span) -> u64;

struct SlowHttp {
    limit: Limits,
}

impl Detector for SlowHttp {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Responses beyond those to requests that were complete in their first segment.
fn late_answers(host: &HostContext<'_>, span: Span) -> u64 {
    host.reverse_app_packets(span, &[App::HttpResponse]).saturating_sub(host.app_packets(span, &[App::HttpRequest]))
}

/// Heads that were started and not finished, beyond those that a later segment finished or that were answered.
fn open_heads(host: &HostContext<'_>, span: Span) -> u64 {
    let begun = host.app_packets(span, &[App::HttpIncomplete]);
    begun.saturating_sub(host.app_packets(span, &[App::HttpHeadEnd]).max(late_answers(host, span)))
}

const READ_PER_ACK: Threshold = Threshold {
    name: "read between stops",
    value: 8192.0,
    unit: "octets",
    reason: "a media player that has buffered enough reads at least this much between two zero-window ACKs",
    guarded_by: "slow_http_read",
};
const LEAST_PROBES: Threshold = Threshold {
    name: "least probes",
    value: 3.0,
    unit: "ACKs per connection in ten seconds",
    reason: "zero-window probes (RFC 9293 §3.8.6.1) that a client that reads nothing acknowledges",
    guarded_by: "slow_http_read",
};
const MOST_PROBES: Threshold = Threshold {
    name: "most probes",
    value: 30.0,
    unit: "ACKs per connection in a minute",
    reason: "more than the probes of all requests are a flood of another kind",
    guarded_by: "slow_http_read",
};
const BODY_SIZE: Threshold = Threshold {
    name: "size of a body",
    value: 800.0,
    unit: "octets per frame on average",
    reason: "a real body fills its segments; a head or a few bytes have at most half of that on average",
    guarded_by: "slow_http_post",
};
const TINY_SHARE: Threshold = Threshold {
    name: "tiny segments",
    value: 0.25,
    unit: "tiny segments per waiting head",
    reason: "each waiting head is kept open by a segment now and then",
    guarded_by: "slow_http_post",
};
const MINUTE_FACTOR: Threshold = Threshold {
    name: "minute's factor",
    value: 2.0,
    unit: "times the limit",
    reason: "over a minute more honest requests stall",
    guarded_by: "http_split_heads",
};

/// Clients that requested and read next to nothing of the response.
fn stalled(host: &HostContext<'_>, span: Span) -> u64 {
    let acknowledgements = host.app_packets(span, &[App::ZeroWindow]);
    let requests = host.app_packets(Span::Minute, REQUESTS).max(host.app_packets(Span::TenSeconds, REQUESTS));
    let read = host.reverse(span).of(Class::TcpData).bytes;
    let plausible = acknowledgements as f64 <= requests as f64 * MOST_PROBES.value;
    if span != Span::Second && plausible && (read as f64) < acknowledgements as f64 * READ_PER_ACK.value {
        (acknowledgements as f64 / LEAST_PROBES.value) as u64
    } else {
        0
    }
}

/// Heads that wait for a body that arrives a few bytes at a time: a real body of that length brings full segments.
fn open_bodies(host: &HostContext<'_>, span: Span) -> u64 {
    let waiting = host.app_packets(span, &[App::HttpAwaitingBody]);
    let tiny = host.app_packets(span, &[App::TinySegment]);
    let data = host.forward(span).of(Class::TcpData);
    let bulky = data.bytes as f64 >= BODY_SIZE.value * data.packets as f64;
    if TINY_SHARE.is_reached_by(tiny, waiting) && !bulky { waiting.saturating_sub(late_answers(host, span)) } else { 0 }
}

impl SlowHttp {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        // Some of it must continue, or its end would be reported for another minute.
        if host
            .app_packets(Span::Second, &[App::HttpIncomplete, App::HttpAwaitingBody, App::TinySegment, App::ZeroWindow])
            == 0
        {
            return None;
        }
        let ways: [(_, _, Counting); 3] = [
            ("unfinished_heads", "with HTTP requests whose head is not finished", open_heads),
            ("unfinished_bodies", "with HTTP requests whose body is not finished", open_bodies),
            ("stalled_responses", "that do not read the response to their HTTP requests", stalled),
        ];
        let (measure, what, exceeded) = ways.into_iter().find_map(|(measure, what, count)| {
            Some((measure, what, exceeded_in_span(limit, |span| count(host, span))?))
        })?;
        let count = exceeded.rate;
        let mut finding = Finding::new(host, Vector::SlowHttp, CLASSES).graded(count, exceeded.limit.value);
        let seconds = exceeded.span.seconds();
        if host.app_packets(Span::TenSeconds, REQUESTS) > host.app_packets(Span::Second, REQUESTS) {
            finding.since = shape::ten_seconds_before(window.end);
        }
        let requests = RequestSample::of(host, window, if measure == "stalled_responses" { REQUESTS } else { OPEN });
        finding.names = requests.names("http_host", None);
        let tiny = host.app_packets(exceeded.span, &[App::TinySegment, App::ZeroWindow]);
        let answers = host.reverse_app_packets(exceeded.span, &[App::HttpResponse]);
        finding.evidence = vec![
            measured(
                measure,
                count,
                exceeded.limit,
                seconds,
                format!(
                    "{count:.0} connections {} {what} within {seconds:.0} s, limit {} ({}); {answers} responses in that time",
                    host.to_or_from(),
                    exceeded.limit.value,
                    exceeded.limit.from.name(),
                ),
            ),
            context(
                "tiny_segments_per_second",
                tiny as f64 / seconds,
                seconds,
                format!(
                    "{tiny} TCP segments of at most 64 octets, or with a zero window, kept them open in that time{}",
                    requests.name_message()
                ),
            ),
        ];
        Some(finding)
    }
}

/// Here `rate` is the number of connections in the span.
fn exceeded_in_span(limit: Limit, count: impl Fn(Span) -> u64) -> Option<Exceeded> {
    // The ten seconds are full ones: what arrived since is in the last second alone.
    let ten = count(Span::TenSeconds).max(count(Span::Second)) as f64;
    let minute = count(Span::Minute) as f64;
    if ten >= limit.value {
        Some(Exceeded { rate: ten, limit, span: Span::TenSeconds })
    } else if minute >= MINUTE_FACTOR.value * limit.value {
        Some(Exceeded { rate: minute, limit: limit.times(MINUTE_FACTOR.value), span: Span::Minute })
    } else {
        None
    }
}
