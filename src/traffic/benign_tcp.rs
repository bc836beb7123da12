//! Benign traffic over TCP: bulk transfers, web pages, servers and flash crowds. All connections complete their
//! handshakes and carry packets in both directions.

use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use super::tcp::{Connection, End};

type Built = (Box<dyn Model>, Pacing);

/// TCP segments planned per call.
const CHUNK: u64 = 16;

/// Long transfers at a constant total of `mbit`: downloads, backups, speed tests.
struct Bulk {
    setting: Setting,
    flows: u64,
    /// The sending end; a speed test reverses it in the middle of its span.
    sender: End,
    turns: bool,
    connections: Vec<(Connection, u64)>,
}

fn bulk(setting: &Setting, flows: u64, sender: End, turns: bool) -> Built {
    (Box::new(Bulk { setting: setting.clone(), flows, sender, turns, connections: Vec::new() }), Pacing::Once)
}

pub(crate) fn download(setting: &Setting) -> Built {
    bulk(setting, 1, End::Server, false)
}

pub(crate) fn upload(setting: &Setting) -> Built {
    bulk(setting, 1, End::Client, false)
}

pub(crate) fn speed_test(setting: &Setting) -> Built {
    bulk(setting, 16, End::Server, true)
}

impl Model for Bulk {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        for index in 0..self.flows {
            let peer = self.setting.sources.nth(index % self.setting.sources.size().max(1));
            let client = (self.setting.target(), schedule.rng.port());
            let server = (peer, self.setting.port);
            let mut connection = Connection::new(self.setting.way.reverse(), client, server, schedule);
            let opened = connection.open(now + schedule.rng.below(5_000_000), schedule);
            let greeted = connection.message(opened, End::Client, Payload::TlsHello, 517, 0, schedule);
            let begins = connection.message(greeted, End::Server, Payload::TlsData, 3_500, 12_000, schedule);
            self.connections.push((connection, 0));
            schedule.resume(begins, index as u32);
        }
    }

    fn resume(&mut self, now: u64, token: u32, schedule: &mut Schedule) {
        let Some((connection, chunks)) = self.connections.get_mut(token as usize) else { return };
        let full = connection.full_segment();
        let middle = self.setting.start + (self.setting.seconds * 5e8) as u64;
        let sender = if self.turns && now >= middle { End::Client } else { self.sender };
        let receiver = if sender == End::Client { End::Server } else { End::Client };
        // Interval of full frames at the share of this connection in the total rate.
        let interval = (1514.0 * 8_000.0 * self.flows as f64 / self.setting.mbit.max(1e-3)) as u64;
        // Slow start: ten TCP segments per round trip (RFC 6928), doubled with every chunk.
        let interval = interval.max(connection.round_trip / (10 << (*chunks).min(20))).max(1);
        *chunks += 1;
        for index in 0..CHUNK {
            let time = now + index * interval + schedule.rng.below(interval / 2 + 1);
            connection.segment(time, sender, Payload::Random, full, index + 1 == CHUNK, schedule);
            if index % 2 == 1 {
                connection.acknowledge(time, receiver, schedule);
            }
        }
        schedule.resume(now + CHUNK * interval, token);
    }
}

/// A client that opens pages: each takes 60 connections to many servers within a second, several in parallel.
struct Browser {
    setting: Setting,
}

const CONNECTIONS_PER_PAGE: u64 = 60;

pub(crate) fn browser(setting: &Setting) -> Built {
    (Box::new(Browser { setting: setting.clone() }), Pacing::Rate(setting.rate))
}

impl Model for Browser {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let client = self.setting.target();
        let mut time = now;
        for index in 0..CONNECTIONS_PER_PAGE {
            // Six in parallel to the same server, as browsers do.
            if index % 6 == 0 {
                time = now + index * 1_000_000_000 / CONNECTIONS_PER_PAGE;
            }
            let host = index / 6 + schedule.rng.below(3);
            let server = self.setting.sources.nth(host % self.setting.sources.size().max(1));
            let ends = ((client, schedule.rng.port()), (server, self.setting.port));
            let mut connection = Connection::new(self.setting.way.reverse(), ends.0, ends.1, schedule);
            let opened = connection.open(time + schedule.rng.below(400_000), schedule);
            let octets = schedule.rng.between(4_000, 60_000);
            exchange(&mut connection, opened, self.setting.port, octets, schedule);
        }
    }
}

/// TLS (or, on port 80, plain HTTP) request, response of `octets`, and close.
fn exchange(connection: &mut Connection, opened: u64, port: u16, octets: u64, schedule: &mut Schedule) {
    /// Time between full TCP segments of a server, in nanoseconds: 500 Mbit/s.
    const GAP: u64 = 24_000;
    let mut time = opened;
    if port == 80 {
        let length = schedule.rng.between(200, 700);
        time = connection.message(time, End::Client, Payload::HttpGet, length, 0, schedule);
        time += schedule.rng.between(500_000, 15_000_000);
        time = connection.message(time, End::Server, Payload::HttpOk, octets, GAP, schedule);
    } else {
        time = connection.message(time, End::Client, Payload::TlsHello, 517, 0, schedule);
        time = connection.message(time, End::Server, Payload::TlsData, 3_800, GAP, schedule);
        let length = schedule.rng.between(150, 600);
        time = connection.message(time, End::Client, Payload::TlsData, length, 0, schedule);
        time += schedule.rng.between(500_000, 15_000_000);
        time = connection.message(time, End::Server, Payload::TlsData, octets, GAP, schedule);
    }
    let last = time + schedule.rng.between(100_000, 200_000_000);
    connection.close(last, End::Client, schedule);
}

/// A server and its clients: `rate` new connections per second, each with one request.
struct WebServer {
    setting: Setting,
}

pub(crate) fn web_server(setting: &Setting) -> Built {
    (Box::new(WebServer { setting: setting.clone() }), Pacing::Rate(setting.rate))
}

/// The same, growing tenfold over the span.
pub(crate) fn flash_crowd(setting: &Setting) -> Built {
    (Box::new(WebServer { setting: setting.clone() }), Pacing::Growing { rate: setting.rate, factor: 10.0 })
}

impl Model for WebServer {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let client = (self.setting.sources.pick(&mut schedule.rng), schedule.rng.port());
        let server = (self.setting.targets.pick(&mut schedule.rng), self.setting.port);
        let mut connection = Connection::new(self.setting.way, client, server, schedule);
        let opened = connection.open(now, schedule);
        let octets = schedule.rng.between(2_000, 40_000);
        exchange(&mut connection, opened, self.setting.port, octets, schedule);
    }
}

/// Connections with little traffic.
#[derive(Clone, Copy)]
enum Idle {
    /// Health check of a load balancer: handshake, then immediate close.
    Check,
    /// A keepalive probe on an old connection, and its response (RFC 9293 §3.8.4).
    Keepalive,
    /// A restarted server resets old connections when clients send on them; they reconnect.
    Reset,
}

struct Idling {
    setting: Setting,
    kind: Idle,
}

fn idling(setting: &Setting, kind: Idle) -> Built {
    (Box::new(Idling { setting: setting.clone(), kind }), Pacing::Rate(setting.rate))
}

pub(crate) fn health_checks(setting: &Setting) -> Built {
    idling(setting, Idle::Check)
}

pub(crate) fn keepalives(setting: &Setting) -> Built {
    idling(setting, Idle::Keepalive)
}

pub(crate) fn mass_reset(setting: &Setting) -> Built {
    idling(setting, Idle::Reset)
}

impl Model for Idling {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let client = (self.setting.sources.pick(&mut schedule.rng), schedule.rng.port());
        let server = (self.setting.targets.pick(&mut schedule.rng), self.setting.port);
        let mut connection = Connection::new(self.setting.way, client, server, schedule);
        match self.kind {
            Idle::Check => {
                let opened = connection.open(now, schedule);
                connection.close(opened, End::Client, schedule);
            }
            Idle::Keepalive => {
                connection.acknowledge(now, End::Client, schedule);
                connection.acknowledge(now + connection.round_trip, End::Server, schedule);
            }
            Idle::Reset => {
                connection.segment(now, End::Client, Payload::TlsData, 120, true, schedule);
                connection.reset(now, End::Server, schedule);
                let mut again = Connection::new(self.setting.way, (client.0, schedule.rng.port()), server, schedule);
                let opened = again.open(now + connection.round_trip + 1_000_000, schedule);
                exchange(&mut again, opened, self.setting.port, 2_000, schedule);
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
    fn uploads_send_outwards() {
        let [inward, outward] = both_ways(TrafficModel::Upload, 20.0, 2.0, 4.0);
        near(outward.1 * 8, 40_000_000);
        near(inward.0, outward.0 / 2);
    }

    #[test]
    fn speed_tests_reverse() {
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
        // The latest connections are still open at the end.
        assert!((220..=300).contains(&fin), "{fin}");
    }
}
