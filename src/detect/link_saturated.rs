//! `link_saturated`: a line is full, as the kernel's counters of its interface say.
//!
//! An operator's first question. Whatever fills it, and however it is shaped, everything else on the line suffers; so the
//! traffic is not judged, only named. The counters are read once a second by the runtime and enter as timed inputs. A
//! capture file has none, so a replay says nothing of them.

use super::evidence::{context, measured};
use super::limit::Limit;
use super::settings::Settings;
use super::{Detector, DetectorSpec, Evidence, Finding, Merging, Mitigation, Setting, Target, Traffic};
use crate::base::{Addr, Direction, LinkCounts, LinkReading, Severity, Timestamp, Vector};
use crate::meter::{Count, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "link_saturated",
    vectors: &[Vector::LinkSaturated],
    summary: "a captured interface carries nearly what its link can; with the hosts that fill it",
    settings: &[PERCENT, SECONDS],
    needs: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Nothing("the hosts that fill the line may do so honestly; see the incidents about them"),
    build: |settings, _| Box::new(LinkSaturated::new(settings)),
};

const PERCENT: Setting = Setting {
    key: "percent",
    default: 90.0,
    min: 1.0,
    max: 100.0,
    unit: "% of the speed",
    doc: "Share of a link's speed, in one direction, from which it counts as full.",
    learns: None,
};
const SECONDS: Setting = Setting {
    key: "seconds",
    default: 3.0,
    min: 1.0,
    max: 10.0,
    unit: "seconds",
    doc: "How long in a row.",
    learns: None,
};

/// Share of frames that are dropped from which a full link is critical: it slows every transfer. Single drops have many causes.
/// Guarded by `tests/links.rs`.
const DROPPED_SHARE: f64 = 0.01;
/// Share of what the link carries from which a host is named; twenty hosts at most can have as much.
const SHOWN_SHARE: f64 = 0.05;
/// Hosts that are named.
const SHOWN: usize = 5;

struct LinkSaturated {
    percent: Limit,
    seconds: usize,
}

impl LinkSaturated {
    fn new(settings: &Settings) -> LinkSaturated {
        // Between 1 and 10.
        let seconds = settings.value(&SECONDS).round() as usize;
        LinkSaturated { percent: settings.limit(&PERCENT).base(), seconds }
    }
}

/// One direction of a reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Received,
    Sent,
}

impl Side {
    fn of(self, reading: &LinkReading) -> LinkCounts {
        match self {
            Side::Received => reading.received,
            Side::Sent => reading.sent,
        }
    }
}

/// Bits per second that the link carried, with the FCS, preamble and gap of each frame (IEEE 802.3): 24 octets.
fn bits_per_second(counts: LinkCounts, seconds: f64) -> f64 {
    (counts.bytes + counts.packets * 24) as f64 * 8.0 / seconds.max(0.001)
}

impl Detector for LinkSaturated {
    fn inspect_links(&self, readings: &[LinkReading], window: &Window<'_>, findings: &mut Vec<Finding>) {
        let mut names: Vec<&str> = readings.iter().map(|reading| reading.interface.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let latest: Vec<&LinkReading> =
                readings.iter().rev().filter(|reading| reading.interface == name).take(self.seconds).collect();
            for side in [Side::Received, Side::Sent] {
                findings.extend(self.find(&latest, side, window));
            }
        }
    }
}

impl LinkSaturated {
    /// `latest` are the readings of one interface, the newest first.
    fn find(&self, latest: &[&LinkReading], side: Side, window: &Window<'_>) -> Option<Finding> {
        let (newest, oldest) = (*latest.first()?, *latest.last()?);
        let percent = |reading: &LinkReading| {
            bits_per_second(side.of(reading), reading.seconds) / reading.speed.max(1) as f64 * 100.0
        };
        let is_full = |reading: &&LinkReading| percent(reading) >= self.percent.value;
        let is_old = window.end.seconds_since(newest.at) > 2.0 * newest.seconds.max(1.0);
        if latest.len() < self.seconds || !latest.iter().all(is_full) || is_old {
            return None;
        }
        let counts = side.of(newest);
        let carried = bits_per_second(counts, newest.seconds);
        let loses = counts.dropped as f64 >= DROPPED_SHARE * (counts.packets + counts.dropped).max(1) as f64;
        let direction = if side == Side::Received { Direction::Inbound } else { Direction::Outbound };
        let verb = if side == Side::Received { "receives" } else { "sends" };
        let main = measured(
            "link_percent",
            (percent(newest) * 10.0).round() / 10.0,
            self.percent,
            newest.seconds,
            format!(
                "{} {verb} {:.1} Mbit/s, {:.0} % of its {:.0} Mbit/s, limit {} % ({}); {} frames dropped",
                newest.interface,
                carried / 1e6,
                percent(newest),
                newest.speed as f64 / 1e6,
                self.percent.value,
                self.percent.from.name(),
                counts.dropped
            ),
        );
        let evidence = vec![main, fillers(window, direction, carried)];
        let count = Count { packets: counts.packets, bytes: counts.bytes };
        let tenth = Count { packets: counts.packets / 10, bytes: counts.bytes / 10 };
        let traffic = |count| Traffic { count, ..Traffic::default() };
        let target = Target::Interface { name: newest.interface.clone() };
        let since = Timestamp::from_nanos(oldest.at.nanos().saturating_sub((oldest.seconds * 1e9) as u64));
        Some(Finding {
            interface: Some(newest.interface.clone()),
            severity: if loses { Severity::Critical } else { Severity::Warning },
            confidence: 0.99,
            now: traffic(tenth),
            recent: traffic(count),
            evidence,
            ..Finding::about(target, direction, Vector::LinkSaturated, since)
        })
    }
}

/// The hosts of ours that receive, or send, most of what a link carries, whatever it is; or that none does.
fn fillers(window: &Window<'_>, direction: Direction, carried: f64) -> Evidence {
    let classes = Class::ALL.get(..Class::PER_HOST).unwrap_or(Class::ALL);
    let mut hosts: Vec<(f64, Addr)> = window
        .hosts()
        .map(|host| {
            let Count { packets, bytes } = host.in_direction(direction).forward(Span::Second).of_all(classes);
            (bits_per_second(LinkCounts { packets, bytes, dropped: 0 }, 1.0), host.address())
        })
        .collect();
    hosts.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let most = hosts.first().map_or(0.0, |(bits, _)| *bits);
    let verb = if direction == Direction::Inbound { "receives" } else { "sends" };
    let shown = hosts.iter().take(SHOWN).filter(|(bits, _)| *bits >= carried * SHOWN_SHARE);
    let named: Vec<String> = shown
        .map(|(bits, host)| {
            // What leaves is captured before the queue of the interface drops it.
            let share = (bits / carried.max(1.0) * 100.0).min(100.0);
            format!("{host} {verb} {:.1} Mbit/s (about {share:.0} %)", bits / 1e6)
        })
        .collect();
    let message = match named.is_empty() {
        true => format!("no host of ours {verb} as much as {:.0} % of it", SHOWN_SHARE * 100.0),
        false => format!("on all captured interfaces, in the last second: {}", named.join(", ")),
    };
    context("busiest_host_bits_per_second", most.round(), Span::Second.seconds(), message)
}
