//! Fading: an exponentially decaying activity, about that of the last second, in one number.

use super::counts::Count;
use std::sync::LazyLock;

/// Factor by which an activity decreases per tick without packets.
pub(super) const FADING: f32 = 0.9;

/// The powers of [`FADING`] that are asked for most.
static POWERS: LazyLock<[f32; 64]> = LazyLock::new(|| std::array::from_fn(|exponent| FADING.powi(exponent as i32)));

/// An activity after `idle` ticks without packets.
pub(super) fn faded(activity: f32, idle: u64) -> f32 {
    match idle {
        0 => activity,
        1 => activity * FADING,
        idle => {
            let power = POWERS.get(idle.min(1000) as usize).copied();
            activity * power.unwrap_or_else(|| FADING.powi(idle.min(1000) as i32))
        }
    }
}

/// Rank of a host with this activity for eviction: thousandths, so that entries of the same age still differ.
pub(super) fn worth(activity: f32) -> u64 {
    (activity * 1000.0) as u64
}

/// Packets and bytes of about the last second, decreasing by a tenth each tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FadingCount {
    /// Faded sum of packets; at a steady rate about the packets per second.
    pub packets: f32,
    /// Faded sum of octets; at a steady rate about the octets per second.
    pub bytes: f32,
}

impl FadingCount {
    pub(super) fn fade(&mut self, idle: u64) {
        self.packets = faded(self.packets, idle);
        self.bytes = faded(self.bytes, idle);
    }

    pub(super) fn add(&mut self, count: Count) {
        self.packets += count.packets as f32;
        self.bytes += count.bytes as f32;
    }
}
