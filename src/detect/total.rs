//! `total`: more than a host ever receives or sends, as the operator sets it.
//!
//! The one detector without a shape: a download counts like a flood. It is off until a limit is set, which is what groups
//! are for ("this host never receives more than 1 Gbit/s"). What it finds is named by the protocol that dominates.

use super::exceeded::{Exceeded, LEAST_BURST};
use super::settings::Limits;
use super::{Detector, DetectorSpec, Evidence, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting};
use crate::base::Vector;
use crate::meter::{HostTick, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "total",
    vectors: &[Vector::TcpFlood, Vector::UdpFlood, Vector::IcmpFlood, Vector::Icmpv6Flood, Vector::IpProtoFlood],
    summary: "more traffic than the operator allows a host, whatever its shape; off until a limit is set",
    settings: &[
        RULES[0].setting,
        RULES[1].setting,
        RULES[2].setting,
        RULES[3].setting,
        RULES[4].setting,
        RULES[5].setting,
        RULES[6].setting,
        RULES[7].setting,
    ],
    needs: &[
        Need::exceeded(Gauge::Packets, PACKET_SETTINGS, LEAST_BURST),
        Need::exceeded(Gauge::Bits, BIT_SETTINGS, LEAST_BURST),
    ],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| {
        Box::new(Total { rules: RULES.iter().map(|rule| (rule, settings.limit(&rule.setting))).collect() })
    },
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

/// One setting, and the packets that it limits.
struct Rule {
    setting: Setting,
    what: &'static str,
    classes: &'static [Class],
    bits: bool,
}

const fn rule(setting: Setting, what: &'static str, classes: &'static [Class], bits: bool) -> Rule {
    Rule { setting, what, classes, bits }
}

const RULES: &[Rule; 8] = &[
    rule(packets("packets_per_second", "Packets per second of all protocols; 0: no limit."), "packets/s", ALL, false),
    rule(bits("bits_per_second", "Bits per second of all protocols; 0: no limit."), "bit/s", ALL, true),
    rule(packets("tcp_packets_per_second", "The same for TCP alone."), "TCP packets/s", TCP, false),
    rule(bits("tcp_bits_per_second", "The same for TCP alone."), "TCP bit/s", TCP, true),
    rule(
        packets("udp_packets_per_second", "The same for UDP alone, with later fragments."),
        "UDP packets/s",
        UDP,
        false,
    ),
    rule(bits("udp_bits_per_second", "The same for UDP alone, with later fragments."), "UDP bit/s", UDP, true),
    rule(packets("icmp_packets_per_second", "The same for ICMP and ICMPv6 alone."), "ICMP packets/s", BOTH_ICMP, false),
    rule(bits("icmp_bits_per_second", "The same for ICMP and ICMPv6 alone."), "ICMP bit/s", BOTH_ICMP, true),
];

const PACKET_SETTINGS: &[Setting] = &[RULES[0].setting, RULES[2].setting, RULES[4].setting, RULES[6].setting];
const BIT_SETTINGS: &[Setting] = &[RULES[1].setting, RULES[3].setting, RULES[5].setting, RULES[7].setting];

struct Total {
    rules: Vec<(&'static Rule, Limits)>,
}

impl Detector for Total {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        // The limit of each host of a prefix is none of the prefix.
        if host.hosts().is_some() {
            return;
        }
        let mut all: Vec<(&'static Rule, Exceeded)> = Vec::new();
        for (rule, limits) in &self.rules {
            let limit = host.limit(limits);
            if limit.value > 0.0 {
                all.extend(host.exceeds(limit, |span| amount(host, rule, span)).map(|found| (*rule, found)));
            }
        }
        findings.extend(find(host, &all));
    }
}

fn amount(host: &HostContext<'_>, rule: &Rule, span: Span) -> u64 {
    let count = host.forward(span).of_all(rule.classes);
    if rule.bits { count.bytes.saturating_mul(8) } else { count.packets }
}

/// One finding for all limits that are exceeded: they concern the same packets.
fn find(host: &HostContext<'_>, all: &[(&'static Rule, Exceeded)]) -> Option<Finding> {
    let times = |exceeded: &Exceeded| exceeded.rate / exceeded.limit.value;
    let (rule, worst) = all.iter().max_by(|a, b| times(&a.1).total_cmp(&times(&b.1)))?;
    // The protocol that dominates: by octets where these are limited.
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
    let mut finding = Finding::new(host, vector, classes).graded_by(worst);
    finding.since = host.onset(in_tick(host, rule));
    let profile = host.profile(classes);
    finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
    let mut evidence: Vec<Evidence> = Vec::new();
    for (rule, exceeded) in all.iter().filter(|(known, _)| known.setting.key == rule.setting.key).chain(all) {
        if evidence.iter().all(|known| known.measure != rule.setting.key) {
            evidence.push(exceeded.evidence(rule.setting.key, &format!("{} {}", rule.what, host.to_or_from()), ""));
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
