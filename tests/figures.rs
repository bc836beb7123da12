//! Every figure of an incident against a recount: attacks from one source to a million, in several orders and paces, are
//! played frame by frame; the test reads each frame on its own and compares what alerts, hooks, reports and JSON say, from
//! the first alert to the last. All differences of all rows are listed together.

mod figures_parts;
mod tools;

use figures_parts::attack::{Player, Row, networks, rows};
use figures_parts::outputs::{Receivers, grouped, number, scaled};
use figures_parts::recount;
use pegel::base::Direction;
use pegel::capture::Frame;
use pegel::config::Config;
use pegel::incident::{Change, Event};
use pegel::runtime::replay::Replay;
use serde_json::Value;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tools::Scratch;

/// Threads that play rows.
const THREADS: usize = 2;

/// Plays a row; returns the player with its recount, and the events of all incidents.
fn play(row: &Row) -> (Player, Vec<Event>) {
    let config = Config::for_networks(networks());
    let mut replay = Replay::new(&config);
    let mut player = Player::new(row);
    let mut events = Vec::new();
    replay.run(&mut player, |_, new, _| events.extend(new)).expect("frames without errors");
    events.extend(replay.finish());
    (player, events)
}

/// Every difference of a row.
fn differences(row: &Row, receivers: &mut Receivers) -> Vec<String> {
    let (player, events) = play(row);
    let mut found = Vec::new();
    let direction = if row.name.starts_with("outbound") { Direction::Outbound } else { Direction::Inbound };
    let is_meant = |event: &Event| {
        let incident = &event.incident;
        incident.direction == direction && incident.vectors.iter().any(|vector| vector.name() == row.vector())
    };
    let (own, others): (Vec<Event>, Vec<Event>) = events.into_iter().partition(is_meant);
    for event in &others {
        let incident = &event.incident;
        if !incident.is_merged() && event.change == Change::Closed {
            let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
            found.push(format!("{}: another incident: {}", row.name, vectors.join("+")));
        }
    }
    let count = |change| own.iter().filter(|event| event.change == change && !event.incident.is_merged()).count();
    if (count(Change::Opened), count(Change::Closed)) != (1, 1) && !row.kind.is_scan() {
        found.push(format!("{}: {} opened, {} closed", row.name, count(Change::Opened), count(Change::Closed)));
    }
    if own.is_empty() {
        found.push(format!("{}: no incident", row.name));
    }
    recount::compare(row, &own, &player.seen, &mut found);
    for event in &own {
        let wrong = receivers.compare(event);
        found.extend(wrong.into_iter().map(|wrong| format!("{} | {}: {wrong}", row.name, event.change.name())));
    }
    found
}

#[test]
fn every_figure_is_that_of_a_recount() {
    let rows = rows();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (rows, next, found) = (&rows, &next, &found);
            scope.spawn(move || {
                let mut receivers = Receivers::new(&format!("figures-{thread}"));
                while let Some((index, row)) = rows.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let of_row = differences(row, &mut receivers);
                    found.lock().unwrap().push((index, of_row));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    assert_eq!(found.len(), rows.len());
    found.sort();
    let all: Vec<String> = found.into_iter().flat_map(|(_, of_row)| of_row).collect();
    assert!(all.is_empty(), "{} differences:\n{}", all.len(), all.join("\n"));
}

/// The frames of a row as a capture file.
fn pcap(row: &Row) -> (Vec<u8>, Player) {
    let mut player = Player::new(row);
    let mut bytes = Vec::new();
    // Nanoseconds, little-endian.
    for word in [0xa1b2_3c4du32, 0x0004_0002, 0, 0, 65_535, 1] {
        bytes.extend(word.to_le_bytes());
    }
    let mut write = |frame: Frame<'_>| {
        let nanos = frame.time.nanos();
        let length = frame.data.len() as u32;
        for word in [(nanos / 1_000_000_000) as u32, (nanos % 1_000_000_000) as u32, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend_from_slice(frame.data);
    };
    while player.step(&mut write).is_some() {}
    (bytes, player)
}

#[test]
fn the_command_prints_the_figures_of_a_recount() {
    let scratch = Scratch::new("figures-command");
    let mut wrong = Vec::new();
    for row in rows().iter().filter(|row| row.seconds < 10.0 && row.rate <= 5_000.0).step_by(4) {
        let (bytes, player) = pcap(row);
        let file = scratch.path("row.pcap");
        std::fs::write(&file, bytes).expect("a file");
        let run = |format: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pegel"));
            command.args([
                "replay",
                "--format",
                format,
                "--network",
                "203.0.113.0/24",
                "--network",
                "2001:db8:10::/48",
            ]);
            let output = command.arg(&file).env("PEGEL_CONFIG", "/dev/null").output().expect("pegel runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        let (lines, table) = (run("json"), run("table"));
        let incidents: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let own = incidents.iter().find(|incident| incident["vector"] == row.vector());
        let Some(incident) = own else {
            wrong.push(format!("{}: no incident", row.name));
            continue;
        };
        let mut events = play(row).1;
        events.retain(|event| event.change == Change::Closed && event.incident.id == incident["id"].as_str().unwrap());
        recount::compare(row, &events, &player.seen, &mut wrong);
        for event in &events {
            let replayed = serde_json::to_value(pegel::incident::Detailed::new(&event.incident)).expect("JSON");
            if replayed != *incident {
                wrong.push(format!("{}: the command says {incident}, the library {replayed}", row.name));
            }
        }
        let peers = incident.get("victims").unwrap_or(&incident["sources"]);
        let spoofed = if peers["spoofing_likely"] == true { " (spoofed)" } else { "" };
        let figure = |place: &str| incident.pointer(place).and_then(Value::as_u64).expect("a number");
        let cells = [
            format!("{}pps", scaled(figure("/peak/packets_per_second"))),
            format!("{}bit/s", scaled(figure("/peak/bits_per_second"))),
            grouped(figure("/totals/packets")),
            format!("{}{spoofed}", number(peers)),
        ];
        let line = table.lines().find(|line| line.contains(row.vector())).unwrap_or_default();
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = cells.map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ")).join(" ");
        if !line.ends_with(&expected) {
            wrong.push(format!("{}: the table says {line:?}, the JSON {expected:?}", row.name));
        }
        let whole = format!(" in {} packets, {}B, ", grouped(player.frames), scaled(player.octets));
        if !table.contains(&whole) {
            wrong.push(format!("{}: the table lacks {whole:?}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
