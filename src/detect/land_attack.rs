//! `land_attack`: packets whose source is their own destination, address and port (CERT CA-1997-28).
//!
//! No honest packet looks so except over loopback, so a few suffice. They are a class of their own: nothing else counts
//! them.

use super::settings::Limits;
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::meter::Window;
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "land_attack",
    vectors: &[Vector::LandAttack],
    summary: "TCP or UDP from an address and port to the same address and port",
    settings: &[PACKETS],
    needs: &[Need::exceeded(Gauge::Land, &[PACKETS], BURST.value)],
    thresholds: &[BURST],
    claims: &[],
    yields_to: &[],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| Box::new(LandAttack { limit: settings.limit(&PACKETS) }),
};

const PACKETS: Setting = Setting {
    key: "packets_per_second",
    default: 20.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Packets per second with the same source and destination.",
    learns: None,
};

const BURST: Threshold = Threshold {
    name: "burst",
    value: 10.0,
    unit: "packets in 0.2 s",
    reason: "half of the default limit within 0.2 s; honest hosts send none, and BFD echo packets (RFC 5881) are no land packets",
    guarded_by: "bfd_echo",
};

const CLASSES: &[Class] = &[Class::Land];

struct LandAttack {
    limit: Limits,
}

impl Detector for LandAttack {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl LandAttack {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        // The same packets are counted as sent too, but their source is spoofed.
        if host.is_outbound() {
            return None;
        }
        let count = |span| host.forward(span).of(Class::Land).packets;
        let exceeded = host.exceeds_from(BURST.value, host.limit(&self.limit), count)?;
        let mut finding = Finding::new(host, Vector::LandAttack, CLASSES).graded_by(&exceeded);
        finding.spoofing_likely = true;
        let port = host.profile(CLASSES).top_port;
        let port = port.map_or(String::new(), |(port, _)| format!("; mostly port {port} to port {port}"));
        let what = format!("packets/s {} with the same source and destination", host.to_or_from());
        finding.evidence = vec![exceeded.evidence("land_packets_per_second", &what, &port)];
        Some(finding)
    }
}
