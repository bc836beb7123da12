//! What both formats share: limits, byte order, lengths on the wire, and the progress of a pass over the window.

use crate::capture::{CaptureError, FrameDirection, LinkType};

/// Largest captured length accepted. libpcap's limit is 256 KiB for most link types, but files with more exist; this is
/// the block limit of its pcapng reader.
pub(super) const MAX_CAPTURED: u32 = 16 * 1024 * 1024;
/// Largest record including headers and options, and therefore the largest window.
pub(super) const MAX_RECORD: usize = MAX_CAPTURED as usize + 64 * 1024;
/// Largest length on the wire accepted. Frames from segmentation offload have up to a few hundred KiB, never more;
/// without a limit, one forged record could claim 4 GiB of traffic.
pub(super) const MAX_WIRE: u32 = 1024 * 1024;
/// Records per poll at most.
pub(super) const BUDGET: u32 = 1024;

/// The progress of a pass over the window, and why it stopped.
pub(super) struct Step {
    /// Bytes consumed.
    pub(super) consumed: usize,
    pub(super) stop: Stop,
}

pub(super) enum Stop {
    /// The limit of one poll is reached.
    Budget,
    /// The rest of the window is not a complete record.
    Starved,
    /// Zeros begin here, or after the first `skip` bytes of the rest: the part that was not written, if nothing else follows.
    /// Otherwise the file is damaged as `otherwise` says.
    Zeros {
        skip: usize,
        otherwise: CaptureError,
    },
    Failed(CaptureError),
}

#[inline(always)]
pub(super) fn word<const BIG: bool>(bytes: [u8; 4]) -> u32 {
    if BIG { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

#[inline(always)]
pub(super) fn half<const BIG: bool>(bytes: [u8; 2]) -> u16 {
    if BIG { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

/// The length on the wire that a record claims, limited to [`MAX_WIRE`] and never less than the captured length.
#[inline(always)]
pub(super) fn wire_len(original: u32, captured: u32) -> u32 {
    original.min(MAX_WIRE).max(captured)
}

/// The link-layer type of an interface, and what to strip from its frames.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) kind: LinkType,
    /// Length in octets of the frame check sequence at the end of the frames.
    pub(super) fcs: u32,
    /// LINKTYPE_PPP_WITH_DIR: an octet with the direction precedes each frame.
    direction_octet: bool,
}

impl Link {
    pub(super) fn new(number: u16, fcs: u32) -> Link {
        Link { kind: LinkType::from_number(number), fcs, direction_octet: number == 204 }
    }

    /// Whether [`Link::trim`] has any effect.
    pub(super) fn trims(&self) -> bool {
        self.fcs > 0 || self.direction_octet
    }

    /// Strips the frame check sequence (`fcs` octets, from `data` as far as it was captured) and the direction octet.
    pub(super) fn trim<'a>(&self, data: &'a [u8], wire: u32, fcs: u32) -> (&'a [u8], u32, FrameDirection) {
        let wire = wire.saturating_sub(fcs);
        let data = data.get(..wire as usize).unwrap_or(data);
        match data.split_first() {
            Some((octet, data)) if self.direction_octet => {
                let direction = if *octet == 0 { FrameDirection::Ingress } else { FrameDirection::Egress };
                (data, wire.saturating_sub(1), direction)
            }
            _ => (data, wire, FrameDirection::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_lengths_are_limited() {
        assert_eq!(wire_len(60, 60), 60);
        assert_eq!(wire_len(1500, 96), 1500);
        assert_eq!(wire_len(10, 60), 60);
        assert_eq!(wire_len(0xffff_ffff, 60), MAX_WIRE);
        assert_eq!(wire_len(5, 2 * MAX_WIRE), 2 * MAX_WIRE);
    }

    #[test]
    fn the_fcs_is_stripped_as_far_as_it_was_captured() {
        let data = [1u8; 68];
        let link = Link::new(1, 4);
        assert_eq!(link.trim(&data, 68, 4), (&[1u8; 64][..], 64, FrameDirection::Unknown));
        assert_eq!(link.trim(&data, 70, 4), (&[1u8; 66][..], 66, FrameDirection::Unknown));
        assert_eq!(link.trim(&data, 100, 4), (&data[..], 96, FrameDirection::Unknown));
        assert_eq!(link.trim(&[9, 9], 2, 4), (&[][..], 0, FrameDirection::Unknown));
    }

    #[test]
    fn the_direction_octet_is_stripped() {
        let link = Link::new(204, 0);
        assert_eq!(link.kind, LinkType::Ppp);
        assert_eq!(link.trim(&[0, 7, 8], 3, 0), (&[7u8, 8][..], 2, FrameDirection::Ingress));
        assert_eq!(link.trim(&[1, 7, 8], 3, 0), (&[7u8, 8][..], 2, FrameDirection::Egress));
        assert_eq!(link.trim(&[], 0, 0), (&[][..], 0, FrameDirection::Unknown));
    }
}
