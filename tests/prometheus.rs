//! A real Prometheus scrapes a real Pegel, evaluates the rules of `deploy/` and answers the queries of the dashboard; a
//! real Alertmanager receives the alerts of both. Runs in separate network namespaces, as root, if the servers are
//! installed; otherwise a test prints what is missing and passes. The clock only guards against hanging.

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
/// The value of `$__rate_interval` here: several scrapes.
const RATE_INTERVAL: &str = "15s";

/// Substrings of dashboard expressions that have no data here, and the reason.
const WITHOUT_DATA: &[(&str, &str)] =
    &[("pegel_packet_anomalies_total", "nothing malformed is sent"), ("pegel_inventory_problems", "there are none")];

fn deploy(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

/// Prometheus in the namespace of Pegel.
struct Prometheus<'b> {
    bed: &'b Bed,
    promtool: PathBuf,
    server: Background,
}

impl<'b> Prometheus<'b> {
    /// Scrapes and evaluates the rules of `deploy/` every second.
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

    /// The current result of an expression: series with labels and value.
    fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let url = format!("http://{PROMETHEUS}");
        let output =
            command_in(&self.bed.ns("b"), &self.promtool, &["query", "instant", "--format=json", &url, expression])
                .output()
                .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !output.status.success() {
            return Err(text(&output.stdout) + &text(&output.stderr));
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stdout))))
    }

    fn wait_for(&self, expression: &str, good: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let answer = self.query(expression);
            if answer.as_ref().is_ok_and(|answer| good(answer)) {
                return answer.unwrap();
            }
            let log = || fs::read_to_string(self.bed.dir.join("prometheus.log")).unwrap_or_default();
            assert!(start.elapsed() < 2 * GUARD, "{expression} still gives {answer:?}; log:\n{}", log());
            sleep(Duration::from_millis(100));
        }
    }

    /// The value of an expression with a single series.
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
    assert_eq!(prometheus.query(&critical), Ok(Vec::new()), "nothing has happened yet");
    // Counters must be scraped twice at 0, or their increase would not be visible.
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

    let expect_alerts = |expected: usize| {
        let Some(alertmanager) = &alertmanager else { return };
        alertmanager.wait_for(&["--active", "alertname=PegelIncidentCritical"], |alerts| alerts.len() == expected);
    };
    expect_alerts(1);

    // Outbound traffic as well.
    let fetched = bed.peer("a", &["fetch", &address, "200000", "20"]).output().unwrap();
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(deploy("grafana/pegel.json")).unwrap()).unwrap();
    let (mut asked, mut without) = (0, 0);
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap().replace("$instance", ".+");
            let expression = expression.replace("$__rate_interval", RATE_INTERVAL);
            assert!(!expression.contains('$'), "{expression}: unknown variable");
            asked += 1;
            if let Some((_, why)) = WITHOUT_DATA.iter().find(|(part, _)| expression.contains(part)) {
                without += 1;
                let answer = prometheus.query(&expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
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
    expect_alerts(0);
    let quiet = prometheus.query("pegel_incident_active").unwrap();
    assert_eq!(quiet, Vec::<Value>::new(), "the incident is over");
    let log = pegel.stop().0;
    assert!(log.contains("incident closed: over after "), "{log}");
    // The alert fires two minutes after the sensor has stopped; this test does not wait for that.
    prometheus.wait_for("ALERTS{alertname=\"PegelDown\", alertstate=\"pending\"}", |answer| answer.len() == 1);
}

/// Number of series on a metrics page: all lines except comments.
fn series(page: &str) -> usize {
    page.lines().filter(|line| !line.starts_with('#')).count()
}

/// As documented: series at the start with one interface, and the maximum.
const FIXED_SERIES: usize = 1200;
const MOST_SERIES: usize = FIXED_SERIES + 4 * MAX_HOSTS + 4 * MAX_GUESTS + 6 * MAX_TARGETS;

#[test]
fn a_million_sources_leave_the_page_within_its_cap() {
    let Some(bed) = Bed::new("million") else { return };
    if tool("prometheus").is_none() {
        return;
    }
    // More hosts under attack than the maximum with series, and few enough per network that no prefix is the target.
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
        let (series, bytes) = (series(&page), page.len());
        println!(
            "{when}: {series} series, {bytes} bytes; {samples} samples scraped in {median:.1} ms (median), {most:.1} at most"
        );
        assert!(samples <= MOST_SERIES as f64, "{when}: {samples} samples, at most {MOST_SERIES} are promised");
        series
    };
    // The queries cover ten scrapes.
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

/// Alertmanager with the configuration of `deploy/`.
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

    /// The values of the label `case` of active and of inhibited alerts.
    fn cases(&self) -> (Vec<String>, Vec<String>) {
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
fn alertmanager_notifies_once_per_incident_and_separates_drills() {
    let Some(bed) = Bed::new("alertmanager") else { return };
    let Some(alertmanager) = Alertmanager::start(&bed) else { return };
    let cases = [
        // Pushed, and the same incident through Prometheus, on two sensors.
        "case=active-1 alertname=PegelIncident kind=host target=203.0.113.7 prefix=203.0.113.0/24 direction=outbound severity=critical",
        "case=inhibited-1 alertname=PegelIncidentCritical target=203.0.113.7 direction=outbound severity=critical instance=gw1 drill=false",
        "case=inhibited-2 alertname=PegelIncidentWarning target=203.0.113.7 direction=outbound severity=warning instance=gw2 drill=false",
        // The other direction is a separate incident; an alert more severe than the pushed one is not inhibited.
        "case=active-2 alertname=PegelIncidentWarning target=203.0.113.7 direction=inbound severity=warning instance=gw1 drill=false",
        "case=active-3 alertname=PegelIncident kind=host target=198.51.100.9 direction=inbound severity=info",
        "case=active-4 alertname=PegelIncidentCritical target=198.51.100.9 direction=inbound severity=critical instance=gw2 drill=false",
        "case=inhibited-3 alertname=PegelIncidentWarning target=198.51.100.9 direction=inbound severity=warning instance=gw2 drill=false",
        // A host in a prefix under attack; one of another prefix, one in the other direction, one more severe, a
        // station.
        "case=active-5 alertname=PegelIncident kind=prefix target=192.0.2.0/24 prefix=192.0.2.0/24 direction=inbound severity=warning",
        "case=inhibited-4 alertname=PegelIncident kind=host target=192.0.2.5 prefix=192.0.2.0/24 direction=inbound severity=warning",
        "case=active-6 alertname=PegelIncident kind=host target=198.51.100.5 prefix=198.51.100.0/24 direction=inbound severity=warning",
        "case=active-7 alertname=PegelIncident kind=host target=192.0.2.5 prefix=192.0.2.0/24 direction=outbound severity=warning",
        "case=active-8 alertname=PegelIncident kind=host target=192.0.2.6 prefix=192.0.2.0/24 direction=inbound severity=critical",
        "case=active-9 alertname=PegelIncident kind=station target=52:54:00:de:ad:01 direction=inbound severity=critical",
        // A drill on a real target neither inhibits nor is inhibited.
        "case=active-drill-1 alertname=PegelIncident kind=host target=203.0.113.20 direction=inbound severity=critical drill=true",
        "case=active-10 alertname=PegelIncidentCritical target=203.0.113.20 direction=inbound severity=critical instance=gw1 drill=false",
        "case=active-drill-2 alertname=PegelIncident kind=host target=192.0.2.7 prefix=192.0.2.0/24 direction=inbound severity=warning drill=true",
        "case=active-drill-3 alertname=PegelIncident kind=prefix target=203.0.112.0/24 prefix=203.0.112.0/24 direction=inbound severity=critical drill=true",
        "case=active-11 alertname=PegelIncident kind=host target=203.0.112.1 prefix=203.0.112.0/24 direction=inbound severity=warning",
        // Posture failures.
        "case=active-12 alertname=PegelIncident kind=sensor target=firewall direction=internal severity=warning",
        "case=inhibited-5 alertname=PegelPostureFailed target=firewall check=firewall direction=internal severity=warning instance=gw1",
        "case=active-13 alertname=PegelPostureFailed target=route6 check=route6 direction=internal severity=warning instance=gw1",
        // A sensor that captures nothing, and one with low coverage.
        "case=active-14 alertname=PegelCaptureDown severity=critical instance=gw1",
        "case=inhibited-6 alertname=PegelCoverageLow severity=warning instance=gw1",
        "case=active-15 alertname=PegelCoverageLow severity=warning instance=gw2",
        "case=active-16 alertname=PegelCaptureDrops severity=warning instance=gw3 interface=eno1 stage=kernel",
        "case=inhibited-7 alertname=PegelCoverageLow severity=warning instance=gw3",
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
    let expected = (expected("active"), expected("inhibited"));
    // Inhibition takes effect shortly after the alerts were raised.
    let start = Instant::now();
    let mut cases_now = alertmanager.cases();
    while cases_now != expected && start.elapsed() < GUARD {
        sleep(Duration::from_millis(100));
        cases_now = alertmanager.cases();
    }
    assert_eq!(cases_now, expected);
}
