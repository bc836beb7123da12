//! Our networks as a whole: a flood spread so widely that no prefix of the usual length is attacked by itself.
//!
//! It is no detector of its own: the sum over all of our hosts is measured like one host, and every detector of floods inspects it
//! like one. Which network is hit is read from a uniform sample of what was received: the narrowest that gets nearly all of
//! it. Limits are those of a prefix, and what scanners send to all addresses of the Internet.

use super::evidence::context;
use super::finding::Finding;
use super::threshold::Threshold;
use crate::base::{Addr, Networks, Pattern, VectorClass};
use crate::meter::{Received, Window};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const THRESHOLDS: &[Threshold] = &[NEARLY_ALL, ONE_HOST, LEAST_TARGETS, SHARE_OF_ALL];

const NEARLY_ALL: Threshold = Threshold {
    name: "share of the attacked network",
    value: 0.8,
    unit: "share of sampled packets",
    reason: "the rest is what other networks hear of scanners and small floods at the same time",
    guarded_by: "carpet_bombing_wide",
};
const ONE_HOST: Threshold = Threshold {
    name: "share of one host",
    value: 1.0 / 3.0,
    unit: "share of sampled packets",
    reason: "with more, that host is the target, and is measured by itself",
    guarded_by: "carpet_bombing_wide",
};
const LEAST_TARGETS: Threshold = Threshold {
    name: "least targets",
    value: 16.0,
    unit: "sampled hosts",
    reason: "of a second's sample of hundreds of packets that go everywhere, nearly all have a target of their own",
    guarded_by: "carpet_bombing_wide",
};
const SHARE_OF_ALL: Threshold = Threshold {
    name: "share of all traffic",
    value: 0.05,
    unit: "share of received packets",
    reason: "below, a sample of some hundreds of packets says little of it",
    guarded_by: "carpet_bombing_wide",
};

/// The measure of the evidence about sources.
const SOURCES: &str = "distinct_sources";
/// Lengths of the networks beside the configured ones, from narrow to wide: the usual steps between a site and an allocation.
const LENGTHS_V4: [u8; 2] = [20, 16];
const LENGTHS_V6: [u8; 2] = [40, 32];
/// Where the packets of a flood went.
pub(super) struct Spread {
    /// The attacked network.
    pub network: IpNet,
    /// Its share of the packets.
    pub share: f64,
    /// About how many hosts of it receive: where each sampled packet has a target of its own, as many as there are packets.
    pub receiving: f64,
    samples: u32,
    hosts: usize,
}

impl Spread {
    /// Of a finding about our networks together, if it is a flood of a network that is wider than a prefix of the usual length.
    pub(super) fn of(finding: &Finding, window: &Window<'_>, networks: &Networks) -> Option<Spread> {
        if !matches!(finding.vector.class(), VectorClass::Flood | VectorClass::Amplification) {
            return None;
        }
        let classes: BTreeSet<u8> = finding.recent.samples.iter().map(|sample| sample.class).collect();
        let is_meant =
            |received: &&Received| classes.contains(&received.sample.class) && !received.sample.is_solicited();
        let all: u64 = window.received_lately().map(|received| u64::from(received.sample.weight)).sum();
        let mut hosts: BTreeMap<Addr, u64> = BTreeMap::new();
        let mut samples = 0u32;
        for received in window.received_lately().filter(is_meant) {
            *hosts.entry(received.target).or_default() += u64::from(received.sample.weight);
            samples += 1;
        }
        let meant: u64 = hosts.values().sum();
        let most = hosts.values().copied().max().unwrap_or(0);
        let is_spread = (hosts.len() as f64) >= LEAST_TARGETS.value
            && !ONE_HOST.is_reached_by(most, meant)
            && SHARE_OF_ALL.is_reached_by(meant, all);
        if !is_spread {
            return None;
        }
        let (network, share) = attacked(&hosts, meant, window, networks)?;
        let packets = finding.recent.count.packets as f64 * share;
        let receiving = (packets * hosts.len() as f64 / f64::from(samples.max(1))).min(addresses(network));
        Some(Spread { network, share, receiving, samples, hosts: hosts.len() })
    }

    /// The finding as one of carpet bombing.
    pub(super) fn mark(&self, mut finding: Finding) -> Finding {
        finding.pattern = Some(Pattern::CarpetBombing);
        for count in [&mut finding.now.count, &mut finding.recent.count] {
            count.packets = (count.packets as f64 * self.share) as u64;
            count.bytes = (count.bytes as f64 * self.share) as u64;
        }
        // Sources are counted in the sample alone.
        for evidence in finding.evidence.iter_mut().filter(|evidence| evidence.measure == SOURCES) {
            evidence.message = evidence.message.replacen("about", "at least", 1);
        }
        // Of a share from n samples, three standard errors.
        let error = 3.0 * (self.share * (1.0 - self.share) / f64::from(self.samples.max(1))).sqrt();
        finding.evidence.push(context(
            "share_of_network",
            self.share,
            1.0,
            format!(
                "{} receives {:.0} % (±{:.0}) of it, by a sample of {} packets to {} hosts, none of which receives a third",
                self.network,
                self.share * 100.0,
                (error * 100.0).max(1.0),
                self.samples,
                self.hosts
            ),
        ));
        finding
    }
}

/// Addresses of a network.
fn addresses(network: IpNet) -> f64 {
    f64::from(network.max_prefix_len() - network.prefix_len()).exp2()
}

/// The narrowest network that gets nearly all, with its share; else the one that gets most, if that is half. None where a prefix of
/// the usual length does: it is measured by itself.
fn attacked(hosts: &BTreeMap<Addr, u64>, all: u64, window: &Window<'_>, networks: &Networks) -> Option<(IpNet, f64)> {
    let heaviest = |network_of: &dyn Fn(Addr) -> Option<IpNet>| {
        let mut weights: BTreeMap<IpNet, u64> = BTreeMap::new();
        for (&host, &weight) in hosts {
            if let Some(network) = network_of(host) {
                *weights.entry(network).or_default() += weight;
            }
        }
        weights.into_iter().max_by_key(|(_, weight)| *weight)
    };
    let usual = |host: Addr| window.prefix_length(host);
    let of_length = |host: Addr, length: u8| IpNet::new(host.network(length).ip(), length).ok();
    let lengths = |host: Addr| if host.is_v4() { LENGTHS_V4 } else { LENGTHS_V6 };
    let prefix = heaviest(&|host| of_length(host, usual(host)));
    if prefix.is_some_and(|(_, weight)| weight * 2 >= all) {
        return None;
    }
    let configured = |host: Addr| {
        let wide = |network: &&IpNet| network.contains(&host.ip()) && network.prefix_len() < usual(host);
        networks.iter().filter(wide).max_by_key(|network| network.prefix_len()).copied()
    };
    let share = |weight: u64| weight as f64 / all.max(1) as f64;
    let [narrow, wide] = [0, 1].map(|step| heaviest(&|host| of_length(host, *lengths(host).get(step)?)));
    let mut found: Vec<(IpNet, u64)> = [narrow, wide, heaviest(&configured)]
        .into_iter()
        .flatten()
        .filter(|(network, _)| networks.is_unknown() || networks.iter().any(|ours| ours.contains(network)))
        .collect();
    found.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
    let narrowest = found.iter().find(|(_, weight)| NEARLY_ALL.is_reached_by(*weight, all));
    let half = || found.iter().max_by_key(|(_, weight)| *weight).filter(|(_, weight)| weight * 2 >= all);
    let chosen = narrowest.or_else(half);
    chosen.map(|&(network, weight)| (network, share(weight)))
}
