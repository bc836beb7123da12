//! Contents that are read for their names and claims: requests (HTTP, TLS, DNS, SIP), and control messages (ARP, neighbour
//! discovery, DHCP, spanning tree, router election). The headers around them are valid, so that every octet of the input is content.
//!
//! Input: the kind, octets that the capture cut off, the content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::base::Timestamp;
use pegel::packet::{App, Decoder, control, name, quoted};
use pegel_fuzz::{Rest, frame};

/// Most octets of a name.
const MOST_NAME: usize = 127;

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &[0x52, 0x54, 0, 0, 0, 1], &ethertype.to_be_bytes(), payload].concat()
}

/// An IPv4 packet to this machine or, with a high protocol bit, to a group.
fn ipv4(protocol: u8, ttl: u8, destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len()) as u16;
    let head = [&[0x45, 0][..], &length.to_be_bytes(), &[0, 1, 0, 0, ttl, protocol, 0, 0, 198, 51, 100, 9]].concat();
    ethernet(0x0800, &[&head[..], &destination, payload].concat())
}

/// An IPv6 packet on the link.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let source = 0xfe80_0000_0000_0000_0000_0000_0000_0009_u128.to_be_bytes();
    let destination = 0xff02_0000_0000_0000_0000_0000_0000_0001_u128.to_be_bytes();
    let head = [&[0x60, 0, 0, 0][..], &length, &[next, 255], &source, &destination].concat();
    ethernet(0x86dd, &[&head[..], payload].concat())
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

fn tcp(port: u16, payload: &[u8]) -> Vec<u8> {
    [&[0x9c, 0x40][..], &port.to_be_bytes(), &[0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 2, 0, 0, 0, 0, 0], payload].concat()
}

fuzz_target!(|input: &[u8]| {
    let mut rest = Rest(input);
    let (kind, cut) = (rest.octet(), rest.octet());
    let content = rest.take(9000);
    const HOST: [u8; 4] = [203, 0, 113, 7];
    let mut data = match kind & 15 {
        0 => ipv4(6, 64, HOST, &tcp(80, content)),
        1 => ipv4(6, 64, HOST, &tcp(443, content)),
        2 => ipv4(17, 64, HOST, &udp(40_000, 53, content)),
        3 => ipv4(17, 64, HOST, &udp(53, 40_000, content)),
        4 => ipv4(17, 64, HOST, &udp(5060, 5060, content)),
        5 => ipv4(17, 64, HOST, &udp(68, 67, content)),
        6 => ipv4(17, 64, HOST, &udp(67, 68, content)),
        7 => ipv6(17, &udp(546, 547, content)),
        8 => ipv6(17, &udp(547, 546, content)),
        9 => ipv6(58, content),
        10 => ipv4(112, 255, [224, 0, 0, 18], content),
        11 => ipv4(17, 1, [224, 0, 0, 2], &udp(1985, 1985, content)),
        12 => ethernet(0x0806, content),
        13 => ethernet(content.len().min(1500) as u16, content),
        14 => ethernet(0x8035, content),
        _ => ipv4(1, 64, HOST, content),
    };
    let whole = data.len() as u32;
    data.truncate(data.len().saturating_sub(cut.into()));
    let data = data.into_boxed_slice();
    let mut frame = frame(0, 0, Timestamp::from_parts(1_767_225_600, 0), &data);
    frame.wire_len = whole;
    let packet = Decoder::default().decode(&frame);
    let payload = &data[packet.payload_at.into()..];
    if packet.is_control
        && let Ok(Some(control)) = control::read(&packet, &data)
    {
        let _ = (control.is_gratuitous(), control.is_probe(), format!("{control:?}"));
    }
    let _ = quoted(payload);
    // As the decoder classifies it, and whatever it is taken for.
    for app in [packet.app, App::ALL[usize::from(kind >> 4) % App::COUNT]] {
        let name = name::read(app, payload).name;
        assert!(name.as_bytes().len() <= MOST_NAME && !name.as_bytes().iter().any(u8::is_ascii_uppercase));
        let shown = name.to_string();
        assert!(shown.bytes().all(|octet| octet.is_ascii_graphic() && !b"\"'<>&".contains(&octet)), "{shown}");
    }
});
