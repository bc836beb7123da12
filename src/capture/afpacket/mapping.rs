//! The memory that the kernel writes frames into, and the ownership of its blocks.
//!
//! The ring is an array of blocks of equal size. The status word of each block names its owner: the kernel fills a
//! block while the word is `TP_STATUS_KERNEL` and hands it over by setting `TP_STATUS_USER`; from then on it does not
//! touch the block until the word is `TP_STATUS_KERNEL` again (Documentation/networking/packet_mmap.rst,
//! net/packet/af_packet.c). This file maps that contract to borrows: the octets of a block can be read only through a
//! [`HeldBlock`], which exists only for a block that is ours and returns the block to the kernel when dropped.
#![allow(unsafe_code, reason = "maps the ring shared with the kernel, and accesses its status words")]

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

/// Offset of a block's status word: after `version` and `offset_to_priv` of `struct tpacket_block_desc`.
const STATUS_AT: usize = 8;

// Blocks are aligned as descriptors are, so the status word is aligned, and it lies within the descriptor.
const _: () = assert!(STATUS_AT.is_multiple_of(align_of::<AtomicU32>()));
const _: () = assert!(STATUS_AT + size_of::<AtomicU32>() <= size_of::<libc::tpacket_block_desc>());
const _: () = assert!(STATUS_AT == std::mem::offset_of!(libc::tpacket_block_desc, hdr));

/// The ring of one socket. It must be dropped before the socket is closed.
pub(super) struct Mapping {
    start: NonNull<u8>,
    block_size: usize,
    blocks: usize,
}

// SAFETY: this value alone owns the mapping: the pointer is created in `new`, exposed only through borrows of `self`,
// and unmapped in `drop`. Memory maps belong to the process, not to a thread, so the value may move to another thread.
// It is not `Sync`, which nothing here needs.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the ring of `blocks` blocks of `block_size` bytes each that was set up on `socket`.
    pub(super) fn new(socket: BorrowedFd<'_>, block_size: usize, blocks: usize) -> Result<Mapping, Errno> {
        let length = block_size.checked_mul(blocks).filter(|&length| length <= isize::MAX as usize);
        let length = length.filter(|_| block_size >= size_of::<libc::tpacket_block_desc>() && blocks > 0);
        let length = length.ok_or(Errno::INVAL)?;
        // The kernel requires whole pages; the accesses below require each block to be aligned as its descriptor is.
        if !block_size.is_multiple_of(align_of::<libc::tpacket_block_desc>()) {
            return Err(Errno::INVAL);
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // Populated now, so that the first flood does not wait for page faults.
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: with a null address the kernel chooses an unused range, so no existing reference is affected. The
        // kernel rejects (EINVAL) any length other than exactly that of the ring.
        let start = unsafe { mmap(null_mut(), length, protection, flags, socket, 0) }?;
        let start = NonNull::new(start.cast::<u8>()).ok_or(Errno::NOMEM)?;
        Ok(Mapping { start, block_size, blocks })
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// The status word of a block.
    fn status(&self, block: usize) -> &AtomicU32 {
        let block = block % self.blocks;
        // SAFETY: `block` is less than `blocks`, so the word lies within the mapping (`block_size` is at least the size
        // of a descriptor, and `new` has checked that the product does not overflow), which lives as long as `self`. It
        // is aligned, as the assertions above ensure. The kernel writes the word concurrently, which an atomic permits,
        // and no other kind of reference to it exists: `HeldBlock::octets` starts after it.
        unsafe {
            let word = self.start.as_ptr().add(block * self.block_size + STATUS_AT);
            AtomicU32::from_ptr(word.cast::<u32>())
        }
    }

    /// Whether the kernel has handed over this block and we have not returned it. The index wraps around the ring.
    pub(super) fn is_ours(&self, block: usize) -> bool {
        // Acquire: everything that the kernel wrote before it set the word is visible after this load.
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// Borrows a block that is ours; `None` if it is not. Only one block can be held at a time, since it borrows the
    /// ring exclusively.
    pub(super) fn hold(&mut self, block: usize) -> Option<HeldBlock<'_>> {
        let block = block % self.blocks;
        self.is_ours(block).then_some(HeldBlock { ring: self, block })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `start` and the length are those of `new`, and are unmapped nowhere else. Every borrow of the memory
        // is a borrow of `self`, so none is left. An error would mean that the range is not mapped: then there is
        // nothing to unmap.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.block_size * self.blocks) };
    }
}

/// A block that is ours until this value is dropped, which returns it to the kernel.
pub(super) struct HeldBlock<'r> {
    ring: &'r mut Mapping,
    block: usize,
}

/// Offset in a block of the first octet that [`HeldBlock::octets`] returns: after version, offset of the private area,
/// and status word.
pub(super) const BODY_OFFSET: usize = STATUS_AT + size_of::<u32>();

impl HeldBlock<'_> {
    /// All octets of the block after its status word, that is, from [`BODY_OFFSET`] on.
    pub(super) fn octets(&self) -> &[u8] {
        let length = self.ring.block_size - BODY_OFFSET;
        // SAFETY: `block` is less than `blocks` (`hold` wrapped it), so the range lies within the mapping, which the
        // borrowed ring keeps alive. The memory is initialised: the kernel provides zeroed pages and fills them. While
        // the block is ours the kernel does not write to it, and our side never does; the status word, which changes,
        // is not part of the slice. The slice borrows `self`, so it ends before `drop` returns the block.
        unsafe {
            let first = self.ring.start.as_ptr().add(self.block * self.ring.block_size + BODY_OFFSET);
            std::slice::from_raw_parts(first, length)
        }
    }
}

impl Drop for HeldBlock<'_> {
    fn drop(&mut self) {
        // Release: every read of the block completes before the kernel may write to it.
        self.ring.status(self.block).store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// A ring in a regular file: blocks change owners by their status words alone.
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
        assert_eq!(held.octets().len(), 4096 - BODY_OFFSET);
        assert!(held.octets().iter().all(|&octet| octet == 0), "the status word is not part of it");
        drop(held);
        assert!(!ring.is_ours(1), "dropping the borrow returns the block");
    }

    #[test]
    fn invalid_ring_sizes_are_rejected() {
        let file = std::fs::File::open("/dev/zero").unwrap();
        for (size, blocks) in [(4096, 0), (0, 4), (100, 4), (4097, 2), (usize::MAX & !4095, 2), (1 << 62, 2)] {
            assert_eq!(Mapping::new(file.as_fd(), size, blocks).err(), Some(Errno::INVAL), "{size} × {blocks}");
        }
    }
}
