//! `gateway_silent`: a router that stations ask for does not answer any more, or the time for which it advertised itself
//! is over. For each family apart: it was IPv6 alone that went away unnoticed, and with it what was filtered there.

use super::super::evidence::{context, measured};
use super::super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, Target, settings::Limits};
use super::common::{About, control_frames, who};
use crate::base::{Severity, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use crate::meter::lan::Gateway;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "gateway_silent",
    vectors: &[Vector::GatewaySilent],
    summary: "a router that answered before and is asked for without any answer, or whose advertisements ran out",
    settings: &[SECONDS],
    thresholds: &[],
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
    doc: "Time from the first question that was not answered, with three questions or more since.",
    learns: None,
};

struct GatewaySilent {
    site: Arc<Site>,
    limit: Limits,
}

/// Questions that must stay without an answer; more where the router was never heard.
const QUESTIONS: u32 = 3;
const QUESTIONS_UNHEARD: u32 = 10;

impl Detector for GatewaySilent {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for gateway in window.lan().gateways().filter(|gateway| gateway.queries_now > 0) {
            let Some(asked) = gateway.first_query else { continue };
            let silent = window.end.seconds_since(asked);
            let least = match (gateway.last_seen, gateway.is_configured) {
                (Some(_), _) => QUESTIONS,
                (None, true) => QUESTIONS_UNHEARD,
                (None, false) => continue,
            };
            if silent >= limit.value && gateway.queries >= least {
                findings.push(self.finding(window, gateway, silent));
            }
        }
    }
}

impl GatewaySilent {
    fn finding(&self, window: &Window<'_>, gateway: &Gateway, silent: f64) -> Finding {
        let limit = self.limit.base();
        let about = About {
            window,
            site: &self.site,
            interface: gateway.interface,
            vlan: gateway.domain.vlan,
            vector: Vector::GatewaySilent,
            count: control_frames(gateway.queries_now),
            since: gateway.first_query.unwrap_or(window.end),
        };
        let family = if gateway.address.is_v4() { "IPv4" } else { "IPv6" };
        let mac = gateway
            .mac
            .map_or_else(String::new, |mac| format!(", until now {}", who(window, &self.site, gateway.interface, mac)));
        let message = format!(
            "the {family} router {}{mac} has not answered {} questions for {silent:.1} s, limit {} s ({})",
            gateway.address,
            gateway.queries,
            limit.value,
            limit.from.name()
        );
        let askers: Vec<String> =
            gateway.queriers.iter().map(|&mac| who(window, &self.site, gateway.interface, mac)).collect();
        let alive = gateway.last_seen.map_or_else(|| "never heard".to_owned(), |at| format!("last heard {at}"));
        let mut evidence = vec![
            measured("silent_seconds", (silent * 10.0).round() / 10.0, limit, silent, message),
            context("askers", askers.len() as f64, silent, format!("{alive}; asked for by {}", askers.join(", "))),
        ];
        if let Some(expired) = gateway.expired {
            let message = format!("the time for which it advertised itself was over at {expired}");
            evidence.push(context("advertisement_expired", 1.0, silent, message));
        }
        let mut finding = about.finding(Target::Host(gateway.address));
        finding.evidence = evidence;
        finding.severity = Severity::Critical;
        finding
    }
}
