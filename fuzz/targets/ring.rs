//! A block of the kernel's packet ring, whatever it contains: each frame lies within it, and the iteration ends.
//!
//! The files of the ring are compiled into this target, so that it needs no interface: the shared memory is a file in memory
//! whose blocks change owners by their status words.
//!
//! Input: the hardware type (3 bits) and whether frames have offload headers (1), then a block.
#![no_main]

#[path = "../../src/capture/afpacket/block.rs"]
mod block;
#[path = "../../src/capture/afpacket/convert.rs"]
mod convert;
#[path = "../../src/capture/afpacket/interface.rs"]
#[allow(dead_code)]
mod interface;
#[path = "../../src/capture/afpacket/mapping.rs"]
#[allow(dead_code)]
mod mapping;
#[path = "../../src/capture/afpacket/offload.rs"]
mod offload;
#[path = "../../src/capture/afpacket/sampling_history.rs"]
#[allow(dead_code)]
mod sampling_history;

// The files above name these rooms from the root of their crate.
use pegel::{base, capture};

use block::Frames;
use capture::FrameSink;
use interface::Framing;
use libfuzzer_sys::fuzz_target;
use mapping::{BODY_OFFSET, Mapping};
use pegel::packet::Decoder;
use pegel_fuzz::Rest;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use sampling_history::SamplingHistory;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::{LazyLock, Mutex};

const BLOCK: usize = 4096;
const BLOCKS: usize = 2;
/// Of libc, and two that it does not define: IP without a link layer, and what is not supported.
const HARDWARE: [u16; 8] = [
    libc::ARPHRD_ETHER,
    libc::ARPHRD_LOOPBACK,
    libc::ARPHRD_NONE,
    libc::ARPHRD_PPP,
    libc::ARPHRD_SIT,
    libc::ARPHRD_IPGRE,
    519,
    280,
];

static RING: LazyLock<Mutex<(File, Mapping)>> = LazyLock::new(|| {
    let memory = File::from(memfd_create("ring", MemfdFlags::CLOEXEC).expect("memory"));
    ftruncate(&memory, (BLOCK * BLOCKS) as u64).expect("memory");
    let ring = Mapping::new(memory.as_fd(), BLOCK, BLOCKS).expect("a mapping");
    Mutex::new((memory, ring))
});

/// Counts frames and their octets.
#[derive(Default, PartialEq, Debug)]
struct Seen {
    frames: usize,
    octets: u64,
}

impl FrameSink for Seen {
    fn frame(&mut self, frame: capture::Frame<'_>) {
        self.frames += 1;
        self.octets += frame.data.iter().map(|octet| u64::from(*octet)).sum::<u64>();
        let _ = Decoder::default().decode(&frame);
    }
}

fn read(octets: &[u8], framing: Framing, offload: bool) -> Seen {
    let (mut seen, range) = (Seen::default(), octets.as_ptr_range());
    let mut sampling = SamplingHistory::new(1);
    sampling.change(base::Timestamp::from_parts(1, 0), 16);
    for raw in Frames::new(octets) {
        let data = raw.data.as_ptr_range();
        assert!(range.start <= data.start && data.end <= range.end, "a frame outside of the block");
        if let Some(frame) = convert::to_frame(&raw, framing, offload, &sampling, 3) {
            assert!(frame.segments >= 1 && frame.sampled >= 1);
            seen.frame(frame);
        }
    }
    assert!(seen.frames <= octets.len() / 60, "more frames than have room");
    seen
}

fuzz_target!(|input: &[u8]| {
    let mut rest = Rest(input);
    let options = rest.octet();
    let Ok(framing) = Framing::from_hardware_type("fuzz", HARDWARE[usize::from(options & 7)]) else { return };
    let offload = options & 8 != 0;
    let mut block = rest.take(BLOCK).to_vec();
    // Of any length, in an allocation that ends with it.
    let short: Box<[u8]> = block.get(BODY_OFFSET..).unwrap_or_default().into();
    read(&short, framing, offload);

    // In the memory that the kernel would share.
    block.resize(BLOCK, 0);
    let mut guard = RING.lock().expect("one thread");
    let (memory, ring) = &mut *guard;
    block[8..12].copy_from_slice(&libc::TP_STATUS_USER.to_ne_bytes());
    memory.write_all_at(&block, BLOCK as u64).expect("written");
    assert!(ring.is_ours(1) && ring.is_ours(1 + BLOCKS) && !ring.is_ours(0));
    assert!(ring.hold(0).is_none());
    let held = ring.hold(1).expect("ours");
    assert_eq!(held.octets(), &block[BODY_OFFSET..]);
    let whole: Box<[u8]> = held.octets().into();
    assert_eq!(read(held.octets(), framing, offload), read(&whole, framing, offload));
    drop(held);
    assert!(!ring.is_ours(1), "returned to the kernel");
});
