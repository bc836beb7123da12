//! Baseline: the normal level of each quantity per host, direction and hour of the week. It raises limits that would be too
//! low for a busy host; the shape that a detector requires stays the same.
//!
//! Learned is the mean of each minute, of each [`Quantity`](super::Quantity) in each direction: what is typical, not its
//! busiest second. How far a limit may rise, and how fast, is in `allowance`. Nothing is learned
//! from a host with an open incident, nor from the minute in which the incident opened and the one before it. All time is
//! packet time; [`Baseline::to_bytes`] and [`Baseline::from_bytes`] keep it over restarts.

mod allowance;
mod format;
mod learner;
#[cfg(test)]
mod tests;
mod weekly_profile;

pub use allowance::DayLimit;
pub use format::FormatError;
pub use learner::{Baseline, DefaultLimits, LearnedLevels, hour_of_week};
