//! Where reports get their material from: the only file of this room that reads the store.

use super::input::Scope;
use crate::base::Timestamp;
use crate::incident::Incident;
use crate::store::{
    DirectionMinute, Filter, KeptPacket, PeriodCoverage, Reader, StoreError, StoredIncident, SubjectKind, SubjectMinute,
};
use std::collections::BTreeSet;

/// Days before an incident whose minutes show the normal traffic.
const USUAL_DAYS: f64 = 28.0;
const SECONDS_PER_DAY: f64 = 86_400.0;
/// Other incidents of the same target that a report knows of, the latest ones.
const RELATED: usize = 200;
/// Minutes that one report holds: a month of ten guests. Beyond it, a report on everything leaves the traffic out.
const MOST_MINUTES: u64 = 500_000;

/// What is known of one incident.
pub struct IncidentMaterial {
    /// The incident.
    pub stored: StoredIncident,
    /// Incidents of the same target within a day, the latest 200.
    pub related: Vec<Incident>,
    /// Packets kept as evidence.
    pub packets: Vec<KeptPacket>,
    /// Minutes of the target on the days before.
    pub minutes: Vec<SubjectMinute>,
}

/// What is known of a period.
pub struct PeriodMaterial {
    /// Incidents in scope that overlap it.
    pub incidents: Vec<Incident>,
    /// How much was captured.
    pub coverage: PeriodCoverage,
    /// Minutes of the hosts and guests in scope.
    pub minutes: Vec<SubjectMinute>,
    /// The traffic was left out, because there is too much.
    pub left_out: bool,
}

/// The incident with this ID; `None` where there is none.
///
/// # Errors
/// The store cannot be read.
pub fn incident_material(reader: &Reader, id: &str) -> Result<Option<IncidentMaterial>, StoreError> {
    let Some(stored) = reader.incident(id)? else { return Ok(None) };
    let incident = &stored.incident;
    let (packets, _) = reader.packets(id)?;
    let target = Some(incident.target.label());
    let (from, to) =
        (incident.onset().minus_seconds(SECONDS_PER_DAY), incident.updated_at.plus_seconds(SECONDS_PER_DAY));
    let filter = Filter { target, from: Some(from), to: Some(to), limit: RELATED, ..Filter::default() };
    let mut related = reader.incidents(&filter)?.incidents;
    related.retain(|other| other.id != incident.id);
    related.reverse();
    let minutes = match incident.target.address {
        Some(address) => {
            let from = incident.onset().minus_seconds(USUAL_DAYS * SECONDS_PER_DAY);
            reader.minutes(SubjectKind::Host, Some(&address.to_string()), from, incident.onset())?
        }
        None => Vec::new(),
    };
    Ok(Some(IncidentMaterial { stored, related, packets, minutes }))
}

/// A period.
///
/// # Errors
/// The store cannot be read.
pub fn period_material(
    reader: &Reader,
    from: Timestamp,
    to: Timestamp,
    scope: &Scope,
) -> Result<PeriodMaterial, StoreError> {
    let filter = Filter { from: Some(from), to: Some(to), ..Filter::default() };
    let interface = if let Scope::Interface(name) = scope { Some(name.as_str()) } else { None };
    let mut incidents = reader.all_incidents(&filter)?;
    incidents.retain(|incident| is_in_scope(incident, scope));
    incidents.reverse();
    let coverage = reader.coverage(from, to, interface)?;
    let (subjects, left_out) = subjects(reader, scope, from, to)?;
    let mut minutes = Vec::new();
    let captured = if subjects.is_empty() { BTreeSet::new() } else { reader.complete_minutes(from, to)? };
    for (kind, subject) in subjects {
        let found = reader.minutes(kind, Some(&subject), from, to)?;
        let known: BTreeSet<Timestamp> = found.iter().map(|minute| minute.minute).collect();
        minutes.extend(found);
        // A guest of which nothing is stored had no traffic; of a host, nothing is known: it may have been below what is counted.
        let silent = if kind == SubjectKind::Guest { captured.clone() } else { BTreeSet::new() };
        minutes.extend(silent.difference(&known).map(|&minute| SubjectMinute {
            minute,
            kind,
            subject: subject.clone(),
            received: DirectionMinute::default(),
            sent: DirectionMinute::default(),
        }));
    }
    Ok(PeriodMaterial { incidents, coverage, minutes, left_out })
}

/// Whether an incident is about what is in scope, or may be: a flood of a network is one of its hosts and guests as well.
fn is_in_scope(incident: &Incident, scope: &Scope) -> bool {
    let target = &incident.target;
    let prefix = target.prefix.as_ref().and_then(|prefix| prefix.parse::<ipnet::IpNet>().ok());
    match scope {
        Scope::All => true,
        Scope::Host(host) => target.address == Some(*host) || prefix.is_some_and(|prefix| prefix.contains(&host.ip())),
        Scope::Guest(guest) => prefix.is_some() || target.guest.as_ref().is_some_and(|label| is_guest(label, guest)),
        Scope::Network(network) => {
            target.address.is_some_and(|address| network.contains(&address.ip()))
                || prefix.is_some_and(|prefix| network.contains(&prefix) || prefix.contains(network))
        }
        // Floods are counted over all interfaces.
        Scope::Interface(name) => target.interface.as_ref().is_none_or(|interface| interface == name),
    }
}

/// Whether a label is that of a guest, which is given by its label or ID.
fn is_guest(label: &str, guest: &str) -> bool {
    label == guest || label.split(" (").next() == Some(guest)
}

/// Hosts and guests in scope that have minutes; and whether they were left out, because they have too many.
fn subjects(
    reader: &Reader,
    scope: &Scope,
    from: Timestamp,
    to: Timestamp,
) -> Result<(Vec<(SubjectKind, String)>, bool), StoreError> {
    let of = |kind: SubjectKind| -> Result<Vec<(SubjectKind, String)>, StoreError> {
        Ok(reader.subjects(kind, from, to)?.into_iter().map(|subject| (kind, subject)).collect())
    };
    let all = match scope {
        Scope::Host(address) => vec![(SubjectKind::Host, address.to_string())],
        Scope::Guest(guest) => {
            of(SubjectKind::Guest)?.into_iter().filter(|(_, label)| is_guest(label, guest)).collect()
        }
        Scope::Network(network) => {
            let is_in = |text: &str| text.parse().is_ok_and(|address: std::net::IpAddr| network.contains(&address));
            of(SubjectKind::Host)?.into_iter().filter(|(_, subject)| is_in(subject)).collect()
        }
        // Of a hoster these are the customers; elsewhere, the hosts.
        Scope::All => match of(SubjectKind::Guest)? {
            guests if guests.is_empty() => of(SubjectKind::Host)?,
            guests => guests,
        },
        Scope::Interface(_) => Vec::new(),
    };
    let minutes = (to.seconds_since(from) / 60.0).ceil() as u64;
    let too_many = minutes.saturating_mul(all.len() as u64) > MOST_MINUTES;
    Ok(if too_many { (Vec::new(), true) } else { (all, false) })
}
