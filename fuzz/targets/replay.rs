//! A whole replay: frames at absurd times, backwards too, through decoding, meter, detectors, incidents and, on request, the
//! record with its evidence and reports. It ends, counts what it was given, and the gate before the detectors prevents nothing.
//!
//! Input: options, then a script (see `pegel_fuzz::Script`).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::capture::{CaptureError, FrameSink, PacketSource, Poll};
use pegel::config::Config;
use pegel::detect::DETECTORS;
use pegel::incident::{Event, Incident};
use pegel::report::{
    Format, IncidentInput, Language, Origins, Reporter, abuse_mail, incident_material, incident_report, xarf,
};
use pegel::runtime::replay::Replay;
use pegel::runtime::write_evidence;
use pegel::store::evidence::{Chain, check};
use pegel::store::{Database, Filter};
use pegel_fuzz::{NETWORKS, Rest, Script, clear, scratch};
use std::path::PathBuf;
use std::sync::LazyLock;

/// Each detector reports at its lowest limits.
const LOW: u8 = 1;
/// Our networks are known.
const KNOWN: u8 = 2;
/// Tunnels are followed.
const INNER: u8 = 4;
/// Every detector inspects every busy host.
const AUDIT: u8 = 8;
/// Incidents are recorded.
const RECORD: u8 = 16;

/// Small tables, which fill up, and start-up that does not take longer than the replay.
const SIZES: &str = "[meter]\nhosts = 64\nbusy_hosts = 16\nstations = 16\nprefixes = 8\nworker_hosts = 64\n\
                     worker_details = 16\nworker_stations = 16\nworker_conversations = 1024\n\
                     [evidence]\nenabled = true\nmemory_mib = 1\n";

/// By the options that a configuration depends on.
static CONFIGS: LazyLock<[Config; 8]> = LazyLock::new(|| std::array::from_fn(|index| config(index as u8)));
static EVIDENCE: LazyLock<PathBuf> = LazyLock::new(|| scratch("replay"));

fn config(options: u8) -> Config {
    let mut text = String::new();
    if options & KNOWN != 0 {
        text += NETWORKS;
    }
    text += SIZES;
    if options & INNER != 0 {
        text += "[decode]\ntunnels = \"inner\"\n";
    }
    if options & LOW != 0 {
        for spec in DETECTORS {
            text += &format!("[detect.{}]\n", spec.name);
            for setting in spec.settings {
                text += &format!("{} = {:?}\n", setting.key, setting.min);
            }
        }
    }
    Config::parse(&text, "fuzz").expect("valid")
}

struct Source<'i>(Script<'i>);

impl PacketSource for Source<'_> {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        for _ in 0..256 {
            match self.0.next() {
                Some(frame) => sink.frame(frame),
                None => return Ok(Poll::End),
            }
        }
        Ok(Poll::Delivered)
    }
}

fn examine(incident: &Incident) {
    let Incident { opened_at, updated_at, closed_at, .. } = incident;
    assert!(opened_at <= updated_at, "{opened_at} to {updated_at}");
    assert!(closed_at.is_none_or(|closed| closed >= *updated_at), "{updated_at} to {closed_at:?}");
    assert!(!incident.vectors.is_empty() && incident.vectors.contains(&incident.vector));
    assert!((0.0..=1.0).contains(&incident.confidence) && incident.detected_after_seconds >= 0.0);
}

/// What people get of the incidents.
fn documents(mut database: Database) {
    clear(&EVIDENCE);
    let mut chain = Chain::open(&EVIDENCE, None).expect("a chain");
    let written = write_evidence(&mut database, &mut chain, 256).expect("written");
    if written > 0 {
        let report = check(&EVIDENCE, None).expect("evidence");
        assert!(report.is_intact() && report.incidents.len() == written, "{report:?}");
    }
    let reader = database.reader();
    // One is enough: documents take longer than the rest.
    for incident in reader.all_incidents(&Filter::default()).expect("read").iter().take(1) {
        let material = incident_material(reader, &incident.id).expect("read").expect("there");
        let input = IncidentInput {
            incident: &material.stored,
            usual: None,
            related: &material.related,
            origins: &Origins::none(),
            packets: &material.packets,
            generated_at: incident.updated_at,
            sensor: "fuzz",
        };
        for format in [Format::Html, Format::Markdown, Format::Json] {
            assert!(!incident_report(&input, format, Language::En).is_empty());
        }
        let reporter = Reporter { organisation: String::new(), contact: String::new() };
        let _ = (abuse_mail(&input, &reporter, Language::De), xarf(&input, &reporter));
    }
}

fuzz_target!(|input: &[u8]| {
    let mut rest = Rest(input);
    let options = rest.octet();
    let config = &CONFIGS[usize::from(options & 7)];
    let mut replay = Replay::new(config);
    if options & AUDIT != 0 {
        replay.audit_gate();
    }
    if options & RECORD != 0 {
        replay.record(config).expect("a record");
    }
    let mut source = Source(Script::new(rest));
    let observe = |_: &mut Source<'_>, events: Vec<Event>, names: &mut Vec<String>| {
        names.resize(4, "eth0".to_owned());
        events.iter().for_each(|event| examine(&event.incident));
    };
    replay.run(&mut source, observe).expect("no errors");
    replay.finish().iter().for_each(|event| examine(&event.incident));
    for incident in replay.open() {
        examine(&incident);
        let text = serde_json::to_string(&incident).expect("JSON");
        serde_json::from_str::<Incident>(&text).expect("an incident");
    }
    assert!(replay.engine().totals().frames.packets >= u64::from(source.0.total()) || config.networks.is_empty());
    if let Some((first, last)) = replay.span() {
        assert!(first <= last);
    }
    assert_eq!(replay.prevented(), 0, "findings that the gate before the detectors would have prevented");
    if let Some(database) = replay.take_record().expect("recorded") {
        documents(database);
    }
});
