//! Meter: from packets to measurements.
//!
//! Each worker tallies into tables of its own ([`tally`]) and hands a copy over every 100 ms ([`report`]); the merger
//! ([`merge`]) adds the copies to the active hosts, to shared lifetime tables ([`shared`]) and to the sliding windows of
//! busy hosts ([`host`]). Every table has a cap, an eviction rule and an eviction counter; none grows after the start.
//!
//! | table | filled by | cap | who gives way |
//! |---|---|---|---|
//! | worker hosts ([`set_table`]) | addresses | `meter.worker_hosts` | of half of its set, the entry with the fewest packets in two ticks |
//! | worker details ([`counts`]) | busy hosts | `meter.worker_details` | where short, only hosts that are twice as busy get one |
//! | worker stations | MAC addresses | `meter.worker_stations` | as hosts |
//! | worker requests ([`requests`]) | requests with names | 256 a tick | every second one, by chance |
//! | active hosts ([`active`]) | addresses | `meter.hosts` | as worker hosts; the shared table is told first, unless it is full of more active ones |
//! | shared hosts | addresses | `meter.hosts` | once a tick at most, the eighth that was least active lately; for a second after it, newcomers that are hardly more active |
//! | windows | busy hosts | `meter.busy_hosts` | a host less than a third as busy as the newcomer |
//! | prefixes ([`prefixes`]) | addresses | 4,096 small, `meter.prefixes` with windows | as worker hosts; as windows |
//! | contacts ([`contacts`]) | addresses | 1,024 a worker, 512 looked at a tick | as worker hosts, by openings; the others of the tick |
//! | control frames ([`link`]) | ARP, ND, DHCP … | 512 a tick, 64 of stations that share a counter | the later ones of the tick |
//! | segment ([`lan`]) | MAC and IP addresses | 64 to 8,192 entries each | the eighth used longest ago |
//! | shared stations | MAC addresses | `meter.stations` | the eighth that was silent longest |

mod active;
mod applications;
pub mod attempts;
pub mod counts;
mod handshakes;
pub mod hash;
pub mod host;
pub mod lan;
pub mod link;
mod log;
pub mod merge;
pub mod prefixes;
mod registers;
pub mod report;
pub mod requests;
pub mod set_table;
pub mod shared;
mod stations;
mod sums;
pub mod tally;
mod windows;

pub use applications::AppCounts;
pub use attempts::{AttemptKind, ConnectionAttempts};
pub use counts::{ClassCounts, ClassTick, Count, HostTick, Sample};
pub use hash::Hasher;
pub use host::{HostDirection, HostWindow, ServiceTraffic, Span};
pub use lan::{BroadcastDomain, LanState};
pub use link::{AssignedAddrs, ForeignUse, LinkCounts};
pub use merge::{Meter, MeterSizes, Window};
pub use prefixes::{PrefixLengths, Received};
pub use registers::Registers;
pub use report::{Scale, StationCounts, TickReport, Totals};
pub use requests::{REQUESTS, Request};
pub use shared::{HostTable, StationTable};
pub use tally::{BATCH, Tally, TallySizes};
pub use windows::IDLE_TICKS;
