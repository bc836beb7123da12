//! What a crafted capture costs grows with its size, and no faster. Counted in instructions by callgrind, which depend neither on the
//! machine's speed nor on its load: a capture twice as large may cost little more than twice as much.

mod bed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Of a linear cost, the second step of doubling costs twice what the first does; a quadratic one four times.
const MOST: f64 = 2.7;

/// Blocks of a pcapng file in little-endian byte order.
struct Capture(Vec<u8>);

impl Capture {
    fn new() -> Capture {
        let mut capture = Capture(Vec::new());
        capture
            .block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        capture
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let length = 12 + body.len().next_multiple_of(4) as u32;
        self.0.extend(kind.to_le_bytes());
        self.0.extend(length.to_le_bytes());
        self.0.extend(body);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.0.extend(length.to_le_bytes());
    }

    /// An Ethernet interface with a name of its own, and times in microseconds.
    fn interface(&mut self, name: &str) {
        let mut body = vec![1, 0, 0, 0, 0, 0, 4, 0, 2, 0, name.len() as u8, 0];
        body.extend(name.as_bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend([0; 4]);
        self.block(1, &body);
    }

    fn packet(&mut self, interface: u32, micros: u64, frame: &[u8]) {
        let mut body = interface.to_le_bytes().to_vec();
        body.extend(((micros >> 32) as u32).to_le_bytes());
        body.extend((micros as u32).to_le_bytes());
        body.extend([(frame.len() as u32).to_le_bytes(); 2].concat());
        body.extend(frame);
        self.block(6, &body);
    }
}

/// A SYN from a host to another, or to itself (a LAND attack).
fn syn(source: u32, target: u32) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
    frame.extend(source.to_be_bytes());
    frame.extend(target.to_be_bytes());
    frame.extend([0, 80, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    frame
}

const START: u64 = 1_767_225_600_000_000;

/// Instructions of a replay.
fn cost(file: &Path, arguments: &[&str]) -> f64 {
    let report = file.with_extension("callgrind");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", &format!("--callgrind-out-file={}", report.display())])
        .args([env!("CARGO_BIN_EXE_pegel"), "replay", "--format", "json"])
        .args(arguments)
        .arg(file)
        .env("PEGEL_CONFIG", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{text}");
    let count = text.lines().find_map(|line| line.split("Collected : ").nth(1));
    count.unwrap_or_else(|| panic!("{text}")).trim().parse().unwrap()
}

/// Replays captures of one, two and four parts; `arguments` of each with the name of a file beside the capture.
fn check(name: &str, part: usize, make: impl Fn(usize) -> Capture, arguments: impl Fn(&Path) -> Vec<String>) {
    if !bed::daemons::installed(&["valgrind"]) {
        return;
    }
    let folder = std::env::temp_dir().join(format!("pegel-growth-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let costs = [1, 2, 4].map(|parts| {
        let file: PathBuf = folder.join(format!("{parts}.pcapng"));
        fs::write(&file, make(part * parts).0).unwrap();
        let arguments = arguments(&folder);
        cost(&file, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    });
    fs::remove_dir_all(&folder).unwrap();
    let [one, two, four] = costs;
    let ratio = (four - two) / (two - one);
    println!("{name}: {one:.3e} {two:.3e} {four:.3e} instructions; the second step is {ratio:.2} times the first");
    assert!(ratio < MOST, "{name}: {costs:?}");
}

#[test]
fn interfaces_of_a_capture() {
    let make = |number: usize| {
        let mut capture = Capture::new();
        (0..number).for_each(|n| capture.interface(&format!("tap{n}i0")));
        capture.packet(0, START, &syn(1, 2));
        capture
    };
    check("interfaces", 250, make, |_| Vec::new());
}

#[test]
fn interfaces_that_are_declared_between_packets() {
    let make = |number: usize| {
        let mut capture = Capture::new();
        for n in 0..number {
            capture.interface(&format!("tap{n}i0"));
            capture.packet(n as u32, START + n as u64 * 1000, &syn(0xc633_6401, 0xc633_6402));
        }
        capture
    };
    check("interleaved", 100, make, |_| Vec::new());
}

#[test]
fn packets_days_apart() {
    let make = |number: usize| {
        let mut capture = Capture::new();
        capture.interface("eth0");
        let day = 86_400_000_000;
        (0..number as u64).for_each(|n| capture.packet(0, START + n * 3 * day, &syn(n as u32, 0xc633_6402)));
        capture
    };
    check("leaps", 250, make, |_| Vec::new());
}

#[test]
fn incidents_with_reports() {
    let make = |number: usize| {
        let mut capture = Capture::new();
        capture.interface("eth0");
        // Each host attacks itself for a second, five at a time.
        for n in 0..number as u64 {
            let host = 0xc633_0000 + n as u32;
            (0..30).for_each(|packet| capture.packet(0, START + n / 5 * 1_000_000 + packet * 30_000, &syn(host, host)));
        }
        capture
    };
    check("reports", 15, make, |folder| vec!["--report".to_owned(), folder.join("report.json").display().to_string()]);
}
