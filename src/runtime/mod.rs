//! The wiring: the only room that knows every stage, and where threads and channels are.
//!
//! Data flows one way. In a live run, each **capture worker** is a thread (`cap-eth0`, `cap-eth0-1`, …). It polls its
//! source (`live_source`: a packet ring, or libpcap), and `tally_worker` decodes each frame, counts it in the worker's
//! own tally, and cuts packet time into ticks of 100 ms. At the end of a tick, `report_sender` takes an empty report
//! from the worker's pool, fills it from the tally, and sends it to the judge over one bounded channel that all workers
//! share. Every 100 ms, `worker_housekeeping` reads the kernel's drop counters, and `adaptive_sampling` decides from them
//! whether to capture only 1 in N frames.
//!
//! The **judge** is the main thread (`live`, `judge_loop`). `tick_collector` sorts reports by tick. When every live
//! worker has finished a tick, [`engine`] turns its reports into changes of incidents: it merges them into the meter's
//! windows, runs the detectors, and updates the incidents. The reports then return to the pools of their workers, and
//! `publisher` passes the outcome on: events to the queues of the outputs, figures to the metrics, snapshots to the
//! state that the HTTP server reads. `recorder` keeps the packets, seconds and minutes that outlive the process; once a second,
//! `recording` hands them to the thread of `store_writer`.
//!
//! ```text
//! source ─▶ capture worker ──WorkerMessage──▶ judge: collector ─▶ engine ─▶ publisher ─▶ output threads
//!             ▲   ▲                             │  │                    │             ─▶ metrics ─▶ HTTP thread
//!             │   │                             │  │                    └─ recorder ──Batch──▶ store thread
//!             │   └──── empty TickReport ───────┘  │
//!             └──────── WorkerCommand ─────────────┘
//! ```
//!
//! No thread waits for a slower one. A worker without an empty report continues its tally into the next tick and counts
//! the tick as late; outputs drop from full queues; whatever may block on files, tools or the kernel has a thread that
//! the judge polls or feeds: the inventory (`inventory_poller`), the host checks (`host_check_poller`), saved state
//! (`persistence`, `saved_pairings`), the store (`store_writer`), drills ([`drill`]). What flows back to the workers are commands with new networks or a new LAN
//! configuration.
//!
//! `startup`, `reloader` and `shutdown` build, change and end all this; before the first thread starts, `confinement` gives up what
//! is needed no more. `systemd_notifier` reports progress to the
//! service manager. Clocks are read in `clock` only, for liveness, durations, and packet time while no packets arrive.
//!
//! A [`replay`] runs tally and engine in one thread over files; a drill is a replay of generated traffic.

mod adaptive_sampling;
mod capture_worker;
mod clock;
mod confinement;
mod coverage_minutes;
pub mod drill;
pub mod engine;
mod guest_rates;
mod host_check_poller;
mod interfaces;
mod inventory_poller;
mod inventory_publisher;
mod judge_loop;
mod link_poller;
pub mod live;
mod live_config;
mod live_error;
mod live_source;
mod outputs;
mod overview;
mod overview_publisher;
mod packet_ring;
mod persistence;
pub mod playback;
mod publisher;
mod recorder;
mod recording;
mod reloader;
pub mod replay;
mod replay_record;
mod report_sender;
mod saved_pairings;
mod shutdown;
mod site;
mod startup;
mod store_writer;
mod subject_minutes;
mod systemd_notifier;
mod table_metrics;
pub mod tally_worker;
mod tick_collector;
mod unix_socket;
mod worker_handles;
mod worker_housekeeping;
mod worker_messages;

pub use clock::wall_clock;
pub use confinement::{print_sandbox, serve_as_helper, web};
pub use interfaces::choose as captured_interfaces;
pub use live_error::LiveError;
pub use persistence::read_baseline;
pub use replay_record::write_evidence;
pub use site::site;
pub use startup::report_sender;
