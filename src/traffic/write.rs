//! Writes synthetic traffic as a classic pcap file, for other tools and for replay tests.

use super::player::Synthetic;
use std::io::{self, Write};

/// Magic number of classic pcap with nanosecond timestamps, in the byte order of the file (here little-endian).
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const SNAPLEN: u32 = 65_535;
const LINKTYPE_ETHERNET: u32 = 1;

/// Writes all frames of `source` to `out` and returns their number. Timestamps have nanosecond resolution; `out` should
/// be buffered.
///
/// # Errors
/// Those of `out`.
pub fn write_pcap<W: Write>(source: &mut Synthetic, mut out: W) -> io::Result<u64> {
    for word in [MAGIC_NANOSECONDS, 0x0004_0002, 0, 0, SNAPLEN, LINKTYPE_ETHERNET] {
        out.write_all(&word.to_le_bytes())?;
    }
    let mut frames = 0;
    while let Some(frame) = source.next_frame() {
        let nanos = frame.time.nanos();
        let seconds = (nanos / 1_000_000_000) as u32;
        // In a file the tag follows the MAC addresses (IEEE 802.1Q), as on the wire.
        let tag = frame.vlan.map(|vlan| (u32::from(vlan.tpid) << 16 | u32::from(vlan.tci)).to_be_bytes());
        let (addresses, rest) = frame.data.split_at_checked(12).unwrap_or((frame.data, &[]));
        let length = frame.data.len() + tag.map_or(0, |tag| tag.len());
        for word in [seconds, (nanos % 1_000_000_000) as u32, length as u32, frame.wire_len] {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(addresses)?;
        out.write_all(tag.as_ref().map_or(&[], |tag| &tag[..]))?;
        out.write_all(rest)?;
        frames += 1;
    }
    out.flush()?;
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Scenario, TrafficModel};
    use super::*;

    #[test]
    fn files_have_the_right_header_and_records() {
        let mut part = Part::new(TrafficModel::SynFlood, 0.0, 1.0);
        part.params.rate = Some(10.0);
        let mut file = Vec::new();
        let frames = write_pcap(&mut Scenario::new(1, vec![part]).source(), &mut file).expect("a Vec takes all");
        assert_eq!(frames, 10);
        assert_eq!(file[..8], [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0]);
        assert_eq!(file[16..24], [0xff, 0xff, 0, 0, 1, 0, 0, 0]);
        assert_eq!(file[24..28], 1_767_225_600u32.to_le_bytes());
        assert_eq!(file[32..40], [60, 0, 0, 0, 60, 0, 0, 0]);
        assert_eq!(file.len(), 24 + 10 * (16 + 60));
    }

    #[test]
    fn tags_are_part_of_the_octets() {
        let mut part = Part::new(TrafficModel::SynFlood, 0.0, 1.0);
        part.params.rate = Some(1.0);
        part.params.capture_point.vlan = Some(104);
        let mut file = Vec::new();
        write_pcap(&mut Scenario::new(1, vec![part]).source(), &mut file).expect("a Vec takes all");
        assert_eq!(file[32..40], [64, 0, 0, 0, 64, 0, 0, 0]);
        assert_eq!(file[52..58], [0x81, 0x00, 0, 104, 0x08, 0x00]);
    }
}
