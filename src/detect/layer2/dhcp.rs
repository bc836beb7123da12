//! DHCP: a second server (`rogue_dhcp`), clients that take every lease (`dhcp_starvation`), one client that does not stop
//! asking (`dhcp_flood`). Tools: yersinia, DHCPig, dhcpstarv.

use super::super::evidence::{context, measured};
use super::super::{
    Detector, DetectorSpec, Evidence, Finding, FrameMatch, LimitFrom, Merging, Mitigation, Setting, settings::Limits,
};
use super::common::{About, control_frames, is_guest, who};
use crate::base::{Addr, Severity, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use crate::meter::lan::DhcpServer;
use std::sync::Arc;

pub(in super::super) const ROGUE: DetectorSpec = DetectorSpec {
    name: "rogue_dhcp",
    vectors: &[Vector::RogueDhcp],
    summary: "a DHCP server that is none of the configured ones, or that comes beside one that was there before",
    settings: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(FROM_SERVERS)),
    build: |_, site| Box::new(Rogue { site: Arc::clone(site) }),
};

pub(in super::super) const STARVATION: DetectorSpec = DetectorSpec {
    name: "dhcp_starvation",
    vectors: &[Vector::DhcpStarvation],
    summary: "many DHCP clients that never say anything else",
    settings: &[CLIENTS],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(FROM_CLIENTS)),
    build: |settings, site| Box::new(Starvation { site: Arc::clone(site), limit: settings.limit(&CLIENTS) }),
};

const CLIENTS: Setting = Setting {
    key: "clients",
    default: 60.0,
    min: 5.0,
    max: 1000.0,
    unit: "clients",
    doc: "Clients within fifteen seconds that asked once and have sent nothing but DHCP five seconds later.",
    learns: None,
};

pub(in super::super) const FLOOD: DetectorSpec = DetectorSpec {
    name: "dhcp_flood",
    vectors: &[Vector::DhcpFlood],
    summary: "one DHCP client that asks and asks",
    settings: &[MESSAGES_PER_SECOND],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(FROM_CLIENTS)),
    build: |settings, site| Box::new(Flood { site: Arc::clone(site), limit: settings.limit(&MESSAGES_PER_SECOND) }),
};

const MESSAGES_PER_SECOND: Setting = Setting {
    key: "messages_per_second",
    default: 20.0,
    min: 5.0,
    max: 1e6,
    unit: "messages/s",
    doc: "DHCP messages in the name of one client.",
    learns: None,
};

/// RFC 2131 §4.1, RFC 9915 §7.2.
const FROM_SERVERS: FrameMatch =
    FrameMatch { nftables: "udp sport { 67, 547 }", pcap: "(udp src port 67 or udp src port 547)" };
const FROM_CLIENTS: FrameMatch =
    FrameMatch { nftables: "udp dport { 67, 547 }", pcap: "(udp dst port 67 or udp dst port 547)" };

struct Rogue {
    site: Arc<Site>,
}

/// Seconds that a server must have been known before another one beside it is a newcomer.
const SETTLED: f64 = 5.0;

impl Detector for Rogue {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let configured = &self.site.lan_policy().dhcp_servers;
        for server in
            window.lan().dhcp_servers().filter(|server| server.answers_now > 0 && server.leased != Addr::UNSPECIFIED)
        {
            let same_family = |address: &&Addr| address.is_v4() == server.address.is_v4();
            let mut known = configured.iter().filter(same_family).peekable();
            let mut is_peer = false;
            let (because, limit_from) = if known.peek().is_some() {
                if known.any(|address| *address == server.address) {
                    continue;
                }
                ("it is none of the configured servers".to_owned(), LimitFrom::Config)
            } else {
                let Some(other) = settled(window, server) else { continue };
                let name = who(window, &self.site, other.interface, other.mac);
                // Two that share the work send their clients to the same router.
                is_peer = server.router != Addr::UNSPECIFIED && server.router == other.router;
                (format!("{name} ({}) has served here since {}", other.address, other.first), LimitFrom::Default)
            };
            let guest = is_guest(window, &self.site, server.interface, server.mac);
            let about = About {
                window,
                site: &self.site,
                interface: server.interface,
                vlan: server.domain.vlan,
                vector: Vector::RogueDhcp,
                count: control_frames(server.answers_now),
                since: server.first,
            };
            let mut message = format!(
                "{} answers DHCP as {}; {because}",
                who(window, &self.site, server.interface, server.mac),
                server.address
            );
            for (what, address) in [("gives away", server.leased), ("names the router", server.router)] {
                if address != Addr::UNSPECIFIED {
                    message.push_str(&format!("; it {what} {address}"));
                }
            }
            let main = Evidence {
                measure: "answers",
                value: server.answers.into(),
                limit: Some(0.0),
                limit_from: Some(limit_from),
                window_seconds: window.end.seconds_since(server.first).max(0.1),
                message,
            };
            let mut finding = about.station(server.mac, vec![main]);
            finding.severity = match (limit_from, is_peer, guest) {
                (LimitFrom::Config, ..) | (_, false, true) => Severity::Critical,
                (_, true, false) => Severity::Info,
                _ => Severity::Warning,
            };
            findings.push(finding);
        }
    }
}

/// Another server of the segment that was there before, served alone, and still does.
fn settled<'w>(window: &'w Window<'_>, newcomer: &DhcpServer) -> Option<&'w DhcpServer> {
    window.lan().dhcp_servers().find(|other| {
        other.domain == newcomer.domain
            && other.mac != newcomer.mac
            && other.address.is_v4() == newcomer.address.is_v4()
            // Relays of the same server are no second one.
            && other.address != newcomer.address
            && newcomer.first.seconds_since(other.first) >= SETTLED
            && other.answers > other.shared.max(1)
            && window.end.seconds_since(other.last) <= 12.0 * SETTLED
    })
}

struct Starvation {
    site: Arc<Site>,
    limit: Limits,
}

/// Share of the clients that must be silent otherwise.
const SILENT: f64 = 0.8;

impl Detector for Starvation {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for asking in window.lan().dhcp_requests() {
            let silent = f64::from(asking.silent);
            if silent < limit.value || silent < SILENT * f64::from(asking.clients) {
                continue;
            }
            let about = About {
                window,
                site: &self.site,
                interface: asking.interface,
                vlan: asking.domain.vlan,
                vector: Vector::DhcpStarvation,
                count: control_frames(asking.requests_now),
                since: asking.first,
            };
            let from = asking.sender.map_or_else(
                || "each from a station of its own".to_owned(),
                |mac| format!("most from {}", who(window, &self.site, asking.interface, mac)),
            );
            let message = format!(
                "{silent:.0} of {} DHCP clients of the last fifteen seconds have sent nothing else, limit {} ({}); {from}",
                asking.clients,
                limit.value,
                limit.from.name()
            );
            let evidence = vec![
                measured("silent_clients", silent, limit, 15.0, message),
                context(
                    "distinct_clients",
                    asking.distinct.round(),
                    20.0,
                    format!("about {:.0} different clients asked within twenty seconds", asking.distinct),
                ),
            ];
            let mut finding = match asking.sender {
                Some(mac) => about.station(mac, evidence),
                None => about.segment(evidence),
            };
            finding.severity = Severity::Critical;
            findings.push(finding);
        }
    }
}

struct Flood {
    site: Arc<Site>,
    limit: Limits,
}

impl Detector for Flood {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        for asker in window.lan().dhcp_clients().iter().filter(|asker| f64::from(asker.requests) >= limit.value) {
            let about = About {
                window,
                site: &self.site,
                interface: asker.interface,
                vlan: asker.domain.vlan,
                vector: Vector::DhcpFlood,
                count: control_frames(asker.requests_now),
                since: asker.first,
            };
            let message = format!(
                "{} sent {} DHCP messages in a second as client {}, limit {} ({})",
                who(window, &self.site, asker.interface, asker.sender),
                asker.requests,
                asker.client,
                limit.value,
                limit.from.name()
            );
            let asks = f64::from(asker.requests);
            let main = measured("dhcp_messages_per_second", asks, limit, 1.0, message);
            findings.push(about.station(asker.sender, vec![main]).graded(asks, limit.value));
        }
    }
}
