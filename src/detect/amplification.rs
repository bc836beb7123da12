//! `amplification`: replies of abused services that the host never asked for, one vector per row of
//! [`AMPLIFIERS`](crate::packet::AMPLIFIERS).
//!
//! Rate: replies beyond the host's own requests to that service. Shape: the payload looks like such a reply, and for
//! services that are normal on the Internet (DNS, SNMP) the replies are large, or come from many reflectors to one port.
//! Services whose packets also make calls, tunnels and games need many reflectors in any case.
//!
//! Replies that a host of ours sends to requests which are seen too are told by `open_reflector`.

use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limits};
use crate::base::{Addr, Networks, Vector};
use crate::meter::{Count, HostDirection, Sample, ServiceTraffic, Span, Window};
use crate::packet::{AMPLIFIERS, Amplifier, Class, Service};
use std::sync::Arc;

/// One vector a row, in the order of the table.
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
    summary: "unsolicited replies of services that reflect and amplify, told by source port, size and payload",
    settings: &[
        Setting {
            key: "packets_per_second",
            default: 100.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Unsolicited replies a second of services that are also used honestly (DNS, SNMP, SIP).",
            learns: None,
        },
        Setting {
            key: "unambiguous_packets_per_second",
            default: 50.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "The same for replies that no sane network receives (NTP monlist, memcached, CLDAP, SSDP from outside).",
            learns: None,
        },
    ],
    build: |settings, site| {
        Box::new(Amplification {
            ambiguous: settings.limit("packets_per_second"),
            unambiguous: settings.limit("unambiguous_packets_per_second"),
            networks: Arc::clone(&site.networks),
        })
    },
};

/// Octets of a whole frame from which on an answer is worth amplifying.
pub(super) const LARGE: u64 = 300;
/// The same where the host is never seen sending: then its questions may merely be invisible.
pub(super) const LARGE_ONE_WAY: u64 = 600;
/// Small packets of sessions of which only one way is seen: by how much more of them make an attack.
const UNSEEN_SESSIONS: f64 = 5.0;
/// Answers to one question beyond which a service is one that whole networks are searched with.
const HONEST_ANSWERS: u64 = 3;
/// Replies that one request brings at most where a service of ours amplifies.
const MOST_REPLIES: u64 = 1000;
/// Unsolicited replies that make a burst: nothing else looks like them.
const LEAST_BURST: f64 = 20.0;
/// Later fragments of large replies have no ports: they go to the same account.
/// The port of QUIC may be where the victim is hit.
const WITH_FRAGMENTS: &[Class] = &[Class::Udp, Class::Quic, Class::Fragment];
const WITHOUT_FRAGMENTS: &[Class] = &[Class::Udp, Class::Quic];

struct Amplification {
    ambiguous: Limits,
    unambiguous: Limits,
    networks: Arc<Networks>,
}

impl Detector for Amplification {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        // The least that can be over a limit of either kind: most hosts end here.
        let least = host.limit(&self.ambiguous).value.min(host.limit(&self.unambiguous).value).min(LEAST_BURST);
        if (host.forward_packets() as f64) < least {
            return;
        }
        for service in host.services(Span::Second) {
            if host.is_outbound() && are_answers(&service) {
                continue;
            }
            if let Some(row) = service.service.row() {
                findings.extend(self.judge_service(host, &service, row));
            }
        }
    }
}

/// Samples of replies, without their later fragments.
pub(super) fn replies<'a>(host: &HostDirection<'a>, row: &'static Amplifier) -> impl Iterator<Item = &'a Sample> {
    host.samples(WITHOUT_FRAGMENTS).filter(|sample| row.has_port(sample.source_port))
}

/// Replies beyond what was asked for. A question may get more than one packet of answer; a client that retries asks
/// more than it gets.
fn unasked(service: &ServiceTraffic) -> u64 {
    let answers = service.service.row().map_or(0, |row| row.answers);
    service.replies.packets.saturating_sub(service.requests.saturating_mul(answers))
}

/// Replies in this time that the host never asked for: so often at least somebody asked in its name.
pub(super) fn forged(host: &HostDirection<'_>, span: Span) -> u64 {
    host.services(span).iter().map(unasked).sum()
}

/// How many of the host's packets of a class are replies of services that amplify, by its samples.
pub(super) fn replies_among(host: &HostDirection<'_>, classes: &[Class], span: Span) -> u64 {
    let services = host.services(Span::Second);
    let is_reply = |sample: &&Sample| {
        let service = Service::of_port(sample.source_port);
        services.iter().any(|counted| Some(counted.service) == service && counted.replies.packets > 0)
    };
    let weight = |samples: &mut dyn Iterator<Item = &Sample>| samples.map(|s| u64::from(s.weight)).sum::<u64>();
    let replies = weight(&mut host.samples(classes).filter(is_reply));
    let all = weight(&mut host.samples(classes)).max(1);
    let counted = host.services(span).iter().map(|service| service.replies.packets).sum::<u64>();
    (host.forward(span).of_all(classes).packets.saturating_mul(replies) / all).min(counted)
}

/// Whether requests explain what a host of ours sends: it is a reflector, or serves honestly.
pub(super) fn are_answers(service: &ServiceTraffic) -> bool {
    service.requests.saturating_mul(MOST_REPLIES) >= service.replies.packets
}

/// How suspicious the shape of a service's replies is.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Background,
    /// Could be honest traffic of which the other way is not seen.
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
    for sample in replies(host, row) {
        all += u64::from(sample.weight);
        neighbours += if near(sample.peer) { u64::from(sample.weight) } else { 0 };
    }
    neighbours * 2 > all
}

/// Whether most replies arrive at the port of the service itself, as they do between gateways and exchanges, which both
/// ask and answer.
fn among_peers(host: &HostDirection<'_>, row: &'static Amplifier) -> bool {
    let (mut own, mut all) = (0, 0);
    for sample in replies(host, row) {
        all += u64::from(sample.weight);
        own += if row.has_port(sample.destination_port) { u64::from(sample.weight) } else { 0 };
    }
    own * 2 > all
}

/// Whether at least every second reply comes from a source of its own, however few of them were sampled: other packets that
/// came with them (errors) take the place of samples. What else the host gets has at most a source a packet.
fn is_crowd(host: &HostDirection<'_>, service: &ServiceTraffic) -> bool {
    let others = host.forward_packets().saturating_sub(service.replies.packets);
    host.distinct_peers() - others as f64 >= service.replies.packets as f64 / 2.0
}

fn shape_of(host: &HostDirection<'_>, service: &ServiceTraffic, row: &'static Amplifier, networks: &Networks) -> Shape {
    if row.answers > HONEST_ANSWERS && from_neighbours(host, row, networks) {
        return Shape::Background;
    }
    if row.unambiguous {
        return Shape::Clear;
    }
    let one_way = host.reverse(Span::Second).packets() == 0;
    let profile = SampleProfile::of(replies(host, row));
    let large = mean_size(service) >= if one_way { LARGE_ONE_WAY } else { LARGE };
    let crowd = is_crowd(host, service);
    if large && (!row.sessions || crowd || profile.many_reflectors()) {
        return Shape::Clear;
    }
    // Small replies from many reflectors, and hardly a question. Whoever asks that many servers (a resolver) does so
    // from ever new ports; sessions with that many would be asked for.
    let converging = row.sessions || profile.top_port.is_some_and(|(_, share)| share >= 0.25);
    let strangers = crowd || profile.many_sources() || row.sessions && profile.many_reflectors();
    match service.requests.saturating_mul(10) <= service.replies.packets && strangers && converging {
        true if one_way
            && row.sessions
            && (row.crawled || among_peers(host, row) || !(crowd || profile.scattered())) =>
        {
            Shape::Doubtful
        }
        true => Shape::Clear,
        false => Shape::Background,
    }
}

/// Octets of a reply on average, headers included.
pub(super) fn mean_size(service: &ServiceTraffic) -> u64 {
    service.replies.bytes / service.replies.packets.max(1)
}

impl Amplification {
    fn judge_service(
        &self,
        host: &HostContext<'_>,
        second: &ServiceTraffic,
        row: &'static Amplifier,
    ) -> Option<Finding> {
        let unsolicited = |span: Span| {
            let service = match span {
                Span::Second => Some(*second),
                _ => host.services(span).into_iter().find(|s| s.service == second.service),
            };
            service.map_or(0, |service| unasked(&service))
        };
        let limit = host.limit(if row.unambiguous { &self.unambiguous } else { &self.ambiguous });
        let limit = match shape_of(host, second, row, &self.networks) {
            Shape::Clear => limit,
            Shape::Doubtful => limit.times(UNSEEN_SESSIONS),
            Shape::Background => return None,
        };
        let over = shape::exceeded_from(LEAST_BURST, limit, unsolicited)?;
        let mean = mean_size(second);
        // Fragments have no ports: they belong to the service that sends most.
        let most = host.services(Span::Second).into_iter().max_by_key(|service| service.replies.bytes);
        let with_fragments = most.is_some_and(|service| service.service == second.service);
        let fragments = if with_fragments { host.forward(Span::Second).of(Class::Fragment).packets } else { 0 };
        let classes = if fragments > 0 { WITH_FRAGMENTS } else { WITHOUT_FRAGMENTS };
        let mut finding = host.finding(row.vector, classes).graded(over.rate, over.limit.value);
        finding.since = host.onset(|tick| unasked(&host.service_in_tick(tick, second.service)));
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
        let asked = second.requests;
        let port = finding.recent.samples.iter().map(|sample| sample.source_port).find(|&port| row.has_port(port));
        let port = port.or(row.ports.first().copied()).unwrap_or_default();
        finding.evidence = vec![
            over.evidence(
                "unsolicited_replies_per_second",
                &format!("unsolicited {name} replies/s {}", host.whom()),
                &format!("; {asked} requests went the other way in the last second"),
            ),
            shape::context(
                "mean_reply_bytes",
                mean as f64,
                1.0,
                format!("replies from UDP port {port} of {mean} octets on average, {fragments} fragments with them",),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
