//! Which rules: for each vector the kinds of its packets, each narrowed step by step until what is usual is spared.
//!
//! A pure function of samples. Every step is one that keeps nearly all of the attack and takes most off what the rule
//! matches of the usual traffic; where no step helps, the rule becomes a rate limit, or is refused.

use super::shape::{Kind, Match, Ports, network};
use crate::base::{Vector, VectorClass};
use crate::meter::Sample;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Share of the attack that the steps must leave, together.
const KEEP: f64 = 0.965;
/// Usual packets among those of an attack, by which its samples are corrected: at most so many of them.
const MOST_STRANGERS: f64 = 0.5;
/// What is usual goes on for the moments in which an attack begins and ends: there is more of it than by its rate.
const MARGIN: f64 = 1.3;
/// Share of the usual traffic that a drop may match.
pub(super) const SPARE: f64 = 0.01;
/// Share of the usual traffic from which on not even a rate limit is worth it: it would be one for the target as a whole.
const REFUSE: f64 = 0.5;
/// Samples below which nothing is said.
pub(super) const LEAST: usize = 8;
/// Most values of one list in a rule.
const VALUES: usize = 8;
/// Part of what the others weigh on average: sources of a tool are alike, but of each only few packets are sampled.
const ALIKE: f64 = 0.1;
/// Most networks of one list.
const NETWORKS: usize = 32;
/// Values that a list may have where it is written although nothing demands it.
const OBVIOUS: usize = 4;
/// What an exception must be worth: it tells what somebody uses today, not what the attack looks like.
const EXCEPTION: f64 = 0.003;
/// Share of what is wrongly matched, and packets, from which on a port may be an exception: others are somebody's by chance.
const FREQUENT: f64 = 0.05;
const REPEATED: usize = 3;
/// A step must take away at least this part of what is wrongly matched.
const WORTH: f64 = 0.1;

/// Packets of one vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Attack {
    pub vector: Vector,
    pub samples: Vec<Sample>,
    pub packets_per_second: f64,
    /// Which of its peers may stand in rules: none where sources are invented.
    pub name_peers: bool,
}

/// What to do with what a rule matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Drop,
    /// Packets and octets a second that may pass.
    Limit {
        packets: u64,
        octets: u64,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub vector: Vector,
    pub what: Match,
    pub action: Action,
}

/// Rules and how they do on what was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub rules: Vec<Rule>,
    /// Share of the attack that the rules match together.
    pub attack: f64,
    /// The same of usual traffic; `None` where none was seen.
    pub usual: Option<f64>,
    /// What is left out, and why.
    pub left_out: Vec<String>,
}

/// What a filter language can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Language {
    pub ttl: bool,
}

impl Language {
    pub const FILTER: Language = Language { ttl: true };
    /// RFC 8955 has no component for the TTL.
    pub const FLOWSPEC: Language = Language { ttl: false };
}

fn weight<'a>(samples: impl Iterator<Item = &'a Sample>) -> f64 {
    // Not `sum`: that of nothing is minus zero.
    samples.fold(0.0, |sum, sample| sum + f64::from(sample.weight.max(1)))
}

fn part(of: f64, whole: f64) -> f64 {
    if whole > 0.0 { of / whole } else { 0.0 }
}

/// What is known of the usual traffic.
pub(super) struct Background<'a> {
    pub samples: &'a [Sample],
    pub packets_per_second: f64,
    whole: f64,
}

impl<'a> Background<'a> {
    pub fn new(samples: &'a [Sample], packets_per_second: f64) -> Self {
        Background { samples, packets_per_second, whole: weight(samples.iter()) }
    }

    fn share(&self, matches: impl Fn(&Sample) -> bool) -> f64 {
        part(weight(self.samples.iter().filter(|sample| matches(sample))), self.whole)
    }

    fn is_known(&self) -> bool {
        self.samples.len() >= LEAST
    }
}

/// What is usual comes in with the attack and looks like it at first: so much of its samples is not the attack's, and looks
/// like these.
struct Mixture<'a> {
    part: f64,
    like: Vec<&'a Sample>,
    like_whole: f64,
}

impl<'a> Mixture<'a> {
    /// Among samples of an attack that come to `packets_per_second`; `is_like` tells which usual ones come in with them.
    fn new(usual: &Background<'a>, packets_per_second: f64, is_like: impl Fn(&Sample) -> bool) -> Mixture<'a> {
        let like: Vec<&Sample> = usual.samples.iter().filter(|sample| is_like(sample)).collect();
        let like_whole = weight(like.iter().copied());
        let rate = usual.packets_per_second * part(like_whole, usual.whole);
        Mixture { part: (part(rate, packets_per_second) * MARGIN).min(MOST_STRANGERS), like, like_whole }
    }

    /// Share of the attack itself, of a share of its samples.
    fn correct(&self, share: f64, matches: impl Fn(&Sample) -> bool) -> f64 {
        let like = weight(self.like.iter().copied().filter(|sample| matches(sample)));
        ((share - self.part * part(like, self.like_whole)) / (1.0 - self.part)).clamp(0.0, 1.0)
    }
}

/// One rule being narrowed.
struct Draft<'a> {
    what: Match,
    /// Samples of its kind, in the attack and in the usual traffic.
    attack: Vec<&'a Sample>,
    usual: Vec<&'a Sample>,
    attack_whole: f64,
    usual_whole: f64,
    mixture: Mixture<'a>,
    keep: f64,
    /// Whether sizes and TTLs of the samples are those of all its packets.
    sizes: bool,
}

impl<'a> Draft<'a> {
    fn shares(&self, what: &Match) -> (f64, f64) {
        let of = |samples: &[&Sample]| weight(samples.iter().copied().filter(|sample| what.matches(sample)));
        let attack = part(of(&self.attack), self.attack_whole);
        (self.mixture.correct(attack, |sample| what.matches(sample)), part(of(&self.usual), self.usual_whole))
    }

    /// The share of the samples that is left of so much of the attack, if nothing usual is.
    fn of_samples(&self, share: f64) -> f64 {
        share * (1.0 - self.mixture.part)
    }

    /// Narrows by what nearly all have in common and is little to write: the port of a service, a fixed size, few peers.
    fn take_obvious(&mut self, name_peers: bool) {
        let mut steps = Vec::new();
        if self.what.kind.has_ports() {
            steps.extend(self.listed(|sample| sample.source_port, self.of_samples(0.99), OBVIOUS).map(|ports| {
                let source_ports = Ports::Only(ports);
                Match { source_ports, ..self.what.clone() }
            }));
            steps.extend(self.listed(|sample| sample.destination_port, self.of_samples(0.99), OBVIOUS).map(|ports| {
                let destination_ports = Ports::Only(ports);
                Match { destination_ports, ..self.what.clone() }
            }));
        }
        let (from, to) = self.shortest(|sample| sample.length, self.of_samples(self.keep));
        if self.sizes && from > 0 && to - from <= 8 {
            steps.push(Match { length: Some((from, to)), ..self.what.clone() });
        }
        // Of whole connections there is nothing else to tell them by.
        let most = if self.sizes { OBVIOUS } else { NETWORKS };
        if name_peers && let Some(peers) = self.peers(128, self.of_samples(0.99), most) {
            steps.push(Match { peers, ..self.what.clone() });
        }
        for step in steps {
            let joined = join(&self.what, &step);
            if self.shares(&joined).0 >= self.keep {
                self.what = joined;
            }
        }
    }

    /// Narrows while the rule matches more of the usual traffic than `spare`, and a step helps.
    fn narrow(&mut self, spare: f64, name_peers: bool, language: Language) {
        loop {
            let (_, usual) = self.shares(&self.what);
            if usual <= spare {
                return;
            }
            let steps = self.steps(name_peers, language);
            let judged = steps.into_iter().filter_map(|step| {
                let (attack, after) = self.shares(&step);
                // What is lost of the attack counts against what is gained, so that of equals the loosest wins.
                let cost = after + (1.0 - attack) + exceptions(&step) as f64 * EXCEPTION;
                (attack >= self.keep && after < usual * (1.0 - WORTH)).then_some((cost, step))
            });
            let best = judged.reduce(|best, step| if step.0 < best.0 { step } else { best });
            let Some((_, best)) = best else { return };
            if best == self.what {
                return;
            }
            self.what = best;
        }
    }

    fn steps(&self, name_peers: bool, language: Language) -> Vec<Match> {
        let now = &self.what;
        let mut steps = Vec::new();
        let shares = [1.0, self.of_samples(0.99), self.of_samples(self.keep)];
        if now.kind.has_ports() {
            for ports in self.port_steps(&now.source_ports, |sample| sample.source_port) {
                steps.push(Match { source_ports: ports, ..now.clone() });
            }
            for ports in self.port_steps(&now.destination_ports, |sample| sample.destination_port) {
                steps.push(Match { destination_ports: ports, ..now.clone() });
            }
        }
        for share in self.sizes.then_some(shares).into_iter().flatten() {
            let length = self.shortest(|sample| sample.length, share);
            if length.0 > 0 {
                steps.push(Match { length: Some(length), ..now.clone() });
            }
        }
        if name_peers {
            let v4 = self.attack.first().is_some_and(|sample| sample.peer.is_v4());
            let lengths: [u8; 2] = if v4 { [32, 24] } else { [128, 64] };
            for length in lengths {
                let peers = self.peers(length, self.of_samples(self.keep), NETWORKS);
                steps.extend(peers.map(|peers| Match { peers, ..now.clone() }));
            }
        }
        if language.ttl && self.sizes {
            for share in shares {
                let (from, to) = self.shortest(|sample| u16::from(sample.ttl), share);
                if from > 0 {
                    steps.push(Match { ttl: Some((from.min(255) as u8, to.min(255) as u8)), ..now.clone() });
                }
            }
        }
        steps
    }

    fn port_steps(&self, now: &Ports, port: impl Fn(&Sample) -> u16 + Copy) -> Vec<Ports> {
        let mut steps = Vec::new();
        if *now != Ports::Any {
            return steps;
        }
        steps.extend(self.listed(port, self.of_samples(self.keep), VALUES).map(Ports::Only));
        for share in [1.0, self.of_samples(0.99), self.of_samples(self.keep)] {
            steps.push(Ports::Only(vec![self.shortest(port, share)]));
        }
        // All but what the target's usual peers use, the busiest first.
        let matched: Vec<&Sample> = self.usual.iter().copied().filter(|sample| self.what.matches(sample)).collect();
        let whole = weight(matched.iter().copied());
        let is_frequent = |value: u16, weight: f64| {
            weight >= FREQUENT * whole && matched.iter().filter(|sample| port(sample) == value).count() >= REPEATED
        };
        let spared = counted(matched.iter().copied(), port).into_iter();
        let spared = spared.filter(|(port, weight)| is_frequent(*port, *weight)).map(|(port, _)| port);
        let spared: Vec<u16> = spared.take(VALUES).collect();
        for most in [1, 2, 4, VALUES] {
            if let Some(ports) = spared.get(..most.min(spared.len())).filter(|ports| !ports.is_empty()) {
                let mut ports = ports.to_vec();
                ports.sort_unstable();
                steps.push(Ports::Not(ports));
            }
        }
        steps
    }

    /// The values that make up `share` of the attack, if they are no more than `most`.
    fn listed(&self, value: impl Fn(&Sample) -> u16, share: f64, most: usize) -> Option<Vec<(u16, u16)>> {
        let counted = counted(self.attack.iter().copied(), value);
        let (mut values, mut sum) = (Vec::new(), 0.0);
        for (value, weight) in counted {
            if sum >= share * self.attack_whole && !is_alike(weight, sum, values.len()) {
                break;
            }
            if values.len() == most {
                return None;
            }
            values.push((value, value));
            sum += weight;
        }
        values.sort_unstable();
        // Zero is no port.
        (!values.is_empty() && values.iter().all(|(value, _)| *value != 0)).then_some(values)
    }

    /// The shortest range of values that holds `share` of the attack.
    fn shortest(&self, value: impl Fn(&Sample) -> u16, share: f64) -> (u16, u16) {
        let mut values: Vec<(u16, f64)> =
            self.attack.iter().map(|sample| (value(sample), f64::from(sample.weight.max(1)))).collect();
        values.sort_unstable_by_key(|(value, _)| *value);
        let whole = (0, u16::MAX);
        let (Some(first), Some(last)) = (values.first(), values.last()) else { return whole };
        let mut best = (first.0, last.0);
        // Rounding must not ask for more than there is.
        let wanted = share * self.attack_whole - 1e-6;
        let (mut end, mut sum) = (0, 0.0);
        for &(from, weight) in &values {
            while sum < wanted
                && let Some(next) = values.get(end)
            {
                sum += next.1;
                end += 1;
            }
            if sum < wanted {
                break;
            }
            let to = end.checked_sub(1).and_then(|last| values.get(last)).map_or(from, |last| last.0);
            if to - from < best.1 - best.0 {
                best = (from, to);
            }
            sum -= weight;
        }
        best
    }

    /// The networks of the other side that make up `share` of the attack, if they are no more than `most`.
    fn peers(&self, length: u8, share: f64, most: usize) -> Option<Vec<IpNet>> {
        let mut weights: BTreeMap<IpNet, f64> = BTreeMap::new();
        for sample in &self.attack {
            let length = if sample.peer.is_v4() { length.min(32) } else { length };
            *weights.entry(network(sample.peer, length)?).or_default() += f64::from(sample.weight.max(1));
        }
        let mut weights: Vec<(IpNet, f64)> = weights.into_iter().collect();
        weights.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (mut networks, mut sum) = (Vec::new(), 0.0);
        for (network, weight) in weights {
            if sum >= share * self.attack_whole && !is_alike(weight, sum, networks.len()) {
                break;
            }
            // A network of length zero is everyone.
            if networks.len() == most || network.prefix_len() == 0 {
                return None;
            }
            networks.push(network);
            sum += weight;
        }
        networks.sort_unstable();
        Some(networks)
    }
}

/// Whether what comes next weighs about as much as those before it: then it is one of them, although they are enough.
fn is_alike(weight: f64, sum: f64, values: usize) -> bool {
    weight * values as f64 >= sum * ALIKE
}

fn exceptions(what: &Match) -> usize {
    let of = |ports: &Ports| if let Ports::Not(ports) = ports { ports.len() } else { 0 };
    of(&what.source_ports) + of(&what.destination_ports)
}

/// Both conditions: `step` differs from `Match::of` in one field that `now` leaves open.
fn join(now: &Match, step: &Match) -> Match {
    let any = |ports: &Ports| *ports == Ports::Any;
    Match {
        kind: now.kind,
        source_ports: if any(&now.source_ports) { &step.source_ports } else { &now.source_ports }.clone(),
        destination_ports: if any(&now.destination_ports) { &step.destination_ports } else { &now.destination_ports }
            .clone(),
        length: now.length.or(step.length),
        ttl: now.ttl.or(step.ttl),
        peers: if now.peers.is_empty() { &step.peers } else { &now.peers }.clone(),
    }
}

/// Values with their weights, the heaviest first.
fn counted<'a>(samples: impl Iterator<Item = &'a Sample>, value: impl Fn(&Sample) -> u16) -> Vec<(u16, f64)> {
    let mut weights: BTreeMap<u16, f64> = BTreeMap::new();
    for sample in samples {
        *weights.entry(value(sample)).or_default() += f64::from(sample.weight.max(1));
    }
    let mut weights: Vec<(u16, f64)> = weights.into_iter().collect();
    weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    weights
}

/// The kinds that make up nearly all of an attack, heaviest first.
fn kinds(samples: &[Sample]) -> Vec<Kind> {
    let mut weights: BTreeMap<Kind, f64> = BTreeMap::new();
    for sample in samples {
        if let Some(kind) = Kind::of(sample) {
            *weights.entry(kind).or_default() += f64::from(sample.weight.max(1));
        }
    }
    let mut weights: Vec<(Kind, f64)> = weights.into_iter().collect();
    weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let whole = weight(samples.iter());
    let mut sum = 0.0;
    let nearly_all = weights.into_iter().take_while(|(_, weight)| {
        let more = sum < 0.98 * whole;
        sum += weight;
        more
    });
    nearly_all.map(|(kind, _)| kind).take(VALUES).collect()
}

/// The narrowed matches of one vector, for the given kinds.
fn matches(attack: &Attack, kinds: &[Kind], usual: &Background<'_>, spare: f64, language: Language) -> Vec<Match> {
    let in_evidence = self::kinds(&attack.samples);
    let of = |&kind: &Kind| {
        let bare = Match::of(kind);
        let samples: Vec<&Sample> = attack.samples.iter().filter(|sample| bare.matches(sample)).collect();
        let attack_whole = weight(samples.iter().copied());
        let among: Vec<&Sample> = usual.samples.iter().filter(|sample| bare.matches(sample)).collect();
        let session = is_session(attack.vector);
        // Of whole connections only some packets are sampled: the same come in of usual ones.
        let is_like = |sample: &Sample| comes_in(attack, &in_evidence, sample) && (session || bare.matches(sample));
        let rate = attack.packets_per_second * part(attack_whole, weight(attack.samples.iter()));
        let mixture = Mixture::new(usual, rate, is_like);
        let mut draft = Draft {
            what: bare.clone(),
            attack: samples,
            usual: among,
            attack_whole,
            usual_whole: usual.whole,
            // The correction is as rough as the samples are few.
            keep: KEEP - mixture.part / 4.0,
            mixture,
            sizes: !session,
        };
        draft.take_obvious(attack.name_peers);
        draft.narrow(spare / kinds.len().max(1) as f64, attack.name_peers, language);
        draft.what
    };
    kinds.iter().map(of).collect()
}

/// Whether a usual packet would be taken for one of the attack. Replies of a service are told by its port.
fn comes_in(attack: &Attack, kinds: &[Kind], sample: &Sample) -> bool {
    let by_port = attack.vector.class() == VectorClass::Amplification && Kind::of(sample) == Some(Kind::Udp);
    let same_port = |other: &Sample| other.source_port == sample.source_port;
    Kind::of(sample).is_some_and(|kind| kinds.contains(&kind)) && (!by_port || attack.samples.iter().any(same_port))
}

/// Attacks by whole connections, of which the samples are only the part that was judged: requests, openings.
fn is_session(vector: Vector) -> bool {
    vector.class() == VectorClass::Application || vector.is_note()
}

/// The rules against all vectors of an incident.
pub(super) fn plan(attacks: &[Attack], usual: &Background<'_>, language: Language) -> Plan {
    let mut plan = Plan::default();
    let spare = SPARE / attacks.len().max(1) as f64;
    for attack in attacks {
        let found = kinds(&attack.samples);
        if attack.samples.len() < LEAST || found.is_empty() {
            let seen = attack.samples.len();
            let why = if found.is_empty() && seen > 0 { "no filter tells its packets" } else { "too few to say" };
            plan.left_out.push(format!("{}: {seen} packets sampled, {why}", attack.vector));
            continue;
        }
        let mut found = found;
        if is_session(attack.vector) && found.iter().any(|kind| kind.is_tcp()) {
            found.retain(|kind| !kind.is_tcp());
            found.push(Kind::ANY_TCP);
        }
        let mut best = matches(attack, &found, usual, spare, language);
        if found.iter().filter(|kind| kind.is_tcp()).count() > 1 {
            // Whole connections: rather what they have in common than one rule for each segment of them.
            let mut merged: Vec<Kind> = found.iter().copied().filter(|kind| !kind.is_tcp()).collect();
            merged.push(Kind::ANY_TCP);
            let merged = matches(attack, &merged, usual, spare, language);
            let cost = |rules: &[Match]| usual.share(|sample| rules.iter().any(|rule| rule.matches(sample)));
            let is_bare = merged.contains(&Match::of(Kind::ANY_TCP));
            if !is_bare && cost(&merged) <= cost(&best).max(spare) {
                best = merged;
            }
        }
        for what in best {
            let share = usual.share(|sample| what.matches(sample));
            if is_session(attack.vector) && what.peers.is_empty() {
                plan.left_out.push(format!(
                    "{}: it comes from too many addresses to list, and a rule without them would close the service",
                    attack.vector
                ));
                continue;
            }
            if share > REFUSE {
                plan.left_out.push(format!(
                    "{}: {} look like {:.0} % of the usual traffic, a rule would cut the target off",
                    attack.vector,
                    what.kind.message(),
                    share * 100.0
                ));
                continue;
            }
            let action = match (usual.is_known(), share <= SPARE) {
                (true, true) => Action::Drop,
                (false, _) if what.is_narrow() => Action::Drop,
                _ => limit(attack, usual, &what, share),
            };
            plan.rules.push(Rule { vector: attack.vector, what, action });
        }
    }
    let any = |sample: &Sample| plan.rules.iter().any(|rule| rule.what.matches(sample));
    let (mut matched, mut whole) = (0.0, 0.0);
    for attack in attacks {
        let kinds = kinds(&attack.samples);
        let mixture = Mixture::new(usual, attack.packets_per_second, |sample| comes_in(attack, &kinds, sample));
        let all = weight(attack.samples.iter());
        let share = part(weight(attack.samples.iter().filter(|sample| any(sample))), all);
        whole += all;
        matched += all * mixture.correct(share, any);
    }
    plan.attack = part(matched, whole);
    plan.usual = usual.is_known().then(|| usual.share(any));
    if !plan.rules.is_empty() && plan.usual.is_some_and(|usual| usual > SPARE) {
        plan.left_out.push("what is limited cannot be told from usual traffic by its shape".to_owned());
    }
    plan
}

/// Twice what is usual may pass; a tenth of the attack where nothing is known.
fn limit(attack: &Attack, usual: &Background<'_>, what: &Match, share: f64) -> Action {
    let matched: Vec<&Sample> = attack.samples.iter().filter(|sample| what.matches(sample)).collect();
    let octets: f64 = matched.iter().map(|sample| f64::from(sample.weight.max(1)) * f64::from(sample.length)).sum();
    let mean = part(octets, weight(matched.iter().copied())).max(64.0);
    let packets = match usual.is_known() {
        true => usual.packets_per_second * share * 2.0,
        false => attack.packets_per_second / 10.0,
    };
    let packets = packets.clamp(10.0, 1e9).round();
    Action::Limit { packets: packets as u64, octets: (packets * mean).clamp(1000.0, 1e12) as u64 }
}
