//! The store of a running Pegel: killed at any moment, on full, read-only and slow disks, and over restarts.
//!
//! The live tests need root and iproute2; without them they print that they are skipped, and pass. How often the process is
//! killed is set by PEGEL_KILLS; 200 takes five minutes.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;
mod tools;

use bed::{Background, Bed, GUARD, LISTEN, Pegel, WATCHED, flood, ip};
use pegel::base::Timestamp;
use pegel::store::{Filter, Reader, SubjectKind};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tools::tool;

/// Kills without PEGEL_KILLS.
const KILLS: u32 = 6;

fn metric(pegel: &Pegel, name: &str) -> f64 {
    let page = pegel.get("/metrics");
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {page}"))
}

/// Sums of all series of a metric.
fn sum(pegel: &Pegel, name: &str) -> f64 {
    let page = pegel.get("/metrics");
    let of = |line: &str| line.strip_prefix(name)?.rsplit_once(' ')?.1.parse::<f64>().ok();
    page.lines().filter(|line| line.starts_with(&format!("{name}{{"))).filter_map(of).sum()
}

fn open_ids(pegel: &Pegel) -> Vec<String> {
    pegel.incidents("open").iter().map(|incident| incident["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn killed_at_any_moment_it_loses_a_second_at_most() {
    let Some(bed) = Bed::new("kill") else { return };
    let kills = std::env::var("PEGEL_KILLS").map_or(KILLS, |text| text.parse().expect("PEGEL_KILLS is a number"));
    let state = bed.dir.join("state");
    let _sending = bed.sending(&flood("syn_flood", 2000, 2.0 * f64::from(kills) + 60.0));
    let pegel = bed.pegel(&[]);
    let id = pegel.wait_for_incident()["id"].as_str().unwrap().to_owned();
    pegel.wait_for_packet_time(1.5);
    drop(pegel);
    let (mut random, mut worst) = (7_u64, 0.0_f64);
    for round in 0..kills {
        let pegel = bed.pegel(&[]);
        // The API, the metrics and the log agree that it is the same incident.
        assert_eq!(open_ids(&pegel), std::slice::from_ref(&id), "round {round}: {}", pegel.log());
        assert!(pegel.log().contains("incident resumed"), "{}", pegel.log());
        let page = pegel.get("/metrics");
        let active =
            page.lines().filter(|line| line.starts_with("pegel_incident_active{") && line.ends_with(" 1")).count();
        assert_eq!(active, 1, "{page}");
        // Any moment of the second after the first one.
        pegel.wait_for_packet_time(1.0);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sleep(Duration::from_millis((random >> 33) % 1000));
        let judged = metric(&pegel, "pegel_tick_timestamp_seconds");
        drop(pegel);
        let reader = Reader::open(&state).unwrap_or_else(|error| panic!("round {round}: {error}"));
        reader.check().unwrap();
        let incident = reader.incident(&id).unwrap().expect("the incident").incident;
        worst = worst.max(judged - incident.updated_at.seconds_since(Timestamp::ZERO));
    }
    println!("{kills} kills: at most {worst:.1} s of packet time were not stored");
    // The second that was under way. More is the time until the thread of the store has run on a busy machine.
    assert!(worst <= 3.0, "{worst}");
    let pegel = bed.pegel(&[]);
    assert_eq!(open_ids(&pegel), std::slice::from_ref(&id));
    pegel.stop();
    let reader = Reader::open(&state).unwrap();
    let all = reader.all_incidents(&Filter::default()).unwrap();
    let ids: BTreeSet<&str> = all.iter().map(|incident| incident.id.as_str()).collect();
    assert_eq!(ids, BTreeSet::from([id.as_str()]), "one incident through all restarts");
    let found = reader.incident(&id).unwrap().unwrap();
    let resumed = found.changes.iter().filter(|change| change.change == "resumed").count();
    assert_eq!(resumed as u32, kills + 1);
    // The minutes of the host lose no more: each kill costs what was under way, and the time until it captures again.
    let (from, to) = (Timestamp::ZERO, Timestamp::from_nanos(u64::MAX));
    let minutes = reader.minutes(SubjectKind::Host, Some(WATCHED), from, to).unwrap();
    let packets: u64 = minutes.iter().map(|minute| minute.received.count.packets).sum();
    let counted = found.incident.totals.packets;
    let lost = counted as f64 * 0.02 + 2500.0 * f64::from(kills + 1);
    println!("the incident counted {counted} packets, the minutes of its target have {packets}");
    assert!(packets as f64 >= counted as f64 - lost, "{packets} of {counted}");
}

#[test]
fn an_incident_that_was_over_before_the_restart_is_closed() {
    let Some(bed) = Bed::new("over") else { return };
    let config = bed.file("pegel.toml", "[incident]\nquiet_seconds = 2\n");
    let pegel = bed.pegel(&["--config", &config]);
    bed.send("a", "va", &flood("syn_flood", 3000, 1.0));
    let id = pegel.wait_for_incident()["id"].as_str().unwrap().to_owned();
    let sent_at = Instant::now();
    pegel.wait_for_packet_time(0.0);
    drop(pegel);
    // Longer than the quiet period.
    sleep(Duration::from_secs(3).saturating_sub(sent_at.elapsed()));
    let pegel = bed.pegel(&["--config", &config]);
    let recent = pegel.incidents("recent");
    let last = recent.iter().find(|incident| incident["id"] == id.as_str()).expect("it is known still");
    // Whether it was killed before or after the quiet period ended.
    assert!(["interrupted", "quiet"].contains(&last["close_reason"].as_str().unwrap()), "{last}");
    assert!(pegel.incidents("open").is_empty());
    // Its evidence is written after all.
    let folder = bed.dir.join("state/evidence").join(&id);
    wait_until("its evidence", || folder.join("SHA256SUMS").exists());
    pegel.stop();
}

fn wait_until(what: &str, good: impl Fn() -> bool) {
    let start = Instant::now();
    while !good() {
        assert!(start.elapsed() < GUARD, "{what} does not come");
        sleep(Duration::from_millis(20));
    }
}

/// A small file system of its own.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with a message, where none can be mounted.
    fn new(path: &Path, size: &str) -> Option<SmallDisk> {
        fs::create_dir_all(path).unwrap();
        let options = format!("size={size}");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path).output().unwrap();
        if !output.status.success() {
            eprintln!("skipped: no tmpfs: {}", String::from_utf8_lossy(&output.stderr).trim());
            return None;
        }
        Some(SmallDisk(path.to_owned()))
    }

    /// `ip netns exec` gives a program its own view of what is mounted.
    fn remount(&self, seen_by: Option<&Pegel>, option: &str) {
        let mut command = match seen_by {
            None => Command::new("mount"),
            Some(pegel) => {
                let mut command = Command::new("nsenter");
                command.args(["-m", "-t", &pegel.id().to_string(), "mount"]);
                command
            }
        };
        let output = command.args(["-o", &format!("remount,{option}")]).arg(&self.0).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Leaves no octet free.
    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        let _ = std::io::copy(&mut std::io::repeat(7), &mut file);
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// The incident about the store, while it is open.
fn store_incident(pegel: &Pegel) -> Option<Value> {
    pegel.incidents("open").into_iter().find(|incident| incident["target"]["sensor"] == "store")
}

/// A flood while the disk is full: it is detected, counted and told; it is stored once there is room.
#[test]
fn a_full_disk_stops_neither_capture_nor_alerts() {
    let Some(bed) = Bed::new("full") else { return };
    let state = bed.dir.join("state");
    let Some(disk) = SmallDisk::new(&state, "3m") else { return };
    let config = bed.file("pegel.toml", "[incident]\nquiet_seconds = 3\n");
    let pegel = bed.pegel(&["--config", &config]);
    pegel.wait_for_packet_time(2.2);
    let filler = disk.fill();
    wait_until("an incident about the store", || store_incident(&pegel).is_some());
    assert_eq!(metric(&pegel, "pegel_store_failing"), 1.0);
    let before = sum(&pegel, "pegel_capture_packets_total");
    bed.send("a", "va", &flood("syn_flood", 3000, 2.0));
    let is_attack = |incident: &Value| incident["target"]["address"] == WATCHED;
    wait_until("the attack", || pegel.incidents("open").iter().any(is_attack));
    let id = pegel.incidents("open").iter().find(|incident| is_attack(incident)).unwrap()["id"].clone();
    pegel.wait_for_packet_time(0.5);
    let captured = sum(&pegel, "pegel_capture_packets_total") - before;
    assert!(captured >= 6000.0, "{captured} of 6,000 packets");
    let dropped = sum(&pegel, "pegel_capture_dropped_packets_total");
    assert_eq!(dropped, 0.0, "capture never waits for the disk");
    fs::remove_file(filler).unwrap();
    wait_until("the store", || metric(&pegel, "pegel_store_failing") == 0.0);
    // The incident about it closes as any other.
    wait_until("its end", || store_incident(&pegel).is_none());
    let failures = sum(&pegel, "pegel_state_failures_total");
    println!("{failures} failed operations");
    assert!(failures >= 1.0);
    pegel.stop();
    let reader = Reader::open(&state).unwrap();
    reader.check().unwrap();
    let found = reader.incident(id.as_str().unwrap()).unwrap().expect("what was kept in memory is stored");
    assert_eq!(found.incident.totals.packets, 6000);
    let counted: u64 = found.seconds.iter().flat_map(|second| &second.vectors).map(|(_, count)| count.packets).sum();
    assert_eq!(counted, 6000, "its seconds too");
    assert!(!reader.packets(found.incident.id.as_str()).unwrap().0.is_empty(), "and its packets");
}

#[test]
fn a_read_only_disk_stops_nothing_and_is_used_once_it_is_writable() {
    let Some(bed) = Bed::new("late") else { return };
    let state = bed.dir.join("state");
    let Some(disk) = SmallDisk::new(&state, "3m") else { return };
    disk.remount(None, "ro");
    let pegel = Pegel::start(&bed.ns("b"), &bed.dir, LISTEN, &["-i", "vb"]);
    wait_until("an incident about the store", || store_incident(&pegel).is_some());
    bed.send("a", "va", &flood("syn_flood", 3000, 1.0));
    wait_until("the attack", || pegel.incidents("open").len() == 2);
    disk.remount(Some(&pegel), "rw");
    wait_until("the store", || metric(&pegel, "pegel_store_failing") == 0.0);
    pegel.stop();
    // Here, the disk is read-only still: what was closed in order can be read all the same.
    let all = Reader::open(&state).unwrap().all_incidents(&Filter::default()).unwrap();
    assert!(all.iter().any(|incident| incident.totals.packets == 3000), "{all:#?}");
}

#[test]
fn a_slow_disk_delays_nothing_but_itself() {
    let Some(bed) = Bed::new("slow") else { return };
    let Some(strace) = tool("strace") else { return };
    let pegel = bed.pegel(&[]);
    pegel.wait_for_packet_time(1.2);
    // Only the thread of the store writes so: every write and sync of it takes a second.
    let thread = thread_of(&pegel, "store");
    let mut strace = Command::new(strace);
    strace.args(["-q", "-p", &thread, "-e", "trace=pwrite64,fdatasync,fsync", "-o", "/dev/null"]);
    strace.args(["-e", "inject=pwrite64,fdatasync,fsync:delay_enter=1000000"]);
    let _slow = Background(strace.stderr(Stdio::null()).spawn().unwrap());
    let before = sum(&pegel, "pegel_capture_packets_total");
    let late = metric(&pegel, "pegel_ticks_late_total");
    bed.send("a", "va", &flood("syn_flood", 5000, 3.0));
    let incident = pegel.wait_for_incident();
    let delay = incident["detected_after_seconds"].as_f64().unwrap();
    assert!(delay <= 0.4, "detected {delay} s after its first packet (packet time)");
    pegel.wait_for_packet_time(0.5);
    assert!(sum(&pegel, "pegel_capture_packets_total") - before >= 15_000.0);
    assert_eq!(sum(&pegel, "pegel_capture_dropped_packets_total"), 0.0);
    println!("{} ticks were late meanwhile", metric(&pegel, "pegel_ticks_late_total") - late);
}

/// ID of a thread of Pegel.
fn thread_of(pegel: &Pegel, name: &str) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", pegel.id())).unwrap();
    let found = tasks
        .map(|entry| entry.unwrap().path())
        .find(|path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name));
    found.expect("the thread").file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_damaged_store_is_set_aside() {
    let Some(bed) = Bed::new("damaged") else { return };
    let state = bed.dir.join("state");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("store.sqlite"), "this is no database, and never was one\n".repeat(100)).unwrap();
    let pegel = bed.pegel(&[]);
    pegel.wait_for_packet_time(1.2);
    assert_eq!(metric(&pegel, "pegel_store_failing"), 0.0);
    assert!(pegel.log().contains("the store is damaged"), "{}", pegel.log());
    pegel.stop();
    let aside = fs::read_dir(&state)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("store.sqlite.corrupt-"));
    assert_eq!(aside.count(), 1);
    Reader::open(&state).unwrap().check().unwrap();
}

#[test]
fn interfaces_that_are_gone_are_gaps() {
    let Some(bed) = Bed::new("gap") else { return };
    let pegel = bed.pegel(&[]);
    pegel.wait_for_packet_time(2.2);
    ip(&format!("-n {} link set vb down", bed.ns("b")));
    pegel.wait_for_log("capture stopped");
    pegel.wait_for_packet_time(3.2);
    ip(&format!("-n {} link set vb up", bed.ns("b")));
    pegel.wait_for_log("capture resumed");
    pegel.wait_for_packet_time(2.2);
    pegel.stop();
    let reader = Reader::open(&bed.dir.join("state")).unwrap();
    let until = reader.last_written().unwrap().unwrap();
    let coverage = reader.coverage(until.minus_seconds(8.0), until, None).unwrap();
    let (_, gap) = coverage.longest_gap.expect("a gap");
    println!("{coverage:?}");
    assert!((2.0..=7.0).contains(&gap), "{gap}");
    assert!(!coverage.allows_no());
}
