//! The capturing thread of one interface: poll, decode, tally, hand over. It outlives the interface: where that goes
//! down or away, it keeps ticking and tries again.

use super::live::wall_clock;
use super::worker::{Handover, Worker};
use crate::base::{Networks, Timestamp};
use crate::capture::pcap_live::{self, LiveOptions, PcapLive};
use crate::capture::{PacketSource, Poll, SourceStats};
use crate::meter::{Tally, TickReport};
use crate::packet::Decoder;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

/// How far packet time stays behind the clock while nothing arrives: the kernel may still hold frames of the last block.
const KERNEL_DELAY_NANOS: u64 = 60_000_000;
/// Between attempts to open an interface again.
const RETRY: Duration = Duration::from_millis(100);

/// Idle polls, of 40 ms each, between looks at whether the interface is still up.
const IDLE_POLLS_PER_LOOK: u32 = 5;

/// From a capturing thread to the judge.
pub(super) enum Message {
    Tick {
        worker: usize,
        report: Box<TickReport>,
        stats: SourceStats,
        /// Ticks that went into this one since no box was back.
        late: u32,
    },
    Down {
        worker: usize,
        why: String,
    },
    Up {
        worker: usize,
    },
    ClockChanged {
        worker: usize,
    },
}

/// From the judge to a capturing thread.
pub(super) enum Order {
    Networks(Arc<Networks>),
}

pub(super) struct Capturing {
    pub name: String,
    pub index: u16,
    pub options: LiveOptions,
    pub decoder: Decoder,
    pub messages: SyncSender<Message>,
    pub boxes: Receiver<Box<TickReport>>,
    pub orders: Receiver<Order>,
    pub stop: Arc<AtomicBool>,
}

/// Sends reports to the judge.
struct ToJudge {
    worker: usize,
    messages: SyncSender<Message>,
    boxes: Receiver<Box<TickReport>>,
    orders: Receiver<Order>,
    stats: SourceStats,
    late: u32,
    /// This is the end: no box will come back any more.
    last: bool,
}

impl Handover for ToJudge {
    fn tick(&mut self, tally: &mut Tally, tick: u64) {
        while let Ok(Order::Networks(networks)) = self.orders.try_recv() {
            tally.set_networks(networks);
        }
        let mut report = match self.boxes.try_recv() {
            Ok(report) => report,
            Err(_) if self.last => Box::default(),
            Err(_) => {
                // The judge is behind: the next tick takes this one along.
                self.late += 1;
                return;
            }
        };
        tally.finish_tick(tick, &mut report);
        let late = std::mem::take(&mut self.late);
        // The judge has gone if this fails; the thread will be told to stop.
        let _ = self.messages.send(Message::Tick { worker: self.worker, report, stats: self.stats, late });
    }

    fn clock_changed(&mut self) {
        let _ = self.messages.send(Message::ClockChanged { worker: self.worker });
    }
}

impl Capturing {
    pub fn start(self, source: PcapLive, tally: Tally) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(format!("cap-{}", self.name)).spawn(move || self.run(source, tally))
    }

    fn run(self, source: PcapLive, tally: Tally) {
        let worker = usize::from(self.index);
        let handover = ToJudge {
            worker,
            messages: self.messages.clone(),
            boxes: self.boxes,
            orders: self.orders,
            stats: SourceStats::default(),
            late: 0,
            last: false,
        };
        let mut counting = Worker::new(self.decoder, tally, handover);
        let mut source = Some(source);
        let mut up = true;
        let mut idle_polls = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let mut trouble = None;
            match &mut source {
                Some(open) => {
                    let outcome = open.poll(&mut counting);
                    counting.handover.stats = open.stats();
                    match outcome {
                        Ok(Poll::Idle) => {
                            counting.advance(behind(wall_clock()));
                            idle_polls += 1;
                            if idle_polls % IDLE_POLLS_PER_LOOK == 0 && !pcap_live::is_up(&self.name) {
                                trouble = Some(format!("{} is down", self.name));
                            }
                        }
                        Ok(_) => {}
                        Err(error) => trouble = Some(error.to_string()),
                    }
                }
                None => {
                    pause();
                    counting.advance(behind(wall_clock()));
                    if pcap_live::is_up(&self.name)
                        && let Ok(again) = PcapLive::open(&self.name, self.index, &self.options)
                    {
                        counting.handover.stats = SourceStats::default();
                        source = Some(again);
                        up = true;
                        let _ = self.messages.send(Message::Up { worker });
                    }
                }
            }
            if let Some(why) = trouble {
                source = None;
                if up {
                    up = false;
                    let _ = self.messages.send(Message::Down { worker, why });
                    // The judge has put them by.
                    counting.handover.stats = SourceStats::default();
                }
            }
        }
        counting.handover.last = true;
        counting.finish();
    }
}

fn behind(now: Timestamp) -> Timestamp {
    Timestamp::from_nanos(now.nanos().saturating_sub(KERNEL_DELAY_NANOS))
}

#[expect(clippy::disallowed_methods, reason = "an interface that is gone cannot be waited for in any other way")]
fn pause() {
    std::thread::sleep(RETRY);
}
