//! What is on the screen, drawn into memory.

use super::feed::{Controls, Feed, Source, Speed};
use super::panes::PANES;
use super::screen;
use super::state::{Health, State};
use super::theme::Theme;
use crate::base::{Addr, Timestamp};
use crate::incident::Incident;
use crate::view::{
    CaptureView, ClassRates, GuestView, HostRates, NicView, OutputView, Overview, Rate, SensorView, SourceNetwork,
    SourceNetworks, StationRates, StoreView, TableView, TrafficSecond,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use serde_json::json;
use std::sync::Arc;

/// 2026-01-02 14:05:05 UTC.
const NOW: u64 = 1_767_362_705;

fn at(second: u64) -> Timestamp {
    Timestamp::from_parts(second, 0)
}

fn rate(packets_per_second: u64) -> Rate {
    Rate { packets_per_second, bits_per_second: packets_per_second.saturating_mul(512) }
}

fn address(last: u32) -> Addr {
    Addr::from_v4_bits(0xcb00_7100 + last)
}

/// A flood that began two minutes before `NOW`.
fn incident(id: &str, name: &str) -> Incident {
    let point =
        |second: u64| json!({"at": at(second), "packets_per_second": second % 7 * 100_000, "bits_per_second": 1});
    serde_json::from_value(json!({
        "id": id, "vector": "syn_flood", "vectors": ["syn_flood", "udp_flood"], "patterns": ["pulse_wave"],
        "direction": "inbound", "severity": "critical", "confidence": 0.97,
        "target": {"kind": "host", "address": "203.0.113.7", "mac": null, "guest": name, "prefix": null,
            "interface": name, "vlan": 5, "sensor": null},
        "opened_at": at(NOW - 119), "updated_at": at(NOW), "closed_at": null, "close_reason": null, "part_of": null,
        "detected_after_seconds": 1.0,
        "peak": {"packets_per_second": 1_200_000, "bits_per_second": 350_000_000},
        "totals": {"packets": 123_456_789, "bytes": 1_000_000_000_u64},
        "sources": {"distinct": 4321, "distinct_error": 0.05, "spoofing_likely": true,
            "top": [{"address": "198.51.100.9", "packets": 1000, "share": 0.25}]},
        "ports": {"destination": [{"port": 443, "share": 0.93, "error": 0.02}], "source": []},
        "pulses": 3,
        "names": [{"name": name, "kind": "tls_sni", "share": 0.5, "error": 0.01}],
        "evidence": [{"measure": "syn_per_second", "value": 1_200_000.0, "limit": 10_000.0, "limit_from": "learned",
            "window_seconds": 1.0, "message": format!("1,200,000 SYN per second to {name}")}],
        "coverage": {"captured": 0.995, "kernel_dropped": 12, "sampled": 4},
        "maintenance": {"why": name, "until": at(NOW + 60)}, "drill": false,
        "timeline": (NOW - 119..=NOW).map(point).collect::<Vec<_>>(),
        "evidence_url": format!("https://evidence.example.net/{id}/{name}"),
    }))
    .expect("an incident")
}

fn quiet() -> Overview {
    let second = |second: u64| TrafficSecond {
        at: at(second),
        receive: rate(1000 + second % 10),
        transmit: rate(500),
        transit: rate(0),
        classes: vec![
            ClassRates { class: "tcp_ack", receive: rate(400), transmit: rate(1) },
            ClassRates { class: "udp", receive: rate(600), transmit: rate(1) },
        ],
    };
    Overview {
        at: Some(at(NOW)),
        sensor: SensorView {
            name: "gw1".to_owned(),
            coverage: 1.0,
            interfaces: vec![CaptureView {
                name: "eno1".to_owned(),
                is_up: true,
                sampled: 1,
                ..CaptureView::default()
            }],
            ..SensorView::default()
        },
        traffic: (NOW - 119..=NOW).map(second).collect(),
        ..Overview::default()
    }
}

/// Everything filled in, with this name wherever there is one.
fn busy(name: &str) -> Overview {
    let text = || name.to_owned();
    let mut recent = incident("recent-1", name);
    recent.closed_at = Some(at(NOW - 3000));
    recent.opened_at = at(NOW - 90_000);
    let nic = NicView {
        addresses: vec![text()],
        bridge: Some(text()),
        port: Some(text()),
        vlan: Some(7),
        ..NicView::default()
    };
    let guest = |number: u32| GuestView {
        id: number.to_string(),
        name: text(),
        origin: "proxmox",
        label: format!("{number} ({name})"),
        nics: vec![nic.clone()],
        ..GuestView::default()
    };
    let host = |number: u32| HostRates {
        address: address(number),
        guest: Some(text()),
        receive: rate(u64::from(number) * 37 % 1000 * 1000),
        transmit: rate(u64::from(number)),
    };
    let station = |number: u32| StationRates {
        mac: Default::default(),
        interface: Some(format!("{name}{number}")),
        guest: Some(text()),
        address: Some(address(number)),
        receive: rate(1),
        transmit: rate(2),
        broadcast_per_second: u64::from(number),
    };
    let network = |number: u32| SourceNetwork { network: format!("198.51.{number}.0/24"), share: 0.1, error: 0.01 };
    Overview {
        sensor: SensorView {
            name: text(),
            version: text(),
            started_at: Some(at(NOW - 100_000)),
            coverage: 0.5,
            interfaces: vec![CaptureView { name: text(), is_up: false, ..CaptureView::default() }],
            tables: vec![TableView { name: "hosts", entries: 95, capacity: 100, evictions: 3 }],
            outputs: vec![OutputView { name: text(), is_failing: true, ..OutputView::default() }],
            store: Some(StoreView { is_failing: true, ..StoreView::default() }),
            checks: Vec::new(),
            networks: vec![text()],
        },
        hosts: (0..50).map(host).collect(),
        hosts_known: 1234,
        networks: SourceNetworks { sampled: 512, networks: (0..9).map(network).collect() },
        guests: (100..140).map(guest).collect(),
        stations: (0..60).map(station).collect(),
        stations_known: 99,
        open: vec![incident("open-1", name)],
        recent: vec![recent],
        ..quiet()
    }
}

struct View {
    state: State,
    terminal: Terminal<TestBackend>,
    theme: Theme,
}

impl View {
    fn of(source: Source, columns: u16, lines: u16) -> View {
        let state = State::new(source, Arc::new(Controls::new(Speed::REAL_TIME)));
        let terminal = Terminal::new(TestBackend::new(columns, lines)).expect("a terminal");
        View { state, terminal, theme: Theme::new(true) }
    }

    fn new(overview: Overview) -> View {
        let mut view = View::of(Source::Daemon("http://127.0.0.1:7343".to_owned()), 80, 24);
        view.state.feed(Feed::Overview(Box::new(overview)));
        view
    }

    fn resize(&mut self, columns: u16, lines: u16) {
        self.terminal.backend_mut().resize(columns, lines);
    }

    fn keys(&mut self, keys: &str) -> &mut View {
        for c in keys.chars() {
            self.code(KeyCode::Char(c));
        }
        self
    }

    fn code(&mut self, code: KeyCode) -> &mut View {
        self.state.key(KeyEvent::from(code));
        self
    }

    fn draw(&mut self) {
        let (state, theme) = (&mut self.state, self.theme);
        self.terminal.draw(|frame| screen::draw(frame, state, theme)).expect("memory does not fail");
    }

    /// The lines on screen, without what is empty at their ends.
    fn lines(&mut self) -> Vec<String> {
        self.draw();
        let buffer = self.terminal.backend().buffer();
        let columns = usize::from(buffer.area.width.max(1));
        let line = |cells: &[ratatui::buffer::Cell]| cells.iter().map(|cell| cell.symbol()).collect::<String>();
        buffer.content.chunks(columns).map(|cells| line(cells).trim_end().to_owned()).collect()
    }

    fn page(&mut self) -> String {
        self.lines().join("\n")
    }
}

#[track_caller]
fn has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
}

#[test]
fn quiet_is_said_so() {
    let mut view = View::new(quiet());
    let lines = view.lines();
    assert_eq!(lines[1], "QUIET  nothing open, and no recent incident");
    has(&lines[2], &["http://127.0.0.1:7343", "data from 14:05:05 UTC"]);
    has(&view.page(), &["No incident is open, and none", "1.0 kpps", "Top classes", "udp", "600 pps"]);
    let mut ended = quiet();
    ended.recent = vec![Incident { updated_at: at(NOW - 720), closed_at: Some(at(NOW - 700)), ..incident("a", "web") }];
    let page = View::new(ended).page();
    has(&page, &["\nQUIET  nothing open; last incident ended 12 min ago (syn_flood 203.0.113.7)"]);
    has(&page, &["No incident is open. The latest:", "> !! crit ended 203.0.113.7"]);
    has(&View::new(Overview::default()).lines()[1], &["STARTING"]);
}

#[test]
fn an_attack_is_seen_at_first_sight() {
    let mut view = View::new(busy("web"));
    let lines = view.lines();
    has(&lines[1], &["UNDER ATTACK  203.0.113.7  syn_flood  since 14:03:05 UTC (2 min)  peak 1.2 Mpps"]);
    has(&lines[3], &["! SENSOR: web is not captured (+3 more, see Sensor)"]);
    has(&view.page(), &["Open incidents", "> !! crit OPEN", "Top targets", "203.0.113.27 (web)"]);
    let mut over = busy("web");
    over.at = Some(at(NOW + 12));
    has(
        &View::new(over).lines()[1],
        &["SUBSIDING  203.0.113.7  syn_flood  since 14:03:05 UTC (2 min)  quiet for 12 s"],
    );
}

#[test]
fn the_worst_incident_comes_first_and_drills_last() {
    let mut overview = quiet();
    let drill = Incident { drill: true, ..incident("drill", "x") };
    overview.open = vec![drill.clone()];
    has(&View::new(overview.clone()).lines()[1], &["DRILL  203.0.113.7"]);
    let mut minor = Incident { severity: crate::base::Severity::Warning, ..incident("minor", "x") };
    minor.direction = crate::base::Direction::Outbound;
    overview.open = vec![drill.clone(), minor.clone()];
    has(
        &View::new(overview.clone()).page(),
        &["\nATTACK FROM INSIDE  203.0.113.7", "peak 1.2 Mpps  +1 more", "> !  warn OPEN"],
    );
    overview.open = vec![drill, minor, incident("major", "x")];
    has(&View::new(overview).page(), &["\nUNDER ATTACK", "+2 more"]);
}

#[test]
fn an_incident_is_opened_with_all_facts() {
    let mut view = View::new(busy("web"));
    view.resize(100, 70);
    view.keys("2").code(KeyCode::Enter);
    has(
        &view.page(),
        &[
            "syn_flood  203.0.113.7",
            "State         OPEN",
            "critical, confidence 0.97",
            "host 203.0.113.7, inbound, guest web, interface web, VLAN 5",
            "syn_flood, udp_flood",
            "pulse_wave (3 bursts)",
            "14:03:05 UTC, detected after 1.0 s",
            "1.2 Mpps, 350.0 Mbit/s",
            "123,456,789 packets, 1.0 GB",
            "99.5 % of the packets captured; the kernel dropped 12; sampled: 1 in 4 packets",
            "https://evidence.example.net/open-1/web",
            "Timeline: 14:03:06 UTC to 14:05:05 UTC, up to 600.0 kpps",
            "- 1,200,000 SYN per second to web",
            "syn_per_second 1,200,000, limit 10,000 (learned), over 1.0 s",
            "Sources: about 4,321 (±5 %)",
            "probably forged",
            "198.51.100.9  at least 1,000 packets, 25.0 %",
            "443 93 % ± 2.0 %",
            "tls_sni web 50 % ± 1.0 %",
            "Esc back",
        ],
    );
    // It ends while it is shown, and then is forgotten.
    let mut ended = busy("web");
    let closed = Incident { closed_at: Some(at(NOW)), ..ended.open.remove(0) };
    ended.recent.push(closed);
    view.state.feed(Feed::Overview(Box::new(ended)));
    has(&view.page(), &["State         closed at 14:05:05 UTC"]);
    view.state.feed(Feed::Overview(Box::new(quiet())));
    has(&view.page(), &["no longer listed"]);
    view.code(KeyCode::Esc);
    has(&view.page(), &["No incident is open, and none is kept"]);
}

#[test]
fn each_pane_shows_its_subject() {
    let mut view = View::new(busy("web"));
    for (key, parts) in [
        ("1", &["[1 Overview]", "Received", "last 120 s"][..]),
        ("2", &["[2 Incidents]", "01-01 13:05", "ended", "1.2 M"]),
        ("3", &["The 50 busiest of 1,234 known hosts", "RECV BIT/S", "! 203.0.113.7", "  203.0.113.8", "web"]),
        ("4", &["512 packets of the last second", "198.51.0.0/24", "10.0 %", "1.0 %"]),
        ("5", &["100 (web)", "proxmox"]),
        ("6", &["The 60 busiest of 99 known stations", "BCAST PPS", "web0"]),
        ("7", &["4 problems", "50.0 % of the packets of the last minute", "NOT CAPTURED", "FAILING", "more lines"]),
    ] {
        has(&view.keys(key).page(), parts);
    }
    view.code(KeyCode::End);
    has(&view.page(), &["hosts", "95.0 %  95 of 100, 3 pushed out"]);
    let mut none = View::new(quiet());
    has(&none.keys("4").page(), &["no packets"]);
    has(&none.keys("7").page(), &["No problems", "none: incidents are not reported to anyone"]);
    // Every row opens.
    for key in ["1", "2", "3", "4", "5", "6"] {
        view.keys(key).code(KeyCode::Home).code(KeyCode::Enter);
        assert!(view.state.opened.is_some(), "pane {key}");
        has(&view.page(), &["Esc back"]);
    }
}

#[test]
fn rows_are_filtered_sorted_and_kept_selected() {
    let mut view = View::new(busy("web"));
    view.keys("3/113.27").code(KeyCode::Enter);
    has(&view.page(), &["FILTERED by \"113.27\": 1 rows here", ">   203.0.113.27"]);
    view.code(KeyCode::Enter);
    has(&view.page(), &["Host 203.0.113.27", "Esc back"]);
    view.keys("4");
    has(&view.page(), &["Nothing here matches the filter"]);
    view.keys("3").code(KeyCode::Esc);
    assert!(view.state.filter.is_empty());
    view.keys("sss");
    has(&view.page(), &["RECV PPS▼", ">   203.0.113.27 "]);
    view.keys("S");
    has(&view.page(), &["RECV PPS▲", ">   203.0.113.0 "]);
    // Past the last column is the order in which they come.
    view.keys("sssss");
    assert_eq!(view.state.place().sort, None);
    // The selected row stays selected wherever it moves.
    let mut view = View::new(busy("web"));
    view.keys("3jj");
    let key = |view: &View| view.state.rows().get(view.state.place().cursor).map(|row| row.key.clone());
    assert_eq!(key(&view).as_deref(), Some("203.0.113.2"));
    let mut turned = busy("web");
    turned.hosts.reverse();
    view.state.feed(Feed::Overview(Box::new(turned)));
    assert_eq!((key(&view).as_deref(), view.state.place().cursor), (Some("203.0.113.2"), 47));
    has(&view.page(), &[">   203.0.113.2 "]);
}

#[test]
fn hostile_names_reach_the_screen_harmless() {
    let hostile = "a\u{1b}[2J\u{202e}b\u{200b}c\u{9b}\r\nd\u{2066}\u{feff}\t\u{7f}";
    let mut view = View::new(busy(hostile));
    view.state.feed(Feed::Lost(hostile.to_owned()));
    for columns in [80, 200] {
        view.resize(columns, 60);
        for pane in 1..=PANES.len() {
            view.keys(&pane.to_string());
            for opened in [false, true] {
                if opened {
                    view.code(KeyCode::Enter);
                }
                view.draw();
                for cell in &view.terminal.backend().buffer().content {
                    let bad = |c: char| c.is_control() || "\u{202e}\u{200b}\u{2066}\u{feff}".contains(c);
                    assert!(!cell.symbol().contains(bad), "pane {pane}: {:?}", cell.symbol());
                }
            }
        }
    }
    has(&view.keys("5").page(), &["a\u{fffd}[2J\u{fffd}b\u{fffd}c"]);
}

#[test]
fn a_lost_daemon_is_stale_and_comes_back() {
    let mut view = View::of(Source::Daemon("http://127.0.0.1:7343".to_owned()), 80, 24);
    has(&view.lines()[1], &["WAITING"]);
    view.state.feed(Feed::Lost("connection refused; is Pegel running?".to_owned()));
    let lines = view.lines();
    has(&lines[1], &["NO DATA"]);
    has(&lines[2], &["connection lost: connection refused; is Pegel running?; no data yet"]);
    view.state.feed(Feed::Overview(Box::new(busy("web"))));
    has(&view.lines()[1], &["UNDER ATTACK"]);
    view.state.feed(Feed::Lost("no route ".repeat(99)));
    has(&view.lines()[1], &["STALE  UNDER ATTACK"]);
    has(&view.page(), &["\nconnection lost: no route no", "…; data from 14:05:05 UTC", "203.0.113.7"]);
    view.state.feed(Feed::Overview(Box::new(quiet())));
    assert!(view.lines()[1].starts_with("QUIET"));
}

#[test]
fn a_daemon_goes_on_while_its_second_is_held() {
    let mut view = View::new(busy("web"));
    view.keys(" ");
    let later = Overview { at: Some(at(NOW + 60)), ..quiet() };
    view.state.feed(Feed::Overview(Box::new(later)));
    let lines = view.lines();
    has(&lines[1], &["UNDER ATTACK"]);
    has(&lines[2], &["PAUSED", "data from 14:05:05 UTC; latest 14:06:05 UTC"]);
    view.keys(" ");
    has(&view.lines()[1], &["QUIET"]);
    view.keys(" ").state.feed(Feed::Lost("gone".to_owned()));
    has(&view.lines()[2], &["PAUSED (space goes on)  connection lost: gone; data from 14:06:05 UTC"]);
}

#[test]
fn a_capture_shows_its_position_and_its_end() {
    let mut view = View::of(Source::Files("attack.pcap".to_owned()), 80, 24);
    has(&view.lines()[2], &["before the first second  1x  attack.pcap"]);
    view.state.feed(Feed::Overview(Box::new(quiet())));
    view.state.feed(Feed::Overview(Box::new(Overview { at: Some(at(NOW + 30)), ..quiet() })));
    view.keys("++");
    has(&view.lines()[2], &["at 2026-01-02 14:05:35 UTC (+30 s)  4x  attack.pcap"]);
    view.keys(" -");
    has(&view.lines()[2], &["PAUSED", "2x"]);
    view.keys(" ").state.feed(Feed::Ended);
    has(&view.lines()[2], &["END OF CAPTURE  at 2026-01-02 14:05:35 UTC"]);
    assert!(!view.state.abandoned());
    view.state.feed(Feed::Failed("attack.pcap: broken".to_owned()));
    has(&view.lines()[2], &["playback failed: attack.pcap: broken"]);
    let mut gone = View::of(Source::Files("x".to_owned()), 80, 24);
    assert!(gone.state.abandoned() && matches!(gone.state.health, Health::Failed(_)));
}

#[test]
fn every_size_is_drawn() {
    let mut view = View::new(busy("web"));
    for (columns, lines) in [(1, 1), (1, 50), (300, 1), (79, 24), (80, 23)] {
        view.resize(columns, lines);
        let page = view.page();
        assert!(page.starts_with('t') && !page.contains("UNDER"), "{columns}x{lines}: {page}");
    }
    view.resize(79, 24);
    has(&view.page(), &["terminal too small", "80x24 needed"]);
    view.resize(200, 50);
    has(&view.keys("2").page(), &["DURATION", "DIRECTION", "PEAK BIT/S", "350.0 M"]);
    view.resize(80, 24);
    let page = view.page();
    has(
        &page,
        &["ONSET UTC", "PEAK PPS", "2001:db8"].map(|part| if part == "2001:db8" { "203.0.113.7" } else { part }),
    );
    assert!(!page.contains("DURATION"));
}

#[test]
fn the_help_names_every_pane() {
    let mut view = View::new(quiet());
    view.resize(100, 60);
    let page = view.keys("?").page();
    for pane in PANES {
        has(&page, &[pane.help]);
    }
    view.keys("?");
    assert!(!view.state.has_help);
}

#[test]
fn without_colours_nothing_is_coloured_and_severity_is_still_said() {
    for colour in [true, false] {
        let mut view = View::new(busy("web"));
        view.theme = Theme::new(colour);
        let mut is_coloured = false;
        for keys in ["1", "2", "7", "?", "?/web"] {
            view.keys(keys).draw();
            let cells = &view.terminal.backend().buffer().content;
            is_coloured |= cells.iter().any(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
        }
        assert_eq!(is_coloured, colour);
        view.code(KeyCode::Esc).keys("2");
        has(&view.page(), &["UNDER ATTACK", "!! crit", "! SENSOR"]);
    }
}

#[test]
fn the_mouse_selects_panes_and_rows() {
    let mut view = View::new(busy("web"));
    view.draw();
    let click = |view: &mut View, column: u16, row: u16| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        view.state.mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
        view.draw();
    };
    let targets = view.state.drawn.titles[2].start;
    click(&mut view, targets, 0);
    assert_eq!(view.state.pane, 2);
    let first = view.state.drawn.rows.y;
    click(&mut view, 5, first + 3);
    assert_eq!((view.state.place().cursor, view.state.opened.clone()), (3, None));
    click(&mut view, 5, first + 3);
    assert_eq!(view.state.opened.as_deref(), Some("203.0.113.3"));
    click(&mut view, 5, first);
    assert_eq!(view.state.opened.as_deref(), Some("203.0.113.3"));
}

/// Whatever is pressed, received and resized, in whatever order.
#[test]
fn no_sequence_of_events_panics() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below.max(1)
    };
    let codes = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Insert,
        KeyCode::F(1),
        KeyCode::Null,
    ];
    let letters: Vec<char> = "1234567890qsS/?jkgG +-=xß東\u{202e}\u{1b}\u{301}".chars().collect();
    let mut full = busy("東京\u{301}\u{1b}");
    full.traffic.reverse();
    full.hosts[0].receive = rate(u64::MAX);
    full.networks.networks[0].share = f64::NAN;
    full.sensor.coverage = f64::INFINITY;
    full.open[0].confidence = f64::NAN;
    full.open[0].detected_after_seconds = f64::INFINITY;
    full.open[0].evidence[0].value = f64::NEG_INFINITY;
    full.open[0].timeline.reverse();
    let seconds = [Overview::default(), quiet(), busy("web"), full];
    for playback in [false, true] {
        let source = if playback { Source::Files("x".to_owned()) } else { Source::Daemon("x".to_owned()) };
        let mut view = View::of(source, 80, 24);
        for _ in 0..1500 {
            match random(12) {
                0 => view.state.feed(Feed::Overview(Box::new(seconds[random(4) as usize].clone()))),
                1 => match random(3) {
                    0 => view.state.feed(Feed::Lost("gone\u{1b}".to_owned())),
                    1 => view.state.feed(Feed::Ended),
                    _ => view.state.feed(Feed::Failed("東".repeat(99))),
                },
                2 => {
                    let sizes = [(1, 1), (2, 200), (80, 24), (81, 25), (120, 40), (200, 50), (500, 24)];
                    let (columns, lines) = sizes[random(7) as usize];
                    view.resize(columns, lines);
                }
                3 => {
                    let kinds = [
                        MouseEventKind::ScrollUp,
                        MouseEventKind::ScrollDown,
                        MouseEventKind::Moved,
                        MouseEventKind::Down(MouseButton::Left),
                    ];
                    let (column, row) = (random(300) as u16, random(60) as u16);
                    let kind = kinds[random(4) as usize];
                    view.state.mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
                }
                4 | 5 => {
                    view.code(codes[random(codes.len() as u64) as usize]);
                }
                _ => {
                    view.code(KeyCode::Char(letters[random(letters.len() as u64) as usize]));
                }
            }
            view.draw();
        }
        view.state.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(view.state.is_over);
    }
}
