//! The Alertmanager sink: what is open now, told to one Alertmanager (API v2) until it is over and a while beyond.
//!
//! It tells states, not changes: after an Alertmanager was away, it is told what holds then, once. [`book`] decides what
//! to tell and when, without a clock or a socket; here it is sent.

mod alert;
pub mod alert_state;

pub use alert::{LABELS, Links};

use super::endpoint::{Client, Endpoint, PostError};
use super::{Delivery, Sink, backoff, chance, instant, wall_clock};
use crate::base::Severity;
use crate::incident::Event;
use alert::Alert;
use alert_state::AlertState;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

/// Alerts in one request.
const BATCH: usize = 64;

/// One Alertmanager.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// In the `output` label; unique.
    pub name: String,
    pub endpoint: Endpoint,
    /// Incidents below are not told.
    pub severity: Severity,
    /// How often what is open is told again, 5 to 3600. Without it an alert ends after five times that by itself.
    pub refresh_seconds: u32,
    /// Labels that each alert carries, as the name of a site.
    pub labels: BTreeMap<String, String>,
}

pub struct Alertmanager {
    client: Client,
    book: AlertState,
    failures: u32,
    /// Not before then, since the last attempt failed.
    not_before: Option<Instant>,
}

impl Alertmanager {
    pub fn new(config: &AlertmanagerConfig, links: Links) -> Alertmanager {
        let refresh = Duration::from_secs(config.refresh_seconds.into());
        Alertmanager {
            client: Client::new(&config.endpoint, "/api/v2/alerts"),
            book: AlertState::new(config.severity, refresh, config.labels.clone(), links),
            failures: 0,
            not_before: None,
        }
    }

    /// Tells everything that is due.
    fn tell(&mut self) -> io::Result<()> {
        let mut refused = None;
        let alerts = self.book.due(instant(), wall_clock());
        let mut batches: VecDeque<&[Alert]> = alerts.chunks(BATCH).collect();
        while let Some(batch) = batches.pop_front() {
            match self.send(batch) {
                Ok(()) => self.book.told(batch, instant()),
                Err(PostError::Failed(error)) => {
                    self.failures = self.failures.saturating_add(1);
                    self.not_before = Some(instant() + backoff(self.failures, chance()));
                    return Err(error);
                }
                Err(PostError::Refused(message)) if batch.len() == 1 => {
                    self.book.refused(batch, instant());
                    refused = Some(message);
                }
                // It took those of the batch that it understands: find out which it does not.
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

    fn send(&mut self, alerts: &[Alert]) -> Result<(), PostError> {
        let body = serde_json::to_vec(alerts).map_err(|error| PostError::Failed(error.into()))?;
        self.client.post(&body, &[])
    }
}

impl Sink for Alertmanager {
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery> {
        self.deliver_all(std::slice::from_ref(event)).pop().unwrap_or(Ok(Delivery::Later))
    }

    fn deliver_all(&mut self, events: &[Event]) -> Vec<io::Result<Delivery>> {
        let is_told: Vec<bool> = events.iter().map(|event| self.book.take(event, instant())).collect();
        // Who drills wants to know now.
        let drills = events.iter().any(|event| event.incident.drill);
        let outcome = match self.not_before {
            _ if !is_told.contains(&true) => Ok(Delivery::Later),
            Some(at) if instant() < at && !drills => Ok(Delivery::Later),
            _ => self.tell().map(|()| Delivery::Delivered),
        };
        let of_all = || match &outcome {
            Ok(taken) => Ok(*taken),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        let skipped = Delivery::Skipped("nothing that it is told of");
        is_told.into_iter().map(|is_told| if is_told { of_all() } else { Ok(skipped) }).collect()
    }

    fn takes_all(&self) -> bool {
        true
    }

    fn wants_progress(&self) -> bool {
        true
    }

    fn due(&self) -> Option<Instant> {
        self.book.next().map(|at| self.not_before.map_or(at, |not_before| at.max(not_before)))
    }

    fn wake(&mut self) -> io::Result<()> {
        self.tell()
    }

    fn finish(&mut self) -> io::Result<()> {
        // What ended is told; what is still open lapses by itself unless Pegel comes back.
        self.tell()
    }
}
