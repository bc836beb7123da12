//! Capture options, and the dimensions of the ring that follow from them.

use super::socket::RingShape;

/// Milliseconds after which the kernel hands over a block even if it is not full.
pub(super) const RETIRE_MS: u32 = 20;
/// Sizes of blocks, in bytes. A ring of few large blocks covers little time, since each is handed over after
/// [`RETIRE_MS`].
const LARGE_BLOCK: u32 = 1 << 20;
const SMALL_BLOCK: u32 = 1 << 18;
/// Fewest large blocks in a ring; below that, small blocks are used.
const MIN_LARGE_BLOCKS: u32 = 16;
/// Fewest blocks in a ring: one is filled while another is read.
const MIN_BLOCKS: u32 = 2;

/// Options of a live capture through the ring.
#[derive(Clone, Debug)]
pub struct RingOptions {
    /// Whether to capture frames addressed to other stations.
    pub promiscuous: bool,
    /// pcap-filter(7) expression; empty captures everything.
    pub bpf: String,
    /// Octets kept of each frame.
    pub snaplen: u32,
    /// MiB of memory for the rings of all workers of an interface.
    pub ring_mib: u32,
    /// Workers that share an interface.
    pub workers: u32,
    /// Microseconds for which a waiting thread polls the driver for frames (SO_BUSY_POLL); 0: it sleeps until woken.
    pub busy_poll_us: u32,
    /// Initial sampling rate: 1 frame in N is captured, chosen randomly; 1 captures all.
    pub sampling: u16,
}

impl RingOptions {
    /// The ring of one worker: its share of the memory, in large blocks if there are enough of them, and in at least
    /// two small ones otherwise.
    pub(super) fn shape(&self) -> RingShape {
        let share = (u64::from(self.ring_mib) << 20) / u64::from(self.workers.max(1));
        let large = share >= u64::from(LARGE_BLOCK * MIN_LARGE_BLOCKS);
        let block_size = if large { LARGE_BLOCK } else { SMALL_BLOCK };
        let blocks = u32::try_from(share / u64::from(block_size)).unwrap_or(u32::MAX).max(MIN_BLOCKS);
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
    fn memory_is_divided_into_blocks_per_worker() {
        assert_eq!(shape(8, 1), (256, 32));
        assert_eq!(shape(8, 2), (256, 16));
        assert_eq!(shape(64, 2), (1024, 32));
        assert_eq!(shape(1024, 1), (1024, 1024));
        assert_eq!(shape(1, 64), (256, 2), "at least two blocks each");
    }
}
