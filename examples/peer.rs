//! Peer of the live tests, run inside network namespaces: sends synthetic traffic, opens real TCP connections, reads
//! HTTP.
//!
//! ```text
//! peer send INTERFACE SCENARIO.toml [TPID:VLAN]…
//!                                     frames of a scenario, in real time, with VLAN tags (hexadecimal), outer first
//! peer frames INTERFACE FILE          frames of a file, one per line: [@MILLISECONDS] [xCOUNT] HEXADECIMAL
//! peer serve ADDRESS                  sends as many octets as each connection requests in one line
//! peer fetch ADDRESS OCTETS COUNT     COUNT parallel connections, OCTETS each
//! peer get ADDRESS PATH               body of an HTTP response
//! peer watch INTERFACE COUNT WORKERS SNAPLEN SAMPLING [FILTER]
//!                                     "ready", then a JSON line for each of COUNT frames from the ring
//! ```
#![allow(clippy::disallowed_methods)] // a sender paces itself by the clock

use pegel::capture::afpacket::{AfPacket, Fanout, RingOptions};
use pegel::capture::{Frame, FrameSink, PacketSource};
use pegel::traffic::Scenario;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["send", interface, scenario, tags @ ..] => send(interface, &std::fs::read_to_string(scenario)?, tags),
        ["frames", interface, file] => frames(interface, &std::fs::read_to_string(file)?),
        ["serve", address] => serve(address),
        ["fetch", address, octets, count] => fetch(address, octets, count.parse()?),
        ["get", address, path] => get(address, path),
        ["watch", interface, count, workers, snaplen, sampling, filter @ ..] => {
            let options = RingOptions {
                promiscuous: true,
                bpf: filter.join(" "),
                snaplen: snaplen.parse()?,
                ring_mib: 8,
                workers: workers.parse()?,
                busy_poll_us: 0,
                sampling: sampling.parse()?,
            };
            watch(interface, count.parse()?, &options)
        }
        _ => Err("usage: peer send|frames|serve|fetch|get|watch …, see the source".into()),
    }
}

/// Sends each frame at its time; prints the number of frames and seconds.
fn send(interface: &str, scenario: &str, tags: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut octets = Vec::new();
    for tag in tags {
        let (tpid, tci) = tag.split_once(':').ok_or("a tag is TPID:VLAN, as in 8100:64")?;
        octets.extend(u16::from_str_radix(tpid, 16)?.to_be_bytes());
        octets.extend(u16::from_str_radix(tci, 16)?.to_be_bytes());
    }
    let scenario = Scenario::parse(scenario)?;
    let mut source = scenario.source();
    let mut out = pcap::Capture::from_device(interface)?.open()?;
    let start = Instant::now();
    let mut sent = 0u64;
    while let Some(frame) = source.next_frame() {
        let due = Duration::from_nanos(frame.time.nanos().saturating_sub(scenario.start.nanos()));
        if let Some(early) = due.checked_sub(start.elapsed())
            && early > Duration::from_millis(1)
        {
            std::thread::sleep(early);
        }
        match frame.data.split_at_checked(12) {
            Some((addresses, rest)) if !octets.is_empty() => out.sendpacket([addresses, &octets, rest].concat())?,
            _ => out.sendpacket(frame.data)?,
        }
        sent += 1;
    }
    println!("{sent} frames in {:.3} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Sends each line at its time after the start, `xCOUNT` times, in the order of the file; prints the number of frames
/// and seconds.
fn frames(interface: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let mut plan = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (mut after, mut times, mut octets) = (0, 1, Vec::new());
        for word in line.split(' ') {
            if let Some(word) = word.strip_prefix('@') {
                after = word.parse()?;
            } else if let Some(word) = word.strip_prefix('x') {
                times = word.parse()?;
            } else {
                let octet =
                    |at| u8::from_str_radix(word.get(at..at + 2).ok_or("half an octet")?, 16).map_err(Box::from);
                octets = (0..word.len()).step_by(2).map(octet).collect::<Result<Vec<u8>, Box<dyn Error>>>()?;
            }
        }
        plan.push((Duration::from_millis(after), times, octets));
    }
    let mut out = pcap::Capture::from_device(interface)?.open()?;
    let start = Instant::now();
    let mut sent = 0u64;
    for (due, times, octets) in plan {
        if let Some(early) = due.checked_sub(start.elapsed()) {
            std::thread::sleep(early);
        }
        for _ in 0..times {
            out.sendpacket(octets.as_slice())?;
            sent += 1;
        }
    }
    println!("{sent} frames in {:.3} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    println!("listening");
    for connection in listener.incoming() {
        let mut connection = connection?;
        std::thread::spawn(move || -> std::io::Result<()> {
            let mut line = String::new();
            BufReader::new(connection.try_clone()?).read_line(&mut line)?;
            let mut left: usize = line.trim().parse().unwrap_or(0);
            let block = vec![0x55u8; 64 << 10];
            while left > 0 {
                let part = left.min(block.len());
                connection.write_all(&block[..part])?;
                left -= part;
            }
            Ok(())
        });
    }
    Ok(())
}

fn fetch(address: &str, octets: &str, count: usize) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let (address, request) = (address.to_owned(), format!("{octets}\n"));
            std::thread::spawn(move || -> std::io::Result<u64> {
                let mut connection = TcpStream::connect(address)?;
                connection.write_all(request.as_bytes())?;
                std::io::copy(&mut connection, &mut std::io::sink())
            })
        })
        .collect();
    let mut total = 0;
    for thread in threads {
        total += thread.join().map_err(|_| "a connection's thread panicked")??;
    }
    println!("{total} octets in {:.3} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Prints the metadata of the first `left` frames from the ring.
struct FramePrinter {
    worker: usize,
    left: usize,
}

impl FrameSink for FramePrinter {
    fn frame(&mut self, frame: Frame<'_>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let shown = serde_json::json!({
            "worker": self.worker,
            "direction": format!("{:?}", frame.direction),
            "link": format!("{:?}", frame.link),
            "captured": frame.data.len(),
            "wire_len": frame.wire_len,
            "vlan": frame.vlan.map(|tag| tag.id()),
            "tpid": frame.vlan.map(|tag| tag.tpid),
            "parsed_vlan": pegel::packet::Decoder::default().decode(&frame).vlan,
            "segments": frame.segments,
            "sampled": frame.sampled,
        });
        println!("{shown}");
    }
}

fn watch(interface: &str, count: usize, options: &RingOptions) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let fanout = Fanout::default();
    let shared = (options.workers > 1).then_some(&fanout);
    let mut sources = Vec::new();
    for _ in 0..options.workers {
        sources.push(AfPacket::open(interface, 0, options, shared)?);
    }
    eprintln!("open after {:.3} ms", start.elapsed().as_secs_f64() * 1000.0);
    println!("ready");
    let mut printer = FramePrinter { worker: 0, left: count };
    while printer.left > 0 {
        for (worker, source) in sources.iter_mut().enumerate() {
            printer.worker = worker;
            source.poll(&mut printer)?;
        }
    }
    let dropped: u64 = sources.iter_mut().map(|source| source.stats().dropped_kernel).sum();
    eprintln!("{dropped} dropped");
    Ok(())
}

fn get(address: &str, path: &str) -> Result<(), Box<dyn Error>> {
    // HTTP/1.0 has no chunked encoding: the body follows the head.
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(connection, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut response = String::new();
    connection.read_to_string(&mut response)?;
    let body = response.split_once("\r\n\r\n").ok_or("the head of the response does not end")?.1;
    print!("{body}");
    Ok(())
}
