//! `open_reflector`: a host of ours that answers forged requests.
//!
//! Requests to an amplification service come in, and its replies leave for outside. Services that nobody outside should
//! use are told at once; those that serve honestly (an authoritative name server, a VPN gateway) only where the replies
//! are large and most go to one victim: clients of a server are many.

use super::amplification::{self, LARGE_ONE_WAY};
use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limits};
use crate::base::{Networks, Vector};
use crate::meter::{Sample, ServiceTraffic, Span, Window};
use crate::packet::{Amplifier, Class};
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "open_reflector",
    vectors: &[Vector::OpenReflector],
    summary: "a host of ours answers requests to an amplification service from outside, so that others are attacked",
    settings: &[
        Setting {
            key: "packets_per_second",
            default: 100.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Large replies a second to few victims, of services that are also used honestly (DNS, SNMP, SIP).",
            learns: None,
        },
        Setting {
            key: "unambiguous_packets_per_second",
            default: 10.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Replies a second of services that should answer nobody outside (NTP monlist, memcached, CLDAP, SSDP).",
            learns: None,
        },
    ],
    build: |settings, site| {
        Box::new(OpenReflector {
            ambiguous: settings.limit("packets_per_second"),
            unambiguous: settings.limit("unambiguous_packets_per_second"),
            networks: Arc::clone(&site.networks),
        })
    },
};

/// Replies that make a burst.
const LEAST_BURST: f64 = 20.0;
/// Share of the replies that goes to one victim where a service is abused.
const ONE_VICTIM: f64 = 0.5;

const CLASSES: &[Class] = &[Class::Udp, Class::Fragment];

struct OpenReflector {
    ambiguous: Limits,
    unambiguous: Limits,
    networks: Arc<Networks>,
}

impl Detector for OpenReflector {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        let least = host.limit(&self.ambiguous).value.min(host.limit(&self.unambiguous).value).min(LEAST_BURST);
        if !host.is_outbound() || (host.forward_packets() as f64) < least {
            return;
        }
        // A host has one such incident: the service that sends most makes it.
        let mut services = host.services(Span::Second);
        services.sort_by_key(|service| std::cmp::Reverse(service.replies.bytes));
        findings.extend(services.iter().find_map(|service| self.judge_service(host, service, service.service.row()?)));
    }
}

impl OpenReflector {
    fn judge_service(
        &self,
        host: &HostContext<'_>,
        service: &ServiceTraffic,
        row: &'static Amplifier,
    ) -> Option<Finding> {
        if !amplification::are_answers(service) || service.replies.packets == 0 {
            return None;
        }
        let limit = host.limit(if row.unambiguous { &self.unambiguous } else { &self.ambiguous });
        let count = |span: Span| match span {
            Span::Second => service.replies.packets,
            _ => {
                let services = host.services(span).into_iter();
                services.filter(|s| s.service == service.service).map(|s| s.replies.packets).sum()
            }
        };
        let over = shape::exceeded_from(LEAST_BURST, limit, count)?;
        // Inside, all of these are asked honestly.
        let (mut outside, mut all) = (0u64, 0u64);
        for sample in amplification::replies(host, row) {
            all += u64::from(sample.weight);
            outside += if self.networks.contains(sample.peer) { 0 } else { u64::from(sample.weight) };
        }
        if outside * 2 <= all {
            return None;
        }
        let profile = SampleProfile::of(amplification::replies(host, row));
        let mean = amplification::mean_size(service);
        let one_victim = profile.top_peer.is_some_and(|(_, share)| share >= ONE_VICTIM);
        if !row.unambiguous && (mean < LARGE_ONE_WAY || !one_victim) {
            return None;
        }
        let mut finding = host.finding(Vector::OpenReflector, CLASSES).graded(over.rate, over.limit.value);
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
            over.evidence(
                "reflected_replies_per_second",
                &format!("{name} replies/s {} to outside", host.whom()),
                &format!("; {} requests came in the last second", service.requests),
            ),
            shape::context(
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
