//! The wiring: the only place that knows every stage. [`worker`] joins capture, packet and tally; [`engine`] joins
//! meter, detection and incidents; [`replay`] runs both in one thread over files, [`live`] in several over interfaces.
//! [`guests`] keeps rates of guests; [`overload`] decides how much a worker looks at; [`posture`] has a thread look at the host itself;
//! [`supervisor`] tells systemd whether all this goes on.

mod capture_thread;
pub mod drill;
pub mod engine;
pub mod guests;
mod host_checks;
mod inventory_poller;
mod inventory_view;
pub mod live;
pub mod overload;
mod persistence;
pub mod replay;
mod setup;
mod source;
mod systemd_notifier;
pub mod worker;
mod workers;

pub use live::wall_clock;
pub use persistence::read_baseline;
pub use setup::web;

use crate::base::Networks;
use crate::config::Config;
use crate::inventory::{Inventory, Site, Sources};
use std::sync::Arc;

/// What detectors may know of this place, by the configuration.
pub fn site(config: &Config, networks: Arc<Networks>, inventory: Arc<Inventory>) -> Arc<Site> {
    let site = Site::new(networks, config.interfaces.clone());
    Arc::new(site.with_groups(config.groups.clone()).with_segment(config.lan.clone()).with_inventory(inventory))
}

/// The guests that the configuration itself and its tables describe: all that a replay may know, since it must not depend on
/// the machine that it runs on.
fn described(config: &Config) -> Arc<Inventory> {
    let Sources { tables, guests, .. } = config.inventory.clone();
    Arc::new(Inventory::read(&Sources { tables, guests, ..Sources::default() }))
}
