//! Conversations: whether each packet was asked for, against a map that forgets nothing; handshakes; floods beside honest
//! traffic; two workers; one direction; sampling.

use pegel::base::{Addr, Direction, Networks, Timestamp};
use pegel::capture::{Frame, FrameDirection, LinkType};
use pegel::config::Config;
use pegel::meter::{BATCH, ClientSteps, Hasher, HostDirection, Meter, Span, Tally, TickReport, Verdicts};
use pegel::packet::{Class, Decoder, Packet};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

const START: u64 = 10_000;

fn ours(host: u8) -> Addr {
    Addr::from_v4_bits(0xcb00_7100 | u32::from(host))
}

fn outside(host: u32) -> Addr {
    Addr::from_v4_bits(0x0a00_0000 | host)
}

/// A capture of some ticks by a number of workers, between which flows are divided as the kernel does it: the same for both
/// directions.
struct Bench {
    tallies: Vec<Tally>,
    meter: Meter,
    tick: u64,
}

impl Bench {
    fn new(workers: usize) -> Bench {
        let networks = Arc::new(Networks::new(["203.0.113.0/24".parse().expect("a network")]));
        let sizes = Config::default();
        let tally = || Tally::new(sizes.tally, Arc::clone(&networks), Hasher::fixed());
        let tallies = (0..workers).map(|_| tally()).collect();
        Bench { tallies, meter: Meter::new(sizes.meter, Hasher::fixed()), tick: START }
    }

    /// Captures the packets of one tick, all with its time.
    fn tick(&mut self, packets: &[Packet]) {
        let workers = self.tallies.len();
        let worker_of = |packet: &Packet| {
            let ports = usize::from(packet.source_port) + usize::from(packet.destination_port);
            (packet.source.bits() ^ packet.destination.bits()) as usize % 31 + ports
        };
        self.meter.open(self.tick);
        for (number, tally) in self.tallies.iter_mut().enumerate() {
            let own: Vec<Packet> = packets
                .iter()
                .filter(|packet| worker_of(packet) % workers == number)
                .map(|packet| Packet { time: Timestamp::from_tick(self.tick), ..*packet })
                .collect();
            own.chunks(BATCH).for_each(|batch| tally.record(batch));
            let mut report = TickReport::default();
            tally.finish_tick(self.tick, &mut report);
            self.meter.absorb(&mut report);
        }
        self.tick += 1;
        self.meter.close(Timestamp::from_tick(self.tick));
    }

    fn inbound<R>(&self, host: Addr, read: impl FnOnce(HostDirection<'_>) -> R) -> R {
        let window = self.meter.window(Timestamp::from_tick(self.tick), &[]);
        read(window.host(host).expect("a busy host").in_direction(Direction::Inbound))
    }

    fn verdicts(&self, host: Addr, span: Span, classes: &[Class]) -> Verdicts {
        self.inbound(host, |host| host.forward(span).verdicts(classes))
    }

    fn steps(&self, host: Addr, span: Span) -> ClientSteps {
        self.inbound(host, |host| host.client_steps(span))
    }
}

fn packet(class: Class, from: (Addr, u16), to: (Addr, u16)) -> Packet {
    let protocol = match class {
        class if class.is_tcp() => 6,
        Class::Udp | Class::Quic => 17,
        Class::Gre => 47,
        _ => 1,
    };
    Packet {
        source: from.0,
        destination: to.0,
        source_port: from.1,
        destination_port: to.1,
        wire_len: 100,
        class,
        protocol,
        has_ip: true,
        segments: 1,
        ..Packet::default()
    }
}

/// SYN, SYN-ACK and ACK of a client that acknowledges `acknowledged` more than the server's number.
fn handshake(client: (Addr, u16), server: (Addr, u16), acknowledged: u16) -> [Packet; 3] {
    let number = client.1.wrapping_mul(7919);
    [
        packet(Class::TcpSyn, client, server),
        Packet { sequence: number, ..packet(Class::TcpSynAck, server, client) },
        Packet { acknowledgment: number.wrapping_add(acknowledged), ..packet(Class::TcpAck, client, server) },
    ]
}

#[test]
fn a_handshake_is_complete_only_with_the_servers_number() {
    let mut bench = Bench::new(1);
    let (server, mut packets) = ((ours(7), 443), Vec::new());
    for port in 1000..1100 {
        packets.extend(handshake((outside(1), port), server, 1));
        packets.extend(handshake((outside(2), port), server, 2));
        // A SYN and what a forger sends next, to which the server says nothing or only RST.
        for next in [Class::TcpAck, Class::TcpData, Class::TcpFin] {
            let forged = (outside(3 + next.index() as u32), port);
            packets.extend([packet(Class::TcpSyn, forged, server), packet(next, forged, server)]);
            packets.push(packet(Class::TcpRst, server, forged));
        }
    }
    bench.tick(&packets);
    assert_eq!(bench.steps(ours(7), Span::Tick).completed, 100);
}

#[test]
fn a_flood_at_one_host_does_not_wash_out_the_handshakes_of_another() {
    let mut bench = Bench::new(1);
    let (flooded, honest) = ((ours(7), 443), (ours(8), 443));
    let mut completed = 0;
    for tick in 0..20u32 {
        let mut packets = Vec::new();
        let mut open = Vec::new();
        for n in 0..40_000u32 {
            let forged = (outside(0x10_0000 + tick * 40_000 + n), (n % 60_000) as u16 + 1024);
            packets.push(packet(Class::TcpSyn, forged, flooded));
            // The flooded host answers all of them.
            packets.push(packet(Class::TcpSynAck, flooded, forged));
            if n % 400 == 0 {
                let [syn, syn_ack, ack] = handshake((outside(n / 400), tick as u16 + 2000), honest, 1);
                packets.extend([syn, syn_ack]);
                open.push(ack);
            }
        }
        packets.extend(open);
        bench.tick(&packets);
        completed += u64::from(bench.steps(ours(8), Span::Tick).completed);
    }
    assert_eq!(completed, 20 * 100, "handshakes of the honest host");
}

#[test]
fn conversations_of_a_neighbour_outlive_a_flood_and_idleness() {
    let mut bench = Bench::new(1);
    let (flooded, honest) = ((ours(7), 9), (ours(8), 5060));
    let call = |n: u16| (outside(u32::from(n)), 5000 + n);
    let calls: Vec<Packet> = (0..500).map(|n| packet(Class::Udp, honest, call(n))).collect();
    bench.tick(&calls);
    for tick in 0..30u32 {
        let flood = |n: u32| packet(Class::Udp, (outside(0x10_0000 + tick * 20_000 + n), 7), flooded);
        bench.tick(&(0..20_000).map(flood).collect::<Vec<_>>());
    }
    // Nothing for 100 s: less than the two minutes for which UDP is remembered.
    bench.tick += 1000;
    let answers: Vec<Packet> = (0..500).map(|n| packet(Class::Udp, call(n), honest)).collect();
    bench.tick(&answers);
    let verdicts = bench.verdicts(ours(8), Span::Tick, &[Class::Udp]);
    assert_eq!((verdicts.unsolicited(), verdicts.unknown), (0, 0), "answers after a flood and a pause");
    bench.tick += 1300;
    bench.tick(&answers);
    assert_eq!(bench.verdicts(ours(8), Span::Tick, &[Class::Udp]).unsolicited(), 500, "after more than two minutes");
}

#[test]
fn an_idle_connection_is_reset_without_suspicion() {
    let mut bench = Bench::new(1);
    let server = (ours(7), 443);
    let client = |n: u16| (outside(u32::from(n % 3)), 2000 + n);
    let mut packets = Vec::new();
    for n in 0..400 {
        packets.extend(handshake(client(n), server, 1));
        packets.push(packet(Class::TcpData, client(n), server));
        packets.push(packet(Class::TcpData, server, client(n)));
    }
    bench.tick(&packets);
    bench.tick += 1200;
    let forged = |n: u16| (outside(0x10_0000 + u32::from(n)), 2000 + n);
    let resets = (0..400).map(|n| packet(Class::TcpRst, client(n), server));
    let strangers = (0..300).map(|n| packet(Class::TcpRst, forged(n), server));
    bench.tick(&resets.chain(strangers).collect::<Vec<_>>());
    assert_eq!(bench.verdicts(ours(7), Span::Tick, &[Class::TcpRst]).unsolicited(), 300);
}

#[test]
fn numbers_that_advance_excuse_a_flow_of_one_direction_and_random_ones_do_not() {
    let mut bench = Bench::new(1);
    let server = (ours(7), 443);
    let hasher = Hasher::fixed();
    let mut packets = Vec::new();
    for flow in 0..100u16 {
        let (honest, forged) = ((outside(1), 2000 + flow), (outside(2), 2000 + flow));
        for n in 0..20u16 {
            let number = n * 1400;
            packets.push(Packet { acknowledgment: number, ..packet(Class::TcpAck, honest, server) });
            let random = hasher.word(u64::from(flow) << 16 | u64::from(n));
            let (sequence, acknowledgment) = (random as u16, (random >> 16) as u16);
            packets.push(Packet { sequence, acknowledgment, ..packet(Class::TcpAck, forged, server) });
        }
    }
    bench.tick(&packets);
    let unsolicited = bench.verdicts(ours(7), Span::Tick, &[Class::TcpAck]).unsolicited();
    // All of the forged flows but those whose random numbers happened to advance three times in a row.
    assert!((1000..=2000).contains(&unsolicited), "{unsolicited} of 2000 forged ACKs");
    // The same constant numbers over and over excuse nothing.
    let mut bench = Bench::new(1);
    let same = vec![packet(Class::TcpAck, (outside(2), 2000), server); 1000];
    bench.tick(&same);
    assert_eq!(bench.verdicts(ours(7), Span::Tick, &[Class::TcpAck]).unsolicited(), 1000);
}

#[test]
fn a_stream_of_one_direction_is_steady_after_a_second() {
    let mut bench = Bench::new(1);
    let streams: Vec<Packet> =
        (0..20u16).flat_map(|n| vec![packet(Class::Udp, (outside(1), 5000 + n), (ours(7), 514)); 25]).collect();
    for _ in 0..30 {
        bench.tick(&streams);
    }
    let verdicts = bench.verdicts(ours(7), Span::Second, &[Class::Udp]);
    assert_eq!((verdicts.unsolicited(), verdicts.opened), (0, 0));
    assert_eq!(verdicts.one_way(), 5000);
}

/// An exchange of datagrams in one tick: between one of our hosts and an outside port, in either direction.
fn exchange() -> impl Strategy<Value = (u8, u32, u16, bool)> {
    (1u8..4, 0u32..6, 1000u16..1040, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Against a map of all flows, with one worker and with two: the same verdicts, and all packets have one.
    #[test]
    fn verdicts_are_those_of_an_exact_map(
        ticks in prop::collection::vec(prop::collection::vec(exchange(), 0..300), 3..12),
        workers in 1usize..3,
    ) {
        let mut bench = Bench::new(workers);
        // By flow and end: has it spoken.
        let mut spoken: BTreeSet<(u8, u32, u16, bool)> = BTreeSet::new();
        for exchanges in &ticks {
            let mut expected: HashMap<u8, (u64, u64)> = HashMap::new();
            let mut excused: HashMap<u8, u64> = HashMap::new();
            let mut pending: HashMap<(u8, u32, u16), u64> = HashMap::new();
            let mut packets = Vec::new();
            for &(host, peer, port, sent) in exchanges {
                let (inside, other) = ((ours(host), 53_000 + u16::from(host)), (outside(peer), port));
                packets.push(if sent { packet(Class::Udp, inside, other) } else { packet(Class::Udp, other, inside) });
                if !sent {
                    let counts = expected.entry(host).or_default();
                    counts.0 += 1;
                    if !spoken.contains(&(host, peer, port, true)) {
                        counts.1 += 1;
                        *pending.entry((host, peer, port)).or_default() += 1;
                    }
                } else if !spoken.contains(&(host, peer, port, true)) {
                    // An answer excuses what came before it, in this tick or an earlier one.
                    *excused.entry(host).or_default() += pending.remove(&(host, peer, port)).unwrap_or(0);
                }
                spoken.insert((host, peer, port, sent));
            }
            bench.tick(&packets);
            for (host, (all, unsolicited)) in expected {
                // Hosts that are hardly active have no windows.
                let window = bench.meter.window(Timestamp::from_tick(bench.tick), &[]);
                let Some(host_window) = window.host(ours(host)) else { continue };
                let forward = host_window.in_direction(Direction::Inbound).forward(Span::Tick);
                if forward.packets() != all {
                    // The windows began with a later packet of this host.
                    continue;
                }
                let verdicts = forward.verdicts(&[Class::Udp]);
                let earliest = unsolicited.saturating_sub(excused.get(&host).copied().unwrap_or(0));
                prop_assert!(verdicts.unsolicited() <= earliest, "{host}: {verdicts:?}, expected at most {earliest}");
                // Answers to flows of earlier ticks excuse more; the raw count is exact. A flow that lasts a second is steady.
                let one_way = verdicts.unsolicited_at_first() + verdicts.steady;
                prop_assert_eq!(one_way, unsolicited, "{}: {:?}", host, verdicts);
                prop_assert!(verdicts.unsolicited_at_first() + verdicts.unknown + verdicts.steady <= all);
            }
        }
    }
}

#[test]
fn a_sampled_capture_is_not_judged_by_what_it_missed() {
    let mut bench = Bench::new(1);
    bench.tallies[0].set_sampled(true);
    let answers: Vec<Packet> = (0..500).map(|n| packet(Class::Udp, (outside(1), 5000 + n), (ours(7), 53))).collect();
    bench.tick(&answers);
    let verdicts = bench.verdicts(ours(7), Span::Tick, &[Class::Udp]);
    assert_eq!((verdicts.unsolicited(), verdicts.unknown), (0, 500));
}

/// A million forged flows: how many are taken for known ones.
#[test]
fn mistaken_flows_are_as_rare_as_stated() {
    let mut bench = Bench::new(1);
    // Fill the memory with conversations of our hosts.
    for tick in 0..20u32 {
        let sent = |n: u32| packet(Class::Udp, (ours((n % 200) as u8 + 1), 7000), (outside(tick * 12_000 + n), 9));
        bench.tick(&(0..12_000).map(sent).collect::<Vec<_>>());
    }
    let mut mistaken = 0;
    for tick in 0..25u32 {
        let forged = |n: u32| packet(Class::Udp, (outside(0x80_0000 + tick * 40_000 + n), 4321), (ours(7), 80));
        bench.tick(&(0..40_000).map(forged).collect::<Vec<_>>());
        let verdicts = bench.verdicts(ours(7), Span::Tick, &[Class::Udp]);
        mistaken += 40_000 - verdicts.unsolicited_at_first() - verdicts.unknown - verdicts.steady;
    }
    // 7 of 2^22 at most for each: 1.7 expected of a million.
    assert!(mistaken <= 12, "{mistaken} of a million forged packets were taken for solicited ones");
}

/// An Ethernet frame with an IPv4 packet.
fn frame(protocol: u8, source: Addr, destination: Addr, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0, 0, 20 + payload.len() as u8, 0, 1, 0, 0, 64, protocol, 0, 0]);
    frame.extend((source.bits() as u32).to_be_bytes());
    frame.extend((destination.bits() as u32).to_be_bytes());
    frame.extend(payload);
    frame
}

#[test]
fn an_icmp_error_is_judged_by_what_it_quotes() {
    let mut bench = Bench::new(1);
    // Past the first second, in which answers are not judged.
    bench.tick(&[packet(Class::Udp, (ours(7), 9), (outside(1), 9))]);
    bench.tick += 20;
    let udp = |port: u16| {
        let [high, low] = port.to_be_bytes();
        [high, low, 0, 53, 0, 8, 0, 0]
    };
    let sent = |port: u16| frame(17, ours(7), outside(9), &udp(port));
    // The router in between answers, from an address that the host never talked with.
    let error = |port: u16| {
        let mut body = vec![11, 0, 0, 0, 0, 0, 0, 0];
        body.extend(&frame(17, ours(7), outside(9), &udp(port))[14..]);
        frame(1, outside(77), ours(7), &body)
    };
    let mut frames: Vec<Vec<u8>> = (0..50).map(|n| sent(4000 + n)).collect();
    frames.extend((0..50).map(|n| error(4000 + n)));
    frames.extend((0..30).map(|n| error(9000 + n)));
    let time = Timestamp::from_tick(bench.tick);
    bench.meter.open(bench.tick);
    let tally = &mut bench.tallies[0];
    for chunk in frames.chunks(BATCH) {
        let packets: Vec<Packet> = chunk
            .iter()
            .map(|data| {
                let frame = Frame {
                    time,
                    data,
                    wire_len: data.len() as u32,
                    link: LinkType::Ethernet,
                    direction: FrameDirection::Unknown,
                    interface: 0,
                    vlan: None,
                    segments: 1,
                    sampled: 1,
                };
                let packet = Decoder::default().decode(&frame);
                assert!(tally.note(&packet, data));
                packet
            })
            .collect();
        tally.record(&packets);
    }
    let mut report = TickReport::default();
    tally.finish_tick(bench.tick, &mut report);
    bench.meter.absorb(&mut report);
    bench.tick += 1;
    bench.meter.close(Timestamp::from_tick(bench.tick));
    let verdicts = bench.verdicts(ours(7), Span::Tick, &[Class::IcmpError]);
    assert_eq!((verdicts.unsolicited(), verdicts.unknown), (30, 0));
}

#[test]
fn later_fragments_are_what_their_first_one_was() {
    let mut bench = Bench::new(1);
    let mut packets = Vec::new();
    let first = |from, to| Packet { first_fragment: true, ..packet(Class::Udp, from, to) };
    let later = |from: Addr, to: Addr| Packet { protocol: 17, ..packet(Class::Fragment, (from, 0), (to, 0)) };
    for n in 0..40u16 {
        let (asked, unasked) = (outside(u32::from(n)), outside(1000 + u32::from(n)));
        packets.push(packet(Class::Udp, (ours(7), 5000 + n), (asked, 2049)));
        packets.extend([first((asked, 2049), (ours(7), 5000 + n)), later(asked, ours(7)), later(asked, ours(7))]);
        packets.extend([first((unasked, 2049), (ours(7), 5000 + n)), later(unasked, ours(7))]);
    }
    bench.tick(&packets);
    assert_eq!(bench.verdicts(ours(7), Span::Tick, &[Class::Fragment]).unsolicited(), 40);
    // Where another worker captures as well, the flow of the first one may be there.
    let mut divided = Bench::new(1);
    divided.tallies[0].set_divided(true);
    divided.tick(&packets);
    let verdicts = divided.verdicts(ours(7), Span::Tick, &[Class::Fragment]);
    assert_eq!((verdicts.unsolicited(), verdicts.unknown), (0, 40));
}
