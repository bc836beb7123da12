//! `other_amplification`: replies of a service that is not in the table of amplifiers.
//!
//! Rate: UDP that gets no answer. Shape: all from one source port of many hosts, and large, or small but from the same
//! hosts again and again to a port or two ([`Claim::ReflectedUdp`]).

use super::exceeded::LEAST_BURST;
use super::quantities::{self, UDP};
use super::settings::Limits;
use super::shape::{self, ReflectedPort, SampleProfile};
use super::{Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting};
use crate::base::Vector;
use crate::meter::{Sample, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "other_amplification",
    vectors: &[Vector::OtherAmplification],
    summary: "unanswered UDP from one source port of many hosts, large or converging, of no service in the table",
    settings: &[PACKETS],
    needs: &[Need::exceeded(Gauge::OneWayUdp, &[PACKETS], LEAST_BURST)],
    thresholds: &[],
    claims: &[Claim::ReflectedUdp, Claim::ReflectedFragments],
    yields_to: &[],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::AmplifierPort,
    build: |settings, _| Box::new(OtherAmplification { limit: settings.limit(&PACKETS) }),
};

const PACKETS: Setting = Setting {
    key: "packets_per_second",
    default: 500.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unanswered UDP packets per second from one port of many hosts.",
    learns: None,
};

/// Later fragments of large replies have no ports: they are counted with them.
const CLASSES: &[Class] = &[Class::Udp, Class::Fragment];

struct OtherAmplification {
    limit: Limits,
}

impl Detector for OtherAmplification {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl OtherAmplification {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        // What one of our hosts sends from one port to many is a service of it.
        if host.is_outbound() {
            return None;
        }
        // The shape costs more than the rate: most hosts end here.
        let limit = host.limit(&self.limit);
        let exceeded = host.exceeds(limit, |span| quantities::one_way(host, span, UDP))?;
        let reflected = host.reflected_port();
        host.is_silent_because("they do not come from one port of many hosts", reflected.is_none());
        let ReflectedPort { port, share } = reflected?;
        let mut finding = Finding::new(host, Vector::OtherAmplification, CLASSES).graded_by(&exceeded);
        finding.since = host.onset(shape::packets_in(host, UDP));
        let is_part = |sample: &Sample| sample.source_port == port || sample.class == Class::Fragment as u8;
        // Peers are counted without their ports.
        finding.retain(is_part, |_| false);
        let count = host.forward(Span::Second).of(Class::Udp);
        let mean = count.bytes / count.packets.max(1);
        finding.evidence = vec![
            exceeded.evidence(
                "unanswered_udp_per_second",
                &format!("unanswered UDP packets/s {}", host.to_or_from()),
                &format!("; {:.0} % come from port {port} of many hosts, {mean} octets on average", share * 100.0),
            ),
            SampleProfile::of(finding.recent.samples.iter()).evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
