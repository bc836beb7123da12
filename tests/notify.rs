//! What systemd is told, without systemd: a socket of the test stands for it. A live run in a namespace, as in `live.rs`.

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

/// A run that tells `socket`, whose watchdog bites after two seconds.
struct Told<'b> {
    bed: &'b Bed,
    socket: UnixDatagram,
    child: Child,
}

impl<'b> Told<'b> {
    fn start(bed: &'b Bed) -> Told<'b> {
        let path = bed.dir.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (state, notify) = (bed.dir.join("state"), format!("NOTIFY_SOCKET={}", path.display()));
        let pegel = env!("CARGO_BIN_EXE_pegel");
        let arguments = [&notify, "WATCHDOG_USEC=2000000", pegel, "run", "-i", "vb", "--state-dir"];
        let child = bed
            .command("b", Path::new("env"), &[&arguments[..], &[state.to_str().unwrap()]].concat())
            .stdin(Stdio::null())
            .stderr(fs::File::create(bed.dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        Told { bed, socket, child }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.bed.dir.join("log")).unwrap_or_default()
    }

    fn message(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// The next message with a line that begins so; those before it are passed over.
    fn wait_for(&self, start: &str) -> String {
        let began = Instant::now();
        loop {
            if let Some(message) = self.message()
                && message.lines().any(|line| line.starts_with(start))
            {
                return message;
            }
            assert!(began.elapsed() < GUARD, "{start} never came; log:\n{}", self.log());
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

    /// The number of the thread of that name.
    fn thread(&self, name: &str) -> String {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks
            .map(|task| task.unwrap().path())
            .find(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name))
            .map(|task| task.file_name().unwrap().to_string_lossy().into_owned())
            .unwrap_or_else(|| panic!("no thread is called {name}"))
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn systemd_is_told_from_the_start_to_the_end() {
    let Some(bed) = Bed::new("notify") else { return };
    let mut told = Told::start(&bed);
    told.wait_for("READY=1");
    assert_eq!(told.get("/readyz").trim(), "ready");
    told.wait_for("WATCHDOG=1");
    let status = told.wait_for("STATUS=");
    assert!(status.starts_with("STATUS=capturing on vb; 0 open incidents; "), "{status}");

    // An interface that is down is no fault of the pipeline: a restart would not bring it up.
    ip(&format!("-n {} link set vb down", bed.ns("b")));
    let status = loop {
        let status = told.wait_for("STATUS=");
        if status.contains("(down)") {
            break status;
        }
    };
    assert!(status.starts_with("STATUS=capturing on vb (down); "), "{status}");
    // Twelve times half a second: longer than any thread may be silent.
    for _ in 0..12 {
        told.wait_for("WATCHDOG=1");
    }
    ip(&format!("-n {} link set vb up", bed.ns("b")));

    told.signal("HUP");
    let reloading = told.wait_for("RELOADING=1");
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    told.wait_for("READY=1");
    told.signal("TERM");
    told.wait_for("STOPPING=1");
    assert_eq!(told.child.wait().unwrap().code(), Some(0), "{}", told.log());
    assert!(!told.log().contains("watchdog"), "{}", told.log());
}

#[test]
fn a_capturing_thread_that_hangs_starves_the_watchdog() {
    let Some(bed) = Bed::new("hang") else { return };
    let told = Told::start(&bed);
    told.wait_for("READY=1");
    told.wait_for("WATCHDOG=1");
    let freezer = Command::new("python3")
        .args(["-c", FREEZE, &told.thread("cap-vb")])
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
    while !told.log().contains("a thread that captures on vb is silent for 5 s: the watchdog is not fed") {
        assert!(began.elapsed() < GUARD, "{}", told.log());
        told.message();
    }
    // What was on its way is gone; from here on, as long as the thread is frozen, no food comes.
    while told.message().is_some() {}
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        let message = told.message().unwrap_or_default();
        assert!(!message.contains("WATCHDOG=1"), "{message}");
    }
    // The end of the freezer thaws the thread.
    drop(freezer.stdin.take());
    freezer.wait().unwrap();
    told.wait_for("WATCHDOG=1");
    assert!(told.log().contains("the watchdog is fed again"), "{}", told.log());
}
