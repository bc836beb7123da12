//! Traffic for benchmarks: cheap to generate, so that a benchmark measures its consumer. Headers are written over a
//! template, payloads come from one fixed pattern with precomputed checksums.

use super::checksum::{fold, pseudo_sum, put, sum};
use super::frames::{ACK, FrameBuffer, MIN_FRAME, PSH, SYN, TCP, UDP, Way, distant_ttl, mac_for};
use super::payload::{self, Payload};
use super::rng::Rng;
use super::schedule::{Pace, Traffic};
use super::setting::{Hosts, Setting};
use crate::base::{Addr, Mac};
use ipnet::{IpNet, Ipv4Net};
use std::net::Ipv4Addr;

/// Octets of the Ethernet and IPv4 headers.
const HEADERS: usize = 34;

/// Octets with precomputed sums of all prefixes of even length.
pub(super) struct Pattern {
    pub(super) octets: Vec<u8>,
    /// Sum of the first 2n octets as big-endian words.
    sums: Vec<u64>,
}

impl Pattern {
    pub(super) fn new(octets: Vec<u8>) -> Self {
        let words = octets.chunks_exact(2).scan(0u64, |sum, pair| {
            *sum += u64::from(u16::from_be_bytes([pair[0], pair[1]]));
            Some(*sum)
        });
        let sums = std::iter::once(0).chain(words).collect();
        Pattern { octets, sums }
    }

    pub(super) fn sum(&self, length: usize) -> u64 {
        let odd = if length % 2 == 1 { self.octets.get(length - 1).map_or(0, |&last| u64::from(last) << 8) } else { 0 };
        self.sums.get(length / 2).copied().unwrap_or(0) + odd
    }
}

/// Addresses and ports of a packet.
#[derive(Clone, Copy)]
pub(super) struct Path {
    pub(super) source: Addr,
    pub(super) target: Addr,
    pub(super) source_port: u16,
    pub(super) target_port: u16,
    pub(super) macs: (Mac, Mac),
    pub(super) way: Way,
    pub(super) ttl: u8,
}

impl Path {
    pub(super) fn new(way: Way, gateway: Mac, source: (Addr, u16), target: (Addr, u16)) -> Path {
        let macs = match way {
            Way::Outward => (mac_for(source.0), gateway),
            _ => (gateway, mac_for(target.0)),
        };
        let ttl = if way == Way::Outward { 64 } else { distant_ttl(source.0) };
        Path { source: source.0, target: target.0, source_port: source.1, target_port: target.1, macs, way, ttl }
    }

    /// Writes Ethernet and IP headers for `length` octets of content.
    pub(super) fn write(&self, frame: &mut FrameBuffer, time: u64, protocol: u8, id: u16, length: usize) {
        frame.begin(time, self.way, self.macs);
        if !self.source.is_v4() {
            frame.data.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.data.extend((length as u16).to_be_bytes());
            frame.data.extend([protocol, self.ttl]);
            frame.data.extend(self.source.bits().to_be_bytes());
            frame.data.extend(self.target.bits().to_be_bytes());
            return;
        }
        let total = (length + 20) as u16;
        let source = self.source.bits() as u32;
        let target = self.target.bits() as u32;
        let halves = |word: u32| u64::from(word >> 16) + u64::from(word & 0xffff);
        let ttl_protocol = u16::from_be_bytes([self.ttl, protocol]);
        let sum = 0x4500 + u64::from(total) + u64::from(id) + u64::from(ttl_protocol) + halves(source) + halves(target);
        let mut header = [0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, self.ttl, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        put(&mut header, 4, total);
        put(&mut header, 6, id);
        put(&mut header, 12, !fold(sum));
        for (at, half) in [(14, source >> 16), (16, source), (18, target >> 16), (20, target)] {
            put(&mut header, at, half as u16);
        }
        frame.data.extend_from_slice(&header);
    }

    fn tcp(&self, frame: &mut FrameBuffer, time: u64, draw: u64, flags: u8, pattern: &Pattern, length: usize) {
        let acknowledgment = ((draw >> 24) as u32) << 16 | u32::from((draw >> 8) as u16);
        self.segment(frame, time, (draw >> 48) as u16, (draw as u32, acknowledgment), flags, pattern, length);
    }

    /// A TCP segment with these sequence and acknowledgment numbers.
    #[expect(clippy::too_many_arguments, reason = "the fields of a segment")]
    pub(super) fn segment(
        &self,
        frame: &mut FrameBuffer,
        time: u64,
        id: u16,
        (sequence, acknowledgment): (u32, u32),
        flags: u8,
        pattern: &Pattern,
        length: usize,
    ) {
        self.write(frame, time, TCP, id, 20 + length);
        let mut header = [0u8; 20];
        put(&mut header, 0, self.source_port);
        put(&mut header, 2, self.target_port);
        put(&mut header, 4, (sequence >> 16) as u16);
        put(&mut header, 6, sequence as u16);
        if flags & ACK != 0 {
            put(&mut header, 8, (acknowledgment >> 16) as u16);
            put(&mut header, 10, acknowledgment as u16);
        }
        put(&mut header, 12, 0x5000 | u16::from(flags));
        put(&mut header, 14, 512);
        let sum = pseudo_sum(self.source, self.target, TCP, 20 + length) + sum(&header);
        put(&mut header, 16, !fold(sum + pattern.sum(length)));
        frame.data.extend_from_slice(&header);
        frame.data.extend_from_slice(pattern.octets.get(..length).unwrap_or_default());
        frame.finish();
    }

    pub(super) fn udp(&self, frame: &mut FrameBuffer, time: u64, id: u16, pattern: &Pattern, length: usize) {
        self.write(frame, time, UDP, id, 8 + length);
        let mut header = [0u8; 8];
        put(&mut header, 0, self.source_port);
        put(&mut header, 2, self.target_port);
        put(&mut header, 4, (8 + length) as u16);
        let sum = pseudo_sum(self.source, self.target, UDP, 8 + length) + sum(&header);
        let checksum = !fold(sum + pattern.sum(length));
        put(&mut header, 6, if checksum == 0 { 0xffff } else { checksum });
        frame.data.extend_from_slice(&header);
        frame.data.extend_from_slice(pattern.octets.get(..length).unwrap_or_default());
        frame.finish();
    }
}

/// A SYN flood of 60-octet frames to one target.
pub(crate) fn syn(setting: &Setting, pace: Pace, rng: Rng) -> Box<dyn Traffic> {
    let target = setting.target();
    let path = Path::new(setting.way, setting.macs.outside, (target, 0), (target, setting.port));
    Box::new(Syn { sources: setting.sources.clone(), path, pace, rng, pattern: Pattern::new(Vec::new()) })
}

struct Syn {
    sources: Hosts,
    path: Path,
    pace: Pace,
    rng: Rng,
    pattern: Pattern,
}

impl Traffic for Syn {
    fn next(&mut self, frame: &mut FrameBuffer) -> bool {
        let Some(time) = self.pace.next(&mut self.rng) else { return false };
        let source = self.sources.pick(&mut self.rng);
        let draw = self.rng.next_u64();
        let path = Path { source, source_port: (draw >> 32) as u16 | 1024, ttl: 40 + draw as u8 % 20, ..self.path };
        path.tcp(frame, time, draw, SYN, &self.pattern, 0);
        frame.data.resize(MIN_FRAME, 0);
        true
    }
}

/// The quantity that a [`Spread`] varies.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Sources,
    Targets,
    Macs,
    Size,
}

/// Frames in which one quantity takes a given number of values, evenly, while the others do not change: shows how the
/// consumer scales with it.
struct Spread {
    axis: Axis,
    setting: Setting,
    path: Path,
    pace: Pace,
    rng: Rng,
    count: u64,
    pattern: Pattern,
}

/// Number of source addresses in benchmarks that do not vary it.
const DEFAULT_SOURCES: u64 = 2_000;

fn spread(setting: &Setting, pace: Pace, mut rng: Rng, axis: Axis) -> Box<dyn Traffic> {
    let target = setting.target();
    let path = Path::new(setting.way, setting.macs.outside, (target, 0), (target, setting.port));
    let mut octets = Vec::new();
    if axis == Axis::Size {
        rng.fill(&mut octets, setting.payload.min(1472));
    }
    Box::new(Spread { axis, setting: setting.clone(), path, pace, rng, count: 0, pattern: Pattern::new(octets) })
}

pub(crate) fn spread_sources(setting: &Setting, pace: Pace, rng: Rng) -> Box<dyn Traffic> {
    spread(setting, pace, rng, Axis::Sources)
}

pub(crate) fn spread_targets(setting: &Setting, pace: Pace, rng: Rng) -> Box<dyn Traffic> {
    spread(setting, pace, rng, Axis::Targets)
}

pub(crate) fn spread_macs(setting: &Setting, pace: Pace, rng: Rng) -> Box<dyn Traffic> {
    spread(setting, pace, rng, Axis::Macs)
}

pub(crate) fn sized(setting: &Setting, pace: Pace, rng: Rng) -> Box<dyn Traffic> {
    spread(setting, pace, rng, Axis::Size)
}

/// MAC address number `index`, locally administered; numbers below 2^32 give different ones.
const fn numbered_mac(index: u64) -> Mac {
    // An odd factor permutes the numbers, so that consecutive addresses are not adjacent in a table.
    let [a, b, c, d] = (index as u32).wrapping_mul(0x9e37_79b1).to_be_bytes();
    Mac([0x06, 0, a, b, c, d])
}

impl Traffic for Spread {
    fn next(&mut self, frame: &mut FrameBuffer) -> bool {
        let Some(time) = self.pace.next(&mut self.rng) else { return false };
        let draw = self.rng.next_u64();
        let Setting { sources, targets, .. } = &self.setting;
        let turn = |hosts: &Hosts, size: u64| hosts.nth(self.count % size.max(1));
        let mut path = Path { source_port: (draw >> 32) as u16 | 1024, ttl: 40 + draw as u8 % 20, ..self.path };
        path.source = match self.axis {
            Axis::Sources => turn(sources, sources.size()),
            _ => sources.nth((draw >> 8) % DEFAULT_SOURCES),
        };
        match self.axis {
            Axis::Targets => {
                path.target = turn(targets, targets.size());
                path.macs.1 = mac_for(path.target);
            }
            Axis::Macs => path.macs.0 = numbered_mac(self.count % sources.size().max(1)),
            Axis::Sources | Axis::Size => {}
        }
        self.count += 1;
        if self.axis == Axis::Size {
            path.udp(frame, time, draw as u16, &self.pattern, self.pattern.octets.len());
        } else {
            path.tcp(frame, time, draw, SYN, &self.pattern, 0);
        }
        true
    }
}

/// Responses of 1,400 octets (or `payload`) from DNS reflectors.
pub(crate) fn dns_amplification(setting: &Setting, pace: Pace, mut rng: Rng) -> Box<dyn Traffic> {
    let mut answer = Vec::new();
    payload::write(Payload::DnsUnsolicited, setting.payload.clamp(100, 1472), &mut rng, &mut answer);
    let target = setting.target();
    let paths = (0..setting.sources.size().min(100_000)).map(|index| {
        let source = setting.sources.nth(index);
        Path::new(setting.way, setting.macs.outside, (source, 53), (target, 0))
    });
    Box::new(DnsAmplification { paths: paths.collect(), pace, rng, pattern: Pattern::new(answer) })
}

struct DnsAmplification {
    paths: Vec<Path>,
    pace: Pace,
    rng: Rng,
    pattern: Pattern,
}

impl Traffic for DnsAmplification {
    fn next(&mut self, frame: &mut FrameBuffer) -> bool {
        let Some(time) = self.pace.next(&mut self.rng) else { return false };
        let draw = self.rng.below(self.paths.len() as u64);
        let Some(path) = self.paths.get(draw as usize) else { return false };
        let draw = self.rng.next_u64();
        let path = Path { target_port: (draw >> 16) as u16 | 1024, ..*path };
        path.udp(frame, time, draw as u16, &self.pattern, self.pattern.octets.len());
        true
    }
}

const FLOWS: u64 = 10_000;
const INSIDE_HOSTS: u64 = 200;
const INSIDE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24);

/// 10,000 flows both ways between outside and inside hosts; frames of 60 to 1514 octets, 423 on average, seven in
/// eight of them TCP.
pub(crate) fn mixed(setting: &Setting, pace: Pace, mut rng: Rng) -> Box<dyn Traffic> {
    let inside = Hosts::new(IpNet::V4(INSIDE), INSIDE_HOSTS, &mut rng);
    let flows = (0..FLOWS).map(|index| {
        let near = inside.nth(rng.below(INSIDE_HOSTS));
        let far = setting.sources.nth(index % setting.sources.size().max(1));
        let tcp = index % 8 != 0;
        let service = *[443, 443, 80, 22, 25, 993].get(rng.below(6) as usize).unwrap_or(&443);
        // In one flow in three the inside host is the client, in the others it is the server.
        let (near_port, far_port) = if index % 3 == 0 { (rng.port(), service) } else { (service, rng.port()) };
        let gateway = setting.macs.outside;
        let inward = Path::new(Way::Inward, gateway, (far, far_port), (near, near_port));
        let outward = Path::new(Way::Outward, gateway, (near, near_port), (far, far_port));
        (tcp, [inward, outward])
    });
    let flows = flows.collect();
    let mut octets = Vec::new();
    rng.fill(&mut octets, 1480);
    Box::new(Mixed { flows, pace, rng, pattern: Pattern::new(octets) })
}

struct Mixed {
    flows: Vec<(bool, [Path; 2])>,
    pace: Pace,
    rng: Rng,
    pattern: Pattern,
}

impl Traffic for Mixed {
    fn next(&mut self, frame: &mut FrameBuffer) -> bool {
        let Some(time) = self.pace.next(&mut self.rng) else { return false };
        let draw = self.rng.next_u64();
        let flow = ((draw >> 40) * self.flows.len() as u64) >> 24;
        let Some((tcp, [inward, outward])) = self.flows.get(flow as usize) else { return false };
        let size = match draw % 100 {
            0..55 => 60 + (draw >> 8) % 7,
            55..75 => 1514,
            _ => 100 + (draw >> 8) % 501,
        } as usize;
        let path = if draw >> 7 & 1 == 0 { inward } else { outward };
        if *tcp {
            let length = size.saturating_sub(HEADERS + 20);
            let flags = if length > 12 { PSH | ACK } else { ACK };
            path.tcp(frame, time, draw, flags, &self.pattern, length);
        } else {
            path.udp(frame, time, draw as u16, &self.pattern, size.saturating_sub(HEADERS + 8));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Params, Part, Scenario, TrafficModel};
    use std::collections::HashSet;

    /// Distinct values of some octets in 3,000 frames of a model, and the length of the frames.
    fn distinct(model: TrafficModel, params: Params, octets: std::ops::Range<usize>) -> (usize, usize) {
        let mut part = Part::new(model, 0.0, 3.0);
        part.params = Params { rate: Some(1_000.0), ..params };
        let mut source = Scenario::new(1, vec![part]).source();
        let (mut found, mut length) = (HashSet::new(), 0);
        while let Some(frame) = source.next_frame() {
            length = frame.data.len();
            found.insert(frame.data[octets.clone()].to_vec());
        }
        (found.len(), length)
    }

    #[test]
    fn the_varied_quantity_takes_all_its_values() {
        let sources = |count| Params { sources: Some(count), ..Params::default() };
        let targets = |count| Params { targets: Some(count), ..Params::default() };
        for count in [1, 10, 1_000, 10_000_000] {
            let seen = count.min(3_000) as usize;
            assert_eq!(distinct(TrafficModel::BenchSources, sources(count), 26..30), (seen, 60));
            assert_eq!(distinct(TrafficModel::BenchTargets, targets(count), 30..34), (seen, 60));
            assert_eq!(distinct(TrafficModel::BenchMacs, sources(count), 6..12), (seen, 60));
        }
        assert_eq!(distinct(TrafficModel::BenchSources, sources(1_000), 30..34), (1, 60));
        assert_eq!(distinct(TrafficModel::BenchTargets, targets(1_000), 6..12), (1, 60));
        assert_eq!(distinct(TrafficModel::BenchMacs, sources(1_000), 30..34), (1, 60));
        let payload = |payload| Params { payload: Some(payload), ..Params::default() };
        assert_eq!(distinct(TrafficModel::BenchSize, payload(1458), 30..34), (1, 1500));
        assert_eq!(distinct(TrafficModel::BenchSize, payload(0), 30..34), (1, 60));
    }

    #[test]
    fn mixed_frames_average_423_octets_over_many_hosts() {
        let mut part = Part::new(TrafficModel::BenchMixed, 0.0, 0.1);
        part.params.rate = Some(1_000_000.0);
        let mut source = Scenario::new(1, vec![part]).source();
        let (mut count, mut octets, mut hosts) = (0u64, 0u64, HashSet::new());
        while let Some(frame) = source.next_frame() {
            count += 1;
            octets += u64::from(frame.wire_len);
            hosts.insert(frame.data[26..30].to_vec());
            assert!((60..=1514).contains(&frame.wire_len));
        }
        assert_eq!(count, 100_000);
        assert!((octets / count).abs_diff(423) < 12, "{}", octets / count);
        assert!(hosts.len().abs_diff(5_200) < 20, "{}", hosts.len());
    }
}
