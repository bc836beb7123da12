//! `mac_flap`: frames of a station enter on one port, then on another, and on the first again. A guest that migrates
//! moves once.

use super::super::evidence::measured;
use super::super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, settings::Limits};
use super::common::{Subject, control_frames, describe_station};
use crate::base::Vector;
use crate::inventory::Site;
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "mac_flap",
    vectors: &[Vector::MacFlap],
    summary: "a MAC address that moves between ports of a bridge repeatedly",
    settings: &[MOVES],
    needs: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Nothing("a loop is removed by unplugging it, not by a filter"),
    build: |settings, site| Box::new(MacFlap { site: Arc::clone(site), limit: settings.limit(&MOVES) }),
};

const MOVES: Setting = Setting {
    key: "moves",
    default: 3.0,
    min: 2.0,
    max: 8.0,
    unit: "moves/minute",
    doc: "Moves of one station within a minute.",
    learns: None,
};

struct MacFlap {
    site: Arc<Site>,
    limit: Limits,
}

impl Detector for MacFlap {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for moved in window.lan().moves().iter().filter(|moved| f64::from(moved.moves) >= limit.value) {
            let subject = Subject {
                window,
                site: &self.site,
                interface: moved.to,
                vlan: 0,
                vector: Vector::MacFlap,
                count: control_frames(1),
                since: moved.first,
            };
            let port = |index| window.interface(index).unwrap_or("unknown");
            let message = format!(
                "{} moved {} times within a minute, last from {} to {}, limit {} ({})",
                describe_station(window, &self.site, moved.to, moved.mac),
                moved.moves,
                port(moved.from),
                port(moved.to),
                limit.value,
                limit.from.name()
            );
            let main = measured("moves", moved.moves.into(), limit, Span::Minute.seconds(), message);
            findings.push(subject.station_finding(moved.mac, vec![main]));
        }
    }
}
