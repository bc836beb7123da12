//! Types that every stage shares: time, addresses, networks, and the names used in incidents.
//!
//! Nothing here depends on any stage. Types are small, `Copy` where possible, and free of side effects.

mod address;
mod interface;
mod link_reading;
mod network;
mod numbers;
mod pairing;
mod posture;
mod schema;
pub mod text;
mod time;
pub mod words;

pub use address::{Addr, Mac, MacError};
pub use interface::{CaptureDirections, CapturedInterface, CountPolicy, InterfaceRole};
pub use link_reading::{LinkCounts, LinkReading};
pub use network::Networks;
pub use numbers::{grouped, lasting, scaled};
pub use pairing::Pairing;
pub use posture::{PostureResult, PostureState};
pub use time::{TICK_NANOS, TICKS_PER_SECOND, Timestamp};
pub use words::{Direction, Pattern, Severity, Vector, VectorClass};
