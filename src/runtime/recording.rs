//! The live end of the recorder: hands the store's thread what happened, and tells the judge when the store fails.

use super::clock::wall_clock;
use super::coverage_minutes::InterfaceCounters;
use super::engine::Engine;
use super::publisher::Publisher;
use super::recorder::Recorder;
use super::store_writer::{Restored, StoreWriter, Trouble};
use super::worker_handles::WorkerHandles;
use crate::base::{Addr, PostureResult, PostureState, Timestamp};
use crate::config::Config;
use crate::incident::Event;
use crate::inventory::Inventory;
use crate::meter::KeptPackets;
use crate::metrics::Metrics;
use crate::store::StateDir;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name of the check that fails while the store does: the target of its incident.
const CHECK: &str = "store";

/// What a live run records. Without a store, nothing is.
pub(super) struct Recording {
    /// `None` where nothing is stored.
    store: Option<(Recorder, StoreWriter)>,
    interfaces: Vec<String>,
    path: String,
    /// The results of the host checks, and what fails about the store, as last told.
    checks: Vec<PostureResult>,
    trouble: Option<Trouble>,
    /// Whether these changed since they were last asked for.
    has_changed: bool,
    guests: BTreeMap<String, usize>,
}

impl Recording {
    /// Opens the store, and gives the engine what the last run left open.
    pub(super) fn start(
        config: &Config,
        interfaces: &[String],
        engine: &mut Engine,
        metrics: &Arc<Metrics>,
        now: Timestamp,
    ) -> Recording {
        let mut recording = Recording {
            store: None,
            interfaces: interfaces.to_vec(),
            path: config.state_dir.display().to_string(),
            checks: Vec::new(),
            trouble: None,
            has_changed: false,
            guests: BTreeMap::new(),
        };
        if !config.store.enabled {
            return recording;
        }
        let state = StateDir::at(&config.state_dir);
        let (writer, restored) = StoreWriter::start(config, state, metrics);
        if config.evidence.enabled {
            let directory = config.state_dir.join("evidence/{id}").display().to_string();
            engine.set_evidence_url(Some(config.evidence.url.clone().unwrap_or(directory)));
        }
        let ring = if config.evidence.enabled { config.evidence.memory_bytes } else { 0 };
        let mut recorder = Recorder::new(ring, named(config));
        recorder.note(now, "start", started(&restored, now));
        engine.resume(restored.open, restored.recent, now);
        recording.store = writer.map(|writer| (recorder, writer));
        recording
    }

    /// Puts another configuration into force.
    pub(super) fn reconfigure(&mut self, config: &Config) {
        if let Some((recorder, _)) = &mut self.store {
            recorder.set_named(named(config));
        }
        self.note("configuration", "the configuration was loaded again".to_owned());
    }

    /// Notes something that has just happened.
    pub(super) fn note(&mut self, kind: &'static str, text: String) {
        if let Some((recorder, _)) = &mut self.store {
            recorder.note(wall_clock(), kind, text);
        }
    }

    /// Notes guests that are new or gone.
    pub(super) fn inventory(&mut self, inventory: &Inventory) {
        let mut guests: BTreeMap<String, usize> = BTreeMap::new();
        for guest in &inventory.guests {
            *guests.entry(guest.to_string()).or_default() += 1;
        }
        let new: Vec<&String> = guests.keys().filter(|label| !self.guests.contains_key(*label)).collect();
        let gone: Vec<&String> = self.guests.keys().filter(|label| !guests.contains_key(*label)).collect();
        let mut lines = Vec::new();
        for (labels, what) in [(new, "new"), (gone, "gone")] {
            if !labels.is_empty() {
                let labels: Vec<&str> = labels.into_iter().map(String::as_str).collect();
                lines.push(format!("guests that are {what}: {}", labels.join(", ")));
            }
        }
        lines.into_iter().for_each(|line| self.note("inventory", line));
        self.guests = guests;
    }

    /// Records changes of incidents.
    pub(super) fn events(&mut self, events: &[Event]) {
        if let Some((recorder, _)) = &mut self.store {
            recorder.events(events);
        }
    }

    /// Records a tick that was judged.
    pub(super) fn tick<'k>(&mut self, engine: &Engine, kept: impl Iterator<Item = &'k KeptPackets>, end: Timestamp) {
        if let Some((recorder, _)) = &mut self.store {
            recorder.tick(engine, kept, end);
        }
    }

    /// At the end of a second, hands over what happened in it.
    pub(super) fn second(
        &mut self,
        engine: &Engine,
        workers: &WorkerHandles,
        publisher: &mut Publisher,
        end: Timestamp,
    ) {
        let Some((recorder, writer)) = &mut self.store else { return };
        if !recorder.takes_second() {
            return;
        }
        let counters: Vec<InterfaceCounters> =
            self.interfaces.iter().map(|name| InterfaceCounters::of(workers, name)).collect();
        recorder.interfaces(&counters, end);
        recorder.progress(engine.incidents().open(), end);
        if let Some(batch) = writer.offer(recorder.take()) {
            recorder.put_back(batch);
        }
        let trouble = writer.trouble();
        let (bytes, dropped) = writer.usage();
        publisher.store(bytes, dropped + recorder.dropped(), trouble.is_some(), recorder.usage());
        // A count that grows is no news.
        let what = |trouble: &Option<Trouble>| trouble.as_ref().map(|trouble| (trouble.message.clone(), trouble.since));
        if what(&trouble) != what(&self.trouble) {
            self.trouble = trouble;
            self.has_changed = true;
        }
    }

    /// The host checks have these results.
    pub(super) fn host_checks(&mut self, results: &[PostureResult]) {
        let state = |results: &[PostureResult]| -> BTreeMap<String, PostureState> {
            results.iter().map(|result| (result.name.clone(), result.state)).collect()
        };
        let before = state(&self.checks);
        for result in results.iter().filter(|result| before.get(&result.name) != Some(&result.state)) {
            self.note("posture", format!("check {} is {}: {}", result.name, result.state.name(), result.message));
        }
        self.checks = results.to_vec();
        self.has_changed = true;
    }

    /// The results of all checks of this host, the store included, if they changed since the last call.
    pub(super) fn changed_checks(&mut self) -> Option<Vec<PostureResult>> {
        if !std::mem::take(&mut self.has_changed) {
            return None;
        }
        let mut all = self.checks.clone();
        all.extend(self.trouble.as_ref().map(|trouble| PostureResult {
            name: CHECK.to_owned(),
            what: format!("incidents and evidence are written to {}", self.path),
            state: PostureState::Failed,
            message: trouble.message.clone(),
            why: String::new(),
            failures: trouble.failures.max(1),
            since: trouble.since,
        }));
        Some(all)
    }

    /// Records the end of the run, and waits until it is written.
    pub(super) fn stop(mut self, now: Timestamp) {
        self.note("stop", "stopped".to_owned());
        let Some((mut recorder, writer)) = self.store else { return };
        recorder.finish();
        let _ = now;
        writer.stop(recorder.take());
    }
}

impl InterfaceCounters {
    fn of(workers: &WorkerHandles, name: &str) -> InterfaceCounters {
        let stats = workers.stats(name);
        InterfaceCounters {
            name: name.to_owned(),
            is_up: workers.are_up(name),
            packets: stats.received,
            bytes: workers.frames(name).bytes,
            dropped: stats.dropped_kernel,
            sampled: workers.sampling(name).into(),
        }
    }
}

fn named(config: &Config) -> Vec<Addr> {
    config.metrics_hosts.iter().copied().map(Addr::from).collect()
}

fn started(restored: &Restored, now: Timestamp) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match restored.captured_until {
        Some(until) if until < now => {
            format!(
                "Pegel {version} started; nothing was captured for {:.0} s, since {until}",
                now.seconds_since(until)
            )
        }
        _ => format!("Pegel {version} started"),
    }
}
