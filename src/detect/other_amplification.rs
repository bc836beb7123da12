//! `other_amplification`: answers of a service that has no row in the table of amplifiers.
//!
//! Rate: UDP that nothing answers. Shape: all from one source port of many hosts, and large, or small but from the same
//! hosts again and again to a port or two. A flood that is invented has source ports of its own, or ever new sources.

use super::shape::{self, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, amplification, settings::Limits, udp_flood};
use crate::base::Vector;
use crate::meter::{HostDirection, Sample, Span, Window};
use crate::packet::{Class, Service};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "other_amplification",
    vectors: &[Vector::OtherAmplification],
    summary: "unanswered UDP from one source port of many hosts, large or converging, of no service in the table",
    settings: &[Setting {
        key: "packets_per_second",
        default: 500.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "Unanswered UDP packets a second from one port of many hosts.",
        learns: None,
    }],
    build: |settings, _| Box::new(OtherAmplification { limit: settings.limit("packets_per_second") }),
};

const UDP: &[Class] = &[Class::Udp];
/// Later fragments of large answers have no ports: they go to the same account.
const CLASSES: &[Class] = &[Class::Udp, Class::Fragment];

/// Share of UDP that comes from the one port.
const MOST: f64 = 0.8;

struct OtherAmplification {
    limit: Limits,
}

/// The port that reflected traffic comes from, and its share of UDP.
#[derive(Clone, Copy)]
pub(super) struct Reflected {
    pub port: u16,
    share: f64,
}

/// What this detector tells, and others therefore leave alone.
pub(super) fn reflected(host: &HostDirection<'_>) -> Option<Reflected> {
    let &(port, share) = shape::source_ports(host.samples(UDP)).first()?;
    if share < MOST || port == 0 || Service::of_port(port).is_some() {
        return None;
    }
    let from_port = || host.samples(UDP).filter(|sample| sample.source_port == port);
    let profile = SampleProfile::of(from_port());
    // Between servers that use the same port both ways (tunnels, collectors of logs) nothing is reflected.
    let both = from_port().filter(|sample| sample.destination_port == port).count();
    if both * 2 > profile.samples || !profile.many_reflectors() {
        return None;
    }
    let count = host.forward(Span::Second).of(Class::Udp);
    let large = count.bytes >= amplification::LARGE_ONE_WAY * count.packets;
    // Invented sources hardly come twice.
    let converging = profile.top_port.is_some_and(|(_, share)| share >= 0.25) && profile.peer_diversity <= 0.95;
    (large || converging).then_some(Reflected { port, share })
}

/// Whether so many later fragments in the last second are those of reflected answers.
pub(super) fn brings(host: &HostDirection<'_>, fragments: u64) -> bool {
    // The largest datagram makes 45 fragments at the usual MTU; of one in ten, the first must be here.
    let firsts = host.first_fragments();
    firsts * 10 >= fragments
        && firsts * 2 >= host.forward(Span::Second).of(Class::Udp).packets
        && reflected(host).is_some()
}

impl Detector for OtherAmplification {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl OtherAmplification {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        // The shape costs more than the rate: most hosts end here.
        let over = shape::exceeded(host.limit(&self.limit), |span| udp_flood::beyond_answers(host, span, UDP))?;
        let Reflected { port, share } = reflected(host)?;
        let mut finding = host.finding(Vector::OtherAmplification, CLASSES).graded(over.rate, over.limit.value);
        finding.since = host.onset(shape::packets_in(host, UDP));
        let ours = |sample: &Sample| sample.source_port == port || sample.class == Class::Fragment as u8;
        finding.now.samples.retain(ours);
        finding.recent.samples.retain(ours);
        let count = host.forward(Span::Second).of(Class::Udp);
        let mean = count.bytes / count.packets.max(1);
        finding.evidence = vec![
            over.evidence(
                "unanswered_udp_per_second",
                &format!("UDP packets/s {}", host.whom()),
                &format!("; {:.0} % come from port {port} of many hosts, {mean} octets on average", share * 100.0),
            ),
            SampleProfile::of(finding.recent.samples.iter()).evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}
