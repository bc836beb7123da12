//! `open_reflector`: one of our hosts answers spoofed requests.
//!
//! Requests to an amplification service arrive, and its replies leave for outside. Services that no host outside should use
//! are reported at once; those that serve honestly (an authoritative name server, a VPN gateway) only where the replies are
//! large and most go to one victim: clients of a server are many.

use super::amplifier::{self, LARGE_ONE_WAY, ReplyLimits};
use super::evidence::context;
use super::shape::SampleProfile;
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::{Addr, Networks, TICKS_PER_SECOND, Vector};
use crate::meter::{Sample, ServiceTraffic, Span, Window};
use crate::packet::{Amplifier, Class};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "open_reflector",
    vectors: &[Vector::OpenReflector],
    summary: "one of our hosts answers requests to an amplification service from outside, so that others are attacked",
    settings: &[AMBIGUOUS, UNAMBIGUOUS],
    needs: &[
        Need::exceeded(Gauge::AllReplies, &[AMBIGUOUS], BURST.value),
        Need::exceeded(Gauge::AllUnambiguousReplies, &[UNAMBIGUOUS], BURST.value),
    ],
    thresholds: &[BURST, ONE_VICTIM, OUTSIDE, LARGE_ONE_WAY, LARGE_REPEATED, REPEATED_SHARE],
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

const LARGE_REPEATED: Threshold = Threshold {
    name: "large replies to one question",
    value: 300.0,
    unit: "octets per packet on average",
    reason: "ten times a question; resolvers remember an answer of any size, and ask only once",
    guarded_by: "open_reflector_dns_diluted",
};
const REPEATED_SHARE: Threshold = Threshold {
    name: "share of one question",
    value: 0.8,
    unit: "share of the victim's requests",
    reason: "a sender that uses a victim's address asks for the largest answer, again and again",
    guarded_by: "open_reflector_dns_diluted",
};

const CLASSES: &[Class] = &[Class::Udp, Class::Fragment];

struct OpenReflector {
    limits: ReplyLimits,
    networks: Arc<Networks>,
}

impl Detector for OpenReflector {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        if !host.is_outbound() || (host.forward_packets() as f64) < self.limits.least(host).min(BURST.value) {
            return;
        }
        // A host has one such incident: the service that sends most makes it.
        let mut services = host.services(Span::Second);
        services.sort_by_key(|service| std::cmp::Reverse(service.replies.bytes));
        findings.extend(
            services.iter().find_map(|service| self.inspect_service(host, window, service, service.service.row()?)),
        );
    }
}

impl OpenReflector {
    fn inspect_service(
        &self,
        host: &HostContext<'_>,
        window: &Window<'_>,
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
        let exceeded = host.exceeds_from(BURST.value, limit, count)?;
        // Inside, all of these are asked honestly.
        let (mut outside, mut all) = (0u64, 0u64);
        for sample in amplifier::replies(host, row) {
            all += u64::from(sample.weight);
            outside += if self.networks.contains(sample.peer) { 0 } else { u64::from(sample.weight) };
        }
        let inside = outside as f64 <= OUTSIDE.value * all as f64;
        if host.is_silent_because("the replies go to hosts of our networks", inside) {
            return None;
        }
        let profile = SampleProfile::of(amplifier::replies(host, row));
        let mean = amplifier::mean_size(service);
        let one_victim = profile.top_peer.is_some_and(|(_, share)| share >= ONE_VICTIM.value);
        let honest = !(row.unambiguous || one_victim && is_amplified(host, window, row, &profile));
        if host.is_silent_because("the replies are small, or go to many hosts", honest) {
            return None;
        }
        let mut finding = Finding::new(host, Vector::OpenReflector, CLASSES).graded_by(&exceeded);
        finding.since = host.onset(|tick| host.service_in_tick(tick, service.service).replies.packets);
        let ours = |sample: &Sample| row.has_port(sample.source_port) || sample.class == Class::Fragment as u8;
        finding.retain(ours, |peer| peer.service() == Some(service.service) || peer.is_of(&[Class::Fragment]));
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

/// Whether the replies to the host that gets most are large: honest clients of the same server must not dilute that. Smaller
/// ones suffice where that host seems to ask the same question over and over.
fn is_amplified(host: &HostContext<'_>, window: &Window<'_>, row: &'static Amplifier, profile: &SampleProfile) -> bool {
    let Some((victim, _)) = profile.top_peer else { return false };
    let (mut octets, mut packets) = (0u64, 0u64);
    for sample in amplifier::replies(host, row).filter(|sample| sample.peer == victim) {
        octets += u64::from(sample.length) * u64::from(sample.weight);
        packets += u64::from(sample.weight);
    }
    let mean = octets as f64 / packets.max(1) as f64;
    mean >= LARGE_ONE_WAY.value || mean >= LARGE_REPEATED.value && repeats_itself(host, window, victim)
}

/// Whether the requests in this host's name are for one thing.
fn repeats_itself(host: &HostContext<'_>, window: &Window<'_>, source: Addr) -> bool {
    let mut items: BTreeMap<u64, u64> = BTreeMap::new();
    let address = host.window().address();
    for request in window.requests(TICKS_PER_SECOND, address, false).filter(|request| request.source == source) {
        *items.entry(request.asked.item).or_default() += u64::from(request.weight);
    }
    REPEATED_SHARE.is_reached_by(items.values().copied().max().unwrap_or(0), items.values().sum())
}
