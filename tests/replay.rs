//! `pegel replay` and other commands as a user runs them: captures, invalid files, configurations, lists.

use flate2::{Compression, write::GzEncoder};
use pegel::traffic::{Part, Scenario, TrafficModel, write_pcap};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory that is removed at the end of the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn pegel<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pegel"));
    // The configuration of this machine must have no effect.
    command.args(arguments).env("PEGEL_CONFIG", "/dev/null").stdin(Stdio::null());
    command.output().expect("pegel runs")
}

fn replay(arguments: &[&str], files: &[&Path]) -> Output {
    let files = files.iter().map(|path| path.to_str().expect("UTF-8"));
    pegel(&["replay"].into_iter().chain(arguments.iter().copied()).chain(files).collect::<Vec<_>>())
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal")
}

fn incidents(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn pcap(parts: Vec<Part>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_pcap(&mut Scenario::new(3, parts).source(), &mut bytes).expect("a Vec takes all");
    bytes
}

fn part(model: TrafficModel, from: f64, to: f64, rate: f64) -> Part {
    let mut part = Part::new(model, from, to);
    part.params.rate = Some(rate);
    part
}

/// Two seconds of a SYN flood beside a web server.
fn flood() -> Vec<u8> {
    pcap(vec![part(TrafficModel::SynFlood, 1.0, 3.0, 1_500.0), part(TrafficModel::WebServer, 0.0, 4.0, 20.0)])
}

const NETWORK: &[&str] = &["--format", "json", "--network", "203.0.113.0/24"];

/// Classic pcap, little-endian with microseconds, of (seconds, microseconds, frame).
fn legacy(link: u32, records: impl IntoIterator<Item = (u32, u32, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, link] {
        bytes.extend(word.to_le_bytes());
    }
    for (seconds, micros, frame) in records {
        for word in [seconds, micros, frame.len() as u32, frame.len() as u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(frame);
    }
    bytes
}

/// A pcapng block of `kind`.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let total = (padded + 12) as u32;
    let mut bytes = [kind.to_le_bytes(), total.to_le_bytes()].concat();
    bytes.extend(body);
    bytes.resize(8 + padded, 0);
    bytes.extend(total.to_le_bytes());
    bytes
}

/// One pcapng section with one Ethernet interface of that name; (nanoseconds since the epoch, frame, option 2 flags).
fn ng(name: &str, records: impl IntoIterator<Item = (u64, Vec<u8>, u32)>) -> Vec<u8> {
    let mut bytes = block(0x0a0d_0d0a, &[&[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0][..], &[0xff; 8]].concat());
    let mut interface = vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0];
    interface.extend((name.len() as u16).to_le_bytes());
    interface.extend(name.as_bytes());
    interface.resize(interface.len().next_multiple_of(4), 0);
    interface.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(block(1, &interface));
    for (nanos, frame, flags) in records {
        let mut body = vec![0; 4];
        body.extend(((nanos >> 32) as u32).to_le_bytes());
        body.extend((nanos as u32).to_le_bytes());
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend(&frame);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend([2, 0, 4, 0]);
        body.extend(flags.to_le_bytes());
        body.extend([0; 4]);
        bytes.extend(block(6, &body));
    }
    bytes
}

/// The frames of synthetic traffic with their timestamps in nanoseconds.
fn frames(parts: Vec<Part>) -> Vec<(u64, Vec<u8>)> {
    let mut source = Scenario::new(3, parts).source();
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame() {
        frames.push((frame.time.nanos(), frame.data.to_vec()));
    }
    frames
}

#[test]
fn the_same_capture_gives_the_same_output_by_file_gzip_and_pipe() {
    let directory = Directory::new("same");
    let bytes = flood();
    let plain = directory.file("flood.pcap", &bytes);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes).expect("compressed");
    let gzip = directory.file("flood.pcap.gz", &encoder.finish().expect("compressed"));
    let first = replay(NETWORK, &[&plain]);
    assert_eq!((code(&first), err(&first)), (0, ""));
    assert_eq!(incidents(&first).len(), 1);
    assert_eq!(out(&first), out(&replay(NETWORK, &[&plain])));
    assert_eq!(out(&first), out(&replay(NETWORK, &[&gzip])));
    for file in [&plain, &gzip] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pegel"));
        command.arg("replay").args(NETWORK).arg("-").env("PEGEL_CONFIG", "/dev/null");
        let output = command.stdin(std::fs::File::open(file).expect("opened")).output().expect("pegel runs");
        assert_eq!((code(&output), out(&output)), (0, out(&first)));
    }
}

/// Keys of a JSON object, in order.
fn keys(object: &str) -> Vec<String> {
    // serde_json sorts keys: the order is read from the text, one level deep.
    let (mut keys, mut level, mut start, mut escaped, mut inside) = (Vec::new(), 0, 0, false, false);
    let mut last = String::new();
    for (at, c) in object.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => {
                inside = !inside;
                if inside {
                    start = at + 1;
                } else {
                    last = object[start..at].to_owned();
                }
            }
            _ if inside => {}
            '{' | '[' => level += 1,
            '}' | ']' => level -= 1,
            ':' if level == 1 => keys.push(last.clone()),
            _ => {}
        }
    }
    keys
}

fn names(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn json_has_the_published_keys_and_no_others() {
    let directory = Directory::new("keys");
    let mut outbound = part(TrafficModel::SynFlood, 1.0, 3.0, 1_500.0);
    outbound.params.direction = Some(pegel::base::Direction::Outbound);
    let file =
        directory.file("both.pcap", &pcap(vec![part(TrafficModel::DnsAmplification, 1.0, 3.0, 900.0), outbound]));
    let output = replay(NETWORK, &[&file]);
    let found = incidents(&output);
    assert_eq!(found.len(), 2, "{}", out(&output));
    const KEYS: &[&str] = &[
        "id",
        "vector",
        "vectors",
        "patterns",
        "direction",
        "severity",
        "confidence",
        "target",
        "opened_at",
        "updated_at",
        "closed_at",
        "close_reason",
        "part_of",
        "detected_after_seconds",
        "peak",
        "totals",
        "sources",
        "ports",
        "pulses",
        "names",
        "evidence",
        "coverage",
        "maintenance",
        "drill",
        "timeline",
        "mitigations",
    ];
    let mut listed = 0;
    for (line, incident) in out(&output).lines().zip(&found) {
        let mut wanted = KEYS.to_vec();
        let is_outbound = incident["direction"] == "outbound";
        if is_outbound {
            wanted.insert(17, "victims");
        }
        assert_eq!(keys(line), wanted);
        assert_eq!(
            names(&incident["target"]),
            ["address", "guest", "interface", "kind", "mac", "prefix", "sensor", "vlan"]
        );
        assert_eq!(names(&incident["peak"]), ["bits_per_second", "packets_per_second"]);
        assert_eq!(names(&incident["totals"]), ["bytes", "packets"]);
        for others in [Some("sources"), is_outbound.then_some("victims")].into_iter().flatten() {
            assert_eq!(names(&incident[others]), ["distinct", "distinct_error", "spoofing_likely", "top"]);
            // Peers of which nothing is certain are not listed.
            if let Some(first) = incident[others]["top"].as_array().and_then(|top| top.first()) {
                assert_eq!(names(first), ["address", "packets", "share"]);
                listed += 1;
            }
        }
        assert_eq!(names(&incident["ports"]), ["destination", "source"]);
        if let Some(first) = incident["ports"]["destination"].as_array().and_then(|ports| ports.first()) {
            assert_eq!(names(first), ["error", "port", "share"]);
            listed += 1;
        }
        assert_eq!(
            names(&incident["evidence"][0]),
            ["limit", "limit_from", "measure", "message", "value", "window_seconds"]
        );
        assert_eq!(names(&incident["coverage"]), ["captured", "kernel_dropped", "sampled"]);
        assert_eq!(names(&incident["timeline"][0]), ["at", "bits_per_second", "packets_per_second"]);
        assert_eq!(
            names(&incident["mitigations"][0]),
            [
                "action",
                "attack_samples",
                "background_samples",
                "collateral",
                "kind",
                "matches_attack",
                "notes",
                "refused",
                "text"
            ]
        );
        assert_eq!(incident["target"]["kind"], "host");
        assert_eq!(incident["evidence"][0]["limit_from"], "default");
        assert_eq!(incident["coverage"]["captured"], 1.0);
        // The capture ends before the quiet period does.
        assert!(incident["closed_at"].is_null() && incident["close_reason"].is_null());
        assert!(incident["opened_at"].as_str().is_some_and(|at| at.len() == 24 && at.ends_with('Z')));
    }
    assert!(listed >= 2, "no peers and no ports were listed");
    let victim = found.iter().find(|incident| incident["direction"] == "outbound").expect("one");
    assert_eq!(victim["victims"]["top"][0]["address"], "198.51.100.7");
    assert_eq!(victim["target"]["address"], "203.0.113.66");
}

#[test]
fn quiet_incidents_are_closed_and_printed_in_order_of_closing() {
    let directory = Directory::new("quiet");
    let mut second = part(TrafficModel::SynFlood, 80.0, 82.0, 1_500.0);
    second.params.target = "203.0.113.8/32".parse().ok();
    let calm = part(TrafficModel::NtpClient, 0.0, 90.0, 1.0);
    let file = directory.file("two.pcap", &pcap(vec![part(TrafficModel::SynFlood, 1.0, 3.0, 1_500.0), second, calm]));
    let found = incidents(&replay(NETWORK, &[&file]));
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0]["target"]["address"], &found[0]["close_reason"]), (&"203.0.113.7".into(), &"quiet".into()));
    assert_eq!((&found[1]["target"]["address"], &found[1]["closed_at"]), (&"203.0.113.8".into(), &Value::Null));
}

#[test]
fn the_table_is_readable() {
    let directory = Directory::new("table");
    let file = directory.file("flood.pcap", &flood());
    let output = replay(&["--network", "203.0.113.0/24"], &[&file]);
    let text = out(&output);
    assert_eq!((code(&output), err(&output)), (0, ""));
    for word in [
        "OPENED (UTC)",
        "VECTORS",
        "syn_flood",
        "203.0.113.7",
        "inbound",
        "(spoofed)",
        "unanswered SYN/s",
        "1 incident in",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("Note: inside networks"), "{text}");
    assert!(text.lines().all(|line| line.trim_end() == line), "spaces at the end of a line");
    let unknown = replay(&[], &[&file]);
    assert!(out(&unknown).contains("Note: inside networks are unknown"), "{}", out(&unknown));
    let calm = directory.file("calm.pcap", &pcap(vec![part(TrafficModel::WebServer, 0.0, 3.0, 20.0)]));
    let output = replay(&["--network", "203.0.113.0/24"], &[&calm]);
    assert!(code(&output) == 0 && out(&output).starts_with("No attack found in "), "{}", out(&output));
    assert_eq!(out(&replay(NETWORK, &[&calm])), "");
}

#[test]
fn invalid_files_are_named_and_the_others_are_read() {
    let directory = Directory::new("bad");
    let good = directory.file("good.pcap", &flood());
    let expected = out(&replay(NETWORK, &[&good])).to_owned();
    let bad = [
        (directory.0.join("missing.pcap"), "No such file"),
        (directory.file("empty.pcap", b""), "is empty"),
        (directory.file("page.pcap", b"<!DOCTYPE html><html><title>404</title></html>"), "HTML"),
        (directory.file("cut.pcap", &flood()[..17]), "header"),
        (directory.0.clone(), "directory"),
        (directory.file("text.pcap", b"hello, this is no capture\n"), "text"),
        (directory.file("noise.pcap", &[0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3]), "is not a capture"),
    ];
    for (path, reason) in &bad {
        let output = replay(NETWORK, &[path, &good]);
        assert_eq!(code(&output), 1, "{}", path.display());
        let lines: Vec<&str> = err(&output).lines().collect();
        let [about, summary] = lines[..] else { panic!("{}: {lines:#?}", path.display()) };
        assert!(about.starts_with(&format!("pegel: {}: ", path.display())) && about.contains(reason), "{about}");
        assert_eq!(summary, "pegel: 1 of 2 file(s) could not be read in full");
        assert_eq!(out(&output), expected, "{}", path.display());
        assert_eq!(code(&replay(NETWORK, &[path])), 1);
    }
    let all: Vec<&Path> = bad.iter().map(|(path, _)| path.as_path()).chain([good.as_path()]).collect();
    let output = replay(NETWORK, &all);
    assert_eq!((code(&output), err(&output).lines().count(), out(&output)), (1, bad.len() + 1, &expected[..]));
}

#[test]
fn a_truncated_capture_is_read_to_its_end() {
    let directory = Directory::new("cut");
    let bytes = flood();
    let whole = directory.file("whole.pcap", &bytes);
    let cut = directory.file("cut.pcap", &bytes[..bytes.len() - 7]);
    let (whole, cut) = (replay(NETWORK, &[&whole]), replay(NETWORK, &[&cut]));
    assert_eq!((code(&cut), out(&cut)), (0, out(&whole)));
    let lines: Vec<&str> = err(&cut).lines().collect();
    assert!(lines.len() == 1 && lines[0].contains("cut.pcap: note: ends inside record"), "{lines:?}");
}

#[test]
fn captures_without_a_usable_clock_give_no_false_rates() {
    let directory = Directory::new("clock");
    let frames = frames(vec![part(TrafficModel::SynFlood, 0.0, 2.0, 1_500.0)]);
    let all = |seconds: u32| legacy(1, frames.iter().map(|(_, frame)| (seconds, 0, frame.clone())));
    for (name, seconds) in [("zero", 0), ("equal", 1_767_225_600), ("last", u32::MAX)] {
        let output = replay(&[], &[&directory.file(name, &all(seconds))]);
        assert_eq!((code(&output), err(&output)), (0, ""), "{name}");
        assert!(out(&output).starts_with("No attack found in 3"), "{name}: {}", out(&output));
        assert!(out(&output).contains("no rates can be measured"), "{name}: {}", out(&output));
    }
}

#[test]
fn captures_with_irregular_timestamps_are_read() {
    let directory = Directory::new("odd");
    let frames = frames(vec![part(TrafficModel::SynFlood, 0.0, 2.0, 1_500.0)]);
    let at = |nanos: u64| ((nanos / 1_000_000_000) as u32, (nanos % 1_000_000_000 / 1000) as u32);
    let record = |nanos: u64, frame: &Vec<u8>| {
        let (seconds, micros) = at(nanos);
        (seconds, micros, frame.clone())
    };
    // Backwards by years in the middle: one incident before and one after.
    let year = 365 * 86_400 * 1_000_000_000u64;
    let backwards: Vec<_> = frames
        .iter()
        .map(|(nanos, frame)| record(*nanos, frame))
        .chain(frames.iter().map(|(nanos, frame)| record(nanos - 3 * year, frame)))
        .collect();
    let found = incidents(&replay(&["--format", "json"], &[&directory.file("backwards", &legacy(1, backwards))]));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[0]["close_reason"], "clock_change");
    // A gap of years forwards: the first incident closes after its quiet period.
    let forwards: Vec<_> = frames
        .iter()
        .map(|(nanos, frame)| record(*nanos, frame))
        .chain(frames.iter().map(|(nanos, frame)| record(nanos + 40 * year, frame)))
        .collect();
    let found = incidents(&replay(&["--format", "json"], &[&directory.file("forwards", &legacy(1, forwards))]));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[0]["close_reason"], "quiet");
    assert!(
        found[0]["closed_at"].as_str().is_some_and(|at| at.starts_with("2026-01-01T00:01:0")),
        "{}",
        found[0]["closed_at"]
    );
    // Every packet in reverse order: only the end of the first tick counts.
    let reverse: Vec<_> = frames.iter().rev().map(|(nanos, frame)| record(*nanos, frame)).collect();
    let output = replay(&["--format", "json"], &[&directory.file("reverse", &legacy(1, reverse))]);
    assert_eq!(code(&output), 0);
    // Packets slightly out of order, as several queues deliver them: the same incident.
    let mut shuffled = frames.clone();
    for pair in shuffled.chunks_mut(7) {
        pair.reverse();
    }
    let shuffled = shuffled.iter().map(|(nanos, frame)| record(*nanos, frame));
    let found = incidents(&replay(&["--format", "json"], &[&directory.file("shuffled", &legacy(1, shuffled))]));
    assert_eq!(found.len(), 1, "{found:#?}");
    // The whole capture lasts a fifth of a second.
    let short: Vec<_> =
        frames.iter().map(|(nanos, frame)| record((nanos - frames[0].0) / 10 + frames[0].0, frame)).collect();
    let output = replay(&[], &[&directory.file("short", &legacy(1, short))]);
    assert!(code(&output) == 0 && out(&output).contains("1 incident in 3"), "{}", out(&output));
    // One packet, and none.
    let one = legacy(1, frames.iter().take(1).map(|(nanos, frame)| record(*nanos, frame)));
    for (name, bytes, message) in
        [("one", one, "No attack found in 1 packets"), ("none", legacy(1, []), "No attack found in 0 packets")]
    {
        let output = replay(&[], &[&directory.file(name, &bytes)]);
        assert!(code(&output) == 0 && out(&output).starts_with(message), "{}", out(&output));
    }
}

#[test]
fn unsupported_link_types_are_named() {
    let directory = Directory::new("link");
    let file = directory.file("usb.pcap", &legacy(189, (0..300).map(|n| (1_767_225_600, n, vec![0; 64]))));
    let output = replay(&[], &[&file]);
    assert_eq!(code(&output), 0);
    assert!(out(&output).contains("189"), "{}", out(&output));
    let output = replay(&["--format", "json"], &[&file]);
    assert!(out(&output).is_empty() && err(&output).contains("189"), "{}", err(&output));
}

/// The frames of synthetic traffic, each inside a tunnel, with their timestamps as in a capture.
fn tunnelled(parts: Vec<Part>, tunnel: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let wrapped = frames(parts)
        .into_iter()
        .map(|(nanos, frame)| ((nanos / 1_000_000_000) as u32, (nanos % 1_000_000_000 / 1000) as u32, tunnel(&frame)));
    legacy(1, wrapped.collect::<Vec<_>>())
}

/// An Ethernet frame with an IPv4 packet from 192.0.2.11.
fn outer(destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend(((20 + payload.len()) as u16).to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 11]);
    frame.extend(destination);
    frame.extend(payload);
    frame
}

#[test]
fn no_attack_is_said_only_of_what_was_looked_into() {
    let directory = Directory::new("tunnels");
    let config = directory.file("inner.toml", b"[decode]\ntunnels = \"inner\"\n");
    let config = ["--config", config.to_str().expect("UTF-8")];
    let vxlan = |frame: &[u8]| {
        let length = ((16 + frame.len()) as u16).to_be_bytes();
        let head = [&[0xc0, 0, 0x21, 0x18][..], &length, &[0, 0, 8, 0, 0, 0, 0, 0, 9, 0]].concat();
        outer([192, 0, 2, 12], 17, &[&head[..], frame].concat())
    };
    let erspan = |frame: &[u8]| {
        let head = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0x64, 0, 0, 0, 5];
        outer([203, 0, 113, 99], 47, &[&head[..], frame].concat())
    };
    let pseudowire = |frame: &[u8]| {
        let head = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0];
        [&head[..], frame].concat()
    };
    type Tunnel<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let tunnels: [(&str, Tunnel<'_>); 3] =
        [("VXLAN", &vxlan), ("ERSPAN", &erspan), ("an Ethernet pseudowire", &pseudowire)];
    for (title, tunnel) in tunnels {
        let flood = vec![part(TrafficModel::SynFlood, 1.0, 3.0, 1_500.0)];
        let file = directory.file("tunnel.pcap", &tunnelled(flood, tunnel));
        let output = replay(&["--network", "203.0.113.0/24"], &[&file]);
        let said =
            format!("3,000 of them carry {title}, which was not looked into (decode.tunnels = \"inner\" follows it)");
        assert!(out(&output).starts_with("No attack found in 3,000 packets"), "{title}: {}", out(&output));
        assert!(out(&output).lines().next().is_some_and(|line| line.contains(&said)), "{title}: {}", out(&output));
        let output = replay(NETWORK, &[&file]);
        assert!(err(&output).contains(&said), "{title}: {}", err(&output));
        let output = replay(&[NETWORK, &config].concat(), &[&file]);
        assert_eq!(err(&output), "", "{title}");
        let found = incidents(&output);
        assert_eq!(found.len(), 1, "{title}: {}", out(&output));
        assert_eq!((&found[0]["vector"], &found[0]["target"]["address"]), (&"syn_flood".into(), &"203.0.113.7".into()));
    }
}

#[test]
fn a_flood_is_not_hidden_by_what_its_packets_carry() {
    let directory = Directory::new("hidden");
    let config = directory.file("inner.toml", b"[decode]\ntunnels = \"inner\"\n");
    let config = ["--config", config.to_str().expect("UTF-8")];
    let mirrored = |frame: &[u8]| outer([192, 0, 2, 12], 47, &[&[0, 0, 0x65, 0x58][..], frame].concat());
    // Random addresses inside, ours inside, and the whole again in a mirror.
    for (name, ours, mirror) in [("random", false, false), ("ours", true, false), ("mirrored", false, true)] {
        let records = (0..8_000u32).map(|n| {
            let random = n.wrapping_mul(2_654_435_761);
            let [a, b, c, d] = random.to_be_bytes();
            let destination = if ours { [203, 0, 113, c] } else { [100, c, b, a] };
            let mut inner = outer(destination, 17, &[0x20, a, 0x30, b, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
            inner[26..30].copy_from_slice(&[101, a, b, c]);
            let mut flood = outer([203, 0, 113, 7], 4, &inner[14..]);
            flood[26..30].copy_from_slice(&[20 + (n % 80) as u8, d, c, b]);
            let frame = if mirror { mirrored(&flood) } else { flood };
            (1_767_225_600 + n / 4_000, n % 4_000 * 250, frame)
        });
        let file = directory.file("flood.pcap", &legacy(1, records.collect::<Vec<_>>()));
        let found = incidents(&replay(&[NETWORK, &config].concat(), &[&file]));
        let target = &found.first().unwrap_or_else(|| panic!("{name}: silent"))["target"];
        let flooded = found.iter().find(|incident| incident["target"]["address"] == "203.0.113.7");
        assert!(flooded.is_some() || target["kind"] == "prefix", "{name}: {found:#?}");
        assert!(found.iter().any(|one| one["vectors"].to_string().contains("ip_proto_flood")), "{name}: {found:#?}");
        // Each packet is one, whatever it is counted for.
        let table = replay(&[&["--network", "203.0.113.0/24"][..], &config].concat(), &[&file]);
        assert!(out(&table).contains(" in 8,000 packets"), "{name}: {}", out(&table));
    }
}

#[test]
fn zeros_at_the_end_of_a_capture_are_named() {
    let directory = Directory::new("zeros");
    let bytes = flood();
    let ng =
        ng("eth0", frames(vec![part(TrafficModel::WebServer, 0.0, 2.0, 20.0)]).into_iter().map(|(n, f)| (n, f, 0)));
    for (name, bytes) in [("flood.pcap", bytes), ("calm.pcapng", ng)] {
        let whole = replay(&[], &[&directory.file(name, &bytes)]);
        let file = directory.file(name, &[&bytes[..], &[0; 5000]].concat());
        let output = replay(&[], &[&file]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        let said = format!("; 5,000 bytes of zeros at the end of {} were not read.", file.display());
        assert_eq!(out(&output).replace(&said, "."), out(&whole));
        assert_ne!(out(&output), out(&whole));
        let json = replay(NETWORK, &[&file]);
        let lines: Vec<&str> = err(&json).lines().collect();
        assert!(
            code(&json) == 0 && lines.len() == 1 && lines[0].contains("note: ends with 5000 bytes of zeros"),
            "{lines:?}"
        );
    }
}

#[test]
fn interface_rules_apply_from_the_first_packet_of_a_capture() {
    let directory = Directory::new("mac");
    let config = directory.file(
        "pegel.toml",
        b"[[interface]]\nname = \"vmbr0\"\nallowed_macs = [\"52:54:00:12:34:56\"]\nupstream_macs = [\"02:00:00:00:00:01\"]\n",
    );
    let mut foreign = part(TrafficModel::ForeignMac, 0.0, 2.0, 10.0);
    foreign.params.direction = Some(pegel::base::Direction::Outbound);
    let frames = frames(vec![foreign]);
    for (name, flags) in [("outbound", 2), ("unknown", 0)] {
        let records = frames.iter().map(|(nanos, frame)| (*nanos, frame.clone(), flags));
        let file = directory.file(name, &ng("vmbr0", records));
        let arguments = ["--format", "json", "--config", config.to_str().expect("UTF-8")];
        let found = incidents(&replay(&arguments, &[&file]));
        let [incident] = &found[..] else { panic!("{name}: {found:#?}") };
        assert_eq!(incident["vector"], "mac_not_allowed");
        assert_eq!(incident["target"]["interface"], "vmbr0");
        assert_eq!(incident["target"]["mac"], "52:54:00:00:00:99");
        // Twenty frames in two seconds, all of which left.
        assert_eq!(incident["totals"]["packets"], 20, "{name}");
        assert!(incident["opened_at"].as_str().is_some_and(|at| at <= "2026-01-01T00:00:00.200Z"), "{incident}");
    }
    // Another interface of the same capture has no rule.
    let other = directory.file("other", &ng("eth9", frames.iter().map(|(nanos, frame)| (*nanos, frame.clone(), 2))));
    let arguments = ["--format", "json", "--config", config.to_str().expect("UTF-8")];
    assert_eq!(out(&replay(&arguments, &[&other])), "");
}

#[test]
fn a_guest_that_is_not_on_the_list_of_its_provider_may_not_leave() {
    let directory = Directory::new("granted");
    let macs = directory.file("macs.csv", b"mac,ip\n02:00:cb:00:71:42,203.0.113.66\n52:54:00:00:00:01,\n");
    let listed = directory.file("listed.csv", b"mac\n52:54:00:00:00:99\n");
    let guests = directory.file("guests.csv", b"mac,ip\n52:54:00:00:00:01,203.0.113.66\n");
    let mut foreign = part(TrafficModel::ForeignMac, 0.0, 2.0, 10.0);
    foreign.params.direction = Some(pegel::base::Direction::Outbound);
    let records = frames(vec![foreign]).into_iter().map(|(nanos, frame)| (nanos, frame, 2));
    let file = directory.file("out", &ng("eno1", records));
    let shop = "[[guest]]\nname = \"shop\"\nmac = \"52:54:00:00:00:99\"\n";
    let messages = |table: &Path, guest: &str| {
        let config = format!(
            "[inventory]\nproxmox = \"\"\nlibvirt = []\ntables = [{:?}]\n{guest}[[interface]]\nname = \"eno1\"\nrole = \"uplink\"\n",
            table.to_str().expect("UTF-8")
        );
        let config = directory.file("pegel.toml", config.as_bytes());
        let found = incidents(&replay(&["--format", "json", "--config", config.to_str().expect("UTF-8")], &[&file]));
        let told = |incident: &Value| {
            let message = incident["evidence"][0]["message"].as_str().expect("a message");
            format!("{} {} {message}", incident["vector"].as_str().unwrap(), incident["severity"].as_str().unwrap())
        };
        found.iter().map(told).collect::<Vec<_>>()
    };
    let told = messages(&macs, shop);
    let start = "mac_not_allowed critical 1 frame(s) left eno1 with source MAC 52:54:00:00:00:99 (guest shop), not on the list of \
                 granted MAC addresses (config: [inventory] tables); first: arp";
    assert!(told.len() == 1 && told[0].starts_with(start), "{told:#?}");
    let told = messages(&macs, "");
    assert!(told[0].contains("; QEMU and libvirt give such addresses to virtual machines; first: arp"), "{told:#?}");
    assert_eq!(messages(&listed, shop), [""; 0], "it is on the list");
    assert_eq!(messages(&guests, shop), [""; 0], "a table of guests grants nothing, and forbids nothing");
}

#[test]
fn configurations_are_checked_and_printed() {
    let directory = Directory::new("config");
    let good =
        directory.file("good.toml", b"networks = [\"203.0.113.0/24\"]\n[detect.syn_flood]\npackets_per_second = 7\n");
    let bad = directory.file("bad.toml", b"networks = [\"x\"]\n[detect.syn_flood]\npackets_per_second = 0\n");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let output = pegel(&["check-config", &path(&good)]);
    assert_eq!((code(&output), out(&output)), (0, &*format!("{}: OK\n", good.display())));
    let output = pegel(&["check-config", &path(&bad)]);
    assert_eq!((code(&output), out(&output), err(&output).lines().count()), (3, "", 2));
    let output = pegel(&["replay", "--config", &path(&bad), "x.pcap"]);
    assert_eq!((code(&output), err(&output).lines().count()), (3, 2));
    let output = pegel(&["check-config", &path(&directory.0.join("none.toml"))]);
    assert!(code(&output) == 3 && err(&output).contains("none.toml: cannot be read: No such file"), "{}", err(&output));

    let printed = pegel(&["print-config", "--config", &path(&good)]);
    assert!(out(&printed).contains("packets_per_second = 7") && out(&printed).contains("203.0.113.0/24"));
    let again = directory.file("again.toml", &printed.stdout);
    assert_eq!(out(&pegel(&["print-config", "--config", &path(&again)])), out(&printed));
    let replaced = pegel(&["print-config", "--config", &path(&good), "--network", "198.51.100.0/24"]);
    assert!(out(&replaced).contains("198.51.100.0/24") && !out(&replaced).contains("203.0.113.0/24"));
    let list = ["--network", "198.51.100.7, 2001:db8:10::7/48", "--network", "203.0.113.0"];
    let several = pegel(&[&["print-config", "--config", &path(&good)][..], &list].concat());
    let networks = "networks = [\"198.51.100.7/32\", \"2001:db8:10::/48\", \"203.0.113.0/32\"]";
    assert!(out(&several).contains(networks), "{}", out(&several));
    let sample = directory.file("sample.toml", &pegel(&["print-config", "--sample"]).stdout);
    assert_eq!(code(&pegel(&["check-config", &path(&sample)])), 0);
}

#[test]
fn evidence_names_the_configuration_as_the_source_of_a_limit() {
    let directory = Directory::new("limit");
    let config = directory.file("pegel.toml", b"[detect.syn_flood]\npackets_per_second = 700\n");
    let file = directory.file("flood.pcap", &flood());
    let arguments = ["--format", "json", "--config", config.to_str().expect("UTF-8")];
    let found = incidents(&replay(&arguments, &[&file]));
    let evidence = &found[0]["evidence"][0];
    assert_eq!((&evidence["limit"], &evidence["limit_from"]), (&700.0.into(), &"config".into()));
    assert!(evidence["message"].as_str().is_some_and(|message| message.contains("limit 700 (config)")), "{evidence}");
}

#[test]
fn lists_help_and_completions_are_printed() {
    for what in ["detectors", "vectors", "metrics", "sources", "outputs", "amplifiers", "anomalies"] {
        let output = pegel(&["list", what]);
        assert_eq!((code(&output), err(&output)), (0, ""), "{what}");
        let lines: Vec<&str> = out(&output).lines().collect();
        assert!(lines.len() > 1, "{what}");
        assert!(lines.iter().all(|line| line.trim_end() == *line), "{what}");
    }
    let vectors = pegel(&["list", "vectors"]);
    for vector in pegel::base::Vector::ALL {
        assert!(out(&vectors).contains(vector.name()), "{vector}");
    }
    let help = pegel(&["--help"]);
    for word in ["replay", "check-config", "print-config", "list", "completions", "Exit codes", "Examples"] {
        assert!(out(&help).contains(word), "{word}");
    }
    assert!(out(&pegel(&["--version"])).starts_with("pegel "));
    for shell in ["bash", "zsh", "fish"] {
        let output = pegel(&["completions", shell]);
        assert!(code(&output) == 0 && out(&output).contains("pegel"), "{shell}");
    }
    for wrong in [
        &["replay"][..],
        &["replai"],
        &["list"],
        &["list", "nothing"],
        &["replay", "--format", "xml", "x"],
        &["replay", "--network", "x", "y"],
    ] {
        assert_eq!(code(&pegel(wrong)), 2, "{wrong:?}");
    }
    for command in [&["run"][..], &["replay", "x"]] {
        let wrong = pegel(&[command, &["--network", "203.0.113.0/24,198.51.100.0/240"]].concat());
        let message = "'198.51.100.0/240' for '--network <CIDR>': must be a network, as in \"203.0.113.0/24\" or \
                       \"2001:db8:10::/48\"; a prefix length of IPv4 is a number from 0 to 32";
        assert!(code(&wrong) == 2 && err(&wrong).contains(message), "{}", err(&wrong));
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let directory = Directory::new("pipe");
    let file = directory.file("flood.pcap", &flood());
    let mut command = Command::new(env!("CARGO_BIN_EXE_pegel"));
    command.args(["replay", "--format", "json"]).arg(&file).env("PEGEL_CONFIG", "/dev/null");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pegel runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("pegel ends");
    assert_eq!((code(&output), err(&output)), (0, ""));
}
