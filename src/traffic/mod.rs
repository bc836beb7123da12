//! Synthetic traffic: attacks as the tools send them and the benign traffic that looks like them, by seed.
//!
//! A [`Scenario`] is a list of [`Part`]s, each one model over a span of packet time; [`Synthetic`] merges their streams.
//! The same scenario gives the same octets on every machine. `models` is the registry: to add a model, write its
//! `Model` in one of the model files and give it a row there. Words of a scenario file: `written`.
//!
//! A model plans packets (`frames::Plan`); the clockwork (`agenda`) keeps them in order of time and writes them, and
//! `payload` fills them. `bench` bypasses the clockwork and patches templates, for millions of packets a second.

mod agenda;
mod amplification;
mod application;
mod bench;
mod benign_tcp;
mod benign_udp;
mod checksum;
mod day;
mod flood;
mod foreign;
mod frames;
mod lan;
mod mail;
mod models;
mod payload;
mod recon;
mod reflection;
mod restart;
mod rng;
mod services;
mod setting;
mod tcp;
mod templates;
mod write;
mod written;

pub use agenda::{Burst, Hours};
pub use day::{HOUR, day};
pub use frames::{CapturePoint, SeenAs};
pub use models::{MODELS, ModelSpec, TrafficModel};
pub use setting::Params;
pub use write::write_pcap;

use crate::base::Timestamp;
use crate::capture::{CaptureError, Frame, FrameDirection, FrameSink, LinkType, PacketSource, Poll, SourceStats, Vlan};
use agenda::Traffic;
use frames::FrameBuffer;

/// 2026-01-01T00:00:00Z, where a scenario does not say otherwise.
pub const DEFAULT_START: Timestamp = Timestamp::from_parts(1_767_225_600, 0);

/// Frames that one poll delivers at most.
const FRAMES_PER_POLL: usize = 1024;

/// Traffic of several kinds over packet time.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub start: Timestamp,
    pub parts: Vec<Part>,
}

/// One kind of traffic over a span of packet time, in seconds after the start of the scenario.
#[derive(Clone, Debug)]
pub struct Part {
    pub model: TrafficModel,
    pub from_seconds: f64,
    pub to_seconds: f64,
    pub params: Params,
}

impl Part {
    /// A model as it comes, to be changed through `params`.
    pub fn new(model: TrafficModel, from_seconds: f64, to_seconds: f64) -> Part {
        Part { model, from_seconds, to_seconds, params: Params::default() }
    }
}

impl Scenario {
    pub fn new(seed: u64, parts: Vec<Part>) -> Scenario {
        Scenario { seed, start: DEFAULT_START, parts }
    }

    /// Reads a scenario file; the error says what is wrong in one or a few lines.
    pub fn parse(toml_text: &str) -> Result<Scenario, String> {
        written::parse(toml_text)
    }

    /// A source that plays the scenario from its start.
    pub fn source(&self) -> Synthetic {
        let streams = self
            .parts
            .iter()
            .enumerate()
            .map(|(index, part)| Stream {
                traffic: models::traffic(part, self.start, self.seed, index as u64),
                frame: FrameBuffer { place: part.params.place, ..FrameBuffer::default() },
                bridged: part.params.bridged.clone(),
                ready: false,
            })
            .collect();
        Synthetic { streams, begun: false, shown: None, copies: 0, delivered: 0 }
    }
}

/// A part at play, with its next frame.
struct Stream {
    traffic: Box<dyn Traffic>,
    frame: FrameBuffer,
    bridged: Vec<u16>,
    /// Whether `frame` holds a frame not yet shown; false for good at the end.
    ready: bool,
}

impl Stream {
    /// Where the frame is seen as well, for the `number`-th time: a bridge sends what entered by one port out of all
    /// others if it goes to a group, else to the uplink; and what left by a port had entered by the uplink.
    fn copy(&self, number: usize) -> Option<(u16, FrameDirection)> {
        let to_group = self.frame.data.first().is_some_and(|octet| octet & 1 == 1);
        let other = match self.frame.direction {
            FrameDirection::Ingress => FrameDirection::Egress,
            FrameDirection::Egress => FrameDirection::Ingress,
            FrameDirection::Unknown => return None,
        };
        let all = to_group && other == FrameDirection::Egress;
        self.bridged.get(number).filter(|_| all || number == 0).map(|interface| (*interface, other))
    }
}

/// A scenario at play: its parts' frames in order of time, then of parts.
pub struct Synthetic {
    streams: Vec<Stream>,
    begun: bool,
    /// The stream whose frame was handed out last and may be overwritten at the next call.
    shown: Option<usize>,
    /// How often it was shown on other ports of its bridge.
    copies: usize,
    delivered: u64,
}

impl Synthetic {
    /// The next frame, or `None` at the end.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        let copied = self.shown.and_then(|index| Some((index, self.streams.get(index)?.copy(self.copies)?)));
        let (index, seen) = match copied {
            Some((index, seen)) => {
                self.copies += 1;
                (index, Some(seen))
            }
            None => (self.advance()?, None),
        };
        let stream = self.streams.get(index)?;
        self.delivered += 1;
        let CapturePoint { interface, vlan, .. } = stream.frame.place;
        let (interface, direction) =
            seen.unwrap_or((interface.saturating_add(stream.frame.port), stream.frame.direction));
        // As the kernel hands it over: the tag is beside the frame, but was on the wire.
        let tag = if vlan.is_some() { 4 } else { 0 };
        Some(Frame {
            time: Timestamp::from_nanos(stream.frame.time),
            data: &stream.frame.data,
            wire_len: stream.frame.data.len() as u32 + tag,
            link: LinkType::Ethernet,
            direction,
            interface,
            vlan: vlan.map(|id| Vlan { tpid: 0x8100, tci: id }),
            segments: 1,
            sampled: 1,
        })
    }

    /// When the next frame is due, or `None` at the end.
    pub fn next_at(&mut self) -> Option<Timestamp> {
        let copied =
            self.shown.and_then(|index| self.streams.get(index)).filter(|stream| stream.copy(self.copies).is_some());
        let time = match copied {
            Some(stream) => stream.frame.time,
            None => {
                self.make_ready();
                self.streams.iter().filter(|stream| stream.ready).map(|stream| stream.frame.time).min()?
            }
        };
        Some(Timestamp::from_nanos(time))
    }

    /// Writes the next frame and returns its stream.
    fn advance(&mut self) -> Option<usize> {
        self.make_ready();
        let ready = self.streams.iter().enumerate().filter(|(_, stream)| stream.ready);
        let (index, _) = ready.min_by_key(|&(index, stream)| (stream.frame.time, index))?;
        (self.shown, self.copies) = (Some(index), 0);
        Some(index)
    }

    /// Has every stream show its next frame, the one that was handed out last included.
    fn make_ready(&mut self) {
        if !self.begun {
            self.begun = true;
            for stream in &mut self.streams {
                stream.ready = stream.traffic.next(&mut stream.frame);
            }
        }
        if let Some(stream) = self.shown.take().and_then(|index| self.streams.get_mut(index)) {
            stream.ready = stream.traffic.next(&mut stream.frame);
        }
    }
}

impl PacketSource for Synthetic {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        for _ in 0..FRAMES_PER_POLL {
            match self.next_frame() {
                Some(frame) => sink.frame(frame),
                None => return Ok(Poll::End),
            }
        }
        Ok(Poll::Delivered)
    }

    fn stats(&mut self) -> SourceStats {
        SourceStats { received: self.delivered, ..SourceStats::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Addr;
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};
    use std::collections::HashSet;

    fn play(scenario: &Scenario, mut look: impl FnMut(Frame<'_>)) {
        let mut source = scenario.source();
        while let Some(frame) = source.next_frame() {
            look(frame);
        }
    }

    fn bytes(scenario: &Scenario) -> Vec<u8> {
        let mut out = Vec::new();
        write_pcap(&mut scenario.source(), &mut out).expect("a Vec takes all");
        out
    }

    /// Every model in its own span of a second, at a modest rate.
    fn everything(seed: u64) -> Scenario {
        let parts = MODELS.iter().enumerate().map(|(index, spec)| {
            let from = index as f64 * 2.0;
            let mut part = Part::new(spec.model, from, from + 1.0);
            part.params.mbit = Some(5.0);
            part.params.rate =
                Some(if matches!(spec.model, TrafficModel::Browser | TrafficModel::FlashCrowd) { 2.0 } else { 30.0 });
            part
        });
        Scenario::new(seed, parts.collect())
    }

    fn checksums_hold(frame: &[u8]) {
        let packet = SlicedPacket::from_ethernet(frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
        let fragment = packet.net.as_ref().is_some_and(|net| match net {
            NetSlice::Ipv4(ip) => ip.payload().fragmented,
            NetSlice::Ipv6(ip) => ip.payload().fragmented,
            NetSlice::Arp(_) => false,
        });
        if let Some(NetSlice::Ipv4(ip)) = &packet.net {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
        }
        let Some(transport) = packet.transport.filter(|_| !fragment) else { return };
        let ip4 = |net: &NetSlice<'_>| match net {
            NetSlice::Ipv4(ip) => Some((ip.header().source(), ip.header().destination())),
            _ => None,
        };
        let ip6 = |net: &NetSlice<'_>| match net {
            NetSlice::Ipv6(ip) => Some((ip.header().source(), ip.header().destination())),
            _ => None,
        };
        let net = packet.net.as_ref().expect("a transport has a network");
        let (carried, right) = match (&transport, ip4(net), ip6(net)) {
            (TransportSlice::Tcp(tcp), Some((a, b)), _) => {
                (tcp.checksum(), tcp.to_header().calc_checksum_ipv4_raw(a, b, tcp.payload()).ok())
            }
            (TransportSlice::Tcp(tcp), _, Some((a, b))) => {
                (tcp.checksum(), tcp.to_header().calc_checksum_ipv6_raw(a, b, tcp.payload()).ok())
            }
            (TransportSlice::Udp(udp), Some((a, b)), _) => {
                (udp.checksum(), udp.to_header().calc_checksum_ipv4_raw(a, b, udp.payload()).ok())
            }
            (TransportSlice::Udp(udp), _, Some((a, b))) => {
                (udp.checksum(), udp.to_header().calc_checksum_ipv6_raw(a, b, udp.payload()).ok())
            }
            (TransportSlice::Icmpv4(icmp), ..) => {
                (icmp.checksum(), Some(icmp.icmp_type().calc_checksum(icmp.payload())))
            }
            (TransportSlice::Icmpv6(icmp), _, Some((a, b))) => {
                (icmp.checksum(), icmp.icmp_type().calc_checksum(a, b, icmp.payload()).ok())
            }
            (TransportSlice::Igmp(igmp), ..) => {
                assert_eq!(checksum::fold(checksum::sum(igmp.slice())), 0xffff);
                return;
            }
            other => panic!("unexpected transport: {other:?}"),
        };
        assert_eq!(Some(carried), right, "{transport:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_octets() {
        let one = bytes(&everything(7));
        assert!(one == bytes(&everything(7)));
        assert!(one != bytes(&everything(8)));
    }

    #[test]
    fn every_profile_makes_sound_frames_within_its_span() {
        let scenario = everything(3);
        for (part, spec) in scenario.parts.iter().zip(MODELS) {
            let mut count = 0;
            let mut last = scenario.start.plus_seconds(part.from_seconds);
            let end = scenario.start.plus_seconds(part.to_seconds);
            play(&Scenario { parts: vec![part.clone()], ..scenario.clone() }, |frame| {
                assert!(frame.time >= last && frame.time < end, "{}: {}", spec.name, frame.time);
                last = frame.time;
                assert!(frame.data.len() <= 1514 && frame.data.len() == frame.wire_len as usize, "{}", spec.name);
                assert!(frame.direction != FrameDirection::Ingress || frame.data.len() >= 60, "{}", spec.name);
                checksums_hold(frame.data);
                count += 1;
            });
            assert!(count > 0, "{}", spec.name);
        }
    }

    #[test]
    fn every_profile_can_be_turned_around_and_speak_ipv6() {
        for spec in MODELS {
            for v6 in [false, true] {
                let mut part = Part::new(spec.model, 0.0, 0.3);
                part.params.direction = Some(crate::base::Direction::Outbound);
                part.params.mbit = Some(5.0);
                part.params.rate = Some(50.0);
                part.params.source_network = v6.then(|| "2001:db8:10::/64".parse().expect("a network"));
                play(&Scenario::new(1, vec![part]), |frame| checksums_hold(frame.data));
            }
        }
    }

    #[test]
    fn rates_are_kept() {
        // Answers and connections come on top of what the rate counts.
        let alone = |name: &str| {
            !["_answered", "http", "tls_", "connection", "torture", "brute_force"]
                .iter()
                .any(|part| name.contains(part))
        };
        for spec in MODELS.iter().filter(|spec| spec.attack && !spec.is_story() && alone(spec.name)) {
            let mut part = Part::new(spec.model, 1.0, 3.0);
            part.params.rate = Some(2_000.0);
            part.params.payload = Some(400);
            let mut count = 0i64;
            play(&Scenario::new(1, vec![part]), |_| count += 1);
            assert!((count - 4_000).abs() <= 80, "{}: {count}", spec.name);
        }
    }

    #[test]
    fn parts_merge_in_order_of_time() {
        let mut scenario = everything(1);
        for part in &mut scenario.parts {
            (part.from_seconds, part.to_seconds) = (0.0, 0.5);
        }
        let mut last = Timestamp::ZERO;
        play(&scenario, |frame| {
            assert!(frame.time >= last);
            last = frame.time;
        });
    }

    #[test]
    fn sources_are_as_many_as_asked() {
        let mut part = Part::new(TrafficModel::SynFlood, 0.0, 2.0);
        part.params.rate = Some(10_000.0);
        part.params.sources = Some(300);
        part.params.source_network = "198.18.0.0/15".parse().ok();
        let mut sources = HashSet::new();
        play(&Scenario::new(5, vec![part]), |frame| {
            assert_eq!((frame.data.len(), frame.direction), (60, FrameDirection::Ingress));
            assert_eq!(frame.data[30..34], [203, 0, 113, 7]);
            assert_eq!(frame.data[..12], [2, 0, 203, 0, 113, 7, 2, 0, 0, 0, 0, 1]);
            sources.insert(Addr::from_v4_bits(u32::from_be_bytes([
                frame.data[26],
                frame.data[27],
                frame.data[28],
                frame.data[29],
            ])));
        });
        assert_eq!(sources.len(), 300);
    }

    #[test]
    fn outbound_floods_leave_from_one_card() {
        for network in ["203.0.113.66/32", "0.0.0.0/0"] {
            let mut part = Part::new(TrafficModel::SynFlood, 0.0, 1.0);
            part.params.direction = Some(crate::base::Direction::Outbound);
            part.params.source_network = network.parse().ok();
            part.params.sources = Some(0);
            play(&Scenario::new(5, vec![part]), |frame| {
                assert_eq!((frame.data.len(), frame.direction), (54, FrameDirection::Egress));
                assert_eq!(frame.data[..12], [2, 0, 0, 0, 0, 1, 2, 0, 203, 0, 113, 66]);
                assert_eq!(frame.data[30..34], [198, 51, 100, 7]);
            });
        }
    }

    #[test]
    fn a_bridge_shows_frames_on_all_its_ports() {
        let mut part = Part::new(TrafficModel::SegmentLife, 0.0, 1.0);
        part.params.place = CapturePoint { interface: 1, vlan: None, seen_as: SeenAs::Port };
        (part.params.sources, part.params.bridged) = (Some(1), vec![0, 2]);
        let mut seen = Vec::new();
        play(&Scenario::new(1, vec![part]), |frame| seen.push((frame.interface, frame.direction, frame.data.to_vec())));
        let (entered, left) = (FrameDirection::Ingress, FrameDirection::Egress);
        // The question for the gateway, to all; and its answer, which came by the uplink.
        let places: Vec<_> = seen.iter().map(|(interface, direction, _)| (*interface, *direction)).collect();
        assert_eq!(places[..5], [(1, entered), (0, left), (2, left), (1, left), (0, entered)]);
        assert!(seen[0].2 == seen[1].2 && seen[1].2 == seen[2].2 && seen[3].2 == seen[4].2);
    }

    #[test]
    fn polls_end() {
        struct Count(usize);
        impl FrameSink for Count {
            fn frame(&mut self, _frame: Frame<'_>) {
                self.0 += 1;
            }
        }
        let mut part = Part::new(TrafficModel::UdpFlood, 0.0, 1.0);
        part.params.rate = Some(1_500.0);
        let mut source = Scenario::new(1, vec![part]).source();
        let mut sink = Count(0);
        let found: Vec<_> = (0..3).map(|_| source.poll(&mut sink).ok()).collect();
        assert_eq!(found, [Some(Poll::Delivered), Some(Poll::End), Some(Poll::End)]);
        assert_eq!((sink.0, source.stats().received), (1_500, 1_500));
    }
}
