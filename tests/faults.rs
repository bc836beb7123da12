//! Faults of the machine around a run: reload storms, a stopped process, no descriptors left. After each, what is counted is right, and
//! an attack is reported. Others are in `store.rs`, `outputs.rs`, `notify.rs`, `live.rs` and `sandbox.rs`.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;

use bed::{Bed, WATCHED, flood};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn a_storm_of_reloads_neither_loses_nor_doubles_an_incident() {
    let Some(bed) = Bed::new("reloads") else { return };
    let config = bed.file("pegel.toml", "[incident]\nquiet_seconds = 5\n");
    let pegel = bed.pegel(&["--config", &config]);
    let sender = bed.sending(&flood("syn_flood", 20_000, 6.0));
    pegel.wait_for_incident();
    for number in 0..50 {
        // Every other one is refused.
        let text = if number % 2 == 0 { "[incident]\nquiet_seconds = 5\n" } else { "nonsense" };
        fs::write(&config, text).unwrap();
        pegel.signal("HUP");
        sleep(Duration::from_millis(20));
    }
    fs::write(&config, "[incident]\nquiet_seconds = 5\n").unwrap();
    pegel.signal("HUP");
    drop(sender);
    pegel.wait_until_closed();
    let (log, lines) = pegel.stop();
    let opened: Vec<_> = lines.iter().filter(|line| line["change"] == "opened").collect();
    assert_eq!(opened.len(), 1, "{opened:#?}");
    assert!(log.contains("configuration reloaded") && log.contains("configuration not reloaded"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_process_that_was_stopped_goes_on() {
    let Some(bed) = Bed::new("stopped") else { return };
    let pegel = bed.pegel(&[]);
    bed.send("a", "va", &flood("syn_flood", 20_000, 1.0));
    pegel.wait_for_incident();
    pegel.signal("STOP");
    // The ring takes what arrives meanwhile.
    bed.send("a", "va", &flood("udp_flood", 5_000, 2.0));
    pegel.signal("CONT");
    pegel.wait_for_packet_time(0.0);
    bed.send("a", "va", &flood("icmp_flood", 20_000, 2.0));
    let is_named = |answer: &str| answer.contains("\"icmp_flood\"");
    pegel.wait_for("/api/v1/incidents?state=open", is_named);
    let (log, _) = pegel.stop();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_run_without_free_descriptors_still_detects_and_recovers() {
    let Some(bed) = Bed::new("descriptors") else { return };
    if !bed::daemons::installed(&["prlimit"]) {
        return;
    }
    let pegel = bed.pegel_by(&["prlimit", "--nofile=48"], &[]);
    // As many idle connections as take all descriptors.
    let script = "import socket, sys, time\n\
                  held = [socket.create_connection(('127.0.0.1', 7343)) for _ in range(60)]\n\
                  print('held', flush=True)\nsys.stdin.read()\n";
    let mut holder = bed
        .command("b", Path::new("python3"), &["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut answers = std::io::BufReader::new(holder.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut answers, &mut line).unwrap();
    assert_eq!(line, "held\n");
    bed.send("a", "va", &flood("syn_flood", 20_000, 2.0));
    pegel.wait_for_log("incident opened");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    // The connections are gone: it answers again.
    pegel.wait_for("/api/v1/incidents", |answer| answer.contains(WATCHED));
    let (log, _) = pegel.stop();
    assert!(!log.contains("panicked"), "{log}");
}
