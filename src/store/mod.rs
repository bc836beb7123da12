//! State: files in one directory that persist across restarts. Each is written atomically. None stops Pegel if it
//! cannot be read: a corrupt baseline and corrupt pairings are renamed, and the maintenance windows read before stay in
//! force.

mod arp_dat;
mod batch;
mod captured;
mod database;
mod dir;
mod error;
pub mod evidence;
mod filter;
mod maintenance;
mod model;
mod pairings;
mod reader;
mod rows;
mod running_minute;
mod schema;
#[cfg(test)]
mod tests;
mod upkeep;

pub use arp_dat::{ArpDatLine, arp_dat_line};
/// The folder of the evidence in the state directory.
pub const EVIDENCE: &str = "evidence";

pub use batch::{Batch, InterfaceMinute, Note};
pub use database::Database;
pub use dir::StateDir;
pub use error::{StateError, StoreError};
pub use filter::{Cursor, Filter, MAX_PAGE};
pub use maintenance::MOST_MAINTENANCE;
pub use model::{
    DirectionMinute, IncidentSecond, KeptPacket, LEAST_COVERAGE, LONGEST_GAP, PeriodCoverage, StoredChange,
    StoredIncident, SubjectKind, SubjectMinute,
};
pub use pairings::{KnownPairings, PAIRINGS, pairings_to_bytes};
pub use reader::{BriefIncident, Counts, DATABASE, Page, Reader, StoredNote};

pub use upkeep::{Deleted, Forgotten, Retention};
