//! Starts a live run: what can fail comes first, so that nothing is captured by a run that cannot report it.

use super::clock::{instant, wall_clock};
use super::confinement::Confined;
use super::drill::Drills;
use super::engine::Engine;
use super::host_check_poller::HostCheckPoller;
use super::inventory_poller::InventoryPoller;
use super::judge_loop::JudgeLoop;
use super::link_poller::LinkPoller;
use super::live_config::{LiveConfig, LiveRequest};
use super::live_error::LiveError;
use super::outputs::start_outputs;
use super::overview_publisher::machine_name;
use super::persistence::Persistence;
use super::publisher::Publisher;
use super::recording::Recording;
use super::systemd_notifier::SystemdNotifier;
use super::tick_collector::TickCollector;
use super::worker_handles::WorkerHandles;
use crate::config::ReportConfig;
use crate::http;
use crate::meter::Hasher;
use crate::metrics::Metrics;
use crate::report::{Reporter, Sender};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Starts every thread of a live run but the caller's, which is to run the judge's loop. The workers end when `stop` is
/// set.
pub(super) fn start(
    mut request: LiveRequest,
    stop: &Arc<AtomicBool>,
) -> Result<(JudgeLoop, Option<http::Server>), LiveError> {
    let watcher = request.watcher.take();
    let live = LiveConfig::new(request)?;
    let (config, interfaces, networks) = (&live.config, &live.interfaces, &live.networks);
    // Before any thread starts, which would keep what it has.
    let confined = Confined::enter(config, live.path(), interfaces)?;
    let Confined { sources, listener, web } = confined;
    warn_of_address_limit();
    let inventory = InventoryPoller::start(&config.inventory);
    let site = live.site(Arc::clone(inventory.known()));
    // A random key, so that an attacker cannot choose addresses that share a set of the tables.
    let hasher = Hasher::keyed(RandomState::new().hash_one(std::process::id()));
    let mut engine = Engine::new(config, site, hasher);
    engine.prepare();
    engine.interfaces.clone_from(interfaces);
    let outputs = start_outputs(config)?;
    let metrics = Metrics::new(interfaces, &outputs.names()).map_err(|error| LiveError::Other(error.to_string()))?;
    let metrics = Arc::new(metrics);
    let persistence = Persistence::start(config, &mut engine, &metrics, wall_clock());
    let recording = Recording::start(config, interfaces, &mut engine, &metrics, wall_clock());
    // After persistence, which creates the state directory: the drills' socket is in it.
    let drills = Drills::start(config, networks.iter().copied().collect(), &outputs);
    let host_checks = HostCheckPoller::start(&config.posture);
    let links = LinkPoller::start(interfaces);
    let origin = instant();
    let (hosts, stations) = engine.meter().tables();
    let shared = http::Shared::new(Arc::clone(&metrics), hosts, stations, interfaces.clone(), origin);
    let shared = Arc::new(if config.store.enabled {
        shared.with_store(&config.state_dir, report_sender(&config.report))
    } else {
        shared
    });
    let mut publisher = Publisher::new(metrics, Arc::clone(&shared), outputs, config.tally, origin);
    publisher.watch_hosts(&config.metrics_hosts);
    publisher.set_watcher(watcher);
    publisher.host_checks(host_checks.known());
    let server = start_http(listener, web, &shared)?;

    let (workers, messages) = WorkerHandles::start(config, sources, networks, hasher, stop)?;
    tracing::debug!("capturing after {:.1} ms", origin.elapsed().as_secs_f64() * 1000.0);
    let mut judge = JudgeLoop {
        config: live,
        collector: TickCollector::new(workers, messages),
        engine,
        inventory,
        host_checks,
        links,
        drills,
        persistence,
        recording,
        publisher,
        systemd: SystemdNotifier::new(origin),
    };
    judge.send_lan_config();
    log_start(&judge.config, server.as_ref());
    judge.publisher.start(&judge.config.interfaces, &judge.collector.workers, &judge.engine, &judge.drills);
    // What the last run left open.
    judge.publish_changes();
    judge.systemd.ready();
    Ok((judge, server))
}

/// Address space in MiB that a limit should leave: threads, tables and rings reserve more than they use, about 1.1 GiB in all.
const ADDRESS_SPACE_MIB: u64 = 2048;

fn warn_of_address_limit() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
    if let Some(mib) = limit.map(|octets| octets >> 20).filter(|&mib| mib < ADDRESS_SPACE_MIB) {
        tracing::warn!(
            "the address space is limited to {mib} MiB (ulimit -v, LimitAS=): an allocation that fails ends Pegel; it needs about \
             {ADDRESS_SPACE_MIB} MiB of addresses, most of them unused; limit its memory by MemoryMax= instead"
        );
    }
}

/// Who sends reports, as configured, from this machine.
pub fn report_sender(config: &ReportConfig) -> Sender {
    let (organisation, contact) = (config.organisation.clone(), config.contact.clone());
    Sender::new(Reporter { organisation, contact }, config.mmdb.clone(), machine_name())
}

/// The first log lines: what is captured, and where to read the results.
fn log_start(live: &LiveConfig, server: Option<&http::Server>) {
    let networks: Vec<String> = live.networks.iter().map(ToString::to_string).collect();
    let networks = if networks.is_empty() { "unknown".to_owned() } else { networks.join(" ") };
    let capture = &live.config.capture;
    tracing::info!(
        interfaces = live.interfaces.join(" "),
        networks,
        promiscuous = capture.promiscuous,
        filter = capture.bpf,
        "capturing"
    );
    if let Some(server) = server {
        tracing::info!("metrics, health and incidents on {}", server.url());
    }
}

fn start_http(
    listener: Option<http::Listener>,
    web: http::Web,
    shared: &Arc<http::Shared>,
) -> Result<Option<http::Server>, LiveError> {
    let Some(listener) = listener else { return Ok(None) };
    http::start(listener, Arc::clone(shared), web)
        .map(Some)
        .map_err(|error| LiveError::Other(format!("cannot start the HTTP server: {error}")))
}
