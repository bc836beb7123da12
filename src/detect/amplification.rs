//! `amplification`: replies of abused services that the host never asked for, one vector per row of
//! [`AMPLIFIERS`](crate::packet::AMPLIFIERS).
//!
//! Rate: replies beyond the host's own requests to that service. Shape: the payload looks like such a reply, and for
//! services that are normal on the Internet (DNS, SNMP) the replies are large, or come from many reflectors to one port.

use super::shape::{self, Profile};
use super::{Case, Detector, DetectorSpec, Finding, Setting, settings::Limits};
use crate::base::Vector;
use crate::meter::{Flow, ServiceFlow, Span, Window};
use crate::packet::{Amplifier, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "amplification",
    vectors: &[
        Vector::DnsAmplification,
        Vector::NtpAmplification,
        Vector::SnmpAmplification,
        Vector::MemcachedAmplification,
        Vector::CldapAmplification,
        Vector::SsdpAmplification,
    ],
    summary: "unsolicited replies of services that reflect and amplify, told by source port, size and payload",
    settings: &[
        Setting {
            key: "packets_per_second",
            default: 100.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Unsolicited replies a second of services that are also used honestly (DNS, SNMP).",
        },
        Setting {
            key: "unambiguous_packets_per_second",
            default: 50.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "The same for replies that no sane network receives (NTP monlist, memcached, CLDAP, SSDP from outside).",
        },
    ],
    build: |settings, _| {
        Box::new(Amplification {
            ambiguous: settings.limit("packets_per_second"),
            unambiguous: settings.limit("unambiguous_packets_per_second"),
        })
    },
};

/// Octets of a whole frame from which on an answer is worth amplifying.
const LARGE: u64 = 300;
/// The same where the host is never seen sending: then its questions may merely be invisible.
const LARGE_ONE_WAY: u64 = 600;
/// Unsolicited replies that make a burst: nothing else looks like them.
const LEAST_BURST: f64 = 20.0;
/// Later fragments of large replies have no ports: they go to the same account.
const WITH_FRAGMENTS: &[Class] = &[Class::Udp, Class::Fragment];
const WITHOUT_FRAGMENTS: &[Class] = &[Class::Udp];

struct Amplification {
    ambiguous: Limits,
    unambiguous: Limits,
}

impl Detector for Amplification {
    fn judge(&self, case: &Case<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        // The least that can be over a limit of either kind: most hosts end here.
        let least = case.limit(&self.ambiguous).value.min(case.limit(&self.unambiguous).value).min(LEAST_BURST);
        if (case.forward_packets() as f64) < least {
            return;
        }
        for service in case.services(Span::Second) {
            if let Some(row) = service.service.row() {
                findings.extend(self.judge_service(case, &service, row));
            }
        }
    }
}

/// Small replies from many reflectors to a port or two of the victim, and not one question: whoever asks that many
/// servers (a resolver) does so from ever new ports.
fn converging(flow: &Flow<'_>, service: &ServiceFlow, row: &Amplifier) -> bool {
    let replies = flow.samples(WITHOUT_FRAGMENTS).filter(|sample| sample.source_port == row.port);
    let profile = Profile::of(replies);
    service.requests == 0 && profile.many_sources() && profile.top_port.is_some_and(|(_, share)| share >= 0.25)
}

/// Replies beyond what was asked for. A question may get more than one packet of answer; a client that retries asks
/// more than it gets.
fn unasked(service: &ServiceFlow) -> u64 {
    service.replies.packets.saturating_sub(service.requests.saturating_mul(3))
}

impl Amplification {
    fn judge_service(&self, flow: &Case<'_>, second: &ServiceFlow, row: &Amplifier) -> Option<Finding> {
        let unsolicited = |span: Span| {
            let service = match span {
                Span::Second => Some(*second),
                _ => flow.services(span).into_iter().find(|s| s.service == second.service),
            };
            service.map_or(0, |service| unasked(&service))
        };
        let mean = second.replies.bytes / second.replies.packets.max(1);
        if !row.unambiguous {
            let back = flow.back(Span::Second).packets();
            let large = if back == 0 { LARGE_ONE_WAY } else { LARGE };
            if mean < large && !converging(flow, second, row) {
                return None;
            }
        }
        let limit = flow.limit(if row.unambiguous { &self.unambiguous } else { &self.ambiguous });
        let over = shape::over_from(LEAST_BURST, limit, unsolicited)?;
        let fragments = flow.forward(Span::Second).of(Class::Fragment).packets;
        let classes = if fragments > 0 { WITH_FRAGMENTS } else { WITHOUT_FRAGMENTS };
        let mut finding = flow.finding(row.vector, classes).graded(over.rate, over.limit.value);
        finding.since = flow.onset(|tick| unasked(&flow.service_in_tick(tick, second.service)));
        // Of all UDP to the host only this service's packets are the attack.
        let ours =
            |sample: &crate::meter::Sample| sample.source_port == row.port || sample.class == Class::Fragment as u8;
        finding.now.samples.retain(ours);
        finding.recent.samples.retain(ours);
        let fragment_count = |span| flow.forward(span).of(Class::Fragment);
        finding.recent.count = second.replies;
        finding.recent.count.merge(fragment_count(Span::Second));
        let tick = flow.services(Span::Tick).into_iter().find(|s| s.service == second.service);
        finding.now.count = tick.map_or_else(Default::default, |s| s.replies);
        finding.now.count.merge(fragment_count(Span::Tick));
        let profile = Profile::of(finding.recent.samples.iter());
        let name = row.service.to_uppercase();
        let asked = second.requests;
        finding.evidence = vec![
            over.evidence(
                "unsolicited_replies_per_second",
                &format!("unsolicited {name} replies/s {}", flow.whom()),
                &format!("; {asked} requests went the other way in the last second"),
            ),
            shape::context(
                "mean_reply_bytes",
                mean as f64,
                1.0,
                format!(
                    "replies from UDP port {} of {mean} octets on average, {fragments} fragments with them",
                    row.port
                ),
            ),
            profile.evidence(flow.distinct_peers(), flow.is_outbound()),
        ];
        Some(finding)
    }
}
