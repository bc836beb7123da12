//! From packet to pager: real floods between namespaces, a real Pegel, real Alertmanagers. Needs root and an
//! Alertmanager; without them a test prints what is missing and passes. Delays are measured and printed by stage; the
//! clock only guards against hanging.

#![allow(clippy::disallowed_methods)] // measured, and guards against hanging

mod bed;
mod tools;

use bed::{Background, Bed, GUARD, Pegel, WATCHED, command_in, flood};
use pegel::base::Timestamp;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};
use tools::tool;

/// An Alertmanager on the same host as Pegel, stopped at the end of its test.
struct Alertmanager<'b> {
    bed: &'b Bed,
    program: PathBuf,
    port: u16,
    server: Option<Background>,
}

impl<'b> Alertmanager<'b> {
    fn start(bed: &'b Bed, port: u16) -> Option<Alertmanager<'b>> {
        let mut alertmanager = Alertmanager { bed, program: tool("prometheus-alertmanager")?, port, server: None };
        alertmanager.run();
        Some(alertmanager)
    }

    /// Starts the server, and returns when it is ready.
    fn run(&mut self) {
        let config = self.bed.file("alertmanager.yml", "route: { receiver: none }\nreceivers: [{ name: none }]\n");
        let arguments = [
            format!("--config.file={config}"),
            format!("--storage.path={}", self.bed.dir.join(self.port.to_string()).display()),
            format!("--web.listen-address=127.0.0.1:{}", self.port),
            "--cluster.listen-address=".to_owned(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.server = Some(self.bed.server(&self.program, &arguments, &format!("{}.log", self.port)));
        let start = Instant::now();
        while self.get("/-/ready").is_empty() {
            let log = || fs::read_to_string(self.bed.dir.join(format!("{}.log", self.port))).unwrap_or_default();
            assert!(start.elapsed() < GUARD, "Alertmanager does not become ready:\n{}", log());
            sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str) -> String {
        let address = format!("127.0.0.1:{}", self.port);
        let output = command_in(&self.bed.ns("b"), &bed::peer(), &["get", &address, path]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The active alerts.
    fn alerts(&self) -> Vec<Value> {
        serde_json::from_str(&self.get("/api/v2/alerts")).unwrap_or_default()
    }

    fn wait_for(&self, good: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let alerts = self.alerts();
            if good(&alerts) {
                return alerts;
            }
            let log = || fs::read_to_string(self.bed.dir.join("log")).unwrap_or_default();
            assert!(start.elapsed() < GUARD, "Alertmanager has {alerts:?}; log of Pegel:\n{}", log());
            sleep(Duration::from_millis(10));
        }
    }
}

fn config(ports: &[u16], quiet: f64) -> String {
    let mut text = format!("[incident]\nquiet_seconds = {quiet:?}\n");
    for port in ports {
        text += &format!("[[alertmanager]]\nurl = \"http://127.0.0.1:{port}\"\nrefresh_seconds = 5\n");
    }
    text
}

fn start(bed: &Bed, config: &str) -> Pegel {
    bed.pegel(&["--config", &bed.file("pegel.toml", config)])
}

fn seconds(text: &Value) -> f64 {
    let time: Timestamp = text.as_str().unwrap().parse().unwrap();
    time.nanos() as f64 / 1e9
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn a_flood_becomes_an_alert_with_the_right_labels_and_is_resolved() {
    let Some(bed) = Bed::new("pager") else { return };
    let Some(alertmanager) = Alertmanager::start(&bed, 9093) else { return };
    let pegel = start(&bed, &config(&[9093], 1.0));
    let mut stages: [Vec<f64>; 4] = Default::default();
    for round in 0..10 {
        // A different seed gives different packets.
        let attack = flood("syn_flood", 5000, 60.0).replace("seed = 1", &format!("seed = {round}"));
        let sender = bed.sending(&attack);
        let alerts = alertmanager.wait_for(|alerts| !alerts.is_empty());
        let seen = now();
        let labels = &alerts[0]["labels"];
        for (label, value) in [
            ("alertname", "PegelIncident"),
            ("target", WATCHED),
            ("prefix", "10.231.7.0/24"),
            ("kind", "host"),
            ("class", "flood"),
            ("direction", "inbound"),
        ] {
            assert_eq!(labels[label], value, "{labels}");
        }
        assert!(labels.get("drill").is_none() && labels.get("maintenance").is_none(), "{labels}");
        let incident = pegel.wait_for_incident();
        let (opened, detected) =
            (seconds(&incident["opened_at"]), incident["detected_after_seconds"].as_f64().unwrap());
        // Alertmanager's clock, which is that of this host.
        let accepted = seconds(&alerts[0]["updatedAt"]);
        let delays = [detected, accepted - opened, seen - accepted, seen - opened + detected];
        stages.iter_mut().zip(delays).for_each(|(stage, delay)| stage.push(delay));
        drop(sender);
        alertmanager.wait_for(<[Value]>::is_empty);
        let start = Instant::now();
        while !pegel.incidents("open").is_empty() {
            assert!(start.elapsed() < GUARD, "round {round}: the incident does not close");
            sleep(Duration::from_millis(20));
        }
    }
    let [detected, accepted, seen, total] = stages.map(median);
    println!(
        "median of 10, in seconds: first attack packet to incident {detected:.3} (packet time), to Alertmanager \
         {accepted:.3}, until its API showed it {seen:.3}; total {total:.3}"
    );
    let (_, lines) = pegel.stop();
    // More than one in a round where a busy machine stops the sender for longer than the quiet period.
    assert!(lines.iter().filter(|line| line["change"] == "opened").count() >= 10);
}

#[test]
fn an_alertmanager_that_was_killed_gets_the_current_alerts_when_it_is_back() {
    let Some(bed) = Bed::new("killed") else { return };
    let Some(mut first) = Alertmanager::start(&bed, 9093) else { return };
    let Some(second) = Alertmanager::start(&bed, 9094) else { return };
    let pegel = start(&bed, &config(&[9093, 9094], 2.0));
    let attack = format!("{}{}", flood("syn_flood", 3000, 60.0), second_part(60.0));
    let sender = bed.sending(&attack);
    let targets = |alerts: &[Value]| {
        let mut targets: Vec<String> =
            alerts.iter().map(|alert| alert["labels"]["target"].as_str().unwrap().to_owned()).collect();
        targets.sort();
        targets.dedup();
        targets
    };
    // Each of them has both alerts.
    let both = |alerts: &[Value]| targets(alerts) == ["10.231.7.2", "10.231.7.9"];
    first.wait_for(both);
    second.wait_for(both);
    first.server = None;
    // Without its storage, as on a new host.
    fs::remove_dir_all(bed.dir.join("9093")).unwrap();
    pegel.wait_for("/metrics", |page| page.contains("pegel_output_failing{output=\"alertmanager/127.0.0.1:9093\"} 1"));
    second.wait_for(both);
    first.run();
    first.wait_for(both);
    pegel.wait_for("/metrics", |page| page.contains("pegel_output_failing{output=\"alertmanager/127.0.0.1:9093\"} 0"));
    // The attack ends while the first is down again: it must not get the alert as active.
    first.server = None;
    drop(sender);
    second.wait_for(<[Value]>::is_empty);
    pegel.wait_for("/metrics", |page| page.contains("pegel_output_failing{output=\"alertmanager/127.0.0.1:9093\"} 1"));
    first.run();
    // Pegel has sent the current state: no active alert.
    pegel.wait_for("/metrics", |page| page.contains("pegel_output_failing{output=\"alertmanager/127.0.0.1:9093\"} 0"));
    assert_eq!(first.alerts(), Vec::<Value>::new());
    let (log, _) = pegel.stop();
    // On a busy machine, requests to the second may fail as well.
    let count = |message: &str| log.lines().filter(|line| line.contains(message) && line.contains(":9093")).count();
    assert_eq!((count("output fails"), count("output works again")), (2, 2), "{log}");
}

/// Attacks another host of the same network.
fn second_part(seconds: f64) -> String {
    format!(
        "[[part]]\nmodel = \"dns_amplification\"\nfrom = 0.0\nto = {seconds:?}\nrate = 2000\ntarget = \"10.231.7.9\"\n"
    )
}

#[test]
fn a_drill_reaches_every_output_and_is_marked_everywhere() {
    let Some(bed) = Bed::new("drill") else { return };
    let Some(alertmanager) = Alertmanager::start(&bed, 9093) else { return };
    let records = bed.dir.join("records");
    let script =
        format!("#!/bin/sh\ncat >> {0}; echo \"$PEGEL_STAGE $PEGEL_DRILL\" >> {0}.stages\n", records.display());
    let script = bed.file("record", &script);
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let hooks = format!(
        "[[hook]]\nname = \"record\"\ncommand = [{script:?}]\n[[hook]]\nname = \"ban\"\nmode = \"fastnetmon\"\ncommand = [\"/bin/false\"]\n"
    );
    let pegel = start(&bed, &(config(&[9093], 60.0) + &hooks));
    let state = bed.dir.join("state").display().to_string();
    let drill = |arguments: &[&str]| {
        let all = [&["drill", "--state-dir", &state, "--format", "json"], arguments].concat();
        bed.command("b", Path::new(env!("CARGO_BIN_EXE_pegel")), &all)
    };
    // Long enough to be seen at all outputs on a busy machine.
    let running = drill(&["--vector", "udp_flood", "--for", "20"]).stdout(Stdio::piped()).spawn().unwrap();
    let alerts = alertmanager.wait_for(|alerts| !alerts.is_empty());
    assert_eq!((&alerts[0]["labels"]["drill"], &alerts[0]["labels"]["target"]), (&"true".into(), &"10.231.7.1".into()));
    assert!(alerts[0]["annotations"]["summary"].as_str().unwrap().starts_with("DRILL: "));
    pegel.wait_for("/metrics", |page| {
        page.lines().any(|line| line.starts_with("pegel_incident_active{") && line.contains("drill=\"true\""))
    });
    assert_eq!(pegel.wait_for_incident()["drill"], true);
    let output = running.wait_with_output().unwrap();
    let news: Vec<Value> = output
        .stdout
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(output.status.code(), Some(0), "{news:?}");
    let outcome = |output: &str, change: &str| {
        let is_wanted = |news: &&Value| news["output"] == output && news["change"] == change;
        news.iter().find(is_wanted).map(|news| news["outcome"].as_str().unwrap().to_owned())
    };
    for output in ["log", "jsonl", "alertmanager/127.0.0.1:9093", "hook/record", "judge loop"] {
        for change in ["opened", "closed"] {
            assert_eq!(outcome(output, change).as_deref(), Some("delivered"), "{output} {change}: {news:?}");
        }
    }
    assert_eq!(outcome("hook/ban", "opened").as_deref(), Some("skipped"));
    alertmanager.wait_for(<[Value]>::is_empty);
    let stages = fs::read_to_string(format!("{}.stages", records.display())).unwrap();
    assert!(stages.starts_with("open true\n") && stages.ends_with("close true\n"), "{stages}");
    for line in fs::read_to_string(&records).unwrap().lines() {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["drill"], true);
    }
    // Neither the metrics of real traffic nor the counts of incidents contain it.
    let page = pegel.get("/metrics");
    let nonzero = |start: &str| page.lines().filter(|line| line.starts_with(start) && !line.ends_with(" 0")).count();
    assert_eq!((nonzero("pegel_incidents_total{"), nonzero("pegel_incident_active{")), (0, 0));
    assert_eq!(nonzero("pegel_receive_packets_total{class=\"udp\"}"), 0);

    // A client that is killed leaves no incident open.
    let mut gone = drill(&["--vector", "udp_flood", "--for", "30"]).stdout(Stdio::null()).spawn().unwrap();
    alertmanager.wait_for(|alerts| !alerts.is_empty());
    gone.kill().unwrap();
    gone.wait().unwrap();
    alertmanager.wait_for(<[Value]>::is_empty);
    assert_eq!(pegel.incidents("open"), Vec::<Value>::new());

    // The drill fails if an output fails.
    drop(alertmanager);
    let output = drill(&["--vector", "udp_flood", "--for", "1"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.lines().last().unwrap().contains("alertmanager/127.0.0.1:9093: opening not delivered"), "{text}");
    let output = drill(&["--vector", "port_scan"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("cannot be drilled"));
    assert_eq!(output.status.code(), Some(1));
    let (_, lines) = pegel.stop();
    assert!(!lines.is_empty() && lines.iter().all(|line| line["drill"] == true));
}
