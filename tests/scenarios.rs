//! Scenarios: each `tests/scenarios/CLASS/NAME.toml` describes traffic and what Pegel must find in it, either the
//! incidents of an attack or silence for benign traffic that resembles one. The class is that of the first vector that
//! the scenario expects, or `benign`.
//!
//! Each scenario is a test of its own, with our networks known and with them unknown:
//! `cargo test --test scenarios syn_flood` runs `flood::syn_flood::networks`, `flood::syn_flood::unknown` and all others
//! whose names contain the word. `background.toml` is the traffic that every attack competes with. The keys of a scenario
//! file are the fields of [`ScenarioFile`].

mod play;

use libtest_mimic::{Arguments, Failed, Trial};
use pegel::base::{Direction, Severity, Timestamp, Vector, VectorClass};
use pegel::capture::{CaptureError, Frame, FrameDirection, FrameSink, PacketSource, Poll};
use pegel::config::Config;
use pegel::detect::DETECTORS;
use pegel::incident::Incident;
use pegel::traffic::{MODELS, Part, Scenario, Synthetic};
use play::{NETWORKS, line, play};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The folder of scenarios that must stay silent.
const BENIGN: &str = "benign";
/// Seconds of background traffic after the end of the last attack.
const AFTER: f64 = 3.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    /// One line for the reader.
    description: String,
    /// `networks` (our networks are configured), `unknown` (they are not); both by default.
    #[serde(default = "both")]
    modes: Vec<Mode>,
    #[serde(default = "default_networks")]
    networks: Vec<String>,
    /// Configuration in addition to the networks.
    #[serde(default)]
    config: String,
    /// Which frames the capture sees: `both` directions, `ingress` or `egress` only.
    #[serde(default)]
    seen: Seen,
    /// Whether the capture marks frames as ingress or egress.
    #[serde(default = "yes")]
    directions: bool,
    /// Whether our hosts refuse every SYN with a RST.
    #[serde(default)]
    refuse: bool,
    /// Whether 198.51.100.9 sends all its TCP from one port, so that SYNs to one port are all the same flow.
    #[serde(default)]
    one_port: bool,
    /// Interface names, by index.
    #[serde(default)]
    interfaces: Vec<String>,
    /// Whether the background traffic is added to an attack.
    #[serde(default = "yes")]
    background: bool,
    /// The parts, in the format of `pegel::traffic`.
    traffic: toml::Table,
    /// The incidents that must be raised, and no others.
    #[serde(default)]
    expect: Vec<Expect>,
    /// Detectors for which this is a look-alike: they must raise nothing, and no other detector anything above `info`.
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
    Egress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// The vector with the most packets.
    vector: String,
    /// Every vector in order of appearance; the one above alone unless file.
    #[serde(default)]
    vectors: Vec<String>,
    /// Address or MAC.
    target: String,
    direction: String,
    /// The lowest accepted severity.
    severity: String,
    /// Maximum time from the onset of the attack to the opening of the incident, in packet time.
    within_seconds: f64,
    spoofing: Option<bool>,
    /// Patterns, in alphabetical order.
    patterns: Option<Vec<String>>,
    /// Number of bursts of a pulse wave, minimum and maximum.
    pulses: Option<[u32; 2]>,
    /// Number of distinct sources (of victims for an outbound attack), minimum and maximum.
    sources: Option<[u64; 2]>,
    /// Seconds before the end of the attack without packets: the pause after the last burst of a pulse wave.
    #[serde(default)]
    rests: f64,
    /// Seconds after the end of the attack in which it may still be reported: where what becomes of it decides.
    #[serde(default)]
    lags: f64,
    packets: Option<u64>,
    /// Relative error allowed for `packets`.
    #[serde(default)]
    tolerance: f64,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Networks => "networks",
            Mode::Unknown => "unknown",
        }
    }
}

impl Expect {
    /// Every expected vector, in order of appearance.
    fn vector_names(&self) -> &[String] {
        if self.vectors.is_empty() { std::slice::from_ref(&self.vector) } else { &self.vectors }
    }

    fn vectors(&self) -> Vec<Vector> {
        self.vector_names().iter().filter_map(|name| Vector::from_name(name)).collect()
    }
}

fn both() -> Vec<Mode> {
    vec![Mode::Networks, Mode::Unknown]
}

fn default_networks() -> Vec<String> {
    NETWORKS.iter().map(|&network| network.to_owned()).collect()
}

fn yes() -> bool {
    true
}

/// Synthetic traffic as a particular capture sees it.
struct Observed {
    inner: Synthetic,
    seen: Seen,
    directions: bool,
    refuse: bool,
    one_port: bool,
}

impl PacketSource for Observed {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        for _ in 0..1024 {
            let Some(mut frame) = self.inner.next_frame() else { return Ok(Poll::End) };
            let hidden = match self.seen {
                Seen::Both => None,
                Seen::Ingress => Some(FrameDirection::Egress),
                Seen::Egress => Some(FrameDirection::Ingress),
            };
            if hidden == Some(frame.direction) {
                continue;
            }
            let entered = frame.direction == FrameDirection::Ingress;
            if !self.directions {
                frame.direction = FrameDirection::Unknown;
            }
            let refile = self.one_port.then(|| one_port(frame.data)).flatten();
            if let Some(data) = &refile {
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

/// The RST that answers a SYN over IPv4 without options to a port below 80 or above 443, which includes nearly all of the
/// scan's.
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

/// The same frame with source port 4444, if it is from 198.51.100.9 over IPv4 without options.
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

/// A scenario with its class (the folder) and name (the file).
struct Named {
    class: String,
    name: String,
    file: ScenarioFile,
}

/// The entries of a folder, sorted by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Every scenario, by class and name.
fn scenarios() -> Vec<Named> {
    let classes = entries(&directory()).into_iter().filter(|path| path.is_dir());
    let files = classes.flat_map(|class| entries(&class).into_iter().map(move |path| (stem(&class), path)));
    let named = files.map(|(class, path)| {
        let file = toml::from_str(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Named { class, name: stem(&path), file }
    });
    named.collect()
}

/// Start of the first attack, from which the delay is measured, and end of the last one, in seconds.
fn attack_span(scenario: &Scenario) -> Option<(f64, f64)> {
    let is_attack = |part: &&Part| MODELS.iter().any(|spec| spec.model == part.model && spec.attack);
    let onset = scenario.parts.iter().find(is_attack)?.from_seconds;
    let end = scenario.parts.iter().filter(is_attack).map(|part| part.to_seconds).fold(0.0, f64::max);
    Some((onset, end))
}

fn scenario(file: &ScenarioFile) -> Result<Scenario, String> {
    let text = toml::to_string(&file.traffic).map_err(|error| error.to_string())?;
    let mut scenario = Scenario::parse(&text)?;
    if !file.expect.is_empty() && file.background {
        let (_, end) = attack_span(&scenario).ok_or("an attack is expected, but no part is one")?;
        for mut part in Scenario::parse(&read(&directory().join("background.toml")))?.parts {
            part.to_seconds = end + AFTER;
            scenario.parts.push(part);
        }
    }
    Ok(scenario)
}

fn config(file: &ScenarioFile, mode: Mode) -> Result<Config, String> {
    let mut config = Config::parse(&file.config, "config").map_err(|errors| errors.to_string())?;
    if mode == Mode::Networks {
        let networks = file.networks.iter().map(|network| network.parse().map_err(|_| network.clone()));
        config.networks = networks.collect::<Result<_, String>>()?;
    }
    Ok(config)
}

/// What is wrong with an incident that was expected.
fn compare(expect: &Expect, found: &Incident, start: Timestamp, (onset, end): (f64, f64), wrong: &mut Vec<String>) {
    let vectors: Vec<&str> = found.vectors.iter().map(|vector| vector.name()).collect();
    let wanted = expect.vector_names();
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
        wrong.push(format!("was detected after {opened:.3} s, not within {} s", expect.within_seconds));
    }
    // The delay that the incident reports. The onset of a flood that is measured over ten seconds is known only roughly.
    // For single events the incident counts from the first event that matters.
    let is_event = found.vector.class() == VectorClass::Layer2 && found.detected_after_seconds <= opened + 0.15;
    if opened < 5.0 && !is_event && (found.detected_after_seconds - opened).abs() > 0.15 {
        wrong.push(format!(
            "detected_after_seconds is {:.3}; the delay was {opened:.3} s",
            found.detected_after_seconds
        ));
    }
    let last = found.updated_at.seconds_since(start) - end;
    if found.vector != Vector::MacNotAllowed && !(-0.15 - expect.rests..=1.15 + expect.lags).contains(&last) {
        wrong.push(format!("last exceeded its limit {last:.3} s after the attack's end"));
    }
    let peers = found.victims.as_ref().unwrap_or(&found.sources);
    if let Some(spoofing) = expect.spoofing
        && peers.spoofing_likely != spoofing
    {
        wrong.push(format!("spoofing_likely is {}", peers.spoofing_likely));
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
        && !(from..=to).contains(&peers.distinct)
    {
        wrong.push(format!("has {} distinct peers, not {from} to {to}", peers.distinct));
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

/// Plays one scenario in one mode; the error lists the deviations, one line each.
fn run(file: &ScenarioFile, mode: Mode) -> Result<(), Vec<String>> {
    let scenario = scenario(file).map_err(|error| vec![error])?;
    let config = config(file, mode).map_err(|error| vec![error])?;
    let ScenarioFile { seen, directions, refuse, one_port, .. } = *file;
    let incidents =
        play(&config, &file.interfaces, Observed { inner: scenario.source(), seen, directions, refuse, one_port });
    // Incidents of severity `info` are ignored unless one is expected.
    let expected = |incident: &Incident| {
        file.expect.iter().any(|expect| expect.severity == "info" && expect.vector == incident.vector.name())
    };
    let mut alarms: Vec<&Incident> =
        incidents.iter().filter(|incident| incident.severity > Severity::Info || expected(incident)).collect();
    let mut wrong = Vec::new();
    for expect in &file.expect {
        let direction = Direction::from_name(&expect.direction).expect("a direction");
        let found = alarms
            .iter()
            .position(|incident| incident.target.label() == expect.target && incident.direction == direction);
        match found {
            Some(at) => {
                let span = attack_span(&scenario).expect("an attack is expected");
                compare(expect, alarms.remove(at), scenario.start, span, &mut wrong);
            }
            None => wrong.push(format!("no {} {} of {}", expect.direction, expect.vector, expect.target)),
        }
    }
    let silenced = |incident: &&Incident| {
        let of = |name: &String| DETECTORS.iter().find(|spec| spec.name == name);
        let specs = file.silent_for.iter().filter_map(of);
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

/// Fails with one line for each problem.
fn fail_on(problems: Vec<String>) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

/// Every vector of packets has a scenario that raises it, every detector a look-alike.
fn every_detector_has_a_firing_scenario_and_a_look_alike(all: &[Named]) -> Result<(), Failed> {
    let mut missing = Vec::new();
    // Sensors raise their vectors without packets, so no traffic can: tests/posture.rs and tests/live.rs do.
    let from_packets = |vector: &Vector| vector.class() != VectorClass::Sensor;
    for spec in DETECTORS.iter().filter(|spec| spec.vectors.iter().any(from_packets)) {
        for vector in spec.vectors {
            let fires = |named: &Named| named.file.expect.iter().any(|expect| expect.vectors().contains(vector));
            if !all.iter().any(fires) {
                missing.push(format!("{}: no scenario fires {vector}", spec.name));
            }
        }
        if !all.iter().any(|named| named.file.silent_for.iter().any(|name| name == spec.name)) {
            missing.push(format!("{}: no look-alike lists it in silent_for", spec.name));
        }
    }
    fail_on(missing)
}

/// Either incidents or silence is expected, and the names exist.
fn every_scenario_is_well_formed(all: &[Named]) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for Named { class, name, file } in all {
        let mut problem = |text: String| wrong.push(format!("{class}/{name}.toml: {text}"));
        if file.expect.is_empty() == file.silent_for.is_empty() {
            problem("must have either [[expect]] or silent_for".to_owned());
        }
        if file.modes.is_empty() {
            problem("has no mode".to_owned());
        }
        for detector in &file.silent_for {
            if !DETECTORS.iter().any(|spec| spec.name == detector) {
                problem(format!("no detector is called {detector}"));
            }
        }
        for expect in &file.expect {
            for vector in expect.vector_names().iter().chain([&expect.vector]) {
                if Vector::from_name(vector).is_none() {
                    problem(format!("no vector is called {vector}"));
                }
            }
            if Severity::from_name(&expect.severity).is_none() {
                problem(format!("no severity is called {}", expect.severity));
            }
            if Direction::from_name(&expect.direction).is_none() {
                problem(format!("no direction is called {}", expect.direction));
            }
        }
        let first = file.expect.first().and_then(|expect| Vector::from_name(&expect.vector));
        let folder = first.map_or(BENIGN, |vector| vector.class().name());
        if class != folder {
            problem(format!("belongs in {folder}/"));
        }
    }
    fail_on(wrong)
}

/// A name selects one scenario.
fn scenario_names_are_unique(all: &[Named]) -> Result<(), Failed> {
    let mut names: Vec<&str> = all.iter().map(|named| named.name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("{} twice", pair[0]));
    fail_on(twice.collect())
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // As libtest does.
    let threads = std::env::var("RUST_TEST_THREADS").ok().and_then(|threads| threads.parse().ok());
    arguments.test_threads = arguments.test_threads.or(threads);

    let all = Arc::new(scenarios());
    let mut trials = Vec::new();
    for (index, Named { class, name, file }) in all.iter().enumerate() {
        for &mode in &file.modes {
            let all = Arc::clone(&all);
            let play = move || {
                let file = &all[index].file;
                run(file, mode).or_else(|wrong| fail_on([vec![file.description.clone()], wrong].concat()))
            };
            trials.push(Trial::test(format!("{class}::{name}::{}", mode.name()), play));
        }
    }
    type Check = fn(&[Named]) -> Result<(), Failed>;
    let checks: [(&str, Check); 3] = [
        (
            "every_detector_has_a_firing_scenario_and_a_look_alike",
            every_detector_has_a_firing_scenario_and_a_look_alike,
        ),
        ("every_scenario_is_well_formed", every_scenario_is_well_formed),
        ("scenario_names_are_unique", scenario_names_are_unique),
    ];
    for (name, check) in checks {
        let all = Arc::clone(&all);
        trials.push(Trial::test(name, move || check(&all)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
