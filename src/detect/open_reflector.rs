//! `open_reflector`: one of our hosts answers spoofed requests.
//!
//! Requests to an amplification service arrive, and its replies leave for outside. Services that no host outside should use
//! are reported at once; those that serve honestly (an authoritative name server, a VPN gateway) only where the replies are
//! large and most go to one victim: clients of a server are many.

use super::amplifier::{self, LARGE_ONE_WAY, ReplyLimits};
use super::evidence::context;
use super::exceeded;
use super::shape::SampleProfile;
use super::{Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Setting, Threshold};
use crate::base::{Networks, Vector};
use crate::meter::{Sample, ServiceTraffic, Span, Window};
use crate::packet::{Amplifier, Class};
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "open_reflector",
    vectors: &[Vector::OpenReflector],
    summary: "one of our hosts answers requests to an amplification service from outside, so that others are attacked",
    settings: &[AMBIGUOUS, UNAMBIGUOUS],
    inspects_hosts: true,
    thresholds: &[BURST, ONE_VICTIM, OUTSIDE, LARGE_ONE_WAY],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Packets,
    build: |settings, site| {
        Box::new(OpenReflector {
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
    doc: "Large replies per second to few victims, of services that also have honest uses (DNS, SNMP, SIP).",
    learns: None,
};
const UNAMBIGUOUS: Setting = Setting {
    key: "unambiguous_packets_per_second",
    default: 10.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Replies per second of services that should answer no host outside (NTP monlist, memcached, CLDAP, SSDP).",
    learns: None,
};

const BURST: Threshold = Threshold {
    name: "burst of replies",
    value: 20.0,
    unit: "packets in 0.2 s",
    reason: "one monlist request brings up to 100 replies",
    guarded_by: "ntp_server",
};
const ONE_VICTIM: Threshold = Threshold {
    name: "one victim",
    value: 0.5,
    unit: "share of replies",
    reason: "the clients of an honest server are many",
    guarded_by: "dns_server_dnssec",
};
const OUTSIDE: Threshold = Threshold {
    name: "outside share",
    value: 0.5,
    unit: "share of replies",
    reason: "inside, all of these services have honest uses",
    guarded_by: "discovery",
};

const CLASSES: &[Class] = &[Class::Udp, Class::Fragment];

struct OpenReflector {
    limits: ReplyLimits,
    networks: Arc<Networks>,
}

impl Detector for OpenReflector {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        if !host.is_outbound() || (host.forward_packets() as f64) < self.limits.least(host).min(BURST.value) {
            return;
        }
        // A host has one such incident: the service that sends most makes it.
        let mut services = host.services(Span::Second);
        services.sort_by_key(|service| std::cmp::Reverse(service.replies.bytes));
        findings
            .extend(services.iter().find_map(|service| self.inspect_service(host, service, service.service.row()?)));
    }
}

impl OpenReflector {
    fn inspect_service(
        &self,
        host: &HostContext<'_>,
        service: &ServiceTraffic,
        row: &'static Amplifier,
    ) -> Option<Finding> {
        if !amplifier::are_answers(service) || service.replies.packets == 0 {
            return None;
        }
        let limit = self.limits.of(row, host);
        let count = |span: Span| match span {
            Span::Second => service.replies.packets,
            _ => {
                let services = host.services(span).into_iter();
                services.filter(|s| s.service == service.service).map(|s| s.replies.packets).sum()
            }
        };
        let exceeded = exceeded::exceeded_from(BURST.value, limit, count)?;
        // Inside, all of these are asked honestly.
        let (mut outside, mut all) = (0u64, 0u64);
        for sample in amplifier::replies(host, row) {
            all += u64::from(sample.weight);
            outside += if self.networks.contains(sample.peer) { 0 } else { u64::from(sample.weight) };
        }
        if outside as f64 <= OUTSIDE.value * all as f64 {
            return None;
        }
        let profile = SampleProfile::of(amplifier::replies(host, row));
        let mean = amplifier::mean_size(service);
        let one_victim = profile.top_peer.is_some_and(|(_, share)| share >= ONE_VICTIM.value);
        if !row.unambiguous && ((mean as f64) < LARGE_ONE_WAY.value || !one_victim) {
            return None;
        }
        let mut finding =
            Finding::new(host, Vector::OpenReflector, CLASSES).graded(exceeded.rate, exceeded.limit.value);
        finding.since = host.onset(|tick| host.service_in_tick(tick, service.service).replies.packets);
        let ours = |sample: &Sample| row.has_port(sample.source_port) || sample.class == Class::Fragment as u8;
        finding.now.samples.retain(ours);
        finding.recent.samples.retain(ours);
        finding.recent.count = service.replies;
        finding.recent.count.merge(host.forward(Span::Second).of(Class::Fragment));
        let tick = host.services(Span::Tick).into_iter().find(|s| s.service == service.service);
        finding.now.count = tick.map_or_else(Default::default, |s| s.replies);
        finding.now.count.merge(host.forward(Span::Tick).of(Class::Fragment));
        let name = row.service.to_uppercase();
        finding.evidence = vec![
            exceeded.evidence(
                "reflected_replies_per_second",
                &format!("{name} replies/s {} to outside", host.to_or_from()),
                &format!("; {} requests arrived in the last second", service.requests),
            ),
            context(
                "mean_reply_bytes",
                mean as f64,
                1.0,
                format!(
                    "{} replies of {mean} octets on average to {} requests in the last second",
                    service.replies.packets, service.requests
                ),
            ),
            profile.evidence(host.distinct_peers(), true),
        ];
        Some(finding)
    }
}
