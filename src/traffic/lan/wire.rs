//! Sends whole frames.

use super::super::frames::Way;
use super::super::schedule::{RawFrame, Schedule};
use super::ethernet::Path;
use super::station::{MILLISECOND, REMOTE_HOST, Station};

/// Shorthands for [`Schedule::send_raw`] by sender. On the uplink, frames of a guest leave and frames of the gateway
/// enter.
pub(crate) trait Wire {
    fn send_from_inside(&mut self, time: u64, data: Vec<u8>);
    fn send_from_outside(&mut self, time: u64, data: Vec<u8>);
    /// From one guest to another.
    fn send_between_guests(&mut self, time: u64, data: Vec<u8>);
    /// On the interface `port` positions after that of the part.
    fn send_on_port(&mut self, time: u64, port: u16, way: Way, data: Vec<u8>);
}

impl Wire for Schedule {
    fn send_from_inside(&mut self, time: u64, data: Vec<u8>) {
        self.send_on_port(time, 0, Way::Outward, data);
    }

    fn send_from_outside(&mut self, time: u64, data: Vec<u8>) {
        self.send_on_port(time, 0, Way::Inward, data);
    }

    fn send_between_guests(&mut self, time: u64, data: Vec<u8>) {
        self.send_on_port(time, 0, Way::Internal, data);
    }

    fn send_on_port(&mut self, time: u64, port: u16, way: Way, data: Vec<u8>) {
        self.send_raw(time, RawFrame { way, port, data });
    }
}

/// A datagram of `station` to a remote host through `gateway`, and the response: traffic of a tunnel.
pub(crate) fn exchange_with_remote(time: u64, station: &Station, gateway: &Station, schedule: &mut Schedule) {
    let out = Path::new((station.mac, station.v4), (gateway.mac, REMOTE_HOST), schedule.rng.next_u16());
    let back = Path::new((gateway.mac, REMOTE_HOST), (station.mac, station.v4), schedule.rng.next_u16());
    let mut octets = Vec::new();
    schedule.rng.fill(&mut octets, 96);
    schedule.send_from_inside(time, out.udp((51_820, 51_820), &octets));
    schedule.send_from_outside(time + 12 * MILLISECOND, Path { ttl: 53, ..back }.udp((51_820, 51_820), &octets));
}
