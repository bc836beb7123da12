//! Too much of it: what every port of a segment gets to carry, sent by one station, by many, or by a loop.

use super::super::agenda::Agenda;
use super::super::frames::Way;
use super::super::frames::{ACK, PSH, SYN};
use super::super::rng::mix;
use super::cable::Cable;
use super::ethernet::{Path, frame, gratuitous, who_has};
use super::lease::{DISCOVER, query};
use super::segment::Lan;
use super::station::{Card, EVERYBODY, MILLISECOND, SECOND, inside};
use crate::base::{Addr, Mac};

/// Local experimental EtherType 1 (IEEE 802).
const EXPERIMENTAL: u16 = 0x88b5;

/// Six octets from a draw, all of them random as macof makes them: half name a group.
const fn any_mac(draw: u64) -> Mac {
    let [a, b, c, d, e, f, ..] = draw.to_le_bytes();
    Mac([a, b, c, d, e, f])
}

/// macof (dsniff): SYN with window 512 from and to random MACs and addresses.
pub fn macof(_segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let rng = &mut agenda.rng;
    let (from, to) = (any_mac(rng.next_u64()), any_mac(rng.next_u64()));
    let (source, target) = (Addr::from_v4_bits(rng.next_u32()), Addr::from_v4_bits(rng.next_u32()));
    let ports = (rng.next_u16(), rng.next_u16());
    let sequence = rng.next_u32();
    let path = Path::new((from, source), (to, target), rng.next_u16());
    agenda.outside_sends(now, path.tcp(ports, (SYN, sequence), &[]));
}

/// One station asks for four addresses again and again.
pub fn arp(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    agenda.inside_sends(now, who_has(&segment.attacker, inside(1 + (count % 4) as u8)));
}

/// One station announces its own address again and again.
pub fn gratuitous_arp(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    agenda.inside_sends(now, gratuitous(segment.attacker.mac, segment.attacker.v4));
}

/// A load balancer takes over: `count` addresses, each announced five times within a second, once.
pub fn takeover(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let mac = segment.named.unwrap_or(Mac([2, 0, 0, 0, 0, 0xb1]));
    let addresses = segment.count.min(240);
    for round in 0..5 {
        for number in 0..addresses {
            let time = now + round * 200 * MILLISECOND + number * 300_000;
            agenda.inside_sends(time, gratuitous(mac, inside(10 + number as u8)));
        }
    }
}

/// UDP to everybody from one station.
pub fn broadcast(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    shout(&segment.attacker, now, segment.payload, agenda);
}

/// The same from `count` stations in turn.
pub fn broadcast_of_many(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let card = Card::host(20 + (count % segment.count.clamp(1, 200)) as u8);
    shout(&card, now, segment.payload, agenda);
}

fn shout(card: &Card, now: u64, octets: usize, agenda: &mut Agenda) {
    let path = Path::group((card.mac, card.v4), EVERYBODY, agenda.rng.next_u16());
    let mut payload = Vec::new();
    agenda.rng.fill(&mut payload, octets);
    agenda.inside_sends(now, path.udp((40_000, 9), &payload));
}

/// One station to groups of 239/8 that nobody joined.
pub fn multicast(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let group = Addr::from_v4_bits(0xef01_0200 | (count % 16) as u32);
    let path = Path::group((segment.attacker.mac, segment.attacker.v4), group, agenda.rng.next_u16());
    let mut payload = Vec::new();
    agenda.rng.fill(&mut payload, segment.payload);
    agenda.inside_sends(now, path.udp((40_000, 5_004), &payload));
}

/// Television: RTP of one source to one group, which the router asks for and three hosts have joined.
pub fn television(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let group = Addr::from_v4_bits(0xef01_0101);
    if count == 0 {
        for time in segment.every(0, 10 * SECOND) {
            let router = (segment.gateway.mac, segment.gateway.v4);
            let id = agenda.rng.next_u16();
            let all_systems = Addr::from_v4_bits(0xe000_0001);
            agenda.outside_sends(time, Path::group(router, all_systems, id).igmp_query());
            for number in 0..3u8 {
                let host = Card::host(201 + number);
                let after = u64::from(number + 1) * 700 * MILLISECOND;
                agenda.inside_sends(time + after, Path::group((host.mac, host.v4), group, id).igmp_report());
            }
        }
    }
    let head_end = Card::host(40);
    // RTP with seven packets of a transport stream (RFC 2250).
    let mut payload = vec![0x80, 33];
    payload.extend((count as u16).to_be_bytes());
    agenda.rng.fill(&mut payload, segment.payload);
    let path = Path { ttl: 8, ..Path::group((head_end.mac, head_end.v4), group, count as u16) };
    agenda.outside_sends(now, path.udp((5_004, 5_004), &payload));
}

/// One station to MACs that nobody has, which a switch has to send everywhere.
pub fn unknown_unicast(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let draw = agenda.rng.next_u64();
    let Mac([a, rest @ ..]) = any_mac(draw);
    let [b, c, d, e, f] = rest;
    // Universal and of one station.
    let to = Mac([a & 0xfc, b, c, d, e, f]);
    agenda.inside_sends(now, frame(segment.attacker.mac, to, EXPERIMENTAL, &[0x5a; 64]));
}

/// A backup between two hosts of which the capture sees one way only: full segments to one MAC.
pub fn backup(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let (from, to) = (Card::host(21), segment.victim);
    let path = Path::new((from.mac, from.v4), (to.mac, to.v4), count as u16);
    let sequence = (count as u32).wrapping_mul(1_448);
    let mut payload = Vec::new();
    agenda.rng.fill(&mut payload, segment.payload);
    agenda.inside_sends(now, path.tcp((50_022, 22), (ACK | PSH, sequence), &payload));
}

/// Number `number` of what five stations say to all, octet for octet the same whenever it comes round.
fn circling(number: u64) -> Vec<u8> {
    let card = Card::host(31 + (number % 5) as u8);
    let draw = mix(number);
    let sender = (card.mac, card.v4);
    let id = draw as u16;
    match number % 4 {
        0 => who_has(&card, inside(draw as u8)),
        1 => {
            let group = Addr::from_v4_bits(0xe000_00fb);
            Path { ttl: 255, ..Path::group(sender, group, id) }.udp((5353, 5353), &[0; 40])
        }
        2 => query(card.mac, card.mac, DISCOVER, draw as u32, &[]),
        _ => {
            let port = 50_000 | id;
            Path::group(sender, EVERYBODY, id).udp((port, 6_771), &draw.to_be_bytes())
        }
    }
}

/// How often the five say something new, in nanoseconds.
const NEWS: u64 = 100 * MILLISECOND;

/// Which of what has been said comes round now: any of the last two seconds.
fn coming_round(segment: &Lan, now: u64, agenda: &mut Agenda) -> Vec<u8> {
    let latest = (now - segment.start) / NEWS;
    circling(latest - agenda.rng.below(20.min(latest + 1)))
}

/// A switching loop outside: `rate` frames a second come in, which are the same ones over and over.
pub fn switching_loop(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let data = coming_round(segment, now, agenda);
    agenda.outside_sends(now, data);
}

/// A loop that passes through this host: what five of our guests send leaves once and enters over and over.
pub fn own_frames_return(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    if count == 0 {
        for (number, time) in (0u64..).zip(segment.every(0, NEWS)) {
            agenda.on_port(time, 0, Way::Outward, circling(number));
        }
    }
    let data = coming_round(segment, now, agenda);
    agenda.outside_sends(now + MILLISECOND / 10, data);
}
