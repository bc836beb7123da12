//! The byte stream below the formats: an optional gzip layer, and the window that frames borrow from.

use std::io::{BufReader, Chain, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use super::record::MAX_RECORD;
use crate::capture::CaptureError;

/// Initial size of the window: large enough to make the cost of a read per record negligible, small enough to stay in
/// the second-level cache between reading and parsing.
const WINDOW: usize = 256 * 1024;
/// Bytes read from a compressed input at a time.
const COMPRESSED_READ: usize = 64 * 1024;
/// First bytes of a gzip member (RFC 1952) with deflate, the only method defined.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// Counts the bytes read, for progress reports.
struct CountingReader {
    inner: Box<dyn Read + Send>,
    count: u64,
}

impl Read for CountingReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.inner.read(into) {
                Ok(count) => {
                    self.count = self.count.saturating_add(count as u64);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The compressed bytes from the beginning: the cursor replays those that were read to detect the format.
type Compressed = BufReader<Chain<Cursor<Vec<u8>>, CountingReader>>;

enum Stream {
    Plain(CountingReader),
    Gzip(Box<MultiGzDecoder<Compressed>>),
}

/// A window over the decompressed stream: [`fill`](Input::fill) appends to its end, [`consume`](Input::consume) removes
/// from its beginning.
pub(super) struct Input {
    stream: Stream,
    buffer: Vec<u8>,
    /// The window is `buffer[start..end]`, with `start <= end <= buffer.len()`.
    start: usize,
    end: usize,
    /// Offset of the window in the decompressed stream.
    offset: u64,
    total: Option<u64>,
}

impl Input {
    /// Reads enough to detect whether the stream is compressed.
    pub(super) fn new(reader: Box<dyn Read + Send>, total: Option<u64>) -> Result<Input, CaptureError> {
        let stream = Stream::Plain(CountingReader { inner: reader, count: 0 });
        let mut input = Input { stream, buffer: vec![0; WINDOW], start: 0, end: 0, offset: 0, total };
        input.ensure(GZIP.len())?;
        if !input.bytes().starts_with(&GZIP) {
            return Ok(input);
        }
        let taken = Cursor::new(input.bytes().to_vec());
        input.consume(input.bytes().len());
        input.offset = 0;
        if let Stream::Plain(counted) = input.stream {
            let source = BufReader::with_capacity(COMPRESSED_READ, taken.chain(counted));
            input.stream = Stream::Gzip(Box::new(MultiGzDecoder::new(source)));
        }
        Ok(input)
    }

    /// The bytes read but not consumed.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Removes `count` bytes from the beginning of the window.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end.saturating_sub(self.start));
        self.start = self.start.saturating_add(count);
        self.offset = self.offset.saturating_add(count as u64);
    }

    /// Offset of the window in the decompressed stream.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the input consumed, before decompression.
    pub(super) fn position(&self) -> u64 {
        match &self.stream {
            Stream::Plain(counted) => counted.count.saturating_sub(self.bytes().len() as u64),
            Stream::Gzip(decoder) => {
                let buffered = decoder.get_ref();
                buffered.get_ref().get_ref().1.count.saturating_sub(buffered.buffer().len() as u64)
            }
        }
    }

    /// Size of the input in bytes before decompression, if known.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// Reads once and returns the number of bytes; 0 at the end of the stream. It does not read until the window is
    /// full: on a pipe, a few bytes may complete a record, which would then be delayed.
    pub(super) fn fill(&mut self) -> Result<usize, CaptureError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // The record is larger than the window. The window doubles as bytes arrive instead of growing to the
            // claimed size, so that a forged length costs no memory.
            let larger = self.buffer.len().saturating_mul(2).min(MAX_RECORD);
            if larger == self.buffer.len() {
                return Err(CaptureError::Format(format!("contains a record of more than {MAX_RECORD} bytes")));
            }
            self.buffer.resize(larger, 0);
        }
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = match &mut self.stream {
            Stream::Plain(counted) => counted.read(space)?,
            Stream::Gzip(decoder) => match decoder.read(space) {
                Ok(count) => count,
                Err(error) => return Err(gzip_error(error)),
            },
        };
        // A reader that reports more bytes than the buffer can hold violates its contract.
        let count = count.min(space.len());
        self.end = self.end.saturating_add(count);
        Ok(count)
    }

    /// Reads until the window holds `count` bytes or the stream ends.
    pub(super) fn ensure(&mut self, count: usize) -> Result<(), CaptureError> {
        while self.bytes().len() < count && self.fill()? > 0 {}
        Ok(())
    }
}

/// flate2 reports damaged and truncated data as I/O errors; to users they are problems of the file, not of the disk.
fn gzip_error(error: std::io::Error) -> CaptureError {
    match error.kind() {
        ErrorKind::UnexpectedEof => CaptureError::Truncated(
            "ends inside its gzip data (truncated while writing or downloading?); everything before that was read"
                .into(),
        ),
        ErrorKind::InvalidData | ErrorKind::InvalidInput => {
            CaptureError::Format(format!("its gzip data is damaged: {error}"))
        }
        _ => CaptureError::Io(error),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn input(bytes: Vec<u8>) -> Input {
        Input::new(Box::new(Cursor::new(bytes)), None).unwrap()
    }

    #[test]
    fn the_window_moves_and_grows() {
        let bytes: Vec<u8> = (0..3 * WINDOW).map(|i| (i % 251) as u8).collect();
        let mut input = input(bytes.clone());
        input.consume(100);
        input.ensure(2 * WINDOW).unwrap();
        assert!(input.bytes().len() >= 2 * WINDOW);
        assert_eq!(input.bytes()[..1000], bytes[100..1100]);
        assert_eq!(input.offset(), 100);
        assert_eq!(input.position(), 100);
        input.consume(usize::MAX);
        while input.fill().unwrap() > 0 {
            input.consume(usize::MAX);
        }
        assert_eq!(input.position(), bytes.len() as u64);
        assert_eq!(input.offset(), bytes.len() as u64);
    }

    #[test]
    fn the_window_stops_growing_at_the_largest_record() {
        let mut input = Input::new(Box::new(std::io::repeat(7)), None).unwrap();
        let error = input.ensure(usize::MAX).unwrap_err();
        assert!(matches!(error, CaptureError::Format(_)), "{error}");
        assert_eq!(input.bytes().len(), MAX_RECORD);
    }

    #[test]
    fn gzip_members_are_one_stream_and_position_counts_compressed_bytes() {
        let (first, second) = (vec![1u8; 70_000], vec![2u8; 70_000]);
        let mut compressed = gzip(&first);
        compressed.extend(gzip(&second));
        let size = compressed.len() as u64;
        let mut input = input(compressed);
        input.ensure(usize::MAX).unwrap();
        assert_eq!(input.bytes(), [first, second].concat());
        assert_eq!(input.offset(), 0);
        assert_eq!(input.position(), size);
    }

    #[test]
    fn truncated_and_damaged_gzip_streams_are_reported() {
        let noise: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let whole = gzip(&noise);
        let error = input(whole[..whole.len() / 2].to_vec()).ensure(usize::MAX).unwrap_err();
        assert!(matches!(&error, CaptureError::Truncated(text) if text.contains("gzip")), "{error}");
        let mut damaged = whole;
        let at = damaged.len() - 6; // inside the checksum
        damaged[at] ^= 0xff;
        let error = input(damaged).ensure(usize::MAX).unwrap_err();
        assert!(matches!(&error, CaptureError::Format(text) if text.contains("gzip data is damaged")), "{error}");
    }
}
