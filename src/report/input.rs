//! What a report is made from.

use super::origins::Origins;
use super::usual::Usual;
use crate::base::{Addr, Timestamp};
use crate::incident::Incident;
use crate::store::{KeptPacket, PeriodCoverage, StoredIncident, SubjectMinute};
use ipnet::IpNet;

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One file with inline style and SVG; no script, no request.
    Html,
    /// GitHub-flavoured Markdown.
    Markdown,
    /// One JSON object.
    Json,
}

/// One incident, and what else is known about it.
#[derive(Clone, Copy, Debug)]
pub struct IncidentInput<'a> {
    /// The incident.
    pub incident: &'a StoredIncident,
    /// Normal traffic of the target; `None` if it is not known, which the report says.
    pub usual: Option<&'a Usual>,
    /// Other incidents of the same target or at the same time, in order of opening.
    pub related: &'a [Incident],
    /// Networks and countries of addresses; [`Origins::none`] where the operator names no files.
    pub origins: &'a Origins,
    /// Packets that were kept as evidence; none where no evidence was kept.
    pub packets: &'a [KeptPacket],
    /// Time of the report.
    pub generated_at: Timestamp,
    /// Name of the host that captured.
    pub sensor: &'a str,
}

/// What a report on a period is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything that is monitored.
    All,
    /// One address of ours.
    Host(Addr),
    /// One virtual machine or container, by its label.
    Guest(String),
    /// The addresses of a network.
    Network(IpNet),
    /// What one interface captures.
    Interface(String),
}

/// A period, and what happened in it.
#[derive(Clone, Debug)]
pub struct PeriodInput<'a> {
    /// Beginning of the period.
    pub from: Timestamp,
    /// End of the period.
    pub to: Timestamp,
    /// What it is about. Incidents and minutes outside the scope are the caller's to leave out.
    pub scope: Scope,
    /// Incidents that overlap the period, in any order. Merged ones may be among them; they are not counted twice.
    pub incidents: &'a [Incident],
    /// How much was captured.
    pub coverage: &'a PeriodCoverage,
    /// Minutes of the hosts and guests in scope, in any order.
    pub minutes: &'a [SubjectMinute],
    /// Time of the report.
    pub generated_at: Timestamp,
    /// Name of the host that captured.
    pub sensor: &'a str,
}

/// Who reports: for XARF and mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporter {
    /// Name of the organisation (`report.organisation`); may be empty in mails only.
    pub organisation: String,
    /// Mail address (`report.contact`); may be empty in mails only.
    pub contact: String,
}
