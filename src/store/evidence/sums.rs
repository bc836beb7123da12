//! SHA-256 sums in the format of `sha256sum`: 64 lower-case hexadecimal digits, two spaces, the name.

use std::fmt::Write;

/// A SHA-256 digest.
pub(super) type Digest = [u8; 32];

/// A line of a file of sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) digest: Digest,
    pub(super) name: String,
}

/// The digest of octets in memory.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Octets from lower-case hexadecimal digits; `None` for anything else.
pub(super) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut octets = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (octet, &[high, low]) in octets.iter_mut().zip(pairs) {
        *octet = nibble(high)? << 4 | nibble(low)?;
    }
    Some(octets)
}

impl Line {
    /// The line of a file.
    pub(super) fn new(digest: Digest, name: &str) -> Line {
        Line { digest, name: name.to_owned() }
    }

    /// With the newline.
    pub(super) fn text(&self) -> String {
        format!("{}  {}\n", hex(&self.digest), self.name)
    }

    /// From a line without its newline, exactly as [`Line::text`] writes it: no other form is accepted, so that no octet can
    /// change unnoticed.
    pub(super) fn parse(line: &str) -> Option<Line> {
        let (digest, name) = line.split_once("  ")?;
        let is_plain = !name.is_empty() && name.len() <= 200 && !name.contains(|c: char| c.is_control() || c == '\\');
        is_plain.then_some(())?;
        Some(Line { digest: from_hex(digest)?, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_is_read() {
        let line = Line::new(digest(b"abc"), "a.txt");
        let text = line.text();
        assert!(text.starts_with("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.txt\n"));
        assert_eq!(Line::parse(text.trim_end()), Some(line));
        let upper = text.trim_end().replace("ba78", "BA78");
        for wrong in ["", "ab  x", &upper, &text, text.trim_end().replace("  a", " *a").as_str()] {
            assert_eq!(Line::parse(wrong), None, "{wrong:?}");
        }
    }
}
