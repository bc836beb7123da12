//! The memory that the kernel writes frames into, and who owns which block of it at any moment.
//!
//! The ring is a row of blocks of equal size. Each begins with a word that says whose it is: the kernel fills a block
//! while that word is `TP_STATUS_KERNEL`, and hands it over by setting `TP_STATUS_USER`; from then on it does not touch
//! the block until the word is `TP_STATUS_KERNEL` again (Documentation/networking/packet_mmap.rst,
//! net/packet/af_packet.c). This file turns that promise into borrows: the octets of a block can be read only through a
//! [`Held`], which exists only for a block that is ours, and gives the block back when it goes.
#![allow(unsafe_code, reason = "maps the ring that the kernel shares with us, and reads its words of ownership")]

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where a block's word of ownership stands: behind `version` and `offset_to_priv` of `struct tpacket_block_desc`.
const STATUS_AT: usize = 8;

// Blocks are aligned as descriptors are, so the word is aligned; and it has its place within the descriptor.
const _: () = assert!(STATUS_AT.is_multiple_of(align_of::<AtomicU32>()));
const _: () = assert!(STATUS_AT + size_of::<AtomicU32>() <= size_of::<libc::tpacket_block_desc>());
const _: () = assert!(STATUS_AT == std::mem::offset_of!(libc::tpacket_block_desc, hdr));

/// The ring of one socket. It must be dropped before the socket is closed.
pub(super) struct Mapping {
    start: NonNull<u8>,
    block_size: usize,
    blocks: usize,
}

// SAFETY: the mapping belongs to this value alone: the pointer is made in `new`, never handed out but as borrows of
// `self`, and unmapped in `drop`. Memory maps are of the process, not of a thread, so the value may move to another
// one. It is not `Sync`: nothing here needs that.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the ring of `blocks` blocks of `block_size` octets that `socket` was told to have.
    pub fn new(socket: BorrowedFd<'_>, block_size: usize, blocks: usize) -> Result<Mapping, Errno> {
        let length = block_size.checked_mul(blocks).filter(|&length| length <= isize::MAX as usize);
        let length = length.filter(|_| block_size >= size_of::<libc::tpacket_block_desc>() && blocks > 0);
        let length = length.ok_or(Errno::INVAL)?;
        // The kernel wants whole pages; what we need is that each block is aligned as its descriptor is.
        if !block_size.is_multiple_of(align_of::<libc::tpacket_block_desc>()) {
            return Err(Errno::INVAL);
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // Populated at once: the first flood must not wait for page faults.
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: with a null address the kernel chooses a range that nothing else uses, so no existing reference is
        // touched. The kernel refuses (EINVAL) any length but exactly that of the ring.
        let start = unsafe { mmap(null_mut(), length, protection, flags, socket, 0) }?;
        let start = NonNull::new(start.cast::<u8>()).ok_or(Errno::NOMEM)?;
        Ok(Mapping { start, block_size, blocks })
    }

    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The word of ownership of a block.
    fn status(&self, block: usize) -> &AtomicU32 {
        let block = block % self.blocks;
        // SAFETY: `block` is below `blocks`, so the word lies within the mapping (`block_size` holds a descriptor, and
        // `new` has checked that the whole does not overflow), which lives as long as `self`. It is aligned, as the
        // assertions above say. The kernel writes the word concurrently; an atomic may be written by others, and nobody
        // makes any other kind of reference to it: `Held::octets` starts behind it.
        unsafe {
            let word = self.start.as_ptr().add(block * self.block_size + STATUS_AT);
            AtomicU32::from_ptr(word.cast::<u32>())
        }
    }

    /// Whether the kernel has handed over this block (counted round the ring) and we have not given it back.
    pub fn is_ours(&self, block: usize) -> bool {
        // Acquire: what the kernel wrote before it set the word is seen after it.
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// Takes hold of a block that is ours. There can be one at a time: it borrows the ring for itself.
    pub fn hold(&mut self, block: usize) -> Option<Held<'_>> {
        let block = block % self.blocks;
        self.is_ours(block).then_some(Held { ring: self, block })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `start` and the length are those of `new`, which are unmapped nowhere else. Every borrow of the
        // memory is a borrow of `self`, so none is left. An error would mean that the range is no mapping: then there
        // is nothing to unmap.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.block_size * self.blocks) };
    }
}

/// A block that is ours until this value is dropped: then it is the kernel's again.
pub(super) struct Held<'r> {
    ring: &'r mut Mapping,
    block: usize,
}

/// Octets before those that [`Held::octets`] shows: version, offset of the private area, word of ownership.
pub(super) const HIDDEN: usize = STATUS_AT + size_of::<u32>();

impl Held<'_> {
    /// All octets of the block behind its word of ownership, that is, from [`HIDDEN`] on.
    pub fn octets(&self) -> &[u8] {
        let length = self.ring.block_size - HIDDEN;
        // SAFETY: `block` is below `blocks` (`hold` took it round the ring), so the range lies within the mapping,
        // which the borrowed ring keeps. The memory is initialised: the kernel hands out zeroed pages and fills them.
        // While the block is ours the kernel does not write to it, and nobody on our side does at all; the word of
        // ownership, which changes, is not part of the slice. The slice borrows `self`, so it is gone before `drop`
        // gives the block back.
        unsafe {
            let first = self.ring.start.as_ptr().add(self.block * self.ring.block_size + HIDDEN);
            std::slice::from_raw_parts(first, length)
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Release: every read of the block is done before the kernel may write to it.
        self.ring.status(self.block).store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// A ring in a plain file: blocks change hands by their words alone.
    fn ring(blocks: usize) -> Mapping {
        let path = std::env::temp_dir().join(format!("pegel-ring-{}-{blocks}", std::process::id()));
        let file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.set_len(blocks as u64 * 4096).unwrap();
        Mapping::new(file.as_fd(), 4096, blocks).unwrap()
    }

    #[test]
    fn a_block_is_read_only_while_it_is_ours() {
        let mut ring = ring(3);
        assert!(ring.hold(1).is_none());
        ring.status(1).store(libc::TP_STATUS_USER | libc::TP_STATUS_BLK_TMO, Ordering::Release);
        assert!(ring.is_ours(1) && ring.is_ours(4) && !ring.is_ours(0));
        let held = ring.hold(4).unwrap();
        assert_eq!(held.octets().len(), 4096 - HIDDEN);
        assert!(held.octets().iter().all(|&octet| octet == 0), "the word of ownership is not part of it");
        drop(held);
        assert!(!ring.is_ours(1), "it goes back when the hold ends");
    }

    #[test]
    fn sizes_that_make_no_ring_are_refused() {
        let file = std::fs::File::open("/dev/zero").unwrap();
        for (size, blocks) in [(4096, 0), (0, 4), (100, 4), (4097, 2), (usize::MAX & !4095, 2), (1 << 62, 2)] {
            assert_eq!(Mapping::new(file.as_fd(), size, blocks).err(), Some(Errno::INVAL), "{size} × {blocks}");
        }
    }
}
