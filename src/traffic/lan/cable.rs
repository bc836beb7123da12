//! Puts whole frames on the wire.

use super::super::agenda::{Agenda, Ready};
use super::super::frames::Way;
use super::ethernet::Path;
use super::station::{Card, ELSEWHERE, MILLISECOND};

/// Shorthands for [`Agenda::frame`], by who sends. A guest's frames leave by the line to the outside, the gateway's enter.
pub trait Cable {
    fn inside_sends(&mut self, time: u64, data: Vec<u8>);
    fn outside_sends(&mut self, time: u64, data: Vec<u8>);
    /// From one guest to another.
    fn between(&mut self, time: u64, data: Vec<u8>);
    /// On interface number `port` of those of the part.
    fn on_port(&mut self, time: u64, port: u16, way: Way, data: Vec<u8>);
}

impl Cable for Agenda {
    fn inside_sends(&mut self, time: u64, data: Vec<u8>) {
        self.on_port(time, 0, Way::Outward, data);
    }

    fn outside_sends(&mut self, time: u64, data: Vec<u8>) {
        self.on_port(time, 0, Way::Inward, data);
    }

    fn between(&mut self, time: u64, data: Vec<u8>) {
        self.on_port(time, 0, Way::Internal, data);
    }

    fn on_port(&mut self, time: u64, port: u16, way: Way, data: Vec<u8>) {
        self.frame(time, Ready { way, port, data });
    }
}

/// A datagram of `card` to somewhere else by way of `gateway`, and its answer: a tunnel that both keep busy.
pub fn talk(time: u64, card: &Card, gateway: &Card, agenda: &mut Agenda) {
    let out = Path::new((card.mac, card.v4), (gateway.mac, ELSEWHERE), agenda.rng.next_u16());
    let back = Path::new((gateway.mac, ELSEWHERE), (card.mac, card.v4), agenda.rng.next_u16());
    let mut octets = Vec::new();
    agenda.rng.fill(&mut octets, 96);
    agenda.inside_sends(time, out.udp((51_820, 51_820), &octets));
    agenda.outside_sends(time + 12 * MILLISECOND, Path { ttl: 53, ..back }.udp((51_820, 51_820), &octets));
}
