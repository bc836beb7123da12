//! Captures built byte by byte and read through [`PcapFile`].
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Cursor, Read, Write};

use proptest::prelude::*;

use super::input::tests::gzip;
use super::*;
use crate::capture::{Frame, FrameDirection, LinkType};

#[derive(Clone, Debug, PartialEq)]
struct Delivered {
    nanos: u64,
    data: Vec<u8>,
    wire_len: u32,
    link: LinkType,
    direction: FrameDirection,
    interface: u16,
}

#[derive(Default)]
struct Collect(Vec<Delivered>);

impl FrameSink for Collect {
    fn frame(&mut self, frame: Frame<'_>) {
        self.0.push(Delivered {
            nanos: frame.time.nanos(),
            data: frame.data.to_vec(),
            wire_len: frame.wire_len,
            link: frame.link,
            direction: frame.direction,
            interface: frame.interface,
        });
    }
}

/// Returns at most `.1` bytes per read.
struct SlowReader(Cursor<Vec<u8>>, usize);

impl Read for SlowReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = into.len().min(self.1);
        self.0.read(&mut into[..count])
    }
}

/// All frames of `bytes`, and the error at its end.
fn read_by(bytes: &[u8], at_a_time: usize) -> (Vec<Delivered>, Option<CaptureError>) {
    let reader = SlowReader(Cursor::new(bytes.to_vec()), at_a_time);
    let mut sink = Collect::default();
    let mut file = match PcapFile::from_reader(Box::new(reader), Some(bytes.len() as u64)) {
        Ok(file) => file,
        Err(error) => return (sink.0, Some(error)),
    };
    let error = loop {
        match file.poll(&mut sink) {
            Ok(Poll::End) => break None,
            Ok(_) => assert!(file.position() <= bytes.len() as u64),
            Err(error) => break Some(error),
        }
    };
    assert_eq!(file.poll(&mut sink).unwrap(), Poll::End);
    (sink.0, error)
}

fn read(bytes: &[u8]) -> (Vec<Delivered>, Option<CaptureError>) {
    read_by(bytes, usize::MAX)
}

fn frames(bytes: &[u8]) -> Vec<Delivered> {
    let (frames, error) = read(bytes);
    assert!(error.is_none(), "{error:?}");
    frames
}

fn error(bytes: &[u8]) -> String {
    read(bytes).1.expect("an error").to_string()
}

/// Writes numbers in either byte order.
#[derive(Clone, Copy)]
struct Writer(bool);
const LE: Writer = Writer(false);
const BE: Writer = Writer(true);

impl Writer {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.0 { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.0 { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }

    fn pcap(self, magic: u32, minor: u16, network: u32) -> Vec<u8> {
        let version = [self.u16(2), self.u16(minor)].concat();
        [self.words(&[magic]), version, self.words(&[0, 0, 65535, network])].concat()
    }

    fn record(self, seconds: u32, fraction: u32, original: u32, data: &[u8]) -> Vec<u8> {
        [self.words(&[seconds, fraction, data.len() as u32, original]), data.to_vec()].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = padded as u32 + 12;
        let padding = vec![0; padded - body.len()];
        [self.words(&[kind, length]), body.to_vec(), padding, self.words(&[length])].concat()
    }

    fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        self.block(0x0a0d_0d0a, &[self.words(&[0x1a2b_3c4d]), version, self.words(&[u32::MAX, u32::MAX])].concat())
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.u16(code)[..], &self.u16(value.len() as u16), value, &padding].concat()
    }

    fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.u16(link)[..], &[0, 0], &self.u32(snaplen), options].concat())
    }

    fn packet(self, interface: u32, units: u64, original: u32, data: &[u8], options: &[u8]) -> Vec<u8> {
        let header = self.words(&[interface, (units >> 32) as u32, units as u32, data.len() as u32, original]);
        let padding = vec![0; data.len().next_multiple_of(4) - data.len()];
        self.block(6, &[&header, data, &padding, options].concat())
    }
}

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;
const KUZNETZOV: u32 = 0xa1b2_cd34;

fn ethernet(nanos: u64, data: &[u8], wire_len: u32) -> Delivered {
    Delivered {
        nanos,
        data: data.to_vec(),
        wire_len,
        link: LinkType::Ethernet,
        direction: FrameDirection::Unknown,
        interface: 0,
    }
}

fn sample_pcap() -> Vec<u8> {
    let mut bytes = LE.pcap(MICRO, 4, 1);
    for number in 0..20u32 {
        bytes.extend(LE.record(1000 + number, 5, 90, &vec![number as u8; number as usize * 3]));
    }
    bytes
}

/// Two sections of different byte order and every kind of block.
fn sample_ng() -> Vec<u8> {
    let name = LE.option(2, b"eth0");
    [
        LE.section(),
        LE.block(5, &[0; 12]),
        LE.interface(1, 65535, &name),
        LE.packet(0, 7_000_000, 60, b"first", &[]),
        LE.interface(101, 4, &[LE.option(9, &[9]), LE.option(0, &[])].concat()),
        LE.packet(1, 8_000_000_001, 60, b"second", &LE.option(2, &[1, 0, 0, 0])),
        BE.section(),
        BE.interface(1, 65535, &BE.option(2, b"eth0")),
        BE.interface(1, 4, &BE.option(2, b"eth1")),
        BE.packet(1, 9_000_000, 3, b"third", &BE.option(2, &[0, 0, 0, 2])),
        BE.block(0x0bad, b"unknown"),
        BE.block(3, &[&BE.u32(6)[..], b"simple"].concat()),
        BE.block(2, &[&[0, 1, 0, 0][..], &BE.words(&[0, 11_000_000, 3, 64]), b"old\0"].concat()),
    ]
    .concat()
}

#[test]
fn pcap_of_both_byte_orders_and_units() {
    for writer in [LE, BE] {
        let bytes = [
            writer.pcap(MICRO, 4, 1),
            writer.record(10, 999_999, 60, b"abc"),
            writer.record(u32::MAX, 1_500_000, 2, b"defg"),
        ]
        .concat();
        let late = (u64::from(u32::MAX) + 1) * 1_000_000_000 + 500_000_000;
        assert_eq!(frames(&bytes), [ethernet(10_999_999_000, b"abc", 60), ethernet(late, b"defg", 4)]);
        let bytes = [writer.pcap(NANO, 4, 1), writer.record(10, 999_999_999, 60, b"abc")].concat();
        assert_eq!(frames(&bytes), [ethernet(10_999_999_999, b"abc", 60)]);
        let record = [writer.words(&[10, 7, 3, 60, 2, 0x0800_0400]), b"abc".to_vec()].concat();
        let bytes = [writer.pcap(KUZNETZOV, 4, 1), record.clone(), record].concat();
        assert_eq!(frames(&bytes), vec![ethernet(10_000_007_000, b"abc", 60); 2]);
    }
}

#[test]
fn pcap_of_old_versions_has_its_lengths_swapped() {
    let swapped = [BE.words(&[1, 0, 60, 3]), b"abc".to_vec()].concat();
    let in_order = BE.record(1, 0, 60, b"abc");
    let seen = vec![ethernet(1_000_000_000, b"abc", 60); 2];
    assert_eq!(frames(&[BE.pcap(MICRO, 2, 1), swapped.clone()].concat()), seen[..1]);
    assert_eq!(frames(&[BE.pcap(MICRO, 3, 1), swapped, in_order].concat()), seen);
}

#[test]
fn pcap_link_field_carries_fcs_and_direction() {
    let bytes = [LE.pcap(MICRO, 4, 0x2400_0001), LE.record(1, 0, 68, &[1; 68]), LE.record(1, 0, 68, &[1; 20])].concat();
    assert_eq!(frames(&bytes), [ethernet(1_000_000_000, &[1; 64], 64), ethernet(1_000_000_000, &[1; 20], 64)]);
    // Without bit 26 the length has no meaning.
    let bytes = [LE.pcap(MICRO, 4, 0x2000_0001), LE.record(1, 0, 68, &[1; 68])].concat();
    assert_eq!(frames(&bytes), [ethernet(1_000_000_000, &[1; 68], 68)]);
    let bytes = [LE.pcap(MICRO, 4, 204), LE.record(1, 0, 40, &[1, 0xff, 3])].concat();
    let seen = frames(&bytes).remove(0);
    assert_eq!((seen.data, seen.wire_len), (vec![0xff, 3], 39));
    assert_eq!((seen.link, seen.direction), (LinkType::Ppp, FrameDirection::Egress));
}

#[test]
fn pcap_with_hostile_lengths() {
    let bytes = [LE.pcap(MICRO, 4, 1), LE.record(1, 0, u32::MAX, b"abc"), LE.words(&[0, 0, u32::MAX, 0])].concat();
    let (frames, error) = read(&bytes);
    assert_eq!(frames, [ethernet(1_000_000_000, b"abc", 1024 * 1024)]);
    let error = error.unwrap();
    assert!(matches!(error, CaptureError::Format(_)));
    assert_eq!(error.to_string(), "is damaged: record 2 at byte 43 claims 4294967295 captured bytes");
}

#[test]
fn a_record_may_be_larger_than_the_window() {
    let large = vec![5; 700_000];
    let bytes = [LE.pcap(MICRO, 4, 1), LE.record(1, 0, 9, &large), LE.record(2, 0, 9, b"small")].concat();
    assert_eq!(frames(&bytes), [ethernet(1_000_000_000, &large, 700_000), ethernet(2_000_000_000, b"small", 9)]);
}

#[test]
fn pcapng_of_two_sections() {
    let mut file = PcapFile::from_reader(Box::new(Cursor::new(sample_ng())), None).unwrap();
    let mut sink = Collect::default();
    while file.poll(&mut sink).unwrap() != Poll::End {}
    let seen = |nanos, data: &[u8], wire_len, interface| Delivered { interface, ..ethernet(nanos, data, wire_len) };
    let expected = [
        seen(7_000_000_000, b"first", 60, 0),
        Delivered {
            link: LinkType::RawIp,
            direction: FrameDirection::Ingress,
            ..seen(8_000_000_001, b"second", 60, 1)
        },
        Delivered { direction: FrameDirection::Egress, ..seen(9_000_000_000, b"third", 5, 2) },
        seen(9_000_000_000, b"simple", 6, 0),
        seen(11_000_000_000, b"old", 64, 2),
    ];
    assert_eq!(sink.0, expected);
    let names: Vec<_> = file.interfaces().iter().map(|interface| interface.name.as_deref()).collect();
    assert_eq!(names, [Some("eth0"), None, Some("eth1")]);
    assert_eq!(file.interfaces()[1], Interface { name: None, link: LinkType::RawIp, snaplen: 4 });
}

#[test]
fn pcapng_simple_packets_end_at_the_snap_length() {
    let simple = LE.block(3, &[&LE.u32(600)[..], b"abcd"].concat());
    let seen = frames(&[LE.section(), LE.interface(1, 4, &[]), simple].concat());
    assert_eq!(seen, [ethernet(0, b"abcd", 600)]);
}

#[test]
fn pcapng_errors_name_the_block() {
    let start = [LE.section(), LE.interface(1, 0, &[]), LE.packet(0, 1, 5, b"frame", &[])].concat();
    let at = start.len();
    let mut mismatch = LE.packet(0, 1, 5, b"frame", &[]);
    *mismatch.last_mut().unwrap() = 1;
    let beyond = LE.block(6, &LE.words(&[0, 0, 0, 9, 9, 0]));
    let cases: &[(Vec<u8>, &str)] = &[
        (LE.words(&[6, 33]), "has length 33, not a multiple of 4"),
        (LE.words(&[6, 8]), "has length 8, less than its own header"),
        (LE.words(&[6, 0xffff_fff0]), "has length 4294967280, more than the maximum of 16842752"),
        (mismatch, "has length 40 at its beginning and 16777256 at its end"),
        (LE.packet(3, 1, 5, b"frame", &[]), "is a packet of interface 3, which is not declared in its section"),
        (beyond, "claims 9 captured bytes but contains at most 4"),
        (LE.block(6, &[0; 8]), "is too short for a packet"),
        (LE.block(1, &[0; 4]), "is too short for an interface"),
        (
            [LE.section(), LE.packet(0, 1, 5, b"frame", &[])].concat(),
            "is a packet of interface 0, which is not declared in its section",
        ),
        (LE.block(0x0a0d_0d0a, &[0; 16]), "has no byte-order magic"),
    ];
    for (bad, text) in cases {
        let (frames, error) = read(&[start.clone(), bad.clone(), sample_ng()].concat());
        assert_eq!(frames.len(), 1, "{text}");
        let (number, at) = if bad.len() > 40 { (5, at + 28) } else { (4, at) };
        assert_eq!(error.unwrap().to_string(), format!("is damaged: pcapng block {number} at byte {at} {text}"));
    }
}

#[test]
fn gzip_in_one_or_more_members() {
    for sample in [sample_pcap(), sample_ng()] {
        let plain = frames(&sample);
        assert_eq!(frames(&gzip(&sample)), plain);
        let (one, two) = sample.split_at(101);
        let members = [gzip(one), gzip(two)].concat();
        assert_eq!(frames(&members), plain);
        assert_eq!(read_by(&members, 1).0, plain);
        let (some, error) = read(&members[..members.len() - 9]);
        assert!(matches!(error, Some(CaptureError::Truncated(_))), "{error:?}");
        assert!(plain.starts_with(&some));
    }
}

#[test]
fn a_cut_off_record_is_reported_after_the_whole_ones() {
    let sample = sample_pcap();
    let (frames, error) = read(&sample[..sample.len() - 1]);
    assert_eq!(frames.len(), 19);
    let error = error.unwrap();
    assert!(matches!(error, CaptureError::Truncated(_)));
    let at = sample.len() - 16 - 57;
    assert_eq!(unread(&sample[..sample.len() - 1]).1, Some(Unread { bytes: 16 + 56, zeros: false }));
    assert_eq!(
        error.to_string(),
        format!("ends inside record 20 at byte {at} (truncated while writing?); everything before that was read")
    );
}

/// What was not read at the end of `bytes`, with all frames and the error.
fn unread(bytes: &[u8]) -> (usize, Option<Unread>, Option<CaptureError>) {
    let mut sink = Collect::default();
    let mut file = PcapFile::from_reader(Box::new(Cursor::new(bytes.to_vec())), None).unwrap();
    let error = loop {
        match file.poll(&mut sink) {
            Ok(Poll::End) => break None,
            Ok(_) => {}
            Err(error) => break Some(error),
        }
    };
    (sink.0.len(), file.unread(), error)
}

#[test]
fn zeros_at_the_end_were_never_written() {
    for (sample, frames, unit) in [(sample_pcap(), 20, "record 21"), (sample_ng(), 5, "block 14")] {
        assert_eq!(unread(&sample).1, None);
        for zeros in [1, 7, 8, 15, 16, 17, 4096, 1_000_000] {
            let padded = [&sample[..], &vec![0; zeros]].concat();
            for bytes in [padded.clone(), gzip(&padded)] {
                let (read, end, error) = unread(&bytes);
                assert_eq!((read, end), (frames, Some(Unread { bytes: zeros as u64, zeros: true })), "{unit} {zeros}");
                let at = sample.len();
                let text = format!(
                    "ends with {zeros} bytes of zeros, from {unit} at byte {at} (space that was never written?)"
                );
                assert!(matches!(error, Some(CaptureError::Truncated(found)) if found == text), "{text}");
            }
            assert_eq!(read_by(&padded, 100).0.len(), frames);
        }
    }
}

#[test]
fn a_record_that_was_written_in_part_ends_in_zeros() {
    // A page ends anywhere in the last record, also inside its header.
    for (sample, last, frames) in [
        (sample_pcap(), LE.record(1020, 5, 90, &[7; 90]), 20),
        ([LE.section(), LE.interface(1, 0, &[])].concat(), LE.packet(0, 9, 60, &[7; 60], &[]), 0),
    ] {
        for cut in 1..last.len() {
            let bytes = [&sample[..], &last[..cut], &[0; 5000]].concat();
            let (read, end, error) = unread(&bytes);
            let end = end.unwrap_or_else(|| panic!("{cut} of {}: {error:?}", last.len()));
            // A record of pcap has no end of its own: the part that is missing is zeros. A block's last bytes are zeros.
            let may_be_whole = frames > 0 && cut > 8 || cut > last.len() - 4;
            assert!(read == frames || read == frames + 1 && may_be_whole, "{cut}: {read}");
            assert!(end.bytes >= 4900 && matches!(error, Some(CaptureError::Truncated(_))), "{cut}: {end:?}");
            let by_parts = read_by(&bytes, 3);
            assert_eq!((by_parts.0.len(), by_parts.1.unwrap().to_string()), (read, error.unwrap().to_string()));
        }
    }
}

#[test]
fn zeros_before_other_data_are_damage() {
    let record = LE.record(1020, 5, 90, &[7; 90]);
    let bytes = [sample_pcap(), vec![0; 300_000], record].concat();
    let at = sample_pcap().len();
    let (read, end, error) = unread(&bytes);
    assert_eq!((read, end), (20, None));
    assert_eq!(
        error.unwrap().to_string(),
        format!("is damaged: record 21 at byte {at} begins with zeros, before other data")
    );
    let bytes = [sample_ng(), vec![0; 300_000], sample_ng()].concat();
    let (read, end, error) = unread(&bytes);
    assert_eq!((read, end), (5, None));
    let error = error.unwrap().to_string();
    assert!(error.starts_with("is damaged: pcapng block 14 at byte ") && error.contains("has length 0"), "{error}");
    // An empty record between others is one: it has a time.
    let bytes = [LE.pcap(MICRO, 4, 1), LE.record(1, 0, 0, &[]), LE.record(2, 0, 60, b"abc")].concat();
    assert_eq!(frames(&bytes).len(), 2);
}

#[test]
fn frames_are_delivered_as_they_arrive() {
    let mut bytes = LE.pcap(MICRO, 4, 1);
    bytes.extend(LE.record(1, 0, 60, b"abc"));
    let (sender, receiver) = std::os::unix::net::UnixStream::pair().unwrap();
    (&sender).write_all(&bytes).unwrap();
    let mut file = PcapFile::from_reader(Box::new(receiver), None).unwrap();
    let mut sink = Collect::default();
    // The writer is still open: another read would block forever.
    assert_eq!(file.poll(&mut sink).unwrap(), Poll::Delivered);
    assert_eq!(sink.0.len(), 1);
    drop(sender);
    assert_eq!(file.poll(&mut sink).unwrap(), Poll::End);
}

#[test]
fn every_split_and_every_prefix() {
    // The last number: how many prefixes are valid captures that end with a record or block.
    for (sample, complete) in [(sample_pcap(), 20), (sample_ng(), 12), (gzip(&sample_ng()), 0)] {
        let whole = frames(&sample);
        for at_a_time in [1, 2, 3, 7, 100] {
            assert_eq!(read_by(&sample, at_a_time).0, whole);
        }
        let mut without_error = 0;
        for length in 0..sample.len() {
            let (some, error) = read(&sample[..length]);
            assert!(whole.starts_with(&some), "prefix of {length}");
            without_error += usize::from(error.is_none());
        }
        assert_eq!(without_error, complete);
    }
}

#[test]
fn files_that_are_not_captures_are_rejected() {
    assert_eq!(error(b""), "is empty: not a capture");
    assert_eq!(error(&gzip(b"")), "is empty: not a capture");
    assert_eq!(error(b"not a capture at all, just text"), "looks like text, not a capture");
    assert_eq!(error(&gzip(&gzip(b"x"))), "is compressed with gzip twice: decompress it first (gzip -d)");
    assert_eq!(error(&LE.pcap(MICRO, 4, 1)[..20]), "ends inside its header, 20 of 24 bytes (truncated while writing?)");
    assert_eq!(error(&LE.section()[..14]), "ends inside its header (truncated while writing?)");
    let old = [&LE.words(&[MICRO])[..], &[1, 0, 0, 0], &[0; 16]].concat();
    assert_eq!(error(&old), "is pcap version 1.0, which is not supported");
    let missing = PcapFile::open(Path::new("/nonexistent/x.pcap")).unwrap_err();
    assert!(matches!(missing, CaptureError::Io(_)));
    assert_eq!(PcapFile::open(Path::new("/")).unwrap_err().to_string(), "is a directory, not a capture");
}

proptest! {
    #[test]
    fn no_bytes_panic(start in 0..5usize, noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        let starts = [vec![], LE.pcap(MICRO, 4, 1), BE.pcap(KUZNETZOV, 2, 204), LE.section(), vec![0x1f, 0x8b, 8]];
        read(&[&starts[start][..], &noise].concat());
    }

    #[test]
    fn no_mutation_panics(
        which in 0..3usize,
        mutations in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        at_a_time in 1..300usize,
    ) {
        let mut bytes = [sample_pcap(), sample_ng(), gzip(&sample_pcap())][which].clone();
        for (index, value) in mutations {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let whole = read(&bytes);
        let parts = read_by(&bytes, at_a_time);
        // How much a damaged gzip stream yields before the error depends on how it is read.
        if which < 2 {
            prop_assert_eq!(whole.0, parts.0);
            prop_assert_eq!(whole.1.map(|error| error.to_string()), parts.1.map(|error| error.to_string()));
        }
    }
}
