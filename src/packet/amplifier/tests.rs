use super::*;
use crate::base::Vector;

fn vector(port: u16, payload: &[u8]) -> Option<Vector> {
    reply_of(port, payload.len() as u16, payload).and_then(Service::row).map(|row| row.vector)
}

/// `head`, padded with zeros to `length` octets.
fn padded(head: &[u8], length: usize) -> Vec<u8> {
    let mut payload = head.to_vec();
    payload.resize(length.max(head.len()), 0);
    payload
}

/// An IKE header: responder's cookie, version, exchange, flags.
fn ike(cookie: u8, version: u8, exchange: u8, flags: u8) -> Vec<u8> {
    padded(&[&[7; 8][..], &[cookie; 8], &[33, version, exchange, flags]].concat(), 80)
}

/// An L2TP control message of type `kind`.
fn l2tp(kind: u8) -> Vec<u8> {
    padded(&[0xc8, 2, 0, 100, 0, 9, 0, 0, 0, 0, 0, 1, 0x80, 8, 0, 0, 0, 0, 0, kind], 100)
}

#[test]
fn replies_differ_from_requests_and_normal_service() {
    let dns = |flags| [&[0x12, 0x34, flags, 0x80], &[0u8; 40][..]].concat();
    assert_eq!(vector(53, &dns(0x81)), Some(Vector::DnsAmplification));
    assert_eq!(vector(53, &dns(0x01)), None, "a query from port 53");
    assert_eq!(vector(53, &dns(0xa8)), None, "a response to an update");
    let ntp = |first, second| [&[first, second], &[0u8; 46][..]].concat();
    assert_eq!(vector(123, &ntp(0xd7, 0)), Some(Vector::NtpAmplification));
    assert_eq!(vector(123, &ntp(0x16, 0x82)), Some(Vector::NtpAmplification));
    assert_eq!(vector(123, &ntp(0x24, 1)), None, "a time server's reply");
    assert_eq!(vector(123, &ntp(0x17, 0)), None, "a monlist request");
    assert_eq!(vector(1900, b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800"), Some(Vector::SsdpAmplification));
    assert_eq!(vector(1900, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250"), None);
    assert_eq!(vector(11211, b"\x00\x01\x00\x00\x00\x01\x00\x00VALUE"), Some(Vector::MemcachedAmplification));
    assert_eq!(vector(80, &[0u8; 500]), None);
}

#[test]
fn each_row_matches_replies_and_no_other_packets() {
    let bytes = |text: &[u8]| padded(text, 600);
    // Port, a reply, and other packets from that port: requests, and ordinary use.
    type Octets = Vec<u8>;
    let cases: &[(u16, Octets, Vec<Octets>)] = &[
        (161, bytes(&[0x30, 0x82]), vec![vec![0x30; 10]]),
        (389, bytes(&[0x30, 0x84]), vec![bytes(&[0x16, 3, 1])]),
        (19, bytes(b" !\"#$%&'"), vec![vec![b'!'; 3]]),
        (17, bytes(b"\"We have more"), vec![vec![b'q'; 2]]),
        (111, bytes(&[1, 2, 3, 4, 0, 0, 0, 1]), vec![bytes(&[1, 2, 3, 4, 0, 0, 0, 0])]),
        (137, bytes(&[0, 1, 0x84, 0]), vec![bytes(&[0, 1, 0, 0]), bytes(&[0, 1, 0x29, 0x10])]),
        (69, bytes(&[0, 3, 0, 1]), vec![bytes(&[0, 1, b'b']), bytes(&[0, 4, 0, 1])]),
        (520, bytes(&[2, 1]), vec![bytes(&[1, 1]), bytes(&[2, 2])]),
        (5353, bytes(&[0, 0, 0x84, 0]), vec![bytes(&[0, 0, 0, 0])]),
        (3702, bytes(b"<?xml version"), vec![padded(b"<", 80), bytes(&[0, 1])]),
        (3283, bytes(&[0, 1, 3, 0xea]), vec![bytes(&[0, 0x14]), vec![0, 1, 0, 0]]),
        (5683, bytes(&[0x61, 0x45]), vec![bytes(&[0x41, 0x01]), bytes(&[0x60, 0x00])]),
        (427, bytes(&[2, 2]), vec![bytes(&[2, 1]), bytes(&[2, 9])]),
        (27015, bytes(b"\xff\xff\xff\xffI"), vec![bytes(b"\xff\xff\xff\xffTSource"), bytes(&[0x41, 0, 7])]),
        (27960, bytes(b"\xff\xff\xff\xffstatusResponse\n"), vec![bytes(b"\xff\xff\xff\xffgetstatus"), bytes(&[9])]),
        (27950, bytes(b"\xff\xff\xff\xffgetserversExtResponse"), vec![]),
        (27950, bytes(b"\xff\xff\xff\xffgetserversResponse"), vec![bytes(b"\xff\xff\xff\xffgetservers 68")]),
        (1434, bytes(&[5, 0x20, 2]), vec![bytes(&[2]), bytes(&[4])]),
        // Data channel, control channel, and the client's reset.
        (1194, padded(&[0x40], 26), vec![bytes(&[0x48]), bytes(&[0x30]), bytes(&[0x20]), bytes(&[0x38])]),
        (3478, padded(&[1, 1], 68), vec![bytes(&[0, 1]), bytes(&[0x40, 0]), bytes(&[0, 0x17]), bytes(&[1, 3])]),
        (5060, bytes(b"SIP/2.0 200 OK"), vec![bytes(b"INVITE sip:a@b SIP/2.0"), padded(b"\r\n\r\n", 4)]),
        (500, ike(9, 0x10, 2, 0), vec![ike(0, 0x10, 2, 0), ike(0, 0x20, 34, 8), ike(9, 0x20, 35, 8)]),
        (500, ike(0, 0x10, 5, 0), vec![]),
        (500, ike(9, 0x20, 34, 0x20), vec![]),
        (4500, [&[0; 4][..], &ike(9, 0x20, 34, 0x20)].concat(), vec![bytes(&[0xc0, 1, 2, 3]), vec![0xff]]),
        (47808, bytes(&[0x81, 10, 0, 50, 1, 0, 0x30]), vec![bytes(&[0x81, 10, 0, 17, 1, 4, 0, 5]), bytes(&[0x80])]),
        // A refusal, and a forwarded announcement; a request for a table, and a forwarded one.
        (47808, padded(&[0x81, 0, 0, 6, 0, 0x30], 6), vec![bytes(&[0x81, 2, 0, 4])]),
        (
            47808,
            bytes(&[0x81, 4, 0, 50, 10, 0, 0, 1, 0xba, 0xc0, 1, 0, 0x10, 0]),
            vec![bytes(&[0x81, 4, 0, 50, 10, 0x28, 0xff, 1, 0xba, 0xc0, 1, 4, 0, 5])],
        ),
        (10001, bytes(&[1, 0, 0, 148, 2]), vec![bytes(&[1, 0, 0, 0]), bytes(&[0x80, 0, 1, 2])]),
        (37810, bytes(&[0x20, 0, 0, 0, b'D', b'H', b'I', b'P']), vec![bytes(&[0x20, 0, 0, 0, 1])]),
        (32414, bytes(b"HTTP/1.0 200 OK"), vec![bytes(b"M-SEARCH * HTTP/1.1"), bytes(&[0x12])]),
        (10074, bytes(b"Starting Call, Call_ID= testcall_0  "), vec![bytes(&[0x80, 0, 1, 2])]),
        (10074, b"...dialing 3\n".to_vec(), vec![]),
        (33848, bytes(b"<hudson><version>"), vec![bytes(&[0])]),
        // A query, and uTP.
        (6881, bytes(b"d1:rd2:id20:"), vec![bytes(b"d1:ad2:id20:"), bytes(&[0x21, 0]), bytes(&[0x01, 0])]),
        (1701, l2tp(2), vec![l2tp(1), l2tp(3), bytes(&[0x40, 2]), bytes(&[0, 2])]),
        (3389, padded(&[0, 0, 0, 1, 0, 64, 0, 5], 1232), vec![padded(&[0, 0, 0, 1, 0, 64, 0, 5], 200), bytes(&[0; 8])]),
    ];
    for (port, reply, others) in cases {
        let row = Service::of_port(*port).and_then(Service::row).expect("a row");
        assert_eq!(vector(*port, reply), Some(row.vector), "{}", row.service);
        for other in others {
            assert_eq!(vector(*port, other), None, "{}: {:02x?}", row.service, &other[..other.len().min(20)]);
        }
    }
}

#[test]
fn without_captured_payload_port_and_length_decide() {
    assert!(reply_of(53, 1400, &[]).is_some());
    assert!(reply_of(53, 11, &[]).is_none());
    assert!(reply_of(37810, 1400, &[]).is_none(), "any client may use this ephemeral port");
    for row in AMPLIFIERS {
        // A few captured octets must not cause a panic.
        for length in 1..32 {
            let _ = (row.is_reply)(&[0; 32][..length]);
        }
    }
}

#[test]
fn ports_and_vectors_are_unique() {
    for (i, row) in AMPLIFIERS.iter().enumerate() {
        assert!(!row.ports.is_empty() && !row.note.is_empty() && row.answers > 0, "{}", row.service);
        for &port in row.ports {
            assert_eq!(Service::of_port(port).map(Service::index), Some(i), "{port}");
        }
        assert_eq!(row.vector.name(), format!("{}_amplification", row.service));
    }
}
