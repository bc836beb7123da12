//! Plays the parts of a scenario: merges their frames in order of time and delivers them as a packet source.

use super::frames::{CapturePoint, FrameBuffer};
use super::schedule::Traffic;
use crate::base::Timestamp;
use crate::capture::{CaptureError, Frame, FrameDirection, FrameSink, LinkType, PacketSource, Poll, SourceStats, Vlan};

/// Most frames that one poll delivers.
const FRAMES_PER_POLL: usize = 1024;

/// One part of a scenario while it is played, with its next frame.
pub(crate) struct Stream {
    traffic: Box<dyn Traffic>,
    frame: FrameBuffer,
    bridged: Vec<u16>,
    /// Whether `frame` holds a frame not yet shown; false for good at the end.
    ready: bool,
}

impl Stream {
    /// The frames of `traffic`, captured at `point` and shown on the ports `bridged` of the same bridge as well.
    pub(crate) fn new(traffic: Box<dyn Traffic>, point: CapturePoint, bridged: Vec<u16>) -> Stream {
        Stream { traffic, frame: FrameBuffer { point, ..FrameBuffer::default() }, bridged, ready: false }
    }

    /// The interface and direction of copy `number` of the frame. A bridge forwards a frame to a group to all other
    /// ports, any other to the uplink; a frame that left by a port entered by the uplink.
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

/// A scenario while it is played: the frames of all parts in order of time, then of parts.
pub struct Synthetic {
    streams: Vec<Stream>,
    begun: bool,
    /// The stream whose frame was handed out last; the next call may overwrite that frame.
    shown: Option<usize>,
    /// Number of copies of it already delivered on other ports of its bridge.
    copies: usize,
    delivered: u64,
}

impl Synthetic {
    pub(crate) fn new(streams: Vec<Stream>) -> Synthetic {
        Synthetic { streams, begun: false, shown: None, copies: 0, delivered: 0 }
    }

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
        let CapturePoint { interface, vlan, .. } = stream.frame.point;
        let (interface, direction) =
            seen.unwrap_or((interface.saturating_add(stream.frame.port), stream.frame.direction));
        // As the kernel delivers it: the tag is metadata of the frame, but was on the wire.
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

    /// Writes the next frame of every stream, including the stream whose frame was handed out last.
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
