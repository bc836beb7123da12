//! The one line that answers: are we attacked, who, with what, since when, is it over.

use super::text::{ago, moment, neutral, packets};
use super::theme::Tone;
use crate::base::{Addr, Timestamp, lasting};
use crate::incident::Incident;
use crate::view::{Overview, event, is_subsiding};

/// What is going on, in words.
pub(super) fn headline(overview: &Overview) -> (Tone, String) {
    let open = overview.by_urgency();
    let Some(worst) = open.first() else {
        return (if overview.sensor.sees_everything() { Tone::Good } else { Tone::Strong }, quiet(overview));
    };
    let others = match open.len() {
        1 => String::new(),
        count => format!("  +{} more", count - 1),
    };
    (tone(worst), format!("{}{others}", said(worst, overview.at)))
}

/// The most urgent open incident of a host, drills aside.
pub(super) fn attack_on(overview: &Overview, host: Addr) -> Option<&Incident> {
    overview.by_urgency().into_iter().find(|incident| incident.target.address == Some(host) && !incident.drill)
}

/// How loudly an incident is shown.
pub(super) fn tone(incident: &Incident) -> Tone {
    if incident.drill { Tone::Notice } else { incident.severity.into() }
}

/// An open incident in one line.
fn said(incident: &Incident, now: Option<Timestamp>) -> String {
    let now = now.unwrap_or(incident.updated_at);
    let onset = incident.onset();
    let silent = now.seconds_since(incident.updated_at);
    let is_subsiding = is_subsiding(incident, now);
    let lasted = if is_subsiding { incident.lasted_seconds() } else { now.seconds_since(onset) };
    let since = format!("since {} ({})", moment(onset, Some(now)), lasting(lasted));
    let (event, state) = if is_subsiding {
        ("SUBSIDING".to_owned(), format!("quiet for {}", lasting(silent)))
    } else if incident.peak.packets_per_second > 0 {
        (event(incident).to_uppercase(), format!("peak {}", packets(incident.peak.packets_per_second)))
    } else {
        (event(incident).to_uppercase(), String::new())
    };
    let drill = if incident.drill && event != "DRILL" { "(drill)  " } else { "" };
    let target = neutral(&incident.target.label());
    format!("{event}  {drill}{target}  {}  {since}  {state}", incident.vector).trim_end().to_owned()
}

/// Nothing is open.
fn quiet(overview: &Overview) -> String {
    let Some(now) = overview.at else { return "STARTING  no second of traffic yet".to_owned() };
    if !overview.sensor.sees_everything() {
        return "NOT ALL SEEN  no attack seen, but not all traffic is captured".to_owned();
    }
    let real = overview.recent.iter().filter(|incident| !incident.is_merged() && !incident.drill);
    match real.max_by_key(|incident| incident.closed_at.unwrap_or(incident.updated_at)) {
        None => "QUIET  nothing open, and no recent incident".to_owned(),
        Some(last) => {
            let (target, ended) = (neutral(&last.target.label()), last.updated_at);
            format!("QUIET  nothing open; last incident ended {} ({} {target})", ago(ended, now), last.vector)
        }
    }
}
