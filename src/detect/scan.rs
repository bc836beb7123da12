//! `scan`: one sender that tries many ports of a host, many hosts, or many addresses by ARP, of which most do not answer.
//!
//! Clients, resolvers, crawlers and monitoring are answered by most hosts. Scans are worth a note, not a page.

use super::attempts::{self, ANSWERED_SHARE};
use super::evidence::measured;
use super::{
    Detector, DetectorSpec, Finding, FrameMatch, Merging, Mitigation, Setting, Target, Threshold, limit::Limit,
    settings::Limits,
};
use crate::base::{Direction, Vector};
use crate::inventory::Site;
use crate::meter::{AttemptKind, ConnectionAttempts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "scan",
    vectors: &[Vector::PortScan, Vector::HostSweep, Vector::ArpScan],
    summary: "one sender that tries many ports, hosts or ARP addresses of which most do not answer",
    settings: &[PORTS, HOSTS, PRIVATE_HOSTS, ARP_ADDRESSES],
    needs: &[],
    thresholds: &[CLEARLY, ECHO_FACTOR, FULL_SET],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Sources(Some(FrameMatch { nftables: "ether type arp", pcap: "arp" })),
    build: |settings, site| {
        Box::new(Scan {
            ports: settings.limit(&PORTS),
            hosts: settings.limit(&HOSTS),
            private: settings.limit(&PRIVATE_HOSTS),
            arp: settings.limit(&ARP_ADDRESSES),
            site: Arc::clone(site),
        })
    },
};

const PORTS: Setting = Setting {
    key: "ports",
    default: 30.0,
    min: 5.0,
    max: 500.0,
    unit: "ports",
    doc: "Distinct ports (or IP protocols) that one sender tries within about half a minute.",
    learns: None,
};

const HOSTS: Setting = Setting {
    key: "hosts",
    default: 30.0,
    min: 5.0,
    max: 500.0,
    unit: "hosts",
    doc: "Distinct hosts that one sender tries within about half a minute; half as many by echo requests.",
    learns: None,
};

const PRIVATE_HOSTS: Setting = Setting {
    key: "private_hosts",
    default: 6.0,
    min: 1.0,
    max: 500.0,
    unit: "hosts",
    doc: "Distinct private addresses (RFC 1918) outside our networks that one host with a public address tries within about half a minute. Providers report them as scans.",
    learns: None,
};

const ARP_ADDRESSES: Setting = Setting {
    key: "arp_addresses",
    default: 60.0,
    min: 5.0,
    max: 500.0,
    unit: "addresses",
    doc: "Distinct addresses that one station requests by ARP within about half a minute.",
    learns: None,
};

const CLEARLY: Threshold = Threshold {
    name: "ports per host",
    value: 4.0,
    unit: "ports per host, or hosts per port",
    reason: "a port scan tries many ports of few hosts, a sweep one port of many",
    guarded_by: "server_browser",
};
const ECHO_FACTOR: Threshold = Threshold {
    name: "echo requests' factor",
    value: 0.5,
    unit: "times the limit",
    reason: "no client pings many hosts; monitoring is answered",
    guarded_by: "ping_monitor",
};
const FULL_SET: Threshold = Threshold {
    name: "full set",
    value: 600.0,
    unit: "distinct ports or hosts",
    reason: "the set that counts them is full: the evidence gives a lower bound",
    guarded_by: "port_scan",
};
/// Services that hosts query everywhere over UDP: where only the requests are captured, they are no sweep.
const QUERIED_EVERYWHERE: [u16; 5] = [53, 123, 443, 853, 3478];
/// The first destination ports of traceroute.
const TRACEROUTE: std::ops::RangeInclusive<u16> = 33434..=33534;

struct Scan {
    ports: Limits,
    hosts: Limits,
    private: Limits,
    arp: Limits,
    site: Arc<Site>,
}

impl Detector for Scan {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for attempts in window.attempts {
            findings.extend(self.find(attempts, window));
        }
    }
}

impl Scan {
    fn find(&self, attempts: &ConnectionAttempts, window: &Window<'_>) -> Option<Finding> {
        let (ports, hosts) = (attempts.ports.estimate(), attempts.targets.estimate());
        let answered = f64::from(attempts.answered) / f64::from(attempts.opened.max(1));
        match attempts.kind {
            AttemptKind::Answer => None,
            AttemptKind::Arp => {
                let limit = self.arp.base();
                (hosts >= limit.value && answered < ANSWERED_SHARE.value)
                    .then(|| arp_scan(attempts, hosts, limit, window))
            }
            _ if answered >= ANSWERED_SHARE.value => None,
            AttemptKind::Private => {
                let direction = attempts::direction(attempts, &self.site)?;
                let limit = self.private.base();
                (hosts >= limit.value && direction == Direction::Outbound)
                    .then(|| self.finding(attempts, direction, Vector::HostSweep, hosts, limit))
            }
            AttemptKind::Tcp | AttemptKind::Udp | AttemptKind::Protocol if ports >= hosts * CLEARLY.value => {
                let traceroute = attempts.kind == AttemptKind::Udp && TRACEROUTE.contains(&attempts.port);
                let limit = self.ports.base();
                if ports < limit.value || traceroute {
                    return None;
                }
                let direction = attempts::direction(attempts, &self.site)?;
                Some(self.finding(attempts, direction, Vector::PortScan, ports, limit))
            }
            _ => {
                let limit =
                    self.hosts.base().times(if attempts.kind == AttemptKind::Echo { ECHO_FACTOR.value } else { 1.0 });
                let common = attempts.kind == AttemptKind::Udp && QUERIED_EVERYWHERE.contains(&attempts.port);
                // Peers of a peer-to-peer network, and a server's clients, each have their own port.
                let scattered = attempts.kind != AttemptKind::Echo && ports * CLEARLY.value > hosts;
                if hosts < limit.value || common || scattered {
                    return None;
                }
                let direction = attempts::direction(attempts, &self.site)?;
                Some(self.finding(attempts, direction, Vector::HostSweep, hosts, limit))
            }
        }
    }

    fn finding(
        &self,
        attempts: &ConnectionAttempts,
        direction: Direction,
        vector: Vector,
        value: f64,
        limit: Limit,
    ) -> Finding {
        let (class, what) = match attempts.kind {
            AttemptKind::Udp => (Class::Udp, "UDP"),
            AttemptKind::Echo => (Class::IcmpEcho, "echo requests"),
            AttemptKind::Protocol => (Class::IpOther, "other IP protocols"),
            _ => (Class::TcpSyn, "TCP"),
        };
        let mut finding = attempts::finding(attempts, direction, vector, class);
        let tried_hosts = match (&finding.target, attempts.low == attempts.high) {
            (Target::Host(_), _) if direction == Direction::Outbound => attempts::span(attempts.low, attempts.high)
                .map_or_else(|| "many networks".to_owned(), |network| network.to_string()),
            (target, _) => target.to_string(),
        };
        let seconds = attempts::seconds(attempts);
        let many =
            if value >= FULL_SET.value { format!("{} or more", FULL_SET.value) } else { format!("about {value:.0}") };
        let (measure, tried) = match (vector, attempts.kind) {
            (Vector::PortScan, AttemptKind::Protocol) => ("distinct_protocols", format!("{many} IP protocols")),
            (Vector::PortScan, _) => ("distinct_ports", format!("{many} ports ({what})")),
            (_, AttemptKind::Echo) => ("distinct_hosts", format!("{many} hosts by {what}")),
            (_, AttemptKind::Private) => ("distinct_hosts", format!("{many} private addresses (RFC 1918)")),
            _ => ("distinct_hosts", format!("{many} hosts ({what}), port {} for most", attempts.port)),
        };
        finding.evidence = vec![
            measured(
                measure,
                value.round(),
                limit,
                seconds,
                format!(
                    "{} tried {tried} of {tried_hosts} in {seconds:.1} s, limit {} ({}); {} of {} were answered",
                    attempts.source,
                    limit.value,
                    limit.from.name(),
                    attempts.answered,
                    attempts.opened
                ),
            ),
            attempts::station(attempts),
        ];
        finding
    }
}

/// ARP stays within a segment: the target is the station that sends the requests.
fn arp_scan(attempts: &ConnectionAttempts, addresses: f64, limit: Limit, window: &Window<'_>) -> Finding {
    let interface = window.segment_name(attempts.interface);
    let mut finding = attempts::finding(attempts, Direction::Internal, Vector::ArpScan, Class::Arp);
    finding.target = Target::Station { mac: attempts.mac, interface: interface.clone() };
    finding.interface = Some(interface);
    let seconds = attempts::seconds(attempts);
    let network = attempts::span(attempts.low, attempts.high).map_or_else(String::new, |net| format!(" of {net}"));
    finding.evidence = vec![measured(
        "distinct_addresses",
        addresses.round(),
        limit,
        seconds,
        format!(
            "{} ({}) requested about {addresses:.0} addresses{network} by ARP in {seconds:.1} s, limit {} ({}); {} of {} \
             requests were answered",
            attempts.mac,
            attempts.source,
            limit.value,
            limit.from.name(),
            attempts.answered,
            attempts.opened
        ),
    )];
    finding
}
