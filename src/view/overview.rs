//! One second of traffic, and who has most of it.

use super::inventory::GuestView;
use super::sensor::SensorView;
use crate::base::text::{Word, word};
use crate::base::{Addr, Mac, Timestamp};
use crate::incident::Incident;
use crate::meter::Count;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Seconds of traffic that are kept for plots.
pub const KEPT_SECONDS: usize = 120;

/// Everything at one moment: what the page and `pegel top` show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// Packet time: everything up to it is counted; `null` before anything was.
    pub at: Option<Timestamp>,
    /// Pegel itself.
    pub sensor: SensorView,
    /// The last seconds, oldest first.
    pub traffic: Vec<TrafficSecond>,
    /// Hosts with the most packets in the last second, busiest first.
    pub hosts: Vec<HostRates>,
    /// Hosts that are known, quiet ones included.
    pub hosts_known: usize,
    /// Where the packets come from that our hosts receive.
    pub networks: SourceNetworks,
    /// Virtual machines and containers, busiest first.
    pub guests: Vec<GuestView>,
    /// Stations with the most frames, busiest first.
    pub stations: Vec<StationRates>,
    /// Stations that are known, silent ones included.
    pub stations_known: usize,
    /// Open incidents.
    pub open: Vec<Incident>,
    /// Closed ones, latest first.
    pub recent: Vec<Incident>,
}

/// Packets and bits of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rate {
    /// Packets per second.
    pub packets_per_second: u64,
    /// Bits per second.
    pub bits_per_second: u64,
}

impl From<Count> for Rate {
    fn from(second: Count) -> Rate {
        Rate { packets_per_second: second.packets, bits_per_second: second.bytes.saturating_mul(8) }
    }
}

impl Rate {
    /// The sum of both.
    pub fn plus(self, other: Rate) -> Rate {
        Rate {
            packets_per_second: self.packets_per_second.saturating_add(other.packets_per_second),
            bits_per_second: self.bits_per_second.saturating_add(other.bits_per_second),
        }
    }
}

/// All traffic of one full second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrafficSecond {
    /// Its end.
    pub at: Timestamp,
    /// To our hosts.
    pub receive: Rate,
    /// From our hosts.
    pub transmit: Rate,
    /// Between others.
    pub transit: Rate,
    /// By class, those without packets left out, in the order of `pegel_receive_packets_total`.
    pub classes: Vec<ClassRates>,
}

/// The traffic of one class in one second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClassRates {
    /// A value of the label `class`.
    #[serde(deserialize_with = "word")]
    pub class: Word,
    /// To our hosts.
    pub receive: Rate,
    /// From our hosts.
    pub transmit: Rate,
}

/// One host in the last second: exact, unless the capture is sampled. Hosts with fewer than ten packets per second, and those for
/// which the table of busy hosts has no room, are not among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostRates {
    /// Its address.
    pub address: Addr,
    /// The guest that it belongs to.
    pub guest: Option<String>,
    /// To it.
    pub receive: Rate,
    /// From it.
    pub transmit: Rate,
}

/// Networks of the senders, estimated from a sample of the packets that our hosts received in the last second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceNetworks {
    /// Packets in the sample.
    pub sampled: usize,
    /// The largest, largest first. Shares smaller than their error are left out.
    pub networks: Vec<SourceNetwork>,
}

/// One network of senders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceNetwork {
    /// A /24 or /48.
    pub network: String,
    /// Share of the packets, 0 to 1.
    pub share: f64,
    /// How far the share may be off: two standard errors; 0 if the sample has every packet.
    pub error: f64,
}

/// One station. Rates are averages that decay over about a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StationRates {
    /// Its MAC address.
    pub mac: Mac,
    /// The captured interface on which it is counted.
    pub interface: Option<String>,
    /// The guest whose NIC has this address.
    pub guest: Option<String>,
    /// An IP source address that it used.
    pub address: Option<Addr>,
    /// To it.
    pub receive: Rate,
    /// From it.
    pub transmit: Rate,
    /// Broadcast frames that it sends per second.
    pub broadcast_per_second: u64,
}
