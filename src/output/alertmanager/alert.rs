//! An incident as an alert. Labels are the identity of an alert, so they contain target and class, and nothing that
//! changes with the traffic. Figures are annotations.

use super::super::text;
use crate::base::Timestamp;
use crate::incident::Incident;
use serde::Serialize;
use std::collections::BTreeMap;

/// The names of the labels that Pegel sets.
pub const LABELS: [&str; 12] = [
    "alertname",
    "kind",
    "target",
    "prefix",
    "class",
    "direction",
    "severity",
    "interface",
    "vlan",
    "guest",
    "maintenance",
    "drill",
];

/// Names and values.
pub(super) type Labels = BTreeMap<String, String>;

/// An alert in the format of `POST /api/v2/alerts`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    pub labels: Labels,
    pub annotations: BTreeMap<&'static str, String>,
    pub starts_at: Timestamp,
    /// While it is open: the time in the future at which it expires unless it is refreshed.
    pub ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
}

/// The links of alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    /// The public URL of Pegel; empty: no link to the incident.
    pub external_url: String,
    /// A dashboard; empty: none.
    pub dashboard_url: String,
    /// A runbook; empty: none.
    pub runbook_url: String,
}

/// The labels of an incident, added to `external`. Without empty ones: to Alertmanager, an empty label is an absent
/// one.
pub(super) fn labels(incident: &Incident, external: &Labels) -> Labels {
    let target = &incident.target;
    let own = [
        ("alertname", "PegelIncident".to_owned()),
        ("kind", target.kind.to_owned()),
        ("target", target.label()),
        ("prefix", prefix(incident)),
        ("class", incident.vector.class().name().to_owned()),
        ("direction", incident.direction.name().to_owned()),
        ("severity", incident.severity.name().to_owned()),
        ("interface", target.interface.clone().unwrap_or_default()),
        ("vlan", target.vlan.map(|vlan| vlan.to_string()).unwrap_or_default()),
        ("guest", target.guest.clone().unwrap_or_default()),
        ("maintenance", flag(incident.maintenance.is_some())),
        ("drill", flag(incident.drill)),
    ];
    let mut labels = external.clone();
    labels.extend(own.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)));
    labels
}

fn flag(is_set: bool) -> String {
    if is_set { "true".to_owned() } else { String::new() }
}

/// The network of the target, for inhibition: an alert of a whole prefix inhibits those of its hosts.
fn prefix(incident: &Incident) -> String {
    let target = &incident.target;
    if let Some(prefix) = &target.prefix {
        return prefix.clone();
    }
    let Some(address) = target.address.map(|address| address.ip()) else { return String::new() };
    let length = if address.is_ipv4() { 24 } else { 48 };
    ipnet::IpNet::new(address, length).map(|network| network.trunc().to_string()).unwrap_or_default()
}

/// The current description and figures of an incident. `replaced`: it goes on, as an alert with other labels.
pub(super) fn annotations(incident: &Incident, replaced: bool, links: &Links) -> BTreeMap<&'static str, String> {
    let summary = text::summary(incident);
    let mut annotations = BTreeMap::from([
        ("summary", if replaced { format!("continues as another alert: {summary}") } else { summary }),
        ("description", text::report(incident)),
        ("evidence", text::evidence(incident)),
        ("vectors", incident.vectors.iter().map(|vector| vector.name()).collect::<Vec<_>>().join(",")),
        ("packets_per_second", incident.peak.packets_per_second.to_string()),
        ("bits_per_second", incident.peak.bits_per_second.to_string()),
        ("incident", incident.id.clone()),
    ]);
    if let Some(maintenance) = &incident.maintenance {
        annotations.insert("maintenance", maintenance.why.clone());
    }
    if let Some(url) = &incident.evidence_url {
        annotations.insert("evidence_url", url.clone());
    }
    for (name, link) in [("dashboard", &links.dashboard_url), ("runbook", &links.runbook_url)] {
        if !link.is_empty() {
            annotations.insert(name, link.clone());
        }
    }
    annotations
}

/// The URL of an incident's page.
pub(super) fn generator(incident: &Incident, links: &Links) -> String {
    match links.external_url.trim_end_matches('/') {
        "" => String::new(),
        base => format!("{base}/incidents/{}", incident.id),
    }
}
