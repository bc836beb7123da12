//! Segmentation offload: the kernel delivers one large frame in place of several on the wire, before splitting it (TSO,
//! GSO) or after merging it (GRO). The virtio-net header (Virtual I/O Device specification §5.1.6) that the kernel can
//! put before each frame gives the size of the segments.

/// Octets of `struct virtio_net_hdr` (linux/virtio_net.h).
pub(super) const OFFLOAD_HEADER: usize = 10;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the offset of the transport header is given.
const NEEDS_CHECKSUM: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_ECN`, which may be set with any GSO type.
const ECN: u8 = 0x80;
const GSO_NONE: u8 = 0;
const GSO_TCP4: u8 = 1;
const GSO_TCP6: u8 = 4;

/// Octets of a UDP header.
const UDP_HEADER: u32 = 8;

/// `struct virtio_net_hdr`, in the byte order of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OffloadHeader {
    flags: u8,
    kind: u8,
    /// Octets of the frame's first part in memory: a hint. For frames of the local TCP it covers at least all headers.
    header_length: u16,
    /// Octets of payload in each GSO segment.
    segment_size: u16,
    /// Offset of the transport header.
    transport_at: u16,
}

/// A frame's size on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OnWire {
    /// GSO segments, that is, frames on the wire.
    pub(super) segments: u16,
    /// Octets of all segments together.
    pub(super) length: u32,
}

impl OffloadHeader {
    #[inline]
    pub(super) fn read(octets: [u8; OFFLOAD_HEADER]) -> OffloadHeader {
        let [flags, kind, h0, h1, s0, s1, t0, t1, _, _] = octets;
        OffloadHeader {
            flags,
            kind: kind & !ECN,
            header_length: u16::from_ne_bytes([h0, h1]),
            segment_size: u16::from_ne_bytes([s0, s1]),
            transport_at: u16::from_ne_bytes([t0, t1]),
        }
    }

    /// The size on the wire of a frame of `length` octets that starts with `data`. Each segment repeats the headers.
    #[inline]
    pub(super) fn on_wire(self, data: &[u8], length: u32) -> OnWire {
        if self.kind == GSO_NONE || self.segment_size == 0 {
            return OnWire { segments: 1, length };
        }
        let headers = self.headers(data).min(length);
        let segments = (length - headers).div_ceil(self.segment_size.into()).clamp(1, u16::MAX.into());
        OnWire { segments: segments as u16, length: length.saturating_add((segments - 1).saturating_mul(headers)) }
    }

    /// Octets before the payload.
    fn headers(self, data: &[u8]) -> u32 {
        let is_given = self.flags & NEEDS_CHECKSUM != 0;
        let transport = match self.kind {
            GSO_TCP4 | GSO_TCP6 => {
                // Data offset (RFC 9293 §3.1), in 32-bit words.
                data.get(usize::from(self.transport_at) + 12).map(|octet| u32::from(octet >> 4) * 4)
            }
            _ => Some(UDP_HEADER),
        };
        match transport {
            Some(octets) if is_given => u32::from(self.transport_at) + octets,
            // Merged or unsplit frames always have a checksum to be completed, for which the header gives the transport
            // offset. If it does not, the hint is the best estimate.
            _ => self.header_length.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(flags: u8, kind: u8, header_length: u16, segment_size: u16, transport_at: u16) -> OffloadHeader {
        let mut octets = [0; OFFLOAD_HEADER];
        (octets[0], octets[1]) = (flags, kind);
        octets[2..4].copy_from_slice(&header_length.to_ne_bytes());
        octets[4..6].copy_from_slice(&segment_size.to_ne_bytes());
        octets[6..8].copy_from_slice(&transport_at.to_ne_bytes());
        OffloadHeader::read(octets)
    }

    #[test]
    fn segments_and_repeated_headers_are_counted() {
        let mut tcp = [0; 66];
        tcp[34 + 12] = 8 << 4;
        // 14 of Ethernet, 20 of IP, 32 of TCP with timestamps; 10 full segments and one of a single octet.
        let length = 66 + 10 * 1448 + 1;
        let whole = OnWire { segments: 11, length: 11 * 66 + 10 * 1448 + 1 };
        assert_eq!(header(1, GSO_TCP4, 128, 1448, 34).on_wire(&tcp, length), whole);
        assert_eq!(header(1, GSO_TCP4 | ECN, 128, 1448, 34).on_wire(&tcp, length), whole);
        assert_eq!(header(0, GSO_TCP4, 66, 1448, 0).on_wire(&tcp, length), whole, "by the hint");
        let udp = OnWire { segments: 3, length: 3 * 42 + 2500 };
        assert_eq!(header(1, 5, 0, 1000, 34).on_wire(&[0; 60], 42 + 2500), udp);
    }

    #[test]
    fn a_plain_frame_is_one_segment() {
        assert_eq!(header(0, 0, 0, 0, 0).on_wire(&[], 60), OnWire { segments: 1, length: 60 });
        assert_eq!(header(1, 1, 66, 0, 34).on_wire(&[], 60), OnWire { segments: 1, length: 60 });
    }

    #[test]
    fn invalid_headers_give_bounded_results() {
        let one = header(1, 1, u16::MAX, 1, u16::MAX).on_wire(&[], 60);
        assert_eq!(one, OnWire { segments: 1, length: 60 });
        let many = header(0, 1, 60_000, 1, 0).on_wire(&[], u32::MAX);
        assert_eq!(many, OnWire { segments: u16::MAX, length: u32::MAX });
    }
}
