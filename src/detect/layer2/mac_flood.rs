//! `mac_flood`: constantly changing source addresses fill the MAC tables of switches, which then flood all frames to
//! all ports (macof).
//!
//! Many guests that boot at the same time are many new stations as well, but they keep sending and receive frames.

use super::super::evidence::{context, measured};
use super::super::shape::ten_seconds_before;
use super::super::{
    Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, Threshold, limit::Limit, settings::Limits,
};
use super::common::{Subject, min_length_frames};
use crate::base::{CountPolicy, Severity, TICKS_PER_SECOND, Timestamp, Vector};
use crate::inventory::Site;
use crate::meter::lan::{LONG_SECONDS, LinkSecond};
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "mac_flood",
    vectors: &[Vector::MacFlood],
    summary: "constantly changing source MAC addresses that send a few frames at most and receive none",
    settings: &[NEW_STATIONS_PER_SECOND],
    needs: &[],
    thresholds: &[SUSTAINED_FRACTION, MUTE_SHARE, NEW_SHARE, UNKNOWN_DESTINATIONS],
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
    doc: "New source MAC addresses on one interface within a second, nearly all of which receive no frame.",
    learns: None,
};

const SUSTAINED_FRACTION: Threshold = Threshold {
    name: "sustained fraction",
    value: 0.2,
    unit: "of the limit over ten seconds",
    reason: "stations that come up one after the other, as after a power cut, talk; a tool that goes on makes up silent ones",
    guarded_by: "l2_mac_flood_slow",
};
const MUTE_SHARE: Threshold = Threshold {
    name: "mute share",
    value: 0.9,
    unit: "share of new stations",
    reason: "guests that boot receive replies; the addresses that a tool makes up send a frame or two and receive none",
    guarded_by: "l2_pods",
};
const NEW_SHARE: Threshold = Threshold {
    name: "new share",
    value: 0.5,
    unit: "share of all stations that send",
    reason: "where most stations are known ones, the network is large and the table that knows them small",
    guarded_by: "l2_chatty_broadcast",
};
const UNKNOWN_DESTINATIONS: Threshold = Threshold {
    name: "unknown destinations after the start",
    value: 0.25,
    unit: "frames per new station",
    reason: "at first every station of a large segment is new, and broadcast proves nothing; frames to unknown MAC addresses do, and of random destinations half are groups",
    guarded_by: "l2_chatty_broadcast",
};

struct MacFlood {
    site: Arc<Site>,
    limit: Limits,
}

/// New stations above a limit: suddenly within a second, or fewer for ten seconds.
struct Measured {
    /// Per second.
    rate: f64,
    seconds: f64,
    limit: Limit,
    /// New stations per second, and the share of them that sent a few frames at most and received none.
    new: u32,
    mute_share: f64,
    /// Frames of unknown stations, and to such.
    unknown: u64,
    to_unknown: u64,
    since: Timestamp,
}

impl Measured {
    /// Of the last second: distinct new addresses, frames of unknown stations, and to such.
    fn of(
        link: &LinkSecond,
        (distinct, unknown, to_unknown): (f64, u64, u64),
        limit: Limit,
        end: Timestamp,
    ) -> Option<Measured> {
        if distinct >= limit.value {
            let (new, mute_share) = link.new_stations();
            // Half of a tick's share of the limit.
            let least = limit.value / TICKS_PER_SECOND as f64 / 2.0;
            return Some(Measured {
                rate: distinct,
                seconds: Span::Second.seconds(),
                limit,
                new,
                mute_share,
                unknown,
                to_unknown,
                since: link.since(|tick| tick.unknown_macs as f64 >= least),
            });
        }
        let (long, slow) = (link.long(), limit.lasting(SUSTAINED_FRACTION.value));
        let rate = long.unknown as f64 / LONG_SECONDS as f64;
        // The flood must still continue, or its end would be reported for nine more seconds.
        (rate >= slow.value && distinct >= slow.value / 2.0).then(|| Measured {
            rate,
            seconds: Span::TenSeconds.seconds(),
            limit: slow,
            new: (long.new / LONG_SECONDS as u64) as u32,
            mute_share: long.mute as f64 / long.new.max(1) as f64,
            unknown: long.unknown,
            to_unknown: long.to_unknown,
            since: ten_seconds_before(end),
        })
    }
}

impl Detector for MacFlood {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for (interface, link) in window.lan().links() {
            if window.lan().interface(interface).counted == CountPolicy::Nothing {
                continue;
            }
            let (now, second) = (link.now(), link.second());
            let distinct = second.distinct_unknown_macs.estimate().min(second.unknown_macs as f64);
            let sudden = (distinct, second.unknown_macs, second.unknown_unicast.packets);
            let Some(flood) = Measured::of(link, sudden, limit, window.end).filter(|_| now.unknown_macs > 0) else {
                continue;
            };
            let new_share = f64::from(flood.new) / (TICKS_PER_SECOND as f64 * link.active_stations()).max(1.0);
            let is_new =
                new_share >= NEW_SHARE.value && UNKNOWN_DESTINATIONS.is_reached_by(flood.to_unknown, flood.unknown);
            if flood.mute_share < MUTE_SHARE.value || !(link.is_warm() || is_new) {
                continue;
            }
            let Measured { rate, seconds, limit, mute_share, .. } = flood;
            let subject = Subject {
                window,
                site: &self.site,
                interface,
                vlan: 0,
                vector: Vector::MacFlood,
                count: min_length_frames(now.unknown_macs),
                since: flood.since,
            };
            let message = format!(
                "about {rate:.0} new MAC addresses a second sent on {} over {seconds:.0} s, limit {} ({}); {:.0} % sent a \
                 few frames at most and received none",
                subject.interface(),
                limit.value,
                limit.from.name(),
                mute_share * 100.0
            );
            let main = measured("new_stations_per_second", rate.round(), limit, seconds, message);
            let unknown = context(
                "unknown_destinations",
                second.distinct_unknown_unicast.estimate().round(),
                Span::Second.seconds(),
                format!("{} frames were sent to unknown MAC addresses", second.unknown_unicast.packets),
            );
            let mut finding = subject.segment_finding(vec![main, unknown]).graded(rate, limit.grade());
            finding.severity = finding.severity.max(Severity::Warning);
            finding.recent.count = min_length_frames(second.unknown_macs);
            finding.now.peers = now.distinct_unknown_macs;
            finding.recent.peers = second.distinct_unknown_macs;
            finding.spoofing_likely = true;
            findings.push(finding);
        }
    }
}
