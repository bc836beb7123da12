//! What Pegel suggests against attacks, tried for real: every filter is compiled by those who would run it, and applied to a
//! capture of the attack alone and to one of the target's other traffic alone.
//!
//! Without tcpdump or nft (or, for nft, without root) that part says so and is left out, but never where `CI` is set.

mod bed;

use bed::{Bed, WATCHED};
use pegel::config::Config;
use pegel::incident::Incident;
use pegel::mitigation::Mitigation;
use pegel::runtime::replay;
use pegel::traffic::{MODELS, Part, Scenario, write_pcap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What the target of every attack does beside: it serves, asks resolvers and time servers, talks and is watched.
const BESIDE: &str = r#"
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
    /// The attack, from second 6 to second 9; `TARGET` where the model has another.
    attack: &'static str,
    target: &'static str,
    vectors: &'static [&'static str],
    /// At most so much of the usual traffic: a hundredth where the shapes differ.
    usual: f64,
    /// The same of routes, which know no TTL.
    routes: f64,
}

const TARGET: &str = "203.0.113.7";
const TARGET6: &str = "2001:db8:10::7";
const CULPRIT: &str = "203.0.113.66";

const fn case(name: &'static str, attack: &'static str, vectors: &'static [&'static str]) -> Case {
    Case { name, attack, target: TARGET, vectors, usual: 0.01, routes: 0.01 }
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
        target: CULPRIT,
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

    /// What goes on beside it, at the target.
    fn beside(&self) -> Vec<Part> {
        let v6 = self.target.contains(':');
        let host = if self.target.contains('/') { TARGET } else { self.target };
        let mut parts = parts(BESIDE);
        for part in &mut parts {
            // A host that answers as much as it gets has no flood of fragments, by the detector's word.
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

/// A capture on disk that goes when the test does.
struct Capture(PathBuf);

impl Capture {
    fn new(name: &str, parts: Vec<Part>) -> Capture {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("suggest-{name}-{}.pcap", std::process::id()));
        let mut bytes = Vec::new();
        write_pcap(&mut Scenario::new(3, parts).source(), &mut bytes).expect("a Vec takes all");
        std::fs::write(&path, bytes).expect("a file");
        Capture(path)
    }

    /// Packets that a filter matches, as libpcap compiles it.
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

fn of<'m>(mitigations: &'m [Mitigation], kind: &str) -> &'m Mitigation {
    mitigations.iter().find(|one| one.kind == kind).expect("one of each kind")
}

/// Whether a program is there, and may be used; where `CI` is set it must be.
fn has(program: &str, arguments: &[&str]) -> bool {
    let there = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    assert!(there || std::env::var_os("CI").is_none(), "{program} is missing or may not be used");
    if !there {
        eprintln!("left out: {program} is missing or may not be used");
    }
    there
}

fn told(output: Output, what: &str) {
    assert!(output.status.success(), "{}\n{what}", String::from_utf8_lossy(&output.stderr));
}

/// What is wrong with the suggestions against one attack.
fn judge(case: &Case, tcpdump: bool, nft: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let found = incidents([case.attack(), case.beside()].concat());
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
    let filter = of(&all, "bpf");
    if let Some(why) = &filter.refused {
        wrong.push(format!("refused: {why}"));
        return wrong;
    }
    // On what was really sent, by those who would run it.
    let side = if direction == "outbound" { "src" } else { "dst" };
    let whole = match case.target.contains('/') {
        true => format!("{side} net {}", case.target),
        false => format!("{side} host {}", case.target),
    };
    let attack = Capture::new(&format!("{}-attack", case.name), case.attack());
    let beside = Capture::new(&format!("{}-beside", case.name), case.beside());
    let share = |capture: &Capture| capture.count(&filter.text) / capture.count(&whole).max(1.0);
    let (hit, spared) = (share(&attack), share(&beside));
    if hit < 0.95 {
        wrong.push(format!("matches {:.3} of the attack", hit));
    }
    if spared > case.usual {
        wrong.push(format!("matches {:.3} of usual traffic", spared));
    }
    // What it says of itself is what it does; the samples of the attack have some usual packets among them.
    let said = (filter.matches_attack.unwrap_or(0.0), filter.collateral.unwrap_or(1.0));
    if said.0 > hit + 0.05 || said.0 < hit - 0.25 || (said.1 - spared).abs() > 0.05 {
        wrong.push(format!("says {said:?}, does ({hit:.3}, {spared:.3})"));
    }
    if filter.background_samples < 30 || filter.attack_samples < 30 {
        wrong.push(format!("few samples: {} and {}", filter.attack_samples, filter.background_samples));
    }
    for kind in ["nftables", "exabgp", "gobgp"] {
        let one = of(&all, kind);
        let most = if kind == "nftables" { case.usual } else { case.routes };
        let action = if most > 0.01 { "rate_limit" } else { "drop" };
        if one.action != action || one.collateral.is_none_or(|usual| usual > most) || one.refused.is_some() {
            wrong.push(format!("{kind}: {} of {:?}, {:?}", one.action, one.collateral, one.refused));
        }
    }
    if tcpdump {
        let output = Command::new("tcpdump").args(["-d", &filter.text]).output().expect("tcpdump");
        told(output, &filter.text);
    }
    if nft {
        let path = attack.0.with_extension("nft");
        std::fs::write(&path, &of(&all, "nftables").text).expect("a file");
        let output = Command::new("unshare").args(["-n", "nft", "-c", "-f"]).arg(&path).output().expect("nft");
        let _ = std::fs::remove_file(&path);
        told(output, &of(&all, "nftables").text);
    }
    if !wrong.is_empty() || std::env::var_os("SHOW").is_some() {
        wrong.extend(all.iter().map(|one| format!("    {}: {} {:?}", one.kind, one.text, one.notes)));
    }
    wrong
}

/// `SUGGEST=name cargo test --test suggest` tries those whose name contains the word.
#[test]
fn every_suggestion_takes_the_attack_and_spares_the_rest() {
    let (tcpdump, nft) = (has("tcpdump", &["--version"]), has("unshare", &["-n", "nft", "list", "tables"]));
    let only = std::env::var("SUGGEST").unwrap_or_default();
    let cases: Vec<&Case> = CASES.iter().filter(|case| case.name.contains(&only)).collect();
    assert!(!cases.is_empty(), "no case of that name");
    let mut report = String::new();
    for case in cases {
        let wrong = judge(case, tcpdump, nft);
        println!("{} {}", if wrong.is_empty() { "ok  " } else { "FAIL" }, case.name);
        for line in wrong {
            let _ = writeln!(report, "{}: {line}", case.name);
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

/// The rule of the blackhole is written and never recommended; who is under no attack gets none.
#[test]
fn a_blackhole_is_the_last_resort() {
    let found = incidents([CASES[0].attack(), CASES[0].beside()].concat());
    let all = found[0].mitigations();
    let blackhole = of(&all, "blackhole");
    assert!(blackhole.text.contains("203.0.113.7/32") && blackhole.text.contains("65535:666"));
    assert!(blackhole.refused.as_ref().is_some_and(|why| why.contains("cuts 203.0.113.7/32 off")));
    assert_eq!(blackhole.collateral, Some(1.0));
}

/// The bridge guard's incidents: a rule for the bridge and a filter by MAC, and no routes.
#[test]
fn a_station_is_told_by_its_mac() {
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
    let guilty = |incident: &&Incident| incident.vector.name() == "mac_not_allowed";
    let all = found.iter().find(guilty).expect("the station").mitigations();
    let mac = found.iter().find(guilty).and_then(|incident| incident.target.mac).expect("a MAC");
    let capture = Capture::new("station", parts(text));
    assert_eq!(of(&all, "bpf").text, format!("ether src {mac}\n"));
    assert!(capture.count(&of(&all, "bpf").text) >= 50.0);
    assert!(of(&all, "exabgp").refused.is_some() && of(&all, "gobgp").refused.is_some());
    if has("unshare", &["-n", "nft", "list", "tables"]) {
        let path = capture.0.with_extension("nft");
        std::fs::write(&path, &of(&all, "nftables").text).expect("a file");
        let output = Command::new("unshare").args(["-n", "nft", "-c", "-f"]).arg(&path).output().expect("nft");
        let _ = std::fs::remove_file(&path);
        told(output, &of(&all, "nftables").text);
    }
}

/// Attacks are attacks, and what goes on beside them is none: else the shares above mean nothing.
#[test]
fn the_cases_are_what_they_say() {
    for case in CASES {
        let is_attack = |part: &Part| MODELS.iter().any(|spec| spec.model == part.model && spec.attack);
        assert!(case.attack().iter().all(is_attack) && !case.beside().iter().any(is_attack), "{}", case.name);
    }
}

/// Loaded into a kernel, in a namespace of its own, the rules count what they were made for: the same packets from a wire.
#[test]
fn a_kernel_drops_the_attack_by_these_rules() {
    const MAC: &str = "02:00:0a:e7:07:02";
    let Some(bed) = Bed::new("suggest") else { return };
    if !has("nft", &["--version"]) {
        return;
    }
    // Frames for another station would not come as far as the rules.
    bed::ip(&format!("-n {} link set vb address {MAC}", bed.ns("b")));
    for model in ["syn_flood", "dns_amplification", "icmp_flood", "udp_flood"] {
        let to = format!("target = \"{WATCHED}\"\ntarget_mac = \"{MAC}\"\n");
        let part = |from: f64, seconds: f64, rate: u32| {
            let to_seconds = from + seconds;
            format!("[[part]]\nmodel = \"{model}\"\nfrom = {from}\nto = {to_seconds}\nrate = {rate}\n{to}")
        };
        let mut beside = parts(BESIDE);
        beside.iter_mut().for_each(|part| part.params.target = Some(format!("{WATCHED}/32").parse().unwrap()));
        let found = incidents([parts(&part(6.0, 3.0, 5000)), beside].concat());
        let incident = found.iter().find(|incident| incident.target.label() == WATCHED).expect("an incident");
        let all = incident.mitigations();
        let rules = bed.file("rules.nft", &of(&all, "nftables").text);
        let nft = |arguments: &[&str]| {
            let output = bed.command("b", Path::new("nft"), arguments).output().expect("nft");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            told(output, &of(&all, "nftables").text);
            text
        };
        nft(&["-f", &rules]);
        bed.send("a", "va", &part(0.0, 1.0, 2000));
        let listed = nft(&["list", "ruleset"]);
        let counters = listed.split("counter packets ").skip(1).filter_map(|rest| rest.split(' ').next());
        let dropped: u64 = counters.filter_map(|count| count.parse::<u64>().ok()).sum();
        assert!(dropped >= 1900, "{model}: {dropped} of 2000\n{listed}");
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
    // Who refuses at once does not read.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("pegel ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_what_a_replay_found() {
    let capture = Capture::new("command", [CASES[0].attack(), CASES[0].beside()].concat());
    let file = capture.0.to_str().expect("UTF-8");
    let replay = ["replay", "--format", "json", "--network", "203.0.113.0/24", file];
    let (code, line, _) = pegel(&replay, b"");
    assert_eq!(code, 0);
    assert_eq!(pegel(&replay, b"").1, line, "the same every time");

    let (code, page, _) = pegel(&["suggest", "--file", "-"], line.as_bytes());
    assert_eq!(code, 0, "{page}");
    for word in ["nftables (drop): matches ", "table inet pegel_2026", "Not recommended: it cuts 203.0.113.7/32 off"] {
        assert!(page.contains(word), "{word}\n{page}");
    }
    let (code, filter, _) = pegel(&["suggest", "--file", "-", "--kind", "bpf"], line.as_bytes());
    assert_eq!(code, 0);
    assert!(filter.starts_with("ip dst host 203.0.113.7 and ip proto 6 "), "{filter}");
    assert!(capture.count(&filter) > 8000.0);

    let (code, out, message) = pegel(&["suggest", "nothing", "--file", "-"], line.as_bytes());
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(message.contains("no incident has the id nothing"), "{message}");
    // Nobody listens there: port 9 is discard.
    let (code, _, message) = pegel(&["suggest", "20260101T000005Z-9cfc2aa2", "--url", "http://127.0.0.1:9"], b"");
    assert_eq!(code, 1);
    assert!(message.contains("is Pegel running there?"), "{message}");
}
