//! Every directory under `tests/scenarios` is traffic and what must be found in it: the incidents of an attack, or
//! silence for traffic that only looks like one. Each scenario runs with our networks known and with them unknown.
//!
//! `background.toml` there is what goes on beside every attack. The words of a scenario file are the fields below.

mod rising;

use pegel::base::{Direction, Severity, Timestamp, Vector, VectorClass};
use pegel::capture::{CaptureError, Frame, FrameDirection, FrameSink, PacketSource, Poll};
use pegel::config::Config;
use pegel::detect::DETECTORS;
use pegel::incident::{Event, Incident};
use pegel::runtime::replay::Replay;
use pegel::traffic::{MODELS, Part, Scenario, Synthetic};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Inside networks where a scenario names none of its own.
const NETWORKS: &[&str] = &["203.0.113.0/24", "2001:db8:10::/48"];
/// Seconds of background traffic after the end of the last attack.
const AFTER: f64 = 3.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// One line for people.
    description: String,
    /// `networks` (ours are known), `unknown`; both unless written.
    #[serde(default = "both")]
    modes: Vec<Mode>,
    #[serde(default = "usual_networks")]
    networks: Vec<String>,
    /// Configuration beside the networks.
    #[serde(default)]
    config: String,
    /// Which frames the capture sees: `both`, or only those that `entered`.
    #[serde(default)]
    seen: Seen,
    /// Whether the capture tells which way frames went.
    #[serde(default = "yes")]
    directions: bool,
    /// Whether every SYN to one of our hosts is refused with a RST.
    #[serde(default)]
    refuse: bool,
    /// Whether 198.51.100.9 sends all its TCP from one port, so that its SYNs are all the same flow.
    #[serde(default)]
    one_port: bool,
    /// What the interfaces are called, by number.
    #[serde(default)]
    interfaces: Vec<String>,
    /// Whether the background traffic goes along with an attack.
    #[serde(default = "yes")]
    background: bool,
    /// The parts, in the words of `capture::synthetic`.
    traffic: toml::Table,
    /// Exactly the incidents that there must be.
    #[serde(default)]
    expect: Vec<Expect>,
    /// Detectors for which this is a look-alike. Nothing at all may be raised above `info`.
    #[serde(default)]
    silent_for: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Networks,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Seen {
    #[default]
    Both,
    Ingress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// The vector with the most packets.
    vector: String,
    /// Every vector in order of appearance; the one above alone unless written.
    #[serde(default)]
    vectors: Vec<String>,
    /// Address or MAC.
    target: String,
    direction: String,
    /// At least.
    severity: String,
    /// From the onset of the attack to the opening of the incident, in packet time, at most.
    within_seconds: f64,
    spoofing: Option<bool>,
    /// Patterns, in alphabetical order.
    patterns: Option<Vec<String>>,
    /// Bursts of a pulse wave, from and to.
    pulses: Option<[u32; 2]>,
    /// Distinct sources (victims of an outbound attack), from and to.
    sources: Option<[u64; 2]>,
    /// Seconds before the end of the attack in which nothing happened any more: the rest of a pulse wave.
    #[serde(default)]
    rests: f64,
    packets: Option<u64>,
    /// Share by which `packets` may be off.
    #[serde(default)]
    tolerance: f64,
}

fn both() -> Vec<Mode> {
    vec![Mode::Networks, Mode::Unknown]
}

fn usual_networks() -> Vec<String> {
    NETWORKS.iter().map(|&network| network.to_owned()).collect()
}

fn yes() -> bool {
    true
}

/// Synthetic traffic as some capture sees it.
struct Seeing {
    inner: Synthetic,
    seen: Seen,
    directions: bool,
    refuse: bool,
    one_port: bool,
}

impl PacketSource for Seeing {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        for _ in 0..1024 {
            let Some(mut frame) = self.inner.next_frame() else { return Ok(Poll::End) };
            if self.seen == Seen::Ingress && frame.direction == FrameDirection::Egress {
                continue;
            }
            let entered = frame.direction == FrameDirection::Ingress;
            if !self.directions {
                frame.direction = FrameDirection::Unknown;
            }
            let rewritten = self.one_port.then(|| one_port(frame.data)).flatten();
            if let Some(data) = &rewritten {
                frame.data = data;
            }
            sink.frame(frame);
            if self.refuse
                && entered
                && let Some(reset) = reset_for(frame.data)
            {
                sink.frame(Frame {
                    data: &reset,
                    wire_len: reset.len() as u32,
                    direction: FrameDirection::Egress,
                    ..frame
                });
            }
        }
        Ok(Poll::Delivered)
    }
}

/// The RST to a SYN over IPv4 without options that goes to a port below 80 or above 443, as the scan's do nearly all.
fn reset_for(syn: &[u8]) -> Option<Vec<u8>> {
    if syn.get(12..15)? != [0x08, 0x00, 0x45] || *syn.get(23)? != 6 || *syn.get(47)? != 0x02 {
        return None;
    }
    if matches!(u16::from_be_bytes([syn[36], syn[37]]), 80..=443) {
        return None;
    }
    let mut reset = syn[..54].to_vec();
    reset[..6].copy_from_slice(&syn[6..12]);
    reset[6..12].copy_from_slice(&syn[..6]);
    reset[16..18].copy_from_slice(&[0, 40]);
    reset[26..30].copy_from_slice(&syn[30..34]);
    reset[30..34].copy_from_slice(&syn[26..30]);
    reset[34..36].copy_from_slice(&syn[36..38]);
    reset[36..38].copy_from_slice(&syn[34..36]);
    (reset[46], reset[47]) = (0x50, 0x14);
    Some(reset)
}

/// A frame of 198.51.100.9 over IPv4 without options, from port 4444.
fn one_port(data: &[u8]) -> Option<Vec<u8>> {
    if data.get(12..15)? != [0x08, 0x00, 0x45] || data.get(26..30)? != [198, 51, 100, 9] {
        return None;
    }
    let mut data = data.to_vec();
    data[34..36].copy_from_slice(&4444u16.to_be_bytes());
    Some(data)
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every scenario by name.
fn scenarios() -> BTreeMap<String, Written> {
    let entries = std::fs::read_dir(directory()).expect("tests/scenarios is there");
    let named = entries.filter_map(|entry| {
        let path = entry.expect("a directory entry").path();
        let name = path.file_name()?.to_str()?.to_owned();
        path.is_dir().then(|| {
            let written = toml::from_str(&read(&path.join("scenario.toml")));
            (name.clone(), written.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
    });
    named.collect()
}

/// The first attack: what the delay is counted from, and until when it lasts.
fn attack(scenario: &Scenario) -> Option<(f64, f64)> {
    let is_attack = |part: &&Part| MODELS.iter().any(|spec| spec.model == part.model && spec.attack);
    let onset = scenario.parts.iter().find(is_attack)?.from_seconds;
    let end = scenario.parts.iter().filter(is_attack).map(|part| part.to_seconds).fold(0.0, f64::max);
    Some((onset, end))
}

fn scenario(written: &Written) -> Result<Scenario, String> {
    let text = toml::to_string(&written.traffic).map_err(|error| error.to_string())?;
    let mut scenario = Scenario::parse(&text)?;
    if !written.expect.is_empty() && written.background {
        let (_, end) = attack(&scenario).ok_or("an attack is expected, but no part is one")?;
        for mut part in Scenario::parse(&read(&directory().join("background.toml")))?.parts {
            part.to_seconds = end + AFTER;
            scenario.parts.push(part);
        }
    }
    Ok(scenario)
}

/// Every incident, in order of opening.
fn play(config: &Config, interfaces: &[String], mut source: impl PacketSource) -> Vec<Incident> {
    let mut replay = Replay::new(config);
    let mut incidents: Vec<Incident> = Vec::new();
    let mut keep = |events: Vec<Event>| {
        let closed = events.into_iter().filter(Event::is_last_word);
        incidents.extend(closed.map(|event| Incident::clone(&event.incident)));
    };
    let look = |_: &mut _, events, names: &mut Vec<String>| {
        if names.is_empty() {
            names.extend_from_slice(interfaces);
        }
        keep(events);
    };
    replay.run(&mut source, look).expect("synthetic traffic has no errors");
    keep(replay.finish());
    incidents.extend(replay.open());
    incidents.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
    incidents
}

fn config(written: &Written, mode: Mode) -> Result<Config, String> {
    let mut config = Config::parse(&written.config, "config").map_err(|errors| errors.to_string())?;
    if mode == Mode::Networks {
        let networks = written.networks.iter().map(|network| network.parse().map_err(|_| network.clone()));
        config.networks = networks.collect::<Result<_, String>>()?;
    }
    Ok(config)
}

/// One line about an incident.
fn line(incident: &Incident, start: Timestamp) -> String {
    let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
    let others = incident.victims.as_ref().unwrap_or(&incident.sources);
    format!(
        "{} {} {} {}, opened {:.3} s, told {:.3} s after its onset, until {:.3} s, {} packets, {} others{}; {}",
        incident.severity,
        incident.direction,
        incident.target.label(),
        vectors.join("+"),
        incident.opened_at.seconds_since(start),
        incident.detected_after_seconds,
        incident.updated_at.seconds_since(start),
        incident.totals.packets,
        others.distinct,
        if others.spoofing_likely { " (spoofed)" } else { "" },
        incident.evidence.first().map_or("", |evidence| &evidence.message),
    )
}

/// What is wrong with an incident that was expected.
fn compare(expect: &Expect, found: &Incident, start: Timestamp, (onset, end): (f64, f64), wrong: &mut Vec<String>) {
    let vectors: Vec<&str> = found.vectors.iter().map(|vector| vector.name()).collect();
    let wanted = if expect.vectors.is_empty() { std::slice::from_ref(&expect.vector) } else { &expect.vectors[..] };
    if found.vector.name() != expect.vector || vectors != wanted {
        wrong.push(format!(
            "vectors are {vectors:?}, mainly {}, not {wanted:?}, mainly {}",
            found.vector, expect.vector
        ));
    }
    let least = Severity::from_name(&expect.severity).unwrap_or_else(|| panic!("severity {}", expect.severity));
    if found.severity < least {
        wrong.push(format!("severity is {}, not {least}", found.severity));
    }
    let opened = found.opened_at.seconds_since(start) - onset;
    if !(0.0..=expect.within_seconds + 1e-6).contains(&opened) {
        wrong.push(format!("was found after {opened:.3} s, not {}", expect.within_seconds));
    }
    // What the incident says of itself; a flood judged over ten seconds knows its beginning only roughly.
    // Of single events it tells when the first that counts was seen.
    let is_event = found.vector.class() == VectorClass::Layer2 && found.detected_after_seconds <= opened + 0.15;
    if opened < 5.0 && !is_event && (found.detected_after_seconds - opened).abs() > 0.15 {
        wrong.push(format!("says that it was found after {:.3} s; it was {opened:.3} s", found.detected_after_seconds));
    }
    let last = found.updated_at.seconds_since(start) - end;
    if found.vector != Vector::MacNotAllowed && !(-0.15 - expect.rests..=1.15).contains(&last) {
        wrong.push(format!("was last over its limit {last:.3} s after the attack's end"));
    }
    let others = found.victims.as_ref().unwrap_or(&found.sources);
    if let Some(spoofing) = expect.spoofing
        && others.spoofing_likely != spoofing
    {
        wrong.push(format!("spoofing_likely is {}", others.spoofing_likely));
    }
    if let Some(wanted) = &expect.patterns {
        let mut patterns: Vec<&str> = found.patterns.iter().map(|pattern| pattern.name()).collect();
        patterns.sort_unstable();
        if patterns != *wanted {
            wrong.push(format!("patterns are {patterns:?}, not {wanted:?}"));
        }
    }
    if let Some([from, to]) = expect.pulses
        && !(from..=to).contains(&found.pulses)
    {
        wrong.push(format!("has {} pulses, not {from} to {to}", found.pulses));
    }
    if let Some([from, to]) = expect.sources
        && !(from..=to).contains(&others.distinct)
    {
        wrong.push(format!("has {} distinct others, not {from} to {to}", others.distinct));
    }
    if let Some(packets) = expect.packets
        && found.totals.packets.abs_diff(packets) as f64 > packets as f64 * expect.tolerance
    {
        wrong.push(format!("has {} packets, not {packets}", found.totals.packets));
    }
    if found.peak.packets_per_second == 0 && found.vector != Vector::MacNotAllowed {
        wrong.push("has no peak".to_owned());
    }
}

/// Runs one scenario in one mode; what is wrong, one line each.
fn judge(written: &Written, mode: Mode) -> Result<(), Vec<String>> {
    let scenario = scenario(written).map_err(|error| vec![error])?;
    let config = config(written, mode).map_err(|error| vec![error])?;
    let Written { seen, directions, refuse, one_port, .. } = *written;
    let incidents =
        play(&config, &written.interfaces, Seeing { inner: scenario.source(), seen, directions, refuse, one_port });
    // What is only information may come along, but must be there where it is expected.
    let expected = |incident: &Incident| {
        written.expect.iter().any(|expect| expect.severity == "info" && expect.vector == incident.vector.name())
    };
    let mut alarms: Vec<&Incident> =
        incidents.iter().filter(|incident| incident.severity > Severity::Info || expected(incident)).collect();
    let mut wrong = Vec::new();
    for expect in &written.expect {
        let direction = Direction::from_name(&expect.direction).expect("a direction");
        let found = alarms
            .iter()
            .position(|incident| incident.target.label() == expect.target && incident.direction == direction);
        match found {
            Some(at) => {
                let span = attack(&scenario).expect("an attack is expected");
                compare(expect, alarms.remove(at), scenario.start, span, &mut wrong);
            }
            None => wrong.push(format!("no {} {} of {}", expect.direction, expect.vector, expect.target)),
        }
    }
    let silenced = |incident: &&Incident| {
        let of = |name: &String| DETECTORS.iter().find(|spec| spec.name == name);
        let specs = written.silent_for.iter().filter_map(of);
        incident.severity == Severity::Info
            && specs.flat_map(|spec| spec.vectors).any(|vector| incident.vectors.contains(vector))
    };
    alarms.extend(incidents.iter().filter(silenced));
    wrong.extend(alarms.iter().map(|incident| format!("not expected: {}", line(incident, scenario.start))));
    if !wrong.is_empty() {
        wrong.extend(incidents.iter().map(|incident| format!("    {}", line(incident, scenario.start))));
        return Err(wrong);
    }
    Ok(())
}

/// Runs `work` for every item on all cores; results in order.
fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(item) = items.get(index) else { return mine };
                        mine.push((index, work(item)));
                    }
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no scenario panics")).collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// `SCENARIO=name cargo test --test scenarios` runs those whose name contains the word.
#[test]
fn every_scenario_gives_what_it_promises() {
    let all = scenarios();
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let runs: Vec<(&String, &Written, Mode)> = all
        .iter()
        .filter(|(name, _)| name.contains(&only))
        .flat_map(|(name, written)| written.modes.iter().map(move |&mode| (name, written, mode)))
        .collect();
    assert!(!runs.is_empty(), "no scenario of that name");
    let results = on_all_cores(&runs, |(name, written, mode)| {
        let result = judge(written, *mode);
        println!("{} {name} ({mode:?}): {}", if result.is_ok() { "ok  " } else { "FAIL" }, written.description);
        result
    });
    let mut report = String::new();
    for ((name, _, mode), result) in runs.iter().zip(results) {
        for wrong in result.err().unwrap_or_default() {
            let _ = writeln!(report, "{name} ({mode:?}): {wrong}");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn every_detector_has_scenarios_that_fire_it_and_look_alikes_that_do_not() {
    let all = scenarios();
    let mut missing = Vec::new();
    // What sensors tell of comes from no packet, so no traffic can raise it: tests/posture.rs and tests/live.rs do.
    let from_packets = |vector: &Vector| vector.class() != VectorClass::Sensor;
    for spec in DETECTORS.iter().filter(|spec| spec.vectors.iter().any(from_packets)) {
        for vector in spec.vectors {
            let raises = |expect: &Expect| {
                expect.vector == vector.name() || expect.vectors.iter().any(|name| name == vector.name())
            };
            let fires = |written: &Written| written.expect.iter().any(raises);
            if !all.values().any(fires) {
                missing.push(format!("{}: no scenario fires {vector}", spec.name));
            }
        }
        if !all.values().any(|written| written.silent_for.iter().any(|name| name == spec.name)) {
            missing.push(format!("{}: no look-alike lists it in silent_for", spec.name));
        }
    }
    for (name, written) in &all {
        if written.expect.is_empty() == written.silent_for.is_empty() {
            missing.push(format!("{name}: must have either [[expect]] or silent_for"));
        }
        for detector in &written.silent_for {
            if !DETECTORS.iter().any(|spec| spec.name == detector) {
                missing.push(format!("{name}: no detector is called {detector}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
