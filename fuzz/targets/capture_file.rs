//! A capture: pcap, pcapng, or either in gzip. It is read to its end, and it makes no difference in which pieces it arrives.
//!
//! Input: the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::capture::pcap_file::{Interface, PcapFile};
use pegel::capture::{Frame, FrameSink, PacketSource, Poll};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Cursor, Read};

/// Most octets that a frame may have.
const MOST_OCTETS: usize = 16 << 20;

/// How much a damaged gzip stream yields before its error depends on how it is read.
const DAMAGED: &str = "gzip data is damaged";

/// A reader that delivers some octets at a time.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

#[derive(Default)]
struct Digest {
    frames: u64,
    hasher: DefaultHasher,
}

impl FrameSink for Digest {
    fn frame(&mut self, frame: Frame<'_>) {
        assert!(frame.data.len() <= MOST_OCTETS && frame.wire_len as usize >= frame.data.len());
        assert!(frame.segments == 1 && frame.sampled == 1);
        self.frames += 1;
        (frame.time, frame.data, frame.wire_len, frame.link, frame.direction, frame.interface).hash(&mut self.hasher);
        frame.vlan.map(|vlan| (vlan.tpid, vlan.tci)).hash(&mut self.hasher);
    }
}

/// Frames and their digest, interfaces, and how it ended.
fn read(input: &[u8], piece: usize) -> (u64, u64, Vec<Interface>, String) {
    let reader = Pieces(Cursor::new(input.to_vec()), piece);
    let mut digest = Digest::default();
    let mut file = match PcapFile::from_reader(Box::new(reader), Some(input.len() as u64)) {
        Ok(file) => file,
        Err(error) => {
            assert!(!error.to_string().contains('\n'), "{error:?}");
            // What such a file is instead is judged by what has arrived of it.
            let text = if error.to_string().contains(DAMAGED) { error.to_string() } else { "no capture".to_owned() };
            return (0, 0, Vec::new(), text);
        }
    };
    let end = loop {
        match file.poll(&mut digest) {
            Ok(Poll::Delivered) => {}
            Ok(Poll::End) => break "read".to_owned(),
            Ok(Poll::Idle) => panic!("a file is never idle"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(!end.is_empty() && !end.contains('\n'), "{end:?}");
    assert!(matches!(file.poll(&mut digest), Ok(Poll::End)), "it remains at its end");
    assert!(file.position() <= input.len() as u64);
    (digest.frames, digest.hasher.finish(), file.interfaces().to_vec(), end)
}

fuzz_target!(|input: &[u8]| {
    let (whole, pieces) = (read(input, usize::MAX), read(input, 1 + input.len() % 61));
    if ![&whole, &pieces].into_iter().any(|(.., end)| end.contains(DAMAGED)) {
        assert_eq!(whole, pieces, "in pieces");
    }
});
