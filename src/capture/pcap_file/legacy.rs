//! Classic pcap (draft-ietf-opsawg-pcap): a 24-byte file header, then records, each with a header and captured bytes.
//!
//! Follows libpcap's sf-pcap.c, including its workarounds for old writers.

use super::interface::Interface;
use super::record::{BUDGET, Link, MAX_CAPTURED, Step, Stop, half, wire_len, word};
use crate::base::Timestamp;
use crate::capture::{CaptureError, Frame, FrameDirection, FrameSink};

pub(super) const HEADER_BYTES: usize = 24;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Alexey Kuznetzov's variant, once shipped by Linux distributions: 8 more bytes in each record header (interface,
/// protocol, packet type), which are ignored, as in libpcap.
const MODIFIED: u32 = 0xa1b2_cd34;
const MODIFIED_EXTRA: usize = 8;

/// The order of the two lengths of a record, on which writers disagreed until version 2.4.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LengthOrder {
    /// Captured length first, as specified.
    InOrder,
    /// Original length first.
    Swapped,
    /// Version 2.3 was written both ways; if the lengths differ, the larger is the original one.
    LargerIsOriginal,
}

pub(super) struct Legacy {
    big: bool,
    /// Nanoseconds per unit of a timestamp's fraction of a second.
    unit: u32,
    /// Bytes between the 16-byte record header and the data.
    extra: usize,
    lengths: LengthOrder,
    link: Link,
    records: u64,
    interface: Interface,
}

impl Legacy {
    /// Parses the file header; `None` if `head` does not begin with one.
    pub(super) fn open(head: &[u8]) -> Result<Option<Legacy>, CaptureError> {
        let Some(magic) = head.first_chunk::<4>() else { return Ok(None) };
        if matches!(u32::from_le_bytes(*magic), MICROSECONDS | NANOSECONDS | MODIFIED) {
            Self::header::<false>(head).map(Some)
        } else if matches!(u32::from_be_bytes(*magic), MICROSECONDS | NANOSECONDS | MODIFIED) {
            Self::header::<true>(head).map(Some)
        } else {
            Ok(None)
        }
    }

    fn header<const BIG: bool>(head: &[u8]) -> Result<Legacy, CaptureError> {
        let ([magic, [m0, m1, n0, n1], _zone, _accuracy, snaplen, network, ..], _) = head.as_chunks::<4>() else {
            let text =
                format!("ends inside its header, {} of {HEADER_BYTES} bytes (truncated while writing?)", head.len());
            return Err(CaptureError::Format(text));
        };
        let (unit, extra) = match word::<BIG>(*magic) {
            NANOSECONDS => (1, 0),
            MODIFIED => (1000, MODIFIED_EXTRA),
            _ => (1000, 0),
        };
        let lengths = match (half::<BIG>([*m0, *m1]), half::<BIG>([*n0, *n1])) {
            (2, 0..3) => LengthOrder::Swapped,
            (2, 3) => LengthOrder::LargerIsOriginal,
            (2, _) => LengthOrder::InOrder,
            // Written by DG/UX's tcpdump.
            (543, _) => LengthOrder::Swapped,
            (major, minor) => {
                return Err(CaptureError::Format(format!("is pcap version {major}.{minor}, which is not supported")));
            }
        };
        let network = word::<BIG>(*network);
        // Above the 16 bits of the link type, bit 26 indicates that the top four bits are the length of the FCS in
        // units of 16 bits.
        let fcs = if network & (1 << 26) != 0 { (network >> 28) * 2 } else { 0 };
        let link = Link::new((network & 0xffff) as u16, fcs);
        let interface = Interface { name: None, link: link.kind, snaplen: word::<BIG>(*snaplen) };
        Ok(Legacy { big: BIG, unit, extra, lengths, link, records: 0, interface })
    }

    /// The single interface of the capture.
    pub(super) fn interfaces(&self) -> &[Interface] {
        std::slice::from_ref(&self.interface)
    }

    /// Records delivered so far.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Delivers the complete records at the beginning of `window`, which is at byte `offset` of the file.
    pub(super) fn deliver<S: FrameSink>(&mut self, window: &[u8], offset: u64, sink: &mut S) -> Step {
        if self.big { self.run::<true, S>(window, offset, sink) } else { self.run::<false, S>(window, offset, sink) }
    }

    fn run<const BIG: bool, S: FrameSink>(&mut self, window: &[u8], offset: u64, sink: &mut S) -> Step {
        let Legacy { unit, extra, lengths, link, .. } = *self;
        let trims = link.trims();
        let mut rest = window;
        let mut left = BUDGET;
        let mut odd = None;
        while left > 0 {
            let Some((header, after)) = rest.split_first_chunk::<16>() else { break };
            let ([seconds, fraction, captured, original], _) = header.as_chunks::<4>() else { break };
            let (mut captured, mut original) = (word::<BIG>(*captured), word::<BIG>(*original));
            if lengths != LengthOrder::InOrder && (lengths == LengthOrder::Swapped || captured > original) {
                std::mem::swap(&mut captured, &mut original);
            }
            // One comparison for both kinds of lengths that are rare.
            if captured.wrapping_sub(1) >= MAX_CAPTURED && !is_sound(rest, captured, original) {
                odd = Some(captured);
                break;
            }
            let Some((data, next)) = after.get(extra..).and_then(|body| body.split_at_checked(captured as usize))
            else {
                break;
            };
            // At most 2^32 s and 2^32 µs: in nanoseconds, both easily fit into 64 bits, even if the fraction exceeds a
            // second.
            let fraction = u64::from(word::<BIG>(*fraction)) * u64::from(unit);
            let time = Timestamp::from_parts(u64::from(word::<BIG>(*seconds)), fraction);
            let mut frame = Frame {
                time,
                data,
                wire_len: wire_len(original, captured),
                link: link.kind,
                direction: FrameDirection::Unknown,
                interface: 0,
                vlan: None,
                segments: 1,
                sampled: 1,
            };
            if trims {
                (frame.data, frame.wire_len, frame.direction) = link.trim(data, frame.wire_len, link.fcs);
            }
            sink.frame(frame);
            rest = next;
            left -= 1;
        }
        self.records = self.records.saturating_add(u64::from(BUDGET - left));
        let consumed = window.len() - rest.len();
        let stop = match (odd, left) {
            (Some(captured), _) => {
                odd_record(rest, captured, self.records.saturating_add(1), offset.saturating_add(consumed as u64))
            }
            (None, 0) => Stop::Budget,
            (None, _) => Stop::Starved,
        };
        Step { consumed, stop }
    }
}

/// Whether a record of no captured bytes, or of too many, at the beginning of `rest` can be read. Apart, since it is rare.
#[cold]
#[inline(never)]
fn is_sound(rest: &[u8], captured: u32, original: u32) -> bool {
    let is_zero = |header: Option<&[u8; 16]>| header.is_none_or(|header| *header == [0; 16]);
    let next = rest.get(16..).and_then(<[u8]>::first_chunk);
    captured == 0 && (original > 0 || !is_zero(rest.first_chunk()) && !is_zero(next))
}

/// Why reading ends at the record at the beginning of `rest`, the `number`-th, at byte `at` of the file.
#[cold]
fn odd_record(rest: &[u8], captured: u32, number: u64, at: u64) -> Stop {
    let damaged = |what: String| CaptureError::Format(format!("is damaged: record {number} at byte {at} {what}"));
    if captured > 0 {
        return Stop::Failed(damaged(format!("claims {captured} captured bytes")));
    }
    // No frame is empty: zeros begin here, or in the header, which was written in part.
    let is_zero = rest.first_chunk::<16>() == Some(&[0; 16]);
    if !is_zero && rest.len() < 32 {
        return Stop::Starved;
    }
    let skip = if is_zero { 0 } else { 16 };
    Stop::Zeros { skip, otherwise: damaged("begins with zeros, before other data".into()) }
}
