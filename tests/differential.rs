//! The decoder against tshark, an independent one, on every capture at hand: packets, octets, VLANs, IP versions, TCP, UDP, ICMP, SYNs
//! and fragments. `EXPLAINED` says why a few captures differ.
//!
//! Each eighth capture, or all with PEGEL_DIFFERENTIAL=all (about a minute and a half).

mod tools;

use pegel::capture::pcap_file::PcapFile;
use pegel::capture::{Frame, FrameSink, PacketSource, Poll};
use pegel::packet::{Class, Decoder};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Captures whose counts may differ, and why.
const EXPLAINED: [(&str, &str); 11] = [
    ("bug-6875-01/fuzz.pcap", "a record's length is damaged: tshark goes on behind it, Pegel stops and says so"),
    ("vtp_asan-3.pcap", "a record is longer than the file allows: tshark reads none of it"),
    ("icmp-frame-relay.pcap", "Frame Relay is not decoded"),
    ("HDLC.pcap", "Cisco HDLC is not decoded"),
    ("nflogPacket.pcap", "NFLOG is not decoded"),
    ("LINKTYPE_PKTAP.pcap", "PKTAP is not decoded"),
    ("fuzz-2006-09-29-28586.pcap", "a damaged header"),
    ("fuzz-2020-02-16-11740.pcap", "a damaged header"),
    ("ipv4-malformed.pcap", "a damaged header"),
    ("ip_printroute_asan.pcap", "a damaged header"),
    ("ak_sflow_data", "tshark also reads the headers inside sFlow samples"),
];

/// What is counted of a capture.
type Counts = BTreeMap<&'static str, u64>;

struct Ours {
    decoder: Decoder,
    counts: Counts,
}

impl FrameSink for Ours {
    fn frame(&mut self, frame: Frame<'_>) {
        let packet = self.decoder.decode(&frame);
        let is_v4 = packet.has_ip && packet.source.is_v4();
        let is_later_fragment = packet.class == Class::Fragment;
        let mut count = |what, number| *self.counts.entry(what).or_default() += number;
        count("packets", 1);
        count("octets", u64::from(packet.wire_len));
        count("vlan", (packet.vlan != 0).into());
        count("ipv4", is_v4.into());
        count("ipv6", (packet.has_ip && !is_v4).into());
        count("fragments of ipv4", (is_v4 && (is_later_fragment || packet.first_fragment)).into());
        for (what, protocol) in [("tcp over ipv4", 6), ("udp over ipv4", 17), ("icmp over ipv4", 1)] {
            count(what, (is_v4 && packet.protocol == protocol).into());
        }
        count("syn over ipv4", (is_v4 && packet.class == Class::TcpSyn).into());
    }
}

fn ours(file: &Path) -> Counts {
    let mut sink = Ours { decoder: Decoder::default(), counts: Counts::new() };
    let mut source = PcapFile::open(file).expect("a capture");
    // A damaged end: both stop there.
    while matches!(source.poll(&mut sink), Ok(Poll::Delivered | Poll::Idle)) {}
    sink.counts
}

fn theirs(file: &Path) -> Option<Counts> {
    let fields =
        ["frame.len", "vlan.id", "ip.src", "ipv6.src", "ip.proto", "tcp.flags", "ip.flags.mf", "ip.frag_offset"];
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "ip.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"]);
    command.args(["-T", "fields", "-E", "occurrence=f", "-E", "separator=/t"]);
    fields.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    let output = command.arg("-r").arg(file).output().ok()?;
    let mut counts = Counts::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [length, vlan, v4, v6, protocol, flags, more, offset] = cells.as_slice() else { return None };
        let number =
            |text: &str| text.strip_prefix("0x").map_or(text.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok());
        let mut count = |what, number| *counts.entry(what).or_default() += number;
        let (is_v4, offset) = (!v4.is_empty(), number(offset).unwrap_or(0));
        let is_fragment = is_v4 && (matches!(*more, "1" | "True") || offset > 0);
        count("packets", 1);
        count("octets", number(length)?);
        count("vlan", (!vlan.is_empty() && *vlan != "0").into());
        count("ipv4", is_v4.into());
        count("ipv6", (!is_v4 && !v6.is_empty()).into());
        count("fragments of ipv4", is_fragment.into());
        for (what, wanted) in [("tcp over ipv4", "6"), ("udp over ipv4", "17"), ("icmp over ipv4", "1")] {
            count(what, (is_v4 && *protocol == wanted).into());
        }
        const SYN_ACK_RST_FIN: u64 = 0x17;
        let is_syn = number(flags).is_some_and(|flags| flags & SYN_ACK_RST_FIN == 0x02);
        count("syn over ipv4", (is_v4 && *protocol == "6" && offset == 0 && is_syn).into());
    }
    Some(counts)
}

#[test]
fn counts_are_those_of_tshark() {
    let files = tools::shared_captures();
    if files.is_empty() || Command::new("tshark").arg("-v").output().is_err() {
        eprintln!("skipped: no captures in ../shared, or no tshark (.ci/deps test installs it)");
        return;
    }
    let all = std::env::var("PEGEL_DIFFERENTIAL").is_ok_and(|which| which == "all");
    let (mut sums, mut differing, mut compared) = ((Counts::new(), Counts::new()), Vec::new(), 0);
    for file in files.iter().step_by(if all { 1 } else { 8 }) {
        // What one of them cannot read at all is no difference of the decoders.
        if PcapFile::open(file).is_err() {
            continue;
        }
        let (ours, Some(theirs)) = (ours(file), theirs(file)) else { continue };
        if ours.get("packets") != theirs.get("packets") {
            differing.push(format!(
                "{}: packets {:?} {:?}",
                file.display(),
                ours.get("packets"),
                theirs.get("packets")
            ));
            continue;
        }
        compared += 1;
        for (what, number) in &ours {
            let other = theirs.get(what).copied().unwrap_or(0);
            if *number != other {
                differing.push(format!("{}: {what} {number} {other}", file.display()));
            }
            *sums.0.entry(what).or_default() += number;
            *sums.1.entry(what).or_default() += other;
        }
    }
    println!("{compared} captures; ours and tshark's:");
    for (what, number) in &sums.0 {
        println!("{what}: {number} {}", sums.1.get(what).unwrap_or(&0));
    }
    differing.iter().for_each(|line| println!("differs: {line}"));
    differing.retain(|line| !EXPLAINED.iter().any(|(name, _)| line.contains(name)));
    assert!(differing.is_empty(), "not explained: {differing:#?}");
}
