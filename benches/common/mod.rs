//! Traffic that the benches share.
#![allow(dead_code, reason = "each bench uses a part of it")]

use pegel::base::Timestamp;
use pegel::capture::{Frame, FrameDirection, LinkType};
use pegel::packet::{Decoder, Packet};
use pegel::traffic::{Part, Scenario, TrafficModel};

/// Name, model and packets a second of each kind.
pub const KINDS: &[(&str, TrafficModel, f64)] = &[
    ("syn", TrafficModel::BenchSyn, 1_000_000.0),
    ("mixed", TrafficModel::BenchMixed, 500_000.0),
    ("dns_amp", TrafficModel::BenchDnsAmp, 500_000.0),
];

pub fn scenario(model: TrafficModel, rate: f64, packets: u64) -> Scenario {
    let mut part = Part::new(model, 0.0, packets as f64 / rate);
    part.params.rate = Some(rate);
    Scenario::new(1, vec![part])
}

/// Frames in one contiguous buffer, as in a capture.
pub struct Frames {
    bytes: Vec<u8>,
    /// Timestamp, start, length.
    index: Vec<(Timestamp, usize, usize)>,
}

impl Frames {
    pub fn of(model: TrafficModel, rate: f64, packets: u64) -> Frames {
        let mut source = scenario(model, rate, packets).source();
        let mut frames = Frames { bytes: Vec::new(), index: Vec::new() };
        while let Some(frame) = source.next_frame() {
            frames.index.push((frame.time, frames.bytes.len(), frame.data.len()));
            frames.bytes.extend_from_slice(frame.data);
        }
        frames
    }

    pub fn iter(&self) -> impl Iterator<Item = Frame<'_>> {
        self.index.iter().map(|&(time, start, length)| Frame {
            time,
            data: &self.bytes[start..start + length],
            wire_len: length as u32,
            link: LinkType::Ethernet,
            direction: FrameDirection::Unknown,
            interface: 0,
            vlan: None,
            segments: 1,
            sampled: 1,
        })
    }

    pub fn packets(&self) -> Vec<Packet> {
        let decoder = Decoder::default();
        self.iter().map(|frame| decoder.decode(&frame)).collect()
    }
}
