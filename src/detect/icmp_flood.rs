//! `icmp_flood` and `icmpv6_flood`: echo requests, and replies or errors that the host did not provoke.
//!
//! A host asks for echo replies by its own requests and for errors by its own packets; what goes beyond is unsolicited.
//! Neighbour discovery belongs to layer 2 and is not counted here, replies of whole networks are `smurf`'s.

use super::baseline::Quantity;
use super::shape::{self, SampleProfile};
use super::{
    Detector, DetectorSpec, Finding, HostContext, Setting, Settings, amplification, settings::Limits, smurf,
    tcp_reflection,
};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

const SETTINGS: &[Setting] = &[Setting {
    key: "packets_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Echo requests and unsolicited other messages a second.",
    learns: Some(Quantity::Icmp),
}];

pub(super) const ICMP: DetectorSpec = DetectorSpec {
    name: "icmp_flood",
    vectors: &[Vector::IcmpFlood],
    summary: "ICMP echo requests, and replies or errors that nothing provoked",
    settings: SETTINGS,
    build: |settings, _| build(settings, &V4),
};

pub(super) const ICMPV6: DetectorSpec = DetectorSpec {
    name: "icmpv6_flood",
    vectors: &[Vector::Icmpv6Flood],
    summary: "ICMPv6 echo requests, and replies or errors that nothing provoked",
    settings: SETTINGS,
    build: |settings, _| build(settings, &V6),
};

/// The classes of one family.
struct Family {
    vector: Vector,
    name: &'static str,
    all: &'static [Class],
    echo: Class,
    reply: Class,
    error: Class,
    other: Class,
}

static V4: Family = Family {
    vector: Vector::IcmpFlood,
    name: "ICMP",
    all: &[Class::IcmpEcho, Class::IcmpReply, Class::IcmpError, Class::IcmpOther],
    echo: Class::IcmpEcho,
    reply: Class::IcmpReply,
    error: Class::IcmpError,
    other: Class::IcmpOther,
};

static V6: Family = Family {
    vector: Vector::Icmpv6Flood,
    name: "ICMPv6",
    all: &[Class::Icmpv6Echo, Class::Icmpv6Reply, Class::Icmpv6Error, Class::Icmpv6Other],
    echo: Class::Icmpv6Echo,
    reply: Class::Icmpv6Reply,
    error: Class::Icmpv6Error,
    other: Class::Icmpv6Other,
};

fn build(settings: &Settings, family: &'static Family) -> Box<dyn Detector> {
    Box::new(IcmpFlood { limit: settings.limit("packets_per_second"), family })
}

struct IcmpFlood {
    limit: Limits,
    family: &'static Family,
}

impl Detector for IcmpFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl IcmpFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let family = self.family;
        let limit = host.limit(&self.limit);
        // No rate can be over its limit with fewer packets in a second than make a burst.
        if (host.forward(Span::Second).of_all(family.all).packets as f64) < limit.value.min(shape::LEAST_BURST) {
            return None;
        }
        let profile = SampleProfile::of_flow(host, family.all);
        // What we send to many hosts, and they answer, is monitoring; an outgoing flood has few victims.
        let monitors = host.is_outbound() && !profile.is_concentrated();
        let smurf = smurf::of_same_networks(host, family.reply);
        let unsolicited = |span: Span| {
            let forward = host.forward(span);
            let total = forward.of_all(family.all).packets;
            if total == 0 {
                return 0;
            }
            let reverse = host.reverse(span);
            let replies = forward.of(family.reply).packets;
            let asked = if smurf { replies } else { replies.min(reverse.of(family.echo).packets) };
            // Any packet of the host's own can be answered by an error, but only one each. So can what was sent in its
            // name, of which the replies that it gets tell.
            let sent = reverse.packets().saturating_sub(reverse.of_all(family.all).packets);
            let sent = sent
                .saturating_add(amplification::forged(host, span))
                .saturating_add(tcp_reflection::unasked(host, span));
            let provoked = forward.of(family.error).packets.min(sent);
            let answered =
                if monitors { forward.of(family.echo).packets.min(reverse.of(family.reply).packets) } else { 0 };
            total.saturating_sub(asked).saturating_sub(provoked).saturating_sub(answered)
        };
        let over = shape::exceeded(limit, unsolicited)?;
        let mut finding = host.finding(family.vector, family.all).graded(over.rate, over.limit.value);
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let forward = host.forward(Span::Second);
        let counts = [family.echo, family.reply, family.error, family.other].map(|class| forward.of(class).packets);
        let [echo, reply, error, other] = counts;
        finding.evidence = vec![
            over.evidence(
                "unsolicited_icmp_per_second",
                &format!("unsolicited {} packets/s {}", family.name, host.whom()),
                &format!("; in the last second {echo} echo requests, {reply} replies, {error} errors, {other} others"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
