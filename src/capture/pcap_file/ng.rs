//! pcapng (draft-ietf-opsawg-pcapng): sections of blocks, each section in the byte order of its writer.

use super::interface::Interface;
use super::options::{self, Clock};
use super::record::{BUDGET, Link, MAX_RECORD, Step, Stop, half, wire_len, word};
use crate::base::Timestamp;
use crate::capture::{CaptureError, Frame, FrameDirection, FrameSink};

/// Section Header Block; the same in either byte order.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// Packet Block: obsolete, written by early versions of the format.
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Minimum length of a section header block: type, length, byte order, version, section length, length again.
const SECTION_BYTES: usize = 28;
/// Interfaces of all sections at most; a file with more is made to exhaust memory or time. dumpcap captures on as many as a machine has.
const MAX_INTERFACES: usize = 1024;

/// An interface of the current section.
struct SectionInterface {
    link: Link,
    trims: bool,
    snaplen: u32,
    clock: Clock,
    /// Index among the interfaces of all sections.
    index: u16,
}

pub(super) struct Ng {
    big: bool,
    /// Interfaces of the current section, by interface ID.
    section: Vec<SectionInterface>,
    /// Interfaces of all sections.
    interfaces: Vec<Interface>,
    /// Number of those that the caller knows.
    shown: usize,
    /// Number of those that earlier sections declared.
    earlier: usize,
    /// Time of the previous packet, which simple packets inherit: they have no timestamp.
    last: Timestamp,
    blocks: u64,
}

impl Ng {
    /// Checks the first section header without consuming it; `None` if `head` does not begin with one.
    pub(super) fn open(head: &[u8]) -> Result<Option<Ng>, CaptureError> {
        if head.first_chunk() != Some(&SECTION.to_le_bytes()) {
            return Ok(None);
        }
        match section_header(head) {
            Ok(Some(_)) => Ok(Some(Ng {
                big: false,
                section: Vec::new(),
                interfaces: Vec::new(),
                shown: 0,
                earlier: 0,
                last: Timestamp::ZERO,
                blocks: 0,
            })),
            Ok(None) => Err(CaptureError::Format("ends inside its header (truncated while writing?)".into())),
            Err(what) => Err(CaptureError::Format(format!("is damaged: its pcapng section header {what}"))),
        }
    }

    /// Interfaces of all sections so far.
    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Blocks read so far.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Delivers the packets of the complete blocks at the beginning of `window`, which is at byte `offset` of the file.
    pub(super) fn deliver<S: FrameSink>(&mut self, window: &[u8], offset: u64, sink: &mut S) -> Step {
        let first = self.blocks;
        let mut rest = window;
        let stop = loop {
            let budget = BUDGET.saturating_sub(u32::try_from(self.blocks - first).unwrap_or(BUDGET));
            let ran = if self.big {
                self.run::<true, S>(&mut rest, budget, sink)
            } else {
                self.run::<false, S>(&mut rest, budget, sink)
            };
            let result = match ran {
                Ok(Some(stop)) => break stop,
                Ok(None) => self.begin_section(&mut rest),
                Err(what) => Err(what),
            };
            match result {
                Ok(true) => {}
                Ok(false) => break Stop::Starved,
                Err(what) => {
                    let at = offset.saturating_add((window.len() - rest.len()) as u64);
                    let number = self.blocks.saturating_add(1);
                    let damaged =
                        CaptureError::Format(format!("is damaged: pcapng block {number} at byte {at} {what}"));
                    break match self.zeros_from(rest) {
                        Some(skip) => Stop::Zeros { skip, otherwise: damaged },
                        None => Stop::Failed(damaged),
                    };
                }
            }
        };
        let is_news = self.interfaces.len() > self.shown;
        self.shown = self.interfaces.len();
        // The caller must know of an interface before its packets are delivered.
        let stop = if is_news && matches!(stop, Stop::Starved) { Stop::Budget } else { stop };
        Step { consumed: window.len() - rest.len(), stop }
    }

    /// Where in the damaged block that `rest` begins with the zeros begin, if its end or all of it was not written.
    fn zeros_from(&self, rest: &[u8]) -> Option<usize> {
        let length = *rest.get(4..)?.first_chunk::<4>()?;
        let length = if self.big { word::<true>(length) } else { word::<false>(length) };
        // Without a length nothing after the header was written, else not the copy of the length.
        let (whole, limit) = if length < 12 {
            (rest, 8)
        } else {
            let length = block_length(length).ok()?;
            (rest.get(..length)?, length.saturating_sub(4))
        };
        let written = whole.iter().rposition(|&byte| byte != 0).map_or(0, |last| last.saturating_add(1));
        (written <= limit).then_some(written)
    }

    /// Processes at most `budget` blocks of one section. Returns `None` at the start of the next section. On an error,
    /// `rest` starts with the block concerned.
    fn run<const BIG: bool, S: FrameSink>(
        &mut self,
        rest: &mut &[u8],
        budget: u32,
        sink: &mut S,
    ) -> Result<Option<Stop>, String> {
        for _ in 0..budget {
            let Some((header, _)) = rest.split_first_chunk::<8>() else { return Ok(Some(Stop::Starved)) };
            let ([kind, length], _) = header.as_chunks::<4>() else { return Ok(Some(Stop::Starved)) };
            let kind = word::<BIG>(*kind);
            if kind == SECTION {
                return Ok(None);
            }
            // Interfaces declared in a row are announced together.
            if self.interfaces.len() > self.shown && kind != INTERFACE {
                break;
            }
            let length = block_length(word::<BIG>(*length))?;
            let Some((block, next)) = rest.split_at_checked(length) else { return Ok(Some(Stop::Starved)) };
            let body = block_body::<BIG>(block)?;
            match kind {
                ENHANCED_PACKET => self.enhanced::<BIG, S>(body, sink)?,
                INTERFACE => self.declare::<BIG>(body)?,
                SIMPLE_PACKET => self.simple::<BIG, S>(body, sink)?,
                OLD_PACKET => self.old::<BIG, S>(body, sink)?,
                // Name resolution, statistics, decryption secrets, custom blocks, and block types of the future.
                _ => {}
            }
            *rest = next;
            self.blocks = self.blocks.saturating_add(1);
        }
        Ok(Some(Stop::Budget))
    }

    /// Starts the section that `rest` begins with; `false` if its header is still incomplete.
    fn begin_section(&mut self, rest: &mut &[u8]) -> Result<bool, String> {
        let Some((big, length)) = section_header(rest)? else { return Ok(false) };
        let Some((block, next)) = rest.split_at_checked(length) else { return Ok(false) };
        if big {
            block_body::<true>(block)?
        } else {
            block_body::<false>(block)?
        };
        self.big = big;
        self.section.clear();
        self.earlier = self.interfaces.len();
        self.blocks = self.blocks.saturating_add(1);
        *rest = next;
        Ok(true)
    }

    fn declare<const BIG: bool>(&mut self, body: &[u8]) -> Result<(), String> {
        let Some((&[k0, k1, _, _, s0, s1, s2, s3], options)) = body.split_first_chunk::<8>() else {
            return Err("is too short for an interface".into());
        };
        if self.section.len() >= MAX_INTERFACES {
            return Err(too_many());
        }
        let snaplen = word::<BIG>([s0, s1, s2, s3]);
        let options = options::interface_options::<BIG>(options);
        let link = Link::new(half::<BIG>([k0, k1]), options.fcs);
        let interface = Interface { name: options.name, link: link.kind, snaplen };
        // Concatenated and rotated captures declare the same interfaces in every section. These are not new.
        let id = self.section.len();
        let index = if id < self.earlier && self.interfaces.get(id) == Some(&interface) {
            id
        } else {
            if self.interfaces.len() >= MAX_INTERFACES {
                return Err(too_many());
            }
            self.interfaces.push(interface);
            self.interfaces.len().saturating_sub(1)
        };
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        self.section.push(SectionInterface { link, trims: link.trims(), snaplen, clock: options.clock, index });
        Ok(())
    }

    #[inline(always)]
    fn enhanced<const BIG: bool, S: FrameSink>(&mut self, body: &[u8], sink: &mut S) -> Result<(), String> {
        let Some((header, content)) = body.split_first_chunk::<20>() else {
            return Err("is too short for a packet".into());
        };
        let ([interface, lengths @ ..], _) = header.as_chunks::<4>() else { return Ok(()) };
        self.packet::<BIG, S>(word::<BIG>(*interface), lengths, content, sink)
    }

    fn old<const BIG: bool, S: FrameSink>(&mut self, body: &[u8], sink: &mut S) -> Result<(), String> {
        let Some((header, content)) = body.split_first_chunk::<20>() else {
            return Err("is too short for a packet".into());
        };
        let ([[i0, i1, _, _], lengths @ ..], _) = header.as_chunks::<4>() else { return Ok(()) };
        self.packet::<BIG, S>(u32::from(half::<BIG>([*i0, *i1])), lengths, content, sink)
    }

    /// The common part of enhanced and obsolete packet blocks: time, captured and original length, data, options.
    #[inline(always)]
    fn packet<const BIG: bool, S: FrameSink>(
        &mut self,
        interface: u32,
        header: &[[u8; 4]],
        content: &[u8],
        sink: &mut S,
    ) -> Result<(), String> {
        let [high, low, captured, original] = header else { return Ok(()) };
        let Some(declared) = self.section.get(interface as usize) else { return Err(undeclared(interface)) };
        let captured = word::<BIG>(*captured);
        let Some((data, after)) = content.split_at_checked(captured as usize) else {
            return Err(format!("claims {captured} captured bytes but contains at most {}", content.len()));
        };
        let time = declared.clock.time((u64::from(word::<BIG>(*high)) << 32) | u64::from(word::<BIG>(*low)));
        let mut frame = Frame {
            time,
            data,
            wire_len: wire_len(word::<BIG>(*original), captured),
            link: declared.link.kind,
            direction: FrameDirection::Unknown,
            interface: declared.index,
            vlan: None,
            segments: 1,
            sampled: 1,
        };
        // After the data come padding to 32 bits and options; most packets have neither.
        if declared.trims || after.len() >= 4 {
            let options = after.get(data.len().wrapping_neg() % 4..).unwrap_or_default();
            let flags = options::flags::<BIG>(options);
            let fcs = flags.fcs.unwrap_or(declared.link.fcs);
            (frame.data, frame.wire_len, frame.direction) = declared.link.trim(data, frame.wire_len, fcs);
            if flags.direction != FrameDirection::Unknown {
                frame.direction = flags.direction;
            }
        }
        self.last = time;
        sink.frame(frame);
        Ok(())
    }

    fn simple<const BIG: bool, S: FrameSink>(&mut self, body: &[u8], sink: &mut S) -> Result<(), String> {
        let Some((original, content)) = body.split_first_chunk::<4>() else {
            return Err("is too short for a packet".into());
        };
        // Simple packets belong to the first interface and have no captured length: it is the smaller of the original
        // length and the snapshot length of the interface.
        let Some(declared) = self.section.first() else { return Err(undeclared(0)) };
        let original = word::<BIG>(*original);
        let limit = if declared.snaplen == 0 { u32::MAX } else { declared.snaplen };
        let data = content.get(..original.min(limit) as usize).unwrap_or(content);
        let wire = wire_len(original, u32::try_from(data.len()).unwrap_or(u32::MAX));
        let (data, wire_len, direction) = declared.link.trim(data, wire, declared.link.fcs);
        sink.frame(Frame {
            time: self.last,
            data,
            wire_len,
            link: declared.link.kind,
            direction,
            interface: declared.index,
            vlan: None,
            segments: 1,
            sampled: 1,
        });
        Ok(())
    }
}

/// The byte order (true for big-endian) and length of a section header block; `None` if `head` is too short.
fn section_header(head: &[u8]) -> Result<Option<(bool, usize)>, String> {
    let ([_, length, order, [v0, v1, _, _], ..], _) = head.as_chunks::<4>() else { return Ok(None) };
    let (big, length, major) = if u32::from_le_bytes(*order) == BYTE_ORDER {
        (false, word::<false>(*length), half::<false>([*v0, *v1]))
    } else if u32::from_be_bytes(*order) == BYTE_ORDER {
        (true, word::<true>(*length), half::<true>([*v0, *v1]))
    } else {
        return Err("has no byte-order magic".into());
    };
    if major != 1 {
        return Err(format!("is of pcapng version {major}, which is not supported"));
    }
    let length = block_length(length)?;
    if length < SECTION_BYTES {
        return Err(format!("has length {length}, less than {SECTION_BYTES}"));
    }
    Ok(Some((big, length)))
}

/// Validates a block's length before waiting for that many bytes.
#[inline(always)]
fn block_length(length: u32) -> Result<usize, String> {
    if length < 12 || !length.is_multiple_of(4) || length as usize > MAX_RECORD {
        return Err(bad_length(length));
    }
    Ok(length as usize)
}

/// The part between a block's header and the copy of its length at its end.
#[inline(always)]
fn block_body<const BIG: bool>(block: &[u8]) -> Result<&[u8], String> {
    let Some((start, trailer)) = block.split_last_chunk::<4>() else { return Ok(&[]) };
    if word::<BIG>(*trailer) as usize != block.len() {
        return Err(format!("has length {} at its beginning and {} at its end", block.len(), word::<BIG>(*trailer)));
    }
    Ok(start.get(8..).unwrap_or_default())
}

#[cold]
fn too_many() -> String {
    format!("declares more than {MAX_INTERFACES} interfaces")
}

#[cold]
fn bad_length(length: u32) -> String {
    if length < 12 {
        format!("has length {length}, less than its own header")
    } else if length as usize > MAX_RECORD {
        format!("has length {length}, more than the maximum of {MAX_RECORD}")
    } else {
        format!("has length {length}, not a multiple of 4")
    }
}

#[cold]
fn undeclared(interface: u32) -> String {
    format!("is a packet of interface {interface}, which is not declared in its section")
}
