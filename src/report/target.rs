//! The name of what an incident is about.

use super::text::name;
use crate::incident::Incident;

/// The name of the target, for headings and tables.
pub(super) fn target_name(incident: &Incident) -> String {
    let target = &incident.target;
    match (target.address, target.mac) {
        (Some(address), _) => address.to_string(),
        (None, Some(mac)) => mac.to_string(),
        (None, None) => name(&target.label()),
    }
}
