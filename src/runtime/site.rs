//! What detectors know about the monitored site, from the configuration and the inventory.

use crate::base::Networks;
use crate::config::Config;
use crate::inventory::{Inventory, Site, Sources};
use std::sync::Arc;

/// The site as the configuration describes it, with these inside networks and this inventory.
pub fn site(config: &Config, networks: Arc<Networks>, inventory: Arc<Inventory>) -> Arc<Site> {
    let site = Site::new(networks, config.interfaces.clone());
    let site = site.with_proxies(Networks::new(config.detection.proxies.iter().copied()));
    Arc::new(site.with_groups(config.groups.clone()).with_lan_policy(config.lan.clone()).with_inventory(inventory))
}

/// Only the guests in the configuration file and in the tables that it names: a replay must not depend on the machine
/// it runs on.
pub(super) fn configured_inventory(config: &Config) -> Arc<Inventory> {
    let Sources { tables, guests, .. } = config.inventory.clone();
    Arc::new(Inventory::read(&Sources { tables, guests, ..Sources::default() }))
}
