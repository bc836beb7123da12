//! `mac_flood`: ever new source addresses fill the tables of switches, which then send everything everywhere (macof).
//!
//! Many guests that wake at once are many new stations, too, but they go on speaking and are spoken to.

use super::super::evidence::{context, measured};
use super::super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, settings::Limits};
use super::common::{About, LEAST_FRAME};
use crate::base::{CountPolicy, Severity, Vector};
use crate::inventory::Site;
use crate::meter::{Count, Window};
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "mac_flood",
    vectors: &[Vector::MacFlood],
    summary: "ever new source MAC addresses that send a frame or few and that nobody speaks to",
    settings: &[NEW_STATIONS_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::AbsorbsStations(&[Vector::MacNotAllowed, Vector::SpoofedSource, Vector::MacFlap]),
    mitigation: Mitigation::Station(None),
    build: |settings, site| {
        Box::new(MacFlood { site: Arc::clone(site), limit: settings.limit(&NEW_STATIONS_PER_SECOND) })
    },
};

const NEW_STATIONS_PER_SECOND: Setting = Setting {
    key: "new_stations_per_second",
    default: 300.0,
    min: 10.0,
    max: 1e7,
    unit: "stations/s",
    doc: "New stations on one interface within a second, of which nearly all stay unanswered.",
    learns: None,
};

struct MacFlood {
    site: Arc<Site>,
    limit: Limits,
}

/// Share of new stations that must be mute.
const MUTE: f64 = 0.9;
/// New stations in all that speak: where most are known, tables are small for a large network.
const SHARE: f64 = 0.5;

impl Detector for MacFlood {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for (interface, link) in window.lan().links() {
            if window.lan().interface(interface).counted == CountPolicy::Nothing {
                continue;
            }
            let now = link.now();
            let second = link.second();
            let distinct = second.distinct_unknown_macs.estimate().min(second.unknown_macs as f64);
            if now.unknown_macs == 0 || distinct < limit.value {
                continue;
            }
            let (known, mute) = link.new_stations();
            let share = f64::from(known) / (10.0 * link.active_stations()).max(1.0);
            if mute < MUTE || share < SHARE {
                continue;
            }
            // At first everybody is new. What stations of a large segment say to all is then no sign of a flood; frames to
            // addresses that nobody has are. (Of addresses drawn by lot, half are those of groups.)
            if !link.is_warm() && second.unknown_unicast.packets < second.unknown_macs / 4 {
                continue;
            }
            let frames = |number: u64| Count { packets: number, bytes: number * LEAST_FRAME };
            let about = About {
                window,
                site: &self.site,
                interface,
                vlan: 0,
                vector: Vector::MacFlood,
                count: frames(now.unknown_macs),
                since: link.since(|tick| tick.unknown_macs as f64 >= limit.value / 20.0),
            };
            let message = format!(
                "about {distinct:.0} new MAC addresses sent on {} within a second, limit {} ({}); {:.0} % sent hardly \
                 anything and were not spoken to",
                about.interface(),
                limit.value,
                limit.from.name(),
                mute * 100.0
            );
            let main = measured("new_stations_per_second", distinct.round(), limit, 1.0, message);
            let unheard = context(
                "unheard_destinations",
                second.distinct_unknown_unicast.estimate().round(),
                1.0,
                format!("{} frames went to addresses that nobody has", second.unknown_unicast.packets),
            );
            let mut finding = about.segment(vec![main, unheard]).graded(distinct, limit.value);
            finding.severity = finding.severity.max(Severity::Warning);
            finding.recent.count = frames(second.unknown_macs);
            finding.now.peers = now.distinct_unknown_macs;
            finding.recent.peers = second.distinct_unknown_macs;
            finding.spoofing_likely = true;
            findings.push(finding);
        }
    }
}
