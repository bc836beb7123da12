//! Changes of pairings, as arpwatch(8) reports them: `new_station`, `changed_station`, `flip_flop`. Information only.
//!
//! Above a rate they are one incident about the segment: guests that boot by the hundred, or a tool that makes stations up,
//! are one event.

use super::super::evidence::{context, measured};
use super::super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, Settings, Target, settings::Limits};
use super::common::{Subject, control_frames, describe_station, location_evidence};
use crate::base::{Severity, Timestamp, Vector};
use crate::inventory::{Site, VirtualMac};
use crate::meter::lan::{BroadcastDomain, PairingChange, PairingEvent};
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const NEW_STATION: DetectorSpec = DetectorSpec {
    name: "new_station",
    vectors: &[Vector::NewStation],
    summary: "a station, or an IPv4 address, that was never seen on its LAN before; information only",
    settings: &[EVENTS_PER_MINUTE, LEARNING_MINUTES],
    needs: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::AbsorbsStations(&[Vector::NewStation]),
    mitigation: Mitigation::Nothing("a new station is no attack"),
    build: |settings, site| Pairings::boxed(PairingChange::New, settings, site),
};

pub(in super::super) const CHANGED_STATION: DetectorSpec = DetectorSpec {
    name: "changed_station",
    vectors: &[Vector::ChangedStation],
    summary: "an IPv4 address that one station used for ten minutes or longer and that another uses now, without a DHCP \
              lease; information only",
    merging: Merging::Separate,
    mitigation: Mitigation::Nothing("an address that moved is no attack"),
    build: |settings, site| Pairings::boxed(PairingChange::Changed, settings, site),
    ..NEW_STATION
};

pub(in super::super) const FLIP_FLOP: DetectorSpec = DetectorSpec {
    name: "flip_flop",
    vectors: &[Vector::FlipFlop],
    summary: "an IPv4 address that returns to the station that used it before the last change; information only",
    build: |settings, site| Pairings::boxed(PairingChange::FlipFlop, settings, site),
    ..CHANGED_STATION
};

const EVENTS_PER_MINUTE: Setting = Setting {
    key: "events_per_minute",
    default: 10.0,
    min: 1.0,
    max: 1000.0,
    unit: "events/minute",
    doc: "Events on one segment within a minute, each with an incident of its own. From there on they are counted in one \
          incident about the segment.",
    learns: None,
};
const LEARNING_MINUTES: Setting = Setting {
    key: "learning_minutes",
    default: 10.0,
    min: 0.0,
    max: 10_080.0,
    unit: "minutes",
    doc: "Minutes for which a segment without saved or imported pairings is observed before anything is reported on it.",
    learns: None,
};

struct Pairings {
    change: PairingChange,
    limit: Limits,
    learning_seconds: f64,
    site: Arc<Site>,
}

impl Pairings {
    fn boxed(change: PairingChange, settings: &Settings, site: &Arc<Site>) -> Box<dyn Detector> {
        Box::new(Pairings {
            change,
            limit: settings.limit(&EVENTS_PER_MINUTE),
            learning_seconds: settings.value(&LEARNING_MINUTES) * Span::Minute.seconds(),
            site: Arc::clone(site),
        })
    }

    fn is_reported(&self, event: &PairingEvent) -> bool {
        let is_shared = |previous| VirtualMac::of(event.mac).is_some() && VirtualMac::of(previous).is_some();
        event.change == self.change
            && event.at.seconds_since(event.observed_since) >= self.learning_seconds
            // Routers share their virtual MAC addresses.
            && !event.previous.is_some_and(|previous| is_shared(previous.mac))
    }
}

impl Detector for Pairings {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base().value;
        let mut above: Vec<BroadcastDomain> = Vec::new();
        for event in window.lan().pairing_events().iter().filter(|event| self.is_reported(event)) {
            if f64::from(event.in_last_minute) <= limit {
                findings.push(self.single(window, event));
            } else if !above.contains(&event.domain) {
                above.push(event.domain);
            }
        }
        for domain in above {
            findings.extend(self.segment(window, domain));
        }
    }
}

impl Pairings {
    fn subject<'w>(&'w self, window: &'w Window<'w>, event: &PairingEvent, count: u32) -> Subject<'w> {
        let vector = match event.change {
            PairingChange::New => Vector::NewStation,
            PairingChange::Changed => Vector::ChangedStation,
            PairingChange::FlipFlop => Vector::FlipFlop,
        };
        Subject {
            window,
            site: &self.site,
            interface: event.interface,
            vlan: event.domain.vlan,
            vector,
            count: control_frames(count),
            since: event.at,
        }
    }

    fn single(&self, window: &Window<'_>, event: &PairingEvent) -> Finding {
        let subject = self.subject(window, event, 1);
        let describe = |mac| describe_station(window, &self.site, event.interface, mac);
        let (station, address) = (describe(event.mac), event.address);
        let lan = match event.domain.vlan {
            0 => subject.interface(),
            vlan => format!("{} (VLAN {vlan})", subject.interface()),
        };
        let before = event.previous.map_or_else(String::new, |previous| {
            let since = match previous.since {
                Timestamp::ZERO => String::new(),
                since => format!(" from {since}"),
            };
            format!("{}, which used it{since} until {}", describe(previous.mac), previous.last)
        });
        let message = match event.change {
            PairingChange::New if event.is_known_station => {
                format!("{station} uses {address}, which no station on {lan} used before")
            }
            PairingChange::New => format!("{station} uses {address} and was never seen on {lan} before"),
            PairingChange::Changed => format!("{address} on {lan} is used by {station}, after {before}"),
            PairingChange::FlipFlop => format!("{address} on {lan} is used by {station} again, after {before}"),
        };
        let evidence = context("pairing", 1.0, Span::Tick.seconds(), message);
        let mut finding = match event.change {
            PairingChange::New => subject.station_finding(event.mac, vec![evidence]),
            _ => {
                let mut finding = subject.finding(Target::Host(address));
                finding.evidence = vec![evidence, location_evidence(window, &self.site, event.interface, event.mac)];
                finding
            }
        };
        finding.severity = Severity::Info;
        finding
    }

    /// The events of a tick above the limit, in one finding.
    fn segment(&self, window: &Window<'_>, domain: BroadcastDomain) -> Option<Finding> {
        let events = || {
            let events = window.lan().pairing_events().iter();
            events.filter(|event| event.domain == domain && self.is_reported(event))
        };
        let last = events().next_back()?;
        let limit = self.limit.base();
        // At most 64 events per tick.
        let subject = self.subject(window, last, events().count() as u32);
        let what = match last.change {
            PairingChange::New => "new stations or addresses",
            PairingChange::Changed => "addresses at another station",
            PairingChange::FlipFlop => "addresses back at a former station",
        };
        let message = format!(
            "{} {what} within a minute on {}, limit {} ({}): not reported one by one",
            last.in_last_minute,
            subject.interface(),
            limit.value,
            limit.from.name()
        );
        let value = f64::from(last.in_last_minute);
        let main = measured("pairings_per_minute", value, limit, Span::Minute.seconds(), message);
        let mut finding = subject.segment_finding(vec![main]);
        finding.severity = Severity::Info;
        Some(finding)
    }
}
