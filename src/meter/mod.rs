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
mod attempts;
mod counts;
mod fading;
mod handshakes;
mod hash;
mod host;
mod host_tick;
pub mod lan;
mod linear_counter;
mod link;
mod log;
mod majority;
mod merge;
mod prefixes;
mod registers;
mod report;
mod requests;
mod run;
mod samples;
mod scale;
mod set_table;
mod shared;
mod sizes;
mod stations;
mod sums;
mod tally;
mod windows;

pub use attempts::{AttemptKind, ConnectionAttempts, SENDERS};
pub use counts::Count;
pub use fading::FadingCount;
pub use hash::Hasher;
pub use host::{HostDirection, HostWindow, ServiceTraffic, Span};
pub use host_tick::HostTick;
pub use link::{AssignedAddrs, CONTROLS, ForeignUse};
pub use merge::{Meter, Window};
pub use registers::Registers;
pub use report::{StationCounts, TickReport, Totals};
pub use requests::{REQUESTS, Request};
pub use samples::Sample;
pub use scale::Scale;
pub use shared::{HostEntry, HostTable, StationEntry, StationTable};
pub use sizes::{MeterSizes, PrefixLengths, TallySizes};
pub use tally::{BATCH, Tally};
pub use windows::IDLE_TICKS;
