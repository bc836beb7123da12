//! Live tests in network namespaces of their own: real capture, real interfaces, traffic that goes nowhere else.
//!
//! They need root and iproute2; without, they say so and pass. Delays are judged in packet time; the clock only guards
//! against hanging.

#![allow(clippy::disallowed_methods)] // guards against hanging

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const WATCHED: &str = "10.231.7.2";
const GUARD: Duration = Duration::from_secs(20);

/// Two namespaces joined by a veth pair; `pegel` runs in the one whose side is `vb`, `WATCHED`.
struct Bed {
    name: String,
    dir: PathBuf,
}

impl Bed {
    /// `None`, with a message, where namespaces cannot be made.
    fn new(test: &str) -> Option<Bed> {
        let bed = Bed {
            name: format!("pegel-{}-{test}", std::process::id()),
            dir: std::env::temp_dir().join(format!("pegel-live-{}-{test}", std::process::id())),
        };
        let made = Command::new("ip").args(["netns", "add", &bed.ns("a")]).output();
        match made {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                eprintln!("skipped: no network namespace: {}", String::from_utf8_lossy(&output.stderr).trim());
                return None;
            }
            Err(error) => {
                eprintln!("skipped: cannot run ip (iproute2): {error}");
                return None;
            }
        }
        fs::create_dir_all(&bed.dir).unwrap();
        ip(&format!("netns add {}", bed.ns("b")));
        bed.join();
        ip(&format!("-n {} link set lo up", bed.ns("b")));
        Some(bed)
    }

    fn ns(&self, side: &str) -> String {
        format!("{}-{side}", self.name)
    }

    /// Makes the veth pair, as it is after a guest was started.
    fn join(&self) {
        let (a, b) = (self.ns("a"), self.ns("b"));
        ip(&format!("link add va netns {a} type veth peer name vb netns {b}"));
        ip(&format!("-n {a} addr add 10.231.7.1/24 dev va"));
        ip(&format!("-n {b} addr add {WATCHED}/24 dev vb"));
        ip(&format!("-n {a} link set va up"));
        ip(&format!("-n {b} link set vb up"));
    }

    fn command(&self, side: &str, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.ns(side)]).arg(program).args(arguments).env_remove("PEGEL_CONFIG");
        command
    }

    fn peer(&self, side: &str, arguments: &[&str]) -> Command {
        self.command(side, &peer(), arguments)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Starts Pegel and waits until it captures.
    fn pegel(&self, arguments: &[&str]) -> Pegel<'_> {
        let log = fs::File::create(self.dir.join("log")).unwrap();
        let jsonl = self.dir.join("incidents.jsonl").display().to_string();
        let all = [&["run", "-i", "vb", "--jsonl", &jsonl], arguments].concat();
        let child = self
            .command("b", Path::new(env!("CARGO_BIN_EXE_pegel")), &all)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let pegel = Pegel { bed: self, child };
        pegel.wait_for("/readyz", |answer| answer.trim() == "ready");
        pegel
    }

    fn send(&self, side: &str, interface: &str, scenario: &str) -> Output {
        let file = self.file("scenario.toml", scenario);
        let output = self.peer(side, &["send", interface, &file]).output().unwrap();
        assert!(output.status.success(), "sender: {}", String::from_utf8_lossy(&output.stderr));
        print!("sent {}", String::from_utf8_lossy(&output.stdout));
        output
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for side in ["a", "b"] {
            let _ = Command::new("ip").args(["netns", "del", &self.ns(side)]).output();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

struct Pegel<'b> {
    bed: &'b Bed,
    child: Child,
}

impl Pegel<'_> {
    fn get(&self, path: &str) -> String {
        let output = self.bed.peer("b", &["get", "127.0.0.1:7343", path]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn wait_for(&self, path: &str, good: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let answer = self.get(path);
            if good(&answer) {
                return answer;
            }
            let log = fs::read_to_string(self.bed.dir.join("log")).unwrap_or_default();
            assert!(start.elapsed() < GUARD, "{path} still answers {answer:?}; log:\n{log}");
            sleep(Duration::from_millis(50));
        }
    }

    fn incidents(&self, state: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/incidents");
        let all: Value = serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
        all[state].as_array().cloned().unwrap_or_default()
    }

    fn wait_for_incident(&self) -> Value {
        let some = |answer: &str| answer.contains("\"opened_at\"");
        let answer: Value = serde_json::from_str(&self.wait_for("/api/v1/incidents?state=open", some)).unwrap();
        answer["open"][0].clone()
    }

    fn signal(&self, name: &str) {
        // `ip netns exec` replaces itself by the program, so the child's number is Pegel's.
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Stops it as systemd would; returns its log and the lines of its JSON file.
    fn stop(mut self) -> (String, Vec<Value>) {
        let start = Instant::now();
        self.signal("TERM");
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0), "exit code");
                break;
            }
            assert!(start.elapsed() < GUARD, "it does not stop");
            sleep(Duration::from_millis(10));
        }
        println!("stopped within {:.2} s", start.elapsed().as_secs_f64());
        let log = fs::read_to_string(self.bed.dir.join("log")).unwrap();
        let lines = fs::read_to_string(self.bed.dir.join("incidents.jsonl")).unwrap();
        (log, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

impl Drop for Pegel<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The other side: cargo builds examples with `cargo test`, but not with `cargo test --test live`.
fn peer() -> PathBuf {
    let peer = Path::new(env!("CARGO_BIN_EXE_pegel")).parent().unwrap().join("examples/peer");
    assert!(peer.exists(), "build the other side first: cargo build --example peer");
    peer
}

fn flood(profile: &str, rate: u32, seconds: f64) -> String {
    format!(
        "seed = 1\n[[part]]\nprofile = \"{profile}\"\nfrom = 0.0\nto = {seconds}\nrate = {rate}\ntarget = \"{WATCHED}\"\n"
    )
}

#[test]
fn a_flood_is_told_within_a_second_and_closed_at_shutdown() {
    let Some(bed) = Bed::new("flood") else { return };
    let pegel = bed.pegel(&[]);
    bed.send("a", "va", &flood("syn_flood", 5000, 1.5));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["vector"], "syn_flood");
    assert_eq!(incident["direction"], "inbound");
    assert_eq!(incident["target"]["address"], WATCHED);
    assert_eq!(incident["sources"]["spoofing_likely"], true);
    let delay = incident["detected_after_seconds"].as_f64().unwrap();
    println!("detected {delay} s after its first packet (packet time)");
    assert!(delay <= 1.0, "{delay}");
    let metrics = pegel.get("/metrics");
    let opened: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("pegel_incidents_total{") && !line.ends_with(" 0")).collect();
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert!(opened[0].contains("vector=\"syn_flood\"") && opened[0].contains("direction=\"inbound\""));
    assert!(metrics.contains("pegel_incident_active{"), "{metrics}");
    let (log, lines) = pegel.stop();
    assert!(log.contains("incident opened"), "{log}");
    let last = lines.last().unwrap();
    assert_eq!((&last["change"], &last["close_reason"]), (&"closed".into(), &"shutdown".into()));
}

#[test]
fn real_tcp_connections_raise_nothing() {
    let Some(bed) = Bed::new("tcp") else { return };
    let pegel = bed.pegel(&[]);
    let address = format!("{WATCHED}:8080");
    let mut server = bed.peer("b", &["serve", &address]).stdout(Stdio::null()).spawn().unwrap();
    sleep(Duration::from_millis(300));
    for (octets, connections) in [("20000000", "16"), ("200000000", "1"), ("20000", "200")] {
        let output = bed.peer("a", &["fetch", &address, octets, connections]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{connections} connections: {}", String::from_utf8_lossy(&output.stdout));
    }
    // Two seconds more of packet time: every window has seen the end.
    sleep(Duration::from_secs(2));
    assert_eq!(pegel.incidents("open"), Vec::<Value>::new());
    assert_eq!(pegel.incidents("recent"), Vec::<Value>::new());
    let metrics = pegel.get("/metrics");
    let packets = metrics.lines().find(|line| line.starts_with("pegel_capture_packets_total{")).unwrap();
    let packets: u64 = packets.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(packets > 1000, "only {packets} packets were seen");
    server.kill().unwrap();
    server.wait().unwrap();
    let (_, lines) = pegel.stop();
    assert_eq!(lines, Vec::<Value>::new());
}

#[test]
fn an_interface_may_go_down_away_and_come_back() {
    let Some(bed) = Bed::new("gone") else { return };
    let pegel = bed.pegel(&[]);
    ip(&format!("-n {} link set vb down", bed.ns("b")));
    pegel.wait_for("/readyz", |answer| answer.contains("vb"));
    ip(&format!("-n {} link set vb up", bed.ns("b")));
    pegel.wait_for("/readyz", |answer| answer.trim() == "ready");
    ip(&format!("-n {} link del vb", bed.ns("b")));
    pegel.wait_for("/readyz", |answer| answer.contains("vb"));
    assert!(pegel.get("/metrics").contains("pegel_capture_up{interface=\"vb\"} 0"));
    assert_eq!(pegel.get("/healthz").trim(), "ok");
    bed.join();
    pegel.wait_for("/readyz", |answer| answer.trim() == "ready");
    bed.send("a", "va", &flood("udp_flood", 6000, 1.0));
    assert_eq!(pegel.wait_for_incident()["vector"], "udp_flood");
    let (log, _) = pegel.stop();
    assert_eq!(log.matches("capture works again").count(), 2, "{log}");
}

#[test]
fn a_foreign_mac_that_leaves_is_told_from_the_first_frame() {
    let Some(bed) = Bed::new("mac") else { return };
    let own = fs::read_to_string("/proc/self/stat").is_ok().then(|| {
        let output = bed.command("b", Path::new("cat"), &["/sys/class/net/vb/address"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
    let config = format!("[[interface]]\nname = \"vb\"\nallowed_macs = [{:?}]\n", own.unwrap());
    let config = bed.file("pegel.toml", &config);
    let pegel = bed.pegel(&["--config", &config]);
    // The other side's frames enter and do not matter, whatever MAC they carry.
    bed.send("a", "va", &flood("foreign_mac", 5, 1.0));
    sleep(Duration::from_millis(500));
    assert_eq!(pegel.incidents("open"), Vec::<Value>::new());
    let leaving = "seed = 1\n[[part]]\nprofile = \"foreign_mac\"\nfrom = 0.0\nto = 0.5\nrate = 2\n\
                   source_mac = \"52:54:00:de:ad:01\"\n";
    bed.send("b", "vb", leaving);
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["vector"], "mac_not_allowed");
    assert_eq!(incident["direction"], "outbound");
    assert_eq!(incident["target"]["mac"], "52:54:00:de:ad:01");
    assert_eq!(incident["target"]["interface"], "vb");
    assert!(incident["detected_after_seconds"].as_f64().unwrap() <= 0.2, "{incident}");
    pegel.stop();
}

#[test]
fn a_reload_takes_a_good_file_and_refuses_a_bad_one() {
    let Some(bed) = Bed::new("reload") else { return };
    let config = bed.file("pegel.toml", "[detect.syn_flood]\npackets_per_second = 1000000\n");
    let pegel = bed.pegel(&["--config", &config]);
    bed.send("a", "va", &flood("syn_flood", 2000, 1.0));
    sleep(Duration::from_millis(500));
    assert_eq!(pegel.incidents("open"), Vec::<Value>::new());
    fs::write(&config, "[detect.syn_flood]\npackets_per_second = \"many\"\n").unwrap();
    pegel.signal("HUP");
    pegel.wait_for("/metrics", |page| page.contains("pegel_config_last_reload_successful 0"));
    fs::write(&config, "[detect.syn_flood]\npackets_per_second = 500\n").unwrap();
    pegel.signal("HUP");
    pegel.wait_for("/metrics", |page| page.contains("pegel_config_last_reload_successful 1"));
    bed.send("a", "va", &flood("syn_flood", 2000, 1.0));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["evidence"][0]["limit"], 500.0);
    assert_eq!(incident["evidence"][0]["limit_from"], "config");
    let (log, _) = pegel.stop();
    assert!(log.contains("detect.syn_flood.packets_per_second"), "{log}");
}

#[test]
fn missing_privilege_is_told_with_its_cure() {
    let Some(bed) = Bed::new("cap") else { return };
    let arguments = ["--reuid=65534", "--clear-groups", env!("CARGO_BIN_EXE_pegel"), "run", "-i", "vb"];
    // The binary may lie where nobody else may read: then there is nothing to test.
    let output = bed.command("b", Path::new("setpriv"), &arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(127) || output.status.code() == Some(126) {
        eprintln!("skipped: {stderr}");
        return;
    }
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("CAP_NET_RAW") && stderr.contains("setcap"), "{stderr}");
}
