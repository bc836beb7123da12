//! The meter: large frames, sampled ticks, tables filled by random sources.

use pegel::base::{Addr, Direction, Networks, Timestamp};
use pegel::capture::{Frame, FrameDirection, LinkType};
use pegel::config::Config;
use pegel::meter::{BATCH, Count, Hasher, HostEntry, HostTable, Meter, Scale, Tally, TallySizes, TickReport};
use pegel::packet::{Class, Decoder, Encapsulation, OuterHeaders, Packet, Tunnels};
use std::sync::Arc;

const SIZES: TallySizes =
    TallySizes { hosts: 1024, detailed_hosts: 16, stations: 64, conversations: 1024, kept_octets: 0 };
const TARGET: Addr = Addr::from_v4_bits(0xcb00_7107);

fn tally() -> Tally {
    let networks = Networks::new(["203.0.113.0/24".parse().unwrap()]);
    Tally::new(SIZES, Arc::new(networks), Hasher::fixed())
}

fn packet(source: u32, class: Class, port: u16) -> Packet {
    Packet {
        time: Timestamp::from_parts(1000, 0),
        source: Addr::from_v4_bits(source),
        destination: TARGET,
        source_port: port,
        destination_port: 80,
        wire_len: 1000,
        class,
        has_ip: true,
        segments: 1,
        ..Packet::default()
    }
}

fn report(tally: &mut Tally, packets: &[Packet]) -> TickReport {
    packets.chunks(BATCH).for_each(|batch| tally.record(batch));
    let mut report = TickReport::default();
    tally.finish_tick(10_000, &mut report);
    report
}

#[test]
fn a_large_frame_counts_as_its_segments() {
    let large = Packet { segments: 45, wire_len: 68_130, ..packet(1, Class::TcpData, 5) };
    // Few enough for the log of a quiet host, and enough for a detail.
    for frames in [4u64, 40] {
        let report = report(&mut tally(), &vec![large; frames as usize]);
        let all = Count { packets: 45 * frames, bytes: 68_130 * frames };
        assert_eq!(report.totals.frames, all);
        assert_eq!(report.totals.received[Class::TcpData.index()], all);
        let host = report.hosts.iter().find(|host| host.address == TARGET).unwrap();
        assert_eq!(Count::from(host.received), all);
        assert_eq!(report.details.len(), usize::from(frames == 40));
        for tick in &report.details {
            assert_eq!(tick.received.of(Class::TcpData), all);
            let weights: u64 = tick.received_samples.samples().iter().map(|s| u64::from(s.weight)).sum();
            assert!(weights <= all.packets && weights * 2 >= all.packets, "{weights} of {}", all.packets);
        }
    }
}

#[test]
fn a_sampled_tick_is_scaled_and_handshakes_by_the_square() {
    let mut packets = Vec::new();
    for client in 0..20u16 {
        packets.push(packet(u32::from(client) + 1, Class::TcpSyn, 1000 + client));
    }
    for client in 0..20u16 {
        let answered = packet(u32::from(client) + 1, Class::TcpSynAck, 1000 + client);
        packets.push(Packet {
            source: answered.destination,
            destination: answered.source,
            source_port: answered.destination_port,
            destination_port: answered.source_port,
            sequence: 7,
            ..answered
        });
    }
    for client in 0..20u16 {
        packets.push(Packet { acknowledgment: 8, ..packet(u32::from(client) + 1, Class::TcpAck, 1000 + client) });
    }
    let mut report = report(&mut tally(), &packets);
    report.scale = Scale { frames: 60, weight: 240 };
    report.scale_up();
    assert_eq!(report.totals.frames, Count { packets: 240, bytes: 240_000 });
    let tick = report.details.first().unwrap();
    assert_eq!(tick.received.of(Class::TcpSyn).packets, 80);
    assert_eq!(tick.received.packets(), 160);
    // 1 in 4 of each packet is 1 in 16 of both.
    assert_eq!(tick.handshakes.by_peers().completed, 20 * 16);
    // Peers are not scaled: those that were not captured are unknown.
    assert!((15.0..25.0).contains(&tick.sources.estimate()), "{}", tick.sources.estimate());
}

/// A flood whose first tick was short, seen by two workers: each has some of it in both ticks.
#[test]
fn a_window_begins_with_the_last_tick_and_with_what_another_worker_has() {
    let syns = |count: u32| (0..count).map(|n| packet(n + 1, Class::TcpSyn, 9)).collect::<Vec<_>>();
    let (mut first, mut second) = (tally(), tally());
    let mut meter = Meter::new(Config::default().meter, Hasher::fixed());
    for (tick, packets) in [(10_000, [3, 2]), (10_001, [8, 40])] {
        meter.open(tick);
        for (tally, count) in [&mut first, &mut second].into_iter().zip(packets) {
            syns(count).chunks(BATCH).for_each(|batch| tally.record(batch));
            let mut report = TickReport::default();
            tally.finish_tick(tick, &mut report);
            meter.absorb(&mut report);
        }
        meter.close(Timestamp::from_tick(tick + 1));
    }
    let window = meter.window(Timestamp::from_tick(10_002), &[]);
    let host = window.host(TARGET).expect("it is busy").in_direction(Direction::Inbound);
    assert_eq!(host.forward_packets(), 3 + 2 + 8 + 40);
}

#[test]
fn noise_of_many_times_the_table_does_not_evict_the_target() {
    let networks = Networks::new(["10.0.0.0/8".parse().unwrap()]);
    let mut tally = Tally::new(SIZES, Arc::new(networks), Hasher::fixed());
    let target = Addr::from_v4_bits(0x0a00_0001);
    for tick in 0..20u32 {
        let packets: Vec<Packet> = (0..20_000u32)
            .map(|n| {
                let other = Addr::from_v4_bits(0x0a10_0000 + tick * 20_000 + n);
                let destination = if n % 20 == 0 { target } else { other };
                Packet { destination, ..packet(n + 1, Class::TcpSyn, 9) }
            })
            .collect();
        let report = report(&mut tally, &packets);
        let host = report.hosts.iter().find(|host| host.address == target).unwrap();
        assert_eq!(host.received.packets, 1000, "tick {tick}");
        assert!(report.hosts.len() <= 1024);
        assert!(report.evictions.hosts > 15_000);
    }
}

#[test]
fn a_full_shared_table_refuses_quiet_hosts_but_not_busy_ones() {
    let table = HostTable::for_hosts(64, Hasher::fixed());
    let add = |address: u32, tick: u64, packets: u64| {
        let count = Count { packets, bytes: packets * 60 };
        table.update(Addr::from_v4_bits(address), tick, HostEntry::default, |entry| {
            entry.add(tick, tick, count, Count::default(), packets as f32)
        });
    };
    (0..10_000).for_each(|n| add(1000 + n, 100, 1));
    assert!(table.len() <= 64);
    assert_eq!(table.evictions() + table.len() as u64, 10_000, "each host is in the table or counted as evicted");
    // A busy host appears in a later tick.
    add(7, 101, 5000);
    assert_eq!(table.get(&Addr::from_v4_bits(7)).map(|entry| entry.received.packets), Some(5000));
    (0..10_000).for_each(|n| add(20_000 + n, 102, 1));
    assert!(table.get(&Addr::from_v4_bits(7)).is_some());
}

#[test]
fn a_tunnelled_packet_is_one_packet_and_counts_for_the_hosts_of_both_headers() {
    let ip = |source: u32, destination: u32, protocol: u8, payload: &[u8]| {
        let total = (20 + payload.len()) as u16;
        let head = [&[0x45, 0][..], &total.to_be_bytes(), &[0, 1, 0, 0, 64, protocol, 0, 0]].concat();
        [&head[..], &source.to_be_bytes(), &destination.to_be_bytes(), payload].concat()
    };
    let other = TARGET.bits() as u32 + 1;
    let datagram = ip(1, other, 17, &[0x0f, 0xa0, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4]);
    let data = ip(2, TARGET.bits() as u32, 4, &datagram);
    let time = Timestamp::from_parts(1000, 0);
    let frame = Frame {
        time,
        data: &data,
        wire_len: data.len() as u32,
        link: LinkType::RawIp,
        direction: FrameDirection::Unknown,
        interface: 0,
        vlan: None,
        segments: 1,
        sampled: 1,
    };
    for (tunnels, hosts, class) in [
        (Tunnels::Outer, vec![TARGET], Class::IpTunnel),
        (Tunnels::Inner, vec![TARGET, Addr::from_v4_bits(other)], Class::Udp),
    ] {
        let mut tally = tally();
        // Several batches, and one that is not full.
        let frames = 3 * BATCH + 5;
        let (mut batch, mut outer) = (Vec::new(), OuterHeaders::default());
        for number in 1..=frames {
            let mut packet = Packet::default();
            Decoder { tunnels }.decode_into(&frame, &mut packet, &mut outer);
            assert!(tally.note_encapsulated(&mut packet, &outer, &data));
            batch.push(packet);
            if batch.len() == BATCH || number == frames {
                tally.record(&batch);
                batch.clear();
            }
        }
        let report = report(&mut tally, &[]);
        let all = Count { packets: frames as u64, bytes: (frames * data.len()) as u64 };
        assert_eq!(report.totals.frames, all);
        assert_eq!(report.totals.received[class.index()], all);
        let unopened = report.totals.unopened[Encapsulation::IpInIp as usize];
        assert_eq!(unopened, if tunnels == Tunnels::Outer { all.packets } else { 0 });
        let mut counted: Vec<Addr> = report.hosts.iter().map(|host| host.address).collect();
        counted.sort();
        assert_eq!(counted, hosts);
        assert!(report.hosts.iter().all(|host| Count::from(host.received) == all && host.sent.packets == 0));
    }
}
