//! Sampled requests of the last second: which names and items they request, and which sources repeat themselves. Shared by
//! the detectors of floods that consist of requests. Rates are exact; shares come from the meter's sample, where each
//! request has its weight.

use super::{HostContext, NameCount, Target, Threshold};
use crate::base::{Addr, TICKS_PER_SECOND};
use crate::meter::{Request, Window};
use crate::packet::{App, Name};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const HTTP_REQUESTS: &[App] = &[App::HttpRequest, App::HttpIncomplete, App::HttpAwaitingBody];

pub(super) const THRESHOLDS: &[Threshold] = &[LEAST_REQUESTS, CONCENTRATED, REPEATED_ITEMS, SAMPLES_EACH];

const REPEATED_ITEMS: Threshold = Threshold {
    name: "repeated items",
    value: 4.0,
    unit: "items",
    reason: "a tool may request a few paths in turn; a visitor requests each part of a page once",
    guarded_by: "http_flood_two_paths",
};
const SAMPLES_EACH: Threshold = Threshold {
    name: "samples of a repeated item",
    value: 4.0,
    unit: "samples",
    reason: "of a handful of requests any few are most",
    guarded_by: "http_crowd",
};

const LEAST_REQUESTS: Threshold = Threshold {
    name: "least requests",
    value: 3.0,
    unit: "sampled requests",
    reason: "a source with fewer may repeat itself by chance",
    guarded_by: "http_crowd",
};
const CONCENTRATED: Threshold = Threshold {
    name: "concentrated requests",
    value: 0.2,
    unit: "share of the top target",
    reason: "outbound floods have up to five targets; monitoring and crawlers have many",
    guarded_by: "http_checks",
};

/// The sampled requests of one source in the last second.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub samples: u32,
    /// Requests per second.
    pub rate: u64,
    /// Share of requests for the most requested item of the most requested name.
    pub repeated: f64,
    /// The same for the few most requested items: one, or up to [`REPEATED_ITEMS`] where each was sampled several times.
    pub repeated_few: f64,
    /// Distinct items per sample, and distinct query keys per sample.
    pub varied: f64,
    pub keys: f64,
    /// Share of requests that are identical including their query.
    pub same: f64,
    /// Share of plain requests (see [`RequestInfo::plain`](crate::packet::RequestInfo)), and of those that a proxy forwards.
    pub plain: f64,
    pub forwarded: f64,
}

impl Source {
    /// Enough requests were sampled to say what the source does.
    pub(crate) fn is_known(&self) -> bool {
        f64::from(self.samples) >= LEAST_REQUESTS.value
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
            repeated_few: share(most_requested(items.values().copied().collect(), samples)),
            varied: items.len() as f64 / f64::from(samples.max(1)),
            keys: keys.len() as f64 / f64::from(samples.max(1)),
            same: share(wholes.values().copied().max().unwrap_or(0)),
            plain: share(plain),
            forwarded: share(forwarded),
        }
    }
}

/// Requests for the items that are requested most: of a source that requests a few in turn, all of these. `samples` are those of
/// all its requests.
fn most_requested(mut items: Vec<u64>, samples: u32) -> u64 {
    items.sort_unstable_by(|one, other| other.cmp(one));
    let several = f64::from(samples) / SAMPLES_EACH.value;
    items.iter().take((several as usize).clamp(1, REPEATED_ITEMS.value as usize)).sum()
}

/// The sampled requests of one kind in the last second.
pub(super) struct RequestSample<'a> {
    requests: Vec<&'a Request>,
    /// How many of them are of the newest tick: they come first.
    newest: usize,
    pub by_source: BTreeMap<Addr, Source>,
    pub all: Source,
}

impl<'a> RequestSample<'a> {
    pub(crate) fn of(host: &HostContext<'_>, window: &Window<'a>, apps: &[App]) -> RequestSample<'a> {
        let Target::Host(address) = *host.target() else {
            return RequestSample {
                requests: Vec::new(),
                newest: 0,
                by_source: BTreeMap::new(),
                all: Source::default(),
            };
        };
        let of =
            |ticks| window.requests(ticks, address, host.is_outbound()).filter(|request| apps.contains(&request.app));
        let requests: Vec<&Request> = of(TICKS_PER_SECOND).collect();
        let mut sources: BTreeMap<Addr, Vec<&Request>> = BTreeMap::new();
        for request in &requests {
            sources.entry(request.source).or_default().push(request);
        }
        let by_source =
            sources.into_iter().map(|(source, requests)| (source, Source::of(requests.into_iter()))).collect();
        RequestSample { newest: of(1).count(), by_source, all: Source::of(requests.iter().copied()), requests }
    }

    /// Takes the word of those sources alone that they forward the requests of others: any client can say so.
    pub(crate) fn believe_only(&mut self, is_proxy: impl Fn(Addr) -> bool) {
        for (&address, source) in &mut self.by_source {
            if !is_proxy(address) {
                source.forwarded = 0.0;
            }
        }
    }

    /// Sources for which `is_one` holds, and their share of all requests.
    pub(crate) fn sources(&self, is_one: impl Fn(&Source) -> bool) -> (BTreeSet<Addr>, f64) {
        let found: BTreeSet<Addr> =
            self.by_source.iter().filter(|(_, source)| is_one(source)).map(|(&address, _)| address).collect();
        let weight: u64 =
            found.iter().filter_map(|address| self.by_source.get(address)).map(|source| source.rate).sum();
        (found, weight as f64 / self.all.rate.max(1) as f64)
    }

    /// Whether the requests go to few hosts, as those of an outbound flood.
    pub(crate) fn is_concentrated(&self) -> bool {
        let mut targets: BTreeMap<Addr, u64> = BTreeMap::new();
        for request in &self.requests {
            *targets.entry(request.target).or_default() += u64::from(request.weight);
        }
        CONCENTRATED.is_reached_by(targets.values().copied().max().unwrap_or(0), self.all.rate)
    }

    /// The same requests below one name alone.
    pub(crate) fn below(&self, name: &Name) -> Source {
        Source::of(self.requests.iter().copied().filter(|request| request.asked.name == *name))
    }

    /// The name of most requests in the last second with its share; an empty one where most had none.
    pub(crate) fn top_name(&self) -> Option<(Name, f64)> {
        let mut weights: BTreeMap<Name, u64> = BTreeMap::new();
        for request in &self.requests {
            *weights.entry(request.asked.name).or_default() += u64::from(request.weight);
        }
        let (name, weight) = weights.into_iter().max_by_key(|(_, weight)| *weight)?;
        Some((name, weight as f64 / self.all.rate.max(1) as f64))
    }

    /// Names in the newest tick with the number of requests for each, of the given sources only, or of all. Of the whole
    /// second where the newest tick has none: its connections continue.
    pub(crate) fn names(&self, kind: &'static str, sources: Option<&BTreeSet<Addr>>) -> Vec<NameCount> {
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
    pub(crate) fn name_message(&self) -> String {
        match self.top_name() {
            Some((name, share)) if name.is_empty() => {
                format!("; {:.0} % without a name that could be read", share * 100.0)
            }
            Some((name, share)) => format!("; {:.0} % for {name}", share * 100.0),
            None => String::new(),
        }
    }
}
