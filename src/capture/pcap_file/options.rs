//! The options of pcapng blocks, and the timestamp format that interface options define.

use super::record::{half, word};
use crate::base::Timestamp;
use crate::capture::FrameDirection;

const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_FCSLEN: u16 = 13;
const IF_TSOFFSET: u16 = 14;
/// epb_flags of the enhanced packet block and pack_flags of the obsolete packet block have the same code.
const FLAGS: u16 = 2;

/// Longest interface name kept, in characters.
const NAME_CHARS: usize = 128;

/// Iterates over the code and value of each option. Ends at opt_endofopt or at an option that overruns the block: a
/// damaged option is no reason to discard the packet.
struct Options<'a, const BIG: bool>(&'a [u8]);

impl<'a, const BIG: bool> Iterator for Options<'a, BIG> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[c0, c1, l0, l1], rest) = self.0.split_first_chunk::<4>()?;
        let (code, length) = (half::<BIG>([c0, c1]), usize::from(half::<BIG>([l0, l1])));
        if code == 0 {
            return None;
        }
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest.get(length.wrapping_neg() % 4..).unwrap_or_default();
        Some((code, value))
    }
}

/// The contents of a packet's flags word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// Direction, if given.
    pub(super) direction: FrameDirection,
    /// Length of this packet's FCS in octets, if given.
    pub(super) fcs: Option<u32>,
}

/// Finds the flags word among the options of a packet.
pub(super) fn flags<const BIG: bool>(options: &[u8]) -> Flags {
    let word = Options::<BIG>(options)
        .find_map(|(code, value)| if code == FLAGS { <[u8; 4]>::try_from(value).ok().map(word::<BIG>) } else { None });
    let Some(word) = word else { return Flags::default() };
    let direction = match word & 0b11 {
        0b01 => FrameDirection::Ingress,
        0b10 => FrameDirection::Egress,
        _ => FrameDirection::Unknown,
    };
    // Bits 5 to 8, in octets; zero is "not given".
    let fcs = (word >> 5) & 0b1111;
    Flags { direction, fcs: (fcs > 0).then_some(fcs) }
}

/// The relevant options of an interface description.
#[derive(Default)]
pub(super) struct InterfaceOptions {
    pub(super) name: Option<String>,
    pub(super) clock: Clock,
    /// Length of the FCS in octets.
    pub(super) fcs: u32,
}

/// Parses the options of an interface description block.
pub(super) fn interface_options<const BIG: bool>(options: &[u8]) -> InterfaceOptions {
    let mut found = InterfaceOptions::default();
    for (code, value) in Options::<BIG>(options) {
        match (code, value) {
            (IF_NAME, name) => found.name = Some(printable(name)),
            (IF_TSRESOL, [resolution]) => found.clock.scale = Scale::new(*resolution),
            // The draft specifies bits, but writers write octets. The ranges do not overlap: no FCS is longer than 8
            // octets or shorter than 16 bits.
            (IF_FCSLEN, [length]) => found.fcs = u32::from(if *length > 8 { *length / 8 } else { *length }),
            (IF_TSOFFSET, value) => {
                if let Ok(value) = <[u8; 8]>::try_from(value) {
                    found.clock.offset = if BIG { i64::from_be_bytes(value) } else { i64::from_le_bytes(value) };
                }
            }
            _ => {}
        }
    }
    found
}

/// Replaces control characters: a name from an untrusted file may be shown in a terminal or a log.
fn printable(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    // Some writers include the terminating NUL of a C string.
    name.trim_end_matches('\0')
        .chars()
        .take(NAME_CHARS)
        .map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

/// How the timestamps of an interface are interpreted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    scale: Scale,
    /// Seconds to add.
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// Nanoseconds per unit.
    Coarse(u64),
    /// Units per nanosecond.
    Fine(u64),
    /// Units of 2^-n seconds.
    Binary(u32),
}

/// Microseconds, the default without if_tsresol.
impl Default for Scale {
    fn default() -> Self {
        Scale::Coarse(1000)
    }
}

impl Scale {
    /// From if_tsresol: a negative power of ten, or of two if the top bit is set.
    fn new(resolution: u8) -> Scale {
        let exponent = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            Scale::Binary(exponent)
        } else if exponent <= 9 {
            Scale::Coarse(10u64.pow(9u32.saturating_sub(exponent)))
        } else {
            // If the power exceeds 64 bits, every timestamp is less than a nanosecond and the division gives zero.
            Scale::Fine(10u64.checked_pow(exponent.saturating_sub(9)).unwrap_or(u64::MAX))
        }
    }
}

impl Clock {
    /// Converts a timestamp of this clock, clamped to the range of [`Timestamp`].
    #[inline(always)]
    pub(super) fn time(&self, units: u64) -> Timestamp {
        let nanos = match self.scale {
            Scale::Coarse(nanos) => units.saturating_mul(nanos),
            Scale::Fine(units_per_nano) => units / units_per_nano.max(1),
            // No overflow: the factors have 64 and 30 bits. The exponent has 7 bits, so the shift is less than 128.
            Scale::Binary(exponent) => {
                let nanos = (u128::from(units) * 1_000_000_000) >> (exponent & 127);
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        if self.offset == 0 {
            return Timestamp::from_nanos(nanos);
        }
        let nanos = i128::from(nanos) + i128::from(self.offset) * 1_000_000_000;
        Timestamp::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(resolution: u8, offset: i64) -> Clock {
        Clock { scale: Scale::new(resolution), offset }
    }

    #[test]
    fn clocks_of_every_resolution() {
        assert_eq!(Clock::default().time(1_500_000).nanos(), 1_500_000_000);
        assert_eq!(clock(6, 0), Clock::default());
        assert_eq!(clock(0, 0).time(7).nanos(), 7_000_000_000);
        assert_eq!(clock(9, 0).time(7).nanos(), 7);
        assert_eq!(clock(12, 0).time(7_999).nanos(), 7);
        assert_eq!(clock(127, 0).time(u64::MAX - 1).nanos(), 0);
        assert_eq!(clock(0x80 | 32, 0).time(3 << 31).nanos(), 1_500_000_000);
        assert_eq!(clock(0xff, 0).time(u64::MAX).nanos(), 0);
    }

    #[test]
    fn clocks_saturate() {
        assert_eq!(clock(0, 0).time(u64::MAX).nanos(), u64::MAX);
        assert_eq!(clock(0x80, 0).time(u64::MAX).nanos(), u64::MAX);
        assert_eq!(clock(6, i64::MAX).time(5).nanos(), u64::MAX);
        assert_eq!(clock(6, i64::MIN).time(u64::MAX).nanos(), 0);
        assert_eq!(clock(6, -1).time(2_500_000).nanos(), 1_500_000_000);
        assert_eq!(clock(9, 1_700_000_000).time(5).nanos(), 1_700_000_000_000_000_005);
    }

    #[test]
    fn options_end_at_damage() {
        let options = [2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(flags::<false>(&options).direction, FrameDirection::Ingress);
        assert_eq!(flags::<false>(&options[..7]), Flags::default());
        // Options after one that overruns, or after the end of the options, are ignored.
        let overrun = [&[9, 9, 255, 0][..], &options].concat();
        assert_eq!(flags::<false>(&overrun), Flags::default());
        let ended = [&[0, 0, 0, 0][..], &options].concat();
        assert_eq!(flags::<false>(&ended), Flags::default());
        // An odd length is padded.
        let comment = [&[1, 0, 5, 0, b'h', b'e', b'l', b'l', b'o', 0, 0, 0][..], &options].concat();
        assert_eq!(flags::<false>(&comment).direction, FrameDirection::Ingress);
    }

    #[test]
    fn flags_contain_direction_and_fcs() {
        let word = |value: u32| [&[0, 2, 0, 4][..], &value.to_be_bytes()].concat();
        assert_eq!(flags::<true>(&word(0b10)), Flags { direction: FrameDirection::Egress, fcs: None });
        assert_eq!(flags::<true>(&word(4 << 5 | 1)), Flags { direction: FrameDirection::Ingress, fcs: Some(4) });
        assert_eq!(flags::<true>(&word(0b11)), Flags::default());
    }

    #[test]
    fn names_are_made_printable() {
        let options = [&[2, 0, 7, 0][..], b"en\x1bp\n3\0", &[0]].concat();
        assert_eq!(interface_options::<false>(&options).name.as_deref(), Some("en\u{fffd}p\u{fffd}3"));
    }

    #[test]
    fn fcs_lengths_in_octets_or_bits() {
        assert_eq!(interface_options::<false>(&[13, 0, 1, 0, 4, 0, 0, 0]).fcs, 4);
        assert_eq!(interface_options::<false>(&[13, 0, 1, 0, 32, 0, 0, 0]).fcs, 4);
    }
}
