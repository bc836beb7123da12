//! Sends the alerts that are due.

use super::super::clock::{instant, wall_clock};
use super::super::endpoint::{Client, Endpoint, PostError};
use super::super::retry::{backoff, random};
use super::super::sink::{Delivery, Sink};
use super::alert::{Alert, Links};
use super::alert_state::AlertState;
use crate::base::Severity;
use crate::incident::Event;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

/// Alerts in one request.
const BATCH: usize = 64;

/// One Alertmanager.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// Part of the `output` label; unique.
    pub name: String,
    /// Where to post.
    pub endpoint: Endpoint,
    /// Incidents below this severity are not sent.
    pub severity: Severity,
    /// How often open alerts are sent again, 5 to 3600. An alert expires after five times that without a refresh.
    pub refresh_seconds: u32,
    /// Labels added to each alert, such as a site name.
    pub labels: BTreeMap<String, String>,
}

/// Sends alerts to one Alertmanager.
pub struct Alertmanager {
    client: Client,
    state: AlertState,
    failures: u32,
    /// The earliest time of the next attempt after a failure.
    not_before: Option<Instant>,
}

impl Alertmanager {
    /// Connects on the first delivery.
    pub fn new(config: &AlertmanagerConfig, links: Links) -> Alertmanager {
        let refresh = Duration::from_secs(config.refresh_seconds.into());
        Alertmanager {
            client: Client::new(&config.endpoint, "/api/v2/alerts"),
            state: AlertState::new(config.severity, refresh, config.labels.clone(), links),
            failures: 0,
            not_before: None,
        }
    }

    /// Sends everything that is due.
    fn send_due(&mut self) -> io::Result<()> {
        let mut refused = None;
        let alerts = self.state.due(instant(), wall_clock());
        let mut batches: VecDeque<&[Alert]> = alerts.chunks(BATCH).collect();
        while let Some(batch) = batches.pop_front() {
            match self.post(batch) {
                Ok(()) => self.state.accepted(batch, instant()),
                Err(PostError::Failed(error)) => {
                    self.failures = self.failures.saturating_add(1);
                    self.not_before = Some(instant() + backoff(self.failures, random()));
                    return Err(error);
                }
                Err(PostError::Refused(message)) if batch.len() == 1 => {
                    self.state.refused(batch, instant());
                    refused = Some(message);
                }
                // It accepted the valid alerts of the batch. Send each alone to find the others.
                Err(PostError::Refused(_)) => batch.chunks(1).rev().for_each(|alone| batches.push_front(alone)),
            }
        }
        self.failures = 0;
        self.not_before = None;
        match refused {
            Some(message) => Err(io::Error::new(io::ErrorKind::InvalidData, message)),
            None => Ok(()),
        }
    }

    fn post(&mut self, alerts: &[Alert]) -> Result<(), PostError> {
        let body = serde_json::to_vec(alerts).map_err(|error| PostError::Failed(error.into()))?;
        self.client.post(&body, &[])
    }
}

impl Sink for Alertmanager {
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery> {
        self.deliver_all(std::slice::from_ref(event)).pop().unwrap_or(Ok(Delivery::Later))
    }

    fn deliver_all(&mut self, events: &[Event]) -> Vec<io::Result<Delivery>> {
        let is_sent: Vec<bool> = events.iter().map(|event| self.state.apply(event, instant())).collect();
        // A drill attempts delivery immediately.
        let drills = events.iter().any(|event| event.incident.drill);
        let outcome = match self.not_before {
            _ if !is_sent.contains(&true) => Ok(Delivery::Later),
            Some(at) if instant() < at && !drills => Ok(Delivery::Later),
            _ => self.send_due().map(|()| Delivery::Delivered),
        };
        let skipped = Delivery::Skipped("no alert to send");
        let shared = || match &outcome {
            Ok(delivery) => Ok(*delivery),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        is_sent.into_iter().map(|is_sent| if is_sent { shared() } else { Ok(skipped) }).collect()
    }

    fn is_batching(&self) -> bool {
        true
    }

    fn wants_progress(&self) -> bool {
        true
    }

    fn due(&self) -> Option<Instant> {
        self.state.next().map(|at| self.not_before.map_or(at, |not_before| at.max(not_before)))
    }

    fn wake(&mut self) -> io::Result<()> {
        self.send_due()
    }

    fn finish(&mut self) -> io::Result<()> {
        // Resolves alerts that ended; open ones expire unless Pegel is started again.
        self.send_due()
    }
}
