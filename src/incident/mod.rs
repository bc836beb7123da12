//! Incident: turns findings into incidents, in a pure state machine (`machine`) on packet time. The public form of an
//! incident is in [`model`]; what is recorded of one while it is open, in `record`.
//!
//! An incident is identified by target and direction. Further vectors against the same target extend it; it closes
//! after a quiet period.

mod event;
mod key;
mod losses;
mod machine;
mod maintenance;
pub mod model;
mod open;
mod peers;
mod pulses;
mod rates;
mod record;
mod relations;
mod resumed;
mod room;
mod shares;

pub use event::{Change, Event};
pub use losses::LossCounts;
pub use machine::{IncidentSettings, Incidents};
pub use maintenance::{MaintenanceMark, MaintenanceWindow, Schedule, Scope};
pub use model::{CloseReason, Detailed, Incident, Peers, Point, Port};
pub use open::{OpenIncident, VectorCount};
pub use room::Usage;
