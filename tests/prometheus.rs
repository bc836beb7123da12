//! A real Prometheus scrapes a real Pegel, judges by the rules of `deploy/` and answers what the dashboard asks; a real
//! Alertmanager takes what either of them tells. In network namespaces of their own, as root, where the servers are
//! installed; otherwise a test says what is missing and passes. The clock only guards against hanging.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;
mod tools;

use bed::{Background, Bed, GUARD, WATCHED, command_in};
use pegel::metrics::{MAX_GUESTS, MAX_HOSTS, MAX_TARGETS};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tools::tool;

const PROMETHEUS: &str = "127.0.0.1:9090";
const ALERTMANAGER: &str = "127.0.0.1:9093";
/// What `$__rate_interval` stands for here: several scrapes.
const RATE_INTERVAL: &str = "15s";

/// Expressions of the dashboard that have no data here, by a part of them, and why.
const WITHOUT_DATA: &[(&str, &str)] =
    &[("pegel_packet_anomalies_total", "nothing malformed is sent"), ("pegel_inventory_problems", "there are none")];

fn deploy(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

/// Prometheus, beside Pegel.
struct Prometheus<'b> {
    bed: &'b Bed,
    promtool: PathBuf,
    server: Background,
}

impl<'b> Prometheus<'b> {
    /// Scrapes and judges every second, by the rules of `deploy/`.
    fn start(bed: &'b Bed) -> Option<Prometheus<'b>> {
        let (program, promtool) = (tool("prometheus")?, tool("promtool")?);
        let rules =
            ["pegel", "fleet"].map(|name| deploy(&format!("prometheus/{name}.rules.yml")).display().to_string());
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\nrule_files: {rules:?}\n\
             alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"{ALERTMANAGER}\"] }}] }}] }}\n\
             scrape_configs: [{{ job_name: pegel, static_configs: [{{ targets: [\"{}\"] }}] }}]\n",
            bed::LISTEN
        );
        let config = format!("--config.file={}", bed.file("prometheus.yml", &config));
        let data = format!("--storage.tsdb.path={}", bed.dir.join("tsdb").display());
        let listen = format!("--web.listen-address={PROMETHEUS}");
        let server = bed.server(&program, &[&config, &data, &listen], "prometheus.log");
        let prometheus = Prometheus { bed, promtool, server };
        prometheus.wait_for("up", |answer| !answer.is_empty());
        Some(prometheus)
    }

    /// The series that an expression has now, each with its labels and value.
    fn ask(&self, expression: &str) -> Result<Vec<Value>, String> {
        let url = format!("http://{PROMETHEUS}");
        let output =
            command_in(&self.bed.ns("b"), &self.promtool, &["query", "instant", "--format=json", &url, expression])
                .output()
                .unwrap();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        if !output.status.success() {
            return Err(text(&output.stdout) + &text(&output.stderr));
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stdout))))
    }

    fn wait_for(&self, expression: &str, good: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let answer = self.ask(expression);
            if answer.as_ref().is_ok_and(|answer| good(answer)) {
                return answer.unwrap();
            }
            let log = || fs::read_to_string(self.bed.dir.join("prometheus.log")).unwrap_or_default();
            assert!(start.elapsed() < 2 * GUARD, "{expression} still gives {answer:?}; log:\n{}", log());
            sleep(Duration::from_millis(100));
        }
    }

    /// One number.
    fn number(&self, expression: &str) -> f64 {
        let answer = self.wait_for(expression, |answer| answer.len() == 1);
        answer[0]["value"][1].as_str().unwrap().parse().unwrap()
    }

    fn firing(&self, alert: &str) -> String {
        let _ = &self.server;
        format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}")
    }
}

#[test]
fn a_flood_fires_its_rule_fills_the_dashboard_and_resolves() {
    let Some(bed) = Bed::new("prometheus") else { return };
    if tool("prometheus").is_none() {
        return;
    }
    let mac = bed.command("a", Path::new("cat"), &["/sys/class/net/va/address"]).output().unwrap().stdout;
    let config = format!(
        "[incident]\nquiet_seconds = 2\n\
         [[guest]]\nname = \"shop\"\nmac = {:?}\n\
         [[allow]]\nname = \"ping\"\nwhy = \"a test\"\nvector = [\"icmp_flood\"]\n\
         [[posture.check]]\nname = \"up\"\ninterface_up = \"vb\"\n",
        String::from_utf8_lossy(&mac).trim()
    );
    let config = bed.file("pegel.toml", &config);
    let pegel = bed.pegel(&["--config", &config]);
    let alertmanager = Alertmanager::start(&bed);
    let Some(prometheus) = Prometheus::start(&bed) else { return };
    let critical = prometheus.firing("PegelIncidentCritical");
    assert_eq!(prometheus.ask(&critical), Ok(Vec::new()), "nothing has happened yet");
    // What opens later was 0 at two scrapes before, or no counter would have grown.
    prometheus.wait_for("count_over_time(pegel_incidents_open[1m]) >= 2", |answer| !answer.is_empty());

    let address = format!("{WATCHED}:8080");
    let _service = Background(bed.peer("b", &["serve", &address]).stdout(Stdio::null()).spawn().unwrap());
    let part = |model: &str, rate: u32| {
        format!("[[part]]\nmodel = \"{model}\"\nto = 60.0\nrate = {rate}\ntarget = \"{WATCHED}\"\n")
    };
    let flood = bed.sending(&format!("seed = 1\n{}{}", part("syn_flood", 5000), part("icmp_flood", 1000)));
    let firing = prometheus.wait_for(&critical, |answer| !answer.is_empty());
    assert_eq!(firing.len(), 1, "{firing:?}");
    let labels = &firing[0]["metric"];
    assert_eq!((&labels["target"], &labels["direction"]), (&WATCHED.into(), &"inbound".into()), "{labels}");
    assert_eq!((&labels["severity"], &labels["maintenance"]), (&"critical".into(), &"false".into()), "{labels}");

    let told = |expected: usize| {
        let Some(alertmanager) = &alertmanager else { return };
        alertmanager.wait_for(&["--active", "alertname=PegelIncidentCritical"], |alerts| alerts.len() == expected);
    };
    told(1);

    // Something that leaves, too.
    let fetched = bed.peer("a", &["fetch", &address, "200000", "20"]).output().unwrap();
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(deploy("grafana/pegel.json")).unwrap()).unwrap();
    let (mut asked, mut without) = (0, 0);
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap().replace("$instance", ".+");
            let expression = expression.replace("$__rate_interval", RATE_INTERVAL);
            assert!(!expression.contains('$'), "{expression}: a variable that is not known here");
            asked += 1;
            if let Some((_, why)) = WITHOUT_DATA.iter().find(|(part, _)| expression.contains(part)) {
                without += 1;
                let answer = prometheus.ask(&expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
                assert_eq!(answer, Vec::<Value>::new(), "{}: has data, although {why}", panel["title"]);
            } else {
                prometheus.wait_for(&expression, |answer| {
                    answer.iter().any(|series| series["value"][1].as_str().is_some_and(|value| value != "NaN"))
                });
            }
        }
    }
    println!("{asked} queries of the dashboard were answered, {without} of them without data");
    assert!(asked > 50, "only {asked} queries");

    drop(flood);
    prometheus.wait_for(&critical, <[Value]>::is_empty);
    told(0);
    let quiet = prometheus.ask("pegel_incident_active").unwrap();
    assert_eq!(quiet, Vec::<Value>::new(), "the incident is over");
    let log = pegel.stop().0;
    assert!(log.contains("incident closed"), "{log}");
    // The sensor is gone: told after two minutes, which this test does not wait for.
    prometheus.wait_for("ALERTS{alertname=\"PegelDown\", alertstate=\"pending\"}", |answer| answer.len() == 1);
}

/// Series on a metrics page: all lines that are no comments.
fn series(page: &str) -> usize {
    page.lines().filter(|line| !line.starts_with('#')).count()
}

/// As README message: what is there from the start with one interface, and what can come.
const FIXED_SERIES: usize = 1200;
const MOST_SERIES: usize = FIXED_SERIES + 4 * MAX_HOSTS + 4 * MAX_GUESTS + 6 * MAX_TARGETS;

#[test]
fn a_million_sources_leave_the_page_within_its_cap() {
    let Some(bed) = Bed::new("million") else { return };
    if tool("prometheus").is_none() {
        return;
    }
    // More hosts under attack than may have series, spread so thinly that no network is the target.
    const HOSTS: u32 = 250;
    let config =
        "networks = [\"10.128.0.0/9\"]\n[detect.syn_flood]\npackets_per_second = 50\n[incident]\nquiet_seconds = 5\n";
    let config = bed.file("pegel.toml", config);
    let pegel = bed.pegel(&["--config", &config]);
    let Some(prometheus) = Prometheus::start(&bed) else { return };
    let report = |when: &str| {
        let page = pegel.get("/metrics");
        let samples = prometheus.number("scrape_samples_post_metric_relabeling");
        let milliseconds =
            |function: &str| 1e3 * prometheus.number(&format!("{function}scrape_duration_seconds[10s])"));
        let (median, most) = (milliseconds("quantile_over_time(0.5, "), milliseconds("max_over_time("));
        let (series, octets) = (series(&page), page.len());
        println!(
            "{when}: {series} series, {octets} octets; {samples} samples scraped in {median:.1} ms (median), {most:.1} at most"
        );
        assert!(samples <= MOST_SERIES as f64, "{when}: {samples} samples, at most {MOST_SERIES} are promised");
        series
    };
    // As many as the figures are taken over.
    prometheus.wait_for("count_over_time(up[1m]) >= 10", |answer| !answer.is_empty());
    let before = report("before");
    assert!(before <= FIXED_SERIES, "{before} series from the start, {FIXED_SERIES} are promised");

    let mut scenario = String::from("seed = 1\n");
    for host in 0..HOSTS {
        scenario += &format!(
            "[[part]]\nmodel = \"syn_flood\"\nto = 20.0\nrate = 300\nsources = 0\ntarget = \"10.{}.{}.7\"\n",
            128 + host / 100,
            host % 100
        );
    }
    let flood = bed.sending(&scenario);
    prometheus.wait_for("pegel_incident_series_refused_total > 0", |answer| !answer.is_empty());
    prometheus.wait_for("pegel_host_series_refused_total > 0", |answer| !answer.is_empty());
    prometheus.wait_for("pegel_receive_packets_total{class=\"tcp_syn\"} > 1e6", |answer| !answer.is_empty());
    let during = report("during");
    let growth = during - before;
    assert!(growth <= 4 * MAX_HOSTS + 6 * MAX_TARGETS, "{growth} series came, {during} in all");
    let count = |name: &str| pegel.get("/metrics").lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(count("pegel_host_receive_packets_total{"), MAX_HOSTS);
    assert!(count("pegel_incident_active{") <= 3 * MAX_TARGETS);
    let firing = prometheus.wait_for(&prometheus.firing("PegelIncidentsTruncated"), |answer| answer.len() == 1);
    println!("{}", firing[0]["metric"]);
    drop(flood);
    pegel.stop();
}

/// Alertmanager by the configuration of `deploy/`.
struct Alertmanager<'b> {
    bed: &'b Bed,
    amtool: PathBuf,
    _server: Background,
}

impl<'b> Alertmanager<'b> {
    fn start(bed: &'b Bed) -> Option<Alertmanager<'b>> {
        let (program, amtool) = (tool("prometheus-alertmanager")?, tool("amtool")?);
        let config = format!("--config.file={}", deploy("prometheus/alertmanager.yml").display());
        let data = format!("--storage.path={}", bed.dir.join("alertmanager").display());
        let listen = format!("--web.listen-address={ALERTMANAGER}");
        let _server = bed.server(
            &program,
            &[&config, &data, &listen, "--cluster.listen-address="],
            "prometheus-alertmanager.log",
        );
        let alertmanager = Alertmanager { bed, amtool, _server };
        let start = Instant::now();
        while !alertmanager.call(&["alert", "query"]).status().unwrap().success() {
            let log = || fs::read_to_string(bed.dir.join("prometheus-alertmanager.log")).unwrap_or_default();
            assert!(start.elapsed() < GUARD, "Alertmanager does not answer; log:\n{}", log());
            sleep(Duration::from_millis(100));
        }
        Some(alertmanager)
    }

    fn call(&self, arguments: &[&str]) -> Command {
        let url = format!("--alertmanager.url=http://{ALERTMANAGER}");
        let mut command = command_in(&self.bed.ns("b"), &self.amtool, &[&[url.as_str()], arguments].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Raises an alert, `labels` as in `kind=host target=203.0.113.7`.
    fn raise(&self, labels: &str) {
        let arguments: Vec<&str> = ["alert", "add"].into_iter().chain(labels.split(' ')).collect();
        let output = self.call(&arguments).output().unwrap();
        assert!(output.status.success(), "{labels}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn query(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.call(&[&["--output=json", "alert", "query"], arguments].concat()).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn wait_for(&self, arguments: &[&str], good: impl Fn(&[Value]) -> bool) {
        let start = Instant::now();
        loop {
            let alerts = self.query(arguments);
            if good(&alerts) {
                return;
            }
            assert!(start.elapsed() < GUARD, "{arguments:?} still gives {alerts:?}");
            sleep(Duration::from_millis(100));
        }
    }

    /// The names of the test (label `case`) that are told, and those that are muted.
    fn told(&self) -> (Vec<String>, Vec<String>) {
        let of = |flag: &str| -> Vec<String> {
            let alerts = self.query(&[flag]);
            let cases = alerts.iter().filter_map(|alert| alert["labels"]["case"].as_str());
            let mut cases: Vec<String> = cases.map(str::to_owned).collect();
            cases.sort();
            cases
        };
        (of("--active"), of("--inhibited"))
    }
}

#[test]
fn alertmanager_tells_each_thing_once_and_keeps_drills_apart() {
    let Some(bed) = Bed::new("alertmanager") else { return };
    let Some(alertmanager) = Alertmanager::start(&bed) else { return };
    let cases = [
        // Pushed, and the same through Prometheus, on two sensors.
        "case=told-1 alertname=PegelIncident kind=host target=203.0.113.7 prefix=203.0.113.0/24 direction=outbound severity=critical",
        "case=muted-1 alertname=PegelIncidentCritical target=203.0.113.7 direction=outbound severity=critical instance=gw1 drill=false",
        "case=muted-2 alertname=PegelIncidentWarning target=203.0.113.7 direction=outbound severity=warning instance=gw2 drill=false",
        // The other direction is another incident; and none that is louder than what was pushed is muted by it.
        "case=told-2 alertname=PegelIncidentWarning target=203.0.113.7 direction=inbound severity=warning instance=gw1 drill=false",
        "case=told-3 alertname=PegelIncident kind=host target=198.51.100.9 direction=inbound severity=info",
        "case=told-4 alertname=PegelIncidentCritical target=198.51.100.9 direction=inbound severity=critical instance=gw2 drill=false",
        "case=muted-3 alertname=PegelIncidentWarning target=198.51.100.9 direction=inbound severity=warning instance=gw2 drill=false",
        // A host in a network that is hit; one of another network, one the other way, one that is worse, one without.
        "case=told-5 alertname=PegelIncident kind=prefix target=192.0.2.0/24 prefix=192.0.2.0/24 direction=inbound severity=warning",
        "case=muted-4 alertname=PegelIncident kind=host target=192.0.2.5 prefix=192.0.2.0/24 direction=inbound severity=warning",
        "case=told-6 alertname=PegelIncident kind=host target=198.51.100.5 prefix=198.51.100.0/24 direction=inbound severity=warning",
        "case=told-7 alertname=PegelIncident kind=host target=192.0.2.5 prefix=192.0.2.0/24 direction=outbound severity=warning",
        "case=told-8 alertname=PegelIncident kind=host target=192.0.2.6 prefix=192.0.2.0/24 direction=inbound severity=critical",
        "case=told-9 alertname=PegelIncident kind=station target=52:54:00:de:ad:01 direction=inbound severity=critical",
        // A drill about a real target mutes nothing and is not muted.
        "case=told-drill-1 alertname=PegelIncident kind=host target=203.0.113.20 direction=inbound severity=critical drill=true",
        "case=told-10 alertname=PegelIncidentCritical target=203.0.113.20 direction=inbound severity=critical instance=gw1 drill=false",
        "case=told-drill-2 alertname=PegelIncident kind=host target=192.0.2.7 prefix=192.0.2.0/24 direction=inbound severity=warning drill=true",
        "case=told-drill-3 alertname=PegelIncident kind=prefix target=203.0.112.0/24 prefix=203.0.112.0/24 direction=inbound severity=critical drill=true",
        "case=told-11 alertname=PegelIncident kind=host target=203.0.112.1 prefix=203.0.112.0/24 direction=inbound severity=warning",
        // What does not hold on a host.
        "case=told-12 alertname=PegelIncident kind=sensor target=firewall direction=internal severity=warning",
        "case=muted-5 alertname=PegelPostureFailed target=firewall check=firewall direction=internal severity=warning instance=gw1",
        "case=told-13 alertname=PegelPostureFailed target=route6 check=route6 direction=internal severity=warning instance=gw1",
        // A blind sensor, and another that only sees little.
        "case=told-14 alertname=PegelCaptureDown severity=critical instance=gw1",
        "case=muted-6 alertname=PegelCoverageLow severity=warning instance=gw1",
        "case=told-15 alertname=PegelCoverageLow severity=warning instance=gw2",
        "case=told-16 alertname=PegelCaptureDrops severity=warning instance=gw3 interface=eno1 stage=kernel",
        "case=muted-7 alertname=PegelCoverageLow severity=warning instance=gw3",
    ];
    for labels in cases {
        alertmanager.raise(labels);
    }
    let expected = |word: &str| {
        let names = cases.iter().filter_map(|labels| labels.split(' ').next()?.strip_prefix("case="));
        let mut names: Vec<String> = names.filter(|name| name.starts_with(word)).map(str::to_owned).collect();
        names.sort();
        names
    };
    let expected = (expected("told"), expected("muted"));
    // What mutes is known to the one who asks a moment after it was raised.
    let start = Instant::now();
    let mut told = alertmanager.told();
    while told != expected && start.elapsed() < GUARD {
        sleep(Duration::from_millis(100));
        told = alertmanager.told();
    }
    assert_eq!(told, expected);
}
