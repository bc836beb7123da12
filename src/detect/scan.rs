//! `scan`: one sender that opens what nobody answers: many ports of a host, many hosts, or many addresses by ARP.
//!
//! Clients, resolvers, crawlers and monitoring are answered by most whom they ask. Scans are worth a note, not a page.

use super::attempts;
use super::shape::measured;
use super::{Detector, DetectorSpec, Finding, Setting, Target, settings::Limit, settings::Limits};
use crate::base::{Direction, Vector};
use crate::inventory::Site;
use crate::meter::{AttemptKind, ConnectionAttempts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "scan",
    vectors: &[Vector::PortScan, Vector::HostSweep, Vector::ArpScan],
    summary: "one sender that opens many ports, hosts or ARP addresses of which most do not answer",
    settings: &[
        Setting {
            key: "ports",
            default: 30.0,
            min: 5.0,
            max: 500.0,
            unit: "ports",
            doc: "Distinct ports (or IP protocols) that one sender tries within about half a minute.",
            learns: None,
        },
        Setting {
            key: "hosts",
            default: 30.0,
            min: 5.0,
            max: 500.0,
            unit: "hosts",
            doc: "Distinct hosts that one sender tries within about half a minute; half of it for echo requests.",
            learns: None,
        },
        Setting {
            key: "arp_addresses",
            default: 60.0,
            min: 5.0,
            max: 500.0,
            unit: "addresses",
            doc: "Distinct addresses that one station asks for by ARP within about half a minute.",
            learns: None,
        },
    ],
    build: |settings, site| {
        Box::new(Scan {
            ports: settings.limit("ports"),
            hosts: settings.limit("hosts"),
            arp: settings.limit("arp_addresses"),
            site: Arc::clone(site),
        })
    },
};

/// Share of openings that may be answered.
const ANSWERED: f64 = 0.5;
/// How many times more ports than hosts, or hosts than ports, make it the one or the other.
const CLEARLY: f64 = 4.0;
/// Services that hosts ask everywhere over UDP: where only the questions are captured, they are no sweep.
const ASKED_EVERYWHERE: [u16; 5] = [53, 123, 443, 853, 3478];
/// Where traceroute counts up from (RFC 1393 §1; 33434 and some).
const TRACEROUTE: std::ops::RangeInclusive<u16> = 33434..=33534;

struct Scan {
    ports: Limits,
    hosts: Limits,
    arp: Limits,
    site: Arc<Site>,
}

impl Detector for Scan {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for contact in window.attempts {
            findings.extend(self.find(contact, window));
        }
    }
}

impl Scan {
    fn find(&self, contact: &ConnectionAttempts, window: &Window<'_>) -> Option<Finding> {
        let (ports, hosts) = (contact.ports.estimate(), contact.targets.estimate());
        let answered = f64::from(contact.answered) / f64::from(contact.opened.max(1));
        match contact.kind {
            AttemptKind::Answer => None,
            AttemptKind::Arp => {
                let limit = self.arp.base();
                (hosts >= limit.value && answered < ANSWERED).then(|| arp_scan(contact, hosts, limit, window))
            }
            _ if answered >= ANSWERED => None,
            AttemptKind::Tcp | AttemptKind::Udp | AttemptKind::Protocol if ports >= hosts * CLEARLY => {
                let traceroute = contact.kind == AttemptKind::Udp && TRACEROUTE.contains(&contact.port);
                let limit = self.ports.base();
                if ports < limit.value || traceroute {
                    return None;
                }
                let direction = attempts::direction(contact, &self.site)?;
                Some(self.told(contact, direction, Vector::PortScan, ports, limit))
            }
            _ => {
                let limit = self.hosts.base().times(if contact.kind == AttemptKind::Echo { 0.5 } else { 1.0 });
                let usual = contact.kind == AttemptKind::Udp && ASKED_EVERYWHERE.contains(&contact.port);
                // Peers of a peer-to-peer network, and a server's clients, each have a port of their own.
                let scattered = contact.kind != AttemptKind::Echo && ports * CLEARLY > hosts;
                if hosts < limit.value || usual || scattered {
                    return None;
                }
                let direction = attempts::direction(contact, &self.site)?;
                Some(self.told(contact, direction, Vector::HostSweep, hosts, limit))
            }
        }
    }

    fn told(
        &self,
        contact: &ConnectionAttempts,
        direction: Direction,
        vector: Vector,
        value: f64,
        limit: Limit,
    ) -> Finding {
        let (class, what) = match contact.kind {
            AttemptKind::Udp => (Class::Udp, "UDP"),
            AttemptKind::Echo => (Class::IcmpEcho, "echo requests"),
            AttemptKind::Protocol => (Class::IpOther, "other IP protocols"),
            _ => (Class::TcpSyn, "TCP"),
        };
        let mut finding = attempts::finding(contact, direction, vector, class);
        let whom = match (&finding.target, contact.low == contact.high) {
            (Target::Host(_), _) if direction == Direction::Outbound => attempts::span(contact.low, contact.high)
                .map_or_else(|| "many networks".to_owned(), |network| network.to_string()),
            (target, _) => target.to_string(),
        };
        let seconds = attempts::seconds(contact);
        // The set of those tried is full at this many.
        let many = if value >= 600.0 { "600 or more".to_owned() } else { format!("about {value:.0}") };
        let (measure, tried) = match (vector, contact.kind) {
            (Vector::PortScan, AttemptKind::Protocol) => ("distinct_protocols", format!("{many} IP protocols")),
            (Vector::PortScan, _) => ("distinct_ports", format!("{many} ports ({what})")),
            (_, AttemptKind::Echo) => ("distinct_hosts", format!("{many} hosts by {what}")),
            _ => ("distinct_hosts", format!("{many} hosts ({what}), port {} for most", contact.port)),
        };
        finding.evidence = vec![
            measured(
                measure,
                value.round(),
                limit,
                seconds,
                format!(
                    "{} tried {tried} of {whom} in {seconds:.1} s, limit {} ({}); {} of {} were answered",
                    contact.source,
                    limit.value,
                    limit.from.name(),
                    contact.answered,
                    contact.opened
                ),
            ),
            attempts::station(contact),
        ];
        finding
    }
}

/// ARP stays within a segment: the target is the station that asks.
fn arp_scan(contact: &ConnectionAttempts, addresses: f64, limit: Limit, window: &Window<'_>) -> Finding {
    let interface = window.segment_name(contact.interface);
    let mut finding = attempts::finding(contact, Direction::Internal, Vector::ArpScan, Class::Arp);
    finding.target = Target::Station { mac: contact.mac, interface: interface.clone() };
    finding.interface = Some(interface);
    let seconds = attempts::seconds(contact);
    let network = attempts::span(contact.low, contact.high).map_or_else(String::new, |net| format!(" of {net}"));
    finding.evidence = vec![measured(
        "distinct_addresses",
        addresses.round(),
        limit,
        seconds,
        format!(
            "{} ({}) asked by ARP for about {addresses:.0} addresses{network} in {seconds:.1} s, limit {} ({}); {} of {} \
             questions were answered",
            contact.mac,
            contact.source,
            limit.value,
            limit.from.name(),
            contact.answered,
            contact.opened
        ),
    )];
    finding
}
