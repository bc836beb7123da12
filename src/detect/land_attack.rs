//! `land_attack`: segments and datagrams whose source is their own destination, address and port (CERT CA-1997-28).
//!
//! No sane packet looks so but over loopback, so a few are enough. They are a class of their own: nothing else counts them.

use super::shape::{self, Profile};
use super::{Case, Detector, DetectorSpec, Finding, Setting, settings::Limits};
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
    fn judge(&self, case: &Case<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(case));
    }
}

impl LandAttack {
    fn find(&self, flow: &Case<'_>) -> Option<Finding> {
        // The same packets are counted as sent, too: who is named as the source did not send them.
        if flow.is_outbound() {
            return None;
        }
        let over =
            shape::over_from(LEAST_BURST, flow.limit(&self.limit), |span| flow.forward(span).of(Class::Land).packets)?;
        let profile = Profile::of_flow(flow, CLASSES);
        let mut finding = flow.finding(Vector::LandAttack, CLASSES).graded(over.rate, over.limit.value);
        finding.spoofing_likely = true;
        let port = profile.top_port.map_or(String::new(), |(port, _)| format!("; mostly port {port} to port {port}"));
        let what = format!("packets/s {} that claim to come from the same address and port", flow.whom());
        finding.evidence = vec![over.evidence("land_packets_per_second", &what, &port)];
        Some(finding)
    }
}
