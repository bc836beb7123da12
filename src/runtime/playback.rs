//! Plays captures second by second, for people who watch. It is the analysis of a replay; the caller sets the pace.

use super::engine::Engine;
use super::inventory_publisher::guest_views;
use super::overview::{SecondsOfTraffic, overview};
use super::overview_publisher::machine_name;
use super::site::{configured_inventory, site};
use super::tally_worker::{TallyWorker, TickSink};
use crate::base::{Networks, TICKS_PER_SECOND, Timestamp};
use crate::capture::pcap_file::PcapFile;
use crate::capture::{PacketSource, Poll};
use crate::config::Config;
use crate::incident::{Incident, LossCounts};
use crate::meter::{Hasher, Scale, Tally, TickReport};
use crate::packet::Decoder;
use crate::view::{CaptureView, Overview, SensorView};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Closed incidents that are shown.
const RECENT: usize = 100;

/// Judges every tick, and shows every second.
struct Watcher<'f> {
    engine: Engine,
    report: TickReport,
    seconds: SecondsOfTraffic,
    /// The second of the last tick.
    second: u64,
    last: Option<Timestamp>,
    each_second: &'f mut dyn FnMut(Overview) -> bool,
    is_stopped: bool,
}

impl TickSink for Watcher<'_> {
    fn tick(&mut self, tally: &mut Tally, tick: u64, scale: Scale) {
        tally.finish_tick(tick, &mut self.report);
        self.report.scale = scale;
        let received = self.engine.totals().frames.packets + self.report.totals.frames.packets;
        self.engine.set_losses(LossCounts { received, dropped: 0, sampled: 1 });
        let end = Timestamp::from_tick(tick.saturating_add(1));
        self.engine.process(tick, std::iter::once(&mut self.report), end);
        self.seconds.tick(tick, self.engine.meter().window(end, &self.engine.interfaces).totals);
        self.last = Some(end);
        if std::mem::replace(&mut self.second, tick / TICKS_PER_SECOND as u64) != self.second {
            self.show(end);
        }
    }

    fn clock_changed(&mut self) {
        self.engine.clock_changed();
    }
}

impl Watcher<'_> {
    fn show(&mut self, end: Timestamp) {
        if self.is_stopped {
            return;
        }
        let packets = self.engine.totals().frames.packets;
        // Packets are counted for all interfaces of the capture together.
        let names: Vec<&str> =
            self.engine.interfaces.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        let name = if names.is_empty() { "capture".to_owned() } else { names.join(", ") };
        let capture = CaptureView { name, is_up: true, packets, sampled: 1, ..CaptureView::default() };
        let sensor = SensorView {
            name: machine_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            coverage: 1.0,
            interfaces: vec![capture],
            networks: self.engine.networks().iter().map(|network| network.to_string()).collect(),
            ..SensorView::default()
        };
        let incidents = self.engine.incidents();
        let recent = incidents.recent().map(|incident| Incident::clone(incident)).collect::<Vec<_>>();
        let shown = Overview {
            guests: guest_views(&self.engine),
            open: incidents.open().collect(),
            recent: recent.into_iter().rev().take(RECENT).collect(),
            ..overview(&self.engine, &self.seconds, sensor, end)
        };
        self.is_stopped = !(self.each_second)(shown);
    }
}

/// Plays captures as one timeline. `each_second` is called with what there is to see after each second of packet time, and once
/// at the end; it may wait, and ends the playback by returning false.
///
/// # Errors
/// A file cannot be read; what came before it was played.
pub fn play(files: &[PathBuf], config: &Config, each_second: &mut dyn FnMut(Overview) -> bool) -> Result<(), String> {
    let networks = Arc::new(Networks::new(config.networks.iter().copied()));
    let site = site(config, Arc::clone(&networks), configured_inventory(config));
    let hasher = Hasher::fixed();
    let watcher = Watcher {
        engine: Engine::new(config, site, hasher),
        report: TickReport::with_room(config.tally),
        seconds: SecondsOfTraffic::of_capture(),
        second: 0,
        last: None,
        each_second,
        is_stopped: false,
    };
    let tally = Tally::new(config.tally, networks, hasher);
    let mut worker = TallyWorker::new(Decoder { tunnels: config.tunnels }, tally, watcher);
    for file in files {
        play_file(file, &mut worker)?;
        if worker.sink.is_stopped {
            return Ok(());
        }
    }
    worker.finish();
    if let Some(end) = worker.sink.last {
        worker.sink.seconds.finish();
        worker.sink.show(end);
    }
    Ok(())
}

fn play_file(file: &Path, worker: &mut TallyWorker<Watcher<'_>>) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", file.display());
    let mut source = PcapFile::open(file).map_err(failed)?;
    // Each file has its own list.
    worker.sink.engine.interfaces.clear();
    loop {
        if let Some(lan) = worker.sink.engine.lan_change().cloned() {
            lan.apply(worker.tally());
        }
        let outcome = source.poll(worker).map_err(failed)?;
        let names = &mut worker.sink.engine.interfaces;
        for interface in source.interfaces().iter().skip(names.len()) {
            names.push(interface.name.clone().unwrap_or_default());
        }
        if matches!(outcome, Poll::End) || worker.sink.is_stopped {
            return Ok(());
        }
    }
}
