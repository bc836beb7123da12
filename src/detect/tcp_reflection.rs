//! `tcp_reflection`: TCP responses that the host never requested.
//!
//! Servers answer SYNs with a spoofed source with SYN-ACKs, and retransmit them (RFC 9293 §3.8.1); middleboxes answer a
//! spoofed request with the page of a censor and with RSTs (Bock et al., USENIX Security 2021). Rate: responses beyond the
//! SYNs that the host sent. Shape: they come from a few source ports, those of the abused services. SYN-ACKs from
//! constantly changing ports are no reflection.

use super::claim_rules;
use super::evidence::{Evidence, context};
use super::exceeded::{self, LEAST_BURST};
use super::quantities;
use super::reflection::{self, PAGES, SYN_ACK};
use super::settings::Limits;
use super::shape;
use super::syn_ack_flood::SUSTAINED_FRACTION;
use super::{Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting};
use crate::base::Vector;
use crate::meter::{Span, SpanCounts, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "tcp_reflection",
    vectors: &[Vector::TcpReflection],
    summary: "SYN-ACKs, or data and RSTs, from service ports of hosts to which no request was sent",
    settings: &[PACKETS],
    needs: &[
        Need::lasting(Gauge::SynAcks, &[PACKETS], SUSTAINED_FRACTION.value),
        Need::exceeded(Gauge::Pages, &[PACKETS], LEAST_BURST),
    ],
    thresholds: &[SUSTAINED_FRACTION],
    claims: &[Claim::ReflectedSynAcks, Claim::MiddleboxReplies],
    yields_to: &[],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::AmplifierPort,
    build: |settings, _| Box::new(TcpReflection { limit: settings.limit(&PACKETS) }),
};

const PACKETS: Setting = Setting {
    key: "packets_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unsolicited responses per second: SYN-ACKs, or data and RSTs of middleboxes. Of SYN-ACKs a fifth suffices over ten seconds.",
    learns: None,
};

struct TcpReflection {
    limit: Limits,
}

impl Detector for TcpReflection {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        // A flooded server of ours retransmits its SYN-ACKs too: the flood that it receives is reported.
        if host.is_outbound() {
            return;
        }
        findings.extend(self.syn_acks(host).or_else(|| self.pages(host)));
    }
}

impl TcpReflection {
    fn syn_acks(&self, host: &HostContext<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let count = |span: Span| quantities::unsolicited_syn_acks(host, span);
        let exceeded =
            host.exceeds(limit, count).or_else(|| exceeded::sustained(limit, SUSTAINED_FRACTION.value, count))?;
        let ports = shape::service_ports(host, SYN_ACK);
        if host.is_silent_because("they come from ports of no service", ports.is_none()) {
            return None;
        }
        let ports = ports.unwrap_or_default();
        let syns = host.reverse(Span::Second).of(Class::TcpSyn).packets;
        let resets = host.reverse(Span::Second).of(Class::TcpRst).packets;
        let mut finding = Finding::new(host, Vector::TcpReflection, SYN_ACK).graded_by(&exceeded);
        finding.since = match exceeded.span {
            Span::TenSeconds => host.onset_in_ten_seconds(unsolicited_syn_acks),
            _ => host.onset(|tick| unsolicited_syn_acks(host.forward_in_tick(tick))),
        };
        finding.evidence = vec![
            exceeded.evidence(
                "unsolicited_syn_ack_per_second",
                &format!("unsolicited SYN-ACK/s {}", host.to_or_from()),
                &format!("; {syns} SYNs and {resets} RSTs in the reverse direction in the last second"),
            ),
            from_ports(&ports),
            host.profile(SYN_ACK).evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }

    fn pages(&self, host: &HostContext<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let exceeded = host.exceeds(limit, |span| reflection::unsolicited_pages(host, span))?;
        let reflected = claim_rules::applies(Claim::MiddleboxReplies, host);
        if host.is_silent_because("they are not what middleboxes send", !reflected) {
            return None;
        }
        let ports = shape::service_ports(host, PAGES)?;
        let mut finding = Finding::new(host, Vector::TcpReflection, PAGES).graded_by(&exceeded);
        finding.since = host.onset(|tick| host.forward_in_tick(tick).verdicts(PAGES).unsolicited_at_first());
        let sent = host.reverse(Span::Second).packets();
        finding.evidence = vec![
            exceeded.evidence(
                "unsolicited_tcp_per_second",
                &format!("unsolicited TCP data and RST/s {}", host.to_or_from()),
                &format!("; {sent} packets in the reverse direction in the last second"),
            ),
            from_ports(&ports),
            host.profile(PAGES).evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}

/// One evidence line about the ports of the reflectors.
fn from_ports(ports: &[(u16, f64)]) -> Evidence {
    let share = ports.iter().map(|(_, share)| share).sum::<f64>() * 100.0;
    let named: Vec<String> = ports.iter().map(|(port, _)| port.to_string()).collect();
    let message = format!("{share:.0} % come from the service ports {}", named.join(", "));
    context("service_ports_percent", share.round(), 1.0, message)
}

fn unsolicited_syn_acks(counts: SpanCounts<'_>) -> u64 {
    counts.verdicts(SYN_ACK).unsolicited_at_first()
}
