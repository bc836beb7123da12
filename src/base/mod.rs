//! Words that every stage shares: time, addresses, networks, and the vocabulary of incidents.
//!
//! Nothing here knows of any stage. Everything is small, `Copy` where it can be, and pure.

pub mod address;
pub mod interface;
pub mod network;
pub mod numbers;
pub mod posture;
pub mod time;
pub mod words;

pub use address::{Addr, Mac};
pub use interface::{CapturedInterface, CountPolicy, InterfaceRole};
pub use network::Networks;
pub use numbers::{grouped, scaled};
pub use posture::{PostureResult, PostureState};
pub use time::{TICK_NANOS, TICKS_PER_SECOND, Timestamp};
pub use words::{Direction, Pattern, Severity, Vector, VectorClass};
