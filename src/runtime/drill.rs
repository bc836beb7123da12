//! Drills: a synthetic attack, evaluated with the current configuration, whose incident goes to every output.
//!
//! A drill tests decoding, metering, the detector with the limits of the target (except learned ones), the incident
//! state machine, the judge loop of the live run, and each output up to the acknowledgement of its receiver. It does
//! not test capturing: no packet is sent. The attack has a separate meter, so it changes no metrics of real traffic, no
//! baseline and no real incident.
//!
//! Requests arrive over a socket in the state directory, one JSON object in one line; progress is returned line by
//! line.

use super::clock::{instant, wall_clock};
use super::replay::Replay;
use super::unix_socket;
use crate::base::{Timestamp, Vector};
use crate::config::Config;
use crate::incident::{Change, CloseReason, Event, Incident};
use crate::inventory::Sources;
use crate::output::{Delivery, Outputs, Receipt, Receipts};
use crate::traffic::{AttackModel, Part, Scenario, Synthetic, for_vector};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The socket, in the state directory.
pub const SOCKET: &str = "control.sock";
/// Longest attack in seconds: an hour is enough for every pager.
pub const MAX_SECONDS: u32 = 3600;
/// Highest rate in packets (or requests) per second: the daemon has real traffic to process as well.
pub const MAX_RATE: f64 = 20_000.0;
/// Seconds without traffic after which the incident of a drill closes.
const QUIET_SECONDS: f64 = 2.0;
/// How long outputs may take after the end of the attack.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(15);
/// Interval at which the attack advances and receipts of the outputs are read.
const STEP: Duration = Duration::from_millis(10);
/// Longest request in bytes.
const MAX_REQUEST_BYTES: u64 = 4096;
/// Name, in the reports, of the judge loop of the live run, which passes incidents on to the outputs and the pages.
const JUDGE_LOOP: &str = "judge loop";

/// The drill that a client asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillRequest {
    /// Name of a vector, one of [`vectors`].
    pub vector: String,
    /// Default: the first address of the configured networks.
    pub target: Option<IpAddr>,
    /// Duration of the attack, 1 to [`MAX_SECONDS`].
    pub seconds: u32,
    /// Packets (or requests) per second, 1 to [`MAX_RATE`]. Default: the rate of the imitated tool.
    pub rate: Option<f64>,
}

/// One line of progress.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DrillProgress {
    /// The request is valid and the attack begins.
    Started {
        /// The attacked address.
        target: IpAddr,
        /// Name of the vector, as requested.
        vector: String,
        /// Duration of the attack in seconds.
        seconds: u32,
        /// Names of the outputs that report on each change, the judge loop included.
        outputs: Vec<String>,
    },
    /// The incident changed.
    Incident {
        /// Seconds since the drill began, rounded to milliseconds.
        after_seconds: f64,
        /// `opened`, `extended`, `escalated`, `progress` or `closed`.
        change: String,
        /// ID of the incident, with the prefix `drill-`.
        id: String,
        /// The incident in one line of text.
        summary: String,
    },
    /// An output has delivered, skipped or failed to deliver a change.
    Output {
        /// Seconds since the drill began, rounded to milliseconds.
        after_seconds: f64,
        /// Name of the output.
        output: String,
        /// The change of the incident that it handled, as in [`DrillProgress::Incident`].
        change: String,
        /// What the output did with the change.
        outcome: DrillOutcome,
        /// Why it was skipped or has failed; empty if delivered.
        message: String,
    },
    /// The end. Passed if every output that accepts such incidents delivered the opening and the closing.
    Ended {
        /// Seconds since the drill began, rounded to milliseconds.
        after_seconds: f64,
        /// Also false if no incident was opened or no output delivered it.
        passed: bool,
        /// How many outputs delivered, or what is missing, by output.
        message: String,
    },
    /// The request is invalid; no attack takes place.
    Refused {
        /// The invalid value and what is valid.
        message: String,
    },
}

/// What an output did with one change of the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillOutcome {
    /// The receiver acknowledged it.
    Delivered,
    /// The output does not send such a change; the message gives the reason.
    Skipped,
    /// The delivery failed, or is postponed after an earlier failure.
    Failed,
}

/// The vectors that can be drilled: those that the traffic generator can play against one host.
pub fn vectors() -> impl Iterator<Item = Vector> {
    Vector::ALL.iter().copied().filter(|vector| for_vector(*vector).is_some())
}

/// An attack and the replay that evaluates it.
pub struct Drill {
    /// The attacked address.
    pub target: IpAddr,
    /// The vector of the attack.
    pub vector: Vector,
    replay: Replay,
    source: Synthetic,
    began: Timestamp,
    ends: Timestamp,
}

impl Drill {
    /// Prepares a drill whose first packet is at `now`.
    ///
    /// # Errors
    /// A sentence that names the invalid value and what is valid.
    pub fn new(request: &DrillRequest, config: &Config, networks: &[IpNet], now: Timestamp) -> Result<Drill, String> {
        let vector = Vector::from_name(&request.vector);
        let Some((vector, attack)) = vector.and_then(|vector| Some((vector, for_vector(vector)?))) else {
            let known: Vec<&str> = vectors().map(|vector| vector.name()).collect();
            return Err(format!("{:?} cannot be drilled; these can: {}", request.vector, known.join(" ")));
        };
        if !(1..=MAX_SECONDS).contains(&request.seconds) {
            return Err(format!("a drill lasts 1 to {MAX_SECONDS} seconds"));
        }
        if request.rate.is_some_and(|rate| !(1.0..=MAX_RATE).contains(&rate)) {
            return Err(format!("the rate must be between 1 and {MAX_RATE}"));
        }
        let target = target(vector, attack, request.target, networks)?;
        let seconds = f64::from(request.seconds);
        let mut part = Part::new(attack.model, 0.0, seconds);
        (part.params.target, part.params.rate) = (Some(target.into()), request.rate.or(attack.rate));
        let source = Scenario { start: now, ..Scenario::new(0, vec![part]) }.source();
        let ends = now.plus_seconds(seconds);
        let replay = Replay::new(&drill_config(config, target));
        Ok(Drill { target, vector, replay, source, began: now, ends })
    }

    /// Plays and evaluates the attack up to `now`; returns the events, marked as a drill.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Event> {
        while self.source.next_at().is_some_and(|at| at <= now) {
            let Some(frame) = self.source.next_frame() else { break };
            self.replay.feed(frame);
        }
        self.replay.advance(now).into_iter().map(mark).collect()
    }

    /// Whether the attack has ended and its incidents are closed.
    fn is_over(&self, now: Timestamp) -> bool {
        now.seconds_since(self.ends) > QUIET_SECONDS + 1.0 && self.replay.open().is_empty()
    }

    /// Closes open incidents when the drill ends early.
    fn abort(&mut self, now: Timestamp) -> Vec<Event> {
        self.replay.abort(now).into_iter().map(mark).collect()
    }
}

/// The address to attack, of a family that the vector exists in.
fn target(
    vector: Vector,
    attack: AttackModel,
    requested: Option<IpAddr>,
    networks: &[IpNet],
) -> Result<IpAddr, String> {
    let fits = |address: &IpAddr| attack.family.includes(*address);
    if let Some(address) = requested {
        if address.is_unspecified() || address.is_multicast() {
            return Err(format!("{address} is not a host address"));
        }
        return Some(address)
            .filter(fits)
            .ok_or_else(|| format!("{vector} does not exist in the address family of {address}"));
    }
    let own = networks.iter().filter_map(|network| network.hosts().next()).find(fits);
    // Addresses for documentation: RFC 5737, RFC 3849.
    let examples = [IpAddr::from([203, 0, 113, 7]), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7])];
    own.or_else(|| examples.into_iter().find(fits)).ok_or_else(|| format!("{vector} needs a target"))
}

/// The same limits, groups and rules, for one host, with small tables and a short quiet time.
fn drill_config(config: &Config, target: IpAddr) -> Config {
    let mut config = config.clone();
    config.networks = vec![target.into()];
    config.incident.quiet_seconds = QUIET_SECONDS;
    config.inventory = Sources::default();
    (config.meter.hosts, config.meter.busy_hosts, config.meter.stations, config.meter.prefixes) = (256, 16, 64, 8);
    (config.tally.hosts, config.tally.detailed_hosts, config.tally.stations) = (1024, 64, 64);
    config
}

fn mark(event: Event) -> Event {
    let mut incident = Incident::clone(&event.incident);
    incident.drill = true;
    incident.id = format!("drill-{}", incident.id);
    Event { incident: Arc::new(incident), ..event }
}

/// The live run's end: receives the events of drills.
pub(super) struct Drills {
    events: Receiver<Vec<Event>>,
    context: Arc<DrillContext>,
    receipts: Receipts,
    open: BTreeMap<String, Incident>,
    socket: Option<PathBuf>,
}

/// What a drill needs from the live run.
struct DrillContext {
    current: Mutex<(Arc<Config>, Vec<IpNet>)>,
    outputs: Vec<String>,
}

impl Drills {
    /// Listens for requests. If it cannot, drills are unavailable and the reason is logged.
    pub(crate) fn start(config: &Config, networks: Vec<IpNet>, outputs: &Outputs) -> Drills {
        let (sender, events) = sync_channel(64);
        let current = Mutex::new((Arc::new(config.clone()), networks));
        let context = Arc::new(DrillContext { current, outputs: outputs.names() });
        let receipts = outputs.receipts();
        let path = config.state_dir.join(SOCKET);
        let socket = match unix_socket::listen(&path, 0o600) {
            Ok(listener) => {
                let (context, receipts) = (Arc::clone(&context), receipts.clone());
                let serve = move || serve(&listener, &context, &sender, &receipts);
                match std::thread::Builder::new().name("pegel-drill".to_owned()).spawn(serve) {
                    Ok(_) => Some(path),
                    Err(error) => {
                        tracing::warn!("drills unavailable: {error}");
                        None
                    }
                }
            }
            Err(error) => {
                tracing::warn!("drills unavailable: {}: {error}", path.display());
                None
            }
        };
        Drills { events, context, receipts, open: BTreeMap::new(), socket }
    }

    /// Replaces the configuration for later drills.
    pub(crate) fn replace(&self, config: &Config, networks: Vec<IpNet>) {
        *self.context.current.lock().unwrap_or_else(PoisonError::into_inner) = (Arc::new(config.clone()), networks);
    }

    /// Events of drills since the last call.
    pub(crate) fn take(&mut self) -> Vec<Event> {
        let events: Vec<Event> = self.events.try_iter().flatten().collect();
        for event in &events {
            let incident = &event.incident;
            match event.change {
                Change::Closed => self.open.remove(&incident.id),
                _ => self.open.insert(incident.id.clone(), Incident::clone(incident)),
            };
            let (output, outcome) = (JUDGE_LOOP.to_owned(), Ok(Delivery::Delivered));
            self.receipts.keep(Receipt { output, incident: incident.id.clone(), change: event.change, outcome });
        }
        events
    }

    /// Closes the incidents of drills that are running when the live run ends.
    pub(crate) fn stop(&mut self) -> Vec<Event> {
        let mut events = self.take();
        let now = wall_clock();
        events.extend(std::mem::take(&mut self.open).into_values().map(|mut incident| {
            (incident.closed_at, incident.close_reason) = (Some(now), Some(CloseReason::Shutdown));
            Event { change: Change::Closed, incident: Arc::new(incident) }
        }));
        events
    }

    /// Open incidents of drills.
    pub(crate) fn open(&self) -> impl Iterator<Item = Incident> + '_ {
        self.open.values().cloned()
    }
}

impl Drop for Drills {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            // A leftover socket does no harm: connecting to it fails as well.
            let _ = std::fs::remove_file(socket);
        }
    }
}

/// Runs one drill after another until the live run ends.
fn serve(listener: &UnixListener, context: &DrillContext, events: &SyncSender<Vec<Event>>, receipts: &Receipts) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        if let Err(error) = handle(&client, context, events, receipts) {
            tracing::debug!("drill client disconnected: {error}");
        }
    }
}

fn handle(
    client: &UnixStream,
    context: &DrillContext,
    events: &SyncSender<Vec<Event>>,
    receipts: &Receipts,
) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    client.set_write_timeout(Some(Duration::from_secs(5)))?;
    let mut line = String::new();
    BufReader::new(client.take(MAX_REQUEST_BYTES)).read_line(&mut line)?;
    let (config, networks) = context.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let drill = serde_json::from_str::<DrillRequest>(&line)
        .map_err(|error| format!("invalid request: {error}"))
        .and_then(|request| Ok((Drill::new(&request, &config, &networks, wall_clock())?, request)));
    let (drill, request) = match drill {
        Ok(both) => both,
        Err(message) => return send(client, &DrillProgress::Refused { message }),
    };
    tracing::info!(target = %drill.target, vector = drill.vector.name(), seconds = request.seconds, "drill started");
    receipts.take();
    let began = drill.began;
    let mut run = Run { drill, began, events, receipts, client, incidents: BTreeSet::new(), state: context.states() };
    let outcome = run.play(&request);
    if outcome.is_err() {
        // The client has disconnected: close the open incidents.
        let closed = run.drill.abort(wall_clock());
        run.publish(closed);
    }
    tracing::info!("drill ended");
    outcome
}

fn send(mut client: &UnixStream, progress: &DrillProgress) -> io::Result<()> {
    let mut line = serde_json::to_vec(progress)?;
    line.push(b'\n');
    client.write_all(&line)
}

/// What an output has done with the opening and the closing.
#[derive(Clone, Copy, Default)]
struct OutputState {
    opened: Option<DrillOutcome>,
    closed: Option<DrillOutcome>,
}

impl DrillContext {
    fn states(&self) -> BTreeMap<String, OutputState> {
        let names = self.outputs.iter().cloned().chain([JUDGE_LOOP.to_owned()]);
        names.map(|name| (name, OutputState::default())).collect()
    }
}

/// A running drill.
struct Run<'r> {
    drill: Drill,
    began: Timestamp,
    events: &'r SyncSender<Vec<Event>>,
    receipts: &'r Receipts,
    client: &'r UnixStream,
    /// The incidents of this drill: a slow output may still be delivering one of the previous drill.
    incidents: BTreeSet<String>,
    state: BTreeMap<String, OutputState>,
}

impl Run<'_> {
    fn play(&mut self, request: &DrillRequest) -> io::Result<()> {
        let outputs = self.state.keys().cloned().collect();
        let (target, vector) = (self.drill.target, request.vector.clone());
        send(self.client, &DrillProgress::Started { target, vector, seconds: request.seconds, outputs })?;
        let mut opened = false;
        loop {
            let now = wall_clock();
            let events = self.drill.advance(now);
            // Before the client is notified: if it has disconnected, closed incidents must still be published.
            self.publish(events.clone());
            for event in &events {
                opened |= event.change == Change::Opened;
                self.incidents.insert(event.incident.id.clone());
                self.send_incident(event)?;
            }
            self.send_receipts()?;
            if self.drill.is_over(now) {
                break;
            }
            std::thread::park_timeout(STEP);
        }
        // Slow outputs may still be delivering.
        let deadline = instant() + OUTPUT_TIMEOUT;
        while opened && self.state.values().any(|state| state.closed.is_none()) && instant() < deadline {
            std::thread::park_timeout(STEP);
            self.send_receipts()?;
        }
        let (passed, message) = self.verdict(opened);
        send(self.client, &DrillProgress::Ended { after_seconds: self.elapsed_seconds(), passed, message })
    }

    fn elapsed_seconds(&self) -> f64 {
        (wall_clock().seconds_since(self.began) * 1000.0).round() / 1000.0
    }

    /// Passes events to the judge loop, which sends them to the outputs like those of real traffic.
    fn publish(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.events.try_send(events) {
            tracing::error!("the judge loop does not accept events of the drill: its queue is full");
        }
    }

    fn send_incident(&self, event: &Event) -> io::Result<()> {
        let incident = &event.incident;
        let (change, id) = (event.change.name().to_owned(), incident.id.clone());
        let summary = crate::output::text::summary(incident);
        send(self.client, &DrillProgress::Incident { after_seconds: self.elapsed_seconds(), change, id, summary })
    }

    fn send_receipts(&mut self) -> io::Result<()> {
        for Receipt { output, incident, change, outcome } in self.receipts.take() {
            if !self.incidents.contains(&incident) {
                continue;
            }
            let (outcome, message) = match outcome {
                Ok(Delivery::Delivered) => (DrillOutcome::Delivered, String::new()),
                Ok(Delivery::Skipped(why)) => (DrillOutcome::Skipped, why.to_owned()),
                Ok(Delivery::Later) => {
                    (DrillOutcome::Failed, "failed before; the next attempt is not due yet".to_owned())
                }
                Err(message) => (DrillOutcome::Failed, message),
            };
            if let Some(state) = self.state.get_mut(&output) {
                match change {
                    Change::Opened => state.opened = Some(outcome),
                    Change::Closed => state.closed = Some(outcome),
                    // The opening failed, but a later change was delivered.
                    _ if outcome == DrillOutcome::Delivered && state.opened == Some(DrillOutcome::Failed) => {
                        state.opened = Some(outcome);
                    }
                    _ => {}
                }
            }
            let (after_seconds, change) = (self.elapsed_seconds(), change.name().to_owned());
            send(self.client, &DrillProgress::Output { after_seconds, output, change, outcome, message })?;
        }
        Ok(())
    }

    fn verdict(&self, opened: bool) -> (bool, String) {
        if !opened {
            let message = "no incident was opened: a limit of this host, an allow rule or a disabled detector prevents it; \
                           see pegel print-limits, or use a higher --rate";
            return (false, message.to_owned());
        }
        let missing: Vec<String> = self
            .state
            .iter()
            .filter_map(|(name, state)| {
                let why = match (state.opened, state.closed) {
                    (None, _) => "no result for the opening",
                    (Some(DrillOutcome::Failed), _) => "opening not delivered",
                    (_, None) => "no result for the closing",
                    (_, Some(DrillOutcome::Failed)) => "closing not delivered",
                    _ => return None,
                };
                Some(format!("{name}: {why}"))
            })
            .collect();
        let delivered = self
            .state
            .iter()
            .filter(|(name, state)| name.as_str() != JUDGE_LOOP && state.opened == Some(DrillOutcome::Delivered));
        match (missing.is_empty(), delivered.count()) {
            (false, _) => (false, missing.join("; ")),
            (true, 0) => (false, "no output is configured for such an incident".to_owned()),
            (true, count) => (true, format!("delivered by {count} outputs")),
        }
    }
}
