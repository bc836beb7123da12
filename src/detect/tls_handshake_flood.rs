//! `tls_handshake_flood`: TLS handshakes without a purpose. Each costs the server many times what it costs the client.
//!
//! After its ClientHello a client finishes the handshake and then sends data. Floods stop after the ClientHello, or after
//! the handshake at a rate that no client has, or renegotiate in the same connection (thc-ssl-dos).

use super::exceeded::Exceeded;
use super::requests::RequestSample;
use super::settings::Limits;
use super::shape;
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "tls_handshake_flood",
    vectors: &[Vector::TlsHandshakeFlood],
    summary: "TLS handshakes without data after them, or renegotiated again and again",
    settings: &[HANDSHAKES_PER_SECOND],
    needs: &[Need::half(Gauge::TlsHandshakes, &[HANDSHAKES_PER_SECOND])],
    thresholds: &[EACH, SEGMENTS, FOLLOWED_SHARE, DATA_SHARE, RENEGOTIATED_DATA],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, _| Box::new(TlsHandshakeFlood { limit: settings.limit(&HANDSHAKES_PER_SECOND) }),
};

const HANDSHAKES_PER_SECOND: Setting = Setting {
    key: "handshakes_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "handshakes/s",
    doc: "TLS handshakes per second without data after them.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::TcpData];
const HELLO: &[App] = &[App::TlsClientHello];
const HANDSHAKE: &[App] = &[App::TlsHandshake];
const DATA: &[App] = &[App::TlsData];

const EACH: Threshold = Threshold {
    name: "handshakes per source",
    value: 20.0,
    unit: "handshakes/s",
    reason: "no client needs more; browsers open about six connections per site",
    guarded_by: "tls_server",
};
const SEGMENTS: Threshold = Threshold {
    name: "segments per handshake",
    value: 3.0,
    unit: "segments",
    reason: "a client ends a handshake with at most three",
    guarded_by: "tls_renegotiation",
};
const FOLLOWED_SHARE: Threshold = Threshold {
    name: "followed share",
    value: 0.5,
    unit: "segments per ClientHello",
    reason: "clients that continue send more than one segment per ClientHello",
    guarded_by: "tls_server_one_way",
};
const DATA_SHARE: Threshold = Threshold {
    name: "data share",
    value: 0.3,
    unit: "data segments per ClientHello",
    reason: "clients send a request on nearly every connection",
    guarded_by: "tls_server",
};
const RENEGOTIATED_DATA: Threshold = Threshold {
    name: "data of renegotiated connections",
    value: 0.5,
    unit: "data segments per handshake segment",
    reason: "honest connections carry more data than handshakes",
    guarded_by: "tls_server",
};

struct TlsHandshakeFlood {
    limit: Limits,
}

impl Detector for TlsHandshakeFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

impl TlsHandshakeFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let hellos = host.app_packets(Span::Second, HELLO);
        let (more, data) = (host.app_packets(Span::Second, HANDSHAKE), host.app_packets(Span::Second, DATA));
        if ((hellos + more) as f64) < limit.value / 2.0 {
            return None;
        }
        let requests = RequestSample::of(host, window, HELLO);
        if host.is_outbound() && !requests.is_concentrated() {
            return None;
        }
        // A client that has just sent its ClientHello has not had time to continue.
        let settled =
            hellos.saturating_sub(host.in_last(shape::UNDER_WAY, |tick| host.app_packets_in_tick(tick, HELLO)));
        let rate = if settled > 0 && !FOLLOWED_SHARE.is_reached_by(more + data, settled) {
            settled as f64 / shape::SETTLED
        } else {
            0.0
        };
        let bare = (rate >= limit.value).then_some(Exceeded { rate, limit, span: Span::Second });
        let renegotiated = |span: Span| {
            let expected = SEGMENTS.value * host.app_packets(span, HELLO) as f64;
            ((host.app_packets(span, HANDSHAKE) as f64 - expected).max(0.0) / SEGMENTS.value) as u64
        };
        let (fast, share) = requests.sources(|source| source.is_known() && source.rate as f64 >= EACH.value);
        let (exceeded, sources, why) = if let Some(found) = bare {
            (found, None, "without anything after the ClientHello")
        } else if hellos > 0
            && !DATA_SHARE.is_reached_by(data, hellos)
            && let Some(found) = host.exceeds(limit, |span| (host.app_packets(span, HELLO) as f64 * share) as u64)
        {
            (found, Some(fast), "without data, by sources that open more than 20/s each")
        } else if more > 0 && !RENEGOTIATED_DATA.is_reached_by(data, more) {
            (host.exceeds(limit, renegotiated)?, None, "renegotiated within connections")
        } else {
            return None;
        };
        let profile = host.profile(CLASSES);
        let mut finding = Finding::new(host, Vector::TlsHandshakeFlood, CLASSES).graded_by(&exceeded);
        finding.since = host.onset(|tick| host.app_packets_in_tick(tick, &[App::TlsClientHello, App::TlsHandshake]));
        finding.names = requests.names("tls_sni", sources.as_ref());
        finding.evidence = vec![
            exceeded.evidence(
                "tls_handshakes_per_second",
                &format!("TLS handshakes/s {} {why}", host.to_or_from()),
                &format!(
                    "; {hellos} ClientHellos and {data} TLS records with data in the last second{}",
                    requests.name_message()
                ),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
