//! `total`: more than a host ever gets or sends, by the operator's word.
//!
//! The one detector without shape: a download is as good as a flood. It is off until a limit is set, which is what groups
//! are for ("this host never gets more than 1 Gbit/s"). What it finds is called by the protocol that dominates.

use super::shape::{self, Exceeded, SampleProfile};
use super::{Detector, DetectorSpec, Evidence, Finding, HostContext, Setting, settings::Limits};
use crate::base::Vector;
use crate::meter::{HostTick, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "total",
    vectors: &[Vector::TcpFlood, Vector::UdpFlood, Vector::IcmpFlood, Vector::Icmpv6Flood, Vector::IpProtoFlood],
    summary: "more than the operator says a host ever gets or sends, whatever its shape; off until a limit is set",
    settings: &[
        packets("packets_per_second", "Packets a second of all protocols; 0: no limit."),
        bits("bits_per_second", "Bits a second of all protocols; 0: no limit."),
        packets("tcp_packets_per_second", "The same of TCP alone."),
        bits("tcp_bits_per_second", "The same of TCP alone."),
        packets("udp_packets_per_second", "The same of UDP alone, with later fragments."),
        bits("udp_bits_per_second", "The same of UDP alone, with later fragments."),
        packets("icmp_packets_per_second", "The same of ICMP and ICMPv6 alone."),
        bits("icmp_bits_per_second", "The same of ICMP and ICMPv6 alone."),
    ],
    build: |settings, _| Box::new(Total { rules: RULES.iter().map(|rule| (rule, settings.limit(rule.key))).collect() }),
};

const fn packets(key: &'static str, doc: &'static str) -> Setting {
    Setting { key, default: 0.0, min: 0.0, max: 1e9, unit: "packets/s", doc, learns: None }
}

const fn bits(key: &'static str, doc: &'static str) -> Setting {
    Setting { key, default: 0.0, min: 0.0, max: 1e13, unit: "bit/s", doc, learns: None }
}

const TCP: &[Class] = &[
    Class::TcpSyn,
    Class::TcpSynAck,
    Class::TcpAck,
    Class::TcpData,
    Class::TcpRst,
    Class::TcpFin,
    Class::TcpNull,
    Class::TcpXmas,
    Class::TcpOther,
];
/// Later fragments have no ports, but hardly anything else than UDP comes in fragments.
const UDP: &[Class] = &[Class::Udp, Class::Quic, Class::Fragment];
const ICMP: &[Class] = &[Class::IcmpEcho, Class::IcmpReply, Class::IcmpError, Class::IcmpOther];
const ICMPV6: &[Class] =
    &[Class::Icmpv6Echo, Class::Icmpv6Reply, Class::Icmpv6Error, Class::Icmpv6Nd, Class::Icmpv6Other];
const OTHERS: &[Class] = &[Class::Gre, Class::IpTunnel, Class::IpOther];
/// An address has one of both.
const BOTH_ICMP: &[Class] = &[
    Class::IcmpEcho,
    Class::IcmpReply,
    Class::IcmpError,
    Class::IcmpOther,
    Class::Icmpv6Echo,
    Class::Icmpv6Reply,
    Class::Icmpv6Error,
    Class::Icmpv6Nd,
    Class::Icmpv6Other,
];
/// Everything of a host.
const ALL: &[Class] = match Class::ALL.split_at_checked(Class::PER_HOST) {
    Some((per_host, _)) => per_host,
    None => Class::ALL,
};

struct Rule {
    key: &'static str,
    what: &'static str,
    classes: &'static [Class],
    bits: bool,
}

const fn rule(key: &'static str, what: &'static str, classes: &'static [Class], bits: bool) -> Rule {
    Rule { key, what, classes, bits }
}

/// One for each setting.
static RULES: [Rule; 8] = [
    rule("packets_per_second", "packets/s", ALL, false),
    rule("bits_per_second", "bit/s", ALL, true),
    rule("tcp_packets_per_second", "TCP packets/s", TCP, false),
    rule("tcp_bits_per_second", "TCP bit/s", TCP, true),
    rule("udp_packets_per_second", "UDP packets/s", UDP, false),
    rule("udp_bits_per_second", "UDP bit/s", UDP, true),
    rule("icmp_packets_per_second", "ICMP packets/s", BOTH_ICMP, false),
    rule("icmp_bits_per_second", "ICMP bit/s", BOTH_ICMP, true),
];

struct Total {
    rules: Vec<(&'static Rule, Limits)>,
}

impl Detector for Total {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        // What each host of a prefix may have says nothing about all of them together.
        if host.hosts().is_some() {
            return;
        }
        let mut over: Vec<(&'static Rule, Exceeded)> = Vec::new();
        for (rule, limits) in &self.rules {
            let limit = host.limit(limits);
            if limit.value > 0.0 {
                over.extend(shape::exceeded(limit, |span| amount(host, rule, span)).map(|over| (*rule, over)));
            }
        }
        findings.extend(find(host, &over));
    }
}

fn amount(host: &HostContext<'_>, rule: &Rule, span: Span) -> u64 {
    let count = host.forward(span).of_all(rule.classes);
    if rule.bits { count.bytes.saturating_mul(8) } else { count.packets }
}

/// One finding for all limits that are exceeded: they are about the same packets.
fn find(host: &HostContext<'_>, over: &[(&'static Rule, Exceeded)]) -> Option<Finding> {
    let times = |over: &Exceeded| over.rate / over.limit.value;
    let (rule, worst) = over.iter().max_by(|a, b| times(&a.1).total_cmp(&times(&b.1)))?;
    // The protocol of the traffic that is too much: by octets where these are limited.
    let (vector, classes) = [
        (Vector::TcpFlood, TCP),
        (Vector::UdpFlood, UDP),
        (Vector::IcmpFlood, ICMP),
        (Vector::Icmpv6Flood, ICMPV6),
        (Vector::IpProtoFlood, OTHERS),
    ]
    .into_iter()
    .max_by_key(|(_, classes)| {
        let both: &[Class] = rule.classes;
        let counted: Vec<Class> = classes.iter().copied().filter(|class| both.contains(class)).collect();
        let count = host.forward(Span::Second).of_all(&counted);
        if rule.bits { count.bytes } else { count.packets }
    })?;
    let classes = if rule.classes.len() == ALL.len() { ALL } else { classes };
    let mut finding = host.finding(vector, classes).graded(worst.rate, worst.limit.value);
    finding.since = host.onset(in_tick(host, rule));
    let profile = SampleProfile::of_flow(host, classes);
    finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
    let mut evidence: Vec<Evidence> = Vec::new();
    for (rule, over) in over.iter().filter(|(known, _)| known.key == rule.key).chain(over) {
        if evidence.iter().all(|known| known.measure != rule.key) {
            evidence.push(over.evidence(rule.key, &format!("{} {}", rule.what, host.whom()), ""));
        }
    }
    evidence.push(profile.evidence(host.distinct_peers(), host.is_outbound()));
    finding.evidence = evidence;
    Some(finding)
}

fn in_tick<'a>(host: &'a HostContext<'_>, rule: &'a Rule) -> impl Fn(&HostTick) -> u64 + 'a {
    move |tick| {
        let count = host.in_tick(tick, rule.classes);
        if rule.bits { count.bytes } else { count.packets }
    }
}
