//! Capture: frames from a file, an interface or a generator, delivered one at a time as borrowed slices.
//!
//! A source owns its buffers; nothing is copied or allocated per frame. [`SOURCES`] lists all sources. To add one,
//! implement [`PacketSource`], add a row to [`SOURCES`], and open the source in `runtime`.

pub mod afpacket;
mod error;
mod frame;
pub mod pcap_file;
pub mod pcap_live;
mod registry;
mod source;

pub use error::CaptureError;
pub use frame::{Frame, FrameDirection, FrameSink, LinkType, Vlan};
pub use registry::{SOURCES, SourceSpec};
pub use source::{PacketSource, Poll, SourceStats};
