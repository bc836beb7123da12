//! Attacks and honest traffic, built frame by frame, and what is recounted from the octets of their frames.

use pegel::base::{Addr, Timestamp};
use pegel::capture::{CaptureError, Frame, FrameDirection, FrameSink, LinkType, PacketSource, Poll};
use pegel::traffic::{DEFAULT_START, Part, Scenario, Synthetic, TrafficModel};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// When attacks begin, in seconds after the start: not at the start of a tick.
pub const BEGIN: f64 = 2.037;
/// Seconds of honest traffic after an attack.
const AFTER: f64 = 3.0;
/// Seconds after which the last packet comes, when every incident has closed.
const QUIET: f64 = 75.0;
/// A pulse and the pause after it, in seconds.
const PULSE: (f64, f64) = (0.2, 0.8);

const VICTIM: [Addr; 2] =
    [Addr::from_v4_bits(0xcb00_7107), Addr::from_v6_bits(0x2001_0db8_0010_0000_0000_0000_0000_0007)];
const RESOLVER: [Addr; 2] =
    [Addr::from_v4_bits(0xc000_0235), Addr::from_v6_bits(0x2001_0db8_ffff_0000_0000_0000_0000_0035)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ntp,
    Dns,
    Syn,
    Udp,
    Icmp,
    Http,
    /// One source over the ports of a host.
    Ports,
    /// One source over the hosts of a network.
    Hosts,
    /// A flood of all hosts of a network.
    Carpet,
    /// A flood that one of our hosts sends.
    Outbound,
}

impl Kind {
    fn vector(self) -> &'static str {
        match self {
            Kind::Ntp => "ntp_amplification",
            Kind::Dns => "dns_amplification",
            Kind::Syn => "syn_flood",
            Kind::Udp | Kind::Outbound | Kind::Carpet => "udp_flood",
            Kind::Icmp => "icmp_flood",
            Kind::Http => "http_flood",
            Kind::Ports => "port_scan",
            Kind::Hosts => "host_sweep",
        }
    }

    pub fn is_scan(self) -> bool {
        matches!(self, Kind::Ports | Kind::Hosts)
    }
}

/// How packets are divided among the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Turns,
    Random,
    /// The first source sends three in ten packets.
    Heavy,
    Zipf,
}

/// When packets are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Even,
    Jitter,
    Pulses,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub kind: Kind,
    /// 0: each packet has its own.
    pub sources: u64,
    pub order: Order,
    pub pace: Pace,
    /// Packets per second, in pulses per second of a pulse.
    pub rate: f64,
    pub seconds: f64,
    pub v6: bool,
    pub honest: bool,
    pub seed: u64,
}

/// Random numbers (splitmix64).
pub struct Random(pub u64);

impl Row {
    pub fn vector(&self) -> &'static str {
        if self.kind == Kind::Icmp && self.v6 { "icmpv6_flood" } else { self.kind.vector() }
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        ((self.next() >> 32) * limit) >> 32
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn port(&mut self) -> u16 {
        1024 + self.below(64_000) as u16
    }
}

/// What a frame says about itself, read from its octets.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    pub time: u64,
    pub source: Addr,
    pub target: Addr,
    pub ports: (u16, u16),
    pub octets: u64,
    /// Octets of TCP payload.
    data: usize,
}

fn be16(data: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([data[at], data[at + 1]])
}

/// Reads a frame with an IPv4 header without options, or an IPv6 header without extensions.
fn read(time: u64, data: &[u8]) -> Read {
    let (source, target, protocol, transport, length) = match be16(data, 12) {
        0x0800 => {
            let at = |from: usize| Addr::from_v4_bits(u32::from_be_bytes(data[from..from + 4].try_into().unwrap()));
            (at(26), at(30), data[23], 34, usize::from(be16(data, 16)) - 20)
        }
        _ => {
            let at = |from: usize| Addr::from_v6_bits(u128::from_be_bytes(data[from..from + 16].try_into().unwrap()));
            (at(22), at(38), data[20], 54, usize::from(be16(data, 18)))
        }
    };
    let has_ports = matches!(protocol, 6 | 17);
    let ports = if has_ports { (be16(data, transport), be16(data, transport + 2)) } else { (0, 0) };
    let header = if protocol == 6 { usize::from(data[transport + 12] >> 4) * 4 } else { length };
    Read { time, source, target, ports, octets: data.len() as u64, data: length - header }
}

/// A frame of IP protocol `protocol` with this transport header and payload, with no checksums: captures have none either where
/// the NIC computes them.
fn frame(out: &mut Vec<u8>, source: Addr, target: Addr, protocol: u8, parts: [&[u8]; 2]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.clear();
    out.extend([2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 1]);
    match (source.ip(), target.ip()) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            out.extend([0x08, 0x00, 0x45, 0]);
            out.extend((length as u16 + 20).to_be_bytes());
            out.extend([0, 0, 0x40, 0, 57, protocol, 0, 0]);
            out.extend(source.octets());
            out.extend(target.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(target)) => {
            out.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            out.extend((length as u16).to_be_bytes());
            out.extend([if protocol == 1 { 58 } else { protocol }, 57]);
            out.extend(source.octets());
            out.extend(target.octets());
        }
        _ => panic!("two families"),
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.resize(out.len().max(60), 0);
}

fn udp(out: &mut Vec<u8>, source: (Addr, u16), target: (Addr, u16), payload: &[u8]) {
    let mut header = [0; 8];
    header[..2].copy_from_slice(&source.1.to_be_bytes());
    header[2..4].copy_from_slice(&target.1.to_be_bytes());
    header[4..6].copy_from_slice(&(payload.len() as u16 + 8).to_be_bytes());
    frame(out, source.0, target.0, 17, [&header, payload]);
}

fn syn(out: &mut Vec<u8>, source: (Addr, u16), target: (Addr, u16), sequence: u32) {
    let mut header = [0; 20];
    header[..2].copy_from_slice(&source.1.to_be_bytes());
    header[2..4].copy_from_slice(&target.1.to_be_bytes());
    header[4..8].copy_from_slice(&sequence.to_be_bytes());
    header[12..16].copy_from_slice(&[0x50, 0x02, 0x02, 0x00]);
    frame(out, source.0, target.0, 6, [&header, &[]]);
}

fn echo(out: &mut Vec<u8>, source: Addr, target: Addr, reply: bool, number: u16) {
    let kind = match (source.is_v4(), reply) {
        (true, false) => 8,
        (true, true) => 0,
        (false, false) => 128,
        (false, true) => 129,
    };
    let number = number.to_be_bytes();
    frame(out, source, target, 1, [&[kind, 0, 0, 0, 7, 7, number[0], number[1]], &[0x61; 56]]);
}

/// A DNS message about `example`: a query, or an answer of many records.
fn dns(answer: bool, id: u16) -> Vec<u8> {
    let mut data = id.to_be_bytes().to_vec();
    data.extend(if answer { [0x81, 0x80, 0, 1, 0, 60, 0, 0, 0, 0] } else { [0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0] });
    data.extend([7, b'e', b'x', b'a', b'm', b'p', b'l', b'e', 0, 0, 255, 0, 1]);
    if answer {
        for number in 0..60 {
            data.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, number]);
        }
    }
    data
}

fn source(row: &Row, number: u64) -> Addr {
    // Odd factors: bijections.
    let spread = number.wrapping_mul(0x9e37_79b1) + row.seed * 4_096;
    if row.v6 {
        let low = u128::from(spread.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Addr::from_v6_bits(0x2001_0db8_8000 << 80 | u128::from(spread & 0xffff_ffff) << 64 | low)
    } else {
        Addr::from_v4_bits(0x1000_0000 | (spread & 0x0fff_ffff) as u32)
    }
}

/// The frames of an attack, one after the other.
struct Attack {
    row: Row,
    random: Random,
    count: u64,
    /// Sums of the weights of the sources.
    zipf: Vec<f64>,
    time: Option<u64>,
    payload: Vec<u8>,
    frame: Vec<u8>,
}

impl Attack {
    fn new(row: &Row) -> Attack {
        let mut sum = 0.0;
        let weight = |number: u64| {
            sum += 1.0 / (number + 1) as f64;
            sum
        };
        let payload = match row.kind {
            Kind::Ntp => [&[0xd7, 0, 3, 0x2a, 0, 6, 0, 72][..], &[0; 432]].concat(),
            Kind::Dns => dns(true, 7),
            _ => vec![0x5a; 512],
        };
        let mut attack = Attack {
            row: row.clone(),
            random: Random(row.seed),
            count: 0,
            zipf: (0..row.sources).map(weight).collect(),
            time: None,
            payload,
            frame: Vec::new(),
        };
        attack.advance();
        attack
    }

    fn pick(&mut self) -> u64 {
        let sources = self.row.sources;
        match self.row.order {
            _ if sources == 0 => self.count,
            Order::Turns => self.count % sources,
            Order::Random => self.random.below(sources),
            Order::Heavy if self.random.unit() < 0.3 => 0,
            Order::Heavy => 1 + self.random.below(sources - 1),
            Order::Zipf => {
                let place = self.random.unit() * self.zipf.last().unwrap();
                self.zipf.partition_point(|sum| *sum <= place) as u64
            }
        }
    }

    fn advance(&mut self) {
        let place = self.count as f64 + if self.row.pace == Pace::Jitter { self.random.unit() } else { 0.5 };
        let active = place / self.row.rate;
        let (on, off) = PULSE;
        let offset = if self.row.pace == Pace::Pulses { active + (active / on).floor() * off } else { active };
        if offset >= self.row.seconds {
            self.time = None;
            return;
        }
        self.time = Some(DEFAULT_START.plus_seconds(BEGIN + offset).nanos());
        let (row, number) = (self.row.clone(), self.pick());
        let (from, victim) = (source(&row, number), VICTIM[usize::from(row.v6)]);
        let (out, payload, random) = (&mut self.frame, &self.payload, &mut self.random);
        // A third of it at one port.
        let port = |random: &mut Random| if random.below(3) == 0 { 49_900 } else { random.port() };
        match row.kind {
            Kind::Ntp => udp(out, (from, 123), (victim, port(random)), payload),
            Kind::Dns => udp(out, (from, 53), (victim, port(random)), payload),
            Kind::Syn => {
                let target = (victim, if random.below(10) < 7 { 80 } else { 443 });
                syn(out, (from, random.port()), target, random.next() as u32);
            }
            Kind::Udp => udp(out, (from, random.port()), (victim, port(random)), payload),
            Kind::Carpet => {
                let target = Addr::from_v4_bits(0xcb00_7100 + random.below(256) as u32);
                udp(out, (from, random.port()), (target, port(random)), payload);
            }
            Kind::Icmp => echo(out, from, victim, false, self.count as u16),
            Kind::Ports => syn(out, (from, 40_000), (victim, 1 + (self.count % 60_000) as u16), 1),
            Kind::Hosts => {
                let target = Addr::from_v4_bits(0xcb00_7101 + (self.count % 250) as u32);
                syn(out, (from, random.port()), (target, 22), 1);
            }
            Kind::Outbound => {
                let host = Addr::from_v4_bits(0xcb00_7142);
                udp(out, (host, random.port()), (from, port(random)), payload);
            }
            Kind::Http => panic!("frames of a model"),
        }
        self.count += 1;
    }
}

/// Honest traffic of the attacked host: names, times and answers to pings that it asks for, and pings that it answers.
fn honest(row: &Row, seconds: f64) -> Vec<(u64, FrameDirection, Vec<u8>)> {
    let (host, resolver) = (VICTIM[usize::from(row.v6)], RESOLVER[usize::from(row.v6)]);
    let mut frames = Vec::new();
    let mut add = |at: f64, out: bool, frame: Vec<u8>| {
        let direction = if out { FrameDirection::Egress } else { FrameDirection::Ingress };
        frames.push((DEFAULT_START.plus_seconds(at).nanos(), direction, frame));
    };
    let built = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut data = Vec::new();
        write(&mut data);
        data
    };
    for number in 0..(seconds * 20.0) as u16 {
        let (at, port) = (f64::from(number) / 20.0, 30_000 + number);
        let (near, far) = ((host, port), (resolver, 53));
        add(at, true, built(&|out| udp(out, near, far, &dns(false, number))));
        add(at + 0.01, false, built(&|out| udp(out, far, near, &dns(true, number))));
        if number % 4 == 0 {
            add(at + 0.02, true, built(&|out| echo(out, host, resolver, false, number)));
            add(at + 0.03, false, built(&|out| echo(out, resolver, host, true, number)));
        }
        if number % 20 == 0 {
            let (near, far) = ((host, 123), (resolver, 123));
            let time = [&[0x23][..], &[0; 47]].concat();
            let answer = [&[0x24][..], &[1; 47]].concat();
            add(at + 0.04, true, built(&|out| udp(out, near, far, &time)));
            add(at + 0.045, false, built(&|out| udp(out, far, near, &answer)));
        }
    }
    frames.sort_by_key(|(time, ..)| *time);
    frames
}

fn part(model: TrafficModel, row: &Row, from: f64, to: f64, rate: f64) -> Part {
    let mut part = Part::new(model, from, to);
    let length = if row.v6 { 128 } else { 32 };
    part.params.target = ipnet::IpNet::new(VICTIM[usize::from(row.v6)].ip(), length).ok();
    part.params.rate = Some(rate);
    part
}

/// A row while it is played; remembers what it recounted.
pub struct Player {
    row: Row,
    attack: Option<Attack>,
    /// Traffic of models: an attack with the requests and answers of its connections, and clients of a web server.
    model: Option<Synthetic>,
    web: Synthetic,
    honest: std::vec::IntoIter<(u64, FrameDirection, Vec<u8>)>,
    next: Option<(u64, FrameDirection, Vec<u8>)>,
    buffer: Vec<u8>,
    pub seen: Vec<Read>,
    /// Every frame so far.
    pub frames: u64,
    pub octets: u64,
}

impl Player {
    pub fn new(row: &Row) -> Player {
        let end = BEGIN + row.seconds;
        let honest_seconds = if row.honest { end + AFTER } else { 0.0 };
        let mut frames = honest(row, honest_seconds);
        let mut last = Vec::new();
        echo(&mut last, VICTIM[0], RESOLVER[0], false, 1);
        frames.push((DEFAULT_START.plus_seconds(end + QUIET).nanos(), FrameDirection::Egress, last));
        let mut honest = frames.into_iter();
        let next = honest.next();
        let web = part(TrafficModel::WebServer, row, 0.0, honest_seconds, 20.0);
        let is_http = row.kind == Kind::Http;
        let mut flood = part(TrafficModel::HttpFlood, row, BEGIN, end, row.rate);
        flood.params.sources = Some(row.sources);
        Player {
            row: row.clone(),
            attack: (!is_http).then(|| Attack::new(row)),
            model: is_http.then(|| Scenario::new(row.seed, vec![flood]).source()),
            web: Scenario::new(row.seed, if row.honest && !is_http { vec![web] } else { Vec::new() }).source(),
            honest,
            next,
            buffer: Vec::new(),
            seen: Vec::new(),
            frames: 0,
            octets: 0,
        }
    }

    /// The next frame, and whether it is one of the attack.
    fn next(&mut self) -> Option<(Frame<'_>, bool)> {
        let never = u64::MAX;
        let attack = self.attack.as_ref().and_then(|attack| attack.time).unwrap_or(never);
        let nanos = |synthetic: &mut Synthetic| synthetic.next_at().map_or(never, Timestamp::nanos);
        let (model, web) = (self.model.as_mut().map_or(never, nanos), nanos(&mut self.web));
        let other = self.next.as_ref().map_or(never, |(time, ..)| *time);
        let first = attack.min(model).min(web).min(other);
        if first == never {
            return None;
        }
        if first == model {
            let frame = self.model.as_mut()?.next_frame()?;
            let inbound = frame.direction == FrameDirection::Ingress;
            let is_request = inbound && read(first, frame.data).data > 0;
            return Some((frame, is_request));
        }
        if first == web {
            return Some((self.web.next_frame()?, false));
        }
        let (direction, is_attack) = if first == attack {
            let attack = self.attack.as_mut()?;
            self.buffer.clone_from(&attack.frame);
            attack.advance();
            let outbound = self.row.kind == Kind::Outbound;
            (if outbound { FrameDirection::Egress } else { FrameDirection::Ingress }, true)
        } else {
            let (_, direction, data) = self.next.take()?;
            self.buffer = data;
            self.next = self.honest.next();
            (direction, false)
        };
        let frame = Frame {
            time: Timestamp::from_nanos(first),
            data: &self.buffer,
            wire_len: self.buffer.len() as u32,
            link: LinkType::Ethernet,
            direction,
            interface: 0,
            vlan: None,
            segments: 1,
            sampled: 1,
        };
        Some((frame, is_attack))
    }
}

impl Player {
    /// Shows the next frame and recounts it; `None` at the end.
    pub fn step(&mut self, show: impl FnOnce(Frame<'_>)) -> Option<()> {
        let (frame, is_attack) = self.next()?;
        show(frame);
        let octets = u64::from(frame.wire_len);
        let seen = is_attack.then(|| read(frame.time.nanos(), frame.data));
        self.frames += 1;
        self.octets += octets;
        self.seen.extend(seen);
        Some(())
    }
}

impl PacketSource for Player {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        for _ in 0..1024 {
            if self.step(|frame| sink.frame(frame)).is_none() {
                return Ok(Poll::End);
            }
        }
        Ok(Poll::Delivered)
    }
}

/// The rows: each number of sources in each order and pace, with vectors and families in turn, and some others.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |kind: Kind, sources: u64, order, pace, rate: f64, seconds: f64, v6| {
        let seed = rows.len() as u64 + 1;
        let name = format!(
            "{} {} sources{} {order:?} {pace:?} {rate:.0}/s",
            match kind {
                Kind::Outbound => "outbound",
                Kind::Carpet => "carpet",
                kind => kind.vector(),
            },
            if sources == 0 { "ever new".to_owned() } else { sources.to_string() },
            if v6 { " v6" } else { "" },
        );
        rows.push(Row { name, kind, sources, order, pace, rate, seconds, v6, honest: true, seed });
    };
    let kinds = [Kind::Ntp, Kind::Syn, Kind::Udp, Kind::Icmp, Kind::Dns];
    let mut turn = 0;
    for sources in [1, 20, 200, 3_000] {
        for order in [Order::Turns, Order::Random, Order::Heavy, Order::Zipf] {
            for pace in [Pace::Even, Pace::Jitter, Pace::Pulses] {
                if sources == 1 && order != Order::Turns {
                    continue;
                }
                turn += 1;
                let kind = kinds[turn % kinds.len()];
                let rate = match (sources, pace) {
                    (_, Pace::Pulses) => 15_000.0,
                    (3_000, _) => 12_000.0,
                    _ => 3_000.0,
                };
                add(kind, sources, order, pace, rate, 5.5, turn % 3 == 0);
            }
        }
    }
    for (kind, sources, v6) in [(Kind::Syn, 1, false), (Kind::Icmp, 20, true), (Kind::Dns, 200, false)] {
        add(kind, sources, Order::Random, Pace::Jitter, 4_000.0, 12.0, v6);
    }
    add(Kind::Ntp, 64, Order::Random, Pace::Jitter, 700.0, 6.0, false);
    add(Kind::Syn, 0, Order::Turns, Pace::Jitter, 100_000.0, 10.0, false);
    add(Kind::Udp, 0, Order::Turns, Pace::Even, 20_000.0, 4.0, true);
    add(Kind::Icmp, 0, Order::Turns, Pace::Pulses, 20_000.0, 4.0, false);
    add(Kind::Http, 20, Order::Random, Pace::Jitter, 1_000.0, 6.0, false);
    add(Kind::Http, 200, Order::Random, Pace::Jitter, 4_000.0, 4.0, false);
    for (sources, order) in [(1, Order::Turns), (20, Order::Heavy), (200, Order::Random)] {
        add(Kind::Outbound, sources, order, Pace::Jitter, 5_000.0, 5.0, false);
    }
    for (sources, pace) in [(2_000, Pace::Jitter), (20, Pace::Jitter), (2_000, Pace::Pulses)] {
        add(Kind::Carpet, sources, Order::Random, pace, 8_000.0, 5.0, false);
    }
    add(Kind::Ports, 1, Order::Turns, Pace::Jitter, 100.0, 12.0, false);
    add(Kind::Ports, 1, Order::Turns, Pace::Even, 1_000.0, 5.0, true);
    add(Kind::Hosts, 1, Order::Turns, Pace::Jitter, 80.0, 9.0, false);
    rows
}

/// Addresses of the RFC 5737 and RFC 3849 networks that are ours.
pub fn networks() -> Vec<ipnet::IpNet> {
    let four = ipnet::IpNet::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 0)), 24);
    let six = ipnet::IpNet::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0)), 48);
    [four, six].into_iter().flatten().collect()
}
