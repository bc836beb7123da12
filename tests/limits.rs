//! Limits as an operator sees them: of groups, learned ones, in maintenance windows, and allow rules.

use pegel::base::{Addr, Direction, Timestamp};
use pegel::config::Config;
use pegel::detect::Quantity;
use pegel::runtime::replay::Replay;
use pegel::traffic::{Part, Scenario, TrafficModel, write_pcap};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory that is removed at the end of the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("limits-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.join(name), bytes).expect("a file");
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn pegel(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pegel"));
    command.args(arguments).env("PEGEL_CONFIG", "/dev/null").stdin(Stdio::null()).output().expect("pegel runs")
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

/// What a command that must succeed prints.
fn printed(arguments: &[&str]) -> String {
    let output = pegel(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", err(&output));
    out(&output).to_owned()
}

/// Two seconds of a SYN flood of `rate` to 203.0.113.7, from the first second of 2026 on.
fn flood(rate: f64) -> Vec<u8> {
    let mut part = Part::new(TrafficModel::SynFlood, 1.0, 3.0);
    part.params.rate = Some(rate);
    let mut bytes = Vec::new();
    write_pcap(&mut Scenario::new(3, vec![part]).source(), &mut bytes).expect("a Vec takes all");
    bytes
}

fn incidents(arguments: &[&str]) -> Vec<Value> {
    let all = [&["replay", "--format", "json", "--network", "203.0.113.0/24"], arguments].concat();
    printed(&all).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

const GROUP: &str = "[[group]]\nname = \"web\"\nnetworks = [\"203.0.113.7\"]\n";

#[test]
fn evidence_names_the_group_of_the_limit() {
    let directory = Directory::new("group");
    let capture = directory.file("flood.pcap", flood(3000.0));
    let config = directory.file("c.toml", format!("{GROUP}[group.inbound.syn_flood]\npackets_per_second = 2000\n"));
    let found = incidents(&["--config", &config, &capture]);
    let evidence = &found[0]["evidence"][0];
    assert_eq!((&evidence["limit"], &evidence["limit_from"]), (&2000.0.into(), &"group".into()), "{evidence}");
    assert!(
        evidence["message"].as_str().is_some_and(|message| message.contains("limit 2000 (group web)")),
        "{evidence}"
    );
}

#[test]
fn the_configuration_overrides_a_severity() {
    let directory = Directory::new("severity");
    let capture = directory.file("flood.pcap", flood(3000.0));
    assert_eq!(incidents(&[&capture])[0]["severity"], "critical");
    let config = directory.file("c.toml", "[detect.syn_flood]\nseverity = \"info\"\n");
    assert_eq!(incidents(&["--config", &config, &capture])[0]["severity"], "info");
}

#[test]
fn allowed_findings_are_suppressed_and_reported() {
    let directory = Directory::new("allow");
    let capture = directory.file("flood.pcap", flood(3000.0));
    let rule = "[[allow]]\nname = \"drill\"\nwhy = \"a drill\"\ntargets = [\"203.0.113.7\"]\nvector = \"syn_flood\"\n";
    let config = directory.file("c.toml", rule);
    assert!(incidents(&["--config", &config, &capture]).is_empty());
    let page = printed(&["replay", "--config", &config, &capture]);
    assert!(page.contains("findings were suppressed by the allow rule drill (a drill)"), "{page}");
}

#[test]
fn maintenance_marks_and_lowers_incidents_but_hides_none() {
    let directory = Directory::new("maintenance");
    let window = ["--maintenance", "2026-01-01T00:00:00Z/2026-01-01T01:00:00Z", "--why", "update"];
    let weak = directory.file("weak.pcap", flood(600.0));
    let found = incidents(&[&window[..], &[&weak]].concat());
    assert_eq!(found[0]["maintenance"]["why"], "update");
    assert_eq!(found[0]["maintenance"]["until"], "2026-01-01T01:00:00.000Z");
    assert_eq!(found[0]["severity"], "info");
    let without = incidents(&[&weak]);
    assert_eq!((&without[0]["maintenance"], &without[0]["severity"]), (&Value::Null, &"warning".into()));
    let strong = directory.file("strong.pcap", flood(3000.0));
    assert_eq!(incidents(&[&window[..], &[&strong]].concat())[0]["severity"], "critical");
    let config = directory.file("c.toml", "[[maintenance]]\nwhy = \"nightly\"\nfrom = \"23:30\"\nto = \"00:30\"\n");
    assert_eq!(incidents(&["--config", &config, &weak])[0]["maintenance"]["why"], "nightly");
    for wrong in ["2026", "2026-01-02T00:00:00Z/2026-01-01T00:00:00Z"] {
        assert_eq!(pegel(&["replay", "--maintenance", wrong, "--why", "x", &weak]).status.code(), Some(2));
    }
}

#[test]
fn maintenance_windows_are_added_listed_and_removed() {
    let directory = Directory::new("windows");
    let state = directory.path("state");
    let window = |arguments: &[&str]| pegel(&[&["maintenance", "--state-dir", &state], arguments].concat());
    assert_eq!(out(&window(&["list"])).lines().count(), 1, "only the headings");
    let added = window(&["add", "--for", "30m", "--scope", "203.0.113.7", "--why", "kernel update"]);
    assert!(out(&added).starts_with("w1: maintenance of 203.0.113.7 until "), "{}{}", out(&added), err(&added));
    assert!(window(&["add", "--for", "2h", "--why", "move"]).status.success());
    let listed = window(&["list"]);
    assert!(out(&listed).contains("kernel update") && out(&listed).contains("w2  all"), "{}", out(&listed));
    assert!(window(&["remove", "w1"]).status.success());
    assert!(!out(&window(&["list"])).contains("kernel update"));
    let again = window(&["remove", "w1"]);
    assert_eq!((again.status.code(), err(&again).contains("no maintenance window has the ID w1")), (Some(1), true));
    assert_eq!(window(&["add", "--for", "soon", "--why", "x"]).status.code(), Some(2));
    assert_eq!(window(&["add", "--for", "1m", "--why", " "]).status.code(), Some(1));
    directory.file("state/maintenance.json", "{");
    assert_eq!(window(&["list"]).status.code(), Some(1), "a broken file is an error");
}

#[test]
fn the_limits_of_a_host_are_printed_with_their_origins() {
    let directory = Directory::new("print");
    let text = format!(
        "{GROUP}[group.inbound.syn_flood]\npackets_per_second = 2000\n[detect.rst_flood]\npackets_per_second = 700\n"
    );
    let config = directory.file("c.toml", text);
    let limits =
        |host: &str| printed(&["print-limits", host, "--config", &config, "--state-dir", &directory.path("none")]);
    let row = |page: &str, words: &[&str]| {
        let rows = page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = rows.into_iter().find(|row| row.starts_with(words)).unwrap_or_else(|| panic!("{words:?} in {page}"));
        row[words.len()..].join(" ")
    };
    let page = limits("203.0.113.7");
    assert_eq!(row(&page, &["inbound", "syn_flood", "packets_per_second"]), "2000 packets/s group web");
    assert_eq!(row(&page, &["outbound", "syn_flood", "packets_per_second"]), "300 packets/s default");
    assert_eq!(row(&page, &["inbound", "rst_flood", "packets_per_second"]), "700 packets/s config");
    assert_eq!(row(&page, &["inbound", "total", "bits_per_second"]), "none bit/s default");
    assert_eq!(row(&limits("203.0.113.8"), &["inbound", "syn_flood", "packets_per_second"]), "300 packets/s default");
    assert_eq!(pegel(&["print-limits", "nowhere"]).status.code(), Some(2));
}

#[test]
fn a_damaged_baseline_stops_a_replay_that_needs_it_but_not_the_listing_of_limits() {
    let directory = Directory::new("damaged");
    let capture = directory.file("flood.pcap", flood(3000.0));
    directory.file("baseline.bin", b"PEGELBL\x01 and then nothing of use");
    let state = directory.path("");
    let output = pegel(&["replay", "--state-dir", &state, &capture]);
    assert_eq!((output.status.code(), err(&output).contains("checksum is wrong")), (Some(1), true), "{}", err(&output));
    let output = pegel(&["print-limits", "203.0.113.7", "--state-dir", &state]);
    assert!(output.status.success() && err(&output).contains("checksum is wrong"), "{}", err(&output));
}

fn pings(from: f64, to: f64, rate: f64) -> Part {
    let mut part = Part::new(TrafficModel::IcmpFlood, from, to);
    part.params.rate = Some(rate);
    part
}

/// A host that receives 250 pings a second for days: 400 are normal there, 3000 are not.
#[test]
#[expect(clippy::disallowed_methods, reason = "a baseline that is read ages by the wall clock")]
fn normal_traffic_raises_a_default_and_floods_do_not() {
    const LEARNED: f64 = 155.0 * 60.0;
    let directory = Directory::new("learned");
    let config = Config {
        state_dir: directory.0.clone(),
        ..Config::for_networks(vec!["203.0.113.0/24".parse().expect("a network")])
    };
    let parts = vec![
        pings(0.0, LEARNED + 1500.0, 250.0),
        pings(LEARNED, LEARNED + 20.0, 150.0),
        pings(LEARNED + 300.0, LEARNED + 900.0, 3000.0),
    ];
    let mut replay = Replay::new(&config);
    replay.remember(&config).expect("nothing is known yet");
    let scenario = Scenario::new(1, parts);
    replay.run(&mut scenario.source(), |_, _, _| {}).expect("no errors");
    replay.finish();
    let found: Vec<_> = replay.engine().incidents().recent().cloned().collect();
    assert_eq!(found.len() + replay.open().len(), 1, "{found:#?}");
    let evidence = &found[0].evidence[0];
    assert!(found[0].opened_at.seconds_since(scenario.start) > LEARNED + 299.0, "{evidence:?}");
    assert!(evidence.message.contains("(learned)"), "{evidence:?}");
    let baseline = replay.engine().baseline().expect("it learns");
    let host: Addr = "203.0.113.7".parse().expect("an address");
    let level = baseline.level_at(host, Direction::Inbound, Quantity::UnsolicitedIcmp, scenario.start).expect("known");
    assert!((300.0..800.0).contains(&level), "{level}: ten minutes of flood must not count");
    // How the limit rose can be shown. What is old is discarded, so it is saved as of now.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    directory.file("baseline.bin", baseline.to_bytes(Timestamp::from_parts(now.as_secs(), 0)));
    let state = directory.path("");
    let page = printed(&["print-limits", "203.0.113.7", "--history", "--state-dir", &state]);
    let row: Vec<&str> = page.lines().nth(1).expect("a day").split_whitespace().collect();
    assert_eq!(
        (row[..4].join(" ").as_str(), row[5]),
        ("inbound icmp_flood packets_per_second 2026-01-01", "packets/s")
    );
    // The highest of the day.
    let highest: f64 = row[4].parse().expect("a number");
    assert!(highest >= level.round() && highest <= 600.0 && row[7] == "2.0", "{page}");
    // The next run starts with what this one learned.
    directory.file("baseline.bin", baseline.to_bytes(scenario.start));
    let mut next = Replay::new(&config);
    next.remember(&config).expect("whole");
    next.run(&mut Scenario::new(2, vec![pings(0.0, 20.0, 400.0)]).source(), |_, _, _| {}).expect("no errors");
    next.finish();
    assert_eq!(next.engine().incidents().recent().count() + next.open().len(), 0);
}
