//! # Pegel, the flood gauge for networks
//!
//! Pegel reads copies of packets, keeps rates per address and per station, and tells of attacks: which target, which
//! kind, since when, and why it says so. It changes no traffic.
//!
//! ## The map
//!
//! Data flows one way. Each stage knows the types of the stages before it and nothing of those behind it; a test reads
//! every `use crate::` and fails on an edge that this map does not have.
//!
//! ```text
//! capture ─▶ packet ─▶ meter ─▶ detect ─▶ incident ─▶ output      (metrics and http read meter and incident)
//!  frames    Packet    Window   Finding   Incident    the world
//! ```
//!
//! | room | what happens there | hands on |
//! |---|---|---|
//! | [`base`] | words that all share: time, addresses, networks, vectors, severities | |
//! | [`capture`] | frames from files, interfaces (the kernel's ring, libpcap) or the generator, borrowed, one at a time | [`Frame`](capture::Frame) |
//! | [`packet`] | bytes to one small `Copy` record; what is malformed gets a name | [`Packet`](packet::Packet) |
//! | [`meter`] | tallies per worker, merged every 100 ms into shared tables and sliding windows | [`Window`](meter::Window) |
//! | [`inventory`] | what is ours: networks, guests, and what each interface is and may carry | |
//! | [`posture`] | what must hold on this host, asked of the kernel and systemd | [`PostureResult`](base::PostureResult) |
//! | [`detect`] | rate and shape, one file per detector | [`Finding`](detect::Finding) |
//! | [`incident`] | a pure state machine: open, extend, close; what could be done about it | [`Incident`](incident::Incident) |
//! | [`output`] | sinks with bounded queues | the world |
//! | [`metrics`] | every metric a constant; the page for Prometheus | |
//! | [`http`] | `/metrics`, `/healthz`, `/readyz`, `/api/v1` | |
//! | [`config`] | TOML as written, then resolved | [`Config`](config::Config) |
//! | [`state`] | what outlives the process: files in one directory | |
//! | [`runtime`] | the only place that knows every stage: threads, channels, shutdown | |
//! | [`cli`] | one file per subcommand | |
//!
//! The hot path is capture, packet and the tally of meter: monomorphic, allocation-free after the start, no locks, no
//! logging, no clock. From [`Window`](meter::Window) on, work runs once per tick and may be `dyn` and readable.
//!
//! ## Time is an argument
//!
//! Whatever decides is a function of packets and their timestamps. No detector, window or incident reads a clock; in a
//! live run the pipeline tells the time where no packet does. A replay of a capture is therefore the same analysis as the
//! live run was, and gives the same output every time.
//!
//! ## Recipe: a source
//!
//! 1. A file under `capture/` with a type that implements [`PacketSource`](capture::PacketSource): `poll` hands frames
//!    to the sink and comes back at least twenty times a second.
//! 2. A row in [`SOURCES`](capture::SOURCES).
//! 3. Open it where it is used: `runtime/live_source.rs` for interfaces, `cli/replay.rs` for files.
//!
//! ## Recipe: a detector
//!
//! 1. The vector's name in [`base::words`], under its class.
//! 2. A file under `detect/` with `pub(super) const SPEC:` [`DetectorSpec`](detect::DetectorSpec) (name, vectors,
//!    summary, settings with default, range and unit) and a type that implements [`Detector`](detect::Detector): `judge`
//!    for one host in one direction, `survey` for the window as a whole. Ask for rate *and* shape, and give evidence that
//!    a person understands without the source.
//! 3. Its line in [`DETECTORS`](detect::DETECTORS). Command line, configuration, sample file and metrics follow.
//! 4. Under `tests/scenarios/`, one scenario that fires each vector and one benign look-alike that lists the detector
//!    in `silent_for`. A test fails without them.
//!
//! ## Recipe: an output
//!
//! 1. A file under `output/` with a type that implements [`Sink`](output::Sink). It runs in a thread of its own and may
//!    block; what does not fit into its queue is dropped and counted.
//! 2. A row in [`SINKS`](output::SINKS), its keys in `config/outputs.rs`.
//! 3. Start it in `runtime/outputs.rs`, `start_outputs`.

// What network input can reach must not end the process. Tests may (clippy.toml), as may tests/ and benches/.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::unimplemented)
)]

pub mod base;
pub mod capture;
pub mod cli;
pub mod config;
pub mod detect;
pub mod http;
pub mod incident;
pub mod inventory;
pub mod meter;
pub mod metrics;
pub mod mitigation;
pub mod output;
pub mod packet;
pub mod posture;
pub mod runtime;
pub mod state;
pub mod traffic;
