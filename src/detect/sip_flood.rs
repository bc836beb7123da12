//! `sip_flood`: REGISTER, INVITE or OPTIONS requests that a SIP server cannot or will not accept, or far more than any client
//! sends (RFC 3261; RFC 5390 on overload).
//!
//! A busy registrar challenges each REGISTER with 401 and accepts the second one; a trunk's INVITEs get 100, 180 and 200; a
//! monitor's OPTIONS get 200. A flood is not answered once the server is overloaded, or is challenged and rejected without
//! end. Requests that are all accepted are a flood only far above the limit. The same over UDP and TCP.

use super::exceeded::LEAST_BURST;
use super::quantities;
use super::settings::Limits;
use super::{
    Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold,
};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "sip_flood",
    vectors: &[Vector::SipFlood],
    summary: "SIP REGISTER, INVITE or OPTIONS requests that are not accepted, or far more than clients send",
    settings: &[REQUESTS],
    needs: &[Need::exceeded(Gauge::SipRequests, &[REQUESTS], LEAST_BURST)],
    thresholds: &[UNACCEPTED_SHARE, UNACCEPTED_SHARE_OF_BURST, ACCEPTED_FACTOR, ONE_WAY_FACTOR],
    claims: &[Claim::SipRequests],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, _| Box::new(SipFlood { limit: settings.limit(&REQUESTS) }),
};

const REQUESTS: Setting = Setting {
    key: "requests_per_second",
    default: 200.0,
    min: 1.0,
    max: 1e9,
    unit: "requests/s",
    doc: "SIP requests per second that are not accepted. Ten times as many where all are accepted, five times in few flows where no packet of the host is captured.",
    learns: None,
};

const UNACCEPTED_SHARE: Threshold = Threshold {
    name: "unaccepted share",
    value: 0.5,
    unit: "share of requests",
    reason: "the second REGISTER of each client is accepted, so that a registrar stays far below",
    guarded_by: "sip_registrar",
};
const UNACCEPTED_SHARE_OF_BURST: Threshold = Threshold {
    name: "unaccepted share of a burst",
    value: 0.8,
    unit: "share of requests",
    reason: "responses take time, so in a burst only nearly all without one mean something",
    guarded_by: "sip_registrar",
};
const ACCEPTED_FACTOR: Threshold = Threshold {
    name: "accepted requests' factor",
    value: 10.0,
    unit: "times the limit",
    reason: "large trunks start hundreds of calls per second, and phones register again after an outage",
    guarded_by: "sip_trunk",
};
const ONE_WAY_FACTOR: Threshold = Threshold {
    name: "factor of one direction",
    value: 5.0,
    unit: "times the limit",
    reason: "the responses of a trunk may merely not be captured where no packet of the host is",
    guarded_by: "sip_trunk_one_way",
};

/// SIP over UDP and TCP.
const CLASSES: &[Class] = &[Class::Udp, Class::TcpData];

struct SipFlood {
    limit: Limits,
}

impl Detector for SipFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl SipFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let limit = host.limit(&self.limit);
        let second = quantities::sip_requests(host, Span::Second);
        if (second as f64) < limit.value / 2.0 {
            return None;
        }
        let profile = host.profile(CLASSES);
        // Outbound requests to many hosts are a provider's own calls, or a sweep.
        if host.is_outbound() && !profile.is_concentrated() {
            return None;
        }
        // A trunk of which one direction is captured shows no responses either, but has few flows.
        let silent = [Span::Second, Span::TenSeconds].into_iter().all(|span| host.reverse(span).packets() == 0);
        let one_way = silent && !profile.many_flows();
        let base = limit.times(if one_way { ONE_WAY_FACTOR.value } else { 1.0 });
        let unaccepted = host.exceeds(base, |span| {
            let unaccepted = quantities::unaccepted_sip_requests(host, span);
            let share = if span == Span::Burst { UNACCEPTED_SHARE_OF_BURST } else { UNACCEPTED_SHARE };
            if share.is_reached_by(unaccepted, quantities::sip_requests(host, span)) { unaccepted } else { 0 }
        });
        let accepted = || {
            let found = host.exceeds(limit.times(ACCEPTED_FACTOR.value), |span| quantities::sip_requests(host, span));
            Some((found?, "SIP requests/s", "accepted_sip_requests_per_second"))
        };
        let (exceeded, what, measure) = unaccepted
            .map(|found| (found, "SIP requests/s that are not accepted", "unaccepted_sip_requests_per_second"))
            .or_else(accepted)?;
        let mut finding = Finding::new(host, Vector::SipFlood, CLASSES).graded_by(&exceeded);
        finding.since = host.onset(|tick| host.app_packets_in_tick(tick, &[App::SipRequest]));
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let (yes, no) = (App::SipAccepted, App::SipRejected);
        let [yes, no] = [yes, no].map(|app| host.reverse_app_packets(Span::Second, &[app]));
        finding.evidence = vec![
            exceeded.evidence(
                measure,
                &format!("{what} {}", host.to_or_from()),
                &format!("; {second} requests, {yes} responses 1xx or 2xx and {no} others in the last second"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
