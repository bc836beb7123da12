//! What a live run begins with: interfaces, networks, outputs, HTTP. And what can go wrong then.

use super::live::LiveRequest;
use crate::base::Networks;
use crate::capture::CaptureError;
use crate::capture::pcap_live::{self, InterfaceInfo};
use crate::config::Config;
use crate::http;
use crate::output::alertmanager::Alertmanager;
use crate::output::hook::Hook;
use crate::output::syslog::Syslog;
use crate::output::webhook::Webhook;
use crate::output::{JsonLines, Log, Outputs, Sink};
use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;

/// Why a live run could not begin.
#[derive(Debug)]
pub enum LiveError {
    NoInterface(String),
    Capture { interface: String, error: CaptureError },
    Other(String),
}

impl fmt::Display for LiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LiveError::NoInterface(text) | LiveError::Other(text) => f.write_str(text),
            LiveError::Capture { error: CaptureError::Permission(text), .. } => f.write_str(text),
            LiveError::Capture { interface, error } => write!(f, "cannot capture on {interface}: {error}"),
        }
    }
}

impl std::error::Error for LiveError {}

impl LiveError {
    pub fn is_privilege(&self) -> bool {
        matches!(self, LiveError::Capture { error: CaptureError::Permission(_), .. })
    }
}

pub(super) fn choose_interfaces(config: &Config) -> Result<Vec<String>, LiveError> {
    let mut chosen = config.capture.interfaces.clone();
    let mut seen = std::collections::BTreeSet::new();
    chosen.retain(|name| seen.insert(name.clone()));
    if chosen.is_empty() {
        let default = pcap_live::default_interface().ok_or_else(|| {
            let known = known_interfaces().iter().map(|i| i.name.clone()).collect::<Vec<_>>().join(", ");
            LiveError::NoInterface(format!("there is no default route; name an interface with -i (there are: {known})"))
        })?;
        chosen.push(default);
    }
    Ok(chosen)
}

fn known_interfaces() -> Vec<InterfaceInfo> {
    pcap_live::interfaces().unwrap_or_default()
}

/// Inside networks: of the command line, else of the configuration, else of the captured interfaces.
pub(super) fn inside(request: &LiveRequest, interfaces: &[String]) -> Networks {
    let configured = if request.networks.is_empty() { &request.config.networks } else { &request.networks };
    if !configured.is_empty() {
        return Networks::new(configured.iter().copied());
    }
    let captured = known_interfaces().into_iter().filter(|known| interfaces.contains(&known.name));
    Networks::new(captured.flat_map(|interface| interface.networks))
}

/// Parts of the configuration that cannot change while running and did.
pub(super) fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let mut parts = Vec::new();
    if old.capture != new.capture {
        parts.push("[capture]");
    }
    if old.meter != new.meter || old.tally != new.tally {
        parts.push("[meter]");
    }
    if old.http != new.http {
        parts.push("[http]");
    }
    if old.output != new.output {
        parts.push("[output]");
    }
    if old.state_dir != new.state_dir || old.baseline != new.baseline {
        parts.push("state_dir and [baseline]");
    }
    if old.tunnels != new.tunnels {
        parts.push("[decode]");
    }
    parts
}

pub(super) fn start_outputs(config: &Config) -> Result<Outputs, LiveError> {
    let (mut outputs, output) = (Outputs::default(), &config.output);
    let mut start = |name: &str, sinks: Vec<Box<dyn Sink>>| {
        outputs.start(name, sinks).map_err(|error| LiveError::Other(format!("cannot start output {name}: {error}")))
    };
    if output.log {
        start("log", vec![Box::new(Log)])?;
    }
    let path = &output.jsonl;
    if !path.as_os_str().is_empty() {
        let sink = JsonLines::open(path, output.rotation)
            .map_err(|error| LiveError::Other(format!("output.jsonl: cannot write {}: {error}", path.display())))?;
        start("jsonl", vec![Box::new(sink)])?;
    }
    if let Some(target) = &output.syslog {
        start("syslog", vec![Box::new(Syslog::new(target))])?;
    }
    for alertmanager in &output.alertmanagers {
        let sink = Alertmanager::new(alertmanager, output.links.clone());
        start(&format!("alertmanager/{}", alertmanager.name), vec![Box::new(sink)])?;
    }
    for webhook in &output.webhooks {
        start(&format!("webhook/{}", webhook.name), vec![Box::new(Webhook::new(webhook))])?;
    }
    for hook in &output.hooks {
        let threads = (0..hook.concurrency).map(|_| Box::new(Hook::new(hook)) as Box<dyn Sink>);
        start(&format!("hook/{}", hook.name), threads.collect())?;
    }
    Ok(outputs)
}

/// Who may read by HTTP, with the files of the web configuration read. Errors are whole lines that name their keys.
pub fn web(config: &Config) -> Result<http::Web, Vec<String>> {
    let http = &config.http;
    if !http.enabled {
        return Ok(http::Web::open_to_all());
    }
    http::Web::read(&http.web_config, http.listen, http.allow_unauthenticated)
}

pub(super) fn start_http(config: &Config, shared: &Arc<http::Shared>) -> Result<Option<http::Server>, LiveError> {
    if !config.http.enabled {
        return Ok(None);
    }
    let address = config.http.listen;
    let web = web(config).map_err(|errors| LiveError::Other(errors.join("\n")))?;
    let listener = TcpListener::bind(address).map_err(|error| {
        LiveError::Other(format!("cannot listen on {address}: {error}; choose another address with --listen"))
    })?;
    http::start(listener, Arc::clone(shared), web)
        .map(Some)
        .map_err(|error| LiveError::Other(format!("cannot start the HTTP server: {error}")))
}

/// An interface that is not there: say which are.
pub(super) fn explain(error: CaptureError) -> CaptureError {
    match error {
        CaptureError::InterfaceGone(text) => {
            let known: Vec<String> = known_interfaces().into_iter().filter(|i| i.up).map(|i| i.name).collect();
            CaptureError::InterfaceGone(format!("{text} (interfaces that are up: {})", known.join(", ")))
        }
        other => other,
    }
}
