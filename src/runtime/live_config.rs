//! The configuration of a live run: what is in force, and which parts a reload can change.

use super::interfaces;
use super::live_error::LiveError;
use super::site::site;
use crate::base::Networks;
use crate::config::{Config, ConfigErrors};
use crate::inventory::{Inventory, Site};
use crate::view::Overview;
use ipnet::IpNet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `pegel run` starts with.
pub struct LiveRequest {
    /// The configuration file with the overrides of the command line.
    pub config: Config,
    /// The configuration file alone: a reload is compared with it.
    pub file_config: Config,
    /// Path of the configuration file, for reloads.
    pub config_path: Option<PathBuf>,
    /// Networks from the command line, which also override those of a reloaded file.
    pub networks: Vec<IpNet>,
    /// Called once per second with what there is to see, for a line on a terminal.
    pub watcher: Option<Watcher>,
}

/// Called once per second with what there is to see.
pub type Watcher = Box<dyn FnMut(&Overview)>;

/// The configuration in force.
pub(super) struct LiveConfig {
    pub config: Config,
    file_config: Config,
    path: Option<PathBuf>,
    command_line_networks: Vec<IpNet>,
    /// Names of the captured interfaces; the index is the number that packets carry.
    pub interfaces: Vec<String>,
    /// Inside networks.
    pub networks: Arc<Networks>,
}

impl LiveConfig {
    /// Chooses the interfaces and the inside networks.
    pub(crate) fn new(request: LiveRequest) -> Result<LiveConfig, LiveError> {
        let LiveRequest { config, file_config, config_path: path, networks: command_line_networks, .. } = request;
        let interfaces = interfaces::choose(&config.capture)?;
        let networks = Arc::default();
        let mut live = LiveConfig { config, file_config, path, command_line_networks, interfaces, networks };
        live.find_networks();
        Ok(live)
    }

    fn find_networks(&mut self) {
        let configured = match self.command_line_networks.is_empty() {
            true => &self.config.networks,
            false => &self.command_line_networks,
        };
        self.networks = Arc::new(interfaces::inside_networks(configured, &self.interfaces));
    }

    /// Path of the configuration file.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The site with this inventory.
    pub(crate) fn site(&self, inventory: Arc<Inventory>) -> Arc<Site> {
        site(&self.config, Arc::clone(&self.networks), inventory)
    }

    /// Reads the file again and puts the parts into force that can change while running.
    ///
    /// # Errors
    /// Every error of the file. The configuration in force does not change then.
    pub(crate) fn reload(&mut self) -> Result<(), ConfigErrors> {
        let config = Config::load(self.path.as_deref())?;
        for section in self.file_config.needs_restart(&config) {
            tracing::warn!("changes of {section} take effect only after a restart");
        }
        self.config.reloadable = config.reloadable.clone();
        self.file_config = config;
        self.find_networks();
        Ok(())
    }
}
