//! The network interfaces of this machine: which to capture on, and which networks are inside.

use super::live_error::LiveError;
use crate::base::Networks;
use crate::capture::CaptureError;
use crate::capture::pcap_live::{self, InterfaceInfo};
use crate::config::CaptureConfig;
use ipnet::IpNet;
use std::collections::BTreeSet;

/// The configured interfaces, each once; else the interface of the default route.
///
/// # Errors
/// There is neither.
pub fn choose(config: &CaptureConfig) -> Result<Vec<String>, LiveError> {
    let mut chosen = config.interfaces.clone();
    let mut seen = BTreeSet::new();
    chosen.retain(|name| seen.insert(name.clone()));
    if chosen.is_empty() {
        let default = pcap_live::default_interface().ok_or_else(|| {
            let known = known().iter().map(|i| i.name.clone()).collect::<Vec<_>>().join(", ");
            LiveError::NoInterface(format!("there is no default route; name an interface with -i (there are: {known})"))
        })?;
        chosen.push(default);
    }
    Ok(chosen)
}

fn known() -> Vec<InterfaceInfo> {
    pcap_live::interfaces().unwrap_or_default()
}

/// The inside networks: the configured ones, else those of the captured interfaces.
pub(super) fn inside_networks(configured: &[IpNet], interfaces: &[String]) -> Networks {
    if !configured.is_empty() {
        return Networks::new(configured.iter().copied());
    }
    let captured = known().into_iter().filter(|known| interfaces.contains(&known.name));
    Networks::new(captured.flat_map(|interface| interface.networks))
}

/// Adds the names of the interfaces that are up to the error for a missing one.
pub(super) fn explain(error: CaptureError) -> CaptureError {
    match error {
        CaptureError::InterfaceGone(text) => {
            let up: Vec<String> = known().into_iter().filter(|i| i.up).map(|i| i.name).collect();
            CaptureError::InterfaceGone(format!("{text} (interfaces that are up: {})", up.join(", ")))
        }
        other => other,
    }
}
