//! The source of one capture worker: the kernel's packet ring, or libpcap where there is no ring. Can be reopened.

use crate::capture::afpacket::{AfPacket, Fanout, RingOptions};
use crate::capture::pcap_live::{LiveOptions, PcapLive};
use crate::capture::{CaptureError, FrameSink, PacketSource, Poll, SourceStats};
use crate::config::{CaptureConfig, CaptureSource};
use std::time::Duration;

/// Most workers per interface where the configuration does not set their number.
const MAX_AUTOMATIC_WORKERS: usize = 2;

/// Opens the source of one worker, at the start and whenever the interface comes back.
pub(super) struct SourceOpener {
    /// Name of the interface.
    pub name: String,
    index: u16,
    /// Index among the workers of the interface.
    pub number: usize,
    method: Method,
}

enum Method {
    Ring { options: RingOptions, fanout: Option<Fanout> },
    Pcap { options: LiveOptions },
}

pub(super) enum LiveSource {
    Ring(Box<AfPacket>),
    Pcap {
        source: Box<PcapLive>,
        /// The last poll delivered no frames.
        idle: bool,
    },
}

/// Opens interface `name` with index `index`, once for each worker. Fewer workers than configured where the kernel
/// refuses more.
pub(super) fn open_all(
    config: &CaptureConfig,
    name: &str,
    index: u16,
) -> Result<Vec<(SourceOpener, LiveSource)>, CaptureError> {
    if config.source != CaptureSource::Pcap {
        match open_rings(config, name, index) {
            Err(CaptureError::Library(why)) if config.source == CaptureSource::Auto => {
                tracing::warn!(interface = name, "capturing through libpcap instead: {why}");
            }
            outcome => return outcome,
        }
    }
    if config.sampling > 1 {
        tracing::warn!(interface = name, "libpcap captures every packet: capture.sampling has no effect");
    }
    let options = LiveOptions {
        promiscuous: config.promiscuous,
        bpf: config.bpf.clone(),
        buffer_bytes: (config.buffer_mib << 20).min(i32::MAX as u32) as i32,
        snaplen: config.snaplen as i32,
    };
    let opener = SourceOpener { name: name.to_owned(), index, number: 0, method: Method::Pcap { options } };
    let source = opener.open()?;
    Ok(vec![(opener, source)])
}

fn open_rings(config: &CaptureConfig, name: &str, index: u16) -> Result<Vec<(SourceOpener, LiveSource)>, CaptureError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = match config.workers as usize {
        0 => cores.min(MAX_AUTOMATIC_WORKERS),
        workers => workers,
    };
    let opener = |number: usize, workers: usize, fanout: &Fanout| {
        let options = RingOptions {
            promiscuous: config.promiscuous,
            bpf: config.bpf.clone(),
            snaplen: config.snaplen,
            ring_mib: config.ring_mib,
            workers: workers as u32,
            busy_poll_us: config.busy_poll_us,
            sampling: config.sampling,
        };
        let fanout = (workers > 1).then(|| fanout.clone());
        SourceOpener { name: name.to_owned(), index, number, method: Method::Ring { options, fanout } }
    };
    let fanout = Fanout::default();
    let mut opened = Vec::new();
    for number in 0..wanted {
        let opener = opener(number, wanted, &fanout);
        match opener.open() {
            Ok(source) => opened.push((opener, source)),
            Err(CaptureError::Library(why)) if wanted > 1 => {
                tracing::warn!(interface = name, "{} of {wanted} workers capture: {why}", number.max(1));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    if opened.is_empty() {
        // The kernel may have refused only the fanout group.
        let alone = opener(0, 1, &fanout);
        let source = alone.open()?;
        opened.push((alone, source));
    }
    if let Some(way) = fanout.mode() {
        tracing::info!(interface = name, "{} workers share the packets {way}", opened.len());
    }
    Ok(opened)
}

impl SourceOpener {
    pub(crate) fn open(&self) -> Result<LiveSource, CaptureError> {
        match &self.method {
            Method::Ring { options, fanout } => {
                let mut ring = AfPacket::open(&self.name, self.index, options, fanout.as_ref())?;
                if self.number == 0 {
                    ring.count_interface_drops();
                }
                for warning in ring.take_warnings() {
                    tracing::warn!("{warning}");
                }
                Ok(LiveSource::Ring(Box::new(ring)))
            }
            Method::Pcap { options } => {
                let source = Box::new(PcapLive::open(&self.name, self.index, options)?);
                Ok(LiveSource::Pcap { source, idle: false })
            }
        }
    }
}

impl LiveSource {
    /// Waits for frames, at most for `timeout`, and delivers some. The blocking call is passed to `wait`, which calls
    /// it and can time it.
    pub(crate) fn poll<S: FrameSink>(
        &mut self,
        sink: &mut S,
        timeout: Duration,
        wait: impl FnOnce(&mut dyn FnMut() -> Result<bool, CaptureError>) -> Result<bool, CaptureError>,
    ) -> Result<Poll, CaptureError> {
        match self {
            LiveSource::Ring(ring) => {
                let delivered = wait(&mut || ring.wait(timeout))? && ring.drain(sink) > 0;
                Ok(if delivered { Poll::Delivered } else { Poll::Idle })
            }
            LiveSource::Pcap { source, idle } => {
                let outcome = source.poll(sink)?;
                *idle = outcome == Poll::Idle;
                Ok(outcome)
            }
        }
    }

    /// Whether every frame that the kernel has released was delivered.
    pub(crate) fn is_drained(&self) -> bool {
        match self {
            LiveSource::Ring(ring) => !ring.is_ready(),
            LiveSource::Pcap { idle, .. } => *idle,
        }
    }

    /// Whether a wait of any length ends with the first frame; libpcap waits as long as it was opened for.
    pub(crate) fn wakes_for_frames(&self) -> bool {
        matches!(self, LiveSource::Ring(_))
    }

    pub(crate) fn stats(&mut self) -> SourceStats {
        match self {
            LiveSource::Ring(ring) => ring.stats(),
            LiveSource::Pcap { source, .. } => source.stats(),
        }
    }

    /// The packet ring; `None` with libpcap, which cannot sample.
    pub(crate) fn ring(&mut self) -> Option<&mut AfPacket> {
        match self {
            LiveSource::Ring(ring) => Some(ring),
            LiveSource::Pcap { .. } => None,
        }
    }

    /// 1 in N frames is captured; returns N.
    pub(crate) fn sampling(&self) -> u16 {
        match self {
            LiveSource::Ring(ring) => ring.sampling(),
            LiveSource::Pcap { .. } => 1,
        }
    }
}
