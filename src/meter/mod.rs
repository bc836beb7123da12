//! Meter: from packets to measurements.
//!
//! Each worker counts in its own tables ([`Tally`]) and hands over a copy every 100 ms ([`TickReport`]). The merger
//! ([`Meter`]) adds the copies to the active hosts, to shared lifetime tables ([`HostTable`], [`StationTable`]) and to
//! the sliding windows of busy hosts ([`HostWindow`]). Every table has a cap, an eviction rule and an eviction counter;
//! none grows after the start.
//!
//! | table | file | key | cap | evicted or skipped |
//! |---|---|---|---|---|
//! | worker hosts | `tally`, `set_table` | address | `meter.worker_hosts` | of half of a full set, the host with the fewest packets in two ticks |
//! | worker details | `host_tick` | busy host | `meter.worker_details` | when none is free, the required packet rate doubles |
//! | worker peer tables | `peer_table` | attacked host and direction | 8 a worker, 384 peers each | the host with the fewest packets; a full table counts no more in the tick |
//! | worker stations | `stations` | MAC address | `meter.worker_stations` | as worker hosts |
//! | worker requests | `requests` | none | 256 a tick | a random half of the sample |
//! | active hosts | `active` | address | `meter.hosts` | as worker hosts; counts go to the shared table, unless that is full of more active hosts |
//! | shared hosts | `shared` | address | `meter.hosts` | at most once a tick, the least active eighth; for a second afterwards, new hosts that are hardly more active |
//! | hosts of the last tick | `last_tick` | host | 4,096 a tick | the rest of the tick |
//! | windows | `windows` | busy host | `meter.busy_hosts` | a host less than a third as busy as the new one |
//! | prefixes | `prefixes` | network | 4,096 small, `meter.prefixes` with windows | as worker hosts; as windows |
//! | inside as a whole | `inside` | none | one window; a sample of 128 packets a worker and tick, for a second | the oldest |
//! | conversations | `conversations` | flow, or pair of hosts and protocol | `meter.worker_conversations` | forgotten ones, then of the host with most in the set |
//! | pairs | `pairs` | pair of hosts | 65,536 a generation of five minutes | an older generation as a whole |
//! | connection attempts | `attempts` | sender | 1,024 a worker, 512 inspected a tick | as worker hosts, by attempts; the rest of the tick |
//! | control frames | `link` | none | 512 a tick, 64 of stations in one bucket | the rest of the tick |
//! | joined groups | `joined_groups` | multicast group | a set of 4,096 bits, twice | after 260 to 520 s |
//! | LAN state | `lan` | MAC and IP address | 64 to 8,192 entries each | the least recently used eighth |
//! | kept packets | `kept_packets` | host, as sender and as receiver | 64 a worker and tick, 4 a host | the rest of the tick |
//! | shared stations | `shared` | MAC address | `meter.stations` | the eighth that was silent longest |

mod active;
mod applications;
mod attempts;
mod bits;
mod capture_point;
mod conversations;
mod counts;
mod fading;
mod handshake_counts;
mod hash;
mod host;
mod host_slot;
mod host_sums;
mod host_tick;
mod inside;
mod inside_counts;
mod joined_groups;
mod kept_packets;
pub mod lan;
mod last_tick;
mod linear_counter;
mod link;
mod log;
mod majority;
mod merge;
mod packet_hosts;
mod peer_ring;
mod peer_table;
mod points;
mod prefixes;
mod registers;
mod report;
mod requests;
mod run;
mod samples;
mod scale;
mod service_traffic;
mod set_table;
mod shared;
mod sizes;
mod span;
mod span_counts;
mod stations;
mod sums;
mod tally;
mod tally_settings;
mod tunnels;
mod verdicts;
mod windows;

pub use attempts::{AttemptKind, ConnectionAttempts, SENDERS};
pub use conversations::{TcpStep, Verdict};
pub use counts::Count;
pub use fading::FadingCount;
pub use handshake_counts::ClientSteps;
pub use hash::Hasher;
pub use host::{HostDirection, HostWindow};
pub use host_tick::HostTick;
pub use kept_packets::{KEPT, KEPT_PER_HOST, KeptHeader, KeptPackets};
pub use link::{AssignedAddrs, CONTROLS, ForeignUse};
pub use merge::{Meter, Window};
pub use peer_ring::PeerSum;
pub use peer_table::{CloseRegisters, PEER_TABLES, PeerCount, PeerTable};
pub use points::PointWeights;
pub use registers::Registers;
pub use report::{SpoofedPacket, StationCounts, TickReport, Totals};
pub use requests::{REQUESTS, Request};
pub use samples::{Received, Sample};
pub use scale::Scale;
pub use service_traffic::ServiceTraffic;
pub use shared::{HostEntry, HostTable, StationEntry, StationTable};
pub use sizes::{MeterSizes, PrefixLengths, TallySizes};
pub use span::Span;
pub use span_counts::SpanCounts;
pub use tally::{BATCH, Tally};
pub use verdicts::Verdicts;
pub use windows::IDLE_TICKS;
