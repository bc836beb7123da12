//! `tls_handshake_flood`: TLS handshakes for their own sake. A server pays for each many times what its client does.
//!
//! A client that says hello goes on to finish the handshake and then sends data. Floods stop after the hello, or after
//! the handshake at a rate that no client has, or begin it anew in the same connection (thc-ssl-dos).

use super::exceeded::{self, Exceeded};
use super::requests::Asking;
use super::settings::Limits;
use super::shape;
use super::{Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Setting};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "tls_handshake_flood",
    vectors: &[Vector::TlsHandshakeFlood],
    summary: "TLS handshakes after which no data comes, or that are begun again and again",
    settings: &[HANDSHAKES_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources,
    build: |settings, _| Box::new(TlsHandshakeFlood { limit: settings.limit(&HANDSHAKES_PER_SECOND) }),
};

const HANDSHAKES_PER_SECOND: Setting = Setting {
    key: "handshakes_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "handshakes/s",
    doc: "TLS handshakes a second without data after them.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::TcpData];
const HELLO: &[App] = &[App::TlsHello];
const HANDSHAKE: &[App] = &[App::TlsHandshake];
const DATA: &[App] = &[App::TlsData];

/// Handshakes a second of one source that no client needs.
const EACH: u64 = 20;
/// Segments with which a client ends a handshake, at most.
const SEGMENTS: u64 = 3;

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
        let asking = Asking::of(host, window, HELLO);
        if host.is_outbound() && !asking.is_concentrated() {
            return None;
        }
        // Who has just said hello has not had time to go on.
        let settled =
            hellos.saturating_sub(host.in_last(shape::UNDER_WAY, |tick| host.app_packets_in_tick(tick, HELLO)));
        let rate = if (more + data) * 2 < settled { settled as f64 / shape::SETTLED } else { 0.0 };
        let bare = (rate >= limit.value).then_some(Exceeded { rate, limit, span: Span::Second });
        let again = |span: Span| {
            host.app_packets(span, HANDSHAKE).saturating_sub(SEGMENTS * host.app_packets(span, HELLO)) / SEGMENTS
        };
        let (keen, share) = asking.sources(|source| source.is_known() && source.rate >= EACH);
        let (exceeded, sources, why) = if let Some(found) = bare {
            (found, None, "after which nothing comes")
        } else if data * 10 < hellos * 3
            && let Some(found) = exceeded::exceeded(limit, |span| (host.app_packets(span, HELLO) as f64 * share) as u64)
        {
            (found, Some(keen), "without data, by sources with more than 20/s each")
        } else if data * 2 < more {
            (exceeded::exceeded(limit, again)?, None, "begun anew within connections")
        } else {
            return None;
        };
        let profile = host.profile(CLASSES);
        let mut finding =
            Finding::new(host, Vector::TlsHandshakeFlood, CLASSES).graded(exceeded.rate, exceeded.limit.value);
        finding.since = host.onset(|tick| host.app_packets_in_tick(tick, &[App::TlsHello, App::TlsHandshake]));
        finding.names = asking.names("tls_sni", sources.as_ref());
        finding.evidence = vec![
            exceeded.evidence(
                "tls_handshakes_per_second",
                &format!("TLS handshakes/s {} {why}", host.to_or_from()),
                &format!("; {hellos} hellos and {data} segments with data in the last second{}", asking.message()),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
