//! DHCP: a second server (`rogue_dhcp`), clients that exhaust the leases (`dhcp_starvation`), one client that sends too
//! many messages (`dhcp_flood`). Tools: yersinia, DHCPig, dhcpstarv.

use super::super::evidence::{context, measured};
use super::super::{
    Detector, DetectorSpec, Evidence, Finding, FrameMatch, LimitFrom, Merging, Mitigation, Setting, Threshold,
    settings::Limits,
};
use super::common::{Subject, control_frames, describe_station, is_guest};
use crate::base::{Addr, Mac, Severity, Vector};
use crate::inventory::Site;
use crate::meter::lan::{DhcpRequests, DhcpServer};
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const ROGUE: DetectorSpec = DetectorSpec {
    name: "rogue_dhcp",
    vectors: &[Vector::RogueDhcp],
    summary: "a DHCP server that is not one of the configured ones, or that names another router or name server than the one \
              known before; info where it names the same",
    settings: &[],
    needs: &[],
    thresholds: &[SETTLED, STILL_SERVES],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(FROM_SERVERS)),
    build: |_, site| Box::new(Rogue { site: Arc::clone(site) }),
};

pub(in super::super) const STARVATION: DetectorSpec = DetectorSpec {
    name: "dhcp_starvation",
    vectors: &[Vector::DhcpStarvation],
    summary: "many DHCP clients that send nothing but DHCP",
    settings: &[CLIENTS],
    needs: &[],
    thresholds: &[SILENT_SHARE, PROXIED],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(FROM_CLIENTS)),
    build: |settings, site| Box::new(Starvation { site: Arc::clone(site), limit: settings.limit(&CLIENTS) }),
};

pub(in super::super) const FLOOD: DetectorSpec = DetectorSpec {
    name: "dhcp_flood",
    vectors: &[Vector::DhcpFlood],
    summary: "one DHCP client that sends far more messages than it needs for a lease",
    settings: &[MESSAGES_PER_SECOND],
    needs: &[],
    thresholds: &[],
    build: |settings, site| Box::new(Flood { site: Arc::clone(site), limit: settings.limit(&MESSAGES_PER_SECOND) }),
    ..STARVATION
};

const CLIENTS: Setting = Setting {
    key: "clients",
    default: 60.0,
    min: 5.0,
    max: 1000.0,
    unit: "clients",
    doc: "DHCP clients within fifteen seconds, or within two minutes, that sent one request, and nothing but DHCP in the five \
          seconds after it.",
    learns: None,
};
const MESSAGES_PER_SECOND: Setting = Setting {
    key: "messages_per_second",
    default: 20.0,
    min: 5.0,
    max: 1e6,
    unit: "messages/s",
    doc: "DHCP messages per second of one client.",
    learns: None,
};

const SETTLED: Threshold = Threshold {
    name: "settled server",
    value: 5.0,
    unit: "seconds before the new server",
    reason: "two servers that share the work are both seen within seconds of the first request; one that appears later is new",
    guarded_by: "l2_dhcp_relay",
};
const STILL_SERVES: Threshold = Threshold {
    name: "server still in use",
    value: 60.0,
    unit: "seconds since its last reply",
    reason: "a server that has not replied for longer may have been replaced by the new one, unless that one names another router or name server",
    guarded_by: "l2_rogue_dhcp",
};
const SILENT_SHARE: Threshold = Threshold {
    name: "silent share",
    value: 0.5,
    unit: "share of clients",
    reason: "real clients use their lease, or retransmit; the tools' clients never send anything else. A higher share hides a slow tool among new guests",
    guarded_by: "l2_power_cut",
};

const PROXIED: Threshold = Threshold {
    name: "clients of one sender",
    value: 20.0,
    unit: "clients within two minutes",
    reason: "a wireless bridge or a hypervisor sends for the few stations behind it under its own MAC address, and a relay gives its address; one station that asks for more makes them up",
    guarded_by: "l2_dhcp_repeater",
};

/// RFC 2131 §4.1, RFC 9915 §7.2.
const FROM_SERVERS: FrameMatch =
    FrameMatch { nftables: "udp sport { 67, 547 }", pcap: "(udp src port 67 or udp src port 547)" };
const FROM_CLIENTS: FrameMatch =
    FrameMatch { nftables: "udp dport { 67, 547 }", pcap: "(udp dst port 67 or udp dst port 547)" };

struct Rogue {
    site: Arc<Site>,
}

impl Detector for Rogue {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let replies = |server: &&DhcpServer| server.answers_now > 0 && server.leased != Addr::UNSPECIFIED;
        for server in window.lan().dhcp_servers().filter(replies) {
            if let Some(suspicion) = self.suspect(window, server) {
                findings.push(self.finding(window, server, &suspicion));
            }
        }
    }
}

/// Why a server is not one that should be there.
struct Suspicion {
    reason: String,
    limit_from: LimitFrom,
    handout: Handout,
}

/// What a server hands out, compared with another one.
#[derive(Clone, Copy, PartialEq)]
enum Handout {
    /// The same router and name server: the two share the work, or one stands by.
    Same,
    /// Another router or name server.
    Different,
    /// The same, and it names itself.
    Itself,
    /// Not captured, or neither of them named any.
    Unknown,
}

impl Rogue {
    fn suspect(&self, window: &Window<'_>, server: &DhcpServer) -> Option<Suspicion> {
        let same_family = |address: &&Addr| address.is_v4() == server.address.is_v4();
        let mut configured = self.site.lan_policy().dhcp_servers.iter().filter(same_family).peekable();
        if configured.peek().is_some() {
            let reason = "it is not one of the configured servers".to_owned();
            let is_known = configured.any(|address| *address == server.address);
            let handout = Handout::Unknown;
            return (!is_known).then_some(Suspicion { reason, limit_from: LimitFrom::Config, handout });
        }
        let others = || {
            window.lan().dhcp_servers().filter(|other| {
                (other.domain, other.address.is_v4()) == (server.domain, server.address.is_v4())
                    && other.mac != server.mac
            })
        };
        let is_peer = others().any(|other| other.first < server.first && compare(server, other) == Handout::Same);
        let intruded = others().filter(|_| !is_peer).find(|other| intrudes(window, server, other));
        if let Some(other) = intruded {
            let handout = if names_itself(server) { Handout::Itself } else { Handout::Different };
            let reason = self.beside(window, other, "; it names another router or name server");
            return Some(Suspicion { reason, limit_from: LimitFrom::Default, handout });
        }
        let other = others().find(|other| is_settled_before(window, server, other))?;
        let handout = if is_peer { Handout::Same } else { compare(server, other) };
        if handout == Handout::Different {
            return None;
        }
        let reason = self.beside(window, other, "");
        Some(Suspicion { reason, limit_from: LimitFrom::Default, handout })
    }

    fn beside(&self, window: &Window<'_>, other: &DhcpServer, why: &str) -> String {
        let name = describe_station(window, &self.site, other.interface, other.mac);
        format!("{name} ({}) has been the server here since {}{why}", other.address, other.first)
    }

    fn finding(&self, window: &Window<'_>, server: &DhcpServer, suspicion: &Suspicion) -> Finding {
        let subject = Subject {
            window,
            site: &self.site,
            interface: server.interface,
            vlan: server.domain.vlan,
            vector: Vector::RogueDhcp,
            count: control_frames(server.answers_now),
            since: server.first,
        };
        let mut message = format!(
            "{} sends DHCP replies as server {}; {}",
            describe_station(window, &self.site, server.interface, server.mac),
            server.address,
            suspicion.reason
        );
        let handed_out =
            [("leases", server.leased), ("offers the router", server.router), ("the name server", server.dns)];
        for (what, address) in handed_out {
            if address != Addr::UNSPECIFIED {
                message.push_str(&format!("; it {what} {address}"));
            }
        }
        let main = Evidence {
            measure: "answers",
            value: server.answers.into(),
            limit: Some(0.0),
            limit_from: Some(suspicion.limit_from),
            window_seconds: window.end.seconds_since(server.first).max(Span::Tick.seconds()),
            message,
        };
        let by_guest = is_guest(window, &self.site, server.interface, server.mac);
        let mut finding = subject.station_finding(server.mac, vec![main]);
        finding.severity = match (suspicion.limit_from, suspicion.handout, by_guest) {
            (LimitFrom::Config, ..) | (_, Handout::Itself, _) => Severity::Critical,
            (_, Handout::Same, _) => Severity::Info,
            (.., true) => Severity::Critical,
            _ => Severity::Warning,
        };
        finding
    }
}

/// Compares what a server hands out now with what another one has handed out.
fn compare(server: &DhcpServer, other: &DhcpServer) -> Handout {
    let is_same = |own: Addr, known: &[Addr]| {
        let are_known = own != Addr::UNSPECIFIED && known.first().is_some_and(|first| *first != Addr::UNSPECIFIED);
        are_known.then(|| known.contains(&own))
    };
    match (is_same(server.router, &other.routers), is_same(server.dns, &other.name_servers)) {
        (Some(false), _) | (_, Some(false)) => Handout::Different,
        (None, None) => Handout::Unknown,
        _ => Handout::Same,
    }
}

fn names_itself(server: &DhcpServer) -> bool {
    [server.router, server.dns].contains(&server.address)
}

/// Whether a server leads clients elsewhere than another one does, and is the one of the two that does not belong here: its
/// router forwards nothing while the other's does, it came later, or it came at the same time and names itself.
fn intrudes(window: &Window<'_>, server: &DhcpServer, other: &DhcpServer) -> bool {
    if compare(server, other) != Handout::Different {
        return false;
    }
    let forwards = |server: &DhcpServer| {
        let is_named = |mac| window.lan().is_router(server.interface, mac);
        let mut named = window.lan().gateways().filter(|known| {
            known.domain == server.domain && server.router != Addr::UNSPECIFIED && known.address == server.router
        });
        named.any(|router| router.mac.is_some_and(is_named))
    };
    match (forwards(server), forwards(other)) {
        (false, true) => true,
        (true, false) => false,
        _ if is_later(server, other) => true,
        _ => !is_later(other, server) && names_itself(server) && !names_itself(other),
    }
}

fn is_later(server: &DhcpServer, other: &DhcpServer) -> bool {
    server.first.seconds_since(other.first) >= SETTLED.value
}

/// Whether another server of the segment was there before, served alone, and still does.
fn is_settled_before(window: &Window<'_>, newcomer: &DhcpServer, other: &DhcpServer) -> bool {
    // Several relays of one server are no second server.
    other.address != newcomer.address
        && is_later(newcomer, other)
        && other.answers > other.shared.max(1)
        && window.end.seconds_since(other.last) <= STILL_SERVES.value
}

/// Seconds over which the meter follows what becomes of clients, the shorter and the longer time, and over which it counts
/// them (two periods of ten).
const RECENT_SECONDS: f64 = 15.0;
const LASTING_SECONDS: f64 = 120.0;
const DISTINCT_SECONDS: f64 = 20.0;

struct Starvation {
    site: Arc<Site>,
    limit: Limits,
}

impl Detector for Starvation {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for clients in window.lan().dhcp_requests() {
            if let Some((evidence, sender)) = self.inspect(window, clients) {
                findings.push(self.finding(window, clients, evidence, sender));
            }
        }
    }
}

impl Starvation {
    /// The evidence, and the station that sent the requests where it was one.
    fn inspect(&self, window: &Window<'_>, clients: &DhcpRequests) -> Option<(Evidence, Option<Mac>)> {
        let limit = self.limit.base();
        let describe = |mac| describe_station(window, &self.site, clients.interface, mac);
        for (heard, seconds) in [(clients.recent, RECENT_SECONDS), (clients.lasting, LASTING_SECONDS)] {
            let is_silent = SILENT_SHARE.is_reached_by(heard.silent.into(), heard.clients.into());
            if !is_silent || !is_due(clients, (heard.silent, heard.silent_now), limit.value) {
                continue;
            }
            let senders = clients.sender.map_or_else(
                || "no single station sent most of them".to_owned(),
                |mac| format!("most were sent by {}", describe(mac)),
            );
            let message = format!(
                "{} of {} DHCP clients in the last {seconds} s sent nothing but DHCP, limit {} ({}); {senders}",
                heard.silent,
                heard.clients,
                limit.value,
                limit.from.name()
            );
            return Some((measured("silent_clients", heard.silent.into(), limit, seconds, message), clients.sender));
        }
        is_due(clients, (clients.proxied, clients.proxied_now), PROXIED.value).then(|| {
            let message = format!(
                "{} sent requests of {} other DHCP clients in the last {LASTING_SECONDS} s, which sent nothing themselves; \
                 it gives no address of a relay",
                describe(clients.proxy),
                clients.proxied
            );
            let evidence = context("proxied_clients", clients.proxied.into(), LASTING_SECONDS, message);
            (Evidence { limit: Some(PROXIED.value), limit_from: Some(LimitFrom::Default), ..evidence }, Some(clients.proxy))
        })
    }

    fn finding(&self, window: &Window<'_>, clients: &DhcpRequests, evidence: Evidence, sender: Option<Mac>) -> Finding {
        let subject = Subject {
            window,
            site: &self.site,
            interface: clients.interface,
            vlan: clients.domain.vlan,
            vector: Vector::DhcpStarvation,
            // After the last request, those of the clients about which it became clear in this tick.
            count: control_frames(match clients.requests_now {
                0 => clients.lasting.silent_now.max(clients.proxied_now),
                requests => requests,
            }),
            since: clients.first,
        };
        let distinct = format!(
            "about {:.0} distinct clients sent requests within the last {DISTINCT_SECONDS} s",
            clients.distinct
        );
        let distinct = context("distinct_clients", clients.distinct.round(), DISTINCT_SECONDS, distinct);
        let evidence = vec![evidence, distinct];
        let mut finding = match sender {
            Some(mac) => subject.station_finding(mac, evidence),
            None => subject.segment_finding(evidence),
        };
        finding.severity = Severity::Critical;
        finding
    }
}

/// Whether this number of clients is to be reported: while they send requests, and where the limit is reached after the last one.
fn is_due(clients: &DhcpRequests, (count, count_now): (u32, u32), limit: f64) -> bool {
    let before = count.saturating_sub(count_now);
    f64::from(count) >= limit && (clients.requests_now > 0 || f64::from(before) < limit)
}

struct Flood {
    site: Arc<Site>,
    limit: Limits,
}

impl Detector for Flood {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for client in window.lan().dhcp_clients() {
            let messages = f64::from(client.requests);
            if messages < limit.value {
                continue;
            }
            let subject = Subject {
                window,
                site: &self.site,
                interface: client.interface,
                vlan: client.domain.vlan,
                vector: Vector::DhcpFlood,
                count: control_frames(client.requests_now),
                since: client.first,
            };
            let message = format!(
                "{} sent {messages} DHCP messages within a second as client {}, limit {} ({})",
                describe_station(window, &self.site, client.interface, client.sender),
                client.client,
                limit.value,
                limit.from.name()
            );
            let main = measured("dhcp_messages_per_second", messages, limit, Span::Second.seconds(), message);
            findings.push(subject.station_finding(client.sender, vec![main]).graded(messages, limit.value));
        }
    }
}
