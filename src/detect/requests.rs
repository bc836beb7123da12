//! What the requests of the last second ask for, and who repeats himself: shared by the detectors of floods that are
//! made of requests. Rates are exact; shares come from the meter's sample, where each request has its weight.

use super::{HostContext, NameCount, Target};
use crate::base::Addr;
use crate::meter::{Request, Window};
use crate::packet::{App, Name};
use std::collections::{BTreeMap, BTreeSet};

/// Ticks in a second.
const TICKS: usize = 10;
/// Sampled requests of one source below which nothing is said of it.
const LEAST: u32 = 3;

/// What one source asked for in the last second.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub samples: u32,
    /// Requests a second.
    pub rate: u64,
    /// Share of requests for the most wanted item of the most wanted name.
    pub repeated: f64,
    /// Different items among the samples, by share; the same of the keys of queries.
    pub varied: f64,
    pub keys: f64,
    /// Share of requests that are the same to the last octet of their query.
    pub same: f64,
    /// Share of plain requests (see [`Asked::plain`](crate::packet::Asked)), and of those that a proxy passes on.
    pub plain: f64,
    pub forwarded: f64,
}

impl Source {
    /// Enough of it was sampled to say what it does.
    pub fn is_known(&self) -> bool {
        self.samples >= LEAST
    }

    fn of<'r>(requests: impl Iterator<Item = &'r Request>) -> Source {
        let mut items: BTreeMap<(&Name, u64), u64> = BTreeMap::new();
        let mut wholes: BTreeMap<u64, u64> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        let (mut samples, mut weight, mut plain, mut forwarded) = (0u32, 0u64, 0u64, 0u64);
        for request in requests {
            let each = u64::from(request.weight);
            samples += 1;
            weight += each;
            plain += if request.asked.plain { each } else { 0 };
            forwarded += if request.asked.forwarded { each } else { 0 };
            *wholes.entry(request.asked.whole).or_default() += each;
            keys.insert(request.asked.keys);
            *items.entry((&request.asked.name, request.asked.item)).or_default() += each;
        }
        let share = |part: u64| part as f64 / weight.max(1) as f64;
        Source {
            samples,
            rate: weight,
            repeated: share(items.values().copied().max().unwrap_or(0)),
            varied: items.len() as f64 / f64::from(samples.max(1)),
            keys: keys.len() as f64 / f64::from(samples.max(1)),
            same: share(wholes.values().copied().max().unwrap_or(0)),
            plain: share(plain),
            forwarded: share(forwarded),
        }
    }
}

/// The sampled requests of one kind in the last second.
pub(super) struct Asking<'a> {
    requests: Vec<&'a Request>,
    /// How many of them are of the newest tick: they come first.
    newest: usize,
    pub by_source: BTreeMap<Addr, Source>,
    pub all: Source,
}

impl<'a> Asking<'a> {
    pub fn of(host: &HostContext<'_>, window: &Window<'a>, apps: &[App]) -> Asking<'a> {
        let Target::Host(address) = *host.target() else {
            return Asking { requests: Vec::new(), newest: 0, by_source: BTreeMap::new(), all: Source::default() };
        };
        let of =
            |ticks| window.requests(ticks, address, host.is_outbound()).filter(|request| apps.contains(&request.app));
        let requests: Vec<&Request> = of(TICKS).collect();
        let mut sources: BTreeMap<Addr, Vec<&Request>> = BTreeMap::new();
        for request in &requests {
            sources.entry(request.source).or_default().push(request);
        }
        let by_source =
            sources.into_iter().map(|(source, requests)| (source, Source::of(requests.into_iter()))).collect();
        Asking { newest: of(1).count(), by_source, all: Source::of(requests.iter().copied()), requests }
    }

    /// Sources that do what `is` says, and their share of all requests.
    pub fn sources(&self, is: impl Fn(&Source) -> bool) -> (BTreeSet<Addr>, f64) {
        let them: BTreeSet<Addr> =
            self.by_source.iter().filter(|(_, source)| is(source)).map(|(&address, _)| address).collect();
        let weight: u64 = them.iter().filter_map(|address| self.by_source.get(address)).map(|source| source.rate).sum();
        (them, weight as f64 / self.all.rate.max(1) as f64)
    }

    /// Whether few hosts are asked, as by a flood that leaves; monitoring asks many.
    pub fn is_concentrated(&self) -> bool {
        let mut targets: BTreeMap<Addr, u64> = BTreeMap::new();
        for request in &self.requests {
            *targets.entry(request.target).or_default() += u64::from(request.weight);
        }
        targets.values().copied().max().unwrap_or(0) * 5 >= self.all.rate
    }

    /// The same requests below one name alone.
    pub fn below(&self, name: &Name) -> Source {
        Source::of(self.requests.iter().copied().filter(|request| request.asked.name == *name))
    }

    /// The name of most requests in the last second with its share; an empty one where most had none.
    pub fn top_name(&self) -> Option<(Name, f64)> {
        let mut weights: BTreeMap<Name, u64> = BTreeMap::new();
        for request in &self.requests {
            *weights.entry(request.asked.name).or_default() += u64::from(request.weight);
        }
        let (name, weight) = weights.into_iter().max_by_key(|(_, weight)| *weight)?;
        Some((name, weight as f64 / self.all.rate.max(1) as f64))
    }

    /// Names in the newest tick with how many requests each, of the given sources only, or of all where none is given. Of
    /// the whole second where the newest tick has none: its connections go on.
    pub fn names(&self, kind: &'static str, sources: Option<&BTreeSet<Addr>>) -> Vec<NameCount> {
        let mut counts: BTreeMap<Name, u64> = BTreeMap::new();
        let newest = if self.newest == 0 { self.requests.len() } else { self.newest };
        for request in self.requests.iter().take(newest) {
            if sources.is_none_or(|sources| sources.contains(&request.source)) {
                *counts.entry(request.asked.name).or_default() += u64::from(request.weight);
            }
        }
        counts.into_iter().map(|(name, count)| NameCount { name: name.to_string(), kind, count }).collect()
    }

    /// For evidence: `; 94 % for shop.example`, or what could not be read.
    pub fn message(&self) -> String {
        match self.top_name() {
            Some((name, share)) if name.is_empty() => {
                format!("; {:.0} % without a name that could be read", share * 100.0)
            }
            Some((name, share)) => format!("; {:.0} % for {name}", share * 100.0),
            None => String::new(),
        }
    }
}
