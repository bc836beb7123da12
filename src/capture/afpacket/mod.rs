//! Live capture on one interface through the kernel's memory-mapped packet ring, by one or more workers (TPACKET_V3:
//! packet(7), and Documentation/networking/packet_mmap.rst in the kernel's sources).
//!
//! The kernel writes frames into blocks of shared memory and hands over each block when it is full or 20 ms old
//! (`options`). Pegel copies nothing: frames are borrowed from the block while it is read.
//!
//! - `socket`: the packet socket and its options; uses `unsafe` for system calls.
//! - `mapping`: the shared memory and the ownership of its blocks; uses `unsafe` for memory access.
//! - `block`: the frames in a block, with every offset bounds-checked.
//! - `offload`: how many frames on the wire a large frame represents.
//! - `filter`: the kernel's filter program: random sampling, the user's expression, the snapshot length.
//! - `sampling_history`: the sampling rate, now and for frames that are still in the ring.
//! - `fanout`: several workers on one interface.
//! - `convert`: from a frame in the ring to a [`Frame`](super::Frame).
//! - `options`: capture options, and the ring's dimensions.
//! - `interface`: link types, and the interface's drop counters.
//!
//! One socket captures both directions, and each frame carries its direction. On the loopback interface every frame
//! passes twice, leaving and entering; only the second pass is captured. A VLAN tag that the kernel removed from a
//! frame is delivered as metadata.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::undocumented_unsafe_blocks)]

mod block;
mod convert;
mod fanout;
mod filter;
mod interface;
mod mapping;
mod offload;
mod options;
mod sampling_history;
mod socket;

pub use fanout::Fanout;
pub use options::RingOptions;

use super::{CaptureError, FrameSink, LinkType, PacketSource, Poll, SourceStats};
use crate::base::Timestamp;
use block::Frames;
use convert::to_frame;
use fanout::Membership;
use filter::{DROP_ALL, Filter};
use interface::{Framing, unsupported};
use mapping::Mapping;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use sampling_history::SamplingHistory;
use socket::PacketSocket;
use std::os::fd::AsFd;
use std::time::Duration;

/// The longest time that [`PacketSource::poll`] waits for frames.
const POLL_TIMEOUT: Duration = Duration::from_millis(40);
/// Maximum blocks that one call of [`AfPacket::drain`] delivers, so that the caller regularly regains control.
const BLOCKS_PER_DRAIN: usize = 4;

/// One worker's ring on one interface.
pub struct AfPacket {
    // Fields are dropped in this order: the memory must be unmapped before its socket closes, and the group left before
    // its number can be reused.
    ring: Mapping,
    _membership: Option<Membership>,
    socket: PacketSocket,
    /// Index of the block that the kernel hands over next.
    next: usize,
    name: String,
    index: u16,
    framing: Framing,
    /// Whether each frame has an offload header, which gives the size of its GSO segments.
    offload: bool,
    filter: Filter,
    sampling: SamplingHistory,
    stats: SourceStats,
    /// How many times the kernel found the ring full.
    freezes: u64,
    /// The interface's drop counter when counting began; `None` if another worker counts its drops.
    dropped_before: Option<u64>,
    warnings: Vec<String>,
}

impl AfPacket {
    /// Starts capturing on interface `name`. Its frames carry `index`. All sockets that are opened with the same
    /// `fanout` share the interface's frames.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Permission`], [`CaptureError::InterfaceGone`] and [`CaptureError::Filter`] have their documented
    /// meanings. Any other error means that a ring is not possible on this interface; libpcap may still work.
    pub fn open(
        name: &str,
        index: u16,
        options: &RingOptions,
        fanout: Option<&Fanout>,
    ) -> Result<AfPacket, CaptureError> {
        let failed = |what: &str, error: Errno| match error {
            Errno::PERM | Errno::ACCESS => CaptureError::permission(name),
            Errno::NODEV | Errno::NXIO => CaptureError::InterfaceGone(format!("there is no interface {name}")),
            Errno::NETDOWN => CaptureError::InterfaceGone(format!("{name} is down")),
            error => unsupported(name, &format!("{what}: {error}")),
        };
        if name == "any" {
            return Err(unsupported(name, "a ring captures on a single interface"));
        }
        let mut socket = PacketSocket::open(false).map_err(|error| failed("cannot open a packet socket", error))?;
        let number = rustix::net::netdevice::name_to_index(&socket, name)
            .map_err(|error| failed("cannot look up the interface", error))?;
        // Only to read the hardware type: nothing is received yet.
        socket.bind(number, false).map_err(|error| failed("cannot bind", error))?;
        let hardware = socket.hardware_type().map_err(|error| failed("cannot read its hardware type", error))?;
        let framing = Framing::from_hardware_type(name, hardware)?;
        if framing.cooked {
            socket = PacketSocket::open(true).map_err(|error| failed("cannot open a packet socket", error))?;
        }
        let filter = Filter::compile(name, framing.link, &options.bpf, options.snaplen)?;
        // Until the setup is complete, the filter drops everything. Otherwise the ring would contain frames queued
        // before the options apply, and frames that another worker of the group also receives.
        socket.attach(&DROP_ALL).map_err(|error| failed("cannot attach a filter", error))?;
        let mut warnings = Vec::new();
        let offload = !framing.cooked && socket.enable_offload_header().is_ok();
        if framing.loopback {
            // If the kernel does not support this, `to_frame` discards the outgoing frames.
            let _ = socket.ignore_outgoing();
        }
        let shape = options.shape();
        socket.make_ring(shape).map_err(|error| failed("cannot set up the ring", error))?;
        let ring = Mapping::new(socket.as_fd(), shape.block_size as usize, shape.blocks as usize)
            .map_err(|error| failed("cannot map the ring", error))?;
        if options.busy_poll_us > 0
            && let Err(error) = socket.busy_poll(options.busy_poll_us)
        {
            warnings.push(format!("capture.busy_poll_us has no effect on {name}: {error} (it needs CAP_NET_ADMIN)"));
        }
        if options.promiscuous && !framing.loopback {
            socket.promiscuous(number).map_err(|error| failed("cannot enable promiscuous mode", error))?;
        }
        socket.bind(number, true).map_err(|error| failed("cannot bind", error))?;
        // Binding to an interface that is down succeeds, but sets the socket's error.
        if let Ok(Err(error)) = socket_error(&socket) {
            return Err(failed("cannot receive", error));
        }
        let membership = fanout.map(|fanout| fanout.join(&socket, number)).transpose();
        let membership = membership.map_err(|error| failed("cannot join the fanout group", error))?;
        let one_in = options.sampling.max(1);
        socket.attach(&filter.program(one_in)).map_err(|error| failed("the kernel rejected the filter", error))?;
        Ok(AfPacket {
            ring,
            _membership: membership,
            socket,
            next: 0,
            name: name.to_owned(),
            index,
            framing,
            offload,
            filter,
            sampling: SamplingHistory::new(one_in),
            stats: SourceStats::default(),
            freezes: 0,
            dropped_before: None,
            warnings,
        })
    }

    /// Makes this worker count the interface's drops as well. Call it for exactly one worker per interface.
    pub fn count_interface_drops(&mut self) {
        self.dropped_before = interface::dropped(&self.name);
    }

    /// Warnings about options that have no effect; each is returned once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// The link type of the frames.
    pub fn link(&self) -> LinkType {
        self.framing.link
    }

    /// The current sampling rate N: 1 in N frames is captured.
    pub fn sampling(&self) -> u16 {
        self.sampling.now()
    }

    /// Samples 1 frame in `one_in` from now on. `clock` returns the time of the change; frames with an earlier
    /// timestamp keep their previous rate.
    pub fn set_sampling(&mut self, one_in: u16, clock: impl FnOnce() -> Timestamp) -> Result<(), CaptureError> {
        let one_in = one_in.max(1);
        self.socket.attach(&self.filter.program(one_in)).map_err(|error| CaptureError::Io(error.into()))?;
        self.sampling.change(clock(), one_in);
        Ok(())
    }

    /// Share of the ring that is filled and not yet read, 0 to 1.
    pub fn fill(&self) -> f64 {
        // Binary search: blocks are handed over in order, so those that are ours come first.
        let (mut ours, mut theirs) = (0, self.ring.blocks());
        while ours < theirs {
            let middle = ours.midpoint(theirs);
            if self.ring.is_ours(self.next + middle) {
                ours = middle + 1;
            } else {
                theirs = middle;
            }
        }
        ours as f64 / self.ring.blocks() as f64
    }

    /// How many times the kernel found the ring full, as of the latest [`PacketSource::stats`].
    pub fn freezes(&self) -> u64 {
        self.freezes
    }

    /// Whether a block is ready to be read.
    pub fn is_ready(&self) -> bool {
        self.ring.is_ours(self.next)
    }

    /// Waits at most `timeout` for frames. Returns false if none arrived.
    pub fn wait(&self, timeout: Duration) -> Result<bool, CaptureError> {
        if self.is_ready() {
            return Ok(true);
        }
        let mut waiting = [PollFd::new(&self.socket, PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        match poll(&mut waiting, Some(&timeout)) {
            // The time is up, or a signal interrupted the wait: the caller decides how to continue.
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(CaptureError::Io(error.into())),
        }
        let [polled] = &waiting;
        if polled.revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            // The interface is down or gone: reopening it will show which.
            let why = socket_error(&self.socket).ok().and_then(Result::err).unwrap_or(Errno::NETDOWN);
            return Err(CaptureError::InterfaceGone(format!("{}: {why}", self.name)));
        }
        Ok(self.is_ready())
    }

    /// Delivers the frames of the blocks that are ready, up to a few blocks; returns the number of frames.
    pub fn drain<S: FrameSink>(&mut self, sink: &mut S) -> usize {
        let mut delivered = 0;
        for _ in 0..BLOCKS_PER_DRAIN {
            let Some(held) = self.ring.hold(self.next) else { break };
            for raw in Frames::new(held.octets()) {
                if let Some(frame) = to_frame(&raw, self.framing, self.offload, &self.sampling, self.index) {
                    sink.frame(frame);
                    delivered += 1;
                }
            }
            drop(held);
            self.next = (self.next + 1) % self.ring.blocks();
        }
        delivered
    }
}

impl PacketSource for AfPacket {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        let any = self.wait(POLL_TIMEOUT)? && self.drain(sink) > 0;
        Ok(if any { Poll::Delivered } else { Poll::Idle })
    }

    fn stats(&mut self) -> SourceStats {
        if let Ok(more) = self.socket.statistics() {
            self.stats.received += u64::from(more.packets);
            self.stats.dropped_kernel += u64::from(more.drops);
            self.freezes += u64::from(more.freezes);
        }
        if let Some(before) = self.dropped_before
            && let Some(now) = interface::dropped(&self.name)
        {
            self.stats.dropped_interface = now.saturating_sub(before);
        }
        self.stats
    }
}
