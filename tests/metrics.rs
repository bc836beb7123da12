//! The metrics page: golden file, naming rules, and `promtool check metrics`.

use pegel::base::{Addr, Direction, Mac, PostureResult, PostureState, Severity, Timestamp, Vector};
use pegel::incident::model::{Coverage, Peers, Point, Ports, Rates, TargetView, Totals as IncidentTotals};
use pegel::incident::{Change, Event, Incident};
use pegel::meter::{Count, Totals};
use pegel::metrics::{
    CONTENT_TYPE, HttpRefusal, Kind, MAX_GUESTS, MAX_HOSTS, MAX_TARGETS, METRICS, Metrics, NicTotals, Table,
};
use pegel::packet::{Anomaly, Class};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

fn metrics() -> Metrics {
    Metrics::new(&["eth0".to_owned(), "vmbr0".to_owned()], &["alertmanager/main".to_owned(), "jsonl".to_owned()])
        .expect("the catalogue is valid")
}

fn host(last: u32) -> Addr {
    Addr::from_v4_bits(0xcb00_7100 + last)
}

fn count(packets: u64) -> Count {
    Count { packets, bytes: packets * 100 }
}

fn incident(address: Addr, vector: Vector, severity: Severity, packets_per_second: u64) -> Incident {
    let at = Timestamp::from_parts(1_767_225_600, 0);
    Incident {
        id: format!("test-{address}"),
        vector,
        vectors: vec![vector],
        patterns: Vec::new(),
        direction: Direction::Inbound,
        severity,
        confidence: 0.9,
        target: TargetView {
            kind: "host",
            address: Some(address),
            mac: None,
            guest: None,
            prefix: None,
            interface: None,
            vlan: None,
            sensor: None,
        },
        opened_at: at,
        updated_at: at,
        closed_at: None,
        close_reason: None,
        part_of: None,
        detected_after_seconds: 0.2,
        peak: Rates::default(),
        totals: IncidentTotals::default(),
        sources: Peers::default(),
        victims: None,
        ports: Ports::default(),
        pulses: 0,
        names: Vec::new(),
        evidence: Vec::new(),
        coverage: Coverage { captured: 1.0, kernel_dropped: 0, sampled: 1 },
        maintenance: None,
        drill: false,
        timeline: vec![Point { at, packets_per_second, bits_per_second: packets_per_second * 800 }],
        evidence_url: None,
        suggestions: pegel::mitigation::Suggestions::default(),
    }
}

fn check(name: &str, state: PostureState) -> PostureResult {
    PostureResult {
        name: name.to_owned(),
        what: String::new(),
        state,
        message: String::new(),
        why: String::new(),
        failures: 0,
        since: Timestamp::ZERO,
    }
}

fn nic(last: u8, received: u64, sent: u64) -> NicTotals {
    NicTotals { mac: Mac([0x52, 0x54, 0, 0, 0, last]), received: count(received), sent: count(sent) }
}

fn guests<const N: usize>(all: [(&str, &[NicTotals]); N]) -> BTreeMap<String, Vec<NicTotals>> {
    all.into_iter().map(|(label, nics)| (label.to_owned(), nics.to_vec())).collect()
}

/// Metrics with at least one series in every family.
fn filled() -> Metrics {
    let metrics = metrics();
    let mut totals = Totals::default();
    let one = |bytes| Count { packets: 1, bytes };
    totals.received[Class::TcpSyn.index()] = one(60);
    totals.received[Class::Udp.index()] = one(1500);
    totals.transmitted[Class::Udp.index()] = one(1500);
    totals.transit = one(60);
    totals.frames = Count { packets: 3, bytes: 1620 };
    totals.anomalies[Anomaly::TcpOffsetInvalid as usize] = 1;
    metrics.observe_tick(&totals);
    metrics.observe_tick(&totals);
    metrics.capture("eth0", 6, 3240);
    metrics.capture_losses("eth0", 5, 1);
    metrics.capture_up("eth0", true);
    metrics.capture_sampling("eth0", 4);
    metrics.coverage(0.75);
    assert!(metrics.watch_host(host(7), "web \"front\""));
    metrics.host_totals(host(7), count(10), count(4));
    metrics.stations(3, 4);
    metrics.guests(&guests([("104 (shop)", &[nic(1, 30, 20), nic(2, 3, 2)]), ("105", &[])]));
    metrics.inventory_problems(["proxmox", "kernel", "proxmox"].into_iter());
    let open = incident(host(7), Vector::SynFlood, Severity::Critical, 120_000);
    metrics.incident_event(&Event { change: Change::Opened, incident: Arc::new(open.clone()) });
    metrics.incidents_active(&[open], Timestamp::ZERO);
    metrics.findings_dropped(2, 9);
    metrics.allowed_findings("log-shipping", 5);
    metrics.posture(&[check("firewall", PostureState::Failed), check("route", PostureState::Ok)]);
    metrics.table(Table::Hosts, 1000, 65_536, 12);
    metrics.tick_duration(0.000_25);
    metrics.tick_duration(0.5);
    metrics.tick_late();
    metrics.tick_time(1_767_225_600.1);
    metrics.http_refused(HttpRefusal::Auth);
    metrics.output_totals("jsonl", 1, 0, 0);
    metrics.output_totals("alertmanager/main", 0, 1, 1);
    metrics.output_state("alertmanager/main", true, 0.25);
    metrics.config_reload(true, 1_767_225_600.5);
    metrics
}

fn page(metrics: &Metrics) -> String {
    metrics.render().expect("a registry that was filled from the catalogue renders")
}

/// Value of the series with this name and these labels.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let page = page(metrics);
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn the_page_matches_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics.prom");
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    let page = page(&filled()).replace(&version, "version=\"VERSION\"");
    if std::env::var_os("PEGEL_RENEW_GOLDEN").is_some() {
        std::fs::write(&path, &page).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(golden.lines()).enumerate().find(|(_, (is, was))| is != was);
    assert!(
        page == golden,
        "the metrics page differs from {}, first at {}.\n\
         If that is intended, renew it with PEGEL_RENEW_GOLDEN=1 cargo test --test metrics and review the difference.",
        path.display(),
        differs.map_or("its end".to_owned(), |(at, (is, was))| format!("line {}:\n  is  {is}\n  was {was}", at + 1)),
    );
}

#[test]
fn the_page_is_deterministic() {
    assert_eq!(page(&filled()), page(&filled()));
    assert_eq!(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
}

#[test]
fn names_follow_the_rules() {
    const LABELS: &[&str] = &[
        "anomaly",
        "check",
        "class",
        "direction",
        "directions",
        "drill",
        "encapsulation",
        "group",
        "guest",
        "host",
        "interface",
        "maintenance",
        "operation",
        "output",
        "reason",
        "rule",
        "severity",
        "source",
        "stage",
        "table",
        "target",
        "vector",
        "version",
    ];
    const NO_BASE_UNITS: &[&str] =
        &["milliseconds", "ms", "microseconds", "minutes", "hours", "bits", "kilobytes", "megabytes", "percent"];
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let mut names = std::collections::BTreeSet::new();
    for spec in METRICS {
        let name = spec.name;
        assert!(names.insert(name), "{name} is in the catalogue twice");
        assert!(name.starts_with("pegel_") && word(name) && !name.contains("__"), "{name}");
        assert_eq!(spec.kind == Kind::Counter, name.ends_with("_total"), "{name}: exactly counters end in _total");
        for suffix in ["_bucket", "_sum", "_count"] {
            assert!(!name.ends_with(suffix), "{name}: {suffix} belongs to histograms");
        }
        for part in name.split('_') {
            assert!(!NO_BASE_UNITS.contains(&part), "{name}: {part} is no base unit");
        }
        assert!(spec.help.starts_with(|c: char| c.is_ascii_uppercase()), "{name}: help begins with a capital");
        assert!(!spec.help.ends_with(['.', ' ']), "{name}: help ends without a full stop");
        assert!(!spec.help.contains(['\n', '\\', '"']), "{name}: help needs no escapes");
        for label in spec.labels {
            assert!(LABELS.contains(label), "{name}: {label} is not a known label: is it bounded?");
        }
    }
}

#[test]
fn every_metric_is_described_and_nothing_else_is() {
    for metrics in [metrics(), filled()] {
        let page = page(&metrics);
        let typed: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let mut expected: Vec<String> = METRICS.iter().map(|s| format!("{} {}", s.name, s.kind.name())).collect();
        expected.sort();
        assert_eq!(typed, expected);
        assert_eq!(page.lines().filter(|line| line.starts_with("# HELP ")).count(), METRICS.len());
    }
    let filled = page(&filled());
    for spec in METRICS {
        assert!(
            filled.lines().any(|line| line.starts_with(spec.name)
                && line.as_bytes().get(spec.name.len()).is_some_and(|b| b"{ _".contains(b))),
            "{} has no series in the filled page",
            spec.name
        );
    }
}

#[test]
fn known_series_begin_with_zero() {
    let fresh = metrics();
    for series in [
        "pegel_receive_packets_total{class=\"gre\"}",
        "pegel_transmit_bytes_total{class=\"unparsed\"}",
        "pegel_packet_anomalies_total{anomaly=\"vxlan_invalid\"}",
        "pegel_capture_dropped_packets_total{interface=\"vmbr0\",stage=\"interface\"}",
        "pegel_capture_up{interface=\"eth0\"}",
        "pegel_incidents_total{direction=\"outbound\",severity=\"info\",vector=\"mac_not_allowed\"}",
        "pegel_incidents_total{direction=\"internal\",severity=\"warning\",vector=\"posture_failed\"}",
        "pegel_findings_dropped_total{reason=\"side_effect\"}",
        "pegel_table_evictions_total{table=\"busy_hosts\"}",
        "pegel_table_evictions_total{table=\"worker_control_frames\"}",
        "pegel_guests",
        "pegel_inventory_problems{source=\"libvirt\"}",
        "pegel_output_failing{output=\"alertmanager/main\"}",
        "pegel_tick_duration_seconds_count",
    ] {
        assert_eq!(value(&fresh, series), Some(0.0), "{series}");
    }
    assert_eq!(value(&fresh, "pegel_capture_coverage_ratio"), Some(1.0));
    let directions = |vector: &Vector| if *vector == Vector::PostureFailed { 1 } else { 2 };
    let combinations = Vector::ALL.iter().map(directions).sum::<usize>() * Severity::ALL.len();
    assert_eq!(page(&fresh).lines().filter(|l| l.starts_with("pegel_incidents_total{")).count(), combinations);
}

#[test]
fn reset_totals_never_decrease_a_counter() {
    let metrics = metrics();
    let kernel = "pegel_capture_dropped_packets_total{interface=\"eth0\",stage=\"kernel\"}";
    for (total, expected) in [(10, 10.0), (10, 10.0), (25, 25.0), (3, 28.0), (4, 29.0)] {
        metrics.capture_losses("eth0", total, 0);
        assert_eq!(value(&metrics, kernel), Some(expected));
    }
    metrics.watch_host(host(1), "web");
    let received = "pegel_host_receive_packets_total{group=\"web\",host=\"203.0.113.1\"}";
    let sent = "pegel_host_transmit_bytes_total{group=\"web\",host=\"203.0.113.1\"}";
    for (totals, expected) in [((5, 50), (5.0, 5000.0)), ((8, 60), (8.0, 6000.0)), ((9, 2), (17.0, 6200.0))] {
        metrics.host_totals(host(1), count(totals.0), count(totals.1));
        assert_eq!((value(&metrics, received), value(&metrics, sent)), (Some(expected.0), Some(expected.1)));
    }
}

#[test]
fn only_watched_hosts_have_series_up_to_the_maximum() {
    let metrics = metrics();
    metrics.host_totals(host(1), count(5), count(5));
    assert!(!page(&metrics).contains("203.0.113.1"), "this host is not watched");
    for n in 0..MAX_HOSTS as u32 {
        assert!(metrics.watch_host(host(n), "web"), "{n}");
    }
    assert!(metrics.watch_host(host(3), "web"), "a watched host may be added again");
    assert!(!metrics.watch_host(host(1000), "web"));
    assert_eq!(value(&metrics, "pegel_host_series_refused_total"), Some(1.0));
    assert_eq!(metrics.watched_hosts().len(), MAX_HOSTS);

    metrics.host_totals(host(3), count(5), count(5));
    assert!(metrics.watch_host(host(3), "mail"), "a host may move to another group");
    metrics.host_totals(host(3), count(7), count(5));
    let of = |group| format!("pegel_host_receive_packets_total{{group=\"{group}\",host=\"203.0.113.3\"}}");
    assert_eq!((value(&metrics, &of("web")), value(&metrics, &of("mail"))), (None, Some(2.0)));
}

#[test]
fn known_guests_have_series_from_zero() {
    let metrics = metrics();
    let received = |label: &str| value(&metrics, &format!("pegel_guest_receive_packets_total{{guest=\"{label}\"}}"));
    metrics.guests(&guests([("104 (shop)", &[]), ("105", &[])]));
    assert_eq!((received("104 (shop)"), received("105")), (Some(0.0), Some(0.0)));
    assert_eq!(value(&metrics, "pegel_guests"), Some(2.0));
    metrics.guests(&guests([("104 (shop)", &[nic(1, 10, 1), nic(2, 5, 1)])]));
    assert_eq!((received("104 (shop)"), received("105")), (Some(15.0), None));
    metrics.guests(&guests([("104 (shop)", &[nic(1, 12, 1)])]));
    assert_eq!(received("104 (shop)"), Some(17.0), "a removed NIC changes nothing");
    metrics.guests(&guests([("104 (shop)", &[nic(1, 3, 1)])]));
    assert_eq!(received("104 (shop)"), Some(20.0), "totals were reset");
    metrics.guests(&guests([]));
    assert!(!page(&metrics).contains("shop"));

    metrics.inventory_problems(["libvirt", "libvirt"].into_iter());
    assert_eq!(value(&metrics, "pegel_inventory_problems{source=\"libvirt\"}"), Some(2.0));
    metrics.inventory_problems(std::iter::empty());
    assert_eq!(value(&metrics, "pegel_inventory_problems{source=\"libvirt\"}"), Some(0.0));
}

#[test]
fn series_of_guests_are_capped_and_kept() {
    let metrics = metrics();
    let names: Vec<String> = (0..MAX_GUESTS as u32 + 3).map(|id| format!("{:05}", 10_000 + id)).collect();
    let all = |names: &[String]| names.iter().map(|name| (name.clone(), Vec::new())).collect::<BTreeMap<_, _>>();
    let shown = || page(&metrics).lines().filter(|line| line.starts_with("pegel_guest_receive_bytes_total{")).count();
    metrics.guests(&all(&names[1..]));
    metrics.guests(&all(&names));
    metrics.guests(&all(&names));
    assert_eq!((shown(), value(&metrics, "pegel_guests")), (MAX_GUESTS, Some(MAX_GUESTS as f64 + 3.0)));
    assert_eq!(value(&metrics, "pegel_guest_series_refused_total"), Some(3.0), "each is counted once");
    assert!(!page(&metrics).contains(&names[0]) && page(&metrics).contains(&names[1]));
    metrics.guests(&all(&names[..10]));
    assert_eq!(shown(), 10);
}

#[test]
fn series_follow_open_incidents() {
    let metrics = metrics();
    let active = |vector, severity| {
        format!(
            "pegel_incident_active{{direction=\"inbound\",drill=\"false\",maintenance=\"false\",severity=\"{severity}\",target=\"203.0.113.7\",vector=\"{vector}\"}}"
        )
    };
    let rate = "pegel_incident_packets_per_second{direction=\"inbound\",target=\"203.0.113.7\"}";
    metrics.incidents_active(&[incident(host(7), Vector::SynFlood, Severity::Warning, 500)], Timestamp::ZERO);
    assert_eq!(value(&metrics, &active("syn_flood", "warning")), Some(1.0));
    assert_eq!(value(&metrics, rate), Some(500.0));
    metrics.incidents_active(&[incident(host(7), Vector::UdpFlood, Severity::Critical, 900)], Timestamp::ZERO);
    assert_eq!(value(&metrics, &active("syn_flood", "warning")), None);
    assert_eq!(value(&metrics, &active("udp_flood", "critical")), Some(1.0));
    assert_eq!(value(&metrics, rate), Some(900.0));
    let over = incident(host(7), Vector::UdpFlood, Severity::Critical, 900);
    let last = over.updated_at;
    metrics.incidents_active(std::slice::from_ref(&over), last.plus_seconds(0.9));
    assert_eq!(value(&metrics, rate), Some(900.0));
    metrics.incidents_active(&[over], last.plus_seconds(30.0));
    assert_eq!(value(&metrics, &active("udp_flood", "critical")), Some(1.0), "it is open, but quiet");
    assert_eq!(value(&metrics, rate), Some(0.0), "nothing arrives any more");
    metrics.incidents_active(&[], Timestamp::ZERO);
    assert_eq!(value(&metrics, rate), None);
    assert_eq!(value(&metrics, "pegel_incidents_open"), Some(0.0));
}

#[test]
fn targets_of_incidents_are_capped_most_severe_first() {
    let metrics = metrics();
    let shown = |metrics: &Metrics, last: u32| page(metrics).contains(&format!("target=\"{}\"", host(last)));
    let mut open: Vec<Incident> = (0..150).map(|n| incident(host(n), Vector::UdpFlood, Severity::Warning, 1)).collect();
    open[149].severity = Severity::Critical;
    for _ in 0..3 {
        metrics.incidents_active(&open, Timestamp::ZERO);
    }
    let series = |name: &str| page(&metrics).lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(series("pegel_incident_active{"), MAX_TARGETS);
    assert_eq!(value(&metrics, "pegel_incident_series_refused_total"), Some(50.0), "each is counted once");
    assert_eq!(value(&metrics, "pegel_incidents_open"), Some(150.0));
    assert!(shown(&metrics, 149) && shown(&metrics, 98) && !shown(&metrics, 99));
    open[120].severity = Severity::Critical;
    metrics.incidents_active(&open, Timestamp::ZERO);
    assert!(shown(&metrics, 98) && !shown(&metrics, 120), "existing series are kept");
}

#[test]
fn incidents_count_when_they_open() {
    let metrics = metrics();
    let opened = Arc::new(incident(host(7), Vector::SynFlood, Severity::Warning, 1));
    for change in [Change::Opened, Change::Extended, Change::Escalated, Change::Closed] {
        metrics.incident_event(&Event { change, incident: Arc::clone(&opened) });
    }
    let series = "pegel_incidents_total{direction=\"inbound\",severity=\"warning\",vector=\"syn_flood\"}";
    assert_eq!(value(&metrics, series), Some(1.0));
}

#[test]
fn posture_checks_have_series_while_configured() {
    let metrics = metrics();
    let shown = |name: &str| {
        let of = |family: &str| value(&metrics, &format!("pegel_posture_{family}{{check=\"{name}\"}}"));
        (of("ok"), of("unknown"))
    };
    metrics.posture(&[check("a", PostureState::Unknown), check("b", PostureState::Unknown)]);
    assert_eq!((shown("a"), shown("b")), ((Some(0.0), Some(1.0)), (Some(0.0), Some(1.0))));
    metrics.posture(&[check("a", PostureState::Ok), check("b", PostureState::Failed)]);
    assert_eq!((shown("a"), shown("b")), ((Some(1.0), Some(0.0)), (Some(0.0), Some(0.0))));
    metrics.posture(&[check("b", PostureState::Ok)]);
    assert_eq!((shown("a"), shown("b")), ((None, None), (Some(1.0), Some(0.0))));
}

fn promtool() -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/promtool");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("promtool")).chain([built]).find(|file| file.is_file())
}

#[test]
fn promtool_is_silent() {
    let Some(promtool) = promtool() else {
        println!("skipped: no promtool on the PATH or in target/tools");
        return;
    };
    for metrics in [metrics(), filled()] {
        let mut child = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool starts");
        // promtool reads all of its input before it prints anything.
        child.stdin.take().expect("piped").write_all(page(&metrics).as_bytes()).expect("promtool reads");
        let output = child.wait_with_output().expect("promtool ends");
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success() && said.iter().all(String::is_empty), "{}: {said:?}", output.status);
    }
}
