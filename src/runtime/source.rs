//! The source of one capturing thread: the kernel's ring, or libpcap where there is none. Knows how to open it again.

use crate::capture::afpacket::{AfPacket, Fanout, RingOptions};
use crate::capture::pcap_live::{LiveOptions, PcapLive};
use crate::capture::{CaptureError, FrameSink, PacketSource, Poll, SourceStats};
use crate::config::{CaptureConfig, CaptureSource};
use std::time::Duration;

/// Workers that share an interface where nobody says how many.
const AUTOMATIC_WORKERS: usize = 2;

/// How one worker's source is opened, and opened again.
pub(super) struct Opening {
    pub name: String,
    index: u16,
    /// Position among the workers of the interface.
    pub number: usize,
    way: Way,
}

enum Way {
    Ring { options: RingOptions, fanout: Option<Fanout> },
    Pcap { options: LiveOptions },
}

pub(super) enum Source {
    Ring(Box<AfPacket>),
    Pcap {
        source: Box<PcapLive>,
        /// The last poll found nothing.
        idle: bool,
    },
}

/// Opens interface `name`, number `index`, for as many workers as the configuration wants and the kernel allows.
pub(super) fn open_all(config: &CaptureConfig, name: &str, index: u16) -> Result<Vec<(Opening, Source)>, CaptureError> {
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
    let opening = Opening { name: name.to_owned(), index, number: 0, way: Way::Pcap { options } };
    let source = opening.open()?;
    Ok(vec![(opening, source)])
}

fn open_rings(config: &CaptureConfig, name: &str, index: u16) -> Result<Vec<(Opening, Source)>, CaptureError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = match config.workers as usize {
        0 => cores.min(AUTOMATIC_WORKERS),
        workers => workers,
    };
    let of = |number: usize, workers: usize, fanout: &Fanout| {
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
        Opening { name: name.to_owned(), index, number, way: Way::Ring { options, fanout } }
    };
    let fanout = Fanout::default();
    let mut opened = Vec::new();
    for number in 0..wanted {
        let opening = of(number, wanted, &fanout);
        match opening.open() {
            Ok(source) => opened.push((opening, source)),
            Err(CaptureError::Library(why)) if wanted > 1 => {
                tracing::warn!(interface = name, "{} of {wanted} workers capture: {why}", number.max(1));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    if opened.is_empty() {
        // It may have been the sharing that was refused.
        let alone = of(0, 1, &fanout);
        let source = alone.open()?;
        opened.push((alone, source));
    }
    if let Some(way) = fanout.way() {
        tracing::info!(interface = name, "{} workers share the packets {way}", opened.len());
    }
    Ok(opened)
}

impl Opening {
    pub fn open(&self) -> Result<Source, CaptureError> {
        match &self.way {
            Way::Ring { options, fanout } => {
                let mut ring = AfPacket::open(&self.name, self.index, options, fanout.as_ref())?;
                if self.number == 0 {
                    ring.tell_interface_drops();
                }
                for warning in ring.take_warnings() {
                    tracing::warn!("{warning}");
                }
                Ok(Source::Ring(Box::new(ring)))
            }
            Way::Pcap { options } => {
                let source = Box::new(PcapLive::open(&self.name, self.index, options)?);
                Ok(Source::Pcap { source, idle: false })
            }
        }
    }
}

impl Source {
    /// Waits for frames, `timeout` at most, and delivers some. `wait` is called with what waits, to see how long it
    /// takes.
    pub fn poll<S: FrameSink>(
        &mut self,
        sink: &mut S,
        timeout: Duration,
        wait: impl FnOnce(&mut dyn FnMut() -> Result<bool, CaptureError>) -> Result<bool, CaptureError>,
    ) -> Result<Poll, CaptureError> {
        match self {
            Source::Ring(ring) => {
                let there = wait(&mut || ring.wait(timeout))? && ring.drain(sink) > 0;
                Ok(if there { Poll::Delivered } else { Poll::Idle })
            }
            Source::Pcap { source, idle } => {
                let outcome = source.poll(sink)?;
                *idle = outcome == Poll::Idle;
                Ok(outcome)
            }
        }
    }

    /// Whether everything that the kernel handed over was delivered.
    pub fn is_drained(&self) -> bool {
        match self {
            Source::Ring(ring) => !ring.is_ready(),
            Source::Pcap { idle, .. } => *idle,
        }
    }

    pub fn stats(&mut self) -> SourceStats {
        match self {
            Source::Ring(ring) => ring.stats(),
            Source::Pcap { source, .. } => source.stats(),
        }
    }

    /// The ring, where it is one: only there is sampling.
    pub fn ring(&mut self) -> Option<&mut AfPacket> {
        match self {
            Source::Ring(ring) => Some(ring),
            Source::Pcap { .. } => None,
        }
    }

    /// One frame in how many is captured.
    pub fn sampling(&self) -> u16 {
        match self {
            Source::Ring(ring) => ring.sampling(),
            Source::Pcap { .. } => 1,
        }
    }
}
