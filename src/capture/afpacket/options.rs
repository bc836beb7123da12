//! How to capture, and the shape of the ring that follows from it.

use super::socket::RingShape;

/// Milliseconds after which the kernel hands over a block that is not full.
pub(super) const RETIRE_MS: u32 = 20;
/// Sizes of blocks, in octets. Few large blocks make a ring short in time, since each is handed over after
/// [`RETIRE_MS`].
const LARGE_BLOCK: u32 = 1 << 20;
const SMALL_BLOCK: u32 = 1 << 18;
/// Fewest large blocks that make a ring.
const MANY: u32 = 16;
/// Fewest blocks that make a ring: one is filled while another is read.
const FEWEST: u32 = 2;

/// How to capture.
#[derive(Clone, Debug)]
pub struct RingOptions {
    pub promiscuous: bool,
    /// pcap-filter(7) expression, empty for everything.
    pub bpf: String,
    /// Octets kept of each frame.
    pub snaplen: u32,
    /// MiB of memory for the rings of all workers of an interface.
    pub ring_mib: u32,
    /// Workers that share an interface.
    pub workers: u32,
    /// Microseconds for which a waiting thread asks the driver for frames (SO_BUSY_POLL); 0: it sleeps until woken.
    pub busy_poll_us: u32,
    /// One frame in so many is captured to begin with, drawn by lot; 1 for all.
    pub sampling: u16,
}

impl RingOptions {
    /// Each worker gets its share, in blocks that leave enough of them, and two of the smaller ones at the very least.
    pub(super) fn shape(&self) -> RingShape {
        let share = (u64::from(self.ring_mib) << 20) / u64::from(self.workers.max(1));
        let large = share >= u64::from(LARGE_BLOCK * MANY);
        let block_size = if large { LARGE_BLOCK } else { SMALL_BLOCK };
        let blocks = u32::try_from(share / u64::from(block_size)).unwrap_or(u32::MAX).max(FEWEST);
        RingShape { block_size, blocks, retire_ms: RETIRE_MS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(ring_mib: u32, workers: u32) -> (u32, u32) {
        let options = RingOptions {
            promiscuous: false,
            bpf: String::new(),
            snaplen: 256,
            ring_mib,
            workers,
            busy_poll_us: 0,
            sampling: 1,
        };
        let shape = options.shape();
        (shape.block_size >> 10, shape.blocks)
    }

    #[test]
    fn the_ring_is_shared_out_in_blocks() {
        assert_eq!(shape(8, 1), (256, 32));
        assert_eq!(shape(8, 2), (256, 16));
        assert_eq!(shape(64, 2), (1024, 32));
        assert_eq!(shape(1024, 1), (1024, 1024));
        assert_eq!(shape(1, 64), (256, 2), "two blocks each, whatever was asked for");
    }
}
