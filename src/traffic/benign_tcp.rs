//! Benign traffic over TCP: transfers that fill a line, pages, servers and their crowds. All of it completes handshakes
//! and flows both ways.

use super::agenda::{Agenda, Model, Pacing};
use super::payload::Payload;
use super::setting::Setting;
use super::tcp::{Connection, End};

type Built = (Box<dyn Model>, Pacing);

/// Segments that are planned at once.
const CHUNK: u64 = 16;

/// Long transfers at a steady sum of `mbit`: downloads, backups, speed tests.
struct Bulk {
    setting: Setting,
    flows: u64,
    /// Who sends; a speed test turns round in the middle of its span.
    sender: End,
    turns: bool,
    connections: Vec<(Connection, u64)>,
}

fn bulk(setting: &Setting, flows: u64, sender: End, turns: bool) -> Built {
    (Box::new(Bulk { setting: setting.clone(), flows, sender, turns, connections: Vec::new() }), Pacing::Once)
}

pub fn download(setting: &Setting) -> Built {
    bulk(setting, 1, End::Server, false)
}

pub fn upload(setting: &Setting) -> Built {
    bulk(setting, 1, End::Client, false)
}

pub fn speed_test(setting: &Setting) -> Built {
    bulk(setting, 16, End::Server, true)
}

impl Model for Bulk {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        for index in 0..self.flows {
            let peer = self.setting.sources.nth(index % self.setting.sources.size().max(1));
            let client = (self.setting.target(), agenda.rng.port());
            let server = (peer, self.setting.port);
            let mut connection = Connection::new(self.setting.way.back(), client, server, agenda);
            let opened = connection.open(now + agenda.rng.below(5_000_000), agenda);
            let greeted = connection.message(opened, End::Client, Payload::TlsHello, 517, 0, agenda);
            let begins = connection.message(greeted, End::Server, Payload::TlsData, 3_500, 12_000, agenda);
            self.connections.push((connection, 0));
            agenda.resume(begins, index as u32);
        }
    }

    fn resume(&mut self, now: u64, token: u32, agenda: &mut Agenda) {
        let Some((connection, chunks)) = self.connections.get_mut(token as usize) else { return };
        let full = connection.full_segment();
        let middle = self.setting.start + (self.setting.seconds * 5e8) as u64;
        let sender = if self.turns && now >= middle { End::Client } else { self.sender };
        let receiver = if sender == End::Client { End::Server } else { End::Client };
        // Octets on the wire of a full frame, by the share of this connection in the whole.
        let interval = (1514.0 * 8_000.0 * self.flows as f64 / self.setting.mbit.max(1e-3)) as u64;
        // Slow start: ten segments a round trip (RFC 6928), then twice as many with every chunk.
        let interval = interval.max(connection.round_trip / (10 << (*chunks).min(20))).max(1);
        *chunks += 1;
        for index in 0..CHUNK {
            let time = now + index * interval + agenda.rng.below(interval / 2 + 1);
            connection.segment(time, sender, Payload::Random, full, index + 1 == CHUNK, agenda);
            if index % 2 == 1 {
                connection.acknowledge(time, receiver, agenda);
            }
        }
        agenda.resume(now + CHUNK * interval, token);
    }
}

/// A client that opens pages: each is 60 connections to many servers within a second, several at once.
struct Browser {
    setting: Setting,
}

const CONNECTIONS_PER_PAGE: u64 = 60;

pub fn browser(setting: &Setting) -> Built {
    (Box::new(Browser { setting: setting.clone() }), Pacing::Rate(setting.rate))
}

impl Model for Browser {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let client = self.setting.target();
        let mut time = now;
        for index in 0..CONNECTIONS_PER_PAGE {
            // Six at a time to the same server, as browsers do.
            if index % 6 == 0 {
                time = now + index * 1_000_000_000 / CONNECTIONS_PER_PAGE;
            }
            let host = index / 6 + agenda.rng.below(3);
            let server = self.setting.sources.nth(host % self.setting.sources.size().max(1));
            let ends = ((client, agenda.rng.port()), (server, self.setting.port));
            let mut connection = Connection::new(self.setting.way.back(), ends.0, ends.1, agenda);
            let opened = connection.open(time + agenda.rng.below(400_000), agenda);
            let octets = agenda.rng.between(4_000, 60_000);
            exchange(&mut connection, opened, self.setting.port, octets, agenda);
        }
    }
}

/// TLS (or, on port 80, plain HTTP) request and response of `octets`, then the end.
fn exchange(connection: &mut Connection, opened: u64, port: u16, octets: u64, agenda: &mut Agenda) {
    /// Time between full segments of a server, in nanoseconds: 500 Mbit/s.
    const GAP: u64 = 24_000;
    let mut time = opened;
    if port == 80 {
        let length = agenda.rng.between(200, 700);
        time = connection.message(time, End::Client, Payload::HttpGet, length, 0, agenda);
        time += agenda.rng.between(500_000, 15_000_000);
        time = connection.message(time, End::Server, Payload::HttpOk, octets, GAP, agenda);
    } else {
        time = connection.message(time, End::Client, Payload::TlsHello, 517, 0, agenda);
        time = connection.message(time, End::Server, Payload::TlsData, 3_800, GAP, agenda);
        let length = agenda.rng.between(150, 600);
        time = connection.message(time, End::Client, Payload::TlsData, length, 0, agenda);
        time += agenda.rng.between(500_000, 15_000_000);
        time = connection.message(time, End::Server, Payload::TlsData, octets, GAP, agenda);
    }
    let last = time + agenda.rng.between(100_000, 200_000_000);
    connection.close(last, End::Client, agenda);
}

/// A server and its clients: `rate` new connections a second, each with one request.
struct WebServer {
    setting: Setting,
}

pub fn web_server(setting: &Setting) -> Built {
    (Box::new(WebServer { setting: setting.clone() }), Pacing::Rate(setting.rate))
}

/// The same, growing tenfold over the span.
pub fn flash_crowd(setting: &Setting) -> Built {
    (Box::new(WebServer { setting: setting.clone() }), Pacing::Growing { rate: setting.rate, factor: 10.0 })
}

impl Model for WebServer {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let client = (self.setting.sources.pick(&mut agenda.rng), agenda.rng.port());
        let server = (self.setting.targets.pick(&mut agenda.rng), self.setting.port);
        let mut connection = Connection::new(self.setting.way, client, server, agenda);
        let opened = connection.open(now, agenda);
        let octets = agenda.rng.between(2_000, 40_000);
        exchange(&mut connection, opened, self.setting.port, octets, agenda);
    }
}

/// Connections that do little.
#[derive(Clone, Copy)]
enum Idle {
    /// A load balancer asks whether the server lives: handshake, and the end at once.
    Check,
    /// A keepalive probe on a connection that was opened long ago, and its answer (RFC 9293 §3.8.4).
    Keepalive,
    /// A server starts anew: what clients send on old connections is reset, and they connect again.
    Reset,
}

struct Idling {
    setting: Setting,
    kind: Idle,
}

fn idling(setting: &Setting, kind: Idle) -> Built {
    (Box::new(Idling { setting: setting.clone(), kind }), Pacing::Rate(setting.rate))
}

pub fn health_checks(setting: &Setting) -> Built {
    idling(setting, Idle::Check)
}

pub fn keepalives(setting: &Setting) -> Built {
    idling(setting, Idle::Keepalive)
}

pub fn mass_reset(setting: &Setting) -> Built {
    idling(setting, Idle::Reset)
}

impl Model for Idling {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let client = (self.setting.sources.pick(&mut agenda.rng), agenda.rng.port());
        let server = (self.setting.targets.pick(&mut agenda.rng), self.setting.port);
        let mut connection = Connection::new(self.setting.way, client, server, agenda);
        match self.kind {
            Idle::Check => {
                let opened = connection.open(now, agenda);
                connection.close(opened, End::Client, agenda);
            }
            Idle::Keepalive => {
                connection.acknowledge(now, End::Client, agenda);
                connection.acknowledge(now + connection.round_trip, End::Server, agenda);
            }
            Idle::Reset => {
                connection.segment(now, End::Client, Payload::TlsData, 120, true, agenda);
                connection.reset(now, End::Server, agenda);
                let mut again = Connection::new(self.setting.way, (client.0, agenda.rng.port()), server, agenda);
                let opened = again.open(now + connection.round_trip + 1_000_000, agenda);
                exchange(&mut again, opened, self.setting.port, 2_000, agenda);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Scenario, TrafficModel};
    use crate::capture::FrameDirection;

    /// Frames and octets in, then out, over a span.
    fn both_ways(model: TrafficModel, mbit: f64, from: f64, to: f64) -> [(u64, u64); 2] {
        let mut part = Part::new(model, 0.0, 4.0);
        part.params.mbit = Some(mbit);
        let scenario = Scenario::new(2, vec![part]);
        let mut source = scenario.source();
        let mut sums = [(0, 0); 2];
        while let Some(frame) = source.next_frame() {
            if (from..to).contains(&frame.time.seconds_since(scenario.start)) {
                let sum = &mut sums[usize::from(frame.direction == FrameDirection::Egress)];
                *sum = (sum.0 + 1, sum.1 + u64::from(frame.wire_len));
            }
        }
        sums
    }

    fn near(value: u64, wanted: u64) {
        assert!(value.abs_diff(wanted) <= wanted / 50, "{value} is not near {wanted}");
    }

    #[test]
    fn downloads_keep_their_rate_and_acknowledge_every_second_segment() {
        let [inward, outward] = both_ways(TrafficModel::Download, 20.0, 2.0, 4.0);
        near(inward.1 * 8, 40_000_000);
        near(outward.0, inward.0 / 2);
    }

    #[test]
    fn uploads_go_the_other_way() {
        let [inward, outward] = both_ways(TrafficModel::Upload, 20.0, 2.0, 4.0);
        near(outward.1 * 8, 40_000_000);
        near(inward.0, outward.0 / 2);
    }

    #[test]
    fn speed_tests_turn_round() {
        let [down, _] = both_ways(TrafficModel::SpeedTest, 40.0, 1.0, 1.8);
        near(down.1 * 8, 32_000_000);
        let [_, up] = both_ways(TrafficModel::SpeedTest, 40.0, 2.5, 3.5);
        near(up.1 * 8, 40_000_000);
    }

    #[test]
    fn servers_complete_their_handshakes() {
        let mut part = Part::new(TrafficModel::WebServer, 0.0, 3.0);
        part.params.rate = Some(50.0);
        let mut source = Scenario::new(2, vec![part]).source();
        let (mut syn, mut syn_ack, mut fin) = (0u64, 0u64, 0u64);
        while let Some(frame) = source.next_frame() {
            match frame.data[47] & 0x17 {
                0x02 => syn += 1,
                0x12 => syn_ack += 1,
                0x11 => fin += 1,
                _ => {}
            }
        }
        near(syn, 150);
        near(syn_ack, 150);
        // Connections of the last moments are still open at the end.
        assert!((220..=300).contains(&fin), "{fin}");
    }
}
