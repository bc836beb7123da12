//! `unknown_unicast_flood`: frames to constantly changing unknown MAC addresses, which every switch floods to all
//! ports.
//!
//! Frames to one silent station are common: a backup to a host whose replies take another path.

use super::super::evidence::measured;
use super::super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, Threshold, settings::Limits};
use super::common::{Subject, describe_station};
use crate::base::{CountPolicy, Vector};
use crate::inventory::Site;
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "unknown_unicast_flood",
    vectors: &[Vector::UnknownUnicastFlood],
    summary: "frames to many unknown unicast MAC addresses",
    settings: &[FRAMES_PER_SECOND],
    needs: &[],
    thresholds: &[DESTINATIONS, FRAMES_EACH, TIMES_SPEAKERS],
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
    doc: "Frames per second on one interface to unknown MAC addresses: hundreds of them, and a few frames to each.",
    learns: None,
};

const DESTINATIONS: Threshold = Threshold {
    name: "unknown destinations",
    value: 300.0,
    unit: "MAC addresses within a second",
    reason: "stations whose replies take another path are unknown as well, but they are few",
    guarded_by: "l2_one_way_backup",
};
const FRAMES_EACH: Threshold = Threshold {
    name: "frames per unknown destination",
    value: 4.0,
    unit: "frames within a second",
    reason: "made-up destinations get a frame or two each; an attack on a network whose hosts are silent sends more to each",
    guarded_by: "l2_one_way_backup",
};
const TIMES_SPEAKERS: Threshold = Threshold {
    name: "unknown destinations per sending station",
    value: 2.0,
    unit: "times the stations that send in a tick",
    reason: "on a large segment the table of known stations overflows, so that some of them seem unknown",
    guarded_by: "l2_chatty_broadcast",
};

struct UnknownUnicast {
    site: Arc<Site>,
    limit: Limits,
}

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
            // `mac_flood` reports made-up senders, which also send to unknown addresses.
            let has_new_senders = second.unknown_macs as f64 > rate / 2.0;
            // What a router sends to silent inside hosts is an attack on IP addresses; the flood detectors report it.
            let is_routed = window.lan().is_router(interface, now.unknown_unicast_sender);
            let is_counted = window.lan().interface(interface).counted != CountPolicy::Nothing;
            if distinct < DESTINATIONS.value
                || rate > FRAMES_EACH.value * distinct
                || distinct < TIMES_SPEAKERS.value * link.active_stations()
                || has_new_senders
                || is_routed
                || !is_counted
            {
                continue;
            }
            let subject = Subject {
                window,
                site: &self.site,
                interface,
                vlan: 0,
                vector: Vector::UnknownUnicastFlood,
                count: now.unknown_unicast,
                since: link.since(|tick| !tick.unknown_unicast.is_zero()),
            };
            let message = format!(
                "{rate:.0} frames within a second on {} were sent to about {distinct:.0} unknown MAC addresses, limit {} \
                 ({}); one sender: {}",
                subject.interface(),
                limit.value,
                limit.from.name(),
                describe_station(window, &self.site, interface, now.unknown_unicast_sender)
            );
            let main = measured("unknown_unicast_per_second", rate, limit, Span::Second.seconds(), message);
            let mut finding = subject.segment_finding(vec![main]).graded(rate, limit.value);
            finding.recent.count = second.unknown_unicast;
            findings.push(finding);
        }
    }
}
