//! `amplification`: replies of abused services that the host never requested, one vector per row of
//! [`AMPLIFIERS`](crate::packet::AMPLIFIERS).
//!
//! Rate: replies beyond the host's own requests to that service. Shape: the payload looks like such a reply, and for
//! services that are normal on the Internet (DNS, SNMP) the replies are large, or come from many reflectors to one port.
//! Services that also carry calls, tunnels and games need many reflectors in any case.
//!
//! Replies that one of our hosts sends to requests which are captured too are reported by `open_reflector`.

use super::amplifier::{self, LARGE_ONE_WAY, ReplyLimits};
use super::evidence::context;
use super::exceeded;
use super::quantities::{self, unrequested_replies};
use super::shape::SampleProfile;
use super::{Claim, Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Setting, Threshold};
use crate::base::{Addr, Networks, Vector};
use crate::meter::{Count, HostDirection, Sample, ServiceTraffic, Span, Window};
use crate::packet::{AMPLIFIERS, Amplifier, Class};
use std::sync::Arc;

/// One vector per row, in the order of the table.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time: an index out of bounds would not build")]
const VECTORS: [Vector; AMPLIFIERS.len()] = {
    let mut vectors = [Vector::DnsAmplification; AMPLIFIERS.len()];
    let mut row = 0;
    while row < vectors.len() {
        vectors[row] = AMPLIFIERS[row].vector;
        row += 1;
    }
    vectors
};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "amplification",
    vectors: &VECTORS,
    summary: "unsolicited replies of services that reflect and amplify, identified by source port, size and payload",
    settings: &[AMBIGUOUS, UNAMBIGUOUS],
    inspects_hosts: true,
    thresholds: &[
        LARGE,
        LARGE_ONE_WAY,
        UNSEEN_SESSIONS,
        HONEST_ANSWERS,
        BURST,
        NEIGHBOURS,
        OWN_PORT,
        CROWD,
        amplifier::MOST_REPLIES,
    ],
    claims: &[Claim::AmplifierFragments],
    yields_to: &[],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::AmplifierPort,
    build: |settings, site| {
        Box::new(Amplification {
            limits: ReplyLimits { ambiguous: settings.limit(&AMBIGUOUS), unambiguous: settings.limit(&UNAMBIGUOUS) },
            networks: Arc::clone(&site.networks),
        })
    },
};

const AMBIGUOUS: Setting = Setting {
    key: "packets_per_second",
    default: 100.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unsolicited replies per second of services that also have honest uses (DNS, SNMP, SIP).",
    learns: None,
};
const UNAMBIGUOUS: Setting = Setting {
    key: "unambiguous_packets_per_second",
    default: 50.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "The same for replies that no sound network receives from outside (NTP monlist, memcached, CLDAP, SSDP).",
    learns: None,
};

const LARGE: Threshold = Threshold {
    name: "large replies",
    value: 300.0,
    unit: "octets per frame on average",
    reason: "a reply worth amplifying; honest replies of these services are smaller on average",
    guarded_by: "dns_resolver",
};
const UNSEEN_SESSIONS: Threshold = Threshold {
    name: "sessions of one direction",
    value: 5.0,
    unit: "times the limit",
    reason: "small packets of calls, tunnels and games of which only one direction is captured look alike",
    guarded_by: "sip_trunk_one_way",
};
const HONEST_ANSWERS: Threshold = Threshold {
    name: "honest answers",
    value: 3.0,
    unit: "replies per request",
    reason: "a service with more answers searches made to a whole network",
    guarded_by: "discovery",
};
const BURST: Threshold = Threshold {
    name: "burst of replies",
    value: 20.0,
    unit: "packets in 0.2 s",
    reason: "nothing else looks like unsolicited replies, so few suffice",
    guarded_by: "ntp_client",
};
const NEIGHBOURS: Threshold = Threshold {
    name: "neighbours",
    value: 0.5,
    unit: "share of replies",
    reason: "replies to a search among neighbours come from the host's own network",
    guarded_by: "discovery",
};
const OWN_PORT: Threshold = Threshold {
    name: "port of the service itself",
    value: 0.5,
    unit: "share of replies",
    reason: "gateways and exchanges both request and answer from the port of the service",
    guarded_by: "ike_gateway",
};
const CROWD: Threshold = Threshold {
    name: "crowd of reflectors",
    value: 0.5,
    unit: "sources per reply",
    reason: "at least every second reply comes from a new source, however few of them were sampled",
    guarded_by: "game_server",
};

/// The port of QUIC may be where the victim is hit.
const WITHOUT_FRAGMENTS: &[Class] = amplifier::DATAGRAMS;
/// Later fragments of large replies have no ports: they are counted with them.
const WITH_FRAGMENTS: &[Class] = &[Class::Udp, Class::Quic, Class::Fragment];

struct Amplification {
    limits: ReplyLimits,
    networks: Arc<Networks>,
}

impl Detector for Amplification {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        // The least that can be over a limit of either kind: most hosts end here.
        let least = self.limits.least(host).min(BURST.value);
        if (host.forward_packets() as f64) < least {
            return;
        }
        for service in host.services(Span::Second) {
            if host.is_outbound() && amplifier::are_answers(&service) {
                continue;
            }
            if let Some(row) = service.service.row() {
                findings.extend(self.inspect_service(host, window, &service, row));
            }
        }
    }
}

/// How suspicious the shape of a service's replies is.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Background,
    /// Could be honest traffic of which only one direction is captured.
    Doubtful,
    Clear,
}

/// Whether most replies come from the host's own network, as those to a search among neighbours do. The search itself
/// went to a group, maybe before anything was kept of the host.
fn from_neighbours(host: &HostDirection<'_>, row: &'static Amplifier, networks: &Networks) -> bool {
    let own = host.window().address();
    let near = |peer: Addr| {
        let host_bits = if own.is_v4() { 8 } else { 64 };
        networks.contains(peer) || peer.bits() >> host_bits == own.bits() >> host_bits
    };
    let (mut neighbours, mut all) = (0, 0);
    for sample in amplifier::replies(host, row) {
        all += u64::from(sample.weight);
        neighbours += if near(sample.peer) { u64::from(sample.weight) } else { 0 };
    }
    neighbours as f64 > NEIGHBOURS.value * all as f64
}

/// Whether most replies arrive at the port of the service itself, as they do between gateways and exchanges, which both
/// ask and answer.
fn among_peers(host: &HostDirection<'_>, row: &'static Amplifier) -> bool {
    let (mut own, mut all) = (0, 0);
    for sample in amplifier::replies(host, row) {
        all += u64::from(sample.weight);
        own += if row.has_port(sample.destination_port) { u64::from(sample.weight) } else { 0 };
    }
    own as f64 > OWN_PORT.value * all as f64
}

/// Whether at least every second reply comes from a source of its own, however few of them were sampled: other packets that
/// came with them (errors) take the place of samples. What else the host gets has at most a source a packet.
fn is_crowd(host: &HostDirection<'_>, service: &ServiceTraffic) -> bool {
    let others = host.forward_packets().saturating_sub(service.replies.packets);
    host.distinct_peers() - others as f64 >= CROWD.value * service.replies.packets as f64
}

fn shape_of(
    host: &HostDirection<'_>,
    service: &ServiceTraffic,
    row: &'static Amplifier,
    networks: &Networks,
    shows_both_ends: bool,
) -> Shape {
    if row.answers as f64 > HONEST_ANSWERS.value && from_neighbours(host, row, networks) {
        return Shape::Background;
    }
    if row.unambiguous {
        return Shape::Clear;
    }
    // Of a capture of both directions every unsolicited reply is known to be one.
    let one_way = !shows_both_ends && quantities::is_silent(host);
    let profile = SampleProfile::of(amplifier::replies(host, row));
    let large = amplifier::mean_size(service) as f64 >= if one_way { LARGE_ONE_WAY.value } else { LARGE.value };
    let crowd = is_crowd(host, service);
    if large && (!row.sessions || crowd || profile.many_reflectors()) {
        return Shape::Clear;
    }
    // Small replies from many reflectors.
    let unknown = crowd || profile.many_sources() || profile.many_reflectors() && (row.sessions || !one_way);
    if !unknown {
        return Shape::Background;
    }
    if !one_way {
        return Shape::Clear;
    }
    // A resolver that queries that many servers uses constantly changing ports.
    if row.sessions && (row.crawled || among_peers(host, row) || !(crowd || profile.is_scattered())) {
        Shape::Doubtful
    } else if row.sessions || profile.is_converging() {
        Shape::Clear
    } else {
        Shape::Background
    }
}

impl Amplification {
    fn inspect_service(
        &self,
        host: &HostContext<'_>,
        window: &Window<'_>,
        second: &ServiceTraffic,
        row: &'static Amplifier,
    ) -> Option<Finding> {
        let unsolicited = |span: Span| {
            let service = match span {
                Span::Second => Some(*second),
                _ => host.services(span).into_iter().find(|s| s.service == second.service),
            };
            service.map_or(0, |service| unrequested_replies(&service))
        };
        let limit = self.limits.of(row, host);
        let limit = match shape_of(host, second, row, &self.networks, window.shows_both_ends()) {
            Shape::Clear => limit,
            Shape::Doubtful => limit.times(UNSEEN_SESSIONS.value),
            Shape::Background => return None,
        };
        let exceeded = exceeded::exceeded_from(BURST.value, limit, unsolicited)?;
        let mean = amplifier::mean_size(second);
        // Fragments have no ports: they belong to the service that sends most.
        let most = host.services(Span::Second).into_iter().max_by_key(|service| service.replies.bytes);
        let with_fragments = most.is_some_and(|service| service.service == second.service);
        let fragments = if with_fragments { host.forward(Span::Second).of(Class::Fragment).packets } else { 0 };
        let classes = if fragments > 0 { WITH_FRAGMENTS } else { WITHOUT_FRAGMENTS };
        let mut finding = Finding::new(host, row.vector, classes).graded(exceeded.rate, exceeded.limit.value);
        finding.since = host.onset(|tick| unrequested_replies(&host.service_in_tick(tick, second.service)));
        // Of all UDP to the host only this service's packets are the attack.
        let ours = |sample: &Sample| row.has_port(sample.source_port) || sample.class == Class::Fragment as u8;
        finding.now.samples.retain(ours);
        finding.recent.samples.retain(ours);
        let fragment_count = |span| match with_fragments {
            true => host.forward(span).of(Class::Fragment),
            false => Count::default(),
        };
        finding.recent.count = second.replies;
        finding.recent.count.merge(fragment_count(Span::Second));
        let tick = host.services(Span::Tick).into_iter().find(|s| s.service == second.service);
        finding.now.count = tick.map_or_else(Default::default, |s| s.replies);
        finding.now.count.merge(fragment_count(Span::Tick));
        let profile = SampleProfile::of(finding.recent.samples.iter());
        let name = row.service.to_uppercase();
        let requests = second.requests;
        let port = finding.recent.samples.iter().map(|sample| sample.source_port).find(|&port| row.has_port(port));
        let port = port.or(row.ports.first().copied()).unwrap_or_default();
        finding.evidence = vec![
            exceeded.evidence(
                "unsolicited_replies_per_second",
                &format!("unsolicited {name} replies/s {}", host.to_or_from()),
                &format!("; {requests} requests in the reverse direction in the last second"),
            ),
            context(
                "mean_reply_bytes",
                mean as f64,
                1.0,
                format!("replies from UDP port {port} of {mean} octets on average, with {fragments} fragments"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
