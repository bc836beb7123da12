//! `[output]`: log, JSON lines, syslog, and the links in alerts.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::is_plain_url;
use crate::output::Rotation;
use crate::output::alertmanager::{AlertmanagerConfig, Links};
use crate::output::endpoint::Endpoint;
use crate::output::hook::HookConfig;
use crate::output::syslog::SyslogTarget;
use crate::output::webhook::WebhookConfig;
use std::path::PathBuf;

pub(super) const SECTION: Section = Section {
    heading: "[output]",
    reload: Reload::Restart,
    doc: "Where incidents are recorded on this machine, and the links that alerts carry. For notifications see \
          [[alertmanager]], [[webhook]] and [[hook]] below.",
    keys: &[&LOG, &JSONL, &JSONL_MAX_MIB, &JSONL_KEEP_FILES, &SYSLOG, &EXTERNAL_URL, &DASHBOARD_URL, &RUNBOOK_URL],
};

const LOG: Key = Key {
    name: "log",
    kind: Kind::Bool,
    default: DefaultValue::Bool(true),
    doc: "Log a line to standard error for each change of an incident; to the systemd journal with structured \
          fields.",
};

const JSONL: Key = Key {
    name: "jsonl",
    kind: Kind::Text("a file name"),
    default: DefaultValue::Text(""),
    doc: "Append each change of an incident to this file, one JSON object per line. Empty: no file.",
};

const JSONL_MAX_MIB: Key = Key {
    name: "jsonl_max_mib",
    kind: Kind::Whole { min: 0, max: 1_048_576, unit: "MiB" },
    default: DefaultValue::Whole(64),
    doc: "Rotate the file at this size. 0: never.",
};

const JSONL_KEEP_FILES: Key = Key {
    name: "jsonl_keep_files",
    kind: Kind::Whole { min: 0, max: 1000, unit: "files" },
    default: DefaultValue::Whole(4),
    doc: "Rotated files to keep, as FILE.1, FILE.2, …; the oldest is deleted.",
};

const SYSLOG: Key = Key {
    name: "syslog",
    kind: Kind::Text("a target"),
    default: DefaultValue::Text(""),
    doc: "Send RFC 5424 messages to \"local\", \"unix:/path\", \"udp:host:port\" or \"tcp:host:port\". Empty: none.",
};

const EXTERNAL_URL: Key = Key {
    name: "external_url",
    kind: Kind::Text("a URL"),
    default: DefaultValue::Text(""),
    doc: "URL under which people reach Pegel's HTTP server, for example \"https://gate.example:7343\". Alerts link \
          to the page of the incident there. Empty: no link.",
};

const DASHBOARD_URL: Key = Key {
    name: "dashboard_url",
    kind: Kind::Text("a URL"),
    default: DefaultValue::Text(""),
    doc: "Dashboard that alerts link to. Empty: none.",
};

/// The runbook of the package.
const RUNBOOK: &str = "/usr/share/doc/pegel/runbooks/PegelIncident.md";

const RUNBOOK_URL: Key = Key {
    name: "runbook_url",
    kind: Kind::Text("a URL"),
    default: DefaultValue::Text(RUNBOOK),
    doc: "Runbook that alerts link to, a URL or a path. Empty: none. Where external_url is set and this is not, the one that \
          Pegel serves: external_url with /runbooks/PegelIncident.",
};

/// Where incidents are recorded, and who is notified of them.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputConfig {
    /// A line on standard error for every change of an incident.
    pub log: bool,
    /// File to which every change of an incident is appended as a JSON line; empty: none.
    pub jsonl: PathBuf,
    /// When that file is rotated.
    pub rotation: Rotation,
    /// Where syslog messages are sent.
    pub syslog: Option<SyslogTarget>,
    /// Links that alerts carry.
    pub links: Links,
    /// `[[alertmanager]]`
    pub alertmanagers: Vec<AlertmanagerConfig>,
    /// `[[webhook]]`
    pub webhooks: Vec<WebhookConfig>,
    /// `[[hook]]`
    pub hooks: Vec<HookConfig>,
}

impl OutputConfig {
    /// Where messages are posted to.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        let alertmanagers = self.alertmanagers.iter().map(|one| &one.endpoint);
        alertmanagers.chain(self.webhooks.iter().map(|one| &one.endpoint))
    }

    /// The same, to be changed.
    pub(super) fn endpoints_mut(&mut self) -> impl Iterator<Item = &mut Endpoint> {
        let alertmanagers = self.alertmanagers.iter_mut().map(|one| &mut one.endpoint);
        alertmanagers.chain(self.webhooks.iter_mut().map(|one| &mut one.endpoint))
    }
}

/// Without the receivers, which have their own tables.
pub(super) fn read(section: &mut Reader<'_>) -> OutputConfig {
    let mut url = |key: &Key| section.parsed(key, link).unwrap_or_default();
    let (external_url, dashboard_url, runbook_url) = (url(&EXTERNAL_URL), url(&DASHBOARD_URL), url(&RUNBOOK_URL));
    // A path of this machine is no link on another machine.
    let runbook_url = match external_url.trim_end_matches('/') {
        base if !base.is_empty() && runbook_url == RUNBOOK => format!("{base}/runbooks/PegelIncident"),
        _ => runbook_url,
    };
    OutputConfig {
        log: section.bool(&LOG),
        jsonl: section.text(&JSONL).into(),
        rotation: Rotation { max_mib: section.whole(&JSONL_MAX_MIB), keep: section.whole(&JSONL_KEEP_FILES) },
        syslog: section.parsed(&SYSLOG, syslog).flatten(),
        links: Links { external_url, dashboard_url, runbook_url },
        alertmanagers: Vec::new(),
        webhooks: Vec::new(),
        hooks: Vec::new(),
    }
}

fn syslog(text: &str) -> Result<Option<SyslogTarget>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let forms = "must be \"local\", \"unix:/path\", \"udp:host:port\" or \"tcp:host:port\"";
    text.parse().map(Some).map_err(|()| forms.to_owned())
}

fn link(text: &str) -> Result<String, String> {
    let is_url = ["http://", "https://", "/"].into_iter().any(|start| text.starts_with(start)) && is_plain_url(text);
    if is_url || text.is_empty() {
        return Ok(text.to_owned());
    }
    Err("must be a URL that begins with http:// or https://, an absolute path, or empty".to_owned())
}

pub(super) fn write(output: &OutputConfig, page: &mut Page) {
    page.table(&SECTION);
    page.bool(&LOG, output.log);
    page.path(&JSONL, &output.jsonl);
    page.number(&JSONL_MAX_MIB, output.rotation.max_mib);
    page.number(&JSONL_KEEP_FILES, output.rotation.keep);
    page.text(&SYSLOG, output.syslog.as_ref().map(ToString::to_string).unwrap_or_default());
    page.text(&EXTERNAL_URL, &output.links.external_url);
    page.text(&DASHBOARD_URL, &output.links.dashboard_url);
    page.text(&RUNBOOK_URL, &output.links.runbook_url);
}
