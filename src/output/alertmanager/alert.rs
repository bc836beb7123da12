//! An incident as an alert. Labels are who and what, and nothing that changes with the traffic: they are the alert's
//! identity there. Figures are annotations.

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

pub type Labels = BTreeMap<String, String>;

/// As `POST /api/v2/alerts` takes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub labels: Labels,
    pub annotations: BTreeMap<&'static str, String>,
    pub starts_at: Timestamp,
    /// In the future while it is open: when it lapses unless it is told again.
    pub ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
}

/// Where an alert leads to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    /// Pegel's own pages as people reach them; empty: no link to the incident.
    pub external_url: String,
    /// A dashboard; empty: none.
    pub dashboard_url: String,
    /// A file or page with what to do; empty: none.
    pub runbook_url: String,
}

/// The stable identity of an incident. Empty values are left out: to Alertmanager that is the same.
pub fn labels(incident: &Incident, external: &Labels) -> Labels {
    let target = &incident.target;
    let told = [
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
        ("maintenance", yes(incident.maintenance.is_some())),
        ("drill", yes(incident.drill)),
    ];
    let mut labels = external.clone();
    labels
        .extend(told.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)));
    labels
}

fn yes(is: bool) -> String {
    if is { "true".to_owned() } else { String::new() }
}

/// The network that an incident about one of its hosts is a part of: what inhibition goes by.
fn prefix(incident: &Incident) -> String {
    let target = &incident.target;
    if let Some(prefix) = &target.prefix {
        return prefix.clone();
    }
    let Some(address) = target.address.map(|address| address.ip()) else { return String::new() };
    let length = if address.is_ipv4() { 24 } else { 48 };
    ipnet::IpNet::new(address, length).map(|network| network.trunc().to_string()).unwrap_or_default()
}

/// What is told of an incident at this moment.
pub fn annotations(incident: &Incident, links: &Links) -> BTreeMap<&'static str, String> {
    let mut notes = BTreeMap::from([
        ("summary", text::summary(incident)),
        ("description", text::report(incident)),
        ("evidence", text::evidence(incident)),
        ("vectors", incident.vectors.iter().map(|vector| vector.name()).collect::<Vec<_>>().join(",")),
        ("packets_per_second", incident.peak.packets_per_second.to_string()),
        ("bits_per_second", incident.peak.bits_per_second.to_string()),
        ("incident", incident.id.clone()),
    ]);
    if let Some(maintenance) = &incident.maintenance {
        notes.insert("maintenance", maintenance.why.clone());
    }
    for (name, link) in [("dashboard", &links.dashboard_url), ("runbook", &links.runbook_url)] {
        if !link.is_empty() {
            notes.insert(name, link.clone());
        }
    }
    notes
}

/// Pegel's page about an incident.
pub fn generator(incident: &Incident, links: &Links) -> String {
    match links.external_url.trim_end_matches('/') {
        "" => String::new(),
        base => format!("{base}/api/v1/incidents/{}", incident.id),
    }
}
