//! The web page in a browser: headless Chromium, driven by playwright-core and judged by axe-core. The live tests need root and
//! iproute2. Without these tools, the tests print that they are skipped, and pass.
//!
//! Pictures of the pages are written to `target/page/`; with PEGEL_RENEW_DOCS=1, those of the book are replaced.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;
mod tools;

use bed::{Background, Bed, GUARD, LISTEN, Pegel, WATCHED, flood, ip};
use pegel::base::{Addr, Direction, Severity, Timestamp, Vector};
use pegel::detect::Evidence;
use pegel::http::{Server, Shared, Snapshot, Web, start};
use pegel::incident::Incident;
use pegel::incident::model::{Coverage, Name, Peers, Ports, Rates, TargetView, Totals};
use pegel::meter::{Hasher, HostTable, StationTable};
use pegel::metrics::Metrics;
use pegel::view::{CheckView, GuestView, InventoryView, Overview, SensorView, StationRates, TrafficSecond};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tools::tool;

/// Goal for the time from the opening of an incident to its line on an open page, and how many times that fails the test.
const GOAL_SECONDS: f64 = 1.0;
const GUARD_TIMES: f64 = 10.0;
/// Updates of a page in a day of ten seconds each. PEGEL_UPDATES sets another number.
const UPDATES: u32 = 8640;

fn target() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_pegel")).ancestors().nth(2).expect("the build directory").to_owned()
}

/// Pictures of the book.
const BOOK: &[&str] = &["page-attack", "page-attack-phone", "page-incident"];

fn renews_book() -> bool {
    std::env::var_os("PEGEL_RENEW_DOCS").is_some()
}

/// Where pictures go.
fn pictures() -> PathBuf {
    let folder = target().join("page");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A browser: see `page_parts/browser.mjs`.
struct Browser {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Browser {
    /// In a namespace, or in that of the test; `None`, with a message, where something is missing.
    fn start(namespace: Option<&str>) -> Option<Browser> {
        let (node, _) = (tool("node")?, tool("chromium")?);
        let npm = target().join("tools/npm");
        if !npm.join("node_modules/axe-core").exists() {
            assert!(!tools::is_ci(), "no axe-core: run .ci/deps test");
            eprintln!("skipped: no npm packages in {} (.ci/deps test)", npm.display());
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page_parts/browser.mjs");
        let mut command = match namespace {
            Some(namespace) => bed::command_in(namespace, &node, &[script]),
            None => {
                let mut command = Command::new(&node);
                command.arg(script);
                command
            }
        };
        command.env("PEGEL_NPM", &npm).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Browser { child, input, output })
    }

    /// Runs JavaScript and returns its result.
    fn run(&mut self, script: &str) -> Value {
        let line: Vec<&str> = script.lines().map(str::trim).collect();
        writeln!(self.input, "{}", line.join(" ")).unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        assert!(answer["error"].is_null(), "{script}\n{}", answer["error"].as_str().unwrap_or_default());
        answer["result"].clone()
    }

    /// Opens a page with these options of a context, as `tools.open`.
    fn open(&mut self, base: &str, path: &str, options: &str) {
        self.run(&format!(
            "tools.open = await tools.page('{base}', {options}); await tools.open.goto('{base}{path}');"
        ));
    }

    fn picture(&mut self, name: &str) {
        let path = pictures().join(format!("{name}.png"));
        self.run(&format!("await tools.open.screenshot({{ path: '{}', fullPage: true }})", path.display()));
        if renews_book() && BOOK.contains(&name) {
            let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/guide");
            fs::copy(&path, book.join(format!("{name}.png"))).unwrap();
        }
    }

    /// No error on the console, no request to elsewhere, no dialog.
    fn assert_nothing_noticed(&mut self) {
        assert_eq!(self.run("return tools.noticed()"), json!([]));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PHONE: &str = "{ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }";
const DARK: &str = "{ colorScheme: 'dark', timezoneId: 'Europe/Berlin' }";
const LIGHT: &str = "{ colorScheme: 'light', timezoneId: 'Europe/Berlin' }";

#[test]
fn an_attack_appears_on_an_open_page() {
    let Some(bed) = Bed::new("page") else { return };
    let Some(mut browser) = Browser::start(Some(&bed.ns("b"))) else { return };
    let base = format!("http://{LISTEN}");
    let hostile = "<b>h\u{22}&'";
    ip(&format!("-n {} link add name {hostile} type veth peer name vx", bed.ns("b")));
    ip(&format!("-n {} link set {hostile} up", bed.ns("b")));
    let config = bed.file(
        "pegel.toml",
        "[incident]\nquiet_seconds = 2\n[[guest]]\nname = \"shop\"\nmac = \"52:54:00:12:34:56\"\naddresses = [\"10.231.7.2\"]\n",
    );
    let arguments = ["--config", config.as_str(), "-i", hostile];
    let pegel = bed.pegel(&arguments);
    browser.open(&base, "/", LIGHT);
    browser.run("await tools.open.waitForFunction(() => document.getElementById('connection').textContent === 'Live')");
    assert_eq!(browser.run("return tools.open.textContent('h1')"), "Quiet: no attack is under way");
    // The page says when the line is there, by the same clock as that of packet time.
    browser.run(
        "await tools.open.evaluate(() => {
           const watch = new MutationObserver(() => {
             if (!window.seen && document.querySelector('#incidents a')) window.seen = Date.now();
           });
           watch.observe(document.getElementById('incidents'), { subtree: true, childList: true });
         })",
    );
    let sending = bed.sending(&flood("syn_flood", 3000, 600.0));
    browser.run("await tools.open.waitForFunction(() => window.seen, null, { timeout: 60000 })");
    let seen = browser.run("return tools.open.evaluate(() => window.seen)").as_f64().unwrap() / 1000.0;
    let incident = pegel.wait_for_incident();
    let opened: Timestamp = incident["opened_at"].as_str().unwrap().parse().unwrap();
    let delay = seen - opened.seconds_since(Timestamp::ZERO);
    println!("the incident was on the open page {delay:.2} s after it was opened (goal {GOAL_SECONDS} s)");
    assert!(delay < GOAL_SECONDS * GUARD_TIMES, "{delay}");
    browser.run(
        "await tools.open.waitForFunction(() => document.title.startsWith('Under attack'), null, { timeout: 60000 })",
    );

    // The plot has the flood, and the figures behind it are those of the API.
    browser.run("await tools.open.waitForFunction(() => (document.querySelector('#packets-now-figures tbody td')?.textContent ?? 0) > 2500, null, { timeout: 60000 })");
    let drawn = browser.run("return tools.open.evaluate(() => [...document.querySelectorAll('#traffic path.line')].map((line) => line.getBBox().height))");
    let highest = drawn.as_array().unwrap().iter().filter_map(Value::as_f64).fold(0.0, f64::max);
    assert!(highest > 50.0, "the plot is flat: {drawn}");
    if renews_book() {
        // A picture of more than the first seconds.
        browser.run("await tools.open.waitForFunction(() => document.querySelectorAll('#packets-now-figures tbody tr').length > 24, null, { timeout: 60000 })");
    }
    browser.picture("page-attack");
    for (name, options) in [("page-attack-dark", DARK), ("page-attack-phone", PHONE)] {
        browser.open(&base, "/", options);
        browser.run("await tools.open.waitForSelector('#incidents a')");
        let width =
            browser.run("return tools.open.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)");
        assert!(width.as_i64().unwrap() <= 0, "{name} scrolls sideways by {width}");
        browser.picture(name);
    }

    // The page of the incident, reached from the list.
    let id = incident["id"].as_str().unwrap().to_owned();
    browser.open(&base, "/", LIGHT);
    browser.run("await tools.open.click('#incidents a')");
    browser.run("await tools.open.waitForSelector('#packets-figures')");
    assert!(browser.run("return tools.open.url()").as_str().unwrap().ends_with(&format!("/incidents/{id}")));
    browser.run("await tools.open.waitForFunction(() => document.querySelectorAll('#packets-figures tbody tr').length > 2, null, { timeout: 60000 })");
    browser.picture("page-incident");
    browser.open(&base, &format!("/incidents/{id}"), PHONE);
    browser.picture("page-incident-phone");
    // It ends without a reload.
    browser.open(&base, &format!("/incidents/{id}"), LIGHT);
    drop(sending);
    browser.run("await tools.open.waitForFunction(() => document.querySelector('.badge').textContent.includes('over'), null, { timeout: 60000 })");
    browser.run("await tools.open.waitForFunction(() => document.querySelector('a[href$=\"packets.pcapng\"]'), null, { timeout: 60000 })");
    let capture = browser.run(&format!("const answer = await tools.open.evaluate(async () => {{ const answer = await fetch('{id}/evidence/packets.pcapng'); return [...new Uint8Array(await answer.arrayBuffer())].slice(0, 4); }}); return answer;"));
    assert_eq!(capture, json!([0x0a, 0x0d, 0x0d, 0x0a]), "a section header block of pcapng");
    let report = format!("{base}/incidents/{id}/report");
    browser.run(&format!("await tools.open.goto('{report}')"));
    assert!(browser.run("return tools.open.textContent('h1')").as_str().unwrap().contains(WATCHED));
    let style = browser
        .run("return tools.open.evaluate(() => getComputedStyle(document.querySelector('header')).borderTopWidth)");
    assert_eq!(style, "5px", "the policy lets the report's style apply");
    browser.assert_nothing_noticed();

    // A daemon that goes away and comes back.
    browser.open(&base, "/", LIGHT);
    browser.run("await tools.open.waitForFunction(() => document.getElementById('connection').textContent === 'Live')");
    pegel.stop();
    browser.run("await tools.open.waitForFunction(() => document.getElementById('connection').textContent.startsWith('Not live'), null, { timeout: 60000 })");
    let _pegel = bed.pegel(&arguments);
    browser.run("await tools.open.waitForFunction(() => document.getElementById('connection').textContent === 'Live', null, { timeout: 60000 })");
}

/// Text that must not be taken for anything else.
const HOSTILE: &str = "<script>window.hit=1</script><img src=x onerror=window.hit=1>\u{202e}\u{1b}[31m\"'\u{0}";

fn hostile_incident(id: &str, closed: bool) -> Incident {
    let at = Timestamp::from_parts(1_767_225_600, 300_000_000);
    let text = || HOSTILE.to_owned();
    let point = |second: u64| pegel::incident::Point {
        at: at.plus_seconds(second as f64),
        packets_per_second: 1000 * second,
        bits_per_second: 480_000 * second,
    };
    Incident {
        id: id.to_owned(),
        vector: Vector::SynFlood,
        vectors: vec![Vector::SynFlood, Vector::HttpFlood],
        patterns: Vec::new(),
        direction: Direction::Inbound,
        severity: Severity::Critical,
        confidence: 0.97,
        target: TargetView {
            kind: "host",
            address: Some(Addr::from_v4_bits(0xcb00_7107)),
            mac: None,
            guest: Some(text()),
            prefix: None,
            interface: Some(text()),
            vlan: None,
            sensor: None,
        },
        opened_at: at,
        updated_at: at.plus_seconds(9.0),
        closed_at: closed.then(|| at.plus_seconds(69.0)),
        close_reason: closed.then_some(pegel::incident::CloseReason::Quiet),
        part_of: closed.then(text),
        detected_after_seconds: 0.3,
        peak: Rates { packets_per_second: 9000, bits_per_second: 4_320_000 },
        totals: Totals { packets: 45_000, bytes: 2_700_000 },
        sources: Peers::default(),
        victims: None,
        ports: Ports::default(),
        pulses: 0,
        names: vec![Name { name: text(), kind: "http_host", share: 0.9, error: 0.01 }],
        evidence: vec![Evidence {
            measure: "unanswered_syn_per_second",
            value: 9000.0,
            limit: Some(300.0),
            limit_from: Some(pegel::detect::LimitFrom::Default),
            window_seconds: 1.0,
            message: text(),
        }],
        coverage: Coverage { captured: 1.0, kernel_dropped: 0, sampled: 1 },
        maintenance: None,
        drill: false,
        timeline: (0..9).map(point).collect(),
        evidence_url: Some(text()),
        suggestions: pegel::mitigation::Suggestions::default(),
    }
}

/// A server whose every text is hostile.
fn hostile_server() -> (Server, Arc<Shared>) {
    let interfaces = vec![HOSTILE.to_owned()];
    let metrics = Arc::new(Metrics::new(&["eth0".to_owned()], &["jsonl".to_owned()]).expect("valid metrics"));
    let hosts = Arc::new(HostTable::for_hosts(100, Hasher::fixed()));
    let stations = Arc::new(StationTable::for_stations(100, Hasher::fixed()));
    let shared = Arc::new(Shared::new(metrics, hosts, stations, interfaces, Instant::now()));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = start(listener, Arc::clone(&shared), Web::open_to_all()).expect("a server");
    shared.publish(Snapshot {
        open: vec![hostile_incident("open-1", false)],
        recent: vec![Arc::new(hostile_incident("closed-1", true))],
        ..Snapshot::default()
    });
    let guest = GuestView { label: HOSTILE.to_owned(), name: HOSTILE.to_owned(), ..GuestView::default() };
    shared.publish_inventory(InventoryView { tick: 17_672_256_090, guests: vec![guest], ..InventoryView::default() });
    shared.publish_overview(hostile_overview(10));
    (server, shared)
}

fn hostile_overview(second: u64) -> Overview {
    let begin = 1_767_225_600 + second;
    let traffic = (0..120).map(|back| TrafficSecond {
        at: Timestamp::from_parts(begin - 119 + back, 0),
        receive: pegel::view::Rate { packets_per_second: back * second % 1009, bits_per_second: 8 * back },
        ..TrafficSecond::default()
    });
    let check =
        CheckView { name: HOSTILE.to_owned(), what: HOSTILE.to_owned(), state: "failed", message: HOSTILE.to_owned() };
    Overview {
        at: Some(Timestamp::from_parts(begin, 0)),
        sensor: SensorView { name: HOSTILE.to_owned(), coverage: 1.0, checks: vec![check], ..SensorView::default() },
        traffic: traffic.collect(),
        // A station that is seen on two interfaces, so that two rows have the same name.
        stations: ["vmbr0", "tap104i0"].map(station).to_vec(),
        ..Overview::default()
    }
}

fn station(interface: &str) -> StationRates {
    StationRates {
        mac: "52:54:00:12:34:56".parse().unwrap(),
        interface: Some(interface.to_owned()),
        guest: None,
        address: None,
        receive: pegel::view::Rate::default(),
        transmit: pegel::view::Rate::default(),
        broadcast_per_second: 0,
    }
}

const PAGES: &[&str] = &[
    "/",
    "/incidents",
    "/incidents?target=%3Cscript%3E",
    "/incidents/open-1",
    "/incidents/closed-1",
    "/guests",
    "/stations",
    "/history",
    "/sensor",
    "/runbooks",
    "/runbooks/PegelIncident",
    "/api",
];

#[test]
fn hostile_names_are_inert_and_pages_are_for_everybody() {
    let Some(mut browser) = Browser::start(None) else { return };
    let (server, shared) = hostile_server();
    let base = format!("http://{}", server.address());
    let mut wrong = Vec::new();
    for (options, form) in [(LIGHT, "light"), (DARK, "dark"), (PHONE, "phone")] {
        for path in PAGES {
            browser.open(&base, path, options);
            let inert = browser.run(
                "return tools.open.evaluate(() => ({
                   hit: window.hit ?? null,
                   scripts: document.scripts.length,
                   images: document.images.length,
                   hidden: /[\\u202a-\\u202e\\u0000-\\u0008\\u001b]/.test(document.documentElement.outerHTML),
                   styled: document.querySelectorAll('[style], style').length,
                   wide: document.documentElement.scrollWidth > window.innerWidth,
                   title: document.title.length > 0 && document.querySelectorAll('h1').length === 1
                 }))",
            );
            let expected = json!({"hit": null, "scripts": 1, "images": 0, "hidden": false, "styled": 0, "wide": false,
                "title": true});
            if inert != expected {
                wrong.push(format!("{form} {path}: {inert}"));
            }
            let noticed = browser.run("return tools.noticed()");
            if noticed != json!([]) {
                wrong.push(format!("{form} {path}: {noticed}"));
            }
            // What axe-core brings into the page is not the page's: elsewhere the policy is enforced.
            let lax = options.replacen('{', "{ bypassCSP: true,", 1);
            browser.open(&base, path, &lax);
            let violations = browser.run("return tools.violations(tools.open)");
            if violations != json!([]) {
                wrong.push(format!("{form} {path}: {violations}"));
            }
            browser.run("tools.noticed(); await tools.open.context().close()");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // With the keyboard alone: the first stop leads past the navigation.
    browser.open(&base, "/", LIGHT);
    browser.run("await tools.open.keyboard.press('Tab')");
    assert_eq!(
        browser.run("return tools.open.evaluate(() => document.activeElement.textContent)"),
        "Skip to the content"
    );
    // Focus and opened details outlive an update.
    browser.run("await tools.open.click('#packets-now-figures summary')");
    browser.run("await tools.open.focus('#incidents a')");
    shared.publish_overview(hostile_overview(77));
    browser.run("await tools.open.waitForFunction(() => document.querySelector('#packets-now-figures tbody time').dateTime.startsWith('2026-01-01T00:01:17'), null, { timeout: 60000 })");
    let kept = browser.run("return tools.open.evaluate(() => [document.activeElement.tagName, document.getElementById('packets-now-figures').open])");
    assert_eq!(kept, json!(["A", true]));
    // The viewer's time, with UTC beside it.
    let time = browser.run("return tools.open.evaluate(() => document.querySelector('#incidents time').textContent)");
    let time = time.as_str().unwrap();
    assert!(time.contains("01:00:00") && time.contains("2026-01-01 00:00:00 UTC"), "{time}");
    // Without scripts, it is all there.
    browser.open(&base, "/", "{ javaScriptEnabled: false }");
    assert_eq!(browser.run("return tools.open.locator('#incidents a').count()"), 2);
    server.stop();
}

#[test]
fn a_page_left_open_for_a_day_does_not_grow() {
    let Some(mut browser) = Browser::start(None) else { return };
    let (server, _shared) = hostile_server();
    let base = format!("http://{}", server.address());
    let updates = std::env::var("PEGEL_UPDATES").map_or(UPDATES, |text| text.parse().expect("a number"));
    browser.open(&base, "/", LIGHT);
    browser.run("await tools.open.waitForFunction(() => document.getElementById('connection').textContent === 'Live')");
    // Every update is another page: the figures move on by a second each.
    let measure = |browser: &mut Browser| {
        let state = browser.run(
            "return tools.open.evaluate(() => { gc(); gc();
               return [performance.memory.usedJSHeapSize, document.getElementsByTagName('*').length]; })",
        );
        let number = |index: usize| state[index].as_f64().unwrap();
        (number(0), number(1))
    };
    let play = |browser: &mut Browser, updates: u32| {
        browser.run(&format!(
            "await tools.open.evaluate(async (updates) => {{
               const parts = ['status', 'incidents', 'traffic', 'who'].map((id) => [id, document.getElementById(id).innerHTML]);
               for (let update = 0; update < updates; update++) {{
                 for (const [id, html] of parts) {{ const moved = html.replaceAll('2026-01-01T00:0', '2026-01-' + String(1 + update % 28).padStart(2, '0') + 'T00:0'); show(id, moved.replaceAll('<td', '<td title=\"' + update + '\"').replaceAll('open-1', 'open-' + update % 7)); }}
                 if (update % 500 === 0) await new Promise((resolve) => setTimeout(resolve));
               }}
             }}, {updates})"
        ));
    };
    play(&mut browser, 500);
    let before = measure(&mut browser);
    play(&mut browser, updates);
    let after = measure(&mut browser);
    println!(
        "{updates} updates: {:.2} MB and {} elements before, {:.2} MB and {} after",
        before.0 / 1e6,
        before.1,
        after.0 / 1e6,
        after.1
    );
    assert_eq!(before.1, after.1, "elements");
    assert!(after.0 < before.0 * 1.5 + 1e6, "{before:?} {after:?}");
    server.stop();
}

/// Seconds of CPU time that a process took so far.
fn cpu_seconds(id: u32) -> f64 {
    // Fields 14 and 15 of proc_pid_stat(5), in hundredths of a second; the name before them may contain spaces.
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

#[test]
fn fifty_open_pages_cost_little_and_no_packet() {
    const PAGES: &str = "50";
    const SECONDS: f64 = 10.0;
    let Some(bed) = Bed::new("many") else { return };
    let Some(node) = tool("node") else { return };
    let pegel = bed.pegel(&[]);
    let before = dropped(&pegel);
    let _sending = bed.sending(&flood("syn_flood", 3000, 600.0));
    pegel.wait_for_incident();
    pegel.wait_for_packet_time(1.0);
    let share = || {
        let (start, began) = (cpu_seconds(pegel.id()), Instant::now());
        sleep(Duration::from_secs_f64(SECONDS));
        (cpu_seconds(pegel.id()) - start) / began.elapsed().as_secs_f64()
    };
    let alone = share();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page_parts/streams.mjs");
    let (host, port) = LISTEN.split_once(':').unwrap();
    let seconds = (SECONDS + 4.0).to_string();
    let mut command = bed.command("b", &node, &[script, host, port, PAGES, &seconds]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    // The connections are there once the first events are.
    sleep(Duration::from_secs(2));
    let watched = share();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _ = Background(child);
    let got: Value = serde_json::from_str(&line).unwrap();
    println!(
        "{PAGES} open pages: {:.2} % of a core with them, {:.2} % without (goal: 2 % more); {} events, {} octets",
        watched * 100.0,
        alone * 100.0,
        got["events"],
        got["octets"]
    );
    assert_eq!(got["open"], 50, "{got}");
    assert!(got["events"].as_u64().unwrap() > 50 * 3, "{got}");
    assert_eq!(dropped(&pegel), before, "no packet is lost");
    assert!(watched - alone < 0.02 * GUARD_TIMES, "{watched} {alone}");
    // Scrapes are answered all the same.
    assert!(pegel.get("/metrics").contains("pegel_build_info"));
}

fn dropped(pegel: &Pegel) -> f64 {
    let page = pegel.get("/metrics");
    let values = page.lines().filter(|line| line.starts_with("pegel_capture_dropped_packets_total{"));
    values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

#[test]
fn figures_of_the_page_are_those_of_an_independent_count() {
    let Some(bed) = Bed::new("count") else { return };
    let pegel = bed.pegel(&[]);
    pegel.wait_for_packet_time(1.1);
    bed.send("a", "va", &flood("udp_flood", 2000, 3.0));
    pegel.wait_for_packet_time(2.2);
    let overview: Value = serde_json::from_str(&pegel.get("/api/v1/overview?seconds=120")).unwrap();
    let of = |second: &Value| {
        let classes = second["classes"].as_array().unwrap();
        let udp = classes.iter().find(|class| class["class"] == "udp");
        udp.map_or(0, |class| class["receive"]["packets_per_second"].as_u64().unwrap())
    };
    let counted: u64 = overview["traffic"].as_array().unwrap().iter().map(of).sum();
    // As many as the sender says, and as the kernel counts (the interface also has ARP and neighbour discovery).
    assert_eq!(counted, 6000, "{overview}");
    let guard = Instant::now();
    while pegel.incidents("open").is_empty() {
        assert!(guard.elapsed() < GUARD);
        sleep(Duration::from_millis(50));
    }
}
