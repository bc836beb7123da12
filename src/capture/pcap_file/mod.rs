//! Offline captures: pcap and pcapng, from files or streams, gzip-compressed or not, told apart by content.
//!
//! - `input`: the byte stream: decompression and the one buffer that frames borrow from.
//! - `legacy`: classic pcap. `ng`: pcapng, with its options and clocks in `options`.
//! - `record`: what the two formats share.
//! - `foreign`: names what is not a capture.
//!
//! A capture is untrusted input: every length is checked before use, nothing in here panics whatever the bytes, and
//! memory stays within a fixed bound. The compiler enforces the part that it can.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![forbid(unsafe_code)]

mod foreign;
mod input;
mod interface;
mod legacy;
mod ng;
mod options;
mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::Path;

pub use interface::Interface;

use input::Input;
use record::Stop;

use super::{CaptureError, FrameSink, PacketSource, Poll};

/// A capture that is read from its first record to its last.
///
/// The first error ends it: every record before it was delivered, and every poll after it is [`Poll::End`].
pub struct PcapFile {
    input: Input,
    format: Format,
    ended: bool,
}

enum Format {
    Legacy(legacy::Legacy),
    Ng(ng::Ng),
}

impl PcapFile {
    /// Opens the capture at `path`; `-` is standard input. Waits until the header is there.
    pub fn open(path: &Path) -> Result<PcapFile, CaptureError> {
        let file = if path == Path::new("-") {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                return Err(CaptureError::Format("is a terminal: redirect or pipe a capture into it".into()));
            }
            // A descriptor of our own: std's handle would put a small buffer and a lock around every read.
            File::from(stdin.as_fd().try_clone_to_owned()?)
        } else {
            File::open(path)?
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(CaptureError::Format("is a directory, not a capture".into()));
        }
        let total = metadata.is_file().then_some(metadata.len());
        PcapFile::from_reader(Box::new(file), total)
    }

    /// Reads a capture from `reader`; `total_bytes`, if known, is what [`PcapFile::total`] answers.
    pub fn from_reader(reader: Box<dyn Read + Send>, total_bytes: Option<u64>) -> Result<PcapFile, CaptureError> {
        let mut input = Input::new(reader, total_bytes)?;
        input.ensure(legacy::HEADER_BYTES)?;
        let head = input.bytes();
        let format = if let Some(legacy) = legacy::Legacy::open(head)? {
            input.consume(legacy::HEADER_BYTES);
            Format::Legacy(legacy)
        } else if let Some(ng) = ng::Ng::open(head)? {
            Format::Ng(ng)
        } else {
            return Err(CaptureError::Format(foreign::describe(head)));
        };
        Ok(PcapFile { input, format, ended: false })
    }

    /// Bytes of the input consumed so far; of the compressed input where it is compressed.
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    /// Size of the input in the same bytes, where it is known. A file that is still being written may outgrow it.
    pub fn total(&self) -> Option<u64> {
        self.input.total()
    }

    /// The interfaces seen so far, in the order of [`Frame::interface`](super::Frame::interface). Classic pcap has
    /// exactly one; pcapng may declare another at any point.
    pub fn interfaces(&self) -> &[Interface] {
        match &self.format {
            Format::Legacy(legacy) => legacy.interfaces(),
            Format::Ng(ng) => ng.interfaces(),
        }
    }

    fn advance<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        loop {
            let (window, offset) = (self.input.bytes(), self.input.offset());
            let step = match &mut self.format {
                Format::Legacy(legacy) => legacy.deliver(window, offset, sink),
                Format::Ng(ng) => ng.deliver(window, offset, sink),
            };
            self.input.consume(step.consumed);
            match step.stop {
                Stop::Failed(error) => return Err(error),
                Stop::Budget => return Ok(Poll::Delivered),
                // Back to the caller before the next read, which may block: what has arrived should take effect.
                Stop::Starved if step.consumed > 0 => return Ok(Poll::Delivered),
                Stop::Starved => {}
            }
            if self.input.fill()? == 0 {
                if self.input.bytes().is_empty() {
                    return Ok(Poll::End);
                }
                let unit = match &self.format {
                    Format::Legacy(legacy) => format!("record {}", legacy.records().saturating_add(1)),
                    Format::Ng(ng) => format!("block {}", ng.blocks().saturating_add(1)),
                };
                return Err(CaptureError::Truncated(format!(
                    "ends inside {unit} at byte {} (cut off while writing?); everything before it was read",
                    self.input.offset()
                )));
            }
        }
    }
}

impl PacketSource for PcapFile {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        if self.ended {
            return Ok(Poll::End);
        }
        let result = self.advance(sink);
        self.ended = !matches!(result, Ok(Poll::Delivered));
        result
    }
}

impl fmt::Debug for PcapFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapFile")
            .field("interfaces", &self.interfaces())
            .field("position", &self.position())
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}
