//! Live capture through a memory-mapped ring of the kernel (TPACKET_V3: packet(7), and in the kernel's sources
//! Documentation/networking/packet_mmap.rst), on one interface, by one or more workers.
//!
//! The kernel writes frames into blocks of memory that it shares with us, and hands over a block when it is full or
//! 20 ms old ([`options`]). Nothing is copied on our side: frames are borrowed from the block while it is walked.
//!
//! - [`socket`]: the socket and its options. `unsafe`: system calls.
//! - [`mapping`]: the shared memory, and who owns a block. `unsafe`: the memory.
//! - [`block`]: the frames in a block, with every offset checked.
//! - [`offload`]: how many frames on the wire one large frame stands for.
//! - [`filter`]: what the kernel lets through: the user's expression, the length to keep, the draw of lots.
//! - [`lots`]: one frame in how many, now and for frames that wait in the ring.
//! - [`fanout`]: several workers on one interface.
//! - [`shown`]: the frame as the rest of Pegel knows it. [`options`]: how to capture, and the ring's shape.
//! - [`interface`]: link types and the interface's own counters.
//!
//! One socket sees both directions, and each frame says which it is. On the loopback interface every frame passes
//! twice, leaving and entering: only the second is taken. A VLAN tag that the kernel took out of a frame comes back
//! beside it.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::undocumented_unsafe_blocks)]

mod block;
mod fanout;
mod filter;
mod interface;
mod mapping;
mod offload;
mod options;
mod sampling_history;
mod shown;
mod socket;

pub use fanout::Fanout;
pub use options::RingOptions;

use super::{CaptureError, FrameSink, LinkType, PacketSource, Poll, SourceStats};
use crate::base::Timestamp;
use block::Frames;
use fanout::Membership;
use filter::{Filter, NOTHING};
use interface::{Framing, unsupported};
use mapping::Mapping;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use sampling_history::SamplingHistory;
use shown::shown;
use socket::PacketSocket;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long [`PacketSource::poll`] waits for frames.
const POLL_TIMEOUT: Duration = Duration::from_millis(40);
/// Blocks walked before the caller may look around.
const AT_ONCE: usize = 4;

/// One worker's ring on one interface.
pub struct AfPacket {
    // In this order: the memory goes before its socket, and the place in the group before somebody may take its number.
    ring: Mapping,
    _membership: Option<Membership>,
    socket: PacketSocket,
    /// The block that the kernel hands over next, counted round the ring.
    next: usize,
    name: String,
    index: u16,
    framing: Framing,
    /// Each frame has a header that tells of segments.
    offload: bool,
    filter: Filter,
    lots: SamplingHistory,
    stats: SourceStats,
    /// Times that the kernel found the ring full.
    freezes: u64,
    /// Drops of the interface when we began; only one worker of each tells of them.
    dropped_before: Option<u64>,
    warnings: Vec<String>,
}

impl AfPacket {
    /// Starts capturing on interface `name`; frames carry `index`. With a `fanout`, frames are shared with all sockets
    /// that were opened with the same one.
    ///
    /// # Errors
    /// [`CaptureError::Permission`], [`CaptureError::InterfaceGone`] and [`CaptureError::Filter`] are what they say;
    /// any other means that there can be no ring here, where libpcap may still do.
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
            return Err(unsupported(name, "it stands for all interfaces, of which each has its own"));
        }
        let mut socket = PacketSocket::open(false).map_err(|error| failed("no packet socket", error))?;
        let number =
            rustix::net::netdevice::name_to_index(&socket, name).map_err(|error| failed("it is not found", error))?;
        // Only looked at: nothing is received yet.
        socket.bind(number, false).map_err(|error| failed("cannot bind", error))?;
        let hardware = socket.hardware_type().map_err(|error| failed("its hardware type is unknown", error))?;
        let framing = Framing::of(name, hardware)?;
        if framing.cooked {
            socket = PacketSocket::open(true).map_err(|error| failed("no packet socket", error))?;
        }
        let filter = Filter::compile(name, framing.link, &options.bpf, options.snaplen)?;
        // Until everything is in place nothing passes: neither frames of before, nor frames that another worker gets
        // too.
        socket.attach(&NOTHING).map_err(|error| failed("no filter", error))?;
        let mut warnings = Vec::new();
        let offload = !framing.cooked && socket.want_offload_header().is_ok();
        if framing.loopback {
            // Where the kernel cannot, we leave them out.
            let _ = socket.ignore_outgoing();
        }
        let shape = options.shape();
        socket.make_ring(shape).map_err(|error| failed("no ring", error))?;
        let ring = Mapping::new(socket.as_fd(), shape.block_size as usize, shape.blocks as usize)
            .map_err(|error| failed("the ring cannot be mapped", error))?;
        if options.busy_poll_us > 0
            && let Err(error) = socket.busy_poll(options.busy_poll_us)
        {
            warnings.push(format!("capture.busy_poll_us has no effect on {name}: {error} (it needs CAP_NET_ADMIN)"));
        }
        if options.promiscuous && !framing.loopback {
            socket.promiscuous(number).map_err(|error| failed("no promiscuous mode", error))?;
        }
        socket.bind(number, true).map_err(|error| failed("cannot bind", error))?;
        // Binding to an interface that is down succeeds, and says so here.
        if let Ok(Err(error)) = socket_error(&socket) {
            return Err(failed("cannot receive", error));
        }
        let membership = fanout.map(|fanout| fanout.join(&socket, number)).transpose();
        let membership = membership.map_err(|error| failed("its frames cannot be shared out", error))?;
        let sampling = options.sampling.max(1);
        socket.attach(&filter.program(sampling)).map_err(|error| failed("the filter is refused", error))?;
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
            lots: SamplingHistory::new(sampling),
            stats: SourceStats::default(),
            freezes: 0,
            dropped_before: None,
            warnings,
        })
    }

    /// This one also tells what the interface drops: one worker of each should.
    pub fn tell_interface_drops(&mut self) {
        self.dropped_before = interface::dropped(&self.name);
    }

    /// What could not be had though it was asked for; each is told once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// How frames begin.
    pub fn link(&self) -> LinkType {
        self.framing.link
    }

    /// Whether large frames tell how many they stand for.
    pub fn tells_segments(&self) -> bool {
        self.offload
    }

    /// One frame in how many is captured.
    pub fn sampling(&self) -> u16 {
        self.lots.now()
    }

    /// Captures one frame in `one_in` from now on. `clock` tells when that is: frames before it count as before.
    pub fn set_sampling(&mut self, one_in: u16, clock: impl FnOnce() -> Timestamp) -> Result<(), CaptureError> {
        let one_in = one_in.max(1);
        self.socket.attach(&self.filter.program(one_in)).map_err(|error| CaptureError::Io(error.into()))?;
        self.lots.change(clock(), one_in);
        Ok(())
    }

    /// Share of the ring that waits for us, 0 to 1.
    pub fn fill(&self) -> f64 {
        // Blocks are handed over in their order: those that are ours come first.
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

    /// Times that the kernel found the ring full, as of the last [`PacketSource::stats`].
    pub fn freezes(&self) -> u64 {
        self.freezes
    }

    /// Whether a block is there to be walked.
    pub fn is_ready(&self) -> bool {
        self.ring.is_ours(self.next)
    }

    /// Waits until there are frames, `timeout` at most. False where none came.
    pub fn wait(&self, timeout: Duration) -> Result<bool, CaptureError> {
        if self.is_ready() {
            return Ok(true);
        }
        let mut waiting = [PollFd::new(&self.socket, PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        match poll(&mut waiting, Some(&timeout)) {
            // A signal interrupts the wait: whoever called looks around.
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(CaptureError::Io(error.into())),
        }
        let [told] = &waiting;
        if told.revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            // Down or gone: opening again will tell.
            let why = socket_error(&self.socket).ok().and_then(Result::err).unwrap_or(Errno::NETDOWN);
            return Err(CaptureError::InterfaceGone(format!("{}: {why}", self.name)));
        }
        Ok(self.is_ready())
    }

    /// Delivers what is there, a few blocks at most; returns the number of frames.
    pub fn drain<S: FrameSink>(&mut self, sink: &mut S) -> usize {
        let mut delivered = 0;
        for _ in 0..AT_ONCE {
            let Some(held) = self.ring.hold(self.next) else { break };
            for raw in Frames::of(held.octets()) {
                if let Some(frame) = shown(&raw, self.framing, self.offload, &self.lots, self.index) {
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
        let there = self.wait(POLL_TIMEOUT)? && self.drain(sink) > 0;
        Ok(if there { Poll::Delivered } else { Poll::Idle })
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
