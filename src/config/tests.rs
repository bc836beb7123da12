//! The declarations against everything that follows from them.

use super::key::{Key, Kind, Section};
use super::sections::{Config, SECTIONS};
use super::{reference, render};
use std::collections::BTreeSet;
use std::path::Path;

/// The sample file as it is installed.
fn sample() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/pegel.toml");
    std::fs::read_to_string(path).expect("the sample is there")
}

/// A file in which every key of every section is written at least once, with other values than the defaults where that
/// matters.
const FULL: &str = r#"
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
jsonl_keep_files = 2
syslog = "tcp:[2001:db8::1]:601"
external_url = "https://gate.example:7343"
runbook_url = ""
[[alertmanager]]
url = "https://am1.example:9093/alerts"
name = "first"
ca_file = "/etc/pegel/ca.pem"
username = "pegel"
password_file = "/etc/pegel/password"
min_severity = "info"
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
ca_file = "/etc/pegel/ca.pem"
bearer_token_file = "/etc/pegel/token"
[[webhook]]
url = "https://portal.example/other"
name = "other"
username = "pegel"
password_file = "/etc/pegel/password"
[[hook]]
name = "notify"
command = ["/usr/local/bin/notify", "--quiet"]
on = ["open", "close"]
concurrency = 4
[[hook]]
name = "ban"
command = ["/usr/local/bin/ban"]
mode = "fastnetmon"
min_severity = "critical"
run_in_drills = true
timeout_seconds = 5
[[interface]]
name = "vmbr0"
allowed_macs = ["52:54:00:12:34:56"]
role = "bridge"
bridge = "vmbr0"
allowed_virtual_macs = ["vrrp"]
upstream_macs = ["52:54:00:65:43:21"]
directions = "in"
outside = true
speed = 2_000_000_000
[lan]
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
[store]
enabled = false
incident_days = 30
minute_days = 7
max_mib = 100
[evidence]
enabled = false
snaplen = 256
memory_mib = 8
signing_key = "/etc/pegel/evidence.pem"
url = "https://pegel.example/evidence/{id}/"
[report]
organisation = "Example Hosting"
contact = "abuse@pegel.example"
mmdb = ["/usr/share/GeoIP/asn.mmdb"]
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
why = "without it, guests can spoof their source addresses"
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

/// Every section with each of its keys.
fn keys() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    SECTIONS.into_iter().flat_map(|section| section.keys.iter().map(move |key| (section, *key)))
}

/// A file with one key alone, in its table.
fn alone(section: &Section, key: &Key, value: &str) -> String {
    let heading = match section.name() {
        "detect" => "[detect.syn_flood]",
        _ if section.is_top_level() => "",
        _ => section.heading,
    };
    format!("{heading}\n{} = {value}\n", key.name)
}

/// `BLESS=1 cargo test config::` writes the sample anew.
#[test]
fn the_sample_is_the_defaults_in_words() {
    let rendered = render(&Config::default(), true);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/pegel.toml"), &rendered).expect("written");
    }
    assert_eq!(Config::parse(&sample(), "sample"), Ok(Config::default()));
    assert!(rendered == sample(), "renew it with: pegel print-config --sample > deploy/pegel.toml");
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(Config::parse("", "empty"), Ok(Config::default()));
}

#[test]
fn printing_round_trips() {
    let config = Config::parse(FULL, "full");
    assert_eq!(config.as_ref().map(|config| config.networks.len()), Ok(2));
    assert_eq!(config.as_ref().map(|config| config.posture.checks.len()), Ok(10));
    let printed = config.as_ref().map(|config| render(config, false)).unwrap_or_default();
    assert_eq!(Config::parse(&printed, "printed"), config);
}

#[test]
fn declarations_are_complete_and_in_range() {
    let mut headings = BTreeSet::new();
    for section in SECTIONS {
        assert!(headings.insert(section.heading), "{} twice", section.heading);
        let names: BTreeSet<&str> = section.keys.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), section.keys.len(), "{}: a key twice", section.heading);
    }
    for (section, key) in keys() {
        let at = format!("{} {}", section.heading, key.name);
        assert!(key.doc.ends_with('.'), "{at}: the description is no sentence");
        for choice in key.kind.choices() {
            let is_explained = key.doc.contains(&format!("\"{choice}\""));
            assert!(is_explained, "{at}: the description does not explain {choice}");
        }
        // A default out of range, of the wrong type or of the wrong form is an error when it is read.
        let errors = Config::parse(&alone(section, key, &key.shown()), "x").err().map_or(Vec::new(), |e| e.errors);
        let own = format!("{}{}", path(section), key.name);
        assert!(!errors.iter().any(|error| error.starts_with(&format!("{own} = "))), "{at}: {errors:?}");
        assert!(!errors.iter().any(|error| error.contains("unknown key")), "{at}: {errors:?}");
    }
}

/// As messages name the keys of a section.
fn path(section: &Section) -> String {
    match section.name() {
        "detect" => "detect.syn_flood.".to_owned(),
        _ if section.is_top_level() => String::new(),
        name if section.is_list() => format!("{name}[0]."),
        name => format!("{name}."),
    }
}

#[test]
fn every_key_is_read_by_its_type() {
    for (section, key) in keys() {
        // `Kind::Table` has no inline example.
        let wrong = if matches!(key.kind, Kind::Bool) { "5" } else { "true" };
        let errors = Config::parse(&alone(section, key, wrong), "x").expect_err("of the wrong type").errors;
        let expected = format!("{}{} = {wrong}: must be {}", path(section), key.name, key.kind.expected());
        assert!(errors.iter().any(|error| error.starts_with(&expected)), "{expected}: {errors:?}");
        if let Kind::Whole { min, max, .. } = key.kind {
            for (value, is_in) in [(min, true), (max, true), (min - 1, false), (max + 1, false)] {
                let result = Config::parse(&alone(section, key, &value.to_string()), "x");
                let expected = format!("{}{} = {value}: must be between {min} and {max}", path(section), key.name);
                let is_refused = result.err().is_some_and(|errors| errors.errors.contains(&expected));
                assert_ne!(is_refused, is_in, "{expected}");
            }
        }
    }
}

#[test]
fn every_key_is_printed() {
    let page = Config::parse(FULL, "full").expect("valid").page();
    for (section, key) in keys() {
        let is_printed = match key.kind {
            Kind::Table(_) => page.of(section).any(|table| table.heading.contains(&format!(".{}.", key.name))),
            _ => page.of(section).any(|table| table.entries.iter().any(|entry| entry.name == key.name)),
        };
        // A guest's MAC addresses are all printed as `macs`.
        assert!(is_printed || (section.heading, key.name) == ("[[guest]]", "mac"), "{} {}", section.heading, key.name);
    }
}

#[test]
fn no_key_is_printed_that_is_not_declared() {
    for table in Config::parse(FULL, "full").expect("valid").page().tables {
        let declared = |name: &str| table.section.keys.iter().any(|key| key.name == name);
        let is_detector = table.heading.matches('.').count() > usize::from(table.section.is_list());
        for entry in &table.entries {
            assert!(declared(entry.name) || is_detector, "{} {}", table.heading, entry.name);
        }
    }
}

#[test]
fn every_key_is_in_the_sample_and_in_the_reference() {
    let (page, whole_sample) = (reference(), sample());
    for (section, key) in keys() {
        // Detectors have a table each; their severity is in the text above them.
        let heading = if section.name() == "detect" { "[detect." } else { section.heading };
        let of = |text: &str, heading: &str| text.split_once(heading).map(|(_, rest)| rest.to_owned());
        let sample = if section.is_top_level() { Some(whole_sample.clone()) } else { of(&whole_sample, heading) };
        let is_in = |text: Option<String>, wanted: &str| text.is_some_and(|text| text.contains(wanted));
        let wanted = match key.kind {
            Kind::Table(_) => format!(".{}.", key.name),
            _ => format!("{} = ", key.name),
        };
        assert!(is_in(sample, &wanted), "{} {} is not in the sample", section.heading, key.name);
        let row = format!("| `{}` |", key.name);
        let described = of(&page, &format!("## `{}`", section.heading));
        assert!(is_in(described, &row), "{} {} is not in the reference", section.heading, key.name);
    }
}

#[test]
fn examples_in_the_sample_are_valid() {
    // Keys that exclude each other are examples of the same table.
    let exclusive = ["needs exactly one of", "bearer_token_file: cannot be combined", "ca_file: needs"];
    let sample = sample();
    let uncommented: Vec<&str> = sample
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    let errors = Config::parse(&uncommented.join("\n"), "x").err().map_or(Vec::new(), |errors| errors.errors);
    let unexpected: Vec<&String> =
        errors.iter().filter(|error| !exclusive.iter().any(|known| error.contains(known))).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn comments_fit_a_terminal() {
    for line in sample().lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
}

#[test]
fn a_restart_is_needed_by_the_sections_that_declare_it() {
    let old = Config::default();
    let new = Config::parse(FULL, "full").expect("valid");
    assert_eq!(old.needs_restart(&old), Vec::<&str>::new());
    let expected = [
        "[capture]",
        "[decode]",
        "[baseline]",
        "[store]",
        "[evidence]",
        "[http]",
        "[output]",
        "[[alertmanager]]",
        "[[webhook]]",
        "[[hook]]",
    ];
    assert_eq!(old.needs_restart(&new), expected);
    let kept = Config { reloadable: new.reloadable.clone(), ..old.clone() };
    assert_eq!((old.needs_restart(&kept), new.needs_restart(&kept)), (Vec::new(), expected.to_vec()));
    let moved = Config { state_dir: "/srv/pegel".into(), ..old.clone() };
    assert_eq!(old.needs_restart(&moved), ["state_dir"]);
}
