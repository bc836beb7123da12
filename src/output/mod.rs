//! Output: sends incidents to logs, files and other systems. Each sink has its own thread (a hook several) and its own
//! bounded queue; when a queue is full, events are dropped and counted, and the sender never blocks. [`SINKS`] lists
//! the sinks, `runner` runs them.
//!
//! [`text`] describes incidents in plain English; [`endpoint`] is the HTTP client.

pub mod alertmanager;
mod clock;
pub mod endpoint;
pub mod hook;
mod jsonl;
mod log;
mod registry;
mod retry;
mod runner;
mod sink;
mod stages;
pub mod syslog;
pub mod text;
pub mod webhook;

pub use jsonl::{JsonLines, Rotation};
pub use log::Log;
pub use registry::{SINKS, SinkSpec};
pub use runner::{Outputs, Receipt, Receipts, SinkCounts};
pub use sink::{Delivery, Settled, Sink};
pub use stages::Stage;

#[cfg(test)]
mod tests {
    use crate::incident::Incident;

    /// A SYN flood on 203.0.113.7, as the state machine opens it.
    pub(super) fn incident() -> Incident {
        use crate::config::Config;
        let flood =
            "seed = 1\n[[part]]\nmodel = \"syn_flood\"\nfrom = 0.0\nto = 2.0\nrate = 20000\ntarget = \"203.0.113.7\"\n";
        let scenario = crate::traffic::Scenario::parse(flood).unwrap();
        let mut source = scenario.source();
        let config = Config::for_networks(vec!["203.0.113.0/24".parse().unwrap()]);
        crate::runtime::replay::incidents(&config, &mut source).unwrap().remove(0)
    }
}
