//! `smurf`: a network made to answer the victim, by echo requests in its name to a broadcast or group address
//! (CERT CA-1998-01; for IPv6 RFC 4443 §5.2).
//!
//! Either side shows it: echo replies that the victim never asked for, from many hosts of the same networks; or, where we
//! see the network that is abused, the requests. Nobody pings a group a hundred times a second.

use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limits};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::Class;
use std::collections::BTreeSet;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "smurf",
    vectors: &[Vector::Smurf],
    summary: "unsolicited echo replies from many hosts of a network, or echo requests to a group in the victim's name",
    settings: &[
        Setting {
            key: "packets_per_second",
            default: 300.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Unsolicited echo replies a second, from many hosts of the same networks.",
            learns: None,
        },
        Setting {
            key: "requests_per_second",
            default: 100.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Echo requests a second to group and broadcast addresses that name the host as their sender.",
            learns: None,
        },
    ],
    build: |settings, _| {
        Box::new(Smurf {
            replies: settings.limit("packets_per_second"),
            requests: settings.limit("requests_per_second"),
        })
    },
};

const CLASSES: &[Class] = &[Class::IcmpEchoGroup, Class::IcmpReply, Class::Icmpv6Reply];
/// Honest echo requests to a group in a second, at most, and the hosts that may answer each.
const GROUP_PINGS: u64 = 10;
const HOSTS: u64 = 255;
/// Requests to a group in 0.2 s that make a burst.
const LEAST_BURST: f64 = 50.0;

struct Smurf {
    replies: Limits,
    requests: Limits,
}

impl Detector for Smurf {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

/// Whether echo replies of this class come from many hosts of the same networks, as replies of a broadcast domain do.
/// Forged ones come from anywhere.
pub(super) fn of_same_networks(host: &HostDirection<'_>, reply: Class) -> bool {
    let (mut hosts, mut networks) = (BTreeSet::new(), BTreeSet::new());
    for sample in host.samples(&[reply]) {
        hosts.insert(sample.peer);
        networks.insert(sample.peer.network(if sample.peer.is_v4() { 24 } else { 64 }));
    }
    hosts.len() >= 4 && networks.len() * 2 <= hosts.len()
}

impl Smurf {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let second = host.forward(Span::Second).of_all(CLASSES).packets;
        let (replies, requests) = (host.limit(&self.replies), host.limit(&self.requests));
        if host.is_outbound() || (second as f64) < replies.value.min(requests.value).min(LEAST_BURST) {
            return None;
        }
        let asked =
            shape::exceeded_from(LEAST_BURST, requests, |span| host.forward(span).of(Class::IcmpEchoGroup).packets);
        let unsolicited = |reply: Class, echo: Class| {
            let count = move |span: Span| {
                let forward = host.forward(span);
                // Whoever pings a group now and then gets an answer of each host.
                let group = forward.of(Class::IcmpEchoGroup).packets.min(GROUP_PINGS) * HOSTS;
                forward.of(reply).packets.saturating_sub(host.reverse(span).of(echo).packets).saturating_sub(group)
            };
            shape::exceeded(replies, count).filter(|_| of_same_networks(host, reply))
        };
        let answered = unsolicited(Class::IcmpReply, Class::IcmpEcho)
            .or_else(|| unsolicited(Class::Icmpv6Reply, Class::Icmpv6Echo));
        let over = answered.or(asked)?;
        let mut finding = host.finding(Vector::Smurf, CLASSES).graded(over.rate, over.limit.value);
        // Only the requests are forged; who replies is who he says.
        finding.spoofing_likely = asked.is_some();
        if let Some(over) = answered {
            let profile = SampleProfile::of_flow(host, &[Class::IcmpReply, Class::Icmpv6Reply]);
            finding.evidence.push(over.evidence(
                "unsolicited_echo_reply_per_second",
                &format!("unsolicited echo replies/s {}", host.whom()),
                "; from many hosts of the same networks",
            ));
            finding.evidence.push(profile.evidence(host.distinct_peers(), false));
        }
        if let Some(over) = asked {
            let what = format!("echo requests/s to broadcast or group addresses with source {}", host.target());
            finding.evidence.push(over.evidence("group_echo_request_per_second", &what, ""));
        }
        Some(finding)
    }
}
