//! The gate: which detectors can find something on a host at all.
//!
//! Each detector declares what a host must have before it can find anything there ([`Need`]): a count that is never too low
//! ([`Gauge`]) and the part of a limit that it must reach. The floors follow from the limits in force, once for each group and
//! direction. Most hosts are so far below all floors that their points show it (`meter/points.rs`), and of most others one or two
//! detectors have to look.
//!
//! The gate is exact: a detector that it skips would have found nothing. Every scenario, and `tests/gate.rs` on captures, audits
//! it: all detectors inspect all hosts, and whatever one finds that the gate does not admit is an error.

use super::detector::DetectorSpec;
use super::need::{Gauge, Need};
use super::settings::Settings;
use crate::base::Direction;
use crate::inventory::GroupId;
use crate::meter::{HostDirection, PointWeights};

/// A floor of one detector, by its position among the enabled ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Floor {
    gauge: Gauge,
    least: u64,
    detector: usize,
}

/// A set of enabled detectors, by position.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted(u64);

const _: () = assert!(super::DETECTORS.len() <= 64);

impl Admitted {
    pub(super) const NONE: Admitted = Admitted(0);

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn contains(self, detector: usize) -> bool {
        self.0 >> detector & 1 != 0
    }
}

/// The floors of all enabled detectors.
pub(super) struct Gate {
    /// By group, hosts without one first, and direction.
    floors: Vec<[Vec<Floor>; 2]>,
}

impl Gate {
    /// The gate of these detectors, for a site with this many groups.
    pub(super) fn new<'a>(
        detectors: impl Iterator<Item = (&'static DetectorSpec, &'a Settings)>,
        groups: usize,
    ) -> Gate {
        let detectors: Vec<_> = detectors.collect();
        let floors_of = |group: Option<GroupId>, direction: Direction| {
            let mut floors = Vec::new();
            for (detector, (spec, settings)) in detectors.iter().enumerate() {
                let least = |need: &Need| Some((need.gauge, need.floor(settings, group, direction)?));
                let needs = spec.needs.iter().filter_map(least);
                floors.extend(needs.map(|(gauge, least)| Floor { gauge, least, detector }));
            }
            // Each gauge is read once.
            floors.sort_unstable();
            floors
        };
        let both = |group| [Direction::Inbound, Direction::Outbound].map(|direction| floors_of(group, direction));
        let groups = (0..groups).map(|group| Some(GroupId(group)));
        Gate { floors: std::iter::once(None).chain(groups).map(both).collect() }
    }

    /// The points that a host gets for its packets: with all of them in a second, it may have reached a floor.
    pub(super) fn weights(&self) -> PointWeights {
        let mut weights = PointWeights::none();
        for floor in self.floors.iter().flatten().flatten() {
            floor.gauge.weigh(floor.least, &mut weights);
        }
        weights
    }

    /// The detectors that can find something on this host.
    pub(super) fn admit(&self, host: &HostDirection<'_>, group: Option<GroupId>) -> Admitted {
        let row = self.floors.get(group.map_or(0, |group| group.0 + 1));
        let Some(floors) = row.and_then(|both| both.get(usize::from(host.is_outbound()))) else { return Admitted(0) };
        let (mut admitted, mut read) = (0, None);
        for floor in floors {
            let count = match read {
                Some((gauge, count)) if gauge == floor.gauge => count,
                _ => floor.gauge.of(host),
            };
            read = Some((floor.gauge, count));
            admitted |= u64::from(count >= floor.least) << floor.detector;
        }
        Admitted(admitted)
    }
}
