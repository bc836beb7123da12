//! Guests and interfaces as the API tells them, at one moment.

use crate::base::{InterfaceRole, Mac, Timestamp};
use crate::meter::Count;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is known of the place, and what its guests do. Replaced as a whole about once a second.
#[derive(Clone, Debug, Default)]
pub struct InventoryView {
    /// Up to which everything is counted.
    pub tick: u64,
    /// Busiest first.
    pub guests: Vec<GuestView>,
    /// Labels of guests by the MAC addresses of their cards.
    pub labels: BTreeMap<Mac, String>,
    /// In the order of the indices that stations carry.
    pub interfaces: Vec<InterfaceView>,
    pub problems: Vec<ProblemView>,
}

/// One direction, as seen from the guest or station.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TrafficView {
    /// Since it is known.
    pub packets: u64,
    pub bytes: u64,
    /// Over the last second.
    pub packets_per_second: u64,
    pub bits_per_second: u64,
}

impl TrafficView {
    /// All so far, and what of it was within the last second.
    pub fn new(total: Count, second: Count) -> TrafficView {
        TrafficView {
            packets: total.packets,
            bytes: total.bytes,
            packets_per_second: second.packets,
            bits_per_second: second.bytes.saturating_mul(8),
        }
    }

    pub fn merge(&mut self, other: TrafficView) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.packets_per_second += other.packets_per_second;
        self.bits_per_second = self.bits_per_second.saturating_add(other.bits_per_second);
    }
}

/// A virtual machine or container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GuestView {
    pub id: String,
    pub name: String,
    pub origin: &'static str,
    /// As in incidents and metrics.
    pub label: String,
    /// Of all cards.
    pub receive: TrafficView,
    pub transmit: TrafficView,
    pub cards: Vec<CardView>,
}

/// A network card of a guest.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CardView {
    pub mac: Mac,
    /// Those that it was given, as far as that is known.
    pub addresses: Vec<String>,
    pub vlan: Option<u16>,
    pub bridge: Option<String>,
    pub port: Option<String>,
    /// Where its frames are counted, of all captured interfaces that show them.
    pub interface: Option<String>,
    pub receive: TrafficView,
    pub transmit: TrafficView,
    /// When it last sent something.
    pub last_seen: Option<Timestamp>,
}

/// A captured interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InterfaceView {
    pub name: String,
    pub role: &'static str,
    pub bridge: Option<String>,
    /// The first captured interface of the bridge that it belongs to: one name for all of them.
    pub segment: String,
}

impl InterfaceView {
    /// Whether stations enter a bridge here.
    pub(super) fn is_entrance(&self) -> bool {
        [InterfaceRole::Port.name(), InterfaceRole::Uplink.name()].contains(&self.role)
    }
}

/// Something that is wrong with a source of the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProblemView {
    pub source: &'static str,
    pub at: String,
    pub message: String,
}
