//! `gateway_silent`: a router that stations look up no longer replies, or its advertised lifetime has expired. Each
//! address family is inspected separately: an IPv6 router that fails alone often goes unnoticed.

use super::super::evidence::{context, measured};
use super::super::{
    Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, Target, Threshold, settings::Limits,
};
use super::common::{Subject, control_frames, describe_station};
use crate::base::{Severity, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use crate::meter::lan::Gateway;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "gateway_silent",
    vectors: &[Vector::GatewaySilent],
    summary: "a known router that no longer replies to stations that look it up, or whose advertised lifetime has expired",
    settings: &[SECONDS],
    needs: &[],
    thresholds: &[REQUESTS, REQUESTS_NEVER_SEEN],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Nothing("there is nothing to drop: a router is missing"),
    build: |settings, site| Box::new(GatewaySilent { site: Arc::clone(site), limit: settings.limit(&SECONDS) }),
};

const SECONDS: Setting = Setting {
    key: "seconds",
    default: 3.0,
    min: 1.0,
    max: 3600.0,
    unit: "seconds",
    doc: "Time since the first unanswered request, with at least three requests since then.",
    learns: None,
};

const REQUESTS: Threshold = Threshold {
    name: "unanswered requests",
    value: 3.0,
    unit: "requests",
    reason: "one or two requests, or their replies, are lost now and then",
    guarded_by: "l2_gateway_silent",
};
const REQUESTS_NEVER_SEEN: Threshold = Threshold {
    name: "unanswered requests for a router never seen",
    value: 10.0,
    unit: "requests",
    reason: "a configured router of which nothing was captured may be alive and its replies invisible, so more is required",
    guarded_by: "l2_quiet_night",
};

struct GatewaySilent {
    site: Arc<Site>,
    limit: Limits,
}

impl Detector for GatewaySilent {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for gateway in window.lan().gateways().filter(|gateway| gateway.queries_now > 0) {
            let Some(since) = gateway.first_query else { continue };
            let least = match (gateway.last_seen, gateway.is_configured) {
                (Some(_), _) => REQUESTS,
                (None, true) => REQUESTS_NEVER_SEEN,
                (None, false) => continue,
            };
            let silent = window.end.seconds_since(since);
            if silent >= self.limit.base().value && f64::from(gateway.queries) >= least.value {
                findings.push(self.finding(window, gateway, silent));
            }
        }
    }
}

impl GatewaySilent {
    fn finding(&self, window: &Window<'_>, gateway: &Gateway, silent: f64) -> Finding {
        let limit = self.limit.base();
        let subject = Subject {
            window,
            site: &self.site,
            interface: gateway.interface,
            vlan: gateway.domain.vlan,
            vector: Vector::GatewaySilent,
            count: control_frames(gateway.queries_now),
            since: gateway.first_query.unwrap_or(window.end),
        };
        let describe = |mac| describe_station(window, &self.site, gateway.interface, mac);
        let family = if gateway.address.is_v4() { "IPv4" } else { "IPv6" };
        let station = gateway.mac.map_or_else(String::new, |mac| format!(", until now {},", describe(mac)));
        let message = format!(
            "the {family} router {}{station} has not replied to {} requests in {silent:.1} s, limit {} s ({})",
            gateway.address,
            gateway.queries,
            limit.value,
            limit.from.name()
        );
        let askers: Vec<String> = gateway.queriers.iter().map(|&mac| describe(mac)).collect();
        let alive = gateway.last_seen.map_or_else(|| "never seen".to_owned(), |at| format!("last seen at {at}"));
        let requests = format!("{alive}; requests were sent by {}", askers.join(", "));
        let mut evidence = vec![
            measured("silent_seconds", (silent * 10.0).round() / 10.0, limit, silent, message),
            context("askers", askers.len() as f64, silent, requests),
        ];
        if let Some(expired) = gateway.expired {
            let message = format!("its advertised router lifetime expired at {expired}");
            evidence.push(context("advertisement_expired", 1.0, silent, message));
        }
        let mut finding = subject.finding(Target::Host(gateway.address));
        finding.evidence = evidence;
        finding.severity = Severity::Critical;
        finding
    }
}
