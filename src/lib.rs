//! # Pegel, the flood gauge for networks
//!
//! Pegel reads copies of packets, keeps rates per address and per station, and detects attacks. It reports target, vector
//! and onset of each, with the evidence. It changes no traffic. The book in `docs/` is the manual; its glossary defines
//! the terms.
//!
//! ## The map
//!
//! Data flows one way. Each room knows the types of the rooms before it and nothing of those after it; a test reads
//! every `use crate::` and fails on an edge that this map does not have.
//!
//! ```text
//! capture ─▶ packet ─▶ meter ─▶ detect ─▶ incident ─▶ output      (metrics and http read meter and incident)
//!  frames    Packet    Window   Finding   Incident    receivers
//! ```
//!
//! | room | task | result |
//! |---|---|---|
//! | [`base`] | names and types that all share: time, addresses, networks, vectors, severities | |
//! | [`sandbox`] | what the process may do, and the helper that keeps what it may not | |
//! | [`capture`] | frames from files or interfaces (the kernel's ring, libpcap), borrowed, one at a time | [`Frame`](capture::Frame) |
//! | [`packet`] | octets to one small `Copy` record; malformed packets get the name of an anomaly | [`Packet`](packet::Packet) |
//! | [`meter`] | tallies per worker, which remember conversations; merged every 100 ms into shared tables and windows | [`Window`](meter::Window) |
//! | [`inventory`] | our networks, guests, and what each interface is and may carry | |
//! | [`posture`] | host checks, from the kernel and systemd | [`PostureResult`](base::PostureResult) |
//! | [`detect`] | rate and shape, one file per detector | [`Finding`](detect::Finding) |
//! | [`mitigation`] | suggested filters and routes, from samples | [`Suggestions`](mitigation::Suggestions) |
//! | [`incident`] | a pure state machine: open, extend, close | [`Incident`](incident::Incident) |
//! | [`output`] | sinks with bounded queues | |
//! | [`metrics`] | every metric a constant; the page for Prometheus | |
//! | [`view`] | what people look at: one second of everything, for page, terminal and API | [`Overview`](view::Overview) |
//! | [`tui`] | `pegel top`: that second on a terminal | |
//! | [`http`] | `/metrics`, `/healthz`, `/readyz`, `/api/v1` | |
//! | [`config`] | the TOML file, checked, with every default filled in | [`Config`](config::Config) |
//! | [`store`] | what outlives the process: incidents, minutes, evidence, baseline, maintenance windows | |
//! | [`report`] | incidents and periods for people: HTML, Markdown, JSON, XARF, mails | |
//! | [`traffic`] | the traffic generator: for the drill, tests and benchmarks | |
//! | [`runtime`] | the only room that knows every stage: threads, channels, shutdown | |
//! | [`cli`] | one file per subcommand | |
//!
//! The hot path is capture, packet and the tally of meter: monomorphic, no allocation after the start, no locks, no
//! logging, no clock. From [`Window`](meter::Window) on, work runs once per tick and may be `dyn` and readable.
//!
//! ## Time is an argument
//!
//! Every decision is a function of packets and their timestamps. No detector, window or incident reads a clock; in a live
//! run without packets the runtime advances packet time. A replay of a capture is therefore the same analysis as the live
//! run was, and gives the same output every time.
//!
//! ## Recipe: a source
//!
//! 1. A file under `capture/` with a type that implements [`PacketSource`](capture::PacketSource): `poll` delivers frames
//!    to the sink and returns at least twenty times per second.
//! 2. A row in [`SOURCES`](capture::SOURCES).
//! 3. Open it where it is used: `runtime/live_source.rs` for interfaces, `cli/replay.rs` for files.
//!
//! ## Recipe: a detector
//!
//! `make new-detector NAME=…` writes the skeleton of all of these:
//!
//! 1. The vector's name in [`base::words`], under its class.
//! 2. A file under `detect/` with `pub(super) const SPEC:` [`DetectorSpec`](detect::DetectorSpec) (name, vectors,
//!    summary, settings, what a host [needs](detect::Need) before the detector looks at it, thresholds with their reasons,
//!    precedence, mitigation) and a type that implements [`Detector`](detect::Detector): `inspect_host` for one host in one
//!    direction, `inspect_tick` for the tick as a whole. Require a rate *and* a shape, and give evidence that is understood
//!    without the source.
//! 3. Its row in [`DETECTORS`](detect::DETECTORS). Command line, configuration, sample file, metrics and the tables of the
//!    book follow.
//! 4. Under `tests/scenarios/CLASS/`, one scenario that fires each vector and one benign look-alike that lists the detector
//!    in `silent_for`. A test fails without them.
//! 5. Its page in the book: `PEGEL_RENEW_DOCS=1 cargo test --test book` creates it; four sections are written by hand.
//!
//! ## Recipe: an output
//!
//! 1. A file under `output/` with a type that implements [`Sink`](output::Sink). It runs on a separate thread and may
//!    block; what does not fit into its queue is dropped and counted.
//! 2. A row in [`SINKS`](output::SINKS), its section in `config/`.
//! 3. Start it in `runtime/outputs.rs`, `start_outputs`.

// An item that is no more public than it must be is seen by the compiler when it is dead.
#![warn(missing_docs, unreachable_pub)]
// Network input must not end the process. Tests may panic (clippy.toml), as may tests/ and benches/.
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
pub mod report;
pub mod runtime;
pub mod sandbox;
pub mod store;
pub mod traffic;
pub mod tui;
pub mod view;
