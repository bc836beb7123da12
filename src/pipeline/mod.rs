//! The wiring: the only place that knows every stage. [`worker`] joins capture, packet and tally; [`engine`] joins
//! meter, detection and incidents; [`replay`] runs both in one thread over files, [`live`] in several over interfaces.
//! [`overload`] decides how much a worker looks at.

mod capture_thread;
pub mod engine;
pub mod live;
mod memory;
pub mod overload;
pub mod replay;
mod setup;
mod source;
pub mod worker;
mod workers;

pub use live::wall_clock;
pub use memory::read_baseline;

use crate::base::Networks;
use crate::config::Config;
use crate::inventory::{InterfacePolicy, Site};
use std::sync::Arc;

/// What detectors may know of this place, by the configuration.
pub fn site(config: &Config, networks: Arc<Networks>) -> Arc<Site> {
    let policies = config
        .interfaces
        .iter()
        .map(|interface| InterfacePolicy {
            name: interface.name.clone(),
            allowed_macs: interface.allowed_macs.clone(),
            upstream_macs: interface.upstream_macs.clone(),
            ..InterfacePolicy::default()
        })
        .collect();
    Arc::new(Site::new(networks, policies).with_groups(config.groups.clone()))
}
