//! Who sends reports: as configured, unless the command line says otherwise.

use crate::config::ReportConfig;
use crate::report::Sender;
use crate::runtime;
use std::path::PathBuf;

/// The sender of reports.
pub(super) fn sender(
    config: &ReportConfig,
    organisation: Option<String>,
    contact: Option<String>,
    mmdb: &[PathBuf],
) -> Sender {
    runtime::report_sender(&ReportConfig {
        organisation: organisation.unwrap_or_else(|| config.organisation.clone()),
        contact: contact.unwrap_or_else(|| config.contact.clone()),
        mmdb: if mmdb.is_empty() { config.mmdb.clone() } else { mmdb.to_vec() },
    })
}
