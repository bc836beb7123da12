//! Configuration: TOML as written ([`written`]), then resolved with every default filled in ([`Config`]).
//!
//! All errors of a file are reported at once, each with key, value and what is allowed. The defaults stand in
//! [`Config::default`] and nowhere else; the sample file (`deploy/pegel.toml`) is [`render`]ed from them and a test
//! holds both equal.

mod guests;
mod interfaces;
mod limits;
mod maintenance;
mod outputs;
mod posture;
mod render;
mod resolve;
mod written;

pub use outputs::OutputConfig;
pub use render::render;

use crate::detect::{AllowRule, DETECTORS, Settings};
use crate::incident::{IncidentSettings, MaintenanceWindow};
use crate::inventory::{Group, InterfacePolicy, LanPolicy, Sources};
use crate::meter::{MeterSizes, PrefixLengths, TallySizes};
use crate::packet::Tunnels;
use crate::posture::Posture;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where the configuration is looked for if none is named. It need not exist.
pub const DEFAULT_PATH: &str = "/etc/pegel/pegel.toml";

/// Rules of `[[allow]]`: each finding is held against each, and each is a label value.
pub const MOST_ALLOW_RULES: usize = 64;

/// Checks of `[posture]`: each is looked at in turn, and is a label value.
pub const MOST_CHECKS: usize = 64;

/// The resolved configuration: nothing is optional any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Inside networks; empty: live, those of the captured interfaces; in a replay, unknown.
    pub networks: Vec<IpNet>,
    pub capture: CaptureConfig,
    pub tunnels: Tunnels,
    pub meter: MeterSizes,
    pub tally: TallySizes,
    pub incident: IncidentSettings,
    pub http: HttpConfig,
    /// Hosts that always have series of their own.
    pub metrics_hosts: Vec<IpAddr>,
    pub output: OutputConfig,
    pub interfaces: Vec<InterfacePolicy>,
    pub segment: LanPolicy,
    /// Where guests are described, and those that the configuration itself describes.
    pub inventory: Sources,
    /// What outlives the process.
    pub state_dir: PathBuf,
    pub baseline: BaselineConfig,
    pub maintenance: Vec<MaintenanceWindow>,
    /// Hosts with limits of their own, which are in `detect`.
    pub groups: Vec<Group>,
    pub allow: Vec<AllowRule>,
    /// What must hold on this host.
    pub posture: Posture,
    /// In the order of [`DETECTORS`].
    pub detect: Vec<Settings>,
}

/// Where frames of an interface come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureSource {
    /// The kernel's ring; libpcap where that cannot be had.
    #[default]
    Auto,
    AfPacket,
    Pcap,
}

impl CaptureSource {
    pub const ALL: [CaptureSource; 3] = [CaptureSource::Auto, CaptureSource::AfPacket, CaptureSource::Pcap];

    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            CaptureSource::Auto => "auto",
            CaptureSource::AfPacket => "afpacket",
            CaptureSource::Pcap => "pcap",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct CaptureConfig {
    /// Empty: the interface of the default route.
    pub interfaces: Vec<String>,
    pub promiscuous: bool,
    /// Filter expression of pcap-filter(7); empty: everything.
    pub bpf: String,
    pub source: CaptureSource,
    /// Capturing threads per interface; 0: as many as there are cores, two at most. With libpcap always one.
    pub workers: u32,
    /// The kernel's ring per interface, for all its workers.
    pub ring_mib: u32,
    /// Kernel buffer of libpcap per interface and direction.
    pub buffer_mib: u32,
    /// Octets kept of each frame.
    pub snaplen: u32,
    /// Microseconds for which a waiting thread asks the driver for frames; 0: it sleeps until woken.
    pub busy_poll_us: u32,
    /// One frame in so many is captured, drawn by lot; 1 for all. Overload takes fewer.
    pub sampling: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    pub enabled: bool,
    pub listen: SocketAddr,
    /// File with certificates and passwords, as Prometheus' exporters have it; empty: none.
    pub web_config: PathBuf,
    /// Whether strangers may read at an address beyond loopback.
    pub allow_unauthenticated: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct BaselineConfig {
    /// Whether a live run learns what is usual.
    pub enabled: bool,
    /// Most hosts that it is learned of.
    pub hosts: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            networks: Vec::new(),
            capture: CaptureConfig {
                interfaces: Vec::new(),
                promiscuous: true,
                bpf: String::new(),
                source: CaptureSource::Auto,
                workers: 0,
                ring_mib: 8,
                buffer_mib: 8,
                snaplen: 256,
                busy_poll_us: 0,
                sampling: 1,
            },
            tunnels: Tunnels::Outer,
            meter: MeterSizes {
                hosts: 16384,
                busy_hosts: 512,
                stations: 4096,
                prefixes: 64,
                prefix_lengths: PrefixLengths { v4: 24, v6: 48 },
            },
            tally: TallySizes { hosts: 16384, detailed_hosts: 512, stations: 2048, handshakes: 32768 },
            incident: IncidentSettings { quiet_seconds: 60.0, max_open: 1000, max_recent: 200 },
            http: HttpConfig {
                enabled: true,
                listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7343),
                web_config: PathBuf::new(),
                allow_unauthenticated: false,
            },
            metrics_hosts: Vec::new(),
            output: OutputConfig::default(),
            interfaces: Vec::new(),
            segment: LanPolicy::default(),
            inventory: Sources {
                proxmox: PathBuf::from("/etc/pve"),
                libvirt: vec![PathBuf::from("/etc/libvirt/qemu"), PathBuf::from("/run/libvirt/qemu")],
                tables: Vec::new(),
                guests: Vec::new(),
                kernel: true,
            },
            state_dir: PathBuf::from("/var/lib/pegel"),
            baseline: BaselineConfig { enabled: true, hosts: 256 },
            maintenance: Vec::new(),
            groups: Vec::new(),
            allow: Vec::new(),
            posture: Posture { interval_seconds: 60, checks: Vec::new() },
            detect: DETECTORS.iter().map(|spec| Settings::defaults(spec.settings)).collect(),
        }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq)]
pub struct ConfigErrors {
    pub source: String,
    /// One complete line each.
    pub errors: Vec<String>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let end = if i + 1 < self.errors.len() { "\n" } else { "" };
            write!(f, "{}: {error}{end}", self.source)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Parses and resolves TOML text; `source` names it in messages.
    pub fn parse(text: &str, source: &str) -> Result<Config, ConfigErrors> {
        let mut errors = Vec::new();
        let config = match written::Written::parse(text, &mut errors) {
            Some(written) => resolve::resolve(written, &mut errors),
            None => Config::default(),
        };
        if errors.is_empty() { Ok(config) } else { Err(ConfigErrors { source: source.to_owned(), errors }) }
    }

    /// Reads the file that was named, or the default one if it exists, or takes the defaults.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigErrors> {
        let (path, named) = match path {
            Some(path) => (path, true),
            None => (Path::new(DEFAULT_PATH), false),
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Config::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => Ok(Config::default()),
            Err(error) => Err(ConfigErrors {
                source: path.display().to_string(),
                errors: vec![format!("cannot be read: {error}")],
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample file as it is installed.
    const SAMPLE: &str = include_str!("../../deploy/pegel.toml");

    #[test]
    fn the_sample_is_the_defaults_in_words() {
        assert_eq!(Config::parse(SAMPLE, "sample"), Ok(Config::default()));
        assert_eq!(
            render(&Config::default(), true),
            SAMPLE,
            "renew it with: pegel print-config --sample > deploy/pegel.toml"
        );
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(Config::parse("", "empty"), Ok(Config::default()));
    }

    #[test]
    fn printing_round_trips() {
        let text = r#"
            networks = ["203.0.113.0/24", "2001:db8:10::/48"]
            [capture]
            interfaces = ["eth0"]
            bpf = "not port 22"
            [decode]
            tunnels = "inner"
            [detect.syn_flood]
            packets_per_second = 1000
            [detect.udp_flood]
            enabled = false
            severity = "info"
            [http]
            web_config = "/etc/pegel/web.yml"
            allow_unauthenticated = true
            [output]
            jsonl = "/var/lib/pegel/incidents.jsonl"
            jsonl_max_mib = 10
            jsonl_keep = 2
            syslog = "tcp:[2001:db8::1]:601"
            external_url = "https://gate.example:7343"
            runbook_url = ""
            [[alertmanager]]
            url = "https://am1.example:9093/alerts"
            name = "first"
            ca_file = "/etc/pegel/ca.pem"
            username = "pegel"
            password_file = "/etc/pegel/password"
            severity = "info"
            refresh_seconds = 30
            labels = { site = "fra1", rack = "a \"b\"" }
            [[alertmanager]]
            url = "http://192.0.2.1:9093"
            bearer_token_file = "/etc/pegel/token"
            timeout_seconds = 2
            [[webhook]]
            name = "portal"
            url = "https://portal.example/ddos"
            secret_file = "/etc/pegel/secret"
            [[hook]]
            name = "tell"
            command = ["/usr/local/bin/tell", "--quietly"]
            on = ["open", "close"]
            concurrency = 4
            [[hook]]
            name = "ban"
            command = ["/usr/local/bin/ban"]
            mode = "fastnetmon"
            severity = "critical"
            timeout_seconds = 5
            [[interface]]
            name = "vmbr0"
            allowed_macs = ["52:54:00:12:34:56"]
            role = "bridge"
            bridge = "vmbr0"
            allowed_virtual_macs = ["vrrp"]
            [segment]
            gateways = ["203.0.113.1", "fe80::1"]
            dhcp_servers = ["203.0.113.2"]
            [inventory]
            proxmox = ""
            libvirt = []
            tables = ["/etc/pegel/macs.csv"]
            kernel = false
            [[guest]]
            name = "shop"
            mac = "5254.0012.3456"
            macs = ["52:54:00:12:34:57"]
            addresses = ["203.0.113.4/24", "2001:db8:10:4::/64"]
            vlan = 5
            port = "vnet0"
            bridge = "br0"
            [[guest]]
            name = "mail"
            mac = "52:54:00:12:34:58"
            [[maintenance]]
            why = "backups"
            days = ["sat", "sun"]
            from = "22:30"
            to = "01:00"
            [[maintenance]]
            name = "move"
            why = "moving house"
            scope = "203.0.113.0/28"
            from = "2026-01-01T02:00:00Z"
            to = "2026-01-01T04:00:00Z"
            [baseline]
            hosts = 20
            [[group]]
            name = "web"
            networks = ["203.0.113.7"]
            [group.inbound.syn_flood]
            packets_per_second = 5000
            [group.outbound.total]
            bits_per_second = 1000000000
            [[group]]
            name = "mail"
            networks = ["203.0.113.8/31", "2001:db8:10::/64"]
            [[allow]]
            name = "monitor"
            why = "our own \"probes\""
            sources = ["198.51.100.0/24"]
            vector = "icmp_flood"
            direction = "inbound"
            [[allow]]
            why = "log shipping"
            port = 514
            targets = ["203.0.113.9"]
            vector = ["udp_flood", "fragment_flood"]
            [posture]
            interval_seconds = 5
            [[posture.check]]
            name = "firewall"
            why = "without it the guests may send as whom they like"
            unit_active = "pve-firewall.service"
            [[posture.check]]
            name = "table"
            nft_table = "inet  filter"
            [[posture.check]]
            name = "chain"
            nft_chain = "bridge filter forward-2"
            [[posture.check]]
            name = "route"
            default_route = "ipv6"
            [[posture.check]]
            name = "uplink-route"
            default_route = "ipv4"
            interface = "vmbr0"
            [[posture.check]]
            name = "forwarding"
            forwarding_off = "vmbr0"
            [[posture.check]]
            name = "forwarding6"
            forwarding_off = "vmbr0"
            family = "ipv6"
            [[posture.check]]
            name = "up"
            interface_up = "eth0.100"
            [[posture.check]]
            name = "port"
            bridge_port = "eno1"
            bridge = "vmbr0"
            [[posture.check]]
            name = "nf"
            sysctl = "net.bridge.bridge-nf-call-iptables"
            value = "1"
        "#;
        let config = Config::parse(text, "test");
        assert_eq!(config.as_ref().map(|config| config.networks.len()), Ok(2));
        assert_eq!(config.as_ref().map(|config| config.posture.checks.len()), Ok(10));
        let printed = config.as_ref().map(|config| render(config, false)).unwrap_or_default();
        assert_eq!(Config::parse(&printed, "printed"), config);
    }
}
