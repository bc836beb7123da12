//! Guests and interfaces in the API, at one point in time.

use crate::base::text::{Word, word};
use crate::base::{InterfaceRole, Mac, Timestamp};
use crate::meter::Count;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Guests with their traffic, and captured interfaces. Replaced as a whole about once a second.
#[derive(Clone, Debug, Default)]
pub struct InventoryView {
    /// The last tick included in the figures.
    pub tick: u64,
    /// Busiest first.
    pub guests: Vec<GuestView>,
    /// Labels of guests by the MAC addresses of their NICs.
    pub labels: BTreeMap<Mac, String>,
    /// In the order of the interface indices of stations.
    pub interfaces: Vec<InterfaceView>,
    /// Problems of the inventory sources.
    pub problems: Vec<ProblemView>,
}

/// Traffic in one direction, from the point of view of the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrafficView {
    /// Since it was first seen.
    pub packets: u64,
    /// Since it was first seen.
    pub bytes: u64,
    /// Over the last second.
    pub packets_per_second: u64,
    /// Over the last second.
    pub bits_per_second: u64,
}

impl TrafficView {
    /// From the total and from the part of it within the last second.
    pub fn new(total: Count, second: Count) -> TrafficView {
        TrafficView {
            packets: total.packets,
            bytes: total.bytes,
            packets_per_second: second.packets,
            bits_per_second: second.bytes.saturating_mul(8),
        }
    }

    /// Adds the traffic of another NIC.
    pub fn merge(&mut self, other: TrafficView) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.packets_per_second += other.packets_per_second;
        self.bits_per_second = self.bits_per_second.saturating_add(other.bits_per_second);
    }
}

/// A virtual machine or container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuestView {
    /// Its ID at its hypervisor.
    pub id: String,
    /// Its name; may be empty.
    pub name: String,
    /// The inventory source.
    #[serde(deserialize_with = "word")]
    pub origin: Word,
    /// ID and name, as in incidents and metrics.
    pub label: String,
    /// To all of its NICs.
    pub receive: TrafficView,
    /// From all of its NICs.
    pub transmit: TrafficView,
    /// Its network interfaces.
    pub nics: Vec<NicView>,
}

/// A network interface of a guest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NicView {
    /// Its MAC address.
    pub mac: Mac,
    /// The addresses assigned to it, as far as known.
    pub addresses: Vec<String>,
    /// Its VLAN, configured or else seen in its frames.
    pub vlan: Option<u16>,
    /// The bridge that it is connected to.
    pub bridge: Option<String>,
    /// Its interface on this host.
    pub port: Option<String>,
    /// The captured interface on which its frames are counted.
    pub interface: Option<String>,
    /// To it.
    pub receive: TrafficView,
    /// From it.
    pub transmit: TrafficView,
    /// Time of the last frame that it sent.
    pub last_seen: Option<Timestamp>,
}

/// A captured interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InterfaceView {
    /// Its name.
    pub name: String,
    /// Its role in a bridge, such as uplink or port.
    #[serde(deserialize_with = "word")]
    pub role: Word,
    /// The bridge that it belongs to.
    pub bridge: Option<String>,
    /// The LAN that it belongs to, named after the first captured interface of that LAN.
    pub lan: String,
}

impl InterfaceView {
    /// Whether frames of stations enter a bridge here.
    pub fn is_entry_port(&self) -> bool {
        [InterfaceRole::Port.name(), InterfaceRole::Uplink.name()].contains(&self.role)
    }
}

/// A problem of an inventory source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemView {
    /// The inventory source.
    #[serde(deserialize_with = "word")]
    pub source: Word,
    /// File and line.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}
