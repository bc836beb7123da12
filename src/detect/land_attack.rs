//! `land_attack`: segments and datagrams whose source is their own destination, address and port (CERT CA-1997-28).
//!
//! No sane packet looks so but over loopback, so a few are enough. They are a class of their own: nothing else counts them.

use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limits};
use crate::base::Vector;
use crate::meter::Window;
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "land_attack",
    vectors: &[Vector::LandAttack],
    summary: "TCP or UDP from an address and port to the same address and port",
    settings: &[Setting {
        key: "packets_per_second",
        default: 20.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "Packets a second that claim to come from where they go.",
        learns: None,
    }],
    build: |settings, _| Box::new(LandAttack { limit: settings.limit("packets_per_second") }),
};

const CLASSES: &[Class] = &[Class::Land];
/// Packets in 0.2 s that make a burst.
const LEAST_BURST: f64 = 10.0;

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
        // The same packets are counted as sent, too: who is named as the source did not send them.
        if host.is_outbound() {
            return None;
        }
        let over = shape::exceeded_from(LEAST_BURST, host.limit(&self.limit), |span| {
            host.forward(span).of(Class::Land).packets
        })?;
        let profile = SampleProfile::of_flow(host, CLASSES);
        let mut finding = host.finding(Vector::LandAttack, CLASSES).graded(over.rate, over.limit.value);
        finding.spoofing_likely = true;
        let port = profile.top_port.map_or(String::new(), |(port, _)| format!("; mostly port {port} to port {port}"));
        let what = format!("packets/s {} that claim to come from the same address and port", host.whom());
        finding.evidence = vec![over.evidence("land_packets_per_second", &what, &port)];
        Some(finding)
    }
}
