//! Capture: frames from a file, an interface or a generator, handed on one at a time as borrowed slices.
//!
//! A source owns its buffers; nothing is copied or allocated per frame. [`SOURCES`] lists what there is; to add one,
//! implement [`PacketSource`], add its row there, and open it in the wiring (`runtime`).

pub mod afpacket;
pub mod frame;
pub mod pcap_file;
pub mod pcap_live;

pub use frame::{Frame, FrameDirection, FrameSink, LinkType, Vlan};

use std::fmt;

/// What a call to [`PacketSource::poll`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Frames were delivered and more may follow at once.
    Delivered,
    /// Nothing arrived within the source's timeout; packet time may be moved on by whoever owns the clock.
    Idle,
    /// The source is exhausted and will deliver nothing more.
    End,
}

/// What a source can tell of its own losses. All counts since the source was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Frames that the kernel saw for us.
    pub received: u64,
    /// Frames that the kernel dropped since our buffer was full.
    pub dropped_kernel: u64,
    /// Frames that the network card or its driver dropped.
    pub dropped_interface: u64,
}

/// Where frames come from.
pub trait PacketSource {
    /// Delivers some frames (at most a few thousand, so that the caller can look around) to `sink`.
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError>;

    /// Losses so far.
    fn stats(&mut self) -> SourceStats {
        SourceStats::default()
    }
}

/// Why a source cannot be opened or go on. `Display` is the one line that a user sees, without the source's name.
#[derive(Debug)]
pub enum CaptureError {
    /// The file or stream is not a capture, or not one that can be read; says why and what to do.
    Format(String),
    /// Reading failed.
    Io(std::io::Error),
    /// The capture ended inside a record: what came before was delivered.
    Truncated(String),
    /// The interface went down or away; it may come back.
    InterfaceGone(String),
    /// Capturing is not permitted; says what to grant.
    Permission(String),
    /// The filter expression cannot be used; quotes it and says why.
    Filter(String),
    /// The capture library, or the kernel, refused.
    Library(String),
}

impl CaptureError {
    /// That capturing on `interface` is not permitted, and what to grant.
    pub(crate) fn permission(interface: &str) -> CaptureError {
        let program = std::env::current_exe().map_or_else(|_| "pegel".into(), |path| path.display().to_string());
        CaptureError::Permission(format!(
            "capturing on {interface} needs the capability CAP_NET_RAW: run as root, or grant it with: sudo setcap cap_net_raw+ep {program}"
        ))
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureError::Io(error) => error.fmt(f),
            CaptureError::Format(text)
            | CaptureError::Truncated(text)
            | CaptureError::InterfaceGone(text)
            | CaptureError::Permission(text)
            | CaptureError::Filter(text)
            | CaptureError::Library(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for CaptureError {}

impl From<std::io::Error> for CaptureError {
    fn from(error: std::io::Error) -> Self {
        CaptureError::Io(error)
    }
}

/// A row of the registry of sources.
pub struct SourceSpec {
    pub name: &'static str,
    /// One line for `pegel list sources`.
    pub summary: &'static str,
    /// Whether it runs on live interfaces (else offline).
    pub live: bool,
}

/// Every source, for listing and documentation.
pub const SOURCES: &[SourceSpec] = &[
    SourceSpec {
        name: "pcap_file",
        summary: "pcap and pcapng files or streams, gzip-compressed as well (pegel replay)",
        live: false,
    },
    SourceSpec {
        name: "afpacket",
        summary: "interfaces, through a memory-mapped ring of the kernel (pegel run)",
        live: true,
    },
    SourceSpec {
        name: "pcap_live",
        summary: "interfaces, through libpcap (pegel run, where there is no ring)",
        live: true,
    },
    SourceSpec {
        name: "synthetic",
        summary: "seeded generator of attacks and benign traffic (tests, benches)",
        live: false,
    },
];
