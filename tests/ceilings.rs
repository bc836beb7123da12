//! No attacker who knows the code can hide: for each vector and each shape that a flood may take, the rate up to which it stays
//! silent.
//!
//! A cell is a flood of one shape against a host with some honest traffic, with our networks configured or not. Its goal is a
//! multiple of the limit that is documented for the shape: [`GOAL`], or the setting `detect.ceiling` where a rule excuses the shape. A
//! flood at the goal must be reported within [`SILENT_SECONDS`] of packet time.
//!
//! `cargo test --test ceilings` tests each cell at its goal. `make ceilings` searches for the highest rate that stays silent
//! and writes the table of the book.

use libtest_mimic::{Arguments, Failed, Trial};
use pegel::base::{Severity, Vector};
use pegel::capture::{CaptureError, FrameSink, PacketSource, Poll};
use pegel::config::Config;
use pegel::detect::{DEFAULT_CEILING, DETECTORS};
use pegel::incident::Incident;
use pegel::runtime::replay::Replay;
use pegel::traffic::{Params, Part, Scenario, Synthetic, TrafficModel as Model};
use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Times the limit at which a shape must be reported that no rule excuses.
const GOAL: f64 = 2.0;
/// Seconds of a flood after which it counts as silent.
const SILENT_SECONDS: f64 = 30.0;
/// Seconds of honest traffic before the flood.
const BEFORE: f64 = 4.0;
/// The network of the victim, and one that is attacked as a whole.
const NETWORKS: [&str; 2] = ["203.0.113.0/24", WIDE];
const WIDE: &str = "10.20.0.0/16";
const ROUTER: &str = "02:00:00:00:00:02";
const VICTIM: &str = "203.0.113.7/32";
/// Packets per second of honest traffic of the attacked host.
const HONEST: [u32; 3] = [0, 2_000, 20_000];

/// The limit of a shape.
#[derive(Clone, Copy)]
struct Documented {
    detector: &'static str,
    setting: &'static str,
    /// The multiple of the setting that is documented for the shape.
    times: f64,
    /// What scanners of the Internet send to the network, in packets per second.
    radiation: f64,
}

/// The limits of a network of 65,536 addresses: twice those of a host, and half a packet per second and address.
struct Network;

const NETWORK: Network = Network;

impl Network {
    const fn of(self, detector: &'static str) -> Documented {
        Documented { radiation: 32_768.0, ..limit(detector, PACKETS).times(2.0) }
    }
}

const fn limit(detector: &'static str, setting: &'static str) -> Documented {
    Documented { detector, setting, times: 1.0, radiation: 0.0 }
}

impl Documented {
    const fn times(self, times: f64) -> Documented {
        Documented { times, ..self }
    }

    fn value(self) -> f64 {
        let spec = DETECTORS.iter().find(|spec| spec.name == self.detector).expect("a detector");
        let setting = spec.settings.iter().find(|setting| setting.key == self.setting).expect("a setting");
        setting.default * self.times + self.radiation
    }
}

struct Row {
    /// The vector that the flood has by its packets; what it is reported as may differ.
    vector: Vector,
    shape: &'static str,
    model: Model,
    sources: u64,
    port: Option<u16>,
    /// What is attacked.
    target: &'static str,
    limit: Documented,
    /// The rule that excuses the shape up to the ceiling.
    excused: Option<&'static str>,
}

const PACKETS: &str = "packets_per_second";
const STEADY: &str = "steady_packets_per_second";
const SCAN: Option<&str> = Some("port scan");

const fn row(vector: Vector, shape: &'static str, model: Model, limit: Documented) -> Row {
    Row { vector, shape, model, sources: 0, port: None, target: VICTIM, limit, excused: None }
}

/// One source that draws the destination port of every packet.
const fn scan_like(vector: Vector, model: Model, limit: Documented) -> Row {
    let row = row(vector, "one source, drawn ports", model, limit);
    Row { sources: 1, port: Some(0), excused: SCAN, ..row }
}

const fn few(vector: Vector, model: Model, sources: u64, limit: Documented) -> Row {
    Row { sources, ..row(vector, if sources == 1 { "one source" } else { "few sources" }, model, limit) }
}

const ROWS: &[Row] = &[
    row(Vector::SynFlood, "spoofed", Model::SynFlood, limit("syn_flood", PACKETS)),
    row(Vector::SynFlood, "spoofed, options of Linux", Model::SynFloodOptions, limit("syn_flood", PACKETS)),
    row(Vector::SynFlood, "spoofed, answered", Model::SynFloodAnswered, limit("syn_flood", PACKETS)),
    few(Vector::SynFlood, Model::SynFlood, 1, limit("syn_flood", PACKETS)),
    few(Vector::SynFlood, Model::SynFlood, 20, limit("syn_flood", PACKETS)),
    scan_like(Vector::SynFlood, Model::SynFlood, limit("syn_flood", PACKETS)),
    row(Vector::SynAckFlood, "spoofed", Model::SynAckFlood, limit("syn_ack_flood", PACKETS)),
    few(Vector::SynAckFlood, Model::SynAckFlood, 1, limit("syn_ack_flood", PACKETS)),
    scan_like(Vector::SynAckFlood, Model::SynAckFlood, limit("syn_ack_flood", PACKETS)),
    row(Vector::AckFlood, "spoofed", Model::AckFlood, limit("ack_flood", PACKETS)),
    few(Vector::AckFlood, Model::AckFlood, 1, limit("ack_flood", PACKETS)),
    few(Vector::AckFlood, Model::AckFlood, 20, limit("ack_flood", PACKETS)),
    scan_like(Vector::AckFlood, Model::AckFlood, limit("ack_flood", PACKETS)),
    Row {
        excused: Some("handshake under way"),
        ..row(Vector::AckFlood, "forged openings", Model::ForgedOpenings, limit("ack_flood", PACKETS))
    },
    Row {
        sources: 10,
        excused: Some("advancing numbers"),
        ..row(Vector::AckFlood, "few flows, advancing numbers", Model::AdvancingSegments, limit("ack_flood", PACKETS))
    },
    row(Vector::RstFlood, "spoofed", Model::RstFlood, limit("rst_flood", PACKETS)),
    few(Vector::RstFlood, Model::RstFlood, 1, limit("rst_flood", PACKETS)),
    scan_like(Vector::RstFlood, Model::RstFlood, limit("rst_flood", PACKETS)),
    row(Vector::FinFlood, "spoofed", Model::FinFlood, limit("tcp_flags", "fin_packets_per_second")),
    few(Vector::FinFlood, Model::FinFlood, 1, limit("tcp_flags", "fin_packets_per_second")),
    scan_like(Vector::FinFlood, Model::FinFlood, limit("tcp_flags", "fin_packets_per_second")),
    row(Vector::TcpNullFlood, "spoofed", Model::TcpNullFlood, limit("tcp_flags", "abnormal_packets_per_second")),
    few(Vector::TcpNullFlood, Model::TcpNullFlood, 1, limit("tcp_flags", "abnormal_packets_per_second")),
    scan_like(Vector::TcpNullFlood, Model::TcpNullFlood, limit("tcp_flags", "abnormal_packets_per_second")),
    row(Vector::XmasFlood, "spoofed", Model::XmasFlood, limit("tcp_flags", "abnormal_packets_per_second")),
    scan_like(Vector::XmasFlood, Model::XmasFlood, limit("tcp_flags", "abnormal_packets_per_second")),
    row(Vector::TcpFlood, "spoofed", Model::TcpFlood, limit("tcp_flags", "mixed_packets_per_second")),
    few(Vector::TcpFlood, Model::TcpFlood, 1, limit("tcp_flags", "mixed_packets_per_second")),
    scan_like(Vector::TcpFlood, Model::TcpFlood, limit("tcp_flags", "mixed_packets_per_second")),
    row(Vector::UdpFlood, "spoofed", Model::UdpFlood, limit("udp_flood", PACKETS)),
    Row { port: Some(9), ..row(Vector::UdpFlood, "spoofed, one port", Model::UdpFlood, limit("udp_flood", PACKETS)) },
    few(Vector::UdpFlood, Model::UdpFlood, 20, limit("udp_flood", PACKETS)),
    scan_like(Vector::UdpFlood, Model::UdpFlood, limit("udp_flood", PACKETS)),
    row(Vector::UdpFlood, "spoofed, two packets per flow", Model::UdpPairs, limit("udp_flood", PACKETS).times(2.0)),
    Row {
        sources: 20,
        port: Some(4789),
        excused: Some("tunnel"),
        ..row(Vector::UdpFlood, "few sources, port of a tunnel", Model::UdpFlood, limit("udp_flood", PACKETS))
    },
    row(Vector::QuicFlood, "spoofed", Model::QuicFlood, limit("quic_flood", PACKETS)),
    row(Vector::QuicFlood, "spoofed, answered", Model::QuicFloodAnswered, limit("quic_flood", PACKETS)),
    row(Vector::IcmpFlood, "spoofed", Model::IcmpFlood, limit("icmp_flood", PACKETS)),
    few(Vector::IcmpFlood, Model::IcmpFlood, 1, limit("icmp_flood", PACKETS)),
    row(Vector::IcmpFlood, "answered", Model::IcmpFloodAnswered, limit("icmp_flood", PACKETS)),
    row(Vector::IcmpFlood, "spoofed errors", Model::IcmpErrors, limit("icmp_flood", PACKETS)),
    row(Vector::FragmentFlood, "spoofed", Model::FragmentFlood, limit("fragment_flood", PACKETS).times(1.5)),
    few(Vector::FragmentFlood, Model::FragmentFlood, 20, limit("fragment_flood", PACKETS).times(1.5)),
    row(Vector::GreFlood, "spoofed", Model::GreFlood, limit("gre_flood", PACKETS)),
    Row { excused: Some("tunnel"), ..few(Vector::GreFlood, Model::GreFlood, 1, limit("gre_flood", STEADY)) },
    row(Vector::IpProtoFlood, "spoofed", Model::IpProtoFlood, limit("ip_proto_flood", PACKETS)),
    few(Vector::IpProtoFlood, Model::IpProtoFlood, 1, limit("ip_proto_flood", STEADY)),
    Row { target: WIDE, ..row(Vector::UdpFlood, "spread over a /16", Model::UdpFlood, NETWORK.of("udp_flood")) },
    Row { target: WIDE, ..row(Vector::SynFlood, "spread over a /16", Model::SynFlood, NETWORK.of("syn_flood")) },
    Row { target: WIDE, ..row(Vector::AckFlood, "spread over a /16", Model::AckFlood, NETWORK.of("ack_flood")) },
    Row {
        target: "203.0.113.0/24",
        ..row(Vector::UdpFlood, "spread over a /24", Model::UdpFlood, limit("udp_flood", PACKETS).times(2.0))
    },
    Row {
        target: "203.0.113.0/24",
        ..row(Vector::SynFlood, "spread over a /24", Model::SynFlood, limit("syn_flood", PACKETS).times(2.0))
    },
    row(Vector::LandAttack, "own address", Model::LandAttack, limit("land_attack", PACKETS)),
];

/// A host with some honest traffic, and whether our networks are configured.
#[derive(Clone, Copy)]
struct Column {
    honest: u32,
    known: bool,
}

const COLUMNS: [Column; 6] = {
    let [none, some, much] = HONEST;
    [
        Column { honest: none, known: true },
        Column { honest: some, known: true },
        Column { honest: much, known: true },
        Column { honest: none, known: false },
        Column { honest: some, known: false },
        Column { honest: much, known: false },
    ]
};

impl Row {
    fn goal(&self) -> f64 {
        if self.excused.is_some() { DEFAULT_CEILING } else { GOAL }
    }

    fn flood(&self, times: f64) -> Part {
        let mut part = Part::new(self.model, BEFORE, BEFORE + SILENT_SECONDS);
        part.params = Params {
            rate: Some(self.limit.value() * times),
            sources: Some(self.sources),
            target_port: self.port,
            target: (self.model != Model::LandAttack).then(|| self.target.parse().expect("a network")),
            // Behind a router: no switch learns these hosts.
            target_mac: (self.target != VICTIM).then(|| ROUTER.parse().expect("a MAC address")),
            ..Params::default()
        };
        part
    }
}

/// Honest traffic of the host: a web site, transfers in both directions, and UDP.
fn honest(packets: u32) -> Vec<Part> {
    let share = f64::from(packets) / 2_000.0;
    let part = |model, rate: f64, mbit: f64| {
        let mut part = Part::new(model, 0.0, BEFORE + SILENT_SECONDS);
        part.params.target = Some(VICTIM.parse().expect("a network"));
        (part.params.rate, part.params.mbit) = (Some(rate * share), Some(mbit * share));
        part
    };
    match packets {
        0 => Vec::new(),
        _ => vec![
            part(Model::WebServer, 20.0, 1.0),
            part(Model::Download, 1.0, 4.0),
            part(Model::Upload, 1.0, 4.0),
            part(Model::DnsResolver, 20.0, 1.0),
        ],
    }
}

/// Another host of ours, which shows that both directions are captured.
fn others() -> Part {
    let mut part = Part::new(Model::WebServer, 0.0, BEFORE + SILENT_SECONDS);
    part.params.rate = Some(20.0);
    part
}

/// Ends as soon as the flood was reported.
struct Until {
    inner: Synthetic,
    stop: Rc<Cell<bool>>,
}

impl PacketSource for Until {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        for _ in 0..512 {
            match self.inner.next_frame().filter(|_| !self.stop.get()) {
                Some(frame) => sink.frame(frame),
                None => return Ok(Poll::End),
            }
        }
        Ok(Poll::Delivered)
    }
}

/// The first incident above an information, if any.
fn reported(row: &Row, column: Column, times: f64) -> Option<Incident> {
    let networks = NETWORKS.iter().filter(|_| column.known).map(|network| network.parse().expect("a network"));
    let config = Config::for_networks(networks.collect());
    let mut parts = honest(column.honest);
    parts.push(others());
    parts.push(row.flood(times));
    let stop = Rc::new(Cell::new(false));
    let found: RefCell<Option<Incident>> = RefCell::default();
    let keep = |incident: &Incident| {
        if incident.severity > Severity::Info {
            stop.set(true);
            found.borrow_mut().get_or_insert_with(|| incident.clone());
        }
    };
    let mut source = Until { inner: Scenario::new(1, parts).source(), stop: Rc::clone(&stop) };
    let mut replay = Replay::new(&config);
    let observe = |_: &mut _, events: Vec<pegel::incident::Event>, _: &mut Vec<String>| {
        events.iter().for_each(|event| keep(&event.incident));
    };
    replay.run(&mut source, observe).expect("synthetic traffic has no errors");
    replay.finish().iter().for_each(|event| keep(&event.incident));
    found.into_inner()
}

fn test(row: &Row) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for column in COLUMNS {
        if reported(row, column, row.goal()).is_none() {
            let networks = if column.known { "known" } else { "unknown" };
            wrong.push(format!(
                "{} {}: {:.0} packets/s, {} times its limit, stay silent with {} packets/s of honest traffic, networks {networks}",
                row.vector,
                row.shape,
                row.limit.value() * row.goal(),
                row.goal(),
                column.honest
            ));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// Honest traffic alone is silent in every column.
fn honest_traffic_is_silent() -> Result<(), Failed> {
    let row = Row { sources: 1, ..row(Vector::SynFlood, "none", Model::SynFlood, limit("syn_flood", PACKETS)) };
    for column in COLUMNS {
        if let Some(incident) = reported(&row, column, 0.001) {
            let evidence = incident.evidence.first().map_or("", |evidence| &evidence.message);
            return Err(format!("{} packets/s of honest traffic: {evidence}", column.honest).into());
        }
    }
    Ok(())
}

/// Multiples of the limit that the search tries, up to the goal of the row: beyond it, the tests would fail.
const STEPS: [f64; 16] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];

/// The highest of [`STEPS`] that stays silent; 0 where the lowest is reported.
fn highest_silent(row: &Row, column: Column) -> f64 {
    let steps = STEPS.iter().copied().filter(|&times| times <= row.goal()).collect::<Vec<_>>();
    let silent = steps.partition_point(|&times| reported(row, column, times).is_none());
    silent.checked_sub(1).map_or(0.0, |at| steps[at])
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/src/reference/ceilings.md");

const INTRODUCTION: &str = "\
# What stays silent

How strong a flood may be that is not reported, by an attacker who knows the code. Each row is a vector in one shape, with the limit
that is documented for it. Each cell is the highest rate, as a multiple of that limit, that raised nothing above `info` in 30 s
against a host with so much honest traffic of its own: with our networks configured, then with networks unknown. A shape that some
rule excuses must be reported from [`detection.ceiling`](configuration.md) times the limit on (10 by default), every other one from
twice. 0: a quarter of the limit is reported already, by rules for floods that last.

`make ceilings` measures the table, in steps of a quarter up to twice the limit and of one beyond. `cargo test --test ceilings` tests
every cell at its goal.

";

/// The table of the book, from the cells of each row.
fn page(cells: &[[f64; COLUMNS.len()]]) -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("| vector | shape | limit | excused as |");
    for Column { honest, known } in COLUMNS {
        page.push_str(&format!(" {} {honest}/s |", if known { "known," } else { "unknown," }));
    }
    page.push_str("\n|---|---|---|---|");
    page.push_str(&"---|".repeat(COLUMNS.len()));
    page.push('\n');
    for (row, cells) in ROWS.iter().zip(cells) {
        let limit = row.limit.value().round();
        page.push_str(&format!("| `{}` | {} | {limit}/s | {} |", row.vector, row.shape, row.excused.unwrap_or("")));
        for cell in cells {
            page.push_str(&format!(" {cell} |"));
        }
        page.push('\n');
    }
    page
}

/// Measures every cell and writes the page.
fn search() {
    let next = AtomicUsize::new(0);
    let cells = Mutex::new(vec![[0.0; COLUMNS.len()]; ROWS.len()]);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = ROWS.get(index) else { return };
                    let found = COLUMNS.map(|column| highest_silent(row, column));
                    println!("{} {}: {found:?}", row.vector, row.shape);
                    cells.lock().expect("no thread panicked")[index] = found;
                }
            });
        }
    });
    std::fs::write(PAGE, page(&cells.into_inner().expect("no thread panicked"))).expect("the page is written");
}

/// The committed table has these rows, and no cell is above its goal.
fn the_table_is_current() -> Result<(), Failed> {
    let text = std::fs::read_to_string(PAGE)?;
    let measured: Vec<Vec<f64>> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').skip(5).filter_map(|cell| cell.trim().parse().ok()).collect())
        .collect();
    let cells: Vec<[f64; COLUMNS.len()]> = measured.iter().filter_map(|row| row.as_slice().try_into().ok()).collect();
    if cells.len() != ROWS.len() || text != page(&cells) {
        return Err("docs/src/reference/ceilings.md is not of these rows: make ceilings".into());
    }
    for (row, cells) in ROWS.iter().zip(&cells) {
        if cells.iter().any(|&cell| cell > row.goal()) {
            return Err(format!("{} {}: above the goal of {}", row.vector, row.shape, row.goal()).into());
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    if std::env::var_os("PEGEL_SEARCH_CEILINGS").is_some() {
        search();
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test("honest_traffic_is_silent", honest_traffic_is_silent),
        Trial::test("the_table_is_current", the_table_is_current),
    ];
    for row in ROWS {
        let name = row.shape.replace(", ", "_").replace(' ', "_");
        trials.push(Trial::test(format!("{}::{name}", row.vector), move || test(row)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
