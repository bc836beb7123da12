//! The shape of traffic: what tells a flood from a busy host when the rate alone cannot. All of it rests on the sampled
//! packets of the last second.

use super::evidence::{Evidence, context};
use super::threshold::Threshold;
use crate::base::{Addr, TICKS_PER_SECOND, Timestamp};
use crate::meter::{HostDirection, HostTick, Registers, Sample, Span};
use crate::packet::{Class, Service};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const THRESHOLDS: &[Threshold] = &[
    LEAST_SAMPLES,
    MANY_SOURCES,
    SINGLE_SHARE,
    TOP_REFLECTOR,
    MANY_FLOWS,
    SCATTERED_PEERS,
    SCATTERED_TOP,
    SCATTERED_FEW,
    CONCENTRATED,
    SCAN_PORTS,
    SCAN_TOP,
    SHOWN_SHARE,
    SHOWN_SAMPLES,
    STEADY_SPREAD,
    SAME_NETWORK_HOSTS,
    TUNNEL_SHARE,
    SERVICE_PORTS,
    SERVICE_SHARE,
    FIRST_CLIENT_PORT,
    REFLECTED_SHARE,
    REFLECTED_LARGE,
    CONVERGING_PORT,
    CONVERGING_PEERS,
    SAME_PORT_SHARE,
    STREAM_SENDERS,
    STREAM_RATE,
];

const LEAST_SAMPLES: Threshold = Threshold {
    name: "least samples",
    value: 8.0,
    unit: "samples",
    reason: "below, diversity means nothing; a single tick gives at least this many of any flood",
    guarded_by: "udp_flood_pulses",
};
const MANY_SOURCES: Threshold = Threshold {
    name: "many sources",
    value: 0.5,
    unit: "distinct sources per sample",
    reason: "spoofed sources give nearly 1, clients that send a few packets each well below",
    guarded_by: "flash_crowd",
};
const SINGLE_SHARE: Threshold = Threshold {
    name: "packets of single sources",
    value: 0.5,
    unit: "share of packets",
    reason: "samples of a quiet tick stand for few packets: clients that come while a flood of a few sources ends are not its sources",
    guarded_by: "syn_flood_internal",
};
const TOP_REFLECTOR: Threshold = Threshold {
    name: "top reflector",
    value: 0.4,
    unit: "share of packets",
    reason: "reflectors differ in bandwidth, but one server with more is a conversation",
    guarded_by: "dns_resolver",
};
const MANY_FLOWS: Threshold = Threshold {
    name: "many flows",
    value: 0.5,
    unit: "flows per sample",
    reason: "honest traffic sends many packets per flow, generators often one",
    guarded_by: "voip",
};
const SCATTERED_PEERS: Threshold = Threshold {
    name: "scattered peers",
    value: 12.0,
    unit: "peers",
    reason: "more than a host has tunnels",
    guarded_by: "gre_tunnel",
};
const SCATTERED_TOP: Threshold = Threshold {
    name: "scattered top peer",
    value: 0.25,
    unit: "share of packets",
    reason: "among a dozen sources one with more is a tunnel or stream beside others",
    guarded_by: "gre_tunnel",
};
const SCATTERED_FEW: Threshold = Threshold {
    name: "scattered few samples",
    value: 0.9,
    unit: "peers per sample",
    reason: "the first samples of a flood are few, but nearly all differ",
    guarded_by: "gre_flood",
};
const CONCENTRATED: Threshold = Threshold {
    name: "concentrated",
    value: 0.2,
    unit: "share of the top peer",
    reason: "outbound floods have up to five victims; checks, sweeps and responses to clients go to many",
    guarded_by: "ping_monitor_network",
};
const SCAN_PORTS: Threshold = Threshold {
    name: "scanned ports",
    value: 0.6,
    unit: "ports per sample",
    reason: "a scan tries each port once or twice",
    guarded_by: "port_scan",
};
const SCAN_TOP: Threshold = Threshold {
    name: "scan sender",
    value: 0.4,
    unit: "share of the top peer",
    reason: "a scan has one sender or two",
    guarded_by: "xmas_scan",
};
const SHOWN_SHARE: Threshold = Threshold {
    name: "share worth showing",
    value: 0.05,
    unit: "share of packets",
    reason: "below, a peer or port is heavy by chance of sampling",
    guarded_by: "syn_flood",
};
const SHOWN_SAMPLES: Threshold = Threshold {
    name: "samples worth showing",
    value: 4.0,
    unit: "samples",
    reason: "a share from fewer samples is off by half or more",
    guarded_by: "syn_flood",
};
const STEADY_SPREAD: Threshold = Threshold {
    name: "steady spread",
    value: 0.6,
    unit: "distinct sources per packet over ten seconds",
    reason: "services with many senders hear the same ones again within ten seconds",
    guarded_by: "udp_flood_slow",
};
const SAME_NETWORK_HOSTS: Threshold = Threshold {
    name: "hosts of the same networks",
    value: 4.0,
    unit: "hosts",
    reason: "fewer that share a network do so by chance; at least two per network on average are asked for as well",
    guarded_by: "smurf",
};
const TUNNEL_SHARE: Threshold = Threshold {
    name: "tunnel share",
    value: 0.9,
    unit: "share of packets to a tunnel's port",
    reason: "tunnels derive the source port from what they carry, so that each has very many flows",
    guarded_by: "udp_tunnel",
};
const SERVICE_PORTS: Threshold = Threshold {
    name: "abused services",
    value: 8.0,
    unit: "source ports",
    reason: "an attack abuses a few services at a time",
    guarded_by: "tcp_reflection",
};
const SERVICE_SHARE: Threshold = Threshold {
    name: "share of abused services",
    value: 0.75,
    unit: "share of packets",
    reason: "invented source ports hardly occur twice",
    guarded_by: "syn_ack_flood",
};
const FIRST_CLIENT_PORT: Threshold = Threshold {
    name: "first client port",
    value: 32768.0,
    unit: "port",
    reason: "clients draw their ports from here on (Linux; RFC 6335 says 49152)",
    guarded_by: "syn_ack_flood",
};
const REFLECTED_SHARE: Threshold = Threshold {
    name: "share of the reflected port",
    value: 0.8,
    unit: "share of UDP",
    reason: "reflectors of one service all send from its port",
    guarded_by: "udp_answers_one_way",
};
const REFLECTED_LARGE: Threshold = Threshold {
    name: "large reflected replies",
    value: 600.0,
    unit: "octets on average",
    reason: "a reply worth amplifying where the requests may merely not be captured",
    guarded_by: "udp_answers_one_way",
};
const CONVERGING_PORT: Threshold = Threshold {
    name: "converging port",
    value: 0.25,
    unit: "share of packets to one port",
    reason: "replies to spoofed requests go to the port that the attacker chose; a resolver draws a new port per query",
    guarded_by: "dns_resolver",
};
const CONVERGING_PEERS: Threshold = Threshold {
    name: "converging peers",
    value: 0.95,
    unit: "distinct peers per sample",
    reason: "reflectors send again; invented sources hardly occur twice",
    guarded_by: "udp_flood",
};
const STREAM_SENDERS: Threshold = Threshold {
    name: "senders of streams",
    value: 150.0,
    unit: "hosts",
    reason: "attackers find hundreds of reflectors of a service; a recorder has some dozens of cameras",
    guarded_by: "rtp_recorder",
};
const STREAM_RATE: Threshold = Threshold {
    name: "rate of a stream",
    value: 100.0,
    unit: "packets/s per host",
    reason: "video and voice send at least as much; a reflector is rarely asked that often",
    guarded_by: "rtp_recorder",
};
const SAME_PORT_SHARE: Threshold = Threshold {
    name: "same port both ways",
    value: 0.5,
    unit: "share of samples",
    reason: "between servers that use the same port in both directions (tunnels, log collectors) nothing is reflected",
    guarded_by: "wireguard",
};

/// Why a detector of floods leaves a scan alone.
pub(super) const SCAN: &str = "one sender tries many ports: a scan";

/// The last ticks of a second, in which a client that has just connected may not have sent anything yet: what is evaluated
/// by what follows leaves them out.
pub(super) const UNDER_WAY: usize = 3;
/// Seconds that remain of the second.
pub(super) const SETTLED: f64 = 0.7;

/// What the sampled packets of the last second look like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SampleProfile {
    pub samples: usize,
    /// Distinct peers among the samples.
    pub peers: usize,
    /// Distinct peers per sample: near 1 where every packet has its own source.
    pub peer_diversity: f64,
    /// Distinct flows per sample: honest traffic sends many packets per flow, generators often one.
    pub flow_diversity: f64,
    /// Distinct ports at the target's end per sample.
    pub port_diversity: f64,
    pub top_peer: Option<(Addr, f64)>,
    /// Samples of that peer.
    top_samples: usize,
    /// Share of packets whose peer was sampled only once.
    single_share: f64,
    /// How many samples of equal weight would be as good (Kish 1965).
    effective: f64,
    /// Most used destination port and its share of packets.
    pub top_port: Option<(u16, f64)>,
}

impl SampleProfile {
    pub(crate) fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> SampleProfile {
        let mut peers: BTreeMap<Addr, u64> = BTreeMap::new();
        let mut ports: BTreeMap<u16, u64> = BTreeMap::new();
        let mut flows = BTreeSet::new();
        let mut by_peer: BTreeMap<Addr, usize> = BTreeMap::new();
        let (mut count, mut weight, mut squares) = (0usize, 0u64, 0.0);
        for sample in samples {
            count += 1;
            weight += u64::from(sample.weight);
            squares += f64::from(sample.weight) * f64::from(sample.weight);
            *peers.entry(sample.peer).or_default() += u64::from(sample.weight);
            *ports.entry(sample.destination_port).or_default() += u64::from(sample.weight);
            *by_peer.entry(sample.peer).or_default() += 1;
            flows.insert((sample.peer, sample.source_port, sample.destination_port));
        }
        if count == 0 {
            return SampleProfile::default();
        }
        let share = |packets: u64| packets as f64 / weight.max(1) as f64;
        let single = |peer: &&Addr| by_peer.get(peer) == Some(&1);
        let singles = peers.keys().filter(single).filter_map(|peer| peers.get(peer)).sum();
        let top_peer =
            peers.iter().max_by_key(|(_, packets)| **packets).map(|(peer, packets)| (*peer, share(*packets)));
        SampleProfile {
            samples: count,
            peers: peers.len(),
            peer_diversity: peers.len() as f64 / count as f64,
            flow_diversity: flows.len() as f64 / count as f64,
            port_diversity: ports.len() as f64 / count as f64,
            top_samples: top_peer.and_then(|(peer, _)| by_peer.get(&peer).copied()).unwrap_or(0),
            single_share: share(singles),
            effective: weight as f64 * weight as f64 / squares.max(1.0),
            top_peer,
            top_port: ports.iter().max_by_key(|(_, packets)| **packets).map(|(port, packets)| (*port, share(*packets))),
        }
    }

    pub(crate) fn new(host: &HostDirection<'_>, classes: &[Class]) -> SampleProfile {
        SampleProfile::of(host.samples(classes))
    }

    fn has_enough(&self) -> bool {
        self.samples as f64 >= LEAST_SAMPLES.value
    }

    /// Nearly every packet from its own source: spoofed sources, or a very large botnet.
    pub(crate) fn many_sources(&self) -> bool {
        self.has_enough() && self.peer_diversity >= MANY_SOURCES.value && self.single_share >= SINGLE_SHARE.value
    }

    /// Many peers, none of which dominates: reflectors, however often each responds.
    pub(crate) fn many_reflectors(&self) -> bool {
        self.peers as f64 >= LEAST_SAMPLES.value && self.top_peer.is_some_and(|(_, share)| share <= TOP_REFLECTOR.value)
    }

    /// Nearly every packet in its own flow: generated traffic, from one source or many.
    pub(crate) fn many_flows(&self) -> bool {
        self.has_enough() && self.flow_diversity >= MANY_FLOWS.value
    }

    /// Far more sources than a host has tunnels, none of which dominates: a botnet, if they are not spoofed.
    pub(crate) fn is_scattered(&self) -> bool {
        let nearly_all_differ = self.has_enough() && self.peer_diversity >= SCATTERED_FEW.value;
        let many = self.peers as f64 >= SCATTERED_PEERS.value || nearly_all_differ;
        many && self.top_peer.is_some_and(|(_, share)| share < SCATTERED_TOP.value)
    }

    /// Few peers get most of it.
    pub(crate) fn is_concentrated(&self) -> bool {
        self.top_peer.is_some_and(|(_, share)| share >= CONCENTRATED.value)
    }

    /// One source (or two) trying the ports of one target: a scan, whatever its rate.
    pub(crate) fn is_port_scan(&self) -> bool {
        self.has_enough()
            && self.port_diversity >= SCAN_PORTS.value
            && self.top_peer.is_some_and(|(_, share)| share >= SCAN_TOP.value)
    }

    /// Whether one destination port gets at least a share that resolvers, which draw a port per query, never give it.
    pub(crate) fn is_converging(&self) -> bool {
        self.top_port.is_some_and(|(_, share)| share >= CONVERGING_PORT.value)
    }

    /// One evidence line about sources (or destinations) and ports.
    pub(crate) fn evidence(&self, distinct: f64, outbound: bool) -> Evidence {
        let peers = match (outbound, distinct.round() == 1.0) {
            (true, false) => "destinations",
            (true, true) => "destination",
            (false, false) => "sources",
            (false, true) => "source",
        };
        // Where nearly each sample has its own source, the heaviest is heavy by chance.
        let error = |share: f64| 3.0 * (share * (1.0 - share) / self.effective.max(1.0)).sqrt();
        let is_shown =
            |share: f64| share >= SHOWN_SHARE.value && share > error(share) && self.effective >= SHOWN_SAMPLES.value;
        let percent = |share: f64| match (error(share) * 100.0).round() {
            0.0 => format!("{:.0} %", share * 100.0),
            error => format!("{:.0} % (±{error:.0})", share * 100.0),
        };
        let has_samples = self.top_samples as f64 >= SHOWN_SAMPLES.value && !self.many_sources();
        let top = match self.top_peer {
            Some((peer, share)) if is_shown(share) && has_samples => {
                format!("; {peer} sends {} of the packets", percent(share))
            }
            _ => String::new(),
        };
        let top = if outbound { top.replace("sends", "receives") } else { top };
        let port = match self.top_port {
            None | Some((0, _)) => String::new(),
            Some((port, share)) if is_shown(share) => {
                format!("; port {port} receives {} of them", percent(share))
            }
            Some(_) => "; spread over many ports".to_owned(),
        };
        let measure = if outbound { "distinct_destinations" } else { "distinct_sources" };
        let error = match distinct.round() as u64 {
            0 | 1 => String::new(),
            _ => format!(" (±{:.0} %)", (<Registers>::error() * 100.0).ceil()),
        };
        let message = format!("about {distinct:.0} {peers}{error} in all traffic of the last second{top}{port}");
        context(measure, distinct.round(), 1.0, message)
    }
}

/// A flood that is weak but unmistakable: over ten seconds nearly every packet came from its own address. `packets` are
/// those of the flood in the last ten full seconds.
pub(super) fn is_steadily_spread(host: &HostDirection<'_>, packets: u64) -> bool {
    host.distinct_peers_in_ten_seconds() >= STEADY_SPREAD.value * packets as f64
}

/// When a flood that is evaluated over ten seconds began, as near as the windows can give it.
pub(super) fn ten_seconds_before(end: Timestamp) -> Timestamp {
    Timestamp::from_nanos(end.nanos().saturating_sub(10_000_000_000))
}

/// How many packets of `classes` one tick brought in the direction of `host`: for [`HostDirection::onset`].
pub(super) fn packets_in<'a>(host: &'a HostDirection<'_>, classes: &'a [Class]) -> impl Fn(&HostTick) -> u64 + 'a {
    move |tick| host.in_tick(tick, classes).packets
}

/// Source ports with their shares of the packets, the busiest first.
fn source_ports<'a>(samples: impl Iterator<Item = &'a Sample>) -> Vec<(u16, f64)> {
    let mut weights: BTreeMap<u16, u64> = BTreeMap::new();
    for sample in samples {
        *weights.entry(sample.source_port).or_default() += u64::from(sample.weight);
    }
    let all = weights.values().sum::<u64>().max(1) as f64;
    let mut ports: Vec<(u16, f64)> = weights.into_iter().map(|(port, weight)| (port, weight as f64 / all)).collect();
    ports.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    ports
}

/// Whether a port is one that services listen on, not one that clients draw.
pub(super) fn is_service_port(port: u16) -> bool {
    port > 0 && f64::from(port) < FIRST_CLIENT_PORT.value
}

/// The samples of what the host did not ask for: replies to its own requests must not blur the picture.
fn unsolicited<'a>(host: &HostDirection<'a>, classes: &'a [Class]) -> impl Iterator<Item = &'a Sample> {
    host.samples(classes).filter(|sample| !sample.is_solicited())
}

/// The service ports that nearly all of these packets come from, with their shares.
pub(super) fn service_ports(host: &HostDirection<'_>, classes: &[Class]) -> Option<Vec<(u16, f64)>> {
    let samples = unsolicited(host, classes).count();
    let mut ports = source_ports(unsolicited(host, classes));
    let repeated = samples as f64 >= LEAST_SAMPLES.value && ports.len() * 2 <= samples;
    ports.retain(|(port, _)| is_service_port(*port));
    ports.truncate(SERVICE_PORTS.value as usize);
    (repeated && ports.iter().map(|(_, share)| share).sum::<f64>() >= SERVICE_SHARE.value).then_some(ports)
}

/// Whether echo replies of this class come from many hosts of the same networks, as the replies of a broadcast domain do.
/// Spoofed ones come from anywhere.
pub(super) fn is_of_same_networks(host: &HostDirection<'_>, reply: Class) -> bool {
    let (mut hosts, mut networks) = (BTreeSet::new(), BTreeSet::new());
    for sample in host.samples(&[reply]) {
        hosts.insert(sample.peer);
        networks.insert(sample.peer.network(if sample.peer.is_v4() { 24 } else { 64 }));
    }
    hosts.len() as f64 >= SAME_NETWORK_HOSTS.value && networks.len() * 2 <= hosts.len()
}

/// Tunnels derive the source port from what they carry (RFC 7348 §5, RFC 8926 §3.3, RFC 8086 §3.2), so that each has very
/// many flows.
pub(super) fn is_tunnel(profile: &SampleProfile) -> bool {
    const PORTS: [u16; 7] = [2152, 4754, 4789, 4790, 6080, 6081, 8472];
    let one_port = profile.top_port.is_some_and(|(port, share)| PORTS.contains(&port) && share >= TUNNEL_SHARE.value);
    !profile.many_sources() && one_port
}

/// Whether few hosts send very much each, as cameras and encoders do. In the first second the tick gives the rate.
fn are_streams(host: &HostDirection<'_>) -> bool {
    let rate = |span: Span| host.forward(span).of(Class::Udp).packets as f64 / span.seconds();
    let senders = host.distinct_peers();
    senders < STREAM_SENDERS.value && rate(Span::Second).max(rate(Span::Tick)) >= senders * STREAM_RATE.value
}

/// The port that reflected UDP comes from, and its share of UDP.
#[derive(Clone, Copy)]
pub(super) struct ReflectedPort {
    pub port: u16,
    pub share: f64,
}

/// The same as [`SampleProfile::many_reflectors`], of peers that were counted one by one: sooner certain than samples.
fn are_many_peers(host: &HostDirection<'_>, classes: &[Class]) -> bool {
    let mut peers: BTreeMap<Addr, u64> = BTreeMap::new();
    for count in host.peer_counts(0..TICKS_PER_SECOND, classes).counts {
        *peers.entry(count.peer).or_default() += u64::from(count.packets);
    }
    let (most, all) = (peers.values().copied().max().unwrap_or(0), peers.values().sum::<u64>());
    peers.len() as f64 >= LEAST_SAMPLES.value && most as f64 <= TOP_REFLECTOR.value * all as f64
}

/// UDP from one source port of many hosts that is no known amplifier's: large packets, or small ones that converge on a
/// port from the same hosts again and again. Invented traffic has varying source ports, or constantly changing sources.
pub(super) fn reflected_port(host: &HostDirection<'_>) -> Option<ReflectedPort> {
    const UDP: &[Class] = &[Class::Udp];
    let &(port, share) = source_ports(unsolicited(host, UDP)).first()?;
    if share < REFLECTED_SHARE.value || port == 0 || Service::of_port(port).is_some() {
        return None;
    }
    let from_port = || unsolicited(host, UDP).filter(|sample| sample.source_port == port);
    let profile = SampleProfile::of(from_port());
    let both = from_port().filter(|sample| sample.destination_port == port).count();
    let between_servers = both as f64 > SAME_PORT_SHARE.value * profile.samples as f64;
    // The port rests on samples: one heavy sample proves none.
    let is_certain = SampleProfile::of(unsolicited(host, UDP)).effective >= LEAST_SAMPLES.value / 2.0;
    if between_servers || !(profile.many_reflectors() || is_certain && are_many_peers(host, UDP)) {
        return None;
    }
    if are_streams(host) {
        return None;
    }
    let count = host.forward(Span::Second).of(Class::Udp);
    let large = count.bytes as f64 >= REFLECTED_LARGE.value * count.packets as f64;
    let converging = profile.is_converging() && profile.peer_diversity <= CONVERGING_PEERS.value;
    (large || converging).then_some(ReflectedPort { port, share })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(peer: u32, source_port: u16, destination_port: u16) -> Sample {
        let peer = Addr::from_v4_bits(peer);
        Sample { peer, source_port, destination_port, weight: 1, class: 0, ..Sample::default() }
    }

    #[test]
    fn profiles_tell_scans_from_floods() {
        let scan: Vec<Sample> = (0..50).map(|n| sample(1, 1, n)).collect();
        let flood: Vec<Sample> = (0..50).map(|n| sample(n, 1, 80)).collect();
        let (scan, flood) = (SampleProfile::of(scan.iter()), SampleProfile::of(flood.iter()));
        assert!(scan.is_port_scan() && !scan.many_sources());
        assert!(flood.many_sources() && !flood.is_port_scan());
        assert_eq!(flood.top_port, Some((80, 1.0)));
    }
}
