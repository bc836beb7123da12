//! The Internet checksum (RFC 1071) over headers, pseudo-headers and payload.

use crate::base::Addr;

/// Sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1).
pub(crate) fn pseudo_sum(source: Addr, target: Addr, protocol: u8, length: usize) -> u64 {
    let address = |address: Addr| {
        if address.is_v4() { sum(&(address.bits() as u32).to_be_bytes()) } else { sum(&address.bits().to_be_bytes()) }
    };
    address(source) + address(target) + u64::from(protocol) + length as u64
}

/// Unfolded sum of 16-bit big-endian words; an odd last octet counts as the high one (RFC 1071).
pub(crate) fn sum(data: &[u8]) -> u64 {
    let mut chunks = data.chunks_exact(2);
    let whole: u64 = chunks.by_ref().map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    whole + chunks.remainder().first().map_or(0, |&last| u64::from(last) << 8)
}

/// Folds a sum into 16 bits with end-around carry.
pub(crate) const fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Overwrites the two octets at `at`; does nothing if they are out of range.
pub(crate) fn put(data: &mut [u8], at: usize, value: u16) {
    if let Some(octets) = data.get_mut(at..at + 2) {
        octets.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_the_rfc() {
        // RFC 1071 §3.
        assert_eq!(fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
        assert_eq!(sum(&[1, 2, 3]), 0x0102 + 0x0300);
    }
}
