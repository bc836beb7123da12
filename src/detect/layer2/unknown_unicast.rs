//! `unknown_unicast_flood`: frames to ever other stations that nobody has heard, which every switch sends to every port.
//!
//! Frames to one silent station are common: a backup to a machine whose answers take another way.

use super::super::evidence::measured;
use super::super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, settings::Limits};
use super::common::{About, who};
use crate::base::{CountPolicy, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "unknown_unicast_flood",
    vectors: &[Vector::UnknownUnicastFlood],
    summary: "frames to many single stations that have never been heard",
    settings: &[FRAMES_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(None),
    build: |settings, site| {
        Box::new(UnknownUnicast { site: Arc::clone(site), limit: settings.limit(&FRAMES_PER_SECOND) })
    },
};

const FRAMES_PER_SECOND: Setting = Setting {
    key: "frames_per_second",
    default: 1000.0,
    min: 10.0,
    max: 1e7,
    unit: "frames/s",
    doc: "Such frames on one interface, to hundreds of different stations within a second, a few to each.",
    learns: None,
};

struct UnknownUnicast {
    site: Arc<Site>,
    limit: Limits,
}

/// Different stations within a second.
const STATIONS: f64 = 300.0;
/// Frames to each of them, at most: a flood of one network whose hosts are silent sends more.
const FRAMES_EACH: f64 = 4.0;
/// Of the stations that spoke in the same second, so many times as many must be unheard.
const TIMES_HEARD: f64 = 2.0;

impl Detector for UnknownUnicast {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for (interface, link) in window.lan().links() {
            let (now, second) = (link.now(), link.second());
            let rate = second.unknown_unicast.packets as f64;
            if now.unknown_unicast.is_zero() || rate < limit.value {
                continue;
            }
            let distinct = second.distinct_unknown_unicast.estimate();
            let made_up = second.unknown_macs as f64 > rate / 2.0;
            // What a router sends to silent hosts of ours is aimed at addresses, and told by those.
            let routed = window.lan().is_router(interface, now.unknown_unicast_sender);
            let counted = window.lan().interface(interface).counted != CountPolicy::Nothing;
            // A flood of made-up senders speaks to nobody, too, and is told as that.
            if distinct < STATIONS
                || rate > FRAMES_EACH * distinct
                || distinct < TIMES_HEARD * link.active_stations()
                || made_up
                || routed
                || !counted
            {
                continue;
            }
            let about = About {
                window,
                site: &self.site,
                interface,
                vlan: 0,
                vector: Vector::UnknownUnicastFlood,
                count: now.unknown_unicast,
                since: link.since(|tick| !tick.unknown_unicast.is_zero()),
            };
            let message = format!(
                "{rate:.0} frames within a second on {} went to about {distinct:.0} stations that have never been heard, \
                 limit {} ({}); one sender: {}",
                about.interface(),
                limit.value,
                limit.from.name(),
                who(window, &self.site, interface, now.unknown_unicast_sender)
            );
            let main = measured("unknown_unicast_per_second", rate, limit, 1.0, message);
            let mut finding = about.segment(vec![main]).graded(rate, limit.value);
            finding.recent.count = second.unknown_unicast;
            findings.push(finding);
        }
    }
}
