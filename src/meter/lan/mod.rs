//! LAN state: what the merger knows of layer 2 over time. Who claims which address, where stations are, who offers
//! leases and routes, and the rates of group frames. Measurements only; detectors interpret them.
//!
//! Every table is bounded: see the caps in each file. All interfaces of one bridge are one segment
//! ([`CapturedInterface`](crate::base::CapturedInterface)).
//!
//! - `claims`: stations and the addresses that they claim
//! - `dhcp`: servers, leases, clients
//! - `leaks`: stations that slowly send from addresses which are not ours
//! - `pairings`: which station used which IPv4 address, over days, and what changes
//! - `rates`: broadcast, multicast, ARP and unknown MAC addresses over the last second
//! - `routers`: router advertisements, and whether queried routers answer
//! - `station_ports`: the port at which a station's frames enter
//! - `stations`: since when each station is known, and what it sends

mod bounded;
mod claims;
mod dhcp;
mod domain;
mod leaks;
mod pairings;
mod rates;
mod routers;
mod state;
mod station_ports;
mod stations;
mod users;

pub use claims::{Claim, Claimant};
pub use dhcp::{DhcpClient, DhcpRequests, DhcpServer, OnceHeard};
pub use domain::BroadcastDomain;
pub use leaks::Leak;
pub use pairings::{Holder, PairingChange, PairingEvent};
pub use rates::{LONG_SECONDS, LinkSecond, RateKind, Rates};
pub use routers::{Gateway, HeardAs, Router};
pub use state::{ForeignClaim, LanState, StpSender};
pub use station_ports::Move;
