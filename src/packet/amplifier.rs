//! The table of services that reflect and amplify: what their replies look like on the wire.
//!
//! Port, signature and factor sources: CISA alert TA14-017A "UDP-Based Amplification Attacks" (with updates), Rossow
//! "Amplification Hell" (NDSS 2014), the RFC of each protocol, and the advisories named per row.

use crate::base::Vector;

/// Index of a row of [`AMPLIFIERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service(u8);

impl Service {
    pub const COUNT: usize = AMPLIFIERS.len();

    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub fn from_index(index: usize) -> Option<Service> {
        (index < AMPLIFIERS.len()).then_some(Service(index as u8))
    }

    pub fn row(self) -> Option<&'static Amplifier> {
        AMPLIFIERS.get(self.index())
    }

    /// The service that owns a UDP port.
    #[inline]
    pub fn of_port(port: u16) -> Option<Service> {
        match BY_PORT.get(usize::from(port)) {
            Some(&row) if row != NONE => Some(Service(row)),
            _ => None,
        }
    }
}

/// One service that can be abused.
pub struct Amplifier {
    pub service: &'static str,
    pub vector: Vector,
    /// UDP port of the service: the source port of its replies.
    pub port: u16,
    /// A reply has at least this many octets of UDP payload.
    pub min_payload: u16,
    /// Judges the first captured octets of the payload. Sees only what was captured, so it must not demand more
    /// than a few octets; it is not asked where none were captured.
    pub is_reply: fn(&[u8]) -> bool,
    /// True where no sane network receives these from outside at all: low floors apply.
    pub unambiguous: bool,
    pub note: &'static str,
}

/// Every service, by row.
pub const AMPLIFIERS: &[Amplifier] = &[
    Amplifier {
        service: "dns",
        vector: Vector::DnsAmplification,
        port: 53,
        min_payload: 12,
        is_reply: |p| p.get(2).is_none_or(|flags| flags & 0x80 != 0),
        unambiguous: false,
        note: "QR bit set (RFC 1035 §4.1.1); ANY, TXT and DNSSEC answers of 28 to 54 times the query (TA14-017A)",
    },
    Amplifier {
        service: "ntp",
        vector: Vector::NtpAmplification,
        port: 123,
        min_payload: 8,
        // Mode 7 (private, monlist) and mode 6 (control, readvar) with their response bits; the time service itself
        // answers in mode 4 and is not touched.
        is_reply: |p| match (p.first().copied().unwrap_or(0), p.get(1).copied().unwrap_or(0x80)) {
            (first, _) if first & 0x07 == 7 => first & 0x80 != 0,
            (first, second) if first & 0x07 == 6 => second & 0x80 != 0,
            _ => false,
        },
        unambiguous: true,
        note: "mode 7 monlist up to 556 times (CVE-2013-5211, TA14-013A); mode 6 readvar (RFC 9327)",
    },
    Amplifier {
        service: "snmp",
        vector: Vector::SnmpAmplification,
        port: 161,
        min_payload: 20,
        is_reply: |p| p.first() == Some(&0x30),
        unambiguous: false,
        note: "BER SEQUENCE, GetBulk responses (RFC 3416 §4.2.3)",
    },
    Amplifier {
        service: "memcached",
        vector: Vector::MemcachedAmplification,
        port: 11211,
        min_payload: 8,
        // UDP frame header: request id, sequence, total, then two reserved octets that are zero.
        is_reply: |p| p.get(6..8).is_none_or(|reserved| reserved == [0, 0]),
        unambiguous: true,
        note: "memcached protocol.txt, UDP frame header; up to 51,000 times (CVE-2018-1000115)",
    },
    Amplifier {
        service: "cldap",
        vector: Vector::CldapAmplification,
        port: 389,
        min_payload: 20,
        is_reply: |p| p.first() == Some(&0x30),
        unambiguous: true,
        note: "searchResEntry over UDP (RFC 1798), 56 to 70 times",
    },
    Amplifier {
        service: "ssdp",
        vector: Vector::SsdpAmplification,
        port: 1900,
        min_payload: 32,
        is_reply: |p| {
            let start = p.get(..4).unwrap_or(p);
            start == b"HTTP" || start == b"NOTI"
        },
        unambiguous: true,
        note: "answers to M-SEARCH (UPnP Device Architecture 1.1 §1.3.3), about 30 times",
    },
];

const NONE: u8 = u8::MAX;

/// Row by port. One byte a port: the few lines in use stay in cache.
static BY_PORT: [u8; 65536] = index_by_port();

#[allow(clippy::indexing_slicing)] // evaluated at compile time: an index out of bounds would not build
const fn index_by_port() -> [u8; 65536] {
    let mut table = [NONE; 65536];
    let mut row = 0;
    while row < AMPLIFIERS.len() {
        table[AMPLIFIERS[row].port as usize] = row as u8;
        row += 1;
    }
    table
}

/// The service whose reply this UDP payload is, judged by source port, length and first octets.
#[inline]
pub fn reply_of(source_port: u16, payload_len: u16, captured: &[u8]) -> Option<Service> {
    let service = Service::of_port(source_port)?;
    let row = service.row()?;
    (payload_len >= row.min_payload && (captured.is_empty() || (row.is_reply)(captured))).then_some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(port: u16, payload: &[u8]) -> Option<Vector> {
        reply_of(port, payload.len() as u16, payload).and_then(Service::row).map(|row| row.vector)
    }

    #[test]
    fn replies_are_told_from_requests_and_service() {
        let dns = |flags| [&[0x12, 0x34, flags, 0x80], &[0u8; 40][..]].concat();
        assert_eq!(vector(53, &dns(0x81)), Some(Vector::DnsAmplification));
        assert_eq!(vector(53, &dns(0x01)), None, "a query from port 53");
        let ntp = |first, second| [&[first, second], &[0u8; 46][..]].concat();
        assert_eq!(vector(123, &ntp(0xd7, 0)), Some(Vector::NtpAmplification));
        assert_eq!(vector(123, &ntp(0x16, 0x82)), Some(Vector::NtpAmplification));
        assert_eq!(vector(123, &ntp(0x24, 1)), None, "a time server's answer");
        assert_eq!(vector(123, &ntp(0x17, 0)), None, "a monlist request");
        assert_eq!(vector(1900, b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800"), Some(Vector::SsdpAmplification));
        assert_eq!(vector(1900, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250"), None);
        assert_eq!(vector(11211, b"\x00\x01\x00\x00\x00\x01\x00\x00VALUE"), Some(Vector::MemcachedAmplification));
        assert_eq!(vector(80, &[0u8; 500]), None);
    }

    #[test]
    fn what_was_not_captured_is_judged_by_port_and_length() {
        assert!(reply_of(53, 1400, &[]).is_some());
        assert!(reply_of(53, 11, &[]).is_none());
    }

    #[test]
    fn ports_and_vectors_are_unique() {
        for (i, row) in AMPLIFIERS.iter().enumerate() {
            assert_eq!(Service::of_port(row.port).map(Service::index), Some(i));
            assert_eq!(row.vector.name(), format!("{}_amplification", row.service));
        }
    }
}
