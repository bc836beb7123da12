//! The files in `deploy/` for Prometheus, Alertmanager and Grafana: checked with promtool and amtool, against the
//! catalogue of metrics and against each other. Needs neither root nor network.

mod tools;

use pegel::metrics::METRICS;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use tools::{run, tool};

/// The alert that Pegel pushes to Alertmanager, without a rule.
const PUSHED: &str = "PegelIncident";
const HEADINGS: &[&str] = &["Meaning", "Diagnosis", "Mitigation", "False positives"];
/// Added to every series by Prometheus, or by its scrape configuration.
const TARGET_LABELS: &[&str] = &["job", "instance", "role", "le"];

fn deploy(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(deploy(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    assert!(!files.is_empty(), "no {ending} in deploy/{folder}");
    files
}

fn names(files: &[PathBuf]) -> Vec<&str> {
    files.iter().map(|file| file.to_str().unwrap()).collect()
}

fn yaml(file: &PathBuf) -> Value {
    let text = fs::read_to_string(file).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}

/// Every rule of every file.
fn rules() -> Vec<Value> {
    let files = files("prometheus", ".rules.yml");
    let groups = files.iter().map(yaml).flat_map(|file| list(&file, "groups").cloned().collect::<Vec<_>>());
    groups.flat_map(|group| list(&group, "rules").cloned().collect::<Vec<_>>()).collect()
}

/// Alerts by name.
fn alerts() -> BTreeMap<String, Value> {
    rules().into_iter().filter_map(|rule| Some((rule["alert"].as_str()?.to_owned(), rule))).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(deploy("grafana/pegel.json")).unwrap()).unwrap()
}

/// All panels but rows.
fn panels(dashboard: &Value) -> Vec<&Value> {
    list(dashboard, "panels").filter(|panel| panel["type"] != "row").collect()
}

/// Names in an expression that begin with `pegel`, with the labels in their selectors.
fn series(text: &str) -> Vec<(String, Vec<String>)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("pegel") {
        let inside = rest[..at].ends_with(part);
        let name: String = rest[at..].chars().take_while(|c| part(*c)).collect();
        rest = &rest[at + name.len()..];
        // Neither a job name nor a path.
        if inside || !name.contains(['_', ':']) {
            continue;
        }
        let labels = rest.strip_prefix('{').and_then(|braced| braced.split_once('}')).map_or("", |(inner, _)| inner);
        let words = labels.split([',', ' ', '\n']).filter_map(|word| word.split_once(['=', '!']));
        found.push((name, words.map(|(label, _)| label.to_owned()).filter(|label| !label.is_empty()).collect()));
    }
    found
}

/// Labels of a metric, if it exists.
fn labels_of(name: &str) -> Option<Vec<&'static str>> {
    let plain = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let spec = METRICS.iter().find(|spec| spec.name == name || spec.name == plain)?;
    Some(spec.labels.iter().chain(TARGET_LABELS).copied().collect())
}

#[test]
fn the_rules_are_valid() {
    let Some(promtool) = tool("promtool") else { return };
    let files = files("prometheus", ".rules.yml");
    run(&promtool, &[&["check", "rules"], names(&files).as_slice()].concat());
    run(&promtool, &["check", "config", deploy("prometheus/prometheus.yml").to_str().unwrap()]);
}

#[test]
fn the_rules_fire_only_when_they_should() {
    let Some(promtool) = tool("promtool") else { return };
    let files = files("prometheus/tests", ".yml");
    run(&promtool, &[&["test", "rules"], names(&files).as_slice()].concat());
}

#[test]
fn every_alert_is_tested_firing_and_silent() {
    let mut tested: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for file in files("prometheus/tests", ".yml") {
        for test in list(&yaml(&file), "tests") {
            for case in list(test, "alert_rule_test") {
                let (fires, silent) = tested.entry(case["alertname"].as_str().unwrap().to_owned()).or_default();
                *(if list(case, "exp_alerts").next().is_some() { fires } else { silent }) = true;
            }
        }
    }
    let expected = alerts().into_keys().map(|name| (name, (true, true))).collect();
    assert_eq!(tested, expected, "alert: (a case where it fires, one where it does not)");
}

#[test]
fn alerts_have_severity_and_annotations() {
    for (name, alert) in alerts() {
        assert!(name.starts_with("Pegel"), "{name}");
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: severity {severity:?}");
        for key in ["summary", "description"] {
            let text = alert["annotations"][key].as_str().unwrap_or_default();
            assert!(text.len() > 10, "{name}: {key} {text:?}");
        }
        // A rate needs two samples, and the scrape interval may be a minute.
        let expression = alert["expr"].as_str().unwrap();
        for short in ["[1m]", "[30s]", "[10s]"] {
            assert!(!expression.contains(short), "{name}: {short} is too short for a scrape interval of a minute");
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let mut expected: BTreeSet<String> = alerts().into_keys().collect();
    for (name, alert) in alerts() {
        assert_eq!(alert["annotations"]["runbook"], format!("/usr/share/doc/pegel/runbooks/{name}.md"), "{name}");
    }
    expected.insert(PUSHED.to_owned());
    let pages = files("runbooks", ".md");
    let there: BTreeSet<String> = pages.iter().map(|page| page.file_stem().unwrap().to_str().unwrap().into()).collect();
    assert_eq!(there, expected);
    for page in pages {
        let (text, page) = (fs::read_to_string(&page).unwrap(), page.display().to_string());
        let mut parts = text.split("\n## ");
        let title = parts.next().unwrap().trim();
        assert!(page.ends_with(&format!("{}.md", title.trim_start_matches("# "))), "{page}: its title is {title:?}");
        let parts: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('\n')).collect();
        assert_eq!(parts.iter().map(|(heading, _)| *heading).collect::<Vec<_>>(), HEADINGS, "{page}");
        for (heading, text) in parts {
            assert!(text.trim().len() > 20, "{page}: nothing under {heading:?}");
        }
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            assert!(there.iter().any(|name| format!("{name}.md") == target), "{page}: no page {target}");
        }
        for (name, _) in series(&text).into_iter().filter(|(name, _)| !name.ends_with(['_', ':'])) {
            let recorded = rules().iter().any(|rule| rule["record"] == *name);
            assert!(labels_of(&name).is_some() || recorded, "{page}: no metric {name}");
        }
    }
}

#[test]
fn the_class_of_each_pushed_alert_has_a_section_in_its_runbook() {
    let text = fs::read_to_string(deploy("runbooks/PegelIncident.md")).unwrap();
    let parts: Vec<&str> = text.split("\n## ").skip(1).collect();
    for class in pegel::base::VectorClass::ALL {
        for part in &parts[..3] {
            let heading = part.lines().next().unwrap();
            assert!(part.contains(&format!("\n### {}\n", class.name())), "{} is missing in {heading:?}", class.name());
        }
    }
}

#[test]
fn rules_and_dashboard_use_existing_metrics() {
    let rules = rules();
    let recorded: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["record"].as_str()).collect();
    let mut asked: Vec<(String, String)> = Vec::new();
    for file in files("prometheus", ".rules.yml") {
        let text = fs::read_to_string(&file).unwrap();
        // Comments name alerts and files.
        let code = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
        asked.push((file.display().to_string(), code));
    }
    let dashboard = dashboard();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        asked.extend(list(panel, "targets").map(|t| (title.to_owned(), t["expr"].as_str().unwrap().to_owned())));
    }
    let variables = dashboard["templating"]["list"].to_string();
    asked.push(("variables".to_owned(), variables));
    let mut seen = 0;
    for (origin, text) in asked {
        for (name, labels) in series(&text) {
            seen += 1;
            if name.starts_with("pegel:") {
                assert!(recorded.contains(name.as_str()), "{origin}: nothing records {name}");
                continue;
            }
            let known = labels_of(&name).unwrap_or_else(|| panic!("{origin}: no metric {name}"));
            for label in labels {
                assert!(known.contains(&label.as_str()), "{origin}: {name} has no label {label}");
            }
        }
    }
    assert!(seen > 80, "only {seen} names were found: does the search still work?");
}

#[test]
fn alertmanager_accepts_its_configuration_and_routes_by_it() {
    let Some(amtool) = tool("amtool") else { return };
    let file = deploy("prometheus/alertmanager.yml");
    let file = file.to_str().unwrap();
    run(&amtool, &["check-config", file]);
    let config = format!("--config.file={file}");
    for (labels, receiver) in [
        ("alertname=PegelIncident severity=critical kind=host", "pager"),
        ("alertname=PegelIncidentCritical severity=critical maintenance=false drill=false", "pager"),
        ("alertname=PegelDown severity=critical", "pager"),
        ("alertname=PegelIncident severity=warning kind=host", "operator"),
        ("alertname=PegelIncidentWarning severity=warning maintenance=false drill=false", "operator"),
        ("alertname=PegelTableFull severity=warning", "operator"),
        ("alertname=PegelIncident severity=info", "silence"),
        ("alertname=PegelIncidentInfo severity=info maintenance=true", "silence"),
        ("alertname=PegelIncident severity=warning maintenance=true", "maintenance"),
        ("alertname=PegelIncidentWarning severity=warning maintenance=true", "maintenance"),
        // Critical during maintenance: several times over its limit.
        ("alertname=PegelIncident severity=critical maintenance=true", "pager"),
        ("alertname=PegelIncident severity=critical drill=true", "drills"),
        ("alertname=PegelIncident severity=info drill=true maintenance=true", "drills"),
        ("alertname=PegelIncidentDrill severity=info drill=true", "drills"),
    ] {
        let arguments = ["config", "routes", "test", &config].into_iter().chain(labels.split(' ')).collect::<Vec<_>>();
        let said = run(&amtool, &arguments);
        assert_eq!(said.lines().next(), Some(receiver), "{labels}: {said}");
    }
}

#[test]
fn critical_alerts_have_no_group_wait() {
    let config = yaml(&deploy("prometheus/alertmanager.yml"));
    let critical = |route: &&Value| route["matchers"].to_string().contains("severity=\\\"critical\\\"");
    let route = list(&config["route"], "routes").find(critical).expect("a route for critical alerts");
    assert_eq!(route["group_wait"], "0s");
}

#[test]
fn the_dashboard_is_consistent() {
    let dashboard = dashboard();
    let all: Vec<&Value> = list(&dashboard, "panels").collect();
    let ids: BTreeSet<u64> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "identifiers of panels are unique");
    let titles: BTreeSet<&str> = all.iter().map(|panel| panel["title"].as_str().unwrap()).collect();
    assert_eq!(titles.len(), all.len(), "titles are unique");
    let mut taken = BTreeMap::new();
    for panel in &all {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(x + w <= 24 && w > 0 && h > 0, "{} is wider than the grid", panel["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            let other = taken.insert(cell, &panel["title"]);
            assert!(other.is_none(), "{} lies over {}", panel["title"], other.unwrap_or(&Value::Null));
        }
    }
    let variables: Vec<&str> = list(&dashboard["templating"], "list").map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(variables, ["datasource", "instance"]);
}

#[test]
fn every_panel_has_a_description() {
    let dashboard = dashboard();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title}: no description");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let units = panel["fieldConfig"].to_string();
        assert!(units.contains("\"unit\""), "{title}: no unit");
        let targets: Vec<&Value> = list(panel, "targets").collect();
        let refs: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert!(!targets.is_empty() && refs.len() == targets.len(), "{title}: targets {refs:?}");
        for target in &targets {
            let expression = target["expr"].as_str().unwrap();
            assert!(expression.contains("instance=~\"$instance\""), "{title}: not for the chosen sensor");
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            let single = panel["type"] == "table" || (panel["type"] == "stat" && targets.len() == 1);
            assert!(single || !legend.is_empty(), "{title}: no legend");
        }
    }
}
