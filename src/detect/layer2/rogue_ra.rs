//! `rogue_ra`: a station that is not a router advertises itself as one by IPv6 (RFC 6104). Guests use it immediately.
//!
//! Networks with two routers have had both from the beginning, and neither advertises faster than the standard allows. A
//! station that advertises a prefix of its own, after it was a client of the router or for the first time long after it
//! would have been heard, is no such router. Nor is one that only withdraws a router whose address another station holds.

use super::super::evidence::measured;
use super::super::{
    Detector, DetectorSpec, Evidence, Finding, FrameMatch, LimitFrom, Merging, Mitigation, Setting, Threshold,
    settings::Limits,
};
use super::common::{Subject, control_frames, describe_station, is_guest};
use crate::base::{Addr, Mac, Severity, Vector};
use crate::inventory::Site;
use crate::meter::lan::{HeardAs, Router};
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "rogue_ra",
    vectors: &[Vector::RogueRa],
    summary: "router advertisements of a guest, of a router that is not configured, of a host or a new router beside a known \
              one, or withdrawals of a router whose address another station holds; many routers at the same time",
    settings: &[ROUTERS],
    needs: &[],
    thresholds: &[SETTLED, HASTY, MISSED_INTERVALS],
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
    doc: "Routers advertised on one segment within ten seconds at which they count as a flood.",
    learns: None,
};

const SETTLED: Threshold = Threshold {
    name: "settled router",
    value: 10.0,
    unit: "seconds before the new router",
    reason: "routers that were there from the beginning all advertise within seconds of the first; in a flood, those seen within half of it are made up",
    guarded_by: "l2_rogue_ra",
};
const HASTY: Threshold = Threshold {
    name: "hasty advertisements",
    value: 3.0,
    unit: "in a row, sooner than RFC 4861 allows",
    reason: "a router that starts or loses a neighbour may send one or two early; the tools advertise every second",
    guarded_by: "l2_rogue_ra",
};

const MISSED_INTERVALS: Threshold = Threshold {
    name: "missed intervals",
    value: 3.0,
    unit: "times its interval",
    reason: "a router waits up to three times as long for its next advertisement as it did before (RFC 4861 §6.2.1, MinRtrAdvInterval); one that was not heard for longer has begun just now",
    guarded_by: "l2_second_router",
};

/// Router advertisement and redirect (RFC 4861 §4).
const ROUTER_ADVERTISEMENTS: FrameMatch =
    FrameMatch { nftables: "icmpv6 type { 134, 137 }", pcap: "ip6[6] = 58 and (ip6[40] = 134 or ip6[40] = 137)" };

struct RogueRa {
    site: Arc<Site>,
    limit: Limits,
}

impl Detector for RogueRa {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for router in window.lan().routers() {
            if let Some(holder) = router.usurps
                && (router.advertisements_now > 0 || router.exposed_now)
                && !window.lan().is_router(router.interface, router.mac)
            {
                findings.push(self.router_finding(window, router, self.usurper(window, router, holder)));
            }
        }
        let now: Vec<&Router> = window.lan().routers().filter(|router| router.advertisements_now > 0).collect();
        let Some(first) = now.first() else { return };
        let is_current = |router: &&Router| {
            let age = window.end.seconds_since(router.last);
            router.domain == first.domain && router.lifetime > 0 && age <= FLOOD_SPAN.seconds()
        };
        let routers = window.lan().routers().filter(is_current).count();
        if routers as f64 >= self.limit.base().value {
            // Routers that were there before are the victims.
            let is_new = |router: &&&Router| window.end.seconds_since(router.first) <= SETTLED.value / 2.0;
            let made_up: Vec<&Router> = now.iter().filter(is_new).copied().collect();
            findings.extend(made_up.first().map(|first| self.flood_finding(window, first, &made_up, routers)));
            return;
        }
        // A router with a lifetime of 0 does not offer to be a default router, so it diverts no traffic (RFC 4861
        // §4.2).
        for router in now.into_iter().filter(|router| router.lifetime > 0) {
            if let Some(suspicion) = self.suspect(window, router) {
                findings.push(self.router_finding(window, router, suspicion));
            }
        }
    }
}

/// Over which the routers of a flood are counted.
const FLOOD_SPAN: Span = Span::TenSeconds;

/// Whether a station has only begun to be a router, beside those `known` before, and what shows it.
fn begun<'r>(router: &Router, known: &[&'r Router]) -> Option<(&'r Router, &'static str)> {
    let other = *known.first()?;
    let is_known = |prefix: &Addr| known.iter().any(|other| other.prefixes.contains(prefix));
    let is_foreign = router.prefixes.iter().any(|prefix| *prefix != Addr::UNSPECIFIED && !is_known(prefix));
    if is_foreign && router.heard_as != HeardAs::Unknown {
        return Some((other, "it was a host before, and the prefix is one of its own"));
    }
    let began = |other: &&&Router| router.first.seconds_since(other.first) >= MISSED_INTERVALS.value * router.interval;
    if is_foreign && let Some(other) = known.iter().find(began) {
        return Some((other, "it has begun to advertise just now, and the prefix is one of its own"));
    }
    // A standby that takes over has been a host too, but then the first router is silent.
    let goes_on = |other: &&&Router| other.last > router.first && other.lifetime > 0;
    let other = known.iter().find(goes_on).filter(|_| router.heard_as == HeardAs::Host)?;
    Some((other, "it was a host before, and the router goes on"))
}

/// Why a router is not one that should be there.
struct Suspicion {
    reason: String,
    limit_from: LimitFrom,
    severity: Severity,
}

impl RogueRa {
    fn suspect(&self, window: &Window<'_>, router: &Router) -> Option<Suspicion> {
        let critical = |reason: &str, limit_from| {
            Some(Suspicion { reason: reason.to_owned(), limit_from, severity: Severity::Critical })
        };
        let mut configured = self.site.lan_policy().gateways.iter().filter(|gateway| !gateway.is_v4()).peekable();
        if configured.peek().is_some() {
            if configured.any(|gateway| *gateway == router.address) {
                return None;
            }
            return critical("it is not one of the configured routers", LimitFrom::Config);
        }
        if is_guest(window, &self.site, router.interface, router.mac) {
            return critical("a guest is not a router", LimitFrom::Default);
        }
        let before = |other: &&Router| {
            other.domain == router.domain
                && (other.mac, other.address) != (router.mac, router.address)
                && window.end <= other.last.plus_seconds(f64::from(other.lifetime))
                && router.first > other.first
                && other.advertisements > 1
        };
        let is_settled = |other: &&Router| router.first.seconds_since(other.first) >= SETTLED.value;
        let known: Vec<&Router> = window.lan().routers().filter(before).collect();
        if let Some((other, why)) = begun(router, &known) {
            let name = describe_station(window, &self.site, other.interface, other.mac);
            let reason = format!("{why}; the router was {name} ({})", other.address);
            return Some(Suspicion { reason, limit_from: LimitFrom::Default, severity: Severity::Warning });
        }
        let settled = known.into_iter().find(is_settled)?;
        let is_hasty = |router: &Router| f64::from(router.too_frequent) >= HASTY.value;
        let replies_alone = settled.answered > 0;
        if !replies_alone && (!is_hasty(router) || is_hasty(settled)) {
            return None;
        }
        let name = describe_station(window, &self.site, settled.interface, settled.mac);
        let reason = format!("{name} ({}) has been the router since {}", settled.address, settled.first);
        Some(Suspicion { reason, limit_from: LimitFrom::Default, severity: Severity::Warning })
    }

    fn usurper(&self, window: &Window<'_>, router: &Router, holder: Mac) -> Suspicion {
        let name = describe_station(window, &self.site, router.interface, holder);
        let reason = format!("it only withdraws the router, whose address is that of {name}");
        Suspicion { reason, limit_from: LimitFrom::Default, severity: Severity::Critical }
    }

    fn subject<'w>(&'w self, window: &'w Window<'w>, router: &Router, frames: u32) -> Subject<'w> {
        Subject {
            window,
            site: &self.site,
            interface: router.interface,
            vlan: router.domain.vlan,
            vector: Vector::RogueRa,
            count: control_frames(frames),
            since: router.first,
        }
    }

    fn router_finding(&self, window: &Window<'_>, router: &Router, suspicion: Suspicion) -> Finding {
        let message = format!(
            "{} advertises itself as router {} with a lifetime of {} s; {}",
            describe_station(window, &self.site, router.interface, router.mac),
            router.address,
            router.lifetime,
            suspicion.reason
        );
        let main = Evidence {
            measure: "router_advertisements",
            value: router.advertisements.into(),
            limit: Some(0.0),
            limit_from: Some(suspicion.limit_from),
            window_seconds: window.end.seconds_since(router.first).max(Span::Tick.seconds()),
            message,
        };
        let subject = self.subject(window, router, router.advertisements_now);
        let mut finding = subject.station_finding(router.mac, vec![main]);
        finding.severity = suspicion.severity;
        finding
    }

    /// `made_up`: the routers of the flood that advertised in this tick; `first` is one of them.
    fn flood_finding(&self, window: &Window<'_>, first: &Router, made_up: &[&Router], routers: usize) -> Finding {
        let limit = self.limit.base();
        let frames = made_up.iter().map(|router| router.advertisements_now).sum();
        let message = format!(
            "{routers} or more routers advertised themselves within ten seconds, limit {} ({})",
            limit.value,
            limit.from.name()
        );
        let main = measured("routers", routers as f64, limit, FLOOD_SPAN.seconds(), message);
        let subject = self.subject(window, first, frames);
        // One station may send them all.
        let mut finding = match made_up.iter().all(|other| other.mac == first.mac) {
            true => subject.station_finding(first.mac, vec![main]),
            false => subject.segment_finding(vec![main]),
        };
        finding.severity = Severity::Critical;
        finding
    }
}
