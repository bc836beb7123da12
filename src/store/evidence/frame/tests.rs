//! Frames of every kind that has a place for an address.

use super::*;
use crate::store::evidence::pseudonym::PseudonymKey;
use etherparse::PacketBuilder;
use proptest::prelude::*;

const V4: [u8; 4] = [203, 0, 113, 7];
const OUT: [u8; 4] = [198, 51, 100, 9];
const V6: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const ROUTER: [u8; 6] = [0x00, 0x1b, 0x21, 0xaa, 0xbb, 0xcc];

fn pseudonyms() -> Pseudonyms {
    let key = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";
    let networks = ["203.0.113.0/24", "2001:db8:10::/48"].map(|network| network.parse().unwrap());
    Pseudonyms::new(&PseudonymKey::parse(key).unwrap(), networks)
}

fn contains(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

/// Neither an address of ours nor one of the stations is in it, in either byte order.
fn shows_nothing(data: &[u8]) -> bool {
    let reversed = [7, 113, 0, 203];
    let parts: [&[u8]; 5] = [&V4, &reversed, &V6, &MAC, &ROUTER];
    parts.iter().all(|part| !contains(data, part))
}

fn rewritten(link: LinkType, data: &[u8], with_pseudonyms: bool) -> Vec<u8> {
    let (mut names, mut data) = (pseudonyms(), data.to_vec());
    let targets = ["203.0.113.7", "2001:db8:10::7"].map(|target| target.parse().unwrap());
    Rewriter::new(with_pseudonyms.then_some(&mut names), &targets).rewrite(link, &mut data);
    data
}

fn ethernet(ethertype: u16, body: &[u8]) -> Vec<u8> {
    [&MAC[..], &ROUTER, &ethertype.to_be_bytes(), body].concat()
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    PacketBuilder::ethernet2(ROUTER, MAC).ipv4(OUT, V4, 60).udp(53, 4000).write(&mut data, payload).unwrap();
    data
}

fn tcp(sequence: u32) -> Vec<u8> {
    let mut data = Vec::new();
    let options =
        [etherparse::TcpOptionElement::MaximumSegmentSize(1460), etherparse::TcpOptionElement::Timestamp(1, 2)];
    let builder = PacketBuilder::ethernet2(ROUTER, MAC).ipv4(OUT, V4, 60).tcp(1234, 80, sequence, 500);
    builder.ack(77).options(&options).unwrap().write(&mut data, &V4.repeat(9)).unwrap();
    data
}

fn v6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[0x60, 0, 0, 0], &length[..], &[next, 64], &V6, &V6, body].concat()
}

/// Frames in which our addresses are in every place that a header has for them, and fill the payload.
fn frames() -> Vec<(LinkType, Vec<u8>)> {
    let inner = udp(&V4.repeat(8))[14..].to_vec();
    let fill = [&V4.repeat(4)[..], &V6, &MAC, &ROUTER].concat();
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &MAC, &V4, &ROUTER, &V4, &V4.repeat(4)].concat();
    let mut options = inner.clone();
    // Record route.
    options[0] = 0x47;
    options.splice(20..20, [7, 7, 8, 203, 0, 113, 7, 0]);
    let icmp = |kind: u8, middle: &[u8]| {
        let body = [&[kind, 1, 0xab, 0xcd][..], middle, &inner].concat();
        let mut data = inner[..20].to_vec();
        data[9] = 1;
        [&data[..], &body].concat()
    };
    let tunnel = |protocol: u8, body: &[u8]| {
        let mut data = inner[..20].to_vec();
        data[9] = protocol;
        [&data[..], body].concat()
    };
    let target = |kind: u8, more: &[u8]| v6(58, &[&[kind, 0, 1, 2, 0, 0, 0, 0][..], &V6, more].concat());
    let source_option = [&[1, 1][..], &MAC].concat();
    let prefix = [&[3, 4, 64, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &V6].concat();
    let advert =
        [&[134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &prefix, &source_option, &[25, 3], &V6].concat();
    let hop = |next: u8| [&[next, 2, 0xc9, 16][..], &V6, &[0; 4]].concat();
    let route = |next: u8| [&[next, 2, 2, 1, 0, 0, 0, 0][..], &V6].concat();
    let sll = [&[0, 0, 0, 1, 0, 6][..], &MAC, &MAC[..2], &[8, 0], &inner].concat();
    let sll2 = [&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6][..], &MAC, &[1, 2], &inner].concat();
    let mut all: Vec<Vec<u8>> = vec![udp(&fill), tcp(u32::from_be_bytes(V4)), tcp(u32::from_le_bytes(V4))];
    all.extend([
        ethernet(0x0806, &arp),
        ethernet(0x0800, &options),
        ethernet(0x8100, &[&[0, 5, 0x08, 0x00][..], &inner].concat()),
        ethernet(0x88a8, &[&[0, 5, 0x81, 0, 0, 6, 0x08, 0x00][..], &inner].concat()),
        ethernet(0x8847, &[&[0, 1, 0x01, 64][..], &inner].concat()),
        ethernet(0x8864, &[&[0x11, 0, 0, 1, 0, 60, 0, 0x21][..], &inner].concat()),
        ethernet(0x88cc, &fill),
        ethernet(0x0027, &fill),
        ethernet(0x0800, &icmp(3, &[0; 4])),
        ethernet(0x0800, &icmp(5, &V4)),
        ethernet(0x0800, &icmp(11, &[0; 4])),
        ethernet(0x0800, &icmp(9, &[1, 2, 0, 60])),
        ethernet(0x0800, &icmp(37, &V4)),
        ethernet(0x0800, &tunnel(4, &inner)),
        ethernet(0x0800, &tunnel(41, &v6(17, &inner[20..]))),
        ethernet(0x0800, &tunnel(47, &[&[0, 0, 8, 0][..], &inner].concat())),
        ethernet(0x0800, &tunnel(132, &[&[0; 12][..], &fill].concat())),
        ethernet(0x0800, &tunnel(50, &fill)),
        ethernet(0x0800, &tunnel(2, &fill)),
        ethernet(0x86dd, &v6(17, &[&[0, 53, 0, 53, 0, 60, 1, 2][..], &fill].concat())),
        ethernet(0x86dd, &target(135, &source_option)),
        ethernet(0x86dd, &target(136, &[2, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56])),
        ethernet(0x86dd, &target(137, &[&V6[..], &source_option, &[4, 4], &fill].concat())),
        ethernet(0x86dd, &target(131, &fill)),
        ethernet(0x86dd, &target(143, &fill)),
        ethernet(0x86dd, &v6(58, &advert)),
        ethernet(0x86dd, &v6(58, &[&[1, 0, 0, 0, 0, 0, 0, 0][..], &v6(6, &tcp(5)[34..])].concat())),
        ethernet(0x86dd, &v6(0, &[&hop(60)[..], &hop(43), &route(6), &tcp(5)[34..]].concat())),
        ethernet(0x86dd, &v6(44, &[&[17, 0, 0, 1, 203, 0, 113, 7][..], &inner[20..]].concat())),
        ethernet(0x86dd, &v6(51, &fill)),
    ]);
    let mut all: Vec<(LinkType, Vec<u8>)> = all.into_iter().map(|data| (LinkType::Ethernet, data)).collect();
    all.extend([
        (LinkType::RawIp, inner.clone()),
        (LinkType::Null, [&[2, 0, 0, 0][..], &inner].concat()),
        (LinkType::Ppp, [&[0xff, 3, 0, 0x21][..], &inner].concat()),
        (LinkType::Ppp, [&[0xc0, 0x21][..], &fill].concat()),
        (LinkType::LinuxSll, sll),
        (LinkType::LinuxSll2, sll2),
        (LinkType::Other(147), fill),
    ]);
    all
}

#[test]
fn no_header_shows_an_inside_address_wherever_it_is_cut() {
    for (link, frame) in frames() {
        for length in 0..=frame.len() {
            let shown = rewritten(link, &frame[..length], true);
            assert!(
                shows_nothing(&shown) && !contains(&shown, &V6[2..12]),
                "{link:?} {frame:02x?} cut at {length}: {shown:02x?}"
            );
            assert!(shown.len() <= length);
            assert!(rewritten(link, &frame[..length], false).len() <= length);
        }
    }
}

proptest! {
    #[test]
    fn mutated_frames_show_none_either(index in 0usize..39, at in any::<prop::sample::Index>(), octet: u8) {
        let mut all = frames();
        let (link, mut frame) = all.swap_remove(index % all.len());
        let at = at.index(frame.len());
        frame[at] = octet;
        prop_assert!(shows_nothing(&rewritten(link, &frame, true)), "{link:?} {frame:02x?} octet {at}");
    }

    #[test]
    fn anything_is_rewritten(number: u16, data: Vec<u8>) {
        prop_assert!(rewritten(LinkType::from_number(number), &data, true).len() <= data.len());
    }
}

#[test]
fn headers_stay_readable() {
    let shown = rewritten(LinkType::Ethernet, &tcp(1000), true);
    assert_eq!(shown.len(), 14 + 20 + 20 + 4 + 10 + 2);
    assert_eq!(checksum(&shown[14..34]), 0, "the header's checksum is right");
    assert_eq!((word(&shown, 34), word(&shown, 36), word(&shown, 50)), (1234, 80, 0));
    assert_eq!(shown[54..58], [2, 4, 0x05, 0xb4], "MSS");
    assert_eq!(shown[26..30], OUT);
    let next = rewritten(LinkType::Ethernet, &tcp(1500), true);
    let sequence = |data: &[u8]| u32::from_be_bytes(data[38..42].try_into().unwrap());
    assert_eq!(sequence(&next).wrapping_sub(sequence(&shown)), 500);
    let kept = rewritten(LinkType::Ethernet, &tcp(1000), false);
    assert_eq!(kept[..50], tcp(1000)[..50]);
    assert_eq!(kept.len(), shown.len());
    let mut wrong = udp(&[]);
    wrong[24] ^= 1;
    assert_eq!(rewritten(LinkType::Ethernet, &wrong, true)[24..26], [0, 0], "a wrong checksum is not made right");
}
