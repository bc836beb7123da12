//! Converts a frame in the ring to a [`Frame`].

use super::block::RingFrame;
use super::interface::Framing;
use super::offload::OnWire;
use super::sampling_history::SamplingHistory;
use crate::capture::{Frame, FrameDirection, Vlan};

/// Octets of a VLAN tag (IEEE 802.1Q).
const TAG_OCTETS: u32 = 4;
/// The TPID of a tag for which the kernel does not report one.
const ETHERTYPE_VLAN: u16 = 0x8100;

/// The frame as delivered to the rest of Pegel; `None` for a duplicate of a frame that is also captured separately.
#[inline]
pub(super) fn to_frame<'b>(
    raw: &RingFrame<'b>,
    framing: Framing,
    offload: bool,
    sampling: &SamplingHistory,
    index: u16,
) -> Option<Frame<'b>> {
    let direction = match raw.kind {
        libc::PACKET_OUTGOING if framing.loopback => return None,
        libc::PACKET_OUTGOING => FrameDirection::Egress,
        // The kernel's copy, to this machine, of a broadcast or multicast frame that this machine sends.
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
        sampled: sampling.at(raw.time),
    })
}
