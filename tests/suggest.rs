//! Suggested filters, tested for real: each is compiled by the program it is written for, and applied to a capture of
//! only the attack and to one of only the target's background traffic.
//!
//! Without tcpdump or nft (or, for nft, without root) that part prints a message and is skipped, but never if `CI` is
//! set.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;

use bed::{Bed, GUARD, WATCHED};
use pegel::config::Config;
use pegel::incident::Incident;
use pegel::mitigation::Mitigation;
use pegel::runtime::replay;
use pegel::traffic::{MODELS, Part, Scenario, write_pcap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Background traffic of each target: a web server, DNS queries, a call and a monitoring ping.
const BACKGROUND: &str = r#"
[[part]]
model = "web_server"
rate = 60.0
to = 14.0
[[part]]
model = "dns_resolver"
rate = 20.0
to = 14.0
[[part]]
model = "voip"
sources = 1
to = 14.0
[[part]]
model = "ping_monitor"
rate = 5.0
to = 14.0
"#;

struct Case {
    name: &'static str,
    /// The attack, from second 6 to second 9.
    attack: &'static str,
    target: &'static str,
    vectors: &'static [&'static str],
    /// Largest share of background traffic that filters may match.
    collateral: f64,
    /// The same for routes, which cannot match the TTL.
    route_collateral: f64,
}

const TARGET: &str = "203.0.113.7";
const TARGET6: &str = "2001:db8:10::7";
const ATTACKER: &str = "203.0.113.66";

const fn case(name: &'static str, attack: &'static str, vectors: &'static [&'static str]) -> Case {
    Case { name, attack, target: TARGET, vectors, collateral: 0.01, route_collateral: 0.01 }
}

const CASES: &[Case] = &[
    case("syn", r#"model = "syn_flood", rate = 3000.0"#, &["syn_flood"]),
    case("syn_ack", r#"model = "syn_ack_flood", rate = 3000.0"#, &["syn_ack_flood"]),
    case("ack", r#"model = "ack_flood", rate = 12000.0"#, &["ack_flood"]),
    case("rst", r#"model = "rst_flood", rate = 3000.0"#, &["rst_flood"]),
    case("xmas", r#"model = "xmas_flood", rate = 2000.0"#, &["xmas_flood"]),
    case("udp", r#"model = "udp_flood", rate = 5000.0"#, &["udp_flood"]),
    case("dns", r#"model = "dns_amplification", rate = 1000.0"#, &["dns_amplification"]),
    case("ntp", r#"model = "ntp_amplification", rate = 1000.0"#, &["ntp_amplification"]),
    case("memcached", r#"model = "memcached_amplification", rate = 1000.0"#, &["memcached_amplification"]),
    case("cldap", r#"model = "cldap_amplification", rate = 1000.0"#, &["cldap_amplification"]),
    case("icmp", r#"model = "icmp_flood", rate = 3000.0"#, &["icmp_flood"]),
    case("fragments", r#"model = "fragment_flood", rate = 12000.0"#, &["udp_flood", "fragment_flood"]),
    case("gre", r#"model = "gre_flood", rate = 6000.0"#, &["gre_flood"]),
    case("reflection", r#"model = "syn_ack_reflection", rate = 2000.0"#, &["syn_ack_flood", "tcp_reflection"]),
    case("http", r#"model = "http_flood", rate = 1500.0"#, &["http_flood"]),
    case("quic", r#"model = "quic_flood", rate = 5000.0"#, &["quic_flood"]),
    Case { target: "203.0.113.0/24", ..case("carpet", r#"model = "carpet_bombing", rate = 6000.0"#, &["udp_flood"]) },
    Case {
        target: TARGET6,
        ..case(
            "syn6",
            r#"model = "syn_flood", rate = 1500.0, target = "2001:db8:10::7", source_network = "2000::/3""#,
            &["syn_flood"],
        )
    },
    Case {
        target: TARGET6,
        ..case(
            "udp6",
            r#"model = "udp_flood", rate = 5000.0, target = "2001:db8:10::7", source_network = "2001:db8:8000::/33""#,
            &["udp_flood"],
        )
    },
    Case { target: TARGET6, ..case("icmp6", r#"model = "icmpv6_flood", rate = 3000.0"#, &["icmpv6_flood"]) },
    Case {
        target: ATTACKER,
        ..case(
            "outbound",
            r#"model = "udp_flood", rate = 12000.0, payload = 64, direction = "outbound", source_network = "203.0.113.66/32", sources = 1"#,
            &["udp_flood"],
        )
    },
    case(
        "several",
        "model = \"syn_flood\", rate = 3000.0\n+\nmodel = \"ntp_amplification\", rate = 1000.0",
        &["syn_flood", "ntp_amplification"],
    ),
];

fn parts(text: &str) -> Vec<Part> {
    Scenario::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}")).parts
}

impl Case {
    fn attack(&self) -> Vec<Part> {
        let mut text = String::new();
        for part in self.attack.split("\n+\n") {
            let _ = writeln!(text, "[[part]]\nfrom = 6.0\nto = 9.0\n{}", part.replace(", ", "\n"));
        }
        parts(&text)
    }

    /// Background traffic of the target.
    fn background(&self) -> Vec<Part> {
        let v6 = self.target.contains(':');
        let host = if self.target.contains('/') { TARGET } else { self.target };
        let mut parts = parts(BACKGROUND);
        for part in &mut parts {
            // The detector does not report a flood of fragments at a host that sends as much as it receives.
            if self.name == "fragments" && part.model.name() == "web_server" {
                part.params.rate = Some(10.0);
            }
        }
        for part in &mut parts {
            part.params.target = Some(format!("{host}/{}", if v6 { 128 } else { 32 }).parse().unwrap());
            if v6 {
                part.params.source_network = Some("2001:db8:5::/64".parse().unwrap());
            }
        }
        parts
    }
}

/// A capture file, deleted at the end of the test.
struct Capture(PathBuf);

impl Capture {
    fn new(name: &str, parts: Vec<Part>) -> Capture {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("suggest-{name}-{}.pcap", std::process::id()));
        let mut bytes = Vec::new();
        write_pcap(&mut Scenario::new(3, parts).source(), &mut bytes).expect("writing to a Vec cannot fail");
        std::fs::write(&path, bytes).expect("a file");
        Capture(path)
    }

    /// The number of packets that a filter matches, as libpcap compiles it.
    fn count(&self, filter: &str) -> f64 {
        let mut capture = pcap::Capture::from_file(&self.0).expect("a capture");
        capture.filter(filter, true).unwrap_or_else(|error| panic!("{error}: {filter}"));
        let mut count = 0;
        while capture.next_packet().is_ok() {
            count += 1;
        }
        f64::from(count)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn incidents(parts: Vec<Part>) -> Vec<Incident> {
    let networks = ["203.0.113.0/24", "2001:db8:10::/48", "10.231.7.0/24"];
    let networks = networks.map(|network| network.parse().unwrap()).to_vec();
    let config = Config::for_networks(networks);
    replay::incidents(&config, &mut Scenario::new(3, parts).source()).expect("synthetic traffic has no errors")
}

fn suggestion<'m>(mitigations: &'m [Mitigation], kind: &str) -> &'m Mitigation {
    mitigations.iter().find(|one| one.kind == kind).expect("one of each kind")
}

/// Whether a program is installed and may be used; if `CI` is set it must be.
fn has(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_usable = status.is_ok_and(|status| status.success());
    assert!(is_usable || std::env::var_os("CI").is_none(), "{program} is missing or may not be used");
    if !is_usable {
        eprintln!("skipped: {program} is missing or may not be used");
    }
    is_usable
}

fn succeeds(output: Output, input: &str) {
    assert!(output.status.success(), "{}\n{input}", String::from_utf8_lossy(&output.stderr));
}

/// Errors of the suggestions against one attack.
fn check(case: &Case, tcpdump: bool, nft: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let found = incidents([case.attack(), case.background()].concat());
    let direction = if case.name == "outbound" { "outbound" } else { "inbound" };
    let incident =
        found.iter().find(|incident| incident.target.label() == case.target && incident.direction.name() == direction);
    let Some(incident) = incident else {
        let labels: Vec<String> =
            found.iter().map(|one| format!("{} {} {}", one.direction, one.target.label(), one.vector)).collect();
        return vec![format!("no incident of {}, but {labels:?}", case.target)];
    };
    let vectors: Vec<&str> = incident.vectors.iter().map(|vector| vector.name()).collect();
    if vectors != case.vectors {
        wrong.push(format!("vectors are {vectors:?}"));
    }
    let all = incident.mitigations();
    let filter = suggestion(&all, "bpf");
    if let Some(why) = &filter.refused {
        wrong.push(format!("refused: {why}"));
        return wrong;
    }
    // Applied to the real packets, by the program it is written for.
    let side = if direction == "outbound" { "src" } else { "dst" };
    let all_packets = match case.target.contains('/') {
        true => format!("{side} net {}", case.target),
        false => format!("{side} host {}", case.target),
    };
    let attack = Capture::new(&format!("{}-attack", case.name), case.attack());
    let background = Capture::new(&format!("{}-background", case.name), case.background());
    let share = |capture: &Capture| capture.count(&filter.text) / capture.count(&all_packets).max(1.0);
    let (matched, collateral) = (share(&attack), share(&background));
    if matched < 0.95 {
        wrong.push(format!("matches {matched:.3} of the attack"));
    }
    if collateral > case.collateral {
        wrong.push(format!("matches {collateral:.3} of background traffic"));
    }
    // The stated shares are close to the real ones; the samples of the attack include some background packets.
    let stated = (filter.matches_attack.unwrap_or(0.0), filter.collateral.unwrap_or(1.0));
    if stated.0 > matched + 0.05 || stated.0 < matched - 0.25 || (stated.1 - collateral).abs() > 0.05 {
        wrong.push(format!("states {stated:?}, matches ({matched:.3}, {collateral:.3})"));
    }
    if filter.background_samples < 30 || filter.attack_samples < 30 {
        wrong.push(format!("few samples: {} and {}", filter.attack_samples, filter.background_samples));
    }
    for kind in ["nftables", "exabgp", "gobgp"] {
        let one = suggestion(&all, kind);
        let most = if kind == "nftables" { case.collateral } else { case.route_collateral };
        let action = if most > 0.01 { "rate_limit" } else { "drop" };
        if one.action != action || one.collateral.is_none_or(|share| share > most) || one.refused.is_some() {
            wrong.push(format!("{kind}: {} of {:?}, {:?}", one.action, one.collateral, one.refused));
        }
    }
    if tcpdump {
        let output = Command::new("tcpdump").args(["-d", &filter.text]).output().expect("tcpdump");
        succeeds(output, &filter.text);
    }
    if nft {
        let path = attack.0.with_extension("nft");
        std::fs::write(&path, &suggestion(&all, "nftables").text).expect("a file");
        let output = Command::new("unshare").args(["-n", "nft", "-c", "-f"]).arg(&path).output().expect("nft");
        let _ = std::fs::remove_file(&path);
        succeeds(output, &suggestion(&all, "nftables").text);
    }
    if !wrong.is_empty() || std::env::var_os("SHOW").is_some() {
        wrong.extend(all.iter().map(|one| format!("    {}: {} {:?}", one.kind, one.text, one.notes)));
    }
    wrong
}

/// `SUGGEST=name cargo test --test suggest` runs only the cases whose name contains the word.
#[test]
fn every_suggestion_matches_the_attack_and_spares_background_traffic() {
    let (tcpdump, nft) = (has("tcpdump", &["--version"]), has("unshare", &["-n", "nft", "list", "tables"]));
    let only = std::env::var("SUGGEST").unwrap_or_default();
    let cases: Vec<&Case> = CASES.iter().filter(|case| case.name.contains(&only)).collect();
    assert!(!cases.is_empty(), "no case of that name");
    let mut report = String::new();
    for case in cases {
        let wrong = check(case, tcpdump, nft);
        println!("{} {}", if wrong.is_empty() { "ok  " } else { "FAIL" }, case.name);
        for line in wrong {
            let _ = writeln!(report, "{}: {line}", case.name);
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

/// A blackhole route is written, and never recommended.
#[test]
fn a_blackhole_is_the_last_resort() {
    let found = incidents([CASES[0].attack(), CASES[0].background()].concat());
    let all = found[0].mitigations();
    let blackhole = suggestion(&all, "blackhole");
    assert!(blackhole.text.contains("203.0.113.7/32") && blackhole.text.contains("65535:666"));
    assert!(blackhole.refused.as_ref().is_some_and(|why| why.contains("makes 203.0.113.7/32 unreachable")));
    assert_eq!(blackhole.collateral, Some(1.0));
}

/// Incidents of stations get a rule for the bridge and a filter by MAC address, and no routes.
#[test]
fn a_station_is_matched_by_its_mac() {
    let text = r#"
[[part]]
model = "foreign_mac"
rate = 20.0
direction = "outbound"
from = 2.0
to = 5.0
"#;
    let mut config = Config::parse("[[interface]]\nname = \"*\"\nallowed_macs = [\"52:54:00:12:34:56\"]", "test")
        .expect("a configuration");
    config.networks = vec!["203.0.113.0/24".parse().unwrap()];
    let found = replay::incidents(&config, &mut Scenario::new(1, parts(text)).source()).expect("no errors");
    let is_violation = |incident: &&Incident| incident.vector.name() == "mac_not_allowed";
    let all = found.iter().find(is_violation).expect("the station").mitigations();
    let mac = found.iter().find(is_violation).and_then(|incident| incident.target.mac).expect("a MAC");
    let capture = Capture::new("station", parts(text));
    assert_eq!(suggestion(&all, "bpf").text, format!("ether src {mac}\n"));
    assert!(capture.count(&suggestion(&all, "bpf").text) >= 50.0);
    assert!(suggestion(&all, "exabgp").refused.is_some() && suggestion(&all, "gobgp").refused.is_some());
    if has("unshare", &["-n", "nft", "list", "tables"]) {
        let path = capture.0.with_extension("nft");
        std::fs::write(&path, &suggestion(&all, "nftables").text).expect("a file");
        let output = Command::new("unshare").args(["-n", "nft", "-c", "-f"]).arg(&path).output().expect("nft");
        let _ = std::fs::remove_file(&path);
        succeeds(output, &suggestion(&all, "nftables").text);
    }
}

/// Attacks are attacks and background traffic is benign: otherwise the shares above mean nothing.
#[test]
fn cases_consist_of_attacks_and_benign_background_traffic() {
    for case in CASES {
        let is_attack = |part: &Part| MODELS.iter().any(|spec| spec.model == part.model && spec.attack);
        assert!(case.attack().iter().all(is_attack) && !case.background().iter().any(is_attack), "{}", case.name);
    }
}

/// The rules, loaded in a network namespace, count and drop the packets of the same attack from a wire.
#[test]
fn the_kernel_drops_the_attack_with_these_rules() {
    const MAC: &str = "02:00:0a:e7:07:02";
    let Some(bed) = Bed::new("suggest") else { return };
    if !has("nft", &["--version"]) {
        return;
    }
    // Frames for other MAC addresses do not reach the rules.
    bed::ip(&format!("-n {} link set vb address {MAC}", bed.ns("b")));
    for model in ["syn_flood", "dns_amplification", "icmp_flood", "udp_flood"] {
        let to = format!("target = \"{WATCHED}\"\ntarget_mac = \"{MAC}\"\n");
        let part = |from: f64, seconds: f64, rate: u32| {
            let to_seconds = from + seconds;
            format!("[[part]]\nmodel = \"{model}\"\nfrom = {from}\nto = {to_seconds}\nrate = {rate}\n{to}")
        };
        let mut background = parts(BACKGROUND);
        background.iter_mut().for_each(|part| part.params.target = Some(format!("{WATCHED}/32").parse().unwrap()));
        let found = incidents([parts(&part(6.0, 3.0, 5000)), background].concat());
        let incident = found.iter().find(|incident| incident.target.label() == WATCHED).expect("an incident");
        let all = incident.mitigations();
        let rules = bed.file("rules.nft", &suggestion(&all, "nftables").text);
        let nft = |arguments: &[&str]| {
            let output = bed.command("b", Path::new("nft"), arguments).output().expect("nft");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            succeeds(output, &suggestion(&all, "nftables").text);
            text
        };
        nft(&["-f", &rules]);
        // The share that the rule claims is that of its own sample; of another run with other lengths, up to a fifteenth misses it.
        let claimed = suggestion(&all, "nftables").matches_attack.expect("a share");
        let expected = (2000.0 * claimed * 0.93) as u64;
        assert!(claimed >= 0.9, "{model}: {claimed}");
        bed.send("a", "va", &part(0.0, 1.0, 2000));
        // The receiving side may still be processing packets when the sender has exited.
        let start = Instant::now();
        loop {
            let listed = nft(&["list", "ruleset"]);
            let counters = listed.split("counter packets ").skip(1).filter_map(|rest| rest.split(' ').next());
            let dropped: u64 = counters.filter_map(|count| count.parse::<u64>().ok()).sum();
            if dropped >= expected {
                break;
            }
            assert!(start.elapsed() < GUARD, "{model}: {dropped} of 2000, {expected} expected\n{listed}");
            std::thread::sleep(Duration::from_millis(20));
        }
        nft(&["flush", "ruleset"]);
    }
}

fn pegel(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_pegel"))
        .args(arguments)
        .env("PEGEL_CONFIG", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pegel runs");
    // A command that fails early does not read its input.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("pegel ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_what_a_replay_found() {
    let capture = Capture::new("command", [CASES[0].attack(), CASES[0].background()].concat());
    let file = capture.0.to_str().expect("UTF-8");
    let replay = ["replay", "--format", "json", "--network", "203.0.113.0/24", file];
    let (code, line, _) = pegel(&replay, b"");
    assert_eq!(code, 0);
    assert_eq!(pegel(&replay, b"").1, line, "the output is not reproducible");

    let (code, page, _) = pegel(&["suggest", "--file", "-"], line.as_bytes());
    assert_eq!(code, 0, "{page}");
    for word in
        ["nftables (drop): matches ", "table inet pegel_2026", "Not recommended: it makes 203.0.113.7/32 unreachable"]
    {
        assert!(page.contains(word), "{word}\n{page}");
    }
    let (code, filter, _) = pegel(&["suggest", "--file", "-", "--kind", "bpf"], line.as_bytes());
    assert_eq!(code, 0);
    assert!(filter.starts_with("ip dst host 203.0.113.7 and ip proto 6 "), "{filter}");
    assert!(capture.count(&filter) > 8000.0);

    let (code, out, message) = pegel(&["suggest", "nothing", "--file", "-"], line.as_bytes());
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(message.contains("no incident has the ID nothing"), "{message}");
    // Nothing listens on port 9 (discard).
    let (code, _, message) = pegel(&["suggest", "20260101T000005Z-9cfc2aa2", "--url", "http://127.0.0.1:9"], b"");
    assert_eq!(code, 1);
    assert!(message.contains("is Pegel running?"), "{message}");
}
