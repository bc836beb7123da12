//! `connection_flood`: TCP connections that are opened and then carry nothing.
//!
//! Whoever completes a handshake has something to say, soon after. Floods that fill a server's table of connections
//! (sockstress, tools that only connect) do not say it. One source that tries port after port is a scan.

use super::exceeded::Exceeded;
use super::settings::{Limit, Limits};
use super::shape;
use super::{Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Setting};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "connection_flood",
    vectors: &[Vector::ConnectionFlood],
    summary: "TCP connections that are completed and carry nothing",
    settings: &[CONNECTIONS_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources,
    build: |settings, _| Box::new(ConnectionFlood { limit: settings.limit(&CONNECTIONS_PER_SECOND) }),
};

const CONNECTIONS_PER_SECOND: Setting = Setting {
    key: "connections_per_second",
    default: 200.0,
    min: 1.0,
    max: 1e9,
    unit: "connections/s",
    doc: "Completed connections a second on which the client sends nothing. A fifth of it is enough over ten seconds.",
    learns: None,
};

const OPENING: &[Class] = &[Class::TcpSyn];
/// Connections that are closed as soon as they are open, for one that is kept.
const CLOSED: u64 = 20;
/// Share of the limit that is enough over ten seconds.
const SUSTAINED_FRACTION: f64 = 0.2;

struct ConnectionFlood {
    limit: Limits,
}

impl Detector for ConnectionFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Connections beyond those that the clients' segments with data may belong to, and those that a client ended in order:
/// health checks only ask whether somebody answers. Of these, twenty make one.
fn silent(host: &HostDirection<'_>, span: Span) -> u64 {
    let forward = host.forward(span);
    let mute = host.completed(span).saturating_sub(forward.of(Class::TcpData).packets);
    let closed = forward.of(Class::TcpFin).packets.min(mute);
    mute - closed + closed / CLOSED
}

impl ConnectionFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let base = host.limit(&self.limit);
        // Who has just connected has not had time to speak: what was completed in the last tenths does not count yet.
        let under_way = host.in_last(shape::UNDER_WAY, |tick| host.completed_in_tick(tick));
        let second = silent(host, Span::Second).saturating_sub(under_way);
        let rate = second as f64 / shape::SETTLED;
        let exceeded = match rate >= base.value && second * 2 >= host.completed(Span::Second).saturating_sub(under_way)
        {
            true => Exceeded { rate, limit: base, span: Span::Second },
            false => sustained(host, base)?,
        };
        let profile = host.profile(OPENING);
        // Of what leaves, connections to many are checks or a sweep.
        let scattered = host.is_outbound() && profile.top_peer.is_none_or(|(_, share)| share < 0.2);
        if profile.is_port_scan() || scattered {
            return None;
        }
        let mut finding =
            Finding::new(host, Vector::ConnectionFlood, OPENING).graded(exceeded.rate, exceeded.limit.value);
        if exceeded.span == Span::TenSeconds {
            finding.since = shape::ten_seconds_before(window.end);
        }
        let (completed, spoke) =
            (host.completed(exceeded.span), host.forward(exceeded.span).of(Class::TcpData).packets);
        finding.evidence = vec![
            exceeded.evidence(
                "silent_connections_per_second",
                &format!("completed connections/s {} without a word from the client", host.to_or_from()),
                &format!(
                    "; {completed} were completed and {spoke} segments with data sent in {} s",
                    exceeded.span.seconds()
                ),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}

fn sustained(host: &HostDirection<'_>, base: Limit) -> Option<Exceeded> {
    let ten = silent(host, Span::TenSeconds);
    let limit = base.times(SUSTAINED_FRACTION);
    let enough =
        ten as f64 >= limit.value * Span::TenSeconds.seconds() && ten * 10 >= host.completed(Span::TenSeconds) * 9;
    let lasting = silent(host, Span::Second) as f64 >= limit.value / 2.0;
    (enough && lasting).then_some(Exceeded { rate: ten as f64 / 10.0, limit, span: Span::TenSeconds })
}
