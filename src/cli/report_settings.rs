//! Who sends reports: as configured, unless the command line says otherwise.

use crate::config::ReportConfig;
use crate::report::{Reporter, Sender};
use std::path::PathBuf;

/// The sender of reports.
pub(super) fn sender(
    config: &ReportConfig,
    organisation: Option<String>,
    contact: Option<String>,
    mmdb: &[PathBuf],
) -> Sender {
    let reporter = Reporter {
        organisation: organisation.unwrap_or_else(|| config.organisation.clone()),
        contact: contact.unwrap_or_else(|| config.contact.clone()),
    };
    let mmdb = if mmdb.is_empty() { config.mmdb.clone() } else { mmdb.to_vec() };
    Sender::new(reporter, mmdb, rustix::system::uname().nodename().to_string_lossy().into_owned())
}
