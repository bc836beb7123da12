//! Sinks against real receivers: HTTP servers that refuse, fail, are slow or require authentication, TLS with a private
//! authority, programs that hang or do not read their input, scripts written for FastNetMon, syslog over datagrams and
//! streams.
//!
//! Sinks are driven as their threads drive them: they get changes, and are woken when they are due. Tests wait for a
//! state and never for a time to pass; the clock only guards against hanging.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod tools;

use pegel::base::Severity;
use pegel::config::Config;
use pegel::incident::{Change, Event, Incident};
use pegel::output::alertmanager::{Alertmanager, AlertmanagerConfig, Links};
use pegel::output::endpoint::Endpoint;
use pegel::output::hook::{Hook, HookConfig, HookMode};
use pegel::output::syslog::{Syslog, SyslogTarget};
use pegel::output::webhook::{Webhook, WebhookConfig};
use pegel::output::{Delivery, Outputs, Settled, Sink, Stage};
use pegel::runtime::replay;
use pegel::traffic::Scenario;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};
use tools::Scratch;

const GUARD: Duration = Duration::from_secs(60);
/// Time limit of a request in seconds: only an output that hangs reaches it.
const TIMEOUT: u32 = 60;
/// Seconds between refreshes of an alert: far more than a test takes.
const REFRESH: u32 = 3600;

/// A SYN flood on 203.0.113.7, as the state machine reports it.
static FLOOD: LazyLock<Incident> = LazyLock::new(|| {
    let part =
        "seed = 1\n[[part]]\nmodel = \"syn_flood\"\nfrom = 0.0\nto = 2.0\nrate = 20000\ntarget = \"203.0.113.7\"\n";
    let config = Config::for_networks(vec!["203.0.113.0/24".parse().unwrap()]);
    replay::incidents(&config, &mut Scenario::parse(part).unwrap().source()).unwrap().remove(0)
});

fn event(change: Change, edit: impl FnOnce(&mut Incident)) -> Event {
    let mut incident = FLOOD.clone();
    edit(&mut incident);
    Event { change, incident: Arc::new(incident) }
}

fn opened() -> Event {
    event(Change::Opened, |_| {})
}

fn closed() -> Event {
    event(Change::Closed, |incident| incident.closed_at = Some(incident.updated_at.plus_seconds(60.0)))
}

fn on_target(number: u8) -> Event {
    event(Change::Opened, |incident| {
        incident.id = format!("incident-{number}");
        incident.target.address = Some(format!("203.0.113.{number}").parse().unwrap());
    })
}

/// A request that a server received. Header names are in lower case.
struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn read(stream: &mut impl Read) -> Option<Request> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&octets| octets > 0)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        Some(Request { line: line.trim_end().to_owned(), headers, body })
    }
}

/// Answers one request per connection with `status`, and returns the requests. A request is in the channel before its
/// response is sent: what a sink got a response to can be received without waiting.
fn serve(listener: TcpListener, status: impl Fn(&Request) -> u16 + Send + 'static) -> Receiver<Request> {
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let Some(request) = Request::read(&mut stream) else { continue };
            let status = status(&request);
            let _ = sender.send(request);
            let response = format!("HTTP/1.1 {status} X\r\nContent-Length: 4\r\nConnection: close\r\n\r\nword");
            let _ = stream.write_all(response.as_bytes());
        }
    });
    requests
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A server that is down: its port is bound, so that no other test gets it, and refuses connections.
struct Down(OwnedFd);

impl Down {
    fn new() -> (Down, String) {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &"127.0.0.1:0".parse::<SocketAddrV4>().unwrap()).unwrap();
        let address = SocketAddrV4::try_from(getsockname(&socket).unwrap()).unwrap();
        (Down(socket), format!("http://{address}"))
    }

    /// The server comes up.
    fn up(self) -> TcpListener {
        listen(&self.0, 128).unwrap();
        TcpListener::from(self.0)
    }
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        ca_file: PathBuf::new(),
        username: String::new(),
        password_file: PathBuf::new(),
        bearer_token_file: PathBuf::new(),
        timeout_seconds: TIMEOUT,
    }
}

fn alertmanager(endpoint: Endpoint) -> Alertmanager {
    let labels = BTreeMap::from([("site".to_owned(), "fra1".to_owned())]);
    let (name, severity, refresh_seconds) = ("main".to_owned(), Severity::Warning, REFRESH);
    let links = Links { external_url: "https://gate.example/".to_owned(), ..Links::default() };
    Alertmanager::new(&AlertmanagerConfig { name, endpoint, severity, refresh_seconds, labels }, links)
}

/// Wakes a sink when it is due.
fn wake(sink: &mut dyn Sink) -> std::io::Result<()> {
    let due = sink.due().expect("something is due");
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
    sink.wake()
}

/// Delivers a change to a sink whose server is down, until it is kept for a later attempt. On a busy machine the first
/// pause may be over already; each failed attempt doubles it.
fn deliver_while_down(sink: &mut dyn Sink, event: &Event) {
    let start = Instant::now();
    loop {
        match sink.deliver(event) {
            Ok(delivery) => return assert_eq!(delivery, Delivery::Later),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}"),
        }
        assert!(start.elapsed() < GUARD, "every change causes a request");
    }
}

/// Whether only the refresh of alerts is due.
fn is_settled(sink: &dyn Sink) -> bool {
    sink.due().is_some_and(|due| due > Instant::now() + Duration::from_secs(u64::from(REFRESH) / 2))
}

/// The first line of a file once it is complete.
fn wait_for_line(path: &Path) -> String {
    let start = Instant::now();
    loop {
        if let Some((line, _)) = fs::read_to_string(path).unwrap_or_default().split_once('\n') {
            return line.to_owned();
        }
        assert!(start.elapsed() < GUARD, "{} is not written", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_alert_has_identity_in_labels_and_figures_in_annotations() {
    let (listener, url) = listener();
    let requests = serve(listener, |_| 200);
    let mut sink = alertmanager(endpoint(&format!("{url}/am/")));
    assert_eq!(sink.deliver(&opened()).unwrap(), Delivery::Delivered);
    let request = requests.recv_timeout(GUARD).unwrap();
    assert_eq!(request.line, "POST /am/api/v2/alerts HTTP/1.1");
    assert_eq!(request.headers["content-type"], "application/json");
    let alerts = request.json();
    let labels = serde_json::json!({
        "alertname": "PegelIncident", "class": "flood", "direction": "inbound", "kind": "host", "prefix": "203.0.113.0/24",
        "severity": "critical", "site": "fra1", "target": "203.0.113.7",
    });
    assert_eq!(alerts[0]["labels"], labels);
    assert_eq!(alerts[0]["generatorURL"], format!("https://gate.example/incidents/{}", FLOOD.id));
    let annotations = &alerts[0]["annotations"];
    assert!(annotations["summary"].as_str().unwrap().starts_with("critical syn_flood to 203.0.113.7, up to "));
    assert!(annotations["evidence"].as_str().unwrap().contains("SYN/s to 203.0.113.7, limit"), "{annotations}");
    assert_eq!(annotations["packets_per_second"], FLOOD.peak.packets_per_second.to_string());
}

#[test]
fn an_alertmanager_that_was_down_gets_all_alerts_once_it_works_again() {
    let (down, url) = Down::new();
    let mut sink = alertmanager(endpoint(&url));
    let error = sink.deliver(&opened()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    // Another change does not cause another request before the pause is over.
    deliver_while_down(&mut sink, &on_target(8));
    let statuses = std::sync::Mutex::new(vec![200, 503]);
    let requests = serve(down.up(), move |_| statuses.lock().unwrap().pop().unwrap_or(200));
    assert!(wake(&mut sink).unwrap_err().to_string().contains("503"));
    wake(&mut sink).unwrap();
    assert_eq!(requests.recv_timeout(GUARD).unwrap().json().as_array().map(Vec::len), Some(2));
    assert_eq!(requests.recv_timeout(GUARD).unwrap().json().as_array().map(Vec::len), Some(2));
    assert!(is_settled(&sink));
}

#[test]
fn a_refused_alert_does_not_block_others_and_is_not_sent_again() {
    let (listener, url) = listener();
    let is_wrong = |request: &Request| String::from_utf8_lossy(&request.body).contains("203.0.113.66");
    let requests = serve(listener, move |request| if is_wrong(request) { 400 } else { 200 });
    let mut sink = alertmanager(endpoint(&url));
    sink.deliver(&on_target(1)).unwrap();
    assert!(sink.deliver(&on_target(66)).unwrap_err().to_string().contains("400"));
    sink.deliver(&on_target(2)).unwrap();
    let sizes: Vec<usize> = requests.try_iter().map(|request| request.json().as_array().unwrap().len()).collect();
    assert_eq!(sizes, [1, 1, 1]);
    assert!(is_settled(&sink));
}

#[test]
fn a_slow_alertmanager_gets_many_changes_in_one_request() {
    let (listener, url) = listener();
    let (release, held) = channel::<()>();
    let held = std::sync::Mutex::new(held);
    // The first request is answered only when everything else is queued, the others immediately.
    let requests = serve(listener, move |_| {
        let _ = held.lock().unwrap().recv_timeout(GUARD);
        200
    });
    let mut outputs = Outputs::default();
    let sink = alertmanager(endpoint(&url));
    outputs.start("alertmanager/main", vec![Box::new(sink)]).unwrap();
    let numbered = |number: u32, change| {
        event(change, |incident| {
            incident.id = format!("i{number}");
            incident.target.address = Some(format!("2001:db8::{number:x}").parse().unwrap());
        })
    };
    outputs.offer(&numbered(0, Change::Opened));
    let (sender, bodies) = channel();
    std::thread::spawn(move || requests.into_iter().for_each(|request| drop(sender.send(request.json()))));
    for number in 1..300 {
        outputs.offer(&numbered(number, Change::Opened));
    }
    // Progress does not displace changes.
    for number in (0..300).cycle().take(3000) {
        outputs.offer(&numbered(number, Change::Progress));
    }
    for number in 0..150 {
        outputs.offer(&numbered(number, Change::Closed));
    }
    drop(release);
    let (mut open, mut messages) = (std::collections::BTreeMap::new(), 0);
    // An alert that ended does so at the time of its packets; an open one expires hours from now.
    let is_resolved = |alert: &Value| {
        let ends: pegel::base::Timestamp = alert["endsAt"].as_str().unwrap().parse().unwrap();
        ends <= FLOOD.updated_at.plus_seconds(3600.0)
    };
    while open.len() < 300 || open.values().filter(|open| **open).count() != 150 {
        let alerts = bodies.recv_timeout(GUARD).expect("it gets all alerts");
        messages += 1;
        for alert in alerts.as_array().unwrap() {
            open.insert(alert["labels"]["target"].to_string(), !is_resolved(alert));
        }
    }
    assert!(messages < 20, "{messages} messages for 300 alerts");
    let (_, counts) = outputs.counts().next().unwrap();
    assert_eq!(counts.dropped.load(Ordering::Relaxed), 0);
    outputs.finish();
}

#[test]
fn a_server_that_fails_while_a_refused_batch_is_split_has_refused_no_alert() {
    let (down, url) = Down::new();
    let mut sink = alertmanager(endpoint(&url));
    sink.deliver(&on_target(1)).unwrap_err();
    deliver_while_down(&mut sink, &on_target(2));
    // The batch of both is refused; the first one sent alone meets a server that fails.
    let statuses = std::sync::Mutex::new(vec![503, 400]);
    let requests = serve(down.up(), move |_| statuses.lock().unwrap().pop().unwrap_or(200));
    assert!(wake(&mut sink).unwrap_err().to_string().contains("503"));
    wake(&mut sink).unwrap();
    let sizes: Vec<usize> = requests.try_iter().map(|request| request.json().as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 1, 2]);
}

#[test]
fn secrets_are_read_for_each_request_and_a_missing_one_is_named() {
    let scratch = Scratch::new("auth");
    let (listener, url) = listener();
    let requests = serve(listener, |_| 200);
    let password_file = scratch.file("password", "first\n");
    let mut sink = alertmanager(Endpoint { username: "pegel".to_owned(), password_file, ..endpoint(&url) });
    sink.deliver(&opened()).unwrap();
    // printf pegel:first | base64
    assert_eq!(requests.recv_timeout(GUARD).unwrap().headers["authorization"], "Basic cGVnZWw6Zmlyc3Q=");
    scratch.file("password", "second");
    sink.deliver(&closed()).unwrap();
    assert_eq!(requests.recv_timeout(GUARD).unwrap().headers["authorization"], "Basic cGVnZWw6c2Vjb25k");
    let bearer_token_file = scratch.path("token");
    let mut sink = alertmanager(Endpoint { bearer_token_file: bearer_token_file.clone(), ..endpoint(&url) });
    let error = sink.deliver(&opened()).unwrap_err().to_string();
    assert!(error.contains(&bearer_token_file.display().to_string()), "{error}");
    scratch.file("token", "t0ken");
    wake(&mut sink).unwrap();
    assert_eq!(requests.recv_timeout(GUARD).unwrap().headers["authorization"], "Bearer t0ken");
}

#[test]
fn tls_certificates_are_verified_against_the_configured_authority() {
    let Some(scratch) = Scratch::with_certificates("tls") else { return };
    let (listener, url) = listener();
    let certificate = CertificateDer::from_pem_file(scratch.path("web.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(scratch.path("web.key")).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let tls = Arc::new(tls);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&tls)).unwrap(), stream.unwrap());
            if Request::read(&mut stream).is_some() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.flush();
            }
        }
    });
    let url = url.replace("http:", "https:");
    let unknown = alertmanager(endpoint(&url)).deliver(&opened()).map_err(|error| error.to_string());
    let known = alertmanager(Endpoint { ca_file: scratch.path("ca.crt"), ..endpoint(&url) })
        .deliver(&opened())
        .map_err(|error| error.to_string());
    let absent = alertmanager(Endpoint { ca_file: scratch.path("none.pem"), ..endpoint(&url) }).deliver(&opened());
    assert!(
        unknown.as_ref().is_err_and(|error| error.contains("UnknownIssuer") || error.contains("no trusted")),
        "{unknown:?}"
    );
    assert_eq!(known, Ok(Delivery::Delivered));
    assert!(absent.unwrap_err().to_string().contains("none.pem"));
}

#[test]
fn a_webhook_is_signed_in_order_and_retried() {
    let scratch = Scratch::new("webhook");
    let (listener, url) = listener();
    let works = Arc::new(AtomicBool::new(false));
    let status = Arc::clone(&works);
    let requests = serve(listener, move |_| if status.load(Ordering::SeqCst) { 200 } else { 500 });
    let config = WebhookConfig {
        name: "portal".to_owned(),
        endpoint: endpoint(&format!("{url}/ddos")),
        severity: Severity::Warning,
        secret_file: scratch.file("secret", "s3cret\n"),
    };
    let mut sink = Webhook::new(&config);
    assert!(sink.deliver(&opened()).unwrap_err().to_string().contains("500"));
    // It waits behind the first change, whether or not the pause after the failure is over.
    assert!(!matches!(sink.deliver(&closed()), Ok(Delivery::Delivered | Delivery::Skipped(_))));
    let failed: Vec<Value> = requests.try_iter().map(|request| request.json()["stage"].clone()).collect();
    assert!(!failed.is_empty() && failed.iter().all(|stage| stage == "open"), "{failed:?}");
    works.store(true, Ordering::SeqCst);
    wake(&mut sink).unwrap();
    assert_eq!(sink.due(), None);
    let requests: Vec<Request> = requests.try_iter().collect();
    let stages: Vec<Value> = requests.iter().map(|request| request.json()["stage"].clone()).collect();
    assert_eq!(stages, ["open", "close"]);
    assert_eq!(requests[0].line, "POST /ddos HTTP/1.1");
    assert_eq!(requests[1].json()["id"], FLOOD.id);
    for request in &requests {
        // Checked against another implementation: openssl's.
        let Some(openssl) = tools::tool("openssl") else { return };
        let (time, signature) = request.headers["pegel-signature"].split_once(",v1=").unwrap();
        let mut signed = format!("{}.", time.strip_prefix("t=").unwrap()).into_bytes();
        signed.extend(&request.body);
        let signed = scratch.path("signed").tap(|path| fs::write(path, signed).unwrap());
        let output = tools::run(&openssl, &["dgst", "-sha256", "-hmac", "s3cret", &signed.display().to_string()]);
        assert_eq!(output.trim().rsplit(' ').next(), Some(signature));
    }
    // The queue is bounded, and discarded messages are counted.
    let (listener, url) = self::listener();
    let requests = serve(listener, |_| 503);
    let mut sink = Webhook::new(&WebhookConfig { endpoint: endpoint(&url), ..config.clone() });
    let mut outcomes = Vec::new();
    for number in 0..300u32 {
        outcomes.push(sink.deliver(&event(Change::Opened, |incident| incident.id = format!("i{number}"))));
    }
    assert!(outcomes[0].is_err() && outcomes[256].is_err(), "{:?}", outcomes[256]);
    assert_eq!(sink.settled(), Settled { delivered: 0, given_up: 300 - 256 });
    // The pauses between requests double: ten would take minutes.
    assert!(requests.try_iter().count() < 10);
    // A refused message is not sent again.
    let (listener, url) = self::listener();
    let requests = serve(listener, |_| 400);
    let mut sink = Webhook::new(&WebhookConfig { endpoint: endpoint(&url), ..config });
    assert!(sink.deliver(&opened()).unwrap_err().to_string().contains("400"));
    assert_eq!((sink.due(), requests.try_iter().count()), (None, 1));
}

trait Tap: Sized {
    /// Does something with a value on its way.
    fn tap(self, act: impl FnOnce(&Self)) -> Self {
        act(&self);
        self
    }
}

impl Tap for PathBuf {}

fn hook(command: &[&Path], edit: impl FnOnce(&mut HookConfig)) -> Hook {
    let mut config = HookConfig {
        name: "record".to_owned(),
        command: command.iter().map(|word| word.display().to_string()).collect(),
        mode: HookMode::Json,
        on: Stage::ALL.to_vec(),
        severity: Severity::Warning,
        timeout_seconds: TIMEOUT,
        concurrency: 1,
        drill: false,
    };
    edit(&mut config);
    Hook::new(&config)
}

#[test]
fn a_hook_gets_the_incident_and_its_facts_without_a_shell() {
    let scratch = Scratch::new("hook");
    let record =
        scratch.script("record", "#!/bin/sh\ncat > \"$1.$PEGEL_STAGE.json\"\nenv | sort > \"$1.$PEGEL_STAGE.env\"\n");
    // One argument, whatever characters it contains.
    let out = scratch.path("out; touch $HOME ");
    let mut sink = hook(&[&record, &out], |_| {});
    assert_eq!(sink.deliver(&opened()).unwrap(), Delivery::Delivered);
    assert_eq!(sink.deliver(&event(Change::Extended, |_| {})).unwrap(), Delivery::Delivered);
    assert_eq!(sink.deliver(&closed()).unwrap(), Delivery::Delivered);
    let read = |end: &str| fs::read_to_string(format!("{}{end}", out.display())).unwrap();
    let incident: Value = serde_json::from_str(&read(".open.json")).unwrap();
    assert_eq!((incident["id"].as_str(), incident["vector"].as_str()), (Some(FLOOD.id.as_str()), Some("syn_flood")));
    assert!(serde_json::from_str::<Value>(&read(".close.json")).unwrap()["closed_at"].is_string());
    let facts = read(".update.env");
    for fact in ["PEGEL_TARGET=203.0.113.7", "PEGEL_VECTOR=syn_flood", "PEGEL_SEVERITY=critical", "PEGEL_DRILL=false"] {
        assert!(facts.lines().any(|line| line == fact), "{fact} in {facts}");
    }
    assert!(!facts.contains("CARGO"), "{facts}");
    let over = read(".close.env");
    let summary = over.lines().find_map(|line| line.strip_prefix("PEGEL_SUMMARY=")).unwrap();
    assert!(summary.starts_with("critical syn_flood to 203.0.113.7: over after "), "{summary}");
}

#[test]
fn a_hook_that_hangs_is_killed_with_its_children() {
    let scratch = Scratch::new("hang");
    let script = scratch.script("hang", "#!/bin/sh\nsleep 600 &\necho $! > \"$1\"\nsleep 600\n");
    let path = scratch.path("child");
    // On a busy machine the script may not have started its child within the first time limit.
    for limit in [1, 10, 60] {
        let mut sink = hook(&[&script, &path], |config| config.timeout_seconds = limit);
        let error = sink.deliver(&opened()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        if fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')) {
            break;
        }
    }
    let child = fs::read_to_string(&path).unwrap();
    let start = Instant::now();
    // Gone, or a zombie until its new parent collects it.
    while fs::read_to_string(format!("/proc/{}/stat", child.trim())).is_ok_and(|stat| !stat.contains(") Z")) {
        assert!(start.elapsed() < GUARD, "the child of the hook is still running");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hook_that_does_not_read_fails_or_is_missing_is_reported_so() {
    let scratch = Scratch::new("exit");
    let big = event(Change::Opened, |incident| {
        // More than fits into a pipe.
        incident.evidence = vec![incident.evidence[0].clone(); 2000];
    });
    let ends = scratch.script("ends", "#!/bin/sh\nexit 0\n");
    assert_eq!(hook(&[&ends], |_| {}).deliver(&big).unwrap(), Delivery::Delivered);
    let fails = scratch.script("fails", "#!/bin/sh\nexit 3\n");
    assert!(hook(&[&fails], |_| {}).deliver(&big).unwrap_err().to_string().contains("exit status: 3"));
    let missing = scratch.path("missing");
    assert_eq!(hook(&[&missing], |_| {}).deliver(&big).unwrap_err().kind(), ErrorKind::NotFound);
}

/// The interface of FastNetMon's `notify_script_path`: $1 address, $2 incoming or outgoing, $3 packets per second, $4
/// ban or unban; a report on standard input for ban, nothing for unban.
#[test]
fn scripts_written_for_fastnetmon_work_unchanged() {
    let scratch = Scratch::new("fastnetmon");
    let script = scratch.script(
        "notify.sh",
        "#!/usr/bin/env bash\nset -u\ncd \"$(dirname \"$0\")\"\n\
         if [ \"$4\" = \"unban\" ]; then\n  echo \"$# $1 $2 $3 $4 $(wc -c)\" >> calls\n  exit 0\nfi\n\
         if [ \"$4\" = \"ban\" ]; then\n  cat > report\n  echo \"$# $1 $2 $3 $4\" >> calls\n  exit 0\nfi\n\
         echo \"unknown action $4\" >> calls\nexit 1\n",
    );
    let mut sink = hook(&[&script], |config| config.mode = HookMode::FastNetMon);
    let peak = FLOOD.peak.packets_per_second;
    assert_eq!(sink.deliver(&opened()).unwrap(), Delivery::Delivered);
    // FastNetMon has no such action.
    assert!(matches!(sink.deliver(&event(Change::Extended, |_| {})).unwrap(), Delivery::Skipped(_)));
    assert_eq!(sink.deliver(&closed()).unwrap(), Delivery::Delivered);
    let outgoing = |incident: &mut Incident| {
        incident.id = "another".to_owned();
        incident.direction = pegel::base::Direction::Outbound;
    };
    sink.deliver(&event(Change::Opened, outgoing)).unwrap();
    let calls = fs::read_to_string(scratch.path("calls")).unwrap();
    let expected = format!(
        "4 203.0.113.7 incoming {peak} ban\n4 203.0.113.7 incoming {peak} unban 0\n4 203.0.113.7 outgoing {peak} ban\n"
    );
    assert_eq!(calls, expected);
    let report = fs::read_to_string(scratch.path("report")).unwrap();
    assert!(report.starts_with("critical syn_flood from 203.0.113.7"), "{report}");
    // A script that bans must not run for a drill, for information, or where the target is not one address.
    let drill = event(Change::Opened, |incident| (incident.id, incident.drill) = ("d".to_owned(), true));
    let note = event(Change::Opened, |incident| {
        (incident.id, incident.severity) = ("n".to_owned(), Severity::Info);
    });
    let prefix = event(Change::Opened, |incident| {
        incident.id = "p".to_owned();
        (incident.target.kind, incident.target.address) = ("prefix", None);
        incident.target.prefix = Some("203.0.113.0/24".to_owned());
    });
    // A restart of Pegel during an attack lifts no ban.
    let restart = event(Change::Closed, |incident| {
        incident.id = "another".to_owned();
        incident.close_reason = Some(pegel::incident::CloseReason::Shutdown);
    });
    for event in [drill, note, prefix, restart] {
        assert!(matches!(sink.deliver(&event).unwrap(), Delivery::Skipped(_)));
    }
    assert_eq!(fs::read_to_string(scratch.path("calls")).unwrap(), expected);
}

#[test]
fn an_output_that_hangs_blocks_neither_events_nor_the_end() {
    let scratch = Scratch::new("stuck");
    // Only the first run hangs, so that nothing is left running after the test.
    let text = "#!/bin/sh\n[ -e \"$0.pid\" ] && exit\necho $$ > \"$0.pid\"\nexec sleep 600\n";
    let script = scratch.script("stuck", text);
    let mut outputs = Outputs::default();
    outputs.start("hook/stuck", vec![Box::new(hook(&[&script], |config| config.timeout_seconds = 600))]).unwrap();
    let start = Instant::now();
    for number in 0..5000u32 {
        outputs.offer(&event(Change::Opened, |incident| incident.id = format!("i{number}")));
    }
    let dropped = outputs.counts().map(|(_, counts)| counts.dropped.load(Ordering::Relaxed)).sum::<u64>();
    // The queue has 1,024 entries, and the worker has one event or none.
    assert!((3975..=3976).contains(&dropped), "{dropped}");
    outputs.finish();
    assert!(start.elapsed() < GUARD);
    // The abandoned thread may start the program only now. It keeps running: end it here.
    let pid = wait_for_line(&scratch.path("stuck.pid"));
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
}

#[test]
fn syslog_messages_are_sent_over_datagrams_and_streams() {
    let scratch = Scratch::new("syslog");
    let path = scratch.path("log");
    let local = UnixDatagram::bind(&path).unwrap();
    local.set_read_timeout(Some(GUARD)).unwrap();
    Syslog::new(&SyslogTarget::Unix(path.display().to_string())).deliver(&opened()).unwrap();
    let mut octets = [0; 4096];
    let length = local.recv(&mut octets).unwrap();
    let text = String::from_utf8_lossy(&octets[..length]).into_owned();
    assert!(text.starts_with("<26>1 ") && text.contains(" target=\"203.0.113.7\""), "{text}");

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(GUARD)).unwrap();
    Syslog::new(&SyslogTarget::Udp(udp.local_addr().unwrap().to_string())).deliver(&opened()).unwrap();
    let length = udp.recv(&mut octets).unwrap();
    assert!(octets[..length].starts_with(b"<26>1 "));

    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sink = Syslog::new(&SyslogTarget::Tcp(tcp.local_addr().unwrap().to_string()));
    sink.deliver(&opened()).unwrap();
    sink.deliver(&closed()).unwrap();
    drop(sink);
    let mut text = String::new();
    tcp.accept().unwrap().0.read_to_string(&mut text).unwrap();
    for change in ["opened", "closed"] {
        // Octet counting (RFC 6587 §3.4.1): length, space, message.
        let (length, rest) = text.split_once(' ').unwrap();
        let (message, rest) = rest.split_at(length.parse().unwrap());
        assert!(message.contains(&format!(" {change} [pegel@32473 ")), "{message}");
        text = rest.to_owned();
    }
    assert_eq!(text, "");
}

/// Panics on its first event.
struct Faulty {
    has_panicked: bool,
}

impl Sink for Faulty {
    fn deliver(&mut self, _: &Event) -> std::io::Result<Delivery> {
        assert!(std::mem::replace(&mut self.has_panicked, true), "as intended");
        Ok(Delivery::Delivered)
    }
}

#[test]
fn an_output_that_panics_goes_on_with_the_next_event() {
    let mut outputs = Outputs::default();
    outputs.start("log", vec![Box::new(Faulty { has_panicked: false })]).unwrap();
    outputs.offer(&opened());
    outputs.offer(&closed());
    let start = Instant::now();
    loop {
        let (_, counts) = outputs.counts().next().unwrap();
        let done = (counts.failed.load(Ordering::Relaxed), counts.delivered.load(Ordering::Relaxed));
        if done == (1, 1) {
            break;
        }
        assert!(start.elapsed() < GUARD, "{done:?}");
        std::thread::yield_now();
    }
    outputs.finish();
}
