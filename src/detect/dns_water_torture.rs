//! `dns_water_torture`: questions for made-up names below one zone, so that no cache helps and its servers drown.
//!
//! Each name is asked once, and does not exist. Block lists and reverse zones are asked like that too, but for addresses;
//! content networks make up names that exist; a virus scanner that asks for checksums is one source with a modest rate.

use super::dns::{self, queries};
use super::evidence::context;
use super::exceeded;
use super::requests::Asking;
use super::settings::Limits;
use super::{Detector, DetectorSpec, Finding, HostContext, Merging, Mitigation, Setting};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "dns_water_torture",
    vectors: &[Vector::DnsWaterTorture],
    summary: "DNS queries for ever new names below one zone, most of which do not exist",
    settings: &[QUERIES_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources,
    build: |settings, _| Box::new(DnsWaterTorture { limit: settings.limit(&QUERIES_PER_SECOND) }),
};

const QUERIES_PER_SECOND: Setting = Setting {
    key: "queries_per_second",
    default: 100.0,
    min: 1.0,
    max: 1e9,
    unit: "queries/s",
    doc: "Queries a second for made-up names below one zone. Five times as many where they come from a few sources or no answers are seen.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::Udp];

/// Fewer sources are somebody's own resolver or mail servers, for which more is needed.
const SOURCES: usize = 5;
const FEW: f64 = 5.0;

struct DnsWaterTorture {
    limit: Limits,
}

impl Detector for DnsWaterTorture {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

impl DnsWaterTorture {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let base = host.limit(&self.limit);
        let second = queries(host, Span::Second);
        if (second as f64) < base.value / 2.0 {
            return None;
        }
        let asking = Asking::of(host, window, dns::QUERIES);
        let (zone, share, below) = dns::made_up(&asking)?;
        // What the answers say; where none are seen at all, the names alone must do.
        let answered = host.reverse_app_packets(Span::Second, &[App::DnsAnswer]);
        let failed = host.reverse_app_packets(Span::Second, &[App::DnsNxdomain, App::DnsFailure]);
        let torture = second as f64 * share;
        let lost = (second.saturating_sub(answered).saturating_sub(failed)) as f64;
        if (failed as f64 + lost) < torture * 0.5 {
            return None;
        }
        let few = asking.by_source.len() < SOURCES || answered + failed == 0;
        let limit = base.times(if few { FEW } else { 1.0 });
        let exceeded = exceeded::exceeded(limit, |span| (queries(host, span) as f64 * share) as u64)?;
        let mut finding =
            Finding::new(host, Vector::DnsWaterTorture, CLASSES).graded(exceeded.rate, exceeded.limit.value);
        finding.since = host.onset(|tick| host.app_packets_in_tick(tick, dns::QUERIES));
        finding.names = asking.names("dns_zone", None);
        finding.evidence = vec![
            exceeded.evidence(
                "made_up_names_per_second",
                &format!("DNS queries/s {} for ever new names below {zone}", host.to_or_from()),
                &format!("; {failed} names did not exist or failed in the last second, {answered} were answered"),
            ),
            context(
                "distinct_names_share",
                below.varied,
                1.0,
                format!(
                    "{:.0} % of the names sampled below {zone} differ, from {} sources",
                    below.varied * 100.0,
                    asking.by_source.len()
                ),
            ),
        ];
        Some(finding)
    }
}
