//! `smurf`: a network made to answer the victim, by echo requests with its address as a spoofed source to a broadcast or
//! multicast address (CERT CA-1998-01; for IPv6 RFC 4443 §5.2).
//!
//! Either end shows it: echo replies that the victim never requested, from many hosts of the same networks; or, where the
//! abused network is captured, the requests. No honest host pings a group a hundred times a second.

use super::settings::Limits;
use super::shape;
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "smurf",
    vectors: &[Vector::Smurf],
    summary: "unsolicited echo replies from many hosts of a network, or echo requests to a group with a spoofed source",
    settings: &[REPLIES, REQUESTS],
    needs: &[Need::exceeded(Gauge::EchoReplies, &[REPLIES, REQUESTS], BURST.value)],
    thresholds: &[BURST, GROUP_PINGS, REPLIES_PER_PING],
    claims: &[],
    yields_to: &[],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| Box::new(Smurf { replies: settings.limit(&REPLIES), requests: settings.limit(&REQUESTS) }),
};

const REPLIES: Setting = Setting {
    key: "packets_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unsolicited echo replies per second, from many hosts of the same networks.",
    learns: None,
};
const REQUESTS: Setting = Setting {
    key: "requests_per_second",
    default: 100.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Echo requests per second to multicast and broadcast addresses with the host's address as their source.",
    learns: None,
};

const BURST: Threshold = Threshold {
    name: "burst of group requests",
    value: 50.0,
    unit: "packets in 0.2 s",
    reason: "a person or a script pings a group once a second or ten times",
    guarded_by: "group_ping",
};
const GROUP_PINGS: Threshold = Threshold {
    name: "honest group pings",
    value: 10.0,
    unit: "requests per span",
    reason: "each may be answered by a whole network",
    guarded_by: "group_ping",
};
const REPLIES_PER_PING: Threshold = Threshold {
    name: "replies per group ping",
    value: 255.0,
    unit: "replies",
    reason: "each of the hosts of a /24 may reply once",
    guarded_by: "group_ping",
};

const CLASSES: &[Class] = &[Class::IcmpEchoGroup, Class::IcmpReply, Class::Icmpv6Reply];
const ECHO_REPLIES: &[Class] = &[Class::IcmpReply, Class::Icmpv6Reply];

struct Smurf {
    replies: Limits,
    requests: Limits,
}

impl Detector for Smurf {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl Smurf {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let second = host.forward(Span::Second).of_all(CLASSES).packets;
        let (replies, requests) = (host.limit(&self.replies), host.limit(&self.requests));
        if host.is_outbound() || (second as f64) < replies.value.min(requests.value).min(BURST.value) {
            return None;
        }
        let group_requests = |span: Span| host.forward(span).of(Class::IcmpEchoGroup).packets;
        let requested = host.exceeds_from(BURST.value, requests, group_requests);
        let unsolicited = |reply: Class, echo: Class| {
            let count = move |span: Span| {
                let pings = (group_requests(span) as f64).min(GROUP_PINGS.value);
                let expected = host.reverse(span).of(echo).packets + (pings * REPLIES_PER_PING.value) as u64;
                host.forward(span).of(reply).packets.saturating_sub(expected)
            };
            host.exceeds(replies, count).filter(|_| shape::is_of_same_networks(host, reply))
        };
        let replied = unsolicited(Class::IcmpReply, Class::IcmpEcho)
            .or_else(|| unsolicited(Class::Icmpv6Reply, Class::Icmpv6Echo));
        let exceeded = replied.or(requested)?;
        let mut finding = Finding::new(host, Vector::Smurf, CLASSES).graded_by(&exceeded);
        // Only the requests are spoofed; the replies have true sources.
        finding.spoofing_likely = requested.is_some();
        if let Some(exceeded) = replied {
            finding.evidence.push(exceeded.evidence(
                "unsolicited_echo_reply_per_second",
                &format!("unsolicited echo replies/s {}", host.to_or_from()),
                "; from many hosts of the same networks",
            ));
            finding.evidence.push(host.profile(ECHO_REPLIES).evidence(host.distinct_peers(), false));
        }
        if let Some(exceeded) = requested {
            let what = format!("echo requests/s to broadcast or multicast addresses with source {}", host.target());
            finding.evidence.push(exceeded.evidence("group_echo_request_per_second", &what, ""));
        }
        Some(finding)
    }
}
