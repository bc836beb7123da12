//! Offline captures: pcap and pcapng, from files or streams, optionally gzip-compressed. The format is detected from
//! the content.
//!
//! - `input`: the byte stream: decompression, and the buffer that frames borrow from.
//! - `legacy`: classic pcap. `ng`: pcapng, with its options and clocks in `options`. `interface`: what both record
//!   about interfaces.
//! - `record`: limits and helpers that both formats share.
//! - `unsupported`: identifies files that are not readable captures.
//!
//! A capture is untrusted input: every length is checked before use, no input causes a panic, and memory use is
//! bounded. The compiler enforces what it can.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![forbid(unsafe_code)]

mod input;
mod interface;
mod legacy;
mod ng;
mod options;
mod record;
#[cfg(test)]
mod tests;
mod unsupported;

use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::Path;

pub use interface::Interface;

use input::Input;
use record::Stop;

use super::{CaptureError, FrameSink, PacketSource, Poll};

/// A capture file or stream, read from its first record to its last.
///
/// The first error ends it: every record before the error was delivered, and every later poll returns [`Poll::End`].
pub struct PcapFile {
    input: Input,
    format: Format,
    ended: bool,
    /// The zeros at the end, once they were found.
    zeros: Option<Zeros>,
    unread: Option<Unread>,
}

/// Zeros that are the end of the capture, unless other data follow.
struct Zeros {
    /// Bytes that were skipped, zeros or not.
    skipped: u64,
    /// Of the first bytes skipped, those that are the beginning of a record.
    written: u64,
    /// The record that begins there, and its offset.
    record: String,
    /// The error if other data follow.
    otherwise: CaptureError,
}

/// The end of a capture, which contains no complete record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its bytes after decompression.
    pub bytes: u64,
    /// Whether they are zeros: space that was reserved and never written.
    pub zeros: bool,
}

enum Format {
    Legacy(legacy::Legacy),
    Ng(ng::Ng),
}

impl PcapFile {
    /// Opens the capture at `path`; `-` is standard input. Blocks until the header has been read.
    pub fn open(path: &Path) -> Result<PcapFile, CaptureError> {
        let file = if path == Path::new("-") {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                return Err(CaptureError::Format("is a terminal: redirect a capture to it or pipe one into it".into()));
            }
            // A duplicate descriptor: std's handle would add a small buffer and a lock to every read.
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

    /// Reads a capture from `reader`; `total_bytes`, if known, is what [`PcapFile::total`] returns.
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
            return Err(CaptureError::Format(unsupported::describe(head)));
        };
        Ok(PcapFile { input, format, ended: false, zeros: None, unread: None })
    }

    /// Bytes of the input consumed so far, before decompression.
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    /// Size of the input in bytes before decompression, if known. A file that is still being written may outgrow it.
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

    /// The bytes at its end that were not read, once the end was reached; `None` if there are none, or if reading failed.
    pub fn unread(&self) -> Option<Unread> {
        self.unread
    }

    /// The record that the window begins with.
    fn record(&self) -> String {
        let (unit, number) = match &self.format {
            Format::Legacy(legacy) => ("record", legacy.records()),
            Format::Ng(ng) => ("block", ng.blocks()),
        };
        format!("{unit} {} at byte {}", number.saturating_add(1), self.input.offset())
    }

    /// Skips the zeros at the end, a window per call.
    fn skip_zeros(&mut self, mut zeros: Zeros) -> Result<Poll, CaptureError> {
        let window = self.input.bytes();
        if window.iter().any(|&byte| byte != 0) {
            return Err(zeros.otherwise);
        }
        zeros.skipped = zeros.skipped.saturating_add(window.len() as u64);
        self.input.consume(window.len());
        if self.input.fill()? > 0 {
            self.zeros = Some(zeros);
            return Ok(Poll::Delivered);
        }
        self.unread = Some(Unread { bytes: zeros.skipped, zeros: zeros.written == 0 });
        let (bytes, record) = (zeros.skipped.saturating_sub(zeros.written), zeros.record);
        Err(CaptureError::Truncated(match zeros.written {
            0 => format!("ends with {bytes} bytes of zeros, from {record} (space that was never written?)"),
            _ => format!("ends inside {record}, with {bytes} bytes of zeros (space that was never written?)"),
        }))
    }

    fn advance<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        if let Some(zeros) = self.zeros.take() {
            return self.skip_zeros(zeros);
        }
        loop {
            let (window, offset) = (self.input.bytes(), self.input.offset());
            let step = match &mut self.format {
                Format::Legacy(legacy) => legacy.deliver(window, offset, sink),
                Format::Ng(ng) => ng.deliver(window, offset, sink),
            };
            self.input.consume(step.consumed);
            match step.stop {
                Stop::Failed(error) => return Err(error),
                Stop::Zeros { skip, otherwise } => {
                    let (record, skipped) = (self.record(), skip as u64);
                    self.input.consume(skip);
                    return self.skip_zeros(Zeros { skipped, written: skipped, record, otherwise });
                }
                Stop::Budget => return Ok(Poll::Delivered),
                // Return to the caller before the next read, which may block, so that what has arrived takes effect.
                Stop::Starved if step.consumed > 0 => return Ok(Poll::Delivered),
                Stop::Starved => {}
            }
            if self.input.fill()? == 0 {
                if self.input.bytes().is_empty() {
                    return Ok(Poll::End);
                }
                let (rest, record) = (self.input.bytes(), self.record());
                let unread = Unread { bytes: rest.len() as u64, zeros: rest.iter().all(|&byte| byte == 0) };
                self.unread = Some(unread);
                return Err(CaptureError::Truncated(match unread.zeros {
                    true => format!(
                        "ends with {} bytes of zeros, from {record} (space that was never written?)",
                        unread.bytes
                    ),
                    false => {
                        format!("ends inside {record} (truncated while writing?); everything before that was read")
                    }
                }));
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
