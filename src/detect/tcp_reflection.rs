//! `tcp_reflection`: answers to TCP that the host never began.
//!
//! Servers answer SYNs whose source is forged with SYN-ACKs, and repeat them (RFC 9293 §3.8.1); middleboxes answer a forged
//! request with the page of a censor and with RSTs (Bock et al., USENIX Security 2021). Rate: answers beyond the SYNs
//! that the host sent. Shape: they come from a few source ports, those of the abused services. SYN-ACKs from ever new
//! ports are no reflection.

use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limits};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "tcp_reflection",
    vectors: &[Vector::TcpReflection],
    summary: "SYN-ACKs, or data and RSTs, from service ports of hosts that were never asked",
    settings: &[Setting {
        key: "packets_per_second",
        default: 300.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "Unsolicited answers a second: SYN-ACKs, or data and RSTs of middleboxes.",
        learns: None,
    }],
    build: |settings, _| Box::new(TcpReflection { limit: settings.limit("packets_per_second") }),
};

const SYN_ACK: &[Class] = &[Class::TcpSynAck];
/// What a middlebox sends besides.
const PAGES: &[Class] = &[Class::TcpData, Class::TcpRst, Class::TcpFin, Class::TcpAck];
/// What a host sends that has connections.
const CONVERSATION: &[Class] = &[Class::TcpSyn, Class::TcpSynAck, Class::TcpAck, Class::TcpData, Class::TcpFin];

/// Ports that attackers abuse at a time, and the share of packets that comes from them. Invented source ports hardly
/// come twice.
const SERVICES: usize = 8;
const MOST: f64 = 0.75;
/// Below the ports that clients draw (Linux begins at 32768, RFC 6335 at 49152) are those of services.
const FIRST_CLIENT_PORT: u16 = 32768;
const LEAST_SAMPLES: usize = 8;

struct TcpReflection {
    limit: Limits,
}

/// The border to `syn_ack_flood`: SYN-ACKs of few service ports are real servers' answers to forged SYNs. Invented ones
/// come from any port.
pub(super) fn from_services(host: &HostDirection<'_>) -> bool {
    service_ports(host, SYN_ACK).is_some()
}

/// The service ports that nearly all of these packets come from.
fn service_ports(host: &HostDirection<'_>, classes: &[Class]) -> Option<Vec<(u16, f64)>> {
    let samples = host.samples(classes).count();
    let mut ports = shape::source_ports(host.samples(classes));
    let repeated = samples >= LEAST_SAMPLES && ports.len() * 2 <= samples;
    ports.retain(|(port, _)| (1..FIRST_CLIENT_PORT).contains(port));
    ports.truncate(SERVICES);
    (repeated && ports.iter().map(|(_, share)| share).sum::<f64>() >= MOST).then_some(ports)
}

/// SYN-ACKs beyond the SYNs of the host, each of which may be answered twice at once, and again for some time.
pub(super) fn unasked(host: &HostDirection<'_>, span: Span) -> u64 {
    let syns = |span: Span| host.reverse(span).of(Class::TcpSyn).packets;
    let asked = syns(Span::Second).saturating_mul(2).saturating_add(syns(Span::TenSeconds));
    // Reflectors never close what was never open; where the host's own packets are not seen, this tells of connections.
    let closed = if syns(Span::Second) == 0 { host.forward(Span::Second).of(Class::TcpFin).packets } else { 0 };
    let whole = host.forward(Span::Second).of(Class::TcpSynAck).packets;
    if closed * 2 >= whole {
        return 0;
    }
    host.forward(span).of(Class::TcpSynAck).packets.saturating_sub(asked)
}

/// Whether connections go on after their SYN-ACKs although none of their SYNs is seen: a client behind a capture of one
/// way only. Servers then send at least as much data as SYN-ACKs.
fn goes_on(host: &HostDirection<'_>) -> bool {
    if host.reverse(Span::Second).of(Class::TcpSyn).packets > 0 {
        return false;
    }
    let (mut data, mut syn_acks) = (0, 0);
    for sample in host.samples(&[Class::TcpData, Class::TcpSynAck, Class::TcpFin]) {
        match sample.class == Class::TcpSynAck as u8 {
            true => syn_acks += u64::from(sample.weight),
            false if sample.source_port < FIRST_CLIENT_PORT => data += u64::from(sample.weight),
            false => {}
        }
    }
    data >= syn_acks
}

/// Whether the host gets data and RSTs of middleboxes, which other detectors therefore leave alone.
pub(super) fn takes(host: &HostContext<'_>) -> bool {
    if host.is_outbound() {
        return false;
    }
    let (forward, reverse) = (host.forward(Span::Second), host.reverse(Span::Second));
    let pages = forward.of_all(PAGES).packets;
    // Connections of the host's own bring answers both ways. Those to its services do not come from service ports.
    let solicited = forward.of(Class::TcpSynAck).packets.min(reverse.of(Class::TcpSyn).packets);
    if reverse.of_all(CONVERSATION).packets * 4 >= pages || solicited * 50 >= pages {
        return false;
    }
    // A gateway whose own packets are not seen still gets a SYN-ACK for each connection.
    let unseen =
        reverse.of_all(CONVERSATION).is_zero() && goes_on(host) && forward.of(Class::TcpSynAck).packets * 1000 >= pages;
    // The host's other connections must not blur the picture.
    let Some(ports) = service_ports(host, PAGES).filter(|_| !unseen) else { return false };
    let from_them = |port: u16| ports.iter().any(|(known, _)| *known == port);
    let profile = SampleProfile::of(host.samples(PAGES).filter(|sample| from_them(sample.source_port)));
    profile.many_sources() && profile.many_flows()
}

impl Detector for TcpReflection {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        // A flooded server of ours repeats its SYN-ACKs too: that is told by the flood which it gets.
        if host.is_outbound() {
            return;
        }
        findings.extend(self.syn_acks(host).or_else(|| self.pages(host)));
    }
}

impl TcpReflection {
    fn syn_acks(&self, host: &HostContext<'_>) -> Option<Finding> {
        let over = shape::exceeded(host.limit(&self.limit), |span| unasked(host, span))?;
        let ports = service_ports(host, SYN_ACK)?;
        if goes_on(host) {
            return None;
        }
        let syns = host.reverse(Span::Second).of(Class::TcpSyn).packets;
        let resets = host.reverse(Span::Second).of(Class::TcpRst).packets;
        let mut finding = host.finding(Vector::TcpReflection, SYN_ACK).graded(over.rate, over.limit.value);
        finding.since = host.onset(shape::packets_in(host, SYN_ACK));
        finding.evidence = vec![
            over.evidence(
                "unsolicited_syn_ack_per_second",
                &format!("unsolicited SYN-ACK/s {}", host.whom()),
                &format!("; {syns} SYNs and {resets} RSTs went the other way in the last second"),
            ),
            from_ports(&ports),
            SampleProfile::of_flow(host, SYN_ACK).evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }

    fn pages(&self, host: &HostContext<'_>) -> Option<Finding> {
        let over = shape::exceeded(host.limit(&self.limit), |span| host.forward(span).of_all(PAGES).packets)?;
        if !takes(host) {
            return None;
        }
        let ports = service_ports(host, PAGES)?;
        let mut finding = host.finding(Vector::TcpReflection, PAGES).graded(over.rate, over.limit.value);
        finding.since = host.onset(shape::packets_in(host, PAGES));
        let sent = host.reverse(Span::Second).of_all(CONVERSATION).packets;
        finding.evidence = vec![
            over.evidence(
                "unsolicited_tcp_per_second",
                &format!("TCP data and RST/s {} that nothing asked for", host.whom()),
                &format!("; {sent} segments went the other way in the last second"),
            ),
            from_ports(&ports),
            SampleProfile::of_flow(host, PAGES).evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}

/// One evidence line about the ports of the reflectors.
fn from_ports(ports: &[(u16, f64)]) -> super::Evidence {
    let share = ports.iter().map(|(_, share)| share).sum::<f64>() * 100.0;
    let named: Vec<String> = ports.iter().map(|(port, _)| port.to_string()).collect();
    shape::context(
        "service_ports_percent",
        share.round(),
        1.0,
        format!("{share:.0} % come from the service ports {}", named.join(", ")),
    )
}
