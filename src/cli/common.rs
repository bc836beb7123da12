//! Options that several subcommands share.

use super::exit;
use clap::Args;
use ipnet::IpNet;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options that most subcommands share.
#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    /// Configuration file [default: /etc/pegel/pegel.toml if it exists]
    #[arg(long, value_name = "FILE", env = "PEGEL_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Inside network, e.g. 203.0.113.0/24, or address; repeatable, or a list with commas; replaces `networks` of the
    /// configuration
    #[arg(long, value_name = "CIDR", value_parser = crate::config::network, value_delimiter = ',')]
    pub(super) network: Vec<IpNet>,
}

impl Common {
    /// Loads the configuration and applies the options to it. Prints the errors of an invalid one.
    pub(super) fn load(&self) -> Result<crate::config::Config, ExitCode> {
        match crate::config::Config::load(self.config.as_deref()) {
            Ok(mut config) => {
                if !self.network.is_empty() {
                    config.networks.clone_from(&self.network);
                }
                Ok(config)
            }
            Err(errors) => {
                eprintln!("{errors}");
                Err(ExitCode::from(exit::CONFIG))
            }
        }
    }
}

/// Location of the state directory, for subcommands that need nothing else from the configuration.
#[derive(Args, Clone, Debug)]
pub(super) struct StateArgs {
    /// Configuration file [default: /etc/pegel/pegel.toml if it exists]
    #[arg(long, value_name = "FILE", env = "PEGEL_CONFIG", global = true)]
    pub(super) config: Option<PathBuf>,
    /// State directory of the daemon [default: state_dir of the configuration]
    #[arg(long, value_name = "DIR", global = true)]
    state_dir: Option<PathBuf>,
}

impl StateArgs {
    /// The key that signs evidence, if one is configured.
    pub(super) fn signing_key(&self) -> Result<Option<PathBuf>, ExitCode> {
        let config = Common { config: self.config.clone(), network: Vec::new() }.load()?;
        Ok(config.evidence.signing_key)
    }

    /// The state directory. Loads the configuration only if it is needed.
    pub(super) fn path(&self) -> Result<PathBuf, ExitCode> {
        match &self.state_dir {
            Some(path) => Ok(path.clone()),
            None => Common { config: self.config.clone(), network: Vec::new() }.load().map(|config| config.state_dir),
        }
    }
}
