//! Notifications to systemd, without systemd: the test listens on the socket. A live run in a namespace, as in `live.rs`.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;

use bed::{Bed, GUARD, LISTEN, ip, peer};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Freezes one thread until its standard input ends (ptrace(2): PTRACE_SEIZE, PTRACE_INTERRUPT).
const FREEZE: &str = "
import ctypes, os, sys
libc, thread = ctypes.CDLL(None, use_errno=True), int(sys.argv[1])
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
if libc.ptrace(0x4206, thread, None, None) or libc.ptrace(0x4207, thread, None, None):
    sys.exit('no ptrace: ' + os.strerror(ctypes.get_errno()))
os.waitpid(thread, 0x40000000)
print('frozen', flush=True)
sys.stdin.read()
";

/// A run that notifies `socket` and has a watchdog with a timeout of two seconds.
struct Notified<'b> {
    bed: &'b Bed,
    socket: UnixDatagram,
    child: Child,
}

impl<'b> Notified<'b> {
    fn start(bed: &'b Bed) -> Notified<'b> {
        let path = bed.dir.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (state, notify) = (bed.dir.join("state"), format!("NOTIFY_SOCKET={}", path.display()));
        let pegel = env!("CARGO_BIN_EXE_pegel");
        // With two workers, the other one continues while one is frozen.
        let config = bed.file("pegel.toml", "[capture]\nworkers = 2\n");
        let arguments =
            [&notify, "WATCHDOG_USEC=2000000", pegel, "run", "-i", "vb", "--config", &config, "--state-dir"];
        let child = bed
            .command("b", Path::new("env"), &[&arguments[..], &[state.to_str().unwrap()]].concat())
            .stdin(Stdio::null())
            .stderr(fs::File::create(bed.dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        Notified { bed, socket, child }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.bed.dir.join("log")).unwrap_or_default()
    }

    fn message(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// The next message with a line that begins with `start`; earlier messages are discarded.
    fn wait_for(&self, start: &str) -> String {
        let began = Instant::now();
        loop {
            if let Some(message) = self.message()
                && message.lines().any(|line| line.starts_with(start))
            {
                return message;
            }
            assert!(began.elapsed() < GUARD, "{start} was not received; log:\n{}", self.log());
        }
    }

    fn get(&self, path: &str) -> String {
        let output = self.bed.command("b", &peer(), &["get", LISTEN, path]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap().success()
        );
    }

    /// The ID of the thread with that name.
    fn thread(&self, name: &str) -> String {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks
            .map(|task| task.unwrap().path())
            .find(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name))
            .map(|task| task.file_name().unwrap().to_string_lossy().into_owned())
            .unwrap_or_else(|| panic!("no thread has the name {name}"))
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn systemd_is_notified_from_the_start_to_the_end() {
    let Some(bed) = Bed::new("notify") else { return };
    let mut run = Notified::start(&bed);
    run.wait_for("READY=1");
    assert_eq!(run.get("/readyz").trim(), "ready");
    run.wait_for("WATCHDOG=1");
    let status = run.wait_for("STATUS=");
    assert!(status.starts_with("STATUS=capturing on vb; 0 open incidents; "), "{status}");

    // An interface that is down is no reason for a restart, which would not bring it up.
    ip(&format!("-n {} link set vb down", bed.ns("b")));
    let status = loop {
        let status = run.wait_for("STATUS=");
        if status.contains("(down)") {
            break status;
        }
    };
    assert!(status.starts_with("STATUS=capturing on vb (down); "), "{status}");
    // Twelve notifications, each after half a second: longer than any thread may be silent.
    for _ in 0..12 {
        run.wait_for("WATCHDOG=1");
    }
    ip(&format!("-n {} link set vb up", bed.ns("b")));

    run.signal("HUP");
    let reloading = run.wait_for("RELOADING=1");
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    run.wait_for("READY=1");
    run.signal("TERM");
    run.wait_for("STOPPING=1");
    assert_eq!(run.child.wait().unwrap().code(), Some(0), "{}", run.log());
    assert!(!run.log().contains("watchdog"), "{}", run.log());
}

#[test]
fn the_watchdog_is_not_fed_while_a_capture_worker_hangs() {
    let Some(bed) = Bed::new("hang") else { return };
    let run = Notified::start(&bed);
    run.wait_for("READY=1");
    run.wait_for("WATCHDOG=1");
    let freezer = Command::new("python3")
        .args(["-c", FREEZE, &run.thread("cap-vb")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut freezer = match freezer {
        Ok(freezer) => freezer,
        Err(error) => {
            eprintln!("skipped: cannot run python3: {error}");
            return;
        }
    };
    let mut line = String::new();
    BufReader::new(freezer.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.trim() != "frozen" {
        eprintln!("skipped: a thread cannot be frozen here");
        return;
    }
    let began = Instant::now();
    let is_logged = |log: &str| {
        log.contains("a capture worker on vb has been silent for ") && log.contains("the watchdog is not fed")
    };
    while !is_logged(&run.log()) {
        assert!(began.elapsed() < GUARD, "{}", run.log());
        run.message();
    }
    // Discard what was sent before. From here on, while the thread is frozen, the watchdog must not be fed.
    while run.message().is_some() {}
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        let message = run.message().unwrap_or_default();
        assert!(!message.contains("WATCHDOG=1"), "{message}");
    }
    // The thread continues when the tracer exits.
    drop(freezer.stdin.take());
    freezer.wait().unwrap();
    run.wait_for("WATCHDOG=1");
    // The line may be written after the message.
    let began = Instant::now();
    while !run.log().contains("the watchdog is fed again") {
        assert!(began.elapsed() < GUARD, "{}", run.log());
        run.message();
    }
}
