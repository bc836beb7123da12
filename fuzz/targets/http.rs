//! The HTTP server with a store: any octets get no answer or a well-formed one, whose status is none of an internal error,
//! and the server still answers the next request.
//!
//! Input: an octet that makes a plain GET of most inputs, whose path and query they then are; the request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::http::{Server, Shared, Snapshot, Web, start};
use pegel::meter::{Hasher, HostTable, StationTable};
use pegel::metrics::Metrics;
use pegel::report::{Reporter, Sender};
use pegel_fuzz::{Rest, database_file, incident, recorded, scratch};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// How long an answer may take before it counts as none: streams have no end.
const PATIENCE: Duration = Duration::from_millis(300);
/// Most octets of an answer that are read.
const MOST_OCTETS: usize = 1 << 20;

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let directory = scratch("http");
    database_file(&directory);
    let interfaces = vec!["eth0".to_owned(), "vmbr0".to_owned()];
    let metrics = Arc::new(Metrics::new(&interfaces, &["jsonl".to_owned()]).expect("metrics"));
    let hosts = Arc::new(HostTable::for_hosts(100, Hasher::fixed()));
    let stations = Arc::new(StationTable::for_stations(100, Hasher::fixed()));
    let reporter = Reporter { organisation: String::new(), contact: String::new() };
    let sender = Sender::new(reporter, Vec::new(), "fuzz".to_owned());
    let shared = Shared::new(metrics, hosts, stations, interfaces, Instant::now()).with_store(&directory, sender);
    let open = vec![incident(&recorded()).0.incident];
    shared.publish(Snapshot { open, ..Snapshot::default() });
    shared.set_ready(true);
    shared.set_capture("eth0", true);
    let shared = Arc::new(shared);
    let judge = Arc::clone(&shared);
    // In place of the judge, which answers once per tick.
    std::thread::spawn(move || {
        loop {
            judge.answer(|_| Vec::new());
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    start(listener, shared, Web::open_to_all()).expect("a server")
});

/// The answer, as far as it arrives in time. Without an end, the server waits for more of the request.
fn ask(request: &[u8], ends: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(SERVER.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("an option");
    // The server may refuse the rest of a request.
    let _ = stream.write_all(request);
    if ends {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let (mut answer, mut part) = (Vec::new(), [0; 16384]);
    while answer.len() < MOST_OCTETS
        && let Ok(count @ 1..) = stream.read(&mut part)
    {
        answer.extend_from_slice(&part[..count]);
        if part[..count].windows(18).any(|line| line == b"text/event-stream\r") {
            break;
        }
    }
    answer
}

fuzz_target!(|input: &[u8]| {
    let mut rest = Rest(input);
    let is_raw = rest.octet() & 3 == 0;
    let request = match is_raw {
        true => rest.0.to_vec(),
        false => {
            // What ends a request line would end the path; the rest is for the server to judge.
            let path: Vec<u8> = rest.0.iter().copied().filter(|octet| !b"\r\n ".contains(octet)).collect();
            [b"GET /", &path[..], b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"].concat()
        }
    };
    let answer = ask(&request, is_raw);
    if answer.is_empty() {
        // Refused, or there is no end of it: others are served nevertheless.
        let other = ask(b"GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false);
        assert!(other.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&other));
        return;
    }
    let status = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|status| std::str::from_utf8(status).ok()?.parse::<u16>().ok());
    let shown = String::from_utf8_lossy(&answer[..answer.len().min(2000)]);
    assert!(status.is_some_and(|status| (200..500).contains(&status) || status == 503), "{shown}");
});
