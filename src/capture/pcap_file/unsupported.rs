//! Identifies files that are not readable captures, so that the error can say what to do.

/// First bytes of well-known file types, and the message for the user.
const KNOWN: &[(&[u8], &str)] = &[
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: decompress it first (zstd -d)"),
    (b"\xfd7zXZ\0", "is compressed with xz: decompress it first (xz -d)"),
    (b"BZh", "is compressed with bzip2: decompress it first (bzip2 -d)"),
    (b"\x04\x22\x4d\x18", "is compressed with lz4: decompress it first (lz4 -d)"),
    (b"\x1f\x9d", "is compressed with compress: decompress it first (gzip -d)"),
    (b"\x1f\x8b", "is compressed with gzip twice: decompress it first (gzip -d)"),
    (b"PK\x03\x04", "is a zip archive: unpack it first (unzip)"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive: unpack it first (7z x)"),
    (b"Rar!\x1a\x07", "is a RAR archive: unpack it first (unrar x)"),
    (b"snoop\0\0\0", "is a snoop capture: convert it to pcap first (editcap -F pcap)"),
    (b"btsnoop\0", "is a Bluetooth snoop capture, not one of a network"),
    (b"GMBU", "is a Network Monitor capture: convert it to pcap first (editcap -F pcap)"),
    (b"RTSS", "is a Network Monitor capture: convert it to pcap first (editcap -F pcap)"),
    (b"version https://git-lfs", "is a Git LFS pointer, not the capture itself: fetch it first (git lfs pull)"),
];

/// First bytes of supported captures. A file that ends within one of them is a truncated capture.
const READABLE: &[[u8; 4]] = &[
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

/// Why a file that begins with `head` cannot be read. `head` is the part read so far.
pub(super) fn describe(head: &[u8]) -> String {
    if head.is_empty() {
        return "is empty: not a capture".into();
    }
    if head.len() < 4 && READABLE.iter().any(|magic| magic.starts_with(head)) {
        return "ends inside its header (truncated while writing?)".into();
    }
    if let Some((_, text)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*text).into();
    }
    // POSIX tar has its magic after the header fields of the first member.
    if head.get(257..262) == Some(b"ustar") {
        return "is a tar archive: unpack it first (tar -x)".into();
    }
    let sample = head.get(..512).unwrap_or(head);
    if sample.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        let start = sample.trim_ascii_start();
        let begins = |tag: &[u8]| start.get(..tag.len()).is_some_and(|text| text.eq_ignore_ascii_case(tag));
        return if begins(b"<!doctype html") || begins(b"<html") {
            "looks like HTML, not a capture (a failed download?)".into()
        } else {
            "looks like text, not a capture".into()
        };
    }
    let hex: Vec<String> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("is not a capture: it starts with {}, expected pcap, pcapng or gzip", hex.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_files_are_identified() {
        let tar = [&b"name.pcap\0"[..], &[0; 247], b"ustar\0"].concat();
        let cases: &[(&[u8], &str)] = &[
            (b"", "is empty: not a capture"),
            (b"\xd4\xc3", "ends inside its header (truncated while writing?)"),
            (b"\x0a\x0d\x0d", "ends inside its header (truncated while writing?)"),
            (b"\x28\xb5\x2f\xfd\x00", "is compressed with zstd: decompress it first (zstd -d)"),
            (b"snoop\0\0\0\0\0\0\x02", "is a snoop capture: convert it to pcap first (editcap -F pcap)"),
            (&tar, "is a tar archive: unpack it first (tar -x)"),
            (b"\n <!DOCTYPE html><title>404", "looks like HTML, not a capture (a failed download?)"),
            (b"Not Found\n", "looks like text, not a capture"),
            (b"<html", "looks like HTML, not a capture (a failed download?)"),
            (b"\x00\x01\xfe\xffxyz", "is not a capture: it starts with 00 01 fe ff, expected pcap, pcapng or gzip"),
        ];
        for (head, text) in cases {
            assert_eq!(describe(head), *text);
        }
    }
}
