//! `rogue_ra`: a station advertises itself as an IPv6 router that is none (RFC 6104). Guests believe it at once.
//!
//! Networks with two routers have them both from the beginning, and neither advertises faster than the standard allows.

use super::super::evidence::measured;
use super::super::{
    Detector, DetectorSpec, Evidence, Finding, FrameMatch, LimitFrom, Merging, Mitigation, Setting, settings::Limits,
};
use super::common::{About, control_frames, is_guest, who};
use crate::base::{Severity, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use crate::meter::lan::Router;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "rogue_ra",
    vectors: &[Vector::RogueRa],
    summary: "a router advertisement of a guest, of none of the configured routers, or of a newcomer beside a router that \
              answers by itself; many routers at once",
    settings: &[ROUTERS],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(ROUTER_ADVERTISEMENTS)),
    build: |settings, site| Box::new(RogueRa { site: Arc::clone(site), limit: settings.limit(&ROUTERS) }),
};

const ROUTERS: Setting = Setting {
    key: "routers",
    default: 8.0,
    min: 3.0,
    max: 64.0,
    unit: "routers",
    doc: "Routers of one segment within ten seconds from which on they are a flood.",
    learns: None,
};

/// Router advertisement and redirect (RFC 4861 §4).
const ROUTER_ADVERTISEMENTS: FrameMatch =
    FrameMatch { nftables: "icmpv6 type { 134, 137 }", pcap: "ip6[6] = 58 and (ip6[40] = 134 or ip6[40] = 137)" };

struct RogueRa {
    site: Arc<Site>,
    limit: Limits,
}

/// Seconds that a router must have been known before another one is a newcomer.
const SETTLED: f64 = 10.0;
/// Advertisements in a row that came too soon.
const HASTY: u32 = 3;

impl Detector for RogueRa {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let now: Vec<&Router> = window.lan().routers().filter(|router| router.advertisements_now > 0).collect();
        let Some(first) = now.first() else { return };
        let many = window.lan().routers().filter(|router| {
            router.domain == first.domain && router.lifetime > 0 && window.end.seconds_since(router.last) <= 10.0
        });
        let many = many.count();
        if many as f64 >= self.limit.base().value {
            // Those that were there before are the ones that suffer.
            let new = |router: &&&Router| window.end.seconds_since(router.first) <= SETTLED / 2.0;
            let made_up: Vec<&Router> = now.iter().filter(new).copied().collect();
            findings.extend(made_up.first().map(|first| self.flood(window, first, &made_up, many)));
            return;
        }
        // Who does not offer to be the default router sends nobody astray (RFC 4861 §4.2).
        for router in now.into_iter().filter(|router| router.lifetime > 0) {
            if let Some((because, limit_from, severity)) = self.why(window, router) {
                findings.push(self.finding(window, router, because, limit_from, severity));
            }
        }
    }
}

impl RogueRa {
    fn why(&self, window: &Window<'_>, router: &Router) -> Option<(String, LimitFrom, Severity)> {
        let configured: Vec<_> =
            self.site.lan_policy().gateways.iter().filter(|gateway| !gateway.is_v4()).copied().collect();
        if !configured.is_empty() {
            let told = "it is none of the configured routers".to_owned();
            return (!configured.contains(&router.address)).then_some((told, LimitFrom::Config, Severity::Critical));
        }
        if is_guest(window, &self.site, router.interface, router.mac) {
            return Some(("a guest is no router".to_owned(), LimitFrom::Default, Severity::Critical));
        }
        let settled = window.lan().routers().find(|other| {
            other.domain == router.domain
                && (other.mac, other.address) != (router.mac, router.address)
                && window.end <= other.last.plus_seconds(f64::from(other.lifetime))
                && router.first.seconds_since(other.first) >= SETTLED
                && other.advertisements > 1
        })?;
        let hasty = router.too_frequent >= HASTY && settled.too_frequent < HASTY;
        let alone = settled.answered > 0 && router.first.seconds_since(settled.first) >= SETTLED;
        if !hasty && !alone {
            return None;
        }
        let name = who(window, &self.site, settled.interface, settled.mac);
        let told = format!("{name} ({}) has been the router since {}", settled.address, settled.first);
        Some((told, LimitFrom::Default, Severity::Warning))
    }

    fn about<'w>(&'w self, window: &'w Window<'w>, router: &Router, frames: u32) -> About<'w> {
        About {
            window,
            site: &self.site,
            interface: router.interface,
            vlan: router.domain.vlan,
            vector: Vector::RogueRa,
            count: control_frames(frames),
            since: router.first,
        }
    }

    fn finding(
        &self,
        window: &Window<'_>,
        router: &Router,
        because: String,
        limit_from: LimitFrom,
        severity: Severity,
    ) -> Finding {
        let message = format!(
            "{} advertises itself as router {} for {} s; {because}",
            who(window, &self.site, router.interface, router.mac),
            router.address,
            router.lifetime
        );
        let main = Evidence {
            measure: "router_advertisements",
            value: router.advertisements.into(),
            limit: Some(0.0),
            limit_from: Some(limit_from),
            window_seconds: window.end.seconds_since(router.first).max(0.1),
            message,
        };
        let mut finding = self.about(window, router, router.advertisements_now).station(router.mac, vec![main]);
        finding.severity = severity;
        finding
    }

    fn flood(&self, window: &Window<'_>, first: &Router, now: &[&Router], many: usize) -> Finding {
        let limit = self.limit.base();
        let frames = now.iter().map(|router| router.advertisements_now).sum();
        let message = format!(
            "{many} or more routers advertised themselves within ten seconds, limit {} ({})",
            limit.value,
            limit.from.name()
        );
        let main = measured("routers", many as f64, limit, 10.0, message);
        let about = self.about(window, first, frames);
        // One station may make them all up.
        let mut finding = match now.iter().all(|other| other.mac == first.mac) {
            true => about.station(first.mac, vec![main]),
            false => about.segment(vec![main]),
        };
        finding.severity = Severity::Critical;
        finding
    }
}
