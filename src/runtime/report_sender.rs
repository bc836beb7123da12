//! The end of a capture worker's data path: applies the judge's commands between ticks, and sends each tick's report.

use super::tally_worker::TickSink;
use super::worker_messages::{WorkerCommand, WorkerMessage};
use crate::capture::SourceStats;
use crate::meter::{Scale, Tally, TickReport};
use std::sync::mpsc::{Receiver, SyncSender};

/// Sends the reports of one worker to the judge.
pub(super) struct ReportSender {
    worker: usize,
    messages: SyncSender<WorkerMessage>,
    /// Empty reports, which the judge returns after use.
    report_pool: Receiver<Box<TickReport>>,
    commands: Receiver<WorkerCommand>,
    /// Counters of the open source; zero while there is none.
    pub stats: SourceStats,
    /// The worker captures 1 in `sampling` frames.
    pub sampling: u16,
    /// Of this tick and the late ones before it.
    scale: Scale,
    late: u32,
    /// No frame has arrived for a while.
    pub is_idle: bool,
    /// The worker ends: the judge returns no more reports.
    pub is_last: bool,
}

impl ReportSender {
    pub(crate) fn new(
        worker: usize,
        messages: SyncSender<WorkerMessage>,
        report_pool: Receiver<Box<TickReport>>,
        commands: Receiver<WorkerCommand>,
        sampling: u16,
    ) -> ReportSender {
        ReportSender {
            worker,
            messages,
            report_pool,
            commands,
            stats: SourceStats::default(),
            sampling,
            scale: Scale::default(),
            late: 0,
            is_idle: false,
            is_last: false,
        }
    }
}

impl TickSink for ReportSender {
    fn tick(&mut self, tally: &mut Tally, tick: u64, scale: Scale) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                WorkerCommand::SetNetworks(networks) => tally.set_networks(networks),
                WorkerCommand::SetLan(lan) => lan.apply(tally),
            }
        }
        self.scale.merge(scale);
        let mut report = match self.report_pool.try_recv() {
            Ok(report) => report,
            Err(_) if self.is_last => Box::default(),
            Err(_) => {
                // The judge is behind: the tally continues, and the next report includes this tick.
                self.late += 1;
                return;
            }
        };
        tally.finish_tick(tick, &mut report);
        report.scale = std::mem::take(&mut self.scale);
        report.scale_up();
        let late = std::mem::take(&mut self.late);
        let (worker, stats, sampling) = (self.worker, self.stats, self.sampling);
        // Fails only after the judge has ended, which stops this thread as well.
        let is_idle = self.is_idle && report.totals.frames.is_zero() && report.elsewhere.is_zero();
        let _ = self.messages.send(WorkerMessage::Tick { worker, report, stats, sampling, late, is_idle });
    }

    fn clock_changed(&mut self) {
        let _ = self.messages.send(WorkerMessage::ClockSetBack { worker: self.worker });
    }
}
