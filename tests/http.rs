//! The HTTP server, through a plain socket with minimal HTTP.

use pegel::base::{Addr, Direction, Mac, Severity, Timestamp, Vector};
use pegel::http::{STUCK_AFTER_MILLIS, Server, Shared, Snapshot, Web, start};
use pegel::incident::model::{Coverage, Peers, Ports, Rates, TargetView, Totals};
use pegel::incident::{Change, Event, Incident};
use pegel::meter::{Count, Hasher, HostEntry, HostTable, StationCounts, StationEntry, StationTable};
use pegel::metrics::Metrics;
use pegel::report::{Reporter, Sender};
use pegel::store::{Batch, Database};
use pegel::view::{GuestView, InterfaceView, InventoryView, NicView, ProblemView, TrafficView};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Running {
    server: Server,
    shared: Arc<Shared>,
    hosts: Arc<HostTable>,
    stations: Arc<StationTable>,
}

#[expect(clippy::disallowed_methods, reason = "health depends on a clock")]
fn now() -> Instant {
    Instant::now()
}

fn run() -> Running {
    run_since(now())
}

fn run_since(origin: Instant) -> Running {
    run_with(origin, |shared| shared)
}

fn run_with(origin: Instant, change: impl FnOnce(Shared) -> Shared) -> Running {
    let interfaces = vec!["eth0".to_owned(), "vmbr0".to_owned()];
    let metrics = Arc::new(Metrics::new(&interfaces, &["jsonl".to_owned()]).expect("valid metrics"));
    let hosts = Arc::new(HostTable::for_hosts(100, Hasher::fixed()));
    let stations = Arc::new(StationTable::for_stations(100, Hasher::fixed()));
    let shared = change(Shared::new(metrics, Arc::clone(&hosts), Arc::clone(&stations), interfaces, origin));
    let shared = Arc::new(shared);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = start(listener, Arc::clone(&shared), Web::open_to_all()).expect("a server");
    Running { server, shared, hosts, stations }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert!(self.has("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Whether it has this header line, ignoring case.
    fn has(&self, header: &str) -> bool {
        self.head.to_lowercase().lines().any(|line| line == header.to_lowercase())
    }

    fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error text").to_owned()
    }
}

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(running.server.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

fn answer(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn ask(running: &Running, method: &str, path: &str) -> Answer {
    let mut stream = connect(running);
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
    answer(stream)
}

fn get(running: &Running, path: &str) -> Answer {
    ask(running, "GET", path)
}

fn incident(id: &str) -> Incident {
    let at = Timestamp::from_parts(1_767_225_600, 300_000_000);
    Incident {
        id: id.to_owned(),
        vector: Vector::SynFlood,
        vectors: vec![Vector::SynFlood],
        patterns: Vec::new(),
        direction: Direction::Inbound,
        severity: Severity::Critical,
        confidence: 0.97,
        target: TargetView {
            kind: "host",
            address: Some(Addr::from_v4_bits(0xcb00_7107)),
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
        detected_after_seconds: 0.3,
        peak: Rates::default(),
        totals: Totals::default(),
        sources: Peers::default(),
        victims: None,
        ports: Ports::default(),
        pulses: 0,
        names: Vec::new(),
        evidence: Vec::new(),
        coverage: Coverage { captured: 1.0, kernel_dropped: 0, sampled: 1 },
        maintenance: None,
        drill: false,
        timeline: Vec::new(),
        evidence_url: None,
        suggestions: pegel::mitigation::Suggestions::default(),
    }
}

fn sender() -> Sender {
    let reporter = Reporter { organisation: String::new(), contact: String::new() };
    Sender::new(reporter, Vec::new(), "gate".to_owned())
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().filter_map(|incident| incident["id"].as_str()).collect()
}

/// What the description of the API says of itself.
fn description(running: &Running) -> Value {
    let description = get(running, "/api/v1/openapi.json").json();
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{description}");
    description
}

#[test]
fn every_path_of_the_description_answers_as_described() {
    let running = run();
    running.shared.set_ready(true);
    running.shared.set_capture("eth0", true);
    running.shared.publish(Snapshot { open: vec![incident("now")], ..Snapshot::default() });
    let description = description(&running);
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() > 10, "{paths:?}");
    for (path, item) in paths.iter().filter(|(path, _)| *path != "/api/v1/stream" && !path.ends_with("/why")) {
        let path = path.replace("{id}", "now");
        for method in ["GET", "HEAD"] {
            let answer = ask(&running, method, &path);
            assert_eq!(answer.status, 200, "{method} {path}");
            assert!(answer.has("x-content-type-options: nosniff") && answer.has("cache-control: no-store"), "{path}");
            assert_eq!(answer.body.is_empty(), method == "HEAD", "{method} {path}");
        }
        let content = &item["get"]["responses"]["200"]["content"];
        let Some(schema) = content.get("application/json").map(|content| &content["schema"]) else { continue };
        let answer = get(&running, &path).json();
        let mut wrong = Vec::new();
        check(&description, schema, &answer, "", &mut wrong);
        assert!(wrong.is_empty(), "{path}: {wrong:#?}");
    }
    running.server.stop();
}

/// Whether a value is as its schema says: types, required and unknown fields, enumerations.
fn check(description: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = description.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("no {name}"));
        return check(description, schema, value, at, wrong);
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(options) = schema[key].as_array() {
            let fits = |option: &Value| {
                let mut found = Vec::new();
                check(description, option, value, at, &mut found);
                found.is_empty()
            };
            if !options.iter().any(fits) {
                wrong.push(format!("{at}: {value} is none of {key}"));
            }
            return;
        }
    }
    // The parts of a flattened object: each field must be known to one of them.
    let parts: Vec<&Value> = schema["allOf"].as_array().map_or(vec![schema], |all| all.iter().collect());
    let resolve = |part: &'_ Value| -> Value {
        part["$ref"].as_str().map_or_else(|| part.clone(), |name| description.pointer(&name[1..]).unwrap().clone())
    };
    let parts: Vec<Value> = parts.into_iter().map(resolve).collect();
    let kinds: Vec<&str> = match &parts[0]["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        wrong.push(format!("{at}: {value} is not {kinds:?}"));
        return;
    }
    if let (Some(values), Some(text)) = (parts[0]["enum"].as_array(), value.as_str())
        && !values.iter().any(|known| known == text)
    {
        wrong.push(format!("{at}: {text} is not in the enumeration"));
    }
    if let (Some(items), Some(list)) = (parts[0].get("items"), value.as_array()) {
        for (index, one) in list.iter().enumerate() {
            check(description, items, one, &format!("{at}/{index}"), wrong);
        }
    }
    if let Some(fields) = value.as_object() {
        for required in parts.iter().flat_map(|part| part["required"].as_array().into_iter().flatten()) {
            if !fields.contains_key(required.as_str().unwrap()) {
                wrong.push(format!("{at}: no field {required}"));
            }
        }
        for (name, one) in fields {
            match parts.iter().find_map(|part| part["properties"].get(name)) {
                Some(schema) => check(description, schema, one, &format!("{at}/{name}"), wrong),
                None => wrong.push(format!("{at}: the field {name} is not described")),
            }
        }
    }
}

#[test]
fn a_schema_that_is_wrong_is_noticed() {
    let running = run();
    running.shared.publish(Snapshot { open: vec![incident("now")], ..Snapshot::default() });
    let description = description(&running);
    let schema = &description["paths"]["/api/v1/incidents/{id}"]["get"]["responses"]["200"]["content"];
    let schema = &schema["application/json"]["schema"];
    let good = get(&running, "/api/v1/incidents/now").json();
    let faults = |change: &dyn Fn(&mut Value)| {
        let (mut value, mut wrong) = (good.clone(), Vec::new());
        change(&mut value);
        check(&description, schema, &value, "", &mut wrong);
        wrong.len()
    };
    assert_eq!(faults(&|_| {}), 0);
    assert_eq!(faults(&|value| value["severity"] = "high".into()), 1);
    assert_eq!(faults(&|value| value["peak"]["packets_per_second"] = "many".into()), 1);
    assert_eq!(faults(&|value| value["peak"]["new"] = 1.into()), 1);
    assert_eq!(faults(&|value| drop(value.as_object_mut().unwrap().remove("totals"))), 1);
    running.server.stop();
}

#[test]
fn pages_may_load_nothing_but_themselves() {
    let running = run();
    for path in ["/", "/incidents", "/guests", "/stations", "/history", "/sensor", "/runbooks", "/api"] {
        let page = get(&running, path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.has("content-type: text/html; charset=utf-8"), "{path}: {}", page.head);
        let policy = page
            .head
            .to_lowercase()
            .lines()
            .find_map(|l| Some(l.strip_prefix("content-security-policy: ")?.to_owned()));
        let policy = policy.unwrap_or_else(|| panic!("no policy: {path}"));
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        // Links are relative, so that pages work below another path of a proxy.
        assert!(!page.body.contains("href=\"/") && !page.body.contains("src=\"/"), "{path}");
    }
    let runbook = get(&running, "/runbooks/PegelIncident");
    assert!(runbook.body.contains("<h1>PegelIncident</h1>") && runbook.body.contains("href=\"../static/pegel.css\""));
    assert_eq!(get(&running, "/runbooks/PegelIncident.md").status, 200, "as alerts of the package name it");
    assert_eq!(get(&running, "/runbooks/..%2f..%2fetc%2fpasswd").status, 404);
    for path in ["/incidents/now/evidence/packets.pcapng", "/incidents/..%2f..%2fx/evidence/CHAIN", "/static/x"] {
        assert_eq!(get(&running, path).status, 404, "{path}");
    }
    running.server.stop();
}

#[test]
fn a_stream_tells_at_once_what_is_new_and_leaves_connections_to_others() {
    let running = run();
    let mut streams: Vec<TcpStream> = (0..96)
        .map(|_| {
            let mut stream = connect(&running);
            write!(stream, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
            read_until(&mut stream, "event: news");
            stream
        })
        .collect();
    let refused = get(&running, "/api/v1/stream");
    assert_eq!((refused.status, refused.error().as_str()), (503, "too many pages are open; try again later"));
    assert_eq!(get(&running, "/metrics").status, 200, "scrapes have connections of their own");
    running.shared.publish(Snapshot { open: vec![incident("now")], ..Snapshot::default() });
    streams.iter_mut().for_each(|stream| read_until(stream, "event: news"));
    drop(streams);
    // The parts of the first page, once for each that is open.
    let mut page = connect(&running);
    write!(page, "GET /api/v1/stream?fragments=now HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    read_until(&mut page, "incidents/now");
    assert_eq!(get(&running, "/api/v1/stream?fragments=all").status, 400);
    running.server.stop();
}

fn read_until(stream: &mut TcpStream, text: &str) {
    let mut read = Vec::new();
    let mut part = [0; 4096];
    while !String::from_utf8_lossy(&read).contains(text) {
        let length = stream.read(&mut part).expect("events");
        assert!(length > 0, "the stream ended: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&part[..length]);
    }
}

#[test]
fn metrics_have_their_content_type() {
    let running = run();
    let page = get(&running, "/metrics");
    assert!(page.has("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", page.head);
    assert!(page.body.contains("\npegel_build_info{version="));
    let version = get(&running, "/api/v1/version").json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    running.server.stop();
}

#[test]
fn errors_are_json() {
    let running = run();
    for path in ["/nothing", "/api/v2/incidents", "/metrics/", "/api/v1/incidents/unknown", "/api/v1/incidents/%ff"] {
        let answer = get(&running, path);
        assert!((400..=404).contains(&answer.status), "{path}");
        if answer.status == 404 {
            assert!(!answer.error().is_empty(), "{path}");
        }
        assert!(answer.has("x-content-type-options: nosniff"), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(&running, method, "/metrics");
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.has("allow: GET,HEAD"), "{}", answer.head);
        assert_eq!(answer.error(), "method not allowed; use GET or HEAD");
    }
    running.server.stop();
}

#[test]
fn bad_queries_name_what_is_allowed() {
    let running = run();
    for (path, part) in [
        ("/api/v1/incidents?state=closed", "open, recent or all"),
        ("/api/v1/incidents?stat=open", "open, recent or all"),
        ("/api/v1/hosts?limit=0", "1 to 1000"),
        ("/api/v1/hosts?limit=many", "1 to 1000"),
        ("/api/v1/stations?limit=1001", "1 to 1000"),
        ("/api/v1/stations?count=5", "limit"),
        ("/api/v1/stations?sort=age", "total, transmit, receive or broadcast"),
        ("/api/v1/stations?interface=eth7", "eth0, vmbr0"),
        ("/api/v1/guests?limit=0", "1 to 1000"),
        ("/api/v1/guests?sort=name", "limit"),
    ] {
        let answer = get(&running, path);
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.error().contains(part), "{path}: {}", answer.error());
    }
    running.server.stop();
}

#[test]
fn a_published_snapshot_shows_up() {
    let running = run();
    let empty = get(&running, "/api/v1/incidents").json();
    assert_eq!(empty, serde_json::json!({"open": [], "recent": []}));
    let recent = ["old", "new"].map(|id| Arc::new(incident(id)));
    running.shared.publish(Snapshot { open: vec![incident("now")], recent: recent.to_vec(), allowed: Vec::new() });
    let all = get(&running, "/api/v1/incidents?state=all").json();
    assert_eq!((ids(&all["open"]), ids(&all["recent"])), (vec!["now"], vec!["new", "old"]));
    let open = get(&running, "/api/v1/incidents?state=open").json();
    assert_eq!((ids(&open["open"]), open.get("recent")), (vec!["now"], None));
    let recent = get(&running, "/api/v1/incidents?state=recent").json();
    assert_eq!((ids(&recent["recent"]), recent.get("open")), (vec!["new", "old"], None));
    for id in ["now", "old"] {
        let one = get(&running, &format!("/api/v1/incidents/{id}")).json();
        assert_eq!((&one["id"], &one["opened_at"]), (&id.into(), &"2026-01-01T00:00:00.300Z".into()));
        // Suggestions are included only in the response for a single incident.
        assert_eq!(
            (one["mitigations"][0]["kind"].as_str(), one["mitigations"][4]["kind"].as_str()),
            (Some("nftables"), Some("blackhole"))
        );
        assert!(all["open"][0].get("mitigations").is_none());
    }
    running.shared.publish(Snapshot::default());
    assert_eq!(get(&running, "/api/v1/incidents/now").status, 404);
    running.server.stop();
}

#[test]
fn tables_show_the_busiest_first() {
    let running = run();
    let count = |packets| Count { packets, bytes: packets * 60 };
    let at = Timestamp::from_parts(1_767_225_600, 0);
    for (last, packets, tick) in [(1, 50, 1000), (2, 500, 1000), (3, 5000, 900)] {
        running.hosts.update(Addr::from_v4_bits(0xcb00_7100 + last), tick, HostEntry::default, |entry| {
            entry.add(tick, tick, count(packets), count(1), (packets + 1) as f32)
        });
    }
    let hosts = get(&running, "/api/v1/hosts?limit=2").json();
    assert_eq!(hosts["entries"], 3);
    let list = hosts["hosts"].as_array().expect("a list");
    assert_eq!(list.len(), 2);
    assert_eq!((&list[0]["address"], &list[0]["receive"]["bytes"]), (&"203.0.113.2".into(), &30_000.into()));
    assert_eq!((&list[1]["address"], &list[1]["packets_per_second"]), (&"203.0.113.1".into(), &51.0.into()));

    let mac = Mac([0x52, 0x54, 0, 0, 0, 1]);
    let seen = StationCounts { interface: 1, mac, sent: count(7), first: at, last: at, ..StationCounts::default() };
    running.stations.update((1, mac), 1000, StationEntry::default, |entry| entry.add(1000, &seen));
    let stations = get(&running, "/api/v1/stations").json();
    let first = &stations["stations"][0];
    assert_eq!((&first["mac"], &first["interface"]), (&"52:54:00:00:00:01".into(), &"vmbr0".into()));
    assert_eq!((&first["vlan"], &first["transmit"]["packets"]), (&Value::Null, &7.into()));
    running.server.stop();
}

#[test]
fn rates_fade_while_nothing_arrives() {
    let running = run();
    let count = |packets| Count { packets, bytes: packets * 60 };
    running.hosts.update(Addr::from_v4_bits(0xcb00_7107), TICK, HostEntry::default, |entry| {
        entry.add(TICK, TICK, count(500), count(0), 500.0);
    });
    let seen =
        StationCounts { interface: 1, mac: Mac([0x52, 0x54, 0, 0, 0, 1]), sent: count(50), ..StationCounts::default() };
    running.stations.update((1, seen.mac), TICK, StationEntry::default, |entry| entry.add(TICK, &seen));
    // Ticks pass without a packet.
    let shown = |idle: u64| {
        running.shared.publish_inventory(InventoryView { tick: TICK + idle, ..inventory() });
        let (hosts, stations) = (get(&running, "/api/v1/hosts").json(), get(&running, "/api/v1/stations").json());
        let guests = get(&running, "/api/v1/guests").json();
        let rates =
            (&hosts["hosts"][0]["packets_per_second"], &stations["stations"][0]["transmit"]["packets_per_second"]);
        let times = [&hosts, &stations, &guests].map(|answer| answer["at"].as_str().expect("a time").to_owned());
        ((rates.0.as_f64().expect("a rate"), rates.1.as_f64().expect("a rate")), times)
    };
    let time = |ticks| Timestamp::from_tick(TICK + ticks).to_string();
    // Hosts enter the table at the end of the second, stations in their tick.
    assert_eq!(shown(0), ((500.0, 50.0), [time(1), time(1), time(1)]));
    assert_eq!(shown(1), ((500.0, 45.0), [time(1), time(2), time(2)]));
    let (rates, times) = shown(10);
    assert!(rates.0 < 200.0 && rates.1 < 20.0, "{rates:?}");
    assert_eq!(times, [time(10), time(11), time(11)]);
    assert_eq!(shown(600).0, (0.0, 0.0));
    running.server.stop();
}

const TICK: u64 = 17_672_256_000;

/// A bridge with an uplink, and a guest on it.
fn inventory() -> InventoryView {
    let interface = |name: &str, role| InterfaceView {
        name: name.to_owned(),
        role,
        bridge: Some("vmbr0".to_owned()),
        lan: "eth0".to_owned(),
    };
    let count = |packets| Count { packets, bytes: packets * 100 };
    let traffic = TrafficView::new(count(900), count(30));
    let mac = Mac([0x52, 0x54, 0, 0, 0, 1]);
    let nic = NicView {
        mac,
        addresses: vec!["203.0.113.7".to_owned()],
        vlan: Some(20),
        bridge: Some("vmbr0".to_owned()),
        port: Some("tap104i0".to_owned()),
        interface: Some("vmbr0".to_owned()),
        receive: traffic,
        transmit: TrafficView::default(),
        last_seen: Some(Timestamp::from_tick(TICK)),
    };
    let guest = |id: &str, nics: Vec<NicView>| GuestView {
        id: id.to_owned(),
        name: "shop".to_owned(),
        origin: "proxmox",
        label: format!("{id} (shop)"),
        receive: traffic,
        transmit: TrafficView::default(),
        nics,
    };
    InventoryView {
        tick: TICK,
        guests: vec![guest("104", vec![nic]), guest("105", Vec::new())],
        labels: [(mac, "104 (shop)".to_owned())].into(),
        interfaces: vec![interface("eth0", "uplink"), interface("vmbr0", "bridge")],
        problems: vec![ProblemView {
            source: "proxmox",
            at: "104.conf:7".to_owned(),
            message: "no such NIC".to_owned(),
        }],
    }
}

#[test]
fn guests_and_interfaces_are_listed() {
    let running = run();
    let none = get(&running, "/api/v1/guests").json();
    assert_eq!(none, serde_json::json!({"at": null, "guests": [], "entries": 0}));
    running.shared.publish_inventory(inventory());
    let guests = get(&running, "/api/v1/guests").json();
    assert_eq!(guests["guests"].as_array().map(Vec::len), Some(2));
    let traffic = serde_json::json!(
        {"packets": 900, "bytes": 90_000, "packets_per_second": 30, "bits_per_second": 24_000});
    let none = serde_json::json!({"packets": 0, "bytes": 0, "packets_per_second": 0, "bits_per_second": 0});
    let expected = serde_json::json!({
        "id": "104", "name": "shop", "origin": "proxmox", "label": "104 (shop)", "receive": traffic, "transmit": none,
        "nics": [{
            "mac": "52:54:00:00:00:01", "addresses": ["203.0.113.7"], "vlan": 20, "bridge": "vmbr0", "port": "tap104i0",
            "interface": "vmbr0", "receive": traffic, "transmit": none, "last_seen": "2026-01-01T00:00:00.000Z",
        }],
    });
    assert_eq!(guests["guests"][0], expected);
    let first = get(&running, "/api/v1/guests?limit=1").json();
    assert_eq!((first["guests"].as_array().map(Vec::len), &first["entries"]), (Some(1), &2.into()));
    let inventory = get(&running, "/api/v1/inventory").json();
    let expected = serde_json::json!({
        "interfaces": [
            {"name": "eth0", "role": "uplink", "bridge": "vmbr0", "lan": "eth0"},
            {"name": "vmbr0", "role": "bridge", "bridge": "vmbr0", "lan": "eth0"},
        ],
        "problems": [{"source": "proxmox", "at": "104.conf:7", "message": "no such NIC"}],
    });
    assert_eq!(inventory, expected);
    running.server.stop();
}

#[test]
fn stations_have_rates_a_guest_and_a_port() {
    let running = run();
    running.shared.publish_inventory(inventory());
    let count = |packets| Count { packets, bytes: packets * 100 };
    // MAC number, interface; packets received, sent, broadcast and entered per tick; number of ticks; age of the last
    // tick.
    for (last, interface, received, sent, broadcast, entered, ticks, age) in [
        (1, 1, 5, 2, 0, 0, 300, 0),
        (1, 0, 5, 2, 0, 2, 300, 0),
        (2, 1, 1, 8, 0, 8, 300, 0),
        (3, 1, 0, 3, 3, 3, 300, 0),
        (4, 1, 500, 500, 0, 0, 300, 300),
    ] {
        let mac = Mac([0x52, 0x54, 0, 0, 0, last]);
        let seen = StationCounts {
            interface,
            mac,
            received: count(received),
            sent: count(sent),
            entered: count(entered),
            broadcast,
            ..StationCounts::default()
        };
        for tick in TICK - age - ticks + 1..=TICK - age {
            running.stations.update((interface, mac), tick, StationEntry::default, |entry| entry.add(tick, &seen));
        }
    }
    let list = |query: &str| get(&running, &format!("/api/v1/stations{query}")).json()["stations"].clone();
    let macs = |query: &str| {
        let last = |station: &Value| station["mac"].as_str().and_then(|mac| mac[15..].parse().ok());
        list(query).as_array().expect("a list").iter().filter_map(last).collect::<Vec<u8>>()
    };
    assert_eq!(macs("?interface=vmbr0"), [4, 2, 1, 3], "by total");
    assert_eq!(macs("?interface=vmbr0&sort=transmit"), [2, 3, 1, 4]);
    assert_eq!(macs("?interface=vmbr0&sort=receive&limit=2"), [1, 2]);
    assert_eq!(macs("?sort=broadcast&limit=1"), [3]);
    assert_eq!(macs("?interface=eth0&sort=total"), [1]);

    let sorted = list("?interface=vmbr0&sort=transmit");
    let rate = |traffic: &Value| (traffic["packets_per_second"].as_f64(), traffic["bits_per_second"].as_f64());
    let expected = |packets: f64| (Some(packets), Some(packets * 800.0));
    let (two, one, quiet) = (&sorted[0], &sorted[2], &sorted[3]);
    assert_eq!((rate(&two["transmit"]), rate(&two["receive"])), (expected(80.0), expected(10.0)));
    assert_eq!((&two["guest"], &two["port"]), (&Value::Null, &Value::Null), "a bridge is not a port");
    assert_eq!((&one["guest"], &one["port"]), (&"104 (shop)".into(), &"eth0".into()));
    assert_eq!(
        (rate(&quiet["transmit"]), &quiet["transmit"]["packets"]),
        (expected(0.0), &150_000.into()),
        "its rates have decayed"
    );
    assert_eq!(sorted[1]["broadcast_packets_per_second"], 30.0);
    running.server.stop();
}

#[test]
fn health_follows_the_heartbeat() {
    let before = Duration::from_millis(STUCK_AFTER_MILLIS * 4);
    let origin = now().checked_sub(before).expect("a machine that has been up for some seconds");
    let running = run_since(origin);
    let stuck = get(&running, "/healthz");
    assert_eq!(stuck.status, 503);
    assert!(stuck.body.starts_with("the pipeline is stuck: no tick for 2"), "{}", stuck.body);
    running.shared.beat(before.as_millis() as u64);
    let well = get(&running, "/healthz");
    assert_eq!((well.status, well.body.as_str()), (200, "ok\n"));
    running.server.stop();
}

#[test]
fn readiness_needs_one_capture() {
    let running = run();
    assert_eq!(get(&running, "/readyz").body, "not ready: starting up or shutting down\n");
    running.shared.set_ready(true);
    let down = get(&running, "/readyz");
    assert_eq!(
        (down.status, down.body.as_str()),
        (503, "not ready: no interface is being captured; down: eth0, vmbr0\n")
    );
    running.shared.set_capture("vmbr0", true);
    let ready = get(&running, "/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    running.server.stop();
}

#[test]
fn connections_are_kept_and_limited() {
    let running = run();
    // Each sends requests and stays open, so that it is certainly counted.
    let kept: Vec<TcpStream> = (0..256)
        .map(|_| {
            let mut stream = connect(&running);
            for _ in 0..2 {
                write!(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
                let mut answer = Vec::new();
                let mut byte = [0u8; 1];
                while !answer.ends_with(b"\r\n\r\nok\n") {
                    stream.read_exact(&mut byte).expect("an answer");
                    answer.extend(byte);
                }
            }
            stream
        })
        .collect();
    // A client has three quarters of all. Of those that wait, the ones that waited longest were evicted.
    let is_open = |stream: &TcpStream| {
        let mut stream = stream.try_clone().expect("a handle");
        stream.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
        !matches!(stream.read(&mut [0]), Ok(0))
    };
    let start = now();
    let expected: Vec<bool> = (0..256).map(|number| number >= 64).collect();
    while kept.iter().map(is_open).collect::<Vec<_>>() != expected {
        assert!(start.elapsed() < Duration::from_secs(60), "the oldest 64 do not end");
    }
    drop(kept);
    // Slots are free again once the server has seen the connections close.
    let free = (0..100).any(|_| {
        let mut stream = connect(&running);
        let _ = write!(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut text = String::new();
        stream.read_to_string(&mut text).is_ok() && text.starts_with("HTTP/1.1 200")
    });
    assert!(free);
    running.server.stop();
}

#[test]
fn endless_requests_are_cut_off() {
    let running = run();
    let mut stream = connect(&running);
    let line = format!("X-Filler: {}\r\n", "x".repeat(1000));
    let _ = write!(stream, "GET /healthz HTTP/1.1\r\n");
    let cut = (0..100_000).any(|_| stream.write_all(line.as_bytes()).is_err());
    assert!(cut, "100 MB of headers were accepted");
    assert_eq!(get(&running, "/healthz").status, 200, "others are served");
    running.server.stop();
}

#[test]
fn stopping_is_quick_even_with_a_half_request() {
    let running = run();
    let mut stream = connect(&running);
    write!(stream, "GET /healthz HTTP/1.1\r\n").expect("half a request");
    assert_eq!(get(&running, "/healthz").status, 200);
    let address = running.server.address();
    running.server.stop();
    assert!(TcpStream::connect(address).is_err(), "the port is closed");
    let mut rest = String::new();
    // End of stream or a reset, but not a read timeout.
    if let Err(error) = stream.read_to_string(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    drop(running.shared);
}

#[test]
fn stored_incidents_are_filtered_and_paged() {
    let directory = std::env::temp_dir().join(format!("pegel-http-store-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let mut database = Database::open(&directory, 1).unwrap();
    let mut events = Vec::new();
    for (number, vector, severity) in [
        (0, Vector::SynFlood, Severity::Critical),
        (1, Vector::UdpFlood, Severity::Warning),
        (2, Vector::PortScan, Severity::Info),
    ] {
        let at = Timestamp::from_parts(1_767_225_600 + number * 3600, 0);
        let one = incident(&format!("2026010{number}T000000Z-00000000"));
        let closed_at = Some(at.plus_seconds(60.0)).filter(|_| number < 2);
        let vectors = vec![vector];
        let one = Incident { vector, vectors, severity, opened_at: at, updated_at: at, closed_at, ..one };
        events.push(Event { change: Change::Opened, incident: Arc::new(one) });
    }
    let mut batch = Batch::default();
    batch.events.extend(events);
    database.write(&batch).unwrap();
    let running = run_with(now(), |shared| shared.with_store(&directory, sender()));
    let ids = |query: &str| -> Vec<String> {
        let answer = get(&running, &format!("/api/v1/incidents?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        let found = answer.json();
        found["incidents"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()[7..8].to_owned()).collect()
    };
    assert_eq!(ids("limit=10"), ["2", "1", "0"], "the latest first");
    assert_eq!(ids("severity=warning"), ["1", "0"]);
    assert_eq!(ids("vector=udp_flood&target=203.0.113.7"), ["1"]);
    assert_eq!(ids("open=true"), ["2"]);
    assert_eq!(ids("from=2026-01-01T01:30:00Z"), ["2"]);
    assert_eq!(ids("to=2026-01-01T01:00:00Z"), ["0"]);
    assert_eq!(ids("target=%27%20OR%201%3D1%20--"), [""; 0], "no SQL");
    let first = get(&running, "/api/v1/incidents?limit=2").json();
    let next = first["next"].as_str().unwrap();
    assert_eq!(ids(&format!("limit=2&before={next}")), ["0"]);
    assert!(get(&running, "/api/v1/incidents?limit=3").json()["next"].is_null());
    // One that is not in memory, with its suggestions.
    let one = get(&running, "/api/v1/incidents/20260101T000000Z-00000000").json();
    assert_eq!((&one["vector"], one["mitigations"].is_array()), (&"udp_flood".into(), true));
    assert_eq!(get(&running, "/api/v1/incidents/20260109T000000Z-00000000").status, 404);
    for (query, message) in [
        ("severity=high", "severity=\"high\" must be info, warning or critical"),
        ("limit=0", "limit=\"0\" must be a number from 1 to 1000"),
        ("open=yes", "open must be true or false"),
        ("limit=1&limit=2", "limit is there twice"),
        ("state=open&limit=1", "state has no other parameters beside it; use open=true or open=false"),
    ] {
        let answer = get(&running, &format!("/api/v1/incidents?{query}"));
        assert_eq!((answer.status, answer.error()), (400, message.to_owned()), "{query}");
    }
    running.server.stop();
    // Without a store, the API says so.
    let running = run();
    let answer = get(&running, "/api/v1/incidents?limit=1");
    assert_eq!((answer.status, answer.error()), (503, "nothing is stored: store.enabled is false".to_owned()));
    running.server.stop();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn scrapes_are_answered_while_others_open_connections_without_end() {
    let running = run();
    running.shared.beat(u64::MAX);
    let address = running.server.address();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    // Each keeps 100 connections open with an incomplete request, and opens another for the oldest again and again.
    let attackers: Vec<_> = (0..4)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut held = std::collections::VecDeque::new();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    if let Ok(mut stream) = TcpStream::connect(address) {
                        let _ = stream.write_all(b"GET / HTTP/1.1\r\nX: ");
                        held.push_back(stream);
                    }
                    if held.len() > 100 {
                        held.pop_front();
                    }
                }
            })
        })
        .collect();
    let refused = |page: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix("pegel_http_refused_total{reason=\"busy\"} "));
        line.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default()
    };
    let start = now();
    while refused(&get(&running, "/metrics").body) == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "the attack never takes all connections");
    }
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        let start = now();
        assert_eq!(get(&running, "/metrics").status, 200);
        longest = longest.max(start.elapsed());
    }
    println!("50 scrapes, the slowest took {:.0} ms", longest.as_secs_f64() * 1000.0);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    attackers.into_iter().for_each(|attacker| attacker.join().expect("ended"));
    running.server.stop();
}

#[test]
fn requests_for_names_of_others_are_refused() {
    let Running { server, shared, .. } = run();
    server.stop();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let web = Web::open_to_all().only_for(["gw1.example".to_owned()]);
    let server = start(listener, Arc::clone(&shared), web).expect("a server");
    let ask = |headers: &str| {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        write!(stream, "GET /metrics HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").expect("a request");
        answer(stream)
    };
    for host in ["127.0.0.1:7343", "localhost", "[::1]:7343", "GW1.example:7343"] {
        assert_eq!(ask(&format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    let refused = ask("Host: rebound.example:7343\r\n");
    let message = "not a name of this server; http.hosts lists the names that it has";
    assert_eq!((refused.status, refused.error().as_str()), (421, message));
    assert!(ask("Host: localhost\r\n").body.contains("pegel_http_refused_total{reason=\"host\"} 1"));
    server.stop();
}

#[test]
fn a_unix_socket_is_served_like_an_address() {
    let Running { server, shared, .. } = run();
    server.stop();
    let path = std::env::temp_dir().join(format!("pegel-http-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let server = start(listener, Arc::clone(&shared), Web::open_to_all()).expect("a server");
    let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("a connection");
    write!(stream, "GET /api/v1/version HTTP/1.1\r\nHost: pegel\r\nConnection: close\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    server.stop();
    std::fs::remove_file(path).expect("removed");
}
