//! `connection_flood`: TCP connections that are opened and then carry nothing.
//!
//! A client that completes a handshake sends data soon after. Floods that fill a server's connection table (sockstress,
//! tools that only connect) do not. One source that tries port after port is a scan.

use super::exceeded::Exceeded;
use super::limit::Limit;
use super::settings::Limits;
use super::shape;
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{ClientSteps, HostDirection, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "connection_flood",
    vectors: &[Vector::ConnectionFlood],
    summary: "TCP connections that are completed and carry nothing",
    settings: &[CONNECTIONS_PER_SECOND],
    needs: &[Need::lasting(Gauge::SilentConnections, &[CONNECTIONS_PER_SECOND], SUSTAINED_FRACTION.value)],
    thresholds: &[CLOSED, SILENT_SHARE, SUSTAINED_FRACTION, SUSTAINED_SILENT],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, _| Box::new(ConnectionFlood { limit: settings.limit(&CONNECTIONS_PER_SECOND) }),
};

const CONNECTIONS_PER_SECOND: Setting = Setting {
    key: "connections_per_second",
    default: 200.0,
    min: 1.0,
    max: 1e9,
    unit: "connections/s",
    doc: "Completed connections per second on which the client sends nothing. A fifth of it suffices over ten seconds.",
    learns: None,
};

const OPENING: &[Class] = &[Class::TcpSyn];
const CLOSED: Threshold = Threshold {
    name: "closed connections",
    value: 20.0,
    unit: "connections counted as one",
    reason: "health checks open a connection and close it in order",
    guarded_by: "health_checks",
};
const SILENT_SHARE: Threshold = Threshold {
    name: "silent share",
    value: 0.5,
    unit: "share of connections",
    reason: "clients of a busy server send data on most connections",
    guarded_by: "short_connections",
};
const SUSTAINED_FRACTION: Threshold = Threshold {
    name: "sustained fraction",
    value: 0.2,
    unit: "times the limit",
    reason: "ten seconds in which nearly all connections stay silent",
    guarded_by: "many_connections",
};
const SUSTAINED_SILENT: Threshold = Threshold {
    name: "silent share of ten seconds",
    value: 0.9,
    unit: "share of connections",
    reason: "nearly all stay silent",
    guarded_by: "keepalives",
};

struct ConnectionFlood {
    limit: Limits,
}

impl Detector for ConnectionFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

/// Completed connections on which the client sent nothing. Those that it closed in order are health checks, of which
/// [`CLOSED`] count as one.
fn silent(steps: &ClientSteps) -> u64 {
    let mute = steps.completed.saturating_sub(steps.used);
    let closed = steps.closed_unused.min(mute);
    u64::from(mute - closed) + (f64::from(closed) / CLOSED.value) as u64
}

impl ConnectionFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let base = host.limit(&self.limit);
        // A client that has just connected has not had time to send: the last tenths do not count yet.
        let under_way = host.in_last(shape::UNDER_WAY, |tick| host.client_steps_in_tick(tick).completed.into());
        let steps = host.client_steps(Span::Second);
        let second = silent(&steps).saturating_sub(under_way);
        let rate = second as f64 / shape::SETTLED;
        let completed = u64::from(steps.completed).saturating_sub(under_way);
        let exceeded = match rate >= base.value && SILENT_SHARE.is_reached_by(second, completed) {
            true => Exceeded { rate, limit: base, span: Span::Second },
            false => sustained(host, base)?,
        };
        let profile = host.profile(OPENING);
        // Outbound connections to many hosts are checks or a sweep.
        let scattered = host.is_outbound() && !profile.is_concentrated();
        if host.is_excused(&exceeded, shape::SCAN, profile.is_port_scan())
            || host.is_excused(&exceeded, "they go to many hosts: checks or a sweep", scattered)
        {
            return None;
        }
        let mut finding = Finding::new(host, Vector::ConnectionFlood, OPENING).graded_by(&exceeded);
        if exceeded.span == Span::TenSeconds {
            finding.since = shape::ten_seconds_before(window.end);
        }
        let steps = host.client_steps(exceeded.span);
        finding.evidence = vec![
            exceeded.evidence(
                "silent_connections_per_second",
                &format!("completed connections/s {} without data from the client", host.to_or_from()),
                &format!(
                    "; {} were completed and {} used in {} s",
                    steps.completed,
                    steps.used,
                    exceeded.span.seconds()
                ),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}

fn sustained(host: &HostDirection<'_>, base: Limit) -> Option<Exceeded> {
    let steps = host.client_steps(Span::TenSeconds);
    let ten = silent(&steps);
    let limit = base.lasting(SUSTAINED_FRACTION.value);
    let enough = ten as f64 >= limit.value * Span::TenSeconds.seconds()
        && SUSTAINED_SILENT.is_reached_by(ten, steps.completed.into());
    let lasting = silent(&host.client_steps(Span::Second)) as f64 >= limit.value / 2.0;
    (enough && lasting).then_some(Exceeded {
        rate: ten as f64 / Span::TenSeconds.seconds(),
        limit,
        span: Span::TenSeconds,
    })
}
