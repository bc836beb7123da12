//! Incident: from findings to incidents. A pure state machine ([`machine`]) on packet time; the public shape is in
//! [`model`], and what one incident gathers while it is open in [`record`]. What could be done about it is worked out in
//! [`mitigation`], on packets of the attack and on those of the quiet time before it ([`usual`]).
//!
//! Identity is (target, direction): vectors that come and go on the same target extend its incident; it closes after a
//! quiet period.

pub mod machine;
pub mod maintenance;
pub mod model;
mod pulses;
mod record;

pub use machine::{Change, Event, IncidentSettings, Incidents, LossCounts};
pub use maintenance::{MaintenanceMark, MaintenanceWindow, Schedule, Scope};
pub use model::{CloseReason, Detailed, Incident};
