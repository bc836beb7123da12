//! The test bed of the live tests: two network namespaces and a running Pegel. It needs root and iproute2; without them, a
//! test prints that it is skipped, and passes. Delays are asserted in packet time; the wall clock only guards against
//! hanging. Tests wait for states, never for a length of time, so that they pass on a busy machine.

#![allow(clippy::disallowed_methods)] // guards against hanging
#![allow(dead_code)] // not every test file uses all of it

pub mod bridge;
pub mod daemons;
pub mod frames;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const WATCHED: &str = "10.231.7.2";
/// Address of Pegel's HTTP server, in its namespace.
pub const LISTEN: &str = "127.0.0.1:7343";
/// Longest wait for a state.
pub const GUARD: Duration = Duration::from_secs(60);

/// Two namespaces, `a` and `b`, joined by a veth pair. Pegel runs in `b`, whose end is `vb` with the address `WATCHED`.
pub struct Bed {
    name: String,
    pub dir: PathBuf,
}

impl Bed {
    /// `None`, with a message, where namespaces cannot be created.
    pub fn new(test: &str) -> Option<Bed> {
        let bed = Bed {
            name: format!("pegel-{}-{test}", std::process::id()),
            dir: std::env::temp_dir().join(format!("pegel-live-{}-{test}", std::process::id())),
        };
        if !namespace(&bed.ns("a")) {
            return None;
        }
        fs::create_dir_all(&bed.dir).unwrap();
        ip(&format!("netns add {}", bed.ns("b")));
        bed.join();
        ip(&format!("-n {} link set lo up", bed.ns("b")));
        Some(bed)
    }

    pub fn ns(&self, side: &str) -> String {
        format!("{}-{side}", self.name)
    }

    /// Creates the veth pair, as when a guest is started.
    pub fn join(&self) {
        let (a, b) = (self.ns("a"), self.ns("b"));
        ip(&format!("link add va netns {a} type veth peer name vb netns {b}"));
        ip(&format!("-n {a} addr add 10.231.7.1/24 dev va"));
        ip(&format!("-n {b} addr add {WATCHED}/24 dev vb"));
        ip(&format!("-n {a} link set va up"));
        ip(&format!("-n {b} link set vb up"));
    }

    pub fn command(&self, side: &str, program: &Path, arguments: &[&str]) -> Command {
        command_in(&self.ns(side), program, arguments)
    }

    /// Waits until a TCP server listens on a port in a namespace.
    pub fn wait_for_listener(&self, side: &str, port: u16) {
        // State 0A is LISTEN (proc_net_tcp in the kernel's documentation).
        let (local, start) = (format!(":{port:04X} "), Instant::now());
        loop {
            let output = self.command(side, Path::new("cat"), &["/proc/net/tcp"]).output().unwrap();
            let table = String::from_utf8_lossy(&output.stdout).into_owned();
            if table.lines().any(|line| line.contains(&local) && line.contains(" 0A ")) {
                return;
            }
            assert!(start.elapsed() < GUARD, "nothing listens on port {port}: {table}");
            sleep(Duration::from_millis(20));
        }
    }

    pub fn peer(&self, side: &str, arguments: &[&str]) -> Command {
        self.command(side, &peer(), arguments)
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Starts Pegel on `vb` and waits until it captures.
    pub fn pegel(&self, arguments: &[&str]) -> Pegel {
        Pegel::start(&self.ns("b"), &self.dir, LISTEN, &[&["-i", "vb"], arguments].concat())
    }

    /// The same, started by another program.
    pub fn pegel_by(&self, launcher: &[&str], arguments: &[&str]) -> Pegel {
        let arguments = [&["-i", "vb"], arguments].concat();
        let pegel = Pegel::spawn_by(launcher, &self.ns("b"), &self.dir, LISTEN, &arguments);
        pegel.wait_until_ready();
        pegel
    }

    /// Sends a scenario from `a` in the background.
    pub fn sending(&self, scenario: &str) -> Background {
        let file = self.file("sending.toml", scenario);
        Background(self.peer("a", &["send", "va", &file]).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Starts a server in Pegel's namespace, with this file in `dir` as its log.
    pub fn server(&self, program: &Path, arguments: &[&str], log: &str) -> Background {
        let log = fs::File::create(self.dir.join(log)).unwrap();
        let mut command = self.command("b", program, arguments);
        command.current_dir(&self.dir).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Background(command.spawn().unwrap())
    }

    pub fn send(&self, side: &str, interface: &str, scenario: &str) -> Output {
        let file = self.file("scenario.toml", scenario);
        let output = self.peer(side, &["send", interface, &file]).output().unwrap();
        assert!(output.status.success(), "sender: {}", String::from_utf8_lossy(&output.stderr));
        print!("sent {}", String::from_utf8_lossy(&output.stdout));
        output
    }
}

/// A process that ends with the test.
pub struct Background(pub Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Creates the first namespace of a bed; false, with a message, where none can be created.
pub fn namespace(name: &str) -> bool {
    match Command::new("ip").args(["netns", "add", name]).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            eprintln!("skipped: no network namespace: {}", String::from_utf8_lossy(&output.stderr).trim());
            false
        }
        Err(error) => {
            eprintln!("skipped: cannot run ip (iproute2): {error}");
            false
        }
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

/// A running Pegel in a namespace, with its own directory.
pub struct Pegel {
    namespace: String,
    dir: PathBuf,
    listen: String,
    child: Child,
}

impl Pegel {
    /// Returns when every interface is captured.
    pub fn start(namespace: &str, dir: &Path, listen: &str, arguments: &[&str]) -> Pegel {
        let pegel = Pegel::spawn(namespace, dir, listen, arguments);
        pegel.wait_until_ready();
        pegel
    }

    pub fn wait_until_ready(&self) {
        self.wait_for("/readyz", |answer| answer.trim() == "ready");
    }

    pub fn spawn(namespace: &str, dir: &Path, listen: &str, arguments: &[&str]) -> Pegel {
        Pegel::spawn_by(&[], namespace, dir, listen, arguments)
    }

    /// Is started by a program, such as `prlimit` with its options, which executes it in its own process.
    pub fn spawn_by(launcher: &[&str], namespace: &str, dir: &Path, listen: &str, arguments: &[&str]) -> Pegel {
        let log = fs::File::create(dir.join("log")).unwrap();
        let jsonl = dir.join("incidents.jsonl").display().to_string();
        let state = dir.join("state").display().to_string();
        let run = [env!("CARGO_BIN_EXE_pegel"), "run", "--listen", listen, "--jsonl", &jsonl, "--state-dir", &state];
        let all = [launcher, &run, arguments].concat();
        let child = command_in(namespace, Path::new(all[0]), &all[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let (namespace, dir, listen) = (namespace.to_owned(), dir.to_owned(), listen.to_owned());
        Pegel { namespace, dir, listen, child }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    pub fn get(&self, path: &str) -> String {
        let output = command_in(&self.namespace, &peer(), &["get", &self.listen, path]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn wait_for(&self, path: &str, good: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let answer = self.get(path);
            if good(&answer) {
                return answer;
            }
            assert!(start.elapsed() < GUARD, "{path} still answers {answer:?}; log:\n{}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the log contains a text.
    pub fn wait_for_log(&self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            assert!(start.elapsed() < GUARD, "no {text:?} in the log:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until everything up to `seconds` from now is judged, in packet time.
    pub fn wait_for_packet_time(&self, seconds: f64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        self.wait_for("/metrics", |page| {
            let judged = page.lines().find_map(|line| line.strip_prefix("pegel_tick_timestamp_seconds "));
            judged.is_some_and(|judged| judged.parse::<f64>().unwrap() >= now + seconds)
        });
    }

    pub fn wait_until_closed(&self) {
        self.wait_for("/api/v1/incidents?state=open", |answer| answer.contains("\"open\":[]"));
    }

    pub fn incidents(&self, state: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/incidents");
        let all: Value = serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
        all[state].as_array().cloned().unwrap_or_default()
    }

    pub fn wait_for_incident(&self) -> Value {
        let some = |answer: &str| answer.contains("\"opened_at\"");
        let answer: Value = serde_json::from_str(&self.wait_for("/api/v1/incidents?state=open", some)).unwrap();
        answer["open"][0].clone()
    }

    /// ID of its process: `ip netns exec` executes the program in its own.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < GUARD, "it does not end; log:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, name: &str) {
        // `ip netns exec` executes the program in its own process, so the child's ID is Pegel's.
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Stops it as systemd does. Returns its log and the lines of its JSON file.
    pub fn stop(mut self) -> (String, Vec<Value>) {
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
        let lines = fs::read_to_string(self.dir.join("incidents.jsonl")).unwrap();
        (self.log(), lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

impl Drop for Pegel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn command_in(namespace: &str, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program).args(arguments).env_remove("PEGEL_CONFIG");
    command
}

pub fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The traffic tool `examples/peer.rs`. Cargo builds examples with `cargo test`, but not with `cargo test --test live`.
pub fn peer() -> PathBuf {
    let peer = Path::new(env!("CARGO_BIN_EXE_pegel")).parent().unwrap().join("examples/peer");
    assert!(peer.exists(), "build it first: cargo build --example peer");
    peer
}

pub fn flood(model: &str, rate: u32, seconds: f64) -> String {
    format!(
        "seed = 1\n[[part]]\nmodel = \"{model}\"\nfrom = 0.0\nto = {seconds}\nrate = {rate}\ntarget = \"{WATCHED}\"\n"
    )
}
