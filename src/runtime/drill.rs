//! Drills: a synthetic attack, judged by the configuration in force, whose incident goes out to every output.
//!
//! What is proved: decoding, metering, the detector with that host's limits (but those that were learned), the state machine, the judging loop of
//! the live run, and each output up to the other side's word that it took it. What is not: capturing; no packet is on
//! any wire. The attack has a meter of its own, so that no figure of real traffic, nothing learned and no real incident
//! is touched by it.
//!
//! Orders come over a socket in the state directory, a JSON object in a line; what happens goes back line by line.

use super::clock::{instant, wall_clock};
use super::replay::Replay;
use crate::base::{Timestamp, Vector, VectorClass};
use crate::config::Config;
use crate::incident::{Change, CloseReason, Event, Incident};
use crate::inventory::Sources;
use crate::output::{Delivery, Outputs, Receipt, Receipts};
use crate::traffic::{Scenario, Synthetic, TrafficModel};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The socket, in the state directory.
pub const SOCKET: &str = "control.sock";
/// Longest attack in seconds: an hour is enough for every pager.
pub const LONGEST: u32 = 3600;
/// Packets (or requests) a second, at most: the machine has other work.
pub const FASTEST: f64 = 20_000.0;
/// Seconds without traffic after which the incident of a drill closes.
const QUIET: f64 = 2.0;
/// How long outputs may take after its end.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often the attack goes on and the outputs are asked.
const STEP: Duration = Duration::from_millis(10);
/// Octets of an order.
const ORDER: u64 = 4096;
/// The name of the hop from here to the live run, which hands on to the outputs and the pages.
const JUDGE: &str = "judging loop";

/// What is to be played.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillOrder {
    pub vector: String,
    /// Unless given, the first address of our networks.
    pub target: Option<IpAddr>,
    /// How long the attack lasts, 1 to [`LONGEST`].
    pub seconds: u32,
    /// Packets (or requests) a second, up to [`FASTEST`]; unless given, what the tool that it imitates sends.
    pub rate: Option<f64>,
}

/// What happened, a line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DrillNews {
    Started {
        target: IpAddr,
        vector: String,
        seconds: u32,
        outputs: Vec<String>,
    },
    /// The incident changed.
    Incident {
        after_seconds: f64,
        change: String,
        id: String,
        summary: String,
    },
    /// An output has, or has not, taken a change.
    Output {
        after_seconds: f64,
        output: String,
        change: String,
        outcome: DrillOutcome,
        message: String,
    },
    /// The end: whether every output that wants such incidents took opening and closing.
    Ended {
        after_seconds: f64,
        passed: bool,
        message: String,
    },
    Refused {
        message: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillOutcome {
    Delivery,
    Skipped,
    Failed,
}

/// The vectors that can be drilled: floods of one host and what looks like them, each with the profile of its name.
pub fn vectors() -> impl Iterator<Item = Vector> {
    let is_one = |vector: &Vector| {
        matches!(vector.class(), VectorClass::Flood | VectorClass::Amplification | VectorClass::Application)
            && !vector.is_note()
            && TrafficModel::from_name(vector.name()).is_some()
    };
    Vector::ALL.iter().copied().filter(is_one)
}

/// The attack and the configuration that it is judged by.
pub struct Drill {
    pub target: IpAddr,
    pub vector: Vector,
    replay: Replay,
    source: Synthetic,
    began: Timestamp,
    ends: Timestamp,
}

impl Drill {
    /// `now` is the moment of its first packet.
    ///
    /// # Errors
    /// A sentence that says what must be ordered instead.
    pub fn new(order: &DrillOrder, config: &Config, networks: &[IpNet], now: Timestamp) -> Result<Drill, String> {
        let vector = vectors().find(|vector| vector.name() == order.vector).ok_or_else(|| {
            let known: Vec<&str> = vectors().map(|vector| vector.name()).collect();
            format!("{:?} cannot be drilled; these can: {}", order.vector, known.join(" "))
        })?;
        if !(1..=LONGEST).contains(&order.seconds) {
            return Err(format!("a drill lasts 1 to {LONGEST} seconds"));
        }
        if order.rate.is_some_and(|rate| !(1.0..=FASTEST).contains(&rate)) {
            return Err(format!("the rate must be between 1 and {FASTEST}"));
        }
        let target = target(vector, order.target, networks)?;
        // At the rate of its profile, fragments are but a part of a flood of UDP.
        let rate = order.rate.or((vector == Vector::FragmentFlood).then_some(12_000.0));
        let rate = rate.map_or_else(String::new, |rate| format!("rate = {rate:?}\n"));
        let part = format!(
            "[[part]]\nmodel = \"{vector}\"\nfrom = 0.0\nto = {}.0\ntarget = \"{target}\"\n{rate}",
            order.seconds
        );
        let mut scenario = Scenario::parse(&part)?;
        scenario.start = now;
        let source = scenario.source();
        let ends = now.plus_seconds(f64::from(order.seconds));
        Ok(Drill { target, vector, replay: Replay::new(&of_drill(config, target)), source, began: now, ends })
    }

    /// Plays and judges up to `now`; returns what happened, marked.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Event> {
        while self.source.next_at().is_some_and(|at| at <= now) {
            let Some(frame) = self.source.next_frame() else { break };
            self.replay.feed(frame);
        }
        self.replay.advance(now).into_iter().map(marked).collect()
    }

    /// Whether the attack is over and nothing of it is open.
    fn is_over(&self, now: Timestamp) -> bool {
        now.seconds_since(self.ends) > QUIET + 1.0 && self.replay.open().is_empty()
    }

    /// Closes what is open, for an end before its time.
    fn abort(&mut self, now: Timestamp) -> Vec<Event> {
        self.replay.abort(now).into_iter().map(marked).collect()
    }
}

/// Whom it hits, of the family that the vector needs.
fn target(vector: Vector, ordered: Option<IpAddr>, networks: &[IpNet]) -> Result<IpAddr, String> {
    let fits = |address: &IpAddr| match vector {
        Vector::Icmpv6Flood => address.is_ipv6(),
        Vector::IcmpFlood | Vector::Smurf => address.is_ipv4(),
        _ => true,
    };
    if let Some(address) = ordered {
        if address.is_unspecified() || address.is_multicast() {
            return Err(format!("{address} is no host's address"));
        }
        return Some(address)
            .filter(fits)
            .ok_or_else(|| format!("{vector} does not go with {address}: another family"));
    }
    let ours = networks.iter().filter_map(|network| network.hosts().next()).find(fits);
    // Addresses for documentation: RFC 5737, RFC 3849.
    let others = [IpAddr::from([203, 0, 113, 7]), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7])];
    ours.or_else(|| others.into_iter().find(fits)).ok_or_else(|| format!("{vector} needs a target"))
}

/// The same limits, groups and rules, for one host, with small tables and a short quiet time.
fn of_drill(config: &Config, target: IpAddr) -> Config {
    let mut config = config.clone();
    config.networks = vec![target.into()];
    config.incident.quiet_seconds = QUIET;
    config.inventory = Sources::default();
    (config.meter.hosts, config.meter.busy_hosts, config.meter.stations, config.meter.prefixes) = (256, 16, 64, 8);
    (config.tally.hosts, config.tally.detailed_hosts, config.tally.stations) = (1024, 64, 64);
    config
}

fn marked(event: Event) -> Event {
    let mut incident = Incident::clone(&event.incident);
    incident.drill = true;
    incident.id = format!("drill-{}", incident.id);
    Event { incident: Arc::new(incident), ..event }
}

/// The live run's side: where events of drills come in.
pub(super) struct Drills {
    events: Receiver<Vec<Event>>,
    desk: Arc<DrillContext>,
    receipts: Receipts,
    open: BTreeMap<String, Incident>,
    socket: Option<PathBuf>,
}

/// What a drill needs to know of the run.
struct DrillContext {
    now: Mutex<(Arc<Config>, Vec<IpNet>)>,
    outputs: Vec<String>,
}

impl Drills {
    /// Listens for orders. Where it cannot, there are no drills, and the log says why.
    pub fn start(config: &Config, networks: Vec<IpNet>, outputs: &Outputs) -> Drills {
        let (sender, events) = sync_channel(64);
        let now = Mutex::new((Arc::new(config.clone()), networks));
        let desk = Arc::new(DrillContext { now, outputs: outputs.names() });
        let receipts = outputs.receipts();
        let path = config.state_dir.join(SOCKET);
        let socket = match listen(&path) {
            Ok(listener) => {
                let (desk, receipts) = (Arc::clone(&desk), receipts.clone());
                let serve = move || serve(&listener, &desk, &sender, &receipts);
                match std::thread::Builder::new().name("pegel-drill".to_owned()).spawn(serve) {
                    Ok(_) => Some(path),
                    Err(error) => {
                        tracing::warn!("no drills: {error}");
                        None
                    }
                }
            }
            Err(error) => {
                tracing::warn!("no drills: {}: {error}", path.display());
                None
            }
        };
        Drills { events, desk, receipts, open: BTreeMap::new(), socket }
    }

    /// Another configuration is in force.
    pub fn replace(&self, config: &Config, networks: Vec<IpNet>) {
        *self.desk.now.lock().unwrap_or_else(PoisonError::into_inner) = (Arc::new(config.clone()), networks);
    }

    /// What happened in drills since the last call.
    pub fn take(&mut self) -> Vec<Event> {
        let events: Vec<Event> = self.events.try_iter().flatten().collect();
        for event in &events {
            let incident = &event.incident;
            match event.change {
                Change::Closed => self.open.remove(&incident.id),
                _ => self.open.insert(incident.id.clone(), Incident::clone(incident)),
            };
            let (output, outcome) = (JUDGE.to_owned(), Ok(Delivery::Delivered));
            self.receipts.keep(Receipt { output, incident: incident.id.clone(), change: event.change, outcome });
        }
        events
    }

    /// The end of drills that are under way when the run ends.
    pub fn stop(&mut self) -> Vec<Event> {
        let mut events = self.take();
        let now = wall_clock();
        events.extend(std::mem::take(&mut self.open).into_values().map(|mut incident| {
            (incident.closed_at, incident.close_reason) = (Some(now), Some(CloseReason::Shutdown));
            Event { change: Change::Closed, incident: Arc::new(incident) }
        }));
        events
    }

    /// Incidents of drills that are open.
    pub fn open(&self) -> impl Iterator<Item = Incident> + '_ {
        self.open.values().cloned()
    }
}

impl Drop for Drills {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            // Who comes later is told that nobody is there either way.
            let _ = std::fs::remove_file(socket);
        }
    }
}

/// A socket for the owner of the state directory and root only.
fn listen(path: &Path) -> io::Result<UnixListener> {
    // One that a run before left behind; a live one answers.
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another run listens here"));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// One drill after the other, until the run ends.
fn serve(listener: &UnixListener, desk: &DrillContext, events: &SyncSender<Vec<Event>>, receipts: &Receipts) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        if let Err(error) = answer(&client, desk, events, receipts) {
            tracing::debug!("a drill's client went away: {error}");
        }
    }
}

fn answer(
    client: &UnixStream,
    desk: &DrillContext,
    events: &SyncSender<Vec<Event>>,
    receipts: &Receipts,
) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    client.set_write_timeout(Some(Duration::from_secs(5)))?;
    let mut line = String::new();
    BufReader::new(client.take(ORDER)).read_line(&mut line)?;
    let (config, networks) = desk.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let drill = serde_json::from_str::<DrillOrder>(&line)
        .map_err(|error| format!("not an order: {error}"))
        .and_then(|order| Ok((Drill::new(&order, &config, &networks, wall_clock())?, order)));
    let (drill, order) = match drill {
        Ok(both) => both,
        Err(message) => return tell(client, &DrillNews::Refused { message }),
    };
    tracing::info!(target = %drill.target, vector = drill.vector.name(), seconds = order.seconds, "drill begins");
    receipts.take();
    let began = drill.began;
    let mut run = Run { drill, began, events, receipts, client, incidents: BTreeSet::new(), state: desk.states() };
    let outcome = run.play(&order);
    if outcome.is_err() {
        // Nobody listens any more: what is open must not stay so.
        let left = run.drill.abort(wall_clock());
        run.hand_over(left);
    }
    tracing::info!("drill ended");
    outcome
}

fn tell(mut client: &UnixStream, news: &DrillNews) -> io::Result<()> {
    let mut line = serde_json::to_vec(news)?;
    line.push(b'\n');
    client.write_all(&line)
}

/// How far an output is: for opening and closing, whether it took or skipped it.
#[derive(Clone, Copy, Default)]
struct State {
    opened: Option<DrillOutcome>,
    closed: Option<DrillOutcome>,
}

impl DrillContext {
    fn states(&self) -> BTreeMap<String, State> {
        let names = self.outputs.iter().cloned().chain([JUDGE.to_owned()]);
        names.map(|name| (name, State::default())).collect()
    }
}

/// A drill under way.
struct Run<'r> {
    drill: Drill,
    began: Timestamp,
    events: &'r SyncSender<Vec<Event>>,
    receipts: &'r Receipts,
    client: &'r UnixStream,
    /// The incidents of this drill: a slow output may still be busy with one before.
    incidents: BTreeSet<String>,
    state: BTreeMap<String, State>,
}

impl Run<'_> {
    fn play(&mut self, order: &DrillOrder) -> io::Result<()> {
        let outputs = self.state.keys().cloned().collect();
        let (target, vector) = (self.drill.target, order.vector.clone());
        tell(self.client, &DrillNews::Started { target, vector, seconds: order.seconds, outputs })?;
        let mut opened = false;
        loop {
            let now = wall_clock();
            let events = self.drill.advance(now);
            // Before the client hears of it: it may be gone, and what ended must not stay open.
            self.hand_over(events.clone());
            for event in &events {
                opened |= event.change == Change::Opened;
                self.incidents.insert(event.incident.id.clone());
                self.tell_incident(event)?;
            }
            self.tell_receipts()?;
            if self.drill.is_over(now) {
                break;
            }
            std::thread::park_timeout(STEP);
        }
        // The last outputs have their say.
        let deadline = instant() + PATIENCE;
        while opened && self.state.values().any(|state| state.closed.is_none()) && instant() < deadline {
            std::thread::park_timeout(STEP);
            self.tell_receipts()?;
        }
        let (passed, message) = self.verdict(opened);
        tell(self.client, &DrillNews::Ended { after_seconds: self.after(), passed, message })
    }

    fn after(&self) -> f64 {
        (wall_clock().seconds_since(self.began) * 1000.0).round() / 1000.0
    }

    /// To the judging loop, which gives it to the outputs as it does its own.
    fn hand_over(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.events.try_send(events) {
            tracing::error!("the judging loop does not take what happens in the drill");
        }
    }

    fn tell_incident(&self, event: &Event) -> io::Result<()> {
        let incident = &event.incident;
        let (change, id) = (event.change.name().to_owned(), incident.id.clone());
        let summary = crate::output::text::summary(incident);
        tell(self.client, &DrillNews::Incident { after_seconds: self.after(), change, id, summary })
    }

    fn tell_receipts(&mut self) -> io::Result<()> {
        for Receipt { output, incident, change, outcome } in self.receipts.take() {
            if !self.incidents.contains(&incident) {
                continue;
            }
            let (outcome, message) = match outcome {
                Ok(Delivery::Delivered) => (DrillOutcome::Delivery, String::new()),
                Ok(Delivery::Skipped(why)) => (DrillOutcome::Skipped, why.to_owned()),
                Ok(Delivery::Later) => (DrillOutcome::Failed, "it failed before and is not tried again yet".to_owned()),
                Err(message) => (DrillOutcome::Failed, message),
            };
            if let Some(state) = self.state.get_mut(&output) {
                match change {
                    Change::Opened => state.opened = Some(outcome),
                    Change::Closed => state.closed = Some(outcome),
                    // It failed to hear of the opening, but knows now.
                    _ if outcome == DrillOutcome::Delivery && state.opened == Some(DrillOutcome::Failed) => {
                        state.opened = Some(outcome);
                    }
                    _ => {}
                }
            }
            let (after_seconds, change) = (self.after(), change.name().to_owned());
            tell(self.client, &DrillNews::Output { after_seconds, output, change, outcome, message })?;
        }
        Ok(())
    }

    fn verdict(&self, opened: bool) -> (bool, String) {
        if !opened {
            let message = "no incident was opened: a limit of this host, an allow rule or a detector that is off keeps it \
                        from that; see pegel print-limits, or order a higher rate";
            return (false, message.to_owned());
        }
        let lacking: Vec<String> = self
            .state
            .iter()
            .filter_map(|(name, state)| {
                let why = match (state.opened, state.closed) {
                    (None, _) => "said nothing of the opening",
                    (Some(DrillOutcome::Failed), _) => "did not take the opening",
                    (_, None) => "said nothing of the closing",
                    (_, Some(DrillOutcome::Failed)) => "did not take the closing",
                    _ => return None,
                };
                Some(format!("{name} {why}"))
            })
            .collect();
        let took = self
            .state
            .iter()
            .filter(|(name, state)| name.as_str() != JUDGE && state.opened == Some(DrillOutcome::Delivery));
        match (lacking.is_empty(), took.count()) {
            (false, _) => (false, lacking.join("; ")),
            (true, 0) => (false, "no output wants to be told of such an incident".to_owned()),
            (true, count) => (true, format!("{count} outputs took it")),
        }
    }
}
