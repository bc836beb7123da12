//! Finds rules: one for each kind of packet of each vector, narrowed step by step until it spares background traffic.
//!
//! A pure function of samples. Each step must keep nearly all of the attack, and the step that excludes the most
//! background traffic wins. If no step helps, the rule becomes a rate limit or is omitted.

use super::shape::{Kind, Match, Ports, network};
use crate::base::Vector;
use crate::detect::{Mitigation, spec_of};
use crate::meter::Sample;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Smallest share of the attack that a rule must still match after all steps.
const MIN_MATCHED: f64 = 0.965;
/// Largest fraction of background packets that is assumed among the samples of an attack.
const MAX_BACKGROUND_FRACTION: f64 = 0.5;
/// Background traffic also arrives while the attack starts and ends: its fraction is higher than its rate suggests.
const BACKGROUND_MARGIN: f64 = 1.3;
/// Largest share of background traffic that a drop may match.
pub(super) const MAX_COLLATERAL: f64 = 0.01;
/// Largest share of background traffic that a rate limit may match: above it, the limit would affect the whole target.
const MAX_LIMITED: f64 = 0.5;
/// Fewest samples for a rule, or for a statement about background traffic.
pub(super) const MIN_SAMPLES: usize = 8;
/// Most values of one list in a rule.
const MAX_VALUES: usize = 8;
/// A further value belongs to a list if it weighs at least this part of the mean of the others: the sources of an
/// attack tool send alike, but few packets of each are sampled.
const MIN_RELATIVE_WEIGHT: f64 = 0.1;
/// Most networks of one list.
const MAX_NETWORKS: usize = 32;
/// Most values of a list that is added although background traffic does not require it.
const MAX_COMMON_VALUES: usize = 4;
/// Cost of an exception, as a share of background traffic: it depends on who uses the target today, not on the attack.
const EXCEPTION_COST: f64 = 0.003;
/// A port may be an exception from this share of the wrongly matched packets, and this number of samples, on: rarer
/// ones occur by chance.
const MIN_EXCEPTION_SHARE: f64 = 0.05;
const MIN_EXCEPTION_SAMPLES: usize = 3;
/// Smallest part of the wrongly matched packets that a step must exclude.
const MIN_IMPROVEMENT: f64 = 0.1;

/// Sampled packets of one vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Attack {
    /// Its vector.
    pub vector: Vector,
    /// Some of its packets.
    pub samples: Vec<Sample>,
    /// Its mean rate.
    pub packets_per_second: f64,
    /// Whether rules may list its peers: not if sources are spoofed.
    pub list_peers: bool,
}

/// What to do with the packets that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Drop,
    /// Drop packets above a rate.
    Limit {
        packets_per_second: u64,
        /// The same limit for languages that count bytes.
        bytes_per_second: u64,
    },
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub vector: Vector,
    pub what: Match,
    pub action: Action,
}

/// Rules, and what they match of the samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub rules: Vec<Rule>,
    /// Share of the attack that the rules match together.
    pub attack: f64,
    /// Share of background traffic that they match; `None` if too little was sampled.
    pub collateral: Option<f64>,
    /// What no rule covers, and other remarks.
    pub notes: Vec<String>,
}

/// What a filter language can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Language {
    pub ttl: bool,
}

impl Language {
    pub(super) const FILTER: Language = Language { ttl: true };
    /// RFC 8955 has no component for the TTL.
    pub(super) const FLOWSPEC: Language = Language { ttl: false };
}

fn weight<'a>(samples: impl Iterator<Item = &'a Sample>) -> f64 {
    // Not `sum`: for an empty iterator that is minus zero.
    samples.fold(0.0, |sum, sample| sum + f64::from(sample.weight.max(1)))
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Background traffic of the target.
pub(super) struct Background<'a> {
    pub samples: &'a [Sample],
    pub packets_per_second: f64,
    whole: f64,
}

impl<'a> Background<'a> {
    pub(super) fn new(samples: &'a [Sample], packets_per_second: f64) -> Self {
        Background { samples, packets_per_second, whole: weight(samples.iter()) }
    }

    fn share(&self, matches: impl Fn(&Sample) -> bool) -> f64 {
        ratio(weight(self.samples.iter().filter(|sample| matches(sample))), self.whole)
    }

    fn is_known(&self) -> bool {
        self.samples.len() >= MIN_SAMPLES
    }
}

/// Background packets among the samples of an attack: detectors cannot separate the two where they look alike.
struct Contamination<'a> {
    /// Fraction of the samples.
    fraction: f64,
    /// Samples of background traffic that resemble the attack.
    similar: Vec<&'a Sample>,
    similar_weight: f64,
}

impl<'a> Contamination<'a> {
    /// For samples of an attack of `packets_per_second`; `is_similar` selects background packets that resemble it.
    fn new(background: &Background<'a>, packets_per_second: f64, is_similar: impl Fn(&Sample) -> bool) -> Self {
        let similar: Vec<&Sample> = background.samples.iter().filter(|sample| is_similar(sample)).collect();
        let similar_weight = weight(similar.iter().copied());
        let rate = background.packets_per_second * ratio(similar_weight, background.whole);
        let fraction = (ratio(rate, packets_per_second) * BACKGROUND_MARGIN).min(MAX_BACKGROUND_FRACTION);
        Contamination { fraction, similar, similar_weight }
    }

    /// From a matched share of the samples, the matched share of the attack alone.
    fn correct(&self, share: f64, matches: impl Fn(&Sample) -> bool) -> f64 {
        let matched = weight(self.similar.iter().copied().filter(|sample| matches(sample)));
        ((share - self.fraction * ratio(matched, self.similar_weight)) / (1.0 - self.fraction)).clamp(0.0, 1.0)
    }
}

/// A rule while it is narrowed.
struct Draft<'a> {
    what: Match,
    /// Samples of its kind: of the attack and of background traffic.
    attack: Vec<&'a Sample>,
    background: Vec<&'a Sample>,
    /// Weight of `attack`, and of all background samples.
    attack_weight: f64,
    background_weight: f64,
    contamination: Contamination<'a>,
    /// Smallest share of the attack to match.
    min_matched: f64,
    /// Whether lengths and TTLs of the samples represent all its packets.
    has_sizes: bool,
}

impl<'a> Draft<'a> {
    /// Shares of the attack and of background traffic that a match covers.
    fn shares(&self, what: &Match) -> (f64, f64) {
        let matched = |samples: &[&Sample]| weight(samples.iter().copied().filter(|sample| what.matches(sample)));
        let attack = self.contamination.correct(ratio(matched(&self.attack), self.attack_weight), |s| what.matches(s));
        (attack, ratio(matched(&self.background), self.background_weight))
    }

    /// The share of the samples that corresponds to `share` of the attack and no background traffic.
    fn sampled_share(&self, share: f64) -> f64 {
        share * (1.0 - self.contamination.fraction)
    }

    /// Adds short conditions that nearly all packets meet: the port of a service, a fixed length, few peers.
    fn add_common_values(&mut self, list_peers: bool) {
        let mut steps = Vec::new();
        if self.what.kind.has_ports() {
            let few = |port: fn(&Sample) -> u16| {
                self.common_values(port, self.sampled_share(0.99), MAX_COMMON_VALUES).map(Ports::Only)
            };
            let source_ports = few(|sample| sample.source_port);
            steps.extend(source_ports.map(|source_ports| Match { source_ports, ..self.what.clone() }));
            let destination_ports = few(|sample| sample.destination_port);
            steps.extend(destination_ports.map(|destination_ports| Match { destination_ports, ..self.what.clone() }));
        }
        let (from, to) = self.shortest_range(|sample| sample.length, self.sampled_share(self.min_matched));
        if self.has_sizes && from > 0 && to - from <= 8 {
            steps.push(Match { length: Some((from, to)), ..self.what.clone() });
        }
        // Nothing else distinguishes whole connections.
        let most = if self.has_sizes { MAX_COMMON_VALUES } else { MAX_NETWORKS };
        if list_peers && let Some(peers) = self.common_peers(128, self.sampled_share(0.99), most) {
            steps.push(Match { peers, ..self.what.clone() });
        }
        for step in steps {
            let joined = join(&self.what, &step);
            if self.shares(&joined).0 >= self.min_matched {
                self.what = joined;
            }
        }
    }

    /// Narrows while the rule matches more than `max_collateral` of background traffic, and a step helps.
    fn narrow(&mut self, max_collateral: f64, list_peers: bool, language: Language) {
        loop {
            let (_, before) = self.shares(&self.what);
            if before <= max_collateral {
                return;
            }
            let steps = self.steps(list_peers, language);
            let rated = steps.into_iter().filter_map(|step| {
                let (attack, after) = self.shares(&step);
                // The part of the attack that is no longer matched is a cost as well: of equal steps, the widest wins.
                let cost = after + (1.0 - attack) + exceptions(&step) as f64 * EXCEPTION_COST;
                (attack >= self.min_matched && after < before * (1.0 - MIN_IMPROVEMENT)).then_some((cost, step))
            });
            let best = rated.reduce(|best, step| if step.0 < best.0 { step } else { best });
            let Some((_, best)) = best else { return };
            if best == self.what {
                return;
            }
            self.what = best;
        }
    }

    fn steps(&self, list_peers: bool, language: Language) -> Vec<Match> {
        let now = &self.what;
        let mut steps = Vec::new();
        let shares = [1.0, self.sampled_share(0.99), self.sampled_share(self.min_matched)];
        if now.kind.has_ports() {
            for ports in self.port_steps(&now.source_ports, |sample| sample.source_port) {
                steps.push(Match { source_ports: ports, ..now.clone() });
            }
            for ports in self.port_steps(&now.destination_ports, |sample| sample.destination_port) {
                steps.push(Match { destination_ports: ports, ..now.clone() });
            }
        }
        for share in self.has_sizes.then_some(shares).into_iter().flatten() {
            let length = self.shortest_range(|sample| sample.length, share);
            if length.0 > 0 {
                steps.push(Match { length: Some(length), ..now.clone() });
            }
        }
        if list_peers {
            let v4 = self.attack.first().is_some_and(|sample| sample.peer.is_v4());
            let lengths: [u8; 2] = if v4 { [32, 24] } else { [128, 64] };
            for length in lengths {
                let peers = self.common_peers(length, self.sampled_share(self.min_matched), MAX_NETWORKS);
                steps.extend(peers.map(|peers| Match { peers, ..now.clone() }));
            }
        }
        if language.ttl && self.has_sizes {
            for share in shares {
                let (from, to) = self.shortest_range(|sample| u16::from(sample.ttl), share);
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
        steps.extend(self.common_values(port, self.sampled_share(self.min_matched), MAX_VALUES).map(Ports::Only));
        for share in [1.0, self.sampled_share(0.99), self.sampled_share(self.min_matched)] {
            steps.push(Ports::Only(vec![self.shortest_range(port, share)]));
        }
        // All ports except those of background traffic, the most frequent first.
        let matched: Vec<&Sample> =
            self.background.iter().copied().filter(|sample| self.what.matches(sample)).collect();
        let whole = weight(matched.iter().copied());
        let is_frequent = |value: u16, weight: f64| {
            weight >= MIN_EXCEPTION_SHARE * whole
                && matched.iter().filter(|sample| port(sample) == value).count() >= MIN_EXCEPTION_SAMPLES
        };
        let spared = counted(matched.iter().copied(), port).into_iter();
        let spared = spared.filter(|(port, weight)| is_frequent(*port, *weight)).map(|(port, _)| port);
        let spared: Vec<u16> = spared.take(MAX_VALUES).collect();
        for most in [1, 2, 4, MAX_VALUES] {
            if let Some(ports) = spared.get(..most.min(spared.len())).filter(|ports| !ports.is_empty()) {
                let mut ports = ports.to_vec();
                ports.sort_unstable();
                steps.push(Ports::Not(ports));
            }
        }
        steps
    }

    /// The values that make up `share` of the attack, if there are at most `most`.
    fn common_values(&self, value: impl Fn(&Sample) -> u16, share: f64, most: usize) -> Option<Vec<(u16, u16)>> {
        let counted = counted(self.attack.iter().copied(), value);
        let (mut values, mut sum) = (Vec::new(), 0.0);
        for (value, weight) in counted {
            if sum >= share * self.attack_weight && !is_alike(weight, sum, values.len()) {
                break;
            }
            if values.len() == most {
                return None;
            }
            values.push((value, value));
            sum += weight;
        }
        values.sort_unstable();
        // Zero means that there is no port.
        (!values.is_empty() && values.iter().all(|(value, _)| *value != 0)).then_some(values)
    }

    /// The shortest range of values that contains `share` of the attack.
    fn shortest_range(&self, value: impl Fn(&Sample) -> u16, share: f64) -> (u16, u16) {
        let mut values: Vec<(u16, f64)> =
            self.attack.iter().map(|sample| (value(sample), f64::from(sample.weight.max(1)))).collect();
        values.sort_unstable_by_key(|(value, _)| *value);
        let whole = (0, u16::MAX);
        let (Some(first), Some(last)) = (values.first(), values.last()) else { return whole };
        let mut best = (first.0, last.0);
        // Rounding must not require more than there is.
        let wanted = share * self.attack_weight - 1e-6;
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

    /// The networks of prefix length `length` whose peers make up `share` of the attack, if there are at most `most`.
    fn common_peers(&self, length: u8, share: f64, most: usize) -> Option<Vec<IpNet>> {
        let mut weights: BTreeMap<IpNet, f64> = BTreeMap::new();
        for sample in &self.attack {
            let length = if sample.peer.is_v4() { length.min(32) } else { length };
            *weights.entry(network(sample.peer, length)?).or_default() += f64::from(sample.weight.max(1));
        }
        let mut weights: Vec<(IpNet, f64)> = weights.into_iter().collect();
        weights.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (mut networks, mut sum) = (Vec::new(), 0.0);
        for (network, weight) in weights {
            if sum >= share * self.attack_weight && !is_alike(weight, sum, networks.len()) {
                break;
            }
            // Prefix length zero would match all addresses.
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

/// Whether the next value weighs about as much as those before it: then it belongs to them, although they are enough.
fn is_alike(weight: f64, sum: f64, values: usize) -> bool {
    weight * values as f64 >= sum * MIN_RELATIVE_WEIGHT
}

fn exceptions(what: &Match) -> usize {
    let of = |ports: &Ports| if let Ports::Not(ports) = ports { ports.len() } else { 0 };
    of(&what.source_ports) + of(&what.destination_ports)
}

/// Both conditions: `step` differs from `Match::all` in one field that `now` does not restrict.
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

/// Values with their weights, heaviest first.
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
        if let Some(kind) = Kind::from_sample(sample) {
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
    nearly_all.map(|(kind, _)| kind).take(MAX_VALUES).collect()
}

/// The narrowed matches of one vector, for the given kinds.
fn matches(
    attack: &Attack,
    kinds: &[Kind],
    background: &Background<'_>,
    max_collateral: f64,
    language: Language,
) -> Vec<Match> {
    let attack_kinds = self::kinds(&attack.samples);
    let narrowed = |&kind: &Kind| {
        let all = Match::all(kind);
        let samples: Vec<&Sample> = attack.samples.iter().filter(|sample| all.matches(sample)).collect();
        let attack_weight = weight(samples.iter().copied());
        let background_samples: Vec<&Sample> = background.samples.iter().filter(|s| all.matches(s)).collect();
        let session = is_session(attack.vector);
        // Only some packets of a connection are sampled, of the attack and of background traffic alike.
        let is_similar = |sample: &Sample| resembles(attack, &attack_kinds, sample) && (session || all.matches(sample));
        let rate = attack.packets_per_second * ratio(attack_weight, weight(attack.samples.iter()));
        let contamination = Contamination::new(background, rate, is_similar);
        let mut draft = Draft {
            what: all.clone(),
            attack: samples,
            background: background_samples,
            attack_weight,
            background_weight: background.whole,
            // The correction is the less exact the more there is to correct.
            min_matched: MIN_MATCHED - contamination.fraction / 4.0,
            contamination,
            has_sizes: !session,
        };
        draft.add_common_values(attack.list_peers);
        draft.narrow(max_collateral / kinds.len().max(1) as f64, attack.list_peers, language);
        draft.what
    };
    kinds.iter().map(narrowed).collect()
}

/// Whether a detector could count a background packet for the attack. Amplification detectors go by the service's port.
fn resembles(attack: &Attack, kinds: &[Kind], sample: &Sample) -> bool {
    let kind = Kind::from_sample(sample);
    let by_port = is(attack.vector, |mitigation| mitigation == Mitigation::AmplifierPort) && kind == Some(Kind::Udp);
    let same_port = |other: &Sample| other.source_port == sample.source_port;
    kind.is_some_and(|kind| kinds.contains(&kind)) && (!by_port || attack.samples.iter().any(same_port))
}

/// Whether the spec of the vector's detector asks for such a mitigation.
fn is(vector: Vector, what: impl Fn(Mitigation) -> bool) -> bool {
    spec_of(vector).is_some_and(|spec| what(spec.mitigation))
}

/// Attacks by whole connections, of which only the packets that detectors inspect are sampled: requests, opening
/// handshakes.
fn is_session(vector: Vector) -> bool {
    is(vector, |mitigation| matches!(mitigation, Mitigation::Sources(_)))
}

/// The rules against all vectors of an incident.
pub(super) fn plan(attacks: &[Attack], background: &Background<'_>, language: Language) -> Plan {
    let mut plan = Plan::default();
    let max_collateral = MAX_COLLATERAL / attacks.len().max(1) as f64;
    for attack in attacks {
        let found = kinds(&attack.samples);
        if attack.samples.len() < MIN_SAMPLES || found.is_empty() {
            let sampled = attack.samples.len();
            let why = if found.is_empty() && sampled > 0 { "no filter can match them" } else { "too few for a rule" };
            plan.notes.push(format!("{}: {sampled} packets sampled, {why}", attack.vector));
            continue;
        }
        let mut found = found;
        if is_session(attack.vector) && found.iter().any(|kind| kind.is_tcp()) {
            found.retain(|kind| !kind.is_tcp());
            found.push(Kind::ANY_TCP);
        }
        let mut best = matches(attack, &found, background, max_collateral, language);
        if found.iter().filter(|kind| kind.is_tcp()).count() > 1 {
            // Whole connections: one rule for all their packets is better than one for each kind of TCP segment.
            let mut merged: Vec<Kind> = found.iter().copied().filter(|kind| !kind.is_tcp()).collect();
            merged.push(Kind::ANY_TCP);
            let merged = matches(attack, &merged, background, max_collateral, language);
            let collateral = |rules: &[Match]| background.share(|sample| rules.iter().any(|rule| rule.matches(sample)));
            let is_all_tcp = merged.contains(&Match::all(Kind::ANY_TCP));
            if !is_all_tcp && collateral(&merged) <= collateral(&best).max(max_collateral) {
                best = merged;
            }
        }
        for what in best {
            let share = background.share(|sample| what.matches(sample));
            if is_session(attack.vector) && what.peers.is_empty() {
                plan.notes.push(format!(
                    "{}: too many source addresses to list, and a rule without them would block the service",
                    attack.vector
                ));
                continue;
            }
            if share > MAX_LIMITED {
                plan.notes.push(format!(
                    "{}: no rule for {}: it would match {:.0} % of background traffic",
                    attack.vector,
                    what.kind.name(),
                    share * 100.0
                ));
                continue;
            }
            let action = match (background.is_known(), share <= MAX_COLLATERAL) {
                (true, true) => Action::Drop,
                (false, _) if what.is_narrow() => Action::Drop,
                _ => limit(attack, background, &what, share),
            };
            plan.rules.push(Rule { vector: attack.vector, what, action });
        }
    }
    let any = |sample: &Sample| plan.rules.iter().any(|rule| rule.what.matches(sample));
    let (mut matched, mut whole) = (0.0, 0.0);
    for attack in attacks {
        let kinds = kinds(&attack.samples);
        let contamination =
            Contamination::new(background, attack.packets_per_second, |sample| resembles(attack, &kinds, sample));
        let all = weight(attack.samples.iter());
        let share = ratio(weight(attack.samples.iter().filter(|sample| any(sample))), all);
        whole += all;
        matched += all * contamination.correct(share, any);
    }
    plan.attack = ratio(matched, whole);
    plan.collateral = background.is_known().then(|| background.share(any));
    if !plan.rules.is_empty() && plan.collateral.is_some_and(|share| share > MAX_COLLATERAL) {
        plan.notes.push("rate limit: these packets cannot be distinguished from background traffic".to_owned());
    }
    plan
}

/// Twice the rate of background traffic may pass; a tenth of the attack if too little of it was sampled.
fn limit(attack: &Attack, background: &Background<'_>, what: &Match, share: f64) -> Action {
    let matched: Vec<&Sample> = attack.samples.iter().filter(|sample| what.matches(sample)).collect();
    let bytes: f64 = matched.iter().map(|sample| f64::from(sample.weight.max(1)) * f64::from(sample.length)).sum();
    let mean = ratio(bytes, weight(matched.iter().copied())).max(64.0);
    let packets = match background.is_known() {
        true => background.packets_per_second * share * 2.0,
        false => attack.packets_per_second / 10.0,
    };
    let packets = packets.clamp(10.0, 1e9).round();
    Action::Limit { packets_per_second: packets as u64, bytes_per_second: (packets * mean).clamp(1000.0, 1e12) as u64 }
}
