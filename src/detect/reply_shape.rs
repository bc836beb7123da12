//! The shape of unsolicited replies of services that amplify: for the detector of amplification, and for that of UDP floods,
//! which judges what the first one leaves.

use super::amplifier::{self, LARGE_ONE_WAY};
use super::quantities;
use super::shape::SampleProfile;
use super::threshold::Threshold;
use crate::base::{Addr, Networks};
use crate::meter::{HostDirection, ServiceTraffic, Span, Window};
use crate::packet::{Amplifier, App};

pub(super) const THRESHOLDS: &[Threshold] =
    &[LARGE, LARGE_ONE_WAY, HONEST_ANSWERS, NEIGHBOURS, OWN_PORT, CROWD, RECURSIVE];

const LARGE: Threshold = Threshold {
    name: "large replies",
    value: 300.0,
    unit: "octets per frame on average",
    reason: "a reply worth amplifying; honest replies of these services are smaller on average",
    guarded_by: "dns_resolver",
};
const HONEST_ANSWERS: Threshold = Threshold {
    name: "honest answers",
    value: 3.0,
    unit: "replies per request",
    reason: "a service with more answers searches made to a whole network",
    guarded_by: "discovery",
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

const RECURSIVE: Threshold = Threshold {
    name: "answers of recursive resolvers",
    value: 0.5,
    unit: "share of DNS replies",
    reason: "no client has hundreds of resolvers; a resolver's own questions go to authoritative servers",
    guarded_by: "dns_amplification",
};

/// What unsolicited replies of a service look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplyShape {
    /// Replies of reflectors.
    Reflected,
    /// The same, or honest sessions of which only one direction is captured.
    Doubtful,
    /// Small replies of few hosts: no reflection, but unsolicited all the same.
    Few,
    /// They may answer requests that were not captured.
    Unseen,
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

/// Whether most replies are answers of recursive resolvers. A resolver asks authoritative servers, of which there are many, and
/// a client a few resolvers.
fn are_recursive(host: &HostDirection<'_>, service: &ServiceTraffic) -> bool {
    RECURSIVE.is_reached_by(host.app_packets(Span::Second, &[App::DnsRecursiveResponse]), service.replies.packets)
}

/// The shape of a service's replies in the last second.
pub(super) fn of(
    host: &HostDirection<'_>,
    window: &Window<'_>,
    service: &ServiceTraffic,
    networks: &Networks,
) -> ReplyShape {
    let Some(row) = service.service.row() else { return ReplyShape::Unseen };
    if row.answers as f64 > HONEST_ANSWERS.value && from_neighbours(host, row, networks) {
        return ReplyShape::Unseen;
    }
    if row.unambiguous {
        return ReplyShape::Reflected;
    }
    // Of a capture of both directions every unsolicited reply is known to be one.
    let one_way = !window.shows_both_ends() && quantities::is_silent(host);
    let profile = SampleProfile::of(amplifier::replies(host, row));
    let large = amplifier::mean_size(service) as f64 >= if one_way { LARGE_ONE_WAY.value } else { LARGE.value };
    let crowd = is_crowd(host, service);
    if large && (!row.sessions || crowd || profile.many_reflectors()) {
        return ReplyShape::Reflected;
    }
    let many = crowd || profile.many_sources() || profile.many_reflectors() && (row.sessions || !one_way);
    match (one_way, many) {
        (false, true) => ReplyShape::Reflected,
        (false, false) => ReplyShape::Few,
        (true, false) => ReplyShape::Unseen,
        // A resolver that queries that many servers uses constantly changing ports.
        (true, true) if row.sessions => {
            match row.crawled || among_peers(host, row) || !(crowd || profile.is_scattered()) {
                true => ReplyShape::Doubtful,
                false => ReplyShape::Reflected,
            }
        }
        (true, true) if profile.is_converging() || are_recursive(host, service) => ReplyShape::Reflected,
        (true, true) => ReplyShape::Unseen,
    }
}
