//! Points: how near a host comes to what a detector needs.
//!
//! Every count that a detector compares with a limit has a floor below which the detector can find nothing. A packet gives a host
//! points for the counts that it belongs to, the more the lower the floor; a count at its floor gives [`FULL`]. So a host with
//! fewer points in a second is under all floors, and nothing else has to be asked of it: its counts are not even added up.

use super::bits::ones;
use super::host_tick::{HostTick, ServiceCounts};
use super::verdicts::{KINDS, kind};
use crate::base::TICKS_PER_SECOND;
use crate::packet::{App, Class};

/// The points of a count at its floor.
const FULL: u32 = 1 << 20;

/// The points of each packet, by what it counts as.
#[derive(Clone, Debug)]
pub struct PointWeights {
    /// By class.
    classes: [u32; Class::COUNT],
    /// Bits of the classes that give points.
    classes_used: u32,
    /// Of what was not asked for, as far as known, by kind.
    unsolicited: [u32; KINDS],
    /// Flows that are answered, by kind.
    answered: [u32; KINDS],
    apps: [u32; App::COUNT],
    apps_used: u32,
    /// Replies of services that amplify, and those of them that were not asked for as far as known: by [`ServiceCounts::kind`].
    replies: [u32; 2],
    unsolicited_replies: [u32; 2],
    silent_connections: u32,
    /// Every tick with traffic gives all points.
    all: bool,
}

impl Default for PointWeights {
    /// All points to everyone.
    fn default() -> Self {
        PointWeights { all: true, ..PointWeights::none() }
    }
}

/// Raises the points of one packet to those of a count with this floor.
fn raise(weight: Option<&mut u32>, floor: u64) {
    let points = u32::try_from(u64::from(FULL).div_ceil(floor.max(1))).unwrap_or(FULL);
    if let Some(weight) = weight {
        *weight = points.max(*weight);
    }
}

impl PointWeights {
    /// No points for anything.
    pub fn none() -> Self {
        PointWeights {
            classes: [0; Class::COUNT],
            classes_used: 0,
            unsolicited: [0; KINDS],
            answered: [0; KINDS],
            apps: [0; App::COUNT],
            apps_used: 0,
            replies: [0; 2],
            unsolicited_replies: [0; 2],
            silent_connections: 0,
            all: false,
        }
    }

    /// Any packet suffices.
    pub fn any_packet(&mut self) {
        self.all = true;
    }

    /// All packets of these classes together suffice from `floor` on.
    pub fn packets(&mut self, classes: &[Class], floor: u64) {
        for class in classes {
            raise(self.classes.get_mut(class.index()), floor);
            self.classes_used |= 1 << class.index();
        }
    }

    /// Packets of these classes of which it is not known that they were asked for suffice from `floor` on; see
    /// [`SpanCounts::unsolicited_at_most`](super::SpanCounts::unsolicited_at_most).
    pub fn unsolicited(&mut self, classes: &[Class], floor: u64) {
        for kind in classes.iter().filter_map(|&class| kind(class)) {
            raise(self.unsolicited.get_mut(kind), floor);
        }
    }

    /// Answered flows of these classes suffice from `floor` on.
    pub fn answered(&mut self, classes: &[Class], floor: u64) {
        for kind in classes.iter().filter_map(|&class| kind(class)) {
            raise(self.answered.get_mut(kind), floor);
        }
    }

    /// Packets of these applications suffice from `floor` on.
    pub fn apps(&mut self, apps: &[App], floor: u64) {
        for app in apps {
            raise(self.apps.get_mut(app.index()), floor);
            self.apps_used |= 1 << app.index();
        }
    }

    /// Replies of services that amplify suffice from `floor` on: of services that no sound network uses across its edge, or of all
    /// others.
    pub fn replies(&mut self, unambiguous: bool, floor: u64) {
        raise(self.replies.get_mut(usize::from(unambiguous)), floor);
    }

    /// The same of replies of which it is not known that they were asked for.
    pub fn unsolicited_replies(&mut self, unambiguous: bool, floor: u64) {
        raise(self.unsolicited_replies.get_mut(usize::from(unambiguous)), floor);
    }

    /// Completed connections on which nothing was sent suffice from `floor` on.
    pub fn silent_connections(&mut self, floor: u64) {
        raise(Some(&mut self.silent_connections), floor);
    }

    /// The points of a tick, both directions together.
    fn of(&self, tick: &HostTick) -> u32 {
        if self.all {
            return FULL;
        }
        let weigh = |count: u64, weight: Option<&u32>| count.saturating_mul(weight.copied().unwrap_or(0).into());
        let mut sum = 0u64;
        for direction in [&tick.received, &tick.sent] {
            for class in ones(direction.used() & self.classes_used) {
                let packets = Class::ALL.get(class).map_or(0, |&class| direction.of(class).packets);
                sum = sum.saturating_add(weigh(packets, self.classes.get(class)));
            }
            direction.visit_unsolicited(|kind, packets, answered| {
                sum = sum.saturating_add(weigh(packets, self.unsolicited.get(kind)));
                sum = sum.saturating_add(weigh(answered, self.answered.get(kind)));
            });
        }
        for app in ones(tick.apps.used() & self.apps_used) {
            let packets = App::ALL.get(app).map_or(0, |&app| tick.apps.of(app, false) + tick.apps.of(app, true));
            sum = sum.saturating_add(weigh(packets, self.apps.get(app)));
        }
        for (kind, row) in tick.services.iter().map_while(ServiceCounts::kind) {
            for (all, unsolicited) in [row.replies(false), row.replies(true)] {
                sum = sum.saturating_add(weigh(all, self.replies.get(kind)));
                sum = sum.saturating_add(weigh(unsolicited, self.unsolicited_replies.get(kind)));
            }
        }
        for steps in [tick.handshakes.by_peers(), tick.handshakes.by_host()] {
            let silent = steps.completed.saturating_sub(steps.used);
            sum = sum.saturating_add(weigh(silent.into(), Some(&self.silent_connections)));
        }
        sum.min(FULL.into()) as u32
    }
}

/// The points of a host in the last ten ticks.
#[derive(Clone, Copy, Default)]
pub(super) struct PointRing {
    /// At most [`FULL`] each.
    ticks: [u32; TICKS_PER_SECOND],
    sum: u32,
}

impl PointRing {
    fn set(&mut self, tick: u64, points: u32) {
        if let Some(at) = self.ticks.get_mut((tick % TICKS_PER_SECOND as u64) as usize) {
            // Ten times `FULL` fits.
            self.sum = self.sum.wrapping_sub(*at).wrapping_add(points);
            *at = points;
        }
    }

    /// Opens a tick.
    pub(super) fn roll(&mut self, tick: u64) {
        self.set(tick, 0);
    }

    /// Weighs what the open tick has by now.
    pub(super) fn weigh(&mut self, tick: u64, counts: &HostTick, weights: &PointWeights) {
        self.set(tick, weights.of(counts));
    }

    /// As if everything were at its floor: the weights have changed.
    pub(super) fn fill(&mut self, tick: u64) {
        self.set(tick, FULL);
    }

    /// Whether some count may have reached its floor.
    pub(super) fn are_full(&self) -> bool {
        self.sum >= FULL
    }
}
