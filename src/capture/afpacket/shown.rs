//! From a frame in the ring to the frame that the rest of Pegel knows.

use super::block::RingFrame;
use super::interface::Framing;
use super::offload::OnWire;
use super::sampling_history::SamplingHistory;
use crate::capture::{Frame, FrameDirection, Vlan};

/// IEEE 802.1Q: octets of a tag, and what it is announced by where the kernel does not tell.
const TAG_OCTETS: u32 = 4;
const ETHERTYPE_VLAN: u16 = 0x8100;

/// The frame as the rest knows it; `None` for a copy of one that comes another time.
#[inline]
pub(super) fn shown<'b>(
    raw: &RingFrame<'b>,
    framing: Framing,
    offload: bool,
    lots: &SamplingHistory,
    index: u16,
) -> Option<Frame<'b>> {
    let direction = match raw.kind {
        libc::PACKET_OUTGOING if framing.loopback => return None,
        libc::PACKET_OUTGOING => FrameDirection::Egress,
        // What we sent to a group and hear ourselves.
        libc::PACKET_LOOPBACK => return None,
        libc::PACKET_HOST | libc::PACKET_BROADCAST | libc::PACKET_MULTICAST | libc::PACKET_OTHERHOST => {
            FrameDirection::Ingress
        }
        _ => FrameDirection::Unknown,
    };
    let OnWire { segments, length } = match offload {
        true => raw.offload.on_wire(raw.data, raw.length),
        false => OnWire { segments: 1, length: raw.length },
    };
    let tagged = raw.status & libc::TP_STATUS_VLAN_VALID != 0;
    let vlan = tagged.then_some(Vlan {
        tci: raw.vlan_tci,
        tpid: if raw.status & libc::TP_STATUS_VLAN_TPID_VALID != 0 { raw.vlan_tpid } else { ETHERTYPE_VLAN },
    });
    let tags = if tagged { TAG_OCTETS * u32::from(segments) } else { 0 };
    Some(Frame {
        time: raw.time,
        data: raw.data,
        wire_len: length.saturating_add(tags),
        link: framing.link,
        direction,
        interface: index,
        vlan,
        segments,
        sampled: lots.at(raw.time),
    })
}
