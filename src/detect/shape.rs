//! The shape of traffic: what tells a flood from a busy host when the rate alone cannot.

use super::Evidence;
use super::settings::Limit;
use crate::base::{Addr, Timestamp};
use crate::meter::{HostDirection, HostTick, Sample, Span};
use crate::packet::Class;
use std::collections::{BTreeMap, BTreeSet};

/// Least number of packets in 0.2 s for which a burst is judged at all: below, a browser's start is a burst.
pub(super) const LEAST_BURST: f64 = 150.0;

/// Samples below which their diversity means nothing. A single tick gives at least so many of any flood.
const LEAST_SAMPLES: usize = 8;

/// The last ticks of a second, in which a client that has just connected may not have come to speak: what is judged by
/// what follows leaves them out.
pub(super) const UNDER_WAY: usize = 3;
/// Seconds of the second that are left.
pub(super) const SETTLED: f64 = 0.7;

/// A rate over its limit, and how it was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exceeded {
    /// Per second.
    pub rate: f64,
    pub limit: Limit,
    pub span: Span,
}

/// Is a count over its limit? Either the last second as a whole is, or the last 0.2 s alone bring half of a second's
/// allowance (a rate of two and a half times the limit). A flood at n times its limit is thus seen after 1/n s, and one
/// at three times or more within 0.3 s.
///
/// Where both are over, the burst tells as soon as it is there how strong the flood is.
pub(super) fn exceeded(limit: Limit, count: impl Fn(Span) -> u64) -> Option<Exceeded> {
    exceeded_from(LEAST_BURST, limit, count)
}

/// The same for packets that are suspicious in themselves, of which `least` already make a burst.
pub(super) fn exceeded_from(least: f64, limit: Limit, count: impl Fn(Span) -> u64) -> Option<Exceeded> {
    let (second, burst) = (count(Span::Second) as f64, count(Span::Burst) as f64);
    let burst_rate = burst / Span::Burst.seconds();
    if burst >= (limit.value / 2.0).max(least) && (second < limit.value || burst_rate >= second * 1.5) {
        Some(Exceeded { rate: burst_rate, limit, span: Span::Burst })
    } else if second >= limit.value {
        Some(Exceeded { rate: second, limit, span: Span::Second })
    } else {
        None
    }
}

impl Exceeded {
    /// The evidence line that every rate gives. `what` names the counted thing, e.g. "SYN/s to 203.0.113.7".
    pub fn evidence(&self, measure: &'static str, what: &str, rest: &str) -> Evidence {
        let message = format!("{:.0} {what}, limit {} ({}){rest}", self.rate, self.limit.value, self.limit.from.name());
        measured(measure, self.rate.round(), self.limit, self.span.seconds(), message)
    }
}

/// Evidence that was compared with a limit.
pub(super) fn measured(
    measure: &'static str,
    value: f64,
    limit: Limit,
    window_seconds: f64,
    message: String,
) -> Evidence {
    let (limit, limit_from) = (Some(limit.value), Some(limit.from));
    Evidence { measure, value, limit, limit_from, window_seconds, message }
}

/// Evidence for context: a figure without a limit.
pub(super) fn context(measure: &'static str, value: f64, window_seconds: f64, message: String) -> Evidence {
    Evidence { measure, value, limit: None, limit_from: None, window_seconds, message }
}

/// What the sampled packets of the last second look like.
#[derive(Clone, Debug, Default)]
pub(super) struct SampleProfile {
    pub samples: usize,
    /// Distinct peers among the samples.
    pub peers: usize,
    /// Share of samples whose peer no other sample has: near one where every packet has a source of its own.
    pub peer_diversity: f64,
    /// The same for the whole 4-tuple: real traffic sends many packets a flow, generators often one.
    pub flow_diversity: f64,
    /// The same for the port at the target's side.
    pub port_diversity: f64,
    pub top_peer: Option<(Addr, f64)>,
    /// Samples of that peer.
    top_samples: usize,
    /// Most used destination port and its share of packets.
    pub top_port: Option<(u16, f64)>,
}

impl SampleProfile {
    pub fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> SampleProfile {
        let mut peers: BTreeMap<Addr, u64> = BTreeMap::new();
        let mut ports: BTreeMap<u16, u64> = BTreeMap::new();
        let mut flows = BTreeSet::new();
        let mut by_peer: BTreeMap<Addr, usize> = BTreeMap::new();
        let (mut count, mut weight) = (0usize, 0u64);
        for sample in samples {
            count += 1;
            weight += u64::from(sample.weight);
            *peers.entry(sample.peer).or_default() += u64::from(sample.weight);
            *ports.entry(sample.destination_port).or_default() += u64::from(sample.weight);
            *by_peer.entry(sample.peer).or_default() += 1;
            flows.insert((sample.peer, sample.source_port, sample.destination_port));
        }
        if count == 0 {
            return SampleProfile::default();
        }
        let share = |packets: u64| packets as f64 / weight.max(1) as f64;
        let top_peer =
            peers.iter().max_by_key(|(_, packets)| **packets).map(|(peer, packets)| (*peer, share(*packets)));
        SampleProfile {
            samples: count,
            peers: peers.len(),
            peer_diversity: peers.len() as f64 / count as f64,
            flow_diversity: flows.len() as f64 / count as f64,
            port_diversity: ports.len() as f64 / count as f64,
            top_samples: top_peer.and_then(|(peer, _)| by_peer.get(&peer).copied()).unwrap_or(0),
            top_peer,
            top_port: ports.iter().max_by_key(|(_, packets)| **packets).map(|(port, packets)| (*port, share(*packets))),
        }
    }

    pub fn of_flow(host: &HostDirection<'_>, classes: &[Class]) -> SampleProfile {
        SampleProfile::of(host.samples(classes))
    }

    /// Nearly every packet from a source of its own: invented sources, or a very large botnet.
    pub fn many_sources(&self) -> bool {
        self.samples >= LEAST_SAMPLES && self.peer_diversity >= 0.5
    }

    /// Many peers, none of which stands out: reflectors, however often each answers.
    pub fn many_reflectors(&self) -> bool {
        self.peers >= LEAST_SAMPLES && self.top_peer.is_some_and(|(_, share)| share <= 0.4)
    }

    /// Nearly every packet of a flow of its own: generated traffic, from one source or many.
    pub fn many_flows(&self) -> bool {
        self.samples >= LEAST_SAMPLES && self.flow_diversity >= 0.5
    }

    /// Each peer sends in one flow only.
    pub fn one_flow_each(&self) -> bool {
        self.samples >= LEAST_SAMPLES && self.flow_diversity <= self.peer_diversity * 1.1
    }

    /// So many sources that none matters, far more than a host has tunnels: a botnet, if they are not invented.
    pub fn scattered(&self) -> bool {
        // A flood's first samples are few, but then nearly all differ.
        let many = self.peers >= 12 || (self.samples >= LEAST_SAMPLES && self.peers * 10 >= self.samples * 9);
        many && self.top_peer.is_some_and(|(_, share)| share < 0.25)
    }

    /// Few peers stand out: outgoing floods have few victims, while checks, sweeps and answers to many clients go to many.
    pub fn is_concentrated(&self) -> bool {
        self.top_peer.is_some_and(|(_, share)| share >= 0.2)
    }

    /// One source (or two) going through the ports of one target: a scan, whatever its rate.
    pub fn is_port_scan(&self) -> bool {
        self.samples >= LEAST_SAMPLES
            && self.port_diversity >= 0.6
            && self.top_peer.is_some_and(|(_, share)| share >= 0.4)
    }

    /// One evidence line about where it comes from and goes to.
    pub fn evidence(&self, distinct: f64, outbound: bool) -> Evidence {
        let who = match (outbound, distinct.round() == 1.0) {
            (true, false) => "destinations",
            (true, true) => "destination",
            (false, false) => "sources",
            (false, true) => "source",
        };
        let top = self.top_peer.map_or(String::new(), |(peer, share)| {
            // Where each sample has a source of its own, or nearly, the heaviest is heavy by chance.
            if share >= 0.05 && self.top_samples >= 4 && !self.many_sources() {
                format!(", {peer} has {:.0} % of the packets", share * 100.0)
            } else {
                String::new()
            }
        });
        let port = self.top_port.map_or(String::new(), |(port, share)| match port {
            0 => String::new(),
            port if share >= 0.05 => format!("; port {port} gets {:.0} %", share * 100.0),
            _ => "; spread over many ports".to_owned(),
        });
        let measure = if outbound { "distinct_destinations" } else { "distinct_sources" };
        context(
            measure,
            distinct.round(),
            1.0,
            format!("about {distinct:.0} {who} of all its traffic in the last second{top}{port}"),
        )
    }
}

/// A flood that is weak but unmistakable: over ten seconds nearly every packet came from an address of its own.
/// `packets` are those of the flood in the last ten full seconds.
pub(super) fn steadily_spread(host: &HostDirection<'_>, packets: u64, floor: f64) -> bool {
    packets as f64 >= floor && host.distinct_peers_in_ten_seconds() >= 0.6 * packets as f64
}

/// When a flood that is judged over ten seconds began, as near as the windows tell.
pub(super) fn ten_seconds_before(end: Timestamp) -> Timestamp {
    Timestamp::from_nanos(end.nanos().saturating_sub(10_000_000_000))
}

/// Source ports with their shares of the packets, the busiest first.
pub(super) fn source_ports<'a>(samples: impl Iterator<Item = &'a Sample>) -> Vec<(u16, f64)> {
    let mut weights: BTreeMap<u16, u64> = BTreeMap::new();
    for sample in samples {
        *weights.entry(sample.source_port).or_default() += u64::from(sample.weight);
    }
    let all = weights.values().sum::<u64>().max(1) as f64;
    let mut ports: Vec<(u16, f64)> = weights.into_iter().map(|(port, weight)| (port, weight as f64 / all)).collect();
    ports.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    ports
}

/// How many of `classes` one tick brought in the direction of `host`: for [`HostDirection::onset`].
pub(super) fn packets_in<'a>(host: &'a HostDirection<'_>, classes: &'a [Class]) -> impl Fn(&HostTick) -> u64 + 'a {
    move |tick| host.in_tick(tick, classes).packets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(value: f64) -> Limit {
        Limit { value, from: crate::detect::LimitFrom::Default }
    }

    fn spans(second: u64, burst: u64) -> impl Fn(Span) -> u64 {
        move |span| if span == Span::Second { second } else { burst }
    }

    #[test]
    fn a_second_at_the_limit_or_a_burst_at_two_and_a_half_times() {
        assert!(exceeded(limit(1000.0), spans(999, 300)).is_none());
        assert_eq!(exceeded(limit(1000.0), spans(1000, 200)).map(|o| o.span), Some(Span::Second));
        assert_eq!(exceeded(limit(1000.0), spans(600, 500)).map(|o| o.rate), Some(2500.0));
        assert!(exceeded(limit(100.0), spans(60, 60)).is_none(), "sixty packets are no burst");
    }

    #[test]
    fn senders_of_one_flow_are_told_from_those_of_many() {
        let sample = |peer: u32, source_port: u16| Sample {
            peer: Addr::from_v4_bits(peer),
            source_port,
            destination_port: 514,
            weight: 1,
            class: 0,
            ..Sample::default()
        };
        let logs: Vec<Sample> = (0..80).map(|n| sample(n % 50, 514)).collect();
        let bots: Vec<Sample> = (0..80).map(|n| sample(n % 50, n as u16)).collect();
        assert!(SampleProfile::of(logs.iter()).one_flow_each() && !SampleProfile::of(bots.iter()).one_flow_each());
        assert!(!SampleProfile::of(logs.iter().take(4)).one_flow_each(), "too few to say");
    }

    #[test]
    fn profiles_tell_scans_from_floods() {
        let sample = |peer: u32, port: u16| Sample {
            peer: Addr::from_v4_bits(peer),
            source_port: 1,
            destination_port: port,
            weight: 1,
            class: 0,
            ..Sample::default()
        };
        let scan: Vec<Sample> = (0..50).map(|n| sample(1, n)).collect();
        let flood: Vec<Sample> = (0..50).map(|n| sample(n, 80)).collect();
        let (scan, flood) = (SampleProfile::of(scan.iter()), SampleProfile::of(flood.iter()));
        assert!(scan.is_port_scan() && !scan.many_sources());
        assert!(flood.many_sources() && !flood.is_port_scan());
        assert_eq!(flood.top_port, Some((80, 1.0)));
    }
}
