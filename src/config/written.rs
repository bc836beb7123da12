//! The configuration as written: every key optional, every unknown key an error, every wrong type an error.

use super::outputs::WrittenOutputs;
use crate::inventory::entry::Entry;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// One file, typed but not judged.
#[derive(Default)]
pub(super) struct Written {
    pub networks: Option<Vec<String>>,
    pub capture: WrittenCapture,
    pub tunnels: Option<String>,
    pub meter: WrittenMeter,
    pub quiet_seconds: Option<f64>,
    pub max_open: Option<i64>,
    pub max_recent: Option<i64>,
    pub http_enabled: Option<bool>,
    pub http_listen: Option<String>,
    pub http_web_config: Option<String>,
    pub http_allow_unauthenticated: Option<bool>,
    pub metrics_hosts: Option<Vec<String>>,
    pub outputs: WrittenOutputs,
    pub interfaces: Vec<WrittenInterface>,
    pub segment_gateways: Option<Vec<String>>,
    pub segment_dhcp_servers: Option<Vec<String>>,
    pub inventory: WrittenInventory,
    pub guests: Vec<Entry>,
    pub state_dir: Option<String>,
    pub baseline_enabled: Option<bool>,
    pub baseline_hosts: Option<i64>,
    pub maintenance: Vec<WrittenMaintenance>,
    pub groups: Vec<WrittenGroup>,
    pub allow: Vec<WrittenAllow>,
    pub posture: WrittenPosture,
    /// Detector name, and its keys with their values.
    pub detect: Vec<(String, Vec<(String, Value)>)>,
}

#[derive(Default)]
pub(super) struct WrittenCapture {
    pub interfaces: Option<Vec<String>>,
    pub promiscuous: Option<bool>,
    pub bpf: Option<String>,
    pub source: Option<String>,
    pub workers: Option<i64>,
    pub ring_mib: Option<i64>,
    pub buffer_mib: Option<i64>,
    pub snaplen: Option<i64>,
    pub busy_poll_us: Option<i64>,
    pub sampling: Option<i64>,
}

#[derive(Default)]
pub(super) struct WrittenMeter {
    pub hosts: Option<i64>,
    pub busy_hosts: Option<i64>,
    pub stations: Option<i64>,
    pub prefixes: Option<i64>,
    pub prefix_length_v4: Option<i64>,
    pub prefix_length_v6: Option<i64>,
    pub worker_hosts: Option<i64>,
    pub worker_details: Option<i64>,
    pub worker_stations: Option<i64>,
    pub worker_handshakes: Option<i64>,
}

#[derive(Default)]
pub(super) struct WrittenInterface {
    pub name: Option<String>,
    pub role: Option<String>,
    pub bridge: Option<String>,
    pub allowed_macs: Option<Vec<String>>,
    pub allowed_virtual_macs: Option<Vec<String>>,
    pub upstream_macs: Option<Vec<String>>,
}

#[derive(Default)]
pub(super) struct WrittenInventory {
    pub proxmox: Option<String>,
    pub libvirt: Option<Vec<String>>,
    pub tables: Option<Vec<String>>,
    pub kernel: Option<bool>,
}

#[derive(Default)]
pub(super) struct WrittenMaintenance {
    pub name: Option<String>,
    pub why: Option<String>,
    pub scope: Option<String>,
    pub days: Option<Vec<String>>,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Default)]
pub(super) struct WrittenGroup {
    pub name: Option<String>,
    pub networks: Option<Vec<String>>,
    /// Detector name, and its limits in that direction.
    pub inbound: Table,
    pub outbound: Table,
}

#[derive(Default)]
pub(super) struct WrittenAllow {
    pub name: Option<String>,
    pub why: Option<String>,
    pub sources: Option<Vec<String>>,
    pub targets: Option<Vec<String>>,
    pub port: Option<i64>,
    /// One or a list.
    pub vector: Option<Value>,
    pub direction: Option<String>,
}

#[derive(Default)]
pub(super) struct WrittenPosture {
    pub interval_seconds: Option<i64>,
    pub checks: Vec<WrittenCheck>,
}

/// One `[[posture.check]]`: exactly one of the keys from `unit_active` to `sysctl`, and what belongs to it.
#[derive(Default)]
pub(super) struct WrittenCheck {
    pub name: Option<String>,
    pub why: Option<String>,
    pub unit_active: Option<String>,
    pub nft_table: Option<String>,
    pub nft_chain: Option<String>,
    pub default_route: Option<String>,
    pub forwarding_off: Option<String>,
    pub interface_up: Option<String>,
    pub bridge_port: Option<String>,
    pub sysctl: Option<String>,
    pub interface: Option<String>,
    pub family: Option<String>,
    pub bridge: Option<String>,
    pub value: Option<String>,
}

/// Takes keys out of a table; what is left when it is closed was not known.
pub(super) struct Reader<'e> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    errors: &'e mut Vec<String>,
}

impl Reader<'_> {
    pub fn take<T: DeserializeOwned>(&mut self, key: &'static str, expected: &str) -> Option<T> {
        self.known.push(key);
        let value = self.table.remove(key)?;
        let shown = value.to_string();
        match value.try_into::<T>() {
            Ok(value) => Some(value),
            Err(_) => {
                self.errors.push(format!("{}{key} = {}: must be {expected}", self.path, shown.trim()));
                None
            }
        }
    }

    fn table(&mut self, key: &'static str) -> Table {
        self.take::<Table>(key, "a table").unwrap_or_default()
    }

    pub fn close(self) {
        for key in self.table.keys() {
            let nearest = self.known.iter().find(|known| is_near(known, key));
            let hint = match nearest {
                Some(known) => format!("did you mean {known}?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            self.errors.push(format!("{}{key}: unknown key; {hint}", self.path));
        }
    }
}

/// A typing slip apart: one edit, or the same letters with other separators.
pub(super) fn is_near(known: &str, written: &str) -> bool {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let (a, b) = (plain(known), plain(written));
    if a == b || a.starts_with(&b) && b.len() >= 3 || b.starts_with(&a) {
        return true;
    }
    let common_start = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let common_end = a.chars().rev().zip(b.chars().rev()).take_while(|(x, y)| x == y).count();
    let longest = a.chars().count().max(b.chars().count());
    common_start + common_end + 1 >= longest
}

pub(super) fn reader<'e>(path: &str, table: Table, errors: &'e mut Vec<String>) -> Reader<'e> {
    Reader { path: path.to_owned(), table, known: Vec::new(), errors }
}

impl Written {
    /// `None` where the text is not TOML at all.
    pub fn parse(text: &str, errors: &mut Vec<String>) -> Option<Written> {
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |span| {
                    text.get(..span.start).map_or(1, |before| before.bytes().filter(|&b| b == b'\n').count() + 1)
                });
                errors.push(format!("line {line}: {}", error.message().trim()));
                return None;
            }
        };
        let mut written = Written::default();
        let mut top = reader("", table, errors);
        written.networks = top.take("networks", "a list of networks");
        let capture = top.table("capture");
        let decode = top.table("decode");
        let meter = top.table("meter");
        let incident = top.table("incident");
        let http = top.table("http");
        let metrics = top.table("metrics");
        let output = top.table("output");
        let segment = top.table("segment");
        let detect = top.table("detect");
        let interfaces: Vec<Table> = top.take("interface", "one or more [[interface]] tables").unwrap_or_default();
        written.state_dir = top.take("state_dir", "a directory in quotes");
        let baseline = top.table("baseline");
        let maintenance: Vec<Table> = top.take("maintenance", "one or more [[maintenance]] tables").unwrap_or_default();
        let groups: Vec<Table> = top.take("group", "one or more [[group]] tables").unwrap_or_default();
        let allow: Vec<Table> = top.take("allow", "one or more [[allow]] tables").unwrap_or_default();
        let inventory = top.table("inventory");
        let guests: Vec<Table> = top.take("guest", "one or more [[guest]] tables").unwrap_or_default();
        let posture = top.table("posture");
        let alertmanagers = top.take("alertmanager", "one or more [[alertmanager]] tables").unwrap_or_default();
        let webhooks = top.take("webhook", "one or more [[webhook]] tables").unwrap_or_default();
        let hooks = top.take("hook", "one or more [[hook]] tables").unwrap_or_default();
        top.close();

        let mut section = reader("capture.", capture, errors);
        written.capture = WrittenCapture {
            interfaces: section.take("interfaces", "a list of interface names"),
            promiscuous: section.take("promiscuous", "true or false"),
            bpf: section.take("bpf", "a filter expression in quotes"),
            source: section.take("source", "\"auto\", \"afpacket\" or \"pcap\""),
            workers: section.take("workers", "a whole number"),
            ring_mib: section.take("ring_mib", "a whole number"),
            buffer_mib: section.take("buffer_mib", "a whole number"),
            snaplen: section.take("snaplen", "a whole number"),
            busy_poll_us: section.take("busy_poll_us", "a whole number"),
            sampling: section.take("sampling", "a whole number"),
        };
        section.close();
        let mut section = reader("decode.", decode, errors);
        written.tunnels = section.take("tunnels", "\"outer\" or \"inner\"");
        section.close();
        let mut section = reader("meter.", meter, errors);
        let whole = "a whole number";
        written.meter = WrittenMeter {
            hosts: section.take("hosts", whole),
            busy_hosts: section.take("busy_hosts", whole),
            stations: section.take("stations", whole),
            prefixes: section.take("prefixes", whole),
            prefix_length_v4: section.take("prefix_length_v4", whole),
            prefix_length_v6: section.take("prefix_length_v6", whole),
            worker_hosts: section.take("worker_hosts", whole),
            worker_details: section.take("worker_details", whole),
            worker_stations: section.take("worker_stations", whole),
            worker_handshakes: section.take("worker_handshakes", whole),
        };
        section.close();
        let mut section = reader("incident.", incident, errors);
        written.quiet_seconds = section.take("quiet_seconds", "a number of seconds");
        written.max_open = section.take("max_open", whole);
        written.max_recent = section.take("max_recent", whole);
        section.close();
        let mut section = reader("http.", http, errors);
        written.http_enabled = section.take("enabled", "true or false");
        written.http_listen = section.take("listen", "an address with port in quotes");
        written.http_web_config = section.take("web_config", "a file name in quotes");
        written.http_allow_unauthenticated = section.take("allow_unauthenticated", "true or false");
        section.close();
        let mut section = reader("metrics.", metrics, errors);
        written.metrics_hosts = section.take("hosts", "a list of addresses");
        section.close();
        written.outputs = WrittenOutputs::read(output, alertmanagers, webhooks, hooks, errors);
        for (index, table) in interfaces.into_iter().enumerate() {
            let mut section = reader(&format!("interface[{index}]."), table, errors);
            written.interfaces.push(WrittenInterface {
                name: section.take("name", "an interface name in quotes"),
                role: section.take("role", "\"alone\", \"uplink\", \"bridge\" or \"port\""),
                bridge: section.take("bridge", "a bridge name in quotes"),
                allowed_macs: section.take("allowed_macs", "a list of MAC addresses"),
                allowed_virtual_macs: section.take("allowed_virtual_macs", "a list of protocols"),
                upstream_macs: section.take("upstream_macs", "a list of MAC addresses"),
            });
            section.close();
        }
        let mut section = reader("segment.", segment, errors);
        written.segment_gateways = section.take("gateways", "a list of addresses");
        written.segment_dhcp_servers = section.take("dhcp_servers", "a list of addresses");
        section.close();
        let mut section = reader("inventory.", inventory, errors);
        written.inventory = WrittenInventory {
            proxmox: section.take("proxmox", "a directory in quotes"),
            libvirt: section.take("libvirt", "a list of directories"),
            tables: section.take("tables", "a list of files"),
            kernel: section.take("kernel", "true or false"),
        };
        section.close();
        for (index, table) in guests.into_iter().enumerate() {
            let mut section = reader(&format!("guest[{index}]."), table, errors);
            written.guests.push(Entry {
                name: section.take("name", "a name in quotes"),
                mac: section.take("mac", "a MAC address in quotes"),
                macs: section.take("macs", "a list of MAC addresses").unwrap_or_default(),
                addresses: section.take("addresses", "a list of addresses and networks").unwrap_or_default(),
                vlan: section.take("vlan", whole),
                port: section.take("port", "an interface name in quotes"),
                bridge: section.take("bridge", "an interface name in quotes"),
            });
            section.close();
        }
        let mut section = reader("baseline.", baseline, errors);
        written.baseline_enabled = section.take("enabled", "true or false");
        written.baseline_hosts = section.take("hosts", whole);
        section.close();
        for (index, table) in maintenance.into_iter().enumerate() {
            let mut section = reader(&format!("maintenance[{index}]."), table, errors);
            written.maintenance.push(WrittenMaintenance {
                name: section.take("name", "a name in quotes"),
                why: section.take("why", "a reason in quotes"),
                scope: section.take("scope", "\"all\", an address or a network"),
                days: section.take("days", "a list of days"),
                from: section.take("from", "a time in quotes"),
                to: section.take("to", "a time in quotes"),
            });
            section.close();
        }
        for (index, table) in groups.into_iter().enumerate() {
            let mut section = reader(&format!("group[{index}]."), table, errors);
            written.groups.push(WrittenGroup {
                name: section.take("name", "a name in quotes"),
                networks: section.take("networks", "a list of networks"),
                inbound: section.table("inbound"),
                outbound: section.table("outbound"),
            });
            section.close();
        }
        for (index, table) in allow.into_iter().enumerate() {
            let mut section = reader(&format!("allow[{index}]."), table, errors);
            written.allow.push(WrittenAllow {
                name: section.take("name", "a name in quotes"),
                why: section.take("why", "a reason in quotes"),
                sources: section.take("sources", "a list of networks"),
                targets: section.take("targets", "a list of networks"),
                port: section.take("port", "a port number"),
                vector: section.take("vector", "a vector or a list of them"),
                direction: section.take("direction", "\"inbound\" or \"outbound\""),
            });
            section.close();
        }
        let mut section = reader("posture.", posture, errors);
        written.posture.interval_seconds = section.take("interval_seconds", whole);
        let checks: Vec<Table> = section.take("check", "one or more [[posture.check]] tables").unwrap_or_default();
        section.close();
        for (index, table) in checks.into_iter().enumerate() {
            let mut section = reader(&format!("posture.check[{index}]."), table, errors);
            written.posture.checks.push(WrittenCheck {
                name: section.take("name", "a name in quotes"),
                why: section.take("why", "a reason in quotes"),
                unit_active: section.take("unit_active", "a unit in quotes"),
                nft_table: section.take("nft_table", "a family and a table in quotes"),
                nft_chain: section.take("nft_chain", "a family, a table and a chain in quotes"),
                default_route: section.take("default_route", "\"ipv4\" or \"ipv6\""),
                forwarding_off: section.take("forwarding_off", "an interface name in quotes"),
                interface_up: section.take("interface_up", "an interface name in quotes"),
                bridge_port: section.take("bridge_port", "an interface name in quotes"),
                sysctl: section.take("sysctl", "the name of a kernel setting in quotes"),
                interface: section.take("interface", "an interface name in quotes"),
                family: section.take("family", "\"ipv4\", \"ipv6\" or \"both\""),
                bridge: section.take("bridge", "an interface name in quotes"),
                value: section.take("value", "a value in quotes"),
            });
            section.close();
        }
        for (name, value) in detect {
            match value {
                Value::Table(table) => written.detect.push((name, table.into_iter().collect())),
                other => errors.push(format!("detect.{name} = {}: must be a table", other.to_string().trim())),
            }
        }
        Some(written)
    }
}
