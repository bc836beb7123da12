//! SIGHUP: puts the configuration file into force again.

use super::clock::wall_clock;
use super::judge_loop::JudgeLoop;
use super::worker_messages::WorkerCommand;
use std::sync::Arc;

/// Reads the configuration file and hands its reloadable parts to everything that uses them. A file with errors changes
/// nothing.
pub(super) fn reload(judge: &mut JudgeLoop) {
    let now = wall_clock();
    if let Err(errors) = judge.config.reload() {
        judge.publisher.config_reload(false, now);
        tracing::error!("configuration not reloaded, the old one stays in force:\n{errors}");
        return;
    }
    let (config, networks) = (&judge.config.config, &judge.config.networks);
    judge.inventory.replace(&config.inventory);
    let site = judge.config.site(Arc::clone(judge.inventory.known()));
    judge.engine.reconfigure(config, site);
    judge.recording.reconfigure(config);
    judge.host_checks.replace(&config.posture);
    judge.drills.replace(config, networks.iter().copied().collect());
    judge.publisher.watch_hosts(&config.metrics_hosts);
    judge.collector.workers.command(|| WorkerCommand::SetNetworks(Arc::clone(networks)));
    judge.send_lan_config();
    judge.publisher.config_reload(true, now);
    tracing::info!("configuration reloaded");
}
