//! The judge: collects the workers' reports, and judges each tick that is complete. Runs in the main thread of a live
//! run.

use super::clock::instant;
use super::drill::Drills;
use super::engine::Engine;
use super::host_check_poller::HostCheckPoller;
use super::inventory_poller::InventoryPoller;
use super::link_poller::LinkPoller;
use super::live_config::LiveConfig;
use super::persistence::Persistence;
use super::publisher::Publisher;
use super::recording::Recording;
use super::systemd_notifier::{Progress, SystemdNotifier};
use super::tick_collector::{TickCollector, Update, WorkerReport};
use super::worker_messages::{WorkerCommand, WorkerMessage};
use crate::base::Timestamp;
use crate::incident::Event;
use crate::inventory::Inventory;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;

/// What the main thread of a live run owns.
pub(super) struct JudgeLoop {
    pub config: LiveConfig,
    pub collector: TickCollector,
    pub engine: Engine,
    pub inventory: InventoryPoller,
    pub host_checks: HostCheckPoller,
    pub links: LinkPoller,
    pub drills: Drills,
    pub persistence: Persistence,
    pub recording: Recording,
    pub publisher: Publisher,
    pub systemd: SystemdNotifier,
}

impl JudgeLoop {
    /// Does everything that is due, after waiting briefly for messages. False once every worker has ended.
    pub(crate) fn step(&mut self) -> bool {
        match self.collector.receive() {
            Ok(message) => {
                self.accept(message);
                while let Some(message) = self.collector.try_receive() {
                    self.accept(message);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        if let Some(results) = self.host_checks.poll() {
            self.publisher.host_checks(results);
            self.recording.host_checks(results);
        }
        if let Some(results) = self.recording.changed_checks() {
            self.engine.set_posture(results);
        }
        if let Some(readings) = self.links.poll(self.engine.site()) {
            self.engine.set_links(readings);
        }
        if let Some(until) = self.collector.complete_until() {
            self.judge_until(until);
        }
        self.publisher.answer(&self.engine);
        let drilled = self.drills.take();
        self.publish_events(&drilled);
        let progress = Progress {
            last_tick: self.collector.last_tick(),
            frames: self.publisher.frames(),
            open_incidents: self.engine.incidents().open_count(),
        };
        self.systemd.update(progress, &self.config.interfaces, &self.collector.workers);
        true
    }

    pub(crate) fn accept(&mut self, message: WorkerMessage) {
        match self.collector.accept(message) {
            Some(Update::Report { interface, frames, late }) => {
                self.publisher.worker_report(&self.collector.workers, &interface, frames, late);
            }
            Some(Update::Down { interface, why }) => {
                self.publisher.capture_state(&interface, false);
                self.recording.note("capture", format!("capture on {interface} stopped: {why}"));
                tracing::error!(interface, "capture stopped, retrying: {why}");
            }
            Some(Update::Up { interface }) => {
                self.publisher.capture_state(&interface, true);
                self.recording.note("capture", format!("capture on {interface} resumed"));
                tracing::warn!(interface, "capture resumed");
            }
            Some(Update::ClockSetBack) => {
                tracing::warn!("the clock was set back: measurement windows restart, open incidents are closed");
                self.engine.clock_changed();
                self.publish_changes();
            }
            None => {}
        }
    }

    /// Judges the ticks up to `until` for which there are reports, oldest first.
    pub(crate) fn judge_until(&mut self, until: u64) {
        while let Some((tick, reports)) = self.collector.take_until(until) {
            self.judge(tick, reports);
        }
    }

    fn judge(&mut self, tick: u64, mut reports: Vec<WorkerReport>) {
        let start = instant();
        let losses = self.collector.workers.losses();
        self.engine.set_losses(losses);
        // A guest that was just created is in the inventory, but perhaps not yet in ours.
        if self.engine.has_unknown_stations(reports.iter().map(|(_, report)| &**report))
            && let Some(inventory) = self.inventory.refresh(start)
        {
            self.adopt(inventory);
        }
        let end = Timestamp::from_tick(tick + 1);
        self.publisher.tick_collected(&reports);
        self.engine.process(tick, reports.iter_mut().map(|(_, report)| &mut **report), end);
        self.recording.tick(&self.engine, reports.iter().map(|(_, report)| &report.kept), end);
        self.publisher.tick_processed(end, &reports, &self.engine, self.collector.workers.len());
        for (worker, report) in reports {
            self.collector.workers.recycle(worker, report);
        }
        self.publish_changes();
        self.publisher.tick_judged(start);
        self.recording.second(&self.engine, &self.collector.workers, &mut self.publisher, end);
        if self.publisher.starts_second(tick) {
            self.publisher.every_second(&self.engine, &self.drills, losses);
            self.publisher.overview(&self.engine, &self.collector.workers, end);
            if let Some(inventory) = self.inventory.poll() {
                self.adopt(inventory);
            }
            self.persistence.every_second(&self.config.config, &mut self.engine, end);
        }
    }

    /// Publishes the events and the log lines of the engine since the last call.
    pub(crate) fn publish_changes(&mut self) {
        let events = self.engine.take_events();
        self.publish_events(&events);
        for line in self.engine.take_news() {
            tracing::info!("{line}");
        }
    }

    /// Publishes changes of incidents.
    pub(crate) fn publish_events(&mut self, events: &[Event]) {
        self.recording.events(events);
        self.publisher.events(events, &self.engine, &self.drills);
    }

    /// Puts another inventory into force.
    fn adopt(&mut self, inventory: Arc<Inventory>) {
        self.recording.inventory(&inventory);
        self.engine.set_site(&self.config.config, self.config.site(inventory));
        self.send_lan_config();
    }

    /// Sends the workers the LAN's topology and the guests' addresses, if these changed.
    pub(crate) fn send_lan_config(&mut self) {
        if let Some(lan) = self.engine.lan_change() {
            self.collector.workers.command(|| WorkerCommand::SetLan(lan.clone()));
        }
    }
}
