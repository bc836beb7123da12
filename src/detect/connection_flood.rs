//! `connection_flood`: TCP connections that are opened and then carry nothing.
//!
//! Whoever completes a handshake has something to say, soon after. Floods that fill a server's table of connections
//! (sockstress, tools that only connect) do not say it. One source that tries port after port is a scan.

use super::settings::{Limit, Limits};
use super::shape::{self, Over, Profile};
use super::{Case, Detector, DetectorSpec, Finding, Setting};
use crate::base::Vector;
use crate::meter::{Flow, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "connection_flood",
    vectors: &[Vector::ConnectionFlood],
    summary: "TCP connections that are completed and carry nothing",
    settings: &[Setting {
        key: "connections_per_second",
        default: 200.0,
        min: 1.0,
        max: 1e9,
        unit: "connections/s",
        doc: "Completed connections a second on which the client sends nothing. A fifth of it is enough over ten seconds.",
        learns: None,
    }],
    build: |settings, _| Box::new(ConnectionFlood { limit: settings.limit("connections_per_second") }),
};

const OPENING: &[Class] = &[Class::TcpSyn];
/// Connections that are closed as soon as they are open, for one that is kept.
const CLOSED: u64 = 20;
/// Share of the limit that is enough over ten seconds.
const SLOW: f64 = 0.2;

struct ConnectionFlood {
    limit: Limits,
}

impl Detector for ConnectionFlood {
    fn judge(&self, case: &Case<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(case, window));
    }
}

/// Connections beyond those that the clients' segments with data may belong to, and those that a client ended in order:
/// health checks only ask whether somebody answers. Of these, twenty make one.
fn silent(flow: &Flow<'_>, span: Span) -> u64 {
    let forward = flow.forward(span);
    let mute = flow.completed(span).saturating_sub(forward.of(Class::TcpData).packets);
    let closed = forward.of(Class::TcpFin).packets.min(mute);
    mute - closed + closed / CLOSED
}

impl ConnectionFlood {
    fn find(&self, case: &Case<'_>, window: &Window<'_>) -> Option<Finding> {
        let base = case.limit(&self.limit);
        // Who has just connected has not had time to speak: what was completed in the last tenths does not count yet.
        let under_way = case.in_last(shape::UNDER_WAY, |tick| case.completed_in_tick(tick));
        let second = silent(case, Span::Second).saturating_sub(under_way);
        let rate = second as f64 / shape::SETTLED;
        let over = match rate >= base.value && second * 2 >= case.completed(Span::Second).saturating_sub(under_way) {
            true => Over { rate, limit: base, span: Span::Second },
            false => slow(case, base)?,
        };
        let profile = Profile::of_flow(case, OPENING);
        // Of what leaves, connections to many are checks or a sweep.
        let scattered = case.is_outbound() && profile.top_peer.is_none_or(|(_, share)| share < 0.2);
        if profile.is_port_scan() || scattered {
            return None;
        }
        let mut finding = case.finding(Vector::ConnectionFlood, OPENING).graded(over.rate, over.limit.value);
        if over.span == Span::TenSeconds {
            finding.since = shape::ten_seconds_before(window.end);
        }
        let (completed, spoke) = (case.completed(over.span), case.forward(over.span).of(Class::TcpData).packets);
        finding.evidence = vec![
            over.evidence(
                "silent_connections_per_second",
                &format!("completed connections/s {} without a word from the client", case.whom()),
                &format!(
                    "; {completed} were completed and {spoke} segments with data sent in {} s",
                    over.span.seconds()
                ),
            ),
            profile.evidence(case.distinct_peers(), case.is_outbound()),
        ];
        Some(finding)
    }
}

fn slow(flow: &Flow<'_>, base: Limit) -> Option<Over> {
    let ten = silent(flow, Span::TenSeconds);
    let limit = base.times(SLOW);
    let enough =
        ten as f64 >= limit.value * Span::TenSeconds.seconds() && ten * 10 >= flow.completed(Span::TenSeconds) * 9;
    let lasting = silent(flow, Span::Second) as f64 >= limit.value / 2.0;
    (enough && lasting).then_some(Over { rate: ten as f64 / 10.0, limit, span: Span::TenSeconds })
}
