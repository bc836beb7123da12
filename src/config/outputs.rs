//! `[output]`, `[[alertmanager]]`, `[[webhook]]`, `[[hook]]`: where incidents go.

use super::limits::{NAME, is_name};
use super::render::{Page, quoted, string};
use super::resolve::whole;
use super::written::{Reader, reader};
use crate::base::Severity;
use crate::output::alertmanager::{AlertmanagerConfig, LABELS, Links};
use crate::output::endpoint::Endpoint;
use crate::output::hook::{HookConfig, HookMode};
use crate::output::syslog::SyslogTarget;
use crate::output::webhook::WebhookConfig;
use crate::output::{Rotation, Stage};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use toml::Table;

/// Of each kind: each has a thread or more, and is a label value.
const MOST: usize = 16;

#[derive(Clone, Debug, PartialEq)]
pub struct OutputConfig {
    /// A line on standard error for every change of an incident.
    pub log: bool,
    /// File to which every change of an incident is appended as a JSON line; empty: none.
    pub jsonl: PathBuf,
    pub rotation: Rotation,
    pub syslog: Option<SyslogTarget>,
    /// Where alerts lead to.
    pub links: Links,
    pub alertmanagers: Vec<AlertmanagerConfig>,
    pub webhooks: Vec<WebhookConfig>,
    pub hooks: Vec<HookConfig>,
}

impl Default for OutputConfig {
    fn default() -> Self {
        OutputConfig {
            log: true,
            jsonl: PathBuf::new(),
            rotation: Rotation { max_mib: 64, keep: 4 },
            syslog: None,
            links: Links {
                external_url: String::new(),
                dashboard_url: String::new(),
                runbook_url: "/usr/share/doc/pegel/runbooks/PegelIncident.md".to_owned(),
            },
            alertmanagers: Vec::new(),
            webhooks: Vec::new(),
            hooks: Vec::new(),
        }
    }
}

#[derive(Default)]
pub(super) struct WrittenOutputs {
    log: Option<bool>,
    jsonl: Option<String>,
    jsonl_max_mib: Option<i64>,
    jsonl_keep: Option<i64>,
    syslog: Option<String>,
    external_url: Option<String>,
    dashboard_url: Option<String>,
    runbook_url: Option<String>,
    alertmanagers: Vec<WrittenReceiver>,
    webhooks: Vec<WrittenReceiver>,
    hooks: Vec<WrittenHook>,
}

/// A `[[alertmanager]]` or a `[[webhook]]`.
struct WrittenReceiver {
    name: Option<String>,
    url: Option<String>,
    ca_file: Option<String>,
    username: Option<String>,
    password_file: Option<String>,
    bearer_token_file: Option<String>,
    timeout_seconds: Option<i64>,
    severity: Option<String>,
    /// Of an Alertmanager.
    refresh_seconds: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    /// Of a webhook.
    secret_file: Option<String>,
}

struct WrittenHook {
    name: Option<String>,
    command: Option<Vec<String>>,
    mode: Option<String>,
    on: Option<Vec<String>>,
    severity: Option<String>,
    timeout_seconds: Option<i64>,
    concurrency: Option<i64>,
    drill: Option<bool>,
}

const WHOLE: &str = "a whole number";
const SEVERITY: &str = "\"info\", \"warning\" or \"critical\"";

impl WrittenOutputs {
    /// `output` is the table of that name, the others are the arrays of tables.
    pub fn read(
        output: Table,
        alertmanagers: Vec<Table>,
        webhooks: Vec<Table>,
        hooks: Vec<Table>,
        errors: &mut Vec<String>,
    ) -> WrittenOutputs {
        let mut section = reader("output.", output, errors);
        let mut written = WrittenOutputs {
            log: section.take("log", "true or false"),
            jsonl: section.take("jsonl", "a file name in quotes"),
            jsonl_max_mib: section.take("jsonl_max_mib", WHOLE),
            jsonl_keep: section.take("jsonl_keep", WHOLE),
            syslog: section.take("syslog", "a target in quotes"),
            external_url: section.take("external_url", "a URL in quotes"),
            dashboard_url: section.take("dashboard_url", "a URL in quotes"),
            runbook_url: section.take("runbook_url", "a URL in quotes"),
            ..WrittenOutputs::default()
        };
        section.close();
        for (index, table) in alertmanagers.into_iter().enumerate() {
            let mut section = reader(&format!("alertmanager[{index}]."), table, errors);
            let mut receiver = WrittenReceiver::read(&mut section);
            receiver.refresh_seconds = section.take("refresh_seconds", WHOLE);
            receiver.labels = section.take("labels", "a table of labels and their values in quotes");
            section.close();
            written.alertmanagers.push(receiver);
        }
        for (index, table) in webhooks.into_iter().enumerate() {
            let mut section = reader(&format!("webhook[{index}]."), table, errors);
            let mut receiver = WrittenReceiver::read(&mut section);
            receiver.secret_file = section.take("secret_file", "a file name in quotes");
            section.close();
            written.webhooks.push(receiver);
        }
        for (index, table) in hooks.into_iter().enumerate() {
            let mut section = reader(&format!("hook[{index}]."), table, errors);
            written.hooks.push(WrittenHook {
                name: section.take("name", "a name in quotes"),
                command: section.take("command", "a list: the program and its arguments"),
                mode: section.take("mode", "\"json\" or \"fastnetmon\""),
                on: section.take("on", "a list of \"open\", \"update\" and \"close\""),
                severity: section.take("severity", SEVERITY),
                timeout_seconds: section.take("timeout_seconds", WHOLE),
                concurrency: section.take("concurrency", WHOLE),
                drill: section.take("drill", "true or false"),
            });
            section.close();
        }
        written
    }
}

impl WrittenReceiver {
    fn read(section: &mut Reader<'_>) -> WrittenReceiver {
        WrittenReceiver {
            name: section.take("name", "a name in quotes"),
            url: section.take("url", "a URL in quotes"),
            ca_file: section.take("ca_file", "a file name in quotes"),
            username: section.take("username", "a name in quotes"),
            password_file: section.take("password_file", "a file name in quotes"),
            bearer_token_file: section.take("bearer_token_file", "a file name in quotes"),
            timeout_seconds: section.take("timeout_seconds", WHOLE),
            severity: section.take("severity", SEVERITY),
            refresh_seconds: None,
            labels: None,
            secret_file: None,
        }
    }
}

pub(super) fn resolve(written: WrittenOutputs, output: &mut OutputConfig, errors: &mut Vec<String>) {
    output.log = written.log.unwrap_or(output.log);
    output.jsonl = written.jsonl.unwrap_or_default().into();
    whole("output.jsonl_max_mib", written.jsonl_max_mib, 0..=1_048_576, &mut output.rotation.max_mib, errors);
    whole("output.jsonl_keep", written.jsonl_keep, 0..=1000, &mut output.rotation.keep, errors);
    if let Some(text) = written.syslog.filter(|text| !text.is_empty()) {
        output.syslog = text.parse().ok();
        if output.syslog.is_none() {
            let message = "must be \"local\", \"unix:/path\", \"udp:host:port\" or \"tcp:host:port\"";
            errors.push(format!("output.syslog = {text:?}: {message}"));
        }
    }
    for (key, written, to) in [
        ("external_url", written.external_url, &mut output.links.external_url),
        ("dashboard_url", written.dashboard_url, &mut output.links.dashboard_url),
        ("runbook_url", written.runbook_url, &mut output.links.runbook_url),
    ] {
        let Some(text) = written else { continue };
        let is_one = ["http://", "https://", "/"].into_iter().any(|start| text.starts_with(start));
        if !text.is_empty() && (!is_one || !is_plain(&text)) {
            let message = "must be a URL that begins with http:// or https://, a path from / on, or empty";
            errors.push(format!("output.{key} = {text:?}: {message}"));
        } else {
            *to = text;
        }
    }
    let counts = [written.alertmanagers.len(), written.webhooks.len(), written.hooks.len()];
    for (kind, count) in ["alertmanager", "webhook", "hook"].into_iter().zip(counts) {
        if count > MOST {
            errors.push(format!("{kind}: {count} tables; at most {MOST} are told"));
        }
    }
    let mut names = BTreeSet::new();
    for (index, written) in written.alertmanagers.into_iter().enumerate() {
        alertmanager(&format!("alertmanager[{index}]"), written, &mut names, output, errors);
    }
    names.clear();
    for (index, written) in written.webhooks.into_iter().enumerate() {
        webhook(&format!("webhook[{index}]"), written, &mut names, output, errors);
    }
    names.clear();
    for (index, written) in written.hooks.into_iter().enumerate() {
        hook(&format!("hook[{index}]"), written, &mut names, output, errors);
    }
}

fn alertmanager(
    at: &str,
    mut written: WrittenReceiver,
    names: &mut BTreeSet<String>,
    output: &mut OutputConfig,
    errors: &mut Vec<String>,
) {
    let (mut refresh_seconds, labels) = (60, written.labels.take().unwrap_or_default());
    whole(&format!("{at}.refresh_seconds"), written.refresh_seconds, 5..=3600, &mut refresh_seconds, errors);
    for (label, value) in &labels {
        let is_name = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && !label.starts_with("__");
        if LABELS.contains(&label.as_str()) {
            errors.push(format!("{at}.labels.{label}: is set by Pegel itself"));
        } else if !is_name || value.is_empty() || value.contains(char::is_control) {
            errors.push(format!("{at}.labels.{label} = {value:?}: must be a label's name and one line of text"));
        }
    }
    let severity = severity(at, written.severity.take(), Severity::Warning, errors);
    let Some((name, endpoint)) = endpoint(at, written, names, 5, errors) else { return };
    output.alertmanagers.push(AlertmanagerConfig { name, endpoint, severity, refresh_seconds, labels });
}

fn webhook(
    at: &str,
    mut written: WrittenReceiver,
    names: &mut BTreeSet<String>,
    output: &mut OutputConfig,
    errors: &mut Vec<String>,
) {
    let secret_file = written.secret_file.take().unwrap_or_default().into();
    let severity = severity(at, written.severity.take(), Severity::Warning, errors);
    let Some((name, endpoint)) = endpoint(at, written, names, 10, errors) else { return };
    output.webhooks.push(WebhookConfig { name, endpoint, severity, secret_file });
}

fn hook(
    at: &str,
    written: WrittenHook,
    names: &mut BTreeSet<String>,
    output: &mut OutputConfig,
    errors: &mut Vec<String>,
) {
    let name = name(at, written.name, None, names, errors);
    let command = written.command.unwrap_or_default();
    match command.first() {
        None => errors
            .push(format!("{at}.command: missing; the program and its arguments, as in [\"/usr/local/bin/tell\"]")),
        Some(program) if !program.starts_with('/') || command.iter().any(|word| word.contains('\0')) => {
            errors.push(format!("{at}.command = [{program:?}, …]: must begin with the path of a program, from / on"));
        }
        Some(_) => {}
    }
    let mode = match written.mode.as_deref() {
        None => HookMode::Json,
        Some(text) => HookMode::ALL.into_iter().find(|mode| mode.name() == text).unwrap_or_else(|| {
            errors.push(format!("{at}.mode = {text:?}: must be \"json\" or \"fastnetmon\""));
            HookMode::Json
        }),
    };
    let mut on = Vec::new();
    for text in written.on.unwrap_or_else(|| Stage::ALL.map(|stage| stage.name().to_owned()).to_vec()) {
        match Stage::ALL.into_iter().find(|stage| stage.name() == text) {
            Some(stage) => on.push(stage),
            None => errors.push(format!("{at}.on: {text:?} must be \"open\", \"update\" or \"close\"")),
        }
    }
    let severity = severity(at, written.severity, Severity::Warning, errors);
    let (mut timeout_seconds, mut concurrency) = (30, 2);
    whole(&format!("{at}.timeout_seconds"), written.timeout_seconds, 1..=600, &mut timeout_seconds, errors);
    whole(&format!("{at}.concurrency"), written.concurrency, 1..=16, &mut concurrency, errors);
    let drill = written.drill.unwrap_or(mode == HookMode::Json);
    output.hooks.push(HookConfig { name, command, mode, on, severity, timeout_seconds, concurrency, drill });
}

/// The name of one of several; `otherwise` where none is written.
fn name(
    at: &str,
    written: Option<String>,
    otherwise: Option<String>,
    names: &mut BTreeSet<String>,
    errors: &mut Vec<String>,
) -> String {
    // Host and port are a name, too.
    let is_place = |name: &str| {
        otherwise.is_some()
            && name.len() <= 64
            && name.split([':', '[', ']']).all(|part| part.is_empty() || is_name(part))
    };
    let name = match (written, &otherwise) {
        (Some(name), _) if !is_name(&name) && !is_place(&name) => {
            errors.push(format!("{at}.name = {name:?}: {NAME}"));
            return name;
        }
        (Some(name), _) => name,
        (None, Some(name)) => name.clone(),
        (None, None) => {
            errors.push(format!("{at}.name: missing; metrics and messages call it by that"));
            return String::new();
        }
    };
    if !names.insert(name.clone()) {
        errors.push(format!("{at}.name = {name:?}: another has this name already"));
    }
    name
}

fn severity(at: &str, written: Option<String>, otherwise: Severity, errors: &mut Vec<String>) -> Severity {
    let Some(text) = written else { return otherwise };
    Severity::from_name(&text).unwrap_or_else(|| {
        errors.push(format!("{at}.severity = {text:?}: must be {SEVERITY}"));
        otherwise
    })
}

/// `None` with an error told.
fn endpoint(
    at: &str,
    written: WrittenReceiver,
    names: &mut BTreeSet<String>,
    timeout_seconds: u32,
    errors: &mut Vec<String>,
) -> Option<(String, Endpoint)> {
    let url = written.url.unwrap_or_default();
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = host.map(|rest| rest.split('/').next().unwrap_or_default()).unwrap_or_default();
    if host.is_empty() || host.contains('@') || !is_plain(&url) {
        let message = "must be a URL with http:// or https:// and a host, without name and password";
        errors.push(format!("{at}.url = {url:?}: {message}"));
        return None;
    }
    let name = name(at, written.name, Some(host.to_owned()), names, errors);
    let mut endpoint = Endpoint {
        ca_file: written.ca_file.unwrap_or_default().into(),
        username: written.username.unwrap_or_default(),
        password_file: written.password_file.unwrap_or_default().into(),
        bearer_token_file: written.bearer_token_file.unwrap_or_default().into(),
        timeout_seconds,
        url,
    };
    whole(&format!("{at}.timeout_seconds"), written.timeout_seconds, 1..=60, &mut endpoint.timeout_seconds, errors);
    let (has_token, has_password) =
        (!endpoint.bearer_token_file.as_os_str().is_empty(), !endpoint.password_file.as_os_str().is_empty());
    if has_token && (has_password || !endpoint.username.is_empty()) {
        errors.push(format!("{at}.bearer_token_file: goes not together with username and password_file"));
    } else if has_password && endpoint.username.is_empty() {
        errors.push(format!("{at}.password_file: needs username as well"));
    }
    if !endpoint.ca_file.as_os_str().is_empty() && !endpoint.url.starts_with("https://") {
        errors.push(format!("{at}.ca_file: is only asked for with https://"));
    }
    Some((name, endpoint))
}

fn is_plain(url: &str) -> bool {
    url.len() <= 2000 && url.bytes().all(|b| b.is_ascii_graphic())
}

pub(super) fn render(page: &mut Page<'_>, output: &OutputConfig) {
    page.section("output");
    page.note("A line on standard error (in the journal, with fields) for each change of an incident.");
    page.key("log", output.log);
    page.note("Append each change of an incident to this file, as JSON lines; empty: none.");
    page.key("jsonl", string(output.jsonl.display()));
    page.note("Put the file aside at so many MiB (0: never), and keep so many (0 to 1000) as FILE.1, FILE.2, …");
    page.key("jsonl_max_mib", output.rotation.max_mib);
    page.key("jsonl_keep", output.rotation.keep);
    page.note("Messages of RFC 5424: \"local\", \"unix:/path\", \"udp:host:port\", \"tcp:host:port\"; empty: none.");
    page.key("syslog", string(output.syslog.as_ref().map(ToString::to_string).unwrap_or_default()));
    page.note(
        "Pegel's own pages as people reach them, e.g. \"https://gate.example:7343\": alerts link to the incident.",
    );
    page.key("external_url", string(&output.links.external_url));
    page.note("What alerts name as dashboard and runbook; empty: none.");
    page.key("dashboard_url", string(&output.links.dashboard_url));
    page.key("runbook_url", string(&output.links.runbook_url));
}

/// The receivers, each a table.
pub(super) fn render_receivers(page: &mut Page<'_>, output: &OutputConfig) {
    for alertmanager in &output.alertmanagers {
        page.section("[alertmanager]");
        page.key("name", string(&alertmanager.name));
        render_endpoint(page, &alertmanager.endpoint);
        page.key("severity", string(alertmanager.severity));
        page.key("refresh_seconds", alertmanager.refresh_seconds);
        let labels = alertmanager.labels.iter().map(|(name, value)| (name.clone(), string(value)));
        page.key("labels", toml::Value::Table(labels.collect()));
    }
    if page.comments && output.alertmanagers.is_empty() {
        page.gap();
        page.note("An Alertmanager (API v2). Repeat for each: every one is told everything. Its alerts are named");
        page.note("PegelIncident; try the way to your pager with: pegel drill.");
        page.note("[[alertmanager]]");
        page.note("url = \"http://127.0.0.1:9093\"");
        page.note("In metrics; unless written, host and port.");
        page.note("name = \"main\"");
        page.note("Incidents from this severity on: \"info\", \"warning\" or \"critical\".");
        page.note("severity = \"warning\"");
        page.note(
            "What is open is told again so often (5 to 3600); an alert lapses after five times that without Pegel.",
        );
        page.note("refresh_seconds = 60");
        page.note("For a whole attempt (1 to 60).");
        page.note("timeout_seconds = 5");
        page.note("Labels for every alert.");
        page.note("labels = { site = \"fra1\" }");
        page.note("With https://: certificates to trust instead of the system's.");
        page.note("ca_file = \"/etc/pegel/ca.pem\"");
        page.note("One of: name and password, or a token. Files are read anew for each message.");
        page.note("username = \"pegel\"");
        page.note("password_file = \"/etc/pegel/alertmanager.password\"");
        page.note("bearer_token_file = \"/etc/pegel/alertmanager.token\"");
    }
    for webhook in &output.webhooks {
        page.section("[webhook]");
        page.key("name", string(&webhook.name));
        render_endpoint(page, &webhook.endpoint);
        page.key("severity", string(webhook.severity));
        page.key("secret_file", string(webhook.secret_file.display()));
    }
    if page.comments && output.webhooks.is_empty() {
        page.gap();
        page.note(
            "A receiver of incidents as JSON, posted as they open, change and close, in order, until taken. Beside the",
        );
        page.note("keys above (but refresh_seconds and labels):");
        page.note("[[webhook]]");
        page.note("name = \"portal\"");
        page.note("url = \"https://portal.example/ddos\"");
        page.note("Signs each message: Pegel-Signature: t=SECONDS,v1=HEX, the HMAC-SHA256 of SECONDS.BODY.");
        page.note("secret_file = \"/etc/pegel/portal.secret\"");
    }
    for hook in &output.hooks {
        page.section("[hook]");
        page.key("name", string(&hook.name));
        page.key("command", quoted(&hook.command));
        page.key("mode", string(hook.mode.name()));
        page.key("on", quoted(hook.on.iter().map(|stage| stage.name())));
        page.key("severity", string(hook.severity));
        page.key("timeout_seconds", hook.timeout_seconds);
        page.key("concurrency", hook.concurrency);
        page.key("drill", hook.drill);
    }
    if page.comments && output.hooks.is_empty() {
        page.gap();
        page.note(
            "A program that is run on incidents, without a shell: the incident as JSON on standard input, the main",
        );
        page.note("facts in PEGEL_STAGE, PEGEL_ID, PEGEL_TARGET, PEGEL_VECTOR and others. Repeat for each.");
        page.note("[[hook]]");
        page.note("name = \"tell\"");
        page.note("command = [\"/usr/local/bin/tell\", \"--quietly\"]");
        page.note(
            "\"fastnetmon\": called as a notify_script_path of FastNetMon, ADDRESS incoming|outgoing PPS ban|unban.",
        );
        page.note("mode = \"json\"");
        page.note("on = [\"open\", \"update\", \"close\"]");
        page.note("severity = \"warning\"");
        page.note("What runs longer is ended (1 to 600); so many at once (1 to 16), one of each incident.");
        page.note("timeout_seconds = 30");
        page.note("concurrency = 2");
        page.note(
            "Whether drills run it. Unless written, only in mode \"json\", where the program is told that it is one.",
        );
        page.note("drill = true");
    }
}

fn render_endpoint(page: &mut Page<'_>, endpoint: &Endpoint) {
    page.key("url", string(&endpoint.url));
    page.key("timeout_seconds", endpoint.timeout_seconds);
    for (key, path) in [
        ("ca_file", &endpoint.ca_file),
        ("password_file", &endpoint.password_file),
        ("bearer_token_file", &endpoint.bearer_token_file),
    ] {
        if !path.as_os_str().is_empty() {
            page.key(key, string(path.display()));
        }
    }
    if !endpoint.username.is_empty() {
        page.key("username", string(&endpoint.username));
    }
}
