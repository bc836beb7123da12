//! `dns_water_torture`: queries for made-up names below one zone (random subdomain attack), so that no cache helps and its
//! servers are overloaded.
//!
//! Each name is queried once, and does not exist. Block lists and reverse zones are queried like that too, but for
//! addresses; content networks make up names that exist; a virus scanner that looks up checksums is one source with a
//! modest rate.

use super::dns;
use super::evidence::context;
use super::exceeded::LEAST_BURST;
use super::quantities::dns_queries as queries;
use super::requests::RequestSample;
use super::settings::Limits;
use super::{Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::{App, Class};

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "dns_water_torture",
    vectors: &[Vector::DnsWaterTorture],
    summary: "DNS queries for constantly changing names below one zone, most of which do not exist",
    settings: &[QUERIES_PER_SECOND],
    needs: &[Need::exceeded(Gauge::DnsQueries, &[QUERIES_PER_SECOND], LEAST_BURST)],
    thresholds: &[SOURCES, FEW, FAILED_SHARE],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(None),
    build: |settings, _| Box::new(DnsWaterTorture { limit: settings.limit(&QUERIES_PER_SECOND) }),
};

const QUERIES_PER_SECOND: Setting = Setting {
    key: "queries_per_second",
    default: 100.0,
    min: 1.0,
    max: 1e9,
    unit: "queries/s",
    doc: "Queries per second for made-up names below one zone. Five times as many where they come from a few sources or no responses are captured.",
    learns: None,
};

const CLASSES: &[Class] = &[Class::Udp];

const SOURCES: Threshold = Threshold {
    name: "sources",
    value: 5.0,
    unit: "sampled sources",
    reason: "fewer are one operator's resolvers or mail servers",
    guarded_by: "dns_block_list",
};
const FEW: Threshold = Threshold {
    name: "few sources' factor",
    value: 5.0,
    unit: "times the limit",
    reason: "mail servers and virus scanners look up many names",
    guarded_by: "dns_block_list",
};
const FAILED_SHARE: Threshold = Threshold {
    name: "failed share",
    value: 0.5,
    unit: "share of the queries",
    reason: "most made-up names do not exist, or their queries are lost",
    guarded_by: "dns_server_dnssec",
};

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
        let requests = RequestSample::of(host, window, dns::QUERIES);
        let dns::MadeUp { zone, share, below, is_plain } = dns::made_up_zone(&requests)?;
        // Where no responses are captured, the names alone decide.
        let answered = host.reverse_app_packets(Span::Second, &[App::DnsResponse, App::DnsRecursiveResponse]);
        let failed = host.reverse_app_packets(Span::Second, &[App::DnsNxdomain, App::DnsFailure]);
        let torture = second as f64 * share;
        let lost = (second.saturating_sub(answered).saturating_sub(failed)) as f64;
        if (failed as f64 + lost) < torture * FAILED_SHARE.value {
            return None;
        }
        let few = (requests.by_source.len() as f64) < SOURCES.value || answered + failed == 0;
        let limit = base.times(if few { FEW.value } else { 1.0 });
        let exceeded = host.exceeds(limit, |span| (queries(host, span) as f64 * share) as u64)?;
        if host.is_excused(&exceeded, "the names are addresses, as block lists are asked for", !is_plain) {
            return None;
        }
        let mut finding = Finding::new(host, Vector::DnsWaterTorture, CLASSES).graded_by(&exceeded);
        finding.since = host.onset(|tick| host.app_packets_in_tick(tick, dns::QUERIES));
        finding.names = requests.names("dns_zone", None);
        finding.evidence = vec![
            exceeded.evidence(
                "made_up_names_per_second",
                &format!("DNS queries/s {} for constantly changing names below {zone}", host.to_or_from()),
                &format!("; {failed} names did not exist or failed in the last second, {answered} were answered"),
            ),
            context(
                "distinct_names_share",
                below.varied,
                1.0,
                format!(
                    "{:.0} % of the names sampled below {zone} differ, from {} sources",
                    below.varied * 100.0,
                    requests.by_source.len()
                ),
            ),
        ];
        Some(finding)
    }
}
