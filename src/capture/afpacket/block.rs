//! The frames in one block of the ring, parsed as untrusted octets. Every offset is checked against the block, so
//! that whatever the block contains, each frame lies within it and the iteration ends.

use super::mapping::BODY_OFFSET;
use super::offload::{OFFLOAD_HEADER, OffloadHeader};
use crate::base::Timestamp;
use std::mem::offset_of;

/// `sockaddr_ll` follows `tpacket3_hdr`, aligned to `TPACKET_ALIGNMENT`.
const ADDRESS_AT: usize = size_of::<libc::tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
const KIND_AT: usize = ADDRESS_AT + offset_of!(libc::sockaddr_ll, sll_pkttype);
/// Octets of the header and the address before each frame.
const HEAD: usize = ADDRESS_AT + size_of::<libc::sockaddr_ll>();

/// Offset of `struct tpacket_hdr_v1` in a block.
const BLOCK_HEADER_AT: usize = offset_of!(libc::tpacket_block_desc, hdr);

/// A frame in the ring, with its metadata.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingFrame<'b> {
    pub(super) time: Timestamp,
    /// The captured octets.
    pub(super) data: &'b [u8],
    /// Octets of the complete frame.
    pub(super) length: u32,
    /// TP_STATUS_* flags.
    pub(super) status: u32,
    pub(super) vlan_tci: u16,
    pub(super) vlan_tpid: u16,
    /// Packet type: PACKET_HOST, PACKET_OUTGOING, …
    pub(super) kind: u8,
    /// The header before the frame if the socket requested it; meaningless otherwise.
    pub(super) offload: OffloadHeader,
}

/// Iterates over the frames of a block in their order of arrival.
pub(super) struct Frames<'b> {
    /// The block without its first [`BODY_OFFSET`] octets.
    octets: &'b [u8],
    /// Offset of the next frame's header from the start of the block.
    at: usize,
    left: u32,
}

impl<'b> Frames<'b> {
    /// `octets` is a block from [`BODY_OFFSET`] on.
    pub(super) fn new(octets: &'b [u8]) -> Frames<'b> {
        let mut frames = Frames { octets, at: 0, left: 0 };
        let count = frames.word(BLOCK_HEADER_AT + offset_of!(libc::tpacket_hdr_v1, num_pkts));
        let first = frames.word(BLOCK_HEADER_AT + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt));
        if let (Some(count), Some(first)) = (count, first) {
            (frames.left, frames.at) = (count, first as usize);
        }
        frames
    }

    fn part(&self, at: usize, length: usize) -> Option<&'b [u8]> {
        let start = at.checked_sub(BODY_OFFSET)?;
        self.octets.get(start..start.checked_add(length)?)
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.part(at, N)?.first_chunk::<N>().copied()
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_ne_bytes)
    }

    /// The frame at `self.at`, and the offset of the next one, which is beyond this frame's head; `None` for the last.
    #[inline]
    fn read(&self) -> Option<(RingFrame<'b>, Option<usize>)> {
        let head: &[u8; HEAD] = self.part(self.at, HEAD)?.first_chunk()?;
        let word = |at: usize| Some(u32::from_ne_bytes(*head.get(at..)?.first_chunk()?));
        let half = |at: usize| Some(u16::from_ne_bytes(*head.get(at..)?.first_chunk()?));
        let vlan_at = offset_of!(libc::tpacket3_hdr, hv1);
        let seconds = word(offset_of!(libc::tpacket3_hdr, tp_sec))?;
        let nanos = word(offset_of!(libc::tpacket3_hdr, tp_nsec))?;
        let kept = word(offset_of!(libc::tpacket3_hdr, tp_snaplen))? as usize;
        let mac = usize::from(half(offset_of!(libc::tpacket3_hdr, tp_mac))?);
        let start = self.at.checked_add(mac)?;
        let frame = RingFrame {
            time: Timestamp::from_parts(seconds.into(), nanos.into()),
            data: self.part(start, kept)?,
            length: word(offset_of!(libc::tpacket3_hdr, tp_len))?,
            status: word(offset_of!(libc::tpacket3_hdr, tp_status))?,
            // The kernel stores the 16 bits of the tag in a 32-bit word.
            vlan_tci: word(vlan_at + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tci))? as u16,
            vlan_tpid: half(vlan_at + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tpid))?,
            kind: *head.get(KIND_AT)?,
            offload: OffloadHeader::read(self.array::<OFFLOAD_HEADER>(start.checked_sub(OFFLOAD_HEADER)?)?),
        };
        let next = word(offset_of!(libc::tpacket3_hdr, tp_next_offset))? as usize;
        // The offset is 0 in the last frame of a block.
        let next = if next < HEAD { None } else { self.at.checked_add(next) };
        Some((frame, next))
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = RingFrame<'b>;

    #[inline]
    fn next(&mut self) -> Option<RingFrame<'b>> {
        // Each step advances by at least one head, so the iteration ends even if the count is wrong.
        self.left = self.left.checked_sub(1)?;
        let read = self.read();
        match read.and_then(|(_, next)| next) {
            Some(next) => self.at = next,
            None => self.left = 0,
        }
        read.map(|(frame, _)| frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: usize = 4096;

    fn put(block: &mut [u8], at: usize, octets: &[u8]) {
        block[at..at + octets.len()].copy_from_slice(octets);
    }

    /// A block with `frames` frames of 60 octets, each filled with its number.
    fn block(frames: u32) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        put(&mut block, 12, &frames.to_ne_bytes());
        put(&mut block, 16, &48u32.to_ne_bytes());
        for number in 0..frames {
            let at = 48 + number as usize * 160;
            let words = [160, 7, 9 + number, 60, 1514, libc::TP_STATUS_USER | libc::TP_STATUS_VLAN_VALID];
            for (index, word) in words.into_iter().enumerate() {
                put(&mut block, at + index * 4, &word.to_ne_bytes());
            }
            put(&mut block, at + 24, &96u16.to_ne_bytes());
            put(&mut block, at + 32, &0x2064u32.to_ne_bytes());
            put(&mut block, at + 58, &[libc::PACKET_OUTGOING]);
            put(&mut block, at + 96, &[number as u8; 60]);
        }
        block
    }

    #[test]
    fn the_layout_matches_the_kernel() {
        assert_eq!((ADDRESS_AT, KIND_AT, HEAD, BLOCK_HEADER_AT), (48, 58, 68, 8));
        assert_eq!(HEAD, libc::TPACKET3_HDRLEN);
    }

    #[test]
    fn frames_are_read_in_order() {
        let block = block(20);
        let frames: Vec<RingFrame<'_>> = Frames::new(&block[BODY_OFFSET..]).collect();
        assert_eq!(frames.len(), 20);
        for (number, frame) in frames.iter().enumerate() {
            assert_eq!(frame.time, Timestamp::from_parts(7, 9 + number as u64));
            assert_eq!((frame.data, frame.length), (&[number as u8; 60][..], 1514));
            assert_eq!((frame.vlan_tci, frame.kind), (0x2064, libc::PACKET_OUTGOING));
        }
    }

    #[test]
    fn a_block_that_timed_out_empty_has_no_frames() {
        assert_eq!(Frames::new(&block(0)[BODY_OFFSET..]).count(), 0);
        assert_eq!(Frames::new(&[]).count(), 0);
    }

    #[test]
    fn offsets_outside_the_block_end_the_iteration() {
        let count_with = |at: usize, octets: &[u8]| {
            let mut block = block(3);
            put(&mut block, at, octets);
            Frames::new(&block[BODY_OFFSET..]).take(10_000).count()
        };
        assert_eq!(count_with(12, &u32::MAX.to_ne_bytes()), 4, "three, and one of zeros without a next one");
        assert_eq!(count_with(16, &u32::MAX.to_ne_bytes()), 0, "first frame");
        assert_eq!(count_with(48, &u32::MAX.to_ne_bytes()), 1, "next frame");
        assert_eq!(count_with(48 + 12, &u32::MAX.to_ne_bytes()), 0, "captured length");
        assert_eq!(count_with(48 + 12, &(BLOCK as u32 - 48 - 96 + 1).to_ne_bytes()), 0, "one octet too many");
        assert_eq!(count_with(48 + 24, &u16::MAX.to_ne_bytes()), 0, "start of the frame");
        assert_eq!(count_with(48, &0u32.to_ne_bytes()), 1, "a frame that is its own next one is the last");
    }

    proptest! {
        #[test]
        fn frames_of_arbitrary_octets_lie_within_the_block(
            mut block in prop::collection::vec(any::<u8>(), 0..2048),
            count in 0u32..64,
        ) {
            if block.len() >= 20 {
                // Near the start, so that some frames are read.
                put(&mut block, 12, &count.to_ne_bytes());
                put(&mut block, 16, &48u32.to_ne_bytes());
            }
            let octets = block.get(BODY_OFFSET..).unwrap_or_default();
            let range = octets.as_ptr_range();
            for frame in Frames::new(octets) {
                prop_assert!(range.contains(&frame.data.as_ptr()) || frame.data.is_empty());
                prop_assert!(frame.data.len() <= octets.len());
            }
        }
    }
}
