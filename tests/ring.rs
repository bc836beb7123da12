//! The kernel's packet ring on real interfaces: the frames that it delivers, printed by `peer watch`, without the rest
//! of Pegel. Like the other live tests they need root and iproute2; without these they print a message and pass.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;

use bed::{Bed, WATCHED, flood};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Output, Stdio};
use std::thread::JoinHandle;

/// Frames as printed by `peer watch`.
struct Watch {
    child: Child,
    /// Reads continuously: if the pipe were full, the watcher would block and lose frames.
    reader: JoinHandle<Vec<Value>>,
}

impl Watch {
    fn start(bed: &Bed, interface: &str, count: usize, arguments: &[&str]) -> Watch {
        let count = count.to_string();
        let peer = bed::peer().display().to_string();
        let all = [&["20", &peer, "watch", interface, &count], arguments].concat();
        // `timeout` guards against frames that never come.
        let mut child =
            bed.command("b", "timeout".as_ref(), &all).stdout(Stdio::piped()).spawn().expect("the watcher starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        assert_eq!(lines.next().expect("a line").expect("UTF-8"), "ready");
        let parse = |line: std::io::Result<String>| serde_json::from_str(&line.expect("UTF-8")).expect("JSON");
        let reader = std::thread::spawn(move || lines.map(parse).collect());
        Watch { child, reader }
    }

    /// All frames, once the requested number has arrived.
    fn frames(mut self) -> Vec<Value> {
        let frames = self.reader.join().expect("it reads JSON");
        assert!(self.child.wait().expect("it ends").success(), "only {} frames", frames.len());
        frames
    }
}

fn send(bed: &Bed, side: &str, interface: &str, scenario: &str, tags: &[&str]) -> Output {
    let file = bed.file("scenario.toml", scenario);
    let output = bed.peer(side, &[&["send", interface, &file], tags].concat()).output().expect("the sender starts");
    assert!(output.status.success(), "sender: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn all_have(frames: &[Value], key: &str, value: impl Into<Value>) {
    let value = value.into();
    let other = frames.iter().find(|frame| frame[key] != value);
    assert!(other.is_none(), "{key} is not {value}: {other:?}");
}

/// 200 datagrams to the watched side. Its replies do not pass the filter `udp`.
fn datagrams() -> String {
    flood("udp_flood", 1000, 0.2)
}

#[test]
fn each_frame_has_a_direction() {
    let Some(bed) = Bed::new("way") else { return };
    let filter = ["1", "256", "1", "udp and dst host 10.231.7.2"];
    let watch = Watch::start(&bed, "vb", 400, &filter);
    send(&bed, "a", "va", &datagrams(), &[]);
    send(&bed, "b", "vb", &datagrams(), &[]);
    let frames = watch.frames();
    all_have(&frames[..200], "direction", "Ingress");
    all_have(&frames[200..], "direction", "Egress");
    all_have(&frames, "link", "Ethernet");
}

#[test]
fn a_vlan_tag_that_the_kernel_removed_is_restored() {
    let Some(bed) = Bed::new("tag") else { return };
    // 0x2064: VLAN 100 with priority 1.
    let watch = Watch::start(&bed, "vb", 200, &["1", "256", "1", "udp"]);
    let plain = {
        send(&bed, "a", "va", &datagrams(), &[]);
        watch.frames()
    };
    for (tags, tpid, vlan) in [(&["8100:2064"][..], 0x8100, 100), (&["88a8:00c8", "8100:0007"][..], 0x88a8, 200)] {
        // The kernel evaluates an expression on the tag with its metadata. An inner tag remains in the frame.
        let filter = format!("vlan {vlan}");
        let watch = Watch::start(&bed, "vb", 200, &["1", "256", "1", &filter]);
        send(&bed, "a", "va", &datagrams(), &[]);
        send(&bed, "a", "va", &datagrams(), tags);
        let frames = watch.frames();
        all_have(&frames, "vlan", vlan);
        all_have(&frames, "tpid", tpid);
        all_have(&frames, "parsed_vlan", vlan);
        for (frame, plain) in frames.iter().zip(&plain) {
            let added = frame["wire_len"].as_u64().unwrap() - plain["wire_len"].as_u64().unwrap();
            assert_eq!(added, 4 * tags.len() as u64, "{frame}");
        }
    }
}

#[test]
fn filter_and_snapshot_length_apply() {
    let Some(bed) = Bed::new("bpf") else { return };
    let watch = Watch::start(&bed, "vb", 200, &["1", "96", "1", "udp and dst host 10.231.7.2"]);
    send(&bed, "a", "va", &flood("syn_flood", 1000, 0.2), &[]);
    send(&bed, "a", "va", &datagrams(), &[]);
    let frames = watch.frames();
    for frame in &frames {
        let (captured, wire_len) = (frame["captured"].as_u64().unwrap(), frame["wire_len"].as_u64().unwrap());
        assert_eq!(captured, wire_len.min(96), "{frame}");
    }
    all_have(&frames, "sampled", 1);
}

#[test]
fn workers_share_frames_without_duplicates() {
    let Some(bed) = Bed::new("share") else { return };
    // The last frames are of another kind: duplicates of the first would arrive before them.
    let watch = Watch::start(&bed, "vb", 1100, &["2", "256", "1", "dst host 10.231.7.2 and (tcp or udp)"]);
    send(&bed, "a", "va", &flood("syn_flood", 5000, 0.2), &[]);
    send(&bed, "a", "va", &flood("udp_flood", 1000, 0.1), &[]);
    let frames = watch.frames();
    let syns = frames.iter().filter(|frame| frame["wire_len"].as_u64().unwrap() < 80).count();
    let by = |worker| frames.iter().filter(|frame| frame["worker"] == worker).count();
    println!("{} and {} frames", by(0), by(1));
    assert!(by(0) > 200 && by(1) > 200, "both receive frames");
    assert_eq!((by(0) + by(1), syns), (1100, 1000));
}

#[test]
fn a_large_frame_has_the_number_of_its_segments() {
    let Some(bed) = Bed::new("gso") else { return };
    let address = format!("{WATCHED}:8080");
    let mut server = bed.peer("b", &["serve", &address]).stdout(Stdio::piped()).spawn().unwrap();
    let listening = BufReader::new(server.stdout.as_mut().unwrap()).lines().next();
    assert_eq!(listening.unwrap().unwrap(), "listening");
    let watch = Watch::start(&bed, "vb", 100, &["1", "96", "1", "tcp src port 8080 and greater 1000"]);
    let output = bed.peer("a", &["fetch", &address, "20000000", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let frames = watch.frames();
    server.kill().unwrap();
    server.wait().unwrap();
    if frames.iter().all(|frame| frame["segments"] == 1) {
        eprintln!("skipped: no segmentation offload on a veth pair here");
        return;
    }
    for frame in &frames {
        let (segments, wire_len) = (frame["segments"].as_u64().unwrap(), frame["wire_len"].as_u64().unwrap());
        // Each GSO segment except the last fills the MTU of 1,500 octets, plus an Ethernet header.
        assert_eq!(segments, wire_len.div_ceil(1514), "{frame}");
    }
}

#[test]
fn frames_on_the_loopback_interface_are_captured_once() {
    let Some(bed) = Bed::new("lo") else { return };
    let watch = Watch::start(&bed, "lo", 200, &["1", "256", "1", "udp or tcp"]);
    send(&bed, "b", "lo", &flood("udp_flood", 1000, 0.1), &[]);
    send(&bed, "b", "lo", &flood("syn_flood", 1000, 0.1), &[]);
    let frames = watch.frames();
    all_have(&frames, "direction", "Ingress");
    let syns = frames.iter().filter(|frame| frame["wire_len"].as_u64().unwrap() < 80).count();
    assert_eq!(syns, 100, "no duplicates before the last frames");
}

#[test]
fn one_in_four_is_sampled_randomly() {
    let Some(bed) = Bed::new("lot") else { return };
    // Of 8,000 SYNs about 2,000 are captured, with a standard deviation of 39; the rest are datagrams.
    let watch = Watch::start(&bed, "vb", 2500, &["1", "96", "4", "dst host 10.231.7.2 and (tcp or udp)"]);
    send(&bed, "a", "va", &flood("syn_flood", 8000, 1.0), &[]);
    send(&bed, "a", "va", &flood("udp_flood", 8000, 1.0), &[]);
    let frames = watch.frames();
    all_have(&frames, "sampled", 4);
    let syns = frames.iter().filter(|frame| frame["wire_len"].as_u64().unwrap() < 80).count();
    assert!((1800..2200).contains(&syns), "{syns}");
}
