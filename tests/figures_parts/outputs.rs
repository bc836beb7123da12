//! What receivers of an incident get, number by number, compared with its JSON.

use super::super::tools::Scratch;
use pegel::base::Severity;
use pegel::incident::{Change, Detailed, Event, Incident};
use pegel::output::alertmanager::{Alertmanager, AlertmanagerConfig, Links};
use pegel::output::endpoint::Endpoint;
use pegel::output::hook::{Hook, HookConfig, HookMode};
use pegel::output::{Delivery, JsonLines, Rotation, Sink, Stage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const GUARD: Duration = Duration::from_secs(60);
/// Time limit in seconds: only what hangs reaches it.
const TIMEOUT: u32 = 60;
/// Writes arguments, environment and input to files.
const SCRIPT: &str = "#!/bin/sh\necho \"$*\" > \"$0.arguments\"\nenv > \"$0.environment\"\ncat > \"$0.input\"\n";

pub struct Receivers {
    alertmanager: Alertmanager,
    requests: Receiver<Value>,
    json: Hook,
    fastnetmon: Hook,
    lines: JsonLines,
    scratch: Scratch,
}

/// Digits in groups of three.
pub fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

/// With a prefix of the SI and one decimal place.
pub fn scaled(number: u64) -> String {
    let number = number as f64;
    match number {
        1e12.. => format!("{:.1} T", number / 1e12),
        1e9.. => format!("{:.1} G", number / 1e9),
        1e6.. => format!("{:.1} M", number / 1e6),
        1e3.. => format!("{:.1} k", number / 1e3),
        _ => format!("{number} "),
    }
}

/// The number of sources as a person reads it.
pub fn number(peers: &Value) -> String {
    let distinct = grouped(peers["distinct"].as_u64().unwrap());
    match peers["distinct_error"].as_f64() {
        Some(0.0) => distinct,
        None => format!("at least {distinct}"),
        Some(error) => format!("about {distinct} (±{:.0} %)", error * 100.0),
    }
}

/// Answers each request with 200 and passes its body on.
fn serve(listener: TcpListener) -> Receiver<Value> {
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = sender.send(serde_json::from_slice(&body).unwrap_or(Value::Null));
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            reader.into_inner().write_all(answer).unwrap();
        }
    });
    requests
}

impl Receivers {
    pub fn new(name: &str) -> Receivers {
        let scratch = Scratch::new(name);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint {
            url: format!("http://{}", listener.local_addr().unwrap()),
            ca_file: PathBuf::new(),
            username: String::new(),
            password_file: PathBuf::new(),
            bearer_token_file: PathBuf::new(),
            timeout_seconds: TIMEOUT,
        };
        let alertmanager = AlertmanagerConfig {
            name: "main".to_owned(),
            endpoint,
            severity: Severity::Info,
            refresh_seconds: 3600,
            labels: BTreeMap::new(),
        };
        let hook = |name: &str, mode| {
            let script = scratch.script(name, SCRIPT);
            Hook::new(&HookConfig {
                name: name.to_owned(),
                command: vec![script.display().to_string()],
                mode,
                on: Stage::ALL.to_vec(),
                severity: Severity::Info,
                timeout_seconds: TIMEOUT,
                concurrency: 1,
                drill: false,
            })
        };
        Receivers {
            alertmanager: Alertmanager::new(&alertmanager, Links::default()),
            requests: serve(listener),
            json: hook("json", HookMode::Json),
            fastnetmon: hook("fastnetmon", HookMode::FastNetMon),
            lines: JsonLines::open(&scratch.path("lines"), Rotation { max_mib: 0, keep: 0 }).unwrap(),
            scratch,
        }
    }

    fn written(&self, name: &str) -> String {
        fs::read_to_string(self.scratch.path(name)).unwrap_or_default()
    }

    /// Delivers an event and lists each number that is not that of the JSON.
    pub fn compare(&mut self, event: &Event) -> Vec<String> {
        let incident = &*event.incident;
        let json = serde_json::to_value(Detailed::new(incident)).unwrap();
        let mut wrong = Vec::new();
        let mut same = |what: &str, said: &str, expected: &str| {
            if said != expected {
                wrong.push(format!("{what}: {said:?} where the JSON has {expected:?}"));
            }
        };
        let (peak, bits) =
            (json["peak"]["packets_per_second"].to_string(), json["peak"]["bits_per_second"].to_string());

        assert_eq!(self.alertmanager.deliver(event).unwrap(), Delivery::Delivered);
        let alerts = self.requests.recv_timeout(GUARD).unwrap();
        let alerts = alerts.as_array().unwrap();
        // An alert whose severity has changed is replaced by another one.
        let alert = alerts.iter().find(|alert| alert["labels"]["severity"] == json["severity"]).unwrap_or(&alerts[0]);
        let annotation = |name: &str| alert["annotations"][name].as_str().unwrap_or_default();
        same("alert severity", alert["labels"]["severity"].as_str().unwrap_or_default(), incident.severity.name());
        same("alert packets_per_second", annotation("packets_per_second"), &peak);
        same("alert bits_per_second", annotation("bits_per_second"), &bits);
        report(annotation("description"), &json, &mut same);
        summary(annotation("summary"), incident, &json, &mut same);

        assert_eq!(self.json.deliver(event).unwrap(), Delivery::Delivered);
        let environment = self.written("json.environment");
        let variable = |name: &str| {
            let value = environment.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value.unwrap_or_default().to_owned()
        };
        same("PEGEL_PACKETS_PER_SECOND", &variable("PEGEL_PACKETS_PER_SECOND"), &peak);
        same("PEGEL_BITS_PER_SECOND", &variable("PEGEL_BITS_PER_SECOND"), &bits);
        same("PEGEL_SEVERITY", &variable("PEGEL_SEVERITY"), incident.severity.name());
        same("PEGEL_SUMMARY", &variable("PEGEL_SUMMARY"), annotation("summary"));
        let input: Value = serde_json::from_str(&self.written("json.input")).unwrap_or(Value::Null);
        if input != json {
            same("input of the hook", &input.to_string(), &json.to_string());
        }

        if self.fastnetmon.deliver(event).unwrap() == Delivery::Delivered {
            let arguments = self.written("fastnetmon.arguments");
            let action = if event.change == Change::Closed { "unban" } else { "ban" };
            let direction = if json["direction"] == "outbound" { "outgoing" } else { "incoming" };
            let expected = format!("{} {direction} {peak} {action}", incident.target.label());
            same("arguments of the hook", arguments.trim_end(), &expected);
            if action == "ban" {
                same("report for the hook", &self.written("fastnetmon.input"), annotation("description"));
            }
        }

        self.lines.deliver(event).unwrap();
        let lines = self.written("lines");
        let mut line: Value = serde_json::from_str(lines.lines().last().unwrap_or_default()).unwrap_or(Value::Null);
        let change = line.as_object_mut().and_then(|line| line.remove("change")).unwrap_or_default();
        same("change", change.as_str().unwrap_or_default(), event.change.name());
        if line != json {
            same("JSON line", &line.to_string(), &json.to_string());
        }
        wrong
    }
}

/// The lines with numbers of a report.
fn report(text: &str, json: &Value, same: &mut impl FnMut(&str, &str, &str)) {
    let line = |name: &str| {
        let start = format!("{name}:");
        text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().trim().to_owned()
    };
    let number_at = |place: &str| json.pointer(place).and_then(Value::as_u64).unwrap_or_default();
    let (peak, bits) = (number_at("/peak/packets_per_second"), number_at("/peak/bits_per_second"));
    same("report, peak", &line("peak"), &format!("{} packets/s, {}bit/s", grouped(peak), scaled(bits)));
    let (packets, bytes) = (number_at("/totals/packets"), number_at("/totals/bytes"));
    same("report, total", &line("total"), &format!("{} packets, {}bytes", grouped(packets), scaled(bytes)));
    let (name, peers) = match json.get("victims") {
        Some(victims) => ("victims", victims),
        None => ("sources", &json["sources"]),
    };
    let spoofed = if peers["spoofing_likely"] == true { ", probably spoofed" } else { "" };
    same("report, peers", &line(name), &format!("{}{spoofed}", number(peers)));
    let listed: Vec<&str> = text.lines().map(str::trim).filter(|line| line.contains(": at least ")).collect();
    let expected = |peer: &Value| {
        let packets = grouped(peer["packets"].as_u64().unwrap());
        let share = peer["share"].as_f64().unwrap() * 100.0;
        format!("{}: at least {packets} packets ({share:.1} %)", peer["address"].as_str().unwrap())
    };
    let expected: Vec<String> = peers["top"].as_array().unwrap().iter().take(5).map(expected).collect();
    same("report, list", &listed.join("\n"), &expected.join("\n"));
}

/// The numbers of a summary.
fn summary(text: &str, incident: &Incident, json: &Value, same: &mut impl FnMut(&str, &str, &str)) {
    let peak = grouped(json["peak"]["packets_per_second"].as_u64().unwrap());
    let bits = scaled(json["peak"]["bits_per_second"].as_u64().unwrap());
    let expected = match incident.closed_at {
        None => format!(", up to {peak} packets/s, {bits}bit/s, since "),
        Some(_) => {
            let packets = grouped(json["totals"]["packets"].as_u64().unwrap());
            format!(": {packets} packets, peak {peak} packets/s, {bits}bit/s, from ")
        }
    };
    if !text.contains(&expected) {
        same("summary", text, &expected);
    }
    if !text.contains(incident.severity.name()) {
        same("summary", text, incident.severity.name());
    }
}
