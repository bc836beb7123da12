//! `amplification`: replies of abused services that the host never requested, one vector per row of
//! [`AMPLIFIERS`](crate::packet::AMPLIFIERS).
//!
//! Rate: replies beyond the host's own requests to that service. Shape: the payload looks like such a reply, and for
//! services that are normal on the Internet (DNS, SNMP) the replies are large, or come from many reflectors to one port.
//! Services that also carry calls, tunnels and games need many reflectors in any case.
//!
//! Replies that one of our hosts sends to requests which are captured too are reported by `open_reflector`.

use super::amplifier::{self, ReplyLimits};
use super::evidence::context;
use super::finding::part_of;
use super::quantities::unrequested_replies;
use super::reply_shape::{self, ReplyShape};
use super::shape::SampleProfile;
use super::{
    Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold,
};
use crate::base::{Networks, Vector};
use crate::meter::{Count, Sample, ServiceTraffic, Span, Window};
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
    needs: &[
        Need::exceeded(Gauge::Replies, &[AMBIGUOUS], BURST.value),
        Need::exceeded(Gauge::UnambiguousReplies, &[UNAMBIGUOUS], BURST.value),
    ],
    thresholds: &[UNSEEN_SESSIONS, BURST, amplifier::MOST_REPLIES],
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

const UNSEEN_SESSIONS: Threshold = Threshold {
    name: "sessions of one direction",
    value: 5.0,
    unit: "times the limit",
    reason: "small packets of calls, tunnels and games of which only one direction is captured look alike",
    guarded_by: "sip_trunk_one_way",
};
const BURST: Threshold = Threshold {
    name: "burst of replies",
    value: 20.0,
    unit: "packets in 0.2 s",
    reason: "nothing else looks like unsolicited replies, so few suffice",
    guarded_by: "ntp_client",
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
        let limit = match reply_shape::of(host, window, second, &self.networks) {
            ReplyShape::Reflected => limit,
            ReplyShape::Doubtful => limit.times(UNSEEN_SESSIONS.value),
            // The residual is judged as UDP.
            ReplyShape::Few => {
                host.is_silent_because("they come from few hosts: udp_flood judges them", true);
                return None;
            }
            ReplyShape::Unseen => {
                host.is_silent_because("they may answer requests that were not captured", true);
                return None;
            }
        };
        let exceeded = host.exceeds_from(BURST.value, limit, unsolicited)?;
        let mean = amplifier::mean_size(second);
        // Fragments have no ports: they belong to the service that sends most.
        let most = host.services(Span::Second).into_iter().max_by_key(|service| service.replies.bytes);
        let with_fragments = most.is_some_and(|service| service.service == second.service);
        let fragments = if with_fragments { host.forward(Span::Second).of(Class::Fragment).packets } else { 0 };
        let classes = if fragments > 0 { WITH_FRAGMENTS } else { WITHOUT_FRAGMENTS };
        let mut finding = Finding::new(host, row.vector, classes).graded_by(&exceeded);
        finding.since = host.onset(|tick| unrequested_replies(&host.service_in_tick(tick, second.service)));
        // Of all UDP to the host only this service's packets are the attack.
        let ours = |sample: &Sample| row.has_port(sample.source_port) || sample.class == Class::Fragment as u8;
        finding.retain(ours, |peer| peer.service() == Some(second.service) || peer.is_of(&[Class::Fragment]));
        let fragment_count = |span| match with_fragments {
            true => host.forward(span).of(Class::Fragment),
            false => Count::default(),
        };
        finding.recent.count = part_of(second.replies, unrequested_replies(second));
        finding.recent.count.merge(fragment_count(Span::Second));
        let tick = host.services(Span::Tick).into_iter().find(|s| s.service == second.service);
        finding.now.count = tick.map_or_else(Default::default, |s| part_of(s.replies, unrequested_replies(&s)));
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
