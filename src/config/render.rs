//! The configuration as TOML again: for `print-config`, and with comments as the sample file.

use super::maintenance::DAYS;
use super::{Config, guests, outputs};
use crate::base::Direction;
use crate::detect::{DETECTORS, GroupLimit};
use crate::incident::Schedule;
use crate::inventory::GroupId;
use crate::packet::Tunnels;
use crate::posture::Must;
use std::fmt::{Display, Write};

/// Writes a line into a string, which cannot fail.
macro_rules! line {
    ($text:expr) => { $text.push('\n') };
    ($text:expr, $($format:tt)*) => {{
        let _ = writeln!($text, $($format)*);
    }};
}

/// All settings in force; `comments` adds what each means.
pub fn render(config: &Config, comments: bool) -> String {
    let mut text = String::new();
    let mut page = Page { text: &mut text, comments };
    page.note("Pegel's configuration. Every key is optional; what is written here are the defaults.");
    page.note("Check a file with: pegel check-config FILE. Apply changes with SIGHUP (systemctl reload pegel).");
    page.gap();
    page.note(
        "Our networks, e.g. [\"203.0.113.0/24\", \"2001:db8:10::/48\"]. Empty: those of the captured interfaces;",
    );
    page.note("in a replay, unknown: then every address is a possible target.");
    page.key("networks", quoted(&config.networks));

    page.note("Where to keep what is learned and planned over restarts. If it cannot be written, Pegel runs without.");
    page.key("state_dir", string(config.state_dir.display()));

    page.section("capture");
    page.note("Interfaces to capture on; empty: the one of the default route.");
    page.key("interfaces", quoted(&config.capture.interfaces));
    page.note("Also see frames that are not addressed to this machine.");
    page.key("promiscuous", config.capture.promiscuous);
    page.note("Only packets that match this pcap-filter(7) expression; empty: all.");
    page.key("bpf", string(&config.capture.bpf));
    page.note(
        "\"afpacket\": a memory-mapped ring of the kernel; \"pcap\": libpcap; \"auto\": the ring, or else libpcap.",
    );
    page.key("source", string(config.capture.source.name()));
    page.note("Threads that share an interface, each flow seen whole by one (0 to 64); 0: one per core, two at most.");
    page.note("With libpcap always one.");
    page.key("workers", config.capture.workers);
    page.note("The kernel's ring in MiB, per interface, shared out over its threads (1 to 1024).");
    page.key("ring_mib", config.capture.ring_mib);
    page.note("libpcap's buffer in MiB, per interface and direction (1 to 1024).");
    page.key("buffer_mib", config.capture.buffer_mib);
    page.note("Octets kept of each packet (64 to 65535).");
    page.key("snaplen", config.capture.snaplen);
    page.note("Ask the driver for packets for so many microseconds before sleeping (0 to 100000); 0: sleep at once.");
    page.note("For drivers that can; needs CAP_NET_ADMIN, which the service does not have.");
    page.key("busy_poll_us", config.capture.busy_poll_us);
    page.note("Look at one packet in so many, chosen by lot, and scale up what is counted (1 to 1024). Under overload");
    page.note("fewer are looked at by themselves. With libpcap always 1.");
    page.key("sampling", config.capture.sampling);

    page.section("decode");
    page.note("Count tunnelled packets by the \"outer\" or the \"inner\" header (GRE, IP in IP, 6in4, VXLAN).");
    page.key("tunnels", string(if config.tunnels == Tunnels::Inner { "inner" } else { "outer" }));

    page.section("meter");
    page.note("Sizes of the tables. They bound memory, and are taken at the start.");
    page.note("Hosts with lifetime counters (64 to 4194304).");
    page.key("hosts", config.meter.hosts);
    page.note("Hosts with sliding windows, each about 40 KiB (16 to 65536).");
    page.key("busy_hosts", config.meter.busy_hosts);
    page.note("Stations, that is MAC addresses (16 to 1048576).");
    page.key("stations", config.meter.stations);
    page.note(
        "Prefixes of which many hosts are busy at once and that are measured as hosts are (8 to 4096), and their",
    );
    page.note("length in bits by family (8 to 30, 16 to 124).");
    page.key("prefixes", config.meter.prefixes);
    page.key("prefix_length_v4", config.meter.prefix_lengths.v4);
    page.key("prefix_length_v6", config.meter.prefix_lengths.v6);
    page.note("Per capturing thread and 100 ms: hosts (64 to 4194304) …");
    page.key("worker_hosts", config.tally.hosts);
    page.note("… of them with full detail (16 to 65534) …");
    page.key("worker_details", config.tally.detailed_hosts);
    page.note("… stations (16 to 1048576) …");
    page.key("worker_stations", config.tally.stations);
    page.note("… and TCP handshakes under way (1024 to 16777216).");
    page.key("worker_handshakes", config.tally.handshakes);

    page.section("incident");
    page.note("An incident closes when nothing was over its limit for so long (1 to 86400).");
    page.key("quiet_seconds", config.incident.quiet_seconds);
    page.note("Open incidents at once (1 to 100000), and closed ones kept for the API (0 to 100000).");
    page.key("max_open", config.incident.max_open);
    page.key("max_recent", config.incident.max_recent);

    page.section("baseline");
    page.note(
        "Learn what is usual for each of our hosts, by hour of the week, and raise default limits that are too low for",
    );
    page.note("it. Limits that are set here or for a group stay as they are.");
    page.key("enabled", config.baseline.enabled);
    page.note("Most hosts to learn of, up to 28 KiB each (1 to 65536); the least active give way.");
    page.key("hosts", config.baseline.hosts);

    page.section("http");
    page.note(
        "Metrics, health and API. Beyond loopback, only with the passwords or client certificates of web_config.",
    );
    page.key("enabled", config.http.enabled);
    page.key("listen", string(config.http.listen));
    page.note(
        "YAML with tls_server_config and basic_auth_users, as Prometheus' exporters have it; read again when changed.",
    );
    page.key("web_config", string(config.http.web_config.display()));
    page.note("Let anyone read who reaches an address beyond loopback: where something else keeps strangers out.");
    page.key("allow_unauthenticated", config.http.allow_unauthenticated);

    guests::render_sources(&mut page, config);

    page.section("metrics");
    page.note("Hosts that always have series of their own; targets of incidents get theirs when needed.");
    page.key("hosts", quoted(&config.metrics_hosts));

    page.section("segment");
    page.note("Routers of the segments that are watched; empty: those of this machine's default routes.");
    page.key("gateways", quoted(&config.segment.gateways));
    page.note("The only servers that may answer by DHCP; empty: another is told if it comes beside the known ones.");
    page.key("dhcp_servers", quoted(&config.segment.dhcp_servers));

    outputs::render(&mut page, &config.output);

    page.gap();
    page.note("Detectors. Beside its settings each has enabled, and may have severity = \"info\", \"warning\" or");
    page.note("\"critical\": what all that it finds counts as, instead of by how far a limit is exceeded.");
    for (spec, settings) in DETECTORS.iter().zip(&config.detect) {
        page.section(&format!("detect.{}", spec.name));
        page.note(&format!("{}.", capitalised(spec.summary)));
        page.key("enabled", settings.enabled);
        if let Some(severity) = settings.severity {
            page.key("severity", string(severity));
        }
        for (setting, (key, value)) in spec.settings.iter().zip(settings.iter()) {
            page.note(&format!("{} ({} to {} {})", setting.doc, setting.min, setting.max, setting.unit));
            page.key(key, value);
        }
    }

    for interface in &config.interfaces {
        page.gap();
        line!(page.text, "[[interface]]");
        page.key("name", string(&interface.name));
        if let Some(role) = interface.role {
            page.key("role", string(role.name()));
        }
        if let Some(bridge) = &interface.bridge {
            page.key("bridge", string(bridge));
        }
        page.key("allowed_macs", quoted(&interface.allowed_macs));
        page.key("allowed_virtual_macs", quoted(interface.virtual_macs.iter().map(|kind| kind.name())));
        page.key("upstream_macs", quoted(&interface.upstream_macs));
    }
    if comments && config.interfaces.is_empty() {
        page.gap();
        page.note("What an interface is and may carry; repeat for each, or use the name \"*\" for what all may carry.");
        page.note("[[interface]]");
        page.note("name = \"eno1\"");
        page.note("\"uplink\", \"bridge\", \"port\" (where a guest is plugged in) or \"alone\", and the bridge it belongs to;");
        page.note("found out from the kernel unless written.");
        page.note("role = \"uplink\"");
        page.note("bridge = \"vmbr0\"");
        page.note("The only source MAC addresses that may leave there. One frame with another is an incident. Unless");
        page.note("written, an uplink of a bridge may carry those of this machine and of the guests of the inventory.");
        page.note("allowed_macs = [\"52:54:00:12:34:56\"]");
        page.note("Addresses that routers share and that may leave, too: \"vrrp\" (also CARP), \"hsrp\", \"glbp\".");
        page.note("allowed_virtual_macs = []");
        page.note("MAC addresses of the routers upstream. Needed only where a capture does not tell which way a frame");
        page.note("went (replays, mirror ports): a frame from any other station is then taken to have left.");
        page.note("upstream_macs = []");
    }
    guests::render_guests(&mut page, config);
    maintenance(&mut page, config);
    groups(&mut page, config);
    allow(&mut page, config);
    posture(&mut page, config);
    outputs::render_receivers(&mut page, &config.output);
    text
}

fn maintenance(page: &mut Page<'_>, config: &Config) {
    for maintenance in &config.maintenance {
        page.section("[maintenance]");
        page.key("name", string(&maintenance.id));
        page.key("why", string(&maintenance.why));
        page.key("scope", string(maintenance.scope));
        match maintenance.schedule {
            Schedule::Once { from, until } => {
                page.key("from", string(from));
                page.key("to", string(until));
            }
            Schedule::Weekly { days, from, until } => {
                let named = DAYS.iter().zip(days).filter(|(_, is_in)| *is_in).map(|(name, _)| name);
                let time = |minutes: u16| string(format!("{:02}:{:02}", minutes / 60, minutes % 60));
                page.key("days", quoted(named));
                page.key("from", time(from));
                page.key("to", time(until));
            }
        }
    }
    if page.comments && config.maintenance.is_empty() {
        page.gap();
        page.note(
            "Planned work. An incident that opens in it is marked as planned, and one severity lower unless it exceeds",
        );
        page.note("three times its limit. Also at run time: pegel maintenance add --for 30m --why \"kernel update\".");
        page.note("[[maintenance]]");
        page.note("name = \"backups\"");
        page.note("why = \"the backups start all at once\"");
        page.note("\"all\", an address or a network.");
        page.note("scope = \"203.0.113.0/28\"");
        page.note("Every day unless written. Times are UTC; a window may cross midnight.");
        page.note("days = [\"sat\", \"sun\"]");
        page.note("from = \"22:30\"");
        page.note("to = \"01:00\"");
        page.note("Or once: from = \"2026-01-01T02:00:00Z\", to = \"2026-01-01T04:00:00Z\".");
    }
}

fn groups(page: &mut Page<'_>, config: &Config) {
    for (index, group) in config.groups.iter().enumerate() {
        page.section("[group]");
        page.key("name", string(&group.name));
        page.key("networks", quoted(&group.networks));
        for direction in [Direction::Inbound, Direction::Outbound] {
            for (spec, settings) in DETECTORS.iter().zip(&config.detect) {
                let of_group = |limit: &&GroupLimit| limit.group == GroupId(index) && limit.direction == direction;
                let mut limits = settings.of_groups().iter().filter(of_group).peekable();
                if limits.peek().is_some() {
                    page.section(&format!("group.{direction}.{}", spec.name));
                }
                for limit in limits {
                    page.key(limit.key, limit.value);
                }
            }
        }
    }
    if page.comments && config.groups.is_empty() {
        page.gap();
        page.note(
            "Hosts with limits of their own, by prefix; the longest decides. Any limit of any detector, for what is",
        );
        page.note("received (inbound) and what is sent (outbound). Repeat for each group.");
        page.note("[[group]]");
        page.note("name = \"web\"");
        page.note("networks = [\"203.0.113.7\", \"2001:db8:10:1::/64\"]");
        page.note("[group.inbound.syn_flood]");
        page.note("packets_per_second = 2000");
        page.note("These hosts never get more than that, whatever it is.");
        page.note("[group.inbound.total]");
        page.note("packets_per_second = 100000");
        page.note("bits_per_second = 1000000000");
    }
}

fn allow(page: &mut Page<'_>, config: &Config) {
    for rule in &config.allow {
        page.section("[allow]");
        page.key("name", string(&rule.name));
        page.key("why", string(&rule.why));
        if !rule.sources.is_empty() {
            page.key("sources", quoted(&rule.sources));
        }
        if !rule.targets.is_empty() {
            page.key("targets", quoted(&rule.targets));
        }
        if let Some(port) = rule.port {
            page.key("port", port);
        }
        if !rule.vectors.is_empty() {
            page.key("vector", quoted(&rule.vectors));
        }
        if let Some(direction) = rule.direction {
            page.key("direction", string(direction));
        }
    }
    if page.comments && config.allow.is_empty() {
        page.gap();
        page.note(
            "What is known and not to be told of. A finding that meets every condition of a rule is suppressed and",
        );
        page.note(
            "counted (pegel_allowed_findings_total). At least one condition; sources and port must hold for nine in",
        );
        page.note("ten packets. A sender can invent its source address: better name a port or a target as well.");
        page.note("[[allow]]");
        page.note("name = \"log-shipping\"");
        page.note("why = \"syslog of the branch offices, one-way by nature\"");
        page.note("sources = [\"198.51.100.0/24\"]");
        page.note("targets = [\"203.0.113.9\"]");
        page.note("Source or destination port.");
        page.note("port = 514");
        page.note("vector = [\"udp_flood\"]");
        page.note("direction = \"inbound\"");
    }
}

fn posture(page: &mut Page<'_>, config: &Config) {
    page.section("posture");
    page.note(
        "What must hold on this host is looked at so often, in seconds (1 to 3600). What does not hold is an incident",
    );
    page.note("(posture_failed); pegel_posture_ok and pegel_posture_unknown tell all of it. Nothing is changed by it.");
    page.key("interval_seconds", config.posture.interval_seconds);
    for check in &config.posture.checks {
        page.section("[posture.check]");
        page.key("name", string(&check.name));
        if !check.why.is_empty() {
            page.key("why", string(&check.why));
        }
        match &check.must {
            Must::UnitActive(unit) => page.key("unit_active", string(unit)),
            Must::NftTable { family, table } => page.key("nft_table", string(format!("{family} {table}"))),
            Must::NftChain { family, table, chain } => {
                page.key("nft_chain", string(format!("{family} {table} {chain}")));
            }
            Must::DefaultRoute { family, interface } => {
                page.key("default_route", string(family.name()));
                if let Some(interface) = interface {
                    page.key("interface", string(interface));
                }
            }
            Must::ForwardingOff { interface, family } => {
                page.key("forwarding_off", string(interface));
                if let Some(family) = family {
                    page.key("family", string(family.name()));
                }
            }
            Must::InterfaceUp(interface) => page.key("interface_up", string(interface)),
            Must::BridgePort { port, bridge } => {
                page.key("bridge_port", string(port));
                page.key("bridge", string(bridge));
            }
            Must::Sysctl { key, value } => {
                page.key("sysctl", string(key));
                page.key("value", string(value));
            }
        }
    }
    if page.comments && config.posture.checks.is_empty() {
        page.note(
            "Repeat for each check, with exactly one of the kinds below beside name and why. Try it: pegel posture.",
        );
        page.note("[[posture.check]]");
        page.note("name = \"firewall\"");
        page.note("Told in the incident; may be left out.");
        page.note("why = \"without it the guests may send as whom they like\"");
        page.note("A unit of systemd is active.");
        page.note("unit_active = \"pve-firewall.service\"");
        page.note("A table or chain of nftables is there, with a rule or with policy drop. Needs CAP_NET_ADMIN.");
        page.note("nft_table = \"inet filter\"");
        page.note("nft_chain = \"inet filter forward\"");
        page.note("There is a default route, \"ipv4\" or \"ipv6\"; through one interface if it is named.");
        page.note("default_route = \"ipv6\"");
        page.note("interface = \"vmbr0\"");
        page.note("What enters by an interface is not forwarded: \"ipv4\", \"ipv6\" or, unless written, \"both\".");
        page.note("forwarding_off = \"vmbr0\"");
        page.note("family = \"ipv4\"");
        page.note("An interface is up; an interface is a port of a bridge.");
        page.note("interface_up = \"vmbr0\"");
        page.note("bridge_port = \"eno1\"");
        page.note("bridge = \"vmbr0\"");
        page.note("A setting of the kernel has a value.");
        page.note("sysctl = \"net.bridge.bridge-nf-call-iptables\"");
        page.note("value = \"1\"");
    }
}

pub(super) struct Page<'t> {
    text: &'t mut String,
    pub comments: bool,
}

impl Page<'_> {
    pub fn note(&mut self, note: &str) {
        if self.comments {
            line!(self.text, "# {note}");
        }
    }

    pub fn gap(&mut self) {
        if !self.text.is_empty() {
            line!(self.text);
        }
    }

    pub fn section(&mut self, name: &str) {
        self.gap();
        line!(self.text, "[{name}]");
    }

    pub fn key(&mut self, key: &str, value: impl Display) {
        line!(self.text, "{key} = {value}");
    }
}

/// A TOML string: the library knows how to escape.
pub(super) fn string(text: impl Display) -> toml::Value {
    toml::Value::String(text.to_string())
}

pub(super) fn quoted<T: Display>(items: impl IntoIterator<Item = T>) -> toml::Value {
    toml::Value::Array(items.into_iter().map(string).collect())
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + characters.as_str(),
        None => String::new(),
    }
}
