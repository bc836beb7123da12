//! Posture: host checks, which test whether this host meets configured requirements. They detect, for example, that a
//! firewall silently failed to start, which no packet shows.
//!
//! The kernel's state is read from files (`kernel`); that of systemd and nftables is queried with their own tools
//! (`tool`), each with a time limit. [`Watch`] keeps the results over repeated evaluations. Nothing on the host is
//! changed.

mod check;
mod kernel;
mod link_counters;
mod nftables;
mod on_request;
mod outcome;
mod systemd;
mod tool;
mod watch;

pub use check::{Check, Family, Posture, Requirement};
pub use kernel::Kernel;
pub use link_counters::LinkCounters;
pub use on_request::run_for;
pub use tool::Tools;
pub use watch::{Watch, initial_results};
