//! One quantity of one host and direction, by hour of the week.

use super::allowance::Allowance;

/// Slots of a profile: the hours of a week.
pub(crate) const SLOTS: usize = 168;
const DAY: usize = 24;

/// Minutes after which an hour of the week is used by itself: two weeks of it.
const RIPE: f32 = 120.0;
/// Minutes that an hour must have to be pooled with similar hours, and that all of them must have together.
const POOLED: f32 = 30.0;
const POOL: f32 = 90.0;
/// Minutes over which the estimate decays: about three weeks of an hour.
const DECAY: f32 = 180.0;
/// Spreads beyond which a minute counts no more: an hour of outliers moves the centre little.
const CLIP: f32 = 3.0;
/// Spreads above the centre up to which a minute is normal.
const WIDTH: f32 = 6.0;
/// Margin for a day that is somewhat busier.
const MARGIN: f32 = 1.5;

/// The minutes of one hour of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Slot {
    /// Typical mean of a minute, per second.
    pub centre: f32,
    /// Typical distance from it.
    pub spread: f32,
    /// Minutes learned, less what ageing removed.
    pub minutes: f32,
}

impl Slot {
    /// A running estimate after Huber: a value within [`CLIP`] spreads counts in full, one beyond is clipped to that. A
    /// lasting change widens the spread with every minute, and is followed.
    fn learn(&mut self, value: f32) {
        if self.minutes < 1.0 {
            *self = Slot { centre: value, spread: value / 4.0 + 1.0, minutes: 1.0 };
            return;
        }
        let least = self.centre / 20.0 + 1.0;
        let reach = CLIP * self.spread.max(least);
        let off = (value - self.centre).clamp(-reach, reach);
        let weight = 1.0 / (self.minutes + 1.0).min(DECAY);
        self.centre = (self.centre + off * weight).max(0.0);
        // A mean absolute distance is 0.8 of a standard deviation.
        self.spread = (self.spread + (off.abs() * 1.25 - self.spread) * weight).max(least);
        self.minutes = (self.minutes + 1.0).min(DECAY * 10.0);
    }

    fn level(&self) -> f32 {
        (self.centre + WIDTH * self.spread) * MARGIN
    }

    /// Less certain, and wider by as much.
    fn age(&mut self, keep: f32) {
        self.minutes *= keep;
        self.spread /= keep.max(0.25);
    }
}

/// The week of one quantity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WeeklyProfile {
    pub slots: [Slot; SLOTS],
    /// How far the limit may rise above the default.
    pub allowance: Allowance,
}

impl Default for WeeklyProfile {
    fn default() -> Self {
        WeeklyProfile { slots: [Slot::default(); SLOTS], allowance: Allowance::default() }
    }
}

impl WeeklyProfile {
    /// Takes the mean of a minute of hour `slot` of the week.
    pub(crate) fn learn(&mut self, slot: usize, value: f32) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.learn(value);
        }
    }

    /// The highest normal value in hour `slot` of the week: of that hour once two weeks of it are known; until then the
    /// highest of that hour and its neighbours on any day, once these have an hour and a half in all. 0 where too little
    /// is known.
    pub(crate) fn level(&self, slot: usize) -> f32 {
        let at = |index: usize| self.slots.get(index % SLOTS).copied().unwrap_or_default();
        let own = at(slot);
        if own.minutes >= RIPE {
            return own.level();
        }
        let like = (0..SLOTS / DAY).flat_map(|day| [SLOTS - 1, 0, 1].map(|next| at(slot + day * DAY + next)));
        let (mut minutes, mut highest) = (0.0, 0.0f32);
        for slot in like.filter(|slot| slot.minutes >= POOLED) {
            minutes += slot.minutes;
            highest = highest.max(slot.level());
        }
        if minutes >= POOL { highest } else { 0.0 }
    }

    /// Ages what was learned so that a share of `keep` (0 to 1) of it still counts.
    pub(crate) fn age(&mut self, keep: f32) {
        self.slots.iter_mut().for_each(|slot| slot.age(keep));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(values: impl IntoIterator<Item = f32>) -> Slot {
        let mut slot = Slot::default();
        values.into_iter().for_each(|value| slot.learn(value));
        slot
    }

    /// Evenly spread from 800 to 1200.
    fn steady(count: u32) -> impl Iterator<Item = f32> {
        (0..count).map(|n| 800.0 + (n * 163 % 401) as f32)
    }

    #[test]
    fn the_centre_and_the_spread_are_found() {
        let slot = learned(steady(300));
        assert!((950.0..1050.0).contains(&slot.centre), "{slot:?}");
        assert!((80.0..180.0).contains(&slot.spread), "{slot:?}");
    }

    #[test]
    fn a_few_minutes_of_something_else_change_little() {
        let before = learned(steady(120));
        let after = learned(steady(120).chain([1e6; 3]));
        assert!(after.level() < before.level() * 1.3, "{} {}", before.level(), after.level());
    }

    #[test]
    fn a_change_that_lasts_is_followed() {
        let slot = learned(steady(300).chain([5000.0; 600]));
        assert!((4500.0..5500.0).contains(&slot.centre), "{slot:?}");
    }

    #[test]
    fn an_hour_counts_after_two_weeks_and_its_like_before() {
        let mut profile = WeeklyProfile::default();
        let (monday_noon, tuesday_noon) = (12, 36);
        for _ in 0..60 {
            profile.learn(monday_noon, 1000.0);
        }
        assert_eq!(profile.level(monday_noon), 0.0, "one hour is too little");
        for _ in 0..60 {
            profile.learn(monday_noon + 1, 1000.0);
        }
        for slot in [monday_noon, tuesday_noon, tuesday_noon + 1] {
            assert!(profile.level(slot) > 1000.0, "{slot}");
        }
        assert_eq!(profile.level(monday_noon + 6), 0.0, "the evening may be anything");
        for _ in 0..120 {
            profile.learn(tuesday_noon, 10.0);
        }
        assert!(profile.level(tuesday_noon) < 200.0, "now it speaks for itself");
        assert!(profile.level(monday_noon) > 1000.0);
    }

    #[test]
    fn the_week_is_a_circle() {
        let mut profile = WeeklyProfile::default();
        for _ in 0..120 {
            profile.learn(SLOTS - 1, 1000.0);
        }
        assert!(profile.level(0) > 1000.0, "Sunday's last hour is the neighbour of Monday's first");
    }

    #[test]
    fn ageing_widens_and_makes_unsure() {
        let mut profile = WeeklyProfile::default();
        for value in steady(150) {
            profile.learn(3, value);
        }
        let before = profile.level(3);
        profile.age(0.9);
        assert!(profile.level(3) > before);
        profile.age(0.1);
        assert_eq!(profile.level(3), 0.0);
    }
}
