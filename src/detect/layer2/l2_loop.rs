//! `l2_loop`: frames to all come again and again, octet by octet: two ways lead back to the same wire.
//!
//! Surest where a frame that left comes in again; else by copies that no sender makes: of several stations at once.

use super::super::evidence::{context, measured};
use super::super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, settings::Limits};
use super::common::{About, who};
use crate::base::{CountPolicy, Severity, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "l2_loop",
    vectors: &[Vector::L2Loop],
    summary: "frames to all that left and come back, or that come again and again from several stations",
    settings: &[RETURNED_PER_SECOND, COPIES_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::AbsorbsStations(&[
        Vector::MacFlap,
        Vector::BroadcastStorm,
        Vector::MulticastStorm,
        Vector::ArpFlood,
        Vector::GratuitousArpStorm,
        Vector::DhcpFlood,
        Vector::RogueRa,
    ]),
    mitigation: Mitigation::Nothing("a loop is removed by unplugging it, not by a filter"),
    build: |settings, site| {
        Box::new(Loop {
            site: Arc::clone(site),
            returned: settings.limit(&RETURNED_PER_SECOND),
            copies: settings.limit(&COPIES_PER_SECOND),
        })
    },
};

const RETURNED_PER_SECOND: Setting = Setting {
    key: "returned_per_second",
    default: 20.0,
    min: 2.0,
    max: 1e6,
    unit: "frames/s",
    doc: "Broadcast and multicast frames that had left an interface and come in there again.",
    learns: None,
};

const COPIES_PER_SECOND: Setting = Setting {
    key: "copies_per_second",
    default: 1000.0,
    min: 50.0,
    max: 1e7,
    unit: "frames/s",
    doc: "Identical broadcast and multicast frames, of three stations or more.",
    learns: None,
};

struct Loop {
    site: Arc<Site>,
    returned: Limits,
    copies: Limits,
}

/// Stations whose frames must be copied, and the least share of the copies that each must have.
const STATIONS: usize = 3;
const LEAST_SHARE: f64 = 0.02;

impl Detector for Loop {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for (interface, link) in window.lan().links() {
            let (now, second) = (link.now(), link.second());
            if now.duplicates.is_zero() {
                continue;
            }
            // Where another interface shows the same frames, copies are counted there; what comes back is seen here alone.
            let is_counted = window.lan().interface(interface).counted != CountPolicy::Nothing;
            let (copies, returned) = (second.duplicates.packets as f64, second.looped as f64);
            let copied = |(_, number): &(_, u32)| f64::from(*number) >= copies * LEAST_SHARE;
            let stations = second.duplicate_senders().filter(copied).count();
            let limits = (self.returned.base(), self.copies.base());
            let (value, limit, measure) = if returned >= limits.0.value {
                (returned, limits.0, "returned_frames_per_second")
            } else if is_counted && copies >= limits.1.value && stations >= STATIONS {
                (copies, limits.1, "copied_frames_per_second")
            } else {
                continue;
            };
            let about = About {
                window,
                site: &self.site,
                interface,
                vlan: 0,
                vector: Vector::L2Loop,
                count: now.duplicates,
                since: link.since(|tick| !tick.duplicates.is_zero()),
            };
            let names: Vec<String> =
                second.duplicate_senders().map(|(mac, _)| who(window, &self.site, interface, mac)).collect();
            let what = if measure.starts_with("returned") { "had left there and came back" } else { "came again" };
            let message = format!(
                "{value:.0} frames to all within a second on {} {what}, octet by octet, limit {} ({})",
                about.interface(),
                limit.value,
                limit.from.name()
            );
            let evidence = vec![
                measured(measure, value, limit, 1.0, message),
                context("stations", stations as f64, 1.0, format!("they are frames of {}", names.join(", "))),
            ];
            let mut finding = about.segment(evidence);
            finding.severity = Severity::Critical;
            finding.recent.count = second.duplicates;
            findings.push(finding);
        }
    }
}
