//! Starts the configured outputs.

use super::live_error::LiveError;
use crate::config::Config;
use crate::output::alertmanager::Alertmanager;
use crate::output::hook::Hook;
use crate::output::syslog::Syslog;
use crate::output::webhook::Webhook;
use crate::output::{JsonLines, Log, Outputs, Sink};

/// Starts one thread per sink. Hooks have several sinks, which share a queue.
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
        let sinks = (0..hook.concurrency).map(|_| Box::new(Hook::new(hook)) as Box<dyn Sink>);
        start(&format!("hook/{}", hook.name), sinks.collect())?;
    }
    Ok(outputs)
}
