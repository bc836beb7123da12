//! The Alertmanager sink: sends the alerts of open incidents to one Alertmanager (API v2), repeats them while they are
//! open, and resolves them.
//!
//! It sends states, not changes: an Alertmanager that was down gets the current state, once. `alert_state` decides
//! what to send and when, without clock and socket; `sender` sends it.

mod alert;
mod alert_state;
mod sender;

pub use alert::{LABELS, Links};
pub use sender::{Alertmanager, AlertmanagerConfig};
