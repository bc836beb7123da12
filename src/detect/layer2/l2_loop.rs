//! `l2_loop`: identical broadcast and multicast frames circulate, because a second path leads back to the same segment.
//!
//! The clearest sign is a frame that left an interface and enters there again. Otherwise it is copies of frames of
//! several stations at the same time, which no sender causes.

use super::super::evidence::{context, measured};
use super::super::{
    Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, Threshold, limit::Limit, settings::Limits,
};
use super::common::{Subject, describe_station};
use crate::base::{CountPolicy, Severity, Vector};
use crate::inventory::Site;
use crate::meter::{Count, Span, Window};
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "l2_loop",
    vectors: &[Vector::L2Loop],
    summary: "broadcast or multicast frames that return to the interface that they left, or identical copies of frames of \
              several stations",
    settings: &[RETURNED_PER_SECOND, COPIES_PER_SECOND],
    needs: &[],
    thresholds: &[STATIONS, STATION_SHARE],
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
    doc: "Broadcast and multicast frames per second that left an interface and entered there again.",
    learns: None,
};
const COPIES_PER_SECOND: Setting = Setting {
    key: "copies_per_second",
    default: 1000.0,
    min: 50.0,
    max: 1e7,
    unit: "frames/s",
    doc: "Identical broadcast and multicast frames per second, of at least three stations.",
    learns: None,
};

const STATIONS: Threshold = Threshold {
    name: "stations with copies",
    value: 3.0,
    unit: "stations",
    reason: "a single sender may repeat its own frames; a loop copies the frames of all stations",
    guarded_by: "l2_loop",
};
const STATION_SHARE: Threshold = Threshold {
    name: "share of a station",
    value: 0.02,
    unit: "share of all copies",
    reason: "a storm of one station beside a few retransmissions of others is no loop",
    guarded_by: "l2_loop",
};

struct Loop {
    site: Arc<Site>,
    returned: Limits,
    copies: Limits,
}

impl Detector for Loop {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for (interface, link) in window.lan().links() {
            let (now, second) = (link.now(), link.second());
            if now.duplicates.is_zero() {
                continue;
            }
            let copies = second.duplicates.packets;
            let has_share = |(_, frames): &(_, u32)| STATION_SHARE.is_reached_by((*frames).into(), copies);
            let stations = second.duplicate_senders().filter(has_share).count();
            // Where another interface shows the same frames, copies are counted there. Returned frames are seen only
            // here.
            let is_counted = window.lan().interface(interface).counted != CountPolicy::Nothing;
            let copies_limit = Some(self.copies.base()).filter(|_| is_counted && stations as f64 >= STATIONS.value);
            let Some(sign) = self.sign(second.looped, copies, copies_limit) else { continue };
            let subject = Subject {
                window,
                site: &self.site,
                interface,
                vlan: 0,
                vector: Vector::L2Loop,
                count: now.duplicates,
                since: link.since(|tick| !tick.duplicates.is_zero()),
            };
            let senders: Vec<String> = second
                .duplicate_senders()
                .map(|(mac, _)| describe_station(window, &self.site, interface, mac))
                .collect();
            findings.push(finding(&subject, &sign, (stations, &senders), second.duplicates));
        }
    }
}

/// The sign by which a loop was recognised.
struct Sign {
    measure: &'static str,
    value: f64,
    limit: Limit,
    what: &'static str,
}

impl Loop {
    /// `copies_limit` is `None` where copies prove nothing.
    fn sign(&self, returned: u64, copies: u64, copies_limit: Option<Limit>) -> Option<Sign> {
        let (returned, copies) = (returned as f64, copies as f64);
        let limit = self.returned.base();
        if returned >= limit.value {
            let what = "left the interface and returned unchanged";
            return Some(Sign { measure: "returned_frames_per_second", value: returned, limit, what });
        }
        let limit = copies_limit.filter(|limit| copies >= limit.value)?;
        let what = "were identical copies";
        Some(Sign { measure: "copied_frames_per_second", value: copies, limit, what })
    }
}

fn finding(subject: &Subject<'_>, sign: &Sign, (stations, senders): (usize, &[String]), recent: Count) -> Finding {
    let message = format!(
        "{:.0} broadcast and multicast frames within a second on {} {}, limit {} ({})",
        sign.value,
        subject.interface(),
        sign.what,
        sign.limit.value,
        sign.limit.from.name()
    );
    let second = Span::Second.seconds();
    let evidence = vec![
        measured(sign.measure, sign.value, sign.limit, second, message),
        context("stations", stations as f64, second, format!("the frames are of {}", senders.join(", "))),
    ];
    let mut finding = subject.segment_finding(evidence);
    finding.severity = Severity::Critical;
    finding.recent.count = recent;
    finding
}
