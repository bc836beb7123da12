//! Values in the columns of the database.

use super::model::DirectionMinute;
use crate::base::{Timestamp, Vector};
use crate::capture::FrameDirection;
use crate::meter::Count;
use serde::{Deserialize, Serialize};

pub(super) fn millis(time: Timestamp) -> i64 {
    (time.nanos() / 1_000_000) as i64
}

pub(super) fn seconds(time: Timestamp) -> i64 {
    (time.nanos() / 1_000_000_000) as i64
}

pub(super) fn minutes(time: Timestamp) -> i64 {
    seconds(time) / 60
}

pub(super) fn from_millis(millis: i64) -> Timestamp {
    let millis = millis.max(0) as u64;
    Timestamp::from_parts(millis / 1000, millis % 1000 * 1_000_000)
}

pub(super) fn from_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds.max(0) as u64, 0)
}

pub(super) fn direction_to_number(direction: FrameDirection) -> i64 {
    match direction {
        FrameDirection::Unknown => 0,
        FrameDirection::Ingress => 1,
        FrameDirection::Egress => 2,
    }
}

pub(super) fn direction(number: i64) -> FrameDirection {
    match number {
        1 => FrameDirection::Ingress,
        2 => FrameDirection::Egress,
        _ => FrameDirection::Unknown,
    }
}

pub(super) fn count(packets: Option<i64>, bytes: Option<i64>) -> Option<Count> {
    packets.zip(bytes).map(|(packets, bytes)| Count { packets: packets.max(0) as u64, bytes: bytes.max(0) as u64 })
}

pub(super) fn vectors_to_text(vectors: &[(Vector, Count)]) -> String {
    let all: Vec<_> = vectors.iter().map(|(vector, count)| (vector, count.packets, count.bytes)).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

pub(super) fn vectors(text: &str) -> Vec<(Vector, Count)> {
    let all: Vec<(Vector, u64, u64)> = serde_json::from_str(text).unwrap_or_default();
    all.into_iter().map(|(vector, packets, bytes)| (vector, Count { packets, bytes })).collect()
}

#[derive(Serialize, Deserialize)]
struct MinuteText {
    packets: u64,
    bytes: u64,
    classes: Vec<(String, u64, u64)>,
    peak_packets: u64,
    peak_bits: u64,
    peaks: Vec<(String, f64)>,
    peers: u64,
}

pub(super) fn minute_to_text(minute: &DirectionMinute) -> String {
    let classes = minute.classes.iter().map(|(class, count)| (class.clone(), count.packets, count.bytes));
    let text = MinuteText {
        packets: minute.count.packets,
        bytes: minute.count.bytes,
        classes: classes.collect(),
        peak_packets: minute.peak_packets_per_second,
        peak_bits: minute.peak_bits_per_second,
        peaks: minute.peaks.clone(),
        peers: minute.peers,
    };
    serde_json::to_string(&text).unwrap_or_default()
}

pub(super) fn minute(text: &str) -> DirectionMinute {
    let Ok(read) = serde_json::from_str::<MinuteText>(text) else { return DirectionMinute::default() };
    let classes = read.classes.into_iter().map(|(class, packets, bytes)| (class, Count { packets, bytes }));
    DirectionMinute {
        count: Count { packets: read.packets, bytes: read.bytes },
        classes: classes.collect(),
        peak_packets_per_second: read.peak_packets,
        peak_bits_per_second: read.peak_bits,
        peaks: read.peaks,
        peers: read.peers,
    }
}
