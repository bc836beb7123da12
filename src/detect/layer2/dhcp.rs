//! DHCP: a second server (`rogue_dhcp`), clients that exhaust the leases (`dhcp_starvation`), one client that sends too
//! many messages (`dhcp_flood`). Tools: yersinia, DHCPig, dhcpstarv.

use super::super::evidence::{context, measured};
use super::super::{
    Detector, DetectorSpec, Evidence, Finding, FrameMatch, LimitFrom, Merging, Mitigation, Setting, Threshold,
    settings::Limits,
};
use super::common::{Subject, control_frames, describe_station, is_guest};
use crate::base::{Addr, Severity, Vector};
use crate::inventory::Site;
use crate::meter::lan::{DhcpRequests, DhcpServer};
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const ROGUE: DetectorSpec = DetectorSpec {
    name: "rogue_dhcp",
    vectors: &[Vector::RogueDhcp],
    summary: "a DHCP server that is not one of the configured ones, or that appears beside a known one",
    settings: &[],
    inspects_hosts: false,
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
    inspects_hosts: false,
    thresholds: &[SILENT_SHARE],
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
    inspects_hosts: false,
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
    doc: "DHCP clients within fifteen seconds that sent one request, and nothing but DHCP in the five seconds after it.",
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
    reason: "a server that has not replied for longer may have been replaced by the new one",
    guarded_by: "l2_rogue_dhcp",
};
const SILENT_SHARE: Threshold = Threshold {
    name: "silent share",
    value: 0.8,
    unit: "share of clients",
    reason: "real clients use their lease, or retransmit; the tools' clients never send anything else",
    guarded_by: "l2_power_cut",
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
    /// It names the same router as the known server does: probably the two share the work.
    is_peer: bool,
}

impl Rogue {
    fn suspect(&self, window: &Window<'_>, server: &DhcpServer) -> Option<Suspicion> {
        let same_family = |address: &&Addr| address.is_v4() == server.address.is_v4();
        let mut configured = self.site.lan_policy().dhcp_servers.iter().filter(same_family).peekable();
        if configured.peek().is_some() {
            let reason = "it is not one of the configured servers".to_owned();
            let is_known = configured.any(|address| *address == server.address);
            return (!is_known).then_some(Suspicion { reason, limit_from: LimitFrom::Config, is_peer: false });
        }
        let other = settled_before(window, server)?;
        let name = describe_station(window, &self.site, other.interface, other.mac);
        Some(Suspicion {
            reason: format!("{name} ({}) has been the server here since {}", other.address, other.first),
            limit_from: LimitFrom::Default,
            is_peer: server.router != Addr::UNSPECIFIED && server.router == other.router,
        })
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
        for (what, address) in [("leases", server.leased), ("offers the router", server.router)] {
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
        finding.severity = match (suspicion.limit_from, suspicion.is_peer, by_guest) {
            (LimitFrom::Config, ..) | (_, false, true) => Severity::Critical,
            (_, true, false) => Severity::Info,
            _ => Severity::Warning,
        };
        finding
    }
}

/// Another server of the segment that was there before, served alone, and still does.
fn settled_before<'w>(window: &'w Window<'_>, newcomer: &DhcpServer) -> Option<&'w DhcpServer> {
    window.lan().dhcp_servers().find(|other| {
        other.domain == newcomer.domain
            && other.mac != newcomer.mac
            && other.address.is_v4() == newcomer.address.is_v4()
            // Several relays of one server are no second server.
            && other.address != newcomer.address
            && newcomer.first.seconds_since(other.first) >= SETTLED.value
            && other.answers > other.shared.max(1)
            && window.end.seconds_since(other.last) <= STILL_SERVES.value
    })
}

/// Seconds over which the meter follows what becomes of clients, and over which it counts them (two periods of ten).
const CLIENTS_SECONDS: f64 = 15.0;
const DISTINCT_SECONDS: f64 = 20.0;

struct Starvation {
    site: Arc<Site>,
    limit: Limits,
}

impl Detector for Starvation {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for clients in window.lan().dhcp_requests() {
            let is_silent = SILENT_SHARE.is_reached_by(clients.silent.into(), clients.clients.into());
            if is_silent && f64::from(clients.silent) >= limit.value {
                findings.push(self.finding(window, clients));
            }
        }
    }
}

impl Starvation {
    fn finding(&self, window: &Window<'_>, clients: &DhcpRequests) -> Finding {
        let limit = self.limit.base();
        let subject = Subject {
            window,
            site: &self.site,
            interface: clients.interface,
            vlan: clients.domain.vlan,
            vector: Vector::DhcpStarvation,
            count: control_frames(clients.requests_now),
            since: clients.first,
        };
        let senders = clients.sender.map_or_else(
            || "no single station sent most of them".to_owned(),
            |mac| format!("most were sent by {}", describe_station(window, &self.site, clients.interface, mac)),
        );
        let message = format!(
            "{} of {} DHCP clients in the last {CLIENTS_SECONDS} s sent nothing but DHCP, limit {} ({}); {senders}",
            clients.silent,
            clients.clients,
            limit.value,
            limit.from.name()
        );
        let distinct = format!(
            "about {:.0} distinct clients sent requests within the last {DISTINCT_SECONDS} s",
            clients.distinct
        );
        let evidence = vec![
            measured("silent_clients", clients.silent.into(), limit, CLIENTS_SECONDS, message),
            context("distinct_clients", clients.distinct.round(), DISTINCT_SECONDS, distinct),
        ];
        let mut finding = match clients.sender {
            Some(mac) => subject.station_finding(mac, evidence),
            None => subject.segment_finding(evidence),
        };
        finding.severity = Severity::Critical;
        finding
    }
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
